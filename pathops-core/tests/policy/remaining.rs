//! The least that would let a decision pass.

use pathops_core::adapter::ReviewState::{Approved, ChangesRequested};
use pathops_core::policy::{Remaining, Step, Verdict};
use pathops_core::project::Role;
use serde_json::{Value, json};

use crate::shop::{DAY, Kind, Shop, after, closed_window, review, seal};

fn remaining(shop: &Shop) -> Remaining {
    shop.decision().remaining.unwrap()
}

fn steps(remaining: &Remaining) -> Vec<(&str, &str)> {
    remaining.steps.iter().map(|step| (step.what.as_str(), step.from.as_deref().unwrap_or("nobody"))).collect()
}

fn approvals(id: &str, count: usize, roles: &[&str]) -> Value {
    json!({"id": id, "reason": "People look.", "asks": {"approvals": {"count": count, "roles": roles}}})
}

/// No review yet; these hold roles, and nobody who has a part in the change does.
fn people(people: &[(&str, Role)], rules: &[Value]) -> Shop {
    let mut shop = Shop::reviewed(Vec::new());
    shop.readings.people = people.iter().map(|(name, role)| (name.parse().unwrap(), [*role].into())).collect();
    shop.layer.requirements.extend(rules.iter().map(|rule| serde_json::from_value(rule.clone()).unwrap()));
    shop
}

const APPROVAL: &str = "approval of the pull request's head";

#[test]
fn nothing_remains_where_nothing_stands_in_the_way() {
    assert_eq!(Shop::passing().decision().remaining, None);
    assert_eq!(Shop::first_stage().decision().remaining, None);
}

#[test]
fn every_piece_of_evidence_that_is_missing_is_a_step() {
    let mut shop = Shop::passing();
    shop.remove(Kind::Smoke);
    shop.remove(Kind::UnitTests);
    let remaining = remaining(&shop);
    let expected = [("result of the smoke job in preflight", "the GitOps controller"), ("result of the unit tests", "CI")];
    assert_eq!(steps(&remaining), expected);
    assert!(remaining.is_smallest && remaining.without_a_way.is_empty());
}

/// One approval serves every rule that counts the person.
#[test]
fn overlapping_roles_need_the_fewest_people() {
    let rules = [approvals("owners", 1, &["owner"]), approvals("two", 2, &["owner", "reviewer"])];
    let shop = people(&[("olga", Role::Owner), ("rita", Role::Reviewer), ("rolf", Role::Reviewer)], &rules);
    let found = remaining(&shop);
    assert_eq!((steps(&found), found.is_smallest), (vec![(APPROVAL, "olga"), (APPROVAL, "rita")], true));

    let apart = [approvals("owners", 2, &["owner"]), approvals("reviewers", 1, &["reviewer"])];
    let shop = people(&[("olga", Role::Owner), ("omar", Role::Owner), ("rita", Role::Reviewer)], &apart);
    assert_eq!(steps(&remaining(&shop)), [(APPROVAL, "olga"), (APPROVAL, "omar"), (APPROVAL, "rita")]);
}

#[test]
fn those_who_ask_for_changes_must_all_be_won_over() {
    let mut shop = people(&[("olga", Role::Owner), ("rita", Role::Reviewer), ("rolf", Role::Reviewer)], &[]);
    shop.proposal().reviews =
        vec![review("olga", Approved, '4'), review("rita", ChangesRequested, '4'), review("rolf", ChangesRequested, '4')];
    assert_eq!(steps(&remaining(&shop)), [(APPROVAL, "rita"), (APPROVAL, "rolf")]);
}

/// They approve by that, so that fewer others are needed; those who have a part in the change only stop objecting.
#[test]
fn what_is_missing_besides_an_objection_is_told_too() {
    let all = [("olga", Role::Owner), ("rita", Role::Reviewer), ("rolf", Role::Reviewer), ("alice", Role::Owner)];
    let mut shop = people(&all, &[approvals("two", 2, &["owner", "reviewer"])]);
    shop.proposal().reviews = vec![review("rita", ChangesRequested, '4')];
    let found = remaining(&shop);
    assert_eq!((steps(&found), found.is_smallest), (vec![(APPROVAL, "olga"), (APPROVAL, "rita")], true));
    let text = shop.decision().to_text();
    for line in ["needs approval of the pull request's head, from rita\n", "head, from olga or rolf\n"] {
        assert!(text.contains(line), "{text}");
    }
    shop.proposal().reviews.push(review("alice", ChangesRequested, '4'));
    assert_eq!(steps(&remaining(&shop)), [(APPROVAL, "alice"), (APPROVAL, "olga"), (APPROVAL, "rita")]);
    let all = remaining(&shop).steps;
    approve(&mut shop, &all);
    shop.passes("all of them");
}

