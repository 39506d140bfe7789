//! The end of the example: claims, figures, where everything lies, the report page and the summary in JSON.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use pathops_coordinator::change_set::{Role, State};
use pathops_core::adapter::{Collected, RuntimeSignals as _, SignalQuery};
use pathops_core::evidence::{EvidenceId, Predicate as _, Snapshot, Statement};
use pathops_core::{IdempotencyKey, OpContext, RunId, UnixMillis};
use serde_json::json;

use crate::Failure;
use crate::arguments::Arguments;
use crate::claims::Claim;
use crate::export::{self, Exported};
use crate::figures::{MeasuredCi, Span, Stopwatch, span, union};
use crate::git_host::Calls;
use crate::host::Machine;
use crate::place::Before;
use crate::report::{ChangeSetReport, Report, render};
use crate::timeline::{entries, timeline};

/// The figures of one run of the example.
pub(crate) struct Figures {
    wall: Duration,
    ci: Duration,
    start_up: Duration,
    overhead: Duration,
    evidence: usize,
    journal: usize,
    calls: Option<(Calls, usize)>,
}

/// Measures this run: what of its wall time was CI, app start-up and declared waits, and what is left.
pub(crate) async fn measure(
    machine: &Machine,
    states: &[State],
    ci: &MeasuredCi,
    stopwatch: &Stopwatch,
) -> Result<Figures, Failure> {
    let wall = stopwatch.elapsed();
    let start_up = start_ups(machine, states).await?;
    let both: Vec<Span> = ci.spans().into_iter().chain(start_up.iter().copied()).collect();
    let mut journal = 0;
    for state in states {
        journal += entries(&*machine.engine, &RunId::parse(state.start.change_set.as_str())?).await?.len();
    }
    let evidence = states.iter().flat_map(State::evidence).count();
    // Before anything is looked at from outside: that is no cost of a promotion.
    // Of a run that goes on, what was asked before it was stopped is not known.
    let whole = machine.place.before != Before::Stopped;
    let calls = machine.host.calls(&machine.project).filter(|_| whole);
    let calls = calls.map(|calls| (calls, states.iter().map(promotions).sum()));
    Ok(Figures {
        wall,
        ci: union(ci.spans()),
        start_up: union(start_up),
        overhead: wall.saturating_sub(union(both)),
        evidence,
        journal,
        calls,
    })
}

/// How often a change set asked for a unit to be something else in an environment.
fn promotions(state: &State) -> usize {
    let roles = state.units.values().flat_map(|progress| progress.pull_requests.keys());
    roles.filter(|role| **role != Role::Source).count()
}

