//! A Stage of Kargo, the freight that is asked for, and the AnalysisRuns that verified it.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::Collected;
use pathops_core::evidence::AbsenceKind;
use pathops_core::{Result, UnixMillis};
use serde::Deserialize;

use super::rollout::{LIST as LIST_ANALYSIS_RUNS, RunStatus, ended};
use super::{ANALYSIS_RUNS, FREIGHT, Found, Metadata, STAGES, VerificationQuery, objects};
use crate::kubernetes::list::Place;

/// On an AnalysisRun: which Stage it is of, where the name is short enough for a label.
const STAGE: &str = "kargo.akuity.io/stage";

/// No value of a label is longer.
const LONGEST_LABEL: usize = 63;

#[derive(Deserialize)]
struct Stage {
    #[serde(default)]
    metadata: Metadata,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    freight_history: Option<Vec<Collection>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Collection {
    items: Option<BTreeMap<String, Metadata>>,
    verification_history: Option<Vec<Verified>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    analysis_run: Option<Metadata>,
}

#[derive(Deserialize)]
struct Freight {
    #[serde(default)]
    metadata: Metadata,
    commits: Option<Vec<Commit>>,
    images: Option<Vec<Image>>,
}

#[derive(Deserialize)]
struct Commit {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Image {
    digest: Option<String>,
}

#[derive(Deserialize)]
struct Run {
    #[serde(default)]
    metadata: Metadata,
    status: Option<RunStatus>,
}

impl Freight {
    fn is_of_any(&self, digests: &BTreeSet<String>) -> bool {
        let commits = self.commits.iter().flatten().filter_map(|commit| commit.id.as_deref());
        let images = self.images.iter().flatten().filter_map(|image| image.digest.as_deref());
        commits.chain(images.map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest))).any(|it| digests.contains(it))
    }
}

impl Stage {
    /// The freight of these names that is or was there; `None` is what is there now.
    fn freight<'a>(&'a self, names: Option<&'a BTreeSet<&str>>) -> Vec<&'a Collection> {
        let mut history = self.status.iter().flat_map(|status| status.freight_history.iter().flatten());
        let Some(names) = names else { return history.next().into_iter().collect() };
        history.filter(|it| it.items.iter().flatten().any(|(_, piece)| names.contains(piece.name.as_str()))).collect()
    }
}

pub(super) async fn read(
    place: &Place<'_>,
    (project, name): (&str, &str),
    query: &VerificationQuery,
    now: UnixMillis,
) -> Result<Collected<Found>> {
    let is_this = |stage: &Stage| stage.metadata.name == name;
    let stages = match objects(place, project, (STAGES, "list stages.kargo.akuity.io"), None, is_this).await? {
        Collected::Present(stages) => stages,
        Collected::Absent(why) => return Ok(Collected::Absent(why)),
    };
    if stages.is_empty() {
        return Ok(Collected::absent(AbsenceKind::NothingThere, "there is no such Stage"));
    }
    let is_asked_for = |freight: &Freight| freight.is_of_any(&query.of);
    let freight = match objects(place, project, (FREIGHT, "list freights.kargo.akuity.io"), None, is_asked_for).await? {
        Collected::Present(freight) => freight,
        Collected::Absent(why) => return Ok(Collected::Absent(why)),
    };
    let names: BTreeSet<_> = freight.iter().map(|(freight, _)| freight.metadata.name.as_str()).collect();
    let asked_for = (!query.of.is_empty()).then_some(&names);
    let there: Vec<_> = stages.iter().flat_map(|(stage, _)| stage.freight(asked_for)).collect();
    if there.is_empty() {
        return Ok(Collected::absent(AbsenceKind::NothingThere, "no freight of what is asked for has been in it"));
    }
    let verified = there.iter().filter_map(|it| it.verification_history.as_ref()?.first());
    let named: BTreeSet<_> = verified.filter_map(|verified| Some(verified.analysis_run.as_ref()?.name.as_str())).collect();
    let runs = if named.is_empty() {
        Vec::new()
    } else {
        let selector = (name.len() <= LONGEST_LABEL).then(|| format!("{STAGE}={name}"));
        let is_named = |run: &Run| named.contains(run.metadata.name.as_str());
        match objects(place, project, (ANALYSIS_RUNS, LIST_ANALYSIS_RUNS), selector.as_deref(), is_named).await? {
            Collected::Present(runs) => runs,
            // Kargo's word is told all the same, and is no pass without them.
            Collected::Absent(_) => Vec::new(),
        }
    };
    // Freight that comes again is called verified anew, by what was measured the first time.
    let at = runs.iter().map(|(run, _)| ended(&run.metadata, run.status.as_ref()).unwrap_or(now)).min().unwrap_or(now);
    let runs = runs.into_iter().map(|(_, raw)| raw);
    let items = freight.into_iter().map(|(_, raw)| raw).chain(stages.into_iter().map(|(_, raw)| raw)).chain(runs).collect();
    Ok(Collected::Present(Found { items, at }))
}
