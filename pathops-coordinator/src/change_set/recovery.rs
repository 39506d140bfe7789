//! Taking a change set back that is in production: a change set of its own, which begins where that one ended.

use std::collections::BTreeMap;
use std::fmt;

use pathops_core::lifecycle::{ArtifactLifecycle, HumanDecision, Recorded};
use pathops_core::policy::GitState;
use pathops_core::{ChangeSetId, UnitId};
use pathops_evidence::EvidenceRecord;
use serde::{Deserialize, Serialize};

use crate::change_set::step::source_stays;
use crate::change_set::{Before, End, LastGood, Progress, Role, State};

/// That a change set is to be taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TakeBack {
    /// Which.
    pub change_set: ChangeSetId,
    /// Who wants that, and why.
    pub by: Recorded<HumanDecision>,
}

/// What a recovery begins with. It has nothing to make and to try: it goes the way back of the change set that it takes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// What it takes back.
    pub asked: TakeBack,
    /// What that has left of each of its units.
    pub landed: BTreeMap<UnitId, Landed>,
    /// What works with these units and was brought to production by a change set that was declared later, or may have been: that was not
    /// tried with what comes back. Each with its change set, where that is known.
    pub since: BTreeMap<UnitId, Option<ChangeSetId>>,
    /// What was in production before that and is not gone back to, the newest first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub passed_over: BTreeMap<UnitId, Vec<PassedOver>>,
}

/// A change set that had brought a unit to production, and is not gone back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PassedOver {
    /// Which.
    pub change_set: ChangeSetId,
    /// What its evidence has come to.
    pub because: String,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.change_set, self.because)
    }
}

impl Recovery {
    /// What people are told when it begins.
    pub(super) fn remarks(&self) -> Vec<String> {
        let sources = self.landed.iter().filter_map(|(unit, it)| Some(format!("{unit}: {}", source_stays(it.source.as_ref()?))));
        let tried = |(unit, later): (&UnitId, &Option<ChangeSetId>)| {
            let who = later.as_ref().map_or("nobody knows what".to_owned(), |later| format!("`{later}`"));
            format!("{unit}: it works with what goes back, and {who} has changed it since: look whether both go together")
        };
        let further = |(unit, all): (&UnitId, &Vec<PassedOver>)| {
            let all: Vec<_> = all.iter().map(PassedOver::to_string).collect();
            format!("{unit}: it goes back further than to what was there before, past {}", all.join(" and "))
        };
        sources.chain(self.since.iter().map(tried)).chain(self.passed_over.iter().map(further)).collect()
    }
}

/// A unit that a change set has brought to production, and what was there before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Landed {
    /// The desired state that was merged into preflight.
    pub preflight: GitState,
    /// The desired state that was merged into production.
    pub production: GitState,
    /// What preflight was before.
    pub before: Before,
    /// What production was before.
    pub production_before: Before,
    /// The record of what was in production before.
    pub last_good: LastGood,
    /// What it brought.
    pub artifact: ArtifactLifecycle,
    /// The evidence of that.
    pub evidence: Vec<EvidenceRecord>,
    /// Where the pull request of its source is.
    pub source: Option<String>,
}

impl Landed {
    /// What is left of a unit; an error says why it cannot go back.
    pub(crate) fn of(unit: &UnitId, progress: &Progress) -> Result<Self, String> {
        let Progress { preflight, production, before, production_before, last_good, artifact, evidence, .. } = progress;
        let (Some(preflight), Some(production), Some(artifact)) = (preflight, production, artifact) else {
            return Err(format!("`{unit}` is not in production"));
        };
        let (Some(before), Some(production_before)) = (before, production_before) else {
            return Err(format!("what was there of `{unit}` before was not noted"));
        };
        let Some(last_good) = last_good.as_ref().filter(|_| production_before.runs) else {
            return Err(format!("nothing of `{unit}` was in production before, so there is no combination to go back to"));
        };
        if last_good.artifact != production_before.artifact || before.artifact != production_before.artifact {
            let why = "what was in preflight before is not what was in production; people have to decide";
            return Err(format!("`{unit}` cannot be tried as it was: {why}"));
        }
        Ok(Self {
            preflight: preflight.clone(),
            production: production.clone(),
            before: before.clone(),
            production_before: production_before.clone(),
            last_good: last_good.clone(),
            artifact: artifact.clone(),
            evidence: evidence.clone(),
            source: progress.pull_requests.get(&Role::Source).map(|source| source.url.clone()),
        })
    }

    /// Goes back as far as what brought that before would go back.
    pub(crate) fn further(self, to: Self) -> Self {
        let Self { before, production_before, last_good, .. } = to;
        Self { before, production_before, last_good, ..self }
    }
}

/// What a change set has left of its units; an error says why it cannot be taken back.
pub(crate) fn landed(state: &State) -> Result<BTreeMap<UnitId, Landed>, String> {
    match state.end {
        Some(End::Live) if state.ended => {}
        Some(End::Live) => return Err("it has just come to production, and its record is not written yet: ask again".to_owned()),
        None => return Err("it has not ended: cancel it".to_owned()),
        Some(_) => return Err("it is not in production".to_owned()),
    }
    state.units.iter().map(|(unit, progress)| Ok((unit.clone(), Landed::of(unit, progress)?))).collect()
}

/// The units of a recovery as they are when it begins.
pub(super) fn as_landed(progress: Progress, landed: &Landed) -> Progress {
    let Landed { preflight, production, before, production_before, last_good, artifact, evidence, source: _ } = landed.clone();
    Progress {
        preflight: Some(preflight),
        production: Some(production),
        before: Some(before),
        production_before: Some(production_before),
        last_good: Some(last_good),
        artifact: Some(artifact),
        evidence,
        ..progress
    }
}
