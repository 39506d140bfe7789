//! What every [`DataKeys`] must do.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Answer as _, cases as named};
use super::scm::world::cx;
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::DataKeys;
use crate::error::ErrorKind;

/// Gives each case a maker of keys.
#[async_trait]
pub trait DataKeysFixture: Send + Sync + 'static {
    /// One that works.
    async fn fresh(&self) -> DataKeysWorld;
}

/// A maker of keys and what keeps it alive.
#[derive(Debug)]
pub struct DataKeysWorld {
    keys: Arc<dyn DataKeys>,
    _guard: Box<dyn Any + Send + Sync>,
}

impl DataKeysWorld {
    /// `guard` is dropped at the end of the case.
    pub fn new(keys: Arc<dyn DataKeys>, guard: impl Any + Send + Sync) -> Self {
        Self { keys, _guard: Box::new(guard) }
    }
}

/// The cases as trials.
#[must_use]
pub fn trials(fixture: Arc<dyn DataKeysFixture>) -> Vec<Trial> {
    into_trials(cases(), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn DataKeysFixture>) -> Fresh<DataKeysWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases() -> Vec<Case<DataKeysWorld>> {
    named!["data_keys": a_key_is_had_again, no_key_is_given_twice, what_is_no_key_is_refused]
}

async fn a_key_is_had_again(world: DataKeysWorld) -> Outcome {
    let (key, kept) = world.keys.generate(&cx("generate")).await.works()?;
    let (other, _) = world.keys.generate(&cx("generate")).await.works()?;
    let again = world.keys.open(&cx("open"), &kept).await.works()?;
    ensure!(again == key && again != other, "what is kept of a key gives another one");
    Ok(())
}

async fn no_key_is_given_twice(world: DataKeysWorld) -> Outcome {
    let mut given = BTreeSet::new();
    for _ in 0..64 {
        let (key, _) = world.keys.generate(&cx("the same")).await.works()?;
        ensure!(given.insert(*key.as_bytes()), "a key was given twice");
    }
    Ok(())
}

async fn what_is_no_key_is_refused(world: DataKeysWorld) -> Outcome {
    for kept in [b"".as_slice(), b"no key"] {
        world.keys.open(&cx("open"), kept).await.fails(ErrorKind::Corrupt, "that was never given")?;
    }
    Ok(())
}
