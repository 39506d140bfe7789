//! Applications by Argo CD's own API server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::Clock;
use pathops_core::{ErrorKind, OpContext, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::kubernetes::{about, application, page};
use super::rights;
use super::source::{Event, Page, Place, Source};
use super::watch::SILENCE;
use super::window::Windows;
use crate::argo_verdict::{Application, Tree};
use crate::cluster::{Access, Ask, Http, Lines, PATIENCE, RightsFinding, encoded, query};

/// A refresh is asked for at once, and answered once it has happened. So long is waited for that.
const REFRESH: Duration = Duration::from_secs(10);

/// What only explains a verdict is waited for so long.
const REMARK: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct Server {
    http: Http,
    selector: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    result: Option<LineResult>,
}

#[derive(Deserialize)]
struct LineResult {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    application: Value,
}

impl Server {
    pub(super) fn new(access: Access, clock: Arc<dyn Clock>, selector: Option<String>) -> Self {
        Self { http: Http::new(access, clock), selector }
    }

    /// What is not healthy in an Application.
    pub(super) async fn tree(&self, cx: &OpContext, place: &Place) -> Result<Tree> {
        self.remark(cx, "read the resources of an Application from Argo CD", place, "/resource-tree", 32 << 20).await
    }

    /// When Argo CD may sync an Application.
    pub(super) async fn windows(&self, cx: &OpContext, place: &Place) -> Result<Windows> {
        self.remark(cx, "read the sync windows of an Application from Argo CD", place, "/syncwindows", 1 << 20).await
    }

    /// What explains a verdict and makes none. It is not waited for long, and is so many bytes at most.
    async fn remark<T: DeserializeOwned>(
        &self,
        cx: &OpContext,
        operation: &'static str,
        place: &Place,
        what: &str,
        longest: usize,
    ) -> Result<T> {
        let mut ask = Ask::get(operation, place, of(place, what, None));
        ask.patience = cx.timeout().map_or(REMARK, |timeout| timeout.min(REMARK));
        let bytes = self.http.read_up_to(&ask, longest).await?;
        serde_json::from_slice(&bytes).map_err(|error| ask.error(ErrorKind::Unexpected).because(error))
    }

    fn selected(&self) -> Option<(&str, &str)> {
        self.selector.as_deref().map(|selector| ("selector", selector))
    }
}

fn one(place: &Place, refresh: Option<&str>) -> String {
    of(place, "", refresh.map(|it| ("refresh", it)))
}

/// The path of something that an Application has.
fn of(place: &Place, what: &str, parameter: Option<(&str, &str)>) -> String {
    let parameters = [("appNamespace", place.namespace.as_str())].into_iter().chain(parameter);
    format!("/api/v1/applications/{}{what}{}", encoded(&place.name), query(parameters))
}

#[async_trait]
impl Source for Server {
    async fn get(&self, cx: &OpContext, place: &Place) -> Result<Application> {
        let mut ask = Ask::get("read an Application from Argo CD", place, one(place, None));
        ask.patience = cx.timeout().unwrap_or(PATIENCE);
        application(&ask, &self.http.read(&ask).await?)
    }

    async fn page(&self, _: Option<&str>) -> Result<Page> {
        let path = format!("/api/v1/applications{}", query(self.selected()));
        let ask = Ask::get("list Applications", "Argo CD", path);
        page(&ask, &self.http.read(&ask).await?)
    }

    async fn watch(&self, version: &str) -> Result<Lines> {
        let parameters = [("resourceVersion", version)].into_iter().chain(self.selected());
        let path = format!("/api/v1/stream/applications{}", query(parameters));
        let mut ask = Ask::get("watch Applications", "Argo CD", path);
        // Its answer may begin with the first event.
        ask.patience = SILENCE;
        self.http.lines(&ask).await
    }

    fn event(&self, line: &[u8]) -> Event {
        match serde_json::from_slice::<Line>(line) {
            Ok(Line { result: Some(result) }) => about(&result.kind, &result.application),
            Ok(Line { result: None }) => Event::Gone,
            Err(_) => Event::Gone,
        }
    }

    fn resumes(&self) -> bool {
        false
    }

    async fn refresh(&self, cx: &OpContext, place: &Place) -> Result<()> {
        let mut ask = Ask::get("ask Argo CD for a refresh", place, one(place, Some("normal")));
        ask.patience = cx.timeout().map_or(REFRESH, |timeout| timeout.min(REFRESH));
        match self.http.read(&ask).await {
            // It is asked for, and hangs while the repository cannot be reached.
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn rights(&self, cx: &OpContext, _: bool) -> Result<BTreeSet<RightsFinding>> {
        rights::of_account(&self.http, cx).await
    }
}
