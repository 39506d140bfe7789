//! Looking once more at what was promoted: whether it would still be.

use std::collections::BTreeSet;
use std::convert::Infallible;

use pathops_core::adapter::{Importance, Notice};
use pathops_core::policy::{Doubt, HypotheticalFacts, Policy, in_doubt};
use pathops_core::{ChangeSetId, Digest, IdempotencyKey, OpContext, Result};

use crate::activity::facts::read_declarations;
use crate::activity::promote::Candidate;
use crate::change_set::{LAST_GOOD, LastGood, Promoted, Role, State, promoted};
use crate::control_plane::ControlPlane;

impl ControlPlane {
    /// The doubts about all that is in production: of what the meta repository says is there, and of change sets that are
    /// still on their way. [`ControlPlane::run`] looks for them by itself.
    ///
    /// # Errors
    /// As [`ControlPlane::doubts`].
    pub async fn doubts_in_production(&self) -> Result<Vec<Doubt>> {
        let services = self.services();
        let cx = &OpContext::new(IdempotencyKey::new("doubts"));
        let main = services.main(cx, self.meta_repo()).await?;
        let files = read_declarations(&*services.scm, cx, self.meta_repo(), &main, &[LAST_GOOD]).await?;
        let good = files.values().filter_map(|file| serde_json::from_slice::<LastGood>(&file.bytes).ok());
        let mut change_sets: BTreeSet<ChangeSetId> = good.map(|good| good.change_set).collect();
        change_sets.extend(self.open_change_sets().await?);
        let mut doubts = Vec::new();
        for change_set in &change_sets {
            doubts.extend(self.doubts(change_set).await?);
        }
        Ok(doubts)
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
            let Some(promoted) = promoted(&state, unit) else { continue };
            let cx = OpContext::new(IdempotencyKey::new(format!("doubts/{change_set}/{unit}")));
            let (policy, facts) = self.facts_now(&cx, &state, &promoted).await?;
            let now = self.services().clock.now();
            if let Some(doubt) = in_doubt(&promoted.granted.decision, &policy, &facts, now) {
                self.services().tell(&cx.part(&name(&doubt)), Some(notice(&state, &doubt))).await;
                doubts.push(doubt);
            }
        }
        Ok(doubts)
    }

    async fn facts_now(&self, cx: &OpContext, state: &State, promoted: &Promoted<'_>) -> Result<(Policy, HypotheticalFacts)> {
        let Promoted { scope, combination, pull_request, shown, .. } = promoted;
        let environments = &state.start.environments;
        let candidate = Candidate {
            scope,
            role: Role::Production,
            target: &environments.production,
            preflight: &environments.preflight,
            combination,
            pull_request,
            shown,
            merged: true,
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
    let ids: Vec<_> = doubt.requirements.iter().map(|(id, _)| id.as_str()).collect();
    Digest::of(format!("{} {}", doubt.granted_at, ids.join(" ")).as_bytes()).short()
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
