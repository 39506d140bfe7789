//! What Argo Rollouts, Kargo and GitOps Promoter have verified: picked, handed on as it is, and read as evidence. On the fake.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use pathops_adapters::kubernetes::{VERIFICATIONS_ROLE, VerificationQuery, VerificationReport, Workload};
use pathops_core::adapter::Collected;
use pathops_core::evidence::AbsenceKind;
use pathops_core::{ErrorKind, UnixMillis};
use pathops_evidence::report::ExternalState::{self, Failed, Neutral, Passed};
use pathops_evidence::report::{Content, Verification, parse};
use pathops_fakes::argocd::{Reply, Server, second};
use serde_json::{Value, json};

use crate::trial;
use crate::world::{INSTANCE, Scene, absent, ago, at, cx, present};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("reports_are_taken_in_as_a_file_is", reports_are_taken_in_as_a_file_is),
        trial("runs_are_those_of_the_rollout_since_then", runs_are_those_of_the_rollout_since_then),
        trial("freight_is_picked_by_commit_and_by_image", freight_is_picked_by_commit_and_by_image),
        trial("commit_statuses_are_those_of_the_commit", commit_statuses_are_those_of_the_commit),
        trial("what_is_not_installed_or_not_there_is_absent", what_is_not_installed_or_not_there_is_absent),
        trial("what_may_not_be_listed_is_named", what_may_not_be_listed_is_named),
        trial("long_lists_are_read_to_their_end_or_refused", long_lists_are_read_to_their_end_or_refused),
        trial("hostile_objects_are_errors_or_handed_on", hostile_objects_are_errors_or_handed_on),
        trial("secrets_in_a_report_are_not_shown", secrets_in_a_report_are_not_shown),
        trial("the_rights_are_those_that_are_used", the_rights_are_those_that_are_used),
        trial("places_that_cannot_be_are_refused", places_that_cannot_be_are_refused),
    ]
}

const COMMIT: &str = "8f2b7c1d9e0a3b4c5d6e7f8091a2b3c4d5e6f708";
const IMAGE: &str = "3f1c9a7be2d4506182736495a0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3";

/// A workload that all three verify.
fn verified(workload: Workload) -> Workload {
    workload.rollout("orders").stage("delivery", "uat").commit_statuses("promotion")
}

async fn scene() -> Scene {
    let scene = Scene::with(verified).await;
    scene.servers.cluster.runs().verify();
    scene
}

fn query(of: &[&str]) -> VerificationQuery {
    let of = of.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>();
    VerificationQuery { unit: "orders".parse().unwrap(), environment: "preflight".parse().unwrap(), since: ago(300), of }
}

/// What the Rollout, the Stage and the commit statuses say.
async fn reports(scene: &Scene, of: &[&str]) -> [Collected<VerificationReport>; 3] {
    scene.kubernetes.verifications(&cx(), &query(of)).await.unwrap().try_into().unwrap()
}

/// What a reader of reports makes of one, without being told the format.
fn read(report: &VerificationReport) -> Vec<Verification> {
    let read = parse(&report.bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&report.bytes)));
    assert_eq!(read.format.id(), report.format);
    let Content::Verifications(verifications) = read.content else { panic!("{:?}", read.content) };
    verifications
}

fn states(report: &VerificationReport) -> Vec<ExternalState> {
    read(report).iter().map(|it| it.state).collect()
}

fn items(report: &VerificationReport) -> Vec<String> {
    let list: Value = serde_json::from_slice(&report.bytes).unwrap();
    let name = |item: &Value| format!("{} {}", item["kind"].as_str().unwrap(), item["metadata"]["name"].as_str().unwrap());
    list["items"].as_array().unwrap().iter().map(name).collect()
}

