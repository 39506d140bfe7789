//! What goes wrong between the adapter and the servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;
use pathops_adapters::argocd::{Access, ArgoCd, Instance};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock, ExpectedDeployment, GitOps as _, NotYet, Readiness};
use pathops_core::{Effect, ErrorKind, Retry, UnixMillis};
use pathops_fakes::argocd::key;
use serde_json::json;

use crate::scene::{Scene, ago, place};
use crate::trial;
use crate::world::{Way, application, argo_cd, cx, kubernetes_access, orders, repo, target, unit, watch};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_makes_nobody_act_takes_no_request", what_makes_nobody_act_takes_no_request),
        trial("a_watch_that_breaks_off_begins_anew", a_watch_that_breaks_off_begins_anew),
        trial("a_watch_of_argo_cd_that_breaks_off_begins_anew", a_watch_of_argo_cd_that_breaks_off_begins_anew),
        trial("a_watch_that_ends_is_taken_up_where_it_was", a_watch_that_ends_is_taken_up_where_it_was),
        trial("what_is_forgotten_is_listed_anew", what_is_forgotten_is_listed_anew),
        trial("what_happens_elsewhere_moves_the_watch_on", what_happens_elsewhere_moves_the_watch_on),
        trial("a_watch_that_is_refused_as_too_old_is_listed_anew", a_watch_that_is_refused_as_too_old_is_listed_anew),
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
        trial("lists_come_in_pages", lists_come_in_pages),
    ]
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

/// It is told by bookmarks alone, from which on the watch is taken up.
async fn what_happens_elsewhere_moves_the_watch_on() {
    let scene = Scene::new().await;
    let cluster = &scene.servers.cluster;
    cluster.put(application("elsewhere", "other"));
    let argo = argo_cd(&scene.git, Way::Kubernetes.instance(&scene.servers).namespace("argocd"));
    let _watching = watch(&argo);
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
    cluster.edit(&key("elsewhere", "other"), |object| object["metadata"]["annotations"]["team"] = json!("shop"));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // What the watch was told of the Application itself is forgotten by now.
    cluster.compact();
    cluster.calls();
    cluster.faults().end = true;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    cluster.faults().end = false;
    let calls = cluster.calls();
    let version = scene.refreshing();
    scene.told(&argo, &version).await;
    let watches = calls.iter().filter(|call| call.contains("watch=1")).count();
    let lists = calls.iter().filter(|call| call.contains("limit=")).count();
    assert!(watches >= 1 && lists == 0, "{calls:?}");
}

async fn a_watch_that_is_refused_as_too_old_is_listed_anew() {
    let scene = Scene::new().await;
    let (argo, _watching) = scene.watched(Way::Kubernetes).await;
    let cluster = &scene.servers.cluster;
    cluster.faults().deaf = true;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let version = scene.refreshing();
    cluster.calls();
    {
        let mut faults = cluster.faults();
        (faults.deaf, faults.end) = (false, true);
        faults.answers.push_back((410, None));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster.faults().end = false;
    tokio::time::sleep(Duration::from_millis(1000)).await;
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
    let unable = argo_cd(&scene.git, Instance::cluster(kubernetes_access(&scene.servers)));
    assert!(!unable.capabilities().refresh);
    assert_eq!(unable.refresh(&cx(), &unit(), &target()).await.unwrap_err().kind(), ErrorKind::Unsupported);
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
