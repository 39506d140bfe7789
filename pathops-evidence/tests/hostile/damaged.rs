//! Bundles, notes, trusted roots and logs that were cut up and put together anew, the same way on every run.

use std::sync::Arc;

use pathops_core::evidence::Checkpoint;
use pathops_core::memory::MemoryBucket;
use pathops_core::{Digest, ObjectKey};
use pathops_evidence::ledger::Ledger;
use pathops_evidence::{Verdict, log_of, trusted_root, verify_bundle};
use serde_json::Value;

use crate::{cx, items, key, needed, trust, verify};

/// Numbers that are the same on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    /// One damage: a byte changed, a part left out, doubled or put elsewhere, or a part of another one put in.
    fn damage(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let (a, b) = (self.below(bytes.len() + 1), self.below(bytes.len() + 1));
        let (head, part, tail) = (&bytes[..a.min(b)], &bytes[a.min(b)..a.max(b)], &bytes[a.max(b)..]);
        match self.below(5) {
            0 if !part.is_empty() => [head, &[b"\0\"\\{[,:=\n \xffA"[self.below(12)]], &part[1..], tail].concat(),
            1 => [head, tail].concat(),
            2 => [head, part, part, tail].concat(),
            3 => [part, head, tail].concat(),
            _ => [head, &other[a.min(b).min(other.len())..a.max(b).min(other.len())], tail].concat(),
        }
    }
}

/// A log of twelve leaves in three batches.
async fn log() -> (MemoryBucket, Ledger) {
    let (bucket, items) = (MemoryBucket::new(), items(12).await);
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    for part in [0..5, 5..6, 6..12] {
        ledger.append(&cx(), items[part].to_vec()).await.unwrap();
    }
    (bucket, ledger)
}

async fn bundles() -> [String; 2] {
    let (_, ledger) = log().await;
    let items = items(12).await;
    let bundle = async |place: usize| ledger.reader().bundle(&cx(), items[place].id()).await.unwrap().unwrap();
    [bundle(3).await, bundle(7).await]
}

#[tokio::test]
async fn no_bundle_that_is_damaged_is_accepted() {
    let ([good, other], mut numbers) = (bundles().await, Numbers(0x5eed));
    for round in 0..3_000 {
        let mut damaged = numbers.damage(good.as_bytes(), other.as_bytes());
        if numbers.below(2) == 0 {
            damaged = numbers.damage(&damaged, other.as_bytes());
        }
        let whole = damaged == good.as_bytes() || damaged == other.as_bytes();
        let verdict = verify_bundle(&damaged, &key().identity(), &trust()).verdict();
        assert_eq!(verdict == Verdict::Verified, whole, "round {round}: {}", String::from_utf8_lossy(&damaged));
    }
}

fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Array(items) => (0..).zip(items).for_each(|(number, item)| pointers(item, &format!("{at}/{number}"), all)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| pointers(field, &format!("{at}/{name}"), all)),
        _ => {}
    }
}

/// Two bundles that both hold, and every part of the one in the place of that of the other.
#[tokio::test]
async fn no_part_of_a_bundle_fits_into_another() {
    let [good, other] = bundles().await.map(|bundle| serde_json::from_str::<Value>(&bundle).unwrap());
    let mut all = Vec::new();
    pointers(&good, "", &mut all);
    let mut different = 0;
    for pointer in all.iter().filter(|pointer| !pointer.is_empty()) {
        for part in [other.pointer(pointer).cloned(), Some(Value::Null), Some(Value::Array(Vec::new()))].into_iter().flatten() {
            let mut changed = good.clone();
            *changed.pointer_mut(pointer).unwrap() = part;
            if changed != good {
                let bytes = serde_json_canonicalizer::to_string(&changed).unwrap() + "\n";
                let verification = verify_bundle(bytes.as_bytes(), &key().identity(), &trust());
                assert_eq!(verification.verdict(), Verdict::Failed, "{pointer}: {verification}");
                different += 1;
            }
        }
    }
    assert!(different > 60, "{different}");
}

#[test]
fn a_note_that_is_damaged_says_what_it_said_or_nothing() {
    let checkpoint = |size| Checkpoint { size, root: Digest::of(b"root") };
    let (good, other) = (key().sign(&checkpoint(70_000)), key().sign(&checkpoint(7)));
    let mut numbers = Numbers(0x5eed);
    for round in 0..20_000 {
        let damaged = numbers.damage(good.as_bytes(), other.as_bytes());
        let damaged = String::from_utf8_lossy(&numbers.damage(&damaged, other.as_bytes())).into_owned();
        if let Ok(read) = key().identity().verify(&damaged) {
            assert!(read == checkpoint(70_000) || read == checkpoint(7), "round {round}: {damaged}");
        }
    }
}

#[test]
fn a_trusted_root_that_is_damaged_does_not_panic() {
    let good = trusted_root(&key().identity(), &[]).unwrap();
    let mut numbers = Numbers(0x5eed);
    for _ in 0..5_000 {
        let damaged = numbers.damage(good.as_bytes(), good.as_bytes());
        // Whatever is read of it: the name of a key is that of the key.
        if let Ok(log) = log_of(&damaged) {
            assert!(String::from_utf8_lossy(&damaged).contains(log.origin()));
        }
    }
}

#[tokio::test]
async fn a_log_that_is_damaged_is_never_verified() {
    let (bucket, _) = log().await;
    let good = bucket.objects().clone();
    let names: Vec<ObjectKey> = needed(&good).into_keys().collect();
    let mut numbers = Numbers(0x5eed);
    for round in 0..400 {
        let (name, other) = (&names[numbers.below(names.len())], &names[numbers.below(names.len())]);
        let what = numbers.below(4);
        match what {
            0 => drop(bucket.objects().remove(name)),
            1 => drop(bucket.objects().insert(name.clone(), good[other].clone())),
            2 => {
                bucket.objects().insert(name.clone(), good[other].clone());
                bucket.objects().insert(other.clone(), good[name].clone());
            }
            _ => drop(bucket.objects().insert(name.clone(), numbers.damage(&good[name], &good[other]))),
        }
        let whole = needed(&bucket.objects()) == needed(&good);
        let verification = verify(&bucket, &[]).await;
        assert_eq!(
            verification.verdict() == Verdict::Verified,
            whole,
            "round {round}: {what} to {name} with {other}: {verification}"
        );
        *bucket.objects() = good.clone();
    }
}
