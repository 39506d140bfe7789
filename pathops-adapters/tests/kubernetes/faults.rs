//! What goes wrong between the adapter and the server. On the fake, and on a server that only answers wrongly.

use std::time::Duration;

use futures_util::future::join_all;
use libtest_mimic::Trial;
use pathops_adapters::kubernetes::{Access, Kubernetes, Workload};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{LogExcerpt, RuntimeSignals as _, SignalQuery};
use pathops_core::evidence::AbsenceKind;
use pathops_core::{Effect, Error, ErrorKind, Retry};
use pathops_fakes::argocd::{Body, Piece, Reply, Request, Server};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;

use crate::trial;
use crate::world::{INSTANCE, Scene, absent, at, cx, log, present, query};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_the_credential_may_not_do_is_named", what_the_credential_may_not_do_is_named),
        trial("each_refusal_has_its_kind", each_refusal_has_its_kind),
        trial("a_refused_token_is_denied_and_never_shown", a_refused_token_is_denied_and_never_shown),
        trial("a_slow_server_is_waited_for_no_longer_than_asked", a_slow_server_is_waited_for_no_longer_than_asked),
        trial("answers_that_cannot_be_read_are_errors", answers_that_cannot_be_read_are_errors),
        trial("one_log_that_fails_takes_no_other_with_it", one_log_that_fails_takes_no_other_with_it),
        trial("of_a_log_that_stalls_both_ends_are_there_once", of_a_log_that_stalls_both_ends_are_there_once),
        trial("where_the_end_is_not_to_be_had_what_came_stays", where_the_end_is_not_to_be_had_what_came_stays),
        trial("slow_logs_leave_time_for_those_in_trouble", slow_logs_leave_time_for_those_in_trouble),
        trial("a_list_that_never_ends_is_read_to_a_limit", a_list_that_never_ends_is_read_to_a_limit),
        trial("a_log_without_end_stays_out_of_memory", a_log_without_end_stays_out_of_memory),
        trial("what_cannot_be_is_refused_before_anything_is_asked", what_cannot_be_is_refused_before_anything_is_asked),
    ]
}

/// The errors of all three.
async fn errors(kubernetes: &Kubernetes) -> [Option<Error>; 3] {
    let (cx, query) = (cx(), query("orders"));
    [
        kubernetes.logs(&cx, &query).await.err(),
        kubernetes.events(&cx, &query).await.err(),
        kubernetes.metrics(&cx, &query).await.err(),
    ]
}

async fn what_the_credential_may_not_do_is_named() {
    for (right, which) in [
        ("list pods", [true, true, false]),
        ("list events", [false, true, false]),
        ("get pods/log", [true, false, false]),
        ("list pods.metrics.k8s.io", [false, false, true]),
    ] {
        let scene = Scene::new().await;
        let pod = scene.healthy("aaaaa");
        scene.print(log(&pod, "app", false), 50, "fine\n");
        scene.servers.cluster.runs().forbid(right);
        let errors = errors(&scene.kubernetes).await;
        assert_eq!(errors.each_ref().map(Option::is_some), which, "{right}: {errors:?}");
        for error in errors.into_iter().flatten() {
            assert_eq!((error.kind(), error.retry(), error.effect()), (ErrorKind::Denied, Retry::Never, Effect::None));
            let told = error.to_string();
            assert!(told.starts_with(&format!("failed to {right} on `")) && told.contains("namespace shop"), "{told}");
            assert!(told.contains("User \"bot\" cannot ") && told.contains("shipped role"), "{told}");
        }
    }
}

async fn each_refusal_has_its_kind() {
    for (status, after, kind, retry) in [
        (403, None, ErrorKind::Denied, Retry::Never),
        (429, Some(7), ErrorKind::RateLimited, Retry::After(Duration::from_secs(7))),
        (429, None, ErrorKind::RateLimited, Retry::Backoff),
        (500, None, ErrorKind::Unavailable, Retry::Backoff),
        (503, Some(3), ErrorKind::Unavailable, Retry::After(Duration::from_secs(3))),
        (504, None, ErrorKind::Timeout, Retry::Backoff),
        (410, None, ErrorKind::Conflict, Retry::Never),
        (302, None, ErrorKind::Unexpected, Retry::Never),
    ] {
        let scene = Scene::new().await;
        scene.servers.cluster.faults().answers.extend([(status, after); 3]);
        for error in errors(&scene.kubernetes).await {
            let error = error.unwrap();
            assert_eq!((error.kind(), error.retry(), error.effect()), (kind, retry, Effect::None), "{status}: {error}");
        }
        assert_eq!(scene.servers.cluster.calls().len(), 3, "nothing is tried again");
    }
}

