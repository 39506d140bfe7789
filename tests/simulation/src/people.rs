//! People: they push, review, merge and close. Early, late, twice, or not before everything has calmed down; and not always
//! those who may.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pathops_coordinator::change_set::{Command, PullRequestRef, Role};
use pathops_core::adapter::{FileChange, NewCommit, PullRequest, PullRequestState, ReviewState, SourceFile};
use pathops_core::{PersonId, Principal, PullRequestNumber, RepoId, RepoPath, UnitId};

use crate::dice::Dice;
use crate::lens::Lens;
use crate::shape::{BROKEN, GUEST, OWNER, REVIEWERS, SECRET, STRANGER, person};
use crate::step::Step;
use crate::truth::{Place, Truth, cx, wait};

/// Something that somebody is going to do with a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    /// Do the task.
    Work,
    /// Push what nobody asked for.
    Meddle {
        by: &'static str,
        with: Option<&'static str>,
    },
    Review {
        by: &'static str,
        state: ReviewState,
    },
    Merge {
        by: &'static str,
    },
    Close {
        by: &'static str,
    },
    Say {
        by: &'static str,
    },
}

#[derive(Clone, Debug)]
struct Planned {
    due: Duration,
    repo: RepoId,
    number: PullRequestNumber,
    act: Act,
}

/// Everybody, and what they are up to.
#[derive(Debug)]
pub(crate) struct People {
    dice: Dice,
    agenda: Vec<Planned>,
    /// What people were called for last, by pull request.
    called: BTreeMap<(RepoId, u64), Command>,
    /// Pull requests that people have found.
    found: BTreeSet<(RepoId, u64)>,
    calm: bool,
}

impl People {
    pub(crate) fn new(dice: &Dice) -> Self {
        Self { dice: dice.of("people"), agenda: Vec::new(), called: BTreeMap::new(), found: BTreeSet::new(), calm: false }
    }

    /// From now on everybody does what they are called for, and nothing else.
    pub(crate) fn calm(&mut self, now: Duration) {
        self.calm = true;
        self.agenda.clear();
        for command in std::mem::take(&mut self.called).into_values() {
            self.called_for(now, &command);
        }
    }

    /// PathOps waits for people.
    pub(crate) fn called_for(&mut self, now: Duration, command: &Command) {
        let (pull_request, role, review, merge) = match command {
            Command::AwaitMerge { pull_request, role, .. } => (pull_request, *role, *role == Role::Source, true),
            Command::Promote { pull_request, role, until_merged, .. } => (pull_request, *role, true, *until_merged),
            Command::Work { pull_request, patch: None, .. } => {
                self.called.insert((pull_request.repo.clone(), pull_request.number.0), command.clone());
                return self.plan(now, pull_request, Act::Work, 10, 900);
            }
            _ => return,
        };
        let place = (pull_request.repo.clone(), pull_request.number.0);
        let before = self.called.insert(place, command.clone());
        let merging = matches!(&before, Some(Command::AwaitMerge { .. } | Command::Promote { until_merged: true, .. }));
        if before.is_none() {
            self.chatter(now, pull_request, role);
        }
        if review && (self.calm || before.is_none()) {
            self.reviews(now, pull_request, role);
        }
        if merge && (self.calm || (!merging && !self.dice.chance(100))) {
            let act = Act::Merge { by: "erin" };
            self.plan(now, pull_request, act, 5, if self.dice.chance(300) { 4_000 } else { 120 });
        }
    }

