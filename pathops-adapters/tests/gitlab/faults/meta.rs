//! Drafts and assignees where GitLab gives less than it is asked for, and merge trains.

use std::sync::Arc;

use libtest_mimic::Trial;
use pathops_core::adapter::{Clock as _, NewPullRequest, PullRequestMeta, PullRequestState, PullRequestUpdate};
use pathops_core::{Effect, ErrorKind, Principal};

use super::{Shop, cases, cx, is};
use crate::world::REPO;

pub(super) fn trials() -> Vec<Trial> {
    cases![
        a_title_that_would_make_a_draft_is_invalid,
        the_mark_of_a_draft_is_part_of_its_title,
        gitlab_free_keeps_one_assignee_and_the_answer_says_so,
        what_a_merge_train_merged_was_merged_by_who_put_it_there,
    ]
}

async fn a_title_that_would_make_a_draft_is_invalid(shop: Arc<Shop>) {
    let plain = shop.proposed("topic").await;
    let new = NewPullRequest { title: "Draft: the law".to_owned(), ..plain.clone() };
    let error = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap_err();
    is(&error, ErrorKind::Invalid, Effect::None);
    assert!(shop.fake.state().project(REPO).pulls.is_empty());
    let opened = shop.scm.open_pull_request(&cx("open"), &shop.repo, &plain).await.unwrap();
    let update = PullRequestUpdate { title: Some("[draft] the law".to_owned()), ..PullRequestUpdate::default() };
    let error = shop.scm.update_pull_request(&cx("update"), &shop.repo, opened.number, &update).await.unwrap_err();
    is(&error, ErrorKind::Invalid, Effect::None);
    assert_eq!(shop.read(&opened).await, opened);
}

async fn the_mark_of_a_draft_is_part_of_its_title(shop: Arc<Shop>) {
    let meta = PullRequestMeta { draft: true, ..PullRequestMeta::default() };
    let new = NewPullRequest { title: "ä".repeat(249), meta, ..shop.proposed("topic").await };
    let error = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap_err();
    is(&error, ErrorKind::Invalid, Effect::None);
    let new = NewPullRequest { title: "ä".repeat(248), ..new };
    let opened = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap();
    assert_eq!((opened.title, opened.meta), (new.title, new.meta));
}

async fn gitlab_free_keeps_one_assignee_and_the_answer_says_so(shop: Arc<Shop>) {
    shop.fake.state().enterprise = false;
    let assignees = ["alice", "bob"].map(|name| name.parse().unwrap()).into();
    let meta = PullRequestMeta { assignees, ..PullRequestMeta::default() };
    let new = NewPullRequest { meta, ..shop.proposed("topic").await };
    let opened = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap();
    assert_eq!(opened.meta.assignees, ["alice".parse().unwrap()].into());
    assert_eq!(shop.read(&opened).await, opened);
}

async fn what_a_merge_train_merged_was_merged_by_who_put_it_there(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.state().project(REPO).put_into_train("alice", opened.number.0);
    assert_eq!(shop.read(&opened).await.state, PullRequestState::Open, "what is in a train is open");
    let at = shop.fake.clock().now();
    let merged = shop.fake.state().project(REPO).train_arrives(at);
    let [commit] = merged.as_slice() else { panic!("one was in the train: {merged:?}") };
    let expected =
        PullRequestState::Merged { by: Principal::Human("alice".parse().unwrap()), commit: commit.parse().unwrap(), at };
    assert_eq!(shop.read(&opened).await.state, expected);
}
