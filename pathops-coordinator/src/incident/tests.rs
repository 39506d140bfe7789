use std::collections::BTreeSet;

use pathops_core::Digest;
use pathops_core::evidence::{EvidenceId, Incident as Statement, Predicate as _};

use super::*;

const AT: UnixMillis = UnixMillis(0);

fn unit(name: &str) -> UnitId {
    name.parse().unwrap()
}

fn start() -> Start {
    let incident = OpenIncident { id: "odd".to_owned(), unit: None, since: AT, summary: "Orders are lost.".to_owned() };
    Start {
        project: "shop".parse().unwrap(),
        meta_repo: "shop/meta".parse().unwrap(),
        environment: "production".parse().unwrap(),
        incident,
        apps: BTreeSet::new(),
        again: 0,
        at: AT,
    }
}

fn reached(all: &[(&str, &str)]) -> Outcome {
    let reached = |(name, change_set): &(&str, &str)| {
        let runs = Subject::named(format!("{name}@production")).with_sha256(&Digest::of(name.as_bytes()));
        (unit(name), Reached { change_set: change_set.parse().unwrap(), runs })
    };
    Outcome::Reached(all.iter().map(reached).collect())
}

fn signed(name: &str) -> Outcome {
    let digest = Digest::of(name.as_bytes());
    Outcome::Signed(EvidenceRecord {
        id: EvidenceId(digest),
        name: name.to_owned(),
        predicate_type: Statement::TYPE.to_owned(),
        envelope: digest,
        location: "memory".to_owned(),
        leaf: None,
        certificates: None,
    })
}

fn failed() -> Outcome {
    Outcome::Failed { reason: "it is out of reach".to_owned() }
}

fn proposed(change_set: &str) -> Outcome {
    Outcome::Proposed(WayBack::To([(unit("orders"), change_set.parse().unwrap())].into()))
}

fn closed() -> Outcome {
    Outcome::Over(End::Closed { at: UnixMillis(1_000), seen_in: "a".repeat(40).parse().unwrap() })
}

/// A run, driven by hand. After each step, nothing that ended before changes anything by ending once more.
struct Course {
    state: State,
    open: Vec<Command>,
    ended: Vec<(Command, Outcome)>,
}

impl Course {
    fn begun() -> Self {
        let (state, open) = Incident::start(&start());
        Self { state, open, ended: Vec::new() }
    }

    /// What is open, in a few words.
    fn open(&self) -> Vec<String> {
        let mut open: Vec<String> = self.open.iter().map(words).collect();
        open.sort();
        open
    }

    fn ends(&mut self, what: &str, outcome: Outcome) -> &mut Self {
        let place = self.open.iter().position(|command| words(command) == what);
        let place = place.unwrap_or_else(|| panic!("`{what}` is not open: {:?}", self.open()));
        let command = self.open.remove(place);
        let (state, opened) = Incident::step(self.state.clone(), &command, &outcome, AT);
        self.state = state;
        self.open.extend(opened);
        self.ended.push((command, outcome));
        for (command, outcome) in self.ended.iter().filter(|(command, _)| !self.open.contains(command)) {
            let (state, opened) = Incident::step(self.state.clone(), command, outcome, AT);
            assert_eq!((&state, opened), (&self.state, Vec::new()), "{command:?} ends once more, with {outcome:?}");
        }
        assert_eq!(self.state.has_ended(), self.open.is_empty(), "{:?} with {:?}", self.state, self.open());
        self
    }
}

fn words(command: &Command) -> String {
    let errand = |errand: &Errand| match errand {
        Errand::Snapshot { unit } => format!("snapshot {unit}"),
        Errand::Propose { change_set } => format!("propose {change_set}"),
        Errand::Sign { about, .. } => format!("sign {}", about.len()),
    };
    match command {
        Command::Watch { known, .. } => format!("watch {}", known.len()),
        Command::Do { errand: it, .. } => errand(it),
        Command::Later { errand: it, tries, .. } => format!("later {tries} {}", errand(it)),
    }
}

