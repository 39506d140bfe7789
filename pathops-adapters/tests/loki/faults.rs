//! What goes wrong between the adapter and the server. On a server that only answers wrongly.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use pathops_adapters::loki::{Endpoint, Loki, Value};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Collected, LogExcerpt, RuntimeSignals as _};
use pathops_core::{Effect, ErrorKind, Retry};
use pathops_fakes::argocd::{Body, Piece, Reply, Server};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{ago, cx, loki, query, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("each_refusal_has_its_kind", each_refusal_has_its_kind),
        trial("answers_that_cannot_be_read_or_are_not_whole_are_errors", answers_that_cannot_be_read_or_are_not_whole_are_errors),
        trial("fewer_lines_are_asked_for_where_they_are_long", fewer_lines_are_asked_for_where_they_are_long),
        trial(
            "a_server_that_gives_what_was_not_asked_for_comes_to_an_end",
            a_server_that_gives_what_was_not_asked_for_comes_to_an_end,
        ),
        trial("a_slow_server_is_waited_for_no_longer_than_asked", a_slow_server_is_waited_for_no_longer_than_asked),
        trial("what_cannot_be_is_refused_when_it_is_built", what_cannot_be_is_refused_when_it_is_built),
    ]
}

fn reply(status: u16, after: Option<&str>, body: &[u8]) -> Reply {
    let headers = after.map(|after| ("retry-after", after.to_owned())).into_iter().collect();
    Reply { status, headers, body: Body::Whole(body.to_vec()) }
}

