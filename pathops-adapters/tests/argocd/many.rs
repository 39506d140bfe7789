//! 10,000 Applications in one watch, and what that takes. The objects are made as they are asked for, so that the memory of the
//! process is that of the adapter.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libtest_mimic::Trial;
use pathops_adapters::argocd::{Access, ArgoCd, Instance, ManagedApplication};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock as _, ExpectedDeployment, GitOps as _, NotYet, Readiness};
use pathops_core::{UnitId, UnixMillis};
use pathops_fakes::argocd::{Body, Piece, Reply, Request, Server, second};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::world::{Git, REPO_URL, application, cx, repo, target, watch};
use crate::{crd, trial};

/// The argument with which this program is the process that is measured.
pub(crate) const CHILD: &str = "measure-many-applications";

const MANY: usize = 10_000;

/// The limit, in KiB.
const LIMIT: u64 = 200 * 1024;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("ten_thousand_applications_take_less_than_200_mb", ten_thousand_applications_take_less_than_200_mb)]
}

async fn ten_thousand_applications_take_less_than_200_mb() {
    let object = one(7, 1);
    crd::check(&serde_json::from_str(&object).unwrap());
    let output = Command::new(std::env::current_exe().unwrap()).arg(CHILD).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    println!("{MANY} applications of {} bytes each: {}", object.len(), told.trim());
    let peak: u64 = told.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < LIMIT, "{told}");
}

/// The JSON of an Application, by text, so that making many of them takes little memory.
fn one(number: usize, version: usize) -> String {
    static TEMPLATE: LazyLock<String> = LazyLock::new(|| template().to_string());
    TEMPLATE.replace("\"VERSION\"", &format!("\"{version}\"")).replace("NUMBER", &format!("{number}"))
}

/// An Application as large as they are: 40 resources, values of a chart, a history.
fn template() -> Value {
    let mut object = application("argocd", "app-NUMBER");
    let commit = "0123456789".repeat(4);
    object["metadata"]["resourceVersion"] = json!("VERSION");
    object["metadata"]["annotations"]["argocd.argoproj.io/refresh"] = json!("normal");
    object["spec"]["source"]["helm"] = json!({"values": "replicas: NUMBER\n".repeat(100)});
    let source = object["spec"]["source"].clone();
    let resource = |index: usize| {
        json!({"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": format!("component-{index}"),
            "status": "Synced", "health": {"status": "Healthy"}})
    };
    let result = |index: usize| {
        json!({"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": format!("component-{index}"),
            "status": "Synced", "message": "deployment.apps/component configured", "syncPhase": "Sync"})
    };
    let history = |id: usize| json!({"id": id, "revision": commit, "source": source, "deployedAt": second(UnixMillis(0))});
    object["status"] = json!({
        "sync": {"status": "Synced", "revision": commit,
            "comparedTo": {"source": source, "destination": object["spec"]["destination"]}},
        "health": {"status": "Healthy", "lastTransitionTime": second(UnixMillis(0))},
        "reconciledAt": second(UnixMillis(0)),
        "resources": (0..40).map(resource).collect::<Vec<_>>(),
        "history": (0..5).map(history).collect::<Vec<_>>(),
        "summary": {"images": (0..5).map(|index| format!("registry.example/shop/component-{index}@sha256:{:064}", 7)).collect::<Vec<_>>()},
        "operationState": {
            "phase": "Succeeded", "message": "successfully synced", "startedAt": second(UnixMillis(0)), "finishedAt": second(UnixMillis(0)),
            "operation": {"sync": {"revision": commit}},
            "syncResult": {"revision": commit, "source": source, "resources": (0..40).map(result).collect::<Vec<_>>()}
        }
    });
    object
}

fn whole(json: String) -> Reply {
    Reply { status: 200, headers: Vec::new(), body: Body::Whole(json.into_bytes()) }
}

fn answer(request: &Request, watches: &AtomicUsize) -> Reply {
    if let Some(number) = request.path.rsplit_once("/app-").map(|(_, number)| number.parse().unwrap()) {
        return whole(one(number, 1));
    }
    if request.query("watch").is_none() {
        let from: usize = request.query("continue").map_or(0, |from| from.parse().unwrap());
        let to = (from + request.query("limit").unwrap().parse::<usize>().unwrap()).min(MANY);
        let next = if to < MANY { to.to_string() } else { String::new() };
        let items: Vec<String> = (from..to).map(|number| one(number, 1)).collect();
        let list = format!(r#"{{"metadata":{{"resourceVersion":"1","continue":"{next}"}},"items":[{}]}}"#, items.join(","));
        return whole(list);
    }
    let (pieces, reply) = mpsc::channel(4);
    watches.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        // Everything changes at once.
        for number in 0..MANY {
            let event = format!("{{\"type\":\"MODIFIED\",\"object\":{}}}\n", one(number, 2 + number));
            if pieces.send(Piece::Bytes(event.into_bytes())).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(Duration::from_secs(600)).await;
    });
    Reply::stream(reply)
}

fn unit(number: usize) -> UnitId {
    format!("unit-{number}").parse().unwrap()
}

/// Watches them all until all have changed, and says what memory that took at the most.
pub(crate) fn child() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let watches = Arc::new(AtomicUsize::new(0));
        let counted = watches.clone();
        let server = Server::start(move |request| {
            let watches = counted.clone();
            async move { answer(&request, &watches) }
        });
        let server = server.await;
        let git = Git::new();
        let mut builder =
            ArgoCd::builder(git.scm.clone(), Arc::new(SystemClock)).instance("main", Instance::cluster(Access::url(&server.url)));
        for number in 0..MANY {
            let application = ManagedApplication::new("main", "argocd", format!("app-{number}"), REPO_URL);
            builder = builder.manage(unit(number), target().environment, repo(), application);
        }
        let argo = Arc::new(builder.build().unwrap());
        let _watching = watch(&argo);
        let expected = ExpectedDeployment {
            unit: unit(MANY - 1),
            target: target(),
            repo: repo(),
            commit: git.head().await,
            tree: "0".repeat(40).parse().unwrap(),
            artifact: None,
            jobs: Vec::new(),
            settle: Duration::ZERO,
            since: SystemClock.now(),
        };
        let last = (MANY + 1).to_string();
        loop {
            let seen = argo.observe(&cx(), &expected).await;
            if seen.is_ok_and(|seen| seen.resource_version == last && seen.readiness == Readiness::NotYet(NotYet::Looking)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(watches.load(Ordering::Relaxed), 1);
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}
