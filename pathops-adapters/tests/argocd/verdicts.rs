//! What the adapter makes of what it reads, and how many requests that takes.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use pathops_adapters::argo_verdict::ExpectedSource;
use pathops_adapters::argocd::{ArgoCd, Builder, ManagedApplication};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock as _, DeployFailure, ExpectedDeployment, GitOps as _, NotYet, Readiness, Stale, StaleAction};
use pathops_core::conformance::gitops::{Desired, DesiredState as _};
use pathops_core::{CommitId, ErrorKind};
use pathops_fakes::argocd::{key, second};
use serde_json::{Value, json};

use crate::scene::{Scene, ago, live, place};
use crate::world::{REPO_URL, Way, application, cx, orders, repo, target, unit};
use crate::{crd, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_warm_verdict_takes_two_requests_and_writes_nothing", a_warm_verdict_takes_two_requests_and_writes_nothing),
        trial("all_applications_of_a_unit_have_to_be_ready", all_applications_of_a_unit_have_to_be_ready),
        trial("a_commit_that_changes_nothing_is_not_tested", a_commit_that_changes_nothing_is_not_tested),
        trial("a_dry_run_is_waited_out_and_told", a_dry_run_is_waited_out_and_told),
        trial("a_hydrated_source_is_followed_to_what_it_became", a_hydrated_source_is_followed_to_what_it_became),
        trial("each_source_counts_by_its_tree", each_source_counts_by_its_tree),
        trial("what_is_configured_amiss_is_refused", what_is_configured_amiss_is_refused),
        trial("the_official_definition_refuses_what_is_none", the_official_definition_refuses_what_is_none),
    ]
}

