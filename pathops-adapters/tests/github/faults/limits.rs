//! Limits, and what does not count against them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::Method;
use libtest_mimic::Trial;
use pathops_core::{Effect, ErrorKind, Retry};

use super::{Shop, cases, cx, is, write};
use crate::world::By;
use pathops_fakes::github::Wrong;

pub(super) fn trials() -> Vec<Trial> {
    cases![By::Token;
        a_limit_that_says_how_long_holds_back_every_call_until_then,
        a_limit_that_says_nothing_holds_back_for_a_minute,
        a_used_up_window_is_waited_for_without_a_call,
        what_has_not_changed_does_not_count,
        what_never_changes_is_not_asked_again,
        equal_reads_at_the_same_time_are_one_call,
        a_commit_costs_as_many_calls_as_it_says,
    ]
}

async fn a_limit_that_says_how_long_holds_back_every_call_until_then(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    let words = "You have exceeded a secondary rate limit.";
    shop.fake.fault(Method::PATCH, "/pulls", Wrong::Answer(403, vec![("retry-after", "30".to_owned())], words));
    let error = shop.scm.close_pull_request(&cx("close"), &shop.repo, opened.number).await.unwrap_err();
    is(&error, ErrorKind::RateLimited, Effect::None);
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(30)));
    shop.fake.taken();
    shop.fake.clock().advance(Duration::from_secs(10));
    let error = shop.scm.reviews(&cx("read"), &shop.repo, opened.number).await.unwrap_err();
    is(&error, ErrorKind::RateLimited, Effect::None);
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(20)));
    assert_eq!(shop.fake.taken(), [""; 0]);
    shop.fake.clock().advance(Duration::from_secs(20));
    shop.scm.close_pull_request(&cx("close"), &shop.repo, opened.number).await.unwrap();
    let usage = shop.github.usage();
    assert_eq!((usage.throttled, usage.held_back), (1, 1));
}

async fn a_limit_that_says_nothing_holds_back_for_a_minute(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    for (status, words) in [(429, "Too many requests"), (403, "You have exceeded a secondary rate limit")] {
        shop.fake.fault(Method::GET, "/statuses", Wrong::Answer(status, Vec::new(), words));
        let error = shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap_err();
        is(&error, ErrorKind::RateLimited, Effect::None);
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(60)));
        shop.fake.clock().advance(Duration::from_secs(60));
    }
    shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap();
}

async fn a_used_up_window_is_waited_for_without_a_call(shop: Arc<Shop>) {
    shop.fake.state().left = 1;
    shop.head("main").await;
    shop.fake.taken();
    let error = shop.scm.branch_head(&cx("read"), &shop.repo, &"main".parse().unwrap()).await.unwrap_err();
    is(&error, ErrorKind::RateLimited, Effect::None);
    let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
    assert_eq!(shop.fake.taken(), [""; 0]);
    shop.fake.clock().advance(wait);
    shop.head("main").await;
}

async fn what_has_not_changed_does_not_count(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    let head = &opened.head;
    let look = async || {
        shop.head("topic").await;
        shop.read(&opened).await;
        shop.scm.reviews(&cx("read"), &shop.repo, opened.number).await.unwrap();
        shop.scm.checks(&cx("read"), &shop.repo, head).await.unwrap();
        shop.scm.protection(&cx("read"), &shop.repo, &opened.base).await.unwrap();
        shop.scm.read_file(&cx("read"), &shop.repo, head, &"src/b.txt".parse().unwrap()).await.unwrap();
    };
    look().await;
    let (before, left) = (shop.github.usage(), shop.fake.state().left);
    look().await;
    let after = shop.github.usage();
    // A branch without protection answers 404, which has no tag.
    assert_eq!((after.calls - before.calls, left - shop.fake.state().left), (1, 1));
    assert_eq!((after.not_modified - before.not_modified, after.kept - before.kept), (7, 1));
}

async fn what_never_changes_is_not_asked_again(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    let read = async || shop.scm.read_tree(&cx("read"), &shop.repo, &head, &pathops_core::RepoPath::root()).await.unwrap();
    let first = read().await;
    shop.fake.taken();
    assert_eq!(read().await, first);
    assert_eq!(shop.fake.taken(), [""; 0]);
}

async fn equal_reads_at_the_same_time_are_one_call(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.taken();
    let pulls = join_all((0..20).map(|_| shop.read(&opened))).await;
    assert!(pulls.iter().all(|pull| *pull == opened));
    assert_eq!(shop.fake.taken().len(), 1);
    assert_eq!(shop.github.usage().coalesced, 19);
}

/// The branch, the commit it was made on, its tree; the new tree, the new commit, the branch.
async fn a_commit_costs_as_many_calls_as_it_says(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let files = (0..20).map(|n| write(&format!("deep/er/{n}.txt"), "words")).collect();
    let request = shop.request("topic", files).await;
    shop.scm.protection(&cx("read"), &shop.repo, &request.branch).await.unwrap();
    shop.scm.pull_requests_from(&cx("read"), &shop.repo, &request.branch).await.unwrap();
    shop.fake.taken();
    shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap();
    let calls: Vec<_> = shop.fake.taken().into_iter().filter(|call| !call.contains("/user")).collect();
    assert_eq!(calls.len(), 6, "{calls:#?}");
}