/// Whoever the host comes to know, the approvals are as they were.
#[test]
fn approvals_are_missing_besides_authors_whom_nobody_knows() {
    let mut shop = people(&[("olga", Role::Owner)], &[]);
    shop.readings.strangers = ["B. Ob".to_owned()].into();
    let expected = [(APPROVAL, "olga"), ("commits by people whom the host knows", "nobody")];
    assert_eq!(steps(&remaining(&shop)), expected);
    assert!(!shop.decision().can_wait(), "people who approve do not mend it");
}

#[test]
fn where_too_few_are_left_besides_an_objection_there_is_no_way() {
    let mut shop = people(&[("olga", Role::Owner), ("rita", Role::Reviewer)], &[approvals("three", 3, &["owner", "reviewer"])]);
    shop.proposal().reviews = vec![review("rita", ChangesRequested, '4')];
    let found = remaining(&shop);
    assert_eq!(found.without_a_way.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["three"]);
    assert_eq!(steps(&found), [(APPROVAL, "rita")]);
}

/// Two rules of one name stand beside each other, and what each of them lacks is told.
#[test]
fn what_a_rule_above_lacks_besides_is_told_too() {
    let mut shop = people(&[("olga", Role::Owner), ("rita", Role::Reviewer)], &[]);
    shop.rule("approval").asks = serde_json::from_value(approvals("approval", 1, &["owner"])["asks"].clone()).unwrap();
    shop.proposal().reviews = vec![review("rita", ChangesRequested, '4')];
    let found = remaining(&shop);
    assert_eq!(
        (steps(&found), shop.requirement("approval").verdict),
        (vec![(APPROVAL, "olga"), (APPROVAL, "rita")], Verdict::Fail)
    );
    approve(&mut shop, &found.steps);
    shop.passes("both of them");
    // What both of them lack is told once.
    shop.readings.people.remove(&"rita".parse().unwrap());
    shop.proposal().reviews.clear();
    let it = shop.requirement("approval");
    assert_eq!((it.missing.unwrap().from, it.also_missing), (vec!["olga".to_owned()], Vec::new()));
}

/// Old results of a pipeline that nobody has approved do not get younger by an approval.
#[test]
fn what_is_too_old_besides_is_told_too() {
    let mut shop = Shop::passing();
    shop.edit(Kind::UnitTests, |it| it.predicate["configuration"][0]["annotations"]["pipelineChanged"] = json!(true));
    shop.at = after(30 * DAY);
    let told: Vec<_> = shop.requirement("unit-tests").all_missing().map(|it| it.what.clone()).collect();
    assert_eq!(told, ["an approval of the source pull request's head before its merge", "a newer result of the unit tests"]);
}

#[test]
fn where_too_few_could_there_is_no_way() {
    let shop = people(&[("olga", Role::Owner)], &[approvals("owners", 2, &["owner"])]);
    let found = remaining(&shop);
    assert_eq!(found.without_a_way.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["owners"]);
    assert_eq!(steps(&found), [(APPROVAL, "olga")], "which the other rule still needs");
    let note = "it takes at least approval of the pull request's head from olga; nothing is known that would help with owners";
    assert!(shop.decision().to_text().contains(note), "{}", shop.decision().to_text());
}

#[test]
fn what_nothing_helps_with_is_named() {
    let mut shop = Shop::passing();
    shop.proposal().carries_tested = false;
    let found = remaining(&shop);
    assert_eq!(found.without_a_way.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["tested-combination"]);
    assert!(found.steps.is_empty() && found.not_before.is_none());
    let text = shop.decision().to_text();
    assert!(text.ends_with("  nothing is known that would help with tested-combination\n"), "{text}");
}

#[test]
fn time_is_no_step() {
    let mut shop = Shop::asking(json!({"id": "afternoon", "reason": "Lunch.", "asks": closed_window()}));
    let opening = "2026-11-20T13:30:00Z".parse().unwrap();
    let found = remaining(&shop);
    assert_eq!((found.steps.len(), found.not_before, found.is_smallest), (0, Some(opening), true));
    assert!(shop.decision().to_text().ends_with("  it takes at least that it is 2026-11-20T13:30:00Z\n"));
    shop.remove(Kind::Health);
    assert_eq!(remaining(&shop).not_before, Some(opening));
}

