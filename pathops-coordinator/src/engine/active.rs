//! A run that is being driven.

use std::collections::BTreeMap;

use futures_util::future::AbortHandle;
use pathops_core::RunId;
use pathops_core::adapter::{OpId, Seq, SignalNumber};
use pathops_core::flow::Machine;

/// A run in memory.
pub(super) struct Active<M: Machine> {
    pub(super) id: RunId,
    pub(super) seq: Seq,
    pub(super) state: M::State,
    pub(super) open: BTreeMap<OpId, Open<M>>,
    pub(super) last_op: OpId,
    pub(super) heard: SignalNumber,
}

impl<M: Machine> Active<M> {
    /// Lets go of everything that only waits.
    pub(super) fn let_go(&mut self) {
        for Open { command, doing } in self.open.values_mut() {
            if matches!(doing, Doing::Performing { .. }) && M::waits(command) {
                doing.abort();
                *doing = Doing::Nothing;
            }
        }
    }

    pub(super) fn is_at_work(&self) -> bool {
        self.open.values().any(|open| !matches!(open.doing, Doing::Nothing | Doing::Held))
    }
}

/// An open operation, and what is being done of it.
pub(super) struct Open<M: Machine> {
    pub(super) command: M::Command,
    pub(super) doing: Doing,
}

/// What is being done of an open operation. A try that was begun is known by its number: what comes of another one is too late.
pub(super) enum Doing {
    Nothing,
    Performing {
        attempt: u64,
        abort: AbortHandle,
    },
    /// It is not performed as things stand, and it is seen to that nothing comes of it meanwhile.
    Holding {
        attempt: u64,
        abort: AbortHandle,
    },
    /// That is seen to.
    Held,
    Dropping {
        attempt: u64,
    },
}

impl Doing {
    pub(super) fn is(&self, number: u64) -> bool {
        match self {
            Self::Nothing | Self::Held => false,
            Self::Performing { attempt, .. } | Self::Holding { attempt, .. } | Self::Dropping { attempt } => *attempt == number,
        }
    }

    pub(super) fn abort(&self) {
        if let Self::Performing { abort, .. } | Self::Holding { abort, .. } = self {
            abort.abort();
        }
    }
}
