//! Looking once more at what was promoted: whether it would still be.

use pathops_core::adapter::{Importance, Notice};
use pathops_core::policy::{Decision, Doubt, HypotheticalFacts, evaluate, in_doubt};
use pathops_core::{ChangeSetId, IdempotencyKey, OpContext, Result};

use crate::activity::promote::Candidate;
use crate::change_set::{Promoted, Role, State, promoted};
use crate::control_plane::ControlPlane;

impl ControlPlane {
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
            let now = self.decision_now(&cx, &state, &promoted).await?;
            if let Some(doubt) = in_doubt(&promoted.granted.decision, &now) {
                self.services().tell(&cx.part(&now.facts.to_string()), Some(notice(&state, &doubt))).await;
                doubts.push(doubt);
            }
        }
        Ok(doubts)
    }

    async fn decision_now(&self, cx: &OpContext, state: &State, promoted: &Promoted<'_>) -> Result<Decision> {
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
        Ok(evaluate(&policy, &facts, self.services().clock.now()))
    }
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
