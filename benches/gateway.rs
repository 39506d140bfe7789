//! How many webhooks are verified and durably stored in a second, and how long their senders wait, against a bare handler of axum that
//! checks the HMAC and inserts one row. Both are mounted in axum and are sent the same requests over HTTP on this machine, in turns;
//! three in ten are copies of another. Both write SQLite with its log ahead, synchronous to the disk.
//!
//! `cargo bench -p pathops-benches --bench gateway`; with `-- --test` a few, to see that it works. It fails where the gateway takes less than
//! [`LIMIT`] of what the bare handler takes, or 99 of 100 wait longer than [`WAIT`]. Both are of the wall clock, since the disk is
//! waited for: run it on a machine that does nothing else.
//!
//! The bare handler puts the body into its row. The gateway checks what it says, keeps the body by its digest, and one row for each
//! delivery: it has more to do, and does it for many at once. So the slower the disk, the more of the bare handler it takes; and
//! least on a quick one where making a file is dear.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a table")]
#![expect(clippy::disallowed_methods, reason = "it measures the wall clock: the disk is what is waited for")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit as _, Mac as _};
use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_adapters::sqlite::SqliteInbox;
use pathops_adapters::system::SystemClock;
use pathops_adapters::webhook::{Secrets, Source};
use pathops_coordinator::gateway::{Gateway, WebhookService};
use pathops_core::adapter::{Inbox as _, InboxQuery};
use pathops_core::{IdempotencyKey, OpContext};
use sha2::Sha256;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlitePool, query, query_scalar};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "a secret of the bench";

/// How many senders there are at once, each with one request at a time.
const SENDERS: usize = 32;

/// How much of what the bare handler takes the gateway takes, at the least.
const LIMIT: f64 = 0.8;

/// How long 99 of 100 senders wait, at the most.
const WAIT: Duration = Duration::from_millis(50);

/// Of ten requests, so many are different.
const DIFFERENT: usize = 7;

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (rounds, requests) = if is_test { (1, 100) } else { (5, 4_000) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let (mut rates, mut waits) = (Vec::new(), Vec::new());
    println!(
        "{:>5} {:>12} {:>12} {:>6} {:>14} {:>14}",
        "round", "gateway 1/s", "bare 1/s", "part", "gateway p99 ms", "bare p99 ms"
    );
    // An ext4 without a journal looks, for minutes, past each file that was deleted nearby before it makes another one. So nothing is
    // deleted before the end, and where it can be had, each round lies in a part of the disk of its own, which is chosen by its name.
    let root = tempfile::tempdir().expect("a folder");
    let _ = Command::new("chattr").arg("+T").arg(root.path()).stderr(Stdio::null()).status();
    for round in 0..rounds {
        let [here, there] = [(); 2].map(|()| tempfile::tempdir_in(root.path()).expect("a folder").keep());
        let sent = Arc::new(all(requests));
        // Whoever comes first finds the disk as the other has left it.
        let [own, bare] = runtime.block_on(async {
            if round % 2 == 0 {
                return [own(&here, sent.clone()).await, bare(&there, sent).await];
            }
            let bare = bare(&there, sent.clone()).await;
            [own(&here, sent).await, bare]
        });
        let part = own.rate / bare.rate;
        let millis = |it: &Taken| it.p99.as_secs_f64() * 1e3;
        println!("{round:>5} {:>12.0} {:>12.0} {part:>6.2} {:>14.1} {:>14.1}", own.rate, bare.rate, millis(&own), millis(&bare));
        rates.push(part);
        waits.push(own.p99);
    }
    rates.sort_by(f64::total_cmp);
    waits.sort();
    let (part, wait) = (rates.get(rounds / 2).expect("a round"), waits.get(rounds / 2).expect("a round"));
    println!("in the middle: {part:.2} of the bare handler, p99 {:.1} ms", wait.as_secs_f64() * 1e3);
    assert!(is_test || *part >= LIMIT, "{part:.2} of the bare handler, and {LIMIT} is the limit");
    assert!(is_test || *wait <= WAIT, "99 of 100 wait {wait:?}, and {WAIT:?} is the limit");
}

/// Requests as they go over the wire, copies among them.
fn all(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| request(if number % 10 < DIFFERENT { number } else { number / 10 * 10 })).collect()
}

fn mac(body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(body);
    mac
}

