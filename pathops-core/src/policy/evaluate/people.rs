//! What people have said, and whose word counts (I2).

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use super::standing::Standing;
use crate::adapter::{Review, ReviewState};
use crate::id::{CommitId, PersonId};
use crate::policy::{ApprovalRule, Proposal, Shown, Verdict};
use crate::principal::Principal;
use crate::project::Role;

/// What people give.
const APPROVAL: &str = "approval of the pull request's head";

/// Who has approved a head commit, and who asks for changes; only people that count, each once.
pub(in crate::policy) struct Votes {
    pub(in crate::policy) yes: BTreeSet<PersonId>,
    no: BTreeSet<PersonId>,
    void: Vec<String>,
}

impl Votes {
    /// Those of a production pull request.
    pub(in crate::policy) fn of(proposal: &Proposal, roles: &BTreeSet<Role>, case: &Case<'_>) -> Self {
        Self::count(&proposal.reviews, &proposal.head, Some(&proposal.shown), roles, case)
    }

    fn count(reviews: &[Review], head: &CommitId, shown: Option<&Shown>, roles: &BTreeSet<Role>, case: &Case<'_>) -> Self {
        let mut votes = Self { yes: BTreeSet::new(), no: BTreeSet::new(), void: Vec::new() };
        for review in newest(reviews, case) {
            let who = case.voter(&review.author);
            match (review.state, case.why_void(review, head, shown, roles), who) {
                (ReviewState::Approved, Some(why), _) => votes.void.push(format!("{} ({why})", review.author)),
                (ReviewState::Approved, None, Some(person)) => drop(votes.yes.insert(person.clone())),
                (ReviewState::ChangesRequested, _, Some(person)) if case.holds(person, roles) => {
                    votes.no.insert(person.clone());
                }
                _ => {}
            }
        }
        votes
    }
}

/// The last word of each person, whichever of their accounts it came from. Comments do not take a vote back.
pub(super) fn newest<'r>(reviews: &'r [Review], case: &Case<'_>) -> impl Iterator<Item = &'r Review> {
    let mut newest: BTreeMap<Principal, &Review> = BTreeMap::new();
    for review in reviews.iter().filter(|review| review.state != ReviewState::Commented) {
        let who = case.voter(&review.author).map_or_else(|| review.author.clone(), |person| Principal::Human(person.clone()));
        let last = newest.entry(who).or_insert(review);
        if review.at >= last.at {
            *last = review;
        }
    }
    newest.into_values()
}

