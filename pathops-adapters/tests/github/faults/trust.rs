//! Who is believed, and what is kept to oneself.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use libtest_mimic::Trial;
use pathops_adapters::github::GitHubConfig;
use pathops_core::adapter::{BranchProtection, CheckSource, CheckState, MergeableBranch, NewCheck, PullRequestUpdate};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{Effect, ErrorKind, Principal, PullRequestNumber, RepoId, UnixMillis};

use super::{Shop, cases, cx, is, status};
use crate::world::{By, REPO, TOKEN};
use pathops_fakes::github::{APP_KEY, Hosted, OUTSIDER, Wrong};

pub(super) fn trials() -> Vec<Trial> {
    let mut all = cases![By::Token;
        a_mark_in_somebody_elses_pull_request_is_not_believed,
        what_people_edit_keeps_its_mark,
        a_key_in_somebody_elses_status_is_not_believed,
        only_a_success_is_read_as_one,
        a_suite_that_could_not_start_is_no_success,
        a_credential_that_is_not_taken_is_denied_and_not_shown,
        what_may_not_be_read_is_not_taken_for_unprotected,
        an_outsiders_approval_does_not_count,
    ];
    all.extend(cases![By::App;
        a_token_of_an_app_is_good_for_one_repository,
        a_token_of_an_app_is_renewed_before_it_ends,
        a_token_that_is_not_taken_is_made_anew,
        a_check_that_is_reported_late_again_changes_nothing,
    ]);
    all
}

async fn a_mark_in_somebody_elses_pull_request_is_not_believed(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    shop.fake.state().repo(REPO).pulls.get_mut(&1).unwrap().by = "mallory".to_owned();
    let read = shop.read(&opened).await;
    assert_eq!(read.author, Principal::Human("mallory".parse().unwrap()));
    assert!(read.body.contains("<!-- pathops:pull-request"), "what is no mark is words: {}", read.body);
    let new = shop.proposed("other").await;
    let same = pathops_core::adapter::NewPullRequest { head: opened.head_branch.clone(), ..new };
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
    // As GitHub keeps what was edited on its pages.
    shop.fake.state().repo(REPO).pulls.get_mut(&1).unwrap().edited_by_hand();
    let read = open().await;
    assert_eq!((read.number, read.author, read.body.as_str()), (opened.number, opened.author, "Other words."));
    assert_eq!(put("more words").await, comment);
}

async fn a_key_in_somebody_elses_status_is_not_believed(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    shop.scm.post_status(&cx("one"), &shop.repo, status(&head, "ci/build", CheckState::Failure)).await.unwrap();
    let link = shop.fake.state().repo(REPO).link_of_last_status();
    shop.fake.state().repo(REPO).forget_statuses();
    shop.fake.state().repo(REPO).status(head.as_str(), "mallory", "ci/build", "success", &link, 1);
    shop.scm.post_status(&cx("one"), &shop.repo, status(&head, "ci/build", CheckState::Failure)).await.unwrap();
    let checks = shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap();
    assert_eq!(checks.iter().map(|check| check.state).collect::<Vec<_>>(), [CheckState::Failure]);
}

async fn only_a_success_is_read_as_one(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    let all = ["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"];
    for (id, conclusion) in (1..).zip(all) {
        shop.fake.state().repo(REPO).run(head.as_str(), "ci", conclusion, conclusion, id);
    }
    for check in shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap() {
        let expected = match check.name.as_str() {
            "success" => CheckState::Success,
            "failure" => CheckState::Failure,
            _ => CheckState::Error,
        };
        assert_eq!((check.state, check.source), (expected, CheckSource::CheckRun), "{}", check.name);
        assert!(matches!(check.by, Principal::Agent { .. }), "{}", check.by);
    }
}

async fn a_suite_that_could_not_start_is_no_success(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    shop.fake.state().repo(REPO).suite(head.as_str(), "github-actions", "startup_failure");
    shop.fake.state().repo(REPO).suite(head.as_str(), "other", "success");
    let checks = shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap();
    let [check] = checks.as_slice() else { panic!("{checks:?}") };
    assert_eq!((check.name.as_str(), check.state), ("github-actions", CheckState::Error));
}

