//! Answers that are lost, late, or refusals.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use libtest_mimic::Trial;
use pathops_adapters::gitlab::{GitLab, GitLabConfig};
use pathops_core::adapter::CheckState;
use pathops_core::{Effect, ErrorKind, Retry, UnixMillis};
use pathops_fakes::gitlab::{Meanwhile, Merging, State, Wrong};

use super::{Shop, cases, cx, is, main_branch, status, write};
use crate::world::{BOT, REPO};

pub(super) fn trials() -> Vec<Trial> {
    cases![
        a_pull_request_whose_answer_was_lost_is_found_by_its_key,
        a_commit_whose_answer_was_lost_is_recognised,
        a_commit_that_only_says_it_is_the_request_is_not_taken_for_it,
        a_branch_that_moves_before_the_commit_is_told,
        a_comment_whose_answer_was_lost_is_not_written_twice,
        a_status_whose_answer_was_lost_is_not_posted_twice,
        a_required_status_is_told_where_that_was_lost,
        a_merge_whose_answer_was_lost_is_read_back,
        a_refused_merge_may_be_merged_by_an_earlier_call,
        a_merge_that_is_under_way_is_waited_for,
        a_merge_into_another_branch_is_told,
        a_pull_request_that_is_for_another_branch_now_is_found_by_its_key,
        a_failure_of_theirs_is_unknown_only_where_it_wrote,
        no_server_is_no_effect,
        an_answer_that_does_not_come_in_time_is_unknown_only_where_it_wrote,
        an_answer_that_is_none_is_unexpected,
    ]
}

async fn a_pull_request_whose_answer_was_lost_is_found_by_its_key(shop: Arc<Shop>) {
    let new = shop.proposed("topic").await;
    shop.fake.fault(Method::POST, "/merge_requests", Wrong::LoseAnswer);
    let error = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap_err();
    is(&error, ErrorKind::Unavailable, Effect::Unknown);
    let _ = shop.fake.taken();
    let found = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap();
    assert_eq!((found.number.0, found.author), (1, new.author.clone()));
    assert!(shop.fake.taken().iter().all(|call| !call.starts_with("POST")));
    let error = shop.scm.open_pull_request(&cx("another"), &shop.repo, &new).await.unwrap_err();
    is(&error, ErrorKind::AlreadyExists, Effect::None);
}

async fn a_commit_whose_answer_was_lost_is_recognised(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let request = shop.request("topic", vec![write("src/b.txt", "b")]).await;
    shop.fake.fault(Method::POST, "/repository/commits", Wrong::LoseAnswer);
    let error = shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap_err();
    is(&error, ErrorKind::Unavailable, Effect::Unknown);
    let moved = shop.head("topic").await;
    assert_ne!(moved, request.expected_head);
    shop.fake.state().project(REPO).push("topic", "bob", "src/c.txt", "later", UnixMillis(1_795_000_000_000));
    let _ = shop.fake.taken();
    assert_eq!(shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap(), moved);
    assert!(shop.fake.taken().iter().all(|call| !call.starts_with("POST")));
}

async fn a_commit_that_only_says_it_is_the_request_is_not_taken_for_it(shop: Arc<Shop>) {
    shop.branch("topic").await;
    shop.branch("copy").await;
    let request = shop.request("topic", vec![write("src/b.txt", "ours")]).await;
    let made = shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap();
    let told = shop.fake.state().project(REPO).message(made.as_str());
    let at = UnixMillis(1_795_000_000_000);
    shop.fake.state().project(REPO).push_saying("copy", "mallory", "src/b.txt", "theirs", &told, at);
    let elsewhere = pathops_core::adapter::NewCommit { branch: "copy".parse().unwrap(), ..request };
    let error = shop.scm.commit(&cx("copy"), &shop.repo, &elsewhere).await.unwrap_err();
    is(&error, ErrorKind::Conflict, Effect::None);
}

async fn a_branch_that_moves_before_the_commit_is_told(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let push = |path: &'static str| {
        Wrong::First(Meanwhile::new(move |state| {
            state.project(REPO).push("topic", "bob", path, "theirs", UnixMillis(1_795_000_000_000));
        }))
    };
    // What they added stands in the way: nothing is made.
    shop.fake.fault(Method::POST, "/repository/commits", push("src/b.txt"));
    let error = shop.commit("topic", vec![write("src/b.txt", "ours")]).await.unwrap_err();
    is(&error, ErrorKind::Conflict, Effect::None);
    // It does not: the commit is made, on theirs.
    shop.fake.fault(Method::POST, "/repository/commits", push("src/c.txt"));
    let request = shop.request("topic", vec![write("src/d.txt", "ours")]).await;
    let error = shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap_err();
    is(&error, ErrorKind::Conflict, Effect::Unknown);
    assert!(error.to_string().contains("was made on another commit"), "{error}");
    let error = shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap_err();
    is(&error, ErrorKind::Conflict, Effect::None);
}

