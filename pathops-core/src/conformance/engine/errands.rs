//! The machine of the kit: errands in waves, which are undone where it is cancelled.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::flow::Machine;
use crate::time::UnixMillis;

/// Runs errands, wave after wave. Where one is refused, or it is cancelled, what was done is undone, the last first.
#[derive(Clone, Copy, Debug)]
pub struct Errands;

/// What a run begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The errands of each wave, which are run at once.
    pub waves: Vec<Vec<String>>,
}

/// What a run is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// To keep this.
    Note(String),
    /// To do nothing until it is resumed.
    Pause,
    /// To go on.
    Resume,
    /// To undo what was done.
    Cancel,
}

/// How an errand ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// It cannot be done.
    Refused,
    /// Nobody waited for it.
    Dropped,
}

/// An errand to be run; one that begins with `await` waits for others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand(pub String);

/// Everything that is known of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The waves that were not begun.
    pub waves: Vec<Vec<String>>,
    /// What is being done.
    pub open: BTreeSet<String>,
    /// What was done and not undone, in order.
    pub done: Vec<String>,
    /// What it was told to keep.
    pub notes: Vec<String>,
    /// Whether it does nothing now.
    pub is_paused: bool,
    /// Whether it undoes what was done.
    pub is_cancelled: bool,
    /// Whether it has ended.
    pub has_ended: bool,
}

impl Standing {
    /// What follows once nothing is open.
    fn next(&mut self) -> Vec<Errand> {
        if !self.open.is_empty() || self.has_ended {
            return Vec::new();
        }
        let next = match self.is_cancelled {
            true => self.done.pop().map(|errand| vec![format!("undo {errand}")]),
            false if self.waves.is_empty() => None,
            false => Some(self.waves.remove(0)),
        };
        self.has_ended = next.is_none();
        let next = next.unwrap_or_default();
        self.open.extend(next.iter().cloned());
        next.into_iter().map(Errand).collect()
    }
}

impl Machine for Errands {
    const NAME: &'static str = "errands";
    const FORMAT: u32 = 1;
    const OLDEST: u32 = 1;
    type Start = Plan;
    type Outcome = Answer;
    type Signal = Told;
    type Command = Errand;
    type State = Standing;

    fn start(start: &Plan) -> (Standing, Vec<Errand>) {
        let mut state = Standing {
            waves: start.waves.clone(),
            open: BTreeSet::new(),
            done: Vec::new(),
            notes: Vec::new(),
            is_paused: false,
            is_cancelled: false,
            has_ended: false,
        };
        let first = state.next();
        (state, first)
    }

    fn step(mut state: Standing, command: &Errand, outcome: &Answer, _: UnixMillis) -> (Standing, Vec<Errand>) {
        state.open.remove(&command.0);
        match outcome {
            Answer::Done if command.0.starts_with("undo ") => {}
            Answer::Done => state.done.push(command.0.clone()),
            Answer::Refused => state.is_cancelled = true,
            Answer::Dropped => {}
        }
        let next = state.next();
        (state, next)
    }

    fn hear(mut state: Standing, told: &Told, _: UnixMillis) -> (Standing, Vec<Errand>) {
        match told {
            Told::Note(note) => state.notes.push(note.clone()),
            Told::Pause => state.is_paused = true,
            Told::Resume => state.is_paused = false,
            Told::Cancel => state.is_cancelled = true,
        }
        (state, Vec::new())
    }

    fn goes_on(state: &Standing, _: &Errand) -> bool {
        !state.is_paused
    }

    fn wants(state: &Standing, command: &Errand) -> bool {
        !(state.is_cancelled && Self::waits(command))
    }

    fn waits(command: &Errand) -> bool {
        command.0.starts_with("await")
    }

    fn dropped() -> Answer {
        Answer::Dropped
    }

    fn has_ended(state: &Standing) -> bool {
        state.has_ended
    }
}
