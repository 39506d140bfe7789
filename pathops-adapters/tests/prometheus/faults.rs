//! What goes wrong between the adapter and the server. On a server that only answers wrongly.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use pathops_adapters::prometheus::{Endpoint, Prometheus};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::RuntimeSignals as _;
use pathops_core::{Effect, Error, ErrorKind, Retry};
use pathops_fakes::argocd::{Body, Piece, Reply, Server};
use tokio::sync::mpsc;

use crate::{cx, prometheus, query, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("each_refusal_has_its_kind", each_refusal_has_its_kind),
        trial("answers_that_cannot_be_read_or_are_not_whole_are_errors", answers_that_cannot_be_read_or_are_not_whole_are_errors),
        trial("a_huge_answer_is_not_read_to_its_end", a_huge_answer_is_not_read_to_its_end),
        trial("a_slow_server_is_waited_for_no_longer_than_asked", a_slow_server_is_waited_for_no_longer_than_asked),
        trial("a_token_in_a_file_is_read_for_each_question", a_token_in_a_file_is_read_for_each_question),
        trial("no_secret_is_shown", no_secret_is_shown),
        trial("what_cannot_be_is_refused_when_it_is_built", what_cannot_be_is_refused_when_it_is_built),
    ]
}

fn reply(status: u16, after: Option<&str>, body: &[u8]) -> Reply {
    let headers = after.map(|after| ("retry-after", after.to_owned())).into_iter().collect();
    Reply { status, headers, body: Body::Whole(body.to_vec()) }
}

/// The error where the server answers so, and that it was asked once.
async fn error(status: u16, after: Option<&'static str>, body: &'static [u8]) -> Error {
    let (calls, mut called) = mpsc::unbounded_channel();
    let server = Server::start(move |_| {
        calls.send(()).unwrap();
        std::future::ready(reply(status, after, body))
    });
    let server = server.await;
    let error = prometheus(&server.url).metrics(&cx(), &query("orders")).await.unwrap_err();
    assert!(called.try_recv().is_ok() && called.try_recv().is_err(), "nothing is tried again");
    assert_eq!(error.effect(), Effect::None);
    error
}

/// The status, `Retry-After`, the body, and what that is.
type Refused = (u16, Option<&'static str>, &'static [u8], ErrorKind, Retry);

async fn each_refusal_has_its_kind() {
    let timeout = br#"{"status":"error","errorType":"timeout","error":"query timed out"}"#;
    let bad = br#"{"status":"error","errorType":"bad_data","error":"1:7: parse error: unexpected end of input"}"#;
    let cases: [Refused; 14] = [
        (401, None, b"Unauthorized\n", ErrorKind::Denied, Retry::Never),
        (403, None, b"no", ErrorKind::Denied, Retry::Never),
        (404, None, b"404 page not found", ErrorKind::NotFound, Retry::Never),
        (429, Some("7"), b"too many", ErrorKind::RateLimited, Retry::After(Duration::from_secs(7))),
        (429, Some("Fri, 27 Nov 2026 14:00:00 GMT"), b"", ErrorKind::RateLimited, Retry::Backoff),
        (503, Some("3"), b"busy", ErrorKind::Unavailable, Retry::After(Duration::from_secs(3))),
        (503, None, timeout, ErrorKind::Timeout, Retry::Backoff),
        (500, None, b"\xff\xff", ErrorKind::Unavailable, Retry::Backoff),
        (504, None, b"", ErrorKind::Timeout, Retry::Backoff),
        (400, None, bad, ErrorKind::Invalid, Retry::Never),
        (
            422,
            None,
            br#"{"status":"error","errorType":"execution","error":"too many samples"}"#,
            ErrorKind::Invalid,
            Retry::Never,
        ),
        (302, None, b"", ErrorKind::Unexpected, Retry::Never),
        (200, None, timeout, ErrorKind::Timeout, Retry::Backoff),
        (200, None, bad, ErrorKind::Invalid, Retry::Never),
    ];
    for (status, after, body, kind, retry) in cases {
        let error = error(status, after, body).await;
        assert_eq!((error.kind(), error.retry()), (kind, retry), "{status}: {error}");
        assert!(error.to_string().starts_with("failed to query metrics on `errors of orders in preflight`: "), "{error}");
    }
    let told = error(400, None, bad).await.to_string();
    assert!(told.contains("400 Bad Request: 1:7: parse error"), "{told}");
}