async fn a_comment_whose_answer_was_lost_is_not_written_twice(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.fault(Method::POST, "/notes", Wrong::LoseAnswer);
    let put = async || shop.scm.put_comment(&cx("put"), &shop.repo, opened.number, "status", "words").await;
    is(&put().await.unwrap_err(), ErrorKind::Unavailable, Effect::Unknown);
    put().await.unwrap();
    assert_eq!(shop.scm.comments(&cx("read"), &shop.repo, opened.number).await.unwrap().len(), 1);
}

async fn a_status_whose_answer_was_lost_is_not_posted_twice(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    shop.fake.fault(Method::POST, "/statuses", Wrong::LoseAnswer);
    let post = async || shop.scm.post_status(&cx("post"), &shop.repo, status(&head, "ci/build", CheckState::Success)).await;
    is(&post().await.unwrap_err(), ErrorKind::Unavailable, Effect::Unknown);
    let _ = shop.fake.taken();
    post().await.unwrap();
    assert!(shop.fake.taken().iter().all(|call| !call.starts_with("POST")));
}

async fn a_required_status_is_told_where_that_was_lost(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.protect(0, &["ci/build"]);
    let post = async |key: &str, state| shop.scm.post_status(&cx(key), &shop.repo, status(&opened.head, "ci/build", state)).await;
    shop.fake.fault(Method::POST, "/status_check_responses", Wrong::LoseRequest);
    is(&post("passed", CheckState::Success).await.unwrap_err(), ErrorKind::Unavailable, Effect::Unknown);
    let merge = async || shop.gitlab.merger().merge(&cx("merge"), &shop.repo, opened.number, &opened.head, &main_branch()).await;
    let error = merge().await.unwrap_err();
    assert!(error.to_string().contains("status_checks_must_pass"), "GitLab itself holds it back: {error}");
    post("passed", CheckState::Success).await.unwrap();
    // What is repeated late outdoes nothing.
    post("failed", CheckState::Failure).await.unwrap();
    post("passed", CheckState::Success).await.unwrap();
    is(&merge().await.unwrap_err(), ErrorKind::Denied, Effect::None);
    post("passed again", CheckState::Success).await.unwrap();
    merge().await.unwrap();
}

async fn a_merge_whose_answer_was_lost_is_read_back(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    let (merger, main) = (shop.gitlab.merger(), main_branch());
    shop.fake.fault(Method::PUT, "/merge", Wrong::LoseAnswer);
    let merge = async || merger.merge(&cx("merge"), &shop.repo, opened.number, &opened.head, &main).await;
    is(&merge().await.unwrap_err(), ErrorKind::Unavailable, Effect::Unknown);
    assert_eq!(merge().await.unwrap(), shop.head("main").await);
}

/// As where an earlier call gets through late.
async fn a_refused_merge_may_be_merged_by_an_earlier_call(shop: Arc<Shop>) {
    let happens = || {
        Wrong::First(Meanwhile::new(|state| {
            let hosted = state.project(REPO);
            let open = hosted.pulls.keys().copied().max().unwrap();
            hosted.merge(BOT, open, Merging::Commit, UnixMillis(1_796_000_000_000));
        }))
    };
    let opened = shop.opened("one").await;
    shop.fake.fault(Method::PUT, "/merge", happens());
    let merged = shop.gitlab.merger().merge(&cx("merge"), &shop.repo, opened.number, &opened.head, &main_branch()).await;
    assert_eq!(merged.unwrap(), shop.head("main").await);
    for status in [409, 422] {
        shop.commit("main", vec![super::remove("src/b.txt")]).await.unwrap();
        let opened = shop.opened(&status.to_string()).await;
        shop.fake.fault(Method::GET, "/approval_rules", happens());
        shop.fake.fault(Method::PUT, "/merge", Wrong::Answer(status, Vec::new(), "Branch cannot be merged"));
        let merged = shop.gitlab.merger().merge(&cx("merge"), &shop.repo, opened.number, &opened.head, &main_branch()).await;
        assert_eq!(merged.unwrap(), shop.head("main").await);
    }
}

