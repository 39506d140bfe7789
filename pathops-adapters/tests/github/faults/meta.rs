//! Labels, assignees and drafts where GitHub gives less than it is asked for, and merge queues.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyper::Method;
use libtest_mimic::Trial;
use pathops_core::adapter::{
    Clock as _, MergeableBranch, NewPullRequest, PullRequest, PullRequestMeta, PullRequestState, PullRequestUpdate,
};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{CommitId, Effect, ErrorKind, Principal, Result};
use pathops_fakes::github::Wrong;

use super::{Shop, cases, cx, is};
use crate::world::{By, REPO};

pub(super) fn trials() -> Vec<Trial> {
    let mut all = cases![By::Token;
        what_was_lost_is_set_when_it_is_opened_again,
        who_may_not_be_assigned_is_left_out_and_the_answer_says_so,
        a_repository_without_drafts_says_so,
        letter_case_makes_no_other_team_and_no_other_label,
        an_update_that_is_cut_off_has_an_unknown_effect,
        what_a_merge_queue_merged_was_merged_by_who_put_it_there,
        what_a_merge_queue_took_out_is_not_put_back,
        what_waits_in_a_merge_queue_and_is_not_told_of_waits,
    ];
    all.extend(cases![By::App; a_branch_with_a_merge_queue_is_merged_into_by_it]);
    all
}

fn meta() -> PullRequestMeta {
    PullRequestMeta {
        labels: ["pathops".parse().unwrap()].into(),
        assignees: ["alice".parse().unwrap()].into(),
        ..PullRequestMeta::default()
    }
}

async fn what_was_lost_is_set_when_it_is_opened_again(shop: Arc<Shop>) {
    for (name, (method, path)) in [("one", (Method::POST, "/labels")), ("two", (Method::PATCH, "/issues/"))] {
        let new = NewPullRequest { meta: meta(), ..shop.proposed(name).await };
        shop.fake.fault(method, path, Wrong::LoseRequest);
        let error = shop.scm.open_pull_request(&cx(name), &shop.repo, &new).await.unwrap_err();
        is(&error, ErrorKind::Unavailable, Effect::Unknown);
        let opened = shop.scm.open_pull_request(&cx(name), &shop.repo, &new).await.unwrap();
        assert_eq!(opened.meta, meta(), "{name}");
        let all = shop.scm.pull_requests_from(&cx("read"), &shop.repo, &new.head).await.unwrap();
        assert_eq!(all, [opened], "{name}");
        shop.fake.taken();
        shop.scm.open_pull_request(&cx(name), &shop.repo, &new).await.unwrap();
        let calls = shop.fake.taken();
        assert!(calls.iter().all(|call| call.starts_with("GET")), "what is there is not set again: {calls:?}");
    }
}

async fn who_may_not_be_assigned_is_left_out_and_the_answer_says_so(shop: Arc<Shop>) {
    shop.fake.state().repo(REPO).unassignable.insert("alice".to_owned());
    let new = NewPullRequest { meta: meta(), ..shop.proposed("topic").await };
    let opened = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap();
    assert_eq!(opened.meta, PullRequestMeta { assignees: BTreeSet::new(), ..meta() });
    assert_eq!(shop.read(&opened).await, opened);
}

async fn a_repository_without_drafts_says_so(shop: Arc<Shop>) {
    shop.fake.state().repo(REPO).drafts = false;
    let new = NewPullRequest { meta: PullRequestMeta { draft: true, ..meta() }, ..shop.proposed("topic").await };
    let error = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap_err();
    is(&error, ErrorKind::Unsupported, Effect::None);
    assert!(shop.fake.state().repo(REPO).pulls.is_empty());
}

async fn letter_case_makes_no_other_team_and_no_other_label(shop: Arc<Shop>) {
    let teams = PullRequestMeta { teams: ["Platform".parse().unwrap()].into(), ..PullRequestMeta::default() };
    let new = NewPullRequest { meta: teams, ..shop.proposed("topic").await };
    let opened = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap();
    assert_eq!(opened.meta.teams, ["platform".parse().unwrap()].into());
    shop.fake.state().repo(REPO).pulls.get_mut(&opened.number.0).unwrap().labels = vec!["PathOps".to_owned()];
    shop.fake.taken();
    let teams = Some(["PLATFORM".parse().unwrap()].into());
    let update = PullRequestUpdate { teams, labels: meta().labels, ..PullRequestUpdate::default() };
    shop.scm.update_pull_request(&cx("update"), &shop.repo, opened.number, &update).await.unwrap();
    let calls = shop.fake.taken();
    assert!(calls.iter().all(|call| call.starts_with("GET")), "{calls:?}");
    assert_eq!(shop.read(&opened).await.meta.teams, opened.meta.teams, "it is still asked");
}

async fn an_update_that_is_cut_off_has_an_unknown_effect(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    let update = PullRequestUpdate { labels: meta().labels, draft: Some(true), ..PullRequestUpdate::default() };
    shop.fake.fault(Method::POST, "/graphql", Wrong::Answer(403, Vec::new(), "Resource not accessible"));
    let error = shop.scm.update_pull_request(&cx("update"), &shop.repo, opened.number, &update).await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::Unknown);
    assert_eq!(shop.read(&opened).await.meta.labels, meta().labels);
    let draft = PullRequestUpdate { draft: Some(true), ..PullRequestUpdate::default() };
    shop.fake.fault(Method::POST, "/graphql", Wrong::Answer(403, Vec::new(), "Resource not accessible"));
    let error = shop.scm.update_pull_request(&cx("draft"), &shop.repo, opened.number, &draft).await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    shop.scm.update_pull_request(&cx("draft"), &shop.repo, opened.number, &draft).await.unwrap();
    assert!(shop.read(&opened).await.meta.draft);
}

