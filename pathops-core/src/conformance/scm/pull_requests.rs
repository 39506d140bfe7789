//! Pull requests.

use super::ScmWorld;
use super::world::{cx, id, new_pull};
use crate::adapter::{NewPullRequest, PullRequestState, PullRequestUpdate};
use crate::conformance::case::{Answer as _, Case, Outcome, abandon, cases, ensure};
use crate::error::ErrorKind;
use crate::principal::Principal;

pub(super) fn cases() -> Vec<Case<ScmWorld>> {
    cases!["scm":
        an_opened_pull_request_is_read_as_it_was_asked_for,
        the_same_key_opens_one_pull_request,
        another_key_for_an_open_pull_request_already_exists,
        the_same_key_opens_nothing_after_a_close,
        another_key_opens_a_new_one_after_a_close,
        a_pull_request_without_its_branches_is_invalid,
        pull_requests_of_a_branch_are_listed_in_any_state,
        an_update_changes_what_it_names,
        closing_a_closed_pull_request_is_no_error,
        closing_a_merged_pull_request_conflicts,
        the_head_follows_its_branch_while_open,
        a_merge_is_read_with_person_and_commit,
        an_abandoned_pull_request_settles_when_it_is_opened_again,
    ]
}

async fn an_opened_pull_request_is_read_as_it_was_asked_for(w: ScmWorld) -> Outcome {
    let [person, _] = w.people.names();
    let agent = Principal::Agent { agent: id("patch")?, sponsor: person.clone() };
    for (name, author) in [("by-system", Principal::System), ("by-person", Principal::Human(person)), ("by-agent", agent)] {
        let branch = w.branch(name).await?;
        let head = w.push(&branch, "src/b.txt", name).await?;
        let new = NewPullRequest { author, ..new_pull(&branch, "main")? };
        let opened = w.scm.open_pull_request(&cx(name), &w.repo, &new).await.works()?;
        let read = w.pull(opened.number).await?;
        ensure!(read == opened, "opening answered {opened:?}, reading {read:?}");
        let asked = (&new.title, new.body.trim_end(), &new.head, &new.base, &new.author);
        let got = (&read.title, read.body.trim_end(), &read.head_branch, &read.base, &read.author);
        ensure!(asked == got, "{asked:?} was asked for and {got:?} is there");
        ensure!(read.head == head, "its head is {}, that of its branch {head}", read.head);
        ensure!(read.state == PullRequestState::Open, "a new pull request is {:?}", read.state);
        ensure!(read.url.contains(':'), "`{}` is no URI", read.url);
    }
    Ok(())
}

async fn the_same_key_opens_one_pull_request(w: ScmWorld) -> Outcome {
    let first = w.proposal("topic", "src/b.txt", "b").await?;
    let new = new_pull(&first.head_branch, "main")?;
    let again = w.restarted.open_pull_request(&cx("open/topic"), &w.repo, &new).await.works()?;
    ensure!(again == first, "the same key opened {} and then {}", first.number, again.number);
    let all = w.scm.pull_requests_from(&cx("read"), &w.repo, &first.head_branch).await.works()?;
    ensure!(all.len() == 1, "the same key left {} pull requests", all.len());
    Ok(())
}

async fn another_key_for_an_open_pull_request_already_exists(w: ScmWorld) -> Outcome {
    let first = w.proposal("topic", "src/b.txt", "b").await?;
    let new = new_pull(&first.head_branch, "main")?;
    let answer = w.scm.open_pull_request(&cx("another key"), &w.repo, &new).await;
    answer.fails(ErrorKind::AlreadyExists, "one is open that was opened with another key")?;
    let other = w.branch("other-base").await?;
    let elsewhere = new_pull(&first.head_branch, other.as_str())?;
    w.scm.open_pull_request(&cx("another base"), &w.repo, &elsewhere).await.works()?;
    let all = w.scm.pull_requests_from(&cx("read"), &w.repo, &first.head_branch).await.works()?;
    ensure!(all.len() == 2, "one pull request into each of two branches are {}", all.len());
    Ok(())
}

async fn the_same_key_opens_nothing_after_a_close(w: ScmWorld) -> Outcome {
    let first = w.proposal("topic", "src/b.txt", "b").await?;
    w.scm.close_pull_request(&cx("close"), &w.repo, first.number).await.works()?;
    let again = w.open(&first.head_branch).await?;
    ensure!(again.number == first.number, "the same key opened {} and then {}", first.number, again.number);
    ensure!(again.state != PullRequestState::Open, "the same key opened a closed pull request again");
    Ok(())
}

async fn another_key_opens_a_new_one_after_a_close(w: ScmWorld) -> Outcome {
    let first = w.proposal("topic", "src/b.txt", "b").await?;
    w.scm.close_pull_request(&cx("close"), &w.repo, first.number).await.works()?;
    let new = new_pull(&first.head_branch, "main")?;
    let second = w.scm.open_pull_request(&cx("another key"), &w.repo, &new).await.works()?;
    ensure!(second.number != first.number, "another key returned the closed pull request");
    ensure!(second.state == PullRequestState::Open, "a new pull request is {:?}", second.state);
    Ok(())
}

async fn a_pull_request_without_its_branches_is_invalid(w: ScmWorld) -> Outcome {
    let topic = w.branch("topic").await?;
    w.push(&topic, "src/b.txt", "b").await?;
    let nowhere = id("nowhere")?;
    for (key, new) in [("no head", new_pull(&nowhere, "main")?), ("no base", new_pull(&topic, "nowhere")?)] {
        let answer = w.scm.open_pull_request(&cx(key), &w.repo, &new).await;
        answer.fails(ErrorKind::Invalid, "a branch is missing")?;
        let left = w.scm.pull_requests_from(&cx("read"), &w.repo, &new.head).await.works()?;
        ensure!(left.is_empty(), "a refused pull request was opened");
    }
    Ok(())
}

