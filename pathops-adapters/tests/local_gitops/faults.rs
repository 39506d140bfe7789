//! The local reconciler among real repositories and processes, while things go wrong.

use std::sync::Arc;
use std::time::Duration;

use crate::world::*;
use libtest_mimic::Trial;
use pathops_core::adapter::{
    BlobCapabilities, BlobStore, ByteStream, Clock as _, Collected, DeployFailure, ExpectedDeployment, GitOps as _, JobKind,
    NotYet, Readiness, RuntimeSignals as _, SignalQuery, Stale, StaleAction,
};
use pathops_core::{Digest, ErrorKind, OpContext, UnixMillis};

macro_rules! trials {
    ($($name:ident),* $(,)?) => {
        pub(crate) fn trials() -> Vec<Trial> {
            vec![$(Trial::test(concat!("faults::", stringify!($name)), || { runtime().block_on($name()); Ok(()) })),*]
        }
    };
}

trials![
    becomes_ready_and_is_tested,
    gets_nothing_but_what_is_declared,
    an_app_that_dies_at_start_has_crashed,
    an_app_that_never_listens_has_crashed,
    an_unhealthy_app_is_told_from_a_dead_one,
    an_app_that_falls_ill_is_unhealthy_until_it_recovers,
    an_app_that_fails_its_smoke_job_is_not_ready,
    a_job_ends_within_its_limit,
    an_answer_against_its_schema_is_a_failed_job,
    a_job_that_is_not_declared_is_missing,
    a_declared_port_that_is_taken_is_named,
    a_picked_port_that_is_taken_is_replaced,
    an_artifact_that_is_missing_or_wrong_is_never_run,
    a_broken_file_is_named_with_its_line_and_the_old_state_runs_on,
    an_unknown_program_is_answered_with_the_known_ones,
    a_new_commit_replaces_the_process,
    a_revert_brings_back_the_old_artifact,
    a_superseded_expectation_is_stale,
    a_commit_with_the_same_tree_leaves_the_process,
    a_killed_process_is_started_again,
    a_process_that_ends_again_and_again_has_crashed,
    a_restarted_reconciler_goes_on,
    one_reconciler_runs_in_a_folder,
    units_find_each_other,
    nothing_declared_stops_what_runs,
    stopping_leaves_no_process,
    killing_the_host_leaves_no_process,
    what_is_not_watched_is_not_found,
];

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test waits for real processes")]
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("5 s have passed, and still not: {what}");
}

fn pids(url: &str) -> Vec<u32> {
    get(url, "/pids").split(' ').map(|pid| pid.parse().unwrap()).collect()
}

async fn becomes_ready_and_is_tested() {
    let world = World::new(&["orders"]);
    let digest = world.artifact("v1").await;
    let host = world.start();
    let mut expected = world.commit("orders", &[deployment("", SMOKE), reference(&digest)]);
    expected.jobs = jobs(&["smoke"]);
    expected.settle = Duration::from_millis(200);
    let seen = host.until_ready(&expected).await;
    assert_eq!((seen.commit, seen.tree, seen.artifact), (Some(expected.commit), Some(expected.tree), Some(digest)));
    assert_eq!(get(&seen.url.unwrap(), "/"), "hello from v1");
    assert!(seen.at.since(seen.healthy_since.unwrap()) >= expected.settle);
    let [smoke] = &seen.jobs[..] else { panic!("{:?}", seen.jobs) };
    assert!(smoke.passed() && smoke.kind == JobKind::Smoke, "{smoke:?}");
    let query =
        SignalQuery { unit: unit("orders"), target: preflight(), since: UnixMillis(0), head_bytes: 1000, tail_bytes: 1000 };
    let Collected::Present(events) = host.reconciler.events(&cx(), &query).await.unwrap() else { panic!() };
    let reasons: Vec<_> = events.iter().map(|event| event.reason.as_str()).collect();
    assert_eq!(reasons, ["Started", "Healthy", "JobsPassed"]);
    host.stop().await;
}

