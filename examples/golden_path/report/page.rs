//! What the template is filled with: the change sets in words, in the order in which they are told.

use std::collections::BTreeMap;

use pathops_coordinator::change_set::{Before, End, Failure, Progress, Role, Stage, State, headline};
use pathops_core::UnitId;
use pathops_core::evidence::{EvidenceId, Snapshot};
use pathops_core::project::{Unit, UnitKind};
use pathops_evidence::EvidenceRecord;
use serde::Serialize;

use super::decisions::{Decisions, decisions};
use super::graph::{self, Graph, Order, graph};
use super::timeline::{Timeline, timeline};
use super::words::{Instant, Link, Mark, evidence_kind, instant, link, moment, names, stage_mark, standing};
use super::{ChangeSetReport, Report};

#[derive(Serialize)]
pub(super) struct Page {
    project: String,
    made_at: Instant,
    change_sets: Vec<ChangeSet>,
    figures: Vec<Figure>,
    places: Vec<Place>,
}

#[derive(Serialize)]
struct Figure {
    label: String,
    value: String,
}

#[derive(Serialize)]
struct Place {
    what: String,
    place: Link,
}

#[derive(Serialize)]
struct ChangeSet {
    anchor: String,
    id: String,
    title: String,
    text: String,
    requested_by: String,
    reviewers: Option<String>,
    declared: Instant,
    mark: Mark,
    outcome: &'static str,
    why: String,
    refusal: Option<Refusal>,
    remarks: Vec<String>,
    /// What is asked for and where it is, in deploy order.
    units: Vec<UnitRow>,
    graph: Graph,
    marks: BTreeMap<String, Mark>,
    timeline: Timeline,
    decisions: Decisions,
    recovery: Vec<RecoveryStep>,
    pull_requests: Vec<PullRequest>,
    evidence: Vec<UnitEvidence>,
    snapshots: Vec<SnapshotView>,
}

#[derive(Serialize)]
struct Refusal {
    unit: String,
    moment: &'static str,
    /// What was seen, line by line.
    seen: Vec<String>,
    /// What the policy asks for and did not get.
    unmet: Vec<Unmet>,
    not_promotable: Vec<NotPromotable>,
}

#[derive(Serialize)]
struct Unmet {
    asked: String,
    because: String,
}

#[derive(Serialize)]
struct NotPromotable {
    unit: String,
    artifact: Option<Digest>,
    /// Where it is another reason than that of the refusal.
    why: Option<String>,
}

#[derive(Serialize)]
struct UnitRow {
    unit: String,
    kind: String,
    wave: usize,
    reason: String,
    contracts: Vec<String>,
    mark: Mark,
    stage: &'static str,
}

#[derive(Serialize)]
struct RecoveryStep {
    unit: String,
    mark: Mark,
    stage: &'static str,
    went_back: String,
    pull_requests: Vec<Link>,
}

#[derive(Serialize)]
struct PullRequest {
    unit: String,
    role: String,
    place: Link,
    branch: String,
    base: String,
    head: Digest,
}

/// A digest or a Git id.
#[derive(Serialize)]
pub(super) struct Digest {
    short: String,
    full: String,
}

#[derive(Serialize)]
struct UnitEvidence {
    unit: String,
    rows: Vec<EvidenceRow>,
}

#[derive(Serialize)]
struct EvidenceRow {
    name: String,
    kind: String,
    id: Digest,
    place: Link,
}

#[derive(Serialize)]
struct SnapshotView {
    name: String,
    id: Digest,
    place: Link,
    content: Option<SnapshotContent>,
}

#[derive(Serialize)]
struct SnapshotContent {
    collected: Instant,
    number: Option<String>,
    present: Vec<String>,
    absent: Vec<Absent>,
}

#[derive(Serialize)]
struct Absent {
    name: String,
    reason: String,
}

pub(super) fn page(report: &Report<'_>) -> Page {
    let numbered = report.change_sets.iter().enumerate();
    Page {
        project: report.project.to_owned(),
        made_at: instant(report.made_at),
        change_sets: numbered.map(|(index, told)| change_set(index + 1, told)).collect(),
        figures: report.figures.iter().map(|(label, value)| Figure { label: label.clone(), value: value.clone() }).collect(),
        places: report.places.iter().map(|(what, place)| Place { what: what.clone(), place: link(place, place) }).collect(),
    }
}

