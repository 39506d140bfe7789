//! What the index does when things go wrong: several that make it at once, rows that somebody changes, tables that are not its
//! own, and servers that are not there.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use libtest_mimic::Trial;
use pathops_adapters::postgres::PostgresEvidenceIndex;
use pathops_core::adapter::{EvidenceIndex as _, EvidenceQuery, IndexedEvidence, Signer as _, SubjectDigest};
use pathops_core::evidence::{Envelope, PAYLOAD_TYPE, Statement, Subject, TrustRoot, pre_authentication_encoding};
use pathops_core::memory::MemorySigner;
use pathops_core::{Digest, Effect, ErrorKind, IdempotencyKey, OpContext};
use serde_json::json;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::OneServer;
use crate::server::{Server, execute};

pub(crate) fn trials(server: &OneServer) -> Vec<Trial> {
    vec![
        trial(server, "several_that_make_it_at_once_find_it_made", |it| Box::pin(several_that_make_it_at_once_find_it_made(it))),
        trial(server, "evidence_cannot_be_changed_or_deleted", |it| Box::pin(evidence_cannot_be_changed_or_deleted(it))),
        trial(server, "what_somebody_has_changed_is_corrupt", |it| Box::pin(what_somebody_has_changed_is_corrupt(it))),
        trial(server, "what_is_newer_or_not_there_is_refused", |it| Box::pin(what_is_newer_or_not_there_is_refused(it))),
        trial(server, "writers_in_any_order_wait_for_each_other", |it| Box::pin(writers_in_any_order_wait_for_each_other(it))),
        trial(server, "a_lock_that_somebody_holds_ends_in_time", |it| Box::pin(a_lock_that_somebody_holds_ends_in_time(it))),
        trial(server, "what_it_does_not_store_is_refused_whole", |it| Box::pin(what_it_does_not_store_is_refused_whole(it))),
    ]
}

pub(crate) type Case = for<'s> fn(&'s Server) -> Pin<Box<dyn Future<Output = ()> + 's>>;

pub(crate) fn trial(server: &OneServer, name: &str, case: Case) -> Trial {
    let server = server.clone();
    Trial::test(format!("postgres::{name}"), move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async { case(server.server().await).await });
        Ok(())
    })
}

pub(crate) fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

/// Evidence of that name, about what all of it is about and about something of its own.
pub(crate) async fn evidence(name: &str) -> IndexedEvidence {
    let envelope = envelope(name).await;
    let verified = TrustRoot::new([signer().public_key()]).verify(&envelope).unwrap();
    IndexedEvidence::new(&verified, Digest::of(&envelope.to_vec().unwrap()))
}

pub(crate) fn signer() -> MemorySigner {
    MemorySigner::from_seed(1).unwrap()
}

pub(crate) async fn envelope(name: &str) -> Envelope {
    let signer = signer();
    let subject = |name: &str| Subject::named(name).with_sha256(&Digest::of(name.as_bytes()));
    let predicate = json!({ "name": name });
    let statement = Statement::new(vec![subject("shared"), subject(name)], "https://example.org/said", &predicate).unwrap();
    let payload = statement.to_canonical().unwrap();
    let signature = signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
    Envelope::new(&payload, &signer.public_key(), signature)
}

pub(crate) async fn about(index: &PostgresEvidenceIndex, name: &str) -> pathops_core::Result<Vec<IndexedEvidence>> {
    index.about(&cx(), &BTreeSet::from([SubjectDigest::sha256(&Digest::of(name.as_bytes()))])).await
}

async fn several_that_make_it_at_once_find_it_made(server: &Server) {
    let url = server.database().await;
    let open = |n: usize| {
        let url = url.clone();
        tokio::spawn(async move {
            let index = PostgresEvidenceIndex::open(&url).await.unwrap();
            index.add(&cx(), &evidence(&n.to_string()).await).await.unwrap();
        })
    };
    for task in (0..6).map(open).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(about(&PostgresEvidenceIndex::open(&url).await.unwrap(), "shared").await.unwrap().len(), 6);
}

async fn evidence_cannot_be_changed_or_deleted(server: &Server) {
    let url = server.database().await;
    let index = PostgresEvidenceIndex::open(&url).await.unwrap();
    index.add(&cx(), &evidence("one").await.with_leaf(3)).await.unwrap();
    for sql in [
        "UPDATE pathops_evidence SET entry = '1'",
        "UPDATE pathops_evidence SET envelope = 'other'",
        "UPDATE pathops_evidence SET verdict = 'pass'",
        "UPDATE pathops_evidence SET leaf = 4",
        "UPDATE pathops_evidence SET signer = NULL",
        "DELETE FROM pathops_evidence",
        "TRUNCATE pathops_evidence CASCADE",
        "UPDATE pathops_subjects SET value = 'other'",
        "DELETE FROM pathops_subjects",
        "TRUNCATE pathops_subjects",
        "INSERT INTO pathops_subjects VALUES ('sha256', 'x', 999)",
    ] {
        execute(&url, sql).await.expect_err(sql);
    }
    assert_eq!(about(&index, "one").await.unwrap(), [evidence("one").await.with_leaf(3)]);
}

