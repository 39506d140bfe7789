//! A Stage of Kargo, the freight that is asked for, and the AnalysisRuns that verified it.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::Collected;
use pathops_core::{Result, UnixMillis};
use serde::Deserialize;

use super::rollout::LIST as LIST_ANALYSIS_RUNS;
use super::{ANALYSIS_RUNS, FREIGHT, Found, Metadata, STAGES, VerificationQuery, last, objects};
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
    finish_time: Option<String>,
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
}

impl Freight {
    fn is_of_any(&self, digests: &BTreeSet<String>) -> bool {
        let commits = self.commits.iter().flatten().filter_map(|commit| commit.id.as_deref());
        let images = self.images.iter().flatten().filter_map(|image| image.digest.as_deref());
        commits.chain(images.map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest))).any(|it| digests.contains(it))
    }
}

impl Stage {
    /// How the freight that is there now, and that of these names, was verified the last time.
    fn verified<'a>(&'a self, freight: &'a BTreeSet<&str>) -> Vec<&'a Verified> {
        let history = self.status.iter().flat_map(|status| status.freight_history.iter().flatten());
        let is_asked_for = |it: &Collection| it.items.iter().flatten().any(|(_, piece)| freight.contains(piece.name.as_str()));
        let asked_for = history.enumerate().filter(|(age, it)| *age == 0 || is_asked_for(it));
        asked_for.filter_map(|(_, it)| it.verification_history.as_ref()?.first()).collect()
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
        return Ok(Collected::Absent("there is no such Stage".to_owned()));
    }
    let is_asked_for = |freight: &Freight| freight.is_of_any(&query.of);
    let freight = match objects(place, project, (FREIGHT, "list freights.kargo.akuity.io"), None, is_asked_for).await? {
        Collected::Present(freight) => freight,
        Collected::Absent(why) => return Ok(Collected::Absent(why)),
    };
    let names: BTreeSet<_> = freight.iter().map(|(freight, _)| freight.metadata.name.as_str()).collect();
    let verified: Vec<_> = stages.iter().flat_map(|(stage, _)| stage.verified(&names)).collect();
    let at = last(verified.iter().map(|verified| verified.finish_time.as_deref()), now);
    let named: BTreeSet<_> = verified.iter().filter_map(|verified| Some(verified.analysis_run.as_ref()?.name.as_str())).collect();
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
    let runs = runs.into_iter().map(|(_, raw)| raw);
    let items = freight.into_iter().map(|(_, raw)| raw).chain(stages.into_iter().map(|(_, raw)| raw)).chain(runs).collect();
    Ok(Collected::Present(Found { items, at }))
}
