//! Several pieces of evidence about one thing: the newest word counts, and a later no revokes an earlier yes (I3).

use pathops_core::evidence::{Statement, Subject};
use pathops_core::policy::Verdict;
use pathops_core::{Digest, UnixMillis};
use serde_json::json;

use crate::shop::{AT, KINDS, Kind, MINUTE, Shop, seal};

/// A statement of this kind, so many milliseconds from now.
fn yes(kind: Kind, offset: i64) -> Statement {
    kind.dated(UnixMillis(AT.0 + offset))
}

fn no(kind: Kind, offset: i64) -> Statement {
    let mut statement = yes(kind, offset);
    kind.fail(&mut statement);
    statement
}

/// A promotion with only these pieces of one kind, handed in in this order.
fn history(kind: Kind, statements: &[Statement]) -> Shop {
    let mut shop = Shop::passing();
    shop.remove(kind);
    for statement in statements {
        shop.add(kind, statement);
    }
    shop
}

#[test]
fn a_later_no_revokes_an_earlier_yes() {
    for kind in KINDS {
        for statements in [[yes(kind, -MINUTE), no(kind, -MINUTE + 1)], [no(kind, -MINUTE + 1), yes(kind, -MINUTE)]] {
            history(kind, &statements).refuses(&format!("{kind:?}"), &[(kind.requirement(), Verdict::Fail)]);
        }
    }
}

#[test]
fn a_later_yes_mends_an_earlier_no() {
    for kind in KINDS {
        history(kind, &[no(kind, -MINUTE), yes(kind, -MINUTE + 1)]).passes(&format!("{kind:?}"));
    }
}

#[test]
fn at_one_instant_a_no_wins() {
    for kind in KINDS {
        for statements in [[yes(kind, -MINUTE), no(kind, -MINUTE)], [no(kind, -MINUTE), yes(kind, -MINUTE)]] {
            history(kind, &statements).refuses(&format!("{kind:?}"), &[(kind.requirement(), Verdict::Fail)]);
        }
    }
}

#[test]
fn a_no_does_not_grow_old() {
    for kind in KINDS {
        let old = no(kind, -kind.max_age() - 1);
        history(kind, &[old]).refuses(&format!("{kind:?}"), &[(kind.requirement(), Verdict::Fail)]);
    }
}

#[test]
fn a_date_in_the_future_hides_nothing() {
    for kind in KINDS {
        for future in [yes(kind, DISTANT), no(kind, DISTANT)] {
            let shop = history(kind, &[no(kind, -MINUTE), future]);
            shop.refuses(&format!("{kind:?}"), &[(kind.requirement(), Verdict::Unknown)]);
        }
    }
}

const DISTANT: i64 = 2 * MINUTE;

/// What is good then passes by time alone, from the instant at which the clocks may be so far apart: that is told, and waited
/// for.
#[test]
fn what_is_good_and_dated_in_the_future_says_from_when_it_counts() {
    let counts = UnixMillis(AT.0 + DISTANT - MINUTE);
    for kind in KINDS {
        let mut shop = history(kind, &[yes(kind, DISTANT)]);
        let decision = shop.decision();
        assert_eq!(shop.requirement(kind.requirement()).earliest, Some(counts), "{kind:?}");
        assert!(decision.can_wait(), "{kind:?}");
        let remaining = decision.remaining.unwrap();
        assert_eq!((remaining.steps.len(), remaining.not_before), (0, Some(counts)), "{kind:?}: {remaining:?}");
        assert!(remaining.without_a_way.is_empty(), "{kind:?}");
        shop.at = UnixMillis(counts.0 - 1);
        shop.refuses(&format!("{kind:?}"), &[(kind.requirement(), Verdict::Unknown)]);
        shop.at = counts;
        shop.passes(&format!("{kind:?}"));
    }
}

/// Time does not mend what is bad; what would is told.
#[test]
fn what_is_bad_and_dated_in_the_future_is_not_waited_for() {
    for kind in KINDS {
        let decision = history(kind, &[no(kind, DISTANT)]).decision();
        assert!(!decision.can_wait(), "{kind:?}");
        let remaining = decision.remaining.unwrap();
        assert_eq!((remaining.steps.len(), remaining.not_before), (1, None), "{kind:?}");
        assert!(remaining.steps[0].what.starts_with("a better "), "{kind:?}: {remaining:?}");
    }
}

