//! The engine that keeps the change sets and drives them: the one that is built in, over SQLite, or a Temporal server.

#[cfg(feature = "temporal")]
mod temporal;

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use pathops_adapters::sqlite::SqliteJournal;
use pathops_coordinator::engine::Embedded;
use pathops_core::adapter::Clock;
use pathops_core::flow::Engine;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::host::LONGEST;

/// Which engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Choice {
    /// The one that is built in.
    #[default]
    Embedded,
    /// A Temporal server; needs `--features temporal`.
    Temporal,
}

impl Choice {
    /// Refuses one that was not built in, and an address that none would use.
    pub(crate) fn check(self, address: Option<&str>) -> Result<(), Failure> {
        match (self, address) {
            (Self::Embedded, Some(_)) => Err("--address is that of a Temporal server: give `--engine temporal` too".into()),
            (Self::Temporal, _) if !cfg!(feature = "temporal") => {
                Err("this program was built without Temporal: build it with `--features temporal`".into())
            }
            _ => Ok(()),
        }
    }
}

/// An engine, and what has to live as long as it is used.
pub(crate) struct Running {
    pub(crate) engine: Arc<dyn Engine>,
    /// What tells this run from others on a server that they share; empty where there are none.
    pub(crate) name: String,
    pub(crate) _server: Box<dyn Any + Send + Sync>,
}

/// The engine of the run whose folder `root` is. Without an `address` a Temporal server is started there.
pub(crate) async fn open(choice: Choice, address: Option<&str>, root: &Path, clock: Arc<dyn Clock>) -> Result<Running, Failure> {
    choice.check(address)?;
    #[cfg(feature = "temporal")]
    if choice == Choice::Temporal {
        return temporal::open(address, root, clock).await;
    }
    let journal = Arc::new(SqliteJournal::open(root.join("journal.sqlite")).await?);
    let engine = Arc::new(Embedded::new(journal, clock, "golden-path", LONGEST));
    Ok(Running { engine, name: String::new(), _server: Box::new(()) })
}
