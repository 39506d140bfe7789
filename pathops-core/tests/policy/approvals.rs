//! Separation of duties: who approves, and who only tries to (I2).
//!
//! The change is by `alice` and an agent of `carol`; `bob` may approve, `erin` holds no role, `mallory` is nobody here.

use pathops_core::Principal;
use pathops_core::adapter::ReviewState::{Approved, ChangesRequested, Commented, Dismissed};
use pathops_core::policy::Verdict;
use serde_json::json;

use crate::shop::{Shop, after, agent, by, human, review};

/// The head of the production pull request, and the one before it.
const HEAD: char = '4';
const EARLIER: char = '5';

const MISSING: &[(&str, Verdict)] = &[("approval", Verdict::Unknown)];
const REFUSED: &[(&str, Verdict)] = &[("approval", Verdict::Fail)];

/// Everybody who holds a role takes no part in the change, apart from those who are added.
fn with_authors(authors: &[Principal], reviewer: &str) -> Shop {
    let mut shop = Shop::reviewed(vec![review(reviewer, Approved, HEAD)]);
    shop.readings.authors = authors.iter().cloned().collect();
    shop
}

#[test]
fn an_uninvolved_person_who_holds_a_role_approves() {
    with_authors(&[human("alice")], "bob").passes("bob, a reviewer");
    with_authors(&[human("bob")], "alice").passes("alice, an owner");
}

#[test]
fn the_author_does_not_approve() {
    with_authors(&[human("alice")], "alice").refuses("alice", MISSING);
}

/// However somebody came to be an author: by the pull request, a commit in it, or a `Co-authored-by` trailer.
#[test]
fn a_co_author_does_not_approve() {
    with_authors(&[human("alice"), human("bob")], "bob").refuses("bob", MISSING);
}

#[test]
fn an_agent_does_not_approve() {
    for sponsor in ["bob", "carol", "mallory"] {
        let shop = Shop::reviewed(vec![by(agent(sponsor), Approved, HEAD)]);
        shop.refuses(&format!("the agent of {sponsor}"), MISSING);
    }
}

#[test]
fn the_sponsor_of_an_agent_that_took_part_does_not_approve() {
    with_authors(&[agent("carol")], "carol").refuses("carol", MISSING);
    with_authors(&[agent("carol")], "bob").passes("bob");
}

#[test]
fn pathops_itself_does_not_approve() {
    Shop::reviewed(vec![by(Principal::System, Approved, HEAD)]).refuses("the system", MISSING);
}

#[test]
fn an_approval_of_an_earlier_head_does_not_count() {
    Shop::reviewed(vec![review("bob", Approved, EARLIER)]).refuses("before the last push", MISSING);
    let again = vec![review("bob", Approved, EARLIER), review("bob", Approved, HEAD)];
    Shop::reviewed(again).passes("again, after the push");
}

#[test]
fn an_approver_without_a_role_does_not_count() {
    Shop::reviewed(vec![review("erin", Approved, HEAD)]).refuses("erin", MISSING);
}

#[test]
fn an_approver_with_another_role_does_not_count() {
    let mut shop = Shop::passing();
    shop.rule("approval").asks = serde_json::from_value(json!({"approvals": {"count": 1, "roles": ["owner"]}})).unwrap();
    shop.refuses("bob, who is a reviewer", MISSING);
}

#[test]
fn an_approver_whom_the_project_does_not_know_does_not_count() {
    Shop::reviewed(vec![review("mallory", Approved, HEAD)]).refuses("mallory", MISSING);
}

#[test]
fn an_approval_that_was_dismissed_does_not_count() {
    Shop::reviewed(vec![review("bob", Approved, HEAD), review("bob", Dismissed, HEAD)]).refuses("dismissed", MISSING);
    Shop::reviewed(vec![review("bob", Dismissed, HEAD)]).refuses("dismissed in place", MISSING);
}

#[test]
fn an_approval_taken_back_by_asking_for_changes_refuses() {
    let reviews = vec![review("bob", Approved, HEAD), review("bob", ChangesRequested, HEAD)];
    Shop::reviewed(reviews).refuses("approved, then asked for changes", REFUSED);
}

#[test]
fn an_approval_after_asking_for_changes_counts() {
    Shop::reviewed(vec![review("bob", ChangesRequested, EARLIER), review("bob", Approved, HEAD)]).passes("changed");
}

#[test]
fn asking_for_changes_outlives_a_push() {
    let reviews = vec![review("bob", ChangesRequested, EARLIER), review("dave", Approved, HEAD)];
    let mut shop = Shop::reviewed(reviews);
    shop.readings.people.insert("dave".parse().unwrap(), [pathops_core::project::Role::Owner].into());
    shop.refuses("bob waits for an answer", REFUSED);
}

#[test]
fn a_comment_is_no_vote_and_takes_none_back() {
    Shop::reviewed(vec![review("bob", Commented, HEAD)]).refuses("a comment alone", MISSING);
    Shop::reviewed(vec![review("bob", Approved, HEAD), review("bob", Commented, HEAD)]).passes("approved, then commented");
    let reviews = vec![review("bob", ChangesRequested, HEAD), review("bob", Commented, HEAD)];
    Shop::reviewed(reviews).refuses("asked for changes, then commented", REFUSED);
}

