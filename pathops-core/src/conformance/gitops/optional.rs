//! What follows from the declared capabilities.

use super::super::case::Answer as _;
use super::super::scm::world::cx;
use super::super::{Case, Outcome, ensure};
use super::{Desired, GitOpsWorld, SUITE};
use crate::adapter::{DeployFailure, ExpectedDeployment, GitOpsCapabilities, Readiness};
use crate::error::ErrorKind;
use crate::id::{JobName, UnitId};

pub(super) fn cases(capabilities: GitOpsCapabilities) -> Vec<Case<GitOpsWorld>> {
    let mut cases = match capabilities.jobs {
        true => vec![
            Case::new(SUITE, "a_failed_job_fails_the_deployment", a_failed_job_fails_the_deployment),
            Case::new(SUITE, "an_undeclared_job_fails_the_deployment", an_undeclared_job_fails_the_deployment),
        ],
        false => vec![Case::new(SUITE, "undeclared_jobs_are_unsupported", undeclared_jobs_are_unsupported)],
    };
    cases.push(match capabilities.refresh {
        true => Case::new(SUITE, "refreshing_what_is_not_managed_is_not_found", refreshing_what_is_not_managed_is_not_found),
        false => Case::new(SUITE, "an_undeclared_refresh_is_unsupported", an_undeclared_refresh_is_unsupported),
    });
    cases
}

fn over(verdict: &Readiness) -> bool {
    matches!(verdict, Readiness::Failed(_) | Readiness::Ready)
}

async fn a_failed_job_fails_the_deployment(world: GitOpsWorld) -> Outcome {
    let expected = world.deploy(Desired::FailingJob).await;
    let (observation, _) = world.wait(&expected, over).await?;
    let first = world.jobs.first().cloned().ok_or("the fixture names no jobs")?;
    let failed = Readiness::Failed(DeployFailure::JobsFailed { jobs: vec![first.clone()] });
    ensure!(observation.readiness == failed, "the job {first} failed, and the verdict is {:?}", observation.readiness);
    let result = observation.jobs.iter().find(|result| result.job == first);
    ensure!(result.is_some_and(|result| !result.passed()), "the result of the job {first} is not shown as failed: {result:?}");
    Ok(())
}

async fn an_undeclared_job_fails_the_deployment(world: GitOpsWorld) -> Outcome {
    let mut expected = world.deploy(Desired::Healthy { version: 1 }).await;
    let nobody = JobName::parse("nobody-declares-this").map_err(|e| e.to_string())?;
    expected.jobs.push(nobody.clone());
    let verdict = world.wait(&expected, over).await?.0.readiness;
    let missing = Readiness::Failed(DeployFailure::JobsMissing { jobs: vec![nobody] });
    ensure!(verdict == missing, "a job that is not declared tested nothing, so it failed for that, not {verdict:?}");
    Ok(())
}

async fn undeclared_jobs_are_unsupported(world: GitOpsWorld) -> Outcome {
    let expected = world.deploy(Desired::Healthy { version: 1 }).await;
    world.ready(&expected).await?;
    let smoke = JobName::parse("smoke").map_err(|e| e.to_string())?;
    let answer = world.gitops.observe(&cx("jobs"), &ExpectedDeployment { jobs: vec![smoke], ..expected }).await;
    answer.fails(ErrorKind::Unsupported, "a job is expected that cannot be run")
}

async fn refreshing_what_is_not_managed_is_not_found(world: GitOpsWorld) -> Outcome {
    let unit = UnitId::parse("nobody-manages-this").map_err(|e| e.to_string())?;
    let answer = world.gitops.refresh(&cx("refresh"), &unit, &world.target).await;
    answer.fails(ErrorKind::NotFound, "nobody manages the unit")
}

async fn an_undeclared_refresh_is_unsupported(world: GitOpsWorld) -> Outcome {
    let answer = world.gitops.refresh(&cx("refresh"), &world.unit, &world.target).await;
    answer.fails(ErrorKind::Unsupported, "a refresh is not declared")
}