fn change_set(number: usize, told: &ChangeSetReport<'_>) -> ChangeSet {
    let state = told.state;
    let start = &state.start;
    let order: Vec<UnitId> = state.waves().into_iter().flatten().collect();
    let labels: Vec<String> = order.iter().map(UnitId::to_string).collect();
    let (mark, outcome) = outcome(state);
    let units = || in_order(state, &order);
    ChangeSet {
        anchor: format!("change-set-{number}"),
        id: start.change_set.to_string(),
        title: start.request.title.clone(),
        text: start.request.text.clone(),
        requested_by: start.request.requested_by.to_string(),
        reviewers: (!start.reviewers.is_empty())
            .then(|| names(&start.reviewers.iter().map(ToString::to_string).collect::<Vec<_>>())),
        declared: instant(start.at),
        mark,
        outcome,
        why: why(state),
        refusal: state.failure.as_ref().map(|failure| refusal(state, &order, failure)),
        remarks: state.remarks.clone(),
        units: unit_rows(state),
        graph: deploy_order(state),
        marks: units().map(|(unit, progress)| (unit.to_string(), stage_mark(progress.stage))).collect(),
        timeline: timeline(&told.timeline, &labels),
        decisions: decisions(state, &order),
        recovery: recovery(state),
        pull_requests: units().flat_map(|(unit, progress)| pull_requests(unit, progress)).collect(),
        evidence: units().map(|(unit, progress)| evidence(unit, progress)).filter(|it| !it.rows.is_empty()).collect(),
        snapshots: units()
            .flat_map(|(_, progress)| &progress.snapshots)
            .map(|record| snapshot(record, &told.snapshots))
            .collect(),
    }
}

/// The units and how they stand, in deploy order.
fn in_order<'a>(state: &'a State, order: &'a [UnitId]) -> impl Iterator<Item = (&'a UnitId, &'a Progress)> {
    order.iter().filter_map(|unit| Some((unit, state.units.get(unit)?)))
}

fn outcome(state: &State) -> (Mark, &'static str) {
    match state.end {
        Some(End::Live) => (Mark::Pass, "In production"),
        Some(End::Recovered) => (Mark::Fail, "Refused and recovered"),
        Some(End::Cancelled) => (Mark::Unknown, "Cancelled"),
        Some(End::Incomplete) => (Mark::Fail, "Stopped: people have to look after it"),
        None if state.failure.is_some() => (Mark::Fail, "Refused, going back"),
        None => (Mark::Unknown, "Under way"),
    }
}

/// One sentence.
fn why(state: &State) -> String {
    let failed = state.failure.as_ref().map(|failure| format!("{} failed {}", failure.unit, moment(failure.stage)));
    match (state.end, failed) {
        (Some(End::Live), _) => live(state),
        (Some(End::Recovered), Some(failed)) => format!("{failed}. {}", recovered(state)),
        (Some(End::Incomplete), Some(failed)) => format!("{failed}, and something is left that people have to look after."),
        _ => format!("{}.", headline(state)),
    }
}

/// Of what is back to what it was.
fn recovered(state: &State) -> String {
    let restored = state.units.iter().filter(|(_, progress)| progress.restored);
    match restored.map(|(unit, _)| unit.to_string()).collect::<Vec<_>>().as_slice() {
        [] => "Nothing of this change reached production, and preflight is back to what it was before.".to_owned(),
        restored => format!(
            "This change had reached production with {}; production and preflight are both back to what they were before.",
            names(restored)
        ),
    }
}

/// Of what went to production.
fn live(state: &State) -> String {
    let decisions = || state.units.values().filter_map(|progress| progress.last.as_ref()).map(|decided| &decided.decision);
    let broken: Vec<_> = decisions().filter(|it| it.overridden.is_some()).map(|it| it.unit.to_string()).collect();
    match (broken.as_slice(), state.units.len()) {
        ([], 1) => "Its unit met every requirement that counts, and a person merged it into production.".to_owned(),
        ([], units) => {
            format!("Each of its {units} units met every requirement that counts, and people merged them into production.")
        }
        (broken, _) => {
            format!(
                "People broke the glass for {}, which did not meet every requirement that counts, and merged it all into production.",
                names(broken)
            )
        }
    }
}

fn refusal(state: &State, order: &[UnitId], failure: &Failure) -> Refusal {
    let decided = state.units.get(&failure.unit).and_then(|progress| progress.last.as_ref().or(progress.first.as_ref()));
    let unmet = decided.into_iter().flat_map(|decided| decided.decision.blocking());
    let marked = in_order(state, order).filter_map(|(unit, progress)| {
        let why = progress.not_promotable()?.to_owned();
        Some(NotPromotable {
            unit: unit.to_string(),
            artifact: progress.built.as_ref().map(|built| digest(&built.artifact.digest)),
            why: Some(why).filter(|why| *why != failure.reason),
        })
    });
    Refusal {
        unit: failure.unit.to_string(),
        moment: moment(failure.stage),
        seen: failure.reason.split("; ").map(str::to_owned).collect(),
        unmet: unmet.map(|it| Unmet { asked: it.reason.clone(), because: it.because.clone() }).collect(),
        not_promotable: marked.collect(),
    }
}

fn unit_rows(state: &State) -> Vec<UnitRow> {
    let start = &state.start;
    let row = |wave: usize, unit: &UnitId| {
        let change = start.request.changes.iter().find(|change| change.unit == *unit);
        let stage = state.units.get(unit)?.stage;
        Some(UnitRow {
            unit: unit.to_string(),
            kind: start.units.get(unit).map(kind).unwrap_or_default(),
            wave,
            reason: change.map(|change| change.reason.clone()).unwrap_or_default(),
            contracts: change.iter().flat_map(|change| &change.contracts).map(ToString::to_string).collect(),
            mark: stage_mark(stage),
            stage: standing(stage),
        })
    };
    let waves = state.waves();
    waves.iter().enumerate().flat_map(|(index, wave)| wave.iter().filter_map(move |unit| row(index + 1, unit))).collect()
}

