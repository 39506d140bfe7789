//! People who look after incidents: they declare some themselves, and close each of them, early or late. Once everything is calm they
//! close none before PathOps has begun with it.

use std::collections::BTreeMap;
use std::time::Duration;

use pathops_core::UnixMillis;
use pathops_core::adapter::{FileChange, NewCommit, SourceFile};
use pathops_core::{CommitId, Principal, RepoId, RepoPath};
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::lens::Lens;
use crate::shape::{person, repo};
use crate::truth::{Declared, Truth};

/// Those people, and what they are up to.
#[derive(Debug)]
pub(crate) struct Responders {
    dice: Dice,
    /// When somebody declares an incident of the whole project.
    declares: Option<Duration>,
    /// When each that is open is to be closed.
    closes: BTreeMap<String, Duration>,
    calm: bool,
}

impl Responders {
    pub(crate) fn new(dice: &Dice, quiet: bool) -> Self {
        let dice = dice.of("responders");
        let declares = (!quiet && dice.chance(200)).then(|| dice.seconds(600, 6_000));
        Self { dice, declares, closes: BTreeMap::new(), calm: false }
    }

    /// From now on nobody waits for long.
    pub(crate) fn calm(&mut self, now: Duration) {
        self.calm = true;
        self.declares = None;
        self.closes.values_mut().for_each(|due| *due = now + self.dice.seconds(60, 1_200));
    }

    /// The meta repository has moved: everybody learns what is open there.
    pub(crate) fn look(&mut self, lens: &Lens) {
        let now = lens.truth.elapsed();
        for (id, declared) in declared(&lens.truth) {
            let mut records = lens.truth.records.lock().unwrap();
            if records.incidents.contains_key(&id) {
                continue;
            }
            let about = declared.unit.as_ref().map_or("everything", |unit| unit.as_str());
            let line = format!("+ incident {id} of {about} is open");
            records.incidents.insert(id.clone(), declared);
            drop(records);
            lens.note(format_args!("{line}"));
            let patience = if self.calm { self.dice.seconds(60, 1_200) } else { self.dice.seconds(300, 6_000) };
            self.closes.insert(id, now + patience);
        }
    }

    /// Does everything whose time has come.
    pub(crate) fn act(&mut self, lens: &Lens) {
        let now = lens.truth.elapsed();
        if self.declares.is_some_and(|due| due <= now) {
            self.declares = None;
            declare(lens);
        }
        let is_due =
            |id: &str, due: Duration| due <= now && (!self.calm || lens.truth.records.lock().unwrap().begun.contains(id));
        let due: Vec<String> = self.closes.iter().filter(|(id, due)| is_due(id, **due)).map(|(id, _)| id.clone()).collect();
        for id in due {
            self.closes.remove(&id);
            close(lens, &id);
        }
    }

    /// Whether something is left for them to do.
    pub(crate) fn are_busy(&self) -> bool {
        self.declares.is_some() || !self.closes.is_empty()
    }
}

/// Everything that is declared in `incidents/`, as of now.
fn declared(truth: &Truth) -> BTreeMap<String, Declared> {
    let (meta, head) = meta(truth);
    let files = truth.files(&meta, &head, "incidents");
    let read = |(path, file): (RepoPath, SourceFile)| {
        let it: Value = serde_json::from_slice(&file.bytes).unwrap();
        let id = path.as_str().trim_start_matches("incidents/").trim_end_matches(".yaml").to_owned();
        let unit = it["spec"]["unit"].as_str().map(|unit| unit.parse().unwrap());
        let since = it["spec"]["since"].as_str().unwrap().parse().unwrap();
        (id, Declared { unit, since, opened: truth.elapsed(), closed: None })
    };
    files.into_iter().map(read).collect()
}

fn declare(lens: &Lens) {
    let declared = json!({
        "apiVersion": "pathops.dev/v1alpha1",
        "kind": "Incident",
        "metadata": { "name": "everything" },
        "spec": { "since": lens.truth.clock_now().to_string(), "summary": "Nothing works." },
    });
    write(lens, "everything", &declared);
    lens.note(format_args!("+ bob declares an incident of everything"));
}

/// Nothing is over before it began, whatever the clock shows.
fn close(lens: &Lens, id: &str) {
    let truth = &lens.truth;
    let (meta, head) = meta(truth);
    let path = file_of(id);
    let files = truth.files(&meta, &head, "incidents");
    let mut declared: Value = serde_json::from_slice(&files[&path].bytes).unwrap();
    let since: UnixMillis = declared["spec"]["since"].as_str().unwrap().parse().unwrap();
    let closed = truth.clock_now().max(since);
    declared["spec"]["closed"] = closed.to_string().into();
    // Whoever reads it from now on knows.
    truth.records.lock().unwrap().incidents.get_mut(id).unwrap().closed = Some(closed);
    write(lens, id, &declared);
    lens.note(format_args!("+ incident {id} is closed by bob, as of {closed}"));
}

fn write(lens: &Lens, id: &str, declared: &Value) {
    let truth = &lens.truth;
    let (meta, head) = meta(truth);
    let file = Some(SourceFile { bytes: declared.to_string().into_bytes(), executable: false });
    let new = NewCommit {
        branch: "main".parse().unwrap(),
        expected_head: head,
        message: format!("Say how {id} is\n"),
        author: Principal::Human(person("bob")),
        at: truth.clock_now(),
        changes: vec![FileChange { path: file_of(id), file }],
    };
    truth.forge.person(person("bob")).commit(&meta, &new).unwrap();
}

fn file_of(id: &str) -> RepoPath {
    RepoPath::parse(format!("incidents/{id}.yaml")).unwrap()
}

fn meta(truth: &Truth) -> (RepoId, CommitId) {
    let meta = repo("shop/meta");
    let head = truth.head(&meta, &"main".parse().unwrap()).unwrap();
    (meta, head)
}