/// A run of one metric, one measurement after the other.
fn run(namespace: &str, name: &str, made: UnixMillis, phases: &[&str]) -> Value {
    let is_good = phases.iter().all(|phase| *phase == "Successful");
    let (phase, count) = (if is_good { "Successful" } else { "Failed" }, phases.len());
    let successful = phases.iter().filter(|phase| **phase == "Successful").count();
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": second(made), "labels": {},
            "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "orders", "uid": "1", "controller": true}]},
        "spec": {"metrics": [{"name": "rate", "interval": "1m", "count": count, "provider": {"prometheus": {"query": "up"}}}]},
        "status": {"phase": phase, "completedAt": second(UnixMillis(made.0 + 60_000)), "metricResults": [{
            "name": "rate", "phase": phase, "count": count, "successful": successful, "failed": count - successful,
            "measurements": phases.iter().map(|phase| json!({"phase": phase, "value": "1"})).collect::<Vec<_>>()}]}
    })
}

fn parts(commit: &str, image: &str) -> (Value, Value) {
    let commits = json!([{"repoURL": "https://git.example/shop/orders-gitops.git", "id": commit}]);
    (commits, json!([{"repoURL": "registry.example/shop/orders", "tag": "1", "digest": format!("sha256:{image}")}]))
}

fn freight(name: &str, commit: &str, image: &str) -> Value {
    let (commits, images) = parts(commit, image);
    json!({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Freight", "metadata": {"name": name, "namespace": "delivery"},
        "origin": {"kind": "Warehouse", "name": "orders"}, "commits": commits, "images": images,
        "status": {"verifiedIn": {"test": {"verifiedAt": second(ago(200))}, "uat": {"verifiedAt": second(ago(100))}}}
    })
}

/// How a Stage says that this freight was verified, by an AnalysisRun of this name.
fn verification(freight: &str, run: &str) -> Value {
    let (commits, images) = parts(COMMIT, IMAGE);
    json!({
        "id": format!("c-{freight}"), "items": {"Warehouse/orders": {"name": freight, "commits": commits, "images": images}},
        "verificationHistory": [{"id": "1", "phase": "Successful", "finishTime": second(ago(50)),
            "analysisRun": {"namespace": "delivery", "name": run, "phase": "Successful"}}]
    })
}

fn stage(name: &str, history: &Value) -> Value {
    json!({
        "apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Stage", "metadata": {"name": name, "namespace": "delivery"},
        "spec": {"requestedFreight": [{"origin": {"kind": "Warehouse", "name": "orders"}, "sources": {"direct": true}}]},
        "status": {"freightHistory": history}
    })
}

/// A run that verified this freight in the Stage.
fn run_of_stage(name: &str, freight: &str, phases: &[&str]) -> Value {
    let mut run = run("delivery", name, ago(100), phases);
    run["metadata"]["labels"] =
        json!({"kargo.akuity.io/stage": "uat", "kargo.akuity.io/freight-collection": format!("c-{freight}")});
    run["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Freight", "name": freight, "uid": "2"}]);
    run
}

fn commit_status(name: &str, sha: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "promoter.argoproj.io/v1alpha1", "kind": "CommitStatus",
        "metadata": {"name": name, "namespace": "promotion", "generation": 1},
        "spec": {"gitRepositoryRef": {"name": "orders-gitops"}, "sha": sha, "name": "health", "description": "orders", "phase": phase},
        "status": {"observedGeneration": 1, "id": "1", "sha": sha, "phase": phase}
    })
}

const GOOD: [&str; 3] = ["Successful"; 3];
const BAD: [&str; 2] = ["Successful", "Failed"];

fn put(scene: &Scene, objects: impl IntoIterator<Item = Value>) {
    let mut runs = scene.servers.cluster.runs();
    objects.into_iter().for_each(|object| runs.verified(object));
}

