//! Answers that are lost, late, or refusals.

use std::time::Duration;

use hyper::Method;
use libtest_mimic::Trial;
use pathops_core::adapter::{CheckState, MergeableBranch};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{Effect, ErrorKind, Retry};

use super::{Shop, cases, cx, is, status, write};
use crate::world::By;
use pathops_fakes::github::Wrong;
use std::sync::Arc;

pub(super) fn trials() -> Vec<Trial> {
    cases![By::Token;
        a_pull_request_whose_answer_was_lost_is_found_by_its_key,
        reviewers_who_were_not_asked_are_asked_the_next_time,
        a_commit_whose_answer_was_lost_is_recognised,
        a_lost_answer_before_the_branch_moves_is_no_effect,
        a_comment_whose_answer_was_lost_is_not_written_twice,
        a_status_whose_answer_was_lost_is_not_posted_twice,
        a_merge_whose_answer_was_lost_is_read_back,
        a_branch_that_moves_meanwhile_conflicts,
        a_branch_that_was_put_back_conflicts,
        a_branch_that_has_moved_conflicts_whatever_is_asked_for,
        a_failure_of_theirs_is_unknown_only_where_it_wrote,
        no_server_is_no_effect,
        an_answer_that_does_not_come_in_time_is_unknown_only_where_it_wrote,
        what_is_gone_is_not_found,
        an_answer_that_is_none_is_unexpected,
    ]
}

async fn a_pull_request_whose_answer_was_lost_is_found_by_its_key(shop: Arc<Shop>) {
    let new = shop.proposed("topic").await;
    shop.fake.fault(Method::POST, "/pulls", Wrong::LoseAnswer);
    let error = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap_err();
    is(&error, ErrorKind::Unavailable, Effect::Unknown);
    shop.fake.taken();
    let found = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap();
    assert_eq!((found.number.0, found.author), (1, new.author.clone()));
    assert!(shop.fake.taken().iter().all(|call| !call.starts_with("POST")));
    let error = shop.scm.open_pull_request(&cx("another"), &shop.repo, &new).await.unwrap_err();
    is(&error, ErrorKind::AlreadyExists, Effect::None);
}

async fn reviewers_who_were_not_asked_are_asked_the_next_time(shop: Arc<Shop>) {
    let mut new = shop.proposed("topic").await;
    new.reviewers = vec!["bob".parse().unwrap()];
    shop.fake.fault(Method::POST, "/requested_reviewers", Wrong::LoseRequest);
    let error = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap_err();
    is(&error, ErrorKind::Unavailable, Effect::Unknown);
    let opened = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap();
    assert_eq!((opened.number.0, &opened.reviewers), (1, &new.reviewers));
    // Who has answered is not asked again.
    shop.fake.state().repo(shop.repo.as_str()).review("bob", 1, opened.head.as_str(), "APPROVED", 7, Default::default());
    let opened = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap();
    assert_eq!(opened.reviewers, []);
}

async fn a_commit_whose_answer_was_lost_is_recognised(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let request = shop.request("topic", vec![write("src/b.txt", "b")]).await;
    shop.fake.fault(Method::PATCH, "/git/refs", Wrong::LoseAnswer);
    let error = shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap_err();
    is(&error, ErrorKind::Unavailable, Effect::Unknown);
    let moved = shop.head("topic").await;
    assert_ne!(moved, request.expected_head);
    assert_eq!(shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap(), moved);
    assert_eq!(shop.head("topic").await, moved);
}

async fn a_lost_answer_before_the_branch_moves_is_no_effect(shop: Arc<Shop>) {
    shop.branch("topic").await;
    for path in ["/git/blobs", "/git/trees", "/git/commits"] {
        let request = shop.request("topic", vec![super::bytes("src/b.bin", &[0, 159, 146, 150])]).await;
        shop.fake.fault(Method::POST, path, Wrong::LoseAnswer);
        let error = shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap_err();
        is(&error, ErrorKind::Unavailable, Effect::None);
        assert_eq!(shop.head("topic").await, request.expected_head, "{path}");
    }
}

async fn a_comment_whose_answer_was_lost_is_not_written_twice(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.fault(Method::POST, "/comments", Wrong::LoseAnswer);
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
    shop.fake.taken();
    post().await.unwrap();
    assert!(shop.fake.taken().iter().all(|call| !call.starts_with("POST")));
}

async fn a_merge_whose_answer_was_lost_is_read_back(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    let mut target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
    target.branch = "main".parse().unwrap();
    let (merger, main) = (shop.github.merger(), MergeableBranch::of(&target).unwrap());
    shop.fake.fault(Method::PUT, "/merge", Wrong::LoseAnswer);
    let merge = async || merger.merge(&cx("merge"), &shop.repo, opened.number, &opened.head, &main).await;
    is(&merge().await.unwrap_err(), ErrorKind::Unavailable, Effect::Unknown);
    assert_eq!(merge().await.unwrap(), shop.head("main").await);
}