async fn a_refused_token_is_denied_and_never_shown() {
    let scene = Scene::new().await;
    scene.servers.cluster.accept("another");
    for error in errors(&scene.kubernetes).await {
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied);
        let shown = format!("{error} {error:?} {:?} {:#?}", scene.kubernetes, scene.kubernetes);
        assert!(!shown.contains("first"), "{shown}");
    }
}

async fn a_slow_server_is_waited_for_no_longer_than_asked() {
    let scene = Scene::new().await;
    scene.servers.cluster.faults().delay = Duration::from_secs(20);
    let began = std::time::Instant::now();
    let cx = cx().with_timeout(Duration::from_millis(200));
    let error = scene.kubernetes.events(&cx, &query("orders")).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Timeout, Effect::None));
    assert!(began.elapsed() < Duration::from_secs(5));
}

fn whole(bytes: &[u8]) -> Reply {
    Reply { status: 200, headers: Vec::new(), body: Body::Whole(bytes.to_vec()) }
}

async fn cut(bytes: &[u8]) -> Reply {
    let (pieces, reply) = mpsc::channel(4);
    pieces.send(Piece::Bytes(bytes.to_vec())).await.unwrap();
    pieces.send(Piece::Cut).await.unwrap();
    Reply::stream(reply)
}

async fn answers_that_cannot_be_read_are_errors() {
    let deep = [b"{\"items\":".as_slice(), &b"[".repeat(100_000)].concat();
    for bytes in [&b"<html>gateway</html>"[..], b"", b"[]", b"{\"items\":[{\"metadata\":7}]}", b"\xff\xfe", b"{\"items\":", &deep]
    {
        let bytes = bytes.to_vec();
        let server = Server::start(move |_| std::future::ready(whole(&bytes))).await;
        for error in errors(&at(&server.url, Workload::new("main", "shop", INSTANCE))).await {
            assert_eq!(error.unwrap().kind(), ErrorKind::Unexpected);
        }
    }
    let server = Server::start(|_| cut(b"{\"items\":[")).await;
    for error in errors(&at(&server.url, Workload::new("main", "shop", INSTANCE))).await {
        assert_eq!(error.unwrap().kind(), ErrorKind::Unavailable, "it broke off half-way");
    }
    let server = Server::start(|_| async { whole(b"{}") }).await;
    let kubernetes = at(&server.url, Workload::new("main", "shop", INSTANCE));
    assert!(absent(AbsenceKind::NothingThere, kubernetes.logs(&cx(), &query("orders")).await.unwrap()).contains("no pod"));
}