/// From the start of each process to its first healthy answer, and from there for as long as policy asks it to be
/// healthy: that wait is declared.
async fn start_ups(machine: &Machine, states: &[State]) -> Result<Vec<Span>, Failure> {
    let cx = OpContext::new(IdempotencyKey::new("figures"));
    let settle = states.iter().map(|state| state.start.settle_millis).max().unwrap_or(0);
    let environments = &machine.project.environments;
    let mut spans = Vec::new();
    for unit in machine.project.units.keys() {
        for target in [&environments.preflight, &environments.production] {
            let (unit, target) = (unit.clone(), target.clone());
            let query = SignalQuery { unit, target, since: UnixMillis(0), head_bytes: 0, tail_bytes: 0 };
            let Ok(Collected::Present(events)) = machine.reconciler.events(&cx, &query).await else { continue };
            let mut started = None;
            for event in events {
                match event.reason.as_str() {
                    "Started" => started = Some(event.at),
                    "Healthy" => {
                        spans.extend(started.take().map(|from: UnixMillis| (from.0, event.at.0)));
                        spans.push(span(event.at, Duration::from_millis(settle)));
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(spans)
}

/// Tells everything, and writes the report page.
pub(crate) async fn tell(
    arguments: &Arguments,
    machine: &Machine,
    states: &[State],
    figures: &Figures,
    exported: &[Exported],
    claims: &[Claim],
) -> Result<(), Failure> {
    let account = &machine.account;
    account.heading("what holds, looked at once more from outside");
    for claim in claims {
        match &claim.problem {
            None => account.text(&format!("  + {}\n", claim.text)),
            Some(problem) => account.text(&format!("  ! NOT SO: {}: {problem}\n", claim.text)),
        }
    }
    let report = machine.place.root.join("report.html");
    let places = places(machine, exported, &report);
    write_report(machine, states, figures, &places, exported, &report).await?;
    account.heading("where everything lies");
    for (what, place) in &places {
        account.text(&format!("  {what:<22} {place}\n"));
    }
    if let Some((calls, promotions)) = &figures.calls {
        account.text(&format!("\n{}\n", cost(calls, *promotions)));
    }
    account.text(&format!("\n{}\n", line(figures)));
    if arguments.json {
        let json = summary(states, figures, claims, &report.display().to_string());
        // A reader that has gone away holds up nothing.
        let _ = writeln!(std::io::stdout(), "{json:#}");
    }
    Ok(())
}

fn line(figures: &Figures) -> String {
    format!(
        "{:.1} s in all, of which CI {:.1} s, app start-up and settling {:.1} s; control plane {:.2} s; {} pieces of evidence, {} journal entries",
        figures.wall.as_secs_f64(),
        figures.ci.as_secs_f64(),
        figures.start_up.as_secs_f64(),
        figures.overhead.as_secs_f64(),
        figures.evidence,
        figures.journal
    )
}

fn cost(calls: &Calls, promotions: usize) -> String {
    let Calls { counted, not_modified, desired_state } = calls;
    format!(
        "{counted} calls of the Git host's API, and {not_modified} that were answered with \"not modified\"; for each of the {promotions} promotions of a unit to an environment {} calls",
        desired_state.div_ceil(u64::try_from(promotions).unwrap_or(u64::MAX).max(1))
    )
}

fn places(machine: &Machine, exported: &[Exported], report: &Path) -> Vec<(String, String)> {
    let root = &machine.place.root;
    let mut places = vec![("report".to_owned(), report.display().to_string())];
    let meta = machine.place.repository(&machine.project.meta_repo);
    places.push(("meta repository".to_owned(), format!("git -C {} log --stat main", quoted(&meta))));
    if let Some(unit) = machine.project.units.values().next_back() {
        let path = machine.place.repository(&unit.desired_state);
        let branch = &machine.project.environments.production.branch;
        places.push(("desired state".to_owned(), format!("git -C {} log --graph {branch}", quoted(&path))));
    }
    places.push(("repositories".to_owned(), machine.place.forge().display().to_string()));
    let store = quoted(&machine.place.store());
    places.push(("store of evidence".to_owned(), format!("cargo run --example evidence -- verify {store}")));
    places.push(("evidence".to_owned(), root.join("evidence").display().to_string()));
    if let Some(last) = exported.last() {
        places.push(("check one yourself".to_owned(), format!("cd {} && {}", quoted(root), export::command(last, root))));
    }
    places
}

/// A path as one word of a shell, whatever is in it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_alphanumeric() || "/._-+".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

async fn write_report(
    machine: &Machine,
    states: &[State],
    figures: &Figures,
    places: &[(String, String)],
    exported: &[Exported],
    to: &Path,
) -> Result<(), Failure> {
    let mut change_sets = Vec::new();
    for state in states {
        let entries = entries(&*machine.engine, &RunId::parse(state.start.change_set.as_str())?).await?;
        change_sets.push(ChangeSetReport { state, timeline: timeline(&entries)?, snapshots: snapshots(exported)? });
    }
    let figures = vec![
        ("wall time".to_owned(), format!("{:.1} s", figures.wall.as_secs_f64())),
        ("CI".to_owned(), format!("{:.1} s", figures.ci.as_secs_f64())),
        ("app start-up and settling".to_owned(), format!("{:.1} s", figures.start_up.as_secs_f64())),
        ("control plane".to_owned(), format!("{:.2} s", figures.overhead.as_secs_f64())),
        ("pieces of evidence".to_owned(), figures.evidence.to_string()),
        ("journal entries".to_owned(), figures.journal.to_string()),
    ];
    let report = Report {
        project: machine.project.id.as_str(),
        made_at: machine.clock.now(),
        change_sets,
        figures,
        places: places.to_vec(),
    };
    Ok(fs::write(to, render(&report)?)?)
}

fn summary(states: &[State], figures: &Figures, claims: &[Claim], report: &str) -> serde_json::Value {
    let change_set = |state: &State| {
        json!({
            "id": state.start.change_set,
            "title": state.start.request.title,
            "end": state.end,
            "failure": state.failure,
            "waves": state.waves(),
            "units": state.units.iter().map(|(unit, progress)| (unit.to_string(), json!({
                "stage": progress.stage,
                "artifact": progress.built.as_ref().map(|built| built.artifact.digest),
                "notPromotable": progress.not_promotable(),
                "pullRequests": progress.pull_requests.iter().map(|(role, it)| (role.to_string(), json!(format!("{}{}", it.repo, it.number)))).collect::<serde_json::Map<_, _>>(),
                "evidence": progress.evidence.len(),
                "snapshots": progress.snapshots.len(),
            }))).collect::<serde_json::Map<_, _>>(),
        })
    };
    let mut measured = json!({
        "wallMillis": millis(figures.wall), "ciMillis": millis(figures.ci), "startUpMillis": millis(figures.start_up),
        "controlPlaneMillis": millis(figures.overhead), "evidence": figures.evidence, "journalEntries": figures.journal,
    });
    if let (Some((calls, promotions)), Some(measured)) = (&figures.calls, measured.as_object_mut()) {
        measured.insert("gitHost".to_owned(), json!({ "calls": calls, "promotions": promotions }));
    }
    json!({
        "format": 1,
        "changeSets": states.iter().map(change_set).collect::<Vec<_>>(),
        "claims": claims.iter().map(|claim| json!({ "claim": claim.text, "problem": claim.problem })).collect::<Vec<_>>(),
        "figures": measured,
        "report": report,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What the snapshots among the exported evidence say.
fn snapshots(exported: &[Exported]) -> Result<BTreeMap<EvidenceId, Snapshot>, Failure> {
    let all = exported.iter().filter(|it| it.record.predicate_type == Snapshot::TYPE);
    let read = |it: &Exported| {
        let statement = Statement::from_slice(&it.envelope.payload()?)?;
        Ok((it.record.id, serde_json::from_value(statement.predicate)?))
    };
    all.map(read).collect()
}
