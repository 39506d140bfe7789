//! Only what has ended is moved to the archive, and everything of it is there from then on.

use std::collections::BTreeMap;

use pathops_coordinator::change_set::State;
use pathops_core::RunId;
use pathops_core::adapter::{Entry, Journal as _, Run, RunFilter, Seq};

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Truth, cx, wait};

#[derive(Default)]
pub(super) struct Archive {
    moved: BTreeMap<RunId, (Run, Vec<Entry>)>,
}

impl Invariant for Archive {
    fn name(&self) -> &'static str {
        "archive keeps what has ended"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        let Step::Archived { run } = step else { return Ok(()) };
        let (kept, entries) = read(truth, run)?;
        holds!(kept.ended, "{run} is moved to the archive, and goes on");
        self.moved.insert((*run).clone(), (kept, entries));
        Ok(())
    }

    fn end(&mut self, truth: &Truth, _: &[State]) -> Found {
        let filter = RunFilter { archived: true, ..RunFilter::default() };
        let listed = wait(truth.journal.runs(&cx(), &filter, None, usize::MAX)).map_err(|error| error.to_string())?;
        for (run, moved) in &self.moved {
            holds!(listed.contains(run), "{run} was moved to the archive, and is not there");
            holds!(read(truth, run)? == *moved, "{run} is another one in the archive");
        }
        Ok(())
    }
}

fn read(truth: &Truth, run: &RunId) -> Result<(Run, Vec<Entry>), String> {
    let kept = wait(truth.journal.load(&cx(), run)).map_err(|error| error.to_string())?;
    let entries = wait(truth.journal.entries(&cx(), run, Seq(0), usize::MAX)).map_err(|error| error.to_string())?;
    Ok((kept.ok_or_else(|| format!("{run} is gone"))?, entries))
}