/// A pull request for a branch that is merged into by a queue alone.
async fn for_a_queue(shop: &Shop) -> PullRequest {
    shop.fake.state().repo(REPO).queues.insert("main".to_owned());
    shop.opened("topic").await
}

async fn merge(shop: &Shop, opened: &PullRequest) -> Result<CommitId> {
    let mut target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
    target.branch = "main".parse().unwrap();
    let branch = MergeableBranch::of(&target).unwrap();
    shop.github.merger().merge(&cx("merge"), &shop.repo, opened.number, &opened.head, &branch).await
}

fn run_queue(shop: &Shop) -> CommitId {
    let at = shop.fake.clock().now();
    let merged = shop.fake.state().repo(REPO).run_queue(at);
    let [merged] = merged.as_slice() else { panic!("one was to wait: {merged:?}") };
    merged.parse().unwrap()
}

async fn what_a_merge_queue_merged_was_merged_by_who_put_it_there(shop: Arc<Shop>) {
    let opened = for_a_queue(&shop).await;
    for who in ["bob", "alice"] {
        shop.fake.state().repo(REPO).enqueue(who, opened.number.0, opened.head.as_str()).unwrap();
        assert_eq!(shop.read(&opened).await.state, PullRequestState::Open, "what waits in a queue is open");
        if who == "bob" {
            shop.fake.state().repo(REPO).dequeue(opened.number.0);
        }
    }
    let commit = run_queue(&shop);
    let state = shop.read(&opened).await.state;
    let at = shop.fake.clock().now();
    assert_eq!(state, PullRequestState::Merged { by: Principal::Human("alice".parse().unwrap()), commit, at });
    let listed = shop.scm.pull_requests_from(&cx("read"), &shop.repo, &opened.head_branch).await.unwrap();
    assert_eq!(listed.first().map(|pull| &pull.state), Some(&state));
}

async fn a_branch_with_a_merge_queue_is_merged_into_by_it(shop: Arc<Shop>) {
    let protection = async || shop.scm.protection(&cx("read"), &shop.repo, &"main".parse().unwrap()).await.unwrap();
    assert!(!protection().await.merge_queue);
    let opened = for_a_queue(&shop).await;
    assert!(protection().await.merge_queue);
    for _ in 0..2 {
        let error = merge(&shop, &opened).await.unwrap_err();
        is(&error, ErrorKind::Unavailable, Effect::Unknown);
        assert!(error.to_string().contains("waits in the merge queue"), "{error}");
    }
    let calls = shop.fake.taken();
    assert_eq!(calls.iter().filter(|call| call.contains("/graphql")).count(), 1, "it is put there once: {calls:?}");
    let commit = run_queue(&shop);
    assert_eq!(merge(&shop, &opened).await.unwrap(), commit);
    let state = shop.read(&opened).await.state;
    assert!(matches!(&state, PullRequestState::Merged { by: Principal::System, .. }), "{state:?}");
}

async fn what_a_merge_queue_took_out_is_not_put_back(shop: Arc<Shop>) {
    let opened = for_a_queue(&shop).await;
    merge(&shop, &opened).await.unwrap_err();
    shop.fake.state().repo(REPO).dequeue(opened.number.0);
    shop.fake.taken();
    let error = merge(&shop, &opened).await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    assert!(shop.fake.taken().iter().all(|call| !call.contains("/graphql")));
    // Somebody looks at it, and puts it there again.
    shop.fake.state().repo(REPO).enqueue("alice", opened.number.0, opened.head.as_str()).unwrap();
    is(&merge(&shop, &opened).await.unwrap_err(), ErrorKind::Unavailable, Effect::Unknown);
    assert_eq!(merge_after(&shop, &opened).await, Principal::Human("alice".parse().unwrap()));
}

/// PathOps puts it there twice, and somebody else before PathOps.
async fn what_waits_in_a_merge_queue_and_is_not_told_of_waits(shop: Arc<Shop>) {
    let opened = for_a_queue(&shop).await;
    shop.fake.state().repo(REPO).timelines_lag = true;
    for _ in 0..2 {
        let error = merge(&shop, &opened).await.unwrap_err();
        is(&error, ErrorKind::Unavailable, Effect::Unknown);
        assert!(error.to_string().contains("waits in the merge queue"), "{error}");
    }
    let asked = shop.fake.taken().iter().filter(|call| call.contains("/graphql")).count();
    assert_eq!(asked, 2, "nobody told that it was there");
    shop.fake.state().repo(REPO).timelines_lag = false;
    run_queue(&shop);
    assert!(matches!(shop.read(&opened).await.state, PullRequestState::Merged { by: Principal::System, .. }));

    let opened = shop.opened("other").await;
    let (number, head) = (opened.number.0, opened.head.to_string());
    let enqueue = move |state: &mut pathops_fakes::github::State| state.repo(REPO).enqueue("alice", number, &head).unwrap();
    shop.fake.fault(Method::POST, "/graphql", Wrong::First(Box::new(enqueue)));
    is(&merge(&shop, &opened).await.unwrap_err(), ErrorKind::Unavailable, Effect::Unknown);
    assert_eq!(merge_after(&shop, &opened).await, Principal::Human("alice".parse().unwrap()));
}

async fn merge_after(shop: &Shop, opened: &PullRequest) -> Principal {
    run_queue(shop);
    match shop.read(opened).await.state {
        PullRequestState::Merged { by, .. } => by,
        state => panic!("it is {state:?}"),
    }
}