async fn answers_that_cannot_be_read_or_are_not_whole_are_errors() {
    let cases: [&[u8]; 12] = [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b"{}",
        br#"{"status":"success"}"#,
        br#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
        br#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[["x","1"]]}]}}"#,
        br#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,2]]}]}}"#,
        br#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":1}}]}}"#,
        br#"{"status":"success","data":{"resultType":"matrix","result":["#,
        br#"{"status":"success","warnings":["a store is down"],"data":{"resultType":"matrix","result":[]}}"#,
    ];
    for body in cases {
        let error = error(200, None, body).await;
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{}: {error}", String::from_utf8_lossy(body));
    }
    let warned = error(200, None, cases[11]).await.to_string();
    assert!(warned.contains("not whole: a store is down"), "{warned}");
    let deep: &'static [u8] = [b"{\"data\":".as_slice(), &b"[".repeat(200_000)].concat().leak();
    assert_eq!(error(200, None, deep).await.kind(), ErrorKind::Unexpected);
    // Times out of the window, and what is not known, are no errors.
    let strange =
        br#"{"status":"success","infos":["x"],"data":{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{}]],
        "values":[[-1e300,"1"],[1e300,"1"],[0.5,"1"]]}]}}"#;
    let server = Server::start(|_| std::future::ready(reply(200, None, strange))).await;
    prometheus(&server.url).metrics(&cx(), &query("orders")).await.unwrap();
    // It breaks off half-way.
    let server = Server::start(|_| async {
        let (pieces, body) = mpsc::channel(4);
        pieces.send(Piece::Bytes(br#"{"status":"success","#.to_vec())).await.unwrap();
        pieces.send(Piece::Cut).await.unwrap();
        Reply::stream(body)
    });
    let error = prometheus(&server.await.url).metrics(&cx(), &query("orders")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

async fn a_huge_answer_is_not_read_to_its_end() {
    for status in [200, 400] {
        let server = Server::start(move |_| async move {
            let (pieces, body) = mpsc::channel(4);
            tokio::spawn(async move { while pieces.send(Piece::Bytes(vec![b' '; 1 << 20])).await.is_ok() {} });
            Reply { status, ..Reply::stream(body) }
        });
        let error = prometheus(&server.await.url).metrics(&cx(), &query("orders")).await.unwrap_err();
        assert_eq!(error.kind(), if status == 200 { ErrorKind::Unexpected } else { ErrorKind::Invalid }, "{error}");
    }
}

async fn a_slow_server_is_waited_for_no_longer_than_asked() {
    let server = Server::start(|_| std::future::pending()).await;
    let error =
        prometheus(&server.url).metrics(&cx().with_timeout(Duration::from_millis(200)), &query("orders")).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Timeout, Effect::None));
    let nobody = prometheus("http://127.0.0.1:9").metrics(&cx(), &query("orders")).await.unwrap_err();
    assert_eq!((nobody.kind(), nobody.remote()), (ErrorKind::Unavailable, Some("127.0.0.1:9")));
}

async fn a_token_in_a_file_is_read_for_each_question() {
    let server = Server::start(|request| {
        let renewed = request.header("authorization") == Some("Bearer second");
        std::future::ready(reply(if renewed { 200 } else { 401 }, None, b"{}"))
    });
    let (server, folder) = (server.await, tempfile::tempdir().unwrap());
    let file = folder.path().join("token");
    let builder = Prometheus::builder(Endpoint::new(&server.url).bearer_file(&file), Arc::new(SystemClock));
    let prometheus = builder.query("errors", "up").build().unwrap();
    for (token, kind) in [("", ErrorKind::Denied), ("first", ErrorKind::Denied), ("second\n", ErrorKind::Unexpected)] {
        std::fs::write(&file, token).unwrap();
        let error = prometheus.metrics(&cx(), &query("orders")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

async fn no_secret_is_shown() {
    let server = Server::start(|_| std::future::ready(reply(401, None, b"no"))).await;
    for endpoint in [Endpoint::new(&server.url).bearer("s3cret"), Endpoint::new(&server.url).basic("robot", "s3cret")] {
        let shown = format!("{endpoint:?}");
        let builder = Prometheus::builder(endpoint, Arc::new(SystemClock)).query("errors", "up");
        let shown = format!("{shown} {builder:?}");
        let prometheus = builder.build().unwrap();
        let error = prometheus.metrics(&cx(), &query("orders")).await.unwrap_err();
        let mut all = format!("{shown} {prometheus:?} {prometheus:#?} {error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            all.push_str(&format!("{cause} {cause:?}"));
            source = cause.source();
        }
        assert!(!all.contains("s3cret") && !all.contains("czNjcmV0"), "{all}");
    }
    for url in ["https://robot:s3cret@prometheus.example", "s3cret@prometheus.example"] {
        let builder = Prometheus::builder(Endpoint::new(url), Arc::new(SystemClock)).query("errors", "up");
        let shown = format!("{builder:?}");
        let shown = format!("{shown} {}", builder.build().unwrap_err());
        assert!(!shown.contains("s3cret") && shown.contains("an `@`"), "{shown}");
    }
}

async fn what_cannot_be_is_refused_when_it_is_built() {
    let build = |endpoint: Endpoint, queries: &[(&str, &str)]| {
        let builder = Prometheus::builder(endpoint, Arc::new(SystemClock));
        let built = queries.iter().fold(builder, |builder, (name, promql)| builder.query(*name, *promql)).build();
        built.map(drop).map_err(|error| (error.kind(), error.to_string()))
    };
    let good = || Endpoint::new("https://prometheus.example/api/prom/");
    assert_eq!(build(good(), &[("up", "up"), ("errors", "x{app=$unit}")]), Ok(()));
    for (endpoint, queries, why) in [
        (good(), &[][..], "there are 0"),
        (good(), &[("up", "up"), ("up", "up")], "its alone"),
        (good(), &[("up now", "up")], "one word"),
        (good(), &[("up", "up{app=\"$unit\"}")], "leave the quotes out"),
        (good(), &[("up", "up{app=$app}")], "there is no `$app`"),
        (Endpoint::new("ftp://prometheus.example"), &[("up", "up")], "no address of a server"),
        (Endpoint::new("prometheus"), &[("up", "up")], "no address of a server"),
        (good().tenant("a\nb"), &[("up", "up")], "no value of a header"),
        (good().trusting("nothing"), &[("up", "up")], "none in PEM"),
    ] {
        let (kind, told) = build(endpoint, queries).unwrap_err();
        assert!(kind == ErrorKind::Invalid && told.contains(why), "{told}");
    }
}
