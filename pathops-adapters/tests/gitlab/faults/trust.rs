//! Who is believed, and what is kept to oneself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use libtest_mimic::Trial;
use pathops_adapters::gitlab::{GitLab, GitLabConfig};
use pathops_core::adapter::{BranchProtection, CheckState, Clock as _, NewPullRequest, PullRequestUpdate, Review, ReviewState};
use pathops_core::{Effect, ErrorKind, Principal, PullRequestNumber, UnixMillis};
use pathops_fakes::gitlab::Wrong;

use super::{Shop, cases, cx, is, main_branch, status};
use crate::world::{BOT, REPO, TOKEN};

pub(super) fn trials() -> Vec<Trial> {
    cases![
        an_approval_is_for_what_was_there_when_it_was_given,
        where_pages_settle_at_once_an_approval_counts_at_once,
        an_approval_that_does_not_count_any_more_is_dismissed,
        an_approval_that_gitlab_says_nothing_about_is_for_no_commit,
        words_of_a_person_are_no_review,
        a_machines_approval_is_no_persons,
        a_person_whom_gitlab_did_not_show_once_is_still_one,
        words_are_kept_and_not_carried_out,
        a_mark_in_somebody_elses_pull_request_is_not_believed,
        what_people_edit_keeps_its_mark,
        a_key_in_somebody_elses_status_is_not_believed,
        a_job_that_this_account_set_off_is_not_its_word,
        only_a_success_is_read_as_one,
        a_pending_status_is_posted_over_another,
        a_credential_that_is_not_taken_is_denied_and_not_shown,
        what_may_not_be_read_is_not_taken_for_unprotected,
        an_edition_without_rules_asks_for_no_approval,
    ]
}

impl Shop {
    /// Somebody reviews what is there now.
    fn review(&self, who: &str, state: ReviewState) {
        let (at, mut kept) = (self.fake.clock().now(), self.fake.state());
        let id = kept.number();
        kept.project(REPO).pulls.get_mut(&1).unwrap().review(id, who, state, at);
    }

    fn push(&self, text: &str) -> String {
        let at = self.fake.clock().now();
        self.fake.state().project(REPO).push("topic", "alice", "src/b.txt", text, at)
    }

    async fn reviews(&self) -> Vec<Review> {
        self.scm.reviews(&cx("read"), &self.repo, PullRequestNumber(1)).await.unwrap()
    }
}

async fn an_approval_is_for_what_was_there_when_it_was_given(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.protect(1, &[]);
    shop.fake.clock().advance(Duration::from_secs(3600));
    let newer = shop.push("not seen yet");
    // Bob's page may have been opened before.
    shop.fake.clock().advance(Duration::from_secs(29));
    shop.review("bob", ReviewState::Approved);
    let [early] = shop.reviews().await.try_into().unwrap();
    let head = newer.parse().unwrap();
    assert_eq!(early.state, ReviewState::Approved);
    assert!(![&opened.head, &head].contains(&&early.commit), "it may be for either: {}", early.commit);
    let merge = async || shop.gitlab.merger().merge(&cx("merge"), &shop.repo, opened.number, &head, &main_branch()).await;
    let error = merge().await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    assert!(error.to_string().contains("0 of 1 approvals"), "GitLab itself would let it through: {error}");
    shop.review("bob", ReviewState::Dismissed);
    shop.fake.clock().advance(Duration::from_secs(1));
    shop.review("bob", ReviewState::Approved);
    assert_eq!(shop.reviews().await.last().map(|last| last.commit.clone()), Some(head.clone()));
    merge().await.unwrap();
}

async fn where_pages_settle_at_once_an_approval_counts_at_once(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.clock().advance(Duration::from_secs(3600));
    let newer = shop.push("on every page");
    shop.review("bob", ReviewState::Approved);
    let config = GitLabConfig::at(shop.fake.web(), TOKEN).pages_settle_in(Duration::ZERO);
    let scm = GitLab::new(config, Arc::new(shop.fake.clock())).unwrap().scm();
    let [review] = scm.reviews(&cx("read"), &shop.repo, opened.number).await.unwrap().try_into().unwrap();
    assert_eq!((review.state, review.commit.as_str()), (ReviewState::Approved, newer.as_str()));
}

async fn an_approval_that_does_not_count_any_more_is_dismissed(shop: Arc<Shop>) {
    shop.opened("topic").await;
    shop.review("alice", ReviewState::Approved);
    shop.review("bob", ReviewState::Approved);
    // As where a push takes approvals back, and no note says that of each.
    shop.fake.state().project(REPO).pulls.get_mut(&1).unwrap().approved.remove("alice");
    let states: Vec<_> = shop.reviews().await.into_iter().map(|review| review.state).collect();
    assert_eq!(states, [ReviewState::Dismissed, ReviewState::Approved]);
    shop.review("alice", ReviewState::Approved);
    let states: Vec<_> = shop.reviews().await.into_iter().map(|review| review.state).collect();
    assert_eq!(states, [ReviewState::Dismissed, ReviewState::Approved, ReviewState::Approved]);
}

