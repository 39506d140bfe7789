//! A whole ledger in which one object says something else: it never verifies, and never takes anything down.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pathops_core::memory::MemoryBucket;
use pathops_evidence::{Against, Verdict, verify_ledger};
use pathops_fuzz::{Good, changed, cx, wait};

static GOOD: LazyLock<Good> = LazyLock::new(Good::new);

fuzz_target!(|bytes: &[u8]| {
    let Good { log, trust, objects, .. } = &*GOOD;
    // The first byte says which object, the second how it is changed.
    let [which, how, rest @ ..] = bytes else { return };
    let names: Vec<_> = objects.keys().filter(|name| name.as_str() != "log/probe").collect();
    let name = names[usize::from(*which) % names.len()];
    let other = if how % 2 == 0 { rest.to_vec() } else { changed(&objects[name], rest) };
    let bucket = MemoryBucket::new();
    bucket.objects().extend(objects.clone());
    bucket.objects().insert(name.clone(), other.clone());
    let against = Against { log, trust, known: &[], blobs: None, sealed: None };
    let verification = wait(verify_ledger(&cx(), &bucket, against)).expect("a bucket in memory answers");
    assert!(other == objects[name] || verification.verdict() != Verdict::Verified, "{name}: {verification}");
});