/// Answers lists with one pod of this many containers, and logs as told.
async fn logs_of<A>(containers: usize, log: impl Fn(String) -> A + Clone + Send + Sync + 'static) -> (Server, Kubernetes)
where
    A: Future<Output = Reply> + Send + 'static,
{
    let statuses =
        (0..containers).map(|number| json!({"name": format!("c{number}"), "state": {"running": {}}, "restartCount": 0}));
    logs_of_these(statuses.collect(), move |request| log(request.query("container").unwrap_or_default().to_owned())).await
}

/// The same of one pod of these containers; a log is told by what is asked for.
async fn logs_of_these<A>(
    statuses: Vec<Value>,
    log: impl Fn(Request) -> A + Clone + Send + Sync + 'static,
) -> (Server, Kubernetes)
where
    A: Future<Output = Reply> + Send + 'static,
{
    let list = json!({"items": [{"metadata": {"name": "orders-1-a"}, "status": {"containerStatuses": statuses}}]});
    let server = Server::start(move |request| {
        let (list, log) = (list.clone(), log.clone());
        async move { if request.query("container").is_some() { log(request).await } else { Reply::json(200, &list) } }
    });
    let server = server.await;
    let kubernetes = at(&server.url, Workload::new("main", "shop", INSTANCE));
    (server, kubernetes)
}

async fn one_log_that_fails_takes_no_other_with_it() {
    let (_server, kubernetes) = logs_of(4, |container| async move {
        match container.as_str() {
            "c0" => Reply::json(500, &json!({"message": "dial tcp 10.0.0.1:10250: i/o timeout"})),
            "c1" => cut(b"half").await,
            "c2" => Reply::json(400, &json!({"message": "it was collected"})),
            _ => whole(b"fine\n"),
        }
    })
    .await;
    let told = String::from_utf8(present(kubernetes.logs(&cx(), &query("orders")).await.unwrap()).bytes).unwrap();
    for part in [
        "c0: not there: failed to get pods/log",
        "i/o timeout",
        "c1 <==\nhalf\n[… it broke off here",
        "it was collected",
        "c3 <==\nfine\n",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // Where none is to be had, that is no absence.
    let (_server, kubernetes) = logs_of(2, |_| async { Reply::json(503, &json!({"message": "busy"})) }).await;
    assert_eq!(kubernetes.logs(&cx(), &query("orders")).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

async fn a_list_that_never_ends_is_read_to_a_limit() {
    let server = Server::start(|request| async move {
        let item = json!({"metadata": {"name": "orders-1-a", "ownerReferences": [{"kind": "ReplicaSet", "name": "orders-1"}]},
            "involvedObject": {"kind": "Pod", "name": "orders-1-a"}, "reason": "Same", "lastTimestamp": "2999-01-01T00:00:00Z"});
        let next = if request.path.ends_with("/events") { "more" } else { "" };
        Reply::json(200, &json!({"metadata": {"continue": next}, "items": [item]}))
    });
    let server = server.await;
    let kubernetes = at(&server.url, Workload::new("main", "shop", INSTANCE));
    let told = present(kubernetes.events(&cx(), &query("orders")).await.unwrap());
    assert_eq!(told.iter().filter(|event| event.reason == "Same").count(), 40);
    assert!(told.iter().any(|event| event.reason == "LeftOut"), "{told:?}");
}

async fn a_log_without_end_stays_out_of_memory() {
    let (_server, kubernetes) = logs_of(1, |_| async {
        let (pieces, reply) = mpsc::channel(4);
        tokio::spawn(async move { while pieces.send(Piece::Bytes(b"on and on\n".repeat(1_000))).await.is_ok() {} });
        Reply::stream(reply)
    })
    .await;
    let cx = cx().with_timeout(Duration::from_secs(2));
    let log = present(kubernetes.logs(&cx, &query("orders")).await.unwrap());
    assert!(log.more && log.bytes.len() <= 1 << 20, "{log:?}");
}

/// Sends this and no more, and does not end.
async fn stalls(bytes: Vec<u8>) -> Reply {
    let (pieces, reply) = mpsc::channel(4);
    pieces.send(Piece::Bytes(bytes)).await.unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(pieces);
    });
    Reply::stream(reply)
}

/// Of one log, whose first bytes come, and then no more.
async fn stalled(lines: usize, head_bytes: usize, tail_bytes: usize) -> LogExcerpt {
    let all: Vec<u8> = (0..lines).flat_map(|line| format!("line {line:05} of the log\n").into_bytes()).collect();
    let (_server, kubernetes) = logs_of_these(vec![json!({"name": "c0", "state": {"running": {}}})], move |request| {
        let all = all.clone();
        async move {
            match request.query("tailLines").map(|lines| lines.parse::<usize>().unwrap()) {
                Some(lines) => whole(&all[all.len().saturating_sub(lines * 22)..]),
                None => stalls(all[..100_000].to_vec()).await,
            }
        }
    })
    .await;
    let cx = cx().with_timeout(Duration::from_secs(10));
    let asked = SignalQuery { head_bytes, tail_bytes, ..query("orders") };
    present(kubernetes.logs(&cx, &asked).await.unwrap())
}

async fn of_a_log_that_stalls_both_ends_are_there_once() {
    // It fits: its end is all of it.
    let log = stalled(6_000, 64 << 10, 192 << 10).await;
    let text = String::from_utf8(log.bytes).unwrap();
    assert_eq!((log.cut_at, log.more, text.lines().count()), (None, false, 6_001), "{}", &text[..200]);
    // It does not, though its end is no more than that.
    let sizes = [8_000, 11_800, 11_900, 11_920, 20_000];
    let logs = join_all(sizes.map(|lines| stalled(lines, 64 << 10, 192 << 10))).await;
    for (lines, log) in sizes.into_iter().zip(logs) {
        let (at, text) = (log.cut_at, String::from_utf8(log.bytes).unwrap());
        let mut printed: Vec<&str> = text.lines().filter(|line| line.starts_with("line ")).collect();
        assert!(printed.is_sorted() && printed.first() == Some(&"line 00000 of the log"), "{lines}");
        assert_eq!(printed.last().copied(), Some(format!("line {:05} of the log", lines - 1).as_str()));
        let found = printed.len();
        printed.dedup();
        assert_eq!(printed.len(), found, "each line is there once: {lines}");
        assert!(found == lines || (at.is_some() && text.contains(" that are left out <==\n")), "{lines}: {found}");
        assert!(lines < 20_000 || (log.more && text.contains(" bytes and more that are left out <==\n")), "{lines}");
    }
}

async fn where_the_end_is_not_to_be_had_what_came_stays() {
    for slow in [false, true] {
        let (_server, kubernetes) =
            logs_of_these(vec![json!({"name": "c0", "state": {"running": {}}})], move |request| async move {
                match (request.query("tailLines"), slow) {
                    (Some(_), _) => Reply::json(503, &json!({"message": "busy"})),
                    (None, true) => stalls(b"first\nsecond\nthi".to_vec()).await,
                    (None, false) => cut(b"first\nsecond\nthi").await,
                }
            })
            .await;
        let cx = cx().with_timeout(Duration::from_secs(5));
        for head_bytes in [0, 64 << 10] {
            let asked = SignalQuery { head_bytes, ..query("orders") };
            let log = present(kubernetes.logs(&cx, &asked).await.unwrap());
            let text = String::from_utf8(log.bytes).unwrap();
            assert!(log.more && text.contains("c0 <==\nfirst\nsecond\nthi\n[… it broke off here, and what follows is"), "{text}");
        }
    }
}

async fn slow_logs_leave_time_for_those_in_trouble() {
    let healthy = (0..8).map(|number| json!({"name": format!("c{number}"), "state": {"running": {}}}));
    let failed = json!({"name": "failed", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}});
    let (_server, kubernetes) = logs_of_these(healthy.chain([failed]).collect(), |request| async move {
        if request.query("container") == Some("failed") { whole(b"the last words\n") } else { std::future::pending().await }
    })
    .await;
    let began = std::time::Instant::now();
    let cx = cx().with_timeout(Duration::from_secs(10));
    let text = String::from_utf8(present(kubernetes.logs(&cx, &query("orders")).await.unwrap()).bytes).unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "there is time for two of them");
    assert!(
        text.contains("c7: not there: ") && text.contains("all logs together") && text.ends_with("the last words\n"),
        "{text}"
    );
}

