//! Repositories that were renamed or archived, forks, branches that are gone, other ways to merge, other servers.

use std::sync::Arc;

use hyper::Method;
use libtest_mimic::Trial;
use pathops_core::adapter::PullRequestState;
use pathops_core::{Effect, ErrorKind, Principal, UnixMillis};

use super::{Shop, cases, cx, is, write};
use crate::world::{By, REPO};
use pathops_fakes::github::{Merging, Wrong};

pub(super) fn trials() -> Vec<Trial> {
    cases![By::Token;
        a_renamed_repository_is_read_and_not_written,
        the_credential_goes_to_no_other_server,
        an_archived_repository_takes_nothing,
        a_fork_is_not_among_the_pull_requests_of_a_branch,
        a_pull_request_whose_branch_is_gone_is_read,
        squash_and_rebase_are_merges,
        histories_with_nothing_in_common_are_compared,
    ]
}

async fn a_renamed_repository_is_read_and_not_written(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    {
        let mut state = shop.fake.state();
        let mut hosted = state.repos.remove(REPO).unwrap();
        hosted.name = "shop/web-desired".to_owned();
        state.repos.insert(hosted.name.clone(), hosted);
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
    let elsewhere = ("location", "http://127.0.0.2:9/api/v3/repositories/1".to_owned());
    shop.fake.fault(Method::GET, "/git/ref/", Wrong::Answer(301, vec![elsewhere], "Moved Permanently"));
    let error = shop.scm.branch_head(&cx("read"), &shop.repo, &"main".parse().unwrap()).await.unwrap_err();
    is(&error, ErrorKind::Unexpected, Effect::None);
    assert!(error.to_string().contains("another server"), "{error}");
}

async fn an_archived_repository_takes_nothing(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.state().repo(REPO).archived = true;
    let error = shop.scm.put_comment(&cx("put"), &shop.repo, opened.number, "status", "words").await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    assert!(error.to_string().contains("archived"), "{error}");
    let error = shop.commit("topic", vec![write("src/c.txt", "c")]).await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    assert_eq!(shop.read(&opened).await, opened);
}

async fn a_fork_is_not_among_the_pull_requests_of_a_branch(shop: Arc<Shop>) {
    let mut opened = shop.opened("topic").await;
    for head_repo in [Some(4711), None] {
        shop.fake.state().repo(REPO).pulls.get_mut(&1).unwrap().head_repo = head_repo;
        let listed = shop.scm.pull_requests_from(&cx("read"), &shop.repo, &opened.head_branch).await.unwrap();
        assert_eq!(listed, []);
        opened.head = shop.read(&opened).await.head;
    }
    // GitHub's description knows no fork that was deleted; GitHub does.
    shop.fake.state().differences.retain(|difference| !difference.contains("/head/repo` null"));
}

async fn a_pull_request_whose_branch_is_gone_is_read(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.scm.delete_branch(&cx("delete"), &shop.repo, &opened.head_branch, &opened.head).await.unwrap();
    let read = shop.read(&opened).await;
    assert_eq!((read.head, read.state), (opened.head, PullRequestState::Closed { by: Principal::System }));
}

async fn squash_and_rebase_are_merges(shop: Arc<Shop>) {
    for (name, how) in [("one", Merging::Squash), ("two", Merging::Rebase)] {
        let opened = shop.opened(name).await;
        let merged = shop.fake.state().repo(REPO).merge("bob", opened.number.0, how, UnixMillis(1_796_000_000_000));
        let by = Principal::Human("bob".parse().unwrap());
        let expected = PullRequestState::Merged { by, commit: merged.parse().unwrap(), at: UnixMillis(1_796_000_000_000) };
        assert_eq!(shop.read(&opened).await.state, expected);
        assert_eq!(shop.head("main").await.as_str(), merged);
        // The next one is about another file.
        shop.commit("main", vec![super::remove("src/b.txt")]).await.unwrap();
    }
}

async fn histories_with_nothing_in_common_are_compared(shop: Arc<Shop>) {
    let other = shop.fake.state().repo(REPO).orphan("other", "only.txt");
    let (main, other) = (shop.head("main").await, other.parse().unwrap());
    let seen = shop.scm.compare(&cx("read"), &shop.repo, &main, &other).await.unwrap();
    assert_eq!((seen.merge_base, seen.ahead, seen.behind), (None, 1, 1));
    assert_eq!(seen.files, ["only.txt".parse().unwrap()]);
    assert_eq!(shop.scm.log(&cx("read"), &shop.repo, Some(&main), &other, 9).await.unwrap().len(), 1);
}