async fn gets_nothing_but_what_is_declared() {
    let world = World::new(&["store"]);
    let host = world.start();
    let more = "  environment: {GREETING: hello, LOG: warn}\n";
    let expected = world.commit("store", &[program("", more), settings("  environment: {LOG: info}\n")]);
    let url = host.until_ready(&expected).await.url.unwrap();
    let environment = get(&url, "/environment");
    let names: Vec<_> = environment.lines().map(|line| line.split('=').next().unwrap()).collect();
    assert_eq!(names, ["DATA_DIR", "GREETING", "LOG", "PATH", "PORT"]);
    assert!(environment.contains("LOG=info") && environment.contains("/data/preflight/store\n"), "{environment}");
    host.stop().await;
}

async fn an_app_that_dies_at_start_has_crashed() {
    let world = World::new(&["store"]);
    let host = world.start();
    let expected = world.commit("store", &[program("dies", "")]);
    let failure = host.until_failed(&expected).await;
    for part in ["Crashed", "exit status 3", "no database at db:5432"] {
        assert!(failure.contains(part), "{failure}");
    }
    host.stop().await;
}

async fn an_app_that_never_listens_has_crashed() {
    let mut world = World::new(&["store"]);
    world.start_limit = Duration::from_millis(300);
    let mut config = world.config();
    config.programs.get_mut("app").unwrap().executable = "sleep".into();
    config.programs.get_mut("app").unwrap().args = vec!["1000".to_owned()];
    let host = world.start_config(config);
    let expected = world.commit("store", &[program("", "")]);
    let failure = host.until_failed(&expected).await;
    assert!(failure.contains("Crashed") && failure.contains("within 300 ms"), "{failure}");
    host.stop().await;
}

async fn an_unhealthy_app_is_told_from_a_dead_one() {
    let mut world = World::new(&["store"]);
    world.start_limit = Duration::from_millis(300);
    let host = world.start();
    let expected = world.commit("store", &[program("unhealthy", "")]);
    let failure = host.until_failed(&expected).await;
    assert!(failure.contains("Unhealthy") && failure.contains("503"), "{failure}");
    host.stop().await;
}

async fn an_app_that_falls_ill_is_unhealthy_until_it_recovers() {
    let world = World::new(&["store"]);
    let host = world.start();
    let expected = world.commit("store", &[program("", "")]);
    let before = host.until_ready(&expected).await;
    let url = before.url.unwrap();
    get(&url, "/fall-ill");
    let failure = host.until_failed(&expected).await;
    assert!(failure.contains("Unhealthy") && failure.contains("503"), "{failure}");
    get(&url, "/recover");
    let after = host.until_ready(&expected).await;
    assert!(after.healthy_since > before.healthy_since, "health counts from the recovery");
    host.stop().await;
}

async fn a_job_ends_within_its_limit() {
    let world = World::new(&["store"]);
    let mut config = world.config();
    config.job_limit = Duration::from_millis(200);
    let host = world.start_config(config);
    let more =
        "  jobs:\n    - name: smoke\n      kind: smoke\n      requests: [{name: slow, get: /slow}, {name: home, get: /}]\n";
    let mut expected = world.commit("store", &[program("", more)]);
    expected.jobs = jobs(&["smoke"]);
    let seen = host.until(&expected, |readiness| matches!(readiness, Readiness::Failed(_))).await;
    assert_eq!(seen.readiness, Readiness::Failed(DeployFailure::JobsFailed { jobs: jobs(&["smoke"]) }));
    assert!(seen.jobs[0].finished_at.since(seen.jobs[0].started_at) < Duration::from_millis(800), "{:?}", seen.jobs);
    host.stop().await;
}

async fn an_app_that_fails_its_smoke_job_is_not_ready() {
    let world = World::new(&["store"]);
    let host = world.start();
    let mut expected = world.commit("store", &[program("sick", SMOKE)]);
    expected.jobs = jobs(&["smoke"]);
    let seen = host.until(&expected, |readiness| matches!(readiness, Readiness::Failed(_))).await;
    assert_eq!(seen.readiness, Readiness::Failed(DeployFailure::JobsFailed { jobs: jobs(&["smoke"]) }));
    assert_eq!(seen.jobs[0].checks[0].failure.as_deref(), Some("GET /: expected status 200, got 500"));
    host.stop().await;
}

