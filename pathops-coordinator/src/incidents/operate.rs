//! What operators ask of incidents: which there are, what each waits for, what happened to it, and whether its journal is what its machine
//! makes.

use pathops_core::adapter::{RunFilter, Seq};
use pathops_core::flow::Machine as _;
use pathops_core::{Result, RunId, UnixMillis};

use crate::activity::incident::file_of;
use crate::control_plane::ControlPlane;
use crate::incident::{Command, Errand, Incident, Outcome, Start, State, Told};
use crate::operate::Happened;
use crate::runs::{decode, operation_key};
use crate::waits::{EndedBy, Wait, of_budget};

/// How many runs are listed by one call of the journal.
const PAGE: usize = 64;

/// Which incidents are listed: those that are all of this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Those whose run has ended, or those whose run has not; `None`: either.
    pub ended: Option<bool>,
    /// Those in the [archive](ControlPlane::archive) instead of the others.
    pub archived: bool,
}

impl IncidentFilter {
    /// Those whose run has not ended.
    #[must_use]
    pub fn open() -> Self {
        Self { ended: Some(false), ..Self::default() }
    }
}

impl ControlPlane {
    /// At most `limit` runs of incidents whose id comes after `after`, in the order of their ids, that the filter takes, each with its
    /// state. One that was declared a moment ago has none before a host has [begun with it](ControlPlane::start_incidents).
    ///
    /// # Errors
    /// `Corrupt` where the journal's record of one of them is of another version; what the journal answers.
    pub async fn incidents(&self, filter: &IncidentFilter, after: Option<&RunId>, limit: usize) -> Result<Vec<(RunId, State)>> {
        let filter = &RunFilter { ended: filter.ended, archived: filter.archived, ..RunFilter::of(Incident::NAME) };
        let (mut found, mut after) = (Vec::new(), after.cloned());
        while found.len() < limit {
            let page = self.engine.runs(filter, after.as_ref(), PAGE.min(limit - found.len())).await?;
            let Some(last) = page.last().cloned() else { break };
            for run in page {
                if let Some(stored) = self.run_of::<Incident>(&run).await? {
                    let state = decode(&run, &stored.state)?;
                    found.push((run, state));
                }
            }
            after = Some(last);
        }
        Ok(found)
    }

    /// Everything that the run of an incident waits for now: what for, since when, and who can end it; nothing where it has ended, and
    /// `None` for an unknown one. It waits for as long as it takes: nothing happens at any deadline, but that what failed is tried again.
    ///
    /// # Errors
    /// `Corrupt` where its journal is of another version; what the journal answers.
    pub async fn incident_waits(&self, run: &RunId) -> Result<Option<Vec<Wait>>> {
        let Some(stored) = self.run_of::<Incident>(run).await? else { return Ok(None) };
        let state: State = decode(run, &stored.state)?;
        if stored.ended {
            return Ok(Some(Vec::new()));
        }
        let (opened, mut waits) = (self.opened(run).await?, Vec::new());
        for open in &stored.open {
            let since = opened.get(&open.op).copied().unwrap_or(state.start.at);
            waits.push(match self.services.budgets.waits(&operation_key(run, open.op)) {
                Some(spent) => of_budget(None, since, spent),
                None => self.wait_of_incident(&decode(run, &open.command)?, since).await,
            });
        }
        Ok(Some(waits))
    }

    /// At most `limit` transitions of the run of an incident after `after`, in order; none where there are no more.
    ///
    /// # Errors
    /// `NotFound` for an unknown one; `Corrupt` where its journal is of another version; what the journal answers.
    pub async fn incident_history(
        &self,
        run: &RunId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Happened<Start, Outcome, Told, Command>>> {
        self.happened::<Incident>(run, after, limit).await
    }

    /// As [`ControlPlane::replay`], of the run of an incident.
    ///
    /// # Errors
    /// As [`ControlPlane::replay`].
    pub async fn replay_incident(&self, run: &RunId) -> Result<Option<State>> {
        self.replayed::<Incident>(run).await
    }

    async fn wait_of_incident(&self, command: &Command, since: UnixMillis) -> Wait {
        let (unit, what, since, ended_by) = match command {
            Command::Watch { of, .. } => {
                let (file, summary) = (file_of(&of.incident.id), &of.incident.summary);
                let what = format!("waits until people have closed it in `{file}` of {}: {summary}", of.meta_repo);
                match self.project().await {
                    // Whoever has a part in the project may say there that it is over; its branch says who merges that.
                    Ok(project) => (None, what, of.at, EndedBy::People(project.people.into_keys().collect())),
                    Err(error) => {
                        let what = format!(
                            "{what}; that cannot be read now: {}",
                            self.services.redactor.redact_text(&error.to_string())
                        );
                        (None, what, of.at, EndedBy::System("the systems around"))
                    }
                }
            }
            Command::Do { errand: Errand::Snapshot { unit }, .. } => {
                (Some(unit.clone()), "collects a snapshot".to_owned(), since, EndedBy::System("those who have it"))
            }
            Command::Do { errand: Errand::Propose { change_set }, .. } => {
                (None, format!("finds out what `{change_set}` goes back to, to tell people"), since, EndedBy::System("PathOps"))
            }
            Command::Do { errand: Errand::Sign { .. }, .. } => {
                (None, "signs that it is over".to_owned(), since, EndedBy::System("PathOps"))
            }
            Command::Later { errand, reason, .. } => {
                let unit = if let Errand::Snapshot { unit } = errand { Some(unit.clone()) } else { None };
                (unit, format!("could not go on ({reason}), and tries again"), since, EndedBy::System("PathOps"))
            }
        };
        Wait { unit, what, since, ended_by, deadline: None }
    }
}