async fn pull_requests_of_a_branch_are_listed_in_any_state(w: ScmWorld) -> Outcome {
    let first = w.proposal("topic", "src/b.txt", "b").await?;
    w.scm.close_pull_request(&cx("close"), &w.repo, first.number).await.works()?;
    let new = new_pull(&first.head_branch, "main")?;
    let second = w.scm.open_pull_request(&cx("second"), &w.repo, &new).await.works()?;
    w.proposal("other", "src/c.txt", "c").await?;
    let listed = w.scm.pull_requests_from(&cx("read"), &w.repo, &first.head_branch).await.works()?;
    let expected = [w.pull(first.number).await?, w.pull(second.number).await?];
    ensure!(listed == expected, "the pull requests of a branch, oldest first, are {listed:?}");
    let none = w.scm.pull_requests_from(&cx("read"), &w.repo, &id("main")?).await.works()?;
    ensure!(none.is_empty(), "pull requests into a branch are listed as from it");
    Ok(())
}

async fn an_update_changes_what_it_names(w: ScmWorld) -> Outcome {
    let first = w.proposal("topic", "src/b.txt", "b").await?;
    let title = PullRequestUpdate { title: Some("New title".to_owned()), ..PullRequestUpdate::default() };
    w.scm.update_pull_request(&cx("title"), &w.repo, first.number, &title).await.works()?;
    let read = w.pull(first.number).await?;
    ensure!((read.title.as_str(), &read.body) == ("New title", &first.body), "a new title gave {read:?}");
    let body = PullRequestUpdate { body: Some("New words".to_owned()), ..PullRequestUpdate::default() };
    w.scm.update_pull_request(&cx("body"), &w.repo, first.number, &body).await.works()?;
    let read = w.pull(first.number).await?;
    ensure!(read.body.trim_end() == "New words" && read.title == "New title", "a new description gave {read:?}");
    ensure!(read.head == first.head && read.state == first.state, "an edit changed the rest: {read:?}");
    Ok(())
}

async fn closing_a_closed_pull_request_is_no_error(w: ScmWorld) -> Outcome {
    let first = w.proposal("topic", "src/b.txt", "b").await?;
    w.scm.close_pull_request(&cx("close"), &w.repo, first.number).await.works()?;
    let read = w.pull(first.number).await?;
    ensure!(matches!(read.state, PullRequestState::Closed { .. }), "a closed pull request is {:?}", read.state);
    w.restarted.close_pull_request(&cx("close"), &w.repo, first.number).await.works()?;
    w.scm.close_pull_request(&cx("close once more"), &w.repo, first.number).await.works()?;
    ensure!(w.pull(first.number).await? == read, "closing again changed the pull request");
    Ok(())
}

async fn closing_a_merged_pull_request_conflicts(w: ScmWorld) -> Outcome {
    let ([person, _], first) = (w.people.names(), w.proposal("topic", "src/b.txt", "b").await?);
    w.people.merge(&person, &w.repo, first.number, &first.head).await.works()?;
    let merged = w.pull(first.number).await?;
    let answer = w.scm.close_pull_request(&cx("close"), &w.repo, first.number).await;
    answer.fails(ErrorKind::Conflict, "it is merged")?;
    ensure!(w.pull(first.number).await? == merged, "a refused close changed a merged pull request");
    Ok(())
}

async fn the_head_follows_its_branch_while_open(w: ScmWorld) -> Outcome {
    let ([person, _], first) = (w.people.names(), w.proposal("topic", "src/b.txt", "b").await?);
    let newer = w.push(&first.head_branch, "src/c.txt", "c").await?;
    ensure!(w.pull(first.number).await?.head == newer, "the head of an open pull request did not follow its branch");
    w.people.merge(&person, &w.repo, first.number, &newer).await.works()?;
    w.push(&first.head_branch, "src/d.txt", "d").await?;
    ensure!(w.pull(first.number).await?.head == newer, "the head of a merged pull request followed its branch");
    Ok(())
}

async fn a_merge_is_read_with_person_and_commit(w: ScmWorld) -> Outcome {
    let ([person, _], first) = (w.people.names(), w.proposal("topic", "src/b.txt", "b").await?);
    let merge = w.people.merge(&person, &w.repo, first.number, &first.head).await.works()?;
    let read = w.pull(first.number).await?;
    let PullRequestState::Merged { by, commit, .. } = read.state else {
        return Err(format!("a merged pull request is {:?}", read.state));
    };
    ensure!(by == Principal::Human(person.clone()), "{person} merged, and {by} is read");
    ensure!(commit == merge, "the merge made {merge}, and {commit} is read");
    ensure!(w.main().await? == merge, "`main` does not point to the merge");
    ensure!(w.text(&merge, "src/b.txt").await?.as_deref() == Some("b"), "the merge does not hold the change");
    Ok(())
}

async fn an_abandoned_pull_request_settles_when_it_is_opened_again(w: ScmWorld) -> Outcome {
    for polls in 1..=4 {
        let branch = w.branch(&format!("topic-{polls}")).await?;
        w.push(&branch, "src/b.txt", &polls.to_string()).await?;
        let (key, new) = (cx(&format!("open/{branch}")), new_pull(&branch, "main")?);
        abandon(w.scm.open_pull_request(&key, &w.repo, &new), polls).await;
        let opened = w.scm.open_pull_request(&key, &w.repo, &new).await.works()?;
        let all = w.scm.pull_requests_from(&cx("read"), &w.repo, &branch).await.works()?;
        ensure!(all == [opened], "after {polls} polls there are {} pull requests", all.len());
    }
    Ok(())
}