async fn an_approval_that_gitlab_says_nothing_about_is_for_no_commit(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.state().project(REPO).pulls.get_mut(&1).unwrap().approved = BTreeSet::from(["bob".to_owned()]);
    let [review] = shop.reviews().await.try_into().unwrap();
    assert_eq!((review.state, review.author), (ReviewState::Approved, Principal::Human("bob".parse().unwrap())));
    assert_ne!(review.commit, opened.head);
}

async fn words_of_a_person_are_no_review(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    {
        let mut state = shop.fake.state();
        let id = state.number();
        let pull = state.project(REPO).pulls.get_mut(&1).unwrap();
        pull.comment(id, "bob", "approved this merge request", UnixMillis(1_795_348_800_000));
    }
    assert_eq!(shop.reviews().await, []);
    assert_eq!(shop.scm.comments(&cx("read"), &shop.repo, opened.number).await.unwrap().len(), 1);
}

async fn a_machines_approval_is_no_persons(shop: Arc<Shop>) {
    shop.opened("topic").await;
    for machine in ["renovate", BOT] {
        shop.review(machine, ReviewState::Approved);
    }
    let authors: Vec<_> = shop.reviews().await.into_iter().map(|review| review.author).collect();
    assert!(matches!(authors.as_slice(), [Principal::Agent { .. }, Principal::System]), "{authors:?}");
}

async fn a_person_whom_gitlab_did_not_show_once_is_still_one(shop: Arc<Shop>) {
    shop.opened("topic").await;
    shop.review("bob", ReviewState::Approved);
    shop.fake.fault(Method::GET, "/users/", Wrong::Answer(404, Vec::new(), "404 User Not Found"));
    let author = async || shop.reviews().await.remove(0).author;
    assert!(matches!(author().await, Principal::Agent { .. }), "nobody says that it is a person");
    assert_eq!(author().await, Principal::Human("bob".parse().unwrap()));
}

/// GitLab does what a line says that begins with a slash, as the account of PathOps.
async fn words_are_kept_and_not_carried_out(shop: Arc<Shop>) {
    let words = "/approve\nWords, and/or more.\n \t/target_branch production\n```\n/merge\n```\n\\/as it is";
    let new = NewPullRequest { body: words.to_owned(), ..shop.proposed("topic").await };
    let opened = shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap();
    assert_eq!((opened.body.as_str(), &opened.author), (words, &new.author));
    let other = format!("{words}\n/close");
    let update = PullRequestUpdate { body: Some(other.clone()), ..PullRequestUpdate::default() };
    shop.scm.update_pull_request(&cx("update"), &shop.repo, opened.number, &update).await.unwrap();
    assert_eq!(shop.read(&opened).await.body, other);
    let put = async |words: &str| shop.scm.put_comment(&cx("put"), &shop.repo, opened.number, "status", words).await.unwrap();
    for words in [words, "Words\r\n\r/approve\r\n/\rmerge\n\n"] {
        let id = put(words).await;
        let _ = shop.fake.taken();
        assert_eq!(put(words).await, id);
        assert!(shop.fake.taken().iter().all(|call| call.starts_with("GET")), "it says that already");
    }
    let comment = shop.scm.comments(&cx("read"), &shop.repo, opened.number).await.unwrap().remove(0);
    assert_eq!(comment.body, "<!-- pathops:status -->\nWords\n/approve\n/merge");
    // What somebody else is asked to hold is held to the same.
    shop.fake.state().project(REPO).pulls.get_mut(&1).unwrap().by = "bob".to_owned();
    shop.scm.update_pull_request(&cx("theirs"), &shop.repo, opened.number, &update).await.unwrap();
    assert_eq!(shop.read(&opened).await.body, other);
    assert_eq!(shop.fake.state().project(REPO).carried_out, [""; 0]);
}

async fn a_mark_in_somebody_elses_pull_request_is_not_believed(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.state().project(REPO).pulls.get_mut(&1).unwrap().by = "bob".to_owned();
    let read = shop.read(&opened).await;
    assert_eq!(read.author, Principal::Human("bob".parse().unwrap()));
    assert!(read.body.contains("<!-- pathops:pull-request"), "what is no mark is words: {}", read.body);
    let new = shop.proposed("other").await;
    let same = NewPullRequest { head: opened.head_branch.clone(), ..new };
    let error = shop.scm.open_pull_request(&cx("topic"), &shop.repo, &same).await.unwrap_err();
    is(&error, ErrorKind::AlreadyExists, Effect::None);
}

async fn what_people_edit_keeps_its_mark(shop: Arc<Shop>) {
    let new = shop.proposed("topic").await;
    let open = async || shop.scm.open_pull_request(&cx("open"), &shop.repo, &new).await.unwrap();
    let put = async |words| shop.scm.put_comment(&cx(words), &shop.repo, PullRequestNumber(1), "status", words).await.unwrap();
    let (opened, comment) = (open().await, put("words").await);
    let update = PullRequestUpdate { body: Some("Other words.".to_owned()), ..PullRequestUpdate::default() };
    shop.scm.update_pull_request(&cx("update"), &shop.repo, opened.number, &update).await.unwrap();
    shop.fake.state().project(REPO).pulls.get_mut(&1).unwrap().edited_by_hand();
    let read = open().await;
    assert_eq!((read.number, read.author, read.body.as_str()), (opened.number, opened.author, "Other words."));
    assert_eq!(put("more words").await, comment);
}