async fn an_answer_against_its_schema_is_a_failed_job() {
    let world = World::new(&["store"]);
    let host = world.start();
    let more = "  jobs:\n    - name: contract\n      kind: contract\n      requests: [{name: an order, get: /order, schema: order.json}]\n";
    let schema = ("order.json", r#"{"properties": {"total": {"type": "integer"}}}"#.to_owned());
    let mut expected = world.commit("store", &[program("", more), schema]);
    expected.jobs = jobs(&["contract"]);
    let seen = host.until(&expected, |readiness| matches!(readiness, Readiness::Failed(_))).await;
    let failure = seen.jobs[0].checks[0].failure.as_deref().unwrap();
    assert!(failure.contains("schema at `/total`"), "{failure}");
    let missing = world.commit("store", &[program("", more)]);
    assert!(host.until_failed(&missing).await.contains("`order.json` is not in the same folder"));
    host.stop().await;
}

async fn a_job_that_is_not_declared_is_missing() {
    let world = World::new(&["store"]);
    let host = world.start();
    let mut expected = world.commit("store", &[program("", SMOKE)]);
    expected.jobs = jobs(&["smoke", "contract"]);
    let seen = host.until(&expected, |readiness| matches!(readiness, Readiness::Failed(_))).await;
    assert_eq!(seen.readiness, Readiness::Failed(DeployFailure::JobsMissing { jobs: jobs(&["contract"]) }));
    host.stop().await;
}

async fn a_declared_port_that_is_taken_is_named() {
    let world = World::new(&["store"]);
    let host = world.start();
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = foreign.local_addr().unwrap().port();
    let expected = world.commit("store", &[program("", ""), settings(&format!("  port: {port}\n"))]);
    let failure = host.until_failed(&expected).await;
    assert!(failure.contains("NotApplicable") && failure.contains(&format!("port {port} is taken")), "{failure}");
    drop(foreign);
    let seen = host.until_ready(&expected).await;
    assert_eq!(seen.url, Some(format!("http://127.0.0.1:{port}")));
    host.stop().await;
}

async fn a_picked_port_that_is_taken_is_replaced() {
    let world = World::new(&["store"]);
    let host = world.start();
    let expected = world.commit("store", &[program("", "")]);
    let first = host.until_ready(&expected).await.url.unwrap();
    host.stop().await;
    let _foreign = std::net::TcpListener::bind(first.strip_prefix("http://").unwrap()).unwrap();
    let host = world.start();
    let second = host.until_ready(&expected).await.url.unwrap();
    assert_ne!(first, second);
    assert_eq!(get(&second, "/"), "hello from program");
    host.stop().await;
}

/// Gives other bytes than those that were asked for.
#[derive(Debug)]
struct WrongBlobs;

#[async_trait::async_trait]
impl BlobStore for WrongBlobs {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn capabilities(&self) -> BlobCapabilities {
        BlobCapabilities::default()
    }

    async fn put_stream(&self, _: &OpContext, bytes: Box<dyn ByteStream>) -> pathops_core::Result<Digest> {
        Ok(Digest::of(&bytes.collect().await?))
    }

    async fn get_stream(&self, _: &OpContext, _: &Digest) -> pathops_core::Result<Option<Box<dyn ByteStream>>> {
        Ok(Some(artifact("other").into()))
    }

    fn location(&self, digest: &Digest) -> String {
        format!("wrong:{digest}")
    }
}

async fn an_artifact_that_is_missing_or_wrong_is_never_run() {
    let world = World::new(&["orders"]);
    let digest = Digest::of(&artifact("v1"));
    let expected = world.commit("orders", &[deployment("", ""), reference(&digest)]);
    let host = world.start();
    let failure = host.until_failed(&expected).await;
    assert!(failure.contains("NotApplicable") && failure.contains("there is no artifact"), "{failure}");
    world.artifact("v1").await;
    host.reconciler.refresh(&cx(), &unit("orders"), &preflight()).await.unwrap();
    host.until_ready(&expected).await;
    host.stop().await;

    let world = World::new(&["orders"]);
    let expected = world.commit("orders", &[deployment("", ""), reference(&digest)]);
    let host = world.start_with(Arc::new(WrongBlobs));
    let failure = host.until_failed(&expected).await;
    assert!(failure.contains("NotApplicable") && failure.contains("is not what it says"), "{failure}");
    host.stop().await;
}

async fn a_broken_file_is_named_with_its_line_and_the_old_state_runs_on() {
    let world = World::new(&["store"]);
    let host = world.start();
    let good = world.commit("store", &[program("", "")]);
    let url = host.until_ready(&good).await.url.unwrap();
    let broken = world.commit("store", &[program("", "  helth: {}\n")]);
    let failure = host.until_failed(&broken).await;
    assert!(failure.contains("environments/preflight/deployment.yaml:6:") && failure.contains("helth"), "{failure}");
    assert_eq!(get(&url, "/"), "hello from program");
    assert!(matches!(host.observe(&good).await.readiness, Readiness::Stale(Stale::Superseded { .. }, StaleAction::GiveUp)));
    let mended = world.commit("store", &[program("", SMOKE)]);
    host.until_ready(&mended).await;
    host.stop().await;
}

async fn an_unknown_program_is_answered_with_the_known_ones() {
    let world = World::new(&["store"]);
    let host = world.start();
    let (name, text) = program("", "");
    let expected = world.commit("store", &[(name, text.replace("program: app", "program: postgres"))]);
    let failure = host.until_failed(&expected).await;
    assert!(failure.contains("no program `postgres`; it provides `app`"), "{failure}");
    host.stop().await;
}

async fn a_new_commit_replaces_the_process() {
    let world = World::new(&["orders"]);
    let (one, two) = (world.artifact("v1").await, world.artifact("v2").await);
    let host = world.start();
    let first = world.commit("orders", &[deployment("", ""), reference(&one)]);
    let url = host.until_ready(&first).await.url.unwrap();
    let old = pids(&url);
    let second = world.commit("orders", &[deployment("", ""), reference(&two)]);
    let seen = host.until_ready(&second).await;
    assert_eq!((seen.artifact, seen.url), (Some(two), Some(url.clone())));
    assert_eq!(get(&url, "/"), "hello from v2");
    eventually("the old processes have ended", || !old.iter().any(|pid| is_alive(*pid))).await;
    host.stop().await;
}

async fn a_revert_brings_back_the_old_artifact() {
    let world = World::new(&["orders"]);
    let (one, two) = (world.artifact("v1").await, world.artifact("v2").await);
    let host = world.start();
    let first = world.commit("orders", &[deployment("", SMOKE), reference(&one)]);
    host.until_ready(&first).await;
    let second = world.commit("orders", &[deployment("dies", SMOKE), reference(&two)]);
    assert!(host.until_failed(&second).await.contains("Crashed"));
    let mut back = world.commit("orders", &[deployment("", SMOKE), reference(&one)]);
    back.jobs = jobs(&["smoke"]);
    assert_eq!(back.tree, first.tree);
    let seen = host.until_ready(&back).await;
    assert_eq!((seen.commit, seen.artifact), (Some(back.commit), Some(one)));
    assert!(seen.jobs[0].started_at >= back.since, "what was deployed in between is tested anew");
    host.stop().await;
}

async fn a_superseded_expectation_is_stale() {
    let world = World::new(&["store"]);
    let host = world.start();
    let first = world.commit("store", &[program("", "")]);
    host.until_ready(&first).await;
    let second = world.commit("store", &[program("", SMOKE)]);
    host.until_ready(&second).await;
    let stale = Readiness::Stale(Stale::Superseded { tree: second.tree }, StaleAction::GiveUp);
    assert_eq!(host.observe(&first).await.readiness, stale);
    let later = ExpectedDeployment { since: UnixMillis(i64::MAX), ..first };
    assert!(matches!(host.observe(&later).await.readiness, Readiness::Stale(Stale::NotLooking { .. }, StaleAction::Refresh)));
    host.stop().await;
}

async fn a_commit_with_the_same_tree_leaves_the_process() {
    let world = World::new(&["store"]);
    let host = world.start();
    let first = world.commit("store", &[program("", SMOKE)]);
    let seen = host.until_ready(&first).await;
    let before = pids(&seen.url.clone().unwrap());
    let commit = commit_outside(&world.repository("store"));
    let second = ExpectedDeployment { commit, ..first };
    let seen_again = host.until_ready(&second).await;
    assert_eq!((seen_again.commit, &seen_again.healthy_since), (Some(second.commit), &seen.healthy_since));
    assert_eq!(pids(&seen.url.unwrap()), before);
    let version = |text: &str| text.parse::<u64>().unwrap();
    assert!(version(&seen_again.resource_version) > version(&seen.resource_version));
    host.stop().await;
}

async fn a_killed_process_is_started_again() {
    let world = World::new(&["store"]);
    let host = world.start();
    let expected = world.commit("store", &[program("", "")]);
    let seen = host.until_ready(&expected).await;
    let url = seen.url.clone().unwrap();
    let old = pids(&url);
    let pid = rustix::process::Pid::from_raw(old[0].try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    host.until(&expected, |readiness| *readiness == Readiness::NotYet(NotYet::Starting)).await;
    let again = host.until_ready(&expected).await;
    assert!(again.healthy_since > seen.healthy_since);
    assert_ne!(pids(&url), old);
    eventually("what the process had started has ended with it", || !is_alive(old[1])).await;
    host.stop().await;
}

async fn a_process_that_ends_again_and_again_has_crashed() {
    let world = World::new(&["store"]);
    let host = world.start();
    let expected = world.commit("store", &[program("", "")]);
    for _ in 0..6 {
        let url = host.until_ready(&expected).await.url.unwrap();
        assert_eq!(try_get(&url, "/exit"), None, "it ends without an answer");
        host.until(&expected, |readiness| *readiness != Readiness::Ready).await;
    }
    let failure = host.until_failed(&expected).await;
    for part in ["Crashed", "exit status 7", "asked to exit"] {
        assert!(failure.contains(part), "{failure}");
    }
    host.stop().await;
}

async fn a_restarted_reconciler_goes_on() {
    let world = World::new(&["orders"]);
    let digest = world.artifact("v1").await;
    let host = world.start();
    let mut expected = world.commit("orders", &[deployment("", SMOKE), reference(&digest)]);
    expected.jobs = jobs(&["smoke"]);
    let before = host.until_ready(&expected).await;
    host.stop().await;
    assert!(!answers(before.url.as_deref().unwrap()));

    expected.since = pathops_adapters::system::SystemClock.now();
    let host = world.start();
    let after = host.until_ready(&expected).await;
    assert_eq!((&after.jobs, &after.url), (&before.jobs, &before.url));
    assert!(after.healthy_since > before.healthy_since, "health is observed anew");
    let version = |text: &str| text.parse::<u64>().unwrap();
    assert!(version(&after.resource_version) > version(&before.resource_version));
    host.stop().await;
}

async fn one_reconciler_runs_in_a_folder() {
    let world = World::new(&["store"]);
    let host = world.start();
    let expected = world.commit("store", &[program("", "")]);
    host.until_ready(&expected).await;
    let other = host.reconciler.run(std::future::pending()).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Conflict);
    host.until_ready(&expected).await;
    host.stop().await;
    let host = world.start();
    host.until_ready(&expected).await;
    host.stop().await;
}

async fn units_find_each_other() {
    let world = World::new(&["orders", "store"]);
    let host = world.start();
    let more = "  environment: {STORE_URL: \"${url.store}/v1\"}\n";
    let orders = world.commit("orders", &[program("", more)]);
    let url = host.until_ready(&orders).await.url.unwrap();
    let told = || {
        let environment = try_get(&url, "/environment").unwrap_or_default();
        environment.lines().find_map(|line| line.strip_prefix("STORE_URL=").map(str::to_owned))
    };
    let before_it_is_up = told();
    let store = world.commit("store", &[program("", "")]);
    let store_url = host.until_ready(&store).await.url.unwrap();
    assert_eq!(before_it_is_up, Some(format!("{store_url}/v1")));

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = world.commit("store", &[program("", ""), settings(&format!("  port: {free}\n"))]);
    host.until_ready(&store).await;
    let moved = || told() == Some(format!("http://127.0.0.1:{free}/v1"));
    eventually("orders is told of the new address", moved).await;
    let unknown = world.commit("orders", &[program("", "  environment: {X: \"${url.mail}\"}\n")]);
    assert!(host.until_failed(&unknown).await.contains("no unit `mail` is deployed to `preflight`; there are `orders`, `store`"));
    host.stop().await;
}

async fn nothing_declared_stops_what_runs() {
    let world = World::new(&["orders"]);
    let digest = world.artifact("v1").await;
    let host = world.start();
    let empty = world.commit("orders", &[deployment("", "")]);
    host.until(&empty, |readiness| *readiness == Readiness::NotYet(NotYet::Applying)).await;
    let full = world.commit("orders", &[deployment("", ""), reference(&digest)]);
    let url = host.until_ready(&full).await.url.unwrap();
    world.commit("orders", &[]);
    eventually("the process has ended", || !answers(&url)).await;
    host.stop().await;
}

async fn stopping_leaves_no_process() {
    let world = World::new(&["store"]);
    let host = world.start();
    let expected = world.commit("store", &[program("", "")]);
    let url = host.until_ready(&expected).await.url.unwrap();
    let all = pids(&url);
    assert!(all.iter().all(|pid| is_alive(*pid)));
    let reconciler = host.reconciler.clone();
    host.stop().await;
    assert!(!answers(&url), "nobody holds the port any more");
    eventually("no process is left", || !all.iter().any(|pid| is_alive(*pid))).await;
    let seen = reconciler.observe(&cx(), &expected).await.unwrap();
    assert!(matches!(seen.readiness, Readiness::Stale(Stale::NotLooking { last_look: None }, _)), "{seen:?}");
}

/// A host of its own, for a test that kills it: watches `store` in that folder until it ends.
pub(crate) fn host(folder: &str) {
    let watched = World::new(&["store"]).watched;
    let config = config(std::path::Path::new(folder), watched, Duration::from_secs(10));
    let blobs = Arc::new(pathops_core::memory::MemoryBlobs::new());
    let clock = Arc::new(pathops_adapters::system::SystemClock);
    let reconciler = pathops_adapters::local_gitops::Reconciler::new(config, blobs, clock).unwrap();
    runtime().block_on(reconciler.run(std::future::pending())).unwrap();
}

async fn killing_the_host_leaves_no_process() {
    let world = World::new(&["store"]);
    let expected = world.commit("store", &[program("", "")]);
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["host".as_ref(), world.folder.path().as_os_str()])
        .spawn()
        .unwrap();
    let ports = world.folder.path().join("work/ports.json");
    let url = || {
        let text = std::fs::read_to_string(&ports).unwrap_or_default();
        let port = text.split("\"store\": ").nth(1).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        format!("http://127.0.0.1:{}", port.unwrap_or("1"))
    };
    eventually("the app answers", || answers(&url())).await;
    let all = pids(&url());
    assert!(all.iter().all(|pid| is_alive(*pid)));
    host.kill().unwrap();
    host.wait().unwrap();
    eventually("no process is left", || !all.iter().any(|pid| is_alive(*pid)) && !answers(&url())).await;

    let host = world.start();
    host.until_ready(&expected).await;
    host.stop().await;
}

async fn what_is_not_watched_is_not_found() {
    let world = World::new(&["store"]);
    let host = world.start();
    let mut expected = world.commit("store", &[program("", "")]);
    expected.unit = unit("mail");
    assert_eq!(host.reconciler.observe(&cx(), &expected).await.unwrap_err().kind(), ErrorKind::NotFound);
    let refreshed = host.reconciler.refresh(&cx(), &unit("mail"), &preflight()).await;
    assert_eq!(refreshed.unwrap_err().kind(), ErrorKind::NotFound);
    host.stop().await;
}