#[test]
fn two_approvals_of_one_person_count_once() {
    let mut shop = Shop::reviewed(vec![review("bob", Approved, HEAD), review("bob", Approved, HEAD)]);
    let two = json!({"approvals": {"count": 2, "roles": ["owner", "reviewer"]}});
    shop.rule("approval").asks = serde_json::from_value(two).unwrap();
    shop.refuses("bob twice", MISSING);
    shop.proposal().reviews.push(review("carol", Approved, HEAD));
    shop.refuses("and a sponsor", MISSING);
    shop.readings.authors.remove(&agent("carol"));
    shop.passes("bob and carol, who takes no part");
}

#[test]
fn one_eligible_person_who_asks_for_changes_outweighs_every_approval() {
    for objector in ["bob", "alice", "carol"] {
        let mut shop = Shop::reviewed(vec![review("dave", Approved, HEAD), review(objector, ChangesRequested, HEAD)]);
        shop.readings.people.insert("dave".parse().unwrap(), [pathops_core::project::Role::Reviewer].into());
        shop.refuses(objector, REFUSED);
    }
}

#[test]
fn an_outsider_who_asks_for_changes_stops_nothing() {
    for objector in [human("erin"), human("mallory"), agent("alice"), Principal::System] {
        let reviews = vec![review("bob", Approved, HEAD), by(objector.clone(), ChangesRequested, HEAD)];
        Shop::reviewed(reviews).passes(&objector.to_string());
    }
}

#[test]
fn somebody_who_lost_the_role_does_not_count() {
    let mut shop = Shop::passing();
    shop.readings.people.remove(&"bob".parse().unwrap());
    shop.refuses("bob has left", MISSING);
}

/// A commit by somebody whom the host does not know may be the approver's own.
#[test]
fn nobody_approves_what_a_stranger_had_a_part_in() {
    let mut shop = Shop::passing();
    shop.readings.strangers.insert("B. Ob".to_owned());
    shop.refuses("a stranger", MISSING);
    assert!(!shop.decision().can_wait(), "an approval more does not help");
    shop.proposal().reviews.push(review("alice", ChangesRequested, HEAD));
    assert_ne!(shop.requirement("approval").verdict, Verdict::Pass);
}

#[test]
fn nobody_approves_without_a_review() {
    let shop = Shop::reviewed(Vec::new());
    shop.refuses("no review", MISSING);
    let missing = shop.requirement("approval").missing.unwrap();
    assert_eq!((missing.from.as_slice(), missing.by_people), (["bob".to_owned()].as_slice(), true), "alice and carol take part");
}

#[test]
fn what_did_not_count_is_said() {
    let mut reviews = vec![review("alice", Approved, HEAD), review("erin", Approved, HEAD), review("bob", Approved, EARLIER)];
    reviews.extend([by(agent("bob"), Approved, HEAD), by(Principal::System, Approved, HEAD)]);
    let because = Shop::reviewed(reviews).requirement("approval").because;
    assert_eq!(
        because,
        "0 of 1 approvals of head 444444444444; not counted: alice (has a part in the change), bob (for an earlier head), \
         erin (does not hold the role), agent patch (for bob) (not a person), pathops (not a person)"
    );
}

#[test]
fn an_approval_is_for_the_policy_that_the_pull_request_shows() {
    let mut shop = Shop::passing();
    shop.shows_policy = false;
    shop.passes("the policy that was shown is the one that is asked");
    shop.rule("unit-tests").reason.push('!');
    shop.refuses("the policy is another one now", MISSING);
    assert!(shop.requirement("approval").because.ends_with("not counted: bob (under another policy)"));
}

#[test]
fn an_approval_from_before_the_policy_was_shown_does_not_count() {
    for (offset, counts) in [(0, true), (1, false)] {
        let mut shop = Shop::passing();
        shop.proposal().shown.since = after(offset);
        if counts { shop.passes("shown when it was given") } else { shop.refuses("shown later", MISSING) }
    }
}

fn with_account(account: &str, person: &str) -> Shop {
    let mut shop = Shop::passing();
    shop.readings.accounts.insert(account.parse().unwrap(), person.parse().unwrap());
    shop
}

#[test]
fn another_account_of_the_author_is_the_author() {
    with_account("bob", "alice").refuses("alice as bob", MISSING);
    with_account("bob", "carol").refuses("the sponsor as bob", MISSING);
    let mut shop = with_account("ally", "bob");
    shop.readings.authors = [human("ally")].into();
    shop.refuses("bob, who wrote it as ally", MISSING);
    with_account("bob", "erin").refuses("erin holds no role, whatever bob holds", MISSING);
}

#[test]
fn two_accounts_of_one_person_are_one_approval() {
    let mut shop = with_account("bobby", "bob");
    let two = json!({"approvals": {"count": 2, "roles": ["owner", "reviewer"]}});
    shop.rule("approval").asks = serde_json::from_value(two).unwrap();
    shop.readings.people.insert("bobby".parse().unwrap(), [pathops_core::project::Role::Owner].into());
    shop.proposal().reviews.push(review("bobby", Approved, HEAD));
    shop.refuses("bob and bobby", MISSING);
    let missing = shop.requirement("approval").missing.unwrap();
    assert_eq!((missing.from, missing.count), (Vec::new(), 1), "nobody is left to be asked");
    shop.readings.accounts.clear();
    shop.passes("two people");
}

#[test]
fn the_last_word_of_a_person_counts_whichever_account_it_came_from() {
    let mut shop = with_account("bobby", "bob");
    shop.proposal().reviews.push(review("bobby", ChangesRequested, HEAD));
    shop.refuses("bobby takes it back", REFUSED);
    shop.proposal().reviews.push(review("bob", Approved, HEAD));
    shop.passes("and gives it again");
}
