//! What GitHub says about a commit: check runs, check suites and workflow runs, as its REST API lists them and as its webhooks
//! send them, and the combined commit status (<https://docs.github.com/rest>).
//!
//! A list that holds fewer than it counts is one page of several, and an error. So is a combined status that is not what the statuses
//! in it come to. Of what somebody has asked to run again (`rerequested`) the webhook still tells how it ended before: only a failure
//! counts, and all else is pending.

use serde::Deserialize;

use crate::report::error::{Fail, Place, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, ExternalCheck, ExternalState, Fault, Format};

pub(super) const SPEC: Spec =
    Spec { format: Format::GithubChecks, look, parse: |input| Ok(Content::ExternalChecks(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let listed = ["check_runs", "check_suites", "workflow_runs"].iter().any(|key| look.has(&["total_count", key]));
    let sent = ["check_run", "check_suite", "workflow_run"].iter().any(|key| look.has(&["action", key]));
    let combined = look.has(&["state", "statuses", "sha"]);
    certain_if(listed || combined || sent && !look.has(&["deployment_status"]))
}

#[derive(Deserialize)]
struct Document {
    action: Option<String>,
    total_count: Option<u64>,
    /// What all statuses come to.
    state: Option<String>,
    check_runs: Option<Vec<Run>>,
    check_suites: Option<Vec<Run>>,
    workflow_runs: Option<Vec<Run>>,
    check_run: Option<Run>,
    check_suite: Option<Run>,
    workflow_run: Option<Run>,
    sha: Option<String>,
    statuses: Option<Vec<Status>>,
}

/// A check run, a check suite or a workflow run: what all of them have.
#[derive(Deserialize)]
struct Run {
    name: Option<String>,
    head_sha: String,
    status: Option<String>,
    conclusion: Option<String>,
    app: Option<App>,
}

#[derive(Deserialize)]
struct App {
    slug: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    state: String,
}

fn read(input: &Input<'_>) -> Result<Vec<ExternalCheck>, Fail> {
    if look(&input.look).is_none() {
        return Err(Fail::malformed(Place::Whole, "it holds none of the things that are read"));
    }
    let document: Document = input.json()?;
    let mut checks = Vec::new();
    let lists =
        [("check run", document.check_runs), ("check suite", document.check_suites), ("workflow run", document.workflow_runs)];
    let single =
        [("check run", document.check_run), ("check suite", document.check_suite), ("workflow run", document.workflow_run)];
    for (what, runs) in lists {
        checks.extend(runs.into_iter().flatten().map(|run| run.check(what)));
    }
    let is_again = document.action.as_deref() == Some("rerequested");
    for (what, run) in single {
        let Some(check) = run.map(|run| run.check(what)) else { continue };
        let state = if is_again { again(check.state) } else { check.state };
        checks.push(ExternalCheck { state, ..check });
    }
    let combined = document.state.zip(document.statuses.as_deref().map(state_of_all));
    let count = document.statuses.as_ref().map_or(0, Vec::len);
    checks.extend(document.statuses.into_iter().flatten().map(|status| ExternalCheck {
        name: status.context,
        commit: document.sha.clone(),
        state: state_of_status(&status.state),
        by: "GitHub".to_owned(),
    }));
    let listed = u64::try_from(checks.len()).unwrap_or(u64::MAX);
    if let Some(total) = document.total_count.filter(|total| *total > listed) {
        return Err(Fail::new(Fault::Paged, pointer!("total_count"), format!("it counts {total}, and lists {listed}")));
    }
    match combined {
        Some((said, found)) if said != found => {
            let problem = format!("it is `{said}`, and the {count} statuses in it come to `{found}`");
            Err(Fail::inconsistent(pointer!("state"), problem))
        }
        _ => Ok(checks),
    }
}

/// The state of what somebody has asked to run again.
fn again(state: ExternalState) -> ExternalState {
    if state == ExternalState::Failed { state } else { ExternalState::Pending }
}

impl Run {
    fn check(self, what: &str) -> ExternalCheck {
        let state = match (self.status.as_deref(), self.conclusion.as_deref()) {
            (Some("completed"), Some("success")) => ExternalState::Passed,
            (Some("completed"), Some("neutral" | "skipped")) => ExternalState::Neutral,
            (Some("queued" | "in_progress" | "requested" | "waiting" | "pending"), None) => ExternalState::Pending,
            _ => ExternalState::Failed,
        };
        let app = self.app.and_then(|app| app.slug.or(app.name)).unwrap_or_else(|| "GitHub".to_owned());
        let name = self.name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("{what} of {app}"));
        ExternalCheck { name, commit: Some(self.head_sha), state, by: app }
    }
}

/// What GitHub makes of some statuses: of none, that some are still to come.
fn state_of_all(statuses: &[Status]) -> &'static str {
    let states = || statuses.iter().map(|status| state_of_status(&status.state));
    if states().any(|state| state == ExternalState::Failed) {
        "failure"
    } else if statuses.is_empty() || states().any(|state| state == ExternalState::Pending) {
        "pending"
    } else {
        "success"
    }
}

fn state_of_status(state: &str) -> ExternalState {
    match state {
        "success" => ExternalState::Passed,
        "pending" => ExternalState::Pending,
        _ => ExternalState::Failed,
    }
}
