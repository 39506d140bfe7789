//! Where Applications are read: what the API server of Kubernetes and that of Argo CD have in common.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};

use async_trait::async_trait;
use pathops_core::{OpContext, Result};

use crate::argo_verdict::Application;
use crate::cluster::{Lines, RightsFinding};

/// Namespace and name of an Application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Place {
    pub(super) fn of(application: &Application) -> Self {
        let (namespace, name) = application.place();
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Some of the Applications, compact. Those that cannot be read are left out.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) applications: Vec<Application>,
    /// From where to watch.
    pub(super) version: String,
    /// How to ask for the next page.
    pub(super) next: Option<String>,
}

/// What a line of a watch says.
#[derive(Debug)]
pub(super) enum Event {
    Changed(Box<Application>),
    Deleted(Box<Application>),
    /// Nothing changed up to this version.
    Bookmark(String),
    /// The watch cannot go on, or what it says cannot be read: everything has to be listed anew.
    Gone,
}

/// Where Applications are read.
#[async_trait]
pub(super) trait Source: Debug + Send + Sync {
    /// One, as it is now.
    async fn get(&self, cx: &OpContext, place: &Place) -> Result<Application>;

    /// All of them, in pages; `next` is of the page before.
    async fn page(&self, next: Option<&str>) -> Result<Page>;

    /// What happens from `version` on, a line for each event.
    async fn watch(&self, version: &str) -> Result<Lines>;

    /// What a line says.
    fn event(&self, line: &[u8]) -> Event;

    /// Whether a watch that has ended well can be taken up at the last version that was seen.
    fn resumes(&self) -> bool;

    /// Has Argo CD look at Git now.
    async fn refresh(&self, cx: &OpContext, place: &Place) -> Result<()>;

    /// What the credential has too little or too much of; `refreshing` is whether it is used for that too.
    async fn rights(&self, cx: &OpContext, refreshing: bool) -> Result<BTreeSet<RightsFinding>>;
}
