//! The transitions of one unit: what an outcome says of it, and what it does next.

use pathops_core::adapter::{Observation, Readiness};
use pathops_core::lifecycle::{ArtifactLifecycle, Change, Recorded};
use pathops_core::policy::Shown;
use pathops_core::{CommitId, Principal, UnixMillis};
use pathops_evidence::EvidenceRecord;

use crate::change_set::{Decided, Outcome, Passed, Progress, Role, Stage, explain};

/// What a unit does after an outcome.
pub(super) enum Next {
    /// Enter a stage that has an operation.
    Do(Stage),
    /// Enter a stage that waits for others.
    Rest(Stage),
    /// It has failed.
    Fail(String),
}

/// The work on a unit.
#[derive(Clone, Copy)]
pub(super) struct Work {
    /// Where it is done.
    pub(super) at: Role,
    /// Whether a person does it.
    pub(super) by_person: bool,
}

/// Takes the outcome of a unit's open operation up.
pub(super) fn transition(work: Work, progress: &mut Progress, outcome: &Outcome, at: UnixMillis) -> Next {
    use Stage as S;
    let stage = progress.stage;
    if let Outcome::Pushed { read: Some(read), .. } | Outcome::Merged { read: Some(read), .. } = outcome {
        read_back(progress, read);
    }
    let next = match outcome {
        Outcome::Dropped => Some(Next::Rest(S::Stopped)),
        Outcome::Closed { by } => Some(Next::Fail(format!("{by} closed the pull request without merging it"))),
        Outcome::Failed { reason } => Some(Next::Fail(reason.clone())),
        // Where it was paused meanwhile it may take longer by now.
        Outcome::Overdue => match progress.limited {
            Some(limited) if limited.until <= at => Some(Next::Fail(limited.failure())),
            _ => Some(Next::Do(stage)),
        },
        _ if stage <= S::Built => source(work, progress, outcome),
        _ if stage <= S::Tested => preflight(progress, outcome),
        _ if stage <= S::Proposed => decision(progress, outcome),
        _ if stage <= S::Live => production(progress, outcome, at),
        _ if stage <= S::Closed => failure(progress, outcome),
        _ if stage <= S::RecoveryFailureEvidence => recovery(progress, outcome),
        _ => restore(progress, outcome, at),
    };
    let next = next.unwrap_or_else(|| Next::Fail(format!("{stage:?} does not end with {outcome:?}")));
    match (&next, outcome, progress.limited) {
        // Who looks again and again does not wait for ever.
        (Next::Do(_), Outcome::Refreshed { .. } | Outcome::Shown(_), Some(limited)) if limited.until <= at => {
            Next::Fail(limited.failure())
        }
        _ => next,
    }
}

/// From the declared intent to the merged source.
fn source(work: Work, progress: &mut Progress, outcome: &Outcome) -> Option<Next> {
    use Stage as S;
    Some(match (progress.stage, outcome) {
        (S::AnnouncingSource, Outcome::Opened(opened)) => {
            progress.pull_requests.insert(Role::Source, opened.clone());
            Next::Do(S::AnnouncingPreflight)
        }
        (S::AnnouncingPreflight, Outcome::Opened(opened)) => {
            progress.pull_requests.insert(Role::Preflight, opened.clone());
            Next::Do(S::Working)
        }
        (S::Working, Outcome::Pushed { head, .. }) => {
            moved(progress, work.at, head);
            progress.problem = None;
            if work.at == Role::Source { Next::Do(S::Building) } else { Next::Rest(S::Built) }
        }
        // Nothing more is pushed to it: what people merged is built as it is.
        (S::Working, Outcome::Merged { state: merged, .. }) if work.at == Role::Source => {
            moved(progress, Role::Source, &merged.commit);
            progress.problem = None;
            Next::Do(S::Rebuilding)
        }
        (S::Working, Outcome::Merged { by, .. }) => Next::Fail(merged_early(by)),
        (S::Building | S::Rebuilding, Outcome::Built { built, evidence, log, unread, .. }) => {
            progress.built = Some(built.clone());
            progress.payloads.extend([log].into_iter().chain(unread).cloned());
            progress.evidence.extend(evidence.iter().cloned());
            if progress.stage == S::Building { Next::Do(S::SourceReview) } else { Next::Rest(S::Built) }
        }
        (S::Building | S::Rebuilding, Outcome::BuildFailed { reason, evidence, log, unread }) => {
            progress.payloads.extend([log].into_iter().chain(unread).cloned());
            progress.evidence.extend(evidence.iter().cloned());
            if progress.stage == S::Building && work.by_person {
                // People push until it is good; only what is merged cannot be mended by another push.
                progress.problem = Some(reason.clone());
                return Some(Next::Do(S::Working));
            }
            Next::Fail(reason.clone())
        }
        (S::SourceReview, Outcome::Pushed { head, .. }) => {
            moved(progress, Role::Source, head);
            Next::Do(S::Building)
        }
        (S::SourceReview, Outcome::Merged { state: merged, .. }) => match &mut progress.built {
            // What was tested is what was merged, unless the branch had moved on in the meantime.
            Some(built) if built.source.tree == merged.tree => {
                built.source.commit = merged.commit.clone();
                Next::Rest(S::Built)
            }
            _ => {
                moved(progress, Role::Source, &merged.commit);
                Next::Do(S::Rebuilding)
            }
        },
        _ => return None,
    })
}