async fn a_warm_verdict_takes_two_requests_and_writes_nothing() {
    let scene = Scene::new().await;
    let (argo, _watching) = scene.watched(Way::Kubernetes).await;
    let cluster = scene.servers.cluster.clone();
    let controller = tokio::spawn(async move {
        loop {
            if cluster.get(&place()).unwrap()["metadata"]["annotations"].get("argocd.argoproj.io/refresh").is_some() {
                cluster.edit(&place(), |object| {
                    object["metadata"]["annotations"] = json!({});
                    object["status"]["reconciledAt"] = second(SystemClock.now());
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let verdict = async || {
        argo.refresh(&cx(), &unit(), &target()).await.unwrap();
        loop {
            let observation = argo.observe(&cx(), &scene.expected()).await.unwrap();
            match observation.readiness {
                // The watch has not told of the end of the refresh yet.
                Readiness::NotYet(NotYet::Looking) => tokio::time::sleep(Duration::from_millis(5)).await,
                _ => return observation,
            }
        }
    };
    assert_eq!(verdict().await.readiness, Readiness::Ready);
    scene.servers.cluster.calls();
    let observation = verdict().await;
    controller.abort();
    assert_eq!(observation.readiness, Readiness::Ready);
    assert_eq!(observation.commit.as_ref(), Some(&scene.committed.commit));
    let calls = scene.servers.cluster.calls();
    assert!(calls.len() <= 3 && calls.iter().all(|call| call.starts_with("GET ")), "{calls:?}");
}

async fn all_applications_of_a_unit_have_to_be_ready() {
    let scene = Scene::new().await;
    let cluster = &scene.servers.cluster;
    let other = key("elsewhere", "orders-worker");
    cluster.put(live(application("elsewhere", "orders-worker"), &scene.committed));
    let part = ManagedApplication::new("second", "elsewhere", "orders-worker", REPO_URL);
    let argo = ArgoCd::builder(scene.git.scm.clone(), Arc::new(SystemClock))
        .instance("main", Way::Kubernetes.instance(&scene.servers))
        .instance("second", Way::Server.instance(&scene.servers))
        .manage(unit(), target().environment, repo(), orders())
        .manage(unit(), target().environment, repo(), part)
        .build()
        .unwrap();
    let seen = argo.observe(&cx(), &scene.expected()).await.unwrap();
    assert_eq!(seen.readiness, Readiness::Ready);
    assert_eq!(seen.resource_version, "argocd/orders-preflight@1 elsewhere/orders-worker@2");

    cluster.edit(&other, |object| object["status"]["health"]["status"] = json!("Degraded"));
    let seen = argo.observe(&cx(), &scene.expected()).await.unwrap();
    assert!(matches!(seen.readiness, Readiness::Failed(DeployFailure::Unhealthy { .. })), "{seen:?}");
    cluster.edit(&other, |object| object["metadata"]["annotations"]["argocd.argoproj.io/skip-reconcile"] = json!("true"));
    let seen = argo.observe(&cx(), &scene.expected()).await.unwrap();
    assert!(matches!(seen.readiness, Readiness::Stale(Stale::Frozen { .. }, StaleAction::AskPeople)), "{seen:?}");
    cluster.edit(&other, |object| object["status"]["reconciledAt"] = second(ago(70)));
    cluster.edit(&other, |object| object["metadata"]["annotations"] = json!({}));
    let seen = argo.observe(&cx(), &scene.expected()).await.unwrap();
    assert!(
        matches!(seen.readiness, Readiness::Stale(Stale::NotLooking { last_look: Some(_) }, StaleAction::Refresh)),
        "{seen:?}"
    );
}

async fn a_commit_that_changes_nothing_is_not_tested() {
    let scene = Scene::new().await;
    let argo = scene.argo(Way::Kubernetes);
    let later = scene.git.commit(Desired::Unchanged).await;
    scene.servers.cluster.edit(&place(), |object| object["status"]["sync"]["revision"] = json!(later.commit));
    let expected = ExpectedDeployment { commit: later.commit, ..scene.expected() };
    let seen = argo.observe(&cx(), &expected).await.unwrap();
    assert!(matches!(seen.readiness, Readiness::Stale(Stale::NotTested { .. }, StaleAction::AskPeople)), "{seen:?}");
    assert_eq!(seen.jobs, []);
    let untested = ExpectedDeployment { jobs: Vec::new(), ..expected };
    assert_eq!(argo.observe(&cx(), &untested).await.unwrap().readiness, Readiness::Ready);
    let seen = argo.observe(&cx(), &scene.expected()).await.unwrap();
    assert_eq!((seen.readiness, seen.jobs.len()), (Readiness::Ready, 2));
}

/// It fails no deployment: whoever ran it may sync once more, for as long as a deployment may take.
async fn a_dry_run_is_waited_out_and_told() {
    let scene = Scene::new().await;
    let dry = |object: &mut Value| object["status"]["operationState"]["operation"]["sync"]["dryRun"] = json!(true);
    scene.servers.cluster.edit(&place(), dry);
    let argo = scene.argo(Way::Kubernetes);
    let seen = argo.observe(&cx(), &scene.expected()).await.unwrap();
    let Readiness::NotYet(NotYet::Reported { message }) = &seen.readiness else { panic!("{seen:?}") };
    assert!(message.contains("sync it once more"), "{message}");
    scene
        .servers
        .cluster
        .edit(&place(), |object| object["status"]["operationState"]["operation"]["sync"]["dryRun"] = json!(false));
    assert_eq!(argo.observe(&cx(), &scene.expected()).await.unwrap().readiness, Readiness::Ready);
}

async fn a_hydrated_source_is_followed_to_what_it_became() {
    let scene = Scene::new().await;
    let argo = scene.argo(Way::Kubernetes);
    let made = scene.git.write(&[("hydrated/manifest.yaml".parse().unwrap(), "kind: Deployment\n".to_owned())]).await;
    let later = scene.git.commit(Desired::Unchanged).await.commit;
    let url = REPO_URL.trim_end_matches(".git");
    let hydrator = json!({"drySource": {"repoURL": url, "path": target().path, "targetRevision": "main"},
        "syncSource": {"targetBranch": target().branch, "path": "hydrated"}});
    let compared = json!({"repoURL": url, "path": "hydrated", "targetRevision": target().branch});
    let hydrated = |revision: &CommitId| {
        scene.servers.cluster.edit(&place(), |object| {
            object["spec"].as_object_mut().unwrap().remove("source");
            object["spec"]["sourceHydrator"] = hydrator.clone();
            object["status"]["sync"]["comparedTo"]["source"] = compared.clone();
            object["status"]["sync"]["revision"] = json!(revision);
            object["status"]["operationState"]["syncResult"]["source"] = compared.clone();
            object["status"]["operationState"]["syncResult"]["revision"] = json!(revision);
            object["status"]["sourceHydrator"] = json!({"lastSuccessfulOperation":
                {"drySHA": scene.committed.commit, "hydratedSHA": made, "sourceHydrator": hydrator}});
        })
    };
    hydrated(&made);
    let seen = argo.observe(&cx(), &scene.expected()).await.unwrap();
    assert_eq!((seen.readiness, seen.commit), (Readiness::Ready, Some(scene.committed.commit.clone())));
    // A later commit with the same tree, as far as Git tells.
    hydrated(&later);
    assert_eq!(argo.observe(&cx(), &scene.expected()).await.unwrap().readiness, Readiness::Ready);
    let other = scene.git.write(&[("hydrated/manifest.yaml".parse().unwrap(), "kind: Service\n".to_owned())]).await;
    hydrated(&other);
    let seen = argo.observe(&cx(), &scene.expected()).await.unwrap();
    assert!(matches!(seen.readiness, Readiness::Stale(Stale::Superseded { .. }, StaleAction::GiveUp)), "{seen:?}");
}

async fn each_source_counts_by_its_tree() {
    const VALUES: &str = "https://git.example/shop/values.git";
    let scene = Scene::new().await;
    let write = async |file: &str, text: &str| scene.git.write(&[(file.parse().unwrap(), text.to_owned())]).await;
    let values = write("values/orders.yaml", "replicas: 2\n").await;
    let tree = scene.git.scm.tree_at(&cx(), &repo(), &values, &"values".parse().unwrap()).await.unwrap().unwrap();
    let unrelated = write("README.md", "read me, too\n").await;
    let other = write("values/orders.yaml", "replicas: 3\n").await;
    let source = || ExpectedSource::git(VALUES, "values", values.clone()).with_tree(tree.clone());
    let argo = |source: ExpectedSource| {
        let builder = ArgoCd::builder(scene.git.scm.clone(), Arc::new(SystemClock))
            .instance("main", Way::Kubernetes.instance(&scene.servers))
            .repository(VALUES, repo());
        builder.manage(unit(), target().environment, repo(), orders().also(source)).build().unwrap()
    };
    let at = |commit: &CommitId| {
        let mut object = live(application("argocd", "orders-preflight"), &scene.committed);
        let sources = json!([object["spec"]["source"], {"repoURL": VALUES, "path": "values", "targetRevision": "main"}]);
        for place in ["/spec", "/status/sync/comparedTo", "/status/operationState/syncResult"] {
            let place = object.pointer_mut(place).unwrap().as_object_mut().unwrap();
            place.remove("source");
            place.insert("sources".to_owned(), sources.clone());
        }
        for place in ["/status/sync", "/status/operationState/syncResult"] {
            let place = object.pointer_mut(place).unwrap();
            (place["revision"], place["revisions"]) = (json!(""), json!([scene.committed.commit, commit]));
        }
        scene.servers.cluster.put(object);
    };
    let seen = async |source: ExpectedSource| argo(source).observe(&cx(), &scene.expected()).await.unwrap().readiness;
    for (commit, is) in [(&values, true), (&unrelated, true), (&other, false), (&scene.committed.commit, false)] {
        at(commit);
        let readiness = seen(source()).await;
        assert_eq!(readiness == Readiness::Ready, is, "{readiness:?} at {commit}");
    }
    // The expected commit holds another tree than is said.
    at(&values);
    let elsewhere = ExpectedSource::git(VALUES, "values", values.clone()).with_tree(scene.committed.tree.clone());
    assert_eq!(seen(elsewhere).await, Readiness::NotYet(NotYet::NotSeen));
}

async fn what_is_configured_amiss_is_refused() {
    let scene = Scene::new().await;
    let instance = || Way::Kubernetes.instance(&scene.servers);
    let builder = || ArgoCd::builder(scene.git.scm.clone(), Arc::new(SystemClock)).instance("main", instance());
    let manage = |builder: Builder, repo: &str, application| {
        builder.manage(unit(), target().environment, repo.parse().unwrap(), application)
    };
    let elsewhere = ManagedApplication::new("nowhere", "argocd", "orders", "https://git.example/a");
    let twice = manage(manage(builder(), "shop/a", orders()), "shop/a", orders());
    let worker = ManagedApplication::new("main", "argocd", "worker", "https://git.example/a");
    let two_repositories = manage(manage(builder(), "shop/a", orders()), "shop/b", worker.clone());
    for (wrong, why) in [
        (manage(builder(), "shop/a", elsewhere), "no such instance"),
        (twice, "named twice"),
        (two_repositories, "another desired-state repository"),
    ] {
        let error = wrong.build().unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(why), "{error}");
    }
    // Nobody says which image the artifact is.
    let silent = manage(builder(), repo().as_str(), worker).build().unwrap();
    assert_eq!(silent.observe(&cx(), &scene.expected()).await.unwrap_err().kind(), ErrorKind::Invalid);
    // What is told of an Application is about its unit, by its whole name alone.
    assert_eq!(silent.units_of("argocd/worker"), [(unit(), target().environment)]);
    assert!(["worker", "other/worker", "argocd/worker-2", ""].iter().all(|it| silent.units_of(it).is_empty()));
    let argo = scene.argo(Way::Kubernetes);
    let other = ExpectedDeployment { repo: "shop/another".parse().unwrap(), ..scene.expected() };
    assert_eq!(argo.observe(&cx(), &other).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(scene.servers.cluster.calls(), [""; 0], "nothing was asked");
}

async fn the_official_definition_refuses_what_is_none() {
    if crd::is_there() {
        let mut strange = application("argocd", "a");
        strange["status"]["reconciled"] = json!("2026-11-22T12:00:00Z");
        std::panic::catch_unwind(|| crd::check(&strange)).unwrap_err();
    }
}
