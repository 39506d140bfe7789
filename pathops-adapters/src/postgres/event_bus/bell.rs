//! Tells those who wait in this process that something was published, wherever that was.

use std::time::Duration;

use pathops_core::Result;
use sqlx::postgres::{PgListener, PgNotification};
use tokio::sync::{Mutex, watch};

use super::super::database::Database;
use crate::call::Call;

/// How often it is looked without having heard anything.
const PACE: Duration = Duration::from_secs(1);

/// One connection for all who wait: one of them listens and tells the others.
#[derive(Debug, Default)]
pub(super) struct Bell {
    listener: Mutex<Option<PgListener>>,
    heard: watch::Sender<u64>,
}

impl Bell {
    /// What is heard from now on is not missed.
    pub(super) fn heard(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// From now on, what is published is heard.
    pub(super) async fn listen(&self, call: &Call, database: &Database) -> Result<()> {
        // Whoever holds it listens already.
        let Ok(mut listener) = self.listener.try_lock() else { return Ok(()) };
        connected(&mut listener, database).await.map(drop).map_err(|e| call.failed(e))
    }

    /// Until something was heard since `heard` was made, or it is time to look anyway. It may be dropped at any moment.
    #[expect(clippy::disallowed_methods, reason = "it waits for a server, which knows no virtual time")]
    pub(super) async fn rung(&self, database: &Database, mut heard: watch::Receiver<u64>) {
        let listening = async {
            let mut listener = self.listener.lock().await;
            match hear(&mut listener, database).await {
                // What was said while the connection was lost, nobody knows: that rings, too.
                Ok(_) => self.heard.send_modify(|it| *it += 1),
                Err(_) => {
                    *listener = None;
                    drop(listener);
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            _ = heard.changed() => {}
            () = listening => {}
            () = tokio::time::sleep(PACE) => {}
        }
    }
}

async fn hear(
    listener: &mut Option<PgListener>,
    database: &Database,
) -> std::result::Result<Option<PgNotification>, sqlx::Error> {
    connected(listener, database).await?.try_recv().await
}

async fn connected<'l>(
    listener: &'l mut Option<PgListener>,
    database: &Database,
) -> std::result::Result<&'l mut PgListener, sqlx::Error> {
    match listener {
        Some(listener) => Ok(listener),
        None => {
            let mut new = PgListener::connect_with(&database.pool).await?;
            new.listen("pathops_event_bus").await?;
            Ok(listener.insert(new))
        }
    }
}
