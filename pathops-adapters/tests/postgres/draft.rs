//! An index that is made anew beside the one that is in use: that one is whole until the other is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use pathops_adapters::postgres::{PostgresEvidenceDraft, PostgresEvidenceIndex};
use pathops_core::ErrorKind;
use pathops_core::adapter::{EvidenceIndex as _, EvidenceQuery, EvidenceSink as _, IndexedEvidence, Signer as _};
use pathops_core::evidence::TrustRoot;
use pathops_core::memory::MemoryBucket;
use pathops_evidence::ledger::{Item, Ledger, LogKey};
use pathops_evidence::{Rebuild, Recheck, rebuild_index};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::OneServer;
use crate::faults::{about, cx, envelope, evidence, signer, trial};
use crate::server::Server;

pub(crate) fn trials(server: &OneServer) -> Vec<Trial> {
    vec![
        trial(server, "nobody_sees_a_part_of_an_index_that_is_made_anew", |it| {
            Box::pin(nobody_sees_a_part_of_an_index_that_is_made_anew(it))
        }),
        trial(server, "what_is_added_meanwhile_is_not_lost", |it| Box::pin(what_is_added_meanwhile_is_not_lost(it))),
        trial(server, "one_is_made_at_a_time", |it| Box::pin(one_is_made_at_a_time(it))),
        trial(server, "one_that_lost_its_session_gets_into_no_other", |it| {
            Box::pin(one_that_lost_its_session_gets_into_no_other(it))
        }),
        trial(server, "it_waits_for_a_reader_as_long_as_the_caller_gives", |it| {
            Box::pin(it_waits_for_a_reader_as_long_as_the_caller_gives(it))
        }),
        trial(server, "it_is_made_of_a_ledger_alone", |it| Box::pin(it_is_made_of_a_ledger_alone(it))),
        trial(server, "it_is_published_among_readers", |it| Box::pin(it_is_published_among_readers(it))),
    ]
}

async fn nobody_sees_a_part_of_an_index_that_is_made_anew(server: &Server) {
    let url = server.database().await;
    let index = PostgresEvidenceIndex::open(&url).await.unwrap();
    index.add(&cx(), &evidence("old").await).await.unwrap();
    let draft = PostgresEvidenceDraft::begin(&url).await.unwrap();
    for name in ["one", "two"] {
        draft.take(&cx(), &[evidence(name).await]).await.unwrap();
        assert_eq!(about(&index, "shared").await.unwrap(), [evidence("old").await]);
        assert_eq!(about(&PostgresEvidenceIndex::open(&url).await.unwrap(), "shared").await.unwrap().len(), 1);
    }
    let published = draft.publish(&cx()).await.unwrap();
    // Who had it open goes on with the new one, reading and writing.
    for index in [&index, &published, &PostgresEvidenceIndex::open(&url).await.unwrap()] {
        assert_eq!((about(index, "shared").await.unwrap().len(), about(index, "old").await.unwrap()), (2, vec![]));
    }
    index.add(&cx(), &evidence("three").await).await.unwrap();
    assert_eq!(about(&published, "shared").await.unwrap().len(), 3);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for change in ["DELETE FROM pathops_evidence", "TRUNCATE pathops_subjects", "UPDATE pathops_evidence SET kind = 'x'"] {
        assert!(sqlx::query(change).execute(&mut connection).await.is_err(), "{change}");
    }
}

async fn it_is_made_of_a_ledger_alone(server: &Server) {
    let (bucket, key) = (Arc::new(MemoryBucket::new()), LogKey::new("shop.example/evidence", &[7; 32]).unwrap());
    let (log, trust) = (key.identity(), TrustRoot::new([signer().public_key()]));
    let ledger = Ledger::open(&cx(), bucket.clone(), key).await.unwrap();
    let mut expected = Vec::new();
    for number in 0..40 {
        let name = number.to_string();
        let item = Item::new(envelope(&name).await, signer().public_key()).unwrap();
        let leaf = ledger.append(&cx(), vec![item]).await.unwrap()[0];
        expected.push(evidence(&name).await.with_leaf(leaf));
    }
    let draft = PostgresEvidenceDraft::begin(&server.database().await).await.unwrap();
    let by = Rebuild { log: &log, trust: &trust, known: &[], recheck: Recheck::Signatures };
    let rebuilt = rebuild_index(&cx(), bucket, by, &draft, &mut 0).await.unwrap();
    assert_eq!((rebuilt.leaves, rebuilt.added), (40, 40));
    let mut made = about(&draft.publish(&cx()).await.unwrap(), "shared").await.unwrap();
    [&mut made, &mut expected].into_iter().for_each(|it| it.sort_by_key(IndexedEvidence::leaf));
    assert_eq!(made, expected);
}

