//! What the adapter reads, and what it makes of it.

use std::sync::Arc;

use libtest_mimic::Trial;
use pathops_adapters::flux::{Access, Cluster, Flux};
use pathops_adapters::system::SystemClock;
use pathops_core::ErrorKind;
use pathops_core::adapter::{ExpectedDeployment, GitOps as _, NotYet, Readiness, Stale, StaleAction};
use pathops_fakes::flux::Servers;
use serde_json::json;

use crate::desired_state::{cx, repo, target, unit};
use crate::scene::{Scene, deployment};
use crate::trial;
use crate::world::{Way, cluster, orders, place, source};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_is_live_is_shown", what_is_live_is_shown),
        trial("what_no_reader_can_know_is_told_in_words", what_no_reader_can_know_is_told_in_words),
        trial("a_suspended_kustomization_asks_for_people", a_suspended_kustomization_asks_for_people),
        trial("workloads_are_read_where_an_image_is_expected_only", workloads_are_read_where_an_image_is_expected_only),
        trial("what_a_release_applied_is_read_too", what_a_release_applied_is_read_too),
        trial("what_is_applied_elsewhere_is_read_there", what_is_applied_elsewhere_is_read_there),
        trial("what_cannot_be_set_up_is_refused", what_cannot_be_set_up_is_refused),
    ]
}

async fn what_is_live_is_shown() {
    let scene = Scene::new().await;
    let observation = scene.observe().await;
    assert_eq!(observation.readiness, Readiness::Ready);
    assert_eq!(
        (observation.commit, observation.tree),
        (Some(scene.committed.commit.clone()), Some(scene.committed.tree.clone()))
    );
    assert_eq!((observation.artifact, observation.jobs.len()), (scene.committed.artifact, 0));
    let version = scene.servers.objects.kustomizations.get(&place()).unwrap()["metadata"]["resourceVersion"].clone();
    assert_eq!(json!(observation.resource_version), version);
    assert!(observation.healthy_since.is_some_and(|since| since <= observation.at));
}

async fn what_no_reader_can_know_is_told_in_words() {
    let scene = Scene::new().await;
    let unchecked = "Flux does not check whether Deployment/orders is healthy: set `wait: true` on the Kustomization";
    let generation = |object: &mut serde_json::Value| {
        object["status"]["observedGeneration"] = json!(2);
        for condition in object["status"]["conditions"].as_array_mut().unwrap() {
            condition["observedGeneration"] = json!(2);
        }
    };
    let message = scene
        .reported(|object| {
            object["spec"]["wait"] = json!(false);
            generation(object);
        })
        .await;
    assert_eq!(message, unchecked);
    let scene = Scene::new().await;
    let bucket = scene.reported(|object| object["spec"]["sourceRef"]["kind"] = json!("Bucket")).await;
    assert_eq!(bucket, "the Kustomization is of Bucket/desired, which is not the expected source");
    let scene = Scene::new().await;
    scene.servers.objects.sources.delete(&source());
    assert_eq!(scene.reported(|_| ()).await, "GitRepository/desired is not there");
}

async fn a_suspended_kustomization_asks_for_people() {
    let scene = Scene::new().await;
    let message = "Kustomization/orders is suspended".to_owned();
    let frozen = Readiness::Stale(Stale::Frozen { message }, StaleAction::AskPeople);
    assert_eq!(scene.with(|object| object["spec"]["suspend"] = json!(true)).await, frozen);
}

async fn workloads_are_read_where_an_image_is_expected_only() {
    let scene = Scene::new().await;
    let reads = |calls: Vec<String>| calls.iter().filter(|call| call.contains("/deployments/")).count();
    scene.observe().await;
    assert_eq!(reads(scene.servers.objects.calls()), 1);
    let nothing = ExpectedDeployment { artifact: None, ..scene.expected() };
    let flux = scene.flux(Way::Interval);
    assert_eq!(flux.observe(&cx(), &nothing).await.unwrap().readiness, Readiness::Ready);
    assert_eq!(reads(scene.servers.objects.calls()), 0);
    scene.servers.objects.deployments.faults().answers.push_back((403, None));
    let error = flux.observe(&cx(), &scene.expected()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("Deployment shop/orders"), "{error}");
    scene.servers.objects.deployments.delete(&deployment());
    assert_eq!(scene.reported(|_| ()).await, "Deployment/orders is not there");
}

