//! Journals that earlier versions wrote are made again by the machine of now, command by command, for ever.
//!
//! Each file in `histories/` is what one version's journal had of one change set. None is ever changed. Where the format of the machine
//! is another one, new ones are written beside them:
//!
//! ```text
//! cargo test -p pathops-simulation --test histories -- --ignored --exact writes_those_of_this_version
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pathops_coordinator::change_set::{ChangeSet, End, State};
use pathops_core::adapter::{Entry, OpenOp, Run, Seq, SignalNumber};
use pathops_core::flow::{Machine as _, Replay};
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
    let mut ends: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for file in fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path()) {
        let history: History = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let History { machine, seq, format, state, open, heard, ended, entries } = history;
        let id = file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let run = Run { id, machine, seq, format, state, open, heard, ended };
        let mut replay = Replay::<ChangeSet>::new();
        let made = entries.iter().try_for_each(|entry| replay.follow(entry)).and_then(|()| replay.finish(&run));
        let state = made.unwrap_or_else(|parted| panic!("{}: {parted}", file.display()));
        ends.entry(format).or_default().push(how(&state));
    }
    ends.values_mut().for_each(|ends| ends.sort());
    println!("{ends:?}");
    assert_eq!(ends[&3], ["Incomplete", "Live", "Recovered"]);
    assert!(ends.contains_key(&ChangeSet::FORMAT), "this version has written none: see the head of this file");
}

fn how(state: &State) -> String {
    state.end.map_or_else(|| "none".to_owned(), |end| format!("{end:?}"))
}

/// The shortest of each end among the first seeds, and of those that take another one back, were over a limit or paused, waited for their
/// turn, gave way or carry others.
#[test]
#[ignore = "writes into the source tree"]
fn writes_those_of_this_version() {
    let mut shortest: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (run, entries) in (0..200).flat_map(journals) {
        let state: State = serde_json::from_value(run.state.clone()).unwrap();
        let was_paused = entries.iter().any(|entry| entry.event.to_string().contains("\"pause\""));
        let was_overdue = entries.iter().any(|entry| entry.event.to_string().contains("\"overdue\""));
        let kinds = [
            (state.start.recovery.is_some(), "-recovery"),
            (was_overdue, "-overdue"),
            (state.superseded_by.is_some(), "-superseded"),
            (!state.start.carries.is_empty(), "-carrying"),
            (state.start.turn.is_some(), "-queued"),
            (was_paused, "-paused"),
        ];
        let more = kinds.into_iter().find(|(is, _)| *is).map(|(_, more)| more);
        // What is left to people is long, and came there as any other.
        if more.is_some() && state.end == Some(End::Incomplete) {
            continue;
        }
        let kind = how(&state) + more.unwrap_or_default();
        let Run { machine, seq, format, state: stored, open, heard, ended, .. } = run;
        let history = History { machine, seq, format, state: stored, open, heard, ended, entries };
        let text = serde_json::to_string_pretty(&history).unwrap() + "\n";
        let best = shortest.entry(kind).or_insert((usize::MAX, String::new()));
        if text.len() < best.0 {
            *best = (text.len(), text);
        }
    }
    fs::create_dir_all(folder()).unwrap();
    for (end, (_, text)) in shortest {
        let file = folder().join(format!("format-{}-{}.json", ChangeSet::FORMAT, end.to_lowercase()));
        if !file.exists() {
            fs::write(file, text).unwrap();
        }
    }
}