async fn what_somebody_has_changed_is_corrupt(server: &Server) {
    for sql in [
        "UPDATE pathops_evidence SET entry = '{'",
        "UPDATE pathops_evidence SET entry = replace(entry, '\"value\":\"', '\"value\":\"0')",
        "UPDATE pathops_evidence SET logged = '{}'",
        "UPDATE pathops_evidence SET leaf = -1",
    ] {
        let url = server.database().await;
        let index = PostgresEvidenceIndex::open(&url).await.unwrap();
        index.add(&cx(), &evidence("one").await).await.unwrap();
        execute(&url, "DROP TRIGGER evidence_is_not_changed ON pathops_evidence").await.unwrap();
        execute(&url, sql).await.unwrap();
        let error = about(&index, "shared").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{sql}: {error}");
        assert!(error.to_string().contains("make it anew from the ledger"), "{error}");
    }
    // A column that says something else than the entry.
    let url = server.database().await;
    let index = PostgresEvidenceIndex::open(&url).await.unwrap();
    index.add(&cx(), &evidence("one").await).await.unwrap();
    execute(&url, "DROP TRIGGER evidence_is_not_changed ON pathops_evidence").await.unwrap();
    execute(&url, "UPDATE pathops_evidence SET unit = 'orders'").await.unwrap();
    let query = EvidenceQuery { unit: "orders".parse().ok(), ..EvidenceQuery::default() };
    assert_eq!(index.query(&cx(), &query).await.unwrap_err().kind(), ErrorKind::Corrupt);
    execute(&url, "UPDATE pathops_evidence SET signer = NULL").await.unwrap();
    let error = index.query(&cx(), &query).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("add their envelopes again"), "{error}");
    index.add(&cx(), &evidence("one").await).await.unwrap();
    assert_eq!(index.query(&cx(), &EvidenceQuery::default()).await.unwrap().evidence, [evidence("one").await]);
}

async fn what_is_newer_or_not_there_is_refused(server: &Server) {
    let url = server.database().await;
    drop(PostgresEvidenceIndex::open(&url).await.unwrap());
    execute(&url, "UPDATE pathops_evidence_index SET version = 2").await.unwrap();
    let gone = url.replace("/case", "/no-case");
    let closed = url.replace("?host=", "?host=/nowhere");
    for (url, kind) in [
        (url.as_str(), ErrorKind::Unsupported),
        (&gone, ErrorKind::NotFound),
        (&closed, ErrorKind::Unavailable),
        ("no URL", ErrorKind::Invalid),
    ] {
        let error = PostgresEvidenceIndex::open(url).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(!format!("{error:?} {error}").contains("a-password"), "{error:?}");
    }
}

/// Two add the same in opposite orders, again and again: neither is refused for the other's sake.
async fn writers_in_any_order_wait_for_each_other(server: &Server) {
    let url = server.database().await;
    let mut all = Vec::new();
    for n in 0..60 {
        all.push(evidence(&n.to_string()).await);
    }
    let writer = |evidence: Vec<IndexedEvidence>| {
        let url = url.clone();
        tokio::spawn(async move {
            let index = PostgresEvidenceIndex::open(&url).await.unwrap();
            for some in evidence.windows(20) {
                index.add_all(&cx(), some).await.unwrap();
            }
        })
    };
    let backwards = all.iter().rev().cloned().collect();
    for task in [writer(all), writer(backwards)] {
        task.await.unwrap();
    }
    assert_eq!(about(&PostgresEvidenceIndex::open(&url).await.unwrap(), "shared").await.unwrap().len(), 60);
}

async fn a_lock_that_somebody_holds_ends_in_time(server: &Server) {
    let url = server.database().await;
    let index = PostgresEvidenceIndex::open(&url).await.unwrap();
    let mut holder = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE pathops_evidence").execute(&mut holder).await.unwrap();
    let cx = cx().with_timeout(Duration::from_millis(200));
    let evidence = evidence("one").await;
    let error = index.add(&cx, &evidence).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Timeout, Effect::Unknown), "{error}");
    assert_eq!(index.query(&cx, &EvidenceQuery::default()).await.unwrap_err().kind(), ErrorKind::Timeout);
    drop(holder);
    index.add(&cx.with_timeout(Duration::from_secs(60)), &evidence).await.unwrap();
    assert_eq!(about(&index, "one").await.unwrap(), [evidence]);
}

async fn what_it_does_not_store_is_refused_whole(server: &Server) {
    let index = PostgresEvidenceIndex::open(&server.database().await).await.unwrap();
    let mut strange = serde_json::to_value(evidence("strange").await).unwrap();
    strange["predicateType"] = "https://example.org/\0".into();
    let strange: IndexedEvidence = serde_json::from_value(strange).unwrap();
    let error = index.add_all(&cx(), &[evidence("good").await, strange]).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::None), "{error}");
    assert_eq!(about(&index, "shared").await.unwrap(), []);
}
