//! Buckets that fail unseen, and evidence that somebody has tampered with: whatever matters is noticed, and nothing panics.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

#[path = "../common/certificates.rs"]
mod certificates;
mod damaged;
mod planted;
mod rolled_back;
mod strays;
mod unreliable;
mod vast;

use std::collections::BTreeMap;

use certificates::certificates;
use pathops_core::adapter::{Bucket, Signer as _};
use pathops_core::evidence::{Envelope, PAYLOAD_TYPE, Statement, Subject, TrustRoot, pre_authentication_encoding};
use pathops_core::memory::MemorySigner;
use pathops_core::{Digest, IdempotencyKey, ObjectKey, OpContext};
use pathops_evidence::ledger::{Item, LogKey};
use pathops_evidence::{Against, Verification, verify_ledger};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

fn trust() -> TrustRoot {
    TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()])
}

/// So many statements, signed; each fifth of them by a keyless signer.
async fn items(count: usize) -> Vec<Item> {
    let (signer, mut items) = (MemorySigner::from_seed(1).unwrap(), Vec::new());
    for number in 0..count {
        let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
        let statement = Statement::new(vec![subject], "https://example.org/number", &number).unwrap();
        let payload = statement.to_canonical().unwrap();
        let signature = signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
        let (key, envelope) = (signer.public_key(), Envelope::new(&payload, &signer.public_key(), signature));
        items.push(match number % 5 {
            4 => Item::certified(envelope, certificates(&key)).unwrap(),
            _ => Item::signed(envelope, key).unwrap(),
        });
    }
    items
}

async fn verify(bucket: &dyn Bucket, known: &[String]) -> Verification {
    let (log, trust) = (key().identity(), trust());
    verify_ledger(&cx(), bucket, Against { log: &log, trust: &trust, known, blobs: None, sealed: None }).await.unwrap()
}

/// What has to be there: all but the trial of the bucket and the parts of tiles that have grown since.
fn needed(objects: &BTreeMap<ObjectKey, Vec<u8>>) -> BTreeMap<ObjectKey, Vec<u8>> {
    let width = |key: &str| key.rsplit_once(".p/").map(|(tile, width)| (tile.to_owned(), width.parse::<u32>().unwrap()));
    let grown = |key: &str| {
        let Some((tile, own)) = width(key) else { return key == "log/probe" };
        objects
            .keys()
            .any(|it| it.as_str() == tile || width(it.as_str()).is_some_and(|(other, wider)| other == tile && wider > own))
    };
    objects.iter().filter(|(key, _)| !grown(key.as_str())).map(|(key, bytes)| (key.clone(), bytes.clone())).collect()
}