    fn reviews(&mut self, now: Duration, pull_request: &PullRequestRef, role: Role) {
        let late = if self.dice.chance(200) { 4_000 } else { 200 };
        let approves = |by| Act::Review { by, state: ReviewState::Approved };
        if self.calm || role == Role::Source {
            for by in ["erin", "frank"] {
                self.plan(now, pull_request, approves(by), 1, 60);
            }
            // Nobody insists any more.
            for by in ["bob", "carol", OWNER, GUEST, STRANGER].into_iter().filter(|_| self.calm).collect::<Vec<_>>() {
                self.plan(now, pull_request, Act::Review { by, state: ReviewState::Dismissed }, 1, 60);
            }
            return;
        }
        // Whoever says yes: those who may, those who may not, nobody.
        let voices = 1 + self.dice.below(4);
        for _ in 0..voices {
            let by = *self.dice.pick(&["bob", "bob", "carol", "carol", "erin", "frank", OWNER, GUEST, STRANGER]);
            let state = *self.dice.pick(&[
                ReviewState::Approved,
                ReviewState::Approved,
                ReviewState::Approved,
                ReviewState::ChangesRequested,
                ReviewState::Commented,
            ]);
            self.plan(now, pull_request, Act::Review { by, state }, 1, late);
            if self.dice.chance(300) {
                self.plan(now, pull_request, Act::Review { by, state: ReviewState::Dismissed }, 100, 1_800);
            }
        }
    }

    /// What people do beside what they are asked to.
    fn chatter(&mut self, now: Duration, pull_request: &PullRequestRef, role: Role) {
        if self.calm {
            return;
        }
        let dice = self.dice.clone();
        if dice.chance(80) {
            let by = *dice.pick(&["bob", "carol", OWNER]);
            let with = dice.chance(300).then(|| *dice.pick(&["carol", "somebody"]));
            self.plan(now, pull_request, Act::Meddle { by, with }, 1, 300);
        }
        if dice.chance(150) {
            self.plan(now, pull_request, Act::Say { by: "carol" }, 1, 300);
        }
        if dice.chance(30) {
            self.plan(now, pull_request, Act::Close { by: "bob" }, 1, 600);
        }
        if role == Role::Production && dice.chance(300) {
            // As soon as it is there, whatever is missing.
            for _ in 0..3 {
                self.plan(now, pull_request, Act::Merge { by: "bob" }, 1, 60);
            }
        }
    }

    /// Pull requests that nobody was called for yet: people find them by themselves.
    pub(crate) fn found(&mut self, now: Duration, repo: &RepoId, opened: &PullRequest) {
        if !self.found.insert((repo.clone(), opened.number.0)) || self.calm {
            return;
        }
        let dice = self.dice.clone();
        let Some(place) = Place::of(repo, &opened.head_branch) else { return };
        let plan = |people: &mut Self, act, from, to| {
            let due = now + people.dice.seconds(from, to);
            people.agenda.push(Planned { due, repo: repo.clone(), number: opened.number, act });
        };
        if dice.chance(60) {
            let by = *dice.pick(&["bob", "carol", OWNER]);
            plan(self, Act::Meddle { by, with: None }, 0, 120);
        }
        if place.role == Role::Preflight && dice.chance(30) {
            plan(self, Act::Merge { by: "bob" }, 0, 120);
        }
        if place.role == Role::Production && dice.chance(200) {
            let by = *dice.pick(&["bob", "carol"]);
            plan(self, Act::Review { by, state: ReviewState::Approved }, 0, 30);
        }
    }

    fn plan(&mut self, now: Duration, pull_request: &PullRequestRef, act: Act, from: u64, to: u64) {
        let due = now + self.dice.seconds(from, to);
        let PullRequestRef { repo, number, .. } = pull_request.clone();
        if self.calm && self.agenda.iter().any(|it| (&it.repo, it.number, &it.act) == (&repo, number, &act)) {
            return;
        }
        self.agenda.push(Planned { due, repo, number, act });
    }

    /// Does everything whose time has come. What cannot be done yet is tried again.
    pub(crate) fn act(&mut self, lens: &Lens) {
        let now = lens.truth.elapsed();
        let (mut due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.agenda).into_iter().partition(|it| it.due <= now);
        self.agenda = later;
        due.sort_by_key(|it| it.due);
        for planned in due {
            let done = self.perform(lens, &planned);
            // Whoever was called for tries again; the others forget about it.
            if !done && matches!(planned.act, Act::Work | Act::Merge { by: "erin" }) {
                let due = now + self.dice.seconds(20, 120);
                self.agenda.push(Planned { due, ..planned });
            }
        }
    }