impl Case<'_> {
    /// The person who voted; nobody else has a vote.
    pub(super) fn voter<'r>(&'r self, author: &'r Principal) -> Option<&'r PersonId> {
        match author {
            Principal::Human(account) => Some(self.facts.readings.person(account)),
            Principal::Agent { .. } | Principal::System => None,
        }
    }

    /// Why an approval does not count.
    pub(super) fn why_void(
        &self,
        review: &Review,
        head: &CommitId,
        shown: Option<&Shown>,
        roles: &BTreeSet<Role>,
    ) -> Option<&'static str> {
        let Some(person) = self.voter(&review.author) else { return Some("not a person") };
        let is_of_another = |shown: &Shown| shown.policy != self.policy.digest() || review.at < shown.since;
        if self.facts.readings.has_a_part(person) {
            Some("has a part in the change")
        } else if !self.holds(person, roles) {
            Some("does not hold the role")
        } else if review.commit != *head {
            Some("for an earlier head")
        } else if shown.is_some_and(is_of_another) {
            Some("under another policy")
        } else {
            None
        }
    }

    pub(super) fn holds(&self, person: &PersonId, roles: &BTreeSet<Role>) -> bool {
        self.facts.readings.people.get(person).is_some_and(|held| !held.is_disjoint(roles))
    }

    /// The people who could approve.
    pub(super) fn eligible(&self, roles: &BTreeSet<Role>, but: &BTreeSet<PersonId>) -> Vec<String> {
        let readings = &self.facts.readings;
        let people = readings.people.keys().filter(|person| readings.person(person) == *person);
        people
            .filter(|person| self.holds(person, roles) && !readings.has_a_part(person) && !but.contains(*person))
            .map(PersonId::to_string)
            .collect()
    }

    pub(super) fn approvals(&self, rule: &ApprovalRule) -> Standing {
        let Some(proposal) = &self.facts.readings.proposal else {
            return Standing::new(Verdict::Unknown, "asked for on the production pull request").later();
        };
        let votes = Votes::of(proposal, &rule.roles, self);
        let void = if votes.void.is_empty() { String::new() } else { format!("; not counted: {}", votes.void.join(", ")) };
        let (given, wanted) = (count(votes.yes.iter()), rule.count.get());
        let standing = if !self.facts.readings.strangers.is_empty() {
            self.strangers()
        } else if !votes.no.is_empty() {
            Standing::new(Verdict::Fail, format!("{} asked for changes", names(&votes.no)))
        } else if given >= wanted {
            Standing::new(Verdict::Pass, format!("approved by {}{void}", names(&votes.yes)))
        } else {
            Standing::new(Verdict::Unknown, format!("{given} of {wanted} approvals of head {}{void}", short(&proposal.head)))
        };
        self.lacking_votes(standing, rule, votes)
    }

    /// Everybody who asks for changes has to be won over, and those of them who have no part in the change approve by that;
    /// what is then still missing may come from anybody else who can.
    fn lacking_votes(&self, mut standing: Standing, rule: &ApprovalRule, Votes { yes, no, .. }: Votes) -> Standing {
        let won_over = no.iter().filter(|person| !self.facts.readings.has_a_part(person));
        let given = count(yes.iter()).saturating_add(count(won_over));
        if !no.is_empty() {
            standing = standing.needs_of(count(no.iter()), APPROVAL, no.iter().map(PersonId::to_string).collect());
        }
        match rule.count.get().saturating_sub(given) {
            0 => standing,
            more => standing.needs_of(more, APPROVAL, self.eligible(&rule.roles, &yes.into_iter().chain(no).collect())),
        }
    }

    fn strangers(&self) -> Standing {
        let names: Vec<_> = self.facts.readings.strangers.iter().map(String::as_str).collect();
        let because = format!(
            "the host does not know who {} is, so nobody can tell whether an approval is somebody else's",
            names.join(", ")
        );
        Standing::new(Verdict::Unknown, because).needs("commits by people whom the host knows", Vec::new())
    }
}

impl Case<'_> {
    /// Tests that the change's own pipeline reports are believed once a person has approved that pipeline, and nobody whom the
    /// host does not know had a part in it.
    pub(super) fn pipeline(&self, counts: &str) -> Standing {
        match self.pipeline_approvers() {
            Some(people) => {
                Standing::new(Verdict::Pass, format!("{counts}; the changed pipeline was approved by {}", names(&people)))
            }
            None => Standing::new(Verdict::Unknown, format!("{counts}, says a pipeline that this very change touched")).needs(
                "an approval of the source pull request's head before its merge",
                self.eligible(&pipeline_roles(), &BTreeSet::new()),
            ),
        }
    }

    pub(in crate::policy) fn pipeline_is_approved(&self) -> bool {
        self.pipeline_approvers().is_some()
    }

    fn pipeline_approvers(&self) -> Option<BTreeSet<PersonId>> {
        let readings = &self.facts.readings;
        let head = readings.source_head.as_ref().filter(|_| readings.strangers.is_empty())?;
        let votes = Votes::count(&readings.source_reviews, head, None, &pipeline_roles(), self);
        (!votes.yes.is_empty() && votes.no.is_empty()).then_some(votes.yes)
    }
}

fn pipeline_roles() -> BTreeSet<Role> {
    BTreeSet::from([Role::Owner, Role::Reviewer])
}

fn count<'p>(people: impl Iterator<Item = &'p PersonId>) -> u32 {
    u32::try_from(people.count()).unwrap_or(u32::MAX)
}

pub(super) fn names<'p>(people: impl IntoIterator<Item = &'p PersonId>) -> String {
    people.into_iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ")
}

fn short(commit: &CommitId) -> &str {
    commit.as_str().get(..12).unwrap_or_default()
}
