//! The signer on an OpenBao server that the test starts: the conformance kit, and what becomes of a key that is turned, a token that ends
//! and a server that lies.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stderr, reason = "a skip is told")]
#![expect(clippy::disallowed_methods, reason = "it waits for a real server")]

mod server;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::{Arguments, Trial};
use pathops_adapters::system::SystemClock;
use pathops_adapters::vault::{Endpoint, VaultSigner};
use pathops_core::adapter::Signer as _;
use pathops_core::conformance::signer::{SignerFixture, SignerWorld, trials};
use pathops_core::evidence::Signature;
use pathops_core::{Effect, ErrorKind, IdempotencyKey, OpContext, Result};
use serde_json::{Value, json};

use server::Server;

const P256: &str = "ecdsa-p256";

/// One server for all cases of this process, started with the first.
#[derive(Clone, Debug)]
struct OneServer {
    program: PathBuf,
    server: Arc<OnceLock<Server>>,
}

impl OneServer {
    fn get(&self) -> &Server {
        self.server.get_or_init(|| Server::start(&self.program))
    }
}

#[async_trait]
impl SignerFixture for OneServer {
    async fn fresh(&self) -> SignerWorld {
        let (key, token) = self.get().key(P256);
        let signer = open(self.get().endpoint().bearer(token), "transit", &key).await.unwrap();
        SignerWorld::new(Arc::new(signer), self.clone())
    }
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

async fn open(endpoint: Endpoint, mount: &str, key: &str) -> Result<VaultSigner> {
    VaultSigner::open(&cx(), endpoint, mount, key, Arc::new(SystemClock)).await
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let program = server::installed();
    if program.is_none() {
        assert!(std::env::var_os("CI").is_none(), "`bao` is missing: `.ci/test` installs it");
        eprintln!("skipped: `bao` is not installed; `.ci/test` does it");
    }
    let missing = program.is_none();
    let server = OneServer { program: program.unwrap_or_default(), server: Arc::default() };
    let mut all = trials(Arc::new(server.clone()));
    all.push(trial("a_key_that_is_turned_signs_on_as_what_it_was", &server, |it| Box::pin(a_key_that_is_turned(it))));
    all.push(trial("a_key_that_cannot_be_one_is_refused", &server, |it| Box::pin(a_key_that_cannot_be_one(it))));
    all.push(trial("who_may_not_is_told_and_no_secret", &server, |it| Box::pin(who_may_not(it))));
    all.push(trial("a_token_in_a_file_is_renewed", &server, |it| Box::pin(a_token_in_a_file(it))));
    all.push(trial("no_signature_is_believed", &server, |it| Box::pin(no_signature_is_believed(it))));
    let all: Vec<Trial> = all.into_iter().map(|trial| trial.with_ignored_flag(missing)).collect();
    libtest_mimic::run(&arguments, all).exit_code()
}

type Test = std::pin::Pin<Box<dyn Future<Output = ()>>>;

fn trial(name: &str, server: &OneServer, test: fn(OneServer) -> Test) -> Trial {
    let server = server.clone();
    Trial::test(name, move || {
        tokio::runtime::Runtime::new().unwrap().block_on(test(server));
        Ok(())
    })
}

async fn a_key_that_is_turned(it: OneServer) {
    let (key, token) = it.get().key(P256);
    let endpoint = it.get().endpoint().bearer(token);
    let first = open(endpoint.clone(), "transit", &key).await.unwrap();
    it.get().bao(&["write", "-f", &format!("transit/keys/{key}/rotate")]);
    let second = open(endpoint, "transit", &key).await.unwrap();
    assert_eq!((first.version(), second.version()), (1, 2));
    let (one, other) = (first.sign(&cx(), b"a").await.unwrap(), second.sign(&cx(), b"a").await.unwrap());
    assert!(first.public_key().verifies(b"a", &one) && !first.public_key().verifies(b"a", &other));
    // Somebody forbids the older one.
    it.get().bao(&["write", &format!("transit/keys/{key}/config"), "min_encryption_version=2"]);
    let error = first.sign(&cx(), b"a").await.unwrap_err();
    assert!(
        error.kind() == ErrorKind::Denied && error.to_string().contains("version 1 of the key may not sign any more"),
        "{error}"
    );
    assert!(second.sign(&cx(), b"a").await.is_ok());
}

async fn a_key_that_cannot_be_one(it: OneServer) {
    for kind in ["ed25519", "aes256-gcm96"] {
        let (key, token) = it.get().key(kind);
        let error = open(it.get().endpoint().bearer(token), "transit", &key).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(kind), "{error}");
    }
    let endpoint = it.get().endpoint();
    for (mount, name) in
        [("transit", ""), ("", "a"), ("transit", "../a"), ("transit", "a?b"), ("transit/..", "a"), ("transit/", "a")]
    {
        let error = open(endpoint.clone(), mount, name).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("a name has"), "{mount} {name}: {error}");
    }
}