async fn reports_are_taken_in_as_a_file_is() {
    let scene = scene().await;
    put(
        &scene,
        [
            run("shop", "orders-1", ago(200), &GOOD),
            freight("f1", COMMIT, IMAGE),
            stage("uat", &json!([verification("f1", "uat.1")])),
            run_of_stage("uat.1", "f1", &GOOD),
            commit_status("orders-health", COMMIT, "success"),
        ],
    );
    let [rollout, stage, promoter] = reports(&scene, &[COMMIT]).await.map(present);
    assert_eq!((rollout.format, states(&rollout)), ("argo-rollouts", vec![Passed]));
    assert_eq!((stage.format, states(&stage)), ("kargo", vec![Passed]));
    assert_eq!((promoter.format, states(&promoter)), ("gitops-promoter", vec![Passed]));
    assert_eq!(rollout.name, "AnalysisRuns of Rollout orders in namespace shop of cluster main");
    assert!((ago(180)..=ago(135)).contains(&rollout.at), "when the last run ended: {rollout:?}");
    assert!((ago(60)..=ago(30)).contains(&stage.at), "when it was measured: {stage:?}");
    assert!(promoter.at >= ago(40), "as it is now: {promoter:?}");
    // Each object is there as the server gave it.
    let fake = run("shop", "orders-1", ago(200), &GOOD);
    let given: Value = serde_json::from_slice(&rollout.bytes).unwrap();
    assert_eq!(given["items"][0]["spec"], fake["spec"]);
    assert!(scene.servers.cluster.calls().iter().all(|call| call.starts_with("GET ")), "nothing is changed");
    // What failed is told whatever it is called.
    let mut called = run("shop", "orders-2", ago(100), &BAD);
    called["status"]["phase"] = json!("Successful");
    put(&scene, [called, run_of_stage("uat.1", "f1", &BAD)]);
    let [rollout, stage, _] = reports(&scene, &[COMMIT]).await.map(present);
    assert_eq!((states(&rollout), states(&stage)), (vec![Passed, Failed], vec![Failed]));
}

async fn runs_are_those_of_the_rollout_since_then() {
    let scene = scene().await;
    let mut of_another = run("shop", "web-1", ago(100), &BAD);
    of_another["metadata"]["ownerReferences"][0]["name"] = json!("web");
    let mut of_an_experiment = run("shop", "orders-x", ago(100), &BAD);
    of_an_experiment["metadata"]["ownerReferences"][0]["kind"] = json!("Experiment");
    let mut of_nobody = run("shop", "by-hand", ago(100), &BAD);
    of_nobody["metadata"]["ownerReferences"] = Value::Null;
    let elsewhere = run("bank", "orders-9", ago(100), &BAD);
    let mut undated = run("shop", "orders-3", ago(100), &GOOD);
    undated["metadata"]["creationTimestamp"] = Value::Null;
    let mut running = run("shop", "orders-2", ago(20), &GOOD);
    running["status"]["completedAt"] = Value::Null;
    let mine = [run("shop", "orders-0", ago(400), &BAD), run("shop", "orders-1", ago(280), &GOOD), running, undated];
    put(&scene, [of_another, of_an_experiment, of_nobody, elsewhere].into_iter().chain(mine));
    let [rollout, ..] = reports(&scene, &[]).await;
    let rollout = present(rollout);
    assert_eq!(items(&rollout), ["AnalysisRun orders-1", "AnalysisRun orders-2", "AnalysisRun orders-3"]);
    assert!((ago(35)..=ago(10)).contains(&rollout.at), "one has not ended, and was made then: {rollout:?}");
    // Whose analysis it was cannot be told any more.
    let of_revision = |name: &str, revision: &str| {
        let mut run = run("shop", name, ago(100), &GOOD);
        run["metadata"]["labels"]["rollouts-pod-template-hash"] = json!(revision);
        run
    };
    put(&scene, [of_revision("orders-4", "a")]);
    assert!(matches!(reports(&scene, &[]).await, [Collected::Present(_), ..]));
    put(&scene, [of_revision("orders-5", "b")]);
    let error = scene.kubernetes.verifications(&cx(), &query(&[])).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("2 revisions of the Rollout"), "{error}");
}

