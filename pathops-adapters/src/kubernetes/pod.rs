//! What is read of a pod.

use std::fmt::Write as _;

use pathops_core::UnixMillis;
use pathops_core::adapter::RuntimeEvent;
use serde::Deserialize;

use super::events::event;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) metadata: Meta,
    pub(super) status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    pub(super) name: String,
    #[cfg(feature = "argocd")]
    deletion_timestamp: Option<serde::de::IgnoredAny>,
    owner_references: Vec<Owner>,
    labels: Labels,
}

#[derive(Debug, Deserialize)]
struct Owner {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "pod-template-hash")]
    template: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    phase: String,
    reason: String,
    message: String,
    container_statuses: Vec<Container>,
    init_container_statuses: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Container {
    pub(super) name: String,
    #[cfg(feature = "argocd")]
    image: String,
    #[serde(rename = "imageID")]
    image_id: String,
    ready: bool,
    restart_count: u64,
    pub(super) state: State,
    pub(super) last_state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct State {
    pub(super) waiting: Option<Waiting>,
    running: Option<Running>,
    pub(super) terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    pub(super) reason: String,
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Running {
    started_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Terminated {
    exit_code: i64,
    signal: i64,
    reason: String,
    message: String,
    finished_at: Option<String>,
}

impl Pod {
    /// What it belongs to, by kind and name. A Deployment is known by its ReplicaSet, whose name is its own and the hash of the
    /// template.
    pub(super) fn owners(&self) -> Vec<(String, String)> {
        let mut owners = Vec::new();
        for Owner { kind, name } in &self.metadata.owner_references {
            owners.push((kind.clone(), name.clone()));
            let hash = self.metadata.labels.template.as_deref().filter(|_| kind == "ReplicaSet");
            let deployment = hash.and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-'));
            owners.extend(deployment.map(|name| ("Deployment".to_owned(), name.to_owned())));
        }
        owners
    }

    /// Its containers, those that only begin it first, where they did not end well.
    pub(super) fn containers(&self) -> impl Iterator<Item = &Container> {
        let begin = self.status.init_container_statuses.iter().filter(|it| !it.has_ended_well());
        begin.chain(&self.status.container_statuses)
    }

    /// What its containers run now, where it is to stay.
    #[cfg(feature = "argocd")]
    pub(super) fn images(&self) -> impl Iterator<Item = &str> {
        let stays = self.metadata.deletion_timestamp.is_none();
        self.containers().filter(move |it| stays && it.state.running.is_some()).map(Container::reference)
    }

    /// How it is now, and how its containers ended last where that was after `since`.
    pub(super) fn events(&self, since: UnixMillis, now: UnixMillis) -> Vec<RuntimeEvent> {
        let (name, status) = (&self.metadata.name, &self.status);
        let mut events = Vec::new();
        if !status.reason.is_empty() || self.containers().next().is_none() {
            let reason = if status.reason.is_empty() { &status.phase } else { &status.reason };
            events.push(event(now, reason, format!("Pod/{name} is {}: {}", status.phase, status.message)));
        }
        for container in self.containers() {
            let on = format!("Pod/{name} container {}", container.name);
            if let Some((ended, at)) = container.last_state.terminated.as_ref().and_then(|it| Some((it, it.at()?)))
                && at >= since
            {
                events.push(event(at, ended.word(), format!("{on} ended with {}", ended.told())));
            }
            let (reason, told) = container.now();
            events.push(event(now, reason, format!("{on} {told}")));
        }
        events
    }
}

impl Container {
    pub(super) fn has_ended_well(&self) -> bool {
        self.state.terminated.as_ref().is_some_and(|it| it.exit_code == 0)
    }

    /// Whether an earlier one ran.
    pub(super) fn has_restarted(&self) -> bool {
        self.last_state.terminated.is_some()
    }

    /// Whether something is wrong with it, or was.
    pub(super) fn is_in_trouble(&self) -> bool {
        self.has_restarted() || self.state.running.is_none()
    }

    /// The image that it runs: with its digest, where the node names a repository with that.
    #[cfg(feature = "argocd")]
    fn reference(&self) -> &str {
        if self.image_id.contains('@') { &self.image_id } else { &self.image }
    }

    /// How it is, in one word and in more.
    fn now(&self) -> (&str, String) {
        let (word, mut told) = match &self.state {
            State { waiting: Some(it), .. } => (it.reason.as_str(), format!("waits: {}: {}", it.reason, it.message)),
            State { terminated: Some(it), .. } => (it.word(), format!("ended with {}", it.told())),
            State { running: Some(it), .. } => {
                let ready = if self.ready { "ready" } else { "not ready" };
                ("Running", format!("runs since {}, {ready}", it.started_at.as_deref().unwrap_or("?")))
            }
            _ => ("Waiting", "waits".to_owned()),
        };
        let _infallible = write!(told, "; image {}; {} restarts", shown(&self.image_id), self.restart_count);
        if let Some(ended) = &self.last_state.terminated {
            let _infallible =
                write!(told, "; before, it ended at {} with {}", ended.finished_at.as_deref().unwrap_or("?"), ended.told());
        }
        (word, told)
    }
}

impl Terminated {
    fn at(&self) -> Option<UnixMillis> {
        self.finished_at.as_ref()?.parse().ok()
    }

    fn word(&self) -> &str {
        if self.reason.is_empty() { "Terminated" } else { &self.reason }
    }

    fn told(&self) -> String {
        let mut told = format!("exit code {}", self.exit_code);
        if self.signal != 0 {
            let _infallible = write!(told, ", signal {}", self.signal);
        }
        for more in [&self.reason, &self.message].into_iter().filter(|more| !more.is_empty()) {
            let _infallible = write!(told, ", {}", more.trim());
        }
        told
    }
}

/// The image as the node knows it, which names its digest; none before it was pulled.
fn shown(image: &str) -> &str {
    let image = image.strip_prefix("docker-pullable://").unwrap_or(image);
    if image.is_empty() { "not pulled" } else { image }
}
