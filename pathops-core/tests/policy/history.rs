//! Past decisions: made again, held against another policy, asked what if, and doubted.

use std::sync::Arc;

use pathops_core::Digest;
use pathops_core::adapter::ReviewState::{Approved, ChangesRequested, Dismissed};
use pathops_core::evidence::Statement;
use pathops_core::policy::{
    Ask, Condition, ConditionAnswer, ConditionError, ConditionLanguage, Decision, DecisionRecord, Doubt, HypotheticalFacts,
    Languages, NoTerms, Policy, PolicyLayer, ReplayError, Requirement, Severity, Summary, Verdict, VerifiedFacts, decide, diff,
    evaluate, in_doubt, record_in_doubt, replay, what_if,
};
use pathops_core::project::{Lifecycle, OpenIncident, Role};
use serde_json::{Value, json};

use crate::ask_policy::{check_of, checked};
use crate::shop::{AT, DAY, KINDS, Kind, Shop, about_this, after, closed_window, review, stop};

/// What has happened since a decision.
type Change = fn(&mut Shop);

fn record(shop: &Shop) -> DecisionRecord {
    DecisionRecord::new(&shop.policy(), &shop.facts(), shop.decision())
}

fn incident() -> OpenIncident {
    OpenIncident { id: "INC-7".to_owned(), unit: None, since: AT, summary: "it is down".to_owned() }
}

fn replayed(record: &DecisionRecord) -> Result<Decision, ReplayError> {
    replay(record, &Languages::none())
}

#[test]
fn a_record_that_was_stored_replays_to_the_same_bytes() {
    for shop in [Shop::passing(), Shop::first_stage(), Shop::reviewed(Vec::new())] {
        let record = record(&shop);
        let stored = serde_json::to_vec(&record).unwrap();
        let read: DecisionRecord = serde_json::from_slice(&stored).unwrap();
        let again = replayed(&read).unwrap();
        assert_eq!(serde_json::to_vec(&again).unwrap(), serde_json::to_vec(&record.decision).unwrap());
    }
}

#[test]
fn a_record_of_something_else_does_not_replay() {
    let mut other = record(&Shop::passing());
    other.policy[0].requirements[0].reason.push('!');
    assert!(matches!(replayed(&other), Err(ReplayError::Other { what: "policy", .. })), "another policy");
    let mut other = record(&Shop::passing());
    other.facts.readings.incidents.push(incident());
    assert!(matches!(replayed(&other), Err(ReplayError::Other { what: "set of facts", .. })), "other facts");
    let mut other = record(&Shop::passing());
    other.facts.evidence.pop();
    assert!(matches!(replayed(&other), Err(ReplayError::Other { what: "set of facts", .. })), "less evidence");
    let mut other = record(&Shop::passing());
    other.format = 2;
    assert_eq!(replayed(&other), Err(ReplayError::Format(2)));
    let mut other = record(&Shop::passing());
    other.policy.push(PolicyLayer::default());
    assert!(matches!(replayed(&other), Err(ReplayError::Policy(_))), "two layers of the project");
}

#[test]
fn a_decision_that_was_changed_does_not_replay() {
    let changes: [fn(&mut Decision); 6] = [
        |it| it.verdict = Verdict::Pass,
        |it| it.requirements[0].because.push('!'),
        |it| drop(it.requirements.pop()),
        |it| it.remaining = None,
        |it| it.at = after(30 * DAY),
        |it| it.format = 1,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut shop = Shop::passing();
        shop.remove(Kind::Smoke);
        let mut record = record(&shop);
        change(&mut record.decision);
        let Err(ReplayError::Different { now: again, .. }) = replayed(&record) else { panic!("change {index} replays") };
        assert_eq!((again.verdict, again.at), (Verdict::Unknown, record.decision.at), "change {index}");
    }
}

/// A record, stored, changed there, and read back.
fn written(shop: &Shop, change: impl FnOnce(&mut Value)) -> DecisionRecord {
    let mut stored = serde_json::to_value(record(shop)).unwrap();
    change(&mut stored["decision"]);
    serde_json::from_value(stored).unwrap()
}

#[test]
fn what_is_written_besides_or_left_out_does_not_replay() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 5] = [
        ("/note", |it| it["note"] = json!("all is well")),
        ("/requirements/0/note", |it| it["requirements"][0]["note"] = json!("all is well")),
        ("/requirements/0/severity", |it| drop(it["requirements"][0].as_object_mut().unwrap().remove("severity"))),
        ("/requirements/0/stale", |it| drop(it["requirements"][0].as_object_mut().unwrap().remove("stale"))),
        ("/remaining", |it| it["remaining"] = json!(null)),
    ];
    for (place, change) in changes {
        let told = replayed(&written(&Shop::passing(), change));
        let Err(ReplayError::Different { places, .. }) = told else { panic!("{place}: {told:?}") };
        assert_eq!(places, [place]);
    }
    assert!(replayed(&written(&Shop::passing(), |_| ())).is_ok());
}

