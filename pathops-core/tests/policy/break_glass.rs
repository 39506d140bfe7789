//! Breaking the glass: only by the policy, by two uninvolved people with a reason, for a while, and never without a trace.

use pathops_core::UnixMillis;
use pathops_core::adapter::{Review, ReviewState};
use pathops_core::policy::{Decision, Verdict};
use pathops_core::project::Role;
use serde_json::json;

use crate::shop::{AT, Kind, Shop, after, agent, by, human};

/// A change that leaves the glass whole.
type Spoil = fn(&mut Shop);

/// The smoke tests are missing, and owners and reviewers may get past that.
fn glass() -> Shop {
    let mut shop = Shop::passing();
    shop.remove(Kind::Smoke);
    let glass = json!({"requirements": ["preflight-smoke", "unit-tests"], "roles": ["owner", "reviewer"], "people": 2, "validSeconds": 3_600});
    shop.layer.break_glass = Some(serde_json::from_value(glass).unwrap());
    shop.readings.people.insert("dave".parse().unwrap(), [Role::Owner].into());
    shop.proposal().reviews =
        vec![says("bob", "Break glass: shops cannot sell"), says("dave", "I looked.\nBREAK GLASS: it is down")];
    shop
}

fn says(person: &str, body: &str) -> Review {
    Review { body: body.to_owned(), ..by(human(person), ReviewState::Approved, '4') }
}

/// The glass is broken: there is a grant, and the decision stays what it is.
#[track_caller]
fn broken(shop: &Shop) -> Decision {
    let (decision, grant) = shop.decide();
    assert!(grant.is_some() && decision.overridden.is_some(), "{}", decision.to_text());
    assert_ne!(decision.verdict, Verdict::Pass);
    decision
}

#[track_caller]
fn whole(shop: &Shop, case: &str) {
    let (decision, grant) = shop.decide();
    assert!(grant.is_none() && decision.overridden.is_none(), "{case}: {}", decision.to_text());
}

#[test]
fn two_people_with_a_reason_get_past_what_the_policy_names() {
    let decision = broken(&glass());
    assert_eq!((decision.verdict, decision.is_granted()), (Verdict::Unknown, true));
    let overridden = decision.overridden.as_ref().unwrap();
    let by: Vec<_> = overridden.by.iter().map(|(who, reason)| (who.as_str(), reason.as_str())).collect();
    assert_eq!(by, [("bob", "shops cannot sell"), ("dave", "it is down")]);
    assert_eq!(overridden.requirements.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["preflight-smoke"]);
    assert_eq!(overridden.until, after(3_600_000));
}

/// Before the pull request nobody can approve anything: it is opened where that may get past all that is in the way.
#[test]
fn what_may_be_got_past_keeps_no_pull_request_from_being_opened() {
    let mut shop = glass();
    assert!(!shop.decision().is_proposable(), "it is there already");
    shop.proposal().reviews.clear();
    assert!(shop.decision().can_wait(), "people may still break the glass");
    shop.readings.proposal = None;
    assert!(shop.decision().is_proposable());
    assert!(!shop.decision().can_wait(), "there is nothing yet to break it on");
    shop.remove(Kind::Health);
    assert!(!shop.decision().is_proposable(), "nobody gets past that");
    assert!(Shop::first_stage().decision().is_proposable(), "nothing is in the way");
    assert!(!Shop::passing().decision().is_proposable());
}

#[test]
fn it_is_told_as_what_it_is() {
    let decision = broken(&glass());
    assert_eq!(decision.summary(), "orders may go to production, although it does not pass: the glass was broken");
    let note = "glass broken until 2026-11-20T13:00:00Z by bob (shops cannot sell) and dave (it is down)";
    assert!(decision.to_text().contains(note), "{}", decision.to_text());
    assert!(decision.to_markdown().contains(note), "{}", decision.to_markdown());
}

/// Whoever reads why it is stopped reads by whom it can be got past; not where it is not stopped.
#[test]
fn what_people_may_get_past_says_so_where_it_stands_in_the_way() {
    let told = |shop: &Shop| shop.decision().to_text().matches("people may break the glass for it").count();
    let mut shop = glass();
    shop.proposal().reviews.clear();
    assert_eq!(told(&shop), 1, "the smoke tests are missing, and the unit tests have passed");
    shop.remove(Kind::UnitTests);
    assert_eq!(told(&shop), 2);
}

#[test]
fn nothing_is_overridden_where_nothing_stands_in_the_way() {
    let mut shop = glass();
    shop.add(Kind::Smoke, &Kind::Smoke.statement());
    shop.passes("all is there");
    assert_eq!(shop.decision().overridden, None);
}

#[test]
fn a_policy_that_does_not_allow_it_is_not_got_past() {
    let mut shop = glass();
    shop.layer.break_glass = None;
    whole(&shop, "the policy says nothing");
    let mut shop = glass();
    shop.remove(Kind::Health);
    whole(&shop, "something else stands in the way too");
}

