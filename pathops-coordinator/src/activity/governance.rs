//! What a snapshot has beside what runs: who had approved what went there, what is wrong with that, and what others have stated of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use pathops_core::adapter::{PullRequestState, Review, ReviewState, SubjectDigest};
use pathops_core::evidence::{AbsenceKind, Approval, Incident, Keeping, Subject};
use pathops_core::policy::EvidenceFact;
use pathops_core::project::Project;
use pathops_core::{CommitId, Digest, EnvironmentId, OpContext, Result, UnixMillis};
use pathops_evidence::{Collection, Draft, ENVELOPE_MEDIA_TYPE};

use crate::activity::Services;
use crate::activity::expect::{Asked, POLICY, answers, approval_of, incident_of};
use crate::change_set::{Command, PullRequestRef, Scope};

/// The project as it is now, or why it cannot be read.
pub(super) type Declared = std::result::Result<Arc<Project>, String>;

/// How long what was collected at this instant is kept. What the project says nothing of is kept for ever.
pub(super) fn keeping(declared: &Declared, collected: UnixMillis) -> Keeping {
    match declared {
        Ok(project) => match &project.retention {
            Some(policy) => Keeping::By(policy.clone(), collected),
            None => Keeping::ForEver("the project has no retention policy".to_owned()),
        },
        Err(why) => Keeping::ForEver(format!("the project cannot be read: {why}")),
    }
}

impl Services {
    /// The project as it is now; the reason, where it cannot be read: a snapshot does not wait for that.
    pub(super) async fn declared(&self, cx: &OpContext, scope: &Scope) -> Declared {
        let project = self.project(cx, &scope.meta_repo).await;
        project.map_err(|error| self.redactor.redact_text(&error.to_string()))
    }

    /// Who had approved what went there, and what is wrong with that.
    pub(super) async fn governance(
        &self,
        cx: &OpContext,
        command: &Command,
        declared: &Declared,
        subject: &Subject,
        collection: &mut Collection,
    ) -> Result<()> {
        let Command::Collect { scope, target, approved, incident, .. } = command else { return Ok(()) };
        let (unit, environment) = (&scope.unit.id, &target.environment);
        if let Some(incident) = incident {
            let incident = Incident { summary: self.redactor.redact_text(&incident.summary), ..incident.clone() };
            let name = incident_of(unit, environment);
            collection.evidence(&self.sealer.seal(cx, name, vec![subject.clone()], &incident).await?);
        }
        let (Some(pull_request), Ok(project)) = (approved, declared) else { return Ok(()) };
        let name = approval_of(unit, environment);
        match self.approvals(cx, scope, environment, pull_request, project).await {
            Ok(approvals) => {
                let draft = |approval: &Approval| {
                    let subject = Subject::named(format!("{unit}@{environment}")).with_commit(&approval.commit);
                    Draft::new(&name, vec![subject], approval)
                };
                let drafts = approvals.iter().map(draft).collect::<Result<_>>()?;
                self.sealer.seal_all(cx, drafts).await?.iter().for_each(|record| collection.evidence(record));
                collection.absent(&name, AbsenceKind::NothingThere, "nobody had approved the head when it was merged");
            }
            Err(error) => collection.absent(&name, error.kind().into(), self.redactor.redact_text(&error.to_string())),
        }
        Ok(())
    }

    /// Who approved the head of a pull request, and not only after it was merged, as the Git host has it. Whether their word counts,
    /// for example that of an author, is said by the decision.
    async fn approvals(
        &self,
        cx: &OpContext,
        scope: &Scope,
        environment: &EnvironmentId,
        PullRequestRef { repo, number, .. }: &PullRequestRef,
        project: &Project,
    ) -> Result<Vec<Approval>> {
        let pull_request = self.scm.pull_request(cx, repo, *number).await?;
        let reviews = self.scm.reviews(cx, repo, *number).await?.into_iter();
        let approvals = reviews.filter(|review| approves(review, &pull_request.head, &pull_request.state));
        let approval = |review: Review| Approval {
            change_set: scope.change_set.clone(),
            unit: scope.unit.id.clone(),
            environment: environment.clone(),
            repo: repo.clone(),
            pull_request: *number,
            commit: review.commit,
            approver: project.identities.principal(review.author),
            approved_on: review.at,
        };
        Ok(approvals.map(approval).collect())
    }