async fn what_a_release_applied_is_read_too() {
    let scene = Scene::new().await;
    let entries = json!([{"id": "shop_orders_helm.toolkit.fluxcd.io_HelmRelease", "v": "v2"}]);
    let released = |object: &mut serde_json::Value| object["status"]["inventory"]["entries"] = entries;
    assert_eq!(scene.reported(released).await, "HelmRelease/orders is not there");
    scene.servers.objects.releases.put(json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"namespace": "shop", "name": "orders"},
        "spec": {},
        "status": {
            "observedGeneration": 1, "lastAttemptedGeneration": 1, "lastAttemptedRevision": "1.2.3",
            "lastAttemptedConfigDigest": "sha256:1",
            "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}],
            "history": [{"chartVersion": "1.2.3", "configDigest": "sha256:1", "status": "deployed"}],
            "inventory": {"entries": [{"id": "shop_orders_apps_Deployment", "v": "v1"}]}
        }
    }));
    let observation = scene.observe().await;
    assert_eq!((observation.readiness, observation.artifact), (Readiness::Ready, scene.committed.artifact));
}

async fn what_is_applied_elsewhere_is_read_there() {
    let (scene, far) = (Scene::new().await, Scene::new().await);
    scene
        .servers
        .objects
        .kustomizations
        .edit(&place(), |object| object["spec"]["kubeConfig"] = json!({"secretRef": {"name": "far"}}));
    let error = scene.flux(Way::Interval).observe(&cx(), &scene.expected()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let near = cluster(&scene.servers, Way::Interval);
    let builder = Flux::builder(scene.git.scm.clone(), Arc::new(SystemClock)).cluster("main", near);
    let builder = builder.cluster("far", cluster(&far.servers, Way::Interval));
    let flux = builder.manage(unit(), target().environment, repo(), orders().applying_in("far")).build().unwrap();
    let reads = |servers: &Servers| servers.objects.calls().iter().filter(|call| call.contains("/deployments/")).count();
    let (_, _) = (reads(&scene.servers), reads(&far.servers));
    // The generation is another one now, which says nothing of what is read where.
    let verdict = flux.observe(&cx(), &scene.expected()).await.unwrap().readiness;
    assert_eq!(verdict, Readiness::NotYet(NotYet::Looking));
    assert_eq!((reads(&scene.servers), reads(&far.servers)), (0, 1));
}

async fn what_cannot_be_set_up_is_refused() {
    let scene = Scene::new().await;
    let builder = || {
        let access = Access::url("http://127.0.0.1:1");
        Flux::builder(scene.git.scm.clone(), Arc::new(SystemClock)).cluster("main", Cluster::new(access))
    };
    let manage = |builder: pathops_adapters::flux::Builder, of| builder.manage(unit(), target().environment, repo(), of);
    let refused = |builder: pathops_adapters::flux::Builder| builder.build().map(drop).unwrap_err().to_string();
    assert!(refused(manage(builder(), orders().applying_in("far"))).contains("there is no such cluster"));
    assert!(refused(manage(manage(builder(), orders()), orders())).contains("named twice"));
    let two = manage(builder(), orders()).manage(unit(), target().environment, "shop/other".parse().unwrap(), orders());
    assert!(refused(two).contains("another desired-state repository"));
    let flux = scene.flux(Way::Interval);
    let unimaged = pathops_adapters::flux::ManagedKustomization::new("main", "flux-system", "orders", "https://git.example/x");
    let without = crate::world::flux(&scene.git, cluster(&scene.servers, Way::Interval), unimaged);
    assert_eq!(without.observe(&cx(), &scene.expected()).await.unwrap_err().kind(), ErrorKind::Invalid);
    let elsewhere = ExpectedDeployment { repo: "shop/other".parse().unwrap(), ..scene.expected() };
    assert_eq!(flux.observe(&cx(), &elsewhere).await.unwrap_err().kind(), ErrorKind::NotFound);
}