#[test]
fn a_later_inconclusive_result_is_not_outdone_by_an_earlier_yes() {
    for kind in [Kind::UnitTests, Kind::Smoke] {
        let mut skipped = yes(kind, -1);
        skipped.predicate["passedTests"] = json!([]);
        let shop = history(kind, &[yes(kind, -MINUTE), skipped]);
        shop.refuses(&format!("{kind:?}"), &[(kind.requirement(), Verdict::Unknown)]);
    }
}

#[test]
fn a_no_about_something_else_revokes_nothing() {
    for kind in KINDS {
        let mut other = no(kind, -1);
        *kind.field(&mut other.predicate, "unit") = json!("web");
        history(kind, &[yes(kind, -MINUTE), other]).passes(&format!("{kind:?}"));
    }
}

/// What never came up has no artifact to name, and is no less bad news about the desired state that asked for it.
#[test]
fn a_no_without_an_artifact_revokes_and_a_no_about_another_one_does_not() {
    for kind in KINDS {
        let mut nameless = no(kind, -1);
        nameless.subject.iter_mut().for_each(|subject| drop(subject.digest.remove("sha256")));
        nameless.subject.retain(|subject| !subject.digest.is_empty());
        let mut good = nameless.clone();
        good.predicate = yes(kind, -1).predicate;
        history(kind, &[yes(kind, -MINUTE), nameless]).refuses(&format!("{kind:?}"), &[(kind.requirement(), Verdict::Fail)]);
        history(kind, &[good]).refuses(&format!("{kind:?}"), &[(kind.requirement(), Verdict::Unknown)]);

        let mut other = no(kind, -1);
        other.subject[0] = Subject::named("orders.tar").with_sha256(&Digest::of(b"another"));
        history(kind, &[yes(kind, -MINUTE), other]).passes(&format!("{kind:?}"));
    }
}

#[test]
fn old_evidence_is_told_from_missing_evidence() {
    for kind in KINDS {
        let old = history(kind, &[yes(kind, -kind.max_age() - 1)]);
        let missing = history(kind, &[]);
        let bad = history(kind, &[no(kind, -kind.max_age() - 1)]);
        // What is live can be looked at again; tests that were run cannot.
        let renewable = matches!(kind, Kind::Deployment | Kind::Health);
        for (shop, stale) in [(old, renewable), (missing, false), (bad, false)] {
            assert_eq!(shop.requirement(kind.requirement()).stale, stale, "{kind:?}");
            assert_eq!(shop.decision().needs_newer_evidence(), stale, "{kind:?}");
        }
    }
    assert!(!Shop::passing().decision().needs_newer_evidence(), "nothing stands in the way");
    let mut also_bad = history(Kind::Health, &[yes(Kind::Health, -Kind::Health.max_age() - 1)]);
    also_bad.proposal().carries_tested = false;
    assert!(!also_bad.decision().needs_newer_evidence(), "newer evidence alone does not help");
    also_bad.proposal().carries_tested = true;
    also_bad.proposal().reviews.clear();
    assert!(also_bad.decision().needs_newer_evidence(), "people can approve meanwhile");
}

#[test]
fn the_same_piece_twice_is_one_piece() {
    for kind in KINDS {
        let mut shop = Shop::passing();
        let once = shop.decision();
        shop.envelopes.push((kind, seal(&kind.statement())));
        assert_eq!(shop.decision(), once, "{kind:?}");
    }
}

#[test]
fn results_do_not_add_up() {
    for kind in [Kind::UnitTests, Kind::Smoke] {
        let part = |offset, test: &str| {
            let mut statement = yes(kind, offset);
            statement.predicate["passedTests"] = json!([test]);
            statement
        };
        let shop = history(kind, &[part(-2, "adds up"), part(-1, "takes away")]);
        shop.refuses(&format!("{kind:?}"), &[(kind.requirement(), Verdict::Unknown)]);
    }
    let part = |offset| {
        let mut statement = yes(Kind::Health, offset);
        statement.predicate["settledMillis"] = json!(2_500);
        statement
    };
    history(Kind::Health, &[part(-2), part(-1)]).refuses("health", &[("preflight-health", Verdict::Unknown)]);
}

#[test]
fn a_requirement_names_the_evidence_that_decided_it() {
    for kind in KINDS {
        let shop = history(kind, &[yes(kind, -MINUTE), no(kind, -1)]);
        let [decisive] = shop.requirement(kind.requirement()).evidence[..] else { panic!("{kind:?}: not one piece") };
        let facts = shop.facts();
        let fact = facts.facts().evidence.iter().find(|fact| fact.id == decisive).unwrap();
        assert_eq!(fact.at, UnixMillis(AT.0 - 1), "{kind:?}");
    }
}
