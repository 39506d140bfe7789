//! What the senders send.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

pub(crate) const SECRET: &str = "a secret of the storm";

const REPOSITORIES: usize = 200;

/// One webhook, as often as it is sent.
#[derive(Clone)]
pub(crate) struct Sent {
    /// How what is done about it is known.
    pub(crate) key: String,
    /// As the gateway is told: source, headers and body, in JSON.
    pub(crate) line: String,
    /// Whether its sender sends it again by itself.
    pub(crate) repeats: bool,
}

/// Numbers that are the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound.max(1)
    }
}

/// So many webhooks, three in ten of them copies, in any order.
pub(crate) fn all(count: usize, dice: &mut Dice) -> Vec<Sent> {
    let different = (count * 7).div_ceil(10);
    let mut all: Vec<Sent> = (0..different).map(webhook).collect();
    while all.len() < count {
        all.extend(all.get(dice.below(different)).cloned());
    }
    for at in (1..all.len()).rev() {
        all.swap(at, dice.below(at + 1));
    }
    all
}

fn webhook(number: usize) -> Sent {
    let repo = format!("shop/app-{}", number % REPOSITORIES);
    let id = format!("d{number}");
    let (source, headers, body, repeats) = match number % 3 {
        0 => {
            let body =
                json!({"ref": "refs/heads/main", "after": "1".repeat(40), "deleted": false, "repository": {"full_name": repo}});
            let body = body.to_string();
            let signature = format!("sha256={}", hex(body.as_bytes()));
            let headers = json!([["X-GitHub-Event", "push"], ["X-GitHub-Delivery", id], ["X-Hub-Signature-256", signature]]);
            ("github", headers, body, false)
        }
        1 => {
            let pipeline = json!({"id": number, "sha": "2".repeat(40), "status": "success"});
            let body =
                json!({"object_kind": "pipeline", "project": {"path_with_namespace": repo}, "object_attributes": pipeline});
            ("gitlab", json!([["X-Gitlab-Token", SECRET], ["Idempotency-Key", id]]), body.to_string(), false)
        }
        _ => {
            let alert =
                json!({"status": "firing", "labels": {"alertname": "Slow"}, "startsAt": id, "endsAt": "", "fingerprint": repo});
            let body = json!({"version": "4", "groupKey": repo, "alerts": [alert]}).to_string();
            ("alertmanager", json!([["Authorization", format!("Bearer {SECRET}")]]), body, true)
        }
    };
    // Alertmanager names no delivery: what is done is known by the alert.
    let key = if source == "alertmanager" { format!("alert {id}") } else { format!("{source} {id}") };
    Sent { key, line: json!([source, headers, body]).to_string(), repeats }
}

fn hex(body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) else { return String::new() };
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