/// What is good enough now, and will be too old when the freeze is over, has to come anew by then.
#[test]
fn what_will_be_too_old_when_the_time_has_come_is_a_step() {
    let mut shop = Shop::asking(json!({"id": "afternoon", "reason": "Lunch.", "asks": closed_window()}));
    let opening = "2026-11-20T13:30:00Z".parse().unwrap();
    shop.put(Kind::Smoke, seal(&Kind::Smoke.dated(after(-DAY))));
    shop.stands("preflight-smoke", Verdict::Pass, "2 passed, 0 failed");
    let found = remaining(&shop);
    assert_eq!(steps(&found), [("a newer result of the smoke job in preflight", "the GitOps controller")]);
    assert_eq!((found.not_before, found.is_smallest), (Some(opening), true));
    shop.at = opening;
    shop.refuses("without it", &[("preflight-smoke", Verdict::Unknown)]);
    shop.add(Kind::Smoke, &Kind::Smoke.dated(opening));
    shop.passes("with it");
}

/// One wait may end in another.
#[test]
fn it_is_waited_until_nothing_more_has_to_be_waited_for() {
    let mut shop = Shop::asking(json!({"id": "noon", "reason": "Lunch.", "asks": closed_window()}));
    let window = json!({"freeze": {"timeZone": "Europe/Berlin", "from": "2026-11-20T14:00", "until": "2026-11-20T16:00"}});
    let later = json!({"id": "tea", "reason": "Tea.", "asks": window});
    shop.layer.requirements.push(serde_json::from_value(later).unwrap());
    let found = remaining(&shop);
    assert_eq!((found.steps.len(), found.not_before), (0, Some("2026-11-20T15:00:00Z".parse().unwrap())));
    shop.at = found.not_before.unwrap();
    shop.passes("when it says");
}

#[test]
fn what_is_too_short_takes_time_and_another_look() {
    let mut shop = Shop::passing();
    shop.edit(Kind::Health, |it| it.predicate["settledMillis"] = json!(1_000));
    let found = remaining(&shop);
    // Healthy for a second, a minute ago: five seconds of it are over by now, and nobody has looked.
    assert_eq!((found.steps.len(), found.not_before), (0, Some(after(-56_000))));
    shop.put(Kind::Health, seal(&Kind::Health.dated(after(-25 * 3_600_000))));
    assert_eq!(steps(&remaining(&shop)), [("a newer health in preflight", "the GitOps controller")]);
}

#[test]
fn a_search_that_is_cut_short_says_so_and_still_finds_enough() {
    let mut shop = Shop::reviewed(Vec::new());
    shop.readings.people = (0..40).map(|nth| (format!("p{nth:02}").parse().unwrap(), [Role::Owner].into())).collect();
    shop.layer.requirements.push(serde_json::from_value(approvals("half", 20, &["owner"])).unwrap());
    let found = remaining(&shop);
    assert!(!found.is_smallest, "forty people, twenty of them: more ways than are tried");
    assert_eq!(found.steps.len(), 20);
    assert!(shop.decision().to_text().contains("it takes enough, though less may be: "));
    approve(&mut shop, &found.steps);
    shop.passes("what remained has come");
}

#[test]
fn what_remains_is_enough() {
    let rules = [approvals("owners", 2, &["owner"]), approvals("three", 3, &["owner", "reviewer"])];
    let mut shop =
        people(&[("olga", Role::Owner), ("omar", Role::Owner), ("rita", Role::Reviewer), ("rolf", Role::Reviewer)], &rules);
    let found = remaining(&shop);
    assert_eq!(found.steps.len(), 3);
    for left_out in 0..3 {
        let (mut short, mut steps) = (shop.clone(), found.steps.clone());
        steps.remove(left_out);
        approve(&mut short, &steps);
        assert_eq!(short.decision().verdict, Verdict::Unknown, "without {:?}", found.steps[left_out]);
    }
    approve(&mut shop, &found.steps);
    shop.passes("all of it");
}

/// The approvals that these steps are have come.
fn approve(shop: &mut Shop, steps: &[Step]) {
    let approval = |step: &Step| review(step.from.as_ref().unwrap(), Approved, '4');
    shop.proposal().reviews.extend(steps.iter().map(approval));
}
