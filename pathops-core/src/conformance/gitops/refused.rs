//! What is never ready, though something healthy runs.

use std::time::Duration;

use super::super::case::Answer as _;
use super::super::scm::world::cx;
use super::super::{Case, Outcome, ensure};
use super::{Desired, GitOpsWorld, SUITE};
use crate::adapter::{DeployFailure, ExpectedDeployment, NotYet, Readiness, Stale, StaleAction};
use crate::digest::Digest;
use crate::error::ErrorKind;
use crate::id::{CommitId, UnitId};

pub(super) fn cases() -> Vec<Case<GitOpsWorld>> {
    vec![
        Case::new(SUITE, "what_was_seen_before_says_nothing", what_was_seen_before_says_nothing),
        Case::new(SUITE, "an_unseen_commit_is_not_ready", an_unseen_commit_is_not_ready),
        Case::new(SUITE, "a_superseded_deployment_is_given_up", a_superseded_deployment_is_given_up),
        Case::new(SUITE, "an_older_state_is_not_the_newer_one", an_older_state_is_not_the_newer_one),
        Case::new(SUITE, "another_artifact_is_wrong", another_artifact_is_wrong),
        Case::new(SUITE, "an_unmanaged_unit_is_not_found", an_unmanaged_unit_is_not_found),
    ]
}

const VERSION_1: Desired = Desired::Healthy { version: 1 };
const VERSION_2: Desired = Desired::Healthy { version: 2 };

/// The first version, which is live and healthy.
async fn live(world: &GitOpsWorld) -> Result<ExpectedDeployment, String> {
    let expected = world.deploy(VERSION_1).await;
    world.ready(&expected).await.map(|_| expected)
}

async fn what_was_seen_before_says_nothing(world: GitOpsWorld) -> Outcome {
    let live = live(&world).await?;
    let later = ExpectedDeployment { since: world.clock.now() + Duration::from_secs(24 * 60 * 60), ..live };
    let verdict = world.observe(&later).await?.readiness;
    let stale = matches!(verdict, Readiness::Stale(Stale::NotLooking { .. }, StaleAction::Refresh));
    ensure!(stale, "nobody looked since it was asked for, so it is stale and wants a refresh, not {verdict:?}");
    Ok(())
}

async fn an_unseen_commit_is_not_ready(world: GitOpsWorld) -> Outcome {
    let live = live(&world).await?;
    let commit = CommitId::parse("0123456789".repeat(4)).map_err(|e| e.to_string())?;
    let unseen = ExpectedDeployment { commit, since: world.clock.now(), ..live };
    for _ in 0..5 {
        world.look().await?;
        let verdict = world.observe(&unseen).await?.readiness;
        let waits =
            matches!(verdict, Readiness::NotYet(NotYet::NotSeen | NotYet::Looking) | Readiness::Stale(_, StaleAction::Refresh));
        ensure!(waits, "the branch does not hold the commit, so it is not seen, not {verdict:?}");
        world.clock.sleep(super::POLL_EVERY).await;
    }
    Ok(())
}

async fn a_superseded_deployment_is_given_up(world: GitOpsWorld) -> Outcome {
    let first = live(&world).await?;
    let second = world.deploy(VERSION_2).await;
    world.look().await?;
    let expected = ExpectedDeployment { since: second.since, ..first };
    let given_up = |verdict: &Readiness| matches!(verdict, Readiness::Stale(_, StaleAction::GiveUp));
    let (observation, before) = world.wait(&expected, given_up).await?;
    let superseded = Readiness::Stale(Stale::Superseded { tree: second.tree.clone() }, StaleAction::GiveUp);
    ensure!(observation.readiness == superseded, "the branch asks for {} now, not {:?}", second.tree, observation.readiness);
    let early = before.iter().find(|verdict| matches!(verdict, Readiness::Failed(_)));
    ensure!(early.is_none(), "another state took its place, which is no failure: {early:?}");
    Ok(())
}

/// Back and forth: the version that runs has the wanted tree, and is not what was asked for now.
async fn an_older_state_is_not_the_newer_one(world: GitOpsWorld) -> Outcome {
    let first = live(&world).await?;
    let second = world.deploy(VERSION_2).await;
    world.ready(&second).await?;
    let third = world.deploy(VERSION_1).await;
    ensure!(third.tree == first.tree && third.commit != first.commit, "the fixture has no version 1 with its old tree");
    let observation = world.ready(&third).await?;
    let commit = observation.commit.ok_or("ready without an applied commit")?;
    ensure!(commit == third.commit, "version 1 was asked for again in {}, but {commit} was called ready", third.commit);
    Ok(())
}

async fn another_artifact_is_wrong(world: GitOpsWorld) -> Outcome {
    let live = live(&world).await?;
    let other = ExpectedDeployment { artifact: Some(Digest::of(b"never built")), since: world.clock.now(), ..live };
    let over = |verdict: &Readiness| matches!(verdict, Readiness::Failed(_) | Readiness::Ready);
    let verdict = world.wait(&other, over).await?.0.readiness;
    let wrong = matches!(verdict, Readiness::Failed(DeployFailure::WrongArtifact { .. }));
    ensure!(wrong, "what runs is not the expected artifact, so it failed for that, not {verdict:?}");
    Ok(())
}

async fn an_unmanaged_unit_is_not_found(world: GitOpsWorld) -> Outcome {
    let live = live(&world).await?;
    let unit = UnitId::parse("nobody-manages-this").map_err(|e| e.to_string())?;
    let answer = world.gitops.observe(&cx("observe"), &ExpectedDeployment { unit, ..live }).await;
    answer.fails(ErrorKind::NotFound, "nobody manages the unit")
}
