//! What an adapter declares, and what it does not.
//!
//! Each capability has cases for both answers: declared, it works; undeclared, it is refused and changes nothing.

use super::ScmWorld;
use super::checks::status;
use super::world::{cx, id, new_pull};
use crate::adapter::{
    BranchProtection, CheckSource, CheckState, EventCursor, NewCheck, NewPullRequest, PullRequestUpdate, ScmCapabilities,
    ScmEventKind,
};
use crate::conformance::case::{Answer as _, Case, Outcome, cases, ensure};
use crate::error::ErrorKind;
use crate::id::{CommitId, PersonId};

pub(super) fn cases(declared: ScmCapabilities) -> Vec<Case<ScmWorld>> {
    let mut all = vec![Case::new("scm", "capabilities_are_as_its_author_says", move |w: ScmWorld| async move {
        let seen = w.scm.capabilities();
        ensure!(seen == declared, "it declares {seen:?}, and its author says {declared:?}");
        Ok(())
    })];
    all.extend(match declared.check_runs {
        true => cases!["scm": a_check_run_is_replaced_by_name, a_check_run_and_a_status_of_one_name_are_two],
        false => cases!["scm": undeclared_check_runs_are_unsupported],
    });
    all.extend(match declared.branch_protection {
        true => cases!["scm": protection_is_read_as_it_was_set],
        false => cases!["scm": undeclared_protection_is_unsupported],
    });
    all.extend(match declared.events {
        true => cases!["scm": events_tell_what_happened_in_order, events_are_read_from_a_place_up_to_a_limit],
        false => cases!["scm": undeclared_events_are_unsupported],
    });
    all.extend(match declared.reviewers {
        true => cases!["scm": reviewers_are_asked_and_replaced],
        false => cases!["scm": undeclared_reviewers_are_unsupported],
    });
    if let Some(max) = declared.title_max_chars {
        all.push(Case::new("scm", "a_title_may_be_as_long_as_declared", move |w| longest_title(w, max)));
        all.push(Case::new("scm", "a_longer_title_than_declared_is_invalid", move |w| {
            refused_title(w, "x".repeat(max.saturating_add(1)), "the title is longer than declared")
        }));
    }
    if let Some(mark) = declared.draft_marks.first() {
        all.push(Case::new("scm", "a_title_that_begins_as_a_drafts_is_invalid", move |w| {
            refused_title(w, format!("{} it", mark.to_uppercase()), "the title begins as that of a draft")
        }));
    }
    all
}

fn check_run(commit: &CommitId, state: CheckState) -> Result<NewCheck, String> {
    NewCheck::new(commit.clone(), "ci/build", state, format!("it is {state}")).map_err(|error| error.to_string())
}

async fn a_check_run_is_replaced_by_name(w: ScmWorld) -> Outcome {
    let main = w.main().await?;
    for state in [CheckState::Pending, CheckState::Error, CheckState::Success, CheckState::Failure] {
        w.scm.report_check(&cx(&state.to_string()), &w.repo, &check_run(&main, state)?).await.works()?;
        let checks = w.restarted.checks(&cx("read"), &w.repo, &main).await.works()?;
        let [check] = checks.as_slice() else { return Err(format!("one check run is read as {checks:?}")) };
        let said = (check.name.as_str(), check.source, check.state, check.description.contains(&format!("it is {state}")));
        ensure!(said == ("ci/build", CheckSource::CheckRun, state, true), "a check run that is {state} is read as {check:?}");
    }
    Ok(())
}

async fn a_check_run_and_a_status_of_one_name_are_two(w: ScmWorld) -> Outcome {
    let main = w.main().await?;
    w.scm.report_check(&cx("run"), &w.repo, &check_run(&main, CheckState::Failure)?).await.works()?;
    w.scm.post_status(&cx("status"), &w.repo, status(&main, "ci/build", CheckState::Success, "good")?).await.works()?;
    let checks = w.scm.checks(&cx("read"), &w.repo, &main).await.works()?;
    let state = |source| checks.iter().find(|check| check.source == source).map(|check| check.state);
    let seen = (state(CheckSource::CheckRun), state(CheckSource::Status));
    ensure!(seen == (Some(CheckState::Failure), Some(CheckState::Success)), "run and status are read as {seen:?}");
    Ok(())
}

