//! What a snapshot has beside what runs: who let it go there, what is wrong with that, and what others have stated of it.

use std::collections::BTreeSet;

use pathops_core::adapter::{Review, ReviewState, SubjectDigest};
use pathops_core::evidence::{Approval, Incident, Subject};
use pathops_core::project::Project;
use pathops_core::{EnvironmentId, OpContext, Result};
use pathops_evidence::{Collection, ENVELOPE_MEDIA_TYPE};

use crate::activity::Services;
use crate::activity::expect::{Asked, POLICY, approval_of, incident_of};
use crate::activity::facts::read_project;
use crate::change_set::{Command, PullRequestRef, Scope};

/// The project as it is now, or why it cannot be read.
pub(super) type Declared = std::result::Result<Project, String>;

impl Services {
    /// The project as it is now; the reason, where it cannot be read: a snapshot does not wait for that.
    pub(super) async fn declared(&self, cx: &OpContext, scope: &Scope) -> Declared {
        let project = read_project(&*self.scm, cx, &scope.meta_repo, &self.languages).await;
        project.map_err(|error| self.redactor.redact_text(&error.to_string()))
    }

    /// Who let it go there, and what is wrong with that.
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
                for approval in approvals {
                    let subject = Subject::named(format!("{unit}@{environment}")).with_commit(&approval.commit);
                    collection.evidence(&self.sealer.seal(cx, name.clone(), vec![subject], &approval).await?);
                }
                collection.absent(&name, "nobody has approved the head that was merged");
            }
            Err(error) => collection.absent(&name, self.redactor.redact_text(&error.to_string())),
        }
        Ok(())
    }

    /// Who approved the head of a pull request, as the Git host has it.
    async fn approvals(
        &self,
        cx: &OpContext,
        scope: &Scope,
        environment: &EnvironmentId,
        PullRequestRef { repo, number, .. }: &PullRequestRef,
        project: &Project,
    ) -> Result<Vec<Approval>> {
        let head = self.scm.pull_request(cx, repo, *number).await?.head;
        let reviews = self.scm.reviews(cx, repo, *number).await?.into_iter();
        let approvals = reviews.filter(|review| review.state == ReviewState::Approved && review.commit == head);
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
            Err(why) => return collection.absent(POLICY, format!("it cannot be read: {why}")),
        };
        let Some(index) = &self.evidence else {
            return asked.keys().for_each(|part| collection.absent(part, "the host has no index of evidence of others"));
        };
        let digests: BTreeSet<_> = subject
            .digest
            .iter()
            .map(|(algorithm, value)| SubjectDigest { algorithm: algorithm.clone(), value: value.clone() })
            .collect();
        let found = match index.about(cx, &digests).await {
            Ok(found) => found,
            Err(error) => {
                let why = self.redactor.redact_text(&error.to_string());
                return asked.keys().for_each(|part| collection.absent(part, &why));
            }
        };
        for (part, types) in &asked {
            for entry in found.iter().filter(|entry| types.iter().any(|it| entry.predicate_type().starts_with(it.as_str()))) {
                let envelope = entry.envelope();
                collection.payload(part, &envelope, &self.blobs.location(&envelope), ENVELOPE_MEDIA_TYPE, None);
            }
            collection.absent(part, "nobody has stated it of what is there");
        }
    }
}