async fn what_is_added_meanwhile_is_not_lost(server: &Server) {
    let url = server.database().await;
    let index = PostgresEvidenceIndex::open(&url).await.unwrap();
    let draft = PostgresEvidenceDraft::begin(&url).await.unwrap();
    index.add(&cx(), &evidence("meanwhile").await).await.unwrap();
    let error = draft.publish(&cx()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("1 entries were added"), "{error}");
    assert_eq!(about(&index, "shared").await.unwrap().len(), 1);
    let draft = PostgresEvidenceDraft::begin(&url).await.unwrap();
    draft.take(&cx(), &[evidence("meanwhile").await]).await.unwrap();
    assert_eq!(about(&draft.publish(&cx()).await.unwrap(), "shared").await.unwrap().len(), 1);
}

async fn one_is_made_at_a_time(server: &Server) {
    let url = server.database().await;
    let first = PostgresEvidenceDraft::begin(&url).await.unwrap();
    first.take(&cx(), &[evidence("left").await]).await.unwrap();
    assert_eq!(PostgresEvidenceDraft::begin(&url).await.unwrap_err().kind(), ErrorKind::Unavailable);
    // As after a crash: what it has left is thrown away.
    drop(first);
    let second = begun(&url).await;
    assert_eq!(about(&second.publish(&cx()).await.unwrap(), "shared").await.unwrap(), []);
}

/// Once nobody else makes one.
async fn begun(url: &str) -> PostgresEvidenceDraft {
    loop {
        match PostgresEvidenceDraft::begin(url).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => tokio::time::sleep(Duration::from_millis(20)).await,
            begun => break begun.unwrap(),
        }
    }
}

async fn one_that_lost_its_session_gets_into_no_other(server: &Server) {
    const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
                       WHERE datname = current_database() AND locktype = 'advisory'";
    const LEFT: &str = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pathops%'";
    let url = server.database().await;
    let index = PostgresEvidenceIndex::open(&url).await.unwrap();
    index.add(&cx(), &evidence("old").await).await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let lost = PostgresEvidenceDraft::begin(&url).await.unwrap();
    lost.take(&cx(), &[evidence("early").await]).await.unwrap();
    assert_eq!(sqlx::query(END).fetch_all(&mut connection).await.unwrap().len(), 1);
    let second = begun(&url).await;
    assert!(lost.take(&cx(), &[evidence("late").await]).await.is_err());
    let error = lost.publish(&cx()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("session"), "{error}");
    assert_eq!(about(&index, "shared").await.unwrap(), [evidence("old").await], "what was there is there");
    second.take(&cx(), &[evidence("whole").await]).await.unwrap();
    second.publish(&cx()).await.unwrap();
    assert_eq!(about(&index, "shared").await.unwrap(), [evidence("whole").await]);
    let left: i64 = sqlx::query_scalar(LEFT).fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 0);
}

async fn it_waits_for_a_reader_as_long_as_the_caller_gives(server: &Server) {
    let url = server.database().await;
    let index = PostgresEvidenceIndex::open(&url).await.unwrap();
    let mut reader = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT FROM pathops_evidence").execute(&mut reader).await.unwrap();
    let draft = PostgresEvidenceDraft::begin(&url).await.unwrap();
    draft.take(&cx(), &[evidence("one").await]).await.unwrap();
    let began = Instant::now();
    let error = draft.publish(&cx().with_timeout(Duration::from_millis(500))).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && began.elapsed() < Duration::from_secs(5), "{error}");
    assert_eq!(about(&index, "shared").await.unwrap(), []);
    let draft = begun(&url).await;
    draft.take(&cx(), &[evidence("two").await]).await.unwrap();
    let reads = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        sqlx::raw_sql("COMMIT").execute(&mut reader).await.unwrap();
    };
    let cx = cx();
    let (published, ()) = tokio::join!(draft.publish(&cx), reads);
    assert_eq!(about(&published.unwrap(), "shared").await.unwrap(), [evidence("two").await]);
}

async fn it_is_published_among_readers(server: &Server) {
    let url = server.database().await;
    let index = PostgresEvidenceIndex::open(&url).await.unwrap();
    index.add(&cx(), &evidence("old").await).await.unwrap();
    let read = || {
        let url = url.clone();
        tokio::spawn(async move {
            let index = PostgresEvidenceIndex::open(&url).await.unwrap();
            loop {
                let (looked_up, queried) =
                    (about(&index, "shared").await.unwrap(), index.query(&cx(), &EvidenceQuery::default()).await);
                let (looked_up, queried) = (looked_up.len(), queried.unwrap().evidence.len());
                assert!([1, 40].contains(&looked_up) && [1, 40].contains(&queried), "{looked_up} {queried}");
                if (looked_up, queried) == (40, 40) {
                    break;
                }
            }
        })
    };
    let readers: Vec<_> = (0..4).map(|_| read()).collect();
    let draft = PostgresEvidenceDraft::begin(&url).await.unwrap();
    for number in 0..40 {
        draft.take(&cx(), &[evidence(&number.to_string()).await]).await.unwrap();
    }
    draft.publish(&cx()).await.unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
}
