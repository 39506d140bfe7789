//! A grant at run time: for one post, of one decision, within a minute (I1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pathops_core::adapter::{BranchProtection, CheckState, NewPullRequest, PullRequestMeta, ReviewState, Scm};
use pathops_core::memory::{ManualClock, MemoryForge};
use pathops_core::policy::{
    CommitStatus, GRANT_LIFETIME, GrantBinding, GrantError, GrantRequired, PROMOTION_CONTEXT, PromotionGrant, Verdict, decide,
};
use pathops_core::{CommitId, Digest, ErrorKind, Principal, PullRequestNumber, RepoId, UnixMillis};
use serde_json::json;

use crate::history::incident;
use crate::shop::{self, AT, Kind, Shop, commit, cx, human, stop, tree};

/// What a grant calls a change, and the change.
type Change<T> = (&'static str, fn(&mut T));

fn granted() -> PromotionGrant {
    Shop::passing().decide().1.unwrap()
}

/// Redeems a grant of the shop that passes, as things are in another one now.
fn redeemed(now: &Shop, at: UnixMillis) -> Result<CommitStatus, GrantError> {
    let (decision, status) = granted().redeem(&now.policy(), &now.facts(), at)?;
    assert!(decision.is_granted());
    Ok(status)
}

#[test]
fn a_grant_gives_the_promotion_status_of_its_head() {
    let status = redeemed(&Shop::passing(), AT).unwrap();
    assert_eq!((status.context().as_str(), status.state()), (PROMOTION_CONTEXT, CheckState::Success));
    assert_eq!((status.commit(), status.grant()), (&commit('4'), Some(granted().id())));
    let name = granted().id();
    assert_eq!(json!(name), json!(name.to_string()), "it is written as it is told");
}

#[test]
fn a_grant_lives_for_a_minute_and_never_before_it_was_made() {
    assert_eq!(GRANT_LIFETIME, Duration::from_secs(60));
    for (offset, works) in [(0, true), (60_000, true), (60_001, false), (61_000, false), (-1, false)] {
        let at = UnixMillis(AT.0 + offset);
        let expected = if works { Ok(()) } else { Err(GrantError::Expired { minted_at: AT, at }) };
        assert_eq!(redeemed(&Shop::passing(), at).map(drop), expected, "{offset} ms after it was made");
    }
    for at in [UnixMillis(i64::MIN), UnixMillis(i64::MAX)] {
        assert!(matches!(redeemed(&Shop::passing(), at), Err(GrantError::Expired { .. })), "{at:?}");
    }
}

/// Whoever reads once, and decides and redeems with that, has looked at nothing at the moment of the write.
#[test]
fn a_grant_is_not_redeemed_against_facts_from_before_it() {
    for (offset, works) in [(0, true), (1, true), (-1, false), (-59_000, false)] {
        let (mut now, read_at) = (Shop::passing(), UnixMillis(AT.0 + offset));
        now.readings.read = Some(shop::read_at(read_at));
        let expected = if works { Ok(()) } else { Err(GrantError::Remembered { minted_at: AT, read_at }) };
        assert_eq!(redeemed(&now, UnixMillis(AT.0 + 1)).map(drop), expected, "read {offset} ms after it was made");
    }
}

#[test]
fn a_grant_is_void_once_anything_it_is_bound_to_is_different() {
    // Every field by its name: one more field does not compile until it is tried here.
    let GrantBinding {
        change_set: _,
        unit: _,
        environment: _,
        repo: _,
        head: _,
        artifact: _,
        tree: _,
        policy: _,
        evidence_root: _,
    } = granted().binding();
    let changes: [Change<Shop>; 11] = [
        ("change set", |it| it.readings.change_set = "another-1".parse().unwrap()),
        ("app or component", |it| it.readings.unit.id = "web".parse().unwrap()),
        ("environment", |it| it.readings.environment = "preflight".parse().unwrap()),
        ("repository", |it| it.proposal().repo = "shop/web-gitops".parse().unwrap()),
        ("head commit", |it| it.proposal().head = commit('5')),
        ("artifact", |it| it.readings.artifact = Some(Digest::of(b"another"))),
        ("artifact", |it| it.readings.artifact = None),
        ("desired state", |it| it.proposal().tree = tree('e')),
        ("policy", |it| it.rule("unit-tests").reason.push('!')),
        ("set of evidence", |it| it.add(Kind::Smoke, &Kind::Smoke.dated(AT))),
        ("pull request", |it| it.readings.proposal = None),
    ];
    for (what, change) in changes {
        let mut now = Shop::passing();
        change(&mut now);
        assert_eq!(redeemed(&now, AT).map(drop), Err(GrantError::Moved(what)));
    }
}

/// What a grant is not bound to kills it too: the decision is made again, at the moment of the write.
#[test]
fn a_grant_dies_of_whatever_would_not_be_granted_now() {
    let changes: [Change<Shop>; 6] = [
        ("approval", |it| it.proposal().reviews.clear()),
        ("approval", |it| it.proposal().reviews[0].state = ReviewState::Dismissed),
        ("approval", |it| it.readings.people.values_mut().for_each(BTreeSet::clear)),
        ("no-open-incident", |it| it.readings.incidents.push(incident())),
        ("stop-the-line", |it| it.readings.stops.push(stop(None))),
        ("tested-combination", |it| it.proposal().carries_tested = false),
    ];
    for (requirement, change) in changes {
        let mut now = Shop::passing();
        change(&mut now);
        let refused = redeemed(&now, AT).map(drop).unwrap_err();
        assert!(matches!(&refused, GrantError::Refused(why) if why.contains(requirement)), "{requirement}: {refused}");
    }
}

/// Time alone kills it as well.
#[test]
fn a_grant_dies_when_evidence_becomes_too_old_before_it_is_used() {
    let mut shop = Shop::passing();
    shop.edit(Kind::Smoke, |statement| *statement = Kind::Smoke.dated(UnixMillis(AT.0 - Kind::Smoke.max_age())));
    let (policy, facts) = (shop.policy(), shop.facts());
    let grant = || decide(&policy, &facts, AT, 1).1.unwrap();
    assert!(grant().redeem(&policy, &facts, AT).is_ok());
    let refused = grant().redeem(&policy, &facts, UnixMillis(AT.0 + 1)).unwrap_err();
    assert!(matches!(&refused, GrantError::Refused(why) if why.contains("smoke")), "{refused}");
}

#[test]
fn there_is_no_grant_before_there_is_a_pull_request() {
    let shop = Shop::first_stage();
    let (decision, grant) = shop.decide();
    assert_eq!((decision.verdict, grant.is_none()), (Verdict::Pass, true));
}

#[test]
fn there_is_no_grant_for_unknown_or_fail() {
    let mut unknown = Shop::passing();
    unknown.remove(Kind::Smoke);
    let mut fail = Shop::passing();
    fail.proposal().carries_tested = false;
    for (shop, verdict) in [(unknown, Verdict::Unknown), (fail, Verdict::Fail)] {
        let (decision, grant) = shop.decide();
        assert_eq!((decision.verdict, grant.is_none()), (verdict, true));
    }
}

#[test]
fn grants_are_told_apart_by_their_nonce_and_decisions_are_not() {
    let (shop, facts) = (Shop::passing(), Shop::passing().facts());
    let (first, grant) = decide(&shop.policy(), &facts, AT, 1);
    let (second, another) = decide(&shop.policy(), &facts, AT, 2);
    assert_eq!(first, second);
    assert_ne!(grant.unwrap().id(), another.unwrap().id());
    assert_eq!(decide(&shop.policy(), &facts, AT, 1).1.unwrap().id(), granted().id());
}

#[test]
fn a_success_of_the_promotion_status_is_not_made_in_any_letter_case() {
    let status = |context: &str, state| CommitStatus::new(commit('4'), context.parse().unwrap(), state, "").map(drop);
    for context in ["pathops/promotion", "PathOps/promotion", "PATHOPS/PROMOTION", "pathops/promotioN"] {
        assert_eq!(status(context, CheckState::Success), Err(GrantRequired), "{context}");
        for state in [CheckState::Pending, CheckState::Failure, CheckState::Error] {
            assert_eq!(status(context, state), Ok(()), "{context} {state}");
        }
    }
    assert_eq!(status("pathops/promotion-plan", CheckState::Success), Ok(()));
}

/// A pull request into `production`, which asks for the promotion status, on a Git host in memory.
struct Host {
    forge: MemoryForge,
    scm: Arc<dyn Scm>,
    repo: RepoId,
    number: PullRequestNumber,
    head: CommitId,
}

impl Host {
    async fn new() -> Self {
        let forge = MemoryForge::new(Arc::new(ManualClock::new(AT)));
        let repo: RepoId = "shop/orders-gitops".parse().unwrap();
        let branches = ["production", "promote"].map(|name| (name.parse().unwrap(), BTreeMap::new()));
        forge.create_repo(&repo, &branches.into()).unwrap();
        let rules = BranchProtection {
            required_checks: vec![PROMOTION_CONTEXT.parse().unwrap()],
            required_approvals: 0,
            merge_queue: false,
        };
        forge.protect(&repo, &"production".parse().unwrap(), rules).unwrap();
        let scm = forge.scm(Principal::System);
        let new = NewPullRequest {
            title: "Promote orders".to_owned(),
            body: String::new(),
            head: "promote".parse().unwrap(),
            base: "production".parse().unwrap(),
            author: human("alice"),
            reviewers: Vec::new(),
            meta: PullRequestMeta::default(),
        };
        let opened = scm.open_pull_request(&cx("open"), &repo, &new).await.unwrap();
        Self { forge, scm, repo, number: opened.number, head: opened.head }
    }

    /// The status of a decision about this pull request. The same nonce gives the same grant.
    fn status(&self, nonce: u128) -> CommitStatus {
        let mut shop = Shop::passing();
        let proposal = shop.proposal();
        proposal.head = self.head.clone();
        proposal.reviews[0].commit = self.head.clone();
        assert_eq!(proposal.reviews[0].state, ReviewState::Approved);
        let facts = shop.facts();
        let grant = decide(&shop.policy(), &facts, AT, nonce).1.unwrap();
        grant.redeem(&shop.policy(), &facts, AT).unwrap().1
    }

    async fn post(&self, key: &str, status: CommitStatus) -> Result<(), ErrorKind> {
        self.scm.post_status(&cx(key), &self.repo, status).await.map_err(|error| error.kind())
    }

    async fn states(&self) -> Vec<CheckState> {
        let checks = self.scm.checks(&cx("read"), &self.repo, &self.head).await.unwrap();
        checks.into_iter().map(|check| check.state).collect()
    }

    fn merge(&self) -> Result<(), ErrorKind> {
        let merged = self.forge.person("bob".parse().unwrap()).merge(&self.repo, self.number, &self.head);
        merged.map(drop).map_err(|error| error.kind())
    }
}

#[tokio::test]
async fn production_is_merged_by_a_granted_status_and_by_nothing_less() {
    let host = Host::new().await;
    assert_eq!(host.merge(), Err(ErrorKind::Denied));
    let pending = CommitStatus::new(host.head.clone(), PROMOTION_CONTEXT.parse().unwrap(), CheckState::Pending, "waits");
    let pending = pending.unwrap();
    assert_eq!(pending.description(), "waits");
    host.post("pending", pending).await.unwrap();
    assert_eq!(host.merge(), Err(ErrorKind::Denied));
    host.post("promotion", host.status(1)).await.unwrap();
    assert_eq!(host.merge(), Ok(()));
}

#[tokio::test]
async fn a_grant_is_replayed_under_its_own_key_only() {
    let host = Host::new().await;
    host.post("promotion", host.status(1)).await.unwrap();
    host.post("promotion", host.status(1)).await.unwrap();
    assert_eq!(host.states().await, [CheckState::Success]);
    assert_eq!(host.post("another key", host.status(1)).await, Err(ErrorKind::Denied));
}

#[tokio::test]
async fn a_used_grant_does_not_outdo_a_later_refusal() {
    let host = Host::new().await;
    host.post("promotion", host.status(1)).await.unwrap();
    let revoked = CommitStatus::new(host.head.clone(), PROMOTION_CONTEXT.parse().unwrap(), CheckState::Failure, "revoked");
    host.post("revoked", revoked.unwrap()).await.unwrap();
    assert_eq!(host.post("another key", host.status(1)).await, Err(ErrorKind::Denied));
    host.post("promotion", host.status(1)).await.unwrap();
    assert_eq!((host.states().await, host.merge()), (vec![CheckState::Failure], Err(ErrorKind::Denied)));
    host.post("decided anew", host.status(2)).await.unwrap();
    assert_eq!((host.states().await, host.merge()), (vec![CheckState::Success], Ok(())));
}
