//! GitOps Promoter's CommitStatus (`promoter.argoproj.io/v1alpha1`), or a list of them: `kubectl get commitstatus -o json`.
//!
//! Whoever gates a promotion asks for a phase of a commit (`spec`), and the controller tells the Git host, and writes down what it told
//! (`status`). A gate has passed where both say so of the same commit, and the status is of the generation that is asked for. The worse
//! of both counts.
//!
//! Nothing was measured here, so that nothing can be counted again: it is the word of the gate, as a check of a Git host is.

use serde::Deserialize;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::kubernetes_objects::{Kind, Metadata, is_of, listed, objects, shown};
use crate::report::{Content, ExternalState, Format, Verification};

pub(super) const SPEC: Spec =
    Spec { format: Format::GitopsPromoter, look, parse: |input| Ok(Content::Verifications(read(input)?)) };

const COMMIT_STATUS: Kind = Kind { group: "promoter.argoproj.io", name: "CommitStatus" };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let shown = listed(look, &[COMMIT_STATUS]);
    certain_if(is_of(look, &[COMMIT_STATUS]) || !shown.is_empty() && shown.iter().all(|is_one| *is_one))
}

fn read(input: &Input<'_>) -> Result<Vec<Verification>, Fail> {
    objects(input, &[COMMIT_STATUS])?.into_iter().map(|object| object.read::<CommitStatus>()?.verification()).collect()
}

#[derive(Deserialize)]
struct CommitStatus {
    metadata: Metadata,
    spec: Asked,
    #[serde(default, deserialize_with = "or_default")]
    status: Told,
}

/// What is to be told of a commit.
#[derive(Deserialize)]
struct Asked {
    sha: String,
    name: String,
    #[serde(default)]
    phase: String,
}

/// What was told.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    sha: String,
    phase: String,
    /// Earlier versions did not write it.
    observed_generation: u64,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

/// What a phase says. One that is unknown is a failure.
fn state_of(phase: &str) -> ExternalState {
    match phase {
        "success" => ExternalState::Passed,
        "" | "pending" => ExternalState::Pending,
        _ => ExternalState::Failed,
    }
}

impl CommitStatus {
    fn verification(self) -> Result<Verification, Fail> {
        let Self { metadata, spec, status } = self;
        if !matches!(spec.sha.len(), 40 | 64) || !spec.sha.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Fail::malformed(pointer!("spec", "sha"), "it is no commit"));
        }
        let asked = state_of(&spec.phase);
        let is_not_ready = status.conditions.iter().any(|it| it.kind == "Ready" && it.status != "True");
        let untold = if status.phase.is_empty() && status.sha.is_empty() {
            Some("it was not told yet".to_owned())
        } else if status.sha != spec.sha {
            Some("what was told is of another commit".to_owned())
        } else if status.observed_generation != 0 && status.observed_generation != metadata.generation {
            Some("what was told is of an earlier generation".to_owned())
        } else if is_not_ready {
            Some("it could not be told".to_owned())
        } else {
            None
        };
        let called = format!("it is to be `{}`", shown(&spec.phase));
        let (state, reason) = match untold {
            // What is told of another commit or was said before is not said of this one.
            Some(why) => (asked.max(ExternalState::Pending), format!("{called}; {why}")),
            None if status.phase == spec.phase => (asked, format!("it was told to be `{}`", shown(&spec.phase))),
            None => (asked.max(state_of(&status.phase)), format!("{called}; it was told to be `{}`", shown(&status.phase))),
        };
        Ok(Verification {
            name: format!("{}: {}", metadata.full_name(), spec.name),
            of: vec![spec.sha],
            state,
            failed_before: false,
            by: Format::GitopsPromoter.title().to_owned(),
            reason,
        })
    }
}