#[test]
fn what_is_built_in_is_not_got_past() {
    let spoilt: [(&str, Spoil); 8] = [
        ("preflight-deployment", |shop| shop.remove(Kind::Deployment)),
        ("lifecycle", |shop| shop.readings.unit.lifecycle = pathops_core::project::Lifecycle::Prototype),
        ("stop-the-line", |shop| shop.readings.stops.push(crate::shop::stop(None))),
        ("no-open-incident", |shop| {
            let (id, summary) = ("INC-7".to_owned(), "slow".to_owned());
            shop.readings.incidents.push(pathops_core::project::OpenIncident { id, unit: None, since: AT, summary });
        }),
        ("dependencies", |shop| {
            shop.readings.dependencies.insert("store".parse().unwrap(), pathops_core::policy::DependencyState::Pending);
        }),
        ("tested-combination", |shop| shop.proposal().carries_tested = false),
        ("evidence-integrity", |shop| shop.more.push(crate::shop::seal_bytes(&crate::shop::signer(), b"{}"))),
        ("covered", |shop| shop.layer.requirements.clear()),
    ];
    for (name, spoil) in spoilt {
        let mut shop = glass();
        spoil(&mut shop);
        whole(&shop, name);
    }
}

/// What may be wrong with the two approvals.
#[test]
fn whoever_does_not_count_does_not_break_it() {
    let spoilt: [(&str, Spoil); 13] = [
        ("one person", |shop| drop(shop.proposal().reviews.pop())),
        ("one person twice", |shop| shop.proposal().reviews[1] = says("bob", "break glass: really")),
        ("one person by two accounts", |shop| {
            shop.readings.accounts.insert("dave".parse().unwrap(), "bob".parse().unwrap());
        }),
        ("no word", |shop| shop.proposal().reviews[1].body = "go ahead".to_owned()),
        ("no reason", |shop| shop.proposal().reviews[1].body = "break glass:  ".to_owned()),
        ("not at the beginning of a line", |shop| shop.proposal().reviews[1].body = "do not break glass: wait".to_owned()),
        ("a comment", |shop| shop.proposal().reviews[1].state = ReviewState::Commented),
        ("an earlier head", |shop| shop.proposal().reviews[1].commit = crate::shop::commit('5')),
        ("the author", |shop| shop.proposal().reviews[1].author = human("alice")),
        ("the sponsor", |shop| shop.proposal().reviews[1].author = human("carol")),
        ("an agent", |shop| shop.proposal().reviews[1].author = agent("dave")),
        ("nobody here", |shop| shop.proposal().reviews[1].author = human("mallory")),
        ("no role", |shop| shop.proposal().reviews[1].author = human("erin")),
    ];
    for (name, spoil) in spoilt {
        let mut shop = glass();
        spoil(&mut shop);
        whole(&shop, name);
    }
}

#[test]
fn another_policy_another_role_and_strangers_leave_it_whole() {
    let mut shop = glass();
    shop.shows_policy = false;
    whole(&shop, "the pull request shows another policy");
    let mut shop = glass();
    shop.proposal().shown.since = after(1);
    whole(&shop, "said before the policy was shown");
    let mut shop = glass();
    shop.layer.break_glass.as_mut().unwrap().roles = [Role::Owner].into();
    whole(&shop, "bob is a reviewer");
    let mut shop = glass();
    shop.readings.strangers.insert("B. Ob".to_owned());
    whole(&shop, "a stranger has a part in the change");
}

#[test]
fn who_asks_for_changes_keeps_it_whole() {
    for objector in ["alice", "carol", "bob"] {
        let mut shop = glass();
        shop.proposal().reviews.push(by(human(objector), ReviewState::ChangesRequested, '4'));
        whole(&shop, objector);
    }
    let mut shop = glass();
    shop.proposal().reviews.push(by(human("erin"), ReviewState::ChangesRequested, '4'));
    broken(&shop);
}

#[test]
fn it_holds_for_a_while_after_the_last_of_them() {
    let at = |offset: i64, last: i64| {
        let mut shop = glass();
        shop.at = after(offset);
        shop.layer.break_glass.as_mut().unwrap().valid_seconds = 60;
        shop.proposal().reviews[1].at = after(last);
        shop
    };
    broken(&at(59_999, 0));
    whole(&at(60_000, 0), "a minute later");
    broken(&at(60_000, 1));
    broken(&at(0, 60_000));
    whole(&at(0, 60_001), "a review of the future");
}

#[test]
fn there_is_nothing_to_break_before_the_pull_request() {
    let mut shop = glass();
    shop.readings.proposal = None;
    whole(&shop, "no pull request");
}

#[test]
fn more_people_can_be_asked_for() {
    let mut shop = glass();
    shop.layer.break_glass.as_mut().unwrap().people = 3.try_into().unwrap();
    whole(&shop, "two of three");
    shop.readings.people.insert("frank".parse().unwrap(), [Role::Reviewer].into());
    shop.proposal().reviews.push(says("frank", "break glass: yes"));
    broken(&shop);
}

#[test]
fn a_failure_is_got_past_as_well() {
    let mut shop = glass();
    shop.edit(Kind::Smoke, |it| Kind::Smoke.fail(it));
    assert_eq!(broken(&shop).verdict, Verdict::Fail);
    shop.at = UnixMillis(i64::MAX);
    whole(&shop, "at the end of time");
}
