//! Looking once more at what was promoted: whether it would still be.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use pathops_core::adapter::{Importance, Notice};
use pathops_core::evidence::{InDoubt, Subject, Unmet};
use pathops_core::policy::{DecisionRecord, Doubt, HypotheticalFacts, Policy, in_doubt, record_in_doubt};
use pathops_core::{ChangeSetId, Digest, Error, ErrorKind, IdempotencyKey, OpContext, RepoPath, Result, UnitId};
use pathops_evidence::EvidenceRecord;
use serde_json::json;

use crate::activity::Services;
use crate::activity::facts::read_declarations;
use crate::activity::promote::Candidate;
use crate::activity::record::{Record, message};
use crate::change_set::{Decided, LAST_GOOD, LastGood, Promoted, RECORD_FORMAT, Role, State, document, promoted};
use crate::control_plane::ControlPlane;
use crate::retry::with_retry;

/// The doubts that this host has signed, by where they are recorded.
pub(crate) type Doubts = Mutex<BTreeMap<RepoPath, (InDoubt, EvidenceRecord)>>;

/// What is known of what is in production.
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
        self.tell_unseen(cx, &found.unseen).await;
        Ok(found)
    }

    /// Looks for doubts, and for incidents, again and again. What cannot be looked at now is looked at the next time.
    pub(crate) async fn watch(&self) -> Infallible {
        let mut left = self.gives_up_snapshots().await;
        loop {
            self.services().clock.sleep(self.services().pace.doubts).await;
            if let Err(error) = self.doubts_in_production().await {
                tracing::warn!(error = %error, "what is in production could not be looked at");
            }
            if let Err(error) = self.start_incidents().await {
                tracing::warn!(error = %error, "an incident may have no run");
            }
            left = left && self.gives_up_snapshots().await;
            if let Err(error) = self.send_back().await {
                tracing::warn!(error = %error, "what has an incident could not be sent back");
            }
        }
    }

    /// What of a change set is in production and would not get there now, because something has come to be known since:
    /// evidence that says no, an approval taken back, an incident. Each doubt is told to people once, signed as
    /// [`InDoubt`], and recorded below the change set's folder `doubts`.
    ///
    /// It is looked at by the record of the decision, under the policy that it was granted under and under the one of now.
    /// Where that record cannot be read, the policy of now is all there is: what it finds is told, and so is that the rest is
    /// unseen.
    ///
    /// Nothing else is changed by it: what to do is for people, and for the next change set. Grants that were not used need
    /// none of this: they are decided anew when they are.
    ///
    /// # Errors
    /// What the journal answers. What cannot be looked at is no error: it is in the answer, and told to people once.
    pub async fn doubts(&self, change_set: &ChangeSetId) -> Result<InProduction> {
        let mut found = InProduction::default();
        let Some(state) = self.state(change_set).await? else { return Ok(found) };
        self.doubts_about(&state, &mut found).await;
        self.tell_unseen(&OpContext::new(IdempotencyKey::new("doubts")), &found.unseen).await;
        Ok(found)
    }

    async fn doubts_about(&self, state: &State, found: &mut InProduction) {
        for unit in state.units.keys() {
            if let Err(error) = self.doubt(state, unit, found).await {
                found.unseen.push(unseen(state, unit, &error));
            }
        }
    }

    async fn doubt(&self, state: &State, unit: &UnitId, found: &mut InProduction) -> Result<()> {
        let Some(promoted) = promoted(state, unit) else { return Ok(()) };
        let services = self.services();
        let cx = OpContext::new(IdempotencyKey::new(format!("doubts/{}/{unit}", state.start.change_set)));
        let (policy, facts) = services.facts_now(&cx, state, &promoted).await?;
        let now = services.clock.now();
        let doubt = match services.granted(&cx, promoted.granted).await {
            Ok(granted) => {
                record_in_doubt(&granted, &policy, &services.languages, &facts, now).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        let doubt = doubt.unwrap_or_else(|why| {
            let why =
                format!("what it was granted under cannot be read, and it was looked at under the policy of now only: {why}");
            found.unseen.push(unseen(state, unit, &why));
            in_doubt(&promoted.granted.decision, &policy, &facts, now)
        });
        if let Some(doubt) = &doubt {
            services.tell(&cx.part(&name(doubt)), Some(notice(state, doubt))).await;
            if let Err(error) = self.record_doubt(&cx, &promoted, doubt).await {
                tracing::warn!(error = %error, unit = %doubt.unit, "a doubt is not recorded yet; the next look tries that again");
            }
        }
        found.doubts.extend(doubt);
        Ok(())
    }

    /// Signs a doubt, and records it beside the change set, once. Where it cannot be recorded it is not signed again and again.
    async fn record_doubt(&self, cx: &OpContext, promoted: &Promoted<'_>, doubt: &Doubt) -> Result<()> {
        let services = self.services();
        let cx = &cx.part("record");
        let path = format!("change-sets/{}/doubts/{}-{}.json", doubt.change_set, doubt.unit, name(doubt));
        let path = RepoPath::parse(path).map_err(|error| unrecorded(&error))?;
        let main = services.main(cx, self.meta_repo()).await?;
        if services.scm.read_file(cx, self.meta_repo(), &main, &path).await?.is_some() {
            return Ok(());
        }
        let known = locked(&self.doubts).get(&path).cloned();
        let (says, evidence) = match known {
            Some(signed) => signed,
            None => {
                let signed = self.sign_doubt(cx, promoted, doubt).await?;
                locked(&self.doubts).insert(path.clone(), signed.clone());
                signed
            }
        };
        let text = document(json!({ "format": RECORD_FORMAT, "doubt": says, "evidence": evidence }));
        let once = [(path, text)];
        let (message, meta_repo, at) = (message(&doubt.change_set), self.meta_repo(), says.seen_on);
        let what = Record { message, meta_repo, at, files: &[], once: &once, apps: &[], releases: &[] };
        with_retry(&*services.clock, || -> BoxFuture<'_, _> { Box::pin(services.record(cx, &what)) }).await.map(drop)
    }

    async fn sign_doubt(&self, cx: &OpContext, promoted: &Promoted<'_>, doubt: &Doubt) -> Result<(InDoubt, EvidenceRecord)> {
        let (services, Promoted { combination, granted, .. }) = (self.services(), promoted);
        // What is signed cannot be taken back.
        let redacted = |text: &str| services.redactor.redact_text(text);
        let unmet = doubt.requirements.iter().map(|(id, because)| Unmet { id: id.clone(), because: redacted(because) });
        let says = InDoubt {
            change_set: doubt.change_set.clone(),
            unit: doubt.unit.clone(),
            environment: doubt.environment.clone(),
            decision: granted.record.id,
            granted_on: doubt.granted_at,
            requirements: unmet.collect(),
            people: doubt.people.clone(),
            seen_on: services.clock.now(),
        };
        let tested = &combination.tested;
        let mut subject = Subject::named(doubt.unit.to_string()).with_tree(&tested.tree).with_commit(&tested.commit);
        if let Some(artifact) = &combination.artifact {
            subject = subject.with_sha256(artifact);
        }
        let name = format!("{} {} in doubt", doubt.unit, doubt.environment);
        let evidence = services.sealer.seal(cx, name, vec![subject], &says).await?;
        Ok((says, evidence))
    }

    async fn tell_unseen(&self, cx: &OpContext, unseen: &[String]) {
        let services = self.services();
        if unseen.is_empty() {
            return;
        }
        tracing::warn!(?unseen, "a part of production could not be looked at");
        let Ok(project) = self.declared().await else { return };
        for unseen in unseen {
            let text = format!("whether it may stay in production could not be looked at: {unseen}");
            let (project, importance) = (project.id.clone(), Importance::Failure);
            let notice = Notice { project, change_set: None, importance, to: Vec::new(), text };
            services.tell(&cx.part(&Digest::of(unseen.as_bytes()).short()), Some(notice)).await;
        }
    }
}

impl Services {
    /// The decision behind a grant, as it was signed: the one that the journal knows.
    pub(crate) async fn granted(&self, cx: &OpContext, granted: &Decided) -> Result<DecisionRecord> {
        let record = self.decision_record(cx, &granted.record).await?;
        if record.decision == granted.decision {
            return Ok(record);
        }
        let error = Error::new(ErrorKind::Corrupt, "read a decision back").on(granted.record.id);
        Err(error.because("the journal knows another one"))
    }

    /// The policy and the facts about what is in production, as they are now.
    pub(crate) async fn facts_now(
        &self,
        cx: &OpContext,
        state: &State,
        promoted: &Promoted<'_>,
    ) -> Result<(Policy, HypotheticalFacts)> {
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
        let (policy, facts) = self.facts(cx, scope, combination, Some(&candidate)).await?;
        // What people approved is judged by the policy that they were shown: that it has changed since is no doubt.
        let facts = HypotheticalFacts::but(&facts, |facts| {
            if let Some(proposal) = &mut facts.readings.proposal {
                proposal.shown.policy = policy.digest();
            }
        });
        Ok((policy, facts))
    }
}

fn unrecorded(why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, "record a doubt").because(why)
}

fn unseen(state: &State, unit: &UnitId, why: &dyn std::fmt::Display) -> String {
    format!("{unit} of {}: {why}", state.start.change_set)
}

/// The same for the same doubt, whatever else becomes known: numbers in its reasons come and go.
fn name(doubt: &Doubt) -> String {
    let requirements: Vec<_> = doubt.requirements.iter().map(|(id, _)| id.as_str()).collect();
    Digest::of(format!("{} {}", doubt.granted_at, requirements.join(" ")).as_bytes()).short()
}

fn locked(doubts: &Doubts) -> MutexGuard<'_, BTreeMap<RepoPath, (InDoubt, EvidenceRecord)>> {
    doubts.lock().unwrap_or_else(PoisonError::into_inner)
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
