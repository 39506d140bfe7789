//! Commits.

use super::ScmWorld;
use super::world::{DATE, cx, id, new_commit, remove, write};
use crate::adapter::{BranchProtection, FileChange, NewCommit, SourceFile};
use crate::conformance::case::{Answer as _, Case, Outcome, abandon, cases, ensure};
use crate::error::ErrorKind;
use crate::id::CommitId;
use crate::principal::Principal;

pub(super) fn cases() -> Vec<Case<ScmWorld>> {
    cases!["scm":
        a_commit_makes_its_changes_and_no_others,
        a_commit_is_read_as_it_was_made,
        the_same_request_makes_the_same_commit,
        a_request_that_differs_makes_another_commit,
        a_commit_on_a_head_that_moved_conflicts,
        an_empty_commit_keeps_the_tree,
        deleting_a_file_that_is_not_there_is_invalid,
        a_protected_branch_takes_no_commit_and_stays,
        an_abandoned_commit_settles_when_it_is_made_again,
    ]
}

async fn a_commit_makes_its_changes_and_no_others(w: ScmWorld) -> Outcome {
    let (topic, main) = (w.branch("topic").await?, w.main().await?);
    let script = SourceFile { bytes: b"#!/bin/sh\n".to_vec(), executable: true };
    let changes = vec![
        write("README.md", "new words")?,
        remove("src/a.txt")?,
        write("deep/er/b.txt", "b")?,
        FileChange { path: id("ci/run")?, file: Some(script.clone()) },
    ];
    let commit = w.scm.commit(&cx("change"), &w.repo, &new_commit(&topic, &main, changes)).await.works()?;
    ensure!(w.head("topic").await? == Some(commit.clone()), "the branch does not point to the new commit");
    let files = w.scm.read_tree(&cx("read"), &w.repo, &commit, &id("")?).await.works()?;
    let paths: Vec<_> = files.keys().map(ToString::to_string).collect();
    ensure!(paths == ["README.md", "ci/run", "deep/er/b.txt"], "the commit holds {paths:?}");
    ensure!(w.text(&commit, "README.md").await?.as_deref() == Some("new words"), "a changed file has other bytes");
    ensure!(files.get(&id("ci/run")?) == Some(&script), "an executable file is read back as another one");
    ensure!(files.get(&id("README.md")?).is_some_and(|file| !file.executable), "a plain file became executable");
    ensure!(w.text(&main, "src/a.txt").await?.is_some(), "a commit changed its parent");
    Ok(())
}

async fn a_commit_is_read_as_it_was_made(w: ScmWorld) -> Outcome {
    let (topic, main) = (w.branch("topic").await?, w.main().await?);
    let [person, _] = w.people.names();
    let agent = Principal::Agent { agent: id("patch")?, sponsor: person.clone() };
    let human = Principal::Human(person.clone());
    let mut head = main;
    for (author, name) in [(human, person.as_str()), (agent, "patch")] {
        let new = NewCommit { author, ..new_commit(&topic, &head, vec![write("src/b.txt", name)?]) };
        let id = w.scm.commit(&cx(name), &w.repo, &new).await.works()?;
        let read = w.scm.read_commit(&cx("read"), &w.repo, &id).await.works()?;
        ensure!(read.id == id, "a commit is read with the id {}", read.id);
        ensure!(read.parents == [head], "a commit has the parents {:?}", read.parents);
        ensure!(read.message.trim_end() == new.message.trim_end(), "a message is read as {:?}", read.message);
        ensure!(read.at == DATE, "a commit made for {DATE} is of {}", read.at);
        let written = read.author.contains(name) && read.author.contains(" <") && read.author.ends_with('>');
        ensure!(written, "a commit by {name} is by `{}`, not by `Name <address>`", read.author);
        head = id;
    }
    Ok(())
}

async fn the_same_request_makes_the_same_commit(w: ScmWorld) -> Outcome {
    let (topic, main) = (w.branch("topic").await?, w.main().await?);
    let new = new_commit(&topic, &main, vec![write("src/b.txt", "b")?]);
    let first = w.scm.commit(&cx("commit"), &w.repo, &new).await.works()?;
    let again = w.restarted.commit(&cx("commit"), &w.repo, &new).await.works()?;
    ensure!(first == again, "the same request made {first} and then {again}");
    let later = w.push(&topic, "src/c.txt", "c").await?;
    let buried = w.scm.commit(&cx("another key"), &w.repo, &new).await.works()?;
    ensure!(first == buried, "a commit that the branch contains was not recognised: {buried}");
    ensure!(w.head("topic").await? == Some(later), "a repeated request moved the branch");
    Ok(())
}