async fn a_key_in_somebody_elses_status_is_not_believed(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    shop.scm.post_status(&cx("one"), &shop.repo, status(&head, "ci/build", CheckState::Failure)).await.unwrap();
    {
        let mut state = shop.fake.state();
        let (id, bob) = (state.number(), state.account("bob"));
        let hosted = state.project(REPO);
        let link = hosted.statuses.pop().unwrap()["target_url"].as_str().unwrap().to_owned();
        hosted.status(head.as_str(), &bob, "ci/build", "success", &link, id);
    }
    let read = async || shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap().pop().unwrap();
    assert_eq!(read().await.by, Principal::Human("bob".parse().unwrap()));
    shop.scm.post_status(&cx("one"), &shop.repo, status(&head, "ci/build", CheckState::Failure)).await.unwrap();
    assert_eq!((read().await.state, read().await.by), (CheckState::Failure, Principal::System));
}

/// Whoever may push can name a job of a pipeline as they like.
async fn a_job_that_this_account_set_off_is_not_its_word(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    {
        let mut state = shop.fake.state();
        let (id, me) = (state.number(), state.account(BOT));
        state.project(REPO).job(head.as_str(), &me, "pathops/promotion", "success", id);
    }
    let [check] = shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap().try_into().unwrap();
    assert!(matches!(check.by, Principal::Agent { .. }), "{}", check.by);
}

async fn only_a_success_is_read_as_one(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    let all = [
        "created",
        "waiting_for_resource",
        "preparing",
        "pending",
        "running",
        "success",
        "failed",
        "canceling",
        "canceled",
        "skipped",
        "manual",
        "scheduled",
        "new-kind",
    ];
    for name in all {
        let mut state = shop.fake.state();
        let (id, bob) = (state.number(), state.account("bob"));
        state.project(REPO).job(head.as_str(), &bob, name, name, id);
    }
    let checks = shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap();
    assert_eq!(checks.len(), all.len());
    for check in checks {
        let expected = match check.name.as_str() {
            "success" => CheckState::Success,
            "failed" => CheckState::Failure,
            "canceled" | "skipped" | "manual" => CheckState::Error,
            _ => CheckState::Pending,
        };
        assert_eq!(check.state, expected, "{}", check.name);
    }
}

async fn a_pending_status_is_posted_over_another(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    let post = async |key: &str, state| shop.scm.post_status(&cx(key), &shop.repo, status(&head, "ci/build", state)).await;
    for n in 0..5 {
        post(&n.to_string(), CheckState::Pending).await.unwrap();
        let [check] = shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap().try_into().unwrap();
        assert_eq!((check.state, check.by), (CheckState::Pending, Principal::System), "{n}");
    }
    post("passed", CheckState::Success).await.unwrap();
    // What GitLab changed in place keeps the keys of before.
    for n in 0..5 {
        post(&n.to_string(), CheckState::Pending).await.unwrap();
        let [check] = shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap().try_into().unwrap();
        assert_eq!(check.state, CheckState::Success, "{n}");
    }
}

async fn a_credential_that_is_not_taken_is_denied_and_not_shown(shop: Arc<Shop>) {
    shop.fake.state().tokens.clear();
    let error = shop.scm.branch_head(&cx("read"), &shop.repo, &"main".parse().unwrap()).await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    let shown = format!("{error} {error:?} {:?} {:#?}", shop.gitlab, shop.scm);
    assert!(!shown.contains(TOKEN), "{shown}");
}

async fn what_may_not_be_read_is_not_taken_for_unprotected(shop: Arc<Shop>) {
    let protection = async || shop.scm.protection(&cx("read"), &shop.repo, &"main".parse().unwrap()).await;
    shop.fake.fault(Method::GET, "/approval_rules", Wrong::Answer(404, Vec::new(), "404 Not Found"));
    is(&protection().await.unwrap_err(), ErrorKind::NotFound, Effect::None);
    shop.fake.fault(Method::GET, "/approval_rules", Wrong::Answer(403, Vec::new(), "403 Forbidden"));
    is(&protection().await.unwrap_err(), ErrorKind::Denied, Effect::None);
    assert_eq!(protection().await.unwrap(), BranchProtection::default());
    shop.protect(0, &["ci/build"]);
    shop.fake.fault(Method::GET, "/external_status_checks", Wrong::Answer(404, Vec::new(), "404 Not Found"));
    is(&protection().await.unwrap_err(), ErrorKind::NotFound, Effect::None);
    assert_eq!(protection().await.unwrap().required_checks, ["ci/build".parse().unwrap()]);
}

async fn an_edition_without_rules_asks_for_no_approval(shop: Arc<Shop>) {
    shop.fake.state().enterprise = false;
    let protection = shop.scm.protection(&cx("read"), &shop.repo, &"main".parse().unwrap()).await.unwrap();
    assert_eq!(protection, BranchProtection::default());
}
