//! Flux at work: what is said on the way, and what is said of what fails.

use std::time::Duration;

use libtest_mimic::Trial;
use pathops_core::adapter::{DeployFailure, ExpectedDeployment, GitOps as _, Readiness, Stale, StaleAction};
use pathops_core::conformance::gitops::{Committed, Desired, DesiredState as _};
use serde_json::json;

use crate::desired_state::{Git, cx, repo, target, unit};
use crate::scene::ago;
use crate::trial;
use crate::world::{Way, cluster, flux, orders, place, play, servers};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_check_that_runs_out_of_time_is_a_failure", a_check_that_runs_out_of_time_is_a_failure),
        trial("a_suspended_kustomization_takes_nothing_new", a_suspended_kustomization_takes_nothing_new),
    ]
}

fn expected(committed: &Committed) -> ExpectedDeployment {
    ExpectedDeployment {
        unit: unit(),
        target: target(),
        repo: repo(),
        commit: committed.commit.clone(),
        tree: committed.tree.clone(),
        artifact: committed.artifact,
        jobs: Vec::new(),
        settle: Duration::ZERO,
        since: ago(1),
    }
}

/// Asks for a look and then as a workflow does, until it is told something else than to wait.
async fn outcome(flux: &pathops_adapters::flux::Flux, expected: &ExpectedDeployment) -> Readiness {
    flux.refresh(&cx(), &unit(), &target()).await.unwrap();
    for _ in 0..400 {
        let readiness = flux.observe(&cx(), expected).await.unwrap().readiness;
        match readiness {
            Readiness::NotYet(_) => {}
            Readiness::Stale(_, StaleAction::Refresh) => flux.refresh(&cx(), &unit(), &target()).await.unwrap(),
            over => return over,
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Readiness::Stale(Stale::NotLooking { last_look: None }, StaleAction::Refresh)
}

async fn a_check_that_runs_out_of_time_is_a_failure() {
    let (git, servers) = (Git::new(), servers().await);
    let _playing = play(&servers, &git, Way::Annotation);
    let flux = flux(&git, cluster(&servers, Way::Annotation), orders());
    let good = git.commit(Desired::Healthy { version: 1 }).await;
    assert_eq!(outcome(&flux, &expected(&good)).await, Readiness::Ready);
    let broken = git.commit(Desired::Broken).await;
    let failed = outcome(&flux, &expected(&broken)).await;
    let told = matches!(&failed, Readiness::Failed(DeployFailure::Unhealthy { message }) if message.contains("timeout waiting"));
    assert!(told, "{failed:?}");
    // What came before it is no longer asked for, though it is what Flux calls applied.
    let given_up = outcome(&flux, &expected(&good)).await;
    assert_eq!(given_up, Readiness::Stale(Stale::Superseded { tree: broken.tree }, StaleAction::GiveUp));
    let mended = git.commit(Desired::Healthy { version: 2 }).await;
    assert_eq!(outcome(&flux, &expected(&mended)).await, Readiness::Ready);
}

async fn a_suspended_kustomization_takes_nothing_new() {
    let (git, servers) = (Git::new(), servers().await);
    let _playing = play(&servers, &git, Way::Annotation);
    let flux = flux(&git, cluster(&servers, Way::Annotation), orders());
    let first = git.commit(Desired::Healthy { version: 1 }).await;
    assert_eq!(outcome(&flux, &expected(&first)).await, Readiness::Ready);
    let suspend = |on: bool| {
        servers.objects.kustomizations.edit(&place(), |object| object["spec"]["suspend"] = json!(on));
    };
    suspend(true);
    let second = git.commit(Desired::Healthy { version: 2 }).await;
    let frozen = outcome(&flux, &expected(&second)).await;
    assert!(matches!(&frozen, Readiness::Stale(Stale::Frozen { .. }, StaleAction::AskPeople)), "{frozen:?}");
    suspend(false);
    assert_eq!(outcome(&flux, &expected(&second)).await, Readiness::Ready);
}
