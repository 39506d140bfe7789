//! One Argo CD.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use pathops_core::adapter::Clock;
use pathops_core::{Error, OpContext, Result};

use super::kubernetes::Kubernetes;
use super::server::Server;
use super::source::{Place, Source};
use super::watch::Watch;
use crate::argo_verdict::Application;
use crate::cluster::{Access, RightsFinding};

/// One Argo CD: where its Applications are read, and how it is asked to look at Git.
#[derive(Clone, Debug)]
pub struct Instance {
    read: Read,
    refresh: Refresh,
    namespace: Option<String>,
    selector: Option<String>,
}

#[derive(Clone, Debug)]
enum Read {
    Cluster(Access),
    Server(Access),
}

#[derive(Clone, Debug)]
enum Refresh {
    Never,
    Through(Access),
    /// By the server that is read.
    Itself,
}

impl Instance {
    /// Its Applications are read by the API server of Kubernetes. It is not asked to look at Git, unless the host says how.
    #[must_use]
    pub fn cluster(access: Access) -> Self {
        Self { read: Read::Cluster(access), refresh: Refresh::Never, namespace: None, selector: None }
    }

    /// Its Applications are read, and refreshed, by Argo CD's own API server, which lists them all in one answer: some thousands
    /// at the most. For more read them by Kubernetes, or name a [`selector`](Instance::selector).
    #[must_use]
    pub fn server(access: Access) -> Self {
        Self { read: Read::Server(access), refresh: Refresh::Itself, namespace: None, selector: None }
    }

    /// Only Applications of this namespace are listed and watched, which takes a role in that namespace alone. It counts for
    /// [`Instance::cluster`]; Argo CD's own server gives what the token may see.
    #[must_use]
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), ..self }
    }

    /// Only Applications with these labels are listed and watched: a selector of Kubernetes, such as `team=shop`.
    #[must_use]
    pub fn selector(self, labels: impl Into<String>) -> Self {
        Self { selector: Some(labels.into()), ..self }
    }

    /// It is asked to look at Git through Argo CD's own API server, which takes no more than the right to get Applications.
    #[must_use]
    pub fn refreshing_through(self, access: Access) -> Self {
        Self { refresh: Refresh::Through(access), ..self }
    }

    /// It is asked to look at Git by an annotation. The right to patch Applications that this takes allows to change what is
    /// deployed as well: choose it only where Argo CD's API cannot be reached. It counts for [`Instance::cluster`].
    #[must_use]
    pub fn refreshing_by_annotation(self) -> Self {
        Self { refresh: Refresh::Itself, ..self }
    }

    pub(super) fn connect(self, clock: &Arc<dyn Clock>, managed: HashSet<Place>) -> Connected {
        let server = |access| Arc::new(Server::new(access, clock.clone(), self.selector.clone()));
        let (source, read): (Arc<dyn Source>, _) = match self.read {
            Read::Cluster(access) => {
                (Arc::new(Kubernetes::new(access, clock.clone(), self.namespace.clone(), self.selector.clone())), None)
            }
            Read::Server(access) => {
                let server = server(access);
                (server.clone(), Some(server))
            }
        };
        let (refresh, argo): (Option<Arc<dyn Source>>, _) = match self.refresh {
            Refresh::Never => (None, read),
            Refresh::Itself => (Some(source.clone()), read),
            Refresh::Through(access) => {
                let server = server(access);
                (Some(server.clone()), read.or(Some(server)))
            }
        };
        Connected { watch: Watch::new(source.clone(), clock.clone(), managed), source, refresh, argo }
    }
}

/// An instance that can be asked.
#[derive(Debug)]
pub(super) struct Connected {
    source: Arc<dyn Source>,
    refresh: Option<Arc<dyn Source>>,
    /// Argo CD's own API, where it can be asked.
    argo: Option<Arc<Server>>,
    watch: Watch,
}

impl Connected {
    pub(super) fn can_refresh(&self) -> bool {
        self.refresh.is_some()
    }

    pub(super) async fn keep_watching(&self) {
        self.watch.keep().await;
    }

    /// An Application as the watch told of it, where that can be believed.
    pub(super) fn last(&self, place: &Place) -> Option<Arc<Application>> {
        self.watch.last(place)
    }

    pub(super) async fn get(&self, cx: &OpContext, place: &Place) -> Result<Arc<Application>> {
        let mut application = self.source.get(cx, place).await?;
        application.drop_added_health();
        Ok(Arc::new(application))
    }

    /// Argo CD's own API, where it can be asked.
    pub(super) fn argo(&self) -> Option<&Server> {
        self.argo.as_deref()
    }

    pub(super) async fn check_rights(&self, cx: &OpContext) -> Result<BTreeSet<RightsFinding>> {
        let itself = self.refresh.as_ref().is_some_and(|refresh| Arc::ptr_eq(refresh, &self.source));
        let mut findings = self.source.rights(cx, itself).await?;
        if let Some(refresh) = self.refresh.as_ref().filter(|_| !itself) {
            findings.extend(refresh.rights(cx, true).await?);
        }
        Ok(findings)
    }

    pub(super) async fn refresh(&self, cx: &OpContext, place: &Place) -> Result<()> {
        match &self.refresh {
            Some(source) => source.refresh(cx, place).await,
            None => Err(Error::unsupported("refresh a deployment").on(place)),
        }
    }
}
