//! What Argo Rollouts, Kargo and GitOps Promoter have verified: their objects, picked for a unit, as reports.
//!
//! Nothing is judged here. A report is a list of the objects as the server gave them, byte by byte, for whoever reads such reports.

mod commit_statuses;
mod rollout;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use pathops_core::adapter::Collected;
use pathops_core::evidence::AbsenceKind;
use pathops_core::{EnvironmentId, ErrorKind, Result, UnitId, UnixMillis};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::list::Place;
use crate::cluster::Right;

/// So many objects may belong to one report.
const MOST: usize = 1_000;

/// So large may they be together, in bytes.
const LARGEST: usize = 32 << 20;

/// Which verifications are asked for.
#[derive(Clone, Debug)]
pub struct VerificationQuery {
    /// The app or component.
    pub unit: UnitId,
    /// Where it runs.
    pub environment: EnvironmentId,
    /// AnalysisRuns of a Rollout that were made since: since its desired state was changed, as they run before it is healthy. An earlier
    /// one analysed something else. None of them names what it is of: that what was made since is of what was deployed then, and of
    /// nothing later, is the word of whoever asks.
    pub since: UnixMillis,
    /// What was verified: commits, also of desired state, and digests of images, in lower-case hexadecimal. Freight and commit statuses
    /// are picked by these.
    pub of: BTreeSet<String>,
}

/// Objects that tell of a verification, as a report.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerificationReport {
    /// What it is, for people: `AnalysisRuns of Rollout orders in namespace shop of cluster main`.
    pub name: String,
    /// The format, by the name that the readers of reports have for it: `argo-rollouts`, `kargo` or `gitops-promoter`.
    pub format: &'static str,
    /// When what it tells of was so. Of a Rollout, when the last analysis ended. Of a Stage, when the first one did, since freight that
    /// comes again is called verified by what was measured before. One that has not ended counts as of when it was made. Of commit
    /// statuses, now.
    pub at: UnixMillis,
    /// A list of the objects in JSON. They may hold secrets, in arguments and in messages: whoever takes the report in redacts it.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for VerificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, format, at, bytes } = self;
        let bytes = format_args!("{} bytes", bytes.len());
        f.debug_struct("VerificationReport")
            .field("name", name)
            .field("format", format)
            .field("at", at)
            .field("bytes", &bytes)
            .finish()
    }
}

/// Where verifications of a workload are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// By the AnalysisRuns of a Rollout in the workload's namespace.
    Rollout(String),
    /// By a Stage of Kargo, in the namespace of its project.
    Stage { project: String, name: String },
    /// By the commit statuses of GitOps Promoter in a namespace.
    CommitStatuses(String),
}

const ANALYSIS_RUNS: Right = Right { verb: "list", group: "argoproj.io", resource: "analysisruns", part: "" };
const STAGES: Right = Right { verb: "list", group: "kargo.akuity.io", resource: "stages", part: "" };
const FREIGHT: Right = Right { verb: "list", group: "kargo.akuity.io", resource: "freights", part: "" };
const COMMIT_STATUSES: Right = Right { verb: "list", group: "promoter.argoproj.io", resource: "commitstatuses", part: "" };

impl Source {
    /// The namespace that it is read from.
    pub(super) fn namespace<'a>(&'a self, of_workload: &'a str) -> &'a str {
        match self {
            Source::Rollout(_) => of_workload,
            Source::Stage { project: namespace, .. } | Source::CommitStatuses(namespace) => namespace,
        }
    }

