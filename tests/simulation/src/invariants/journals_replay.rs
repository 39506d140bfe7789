//! At the end: the machines make again, command by command, what the journal says that they made.

use pathops_coordinator::change_set::{ChangeSet, State};
use pathops_coordinator::incident::Incident;
use pathops_core::RunId;
use pathops_core::adapter::{Journal as _, Seq};
use pathops_core::flow::{Machine, Replay};

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
            is_made_again::<ChangeSet>(truth, &id)?;
        }
        truth.incidents().iter().try_for_each(|(run, _)| is_made_again::<Incident>(truth, &run.id))
    }
}

fn is_made_again<M: Machine>(truth: &Truth, id: &RunId) -> Found {
    let run = wait(truth.journal.load(&cx(), id)).map_err(|error| error.to_string())?.ok_or("a run is gone")?;
    let entries = wait(truth.journal.entries(&cx(), id, Seq(0), usize::MAX)).map_err(|error| error.to_string())?;
    let mut replay = Replay::<M>::new();
    let replayed = entries.iter().try_for_each(|entry| replay.follow(entry)).and_then(|()| replay.finish(&run));
    replayed.map(drop).map_err(|parted| format!("{id}: {parted}"))
}