/// A push of twenty commits, in GitHub's shape.
fn request(number: usize) -> Vec<u8> {
    let commit = |at: usize| {
        let id = format!("{:040x}", number * 100 + at);
        serde_json::json!({"id": id, "message": "Say what the kettle costs", "author": {"name": "Ada", "email": "ada@shop.example"},
            "added": [], "removed": [], "modified": ["src/main.rs", "src/price.rs"], "timestamp": "2026-01-02T03:04:05Z"})
    };
    let commits: Vec<_> = (0..20).map(commit).collect();
    let repository = serde_json::json!({"full_name": format!("shop/app-{}", number % 100)});
    let body = serde_json::json!({"ref": "refs/heads/main", "after": format!("{number:040x}"), "deleted": false,
        "repository": repository, "commits": commits})
    .to_string();
    let signature: String = mac(body.as_bytes()).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n\
         X-GitHub-Delivery: d{number}\r\nX-Hub-Signature-256: sha256={signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What was taken in a second, and how long senders waited.
struct Taken {
    rate: f64,
    p99: Duration,
}

async fn own(folder: &Path, sent: Arc<Vec<Vec<u8>>>) -> Taken {
    let inbox = Arc::new(SqliteInbox::open(folder.join("inbox.db")).await.expect("an inbox"));
    let blobs = ObjectStoreBlobs::folder(folder.join("blobs")).expect("blobs");
    let source = Source::github("github".parse().expect("a name"), Secrets::new(SECRET).expect("a secret"));
    let gateway = Gateway::new(inbox.clone(), Arc::new(blobs), Arc::new(SystemClock)).with_source(Arc::new(source));
    let app = Router::new().route_service("/webhooks/{source}", WebhookService::new(Arc::new(gateway)));
    let different = different(&sent);
    let taken = send(app, sent).await;
    let cx = OpContext::new(IdempotencyKey::new("count"));
    let stored = inbox.find(&cx, &InboxQuery::default(), usize::MAX).await.expect("found");
    assert_eq!(stored.len(), different, "each is stored once");
    taken
}

fn different(sent: &[Vec<u8>]) -> usize {
    sent.iter().collect::<BTreeSet<_>>().len()
}

async fn bare(folder: &Path, sent: Arc<Vec<Vec<u8>>>) -> Taken {
    let rows = rows(folder).await;
    let app = Router::new().route("/webhooks/github", post(insert)).with_state(rows.clone());
    let different = different(&sent);
    let taken = send(app, sent).await;
    let stored: i64 = query_scalar("SELECT count(*) FROM deliveries").fetch_one(&rows).await.expect("counted");
    assert_eq!(usize::try_from(stored), Ok(different), "each is stored once");
    taken
}

/// One connection, since SQLite has one writer.
async fn rows(folder: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(folder.join("bare.db")).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let rows = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("a database");
    query("CREATE TABLE deliveries (id TEXT PRIMARY KEY, body BLOB NOT NULL)").execute(&rows).await.expect("a table");
    rows
}

async fn insert(State(rows): State<SqlitePool>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signature = text("x-hub-signature-256").and_then(|it| it.strip_prefix("sha256="));
    let signature = signature.and_then(|it| {
        (0..it.len() / 2).map(|at| u8::from_str_radix(it.get(2 * at..2 * at + 2)?, 16).ok()).collect::<Option<Vec<u8>>>()
    });
    let (Some(signature), Some(id)) = (signature, text("x-github-delivery")) else { return StatusCode::BAD_REQUEST };
    if mac(&body).verify_slice(&signature).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let row = query("INSERT OR IGNORE INTO deliveries (id, body) VALUES (?, ?)").bind(id).bind(&*body);
    row.execute(&rows).await.map_or(StatusCode::SERVICE_UNAVAILABLE, |_| StatusCode::ACCEPTED)
}

/// Serves it on a free port of this machine, and sends everything.
async fn send(app: Router, sent: Arc<Vec<Vec<u8>>>) -> Taken {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let (next, begun) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (next, sent) = (next.clone(), sent.clone());
            tokio::spawn(async move {
                let (mut stream, mut waits) = (TcpStream::connect(address).await.expect("a connection"), Vec::new());
                while let Some(request) = sent.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    stream.write_all(request).await.expect("sent");
                    acknowledged(&mut stream).await;
                    waits.push(begun.elapsed());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for sender in senders {
        waits.extend(sender.await.expect("it ends"));
    }
    let took = begun.elapsed();
    server.abort();
    waits.sort();
    let rate = f64::from(u32::try_from(sent.len()).expect("fits")) / took.as_secs_f64();
    Taken { rate, p99: *waits.get(waits.len() * 99 / 100).expect("it was sent") }
}

/// Reads one answer, which has to be that it was taken.
async fn acknowledged(stream: &mut TcpStream) {
    let mut answer = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut answer).await.expect("an answer"), 0, "the connection ended");
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if length.and_then(|length| length.trim().parse().ok()).unwrap_or(0_usize) <= body.len() {
            assert!(head.starts_with("http/1.1 20"), "{text}");
            return;
        }
    }
}