async fn a_request_that_differs_makes_another_commit(w: ScmWorld) -> Outcome {
    let main = w.main().await?;
    let mut made: Vec<CommitId> = Vec::new();
    for (name, message) in [("one", "One"), ("two", "Two")] {
        let branch = w.branch(name).await?;
        let new = NewCommit { message: message.to_owned(), ..new_commit(&branch, &main, Vec::new()) };
        made.push(w.scm.commit(&cx(name), &w.repo, &new).await.works()?);
    }
    ensure!(made.first() != made.last(), "two commits with different messages have one id");
    Ok(())
}

async fn a_commit_on_a_head_that_moved_conflicts(w: ScmWorld) -> Outcome {
    let (topic, seen) = (w.branch("topic").await?, w.main().await?);
    let head = w.push(&topic, "src/b.txt", "theirs").await?;
    let new = new_commit(&topic, &seen, vec![write("src/c.txt", "ours")?]);
    let answer = w.scm.commit(&cx("late"), &w.repo, &new).await;
    answer.fails(ErrorKind::Conflict, "the head is not the expected one")?;
    ensure!(w.head("topic").await? == Some(head), "a refused commit moved the branch");
    Ok(())
}

async fn an_empty_commit_keeps_the_tree(w: ScmWorld) -> Outcome {
    let (topic, main) = (w.branch("topic").await?, w.main().await?);
    let commit = w.scm.commit(&cx("empty"), &w.repo, &new_commit(&topic, &main, Vec::new())).await.works()?;
    ensure!(commit != main, "an empty commit is no commit");
    let before = w.scm.read_commit(&cx("read"), &w.repo, &main).await.works()?;
    let after = w.scm.read_commit(&cx("read"), &w.repo, &commit).await.works()?;
    ensure!(before.tree == after.tree, "an empty commit changed the tree");
    Ok(())
}

async fn deleting_a_file_that_is_not_there_is_invalid(w: ScmWorld) -> Outcome {
    let (topic, main) = (w.branch("topic").await?, w.main().await?);
    let new = new_commit(&topic, &main, vec![write("src/b.txt", "b")?, remove("src/none.txt")?]);
    let answer = w.scm.commit(&cx("delete"), &w.repo, &new).await;
    answer.fails(ErrorKind::Invalid, "a file to delete does not exist")?;
    ensure!(w.head("topic").await? == Some(main), "a refused commit moved the branch");
    Ok(())
}

async fn a_protected_branch_takes_no_commit_and_stays(w: ScmWorld) -> Outcome {
    let (topic, head) = (w.branch("topic").await?, w.main().await?);
    let rules = BranchProtection { required_approvals: 1, ..Default::default() };
    w.people.protect(&w.repo, &topic, rules).await.works()?;
    let new = new_commit(&topic, &head, vec![write("src/b.txt", "b")?]);
    w.scm.commit(&cx("commit"), &w.repo, &new).await.fails(ErrorKind::Denied, "the branch is protected")?;
    let answer = w.scm.delete_branch(&cx("delete"), &w.repo, &topic, &head).await;
    answer.fails(ErrorKind::Denied, "the branch is protected")?;
    ensure!(w.head("topic").await? == Some(head), "a protected branch was touched");
    Ok(())
}

async fn an_abandoned_commit_settles_when_it_is_made_again(w: ScmWorld) -> Outcome {
    let topic = w.branch("topic").await?;
    for polls in 1..=4 {
        let head = w.head("topic").await?.ok_or("the branch is gone")?;
        let new = new_commit(&topic, &head, vec![write("src/b.txt", &polls.to_string())?]);
        let key = cx(&format!("abandoned/{polls}"));
        abandon(w.scm.commit(&key, &w.repo, &new), polls).await;
        let commit = w.scm.commit(&key, &w.repo, &new).await.works()?;
        let parents = w.scm.read_commit(&cx("read"), &w.repo, &commit).await.works()?.parents;
        ensure!(parents == [head], "after {polls} polls the commit was made on {parents:?}");
        ensure!(w.head("topic").await? == Some(commit), "after {polls} polls the branch is elsewhere");
    }
    Ok(())
}
