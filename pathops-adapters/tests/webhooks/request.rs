//! Requests as senders make them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use pathops_adapters::webhook::{Secrets, Source, TokenIn};
use pathops_core::UnixMillis;
use pathops_core::adapter::{Delivery, Rejection, WebhookRequest, WebhookSource as _};
use sha2::Sha256;

pub(crate) const SECRET: &str = "a secret of the tests";
pub(crate) const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

pub(crate) fn secrets() -> Secrets {
    Secrets::new(SECRET).unwrap()
}

/// A request that can be changed.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(headers: &[(&str, &str)], body: &[u8]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        Self { headers, body: body.to_vec() }
    }

    pub(crate) fn value(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.headers.iter_mut().find(|(given, _)| given == name).unwrap().1
    }

    /// Lets `look` see it as a source does.
    pub(crate) fn seen<T>(&self, at: UnixMillis, look: impl FnOnce(&WebhookRequest<'_>) -> T) -> T {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        look(&WebhookRequest::new(&headers, &self.body, at))
    }

    pub(crate) fn to(&self, source: &Source) -> Result<Delivery, Rejection> {
        self.seen(NOW, |request| source.receive(request))
    }
}

fn mac(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hex(secret: &str, body: &[u8]) -> String {
    mac(secret, &[body]).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The headers of Standard Webhooks.
pub(crate) fn standard(secret: &str, id: &str, at: UnixMillis, body: &[u8]) -> Request {
    let time = (at.0 / 1_000).to_string();
    let signature = STANDARD.encode(mac(secret, &[id.as_bytes(), b".", time.as_bytes(), b".", body]));
    let headers = [("webhook-id", id), ("webhook-timestamp", time.as_str()), ("webhook-signature", &format!("v1,{signature}"))];
    Request::new(&headers, body)
}

pub(crate) fn github(event: &str, body: &[u8]) -> Request {
    let signature = format!("sha256={}", hex(SECRET, body));
    let headers = [("X-GitHub-Event", event), ("X-GitHub-Delivery", "72d3162e"), ("X-Hub-Signature-256", &signature)];
    Request::new(&headers, body)
}

pub(crate) fn sentry(body: &[u8]) -> Request {
    Request::new(&[("Request-ID", "5a7f"), ("Sentry-Hook-Signature", &hex(SECRET, body))], body)
}

fn bearer(body: &[u8]) -> Request {
    Request::new(&[("Authorization", &format!("Bearer {SECRET}"))], body)
}

/// One good request of each sender, by each way to prove who it is, and the header that proves it.
pub(crate) fn all() -> Vec<(Source, Request, &'static str)> {
    let name = |text: &str| text.parse().unwrap();
    let body = said();
    let basic = format!("Basic {}", STANDARD.encode(SECRET));
    vec![
        (Source::github(name("github"), secrets()), github("push", body[0]), "X-Hub-Signature-256"),
        (Source::sentry(name("sentry"), secrets()), sentry(body[1]), "Sentry-Hook-Signature"),
        (
            Source::gitlab(name("gitlab"), secrets()),
            Request::new(&[("X-Gitlab-Token", SECRET), ("Idempotency-Key", "c0ffee")], body[2]),
            "X-Gitlab-Token",
        ),
        (Source::gitlab_signed(name("gitlab-signed"), secrets()), standard(SECRET, "msg_1", NOW, body[2]), "webhook-signature"),
        (Source::argo_cd(name("argo-cd"), TokenIn::Bearer, secrets()), bearer(body[3]), "Authorization"),
        (
            Source::alertmanager(name("alertmanager"), TokenIn::Basic, secrets()),
            Request::new(&[("Authorization", &basic)], body[4]),
            "Authorization",
        ),
        (
            Source::dependency_track(name("dependency-track"), TokenIn::Header("X-Api-Token"), secrets()),
            Request::new(&[("X-Api-Token", SECRET)], body[5]),
            "X-Api-Token",
        ),
        (Source::standard(name("standard"), secrets()), standard(SECRET, "msg_2", NOW, body[6]), "webhook-signature"),
        (Source::cloud_events(name("cloud-events"), TokenIn::Bearer, secrets()), bearer(body[7]), "Authorization"),
        (Source::ci(name("ci"), secrets()), standard(SECRET, "msg_3", NOW, body[8]), "webhook-signature"),
    ]
}

/// A small body of each sender, in the order of [`all`] without the second of GitLab.
pub(crate) fn said() -> [&'static [u8]; 9] {
    [
        br#"{"ref":"refs/heads/main","after":"1111111111111111111111111111111111111111","deleted":false,"repository":{"full_name":"shop/orders-src"}}"#,
        br#"{"action":"created","data":{"issue":{"id":"17","title":"no stock","level":"error","project":{"slug":"orders"}}}}"#,
        br#"{"object_kind":"merge_request","project":{"path_with_namespace":"shop/deep/orders"},"object_attributes":{"iid":4,"action":"merge","last_commit":{"id":"2222222222222222222222222222222222222222"}}}"#,
        br#"{"format":1,"delivery":"u/1/Succeeded","app":"orders","namespace":"argocd","destination":"prod/shop","revision":"3333333333333333333333333333333333333333","phase":"Succeeded","health":"Healthy"}"#,
        br#"{"version":"4","groupKey":"{}:{}","alerts":[{"status":"firing","labels":{"alertname":"Slow","severity":"page","service":"orders"},"startsAt":"2026-11-22T11:02:50Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"37d3"}]}"#,
        br#"{"notification":{"id":"0193","group":"NEW_VULNERABILITY","subject":{"component":{"purl":"pkg:maven/a/b@1"},"vulnerability":{"vulnId":"CVE-2012-5784","severity":"MEDIUM"},"affectedProjects":[{"uuid":"6fb1","name":"Orders"}]}}}"#,
        br#"{"type":"invoice.paid","data":{}}"#,
        br#"{"specversion":"1.0","id":"9","source":"/tekton","type":"dev.cdevents.pipelinerun.finished.0.2.0","data":{"subject":{"id":"run-9","content":{"pipelineName":"orders","outcome":"success"}}}}"#,
        br#"{"format":1,"repo":"shop/orders-src","run":"4711","commit":"4444444444444444444444444444444444444444","state":"failed"}"#,
    ]
}
