//! Who has approved a change of the meta repository.

use std::collections::BTreeMap;

use pathops_core::adapter::{PullRequest, Review, ReviewState};
use pathops_core::project::Project;
use pathops_core::{CommitId, OpContext, PersonId, Principal, Result};

use super::trial::Trial;
use crate::activity::facts::{Authors, Merges};
use crate::control_plane::ControlPlane;

impl ControlPlane {
    /// Takes down who has approved the head, with the roles that the branch gave them before the change: nobody approves
    /// themselves into a role. Who has a part in it does not count, nor does anybody while a part is a stranger's or somebody
    /// with a role asks for changes. Gives who has written all of it, where that is the person who proposed it and nobody else has a
    /// part in it.
    pub(super) async fn approvers(
        &self,
        cx: &OpContext,
        pull_request: &PullRequest,
        base: &CommitId,
        before: &Project,
        trial: &mut Trial,
    ) -> Result<Option<PersonId>> {
        let (services, meta) = (self.services(), self.meta_repo());
        let mut authors = Authors::of([pull_request.author.clone()]);
        services.authors(cx, meta, base, &pull_request.head, Merges::Count, &mut authors).await?;
        let authors = authors.into_people(&before.identities);
        // Who has proposed it is among them, by the host's word; the others by what Git says.
        let writer = match authors.known.iter().collect::<Vec<_>>()[..] {
            [Principal::Human(person)] if authors.strangers.is_empty() => Some(person.clone()),
            _ => None,
        };
        if !authors.strangers.is_empty() {
            let who: Vec<_> = authors.strangers.into_iter().collect();
            let why = format!("the host does not know who {} is, so nobody has approved it that counts", who.join(", "));
            trial.warnings.push(services.redactor.redact_text(&why));
            return Ok(writer);
        }
        let has_a_part = |person: &PersonId| authors.known.iter().any(|author| author.person() == Some(person));
        let roles = |person: &PersonId| before.people.get(person).filter(|roles| !roles.is_empty());
        let reviews = services.scm.reviews(cx, meta, pull_request.number).await?;
        let words = last_words(&reviews, before);
        let refusals = words.iter().filter(|(person, it)| it.state == ReviewState::ChangesRequested && roles(person).is_some());
        if let Some((person, _)) = refusals.into_iter().next() {
            trial.warnings.push(format!("{person} asks for changes, so nobody has approved it that counts"));
            return Ok(writer);
        }
        for (person, review) in words {
            let counts = review.state == ReviewState::Approved && review.commit == pull_request.head && !has_a_part(&person);
            if let Some(roles) = roles(&person).filter(|_| counts) {
                trial.approved_by.insert(person.clone(), roles.clone());
            }
        }
        Ok(writer)
    }
}

/// The last word of each person, whichever of their accounts it came from.
fn last_words<'r>(reviews: &'r [Review], project: &Project) -> BTreeMap<PersonId, &'r Review> {
    let mut words: BTreeMap<PersonId, &Review> = BTreeMap::new();
    for review in reviews.iter().filter(|review| review.state != ReviewState::Commented) {
        let Principal::Human(person) = project.identities.principal(review.author.clone()) else { continue };
        let last = words.entry(person).or_insert(review);
        if review.at >= last.at {
            *last = review;
        }
    }
    words
}
