//! A wall clock that jumps, by days, at each moment of a change set's way. In memory and virtual time, since the machine's
//! clock cannot be steered without the machine: waiting goes by a clock that never jumps, and every date is off from then on.
//!
//! What passes is what would have passed without the jump. Evidence that has become too old is no pass: the change set is
//! refused with that reason, and everything is put back. What is dated in the future is none before its time has come, and is
//! waited for, since time alone mends it. Nothing is left half-done either way.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pathops_coordinator::change_set::{Command, End, Role, State};
use pathops_core::adapter::{Clock as _, PullRequestState};
use pathops_core::memory::MemoryJournal;
use pathops_core::project::EnvironmentKind;
use pathops_core::{Principal, PullRequestNumber, UnixMillis};

use crate::world::{World, cx, feature_of, repo, wait};

const DAY: i64 = 86_400_000;

/// Longer than evidence of preflight may be old, and not longer than unit tests may.
const FORWARDS: i64 = 3 * DAY;
const BACKWARDS: i64 = -DAY;
/// So far that it is waited for until the clock has caught up.
const A_LITTLE_BACK: i64 = -300_000;

/// So many looks people hesitate after a jump, where they do: the control plane has noticed it by then.
const LOOKS: u32 = 100;

const NOT_LOOKING: &str = "the GitOps controller is not looking at it";

/// So long after a command has begun that this holds for.
struct Moment {
    begins: fn(&Command) -> bool,
    after: Duration,
    /// Whether people merge into production only once the jump has been noticed.
    hesitant: bool,
}

impl Moment {
    const fn when(begins: fn(&Command) -> bool) -> Self {
        Self { begins, after: Duration::ZERO, hesitant: false }
    }

    const fn after(self, seconds: u64) -> Self {
        Self { after: Duration::from_secs(seconds), ..self }
    }

    const fn hesitant(self) -> Self {
        Self { hesitant: true, ..self }
    }
}

/// Carries a change of one unit out with a clock that jumps at that moment, and checks that nothing is half-done.
fn jumped(moment: &'static Moment, jump: i64) -> State {
    let world = World::new(MemoryJournal::new());
    let before = (branch(&world, "preflight"), branch(&world, "production"));
    let due: Arc<Mutex<Option<UnixMillis>>> = Arc::default();
    let (clock, set) = (world.clock.clone(), due.clone());
    let world = world.watched(move |command| {
        if (moment.begins)(command) {
            set.lock().unwrap().get_or_insert_with(|| clock.now() + moment.after);
        }
    });
    world.hesitant.store(moment.hesitant, Ordering::SeqCst);
    let looks = Cell::new(0);
    let ended = world.run(feature_of(&["catalog"], "better", None), "k", || {
        if looks.get() == 0 && due.lock().unwrap().is_some_and(|due| world.clock.now() >= due) {
            world.clock.set_wall_offset(jump);
            looks.set(1);
        } else if looks.get() > 0 {
            looks.set(looks.get() + 1);
        }
        if looks.get() == LOOKS {
            world.hesitant.store(false, Ordering::SeqCst);
        }
        false
    });
    let state = ended.unwrap().unwrap();
    assert!(looks.get() > 0, "the clock never jumped");
    nothing_half_done(&world, &state, &before);
    state
}

/// Where it went to production everything ran once; where it did not, both environments are what they were. No pull request
/// is left open, and a failure has its snapshot.
#[track_caller]
fn nothing_half_done(world: &World, state: &State, before: &(String, String)) {
    let now = (branch(world, "preflight"), branch(world, "production"));
    let deployed = world.deployed.lock().unwrap().clone();
    match state.end {
        Some(End::Live) => assert_eq!(deployed, ["catalog@preflight", "catalog@production"]),
        Some(End::Recovered) => assert_eq!(now, *before, "both environments are what they were"),
        Some(End::Incomplete) => assert_eq!(now.0, before.0, "preflight is what it was, and production is for people"),
        Some(End::Cancelled) | None => panic!("it has not ended as it should: {:?}", state.end),
    }
    assert_eq!(open(world), Vec::<String>::new());
    let snapshots: usize = state.units.values().map(|progress| progress.snapshots.len()).sum();
    assert!(state.failure.is_none() || snapshots > 0, "the failure has no snapshot");
}

/// What a branch of desired state asks for.
fn branch(world: &World, name: &str) -> String {
    let (scm, repo) = (world.forge.scm(Principal::System), repo("shop/catalog-gitops"));
    let head = wait(scm.branch_head(&cx(), &repo, &name.parse().unwrap())).unwrap().unwrap();
    let path = format!("environments/{name}").parse().unwrap();
    wait(scm.tree_at(&cx(), &repo, &head, &path)).unwrap().unwrap().to_string()
}

