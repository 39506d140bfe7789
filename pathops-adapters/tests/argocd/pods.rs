//! What pods really run, read from the cluster beside the Application.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use pathops_adapters::argocd::{ArgoCd, ManagedApplication};
use pathops_adapters::kubernetes::{Kubernetes, Workload};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock as _, DeployFailure, ExpectedDeployment, GitOps as _, NotYet, Observation, Readiness};
use pathops_core::{Digest, ErrorKind};
use pathops_fakes::argocd::{container, key, pod, second};
use serde_json::{Value, json};

use crate::controller::IMAGE;
use crate::scene::{Scene, live, place};
use crate::trial;
use crate::world::{REPO_URL, Way, application, argo_cd_of_two, argo_cd_with, cx, kubernetes_access, target, unit, watch};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("pods::a_stale_summary_holds_nothing_up", a_stale_summary_holds_nothing_up),
        trial("pods::a_right_summary_proves_nothing", a_right_summary_proves_nothing),
        trial("pods::only_what_runs_and_stays_counts", only_what_runs_and_stays_counts),
        trial("pods::they_are_asked_once_all_else_holds", they_are_asked_once_all_else_holds),
        trial("pods::a_warm_verdict_takes_three_requests", a_warm_verdict_takes_three_requests),
        trial(
            "pods::what_runs_of_one_application_does_not_count_for_another",
            what_runs_of_one_application_does_not_count_for_another,
        ),
        trial("pods::where_nobody_knows_them_the_summary_counts", where_nobody_knows_them_the_summary_counts),
    ]
}

const INSTANCE: &str = "orders-preflight";

/// The adapter, which asks for the pods of the unit.
fn with_pods(scene: &Scene) -> Arc<ArgoCd> {
    let workload = Workload::new("main", "shop", INSTANCE);
    let pods = Kubernetes::builder(Arc::new(SystemClock)).cluster("main", kubernetes_access(&scene.servers)).workload(
        unit(),
        target().environment,
        workload,
    );
    argo_cd_with(&scene.git, Way::Kubernetes.instance(&scene.servers), Arc::new(pods.build().unwrap()))
}

fn old() -> Digest {
    Digest::of(b"old")
}

fn image(digest: Digest) -> String {
    format!("{IMAGE}@{digest}")
}

fn running(image: &str) -> Value {
    container("app", image, 0, &json!({"running": {"startedAt": "2026-11-22T11:45:50Z"}}), &json!({}))
}

impl Scene {
    fn good(&self) -> Digest {
        self.committed.artifact.unwrap()
    }

    fn runs(&self, pod_name: &str, containers: &[Value]) {
        let pod = pod(&key("shop", pod_name), INSTANCE, &json!(containers));
        self.servers.cluster.runs().pod(pod);
    }

    fn summed_up(&self, digest: Digest) {
        self.servers.cluster.edit(&place(), |object| object["status"]["summary"]["images"] = json!([image(digest)]));
    }

    async fn seen(&self, argo: &ArgoCd) -> Observation {
        argo.observe(&cx(), &self.expected()).await.unwrap()
    }
}

fn no_pod(scene: &Scene) -> Readiness {
    Readiness::NotYet(NotYet::Reported { message: format!("no pod runs {}", image(scene.good())) })
}

async fn a_stale_summary_holds_nothing_up() {
    let scene = Scene::new().await;
    let argo = with_pods(&scene);
    scene.runs("orders-7b9f-aaaaa", &[running(&image(scene.good()))]);
    scene.summed_up(old());
    let seen = scene.seen(&argo).await;
    assert_eq!((seen.readiness, seen.artifact), (Readiness::Ready, Some(scene.good())));
    // The summary alone is another matter.
    let seen = scene.seen(&scene.argo(Way::Kubernetes)).await;
    assert_eq!(seen.readiness, Readiness::Failed(DeployFailure::WrongArtifact { running: Some(old()) }));
    // As it is for whoever watches, and is told nothing new.
    let watched = {
        let _watching = watch(&argo);
        let mut seen = scene.seen(&argo).await;
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            seen = scene.seen(&argo).await;
        }
        seen
    };
    assert_eq!(watched.readiness, Readiness::Ready);
}