#[test]
fn from_its_declaration_to_its_signed_end() {
    let mut it = Course::begun();
    assert_eq!(it.open(), ["watch 0"]);
    it.ends("watch 0", reached(&[("orders", "two"), ("store", "two"), ("web", "one")]));
    assert_eq!(it.open(), ["snapshot orders", "snapshot store", "snapshot web", "watch 3"], "all at once");
    it.ends("snapshot web", signed("web")).ends("snapshot orders", signed("orders"));
    assert_eq!(it.open(), ["propose one", "snapshot store", "watch 3"], "of each change set once all of it was tried");
    it.ends("snapshot store", signed("store")).ends("propose one", proposed("none")).ends("propose two", proposed("one"));
    // What is known already is not looked at again, and of a change set that people were told of they are not told again.
    it.ends("watch 3", reached(&[("orders", "three"), ("catalog", "two"), ("billing", "three")]));
    assert_eq!(it.open(), ["snapshot billing", "snapshot catalog", "watch 5"]);
    it.ends("snapshot catalog", signed("catalog")).ends("snapshot billing", signed("billing"));
    assert_eq!(it.open(), ["propose three", "watch 5"]);
    it.ends("propose three", proposed("two")).ends("watch 5", closed());
    assert_eq!(it.open(), ["sign 5"]);
    it.ends("sign 5", signed("odd"));
    let Some(Over { end: End::Closed { at: UnixMillis(1_000), .. }, signed: Some(Standing::Done(record)) }) = &it.state.over
    else {
        panic!("{:?}", it.state.over)
    };
    assert_eq!(record.name, "odd");
    assert!(it.state.affected.values().all(|it| matches!(it.snapshot, Standing::Done(_))));
    assert_eq!(it.state.affected[&unit("orders")].reached.change_set.as_str(), "two");
}

#[test]
fn what_cannot_be_done_is_tried_again_and_keeps_nothing_else_waiting() {
    let mut it = Course::begun();
    it.ends("watch 0", reached(&[("orders", "one")])).ends("snapshot orders", failed());
    assert_eq!(it.open(), ["later 1 snapshot orders", "propose one", "watch 1"]);
    it.ends("later 1 snapshot orders", Outcome::Due).ends("snapshot orders", failed());
    it.ends("propose one", failed()).ends("later 1 propose one", Outcome::Due).ends("propose one", proposed("none"));
    it.ends("later 2 snapshot orders", Outcome::Due).ends("snapshot orders", signed("orders"));
    it.ends("watch 1", closed()).ends("sign 1", failed());
    let later = it.open.last().unwrap();
    assert!(Incident::wants(&it.state, later), "that it is over is signed, however long that takes");
    it.ends("later 1 sign 1", Outcome::Due).ends("sign 1", signed("odd"));
    assert!(it.state.has_ended());
}

#[test]
fn once_it_is_over_what_was_begun_comes_to_its_end_and_nothing_is_begun() {
    let mut it = Course::begun();
    it.ends("watch 0", reached(&[("orders", "one"), ("store", "one"), ("web", "two")]));
    it.ends("snapshot web", failed()).ends("propose two", failed()).ends("watch 3", closed());
    let rests: Vec<_> = it.open.iter().filter(|command| !Incident::wants(&it.state, command)).map(words).collect();
    assert_eq!(rests, ["later 1 snapshot web", "later 1 propose two"], "and nothing else is given up");
    it.ends("later 1 snapshot web", Outcome::Dropped).ends("later 1 propose two", Outcome::Due);
    it.ends("snapshot orders", failed());
    assert_eq!(it.open(), ["snapshot store"], "people are told nothing any more");
    it.ends("snapshot store", signed("store")).ends("sign 3", signed("odd"));
    let missed = |standing: &Standing<_>| matches!(standing, Standing::Missed { reason } if reason == "it is out of reach");
    assert!(missed(&it.state.affected[&unit("orders")].snapshot) && missed(&it.state.affected[&unit("web")].snapshot));
    assert!(matches!(it.state.ways_back.values().collect::<Vec<_>>()[..], [Standing::Missed { .. }]));
}

