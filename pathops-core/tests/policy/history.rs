//! Past decisions: made again, held against another policy, and asked what if.

use std::sync::Arc;

use pathops_core::Digest;
use pathops_core::policy::{
    Condition, ConditionAnswer, ConditionError, ConditionLanguage, Decision, DecisionRecord, HypotheticalFacts, Languages,
    Policy, PolicyLayer, ReadAt, ReplayError, Summary, Verdict, VerifiedFacts, decide, diff, evaluate, replay, what_if,
};
use pathops_core::project::OpenIncident;
use serde_json::{Value, json};

use crate::ask_policy::{check_of, checked};
use crate::shop::{AT, DAY, Kind, Shop, after, closed_window, commit, stop};

pub(crate) fn record(shop: &Shop) -> DecisionRecord {
    DecisionRecord::new(&shop.policy(), &shop.facts(), shop.decision())
}

pub(crate) fn incident() -> OpenIncident {
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
    let told = "\
orders at 2026-11-20T12:00:00Z: pass, and fail under the other
  preflight-health: pass (healthy for 5 s without a gap), and not asked for
  lifecycle: pass (it is path-ready), and fail (it is path-ready)";
    assert_eq!(first.to_string(), told);
}

/// What was checked was the policy of its day, and the other one is as good.
#[test]
fn that_nobody_has_checked_another_policy_is_no_difference() {
    let mut shop = Shop::asking(checked());
    let check = check_of(&shop, &[], &json!({"bob": ["reviewer"]}));
    shop.give(&check);
    let (mut other, facts) = (shop.clone(), shop.facts());
    other.rule("lifecycle").asks = serde_json::from_value(json!({"lifecycle": {"allowed": ["production"]}})).unwrap();
    let differences = diff(&shop.policy(), &other.policy(), [(&*facts, AT)]);
    let told: Vec<_> = differences.iter().flat_map(|it| &it.requirements).map(|it| it.id.as_str()).collect();
    assert_eq!(told, ["lifecycle"]);
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
    let mut named = record.clone();
    record.decision.engines.clear();
    assert!(matches!(replay(&record, &languages("1.0")), Err(ReplayError::Different { .. })));
    record.decision.evaluator = 0;
    let told = replay(&record, &languages("1.1"));
    assert_eq!(told, Err(ReplayError::Evaluator { was: 0, is: Decision::EVALUATOR, agrees: true }));
    record.decision.evaluator = 7_000;
    let told = replay(&record, &languages("1.0"));
    assert_eq!(told, Err(ReplayError::Evaluator { was: 7_000, is: Decision::EVALUATOR, agrees: false }));
    // One that names them is held to what it names.
    named.decision.evaluator = 0;
    let told = replay(&named, &languages("1.0"));
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

#[test]
fn where_and_when_declarations_were_read_is_recorded_and_decides_nothing() {
    let mut shop = Shop::passing();
    let policy = shop.policy();
    let unread = HypotheticalFacts::but(&shop.facts(), |facts| facts.readings.read = None);
    let without = DecisionRecord::new(&policy, &unread, evaluate(&policy, &unread, AT));
    shop.readings.read = Some(ReadAt { meta: commit('9'), at: AT });
    let with = record(&shop);
    let text = serde_json::to_value(&with).unwrap();
    assert_eq!(text["facts"]["readings"]["read"], json!({"meta": "9".repeat(40), "at": "2026-11-20T12:00:00Z"}));
    let read: DecisionRecord = serde_json::from_value(text).unwrap();
    assert_eq!((read.facts.readings.read.as_ref(), replayed(&read)), (shop.readings.read.as_ref(), Ok(with.decision.clone())));
    assert_eq!(with.decision.requirements, without.decision.requirements);
    // Records from before have none, and keep their digest.
    assert!(serde_json::to_value(&without).unwrap()["facts"]["readings"].get("read").is_none());
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
