//! A recorded state: what is expected, what Git says, and the `Application` as it was read.

use std::collections::BTreeMap;

use pathops_adapters::argo_verdict::{Expected, ExpectedHook, ExpectedSource, History};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::Clock as _;
use pathops_core::{CommitId, Digest, TreeId, UnixMillis};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// One state. Fields that are not named here (`about`, `truth`) are for people.
#[derive(Debug, Deserialize)]
pub(crate) struct State {
    expected: Wanted,
    /// What Git says.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) git: Git,
    /// When we asked for a refresh, in RFC 3339.
    refresh_requested_at: String,
    /// When the application was read: just now, where the state does not say.
    now: Option<String>,
    /// It, as Kubernetes gives it.
    pub(crate) application: Value,
}

/// What should be live.
#[derive(Debug, Deserialize)]
struct Wanted {
    sources: Vec<WantedSource>,
    /// References: `repository@sha256:…`, `sha256:…` in full, or `repository:tag`.
    #[serde(default, deserialize_with = "or_default")]
    images: Vec<String>,
    /// Types of hooks (`PostSync`), or names; that of a generated one up to its last `-`.
    #[serde(default, deserialize_with = "or_default")]
    hooks: Vec<String>,
    /// Applications that have a verdict of their own, in a state of theirs: `namespace/name`. Where the state does not say, those
    /// that are told to be healthy.
    judged_apart: Option<Vec<String>>,
}

/// A folder at a commit, a chart at a version, or a folder of an OCI artifact at a version.
#[derive(Debug, Deserialize)]
struct WantedSource {
    #[serde(rename = "repoURL")]
    repo_url: String,
    path: Option<String>,
    chart: Option<String>,
    commit: Option<String>,
    /// What the folder holds at the commit, by a name as in [`Git`].
    tree: Option<String>,
    version: Option<String>,
}

/// What Git says of trees and descent. A tree without a name is not known.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Git {
    /// `commit:path` to the name of the tree.
    #[serde(deserialize_with = "or_default")]
    trees: BTreeMap<String, Option<String>>,
    /// Of a commit, all that descend from it.
    #[serde(deserialize_with = "or_default")]
    descendants: BTreeMap<String, Option<Vec<String>>>,
}

impl History for Git {
    fn descends(&self, _: &str, commit: &CommitId, ancestor: &CommitId) -> Option<bool> {
        Some(self.descendants.get(ancestor.as_str())?.iter().flatten().any(|it| it == commit.as_str()))
    }

    fn same_tree(&self, _: &str, path: &str, one: &CommitId, other: &CommitId) -> Option<bool> {
        Some(self.tree(one, path)? == self.tree(other, path)?)
    }

    fn has_tree(&self, _: &str, path: &str, commit: &CommitId, tree: &TreeId) -> Option<bool> {
        Some(tree_id(self.tree(commit, path)?)? == *tree)
    }
}

impl Git {
    fn tree(&self, commit: &CommitId, path: &str) -> Option<&str> {
        let written = [path.to_owned(), format!("{path}/"), format!("./{path}"), format!("./{path}/"), format!("/{path}")];
        let root = path.is_empty().then(|| ".".to_owned());
        let named = |path: String| self.trees.get(&format!("{commit}:{path}"))?.as_deref().filter(|name| !name.is_empty());
        written.into_iter().chain(root).find_map(named)
    }
}

/// Go writes `null` for what is empty.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Trees have any names in a state. Where one is not as in Git, its digest stands for it.
fn tree_id(name: &str) -> Option<TreeId> {
    TreeId::parse(name).or_else(|_| TreeId::parse(Digest::of(name.as_bytes()).hex())).ok()
}

/// The types of hooks that Argo CD knows.
const TYPES: [&str; 6] = ["PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete"];

impl State {
    pub(crate) fn read(state: &Value) -> Result<Self, String> {
        // A list would be taken for the fields in their order.
        for (place, what) in [("", "it"), ("/expected", "`expected`"), ("/git", "`git`")] {
            if state.pointer(place).is_some_and(Value::is_array) {
                return Err(format!("this is no state: {what} is a list"));
            }
        }
        let sources = state.pointer("/expected/sources").and_then(Value::as_array).into_iter().flatten();
        if sources.clone().any(Value::is_array) {
            return Err("this is no state: a source that it expects is a list".to_owned());
        }
        Self::deserialize(state).map_err(|error| format!("this is no state: {error}"))
    }

    pub(crate) fn now(&self) -> Result<UnixMillis, String> {
        self.now.as_deref().map_or_else(|| Ok(SystemClock.now()), instant)
    }

    pub(crate) fn expected(&self) -> Result<Expected, String> {
        let mut sources = self.expected.sources.iter().map(WantedSource::read);
        let first = sources.next().ok_or("it expects no source")??;
        let mut expected = Expected::new(first, instant(&self.refresh_requested_at)?);
        for source in sources {
            expected = expected.and(source?);
        }
        for image in &self.expected.images {
            expected = expected.image(image.parse().map_err(|error| format!("{error}"))?);
        }
        for hook in &self.expected.hooks {
            let known = TYPES.contains(&hook.as_str());
            expected = expected.hook(if known { ExpectedHook::Type(hook.clone()) } else { ExpectedHook::Named(hook.clone()) });
        }
        match &self.expected.judged_apart {
            Some(named) => named.iter().try_fold(expected, |expected, application| {
                let (namespace, name) = application.split_once('/').ok_or("an Application judged apart is `namespace/name`")?;
                Ok(expected.judged_apart(namespace, name))
            }),
            None => Ok(self.told_healthy().fold(expected, |expected, (namespace, name)| expected.judged_apart(namespace, name))),
        }
    }

    /// The Applications that this one manages and whose own health it tells as good, and itself, where it is one of them: that has its
    /// verdict here.
    fn told_healthy(&self) -> impl Iterator<Item = (&str, &str)> {
        let resources = self.application.pointer("/status/resources").and_then(Value::as_array).into_iter().flatten();
        let itself = ["/metadata/namespace", "/metadata/name"].map(|pointer| text(&self.application, pointer));
        resources.filter_map(move |resource| {
            let [namespace, name] = ["/namespace", "/name"].map(|pointer| text(resource, pointer));
            let counts = [namespace, name] == itself || text(resource, "/health/status") == "Healthy";
            (counts && !name.is_empty()).then_some((namespace, name))
        })
    }
}

impl WantedSource {
    fn read(&self) -> Result<ExpectedSource, String> {
        let repo = self.repo_url.as_str();
        match (&self.commit, &self.version, &self.chart) {
            (Some(commit), None, None) => {
                let commit = CommitId::parse(commit.as_str()).map_err(|error| error.to_string())?;
                let source = ExpectedSource::git(repo, self.path.as_deref().unwrap_or_default(), commit);
                Ok(match self.tree.as_deref().filter(|name| !name.is_empty()).and_then(tree_id) {
                    Some(tree) => source.with_tree(tree),
                    None => source,
                })
            }
            (None, Some(version), Some(chart)) => Ok(ExpectedSource::chart(repo, chart, version)),
            (None, Some(version), None) => Ok(ExpectedSource::oci(repo, self.path.as_deref().unwrap_or_default(), version)),
            _ => Err(format!("the expected source of {repo} needs either a commit, or a version")),
        }
    }
}

/// A text, or an empty one where there is none, as Go reads it.
fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn instant(text: &str) -> Result<UnixMillis, String> {
    text.parse().map_err(|error: pathops_core::TimeError| error.to_string())
}
