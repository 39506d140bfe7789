//! Applications by the API server of Kubernetes.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use pathops_core::adapter::Clock;
use pathops_core::{ErrorKind, OpContext, Result};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::rights::of_applications;
use super::source::{Event, Page, Place, Source};
use crate::argo_verdict::Application;
use crate::cluster::{self, Access, Ask, Http, Lines, PATIENCE, RightsFinding, encoded, query};

/// So many a page.
const PAGE: &str = "100";

/// The server ends a watch after so long, in seconds: then it is taken up again.
const WATCH_SECONDS: &str = "240";

#[derive(Debug)]
pub(super) struct Kubernetes {
    http: Http,
    /// The only namespace, or all.
    namespace: Option<String>,
    selector: Option<String>,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default)]
    items: Vec<Item>,
}

/// An Application, or something that is none. One at a time is read whole, and little of it is kept.
struct Item(Option<Application>);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut application = Application::from_value(&Value::deserialize(deserializer)?).ok();
        application.iter_mut().for_each(Application::compact);
        Ok(Self(application))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    object: Value,
}

impl Kubernetes {
    pub(super) fn new(access: Access, clock: Arc<dyn Clock>, namespace: Option<String>, selector: Option<String>) -> Self {
        Self { http: Http::new(access, clock), namespace, selector }
    }

    fn all(&self, more: &[(&str, &str)]) -> String {
        let within = self.namespace.as_deref().map(|it| format!("/namespaces/{}", encoded(it))).unwrap_or_default();
        let selector = self.selector.as_deref().map(|selector| ("labelSelector", selector));
        format!("/apis/argoproj.io/v1alpha1{within}/applications{}", query(more.iter().copied().chain(selector)))
    }
}

fn one(place: &Place) -> String {
    let (namespace, name) = (encoded(&place.namespace), encoded(&place.name));
    format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications/{name}")
}

/// The page of a list in JSON.
pub(super) fn page(ask: &Ask, bytes: &[u8]) -> Result<Page> {
    let list: List = serde_json::from_slice(bytes).map_err(|error| ask.error(ErrorKind::Unexpected).because(error))?;
    let applications = list.items.into_iter().filter_map(|Item(application)| application).collect();
    let next = list.metadata.next.filter(|next| !next.is_empty());
    Ok(Page { applications, version: list.metadata.resource_version, next })
}

pub(super) fn application(ask: &Ask, bytes: &[u8]) -> Result<Application> {
    Application::from_json(bytes).map_err(|error| ask.error(ErrorKind::Unexpected).because(error))
}

/// An event about an Application, by the word for it.
pub(super) fn about(kind: &str, object: &Value) -> Event {
    match (kind, Application::from_value(object)) {
        ("ADDED" | "MODIFIED", Ok(application)) => Event::Changed(Box::new(application)),
        ("DELETED", Ok(application)) => Event::Deleted(Box::new(application)),
        _ => Event::Gone,
    }
}

#[async_trait]
impl Source for Kubernetes {
    async fn get(&self, cx: &OpContext, place: &Place) -> Result<Application> {
        let mut ask = Ask::get("read an Application", place, one(place));
        ask.patience = cx.timeout().unwrap_or(PATIENCE);
        application(&ask, &self.http.read(&ask).await?)
    }

    async fn page(&self, next: Option<&str>) -> Result<Page> {
        let next = next.map(|next| ("continue", next));
        let parameters: Vec<_> = [("limit", PAGE)].into_iter().chain(next).collect();
        let ask = Ask::get("list Applications", "the cluster", self.all(&parameters));
        page(&ask, &self.http.read(&ask).await?)
    }

    async fn watch(&self, version: &str) -> Result<Lines> {
        let parameters =
            [("watch", "1"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", WATCH_SECONDS), ("resourceVersion", version)];
        self.http.lines(&Ask::get("watch Applications", "the cluster", self.all(&parameters))).await
    }

    fn event(&self, line: &[u8]) -> Event {
        let Ok(line) = serde_json::from_slice::<Line>(line) else { return Event::Gone };
        match line.kind.as_str() {
            "BOOKMARK" => match line.object.pointer("/metadata/resourceVersion").and_then(Value::as_str) {
                Some(version) => Event::Bookmark(version.to_owned()),
                None => Event::Gone,
            },
            // `ERROR`, above all 410, is about no Application.
            kind => about(kind, &line.object),
        }
    }

    fn resumes(&self) -> bool {
        true
    }

    async fn refresh(&self, cx: &OpContext, place: &Place) -> Result<()> {
        let patch = br#"{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"normal"}}}"#;
        let ask = Ask {
            operation: "ask for a refresh by annotation",
            on: place.to_string(),
            method: Method::PATCH,
            path: one(place),
            body: Some(("application/merge-patch+json", patch.to_vec())),
            patience: cx.timeout().unwrap_or(PATIENCE),
        };
        self.http.read(&ask).await.map(drop)
    }

    async fn rights(&self, cx: &OpContext, refreshing: bool) -> Result<BTreeSet<RightsFinding>> {
        let namespace = self.namespace.as_deref();
        let needed = of_applications(refreshing);
        cluster::findings(&self.http, cx, namespace, namespace.unwrap_or("default"), &needed).await
    }
}
