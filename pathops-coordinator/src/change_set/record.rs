//! The record of a change set in the meta repository: `change-sets/<id>/`, links and digests only, no payloads.

use pathops_core::evidence::{Incident, IncidentState};
use pathops_core::lifecycle::ArtifactLifecycle;
use pathops_core::project::{API_VERSION, OpenIncident};
use pathops_core::{IdError, RepoPath, RequirementId, UnitId};
use serde_json::{Value, json};

use crate::change_set::{End, LastGood, Progress, Stage, State, headline};

/// The version of the record's form.
pub const RECORD_FORMAT: u32 = 1;

/// The largest file that PathOps writes into the meta repository, in bytes: it holds metadata and links, and Git hosts hand out
/// larger files in other ways. One that would be larger is left out, and the change set says so.
pub const MAX_RECORD_BYTES: usize = 1_000_000;

/// The folder in which the meta repository says what runs in production.
pub(crate) const LAST_GOOD: &str = "production";

/// Where the meta repository says what a unit runs in production, and on which evidence.
///
/// # Errors
/// None in practice: a unit's name is part of a path.
pub fn last_good_path(unit: &UnitId) -> Result<RepoPath, IdError> {
    RepoPath::parse(format!("{LAST_GOOD}/{unit}.json"))
}

/// The files of the record as things stand: `change-sets/<id>/` with `status.json`, `pull-requests.json`,
/// `evidence.json` and `lifecycles.json`; and, once all units are in production, `production/<unit>.json`.
#[must_use]
pub fn record(state: &State) -> Vec<(RepoPath, String)> {
    let file = |name: &str, value: Value| {
        let path = RepoPath::parse(format!("change-sets/{}/{name}", state.start.change_set)).ok()?;
        Some((path, document(value)))
    };
    [
        file("status.json", status(state)),
        file("pull-requests.json", pull_requests(state)),
        file("evidence.json", evidence(state)),
        file("lifecycles.json", lifecycles(state)),
    ]
    .into_iter()
    .flatten()
    .chain(last_good(state))
    .collect()
}

/// The text of a file: by the names of its fields, whatever other crates of a host have `serde_json` do with their order. A machine makes
/// the same of the same in every build.
pub(crate) fn document(mut value: Value) -> String {
    value.sort_all_objects();
    format!("{value:#}\n")
}

fn last_good(state: &State) -> impl Iterator<Item = (RepoPath, String)> {
    state.units.iter().filter_map(|(unit, progress)| {
        let good = match state.end {
            Some(End::Live) => LastGood {
                format: RECORD_FORMAT,
                change_set: state.start.change_set.clone(),
                artifact: progress.built.as_ref().map(|built| built.artifact.digest),
                source: progress.built.as_ref().map(|built| built.source.clone()),
                evidence: progress.evidence.clone(),
            },
            Some(_) => back_again(state, unit, progress)?,
            None => return None,
        };
        Some((last_good_path(unit).ok()?, document(serde_json::to_value(good).ok()?)))
    })
}

/// What is in production again after what was there was taken back: what an earlier change set brought there, with what has come to be
/// known of it.
fn back_again(state: &State, unit: &UnitId, progress: &Progress) -> Option<LastGood> {
    let (landed, good) = (state.start.recovery.as_ref()?.landed.get(unit)?, progress.last_good.as_ref()?);
    let new = progress.evidence.get(landed.evidence.len()..).unwrap_or_default();
    let evidence = || good.evidence.iter().chain(new).cloned().collect();
    (progress.stage == Stage::Recovered && progress.restored).then(|| LastGood { evidence: evidence(), ..good.clone() })
}

/// An incident for each unit that went to production over a broken glass: what could not wait is looked at afterwards.
#[must_use]
pub fn incidents(state: &State) -> Vec<(RepoPath, String)> {
    let incident = |unit: &UnitId| {
        let Incident { id, unit, summary, since, .. } = glass_incident(state, unit)?;
        incident_file(&OpenIncident { id, unit, since, summary })
    };
    state.units.keys().filter_map(incident).collect()
}

/// The file by which an incident is declared; `None` where its name is none of a file.
pub(crate) fn incident_file(OpenIncident { id, unit, since, summary }: &OpenIncident) -> Option<(RepoPath, String)> {
    let incident = json!({
        "apiVersion": API_VERSION,
        "kind": "Incident",
        "metadata": { "name": id },
        "spec": { "unit": unit, "since": since.to_string(), "summary": summary },
    });
    // JSON is YAML.
    Some((RepoPath::parse(format!("incidents/{id}.yaml")).ok()?, document(incident)))
}

