//! Past decisions that what has come to be known since puts in doubt.

use pathops_core::adapter::ReviewState::{Approved, ChangesRequested, Dismissed};
use pathops_core::evidence::Statement;
use pathops_core::policy::{
    Ask, Decision, DecisionRecord, Doubt, Languages, NoTerms, ReplayError, Requirement, Severity, Verdict, evidence_in_doubt,
    in_doubt, record_in_doubt,
};
use pathops_core::project::{Lifecycle, Role};
use serde_json::json;

use crate::ask_policy::{check_of, checked};
use crate::history::{incident, record};
use crate::shop::{AT, DAY, KINDS, Kind, Shop, about_this, after, closed_window, review, stop};

/// What has happened since a decision.
type Change = fn(&mut Shop);

/// What has come to be known in the day since everything was as it should be.
fn doubt(change: Change) -> Option<Doubt> {
    doubt_of(Shop::passing(), change)
}

fn doubt_of(mut shop: Shop, change: Change) -> Option<Doubt> {
    let granted = shop.decision();
    assert!(granted.is_granted(), "{}", granted.to_text());
    shop.at = after(DAY);
    change(&mut shop);
    doubted(&granted, &shop)
}

fn doubted(granted: &Decision, shop: &Shop) -> Option<Doubt> {
    in_doubt(granted, &shop.policy(), &shop.facts(), shop.at)
}

#[track_caller]
fn is_doubted(doubt: Option<Doubt>, id: &str) {
    let doubt = doubt.unwrap_or_else(|| panic!("{id}: no doubt"));
    let ids: Vec<_> = doubt.requirements.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!((ids, doubt.granted_at, doubt.unit.as_str()), (vec![id], AT, "orders"));
    assert!(doubt.people.is_empty() && !doubt.requirements[0].1.is_empty(), "{id}");
}

const HOUR: i64 = 60 * crate::shop::MINUTE;

/// A verification that was repeated three hours after the grant.
fn again(kind: Kind) -> Statement {
    kind.dated(after(3 * HOUR))
}

fn failed(kind: Kind) -> Statement {
    let mut failed = again(kind);
    kind.fail(&mut failed);
    failed
}

#[test]
fn what_speaks_against_it_since_is_a_doubt() {
    let changes: [(&str, Change); 14] = [
        // Somebody has taken it away.
        ("preflight-smoke", |shop| shop.remove(Kind::Smoke)),
        // It was run again, and says nothing now.
        ("preflight-smoke", |shop| {
            let mut empty = again(Kind::Smoke);
            empty.predicate["passedTests"] = json!([]);
            shop.give(&empty);
        }),
        ("approval", |shop| shop.proposal().reviews.push(review("bob", Dismissed, '4'))),
        ("preflight-smoke", |shop| shop.give(&failed(Kind::Smoke))),
        ("unit-tests", |shop| shop.give(&failed(Kind::UnitTests))),
        ("preflight-deployment", |shop| shop.give(&failed(Kind::Deployment))),
        ("preflight-health", |shop| shop.give(&failed(Kind::Health))),
        // It came late, and is of the time before.
        ("preflight-smoke", |shop| {
            let mut late = Kind::Smoke.dated(AT);
            Kind::Smoke.fail(&mut late);
            shop.give(&late);
        }),
        ("no-open-incident", |shop| shop.readings.incidents.push(incident())),
        ("stop-the-line", |shop| shop.readings.stops.push(stop(None))),
        ("approval", |shop| shop.proposal().reviews.push(review("bob", ChangesRequested, '4'))),
        ("evidence-integrity", |shop| shop.more.push(crate::shop::seal_bytes(&crate::shop::signer(), b"{}"))),
        ("lifecycle", |shop| shop.readings.unit.lifecycle = Lifecycle::Prototype),
        // Dated when nobody can know of it yet.
        ("preflight-smoke", |shop| shop.give(&Kind::Smoke.dated(after(2 * DAY)))),
    ];
    for (id, change) in changes {
        is_doubted(doubt(change), id);
    }
}

