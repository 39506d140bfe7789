//! Kargo's Freight and Stages (`kargo.akuity.io/v1alpha1`), one, or a list of them, with the AnalysisRuns that verified them:
//! `kubectl get freight,stages,analysisruns -o json`.
//!
//! Freight names what it is of: commits, images by digest, charts. A Stage tells how the freight in it was verified, the last time first,
//! and by which AnalysisRun. Its word is that of Kargo, which calls freight verified in a Stage that asks for no verification, and ever
//! after where it was verified once. So a verification has passed only where the AnalysisRun that it names is in the report, is of this
//! freight, and has passed when it is counted again, as one of Argo Rollouts is; what Kargo says can only make it worse. Where an earlier
//! one of the same freight in the same Stage failed, that is told.
//!
//! Read is the freight that the report holds, wherever a Stage in it tells of that; where it holds none, what is in each Stage now. What
//! another Stage says of the same freight is for another report. An approval by hand is none.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::report::argo_rollouts::{ANALYSIS_RUN, AnalysisRun, Judged, state_of};
use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::kubernetes_objects::{Kind, Metadata, is_of, listed, objects, shown};
use crate::report::{Content, ExternalState, Format, Verification};

pub(super) const SPEC: Spec = Spec { format: Format::Kargo, look, parse: |input| Ok(Content::Verifications(read(input)?)) };

const FREIGHT: Kind = Kind { group: "kargo.akuity.io", name: "Freight" };
const STAGE: Kind = Kind { group: "kargo.akuity.io", name: "Stage" };

/// On an AnalysisRun: which freight it is of.
const COLLECTION: &str = "kargo.akuity.io/freight-collection";

fn look(look: &Look<'_>) -> Option<Confidence> {
    let own = [FREIGHT, STAGE];
    certain_if(is_of(look, &own) || listed(look, &own).contains(&true))
}

#[derive(Deserialize)]
struct Freight {
    metadata: Metadata,
    #[serde(flatten)]
    parts: Parts,
    #[serde(default, deserialize_with = "or_default")]
    status: FreightStatus,
}

/// What freight is of.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parts {
    #[serde(deserialize_with = "or_default")]
    commits: Vec<Commit>,
    #[serde(deserialize_with = "or_default")]
    images: Vec<Image>,
    #[serde(deserialize_with = "or_default")]
    charts: Vec<Chart>,
}

