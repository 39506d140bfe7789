//! Journals that earlier versions wrote are made again by the machines of now, command by command, for ever.
//!
//! Each file in `histories/` is what one version's journal had of one change set or incident. None is ever changed. Where the format of a machine
//! is another one, new ones are written beside them:
//!
//! ```text
//! cargo test -p pathops-simulation --test histories -- --ignored --exact writes_those_of_this_version
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pathops_coordinator::change_set::{ChangeSet, End, State};
use pathops_coordinator::incident::{self, Incident};
use pathops_core::adapter::{Entry, OpenOp, Run, Seq, SignalNumber};
use pathops_core::flow::{Machine, Replay};
use pathops_simulation::journals;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a journal has of a run.
#[derive(Serialize, Deserialize)]
struct History {
    machine: String,
    seq: Seq,
    format: u32,
    state: Value,
    open: Vec<OpenOp>,
    /// Earlier versions were told nothing.
    #[serde(default)]
    heard: SignalNumber,
    ended: bool,
    entries: Vec<Entry>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("histories")
}

#[test]
fn what_earlier_versions_journaled_is_made_again() {
    let (mut ends, mut incidents) = (BTreeMap::<u32, Vec<String>>::new(), BTreeSet::new());
    for file in fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path()) {
        let history: History = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let History { machine, seq, format, state, open, heard, ended, entries } = history;
        let id = file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let run = Run { id, machine, seq, format, state, open, heard, ended };
        if run.machine == Incident::NAME {
            let made = made_again::<Incident>(&run, &entries);
            assert!(made.is_ok(), "{}: {made:?}", file.display());
            incidents.insert(format);
        } else {
            let made = made_again::<ChangeSet>(&run, &entries);
            let state = made.unwrap_or_else(|parted| panic!("{}: {parted}", file.display()));
            ends.entry(format).or_default().push(how(&state));
        }
    }
    ends.values_mut().for_each(|ends| ends.sort());
    println!("{ends:?}");
    assert_eq!(ends[&3], ["Incomplete", "Live", "Recovered"]);
    let is_there = ends.contains_key(&ChangeSet::FORMAT) && incidents.contains(&Incident::FORMAT);
    assert!(is_there, "this version has written none: see the head of this file");
}

fn made_again<M: Machine>(run: &Run, entries: &[Entry]) -> Result<M::State, String> {
    let mut replay = Replay::<M>::new();
    let made = entries.iter().try_for_each(|entry| replay.follow(entry)).and_then(|()| replay.finish(run));
    made.map_err(|parted| parted.to_string())
}

fn how(state: &State) -> String {
    state.end.map_or_else(|| "none".to_owned(), |end| format!("{end:?}"))
}

/// The shortest of each end among the first seeds, and of those that take another one back, were over a limit, paused, tried again or reset,
/// waited for their turn, gave way or carry others; and of incidents that reached something or nothing.
#[test]
#[ignore = "writes into the source tree"]
fn writes_those_of_this_version() {
    let mut shortest: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (run, entries) in (0..200).flat_map(journals) {
        let Some(kind) = kind(&run, &entries) else { continue };
        let Run { machine, seq, format, state: stored, open, heard, ended, .. } = run;
        let history = History { machine, seq, format, state: stored, open, heard, ended, entries };
        let text = serde_json::to_string_pretty(&history).unwrap() + "\n";
        let best = shortest.entry(kind).or_insert((usize::MAX, String::new()));
        if text.len() < best.0 {
            *best = (text.len(), text);
        }
    }
    fs::create_dir_all(folder()).unwrap();
    for (kind, (_, text)) in shortest {
        let file = folder().join(format!("{}.json", kind.to_lowercase()));
        if !file.exists() {
            fs::write(file, text).unwrap();
        }
    }
}

/// The name of its file; `None` where another one of the kind says as much.
fn kind(run: &Run, entries: &[Entry]) -> Option<String> {
    if run.machine == Incident::NAME {
        let state: incident::State = serde_json::from_value(run.state.clone()).ok()?;
        let reached = if state.affected.is_empty() { "nothing" } else { "reached" };
        return Some(format!("incident-format-{}-{reached}", Incident::FORMAT));
    }
    let state: State = serde_json::from_value(run.state.clone()).ok()?;
    let was = |what: &str| entries.iter().any(|entry| entry.event.to_string().contains(&format!("\"{what}\"")));
    let kinds = [
        (state.start.recovery.is_some(), "-recovery"),
        (was("overdue"), "-overdue"),
        (state.superseded_by.is_some(), "-superseded"),
        (!state.start.carries.is_empty(), "-carrying"),
        (state.start.turn.is_some(), "-queued"),
        (was("told\":{\"retry"), "-retried"),
        (was("told\":{\"reset"), "-reset"),
        (was("pause"), "-paused"),
    ];
    let more = kinds.into_iter().find(|(is, _)| *is).map(|(_, more)| more);
    // What is left to people is long, and came there as any other.
    if more.is_some() && state.end == Some(End::Incomplete) {
        return None;
    }
    Some(format!("format-{}-{}{}", ChangeSet::FORMAT, how(&state), more.unwrap_or_default()))
}
