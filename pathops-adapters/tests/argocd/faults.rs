//! What goes wrong between the adapter and the servers, and how few requests it takes where nothing does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;
use pathops_adapters::argocd::{Access, ArgoCd, Instance};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{
    Clock, DeployFailure, ExpectedDeployment, GitOps as _, NotYet, Observation, Readiness, Stale, StaleAction,
};
use pathops_core::conformance::gitops::{Committed, Desired, DesiredState as _};
use pathops_core::{Effect, ErrorKind, Retry, UnixMillis};
use serde_json::{Value, json};

use crate::cluster::{Key, key};
use crate::controller::{HOOKS, IMAGE, second};
use crate::world::{Git, Running, Servers, Way, application, argo_cd, cx, jobs, orders, repo, target, unit, watch};
use crate::{crd, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_makes_nobody_act_takes_no_request", what_makes_nobody_act_takes_no_request),
        trial("a_warm_verdict_takes_two_requests_and_writes_nothing", a_warm_verdict_takes_two_requests_and_writes_nothing),
        trial("a_watch_that_breaks_off_begins_anew", a_watch_that_breaks_off_begins_anew),
        trial("a_watch_of_argo_cd_that_breaks_off_begins_anew", a_watch_of_argo_cd_that_breaks_off_begins_anew),
        trial("a_watch_that_ends_is_taken_up_where_it_was", a_watch_that_ends_is_taken_up_where_it_was),
        trial("what_is_forgotten_is_listed_anew", what_is_forgotten_is_listed_anew),
        trial("doubled_and_reordered_events_change_nothing", doubled_and_reordered_events_change_nothing),
        trial("a_watch_that_is_silent_is_not_believed", a_watch_that_is_silent_is_not_believed),
        trial("an_expired_token_is_read_again", an_expired_token_is_read_again),
        trial("a_refused_token_is_denied_and_never_shown", a_refused_token_is_denied_and_never_shown),
        trial("too_many_requests_are_told_and_not_repeated", too_many_requests_are_told_and_not_repeated),
        trial("a_watch_waits_as_long_as_it_is_told_to", a_watch_waits_as_long_as_it_is_told_to),
        trial("a_slow_server_is_waited_for_no_longer_than_asked", a_slow_server_is_waited_for_no_longer_than_asked),
        trial("what_is_deleted_is_gone", what_is_deleted_is_gone),
        trial("a_refresh_that_hangs_is_asked_for_all_the_same", a_refresh_that_hangs_is_asked_for_all_the_same),
        trial("a_conflict_of_the_annotation_is_told", a_conflict_of_the_annotation_is_told),
        trial("all_applications_of_a_unit_have_to_be_ready", all_applications_of_a_unit_have_to_be_ready),
        trial("a_commit_that_changes_nothing_is_not_tested", a_commit_that_changes_nothing_is_not_tested),
        trial("lists_come_in_pages", lists_come_in_pages),
        trial("the_official_definition_refuses_what_is_none", the_official_definition_refuses_what_is_none),
    ]
}

fn place() -> Key {
    key("argocd", "orders-preflight")
}

fn ago(seconds: i64) -> UnixMillis {
    UnixMillis(SystemClock.now().0 - seconds * 1000)
}

/// One Application of `orders`, and the adapter on it.
struct Scene {
    servers: Servers,
    git: Git,
    committed: Committed,
}

impl Scene {
    /// Version 1 is committed, and live and healthy.
    async fn new() -> Self {
        let (servers, git) = (Servers::start().await, Git::new());
        let committed = git.commit(Desired::Healthy { version: 1 }).await;
        servers.cluster.put(live(application("argocd", "orders-preflight"), &committed));
        Self { servers, git, committed }
    }

    fn argo(&self, way: Way) -> Arc<ArgoCd> {
        argo_cd(&self.git, way.instance(&self.servers))
    }

    fn expected(&self) -> ExpectedDeployment {
        ExpectedDeployment {
            unit: unit(),
            target: target(),
            repo: repo(),
            commit: self.committed.commit.clone(),
            tree: self.committed.tree.clone(),
            artifact: self.committed.artifact,
            jobs: jobs(),
            settle: Duration::ZERO,
            since: ago(60),
        }
    }

