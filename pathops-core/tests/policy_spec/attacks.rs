//! The twelve ways around the separation of duties, each of which ends at the decision or at the grant.
//!
//! The change is by `alice` and an agent of `carol`. `bob`, `dave` and `erin` may approve, two of them must.

use pathops_core::UnixMillis;
use pathops_core::adapter::Review;
use pathops_core::adapter::ReviewState::{Approved, ChangesRequested, Commented};
use pathops_core::policy::{Decision, GrantError, Policy, PromotionGrant, Readings, Verdict, VerifiedFacts, decide};

use crate::base::{AT, MINUTE, PIECES, Piece, agent, by, check_of, commit, human, layers, policy, readings, review, verified};

const HEAD: char = '4';

fn at_hand(change: impl FnOnce(&mut Readings)) -> (Policy, Readings) {
    let policy = policy(layers());
    let mut readings = readings(&policy);
    change(&mut readings);
    (policy, readings)
}

fn decided(change: impl FnOnce(&mut Readings)) -> (Decision, Option<PromotionGrant>) {
    let (policy, readings) = at_hand(change);
    decide(&policy, &verified(&PIECES.map(Piece::envelope), readings), AT, 1)
}

fn reviews(readings: &mut Readings) -> &mut Vec<Review> {
    &mut readings.proposal.as_mut().unwrap().reviews
}

/// In place of `dave`, the second of those who approve: nothing but the approvals stands in the way, and they say why.
#[track_caller]
fn does_not_count(second: Review, why: &str) {
    refused(|it| reviews(it)[1] = second, why);
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Readings), why: &str) {
    let (decision, grant) = decided(change);
    assert!(grant.is_none(), "a grant was minted");
    let blocking: Vec<_> = decision.blocking().map(|it| (it.id.as_str(), it.verdict)).collect();
    assert_eq!(blocking, [("approval", Verdict::Unknown)], "{}", decision.to_text());
    let because = &decision.blocking().next().unwrap().because;
    assert!(because.contains(why), "{because}");
}

#[test]
fn without_an_attack_it_is_granted() {
    let (decision, grant) = decided(|_| ());
    assert!(grant.is_some());
    let approval = decision.requirements.iter().find(|it| it.id.as_str() == "approval").unwrap();
    assert_eq!(approval.because, "approved by bob, dave");
    assert!(decided(|it| reviews(it)[1] = review("erin", Approved, HEAD)).1.is_some());
}

#[test]
fn the_author_approves() {
    does_not_count(review("alice", Approved, HEAD), "alice (has a part in the change)");
}

#[test]
fn a_co_author_approves() {
    refused(|it| it.authors.extend([human("dave")]), "dave (has a part in the change)");
}

#[test]
fn an_agent_approves() {
    does_not_count(by(agent("erin"), Approved, HEAD), "agent patch (for erin) (not a person)");
}

#[test]
fn the_sponsor_of_an_agent_approves() {
    does_not_count(review("carol", Approved, HEAD), "carol (has a part in the change)");
}

#[test]
fn an_approval_from_before_the_last_push() {
    does_not_count(review("dave", Approved, '3'), "dave (for an earlier head)");
    refused(|it| it.proposal.as_mut().unwrap().head = commit('5'), "0 of 2 approvals of head 555555555555");
}

/// Whatever another pull request is about, its head is another commit; and what is said about the source is no word about
/// production.
#[test]
fn an_approval_of_another_pull_request() {
    does_not_count(review("dave", Approved, '1'), "dave (for an earlier head)");
    let of_the_source = |it: &mut Readings| {
        let dave = reviews(it).pop().unwrap();
        it.source_reviews.extend([dave, review("dave", Approved, '1')]);
    };
    refused(of_the_source, "1 of 2 approvals");
}

#[test]
fn two_accounts_of_one_person() {
    does_not_count(review("bob-2", Approved, HEAD), "1 of 2 approvals");
    does_not_count(review("alice-2", Approved, HEAD), "alice-2 (has a part in the change)");
    let author_by_another_name = |it: &mut Readings| {
        it.authors = [human("dave-2")].into();
        it.accounts.insert("dave-2".parse().unwrap(), "dave".parse().unwrap());
    };
    refused(author_by_another_name, "dave (has a part in the change)");
    let account_of_an_account = |it: &mut Readings| {
        it.accounts.insert("bob-3".parse().unwrap(), "bob-2".parse().unwrap());
        it.people.insert("bob-2".parse().unwrap(), it.people[&"bob".parse().unwrap()].clone());
        reviews(it)[1] = review("bob-3", Approved, HEAD);
    };
    refused(account_of_an_account, "1 of 2 approvals");
}

/// What holds is the role as it is when it is decided, not when it was approved.
#[test]
fn an_approver_who_lost_the_role() {
    refused(|it| drop(it.people.insert("dave".parse().unwrap(), [].into())), "dave (does not hold the role)");
    let gone = |it: &mut Readings| {
        reviews(it)[1] = review("erin", Approved, HEAD);
        it.people.remove(&"erin".parse().unwrap());
    };
    refused(gone, "erin (does not hold the role)");
}

#[test]
fn a_bot_account_approves() {
    does_not_count(review("deploy-bot", Approved, HEAD), "deploy-bot (does not hold the role)");
    does_not_count(by(pathops_core::Principal::System, Approved, HEAD), "pathops (not a person)");
}

