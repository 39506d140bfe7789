//! A witness asked over HTTP: the conformance kit on a server that says what a case wants, and a log that a witness in memory cosigns
//! behind a small server. The latter does what the standard says of witnesses; nobody's real one is asked.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

#[path = "../trial/mod.rs"]
mod trial;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::system::SystemClock;
use pathops_adapters::witness::{Endpoint, HttpWitness};
use pathops_core::adapter::{WitnessAnswer, WitnessClient};
use pathops_core::conformance::witness::{WitnessFixture, WitnessSide, WitnessWorld, trials};
use pathops_core::evidence::{Health, Subject};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, ErrorKind, IdempotencyKey, OpContext, UnixMillis};
use pathops_evidence::Sealer;
use pathops_evidence::ledger::{Ledger, LogKey, MemoryWitness, Witness};
use pathops_fakes::argocd::{Body, Reply, Server};

use trial::trial;

fn main() -> ExitCode {
    let mut all = trials(Arc::new(Conformance));
    all.push(trial("a_log_is_cosigned_as_it_grows_and_a_fork_is_not", a_log_is_cosigned_as_it_grows_and_a_fork_is_not));
    all.push(trial("an_endpoint_that_cannot_be_one_is_refused", an_endpoint_that_cannot_be_one_is_refused));
    libtest_mimic::run(&Arguments::from_args(), all).exit_code()
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn client(prefix: &str) -> Arc<dyn WitnessClient> {
    Arc::new(HttpWitness::new(Endpoint::new(prefix), Arc::new(SystemClock)).unwrap())
}

/// A server that answers to what is posted to `/w/add-checkpoint`.
async fn serve(answer: impl Fn(&str) -> WitnessAnswer + Send + Sync + 'static) -> Server {
    let answer = Arc::new(answer);
    Server::start(move |request| {
        let answer = answer.clone();
        async move {
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/w/add-checkpoint"));
            let WitnessAnswer { status, body } = answer(std::str::from_utf8(&request.body).unwrap());
            Reply { status, headers: Vec::new(), body: Body::Whole(body.into_bytes()) }
        }
    })
    .await
}

struct Conformance;

#[derive(Default)]
struct Said {
    answer: Option<WitnessAnswer>,
    posted: Vec<String>,
}

struct Side {
    said: Arc<Mutex<Said>>,
    server: Mutex<Option<Server>>,
}

#[async_trait]
impl WitnessFixture for Conformance {
    async fn fresh(&self) -> WitnessWorld {
        let said = Arc::new(Mutex::new(Said::default()));
        let known = said.clone();
        let server = serve(move |body| {
            let mut said = known.lock().unwrap();
            said.posted.push(body.to_owned());
            said.answer.clone().unwrap()
        });
        let server = server.await;
        let client = client(&format!("{}/w/", server.url));
        WitnessWorld::new(client, Side { said, server: Mutex::new(Some(server)) })
    }
}

impl WitnessSide for Side {
    fn answers(&self, answer: WitnessAnswer) {
        self.said.lock().unwrap().answer = Some(answer);
    }

    fn leaves(&self) {
        *self.server.lock().unwrap() = None;
    }

    fn posted(&self) -> Vec<String> {
        self.said.lock().unwrap().posted.clone()
    }
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

/// A log in a bucket of its own, and what appends to it.
async fn log() -> (Arc<Ledger>, Sealer) {
    let ledger = Arc::new(Ledger::open(&cx(), Arc::new(MemoryBucket::new()), key()).await.unwrap());
    let signer = Arc::new(MemorySigner::from_seed(3).unwrap());
    (ledger.clone(), Sealer::new(signer, Arc::new(MemoryBlobs::new())).with_ledger(ledger))
}

async fn grow(sealer: &Sealer, name: &str) {
    let digest = Digest::of(name.as_bytes());
    let subject = vec![Subject::named(name).with_sha256(&digest)];
    let health = Health {
        change_set: "a-change".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        healthy: true,
        settled_millis: 1_000,
        observed_on: UnixMillis(7),
    };
    sealer.seal(&cx(), name, subject, &health).await.unwrap();
}

async fn a_log_is_cosigned_as_it_grows_and_a_fork_is_not() {
    let memory = MemoryWitness::new("witness.example/w", &[1; 32], Arc::new(SystemClock), [key().identity()]).unwrap();
    let witness: Witness = memory.witness();
    let server = serve(move |body| memory.answer(body)).await;
    let asked = [(witness, client(&format!("{}/w", server.url)))];
    let ((ledger, sealer), (forked, other)) = (log().await, log().await);
    for (size, name) in [(1, "one"), (2, "two")] {
        grow(&sealer, name).await;
        let cosigned = ledger.cosign(&cx(), &asked, 1).await.unwrap().unwrap();
        assert_eq!((cosigned.checkpoint.size, cosigned.cosignatures.len(), cosigned.is_published), (size, 1, true));
    }
    for name in ["another", "and more", "of it"] {
        grow(&other, name).await;
    }
    let error = forked.cosign(&cx(), &asked, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("has not grown like this"), "{error}");
    drop(server);
    grow(&sealer, "three").await;
    let error = ledger.cosign(&cx(), &asked, 1).await.unwrap_err();
    assert!(error.to_string().contains("ask a witness"), "{error}");
}

async fn an_endpoint_that_cannot_be_one_is_refused() {
    for bad in ["witness.example", "https://user:s3cret@witness.example", "ftp://witness.example"] {
        let error = HttpWitness::new(Endpoint::new(bad), Arc::new(SystemClock)).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && !error.to_string().contains("s3cret"), "{error}");
    }
}