    /// Something happens to the Application: a refresh is under way, which is not ready. The new version is returned.
    fn refreshing(&self) -> String {
        let refresh = |object: &mut Value| object["metadata"]["annotations"]["argocd.argoproj.io/refresh"] = json!("normal");
        self.servers.cluster.edit(&place(), refresh).to_string()
    }

    /// Waits until the watch has told of `version`, which takes no read.
    async fn told(&self, argo: &ArgoCd, version: &str) -> Observation {
        for _ in 0..400 {
            self.servers.cluster.calls();
            let observation = argo.observe(&cx(), &self.expected()).await;
            let read = self.servers.cluster.calls().iter().any(|call| call.contains("/orders-preflight?"));
            if let Ok(observation) = observation {
                assert_ne!(observation.readiness, Readiness::Ready, "a refresh is under way");
                if !read && observation.resource_version == version {
                    return observation;
                }
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the watch never told of version {version}; it knows {:?}", argo.observe(&cx(), &self.expected()).await);
    }

    async fn watched(&self, way: Way) -> (Arc<ArgoCd>, Running) {
        let argo = self.argo(way);
        let watching = watch(&argo);
        let version = self.refreshing();
        self.told(&argo, &version).await;
        (argo, watching)
    }
}

/// `application` as it looks when `committed` is live, tested and healthy.
fn live(mut application: Value, committed: &Committed) -> Value {
    let spec = application["spec"].clone();
    let hook = |name: &&str| {
        json!({"group": "batch", "version": "v1", "kind": "Job", "namespace": "shop", "name": name, "message": "ok",
            "hookType": "PostSync", "hookPhase": "Succeeded", "syncPhase": "PostSync"})
    };
    application["status"] = json!({
        "sync": {"status": "Synced", "revision": committed.commit,
            "comparedTo": {"source": spec["source"], "destination": spec["destination"]}},
        "health": {"status": "Healthy", "lastTransitionTime": second(ago(20))},
        "reconciledAt": second(ago(10)),
        "resources": [{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "orders", "status": "Synced"}],
        "summary": {"images": [format!("{IMAGE}@{}", committed.artifact.unwrap())], "externalURLs": ["https://orders.example"]},
        "operationState": {
            "phase": "Succeeded", "message": "successfully synced", "startedAt": second(ago(40)), "finishedAt": second(ago(30)),
            "operation": {"sync": {"revision": committed.commit}},
            "syncResult": {"revision": committed.commit, "source": spec["source"], "resources": HOOKS.iter().map(hook).collect::<Vec<_>>()}
        }
    });
    application
}

async fn what_makes_nobody_act_takes_no_request() {
    let scene = Scene::new().await;
    let (argo, _watching) = scene.watched(Way::Kubernetes).await;
    scene.servers.cluster.calls();
    for _ in 0..50 {
        let observation = argo.observe(&cx(), &scene.expected()).await.unwrap();
        assert_eq!(observation.readiness, Readiness::NotYet(NotYet::Looking));
    }
    assert_eq!(scene.servers.cluster.calls(), [""; 0]);
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

async fn a_watch_that_breaks_off_begins_anew() {
    let scene = Scene::new().await;
    let (argo, _watching) = scene.watched(Way::Kubernetes).await;
    scene.servers.cluster.faults().cut_after = Some(0);
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
}

async fn a_watch_of_argo_cd_that_breaks_off_begins_anew() {
    let scene = Scene::new().await;
    let (argo, _watching) = scene.watched(Way::Server).await;
    scene.servers.cluster.faults().cut_after = Some(0);
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
}

async fn a_watch_that_ends_is_taken_up_where_it_was() {
    let scene = Scene::new().await;
    let (argo, _watching) = scene.watched(Way::Kubernetes).await;
    scene.servers.cluster.calls();
    scene.servers.cluster.faults().end = true;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    scene.servers.cluster.faults().end = false;
    let calls = scene.servers.cluster.calls();
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
    let watches = calls.iter().filter(|call| call.contains("watch=1")).count();
    let lists = calls.iter().filter(|call| call.contains("limit=")).count();
    assert!((1..=8).contains(&watches) && lists == 0, "{calls:?}");
}

async fn what_is_forgotten_is_listed_anew() {
    let scene = Scene::new().await;
    let (argo, _watching) = scene.watched(Way::Kubernetes).await;
    let cluster = &scene.servers.cluster;
    cluster.faults().deaf = true;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let version = scene.refreshing();
    cluster.compact();
    {
        let mut faults = cluster.faults();
        (faults.deaf, faults.end) = (false, true);
    }
    cluster.calls();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    cluster.faults().end = false;
    let calls = cluster.calls();
    scene.told(&argo, &version).await;
    assert!(calls.iter().any(|call| call.contains("limit=")), "{calls:?}");
}

async fn doubled_and_reordered_events_change_nothing() {
    let scene = Scene::new().await;
    let (argo, _watching) = scene.watched(Way::Kubernetes).await;
    let cluster = &scene.servers.cluster;
    cluster.faults().deaf = true;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let older = scene.refreshing();
    let version = scene.refreshing();
    {
        let mut faults = cluster.faults();
        (faults.deaf, faults.duplicate, faults.reorder) = (false, true, true);
    }
    scene.told(&argo, &version).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    cluster.calls();
    let observation = argo.observe(&cx(), &scene.expected()).await.unwrap();
    assert_eq!((observation.resource_version, cluster.calls()), (version, Vec::new()), "{older} came late");
}

/// A clock that is moved on.
#[derive(Debug, Default)]
struct Ahead(AtomicI64);

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> UnixMillis {
        UnixMillis(SystemClock.now().0 + self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

async fn a_watch_that_is_silent_is_not_believed() {
    let scene = Scene::new().await;
    let clock = Arc::new(Ahead::default());
    let builder =
        ArgoCd::builder(scene.git.scm.clone(), clock.clone()).instance("main", Way::Kubernetes.instance(&scene.servers));
    let argo = Arc::new(builder.manage(unit(), target().environment, repo(), orders()).build().unwrap());
    let _watching = watch(&argo);
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
    scene.servers.cluster.faults().deaf = true;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let version = scene.refreshing();
    let told = argo.observe(&cx(), &scene.expected()).await.unwrap();
    assert_ne!(told.resource_version, version, "nobody told of it, and \"not yet\" makes nobody act");
    clock.0.store(61_000, Ordering::Relaxed);
    let read = argo.observe(&cx(), &ExpectedDeployment { since: ago(60), ..scene.expected() }).await.unwrap();
    assert_eq!(read.resource_version, version);
}

async fn an_expired_token_is_read_again() {
    let scene = Scene::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let argo = argo_cd(&scene.git, Instance::cluster(Access::url(&scene.servers.kubernetes.url).token_file(&file)));
    let _watching = watch(&argo);
    let version = scene.refreshing();
    scene.told(&argo, &version).await;

    scene.servers.cluster.accept("second");
    std::fs::write(&file, "second\n").unwrap();
    scene.servers.cluster.faults().cut_after = Some(0);
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
}

async fn a_refused_token_is_denied_and_never_shown() {
    let scene = Scene::new().await;
    let access = Access::url(&scene.servers.kubernetes.url).token("s3cret-token");
    assert!(!format!("{access:?}").contains("s3cret"));
    let argo = argo_cd(&scene.git, Instance::cluster(access));
    let error = argo.observe(&cx(), &scene.expected()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry(), error.effect()), (ErrorKind::Denied, Retry::Never, Effect::None));
    assert!(!format!("{error:?} {argo:?}").contains("s3cret"), "{error:?}");
    assert!(error.to_string().contains("401"), "{error}");
}

async fn too_many_requests_are_told_and_not_repeated() {
    let scene = Scene::new().await;
    let argo = scene.argo(Way::Kubernetes);
    scene.servers.cluster.faults().answers.push_back((429, Some(7)));
    let error = argo.observe(&cx(), &scene.expected()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::RateLimited, Retry::After(Duration::from_secs(7))));
    assert_eq!(scene.servers.cluster.calls().len(), 1);
    for (code, kind) in [(503, ErrorKind::Unavailable), (404, ErrorKind::NotFound), (403, ErrorKind::Denied)] {
        scene.servers.cluster.faults().answers.push_back((code, None));
        assert_eq!(argo.observe(&cx(), &scene.expected()).await.unwrap_err().kind(), kind);
    }
    assert_eq!(argo.observe(&cx(), &scene.expected()).await.unwrap().readiness, Readiness::Ready);
}

async fn a_watch_waits_as_long_as_it_is_told_to() {
    let scene = Scene::new().await;
    let (argo, _watching) = scene.watched(Way::Kubernetes).await;
    {
        let mut faults = scene.servers.cluster.faults();
        faults.cut_after = Some(0);
    }
    scene.servers.cluster.calls();
    let version = scene.refreshing();
    tokio::time::sleep(Duration::from_millis(200)).await;
    scene.servers.cluster.faults().answers.push_back((429, Some(2)));
    tokio::time::sleep(Duration::from_millis(1800)).await;
    let lists = scene.servers.cluster.calls().iter().filter(|call| call.contains("limit=")).count();
    assert_eq!(lists, 1, "it was told to wait for two seconds");
    scene.told(&argo, &version).await;
}

async fn a_slow_server_is_waited_for_no_longer_than_asked() {
    let scene = Scene::new().await;
    let argo = scene.argo(Way::Kubernetes);
    scene.servers.cluster.faults().delay = Duration::from_millis(400);
    assert_eq!(argo.observe(&cx(), &scene.expected()).await.unwrap().readiness, Readiness::Ready);
    let error = argo.observe(&cx().with_timeout(Duration::from_millis(50)), &scene.expected()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Timeout, Effect::None));
    let _watching = watch(&argo);
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
}

async fn what_is_deleted_is_gone() {
    let scene = Scene::new().await;
    let (argo, _watching) = scene.watched(Way::Kubernetes).await;
    scene.servers.cluster.delete(&place());
    for _ in 0..100 {
        if let Err(error) = argo.observe(&cx(), &scene.expected()).await {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it is believed to be there still");
}

async fn a_refresh_that_hangs_is_asked_for_all_the_same() {
    let scene = Scene::new().await;
    let argo = scene.argo(Way::Kubernetes);
    // Nobody takes the annotation away, as while the repository cannot be reached.
    argo.refresh(&cx().with_timeout(Duration::from_millis(300)), &unit(), &target()).await.unwrap();
    let seen = argo.observe(&cx(), &scene.expected()).await.unwrap();
    assert_eq!(seen.readiness, Readiness::NotYet(NotYet::Looking));
}

async fn a_conflict_of_the_annotation_is_told() {
    let scene = Scene::new().await;
    let argo = scene.argo(Way::Annotation);
    scene.servers.cluster.faults().answers.push_back((409, None));
    let error = argo.refresh(&cx(), &unit(), &target()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Conflict, Retry::Backoff));
    argo.refresh(&cx(), &unit(), &target()).await.unwrap();
    let calls = scene.servers.cluster.calls();
    assert!(calls.iter().all(|call| call.starts_with("PATCH ")), "{calls:?}");
    let annotations = scene.servers.cluster.get(&place()).unwrap()["metadata"]["annotations"].clone();
    assert_eq!(annotations, json!({"argocd.argoproj.io/refresh": "normal"}));
    let unable = argo_cd(&scene.git, Instance::cluster(scene.servers.kubernetes_access()));
    assert!(!unable.capabilities().refresh);
    assert_eq!(unable.refresh(&cx(), &unit(), &target()).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

async fn all_applications_of_a_unit_have_to_be_ready() {
    let scene = Scene::new().await;
    let cluster = &scene.servers.cluster;
    let other = key("elsewhere", "orders-worker");
    cluster.put(live(application("elsewhere", "orders-worker"), &scene.committed));
    let part = pathops_adapters::argocd::ManagedApplication::new("second", "elsewhere", "orders-worker", crate::world::REPO_URL);
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

async fn lists_come_in_pages() {
    let scene = Scene::new().await;
    for number in 0..450 {
        scene.servers.cluster.put(application("argocd", &format!("a-{number}")));
    }
    let (argo, _watching) = scene.watched(Way::Kubernetes).await;
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
}

async fn the_official_definition_refuses_what_is_none() {
    if crd::is_there() {
        let mut strange = application("argocd", "a");
        strange["status"]["reconciled"] = json!("2026-11-22T12:00:00Z");
        std::panic::catch_unwind(|| crd::check(&strange)).unwrap_err();
    }
}