/// The incident of a unit that went to production over a broken glass.
pub(super) fn glass_incident(state: &State, unit: &UnitId) -> Option<Incident> {
    let progress = state.units.get(unit)?;
    progress.production.as_ref()?;
    let decision = &progress.last.as_ref()?.decision;
    let glass = decision.overridden.as_ref()?;
    let by: Vec<_> = glass.by.iter().map(|(who, reason)| format!("{who}: {reason}")).collect();
    let past: Vec<_> = glass.requirements.iter().map(RequirementId::as_str).collect();
    Some(Incident {
        id: format!("glass-{}-{unit}", state.start.change_set),
        change_set: Some(state.start.change_set.clone()),
        unit: Some(unit.clone()),
        environment: Some(state.start.environments.production.environment.clone()),
        summary: format!("it went to production past {} ({})", past.join(", "), by.join("; ")),
        state: IncidentState::Detected,
        since: decision.at,
        began: None,
    })
}

fn status(state: &State) -> Value {
    let start = &state.start;
    let unit = |progress: &Progress| {
        json!({
            "stage": progress.stage,
            "artifact": progress.built.as_ref().map(|built| built.artifact.digest),
            "lifecycle": progress.artifact.as_ref().map(ArtifactLifecycle::state),
            "notPromotable": progress.not_promotable(),
            "source": progress.built.as_ref().map(|built| &built.source),
            "preflight": progress.preflight,
            "production": progress.production,
            "problem": progress.problem,
        })
    };
    let status = json!({
        "format": RECORD_FORMAT,
        "changeSet": start.change_set,
        "project": start.project,
        "title": start.request.title,
        "requestedBy": start.request.requested_by,
        "declaredAt": start.at.to_string(),
        "status": headline(state),
        "end": state.end,
        "failure": state.failure,
        "waves": state.waves(),
        "units": state.units.iter().map(|(id, progress)| (id.to_string(), unit(progress))).collect::<serde_json::Map<_, _>>(),
        "remarks": state.remarks,
    });
    // Only where it is: what an earlier version wrote of a run stays what it was.
    let told = [("cancelled", &state.cancelled), ("paused", &state.paused)];
    let told = told.into_iter().filter_map(|(name, by)| Some((name.to_owned(), json!(by.as_ref()?))));
    let newer = state.superseded_by.as_ref().map(|it| ("supersededBy".to_owned(), json!(it)));
    let before = start.turn.as_ref().filter(|_| state.is_queued()).map(|it| ("waitsFor".to_owned(), json!(it.after)));
    let takes_back = start.recovery.as_ref().map(|it| ("takesBack".to_owned(), json!(it.asked)));
    let carries = (!start.carries.is_empty()).then(|| ("carries".to_owned(), json!(start.carries)));
    match status {
        Value::Object(fields) => {
            fields.into_iter().chain(told).chain(newer).chain(before).chain(takes_back).chain(carries).collect()
        }
        other => other,
    }
}

fn pull_requests(state: &State) -> Value {
    let of = |progress: &Progress| serde_json::to_value(&progress.pull_requests).unwrap_or(Value::Null);
    json!({ "format": RECORD_FORMAT, "units": state.units.iter().map(|(id, progress)| (id.to_string(), of(progress))).collect::<serde_json::Map<_, _>>() })
}

/// Each transition of the change set, of what it brings, and of the app or component.
fn lifecycles(state: &State) -> Value {
    let of = |progress: &Progress| json!({ "artifact": progress.artifact, "replaced": progress.replaced, "again": progress.again, "app": progress.app });
    let units = state.units.iter().map(|(id, progress)| (id.to_string(), of(progress)));
    json!({ "format": RECORD_FORMAT, "changeSet": state.lifecycle, "units": units.collect::<serde_json::Map<_, _>>() })
}

fn evidence(state: &State) -> Value {
    let of = |progress: &Progress| json!({ "evidence": progress.evidence, "snapshots": progress.snapshots });
    json!({ "format": RECORD_FORMAT, "units": state.units.iter().map(|(id, progress)| (id.to_string(), of(progress))).collect::<serde_json::Map<_, _>>() })
}
