//! What people read about a change set on their Git host.

use std::fmt::Write as _;

use pathops_core::UnitId;
use pathops_core::adapter::{DeployFailure, JobResult, NotYet, Readiness, Stale};
use pathops_core::lifecycle::HumanDecision;
use pathops_core::project::EnvironmentTarget;

use crate::change_set::{Carried, End, Progress, PullRequestRef, Role, Scope, Stage, State, TakeBack};

/// Where a change set is, in one line.
#[must_use]
pub fn headline(state: &State) -> String {
    if let Some(by) = &state.paused {
        return format!("Paused by {}: {}", by.get().person, by.get().reason);
    }
    if let (None, Some(by)) = (&state.failure, &state.cancelled) {
        let HumanDecision { person, reason, .. } = by.get();
        let (word, why) = match &state.superseded_by {
            Some(newer) => ("Superseded", format!("`{newer}` takes its place: {person} {reason}")),
            None => ("Cancelled", format!("{person} cancelled it: {reason}")),
        };
        return match state.end {
            None => format!("{word}, being taken back. {why}"),
            Some(End::Cancelled) => format!("{word}; nothing of it was in an environment. {why}"),
            Some(End::Recovered) => format!("{word}; everything is back to what it was before. {why}"),
            Some(_) => format!("{word}; people have to look after what is left. {why}"),
        };
    }
    if let (Some(recovery), false) = (&state.start.recovery, state.is_queued() || state.cancelled.is_some()) {
        let TakeBack { change_set, by } = &recovery.asked;
        let failed = state.failure.as_ref().map(|failure| format!("; {}: {}", failure.unit, failure.reason)).unwrap_or_default();
        let why = format!("{} takes `{change_set}` back: {}{failed}", by.get().person, by.get().reason);
        return match state.end {
            None => format!("Goes back{}. {why}", awaited_merge(state).unwrap_or_default()),
            Some(End::Recovered) => format!("Everything is back to what it was before. {why}"),
            Some(_) => format!("People have to look after what is left. {why}"),
        };
    }
    if let Some(failure) = &state.failure {
        let why = format!("{} was stopped: {}", failure.unit, failure.reason);
        return match state.end {
            None => format!("Refused, going back. {why}"),
            Some(End::Recovered | End::Cancelled) => format!("Refused; everything is back to what it was before. {why}"),
            Some(_) => format!("Stopped; people have to look after what is left. {why}"),
        };
    }
    let given_up = |unit: &UnitId| Some(format!("{unit} could not go on: {}", state.awaits_retry(unit)?.reason));
    let given_up: Vec<String> = state.units.keys().filter_map(given_up).collect();
    if !given_up.is_empty() {
        return format!("Waits for somebody who has it tried again: {}", given_up.join("; "));
    }
    let pushes: Vec<String> =
        state.units.keys().filter_map(|unit| Some(format!("{unit} {}", awaited_push(state, unit)?))).collect();
    if !pushes.is_empty() {
        return format!("Waits for people who do the work: {}", pushes.join("; "));
    }
    let least = state.units.values().map(|progress| progress.stage).min().unwrap_or(Stage::Live);
    if let (Stage::Queued, Some(turn)) = (least, &state.start.turn) {
        let before: Vec<String> = turn.after.keys().map(|it| format!("`{it}`")).collect();
        return format!("Waits for its turn, after {}", before.join(", "));
    }
    match least {
        Stage::AnnouncingSource | Stage::AnnouncingPreflight | Stage::Working | Stage::Building => {
            "The change is being made and built"
        }
        Stage::SourceReview | Stage::Rebuilding => "Waits for people to review and merge the source",
        Stage::Built | Stage::Staging | Stage::PreflightMerge | Stage::PreflightDeploy | Stage::PreflightEvidence => {
            "Goes through preflight"
        }
        Stage::Tested | Stage::Deciding | Stage::Decided | Stage::Proposing => "Tested in preflight; being decided",
        Stage::Proposed | Stage::Promoting | Stage::ProductionMerge => "Waits for approval and merge into production",
        Stage::ProductionDeploy | Stage::ProductionEvidence => "Goes to production",
        _ => "In production",
    }
    .to_owned()
}

/// Where a unit's work is waited for that a person does, and what was wrong with the last push; `None` where it is not.
fn awaited_push(state: &State, unit: &UnitId) -> Option<String> {
    let progress = state.units.get(unit).filter(|progress| progress.stage == Stage::Working && state.by_person(unit))?;
    let PullRequestRef { repo, branch, .. } = progress.pull_requests.get(&state.workplace(unit))?;
    Some(match &progress.problem {
        None => format!("waits for a push to `{branch}` of {repo}"),
        Some(problem) => format!("waits for the next push to `{branch}` of {repo}, since the last one does not build: {problem}"),
    })
}