/// Clocks stand at the instant of the grant: there, it will never count.
#[test]
fn what_is_dated_later_than_now_is_a_doubt_however_soon_that_is() {
    let mut shop = Shop::passing();
    let granted = shop.decision();
    shop.at = after(HOUR);
    shop.give(&Kind::Smoke.dated(after(2 * HOUR)));
    is_doubted(doubted(&granted, &shop), "preflight-smoke");
}

#[test]
fn what_says_the_same_once_more_is_no_doubt() {
    let changes: [(&str, Change); 3] = [
        ("good news", |shop| KINDS.into_iter().for_each(|kind| shop.give(&again(kind)))),
        ("bad news, and then good news", |shop| {
            shop.give(&failed(Kind::Smoke));
            shop.give(&Kind::Smoke.dated(after(4 * HOUR)));
        }),
        ("one more approval", |shop| shop.proposal().reviews.push(review("dave", Approved, '4'))),
    ];
    for (name, change) in changes {
        assert_eq!(doubt(change), None, "{name}");
    }
}

/// Whoever had a part in it may have changed the pipeline, and somebody has approved that.
#[test]
fn an_approval_of_the_pipeline_that_was_taken_back_is_a_doubt() {
    let mut shop = Shop::passing();
    shop.edit(Kind::UnitTests, |it| it.predicate["configuration"][0]["annotations"]["pipelineChanged"] = json!(true));
    let head = shop.readings.source_head.as_ref().unwrap().to_string().chars().next().unwrap();
    shop.readings.source_reviews = vec![review("bob", Approved, head)];
    is_doubted(doubt_of(shop, |shop| shop.readings.source_reviews[0].state = Dismissed), "unit-tests");
}

/// The policy of now asks for it by another name, or only advises it: the one of the grant is what was promised.
#[test]
fn a_doubt_under_the_policy_of_the_grant_is_told_whatever_the_policy_is_now() {
    let mut shop = Shop::passing();
    let granted = record(&shop);
    shop.at = after(DAY);
    shop.give(&failed(Kind::Smoke));
    let now: [fn(&mut Shop); 2] = [
        |shop| shop.rule("preflight-smoke").id = "smoke-tests".parse().unwrap(),
        |shop| shop.rule("preflight-smoke").severity = Severity::Advisory,
    ];
    for change in now {
        let mut now = shop.clone();
        change(&mut now);
        let (policy, facts) = (now.policy(), now.facts());
        assert_eq!(in_doubt(&granted.decision, &policy, &facts, now.at), None, "it looks at the policy of now only");
        is_doubted(record_in_doubt(&granted, &policy, &Languages::none(), &facts, now.at).unwrap(), "preflight-smoke");
    }
    let same = record_in_doubt(&granted, &shop.policy(), &Languages::none(), &shop.facts(), shop.at).unwrap();
    assert_eq!(same, in_doubt(&granted.decision, &shop.policy(), &shop.facts(), shop.at), "told once");
    let good = Shop::passing();
    assert_eq!(record_in_doubt(&granted, &good.policy(), &Languages::none(), &good.facts(), AT), Ok(None));
}

/// What is asked for in addition is asked of what comes next. It is a doubt only with news that speaks against it.
#[test]
fn a_policy_that_has_become_stricter_is_no_doubt_by_itself() {
    let shop = Shop::passing();
    let granted = record(&shop);
    let doubt = |now: &Shop| record_in_doubt(&granted, &now.policy(), &Languages::none(), &now.facts(), now.at).unwrap();
    let mut now = Shop { at: after(DAY), ..shop.clone() };
    let Ask::Tests(rule) = &mut now.rule("preflight-smoke").asks else { panic!("tests") };
    rule.min_passed = 1_000;
    let Ask::Approvals(rule) = &mut now.rule("approval").asks else { panic!("approvals") };
    rule.count = 5.try_into().unwrap();
    assert!(in_doubt(&granted.decision, &now.policy(), &now.facts(), now.at).is_some(), "under that policy alone it would be");
    assert_eq!(doubt(&now), None);
    now.give(&failed(Kind::Smoke));
    is_doubted(doubt(&now), "preflight-smoke");

    let mut now = Shop { at: after(DAY), ..shop.clone() };
    let id = "calm".parse().unwrap();
    now.layer.requirements.push(Requirement { id, asks: Ask::Incidents(NoTerms {}), ..shop.clone().rule("lifecycle").clone() });
    assert_eq!(doubt(&now), None);
}

