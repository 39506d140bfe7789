//! Applications that manage Applications.

use std::sync::Arc;

use libtest_mimic::Trial;
use pathops_adapters::argo_verdict::ExpectedSource;
use pathops_adapters::argocd::{ArgoCd, Builder, ManagedApplication};
use pathops_adapters::system::SystemClock;
use pathops_core::ErrorKind;
use pathops_core::adapter::{DeployFailure, GitOps as _, Readiness, Stale, StaleAction};
use pathops_fakes::argocd::{Key, key, second};
use serde_json::{Value, json};

use crate::scene::{Scene, ago, live, place};
use crate::trial;
use crate::world::{REPO_URL, Way, application, cx, orders, repo, target, unit, watch};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("children_that_nobody_names_are_never_ready", children_that_nobody_names_are_never_ready),
        trial("children_that_are_named_are_ready_when_all_are", children_that_are_named_are_ready_when_all_are),
        trial("children_in_another_instance_are_looked_for_there", children_in_another_instance_are_looked_for_there),
        trial("a_child_may_have_other_sources_alone", a_child_may_have_other_sources_alone),
    ]
}

fn child() -> Key {
    key("argocd", "orders-db")
}

fn manages(object: &mut Value, kind: &str) {
    let child = json!({"group": "argoproj.io", "version": "v1alpha1", "kind": kind, "namespace": "argocd", "name": "orders-db",
        "status": "Synced"});
    object["status"]["resources"].as_array_mut().unwrap().push(child);
}

/// The Application of `orders` manages another one.
async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.servers.cluster.edit(&place(), |object| manages(object, "Application"));
    scene.servers.cluster.put(live(application("argocd", "orders-db"), &scene.committed));
    scene
}

fn builder(scene: &Scene) -> Builder {
    let builder = ArgoCd::builder(scene.git.scm.clone(), Arc::new(SystemClock));
    builder.instance("main", Way::Kubernetes.instance(&scene.servers)).instance("other", Way::Server.instance(&scene.servers))
}

fn of(builder: Builder, applications: impl IntoIterator<Item = ManagedApplication>) -> ArgoCd {
    let manage = |builder: Builder, it| builder.manage(unit(), target().environment, repo(), it);
    applications.into_iter().fold(builder, manage).build().unwrap()
}

async fn seen(argo: &ArgoCd, scene: &Scene) -> Readiness {
    argo.observe(&cx(), &scene.expected()).await.unwrap().readiness
}

fn unjudged(readiness: &Readiness, told: &str) {
    let Readiness::Stale(Stale::Unjudged { message }, StaleAction::AskPeople) = readiness else { panic!("{readiness:?}") };
    assert!(message.contains(told), "{message}");
}

async fn children_that_nobody_names_are_never_ready() {
    let scene = scene().await;
    let argo = Arc::new(of(builder(&scene), [orders()]));
    unjudged(&seen(&argo, &scene).await, "argocd/orders-db; name each as one of the same unit");
    scene.servers.cluster.edit(&child(), |object| object["status"]["health"]["status"] = json!("Degraded"));
    unjudged(&seen(&argo, &scene).await, "argocd/orders-db");
    let _watching = watch(&argo);
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
    scene.servers.cluster.edit(&place(), |object| object["metadata"]["annotations"] = json!({}));
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    unjudged(&seen(&argo, &scene).await, "argocd/orders-db");
    scene.servers.cluster.edit(&place(), |object| manages(object, "ApplicationSet"));
    unjudged(&seen(&argo, &scene).await, "the ApplicationSet argocd/orders-db");
}

async fn children_that_are_named_are_ready_when_all_are() {
    let scene = scene().await;
    let argo = of(builder(&scene), [orders(), ManagedApplication::new("main", "argocd", "orders-db", REPO_URL)]);
    assert_eq!(seen(&argo, &scene).await, Readiness::Ready);
    let cluster = &scene.servers.cluster;
    // The parent did something since: the child may have got another spec, and was compared with the one before.
    cluster.edit(&child(), |object| object["status"]["operationState"]["finishedAt"] = second(ago(50)));
    cluster.edit(&child(), |object| object["status"]["reconciledAt"] = second(ago(45)));
    let stale = seen(&argo, &scene).await;
    assert!(matches!(stale, Readiness::Stale(Stale::NotLooking { .. }, StaleAction::Refresh)), "{stale:?}");
    cluster.edit(&child(), |object| object["status"]["reconciledAt"] = second(ago(5)));
    assert_eq!(seen(&argo, &scene).await, Readiness::Ready);
    cluster.edit(&child(), |object| object["status"]["health"]["status"] = json!("Degraded"));
    let failed = seen(&argo, &scene).await;
    assert!(matches!(failed, Readiness::Failed(DeployFailure::Unhealthy { .. })), "{failed:?}");
}

async fn children_in_another_instance_are_looked_for_there() {
    let scene = scene().await;
    let elsewhere = || ManagedApplication::new("other", "argocd", "orders-db", REPO_URL);
    unjudged(&seen(&of(builder(&scene), [orders(), elsewhere()]), &scene).await, "argocd/orders-db");
    let argo = of(builder(&scene), [orders().children_in("other"), elsewhere()]);
    assert_eq!(seen(&argo, &scene).await, Readiness::Ready);
    // Its own instance may have another one of the same name: by the name alone nothing counts.
    let other_cluster = json!({"server": "https://shop.example", "namespace": "argocd"});
    scene.servers.cluster.edit(&place(), |object| {
        object["spec"]["destination"] = other_cluster.clone();
        object["status"]["sync"]["comparedTo"]["destination"] = other_cluster.clone();
    });
    let of_main = || ManagedApplication::new("main", "argocd", "orders-db", REPO_URL);
    unjudged(&seen(&of(builder(&scene), [orders(), of_main()]), &scene).await, "by `children_in` the instance");
    assert_eq!(seen(&of(builder(&scene), [orders().children_in("main"), of_main()]), &scene).await, Readiness::Ready);
    assert_eq!(seen(&argo, &scene).await, Readiness::Ready);
    let nowhere = builder(&scene).manage(unit(), target().environment, repo(), orders().children_in("nowhere"));
    assert_eq!(nowhere.build().unwrap_err().kind(), ErrorKind::Invalid);
}

async fn a_child_may_have_other_sources_alone() {
    let scene = scene().await;
    let source = json!({"repoURL": "https://charts.example", "chart": "postgresql", "targetRevision": "16.1.0"});
    scene.servers.cluster.edit(&child(), |object| {
        object["spec"]["source"] = source.clone();
        object["status"]["sync"]["comparedTo"]["source"] = source.clone();
        object["status"]["sync"]["revision"] = json!("16.1.0");
        object["status"]["operationState"]["syncResult"]["source"] = source.clone();
        object["status"]["operationState"]["syncResult"]["revision"] = json!("16.1.0");
    });
    let chart = |version: &str| {
        let source = ExpectedSource::chart("https://charts.example", "postgresql", version);
        ManagedApplication::of_source("main", "argocd", "orders-db", source)
    };
    assert_eq!(seen(&of(builder(&scene), [orders(), chart("16.1.0")]), &scene).await, Readiness::Ready);
    assert!(matches!(seen(&of(builder(&scene), [orders(), chart("16.2.0")]), &scene).await, Readiness::NotYet(_)));
    let alone = builder(&scene).manage(unit(), target().environment, repo(), chart("16.1.0")).build().unwrap_err();
    assert!(alone.to_string().contains("none of its Applications"), "{alone}");
}
