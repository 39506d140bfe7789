//! An index that is made anew beside the one that is in use: that one is whole until the other is.

use std::time::Duration;

use libtest_mimic::Trial;
use pathops_adapters::postgres::{PostgresEvidenceDraft, PostgresEvidenceIndex};
use pathops_core::ErrorKind;
use pathops_core::adapter::{EvidenceIndex as _, EvidenceQuery, EvidenceSink as _};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::OneServer;
use crate::faults::{about, cx, evidence, trial};
use crate::server::Server;

pub(crate) fn trials(server: &OneServer) -> Vec<Trial> {
    vec![
        trial(server, "nobody_sees_a_part_of_an_index_that_is_made_anew", |it| {
            Box::pin(nobody_sees_a_part_of_an_index_that_is_made_anew(it))
        }),
        trial(server, "what_is_added_meanwhile_is_not_lost", |it| Box::pin(what_is_added_meanwhile_is_not_lost(it))),
        trial(server, "one_is_made_at_a_time", |it| Box::pin(one_is_made_at_a_time(it))),
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
    let published = draft.publish().await.unwrap();
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

async fn what_is_added_meanwhile_is_not_lost(server: &Server) {
    let url = server.database().await;
    let index = PostgresEvidenceIndex::open(&url).await.unwrap();
    let draft = PostgresEvidenceDraft::begin(&url).await.unwrap();
    index.add(&cx(), &evidence("meanwhile").await).await.unwrap();
    let error = draft.publish().await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("1 entries were added"), "{error}");
    assert_eq!(about(&index, "shared").await.unwrap().len(), 1);
    let draft = PostgresEvidenceDraft::begin(&url).await.unwrap();
    draft.take(&cx(), &[evidence("meanwhile").await]).await.unwrap();
    assert_eq!(about(&draft.publish().await.unwrap(), "shared").await.unwrap().len(), 1);
}

async fn one_is_made_at_a_time(server: &Server) {
    let url = server.database().await;
    let first = PostgresEvidenceDraft::begin(&url).await.unwrap();
    first.take(&cx(), &[evidence("left").await]).await.unwrap();
    assert_eq!(PostgresEvidenceDraft::begin(&url).await.unwrap_err().kind(), ErrorKind::Unavailable);
    // As after a crash: what it has left is thrown away.
    drop(first);
    let second = loop {
        match PostgresEvidenceDraft::begin(&url).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => tokio::time::sleep(Duration::from_millis(20)).await,
            begun => break begun.unwrap(),
        }
    };
    assert_eq!(about(&second.publish().await.unwrap(), "shared").await.unwrap(), []);
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
    draft.publish().await.unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
}
