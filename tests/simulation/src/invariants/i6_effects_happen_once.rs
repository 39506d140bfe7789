//! I6: intent is journaled before the call, the outcome after it, and an effect happens once.

use std::collections::{BTreeMap, BTreeSet};

use pathops_coordinator::change_set::State;
use pathops_core::adapter::{OpId, Seq};
use pathops_core::{IdempotencyKey, Principal, RunId};

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Place, Truth, cx, wait};

#[derive(Default)]
pub(super) struct Once {
    runs: BTreeMap<RunId, Kept>,
    told: BTreeSet<IdempotencyKey>,
}

/// What is really in the journal of a run.
#[derive(Default)]
struct Kept {
    seq: Seq,
    open: BTreeSet<OpId>,
    used: BTreeSet<OpId>,
}

impl Invariant for Once {
    fn name(&self) -> &'static str {
        "i6 effects happen once"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Began { run, transition } => {
                let open: BTreeSet<OpId> = transition.opens.iter().map(|open| open.op).collect();
                let begun = Kept { seq: Seq(1), used: open.clone(), open };
                holds!(self.runs.insert((*run).clone(), begun).is_none(), "{run} began twice");
            }
            Step::Journaled { run, seq, transition } => {
                let kept = self.runs.entry((*run).clone()).or_default();
                // Asking again after a lost answer is no second transition.
                if *seq == kept.seq {
                    return Ok(());
                }
                holds!(seq.0 == kept.seq.0 + 1, "{run} went from transition {} to {}", kept.seq.0, seq.0);
                kept.seq = *seq;
                if let Some(op) = transition.closes {
                    holds!(kept.open.remove(&op), "operation {} of {run} ended, and was not open", op.0);
                }
                for open in &transition.opens {
                    holds!(kept.used.insert(open.op), "operation {} of {run} was begun twice", open.op.0);
                    kept.open.insert(open.op);
                }
            }
            Step::Writes { key, operation } => {
                let Some((run, op)) = operation_of(key) else { return Ok(()) };
                let open = self.runs.get(&run).is_some_and(|kept| kept.open.contains(&op));
                holds!(open, "to {operation} for operation {} of {run}, which is not open in the journal", op.0);
            }
            Step::Told { key, says, more: true } => {
                holds!(self.told.insert((*key).clone()), "people were told twice: {says}");
            }
            Step::Opened { repo, opened, .. } => {
                let same = truth.pull_requests(repo).into_iter().filter(|it| it.head_branch == opened.head_branch).count();
                holds!(same == 1, "{same} pull requests of {repo} are from {}", opened.head_branch);
            }
            _ => {}
        }
        Ok(())
    }

    /// One record, one status comment on each pull request, and nothing that the journal does not know.
    fn end(&mut self, truth: &Truth, states: &[State]) -> Found {
        for repo in truth.repos() {
            for opened in truth.pull_requests(&repo) {
                let Some(place) = Place::of(&repo, &opened.head_branch) else { continue };
                let known = states.iter().find(|state| state.start.change_set.as_str() == place.change_set);
                let known = known.and_then(|state| state.units.get(&place.unit)?.pull_requests.get(&place.role));
                holds!(known.is_some_and(|it| it.number == opened.number), "nobody knows {repo}{}", opened.number);
                let comments = wait(truth.scm.comments(&cx(), &repo, opened.number)).map_err(|error| error.to_string())?;
                let ours = comments.iter().filter(|it| it.author == Principal::System).count();
                holds!(ours <= 1, "PathOps wrote {ours} status comments on {repo}{}", opened.number);
            }
        }
        Ok(())
    }
}

/// The operation that a key belongs to.
fn operation_of(key: &IdempotencyKey) -> Option<(RunId, OpId)> {
    let (run, rest) = key.as_str().split_once("/op-")?;
    let number = rest.split('/').next()?.parse().ok()?;
    Some((run.parse().ok()?, OpId(number)))
}