/// Through preflight, to a unit that is tested there.
fn preflight(progress: &mut Progress, outcome: &Outcome) -> Option<Next> {
    use Stage as S;
    Some(match (progress.stage, outcome) {
        (S::Staging, Outcome::Staged { head, before, last_good }) => {
            moved(progress, Role::Preflight, head);
            progress.before = Some(before.clone());
            progress.last_good = last_good.clone();
            Next::Do(S::PreflightMerge)
        }
        (S::PreflightMerge, Outcome::NeedsPeople) => {
            progress.merged_by_people = true;
            Next::Do(S::PreflightMerge)
        }
        (S::PreflightMerge, Outcome::Merged { state, .. }) => {
            progress.preflight = Some(state.clone());
            Next::Do(S::PreflightDeploy)
        }
        (S::PreflightDeploy, Outcome::Observed(observation)) => observed(progress, observation, S::PreflightEvidence),
        (S::PreflightEvidence, Outcome::Collected { evidence, snapshot, artifact }) => {
            collected(progress, evidence, snapshot);
            progress.artifact = artifact.as_deref().cloned();
            Next::Rest(S::Tested)
        }
        _ => return None,
    })
}

/// The first decision, and the production pull request that carries it.
fn decision(progress: &mut Progress, outcome: &Outcome) -> Option<Next> {
    use Stage as S;
    Some(match (progress.stage, outcome) {
        (S::Deciding, Outcome::Granted(passed)) => {
            progress.first = Some(noted(progress, &passed.decided));
            progress.artifact = Some(passed.artifact.clone());
            Next::Rest(S::Decided)
        }
        (S::Deciding, Outcome::Refused(decided)) => {
            progress.first = Some(noted(progress, decided));
            Next::Fail(decided.decision.summary())
        }
        (S::Deciding, Outcome::Refreshed { evidence }) => refreshed(progress, evidence),
        (S::Proposing, Outcome::Proposed { pull_request, before, shown }) => {
            progress.pull_requests.insert(Role::Production, pull_request.clone());
            progress.production_before = Some(before.clone());
            progress.shown = Some(shown.clone());
            Next::Rest(S::Proposed)
        }
        _ => return None,
    })
}

/// The final decision, and production.
fn production(progress: &mut Progress, outcome: &Outcome, at: UnixMillis) -> Option<Next> {
    use Stage as S;
    Some(match (progress.stage, outcome) {
        // Granted anew where it was granted before: it had been taken back, or the head had moved.
        (S::Promoting | S::ProductionMerge, Outcome::Granted(passed)) => {
            progress.artifact = Some(granted(progress, passed));
            Next::Do(S::ProductionMerge)
        }
        (S::ProductionMerge, Outcome::TakenBack { reason }) => {
            take_back(&mut progress.artifact, reason, at);
            Next::Do(S::Promoting)
        }
        (S::Promoting | S::ProductionMerge, Outcome::Refused(decided)) => {
            progress.last = Some(noted(progress, decided));
            Next::Fail(decided.decision.summary())
        }
        (S::Promoting | S::ProductionMerge, Outcome::Refreshed { evidence }) => refreshed(progress, evidence),
        (S::Promoting | S::ProductionMerge, Outcome::Shown(shown)) => reshown(progress, shown),
        // Merged while it was being decided: the status of an earlier grant stood.
        (S::Promoting | S::ProductionMerge, Outcome::Merged { state, decided, .. }) => {
            if let Some(passed) = decided {
                progress.artifact = Some(granted(progress, passed));
            }
            progress.production = Some(state.clone());
            Next::Do(S::ProductionDeploy)
        }
        (S::Promoting | S::ProductionMerge, Outcome::Unproven { state, reason }) => {
            progress.production = Some(state.clone());
            progress.observation = None;
            Next::Fail(reason.clone())
        }
        (S::ProductionDeploy, Outcome::Observed(observation)) => observed(progress, observation, S::ProductionEvidence),
        (S::ProductionEvidence, Outcome::Collected { evidence, snapshot, artifact }) => {
            collected(progress, evidence, snapshot);
            progress.artifact = artifact.as_deref().cloned();
            Next::Rest(S::Live)
        }
        _ => return None,
    })
}