async fn a_right_summary_proves_nothing() {
    let scene = Scene::new().await;
    let argo = with_pods(&scene);
    assert_eq!(scene.seen(&argo).await.readiness, no_pod(&scene), "there is none");
    scene.runs("orders-5d4c-aaaaa", &[running(&image(old()))]);
    let seen = scene.seen(&argo).await;
    assert_eq!((seen.readiness, seen.artifact), (no_pod(&scene), Some(old())));
    scene.runs("orders-7b9f-aaaaa", &[running(&image(scene.good()))]);
    let message = format!("{} runs beside the expected image", image(old()));
    assert_eq!(scene.seen(&argo).await.readiness, Readiness::NotYet(NotYet::Reported { message }));
    scene.servers.cluster.runs().stop(&key("shop", "orders-5d4c-aaaaa"));
    assert_eq!(scene.seen(&argo).await.readiness, Readiness::Ready);
    // Where both say that another one runs, it does.
    scene.summed_up(old());
    scene.runs("orders-7b9f-aaaaa", &[running(&image(old()))]);
    let wrong = Readiness::Failed(DeployFailure::WrongArtifact { running: Some(old()) });
    assert_eq!(scene.seen(&argo).await.readiness, wrong);
}

async fn only_what_runs_and_stays_counts() {
    let scene = Scene::new().await;
    let argo = with_pods(&scene);
    let (good, node) = (image(scene.good()), format!("docker-pullable://{}", image(scene.good())));
    let pulling = container("app", &good, 0, &json!({"waiting": {"reason": "ContainerCreating"}}), &json!({}));
    let ended = container("app", &good, 0, &json!({"terminated": {"exitCode": 0, "reason": "Completed"}}), &json!({}));
    for idle in [pulling, ended] {
        scene.runs("orders-7b9f-aaaaa", &[idle, running("registry.example/shop/proxy@sha256:1")]);
        assert_eq!(scene.seen(&argo).await.readiness, no_pod(&scene));
    }
    // By the name of an image alone, of which no repository is told, its own reference counts.
    let mut local = running(&good);
    local["imageID"] = json!("sha256:0000");
    for runs in [running(&node), local] {
        scene.runs("orders-7b9f-aaaaa", &[runs]);
        assert_eq!(scene.seen(&argo).await.readiness, Readiness::Ready);
    }
    // By the name of a copy.
    scene.runs("orders-7b9f-aaaaa", &[running(&format!("mirror.example/orders@{}", scene.good()))]);
    let seen = scene.seen(&argo).await;
    assert_eq!((seen.readiness, seen.artifact), (Readiness::Ready, Some(scene.good())));
    scene.runs("orders-7b9f-aaaaa", &[running(&good)]);
    // What is on its way out does not count, neither for it nor against it.
    let mut leaving = pod(&key("shop", "orders-5d4c-aaaaa"), INSTANCE, &json!([running(&image(old()))]));
    leaving["metadata"]["deletionTimestamp"] = json!("2026-11-22T11:46:00Z");
    scene.servers.cluster.runs().pod(leaving);
    assert_eq!(scene.seen(&argo).await.readiness, Readiness::Ready);
    let mut leaving = pod(&key("shop", "orders-7b9f-aaaaa"), INSTANCE, &json!([running(&good)]));
    leaving["metadata"]["deletionTimestamp"] = json!("2026-11-22T11:46:00Z");
    scene.servers.cluster.runs().pod(leaving);
    assert_eq!(scene.seen(&argo).await.readiness, no_pod(&scene));
}

fn is_about_pods(call: &str) -> bool {
    call.contains("/namespaces/shop/pods")
}

