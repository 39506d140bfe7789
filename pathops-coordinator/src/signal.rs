//! What a run is told from outside, by whoever: it need not be driven then, nor by the one who tells it.
//!
//! A signal is kept in the journal as a run of its own, which is over as soon as it is there. Whoever drives the run that it is
//! for looks for it before each transition and every few seconds, and then has it in the journal of that run, too.

use pathops_core::adapter::Transition;
use pathops_core::flow::Machine;
use pathops_core::{Digest, Error, ErrorKind, IdempotencyKey, OpContext, Result, RunId};

use crate::engine::{Engine, decode, encode};
use crate::retry::with_retry;

/// The machine that the journal has for signals; there is none.
const SIGNAL: &str = "signal";

/// The version of what is kept.
const FORMAT: u32 = 1;

impl<M: Machine> Engine<M> {
    /// Tells a run something, once and for all: where it was told something before, that stands. Gives what stands.
    ///
    /// Once this has returned, no process forgets it, and whoever drives the run makes no other transition before it. Dropping the
    /// future before that leaves it open whether the run was told.
    ///
    /// # Errors
    /// `Corrupt` where what was told before is of another version; what the journal answers.
    pub async fn tell(&self, run: &RunId, signal: &M::Signal) -> Result<M::Signal> {
        if let Some(stands) = self.told(run).await? {
            return Ok(stands);
        }
        let id = id_of(run)?;
        let value = encode(signal)?;
        let at = self.clock.now();
        let kept =
            Transition { format: FORMAT, at, event: value.clone(), state: value, closes: None, opens: Vec::new(), ends: true };
        let lease = self.turn(id.as_str()).await?;
        let cx = &context(&id);
        let made = with_retry(&*self.clock, || self.journal.create(cx, &lease, &id, SIGNAL, &kept)).await;
        self.release(&lease).await?;
        match made {
            // Somebody was quicker.
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let gone = || Error::new(ErrorKind::Corrupt, "tell a run").on(run).because("the journal does not have what it took");
        self.told(run).await?.ok_or_else(gone)
    }

    /// What a run was told, whether it has taken that up or not.
    ///
    /// # Errors
    /// `Corrupt` where it is of another version; what the journal answers.
    pub async fn told(&self, run: &RunId) -> Result<Option<M::Signal>> {
        let id = id_of(run)?;
        let cx = &context(&id);
        let kept = with_retry(&*self.clock, || self.journal.load(cx, &id)).await?;
        let kept = kept.filter(|kept| kept.machine == SIGNAL);
        kept.map(|kept| decode(&kept.state)).transpose()
    }
}

/// No run of a machine has such a name: it would have to be known what it is the digest of.
fn id_of(run: &RunId) -> Result<RunId> {
    let digest: String = Digest::of(run.as_str().as_bytes()).hex().chars().take(40).collect();
    RunId::parse(format!("signal-{digest}")).map_err(|error| Error::new(ErrorKind::Invalid, "tell a run").on(run).because(error))
}

fn context(id: &RunId) -> OpContext {
    OpContext::new(IdempotencyKey::new(format!("{id}/tell")))
}