async fn freight_is_picked_by_commit_and_by_image() {
    let scene = scene().await;
    let other = "b".repeat(40);
    let history = json!([verification("f3", "uat.3"), verification("f2", "uat.2"), verification("f1", "uat.1")]);
    put(
        &scene,
        [
            freight("f1", COMMIT, IMAGE),
            freight("f2", &other, &"c".repeat(64)),
            freight("f3", &other, &"d".repeat(64)),
            stage("uat", &history),
            stage("production", &json!([verification("f1", "uat.1")])),
            run_of_stage("uat.1", "f1", &GOOD),
            run_of_stage("uat.2", "f2", &BAD),
            run_of_stage("uat.3", "f3", &BAD),
        ],
    );
    for of in [COMMIT, IMAGE] {
        let [_, stage, _] = reports(&scene, &[of]).await;
        let stage = present(stage);
        assert_eq!(items(&stage), ["Freight f1", "Stage uat", "AnalysisRun uat.1"]);
        assert_eq!(read(&stage).iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["delivery/uat: f1"]);
        assert_eq!(states(&stage), [Passed], "what came after it says nothing of it");
    }
    let [_, none, _] = reports(&scene, &[&"e".repeat(40)]).await;
    assert!(absent(AbsenceKind::NothingThere, none).ends_with("no freight of what is asked for has been in it"));
    // Without any, what is there now is told.
    let [_, stage, _] = reports(&scene, &[]).await;
    assert_eq!(items(&present(stage)), ["Stage uat", "AnalysisRun uat.3"]);
    // A run that the cluster has deleted since, or that Rollouts is not there for, is missing, and no pass.
    scene.servers.cluster.runs().uninstall("AnalysisRun");
    let [_, stage, _] = reports(&scene, &[COMMIT]).await;
    assert_eq!(states(&present(stage)), [Neutral]);
}

async fn commit_statuses_are_those_of_the_commit() {
    let scene = scene().await;
    put(
        &scene,
        [
            commit_status("health", COMMIT, "success"),
            commit_status("timer", COMMIT, "failure"),
            commit_status("of-another", &"b".repeat(40), "failure"),
        ],
    );
    let [.., promoter] = reports(&scene, &[COMMIT, IMAGE]).await;
    let promoter = present(promoter);
    assert_eq!(
        (items(&promoter), states(&promoter)),
        (vec!["CommitStatus health".to_owned(), "CommitStatus timer".to_owned()], vec![Passed, Failed])
    );
}

async fn what_is_not_installed_or_not_there_is_absent() {
    let scene = Scene::with(verified).await;
    let why = reports(&scene, &[COMMIT]).await.map(|it| absent(AbsenceKind::NotConfigured, it));
    for (why, says) in why.iter().zip([
        "AnalysisRuns of Rollout orders in namespace shop of cluster main: the cluster has no analysisruns of `argoproj.io/v1alpha1`",
        "Stage uat in namespace delivery of cluster main: the cluster has no stages of `kargo.akuity.io/v1alpha1`",
        "CommitStatuses in namespace promotion of cluster main: the cluster has no commitstatuses of `promoter.argoproj.io/v1alpha1`",
    ]) {
        assert_eq!(why, says);
    }
    scene.servers.cluster.runs().verify();
    let why = reports(&scene, &[COMMIT]).await.map(|it| absent(AbsenceKind::NothingThere, it));
    for (why, says) in why.iter().zip(["none was made since ", "there is no such Stage", "none is of what is asked for"]) {
        assert!(why.contains(says), "{why}");
    }
    // Where nobody verifies, nothing is asked.
    let plain = Scene::new().await;
    assert_eq!(plain.kubernetes.verifications(&cx(), &query(&[])).await.unwrap(), []);
    assert_eq!(plain.servers.cluster.calls(), [""; 0]);
    let mut unknown = query(&[]);
    unknown.unit = "nobody".parse().unwrap();
    let [none] = plain.kubernetes.verifications(&cx(), &unknown).await.unwrap().try_into().unwrap();
    assert_eq!(absent(AbsenceKind::NotConfigured, none), "no workload is configured for `nobody` in preflight");
}

async fn what_may_not_be_listed_is_named() {
    for right in [
        "list analysisruns.argoproj.io",
        "list stages.kargo.akuity.io",
        "list freights.kargo.akuity.io",
        "list commitstatuses.promoter.argoproj.io",
    ] {
        let scene = scene().await;
        put(&scene, [stage("uat", &json!([verification("f1", "uat.1")]))]);
        scene.servers.cluster.runs().forbid(right);
        let error = scene.kubernetes.verifications(&cx(), &query(&[COMMIT])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.to_string().starts_with(&format!("failed to {right} on `namespace ")), "{error}");
    }
    // Who may not list what is not there is told the former, as the server does.
    let scene = Scene::with(verified).await;
    scene.servers.cluster.runs().forbid("list stages.kargo.akuity.io");
    assert_eq!(scene.kubernetes.verifications(&cx(), &query(&[])).await.unwrap_err().kind(), ErrorKind::Denied);
}