    fn perform(&self, lens: &Lens, planned: &Planned) -> bool {
        let Planned { repo, number, act, .. } = planned;
        let truth = &lens.truth;
        let now = truth.pull_request(repo, *number);
        if now.state != PullRequestState::Open {
            return true;
        }
        let done = match act {
            Act::Work => {
                let broken = !self.calm && self.dice.chance(200);
                let text = if broken { BROKEN.to_owned() } else { format!("by hand, {}", self.dice.below(1_000)) };
                push(truth, repo, &now, OWNER, "Do it", &text)
            }
            Act::Meddle { by, with } => {
                let host = if *with == Some("somebody") { "example.com" } else { "people.invalid" };
                let message = match with {
                    Some(with) => format!("Help\n\nCo-authored-by: {with} <{with}@{host}>\n"),
                    None => "Help".to_owned(),
                };
                push(truth, repo, &now, by, &message, "helped")
            }
            Act::Review { by, state } => {
                let says = if self.dice.chance(100) { SECRET } else { "as you say" };
                truth.forge.person(person(by)).review(repo, *number, &now.head, *state, says).is_ok()
            }
            Act::Merge { by } => {
                let merged = truth.forge.person(person(by)).merge(repo, *number, &now.head);
                if merged.is_ok() {
                    lens.note(format_args!("+ {repo}{number} is merged by {by}"));
                    let by = Principal::Human(person(by));
                    lens.step(&Step::Merged { repo, number: *number, head: &now.head, by: &by });
                }
                return merged.is_ok();
            }
            Act::Close { by } => {
                let scm = truth.forge.scm(Principal::Human(person(by)));
                wait(scm.close_pull_request(&cx(), repo, *number)).is_ok()
            }
            Act::Say { by } => truth.forge.person(person(by)).comment(repo, *number, "bob merged it").is_ok(),
        };
        lens.note(format_args!("+ {repo}{number} {act:?}: {}", if done { "done" } else { "not possible" }));
        done
    }
}

fn push(truth: &Truth, repo: &RepoId, now: &PullRequest, by: &str, message: &str, text: &str) -> bool {
    let Some(place) = Place::of(repo, &now.head_branch) else { return false };
    let folder = match place.role {
        Role::Source => "src",
        Role::Production | Role::Restore => "environments/production",
        Role::Preflight | Role::Recovery => "environments/preflight",
    };
    let path = RepoPath::parse(format!("{folder}/{by}.txt")).unwrap();
    let change = NewCommit {
        branch: now.head_branch.clone(),
        expected_head: now.head.clone(),
        message: message.to_owned(),
        author: Principal::Human(person(by)),
        at: truth.clock_now(),
        changes: vec![FileChange { path, file: Some(SourceFile { bytes: text.as_bytes().to_vec(), executable: false }) }],
    };
    let Ok(commit) = truth.forge.person(person(by)).commit(repo, &change) else { return false };
    let mut records = truth.records.lock().unwrap();
    records.by_people.insert(commit);
    let parts: &mut BTreeSet<PersonId> = records.parts.entry((place.change_set, place.unit)).or_default();
    parts.insert(person(by));
    parts.extend(
        REVIEWERS.iter().filter(|reviewer| message.contains(&format!("Co-authored-by: {reviewer}"))).map(|it| person(it)),
    );
    true
}

/// Who could approve a change of a unit, which the owner asks for: those with a role who have no part in it.
pub(crate) fn may_approve(truth: &Truth, change_set: &str, unit: &UnitId, by: &PersonId) -> bool {
    let known = REVIEWERS.iter().any(|reviewer| by.as_str() == *reviewer);
    let records = truth.records.lock().unwrap();
    let has_part = records.parts.get(&(change_set.to_owned(), unit.clone())).is_some_and(|parts| parts.contains(by));
    known && !has_part
}
