use std::sync::Arc;

use async_trait::async_trait;

use crate::adapter::OpId;
use crate::error::{Error, Result};
use crate::flow::{EventOf, Machine};
use crate::id::RunId;
use crate::op::OpContext;

/// Performs commands: the calls of adapters.
#[async_trait]
pub trait Performer<M: Machine>: Send + Sync {
    /// Performs `command` and says how it ended. It may be called again with the same context after a crash; what it did
    /// before, it finds and does not do again.
    ///
    /// # Errors
    /// Where nothing can be said of the command itself: a store is full, a system stays out of reach. The engine performs it again after a
    /// while, and what is done beside it of the same run may be dropped as by a crash meanwhile.
    async fn perform(&self, cx: &OpContext, command: &M::Command) -> Result<M::Outcome>;

    /// Sees to it that nothing comes of `command` while it is not performed, or any more, after what was being done of it was dropped:
    /// what it lets others do is taken back. It may be called again. [`Performer::perform`] gives it again.
    ///
    /// # Errors
    /// As [`Performer::perform`].
    async fn hold(&self, cx: &OpContext, command: &M::Command) -> Result<()>;

    /// Sees to it that nothing is left of what this host did of `command` too late: it was taken for dead, and another one has brought
    /// the operation to its end, and the run to `state`. What the run knows of stays. The other one may go on meanwhile. It does nothing,
    /// unless a performer says otherwise.
    ///
    /// # Errors
    /// As [`Performer::perform`].
    async fn late(&self, cx: &OpContext, command: &M::Command, state: &M::State) -> Result<()> {
        let _ = (cx, command, state);
        Ok(())
    }
}

/// Something that happened in a run, for a host that wants to show it. Nothing depends on it: after a crash it may be told again, or not
/// at all.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a, M: Machine> {
    /// An operation is being performed, for the first time, or again after a restart, or after it was held or the run stood still.
    Began {
        /// Which.
        op: OpId,
        /// What.
        command: &'a M::Command,
    },
    /// It has ended, and that is stored, or will be with what is stored next.
    Ended {
        /// Which.
        op: OpId,
        /// What.
        command: &'a M::Command,
        /// How.
        outcome: &'a M::Outcome,
        /// The state after it.
        state: &'a M::State,
    },
    /// It has heard something that it was told, as [`Progress::Ended`].
    Heard {
        /// What.
        event: &'a EventOf<M>,
        /// The state after it.
        state: &'a M::State,
    },
    /// The run stands still because of what is wrong around it; it goes on when it is driven again.
    Stopped {
        /// What is wrong.
        error: &'a Error,
    },
}

/// What a host is told.
pub type Observer<M> = Arc<dyn for<'a> Fn(&RunId, &Progress<'a, M>) + Send + Sync>;
