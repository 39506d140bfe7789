//! One cluster with Flux in it, or with what Flux applies.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use pathops_core::adapter::Clock;
use pathops_core::{ErrorKind, OpContext, Result};
use serde_json::json;

use super::rights::{self, Needs};
use super::verdict::{Reference, Unreadable};
use crate::cluster::{Access, Ask, Http, PATIENCE, RightsFinding, encoded};

/// A cluster with Flux in it, or with what Flux applies: how it is read, and whether Flux is asked there to look at Git.
#[derive(Clone, Debug)]
pub struct Cluster {
    access: Access,
    refreshing: bool,
    namespace: Option<String>,
}

impl Cluster {
    /// It is read by the API server of Kubernetes. Flux is not asked to look at Git, unless the host says so.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self { access, refreshing: false, namespace: None }
    }

    /// Everything that is read lies in this namespace, so that a role there is enough: [`Flux::check_rights`] asks about this namespace
    /// alone.
    ///
    /// [`Flux::check_rights`]: super::Flux::check_rights
    #[must_use]
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), ..self }
    }

    /// Flux is asked to look at Git by the annotation `reconcile.fluxcd.io/requestedAt`, on the source and on the Kustomization. There is
    /// no other way. The right to patch them that this takes allows to change what is deployed as well, so without it Flux looks at its
    /// intervals, or when a webhook has its receiver do so.
    #[must_use]
    pub fn refreshing_by_annotation(self) -> Self {
        Self { refreshing: true, ..self }
    }

    pub(super) fn connect(self, clock: &Arc<dyn Clock>, needs: Needs) -> Connected {
        let Self { access, refreshing, namespace } = self;
        Connected { http: Http::new(access, clock.clone()), needs: Needs { refreshing, ..needs }, namespace }
    }
}

/// A cluster that can be asked.
#[derive(Debug)]
pub(super) struct Connected {
    http: Http,
    needs: Needs,
    namespace: Option<String>,
}

/// Where an object is in the API.
fn path(reference: &Reference) -> String {
    let Reference { namespace, name, group, kind } = reference;
    let version = if kind == "HelmRelease" { "v2" } else { "v1" };
    let kinds = match kind.as_str() {
        "GitRepository" => "gitrepositories".to_owned(),
        "OCIRepository" => "ocirepositories".to_owned(),
        other => format!("{}s", other.to_lowercase()),
    };
    format!("/apis/{group}/{version}/namespaces/{}/{kinds}/{}", encoded(namespace), encoded(name))
}

fn on(reference: &Reference) -> String {
    format!("{} {}/{}", reference.kind, reference.namespace, reference.name)
}

impl Connected {
    pub(super) fn can_refresh(&self) -> bool {
        self.needs.refreshing
    }

    /// An object, as it is now.
    pub(super) async fn get<T>(&self, cx: &OpContext, reference: &Reference, read: Read<T>) -> Result<T> {
        let mut ask = Ask::get("read an object of Kubernetes", on(reference), path(reference));
        ask.patience = cx.timeout().unwrap_or(PATIENCE);
        read(&self.http.read(&ask).await?).map_err(|error| ask.error(ErrorKind::Unexpected).because(error))
    }

    /// The same, or `None` where it is not there.
    pub(super) async fn find<T>(&self, cx: &OpContext, reference: &Reference, read: Read<T>) -> Result<Option<T>> {
        match self.get(cx, reference, read).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Asks Flux to reconcile an object. `request` is another text each time.
    pub(super) async fn ask(&self, cx: &OpContext, reference: &Reference, request: &str) -> Result<()> {
        let patch = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": request}}});
        let ask = Ask {
            operation: "ask for a reconciliation by annotation",
            on: on(reference),
            method: Method::PATCH,
            path: path(reference),
            body: Some(("application/merge-patch+json", patch.to_string().into_bytes())),
            patience: cx.timeout().unwrap_or(PATIENCE),
        };
        self.http.read(&ask).await.map(drop)
    }

    pub(super) async fn check_rights(&self, cx: &OpContext) -> Result<BTreeSet<RightsFinding>> {
        rights::of_cluster(&self.http, cx, self.namespace.as_deref(), self.needs).await
    }
}

/// Reads an object.
pub(super) type Read<T> = fn(&[u8]) -> Result<T, Unreadable>;