/// Which unit waits for people on its way back, and what for.
fn awaited_merge(state: &State) -> Option<String> {
    let waits = |stage| matches!(stage, Stage::RecoveryMerge | Stage::RestorePromoting | Stage::RestoreMerge);
    let (unit, progress) = state.units.iter().find(|(_, progress)| waits(progress.stage))?;
    Some(format!("; {unit} {}", label(progress.stage)))
}

/// The description of a pull request that was opened when intent was declared.
#[must_use]
pub fn announcement(state: &State, scope: &Scope, role: Role) -> String {
    let start = &state.start;
    let mut text = format!("{}\n\n{}\n\n", start.request.title, start.request.text);
    let reason = start.request.changes.iter().find(|change| change.unit == scope.unit.id).map(|change| change.reason.as_str());
    // Writing to a String cannot fail.
    let _ =
        writeln!(text, "Part of change set `{}` of {}: the {role} of **{}**.", start.change_set, start.project, scope.unit.id);
    if let Some(reason) = reason {
        let _ = writeln!(text, "Why: {reason}");
    }
    for Carried { change_set, title, requested_by } in &start.carries {
        let _ = writeln!(text, "\nIt carries change set `{change_set}`, too, asked for by {requested_by}: {title}");
    }
    let _ = writeln!(text, "\nAsked for by {}. The first commit is empty: it declares the intent.", start.request.requested_by);
    text
}

/// The title of a pull request of a unit.
#[must_use]
pub fn title(request: &str, unit: &UnitId, role: Role, target: &EnvironmentTarget) -> String {
    let environment = &target.environment;
    match role {
        Role::Source | Role::Preflight => request.to_owned(),
        Role::Production => format!("Promote {unit} in {environment}: {request}"),
        Role::Recovery => format!("Revert {unit} in {environment} to what it was"),
        Role::Restore => format!("Restore {unit} in {environment}: {request}"),
    }
}

/// The status comment: the same on every pull request of the change set, edited as things move.
#[must_use]
pub fn comment(state: &State) -> String {
    let start = &state.start;
    let mut text = format!("**{}** (`{}`)\n\n{}\n\n", start.request.title, start.change_set, headline(state));
    text.push_str("| wave | unit | stage | pull requests |\n|---|---|---|---|\n");
    for (index, wave) in state.waves().iter().enumerate() {
        for unit in wave {
            let Some(progress) = state.units.get(unit) else { continue };
            let stage = awaited_push(state, unit).unwrap_or_else(|| label(progress.stage).to_owned());
            let _ = writeln!(text, "| {} | {unit} | {} | {} |", index + 1, cell(&stage), links(progress));
        }
    }
    for progress in state.units.values() {
        if let Some(decided) = progress.last.as_ref().or(progress.first.as_ref()) {
            let _ = write!(text, "\n{}", decided.decision.to_markdown());
        }
    }
    text
}

/// A text that may come from outside, so that it stays in its cell of a table.
fn cell(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('|', "\\|")
}

fn links(progress: &Progress) -> String {
    let link = |(role, pull_request): (&Role, &PullRequestRef)| {
        format!("[{role} {}{}]({})", pull_request.repo, pull_request.number, pull_request.url)
    };
    progress.pull_requests.iter().map(link).collect::<Vec<_>>().join(", ")
}