#[test]
fn a_decision_of_another_evaluator_says_so() {
    let is = Decision::EVALUATOR;
    let of_before = |it: &mut Value| drop(it.as_object_mut().unwrap().remove("evaluator"));
    let told = replayed(&written(&Shop::passing(), of_before));
    assert_eq!(told, Err(ReplayError::Evaluator { was: 0, is, agrees: true }));
    let other_words = |it: &mut Value| {
        it["evaluator"] = json!(7_000);
        it["requirements"][0]["because"] = json!("said in another way");
    };
    let told = replayed(&written(&Shop::passing(), other_words));
    assert_eq!(told, Err(ReplayError::Evaluator { was: 7_000, is, agrees: false }));
}

#[test]
fn a_decision_of_other_time_zone_data_says_so() {
    let shop = Shop::asking(json!({"id": "afternoon", "reason": "Lunch.", "asks": closed_window()}));
    let mut record = record(&shop);
    record.facts.time_zones = "1970a".to_owned();
    let facts = HypotheticalFacts::from(record.facts.clone());
    record.decision.facts = facts.digest();
    let told = replayed(&record).unwrap_err();
    assert!(matches!(&told, ReplayError::TimeZones { was, agrees: true, .. } if was == "1970a"), "{told}");
    record.decision.requirements[0].because.push('!');
    let told = replayed(&record).unwrap_err();
    assert!(matches!(&told, ReplayError::TimeZones { agrees: false, .. }), "{told}");
    record.decision = evaluate(&shop.policy(), &facts, AT);
    assert!(replayed(&record).is_ok(), "it was decided with that data in mind: unknown");
}

/// Where no window is asked for, other time zone data is no excuse.
#[test]
fn time_zone_data_that_does_not_matter_is_not_told() {
    let mut record = record(&Shop::passing());
    record.facts.time_zones = "1970a".to_owned();
    record.decision.facts = HypotheticalFacts::from(record.facts.clone()).digest();
    assert!(replayed(&record).is_ok());
    record.decision.requirements[0].because.push('!');
    assert!(matches!(replayed(&record), Err(ReplayError::Different { .. })));
}

#[test]
fn what_if_changes_the_facts_and_nothing_else() {
    let mut shop = Shop::passing();
    shop.readings.incidents.push(incident());
    let (policy, facts) = (shop.policy(), shop.facts());
    let quiet = what_if(&policy, &facts, AT, |facts| facts.readings.incidents.clear());
    assert_eq!((quiet.verdict, shop.decision().verdict), (Verdict::Pass, Verdict::Fail));
    let same = what_if(&policy, &facts, AT, |_| ());
    assert_eq!(same, shop.decision());
}

#[test]
fn evidence_that_may_come_can_be_tried() {
    let (mut without, with) = (Shop::passing(), Shop::passing());
    without.remove(Kind::Smoke);
    let smoke =
        with.facts().facts().evidence.iter().find(|it| it.id == with.requirement("preflight-smoke").evidence[0]).unwrap().clone();
    let tried = what_if(&without.policy(), &without.facts(), AT, |facts| facts.evidence.push(smoke));
    assert_eq!(tried, with.decision(), "as if it had come");
}

/// A stricter policy: what differs is told with its place in the history and both reasons.
#[test]
fn another_policy_is_held_against_the_history() {
    let mut failing = Shop::passing();
    failing.remove(Kind::Smoke);
    let shops = [Shop::passing(), failing, Shop::passing()];
    let facts: Vec<VerifiedFacts> = shops.iter().map(Shop::facts).collect();
    let history = || facts.iter().zip([AT, AT, after(1)]).map(|(facts, at)| (&**facts, at));
    let policy = Shop::passing().policy();
    assert_eq!(diff(&policy, &policy, history()), []);

    let mut stricter = Shop::passing();
    stricter.rule("lifecycle").asks = serde_json::from_value(json!({"lifecycle": {"allowed": ["production"]}})).unwrap();
    stricter.without_rule("preflight-health");
    // What was approved under the one is taken as approved under the other.
    let differences = diff(&policy, &stricter.policy(), history());
    let told: Vec<_> = differences.iter().map(|it| (it.index, it.at, it.before, it.after)).collect();
    let (unknown, fail, pass) = (Verdict::Unknown, Verdict::Fail, Verdict::Pass);
    assert_eq!(told, [(0, AT, pass, fail), (1, AT, unknown, fail), (2, after(1), pass, fail)]);
    let [first, ..] = differences.as_slice() else { panic!("no difference") };
    let requirements: Vec<_> = first.requirements.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(requirements, ["preflight-health", "lifecycle"]);
    assert_eq!(first.requirements[0].after, None, "it is not asked for any more");
    assert_eq!(first.requirements[1].before, Some((pass, "it is path-ready".to_owned())));
    assert_eq!(first.requirements[1].after, Some((fail, "it is path-ready".to_owned())));
}

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

/// A language whose engine answers otherwise from the second version on.
#[derive(Debug)]
struct Versioned(&'static str);

impl ConditionLanguage for Versioned {
    fn name(&self) -> &'static str {
        "versioned"
    }

    fn version(&self) -> String {
        self.0.to_owned()
    }

    fn compile(&self, _: &str) -> Result<Arc<dyn Condition>, ConditionError> {
        Ok(Arc::new(Versioned(self.0)))
    }
}

