//! At the end: the machine makes again, command by command, what the journal says that it made.

use pathops_coordinator::change_set::{ChangeSet, State};
use pathops_core::adapter::{Journal as _, Seq};
use pathops_core::flow::Replay;

use super::{Found, Invariant};
use crate::step::Step;
use crate::truth::{Truth, cx, wait};

pub(super) struct SameAgain;

impl Invariant for SameAgain {
    fn name(&self) -> &'static str {
        "journals replay"
    }

    fn see(&mut self, _: &Truth, _: &Step<'_>) -> Found {
        Ok(())
    }

    fn end(&mut self, truth: &Truth, states: &[State]) -> Found {
        for state in states {
            let id = state.start.change_set.as_str().parse().map_err(|_| "no name of a run")?;
            let run = wait(truth.journal.load(&cx(), &id)).map_err(|error| error.to_string())?.ok_or("a run is gone")?;
            let entries = wait(truth.journal.entries(&cx(), &id, Seq(0), usize::MAX)).map_err(|error| error.to_string())?;
            let mut replay = Replay::<ChangeSet>::new();
            let replayed = entries.iter().try_for_each(|entry| replay.follow(entry)).and_then(|()| replay.finish(&run));
            replayed.map_err(|parted| format!("{id}: {parted}"))?;
        }
        Ok(())
    }
}
