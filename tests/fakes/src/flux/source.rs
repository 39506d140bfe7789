//! Plays source-controller: it fetches a branch when it is asked to and at its interval, and keeps what it has where it cannot.

use std::time::Duration;

use pathops_core::{CommitId, UnixMillis};
use serde_json::{Value, json};

use super::write::{mark, open_request, request, unmark};
use crate::kubernetes::{Cluster, Key, second};

/// A source that is being fetched.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// What was found and is not written down yet, and what was asked.
    fetching: Option<(CommitId, Value)>,
    looked: Option<UnixMillis>,
}

impl Source {
    /// Goes on by a step. `head` is where the branch is, or why nobody can tell.
    pub(super) fn step(
        &mut self,
        sources: &Cluster,
        key: &Key,
        head: Result<CommitId, &str>,
        interval: Duration,
        now: UnixMillis,
    ) {
        let Some(object) = sources.get(key) else { return };
        if object["spec"]["suspend"] == true {
            return;
        }
        if let Some((commit, asked)) = self.fetching.take() {
            return self.fetched(sources, key, &commit, &asked, now);
        }
        let due = self.looked.is_none_or(|looked| now >= looked + interval);
        let seen = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        if !due && seen && !open_request(&object) {
            return;
        }
        let asked = request(&object);
        match head {
            Err(why) => {
                self.looked = Some(now);
                sources.edit(key, |object| {
                    mark(object, "FetchFailed", "True", "GitOperationFailed", why, now);
                    mark(object, "Ready", "False", "GitOperationFailed", why, now);
                    object["status"]["lastHandledReconcileAt"] = asked;
                });
            }
            Ok(head) if object["status"]["artifact"]["revision"] == revision(&head) && seen => {
                self.looked = Some(now);
                sources.edit(key, |object| {
                    unmark(object, "FetchFailed");
                    mark(
                        object,
                        "Ready",
                        "True",
                        "Succeeded",
                        &format!("stored artifact for revision '{}'", revision(&head)),
                        now,
                    );
                    object["status"]["lastHandledReconcileAt"] = asked;
                });
            }
            Ok(head) => {
                sources.edit(key, |object| {
                    let message = format!("new upstream revision '{}'", revision(&head));
                    mark(object, "Reconciling", "True", "Progressing", &message, now);
                    mark(object, "Ready", "Unknown", "Progressing", "building artifact", now);
                });
                self.fetching = Some((head, asked));
            }
        }
    }

    fn fetched(&mut self, sources: &Cluster, key: &Key, commit: &CommitId, asked: &Value, now: UnixMillis) {
        self.looked = Some(now);
        sources.edit(key, |object| {
            unmark(object, "FetchFailed");
            unmark(object, "Reconciling");
            let stored = format!("stored artifact for revision '{}'", revision(commit));
            mark(object, "Ready", "True", "Succeeded", &stored, now);
            mark(object, "ArtifactInStorage", "True", "Succeeded", &stored, now);
            let status = &mut object["status"];
            status["lastHandledReconcileAt"] = asked.clone();
            status["artifact"] = json!({"revision": revision(commit), "digest": "sha256:0", "lastUpdateTime": second(now)});
            object["status"]["observedGeneration"] = object["metadata"]["generation"].clone();
        });
    }
}

/// A commit of a branch, as Flux writes it.
#[must_use]
pub fn revision(commit: &CommitId) -> String {
    let hash = if commit.as_str().len() == 40 { "sha1" } else { "sha256" };
    format!("main@{hash}:{commit}")
}