async fn they_are_asked_once_all_else_holds() {
    let scene = Scene::new().await;
    let argo = with_pods(&scene);
    scene.runs("orders-7b9f-aaaaa", &[running(&image(scene.good()))]);
    scene.servers.cluster.edit(&place(), |object| object["status"]["health"]["status"] = json!("Progressing"));
    scene.servers.cluster.calls();
    assert_eq!(scene.seen(&argo).await.readiness, Readiness::NotYet(NotYet::Starting));
    assert!(!scene.servers.cluster.calls().iter().any(|call| is_about_pods(call)));
    // What cannot be read is no reason to believe the summary.
    scene.servers.cluster.edit(&place(), |object| object["status"]["health"]["status"] = json!("Healthy"));
    scene.servers.cluster.runs().forbid("list pods");
    assert_eq!(argo.observe(&cx(), &scene.expected()).await.unwrap_err().kind(), ErrorKind::Denied);
    // A unit without an artifact runs whatever it runs.
    let any = ExpectedDeployment { artifact: None, ..scene.expected() };
    assert_eq!(argo.observe(&cx(), &any).await.unwrap().readiness, Readiness::Ready);
}

async fn a_warm_verdict_takes_three_requests() {
    let scene = Scene::new().await;
    let argo = with_pods(&scene);
    scene.runs("orders-7b9f-aaaaa", &[running(&image(scene.good()))]);
    let _watching = watch(&argo);
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
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
            match scene.seen(&argo).await.readiness {
                // The watch has not told of the end of the refresh yet.
                Readiness::NotYet(NotYet::Looking) => tokio::time::sleep(Duration::from_millis(5)).await,
                readiness => return readiness,
            }
        }
    };
    assert_eq!(verdict().await, Readiness::Ready);
    scene.servers.cluster.calls();
    assert_eq!(verdict().await, Readiness::Ready);
    controller.abort();
    let calls = scene.servers.cluster.calls();
    assert!(calls.len() <= 3 && calls.iter().all(|call| call.starts_with("GET ")), "{calls:?}");
    assert_eq!(calls.iter().filter(|call| is_about_pods(call)).count(), 1, "{calls:?}");
}

async fn what_runs_of_one_application_does_not_count_for_another() {
    let scene = Scene::new().await;
    let mut second = live(application("argocd", "orders-worker"), &scene.committed);
    second["status"]["summary"]["images"] = json!([image(old())]);
    scene.servers.cluster.put(second);
    scene.runs("orders-7b9f-aaaaa", &[running(&image(scene.good()))]);
    let workload = Workload::new("main", "shop", INSTANCE);
    let pods = Kubernetes::builder(Arc::new(SystemClock)).cluster("main", kubernetes_access(&scene.servers));
    let pods = Arc::new(pods.workload(unit(), target().environment, workload).build().unwrap());
    let worker = ManagedApplication::new("main", "argocd", "orders-worker", REPO_URL).image(IMAGE);
    let argo = argo_cd_of_two(&scene.git, Way::Kubernetes.instance(&scene.servers), worker, pods);
    let wrong = Readiness::Failed(DeployFailure::WrongArtifact { running: Some(old()) });
    assert_eq!(scene.seen(&argo).await.readiness, wrong);
}

async fn where_nobody_knows_them_the_summary_counts() {
    let scene = Scene::new().await;
    let nobody = Kubernetes::builder(Arc::new(SystemClock)).build().unwrap();
    let argo = argo_cd_with(&scene.git, Way::Kubernetes.instance(&scene.servers), Arc::new(nobody));
    assert_eq!(scene.seen(&argo).await.readiness, Readiness::Ready);
    scene.summed_up(old());
    let wrong = Readiness::Failed(DeployFailure::WrongArtifact { running: Some(old()) });
    assert_eq!(scene.seen(&argo).await.readiness, wrong);
}
