//! Every state with every transition, each with a proof that would do: allowed, or refused with what is allowed instead.

use std::collections::BTreeMap;
use std::fmt::Debug;

use pathops_core::lifecycle::{
    AppLifecycle, ArtifactLifecycle, ArtifactState, ChangeSetLifecycle, ChangeSetState, Granted, Needs, Preflight, Proven,
    Record, Subject, TransitionError,
};
use pathops_core::project::{Lifecycle, Role};
use pathops_core::{UnitId, UnixMillis};

use crate::shop::AT;
use crate::world::{app, artifact, change_set, declarations, incident, merged, open, owner, preflight, production, says, unit};

type After<T> = Result<Record<T>, TransitionError<<T as Subject>::State>>;

/// A transition by its name, with a proof that would do.
struct Move<T: Subject> {
    name: &'static str,
    to: T::State,
    make: fn(&Record<T>) -> After<T>,
}

/// Makes every move in every state. `allowed` has, for each state, the moves that lead on; `ways` what an error tells.
fn check<T: Subject>(
    states: &[Record<T>],
    moves: &[Move<T>],
    allowed: impl Fn(T::State) -> &'static [&'static str],
    ways: impl Fn(T::State) -> Vec<(T::State, &'static [Needs])>,
) where
    T::State: Debug,
{
    for before in states {
        let from = before.state();
        for Move { name, to, make } in moves {
            let answer = make(before);
            if allowed(from).contains(name) {
                let after = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(after.state(), *to, "{from} {name}");
                let last = after.transitions().last().unwrap();
                assert_eq!((last.from, last.to, last.at), (from, *to, AT), "{from} {name}");
                assert_eq!(after.transitions().len(), before.transitions().len() + 1);
                continue;
            }
            let Err(error) = answer else { panic!("`{from}` {name} is let through") };
            assert_eq!((error.from(), error.to(), error.mismatch()), (from, *to, None), "{from} {name}");
            assert_eq!(error.allowed().collect::<Vec<_>>(), ways(from), "{from} {name}");
        }
    }
}

fn apps() -> [AppLifecycle; 3] {
    let ready = app().path_ready(declarations(), &owner(), AT).unwrap();
    let live = ready.promoted(&production("orders").promotion(), AT).unwrap();
    [app(), ready, live]
}

#[test]
fn an_app_goes_only_the_ways_of_its_table() {
    let moves = [
        Move { name: "path-ready", to: Lifecycle::PathReady, make: |it| it.path_ready(declarations(), &owner(), AT) },
        Move {
            name: "promoted",
            to: Lifecycle::Production,
            make: |it| it.promoted(&production("orders").at(AT.0 + 1).promotion(), AT),
        },
        Move { name: "incident", to: Lifecycle::PathReady, make: |it| it.incident(&incident(), AT) },
    ];
    let allowed = |state| match state {
        Lifecycle::Prototype => ["path-ready"].as_slice(),
        Lifecycle::PathReady => &["promoted"],
        Lifecycle::Production => &["promoted", "incident"],
    };
    let ways = |state| {
        let promoted = (Lifecycle::Production, [Needs::Promotion].as_slice());
        match state {
            Lifecycle::Prototype => vec![(Lifecycle::PathReady, [Needs::Declarations].as_slice())],
            Lifecycle::PathReady => vec![promoted],
            Lifecycle::Production => vec![promoted, (Lifecycle::PathReady, &[Needs::Incident])],
        }
    };
    check(&apps(), &moves, allowed, ways);
}

fn artifacts() -> [ArtifactLifecycle; 6] {
    let verified = artifact().verified(&preflight("orders").tried(), AT).unwrap();
    let promotable = verified.promotable(&production("orders").grant(), AT).unwrap();
    let promoted = promotable.promoted(&production("orders").promotion(), AT).unwrap();
    let failed = promoted.failed(&production("orders").failure(), AT).unwrap();
    let retired = promoted.retired(&owner(), AT).unwrap();
    [artifact(), verified, promotable, promoted, failed, retired]
}

