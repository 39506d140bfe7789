//! A run that is being driven.

use std::collections::BTreeMap;

use futures_util::future::AbortHandle;
use pathops_core::RunId;
use pathops_core::adapter::OpId;
use pathops_core::flow::AnyShell;

/// A run in memory, and what is being done of its open operations.
pub(super) struct Active {
    pub(super) id: RunId,
    pub(super) shell: Box<dyn AnyShell>,
    pub(super) doing: BTreeMap<OpId, Doing>,
}

impl Active {
    /// Lets go of everything that only waits.
    pub(super) fn let_go(&mut self) {
        for (op, doing) in &mut self.doing {
            if matches!(doing, Doing::Performing { .. }) && self.shell.waits(*op) {
                doing.abort();
                *doing = Doing::Nothing;
            }
        }
    }

    pub(super) fn is_at_work(&self) -> bool {
        self.doing.values().any(|doing| !matches!(doing, Doing::Nothing | Doing::Held))
    }
}

/// What is being done of an open operation. A try that was begun is known by its number: what comes of another one is too late.
#[derive(Default)]
pub(super) enum Doing {
    #[default]
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