#[derive(Deserialize)]
struct Commit {
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(default)]
    digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chart {
    #[serde(default, rename = "repoURL")]
    repo_url: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FreightStatus {
    #[serde(deserialize_with = "or_default")]
    verified_in: BTreeMap<String, serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Stage {
    metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    status: StageStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StageStatus {
    #[serde(deserialize_with = "or_default")]
    freight_history: Vec<Collection>,
}

/// Freight that is or was in a Stage together.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Collection {
    #[serde(default)]
    id: String,
    /// By where it comes from.
    #[serde(default, deserialize_with = "or_default")]
    items: BTreeMap<String, Piece>,
    #[serde(default, deserialize_with = "or_default")]
    verification_history: Vec<Verified>,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    name: String,
    #[serde(flatten)]
    parts: Parts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    #[serde(default)]
    phase: String,
    analysis_run: Option<RunReference>,
}

#[derive(Deserialize)]
struct RunReference {
    namespace: String,
    name: String,
    #[serde(default)]
    phase: String,
}

/// All that a report holds.
#[derive(Default)]
struct Held {
    freight: Vec<Freight>,
    stages: Vec<Stage>,
    /// By namespace and name, each with the freight that it is of.
    runs: BTreeMap<(String, String), (Option<String>, Judged)>,
}

fn read(input: &Input<'_>) -> Result<Vec<Verification>, Fail> {
    let mut held = Held::default();
    for object in objects(input, &[FREIGHT, STAGE, ANALYSIS_RUN])? {
        if object.kind == FREIGHT {
            held.freight.push(object.read()?);
        } else if object.kind == STAGE {
            held.stages.push(object.read()?);
        } else {
            let run: AnalysisRun = object.read()?;
            let judged = run.judge()?;
            let Metadata { name, namespace, mut labels, .. } = run.metadata;
            let place = (namespace.unwrap_or_default(), name);
            if held.runs.contains_key(&place) {
                let why = format!("the AnalysisRun {}/{} stands in it twice", shown(&place.0), shown(&place.1));
                return Err(Fail::inconsistent(pointer!("items"), why));
            }
            held.runs.insert(place, (labels.remove(COLLECTION), judged));
        }
    }
    if held.freight.is_empty() && held.stages.is_empty() && !held.runs.is_empty() {
        return Err(Fail::malformed(pointer!("items"), "there is no Freight and no Stage in it"));
    }
    Ok(held.verifications())
}

impl Held {
    fn verifications(&self) -> Vec<Verification> {
        let listed: BTreeSet<_> = self.freight.iter().map(|it| it.metadata.place()).collect();
        let (mut verifications, mut told) = (Vec::new(), BTreeSet::new());
        for stage in &self.stages {
            let (namespace, _) = stage.metadata.place();
            let (mut history, mut seen) = (stage.status.freight_history.as_slice(), BTreeSet::new());
            while let Some((collection, earlier)) = history.split_first() {
                let pieces = || collection.items.values().map(|piece| piece.name.as_str());
                let is_now = seen.is_empty() && listed.is_empty();
                let is_asked_for = is_now || pieces().any(|piece| listed.contains(&(namespace, piece)));
                // Freight that comes again counts as it was verified the last time.
                if seen.insert(collection.id.as_str()) && is_asked_for {
                    told.extend(pieces().map(|piece| (namespace, piece)));
                    verifications.push(self.verification(stage, collection, earlier));
                }
                history = earlier;
            }
        }
        for Freight { metadata, parts, status } in &self.freight {
            let (namespace, name) = metadata.place();
            if told.contains(&(namespace, name)) {
                continue;
            }
            let stages: Vec<_> = status.verified_in.keys().map(String::as_str).collect();
            let reason = match stages.as_slice() {
                [] => "it was verified nowhere".to_owned(),
                stages => format!("it is called verified in {}, and no Stage in the report tells how", stages.join(", ")),
            };
            verifications.push(Verification {
                name: metadata.full_name(),
                of: parts.names(),
                state: ExternalState::Neutral,
                failed_before: false,
                by: Format::Kargo.title().to_owned(),
                reason,
            });
        }
        verifications
    }

    /// How freight in a Stage was verified the last time, and whether it failed there before.
    fn verification(&self, stage: &Stage, collection: &Collection, earlier: &[Collection]) -> Verification {
        let names = collection.items.values().map(|piece| piece.name.as_str()).collect::<Vec<_>>().join(", ");
        let Judged { state, reason, .. } = match collection.verification_history.first() {
            None => Judged::new(ExternalState::Neutral, "it was not verified there"),
            Some(last) => self.judge(collection, last),
        };
        let same = earlier.iter().filter(|it| it.id == collection.id).flat_map(|it| &it.verification_history);
        let mut before = collection.verification_history.iter().skip(1).chain(same);
        Verification {
            name: format!("{}: {names}", stage.metadata.full_name()),
            of: collection.items.values().flat_map(|piece| piece.parts.names()).collect(),
            state,
            failed_before: before.any(|it| it.state() == ExternalState::Failed),
            by: Format::Kargo.title().to_owned(),
            reason,
        }
    }

    /// The worst that Kargo says, and that was counted again.
    fn judge(&self, collection: &Collection, verified: &Verified) -> Judged {
        let said = Judged::new(verified.state(), format!("it is called `{}`", shown(&verified.phase)));
        let Some(RunReference { namespace, name, .. }) = &verified.analysis_run else {
            return said.at_best(ExternalState::Neutral, "no AnalysisRun measured anything");
        };
        let Some((of, counted)) = self.runs.get(&(namespace.clone(), name.clone())) else {
            let reason = format!("what was measured is not in the report: hand in the AnalysisRun {namespace}/{name} with it");
            return said.at_best(ExternalState::Neutral, &reason);
        };
        let judged = said.at_best(counted.state, &format!("AnalysisRun {namespace}/{name}: {}", counted.reason));
        match of {
            Some(of) if *of == collection.id => judged,
            Some(_) => judged.at_best(ExternalState::Neutral, "it is of other freight"),
            None => judged.at_best(ExternalState::Neutral, "it does not say which freight it is of"),
        }
    }
}

impl Verified {
    /// The worse of what it is called and of what its AnalysisRun is called in it.
    fn state(&self) -> ExternalState {
        let of_run = self.analysis_run.as_ref().map(|run| state_of(&run.phase));
        of_run.into_iter().fold(state_of(&self.phase), ExternalState::max)
    }
}

impl Parts {
    /// What it can be known by.
    fn names(&self) -> Vec<String> {
        let commits = self.commits.iter().map(|commit| commit.id.clone());
        let images = self.images.iter().map(|Image { digest }| digest.strip_prefix("sha256:").unwrap_or(digest).to_owned());
        let chart = |Chart { repo_url, name, version }: &Chart| format!("{repo_url}/{name}@{version}");
        let all = commits.chain(images).chain(self.charts.iter().map(chart));
        all.filter(|name| !name.is_empty()).collect()
    }
}