#[test]
fn an_artifact_goes_only_the_ways_of_its_table() {
    use ArtifactState as S;
    let moves = [
        Move { name: "verified", to: S::Verified, make: |it| it.verified(&preflight("orders").tried(), AT) },
        Move { name: "decided", to: S::Verified, make: |it| it.decided(&preflight("orders").decided(), AT) },
        Move { name: "promotable", to: S::Promotable, make: |it| it.promotable(&production("orders").at(1).grant(), AT) },
        Move { name: "taken back", to: S::Verified, make: |it| it.taken_back("an incident", AT) },
        Move { name: "promoted", to: S::Promoted, make: |it| it.promoted(&production("orders").promotion(), AT) },
        Move { name: "failed", to: S::NotPromotable, make: |it| it.failed(&preflight("orders").failure(), AT) },
        Move { name: "ruled out", to: S::NotPromotable, make: |it| it.ruled_out(&says("bob", Role::Reviewer), AT) },
        Move { name: "not promotable", to: S::NotPromotable, make: |it| it.not_promotable("web failed", AT) },
        Move { name: "retired", to: S::Retired, make: |it| it.retired(&owner(), AT) },
    ];
    let allowed = |state| match state {
        S::Built => ["verified", "failed", "ruled out", "not promotable", "retired"].as_slice(),
        S::Verified => &["decided", "promotable", "failed", "ruled out", "not promotable", "retired"],
        S::Promotable => &["promotable", "taken back", "promoted", "failed", "ruled out", "not promotable", "retired"],
        S::Promoted => &["failed", "ruled out", "not promotable", "retired"],
        S::NotPromotable => &["failed", "retired"],
        S::Retired => &[],
    };
    let ways = |state| {
        let out = (S::NotPromotable, [Needs::Failure, Needs::Person, Needs::Reason].as_slice());
        let retired = (S::Retired, [Needs::Person].as_slice());
        let granted = (S::Promotable, [Needs::Grant].as_slice());
        match state {
            S::Built => vec![(S::Verified, [Needs::Preflight].as_slice()), out, retired],
            S::Verified => vec![(S::Verified, [Needs::Decisions].as_slice()), granted, out, retired],
            S::Promotable => {
                vec![granted, (S::Verified, &[Needs::TakingBack]), (S::Promoted, &[Needs::Promotion]), out, retired]
            }
            S::Promoted => vec![out, retired],
            S::NotPromotable => vec![(S::NotPromotable, [Needs::Failure].as_slice()), retired],
            S::Retired => Vec::new(),
        }
    };
    check(&artifacts(), &moves, allowed, ways);
}

pub(crate) fn change_sets() -> Vec<ChangeSetLifecycle> {
    let working = change_set().working(&open(&["orders", "store"]), AT).unwrap();
    let review = working.in_review(&open(&["orders"]), AT).unwrap();
    let tried = review.in_preflight(&merged(&["store"]), AT).unwrap();
    let decided = tried.decided(&["orders", "store"].map(|unit| preflight(unit).decided()), AT).unwrap();
    let promoting = ["orders", "store"].into_iter().fold(decided.clone(), |it, unit| {
        let granted = it.granted(&Granted::prove(&production(unit).grant()), AT).unwrap();
        granted.live(&production(unit).promotion(), AT).unwrap()
    });
    let closed = promoting.closed(AT).unwrap();
    let cancelled = review.cancelled(&owner(), AT).unwrap();
    let stopped = review.stopped("alice closed the pull request", AT).unwrap();
    let recovering = stopped.recovering(&open(&["store"]), AT).unwrap();
    let recovered = recovering.recovered(&[preflight("orders").tried()], nothing(&["store"]), AT).unwrap();
    let left = recovering.left_to_people("it is declared forward-only", AT).unwrap();
    vec![change_set(), working, review, tried, decided, promoting, closed, cancelled, stopped, recovering, recovered, left]
}

/// Nothing was observed.
pub(crate) const NONE: [Proven<Preflight>; 0] = [];

pub(crate) fn nothing(units: &[&str]) -> BTreeMap<UnitId, String> {
    units.iter().map(|name| (unit(name), "nothing of it was anywhere".to_owned())).collect()
}

#[test]
fn a_change_set_goes_only_the_ways_of_its_table() {
    use ChangeSetState as S;
    let moves = [
        Move { name: "working", to: S::Working, make: |it| it.working(&open(&["orders", "store"]), AT) },
        Move { name: "in review", to: S::InReview, make: |it| it.in_review(&open(&["orders"]), AT) },
        Move { name: "in preflight", to: S::InPreflight, make: |it| it.in_preflight(&merged(&["orders"]), AT) },
        Move {
            name: "decided",
            to: S::Decided,
            make: |it| it.decided(&["orders", "store"].map(|unit| preflight(unit).decided()), AT),
        },
        Move { name: "closed", to: S::Closed, make: |it| it.closed(AT) },
        Move { name: "cancelled", to: S::Cancelled, make: |it| it.cancelled(&owner(), AT) },
        Move { name: "failed", to: S::Stopped, make: |it| it.failed(&preflight("orders").failure(), AT) },
        Move { name: "called off", to: S::Stopped, make: |it| it.called_off(&owner(), AT) },
        Move { name: "stopped", to: S::Stopped, make: |it| it.stopped("a decision refused it", AT) },
        Move { name: "recovering", to: S::Recovering, make: |it| it.recovering(&open(&["store"]), AT) },
        Move { name: "recovered", to: S::Recovered, make: |it| it.recovered(&NONE, nothing(&["orders", "store"]), AT) },
        Move { name: "left to people", to: S::LeftToPeople, make: |it| it.left_to_people("forward-only", AT) },
    ];
    check(&change_sets(), &moves, change_set_moves, change_set_ways);
}

