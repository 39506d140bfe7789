//! That a unit was released: stated once it is seen to be live in production.

use pathops_core::adapter::{PullRequestState, Readiness};
use pathops_core::evidence::{AbsenceKind, Occasion, Release, Released, Subject};
use pathops_core::project::EnvironmentKind;
use pathops_core::{OpContext, Result};
use pathops_evidence::Collection;

use crate::activity::Services;
use crate::activity::expect::release_of;
use crate::activity::governance::Declared;
use crate::change_set::Command;

impl Services {
    /// States what was released and for whom, and by whose hand: what is ready in production, which people merged there. What is
    /// put back is no release, and what was seen to fail neither.
    pub(super) async fn release(
        &self,
        cx: &OpContext,
        command: &Command,
        declared: &Declared,
        subject: &Subject,
        collection: &mut Collection,
    ) -> Result<()> {
        let Command::Collect { scope, target, occasion, observation, approved, .. } = command else { return Ok(()) };
        let name = release_of(&scope.unit.id, &target.environment);
        let ready = observation.as_ref().filter(|it| it.readiness == Readiness::Ready);
        let (Some(observation), Some(pull_request), EnvironmentKind::Production, Occasion::Deployed) =
            (ready, approved, target.kind, *occasion)
        else {
            return Ok(());
        };
        let (Ok(project), Some(commit)) = (declared, &observation.commit) else {
            collection.absent(&name, AbsenceKind::Unreadable, "the project cannot be read: nobody can say who merged it");
            return Ok(());
        };
        let by = match self.scm.pull_request(cx, &pull_request.repo, pull_request.number).await {
            Ok(found) => match found.state {
                PullRequestState::Merged { by, .. } => by,
                PullRequestState::Open | PullRequestState::Closed { .. } => {
                    collection.absent(&name, AbsenceKind::NothingThere, "the Git host does not know that it was merged");
                    return Ok(());
                }
            },
            Err(error) => {
                collection.absent(&name, error.kind().into(), self.redactor.redact_text(&error.to_string()));
                return Ok(());
            }
        };
        let promotion = Released {
            change_set: scope.change_set.clone(),
            title: self.redactor.redact_text(&scope.title),
            requested_by: scope.sponsor.clone(),
            unit: scope.unit.id.clone(),
            environment: target.environment.clone(),
            merged_by: project.identities.principal(by),
            released_on: observation.at,
        };
        let version = observation.artifact.as_ref().ok_or(commit);
        let purl = Release::purl_of(&scope.project, &scope.unit.id, version);
        let release = Release { purl, package_id: None, promotion: Some(promotion) };
        collection.evidence(&self.sealer.seal(cx, name, vec![subject.clone()], &release).await?);
        Ok(())
    }
}