/// What is known of a failure, and the pull requests that become pointless.
fn failure(progress: &mut Progress, outcome: &Outcome) -> Option<Next> {
    use Stage as S;
    Some(match (progress.stage, outcome) {
        (S::FailureEvidence, Outcome::Collected { evidence, snapshot, artifact }) => {
            collected(progress, evidence, snapshot);
            progress.artifact = artifact.as_deref().cloned();
            // What was tried in preflight is decided about, so that the refusal names its evidence.
            let tried = progress.preflight.is_some() && progress.first.is_none();
            if tried { Next::Do(S::Judging) } else { Next::Rest(S::Stopped) }
        }
        (S::Judging, Outcome::Granted(passed)) => {
            progress.first = Some(noted(progress, &passed.decided));
            Next::Rest(S::Stopped)
        }
        (S::Judging, Outcome::Refused(decided)) => {
            progress.first = Some(noted(progress, decided));
            Next::Rest(S::Stopped)
        }
        (S::Closing, Outcome::Settled { merged, .. }) => {
            // What people merged in the meantime is taken up: nothing is called back that is not.
            for (role, state) in merged {
                match role {
                    Role::Preflight => drop(progress.preflight.get_or_insert_with(|| state.clone())),
                    Role::Production => drop(progress.production.get_or_insert_with(|| state.clone())),
                    Role::Source | Role::Recovery | Role::Restore => {}
                }
            }
            Next::Rest(S::Closed)
        }
        _ => return None,
    })
}

/// Back in preflight.
fn recovery(progress: &mut Progress, outcome: &Outcome) -> Option<Next> {
    use Stage as S;
    Some(match (progress.stage, outcome) {
        (S::Reverting, Outcome::Opened(opened)) => {
            progress.pull_requests.insert(Role::Recovery, opened.clone());
            Next::Do(S::RecoveryMerge)
        }
        (S::RecoveryMerge, Outcome::Merged { state, .. }) => {
            progress.preflight = Some(state.clone());
            match &progress.before {
                Some(before) if before.runs => Next::Do(S::RecoveryDeploy),
                _ => back_in_preflight(progress),
            }
        }
        (S::RecoveryDeploy, Outcome::Observed(observation)) => observed(progress, observation, S::RecoveryEvidence),
        (S::RecoveryEvidence, Outcome::Collected { evidence, snapshot, artifact }) => {
            collected(progress, evidence, snapshot);
            progress.again = artifact.as_deref().cloned();
            back_in_preflight(progress)
        }
        (S::RecoveryFailureEvidence, Outcome::Collected { evidence, snapshot, artifact }) => {
            collected(progress, evidence, snapshot);
            progress.again = artifact.as_deref().cloned();
            Next::Rest(S::LeftToPeople)
        }
        _ => return None,
    })
}

/// Back in production, by the same door.
fn restore(progress: &mut Progress, outcome: &Outcome, at: UnixMillis) -> Option<Next> {
    use Stage as S;
    Some(match (progress.stage, outcome) {
        (S::RestoreProposing, Outcome::Proposed { pull_request, shown, .. }) => {
            progress.pull_requests.insert(Role::Restore, pull_request.clone());
            progress.shown = Some(shown.clone());
            Next::Do(S::RestorePromoting)
        }
        (S::RestorePromoting | S::RestoreMerge, Outcome::Granted(passed)) => {
            progress.again = Some(granted(progress, passed));
            Next::Do(S::RestoreMerge)
        }
        (S::RestoreMerge, Outcome::TakenBack { reason }) => {
            take_back(&mut progress.again, reason, at);
            Next::Do(S::RestorePromoting)
        }
        (S::RestorePromoting | S::RestoreMerge, Outcome::Refused(decided)) => {
            progress.last = Some(noted(progress, decided));
            let why = format!("what was in production before may not go back there: {}", decided.decision.summary());
            progress.problem = Some(why);
            Next::Do(S::RestoreClosing)
        }
        (S::RestoreClosing, Outcome::Settled { merged, .. }) => {
            // People may have merged it while it was decided.
            if let Some(state) = merged.get(&Role::Restore) {
                progress.production = Some(state.clone());
                progress.observation = None;
            }
            Next::Fail(progress.problem.clone().unwrap_or_default())
        }
        (S::RestorePromoting | S::RestoreMerge, Outcome::Refreshed { evidence }) => refreshed(progress, evidence),
        (S::RestorePromoting | S::RestoreMerge, Outcome::Shown(shown)) => reshown(progress, shown),
        (S::RestorePromoting | S::RestoreMerge, Outcome::Merged { state, decided, .. }) => {
            if let Some(passed) = decided {
                progress.again = Some(granted(progress, passed));
            }
            progress.production = Some(state.clone());
            progress.restored = true;
            Next::Do(S::RestoreDeploy)
        }
        (S::RestorePromoting | S::RestoreMerge, Outcome::Unproven { state, reason }) => {
            progress.production = Some(state.clone());
            progress.observation = None;
            Next::Fail(reason.clone())
        }
        (S::RestoreDeploy, Outcome::Observed(observation)) => observed(progress, observation, S::RestoreEvidence),
        (S::RestoreEvidence, Outcome::Collected { evidence, snapshot, artifact }) => {
            collected(progress, evidence, snapshot);
            progress.again = artifact.as_deref().cloned();
            Next::Rest(S::Recovered)
        }
        (S::RestoreFailureEvidence, Outcome::Collected { evidence, snapshot, artifact }) => {
            collected(progress, evidence, snapshot);
            progress.again = artifact.as_deref().cloned();
            Next::Rest(S::LeftToPeople)
        }
        _ => return None,
    })
}