async fn a_credential_that_is_not_taken_is_denied_and_not_shown(shop: Arc<Shop>) {
    shop.fake.state().tokens.clear();
    let error = shop.scm.branch_head(&cx("read"), &shop.repo, &"main".parse().unwrap()).await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    let key = APP_KEY.lines().nth(1).unwrap();
    let shown = [
        format!("{error} {error:?}"),
        format!("{:?} {:#?}", shop.github, shop.scm),
        format!("{:?}", GitHubConfig::token(TOKEN)),
        format!("{:?} {:#?}", By::App.github(&shop.fake), GitHubConfig::app(1, APP_KEY)),
    ];
    for text in shown {
        assert!(!text.contains(TOKEN) && !text.contains(key), "{text}");
    }
    let broken = APP_KEY.replace(key, "");
    let error = pathops_adapters::github::GitHub::new(GitHubConfig::app(1, broken), Arc::new(shop.fake.clock())).unwrap_err();
    assert!(!format!("{error:?}").contains(APP_KEY.lines().nth(2).unwrap()), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

async fn what_may_not_be_read_is_not_taken_for_unprotected(shop: Arc<Shop>) {
    let protection = async || shop.scm.protection(&cx("read"), &shop.repo, &"main".parse().unwrap()).await;
    shop.fake.fault(Method::GET, "/protection", Wrong::Answer(404, Vec::new(), "Not Found"));
    let error = protection().await.unwrap_err();
    is(&error, ErrorKind::NotFound, Effect::None);
    assert_eq!(protection().await.unwrap(), BranchProtection::default());
}

async fn an_outsiders_approval_does_not_count(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    let rules = BranchProtection { required_checks: Vec::new(), required_approvals: 1, merge_queue: false };
    shop.fake.state().repo(REPO).protections.insert("main".to_owned(), rules);
    let approve = |who, id| {
        shop.fake.state().repo(REPO).review(who, opened.number.0, opened.head.as_str(), "APPROVED", id, UnixMillis(0));
    };
    let merger = shop.github.merger();
    let mut target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
    target.branch = "main".parse().unwrap();
    let branch = MergeableBranch::of(&target).unwrap();
    let merge = async || merger.merge(&cx("merge"), &shop.repo, opened.number, &opened.head, &branch).await;
    approve(OUTSIDER, 1);
    let error = merge().await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    assert!(error.to_string().contains("0 of 1 approvals"), "{error}");
    approve("bob", 2);
    merge().await.unwrap();
}

fn minted(shop: &Shop) -> usize {
    shop.fake.taken().iter().filter(|call| call.contains("/access_tokens")).count()
}

async fn a_token_of_an_app_is_good_for_one_repository(shop: Arc<Shop>) {
    let other: RepoId = "shop/web-src".parse().unwrap();
    {
        let mut state = shop.fake.state();
        let hosted = Hosted::new(43, other.as_str(), &[("a", "a")]);
        state.repos.insert(other.to_string(), hosted);
    }
    shop.head("main").await;
    shop.head("main").await;
    assert_eq!(minted(&shop), 1);
    shop.scm.branch_head(&cx("read"), &other, &"main".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(minted(&shop), 1);
    let scopes: Vec<_> = shop.fake.state().tokens.values().filter_map(|who| who.only.clone()).collect();
    assert!(scopes.iter().all(|only| only.len() == 1) && scopes.len() == 2, "{scopes:?}");
    let missing = "shop/none".parse().unwrap();
    let error = shop.scm.branch_head(&cx("read"), &missing, &"main".parse().unwrap()).await.unwrap_err();
    is(&error, ErrorKind::NotFound, Effect::None);
}

async fn a_token_of_an_app_is_renewed_before_it_ends(shop: Arc<Shop>) {
    shop.head("main").await;
    shop.fake.clock().advance(Duration::from_secs(54 * 60));
    shop.head("main").await;
    assert_eq!(minted(&shop), 1);
    shop.fake.clock().advance(Duration::from_secs(2 * 60));
    shop.head("main").await;
    assert_eq!(minted(&shop), 1);
}

async fn a_token_that_is_not_taken_is_made_anew(shop: Arc<Shop>) {
    shop.head("main").await;
    shop.fake.state().tokens.clear();
    let error = shop.scm.branch_head(&cx("read"), &shop.repo, &"main".parse().unwrap()).await.unwrap_err();
    is(&error, ErrorKind::Denied, Effect::None);
    shop.head("main").await;
    assert_eq!(minted(&shop), 2);
}

async fn a_check_that_is_reported_late_again_changes_nothing(shop: Arc<Shop>) {
    let head = shop.head("main").await;
    let check = |state| NewCheck::new(head.clone(), "ci/build & test", state, "words").unwrap();
    for (key, state) in [("early", CheckState::Success), ("later", CheckState::Failure), ("early", CheckState::Success)] {
        shop.scm.report_check(&cx(key), &shop.repo, &check(state)).await.unwrap();
    }
    let checks = shop.scm.checks(&cx("read"), &shop.repo, &head).await.unwrap();
    assert_eq!(
        checks.iter().map(|check| (check.state, &check.by)).collect::<Vec<_>>(),
        [(CheckState::Failure, &Principal::System)]
    );
    let posts =
        shop.fake.taken().iter().filter(|call| call.starts_with(Method::POST.as_str()) && call.contains("check-runs")).count();
    assert_eq!(posts, 2);
}