async fn undeclared_check_runs_are_unsupported(w: ScmWorld) -> Outcome {
    let main = w.main().await?;
    let answer = w.scm.report_check(&cx("run"), &w.repo, &check_run(&main, CheckState::Success)?).await;
    answer.fails(ErrorKind::Unsupported, "check runs are not declared")?;
    let checks = w.scm.checks(&cx("read"), &w.repo, &main).await.works()?;
    ensure!(checks.is_empty(), "an unsupported check run was reported: {checks:?}");
    Ok(())
}

async fn protection_is_read_as_it_was_set(w: ScmWorld) -> Outcome {
    let (topic, other) = (w.branch("topic").await?, w.branch("other").await?);
    let rules = BranchProtection { required_checks: vec![id("ci/build")?], required_approvals: 1, merge_queue: false };
    w.people.protect(&w.repo, &topic, rules.clone()).await.works()?;
    let read = w.scm.protection(&cx("read"), &w.repo, &topic).await.works()?;
    ensure!(read == rules, "protection set as {rules:?} is read as {read:?}");
    let read = w.scm.protection(&cx("read"), &w.repo, &other).await.works()?;
    ensure!(read == BranchProtection::default(), "an unprotected branch asks for {read:?}");
    Ok(())
}

async fn undeclared_protection_is_unsupported(w: ScmWorld) -> Outcome {
    let answer = w.scm.protection(&cx("read"), &w.repo, &id("main")?).await;
    answer.fails(ErrorKind::Unsupported, "reading protection is not declared")
}

async fn events_tell_what_happened_in_order(w: ScmWorld) -> Outcome {
    let before = w.scm.events(&cx("read"), EventCursor::default(), 1000).await.works()?;
    let start = before.last().map(|event| event.cursor).unwrap_or_default();
    let opened = w.proposal("topic", "src/b.txt", "b").await?;
    w.scm.put_comment(&cx("comment"), &w.repo, opened.number, "status", "words").await.works()?;
    let posted = status(&opened.head, "ci/build", CheckState::Success, "good")?;
    w.scm.post_status(&cx("status"), &w.repo, posted).await.works()?;
    let events = w.restarted.events(&cx("read"), start, 1000).await.works()?;
    let mut kinds = events.iter().filter(|event| event.repo == w.repo).map(|event| &event.kind);
    for expected in
        [ScmEventKind::Pushed(opened.head_branch), ScmEventKind::PullRequest(opened.number), ScmEventKind::Check(opened.head)]
    {
        ensure!(kinds.any(|kind| *kind == expected), "{expected:?} is not, or not in its order, among {events:?}");
    }
    let cursors: Vec<_> = events.iter().map(|event| event.cursor).collect();
    ensure!(cursors.is_sorted_by(|a, b| a < b), "places in the feed do not ascend: {cursors:?}");
    ensure!(cursors.first().is_some_and(|first| *first > start), "events up to {start:?} were given again");
    Ok(())
}

async fn events_are_read_from_a_place_up_to_a_limit(w: ScmWorld) -> Outcome {
    for name in ["one", "two", "three"] {
        w.proposal(name, "src/b.txt", name).await?;
    }
    let all = w.scm.events(&cx("read"), EventCursor::default(), 1000).await.works()?;
    let (mut walked, mut after) = (Vec::new(), EventCursor::default());
    loop {
        let some = w.scm.events(&cx("read"), after, 2).await.works()?;
        ensure!(some.len() <= 2, "a limit of 2 gave {} events", some.len());
        let Some(last) = some.last() else { break };
        after = last.cursor;
        walked.extend(some);
        ensure!(walked.len() <= all.len(), "the feed does not end");
    }
    ensure!(walked == all, "walking the feed gave {walked:?}, and reading it at once {all:?}");
    Ok(())
}