/// The policy is another one, and the pull request shows it now.
fn reshown(progress: &mut Progress, shown: &Shown) -> Next {
    progress.shown = Some(shown.clone());
    Next::Do(progress.stage)
}

/// Why a preflight pull request that people merge before PathOps has written into it ends the change set.
pub(crate) fn merged_early(by: &Principal) -> String {
    format!(
        "{by} merged the preflight pull request before it was its turn: what runs in preflight now was not deployed after what it depends on, and what was there before was not noted"
    )
}

/// Notes a pull request as an activity has read it back.
fn read_back(progress: &mut Progress, read: &Recorded<Change>) {
    let Change { repo, number, .. } = read.get();
    if let Some(it) = progress.pull_requests.values_mut().find(|it| it.repo == *repo && it.number == *number) {
        it.read = Some(Box::new(read.clone()));
    }
}

/// Notes where the head of a pull request is now.
fn moved(progress: &mut Progress, role: Role, head: &CommitId) {
    if let Some(pull_request) = progress.pull_requests.get_mut(&role) {
        pull_request.head = head.clone();
    }
}

fn observed(progress: &mut Progress, observation: &Observation, ready: Stage) -> Next {
    progress.observation = Some(observation.clone());
    match &observation.readiness {
        Readiness::Ready => Next::Do(ready),
        readiness => Next::Fail(explain(readiness, &observation.jobs)),
    }
}

fn collected(progress: &mut Progress, evidence: &[EvidenceRecord], snapshot: &EvidenceRecord) {
    progress.evidence.extend(evidence.iter().cloned());
    progress.snapshots.push(snapshot.clone());
}

/// There is newer evidence for the same stage.
fn refreshed(progress: &mut Progress, evidence: &[EvidenceRecord]) -> Next {
    progress.evidence.extend(evidence.iter().cloned());
    Next::Do(progress.stage)
}

/// Notes the statement of a decision.
fn noted(progress: &mut Progress, decided: &Decided) -> Decided {
    progress.evidence.push(decided.record.clone());
    decided.clone()
}

/// Notes a final decision that passed; gives what it granted.
fn granted(progress: &mut Progress, passed: &Passed) -> ArtifactLifecycle {
    progress.last = Some(noted(progress, &passed.decided));
    passed.artifact.clone()
}

fn take_back(artifact: &mut Option<ArtifactLifecycle>, reason: &str, at: UnixMillis) {
    if let Some(Ok(after)) = artifact.as_ref().map(|before| before.taken_back(reason, at)) {
        *artifact = Some(after);
    }
}

/// Preflight is what it was. Where production was touched, it goes back to the same combination, by the same rule: with
/// evidence, an approval and a grant.
fn back_in_preflight(progress: &Progress) -> Next {
    let (Some(_), Some(production)) = (&progress.production, &progress.production_before) else {
        return Next::Rest(Stage::Recovered);
    };
    let tried = progress.before.as_ref().and_then(|before| before.artifact);
    match &progress.last_good {
        _ if !production.runs => Next::Fail("production ran nothing before, so there is no combination to go back to".to_owned()),
        Some(good) if good.artifact == production.artifact && tried == production.artifact => Next::Do(Stage::RestoreProposing),
        _ => Next::Fail("what was in production before is not what preflight went back to; people have to decide".to_owned()),
    }
}