async fn who_may_not(it: OneServer) {
    let ((key, token), (_, other)) = (it.get().key(P256), it.get().key(P256));
    let signer = open(it.get().endpoint().bearer(&token), "transit", &key).await.unwrap();
    it.get().bao(&["token", "revoke", &token]);
    for error in [
        signer.sign(&cx(), b"a").await.unwrap_err(),
        open(it.get().endpoint().bearer(&other), "transit", &key).await.unwrap_err(),
        open(it.get().endpoint(), "transit", &key).await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Denied, Effect::None), "{error}");
        assert!(error.to_string().contains("permission denied"), "{error}");
        assert!(![&token, &other].iter().any(|secret| format!("{error} {error:?}").contains(*secret)), "{error:?}");
    }
    assert!(!format!("{signer:?}").contains(&token));
    let nobody = Endpoint::new("http://127.0.0.1:1").bearer(token);
    assert_eq!(open(nobody, "transit", &key).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

async fn a_token_in_a_file(it: OneServer) {
    let (key, token) = it.get().key(P256);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let endpoint = || it.get().endpoint().bearer_file(&file);
    let error = open(endpoint(), "transit", &key).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.to_string().contains("its token cannot be read"), "{error}");
    std::fs::write(&file, "two\nlines").unwrap();
    let error = open(endpoint(), "transit", &key).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && !error.to_string().contains("two"), "{error}");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let signer = open(endpoint(), "transit", &key).await.unwrap();
    let renewed = it.get().bao(&["token", "create", "-field=token", "-no-default-policy", &format!("-policy={key}")]);
    it.get().bao(&["token", "revoke", &token]);
    assert_eq!(signer.sign(&cx(), b"a").await.unwrap_err().kind(), ErrorKind::Denied);
    std::fs::write(&file, renewed).unwrap();
    assert!(signer.public_key().verifies(b"a", &signer.sign(&cx(), b"a").await.unwrap()));
}

/// A server of a few lines gives in turn what a real one never would.
async fn no_signature_is_believed(it: OneServer) {
    let (key, token) = it.get().key(P256);
    let real = open(it.get().endpoint().bearer(token), "transit", &key).await.unwrap();
    let signed = |text: &str| json!({"data": {"key_version": 1, "signature": text}});
    let encoded = |signature: Signature| STANDARD.encode(signature.as_der());
    let another = encoded(real.sign(&cx(), b"another").await.unwrap());
    let good = encoded(real.sign(&cx(), b"a").await.unwrap());
    let newest = json!({"data": {"type": P256, "latest_version": 1, "keys": {"1": {"public_key": real.public_key().to_pem()}}}});
    let lies = [format!("vault:v1:{another}"), format!("vault:v2:{good}"), good.clone(), "vault:v1:no base64".to_owned()];
    let lies: Vec<Value> = lies.iter().map(|lie| signed(lie)).chain([json!({"data": null}), json!([])]).collect();
    let (count, truth) = (lies.len(), signed(&format!("vault:v1:{good}")));
    let url = answering([newest].into_iter().chain(lies).chain([truth]).collect());
    let signer = open(Endpoint::new(url), "transit", &key).await.unwrap();
    for _ in 0..count {
        assert_eq!(signer.sign(&cx(), b"a").await.unwrap_err().kind(), ErrorKind::Unexpected);
    }
    signer.sign(&cx(), b"a").await.unwrap();
}

/// A server that answers so often, with these.
fn answering(answers: Vec<Value>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut read = [0; 4096];
            assert!(stream.read(&mut read).unwrap() > 0);
            let body = answer.to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    url
}
