//! What the rules of a branch ask of a pull request, counted by us: a host takes whoever opened it for its author.

use std::collections::BTreeMap;

use pathops_core::adapter::{BranchProtection, Check, CheckState, PullRequest, Review, ReviewState};
use pathops_core::{PersonId, Principal};

/// What is missing on its head, in words.
pub(crate) fn missing(pull: &PullRequest, rules: &BranchProtection, reviews: &[Review], checks: &[Check]) -> Option<String> {
    let count = approvals(pull, reviews);
    if count < rules.required_approvals {
        return Some(format!("{count} of {} approvals of its head are there", rules.required_approvals));
    }
    let missing = rules.required_checks.iter().find(|required| {
        let mut found = checks.iter().filter(|check| check.name == required.as_str()).peekable();
        found.peek().is_none() || found.any(|check| check.state != CheckState::Success)
    });
    missing.map(|required| format!("the required check `{required}` is no success"))
}

/// How many people approve the head by the last thing they said, besides who answers for the change.
fn approvals(pull: &PullRequest, reviews: &[Review]) -> u32 {
    let mut last: BTreeMap<&PersonId, bool> = BTreeMap::new();
    for review in reviews.iter().filter(|review| review.state != ReviewState::Commented) {
        if let Principal::Human(person) = &review.author {
            last.insert(person, review.state == ReviewState::Approved && review.commit == pull.head);
        }
    }
    let count = last.into_iter().filter(|(person, approves)| *approves && pull.author.person() != Some(person)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
