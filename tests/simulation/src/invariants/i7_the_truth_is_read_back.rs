//! I7: PathOps goes on from what is really so: what it takes for merged is merged, what it takes for closed is closed, what it
//! takes for live is live, and nothing that anybody merely says.

use pathops_coordinator::change_set::{Command, Outcome, PullRequestRef};
use pathops_core::adapter::{BlobStore as _, PullRequestState, Readiness};
use pathops_core::project::EnvironmentKind;

use super::i1_production_needs_a_grant::stands;
use super::{Found, Invariant, holds};
use crate::alarms::Alarm;
use crate::step::Step;
use crate::truth::{Truth, cx, wait};

pub(super) struct Truths;

impl Invariant for Truths {
    fn name(&self) -> &'static str {
        "i7 the truth is read back"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Acknowledged { alarm } => return is_stored(truth, alarm),
            Step::Handles { delivery } => {
                let key = delivery.delivery.key.as_str();
                let sent = truth.shape.alarms.iter().any(|alarm| alarm.name == key && !alarm.forged);
                holds!(sent, "{key} is handled, and its sender has not sent it");
            }
            _ => {}
        }
        let Step::Settled { command, outcome, .. } = step else { return Ok(()) };
        let pull_request = match command {
            Command::AwaitMerge { pull_request, .. }
            | Command::MergePreflight { pull_request, .. }
            | Command::Work { pull_request, .. }
            | Command::Promote { pull_request, .. } => Some(pull_request),
            _ => None,
        };
        let really = pull_request.map(|PullRequestRef { repo, number, .. }| truth.pull_request(repo, *number));
        match (outcome, &really) {
            (Outcome::Merged { state, .. } | Outcome::Unproven { state, .. }, Some(really)) => {
                let merged = matches!(&really.state, PullRequestState::Merged { commit, .. } if *commit == state.commit);
                holds!(merged, "{} is taken for merged, and is {:?}", really.url, really.state);
            }
            (Outcome::Closed { .. }, Some(really)) => {
                let closed = matches!(really.state, PullRequestState::Closed { .. });
                holds!(closed, "{} is taken for closed, and is {:?}", really.url, really.state);
            }
            (Outcome::Granted(passed), Some(really)) => {
                let Command::Promote { pull_request: PullRequestRef { repo, .. }, .. } = command else { return Ok(()) };
                // Somebody may have pushed over the head that it was granted for.
                let head = passed.artifact.grant().and_then(|it| it.get().head.clone()).unwrap_or_else(|| really.head.clone());
                let shown = really.state != PullRequestState::Open || stands(truth, repo, &head)?;
                holds!(shown, "{} is taken for granted, and people cannot merge it", really.url);
            }
            (Outcome::Observed(observation), _) => {
                let Command::Observe { scope, target, artifact, .. } = command else { return Ok(()) };
                if observation.readiness == Readiness::Ready {
                    let unit = &scope.unit.id;
                    let live = truth.rolled(unit, target.kind == EnvironmentKind::Production);
                    let live = live.ok_or_else(|| format!("{unit} is taken for live, and was never deployed"))?;
                    holds!(live.artifact == *artifact, "{unit} is taken for live, and something else runs");
                    holds!(live.passes, "{unit} is taken for healthy, and it is not");
                    let took = truth.elapsed().saturating_sub(live.at);
                    // The controller goes by the wall clock, and takes a jump for time that has passed.
                    let jumped = !truth.records.lock().unwrap().offsets.is_empty();
                    holds!(jumped || took >= truth.rollout, "{unit} is taken for live after {} ms", took.as_millis());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What its sender was told is stored is there, with its body; and nothing is that somebody else has sent.
fn is_stored(truth: &Truth, alarm: &Alarm) -> Found {
    let name = &alarm.name;
    holds!(!alarm.forged, "{name} is acknowledged, and its sender has not sent it");
    let stored = truth.deliveries().into_iter().find(|it| it.delivery.key.as_str() == name.as_str());
    let stored = stored.ok_or_else(|| format!("{name} is acknowledged, and was not stored"))?;
    let body = wait(truth.blobs.get(&cx(), &stored.body)).map_err(|error| error.to_string())?;
    holds!(body.is_some(), "{name} is acknowledged, and its body was not stored");
    Ok(())
}
