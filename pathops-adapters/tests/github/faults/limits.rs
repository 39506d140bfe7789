//! Limits, and what does not count against them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::Method;
use libtest_mimic::Trial;
use pathops_core::adapter::{PullRequestUpdate, Scm};
use pathops_core::{Effect, ErrorKind, RepoPath, Retry};

use super::{Shop, cases, cx, is, write};
use crate::world::By;
use pathops_fakes::github::Wrong;
use serde_json::json;

pub(super) fn trials() -> Vec<Trial> {
    cases![By::Token;
        a_limit_that_says_how_long_holds_back_every_call_until_then,
        a_limit_that_says_nothing_holds_back_for_a_minute,
        a_limit_that_is_told_in_a_success_is_one,
        a_used_up_window_is_waited_for_without_a_call,
        what_has_not_changed_does_not_count,
        what_never_changes_is_not_asked_again,
        equal_reads_at_the_same_time_are_one_call,
        a_commit_costs_as_many_calls_as_it_says,
        what_was_made_is_not_asked_for,
        a_comparison_is_read_once,
        an_edit_of_a_comment_is_one_call,
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

/// GraphQL refuses so, by either name. Only its own calls are held back.
async fn a_limit_that_is_told_in_a_success_is_one(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    let draft = PullRequestUpdate { draft: Some(true), ..PullRequestUpdate::default() };
    let update = async || shop.scm.update_pull_request(&cx("draft"), &shop.repo, opened.number, &draft).await;
    for (kind, headers, seconds) in [("RATE_LIMITED", vec![], 60), ("RATE_LIMIT", vec![("retry-after", "30".to_owned())], 30)] {
        let said = json!({ "type": kind, "code": "graphql_rate_limit", "message": "API rate limit already exceeded" });
        shop.fake.fault(Method::POST, "/graphql", Wrong::Json(200, headers, json!({ "errors": [said] })));
        for _ in 0..2 {
            let error = update().await.unwrap_err();
            is(&error, ErrorKind::RateLimited, Effect::None);
            assert_eq!(error.retry(), Retry::After(Duration::from_secs(seconds)), "{kind}");
        }
        let asked = shop.fake.taken().iter().filter(|call| call.contains("/graphql")).count();
        assert_eq!(asked, 1, "{kind}");
        shop.fake.clock().advance(Duration::from_secs(seconds));
    }
    update().await.unwrap();
    assert_eq!(shop.github.usage().throttled, 2);
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
    // A branch without protection answers 404, which has no tag. The file was made here.
    assert_eq!((after.calls - before.calls, left - shop.fake.state().left), (1, 1));
    assert_eq!((after.not_modified - before.not_modified, after.kept - before.kept), (7, 0));
}

async fn what_never_changes_is_not_asked_again(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    let read = async || shop.scm.read_tree(&cx("read"), &shop.repo, &head, &RepoPath::root()).await.unwrap();
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

/// The commit that the branch was made at, and its tree; the new tree, the new commit, the branch. After that the last three.
async fn a_commit_costs_as_many_calls_as_it_says(shop: Arc<Shop>) {
    shop.branch("topic").await;
    for calls in [5, 3] {
        let files = (0..20).map(|n| write(&format!("deep/er/{n}.txt"), &format!("words {calls}"))).collect();
        let request = shop.request("topic", files).await;
        shop.scm.protection(&cx("read"), &shop.repo, &request.branch).await.unwrap();
        shop.scm.pull_requests_from(&cx("read"), &shop.repo, &request.branch).await.unwrap();
        shop.fake.taken();
        shop.scm.commit(&cx("commit"), &shop.repo, &request).await.unwrap();
        let taken: Vec<_> = shop.fake.taken().into_iter().filter(|call| !call.contains("/user")).collect();
        assert_eq!(taken.len(), calls, "{taken:#?}");
    }
}

async fn what_was_made_is_not_asked_for(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let changes = vec![write("src/b/c.txt", "c\n"), super::remove("src/a.txt"), super::bytes("b.bin", &[0, 159, 146, 150])];
    let head = shop.commit("topic", changes).await.unwrap();
    let read = async |scm: &dyn Scm| {
        let (root, src) = (RepoPath::root(), "src".parse().unwrap());
        let tree = scm.read_tree(&cx("read"), &shop.repo, &head, &src).await.unwrap();
        let file = scm.read_file(&cx("read"), &shop.repo, &head, &"b.bin".parse().unwrap()).await.unwrap();
        let gone = scm.read_file(&cx("read"), &shop.repo, &head, &"src/a.txt".parse().unwrap()).await.unwrap();
        let mut trees = Vec::new();
        for path in [&root, &src] {
            trees.push(scm.tree_at(&cx("read"), &shop.repo, &head, path).await.unwrap());
        }
        (tree, file, gone, trees)
    };
    shop.fake.taken();
    let known = read(&*shop.scm).await;
    assert_eq!(shop.fake.taken(), [""; 0]);
    // It is what the host says to whoever made nothing.
    assert_eq!(read(&*shop.restarted()).await, known);
}

async fn a_comparison_is_read_once(shop: Arc<Shop>) {
    let base = shop.head("main").await;
    let opened = shop.opened("topic").await;
    let look = async || {
        shop.scm.log(&cx("read"), &shop.repo, Some(&base), &opened.head, 10).await.unwrap();
        shop.scm.compare(&cx("read"), &shop.repo, &base, &opened.head).await.unwrap();
    };
    let counted = async || {
        let before = shop.github.usage().calls;
        look().await;
        shop.github.usage().calls - before
    };
    assert_eq!((counted().await, counted().await), (1, 0));
}

async fn an_edit_of_a_comment_is_one_call(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    let put = async |words: &str| shop.scm.put_comment(&cx(words), &shop.repo, opened.number, "status", words).await.unwrap();
    let id = put("one").await;
    shop.fake.taken();
    assert_eq!(put("two").await, id);
    let path = format!("/repos/{}/issues/comments/{id}", shop.repo);
    assert_eq!(shop.fake.taken(), [format!("PATCH {path} 200")]);
    // What it says already is looked at, and not written.
    assert_eq!(put("two").await, id);
    assert!(shop.fake.taken().iter().all(|call| call.starts_with("GET")));
    // Where it is gone it is looked for.
    shop.fake.fault(Method::PATCH, "/issues/comments", Wrong::Answer(404, Vec::new(), "Not Found"));
    assert_eq!(put("three").await, id);
    let comments = shop.scm.comments(&cx("read"), &shop.repo, opened.number).await.unwrap();
    assert_eq!((comments.len(), comments[0].body.contains("three")), (1, true));
}