async fn what_cannot_be_is_refused_before_anything_is_asked() {
    let build = |workloads: &[Workload]| {
        let builder = Kubernetes::builder(Arc::new(SystemClock)).cluster("main", Access::url("http://127.0.0.1:9"));
        let named = |builder: pathops_adapters::kubernetes::Builder, workload: &Workload| {
            builder.workload("orders".parse().unwrap(), "preflight".parse().unwrap(), workload.clone())
        };
        workloads.iter().fold(builder, named).build().map(drop).map_err(|error| (error.kind(), error.to_string()))
    };
    let good = Workload::new("main", "shop", "orders");
    assert_eq!(build(&[good.clone(), Workload::new("main", "shop", "orders-jobs")]), Ok(()));
    for (workloads, why) in [
        (vec![Workload::new("other", "shop", "orders")], "no such cluster"),
        (vec![good.clone(), good.clone()], "named twice"),
        (vec![Workload::new("main", "shop/../kube-system", "orders")], "no name of one"),
        (vec![Workload::new("main", "", "orders")], "no name of one"),
        (vec![Workload::new("main", "shop", "orders,app!=x")], "no value of a label"),
        (vec![good.selector(" ")], "every pod"),
    ] {
        let (kind, told) = build(&workloads).unwrap_err();
        assert!(kind == ErrorKind::Invalid && told.contains(why), "{told}");
    }
}