async fn long_lists_are_read_to_their_end_or_refused() {
    let scene = scene().await;
    let many = |count: usize| (0..count).map(|number| run("shop", &format!("orders-{number:04}"), ago(100), &GOOD));
    put(&scene, many(600));
    let [rollout, ..] = reports(&scene, &[]).await;
    assert_eq!(read(&present(rollout)).len(), 600);
    let calls = scene.servers.cluster.calls();
    assert_eq!(calls.iter().filter(|call| call.contains("/analysisruns?limit=250")).count(), 3, "{calls:?}");
    put(&scene, many(1_001));
    let error = scene.kubernetes.verifications(&cx(), &query(&[])).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("more objects than one report may hold"), "{error}");
    // Of a list that never ends, no part is taken for the whole.
    let item = run("shop", "web-1", ago(100), &GOOD);
    let server = Server::start(move |_| {
        let mut item = item.clone();
        item["metadata"]["ownerReferences"][0]["name"] = json!("web");
        std::future::ready(Reply::json(200, &json!({"metadata": {"continue": "more"}, "items": [item]})))
    });
    let server = server.await;
    let kubernetes = at(&server.url, Workload::new("main", "shop", INSTANCE).rollout("orders"));
    assert_eq!(kubernetes.verifications(&cx(), &query(&[])).await.unwrap_err().kind(), ErrorKind::Invalid);
    let large = Server::start(|_| {
        let mut item = run("shop", "orders-1", ago(100), &GOOD);
        item["status"]["message"] = json!("x".repeat(20 << 20));
        std::future::ready(Reply::json(200, &json!({"items": [item, item]})))
    });
    let large = large.await;
    let kubernetes = at(&large.url, Workload::new("main", "shop", INSTANCE).rollout("orders"));
    assert_eq!(kubernetes.verifications(&cx(), &query(&[])).await.unwrap_err().kind(), ErrorKind::Invalid);
}

async fn hostile_objects_are_errors_or_handed_on() {
    let answer = async |body: String| {
        let server = Server::start(move |_| {
            let body = body.clone().into_bytes();
            std::future::ready(Reply { status: 200, headers: Vec::new(), body: pathops_fakes::argocd::Body::Whole(body) })
        });
        let server = server.await;
        let kubernetes = at(&server.url, Workload::new("main", "shop", INSTANCE).rollout("orders"));
        kubernetes.verifications(&cx(), &query(&[])).await
    };
    for body in [
        "",
        "[]",
        "<html>",
        "{\"items\":",
        "{\"items\":[7]}",
        "{\"items\":[{\"metadata\":7}]}",
        "{\"items\":[{\"metadata\":{\"ownerReferences\":[7]}}]}",
    ] {
        assert_eq!(answer(body.to_owned()).await.unwrap_err().kind(), ErrorKind::Unexpected, "{body}");
    }
    // What says a thing twice is told as it was, and refused by whoever reads it.
    let twice = r#"{"apiVersion":"argoproj.io/v1alpha1","kind":"AnalysisRun","metadata":{"name":"a","ownerReferences":[{"kind":"Rollout","name":"orders"}]},
        "status":{"phase":"Successful"},"spec":{"metrics":[],"metrics":[]}}"#;
    let [report] = answer(format!("{{\"items\":[{twice}]}}")).await.unwrap().try_into().unwrap();
    let report = present(report);
    assert!(String::from_utf8(report.bytes.clone()).unwrap().contains(twice), "byte by byte");
    assert!(parse(&report.bytes).unwrap_err().to_string().contains("`metrics` stands twice"));
    let deep = format!("{{\"items\":[{}]}}", twice.replace("[],\"metrics\":[]", &"[".repeat(200)));
    assert_eq!(answer(deep).await.unwrap_err().kind(), ErrorKind::Unexpected, "it has no end");
}