async fn each_refusal_has_its_kind() {
    let cases: [(u16, Option<&str>, &str, ErrorKind, Retry); 7] = [
        (401, None, "no org id\n", ErrorKind::Denied, Retry::Never),
        (403, None, "", ErrorKind::Denied, Retry::Never),
        (404, None, "page not found", ErrorKind::NotFound, Retry::Never),
        (429, Some("7"), "too many outstanding requests", ErrorKind::RateLimited, Retry::After(Duration::from_secs(7))),
        (503, Some("3"), "", ErrorKind::Unavailable, Retry::After(Duration::from_secs(3))),
        (504, None, "context deadline exceeded", ErrorKind::Timeout, Retry::Backoff),
        (400, None, "max entries limit per query exceeded", ErrorKind::Invalid, Retry::Never),
    ];
    for (status, after, words, kind, retry) in cases {
        let server = Server::start(move |_| std::future::ready(reply(status, after, words.as_bytes()))).await;
        let error = loki(&server.url).logs(&cx(), &query("orders")).await.unwrap_err();
        assert_eq!((error.kind(), error.retry(), error.effect()), (kind, retry, Effect::None), "{error}");
        assert!(error.to_string().contains(words.trim()) && error.to_string().contains("failed to query logs on"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}

async fn answers_that_cannot_be_read_or_are_not_whole_are_errors() {
    let cases: [&[u8]; 9] = [
        b"",
        b"<html>",
        b"\xff",
        br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        br#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{},"values":[["x","line"]]}]}}"#,
        br#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{},"values":[["1"]]}]}}"#,
        br#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{},"values":["#,
        br#"{"status":"success","warnings":["an ingester is down"],"data":{"resultType":"streams","result":[]}}"#,
        br#"{"status":"error","error":"no"}"#,
    ];
    for body in cases {
        let server = Server::start(move |_| std::future::ready(reply(200, None, body))).await;
        let error = loki(&server.url).logs(&cx(), &query("orders")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{}: {error}", String::from_utf8_lossy(body));
    }
    let server = Server::start(|_| async {
        let (pieces, body) = mpsc::channel(4);
        pieces.send(Piece::Bytes(br#"{"status":"success","#.to_vec())).await.unwrap();
        pieces.send(Piece::Cut).await.unwrap();
        Reply::stream(body)
    });
    let error = loki(&server.await.url).logs(&cx(), &query("orders")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "it broke off half-way: {error}");
    // What stands beside a line is no fault.
    let nanos = format!("{}000000", ago(60).0);
    let more = json!({"status": "success", "data": {"resultType": "streams", "encodingFlags": ["categorize-labels"], "result": [
        {"stream": {"app": "orders"}, "values": [[nanos, "the line", {"structuredMetadata": {"trace_id": "1"}}]]}]}});
    let server = Server::start(move |_| std::future::ready(Reply::json(200, &more))).await;
    let found = loki(&server.url).logs(&cx(), &query("orders")).await.unwrap();
    assert_eq!(found, Collected::Present(LogExcerpt::whole(b"the line\n".to_vec())));
}

async fn fewer_lines_are_asked_for_where_they_are_long() {
    let lines = |limit: usize| {
        let nanos = format!("{}000000", ago(60).0);
        let line = "x".repeat(100_000);
        let values: Vec<_> = (0..limit.min(400)).map(|_| json!([nanos, line])).collect();
        json!({"status": "success", "data": {"resultType": "streams", "result": [{"stream": {}, "values": values}]}})
    };
    let server = Server::start(move |request| async move {
        Reply::json(200, &lines(request.query("limit").map_or(1, |it| it.parse().unwrap())))
    });
    let server = server.await;
    let Collected::Present(found) = loki(&server.url).logs(&cx(), &query("orders")).await.unwrap() else { panic!("nothing") };
    assert_eq!((found.bytes.len(), found.cut_at, found.more), (1 << 20, Some(0), true), "it counts nothing, which is told");
    // Where one line is too long, nothing helps.
    let server = Server::start(|_| async {
        let (pieces, body) = mpsc::channel(4);
        tokio::spawn(async move { while pieces.send(Piece::Bytes(vec![b' '; 1 << 20])).await.is_ok() {} });
        Reply::stream(body)
    });
    let error = loki(&server.await.url).logs(&cx(), &query("orders")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
}

async fn a_server_that_gives_what_was_not_asked_for_comes_to_an_end() {
    for at in [0, 1, u64::MAX] {
        let server = Server::start(move |request| async move {
            let limit: usize = request.query("limit").unwrap().parse().unwrap();
            let values = vec![json!([at.to_string(), "strange"]); limit * 2];
            Reply::json(200, &json!({"status": "success", "data": {"resultType": "streams", "result": [{"values": values}]}}))
        });
        let server = server.await;
        let found = loki(&server.url).logs(&cx(), &query("orders")).await.unwrap();
        assert!(matches!(found, Collected::Absent(_)), "{found:?}");
    }
}

async fn a_slow_server_is_waited_for_no_longer_than_asked() {
    let server = Server::start(|_| std::future::pending()).await;
    let error = loki(&server.url).logs(&cx().with_timeout(Duration::from_millis(200)), &query("orders")).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Timeout, Effect::None));
}

async fn what_cannot_be_is_refused_when_it_is_built() {
    let build = |labels: &[(&str, Value)]| {
        let builder = Loki::builder(Endpoint::new("https://loki.example"), Arc::new(SystemClock));
        let built = labels.iter().fold(builder, |builder, (name, value)| builder.label(*name, value.clone())).build();
        built.map(drop).map_err(|error| (error.kind(), error.to_string()))
    };
    assert_eq!(build(&[("app", Value::Unit), ("team", Value::Fixed("shop".to_owned()))]), Ok(()));
    for (labels, why) in [
        (&[][..], "no unit from another"),
        (&[("namespace", Value::Namespace)], "no unit from another"),
        (&[("app", Value::Unit), ("app", Value::Unit)], "there twice"),
        (&[("a\"b", Value::Unit)], "begins with no digit"),
        (&[("app", Value::Unit), ("team", Value::Fixed(String::new()))], "empty"),
    ] {
        let (kind, told) = build(labels).unwrap_err();
        assert!(kind == ErrorKind::Invalid && told.contains(why), "{told}");
    }
}