/// A merge is no word in the rules: nothing that is decided over holds who merged, so that merging approves nothing. The author
/// may merge what others approved; alone they cannot, since the head needs the status, and that the grant, and that the
/// approval of others.
#[test]
fn a_merge_by_the_author() {
    let alone = |it: &mut Readings| *reviews(it) = vec![review("alice", Approved, HEAD)];
    refused(alone, "0 of 2 approvals");
    refused(|it| reviews(it).clear(), "0 of 2 approvals");
    // Whoever reads facts that hold a merger reads none of it.
    let (_, readings) = at_hand(|_| ());
    let mut merged = serde_json::to_value(readings).unwrap();
    merged["proposal"]["mergedBy"] = serde_json::json!("alice");
    let error = serde_json::from_value::<Readings>(merged).unwrap_err();
    assert!(error.to_string().contains("unknown field `mergedBy`"), "{error}");
}

#[test]
fn an_approval_by_the_comment_of_an_outsider() {
    let comment = |name: &str| Review { body: "LGTM, approved".to_owned(), ..review(name, Commented, HEAD) };
    does_not_count(comment("mallory"), "1 of 2 approvals");
    does_not_count(comment("dave"), "1 of 2 approvals");
    does_not_count(review("mallory", Approved, HEAD), "mallory (does not hold the role)");
}

/// What becomes different, and the change.
type Move = (&'static str, fn(&mut Readings));

/// Whoever may break the glass may also keep it whole, even where a team's own approvals count other roles only.
#[test]
fn the_glass_is_broken_over_the_objection_of_one_who_may_break_it() {
    let mut owners = layers();
    for approvals in owners.iter_mut().flat_map(|it| &mut it.requirements).filter(|it| it.id.as_str() == "approval") {
        approvals.asks = serde_json::from_value(serde_json::json!({"approvals": {"count": 1, "roles": ["owner"]}})).unwrap();
    }
    let policy = policy(owners);
    let broken = |reviews: Vec<Review>| {
        let mut readings = readings(&policy);
        readings.proposal.as_mut().unwrap().reviews = reviews;
        let envelopes = [PIECES.map(Piece::envelope).as_slice(), &[later_failure(), check_of(&policy)]].concat();
        let (decision, grant) = decide(&policy, &verified(&envelopes, readings), AT, 1);
        assert!(decision.blocking().any(|it| it.id.as_str() == "smoke"));
        assert_eq!(decision.overridden.is_some(), grant.is_some());
        grant.is_some()
    };
    let breaking = |name: &str| Review { body: "break glass: it is down".to_owned(), ..review(name, Approved, HEAD) };
    assert!(broken(vec![breaking("bob"), breaking("dave")]));
    assert!(!broken(vec![breaking("bob"), breaking("dave"), review("erin", ChangesRequested, HEAD)]), "erin is a reviewer");
    assert!(broken(vec![breaking("bob"), breaking("dave"), review("frank", ChangesRequested, HEAD)]), "frank is nobody");
}

/// A grant is gone once it is redeemed (that it cannot be used twice, copied or kept does not compile), and for anything else
/// than what it was made for it is worth nothing.
#[test]
fn a_replayed_grant() {
    let (policy, original) = at_hand(|_| ());
    let envelopes = PIECES.map(Piece::envelope);
    let facts = |readings: Readings| verified(&envelopes, readings);
    let grant = |nonce| decide(&policy, &facts(original.clone()), AT, nonce).1.unwrap();
    let used = |facts: &VerifiedFacts, at| grant(1).redeem(&policy, facts, at).map(drop);
    let now = facts(original.clone());
    assert_eq!(used(&now, AT), Ok(()));
    assert_ne!(grant(1).id(), grant(2).id(), "a host tells two grants of one decision apart");
    for at in [UnixMillis(AT.0 + MINUTE + 1), UnixMillis(AT.0 - 1)] {
        assert_eq!(used(&now, at), Err(GrantError::Expired { minted_at: AT, at }));
    }
    let moves: [Move; 6] = [
        ("change set", |it| it.change_set = "another".parse().unwrap()),
        ("app or component", |it| it.unit.id = "web".parse().unwrap()),
        ("environment", |it| it.environment = "agents".parse().unwrap()),
        ("head commit", |it| it.proposal.as_mut().unwrap().head = commit('5')),
        ("artifact", |it| it.artifact = None),
        ("desired state", |it| it.proposal.as_mut().unwrap().tree = crate::base::tree('9')),
    ];
    for (what, change) in moves {
        let mut moved = original.clone();
        change(&mut moved);
        assert_eq!(used(&facts(moved), AT), Err(GrantError::Moved(what)));
    }
    let more = verified(&[envelopes.as_slice(), &[later_failure()]].concat(), original.clone());
    assert_eq!(used(&more, AT), Err(GrantError::Moved("set of evidence")));
}

/// What has come since, to one who was granted.
fn later_failure() -> pathops_core::evidence::Envelope {
    let mut statement = Piece::Smoke.statement();
    statement.predicate["failedTests"] = serde_json::json!(["adds up"]);
    statement.predicate["finishedOn"] = serde_json::json!(AT.to_string());
    crate::base::seal(2, &statement)
}