    /// What it takes to read it.
    pub(super) fn rights(&self) -> &'static [Right] {
        match self {
            Source::Rollout(_) => &[ANALYSIS_RUNS],
            Source::Stage { .. } => &[STAGES, FREIGHT, ANALYSIS_RUNS],
            Source::CommitStatuses(_) => &[COMMIT_STATUSES],
        }
    }

    /// What a report from it is, and its format.
    fn title(&self, place: &Place<'_>) -> (String, &'static str) {
        let (what, format) = match self {
            Source::Rollout(name) => (format!("AnalysisRuns of Rollout {name}"), "argo-rollouts"),
            Source::Stage { name, .. } => (format!("Stage {name}"), "kargo"),
            Source::CommitStatuses(_) => ("CommitStatuses".to_owned(), "gitops-promoter"),
        };
        let (namespace, cluster) = (self.namespace(&place.workload.namespace), &place.workload.cluster);
        (format!("{what} in namespace {namespace} of cluster {cluster}"), format)
    }

    /// A report from it, or why there is none.
    pub(super) async fn read(
        &self,
        place: &Place<'_>,
        query: &VerificationQuery,
        now: UnixMillis,
    ) -> Result<Collected<VerificationReport>> {
        let found = match self {
            Source::Rollout(name) => rollout::read(place, name, query, now).await?,
            Source::Stage { project, name } => stage::read(place, (project, name), query, now).await?,
            Source::CommitStatuses(namespace) => commit_statuses::read(place, namespace, query, now).await?,
        };
        let (name, format) = self.title(place);
        Ok(match found {
            Collected::Present(Found { items, at }) => {
                let bytes = listed(&items)?;
                Collected::Present(VerificationReport { name, format, at: at.min(now), bytes })
            }
            Collected::Absent(lack) => Collected::Absent(lack.within(name)),
        })
    }
}

/// What was found, and when it was so.
struct Found {
    items: Vec<Box<RawValue>>,
    at: UnixMillis,
}

/// A list as `kubectl get -o json` gives it.
fn listed(items: &[Box<RawValue>]) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct List<'a> {
        api_version: &'static str,
        kind: &'static str,
        metadata: serde_json::Map<String, serde_json::Value>,
        items: &'a [Box<RawValue>],
    }
    let list = List { api_version: "v1", kind: "List", metadata: serde_json::Map::new(), items };
    serde_json::to_vec(&list).map_err(|error| pathops_core::Error::new(ErrorKind::Unexpected, "write a list").because(error))
}

/// What all objects have.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    creation_timestamp: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<Owner>>,
}

#[derive(Deserialize)]
struct Owner {
    kind: String,
    name: String,
}

/// Objects of a kind in a namespace, all that are this unit's, each with what was read of it. They are absent where the cluster has no
/// such kind.
///
/// # Errors
/// `Invalid` where more of them belong to it than one report may hold: a part of them might not show what failed.
async fn objects<T: DeserializeOwned + Send>(
    place: &Place<'_>,
    namespace: &str,
    (right, operation): (Right, &'static str),
    selector: Option<&str>,
    is_own: impl Fn(&T) -> bool + Send + Sync,
) -> Result<Collected<Vec<(T, Box<RawValue>)>>> {
    let Right { group, resource, .. } = right;
    let (count, size) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let is_too_much = || count.load(Ordering::Relaxed) > MOST || size.load(Ordering::Relaxed) > LARGEST;
    let keep = |raw: Box<RawValue>| match serde_json::from_str::<T>(raw.get()) {
        Ok(object) if is_own(&object) => {
            count.fetch_add(1, Ordering::Relaxed);
            size.fetch_add(raw.get().len(), Ordering::Relaxed);
            (!is_too_much()).then_some(Ok((object, raw)))
        }
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    };
    let api = format!("/apis/{group}/v1alpha1");
    let error = |kind| place.ask_in(namespace, operation, &api, resource).error(kind);
    let (found, more) = match place.list_in(namespace, operation, (&api, resource), selector, keep).await {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Collected::absent(
                AbsenceKind::NotConfigured,
                format!("the cluster has no {resource} of `{group}/v1alpha1`"),
            ));
        }
        Err(error) => return Err(error),
    };
    if more || is_too_much() {
        const REMEDY: &str = "ask for what was made later, or delete what is old in the cluster";
        return Err(error(ErrorKind::Invalid).because("there are more objects than one report may hold").advise(REMEDY));
    }
    let found: std::result::Result<_, _> = found.into_iter().collect();
    found.map(Collected::Present).map_err(|why| error(ErrorKind::Unexpected).because(why))
}