async fn secrets_in_a_report_are_not_shown() {
    let scene = scene().await;
    let mut run = run("shop", "orders-1", ago(100), &GOOD);
    run["spec"]["args"] = json!([{"name": "token", "value": "hunter2-hunter2"}]);
    put(&scene, [run]);
    let [rollout, ..] = reports(&scene, &[]).await;
    let shown = format!("{rollout:?} {rollout:#?}");
    assert!(shown.contains(" bytes") && !shown.contains("hunter2"), "{shown}");
    assert!(String::from_utf8(present(rollout).bytes).unwrap().contains("hunter2-hunter2"), "who takes it in redacts it");
}

async fn the_rights_are_those_that_are_used() {
    let documents: Vec<Value> = serde_saphyr::from_multiple(VERIFICATIONS_ROLE).unwrap();
    let role = documents.iter().find(|document| document["kind"] == "Role").unwrap();
    let rules = role["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["verbs"] == json!(["list"])), "it only reads");
    let of = |groups: &[&str]| {
        json!(rules.iter().filter(|rule| groups.iter().any(|it| rule["apiGroups"][0] == *it)).collect::<Vec<_>>())
    };
    let findings = async |change: fn(Workload) -> Workload, rules: Value| {
        let scene = Scene::with(change).await;
        scene.servers.cluster.allow(rules);
        let findings = scene.kubernetes.check_rights(&cx()).await.unwrap();
        let told = findings.into_iter().map(|(place, finding)| format!("{place}: {finding}"));
        // Those of the role of its own.
        let others = ["pods", "events", "sets.apps", "deployments.apps"];
        told.filter(|told| !others.iter().any(|other| told.contains(other))).collect::<Vec<_>>()
    };
    let all = || of(&["argoproj.io", "kargo.akuity.io", "promoter.argoproj.io"]);
    let missing = |right: &str| format!("main/{right}, which is needed");
    assert_eq!(findings(|it| it, json!([])).await, [""; 0], "who does not use it does not need it");
    assert_eq!(
        findings(verified, json!([])).await,
        [
            missing("delivery: the credential may not list analysisruns.argoproj.io"),
            missing("delivery: the credential may not list freights.kargo.akuity.io"),
            missing("delivery: the credential may not list stages.kargo.akuity.io"),
            missing("promotion: the credential may not list commitstatuses.promoter.argoproj.io"),
            missing("shop: the credential may not list analysisruns.argoproj.io"),
        ]
    );
    let in_one: fn(Workload) -> Workload = |it| it.rollout("orders").stage("shop", "uat").commit_statuses("shop");
    assert_eq!(findings(in_one, all()).await, [""; 0], "what is shipped is enough and no more");
    assert_eq!(findings(|it| it.rollout("orders"), of(&["argoproj.io"])).await, [""; 0]);
    let excess = "main/shop: the credential may list analysisruns.argoproj.io, which is never needed: take it away";
    assert_eq!(findings(|it| it, of(&["argoproj.io"])).await, [excess]);
}

async fn places_that_cannot_be_are_refused() {
    let build = |workload: Workload| {
        use pathops_adapters::kubernetes::{Access, Kubernetes};
        let clock = std::sync::Arc::new(pathops_adapters::system::SystemClock);
        let builder = Kubernetes::builder(clock).cluster("main", Access::url("http://127.0.0.1:9"));
        builder.workload("orders".parse().unwrap(), "preflight".parse().unwrap(), workload).build().map(drop)
    };
    let workload = || Workload::new("main", "shop", INSTANCE);
    build(verified(workload())).unwrap();
    for (workload, why) in [
        (workload().rollout(""), "has no name of one"),
        (workload().stage("delivery", "uat,app!=x"), "has no name of one"),
        (workload().stage("delivery", "a".repeat(254)), "has no name of one"),
        (workload().stage("../kube-system", "uat"), "is no name of one"),
        (workload().commit_statuses(""), "is no name of one"),
    ] {
        let error = build(workload).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(why), "{error}");
    }
}
