//! The part of the plain rule that is about people: who approves, and who breaks the glass.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::{Review, ReviewState};
use pathops_core::policy::{BreakGlass, Proposal, Readings};
use pathops_core::project::Role;
use pathops_core::{CommitId, PersonId, Principal};

use crate::spec::Question;

/// Those who said yes, and those who said no.
pub(crate) struct Votes<'q> {
    pub(crate) yes: BTreeMap<PersonId, &'q Review>,
    pub(crate) no: BTreeSet<PersonId>,
}

/// The person behind an account, and behind that one, to the end; in a circle, the first name of it.
fn person(readings: &Readings, account: &PersonId) -> PersonId {
    let next = |name: &PersonId| readings.accounts.get(name).cloned();
    let walk = std::iter::successors(Some(account.clone()), next);
    // Where it does not end after as many steps as there are accounts, it goes round.
    let steps: Vec<_> = walk.take(2 * readings.accounts.len() + 2).collect();
    match steps.get(readings.accounts.len() + 1..) {
        Some(circle @ [_, ..]) => circle.iter().min().unwrap().clone(),
        _ => steps.last().unwrap().clone(),
    }
}

/// Whether a person is an author, or answers for an agent that is one.
pub(crate) fn has_a_part(readings: &Readings, who: &PersonId) -> bool {
    readings.authors.iter().any(|author| match author {
        Principal::Human(name) | Principal::Agent { sponsor: name, .. } => person(readings, name) == *who,
        Principal::System => false,
    })
}

/// The people who hold one of the roles and have no part in the change. Other accounts of theirs are not other people.
pub(crate) fn could_approve(readings: &Readings, roles: &BTreeSet<Role>) -> BTreeSet<PersonId> {
    let may = |(who, held): &(&PersonId, &BTreeSet<Role>)| {
        roles.iter().any(|role| held.contains(role)) && person(readings, who) == **who && !has_a_part(readings, who)
    };
    readings.people.iter().filter(may).map(|(who, _)| who.clone()).collect()
}

/// The last word of each person of the project who holds one of the roles, by whichever account; a comment is no word.
fn last_words<'r>(readings: &Readings, reviews: &'r [Review], roles: &BTreeSet<Role>) -> Vec<(PersonId, &'r Review)> {
    let mut words = Vec::new();
    for (who, held) in &readings.people {
        let theirs = |review: &&Review| match &review.author {
            Principal::Human(account) => person(readings, account) == *who && review.state != ReviewState::Commented,
            Principal::Agent { .. } | Principal::System => false,
        };
        // Of one instant, the last that was given.
        let newest = reviews.iter().filter(theirs).map(|review| review.at).max();
        if let Some(last) = reviews.iter().filter(theirs).rfind(|review| Some(review.at) == newest)
            && roles.iter().any(|role| held.contains(role))
        {
            words.push((who.clone(), last));
        }
    }
    words
}

fn count<'r>(readings: &Readings, reviews: &'r [Review], roles: &BTreeSet<Role>, counts: impl Fn(&Review) -> bool) -> Votes<'r> {
    let words = last_words(readings, reviews, roles);
    let asks = |(_, review): &&(PersonId, &Review)| review.state == ReviewState::ChangesRequested;
    let no = words.iter().filter(asks).map(|(who, _)| who.clone()).collect();
    let yes = |(who, review): &(PersonId, &Review)| {
        review.state == ReviewState::Approved && counts(review) && !has_a_part(readings, who)
    };
    Votes { yes: words.into_iter().filter(yes).collect(), no }
}

/// The votes on the production pull request. A yes is for the head as it is, and for the policy that was shown when it was
/// given.
pub(crate) fn votes<'q>(question: Question<'q>, proposal: &'q Proposal, roles: &BTreeSet<Role>) -> Votes<'q> {
    let counts = |review: &Review| {
        let shown = proposal.shown.policy == question.policy && review.at >= proposal.shown.since;
        review.commit == proposal.head && shown
    };
    count(&question.facts.readings, &proposal.reviews, roles, counts)
}

/// Tests of a pipeline that the change touched are believed once a person has approved its source as it was merged.
pub(crate) fn pipeline_is_approved(readings: &Readings) -> bool {
    let approved = |head: &CommitId| {
        let roles = BTreeSet::from([Role::Owner, Role::Reviewer]);
        let votes = count(readings, &readings.source_reviews, &roles, |review| review.commit == *head);
        votes.no.is_empty() && !votes.yes.is_empty() && readings.strangers.is_empty()
    };
    readings.source_head.as_ref().is_some_and(approved)
}

/// Whether enough people approve the head and say why they break the glass, not too long ago, and all that stands in the way
/// is what the policy lets them get past.
pub(crate) fn glass_is_broken(question: Question<'_>, glass: Option<&BreakGlass>, blocking: &BTreeSet<&str>) -> bool {
    let readings = &question.facts.readings;
    let (Some(glass), Some(proposal)) = (glass, &readings.proposal) else { return false };
    let votes = votes(question, proposal, &glass.roles);
    let breaking: Vec<_> = votes.yes.values().filter(|review| says_why(&review.body)).collect();
    let enough = usize::try_from(glass.people.get()).is_ok_and(|people| breaking.len() >= people);
    let allowed = blocking.iter().all(|id| glass.requirements.iter().any(|it| it.as_str() == *id));
    let Some(last) = breaking.iter().map(|review| review.at.0).max() else { return false };
    let age = i128::from(question.at.0) - i128::from(last);
    let holds = (-60_000..i128::from(glass.valid_seconds) * 1_000).contains(&age);
    enough && allowed && holds && votes.no.is_empty() && readings.strangers.is_empty()
}

fn says_why(body: &str) -> bool {
    body.lines().any(|line| line.trim().strip_prefix("break glass:").is_some_and(|why| !why.trim().is_empty()))
}
