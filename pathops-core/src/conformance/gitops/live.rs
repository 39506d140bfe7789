//! What becomes ready, and what is said on the way.

use std::time::Duration;

use super::super::{Case, Outcome, ensure};
use super::{Desired, GitOpsWorld, SUITE};
use crate::adapter::{DeployFailure, ExpectedDeployment, NotYet, Observation, Readiness, Stale, StaleAction};

pub(super) fn cases() -> Vec<Case<GitOpsWorld>> {
    vec![
        Case::new(SUITE, "a_healthy_deployment_becomes_ready", a_healthy_deployment_becomes_ready),
        Case::new(SUITE, "the_next_deployment_is_ready_only_once_it_runs", the_next_deployment_is_ready_only_once_it_runs),
        Case::new(SUITE, "a_later_commit_with_the_same_tree_is_as_good", a_later_commit_with_the_same_tree_is_as_good),
        Case::new(SUITE, "health_has_to_settle", health_has_to_settle),
        Case::new(SUITE, "a_broken_deployment_fails", a_broken_deployment_fails),
    ]
}

const VERSION_1: Desired = Desired::Healthy { version: 1 };
const VERSION_2: Desired = Desired::Healthy { version: 2 };

fn shows(observation: &Observation, expected: &ExpectedDeployment) -> Outcome {
    let Observation { commit, tree, artifact, healthy_since, at, .. } = observation;
    ensure!(tree.as_ref() == Some(&expected.tree), "ready with the tree {tree:?} applied, not {}", expected.tree);
    ensure!(commit.is_some(), "ready without an applied commit");
    ensure!(expected.artifact.is_none() || *artifact == expected.artifact, "ready with the artifact {artifact:?}");
    ensure!(healthy_since.is_some_and(|since| since <= *at), "ready at {at} while healthy since {healthy_since:?}");
    for job in &expected.jobs {
        let passed = observation.jobs.iter().any(|result| result.job == *job && result.tree == expected.tree && result.passed());
        ensure!(passed, "ready, but no result shows that the job {job} passed for this tree: {:?}", observation.jobs);
    }
    Ok(())
}

async fn a_healthy_deployment_becomes_ready(world: GitOpsWorld) -> Outcome {
    let expected = world.deploy(VERSION_1).await;
    let observation = world.ready(&expected).await?;
    ensure!(observation.commit.as_ref() == Some(&expected.commit), "ready with the commit {:?}", observation.commit);
    shows(&observation, &expected)
}

async fn the_next_deployment_is_ready_only_once_it_runs(world: GitOpsWorld) -> Outcome {
    let first = world.deploy(VERSION_1).await;
    world.ready(&first).await?;
    let second = world.deploy(VERSION_2).await;
    let (observation, before) = world.wait(&second, |verdict| *verdict == Readiness::Ready).await?;
    shows(&observation, &second)?;
    let failed = before.iter().find(|verdict| matches!(verdict, Readiness::Failed(_)));
    ensure!(failed.is_none(), "what the version before does is no failure of the next one: {failed:?}");
    Ok(())
}

async fn a_later_commit_with_the_same_tree_is_as_good(world: GitOpsWorld) -> Outcome {
    let first = world.deploy(VERSION_1).await;
    world.ready(&first).await?;
    let later = world.deploy(Desired::Unchanged).await;
    ensure!(later.tree == first.tree, "the fixture changed the folder");
    let still = ExpectedDeployment { since: later.since, ..first };
    shows(&world.ready(&still).await?, &still)?;
    let without_jobs = ExpectedDeployment { jobs: Vec::new(), ..later.clone() };
    shows(&world.ready(&without_jobs).await?, &without_jobs)?;
    let capabilities = world.gitops.capabilities();
    if capabilities.jobs && !capabilities.jobs_of_trees { not_tested(&world, &later).await } else { tested(&world, &later).await }
}

async fn tested(world: &GitOpsWorld, later: &ExpectedDeployment) -> Outcome {
    shows(&world.ready(later).await?, later)
}

async fn not_tested(world: &GitOpsWorld, later: &ExpectedDeployment) -> Outcome {
    let over = |verdict: &Readiness| {
        matches!(
            verdict,
            Readiness::Ready | Readiness::Failed(_) | Readiness::Stale(_, StaleAction::GiveUp | StaleAction::AskPeople)
        )
    };
    let verdict = world.wait(later, over).await?.0.readiness;
    let told = matches!(&verdict, Readiness::Stale(Stale::NotTested { message }, _) if !message.trim().is_empty());
    ensure!(told, "jobs count only for the commits that they ran for, so this one is not tested, not {verdict:?}");
    Ok(())
}

async fn health_has_to_settle(world: GitOpsWorld) -> Outcome {
    let expected = world.deploy(VERSION_1).await;
    world.ready(&expected).await?;
    let patient = ExpectedDeployment { settle: Duration::from_secs(60 * 60), ..expected };
    let verdict = world.observe(&patient).await?.readiness;
    // A controller that tells seconds only counts from the end of the one.
    let longest = 60 * 60 * 1000 + 1000;
    let settling = matches!(verdict, Readiness::NotYet(NotYet::Settling { remaining_millis }) if remaining_millis <= longest);
    ensure!(settling, "healthy for less than an hour, so settling, not {verdict:?}");
    Ok(())
}

async fn a_broken_deployment_fails(world: GitOpsWorld) -> Outcome {
    let expected = world.deploy(Desired::Broken).await;
    let over = |verdict: &Readiness| matches!(verdict, Readiness::Failed(_) | Readiness::Ready);
    let (observation, _) = world.wait(&expected, over).await?;
    let message = match &observation.readiness {
        Readiness::Failed(
            DeployFailure::NotApplicable { message } | DeployFailure::Crashed { message } | DeployFailure::Unhealthy { message },
        ) => message,
        other => return Err(format!("it never becomes healthy, so it failed, not {other:?}")),
    };
    ensure!(!message.trim().is_empty(), "a failure says why: {:?}", observation.readiness);
    Ok(())
}
