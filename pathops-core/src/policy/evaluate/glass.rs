//! Getting past requirements in an emergency.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Case, people};
use crate::adapter::ReviewState;
use crate::id::PersonId;
use crate::policy::{Overridden, RequirementResult, Verdict};

/// What begins the line of an approval that breaks the glass; the reason follows.
const WORD: &str = "break glass:";

/// Whether people have broken the glass: everything that stands in the way may be got past, enough of them say so for this
/// head and give a reason, and it was not too long ago. An objection stands in the way of the approval that is built in, which
/// hears every role and which nobody gets past.
pub(super) fn broken(case: &Case<'_>, requirements: &[RequirementResult]) -> Option<Overridden> {
    let readings = &case.facts.readings;
    let (proposal, glass) = (readings.proposal.as_ref()?, case.glass?);
    let in_the_way = || requirements.iter().filter(|it| it.counts() && it.verdict != Verdict::Pass);
    if !in_the_way().all(|it| glass.requirements.contains(&it.id)) || !readings.strangers.is_empty() {
        return None;
    }
    let mut by: BTreeMap<PersonId, String> = BTreeMap::new();
    let mut last = None;
    for review in people::newest(&proposal.reviews, case) {
        let Some(person) = case.voter(&review.author) else { continue };
        let counts = case.why_void(review, &proposal.head, Some(&proposal.shown), &glass.roles).is_none();
        if let (ReviewState::Approved, true, Some(reason)) = (review.state, counts, reason(&review.body)) {
            by.insert(person.clone(), reason);
            last = last.max(Some(review.at));
        }
    }
    let enough = u32::try_from(by.len()).is_ok_and(|people| people >= glass.people.get().max(2));
    let last = last.filter(|_| enough)?;
    let until = last + Duration::from_secs(glass.valid_seconds);
    // A review from the future gives no more time than one of now.
    let valid = last <= case.at + super::CLOCK_SKEW && case.at < until;
    valid.then(|| Overridden { by, requirements: in_the_way().map(|it| it.id.clone()).collect(), until: until.writable() })
}

fn reason(body: &str) -> Option<String> {
    let line = body.lines().find_map(|line| {
        let (word, reason) = line.trim().split_at_checked(WORD.len())?;
        word.eq_ignore_ascii_case(WORD).then(|| reason.trim())
    })?;
    (!line.is_empty()).then(|| line.to_owned())
}