async fn undeclared_events_are_unsupported(w: ScmWorld) -> Outcome {
    let answer = w.scm.events(&cx("read"), EventCursor::default(), 10).await;
    answer.fails(ErrorKind::Unsupported, "events are not declared")
}

fn sorted(mut people: Vec<PersonId>) -> Vec<PersonId> {
    people.sort();
    people
}

async fn reviewers_are_asked_and_replaced(w: ScmWorld) -> Outcome {
    let ([one, two], topic) = (w.people.names(), w.branch("topic").await?);
    w.push(&topic, "src/b.txt", "b").await?;
    let both = sorted(vec![one, two.clone()]);
    let new = NewPullRequest { reviewers: both.clone(), ..new_pull(&topic, "main")? };
    let number = w.scm.open_pull_request(&cx("open"), &w.repo, &new).await.works()?.number;
    let asked = sorted(w.pull(number).await?.reviewers);
    ensure!(asked == both, "{both:?} were to be asked, and {asked:?} are");
    let update = PullRequestUpdate { reviewers: Some(vec![two.clone()]), ..PullRequestUpdate::default() };
    w.scm.update_pull_request(&cx("update"), &w.repo, number, &update).await.works()?;
    let asked = w.pull(number).await?.reviewers;
    ensure!(asked == [two], "one person was to be asked, and {asked:?} are");
    Ok(())
}

async fn undeclared_reviewers_are_unsupported(w: ScmWorld) -> Outcome {
    let ([person, _], topic, when) = (w.people.names(), w.branch("topic").await?, "reviewers are not declared");
    w.push(&topic, "src/b.txt", "b").await?;
    let new = NewPullRequest { reviewers: vec![person.clone()], ..new_pull(&topic, "main")? };
    w.scm.open_pull_request(&cx("asks"), &w.repo, &new).await.fails(ErrorKind::Unsupported, when)?;
    let left = w.scm.pull_requests_from(&cx("read"), &w.repo, &topic).await.works()?;
    ensure!(left.is_empty(), "an unsupported pull request was opened");
    let opened = w.open(&topic).await?;
    let update =
        PullRequestUpdate { title: Some("New".to_owned()), reviewers: Some(vec![person]), ..PullRequestUpdate::default() };
    let answer = w.scm.update_pull_request(&cx("update"), &w.repo, opened.number, &update).await;
    answer.fails(ErrorKind::Unsupported, when)?;
    ensure!(w.pull(opened.number).await? == opened, "an unsupported edit changed the pull request");
    Ok(())
}

async fn longest_title(w: ScmWorld, max: usize) -> Outcome {
    let topic = w.branch("topic").await?;
    w.push(&topic, "src/b.txt", "b").await?;
    let new = NewPullRequest { title: "ä".repeat(max), ..new_pull(&topic, "main")? };
    let opened = w.scm.open_pull_request(&cx("open"), &w.repo, &new).await.works()?;
    ensure!(w.pull(opened.number).await?.title == new.title, "a title of {max} characters was changed");
    let update = PullRequestUpdate { title: Some("ö".repeat(max)), ..PullRequestUpdate::default() };
    w.scm.update_pull_request(&cx("update"), &w.repo, opened.number, &update).await.works()
}

async fn refused_title(w: ScmWorld, title: String, when: &str) -> Outcome {
    let topic = w.branch("topic").await?;
    w.push(&topic, "src/b.txt", "b").await?;
    let new = NewPullRequest { title: title.clone(), ..new_pull(&topic, "main")? };
    w.scm.open_pull_request(&cx("refused"), &w.repo, &new).await.fails(ErrorKind::Invalid, when)?;
    let left = w.scm.pull_requests_from(&cx("read"), &w.repo, &topic).await.works()?;
    ensure!(left.is_empty(), "a refused pull request was opened");
    let opened = w.open(&topic).await?;
    let update = PullRequestUpdate { title: Some(title), ..PullRequestUpdate::default() };
    let answer = w.scm.update_pull_request(&cx("update"), &w.repo, opened.number, &update).await;
    answer.fails(ErrorKind::Invalid, when)?;
    ensure!(w.pull(opened.number).await? == opened, "a refused edit changed the pull request");
    Ok(())
}
