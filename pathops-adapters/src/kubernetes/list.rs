//! Lists of the API server, page by page, and single objects.

use pathops_core::{ErrorKind, OpContext, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Workload;
use super::pod::Pod;
use crate::cluster::{Ask, Http, PATIENCE, encoded, query};

/// So many a page.
const PAGE: &str = "250";

/// A page may be so long, in bytes.
const LONGEST: usize = 64 << 20;

/// So many pages are read: 10,000 objects.
const PAGES: usize = 40;

/// Where a unit, or a part of it, runs.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) http: &'a Http,
    pub(super) cx: &'a OpContext,
    pub(super) workload: &'a Workload,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    // `null` where there is none, in some versions.
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
struct ListMeta {
    #[serde(rename = "continue")]
    next: Option<String>,
}

impl Place<'_> {
    /// A request about something of the namespace; `operation` names the verb and the resource.
    pub(super) fn ask(&self, operation: &'static str, api: &str, rest: &str) -> Ask {
        self.ask_in(&self.workload.namespace, operation, api, rest)
    }

    /// The same in another namespace of the cluster.
    pub(super) fn ask_in(&self, namespace: &str, operation: &'static str, api: &str, rest: &str) -> Ask {
        let cluster = &self.workload.cluster;
        let on = format!("namespace {namespace} of cluster {cluster}");
        let mut ask = Ask::get(operation, on, format!("{api}/namespaces/{}/{rest}", encoded(namespace)));
        ask.patience = self.cx.timeout().unwrap_or(PATIENCE);
        ask
    }

    /// What `keep` keeps of all objects of its namespace, and whether there are more than were read.
    pub(super) async fn list<T: DeserializeOwned, U>(
        &self,
        operation: &'static str,
        of: (&str, &str),
        selector: Option<&str>,
        keep: impl Fn(T) -> Option<U>,
    ) -> Result<(Vec<U>, bool)> {
        self.list_in(&self.workload.namespace, operation, of, selector, keep).await
    }

    /// The same in another namespace of the cluster.
    pub(super) async fn list_in<T: DeserializeOwned, U>(
        &self,
        namespace: &str,
        operation: &'static str,
        (api, resource): (&str, &str),
        selector: Option<&str>,
        keep: impl Fn(T) -> Option<U>,
    ) -> Result<(Vec<U>, bool)> {
        let (mut kept, mut next) = (Vec::new(), None::<String>);
        for _ in 0..PAGES {
            let selector = selector.map(|labels| ("labelSelector", labels));
            let next_page = next.as_deref().map(|next| ("continue", next));
            let parameters = query([("limit", PAGE)].into_iter().chain(selector).chain(next_page));
            let ask = self.ask_in(namespace, operation, api, &format!("{resource}{parameters}"));
            let bytes = self.http.read_up_to(&ask, LONGEST).await?;
            let page: List<T> =
                serde_json::from_slice(&bytes).map_err(|error| ask.error(ErrorKind::Unexpected).because(error))?;
            kept.extend(page.items.unwrap_or_default().into_iter().filter_map(&keep));
            next = page.metadata.next.filter(|next| !next.is_empty());
            if next.is_none() {
                return Ok((kept, false));
            }
        }
        Ok((kept, true))
    }

    /// An object of its namespace, or `None` where it is not there.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        (api, resource): (&str, &str),
        name: &str,
    ) -> Result<Option<T>> {
        let ask = self.ask(operation, api, &format!("{resource}/{}", encoded(name)));
        match self.http.read(&ask).await {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|error| ask.error(ErrorKind::Unexpected).because(error))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its pods, by name.
    pub(super) async fn pods(&self) -> Result<Vec<Pod>> {
        self.pods_with(&self.workload.pods()).await
    }

    /// The pods of a Job, by name. Kubernetes labels them.
    pub(super) async fn pods_of_job(&self, name: &str) -> Result<Vec<Pod>> {
        self.pods_with(&format!("batch.kubernetes.io/job-name={name}")).await
    }

    async fn pods_with(&self, selector: &str) -> Result<Vec<Pod>> {
        let (mut pods, _) = self.list("list pods", ("/api/v1", "pods"), Some(selector), Some::<Pod>).await?;
        pods.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
        Ok(pods)
    }

    pub(super) fn no_pod(&self) -> String {
        format!("there is no pod {}", self.workload)
    }
}
