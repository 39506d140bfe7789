//! The status comments, where the Git host does not take them at once.

use std::sync::Arc;
use std::time::Duration;

use pathops_coordinator::change_set::{ChangeSet, Command, End, Outcome, State, headline};
use pathops_core::Principal;
use pathops_core::flow::Machine as _;
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};

use crate::world::{START, World, cx, feature_of, wait};

/// Every status comment of a change set as it stands.
fn comments(world: &World, state: &State) -> Vec<String> {
    let scm = world.forge.scm(Principal::System);
    let pull_requests = state.units.values().flat_map(|progress| progress.pull_requests.values());
    let of = |repo, number| wait(scm.comments(&cx(), repo, number)).unwrap();
    let all = pull_requests.flat_map(|pull_request| of(&pull_request.repo, pull_request.number));
    all.map(|comment| comment.body).collect()
}

#[test]
fn a_status_comment_that_was_refused_is_written_again_without_a_new_headline() {
    let carried_out = |fault, when| {
        let world = World::new(MemoryJournal::new());
        let faults = Arc::new(Faults::new(1, Arc::new(world.clock.clone())).with(fault, when));
        let state = world.through(&faults).carry_out(feature_of(&["orders", "store"], "better", None), "k").unwrap();
        (world, state, faults.hits())
    };
    // Which calls write a comment, in a run where nothing goes wrong.
    let (_, _, calls) = carried_out(Fault::Slow(Duration::ZERO), When::Always);
    let comments: Vec<u64> = calls.iter().filter(|call| call.operation == "write a comment").map(|call| call.call).collect();
    assert!(comments.len() > 20, "{} comments are written", comments.len());
    // The last ones too: after them there is no new headline.
    for call in comments.into_iter().rev().step_by(4) {
        let (world, state, hits) = carried_out(Fault::Refuse, When::Call(call));
        assert_eq!(hits.iter().map(|hit| hit.operation).collect::<Vec<_>>(), ["write a comment"]);
        assert_eq!((state.end, &state.failure, &state.remarks), (Some(End::Live), &None, &Vec::new()));
        let written = self::comments(&world, &state);
        assert_eq!(written.len(), 5, "one for each pull request");
        for comment in written {
            assert!(comment.contains("\n\nIn production\n\n"), "call {call}: {comment}");
        }
    }
}

#[test]
fn status_comments_that_are_never_taken_are_given_up_with_a_remark() {
    let world = World::new(MemoryJournal::new());
    let mut state = world.carry_out(feature_of(&["store"], "better", None), "k").unwrap();
    let refused = Outcome::Failed { reason: "the host takes none".to_owned() };
    // As before the last comment was written.
    state.comment.said.clear();
    state.comment.editing = true;
    let change_set = state.start.change_set.clone();
    let first = Command::Comment { change_set, pull_requests: Vec::new(), body: String::new(), failures: 0 };
    let (mut open, mut tried) = (vec![first], 0);
    while let Some(command) = open.pop() {
        assert!(ChangeSet::wants(&state, &command) || tried == 0, "a try that is waited for is wanted");
        tried += 1;
        (state, open) = ChangeSet::step(state, &command, &refused, START);
    }
    assert_eq!((tried, state.ended), (6, true));
    assert_eq!(state.remarks, ["a status comment could not be written: the host takes none"]);
    assert_eq!(state.comment.said, headline(&state), "it is not tried for ever");
}

#[test]
fn a_waiting_try_is_dropped_once_there_is_something_new_to_say() {
    let world = World::new(MemoryJournal::new());
    let mut state = world.carry_out(feature_of(&["store"], "better", None), "k").unwrap();
    let change_set = state.start.change_set.clone();
    let again = Command::Comment { change_set, pull_requests: Vec::new(), body: String::new(), failures: 1 };
    assert!(ChangeSet::wants(&state, &again));
    state.comment.said = "something else".to_owned();
    assert!(!ChangeSet::wants(&state, &again));
    state.comment.editing = true;
    let (state, commands) = ChangeSet::step(state, &again, &Outcome::Dropped, START);
    assert!(matches!(commands.as_slice(), [Command::Comment { .. }]), "{commands:?}");
    assert_eq!(state.comment.said, headline(&state));
}