async fn a_branch_that_moves_meanwhile_conflicts(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let at = pathops_core::UnixMillis(1_795_000_000_000);
    let push = move |state: &mut pathops_fakes::github::State| {
        state.repo(crate::world::REPO).push("topic", "bob", "src/c.txt", "theirs", at);
    };
    shop.fake.fault(Method::PATCH, "/git/refs/heads/topic", Wrong::First(Box::new(push)));
    let error = shop.commit("topic", vec![write("src/b.txt", "ours")]).await.unwrap_err();
    is(&error, ErrorKind::Conflict, Effect::None);
    let head = shop.head("topic").await;
    let ours = shop.scm.read_file(&cx("read"), &shop.repo, &head, &"src/b.txt".parse().unwrap()).await.unwrap();
    assert_eq!(ours, None);
}

/// As a request that can never be carried out is refused only where the head is the expected one; and what was made for it is made once.
async fn a_branch_that_has_moved_conflicts_whatever_is_asked_for(shop: Arc<Shop>) {
    for (branch, change) in [("one", write("src/b.txt", "ours")), ("two", super::remove("src/none.txt"))] {
        shop.branch(branch).await;
        let request = shop.request(branch, vec![change]).await;
        let at = pathops_core::UnixMillis(1_795_000_000_000);
        shop.fake.state().repo(crate::world::REPO).push(branch, "bob", "src/c.txt", "theirs", at);
        shop.fake.taken();
        let error = shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap_err();
        is(&error, ErrorKind::Conflict, Effect::None);
        let made = shop.fake.taken().iter().filter(|call| call.starts_with("POST") && call.contains("/git/commits")).count();
        assert_eq!(made, usize::from(branch == "one"), "{branch}");
    }
}

/// Where it was left is believed only for a moment.
async fn a_branch_that_was_put_back_conflicts(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let start = shop.head("topic").await;
    shop.commit("topic", vec![write("src/b.txt", "one")]).await.unwrap();
    let request = shop.request("topic", vec![write("src/b.txt", "two")]).await;
    {
        let mut state = shop.fake.state();
        let hosted = state.repo(crate::world::REPO);
        let main = hosted.branch("main").unwrap();
        hosted.point("topic", main);
    }
    shop.fake.clock().advance(Duration::from_secs(10));
    let error = shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap_err();
    is(&error, ErrorKind::Conflict, Effect::None);
    assert_eq!(shop.head("topic").await, start);
}

async fn a_failure_of_theirs_is_unknown_only_where_it_wrote(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    for status in [500, 502, 503] {
        shop.fake.fault(Method::GET, "/reviews", Wrong::Answer(status, Vec::new(), "Server Error"));
        let error = shop.scm.reviews(&cx("read"), &shop.repo, opened.number).await.unwrap_err();
        is(&error, ErrorKind::Unavailable, Effect::None);
        assert_eq!(error.retry(), Retry::Backoff);
        shop.fake.fault(Method::PATCH, "/pulls", Wrong::Answer(status, Vec::new(), "Server Error"));
        let error = shop.scm.close_pull_request(&cx("close"), &shop.repo, opened.number).await.unwrap_err();
        is(&error, ErrorKind::Unavailable, Effect::Unknown);
    }
}

async fn no_server_is_no_effect(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let config = pathops_adapters::github::GitHubConfig::token("t").at(format!("http://{nobody}"));
    let scm = pathops_adapters::github::GitHub::new(config, Arc::new(shop.fake.clock())).unwrap().scm();
    let error = scm.create_branch(&cx("create"), &shop.repo, &"topic".parse().unwrap(), &head).await.unwrap_err();
    is(&error, ErrorKind::Unavailable, Effect::None);
    assert_eq!(error.remote(), Some(nobody.to_string().as_str()));
}

async fn an_answer_that_does_not_come_in_time_is_unknown_only_where_it_wrote(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    let (short, clock) = (cx("short").with_timeout(Duration::from_secs(5)), shop.fake.clock());
    let passes = async || {
        while !clock.advance_to_next() {
            tokio::task::yield_now().await
        }
    };
    shop.fake.fault(Method::POST, "/git/refs", Wrong::Stall);
    let topic = "topic".parse().unwrap();
    let (error, ()) = tokio::join!(shop.scm.create_branch(&short, &shop.repo, &topic, &head), passes());
    is(&error.unwrap_err(), ErrorKind::Timeout, Effect::Unknown);
    shop.fake.fault(Method::GET, "/git/ref/", Wrong::Stall);
    let (error, ()) = tokio::join!(shop.scm.branch_head(&short, &shop.repo, &topic), passes());
    is(&error.unwrap_err(), ErrorKind::Timeout, Effect::None);
}

async fn what_is_gone_is_not_found(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.fault(Method::GET, "/comments", Wrong::Answer(410, Vec::new(), "This issue was deleted"));
    let error = shop.scm.comments(&cx("read"), &shop.repo, opened.number).await.unwrap_err();
    is(&error, ErrorKind::NotFound, Effect::None);
    assert!(error.to_string().contains("This issue was deleted"), "{error}");
}

async fn an_answer_that_is_none_is_unexpected(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.fault(Method::GET, "/pulls/1", Wrong::Answer(200, Vec::new(), "not a pull request"));
    let error = shop.scm.pull_request(&cx("read"), &shop.repo, opened.number).await.unwrap_err();
    is(&error, ErrorKind::Unexpected, Effect::None);
}