/// A stage, in words for people.
#[must_use]
pub fn label(stage: Stage) -> &'static str {
    match stage {
        Stage::Queued => "waits for its turn",
        Stage::AnnouncingSource | Stage::AnnouncingPreflight => "is being announced",
        Stage::Working => "is being changed",
        Stage::Building | Stage::Rebuilding => "is being built and tested",
        Stage::SourceReview => "waits for review and merge of the source",
        Stage::Built => "is built; waits for its wave",
        Stage::Staging => "is being proposed for preflight",
        Stage::PreflightMerge => "waits for the merge into preflight",
        Stage::PreflightDeploy => "is being deployed to preflight",
        Stage::PreflightEvidence => "is in preflight; evidence is being collected",
        Stage::Tested => "is tested in preflight",
        Stage::Deciding => "is being decided",
        Stage::Decided => "may go to production once approved",
        Stage::Proposing => "is being proposed for production",
        Stage::Proposed => "is proposed for production; waits for its wave",
        Stage::Promoting => "waits for approval",
        Stage::ProductionMerge => "waits for the merge into production",
        Stage::ProductionDeploy => "is being deployed to production",
        Stage::ProductionEvidence => "is in production; evidence is being collected",
        Stage::Live => "is in production",
        Stage::FailureEvidence => "failed; evidence is being collected",
        Stage::Judging => "failed; being decided",
        Stage::Stopped => "is stopped",
        Stage::Closing => "is being closed",
        Stage::Closed => "is closed; waits for its turn to go back",
        Stage::Reverting => "is being reverted",
        Stage::RecoveryMerge => "waits for the merge of its revert",
        Stage::RecoveryDeploy => "goes back to what it was",
        Stage::RecoveryEvidence => "is back; evidence is being collected",
        Stage::RecoveryFailureEvidence => "could not be brought back; evidence is being collected",
        Stage::RestoreProposing => "is being reverted in production",
        Stage::RestorePromoting => "waits for approval of its way back in production",
        Stage::RestoreMerge => "waits for the merge of its way back in production",
        Stage::RestoreClosing => "may not go back to what it was in production; is being closed",
        Stage::RestoreDeploy => "goes back to what it was in production",
        Stage::RestoreEvidence => "is back in production; evidence is being collected",
        Stage::RestoreFailureEvidence => "could not be brought back in production; evidence is being collected",
        Stage::Recovered => "is back to what it was",
        Stage::LeftToPeople => "is left to people",
    }
}

/// Why a deployment is not ready, in words for people.
#[must_use]
pub fn explain(readiness: &Readiness, jobs: &[JobResult]) -> String {
    match readiness {
        Readiness::Ready => "it is ready".to_owned(),
        Readiness::NotYet(not_yet) => format!("it did not become ready in time ({})", not_yet_words(not_yet)),
        Readiness::Stale(Stale::NotLooking { .. }, _) => "the GitOps controller is not looking at it".to_owned(),
        Readiness::Stale(Stale::Superseded { .. }, _) => "another desired state took its place".to_owned(),
        Readiness::Stale(Stale::Frozen { message }, _) => format!("the GitOps controller leaves it as it is: {message}"),
        Readiness::Stale(Stale::NotTested { message }, _) => format!("nothing tested it: {message}"),
        Readiness::Stale(Stale::Unjudged { message }, _) => format!("it cannot be judged: {message}"),
        Readiness::Stale(..) => "what is known is about something else".to_owned(),
        Readiness::Failed(failure) => failure_words(failure, jobs),
    }
}

fn not_yet_words(not_yet: &NotYet) -> &str {
    match not_yet {
        NotYet::Looking => "the controller has not finished looking at Git",
        NotYet::Reported { message } => message,
        NotYet::NotSeen => "the controller has not seen the commit",
        NotYet::Applying => "it is being applied",
        NotYet::Starting => "it has not answered its health check",
        NotYet::Settling { .. } => "it was not healthy for long enough",
        NotYet::JobsRunning { .. } => "its jobs did not end",
        _ => "it is not there yet",
    }
}

fn failure_words(failure: &DeployFailure, jobs: &[JobResult]) -> String {
    match failure {
        DeployFailure::NotApplicable { message } => format!("the desired state cannot be applied: {message}"),
        DeployFailure::Crashed { message } => format!("the process crashed: {message}"),
        DeployFailure::Unhealthy { message } => format!("it is not healthy: {message}"),
        DeployFailure::WrongArtifact { running: Some(digest) } => format!("another artifact is running: {digest}"),
        DeployFailure::WrongArtifact { running: None } => "no artifact is running".to_owned(),
        DeployFailure::JobsMissing { jobs } => format!("nothing tested it: {} not declared", list(jobs)),
        DeployFailure::JobsFailed { jobs: failed } => {
            let checks = jobs
                .iter()
                .filter(|job| failed.contains(&job.job))
                .flat_map(|job| job.checks.iter().map(move |check| (job, check)));
            let failures =
                checks.filter_map(|(job, check)| check.failure.as_ref().map(|why| format!("{}: {}: {why}", job.job, check.name)));
            let failures: Vec<_> = failures.collect();
            if failures.is_empty() { format!("{} failed", list(failed)) } else { failures.join("; ") }
        }
        _ => "it failed".to_owned(),
    }
}

fn list(jobs: &[pathops_core::JobName]) -> String {
    jobs.iter().map(pathops_core::JobName::as_str).collect::<Vec<_>>().join(", ")
}