impl Condition for Versioned {
    fn evaluate(&self, _: &Summary) -> Result<ConditionAnswer, ConditionError> {
        Ok(ConditionAnswer { holds: self.0 < "2", reasons: Vec::new() })
    }
}

#[test]
fn a_decision_names_the_engines_of_its_conditions_and_says_where_they_were_others() {
    let languages = |version| Languages::none().with(Arc::new(Versioned(version)));
    let asks = json!({"condition": {"language": "versioned", "text": "so it is"}});
    let shop = Shop::passing();
    let mut layer = shop.layer.clone();
    layer.requirements.push(serde_json::from_value(json!({"id": "it", "reason": "So.", "asks": asks})).unwrap());
    let policy = Policy::new(vec![layer], &languages("1.0")).unwrap();
    let mut record = DecisionRecord::new(&policy, &shop.facts(), evaluate(&policy, &shop.facts(), AT));
    assert_eq!(record.decision.engines, [("versioned".to_owned(), "1.0".to_owned())].into());
    assert_eq!(replay(&record, &languages("1.0")).as_ref(), Ok(&record.decision));
    for (version, agrees, told) in [("1.1", true, "it comes to the same"), ("2.0", false, "it comes to another one")] {
        let error = replay(&record, &languages(version)).unwrap_err();
        assert_eq!(error.to_string(), format!("the decision was made with versioned 1.0, and here is {version}; {told}"));
        assert!(matches!(error, ReplayError::Engine { agrees: it, .. } if it == agrees), "{error}");
    }
    // It is not the engine that makes the difference.
    let mut changed = record.clone();
    changed.decision.verdict = Verdict::Fail;
    assert!(matches!(replay(&changed, &languages("1.0")), Err(ReplayError::Different { .. })));
    // Only a decision from before the evaluator had a version may name none.
    record.decision.engines.clear();
    assert!(matches!(replay(&record, &languages("1.0")), Err(ReplayError::Different { .. })));
    record.decision.evaluator = 0;
    let told = replay(&record, &languages("1.1"));
    assert_eq!(told, Err(ReplayError::Evaluator { was: 0, is: Decision::EVALUATOR, agrees: true }));
    assert!(Shop::passing().decision().engines.is_empty(), "no condition, no engine");
    assert!(!serde_json::to_string(&Shop::passing().decision()).unwrap().contains("engines"));
}

#[test]
fn hypothetical_facts_and_verified_ones_give_the_same_decision() {
    let mut shop = Shop::passing();
    shop.readings.stops.push(stop(Some("web")));
    let (policy, verified) = (shop.policy(), shop.facts());
    let supposed = HypotheticalFacts::from(verified.facts().clone());
    assert_eq!(evaluate(&policy, &supposed, AT), decide(&policy, &verified, AT, 1).0);
    assert_eq!((supposed.digest(), supposed.evidence_root()), (verified.digest(), verified.evidence_root()));
}

/// As it was written before the evaluator had a version.
const RECORD_OF_0: &str = include_str!("../fixtures/record-of-evaluator-0.json");

#[test]
fn a_record_of_evaluator_0_is_read_and_says_what_it_is() {
    let record: DecisionRecord = serde_json::from_str(RECORD_OF_0).unwrap();
    assert_eq!((record.decision.evaluator, record.decision.verdict), (0, Verdict::Pass));
    assert_eq!(replayed(&record), Err(ReplayError::Evaluator { was: 0, is: Decision::EVALUATOR, agrees: true }));
    let text = serde_json::to_value(&record).unwrap();
    assert_eq!(text, serde_json::from_str::<Value>(RECORD_OF_0).unwrap(), "and written as it was");
}

/// As version 1 wrote it: no severities, nothing remaining, no overriding, and the evidence listed once more.
const DECISION_1: &str = include_str!("../fixtures/decision-1.json");

#[test]
fn a_decision_of_version_1_is_read() {
    let decision: Decision = serde_json::from_str(DECISION_1).unwrap();
    assert_eq!((decision.format, decision.verdict), (1, Verdict::Fail));
    assert_eq!((&decision.remaining, &decision.overridden), (&None, &None));
    let blocking: Vec<_> = decision.blocking().map(|it| (it.id.as_str(), it.verdict)).collect();
    let (unknown, fail) = (Verdict::Unknown, Verdict::Fail);
    let expected = [("unit-tests", unknown), ("preflight-smoke", fail), ("approval", unknown), ("afternoon", fail)];
    assert_eq!(blocking, expected);
    let approval = decision.requirements.iter().find(|it| it.id.as_str() == "approval").unwrap();
    assert_eq!(approval.missing.as_ref().unwrap().count, 1);
    assert_eq!(decision.policy, Digest::of(b"a policy"));
    assert!(decision.to_text().contains("needs 1 more approval(s), from bob"), "{}", decision.to_text());
}
