//! Projects that were renamed or archived, forks, branches that are gone, other ways to merge, other servers.

use std::sync::Arc;

use hyper::Method;
use libtest_mimic::Trial;
use pathops_core::adapter::PullRequestState;
use pathops_core::{Effect, ErrorKind, Principal, UnixMillis};
use pathops_fakes::gitlab::{Merging, Wrong};

use super::{Shop, cases, cx, is, write};
use crate::world::REPO;

pub(super) fn trials() -> Vec<Trial> {
    cases![
        a_renamed_project_is_read_and_not_written,
        the_credential_goes_to_no_other_server,
        an_archived_project_takes_nothing,
        a_fork_is_not_among_the_pull_requests_of_a_branch,
        a_pull_request_whose_branch_is_gone_is_read,
        squash_and_fast_forward_are_merges,
        a_merge_that_the_branch_does_not_hold_is_not_believed,
        histories_with_nothing_in_common_are_compared,
    ]
}

async fn a_renamed_project_is_read_and_not_written(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    {
        let mut state = shop.fake.state();
        let mut hosted = state.projects.remove(REPO).unwrap();
        hosted.name = "shop/web-desired".to_owned();
        state.projects.insert(hosted.name.clone(), hosted);
        state.renamed.insert(REPO.to_owned(), "shop/web-desired".to_owned());
    }
    assert_eq!(shop.head("topic").await, opened.head);
    assert_eq!(shop.read(&opened).await.number, opened.number);
    let error = shop.scm.close_pull_request(&cx("close"), &shop.repo, opened.number).await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    assert!(error.to_string().contains("another name"), "{error}");
    assert_eq!(shop.read(&opened).await.state, PullRequestState::Open);
}

async fn the_credential_goes_to_no_other_server(shop: Arc<Shop>) {
    let to = "http://127.0.0.2:9/api/v4/projects/1".to_owned();
    let main = "main".parse().unwrap();
    shop.fake.fault(Method::GET, "/branches", Wrong::Answer(301, vec![("location", to.clone())], "Moved Permanently"));
    let error = shop.scm.branch_head(&cx("read"), &shop.repo, &main).await.unwrap_err();
    is(&error, ErrorKind::Unexpected, Effect::None);
    assert!(error.to_string().contains("another server"), "{error}");
}

async fn an_archived_project_takes_nothing(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.state().project(REPO).archived = true;
    let error = shop.scm.put_comment(&cx("put"), &shop.repo, opened.number, "status", "words").await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    let error = shop.commit("topic", vec![write("src/c.txt", "c")]).await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    assert_eq!(shop.read(&opened).await, opened);
}

async fn a_fork_is_not_among_the_pull_requests_of_a_branch(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    for head_project in [Some(4711), None] {
        shop.fake.state().project(REPO).pulls.get_mut(&1).unwrap().head_project = head_project;
        let listed = shop.scm.pull_requests_from(&cx("read"), &shop.repo, &opened.head_branch).await.unwrap();
        assert_eq!(listed, []);
        assert_eq!(shop.read(&opened).await.head, opened.head);
    }
}

async fn a_pull_request_whose_branch_is_gone_is_read(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.scm.delete_branch(&cx("delete"), &shop.repo, &opened.head_branch, &opened.head).await.unwrap();
    let read = shop.read(&opened).await;
    assert_eq!((read.head, read.state), (opened.head, PullRequestState::Closed { by: Principal::System }));
}

async fn squash_and_fast_forward_are_merges(shop: Arc<Shop>) {
    for (name, how) in [("one", Merging::Squash), ("two", Merging::FastForward)] {
        let opened = shop.opened(name).await;
        let merged = shop.fake.state().project(REPO).merge("bob", opened.number.0, how, UnixMillis(1_796_000_000_000));
        let by = Principal::Human("bob".parse().unwrap());
        let expected = PullRequestState::Merged { by, commit: merged.parse().unwrap(), at: UnixMillis(1_796_000_000_000) };
        assert_eq!(shop.read(&opened).await.state, expected);
        assert_eq!(shop.head("main").await.as_str(), merged);
        // The next one is about another file.
        shop.commit("main", vec![super::remove("src/b.txt")]).await.unwrap();
    }
}

/// As after a merge train that rebased it: the branch holds another commit than the head, and GitLab does not say which.
async fn a_merge_that_the_branch_does_not_hold_is_not_believed(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    let before = shop.head("main").await;
    {
        let mut state = shop.fake.state();
        state.project(REPO).merge("bob", opened.number.0, Merging::FastForward, UnixMillis(1_796_000_000_000));
        state.project(REPO).put_back("main", before.as_str());
    }
    let error = shop.scm.pull_request(&cx("read"), &shop.repo, opened.number).await.unwrap_err();
    is(&error, ErrorKind::Unexpected, Effect::None);
}

async fn histories_with_nothing_in_common_are_compared(shop: Arc<Shop>) {
    let other = shop.fake.state().project(REPO).orphan("other", "only.txt");
    let (main, other) = (shop.head("main").await, other.parse().unwrap());
    let seen = shop.scm.compare(&cx("read"), &shop.repo, &main, &other).await.unwrap();
    assert_eq!((seen.merge_base, seen.ahead, seen.behind), (None, 1, 1));
    assert_eq!(seen.files, ["only.txt".parse().unwrap()]);
    assert_eq!(shop.scm.log(&cx("read"), &shop.repo, Some(&main), &other, 9).await.unwrap().len(), 1);
}