fn open(world: &World) -> Vec<String> {
    let scm = world.forge.scm(Principal::System);
    let mut open = Vec::new();
    for name in ["shop/catalog-src", "shop/catalog-gitops"] {
        let all = (1..).map_while(|number| wait(scm.pull_request(&cx(), &repo(name), PullRequestNumber(number))).ok());
        open.extend(all.filter(|it| it.state == PullRequestState::Open).map(|it| it.title));
    }
    open
}

#[track_caller]
fn live(moment: &'static Moment, jump: i64) {
    let state = jumped(moment, jump);
    assert_eq!((state.end, state.failure), (Some(End::Live), None));
}

#[track_caller]
fn refused(moment: &'static Moment, jump: i64, reason: &str) {
    let state = jumped(moment, jump);
    let failure = state.failure.map(|failure| failure.reason).unwrap_or_default();
    assert_eq!((state.end, failure.as_str()), (Some(End::Recovered), reason));
}

fn observes(command: &Command, kind: EnvironmentKind) -> bool {
    matches!(command, Command::Observe { target, .. } if target.kind == kind)
}

/// The run has no evidence yet, and all of it is dated after the jump. Backwards it waits for a day: this CI says of itself
/// how long it takes, by the wall clock.
#[test]
fn during_ci() {
    const CI: Moment = Moment::when(|command| matches!(command, Command::Build { .. })).after(1);
    live(&CI, FORWARDS);
    live(&CI, BACKWARDS);
}

#[test]
fn while_a_review_of_the_source_is_waited_for() {
    const REVIEW: Moment = Moment::when(|command| matches!(command, Command::AwaitMerge { role: Role::Source, .. }));
    live(&REVIEW, FORWARDS);
    refused(&REVIEW, 10 * DAY, "catalog may not go to production yet: unit-tests");
    live(&REVIEW, A_LITTLE_BACK);
}

/// The jobs are dated before the jump. Backwards, the controller has not looked since the deployment was asked for, as the
/// dates have it: that is waited for as long as for any deployment.
#[test]
fn during_the_deployment_in_preflight() {
    const DEPLOY: Moment = Moment::when(|command| observes(command, EnvironmentKind::Preflight)).after(1);
    refused(&DEPLOY, FORWARDS, "catalog may not go to production yet: preflight-smoke");
    refused(&DEPLOY, BACKWARDS, NOT_LOOKING);
}

#[test]
fn while_it_settles_in_preflight() {
    const SETTLE: Moment = Moment::when(|command| observes(command, EnvironmentKind::Preflight)).after(5);
    refused(&SETTLE, FORWARDS, "catalog may not go to production yet: preflight-smoke");
    refused(&SETTLE, BACKWARDS, NOT_LOOKING);
}

#[test]
fn between_the_first_decision_and_the_approval() {
    const DECIDED: Moment = Moment::when(|command| matches!(command, Command::Propose { .. }));
    let of_preflight = "preflight-deployment, preflight-health, preflight-smoke";
    refused(&DECIDED, FORWARDS, &format!("catalog may not go to production yet: {of_preflight}"));
    live(&DECIDED, A_LITTLE_BACK);
}

/// What was granted and merged at once stays what it was.
#[test]
fn between_the_grant_and_a_merge_at_once() {
    const GRANTED: Moment = Moment::when(|command| matches!(command, Command::Promote { until_merged: true, .. }));
    live(&GRANTED, FORWARDS);
    live(&GRANTED, BACKWARDS);
}

/// Where people take their time, the grant is taken back before they can.
#[test]
fn between_the_grant_and_a_merge_later() {
    const GRANTED: Moment = Moment::when(|command| matches!(command, Command::Promote { until_merged: true, .. })).hesitant();
    let of_preflight = "preflight-deployment, preflight-health, preflight-smoke";
    refused(&GRANTED, FORWARDS, &format!("catalog may not go to production yet: {of_preflight}"));
    live(&GRANTED, A_LITTLE_BACK);
}

/// Nothing that is decided about is dated any more. Backwards, nobody can prove that it is live, and nothing ran before that
/// could be gone back to.
#[test]
fn during_the_deployment_in_production() {
    const BEGINS: fn(&Command) -> bool = |command| observes(command, EnvironmentKind::Production);
    const DEPLOY: Moment = Moment::when(BEGINS).after(1);
    const SETTLE: Moment = Moment::when(BEGINS).after(5);
    for moment in [&DEPLOY, &SETTLE] {
        live(moment, FORWARDS);
        let state = jumped(moment, BACKWARDS);
        assert_eq!((state.end, state.failure.unwrap().reason.as_str()), (Some(End::Incomplete), NOT_LOOKING));
        let problem = state.units.into_values().next().and_then(|progress| progress.problem).unwrap();
        assert_eq!(problem, "production ran nothing before, so there is no combination to go back to");
    }
}