fn kind(unit: &Unit) -> String {
    match &unit.kind {
        UnitKind::App { .. } => unit.class.clone().unwrap_or_else(|| "app".to_owned()),
        UnitKind::Component { component_type } => component_type.clone(),
    }
}

fn deploy_order(state: &State) -> Graph {
    let start = &state.start;
    let drawn = |unit: &UnitId| graph::Unit { name: unit.to_string(), note: start.units.get(unit).map(kind).unwrap_or_default() };
    let waves: Vec<Vec<graph::Unit>> = state.waves().iter().map(|wave| wave.iter().map(drawn).collect()).collect();
    let order = start.plan.order.iter().map(|before| Order {
        before: before.first.to_string(),
        after: before.then.to_string(),
        because: before.because.to_string().replace('`', ""),
    });
    graph(&waves, order.collect())
}

/// The way back, in its order; empty where nothing failed.
fn recovery(state: &State) -> Vec<RecoveryStep> {
    if state.failure.is_none() {
        return Vec::new();
    }
    let order: Vec<UnitId> = state.waves().into_iter().rev().flatten().collect();
    let step = |(unit, progress): (&UnitId, &Progress)| RecoveryStep {
        unit: unit.to_string(),
        mark: stage_mark(progress.stage),
        stage: standing(progress.stage),
        went_back: went_back(progress),
        pull_requests: [Role::Recovery, Role::Restore]
            .iter()
            .filter_map(|role| progress.pull_requests.get(role))
            .map(|it| link(format!("{}{}", it.repo, it.number), &it.url))
            .collect(),
    };
    in_order(state, &order).map(step).collect()
}

fn went_back(progress: &Progress) -> String {
    match (progress.stage, &progress.preflight, &progress.before) {
        (Stage::LeftToPeople, ..) => {
            let left = if progress.production.is_some() { "It had reached production" } else { "It did not go back" };
            format!("{left}, and is left to people: {}.", progress.problem.as_deref().unwrap_or("nobody said why"))
        }
        (stage, ..) if stage != Stage::Recovered => "It is not back yet.".to_owned(),
        (_, Some(_), Some(before)) => match progress.production_before.as_ref().filter(|_| progress.restored) {
            Some(production) => format!("{} {}", asked_again("Preflight", before), asked_again("Production", production)),
            None => asked_again("Preflight", before),
        },
        _ => "It never reached preflight; its pull requests were closed.".to_owned(),
    }
}

/// What an environment is again.
fn asked_again(environment: &str, before: &Before) -> String {
    let commit = git(before.commit.as_str()).short;
    match &before.artifact {
        _ if !before.runs => format!("{environment} ran nothing of it before, and runs nothing of it now."),
        Some(artifact) => format!("{environment} asks for the artifact {} again, as at commit {commit}.", artifact.short()),
        None => format!("{environment} is again as it was at commit {commit}."),
    }
}

fn pull_requests(unit: &UnitId, progress: &Progress) -> Vec<PullRequest> {
    let row = |(role, it): (&Role, &pathops_coordinator::change_set::PullRequestRef)| PullRequest {
        unit: unit.to_string(),
        role: role.to_string(),
        place: link(format!("{} {}", it.repo, it.number), &it.url),
        branch: it.branch.to_string(),
        base: it.base.to_string(),
        head: git(it.head.as_str()),
    };
    progress.pull_requests.iter().map(row).collect()
}

fn evidence(unit: &UnitId, progress: &Progress) -> UnitEvidence {
    let row = |record: &EvidenceRecord| EvidenceRow {
        name: record.name.clone(),
        kind: evidence_kind(&record.predicate_type).to_owned(),
        id: digest(&record.id.0),
        place: envelope(record),
    };
    UnitEvidence { unit: unit.to_string(), rows: progress.evidence.iter().map(row).collect() }
}

fn envelope(record: &EvidenceRecord) -> Link {
    link(format!("envelope {}", record.envelope.short()), &record.location)
}

fn snapshot(record: &EvidenceRecord, known: &BTreeMap<EvidenceId, Snapshot>) -> SnapshotView {
    let content = known.get(&record.id).map(|snapshot| SnapshotContent {
        collected: instant(snapshot.extent.collected_on),
        number: snapshot.extent.place.as_ref().map(|place| format!("Number {} of {}.", place.sequence, place.stream)),
        present: snapshot.references.iter().map(|reference| reference.name.clone()).collect(),
        absent: snapshot.extent.absent.iter().map(|it| Absent { name: it.name.clone(), reason: it.reason.clone() }).collect(),
    });
    SnapshotView { name: record.name.clone(), id: digest(&record.id.0), place: envelope(record), content }
}

pub(super) fn digest(digest: &pathops_core::Digest) -> Digest {
    Digest { short: digest.short(), full: digest.to_string() }
}

fn git(id: &str) -> Digest {
    Digest { short: id.chars().take(12).collect(), full: id.to_owned() }
}
