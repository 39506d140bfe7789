//! Which change sets there are.

use std::time::Duration;

use pathops_core::adapter::RunFilter;
use pathops_core::flow::Machine as _;
use pathops_core::{ChangeSetId, Error, ErrorKind, PersonId, Result, RunId, UnitId};

use crate::change_set::{ChangeSet, End, Stage, State};
use crate::control_plane::{ControlPlane, run_id};

/// How many runs are listed by one call of the journal.
const PAGE: usize = 64;

/// Which change sets are listed: those that are all of this. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSetFilter {
    /// Those that have ended, or those that have not.
    pub ended: Option<bool>,
    /// Those in the [archive](ControlPlane::archive) instead of the others.
    pub archived: bool,
    /// Those that ended like this.
    pub end: Option<End>,
    /// Those that change this unit.
    pub unit: Option<UnitId>,
    /// Those of which a unit is there, such as [`Stage::Queued`].
    pub stage: Option<Stage>,
    /// Those that are paused, or those that are not.
    pub paused: Option<bool>,
    /// Those that this person asked for, what they carry included.
    pub requested_by: Option<PersonId>,
}

impl ChangeSetFilter {
    /// Those that have not ended.
    #[must_use]
    pub fn open() -> Self {
        Self { ended: Some(false), ..Self::default() }
    }

    /// Whether a change set is among them, as far as its state says that: whether it has ended its run does.
    #[must_use]
    pub fn takes(&self, state: &State) -> bool {
        let Self { ended: _, archived: _, end, unit, stage, paused, requested_by } = self;
        let asked = |person: &PersonId| {
            let start = &state.start;
            start.request.requested_by == *person || start.carries.iter().any(|it| it.requested_by == *person)
        };
        end.is_none_or(|end| state.end == Some(end))
            && unit.as_ref().is_none_or(|unit| state.units.contains_key(unit))
            && stage.is_none_or(|stage| state.units.values().any(|it| it.stage == stage))
            && paused.is_none_or(|paused| state.paused.is_some() == paused)
            && requested_by.as_ref().is_none_or(asked)
    }

    fn asks_for_states(&self) -> bool {
        Self { ended: None, archived: false, ..self.clone() } != Self::default()
    }
}

impl ControlPlane {
    /// At most `limit` change sets whose id comes after `after`, in the order of their ids, that the filter takes. Where it asks for
    /// more than whether they have ended, each one that comes into question is read.
    ///
    /// # Errors
    /// `Corrupt` where the journal's record of one of them is of another version; what the journal answers.
    pub async fn change_sets(
        &self,
        filter: &ChangeSetFilter,
        after: Option<&ChangeSetId>,
        limit: usize,
    ) -> Result<Vec<ChangeSetId>> {
        let (mut found, mut after, reads) = (Vec::new(), after.cloned(), filter.asks_for_states());
        while found.len() < limit {
            let page = self.page(filter, after.as_ref(), if reads { PAGE } else { PAGE.min(limit) }).await?;
            let Some(last) = page.last().cloned() else { break };
            for change_set in page {
                if found.len() == limit {
                    break;
                }
                if !reads || self.state(&change_set).await?.is_some_and(|state| filter.takes(&state)) {
                    found.push(change_set);
                }
            }
            after = Some(last);
        }
        Ok(found)
    }

    /// Moves every change set and every run of an incident that ended longer ago than `age` to the archive, and says how many. What a step and a list of the others
    /// cost does not grow with them from then on. They are read as before, with their history; they are taken back as before, too; lists
    /// leave them out that do not ask for the archive. It may be stopped and called again at any moment.
    ///
    /// # Errors
    /// `Unsupported` where the engine does that by itself; what the journal answers.
    pub async fn archive(&self, age: Duration) -> Result<u64> {
        let (ended_before, mut moved) = (self.services.clock.now() - age, 0);
        loop {
            let page = self.engine.archive(ended_before, PAGE).await?.len();
            moved += u64::try_from(page).unwrap_or(u64::MAX);
            if page < PAGE {
                return Ok(moved);
            }
        }
    }

    /// The change sets that have not ended.
    pub(crate) async fn open_change_sets(&self) -> Result<Vec<ChangeSetId>> {
        self.change_sets(&ChangeSetFilter::open(), None, usize::MAX).await
    }

    async fn page(&self, filter: &ChangeSetFilter, after: Option<&ChangeSetId>, limit: usize) -> Result<Vec<ChangeSetId>> {
        let filter = &RunFilter { ended: filter.ended, archived: filter.archived, ..RunFilter::of(ChangeSet::NAME) };
        let after = &after.map(run_id).transpose()?;
        let runs = self.engine.runs(filter, after.as_ref(), limit).await?;
        let corrupt = |run: &RunId, why| Error::new(ErrorKind::Corrupt, "name a change set").on(run).because(why);
        runs.iter().map(|run| ChangeSetId::parse(run.as_str()).map_err(|error| corrupt(run, error))).collect()
    }
}