async fn a_merge_that_is_under_way_is_waited_for(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    let merge = async || shop.gitlab.merger().merge(&cx("merge"), &shop.repo, opened.number, &opened.head, &main_branch()).await;
    let lock = |state: &mut State| state.project(REPO).pulls.get_mut(&1).unwrap().locked = true;
    shop.fake.fault(Method::PUT, "/merge", Wrong::First(Meanwhile::new(lock)));
    for calls in [1, 0] {
        let _ = shop.fake.taken();
        let error = merge().await.unwrap_err();
        is(&error, ErrorKind::Unavailable, Effect::Unknown);
        assert_eq!(error.retry(), Retry::Backoff);
        assert_eq!(shop.fake.taken().iter().filter(|call| call.starts_with("PUT")).count(), calls);
    }
    let merged = shop.fake.state().project(REPO).merge(BOT, 1, Merging::Commit, UnixMillis(1_796_000_000_000));
    assert_eq!(merge().await.unwrap().as_str(), merged);
}

async fn a_merge_into_another_branch_is_told(shop: Arc<Shop>) {
    shop.branch("production").await;
    let opened = shop.opened("topic").await;
    let turn = |state: &mut State| state.project(REPO).pulls.get_mut(&1).unwrap().base = "production".to_owned();
    shop.fake.fault(Method::PUT, "/merge", Wrong::First(Meanwhile::new(turn)));
    let merge = async || shop.gitlab.merger().merge(&cx("merge"), &shop.repo, opened.number, &opened.head, &main_branch()).await;
    let error = merge().await.unwrap_err();
    is(&error, ErrorKind::Conflict, Effect::Unknown);
    assert!(error.to_string().contains("`production`"), "{error}");
    is(&merge().await.unwrap_err(), ErrorKind::Denied, Effect::None);
}

async fn a_pull_request_that_is_for_another_branch_now_is_found_by_its_key(shop: Arc<Shop>) {
    shop.branch("next").await;
    let new = shop.proposed("topic").await;
    let open = async |key: &str| shop.scm.open_pull_request(&cx(key), &shop.repo, &new).await;
    let opened = open("open").await.unwrap();
    shop.fake.state().project(REPO).pulls.get_mut(&1).unwrap().base = "next".to_owned();
    assert_eq!(open("open").await.unwrap().number, opened.number);
    assert_eq!(open("another").await.unwrap().number.0, 2);
}

async fn a_failure_of_theirs_is_unknown_only_where_it_wrote(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    for status in [500, 502, 503] {
        shop.fake.fault(Method::GET, "/approvals", Wrong::Answer(status, Vec::new(), "Server Error"));
        let error = shop.scm.reviews(&cx("read"), &shop.repo, opened.number).await.unwrap_err();
        is(&error, ErrorKind::Unavailable, Effect::None);
        assert_eq!(error.retry(), Retry::Backoff);
        shop.fake.fault(Method::PUT, "/merge_requests", Wrong::Answer(status, Vec::new(), "Server Error"));
        let error = shop.scm.close_pull_request(&cx("close"), &shop.repo, opened.number).await.unwrap_err();
        is(&error, ErrorKind::Unavailable, Effect::Unknown);
    }
}

async fn no_server_is_no_effect(shop: Arc<Shop>) {
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let config = GitLabConfig::at(format!("http://{nobody}"), "glpat-s3cret");
    let scm = GitLab::new(config, Arc::new(shop.fake.clock())).unwrap().scm();
    let error = scm.close_pull_request(&cx("close"), &shop.repo, pathops_core::PullRequestNumber(1)).await.unwrap_err();
    is(&error, ErrorKind::Unavailable, Effect::None);
    assert_eq!(error.remote(), Some(nobody.to_string().as_str()));
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

async fn an_answer_that_does_not_come_in_time_is_unknown_only_where_it_wrote(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    let (short, clock) = (cx("short").with_timeout(Duration::from_secs(5)), shop.fake.clock());
    let passes = async || {
        while !clock.advance_to_next() {
            tokio::task::yield_now().await
        }
    };
    shop.fake.fault(Method::POST, "/branches", Wrong::Stall);
    let topic = "topic".parse().unwrap();
    let (error, ()) = tokio::join!(shop.scm.create_branch(&short, &shop.repo, &topic, &head), passes());
    is(&error.unwrap_err(), ErrorKind::Timeout, Effect::Unknown);
    shop.fake.fault(Method::GET, "/branches", Wrong::Stall);
    let (error, ()) = tokio::join!(shop.scm.branch_head(&short, &shop.repo, &topic), passes());
    is(&error.unwrap_err(), ErrorKind::Timeout, Effect::None);
}

async fn an_answer_that_is_none_is_unexpected(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.fault(Method::GET, "/merge_requests/1", Wrong::Answer(200, Vec::new(), "no merge request"));
    let error = shop.scm.pull_request(&cx("read"), &shop.repo, opened.number).await.unwrap_err();
    is(&error, ErrorKind::Unexpected, Effect::None);
}