    /// Evidence of others about the subject that answers what the policy asks for.
    pub(super) async fn take_of_others(
        &self,
        cx: &OpContext,
        scope: &Scope,
        declared: &Declared,
        subject: &Subject,
        collection: &mut Collection,
    ) {
        let asked = match declared {
            Ok(project) => Asked::by(&project.policy, &scope.unit).of_others,
            Err(why) => return collection.absent(POLICY, AbsenceKind::Unreadable, format!("it cannot be read: {why}")),
        };
        if self.evidence.is_none() {
            let why = "the host has no index of evidence of others";
            return asked.keys().for_each(|part| collection.absent(part, AbsenceKind::NotConfigured, why));
        }
        let digests: BTreeSet<_> = subject
            .digest
            .iter()
            .map(|(algorithm, value)| SubjectDigest { algorithm: algorithm.clone(), value: value.clone() })
            .collect();
        let (trust, found) = match self.outside_evidence(cx, &digests).await {
            Ok(found) => found,
            Err(error) => {
                let why = self.redactor.redact_text(&error.to_string());
                return asked.keys().for_each(|part| collection.absent(part, error.kind().into(), &why));
            }
        };
        let (unit, provides) = (&scope.unit.id, &scope.unit.provides);
        // What cannot be verified or read answers nothing.
        let facts = found.iter().filter_map(|envelope| {
            let fact = EvidenceFact::read(&trust.verify(envelope).ok()?, &trust).ok()??;
            Some((fact, Digest::of(&envelope.to_vec().ok()?)))
        });
        let facts: Vec<_> = facts.collect();
        for (part, asks) in &asked {
            for (_, envelope) in facts.iter().filter(|(fact, _)| answers(asks, unit, provides, fact)) {
                collection.payload(part, envelope, &self.blobs.location(envelope), ENVELOPE_MEDIA_TYPE, None);
            }
            collection.absent(part, AbsenceKind::NothingThere, "nobody has stated it of what is there");
        }
    }
}

/// Whether a review lets this head be merged: what is said afterwards let nothing go anywhere.
fn approves(review: &Review, head: &CommitId, state: &PullRequestState) -> bool {
    let in_time = match state {
        PullRequestState::Merged { at, .. } => review.at <= *at,
        PullRequestState::Open | PullRequestState::Closed { .. } => true,
    };
    review.state == ReviewState::Approved && review.commit == *head && in_time
}

#[cfg(test)]
mod tests {
    use pathops_core::evidence::{EvidenceId, KeyId};
    use pathops_core::policy::{Ask, Finding};
    use pathops_core::{Principal, UnixMillis};

    use super::*;

    #[test]
    fn what_is_said_after_the_merge_let_nothing_in() {
        let head = CommitId::parse("1".repeat(40)).unwrap();
        let by = Principal::System;
        let said = |at, commit: &CommitId| Review {
            author: by.clone(),
            state: ReviewState::Approved,
            commit: commit.clone(),
            at: UnixMillis(at),
            body: String::new(),
        };
        let merged =
            PullRequestState::Merged { by: by.clone(), commit: CommitId::parse("2".repeat(40)).unwrap(), at: UnixMillis(5) };
        assert!(approves(&said(5, &head), &head, &merged) && !approves(&said(6, &head), &head, &merged));
        assert!(!approves(&said(4, &CommitId::parse("3".repeat(40)).unwrap()), &head, &merged));
        assert!(approves(&said(6, &head), &head, &PullRequestState::Open));
    }

    #[test]
    fn evidence_answers_an_ask_for_its_own_type_by_whom_it_accepts() {
        let asks: Ask = serde_json::from_value(serde_json::json!({"evidence": {
            "predicateType": "https://example.org/scan/v0.1", "about": "artifact",
            "accept": {"maxAgeSeconds": 86400, "from": ["scanner"]},
        }}))
        .unwrap();
        let fact = |predicate_type: &str, producer: &str| EvidenceFact {
            id: EvidenceId(Digest::of(b"evidence")),
            signer: KeyId(Digest::of(b"key")),
            producers: BTreeSet::from([producer.parse().unwrap()]),
            in_ledger: false,
            predicate_type: predicate_type.to_owned(),
            subjects: Vec::new(),
            unit: None,
            environment: None,
            at: UnixMillis(0),
            says: Finding::Verified { passed: true },
        };
        let answered = |fact: &EvidenceFact| answers(&asks, &"orders".parse().unwrap(), &BTreeSet::new(), fact);
        assert!(answered(&fact("https://example.org/scan/v0.1", "scanner")));
        assert!(!answered(&fact("https://example.org/scan/v0.10", "scanner")), "another type that begins alike");
        assert!(!answered(&fact("https://example.org/scan/v0.1", "somebody")));
    }
}