/// Whoever changes the rules has them checked, and then approved. What went by the rules before does not wait for that.
#[test]
fn that_the_rules_of_now_are_not_approved_yet_is_no_doubt() {
    let mut shop = Shop::asking(checked());
    let check = check_of(&shop, &[], &json!({"bob": ["reviewer"]}));
    shop.give(&check);
    let granted = record(&shop);
    let mut now = shop.clone();
    now.rule("checked").reason = "Rules are read.".to_owned();
    let check = check_of(&now, &[], &json!({}));
    now.give(&check);
    let doubt = |now: &Shop| record_in_doubt(&granted, &now.policy(), &Languages::none(), &now.facts(), now.at).unwrap();
    assert!(in_doubt(&granted.decision, &now.policy(), &now.facts(), now.at).is_some(), "under that policy alone it would be");
    assert_eq!(doubt(&now), None);
    now.give(&failed(Kind::Smoke));
    is_doubted(doubt(&now), "preflight-smoke");
    // A check of the rules that it went by is news about it.
    let check = check_of(&shop, &["a case"], &json!({"bob": ["reviewer"]}));
    shop.give(&check);
    is_doubted(doubt(&shop), "checked");
}

/// The policy of now asks for more, under names that the one of then does not know, and people broke the glass.
#[test]
fn news_that_only_the_policy_of_now_asks_for_is_a_doubt_too() {
    let (mut shop, mut now) = (Shop::passing(), Shop::passing());
    let mut lint = Kind::UnitTests.statement();
    lint.predicate["configuration"][0]["name"] = json!("lint");
    shop.give(&lint);
    let mut granted = record(&shop);
    granted.decision = overridden(granted.decision);
    let tests = json!({"run": "build", "suite": "lint", "minPassed": 1, "accept": {"maxAgeSeconds": 3_600}});
    let asked = [("calm", json!({"incidents": {}})), ("linted", json!({"tests": tests}))];
    let rule = |(id, asks)| serde_json::from_value(json!({"id": id, "reason": "It is asked for now.", "asks": asks})).unwrap();
    now.layer.requirements.extend(asked.map(rule));
    (now.more, now.at) = (shop.more.clone(), after(DAY));
    let doubt = |now: &Shop| record_in_doubt(&granted, &now.policy(), &Languages::none(), &now.facts(), now.at).unwrap();
    assert_eq!(doubt(&now), None);
    let told = |doubt: Option<Doubt>| {
        let doubt = doubt.unwrap();
        let ids: Vec<_> = doubt.requirements.iter().map(|(id, _)| id.to_string()).collect();
        (ids, doubt.people.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let people = vec!["bob".to_owned(), "dave".to_owned()];
    lint.predicate["failedTests"] = json!(["a line"]);
    lint.predicate["finishedOn"] = json!(after(HOUR).to_string());
    now.give(&lint);
    assert_eq!(told(doubt(&now)), (vec!["linted".to_owned()], people.clone()));
    // The same news under two names is told once.
    now.readings.incidents.push(incident());
    assert_eq!(told(doubt(&now)), (vec!["no-open-incident".to_owned(), "linted".to_owned()], people));
}

#[test]
fn a_record_of_something_else_says_nothing_of_doubts() {
    let shop = Shop::passing();
    let doubt = |granted: &DecisionRecord| record_in_doubt(granted, &shop.policy(), &Languages::none(), &shop.facts(), shop.at);
    let mut other = record(&shop);
    other.policy[0].requirements.clear();
    assert!(matches!(doubt(&other), Err(ReplayError::Other { what: "policy", .. })));
    let mut other = record(&shop);
    other.facts.evidence.clear();
    assert!(matches!(doubt(&other), Err(ReplayError::Other { what: "set of facts", .. })));
    let mut other = record(&shop);
    other.format = 9;
    assert_eq!(doubt(&other), Err(ReplayError::Format(9)));
}

#[test]
fn time_that_has_passed_is_no_doubt() {
    let changes: [(&str, Change); 5] = [
        ("nothing", |_| ()),
        ("evidence has grown old", |shop| shop.at = after(30 * DAY)),
        ("a clock went back", |shop| shop.at = after(-DAY)),
        ("it was looked at again a moment after a restart", |shop| {
            let mut short = again(Kind::Health);
            short.predicate["settledMillis"] = json!(1);
            shop.give(&short);
        }),
        ("a window has closed", |shop| {
            let window = json!({"id": "afternoon", "reason": "Lunch.", "asks": closed_window()});
            shop.layer.requirements.push(serde_json::from_value(window).unwrap());
        }),
    ];
    for (name, change) in changes {
        assert_eq!(doubt(change), None, "{name}");
    }
}

#[test]
fn a_freeze_that_has_begun_since_is_no_doubt() {
    let mut window = closed_window();
    window["freeze"]["from"] = json!("2026-11-20T14:00");
    window["freeze"]["until"] = json!("2026-11-25T14:00");
    let shop = Shop::asking(json!({"id": "week", "reason": "Nobody is there.", "asks": window}));
    let later = |shop: &Shop| Shop { at: after(DAY), ..shop.clone() };
    later(&shop).stands("week", Verdict::Fail, &later(&shop).requirement("week").because);
    assert_eq!(doubt_of(shop, |_| ()), None);
}

const SCAN: &str = "https://in-toto.io/attestation/vulns/v0.2";

/// A report of so many milliseconds after the grant.
fn report(millis: i64, found: &[&str]) -> Statement {
    let at = after(millis).to_string();
    let found: Vec<_> = found.iter().map(|id| json!({"id": id, "severity": [{"method": "nvd", "score": "critical"}]})).collect();
    let predicate = json!({
        "scanner": {"uri": "https://example.com/scanner", "result": found},
        "metadata": {"scanStartedOn": at, "scanFinishedOn": at},
    });
    about_this(SCAN, &predicate)
}

/// One finding, which is borne for an hour more.
fn scanned() -> Shop {
    let exception = json!({"id": "CVE-1", "owner": "dave", "reason": "It is not reached.", "until": after(HOUR).to_string()});
    let rule = json!({"max": {"critical": 0}, "exceptions": [exception], "accept": {"maxAgeSeconds": 3_600}});
    let mut shop = Shop::asking(json!({"id": "scan", "reason": "No known holes.", "asks": {"findings": rule}}));
    shop.readings.people.insert("dave".parse().unwrap(), [Role::Reviewer].into());
    shop.give(&report(-HOUR, &["CVE-1"]));
    shop
}

#[test]
fn a_new_finding_is_a_doubt_and_an_exception_that_has_ended_is_none() {
    is_doubted(doubt_of(scanned(), |shop| shop.give(&report(3 * HOUR, &["CVE-1", "CVE-2"]))), "scan");
    is_doubted(doubt_of(scanned(), |shop| drop(shop.readings.people.remove(&"dave".parse().unwrap()))), "scan");
    let ended = Shop { at: after(DAY), ..scanned() };
    assert_eq!(ended.requirement("scan").verdict, Verdict::Fail, "the exception has ended");
    assert_eq!(doubt_of(scanned(), |_| ()), None);
    assert_eq!(doubt_of(scanned(), |shop| shop.give(&report(3 * HOUR, &["CVE-1"]))), None, "it was looked at again");
}

/// It has run for an hour, up to the instant.
fn soaked() -> Shop {
    let rule = json!({"seconds": 3_600, "maxGapSeconds": 60, "accept": {"maxAgeSeconds": 3_600}});
    let mut shop = Shop::asking(json!({"id": "soak", "reason": "It has run for a while.", "asks": {"soak": rule}}));
    shop.edit(Kind::Health, |it| it.predicate["settledMillis"] = json!(HOUR));
    shop
}

/// What is said of preflight later makes the time before no shorter, unless it is bad news about what is in production.
#[test]
fn a_soak_is_doubted_for_bad_news_only() {
    fn of_another(mut statement: Statement) -> Statement {
        for digest in statement.subject.iter_mut().map(|subject| &mut subject.digest) {
            digest.entry("gitTree".to_owned()).and_modify(|tree| *tree = "a".repeat(40));
        }
        statement
    }
    let bad_then_good: Change = |shop| {
        shop.give(&failed(Kind::Health));
        shop.give(&Kind::Health.dated(after(4 * HOUR)));
    };
    is_doubted(doubt_of(soaked(), bad_then_good), "soak");
    let changes: [(&str, Change); 3] = [
        ("a gap", |shop| shop.give(&again(Kind::Health))),
        ("the next change", |shop| shop.give(&of_another(again(Kind::Deployment)))),
        ("the next change, which fails", |shop| shop.give(&of_another(failed(Kind::Deployment)))),
    ];
    for (name, change) in changes {
        assert_eq!(doubt_of(soaked(), change), None, "{name}");
    }
}

#[test]
fn what_was_not_asked_for_then_is_no_doubt() {
    assert_eq!(
        doubt(|shop| {
            let asks = json!({"id": "new", "reason": "New.", "asks": {"lifecycle": {"allowed": ["production"]}}});
            shop.layer.requirements.push(serde_json::from_value(asks).unwrap());
        }),
        None
    );
    let advice =
        json!({"id": "advice", "reason": "Nice.", "severity": "advisory", "asks": {"lifecycle": {"allowed": ["path-ready"]}}});
    let (granted, mut now) = (Shop::asking(advice.clone()).decision(), Shop::asking(advice));
    now.readings.unit.lifecycle = Lifecycle::Production;
    assert_eq!(doubted(&granted, &now), None, "advice is not followed any more");
}

/// What was missing and got past has failed since: those who broke the glass are asked.
#[test]
fn what_was_got_past_and_fails_now_is_a_doubt() {
    let mut shop = Shop::passing();
    shop.remove(Kind::Smoke);
    let granted = overridden(shop.decision());
    assert_eq!(doubted(&granted, &shop), None, "as it was");
    shop.edit(Kind::Smoke, |it| Kind::Smoke.fail(it));
    let failed = shop.decision();
    let doubt = doubted(&granted, &shop).unwrap();
    assert_eq!(doubt.people.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["bob", "dave"]);
    assert_eq!(doubt.requirements[0].0.as_str(), "preflight-smoke");
    assert_eq!(doubted(&overridden(failed), &shop), None, "it was got past although it failed");
}

fn overridden(decision: Decision) -> Decision {
    let mut json = serde_json::to_value(decision).unwrap();
    json["overridden"] = json!({"by": {"bob": "x", "dave": "y"}, "requirements": ["preflight-smoke"], "until": AT.to_string()});
    serde_json::from_value(json).unwrap()
}

/// Nothing but what its evidence says by now: neither what people say of it since, nor what speaks against everything that moves.
#[test]
fn the_evidence_of_a_decision_is_in_doubt_by_evidence_alone() {
    let shop = Shop::passing();
    let granted = record(&shop);
    let doubt = |change: Change| {
        let mut now = Shop { at: after(DAY), ..shop.clone() };
        change(&mut now);
        evidence_in_doubt(&granted, &Languages::none(), &now.facts().facts().evidence, now.at).unwrap()
    };
    is_doubted(doubt(|shop| shop.give(&failed(Kind::Smoke))), "preflight-smoke");
    is_doubted(doubt(|shop| shop.give(&failed(Kind::UnitTests))), "unit-tests");
    let others: [(&str, Change); 6] = [
        ("good news", |shop| KINDS.into_iter().for_each(|kind| shop.give(&again(kind)))),
        ("it cannot be read now, and what was known stays known", |shop| shop.remove(Kind::Smoke)),
        ("an incident", |shop| shop.readings.incidents.push(incident())),
        ("a stop", |shop| shop.readings.stops.push(stop(None))),
        ("an approval", |shop| shop.proposal().reviews.push(review("bob", Dismissed, '4'))),
        ("another one", |shop| {
            let mut other = failed(Kind::Smoke);
            other.subject =
                vec![pathops_core::evidence::Subject::named("orders").with_sha256(&pathops_core::Digest::of(b"other"))];
            shop.give(&other);
        }),
    ];
    for (name, change) in others {
        assert_eq!(doubt(change), None, "{name}");
    }
}
