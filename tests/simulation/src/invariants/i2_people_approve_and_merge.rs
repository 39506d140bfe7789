//! I2: PathOps merges into preflight alone, and only what nobody else has pushed to. Into production people merge, with the
//! approval of people who have no part in it, for the head that is merged.

use std::collections::BTreeMap;

use pathops_core::adapter::{CheckState, Review, ReviewState};
use pathops_core::{PersonId, Principal, PullRequestNumber, RepoId};

use super::{Found, Invariant, holds};
use crate::chaos::SLOWEST;
use crate::people::may_approve;
use crate::step::Step;
use crate::truth::{Place, Truth, cx, wait};

pub(super) struct People;

/// Of so many reviews those that could be seen when they were last read. Nobody can be quicker than who thinks better of it while a
/// write is on its way, for as long as a write may take.
fn there_to_see(truth: &Truth, repo: &RepoId, number: PullRequestNumber, all: usize) -> usize {
    let read = truth.records.lock().unwrap().reviews_read.get(&(repo.clone(), number)).copied();
    read.filter(|(_, at)| truth.elapsed() <= *at + SLOWEST).map_or(all, |(there, _)| there)
}

impl Invariant for People {
    fn name(&self) -> &'static str {
        "i2 people approve and merge"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Merged { repo, number, by: Principal::System, head } => {
                let merged = truth.pull_request(repo, *number);
                holds!(merged.base.as_str() == "preflight", "PathOps merged {repo}{number} into {}", merged.base);
                let records = truth.records.lock().unwrap();
                holds!(!records.by_people.contains(*head), "PathOps merged what a person pushed to {repo}{number}");
            }
            Step::Posted { repo, commit, state: CheckState::Success, .. } => {
                let Some(proposed) = truth.proposing(repo, commit) else { return Ok(()) };
                let Some(place) = Place::of(repo, &proposed.head_branch) else { return Ok(()) };
                let reviews = wait(truth.scm.reviews(&cx(), repo, proposed.number)).map_err(|error| error.to_string())?;
                let there = there_to_see(truth, repo, proposed.number, reviews.len());
                let mut last: BTreeMap<&PersonId, &Review> = BTreeMap::new();
                for review in reviews.iter().take(there).filter(|review| review.state != ReviewState::Commented) {
                    last.extend(review.author.person().map(|person| (person, review)));
                }
                let counts = |(by, review): &(&PersonId, &Review)| {
                    review.state == ReviewState::Approved
                        && review.commit == **commit
                        && may_approve(truth, &place.change_set, &place.unit, by)
                };
                let approvals = last.into_iter().filter(counts).count();
                let wanted = truth.shape.approvals;
                holds!(approvals >= wanted, "{approvals} of {wanted} people approved {repo}{}", proposed.number);
            }
            _ => {}
        }
        Ok(())
    }
}