#[test]
fn without_a_declaration_it_is_over_and_with_another_instant_it_is_another_one() {
    let removed = || Outcome::Over(End::Removed { at: AT, seen_in: "a".repeat(40).parse().unwrap() });
    Course::begun().ends("watch 0", removed()).ends("sign 0", signed("odd"));
    let redeclared = || Outcome::Over(End::Redeclared { since: UnixMillis(5) });
    Course::begun().ends("watch 0", redeclared());
    let mut it = Course::begun();
    it.ends("watch 0", reached(&[("orders", "one")])).ends("watch 1", redeclared());
    it.ends("snapshot orders", signed("orders"));
    assert!(it.state.has_ended() && it.state.over.as_ref().is_some_and(|over| over.signed.is_none()));
}

#[test]
fn what_is_about_something_else_changes_nothing() {
    let mut it = Course::begun();
    it.ends("watch 0", reached(&[("orders", "one")]));
    let of = Box::new(start());
    let snapshot = |name: &str| Command::Do { of: of.clone(), errand: Errand::Snapshot { unit: unit(name) }, tries: 0 };
    let again = Command::Do { of: of.clone(), errand: Errand::Snapshot { unit: unit("orders") }, tries: 1 };
    let later = Command::Later { errand: Errand::Snapshot { unit: unit("orders") }, tries: 1, reason: String::new() };
    let earlier = Command::Watch { of: of.clone(), known: BTreeSet::new() };
    for (command, outcome) in [
        (again, signed("orders")),
        (snapshot("web"), signed("web")),
        (snapshot("web"), failed()),
        (snapshot("orders"), proposed("one")),
        (snapshot("orders"), Outcome::Dropped),
        (later, Outcome::Due),
        (earlier.clone(), reached(&[("web", "one")])),
        (earlier, closed()),
    ] {
        let (state, opened) = Incident::step(it.state.clone(), &command, &outcome, AT);
        assert_eq!((state, opened), (it.state.clone(), Vec::new()), "{command:?}, {outcome:?}");
    }
}

#[test]
fn it_waits_in_its_watch_and_before_it_tries_again_only() {
    let mut it = Course::begun();
    it.ends("watch 0", reached(&[("orders", "one"), ("web", "one")])).ends("snapshot web", failed());
    let waits: Vec<_> = it.open.iter().filter(|command| Incident::waits(command)).map(words).collect();
    assert_eq!(waits, ["watch 2", "later 1 snapshot web"]);
    assert!(it.open.iter().all(|command| Incident::goes_on(&it.state, command)));
}

#[test]
fn whatever_people_call_it_it_has_a_run_of_its_own() {
    let meta = || "shop/meta".parse().unwrap();
    let run = |repo: RepoId, id: &str, since: i64, again: u32| {
        let incident = OpenIncident { id: id.to_owned(), unit: None, since: UnixMillis(since), summary: String::new() };
        run_id(&repo, &incident, again).unwrap().to_string()
    };
    assert!(run(meta(), "INC-7: Orders are lost", 0, 0).starts_with("incident-inc-7--orders-are-lo-"));
    let long = "a-".repeat(200);
    let names = ["odd", "ODD", "", "-", "---", "ödd", "\u{1f525}", "a b", "a/b", "a\nb", "no.thing", &long, &long[..199]];
    let mut all = BTreeSet::new();
    for name in names {
        for (since, again) in [(0, 0), (1, 0), (0, 1)] {
            all.insert(run(meta(), name, since, again));
            all.insert(run("other/meta".parse().unwrap(), name, since, again));
        }
    }
    assert_eq!(all.len(), names.len() * 6);
    let ends_as_a_change_set = |run: &String| run.rsplit('-').next().is_none_or(|tail| tail.len() != 32);
    assert!(!all.iter().any(ends_as_a_change_set), "{all:?}");
}

/// What an incident of a whole project has to do at once grows with the project, and no faster.
#[test]
fn of_many_units_no_transition_is_large() {
    let names: Vec<String> = (0..400).map(|number| format!("an-app-of-many-{number}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "two")).collect();
    let mut course = Course::begun();
    course.ends("watch 0", reached(&all));
    let bytes = serde_json::to_vec(&course.open).unwrap().len();
    assert!(course.open.len() > all.len() && bytes < 400_000, "{} commands in {bytes} bytes", course.open.len());
}
