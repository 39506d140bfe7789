//! I11: whom or what the rules do not cover is refused: a stranger's request, and a unit that no requirement is about.

use pathops_core::adapter::CheckState;

use super::{Found, Invariant, holds};
use crate::shape::OWNER;
use crate::step::Step;
use crate::truth::{Place, Truth};

pub(super) struct Covered;

impl Invariant for Covered {
    fn name(&self) -> &'static str {
        "i11 the uncovered is refused"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Asked { request, taken: true } => {
                let by = &request.requested_by;
                holds!(by.as_str() == OWNER, "{by} is nobody in the project, and got a change set");
            }
            Step::Posted { repo, commit, state: CheckState::Success, .. } => {
                let proposed = truth.proposing(repo, commit);
                let place = proposed.and_then(|it| Place::of(repo, &it.head_branch));
                if let Some(Place { unit, .. }) = place {
                    holds!(truth.shape.covers(&unit), "the policy says nothing about {unit}, and it may go to production");
                }
            }
            _ => {}
        }
        Ok(())
    }
}