fn change_set_moves(state: ChangeSetState) -> &'static [&'static str] {
    use ChangeSetState as S;
    match state {
        S::Declared => &["working", "cancelled", "failed", "called off", "stopped"],
        S::Working => &["in review", "cancelled", "failed", "called off", "stopped"],
        S::InReview => &["in preflight", "cancelled", "failed", "called off", "stopped"],
        S::InPreflight => &["decided", "failed", "called off", "stopped"],
        S::Decided => &["failed", "called off", "stopped"],
        S::Promoting => &["closed", "failed", "called off", "stopped"],
        S::Stopped => &["recovering", "recovered", "left to people"],
        S::Recovering => &["recovered", "left to people"],
        S::Closed | S::Recovered | S::LeftToPeople | S::Cancelled => &[],
    }
}

fn change_set_ways(state: ChangeSetState) -> Vec<(ChangeSetState, &'static [Needs])> {
    use ChangeSetState as S;
    let stop = (S::Stopped, [Needs::Failure, Needs::Person, Needs::Reason].as_slice());
    let cancel = (S::Cancelled, [Needs::Person].as_slice());
    let changes = [Needs::Changes].as_slice();
    let grants = [Needs::Grant, Needs::TakingBack, Needs::Promotion].as_slice();
    let (back, left) = ((S::Recovered, [Needs::Back].as_slice()), (S::LeftToPeople, [Needs::Reason].as_slice()));
    match state {
        S::Declared => vec![(S::Working, changes), cancel, stop],
        S::Working => vec![(S::InReview, changes), cancel, stop],
        S::InReview => vec![(S::InPreflight, changes), cancel, stop],
        S::InPreflight => vec![(S::Decided, &[Needs::Decisions]), stop],
        S::Decided => vec![(S::Promoting, &[Needs::Grant]), stop],
        S::Promoting => vec![(S::Promoting, grants), (S::Closed, &[Needs::Live]), stop],
        S::Stopped => vec![(S::Recovering, changes), back, left],
        S::Recovering => vec![(S::Recovering, grants), back, left],
        S::Closed | S::Recovered | S::LeftToPeople | S::Cancelled => Vec::new(),
    }
}

/// Grants and promotions of units are recorded on the way on and on the way back, and nowhere else.
#[test]
fn units_are_granted_and_live_only_while_promoting_or_recovering() {
    use ChangeSetState as S;
    for it in change_sets() {
        let grant = production("orders").at(1).grant();
        let on = |state| if state == S::Recovering { S::Recovering } else { S::Promoting };
        let granted = it.granted(&Granted::prove(&grant), AT);
        let may = matches!(it.state(), S::Decided | S::Promoting | S::Recovering);
        assert_eq!(granted.as_ref().ok().map(Record::state), may.then(|| on(it.state())), "{}", it.state());
        let live = granted.unwrap_or(it.clone()).live(&production("orders").at(1).promotion(), AT);
        assert_eq!(live.as_ref().ok().map(Record::state), may.then(|| on(it.state())), "{}", it.state());
        let taken_back =
            it.granted(&Granted::prove(&grant), AT).unwrap_or(it.clone()).taken_back(&unit("orders"), "an incident", AT);
        assert_eq!(taken_back.is_ok(), may, "{}", it.state());
        if let Err(error) = taken_back {
            assert_eq!(error.allowed().collect::<Vec<_>>(), change_set_ways(it.state()), "{}", it.state());
        }
    }
}

#[test]
fn an_error_says_where_it_is_where_it_was_to_go_and_what_is_allowed() {
    let early = artifact().promoted(&production("orders").promotion(), AT).unwrap_err();
    assert_eq!(
        early.to_string(),
        "`built` does not become `promoted`; allowed: `verified` with evidence of readiness and health in preflight; \
         `not-promotable` with evidence of a failure or a person's decision or a reason; `retired` with a person's decision"
    );
    let other = artifact().verified(&preflight("store").tried(), UnixMillis(0)).unwrap_err();
    let message = other.to_string();
    let why =
        "`built` does not become `verified`, because the proof is about the app or component `store`, not `orders`; allowed: ";
    assert!(message.starts_with(why), "{message}");
    let [.., retired] = artifacts();
    let over = retired.retired(&owner(), AT).unwrap_err();
    assert_eq!(over.to_string(), "`retired` does not become `retired`; nothing follows it");
}
