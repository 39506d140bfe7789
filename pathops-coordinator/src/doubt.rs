//! Looking once more at what was promoted: whether it would still be.

use std::collections::BTreeSet;
use std::convert::Infallible;

use pathops_core::adapter::{Importance, Notice};
use pathops_core::policy::{Doubt, HypotheticalFacts, Policy, in_doubt};
use pathops_core::{ChangeSetId, Digest, IdempotencyKey, OpContext, Result, UnitId};

use crate::activity::facts::read_declarations;
use crate::activity::promote::Candidate;
use crate::change_set::{LAST_GOOD, LastGood, Promoted, Role, State, promoted};
use crate::control_plane::ControlPlane;

/// What is known of all that is in production.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InProduction {
    /// What would not get there by what is known now.
    pub doubts: Vec<Doubt>,
    /// What could not be looked at, and why: nobody knows whether it would.
    pub unseen: Vec<String>,
}

impl ControlPlane {
    /// The doubts about all that is in production: of what the meta repository says is there, and of change sets that are
    /// still on their way. What cannot be looked at is no reason to leave the others aside: it is told to people, once, and is
    /// in the answer. [`ControlPlane::run`] looks by itself.
    ///
    /// # Errors
    /// Where nobody can say what is in production: what the Git host and the journal answer.
    pub async fn doubts_in_production(&self) -> Result<InProduction> {
        let services = self.services();
        let cx = &OpContext::new(IdempotencyKey::new("doubts"));
        let main = services.main(cx, self.meta_repo()).await?;
        let files = read_declarations(&*services.scm, cx, self.meta_repo(), &main, &[LAST_GOOD]).await?;
        let mut found = InProduction::default();
        let mut change_sets: BTreeSet<ChangeSetId> = self.open_change_sets().await?.into_iter().collect();
        for (path, file) in &files {
            match serde_json::from_slice::<LastGood>(&file.bytes) {
                Ok(good) => drop(change_sets.insert(good.change_set)),
                Err(error) => found.unseen.push(format!("{path} of {}: {error}", self.meta_repo())),
            }
        }
        for change_set in &change_sets {
            match self.state(change_set).await {
                Ok(Some(state)) => self.doubts_about(&state, &mut found).await,
                Ok(None) => found.unseen.push(format!("{change_set}: the journal does not know it")),
                Err(error) => found.unseen.push(format!("{change_set}: {error}")),
            }
        }
        for unseen in &found.unseen {
            self.tell_unseen(cx, unseen).await;
        }
        Ok(found)
    }

    /// Looks for doubts again and again. What cannot be looked at now is looked at the next time.
    pub(crate) async fn watch(&self) -> Infallible {
        loop {
            self.services().clock.sleep(self.services().pace.doubts).await;
            if let Err(error) = self.doubts_in_production().await {
                tracing::warn!(error = %error, "what is in production could not be looked at");
            }
        }
    }

    /// What of a change set is in production and would not get there now, because something has come to be known since:
    /// evidence that says no, an approval taken back, an incident. Each doubt is told to people once.
    ///
    /// Nothing is changed by it: what to do is for people, and for the next change set. Grants that were not used need
    /// none of this: they are decided anew when they are.
    ///
    /// # Errors
    /// What the journal, the Git host and the blob store answer.
    pub async fn doubts(&self, change_set: &ChangeSetId) -> Result<Vec<Doubt>> {
        let Some(state) = self.state(change_set).await? else { return Ok(Vec::new()) };
        let mut doubts = Vec::new();
        for unit in state.units.keys() {
            doubts.extend(self.doubt(&state, unit).await?);
        }
        Ok(doubts)
    }

    async fn doubts_about(&self, state: &State, found: &mut InProduction) {
        for unit in state.units.keys() {
            match self.doubt(state, unit).await {
                Ok(doubt) => found.doubts.extend(doubt),
                Err(error) => found.unseen.push(format!("{unit} of {}: {error}", state.start.change_set)),
            }
        }
    }

    async fn doubt(&self, state: &State, unit: &UnitId) -> Result<Option<Doubt>> {
        let Some(promoted) = promoted(state, unit) else { return Ok(None) };
        let cx = OpContext::new(IdempotencyKey::new(format!("doubts/{}/{unit}", state.start.change_set)));
        let (policy, facts) = self.facts_now(&cx, state, &promoted).await?;
        let doubt = in_doubt(&promoted.granted.decision, &policy, &facts, self.services().clock.now());
        if let Some(doubt) = &doubt {
            self.services().tell(&cx.part(&name(doubt)), Some(notice(state, doubt))).await;
        }
        Ok(doubt)
    }

    async fn tell_unseen(&self, cx: &OpContext, unseen: &str) {
        let services = self.services();
        tracing::warn!(unseen, "a part of production could not be looked at");
        let Ok(project) = self.project().await else { return };
        let text = format!("whether it may stay in production could not be looked at: {unseen}");
        let notice = Notice { project: project.id, change_set: None, importance: Importance::Failure, to: Vec::new(), text };
        services.tell(&cx.part(&Digest::of(unseen.as_bytes()).short()), Some(notice)).await;
    }

    async fn facts_now(&self, cx: &OpContext, state: &State, promoted: &Promoted<'_>) -> Result<(Policy, HypotheticalFacts)> {
        let Promoted { scope, combination, pull_request, shown, merged, .. } = promoted;
        let environments = &state.start.environments;
        let candidate = Candidate {
            scope,
            role: Role::Production,
            target: &environments.production,
            preflight: &environments.preflight,
            combination,
            pull_request,
            shown,
            merged: Some(merged),
        };
        let (policy, facts) = self.services().facts(cx, scope, combination, Some(&candidate)).await?;
        // What people approved is judged by the policy that they were shown: that it has changed since is no doubt.
        let facts = HypotheticalFacts::but(&facts, |facts| {
            if let Some(proposal) = &mut facts.readings.proposal {
                proposal.shown.policy = policy.digest();
            }
        });
        Ok((policy, facts))
    }
}

/// The same for the same doubt, whatever else becomes known.
fn name(doubt: &Doubt) -> String {
    let reasons: Vec<_> = doubt.requirements.iter().map(|(id, because)| format!("{id} {because}")).collect();
    Digest::of(format!("{} {}", doubt.granted_at, reasons.join("; ")).as_bytes()).short()
}

fn notice(state: &State, doubt: &Doubt) -> Notice {
    let reasons: Vec<_> = doubt.requirements.iter().map(|(id, because)| format!("{id}: {because}")).collect();
    Notice {
        project: state.start.project.clone(),
        change_set: Some(doubt.change_set.clone()),
        importance: Importance::Failure,
        to: Vec::new(),
        text: format!("{} in {} is in doubt: {}", doubt.unit, doubt.environment, reasons.join("; ")),
    }
}
