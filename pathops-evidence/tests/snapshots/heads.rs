//! What says how far a stream is published: somebody who can write into the bucket has written it, and no number is given twice for that.

use std::sync::Arc;

use pathops_core::{ErrorKind, ObjectKey};
use pathops_evidence::Verdict;

use crate::{Store, cx, take};

fn object(name: &str) -> ObjectKey {
    format!("snapshots/shop/orders/preflight/{name}").parse().unwrap()
}

fn head(sequence: u64, leaf: &str) -> Vec<u8> {
    format!("{{\"format\":1,\"sequence\":{sequence},\"leaf\":{leaf}}}").into_bytes()
}

/// Three snapshots, of which the last was never published: its writer died before.
async fn interrupted() -> Store {
    let store = Store::default();
    for operation in ["a", "b"] {
        take(&store.streams().await, "orders", operation).await.unwrap();
    }
    let before = store.bucket.objects().clone();
    take(&store.streams().await, "orders", "c").await.unwrap();
    let third = store.bucket.objects()[&object("00000000000000000002")].clone();
    let is_new_note = |name: &ObjectKey| name.as_str().contains("/begun/") && !before.contains_key(name);
    let mut notes = store.bucket.objects().clone();
    notes.retain(|name, _| is_new_note(name));
    *store.bucket.objects() = before.clone();
    store.bucket.objects().insert(object("00000000000000000002"), third);
    store.bucket.objects().extend(notes);
    store
}

#[tokio::test]
async fn a_head_that_says_what_is_not_so_has_no_snapshot_published_twice_or_never() {
    for said in [
        head(0, "1000000"),
        head(0, "1"),
        head(1, "1000000"),
        head(1, "0"),
        head(1, "null"),
        head(2, "0"),
        head(2, "1"),
        head(2, "2"),
        head(2, "1000000"),
        vec![b' '; 1 << 20],
        b"{}".to_vec(),
    ] {
        let (store, text) = (interrupted().await, String::from_utf8_lossy(&said[..said.len().min(80)]).into_owned());
        store.bucket.objects().insert(object("head"), said);
        let streams = store.streams().await;
        assert_eq!(take(&streams, "orders", "b").await.unwrap().leaf, Some(1), "{text}");
        assert_eq!(take(&streams, "orders", "d").await.unwrap().leaf, Some(3), "{text}");
        assert_eq!(take(&streams, "orders", "c").await.unwrap().leaf, Some(2), "{text}");
        let verified = store.verify(&[]).await;
        assert_eq!(verified.verdict(), Verdict::Verified, "{text}: {verified}");
        assert!(verified.to_string().contains("4 snapshots in 1 streams"), "{text}: {verified}");
        assert_eq!(store.bucket.objects()[&object("head")], head(3, "3"), "{text}");
    }
}

#[tokio::test]
async fn a_head_beyond_the_last_snapshot_is_told_with_what_to_do() {
    let store = interrupted().await;
    store.bucket.objects().insert(object("head"), head(7, "1"));
    let refused = take(&store.streams().await, "orders", "d").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    assert!(refused.to_string().contains("take that away"), "{refused}");
    store.bucket.objects().remove(&object("head"));
    assert_eq!(take(&store.streams().await, "orders", "d").await.unwrap().leaf, Some(3));
    assert_eq!(store.verify(&[]).await.verdict(), Verdict::Verified);
}

#[tokio::test]
async fn the_verifier_names_a_head_that_says_what_is_not_so() {
    let store = Store::default();
    for operation in ["a", "b"] {
        take(&store.streams().await, "orders", operation).await.unwrap();
    }
    let whole = store.bucket.objects()[&object("head")].clone();
    assert_eq!(whole, head(1, "1"));
    for (said, holds) in [
        (whole, true),
        // As a crash of the machine may leave it.
        (head(0, "0"), true),
        (Vec::new(), true),
        (head(1, "null"), true),
        (head(0, "1000000"), false),
        (head(1, "0"), false),
        (head(2, "1"), false),
        (head(7, "7"), false),
        (head(7, "null"), false),
        (vec![b' '; 1 << 20], false),
    ] {
        let text = String::from_utf8_lossy(&said[..said.len().min(80)]).into_owned();
        store.bucket.objects().insert(object("head"), said);
        let verified = store.verify(&[]).await;
        let named = verified.failures.iter().map(|(part, _)| part.as_str()).collect::<Vec<_>>();
        assert_eq!(named.is_empty(), holds, "{text}: {verified}");
        assert!(holds || named == [object("head").as_str()], "{text}: {verified}");
        assert!(verified.left_out.iter().any(|it| it.contains("nobody has signed those")), "{verified}");
    }
}

/// The log has the third, and a crash has taken the checkpoint that covers it: the head is of after that.
#[tokio::test]
async fn a_head_that_is_newer_than_the_checkpoint_has_not_failed() {
    let store = Store::default();
    let mut checkpoint = Vec::new();
    for operation in ["a", "b"] {
        checkpoint = store.bucket.objects().get(&"log/checkpoint".parse().unwrap()).cloned().unwrap_or_default();
        take(&store.streams().await, "orders", operation).await.unwrap();
    }
    store.bucket.objects().insert("log/checkpoint".parse().unwrap(), checkpoint);
    let verified = store.verify(&[]).await;
    assert_eq!(verified.verdict(), Verdict::Verified, "{verified}");
    let (streams, _) = store.open(Arc::new(store.bucket.clone())).await.unwrap();
    assert!(streams.leftovers(&cx("look")).await.unwrap().is_empty());
}
