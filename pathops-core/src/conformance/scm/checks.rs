//! Commit statuses.

use super::ScmWorld;
use super::world::{cx, id};
use crate::adapter::{Check, CheckSource, CheckState, Scm};
use crate::conformance::case::{Answer as _, Case, Outcome, cases, ensure};
use crate::error::Result;
use crate::id::CommitId;
use crate::policy::CommitStatus;

pub(super) fn cases() -> Vec<Case<ScmWorld>> {
    cases!["scm":
        a_posted_status_is_read_back,
        only_the_newest_status_of_a_context_is_read,
        a_status_that_is_posted_late_again_changes_nothing,
        statuses_of_contexts_and_commits_are_kept_apart,
    ]
}

/// A status of `commit`.
pub(crate) fn status(commit: &CommitId, context: &str, state: CheckState, words: &str) -> Result<CommitStatus, String> {
    CommitStatus::new(commit.clone(), id(context)?, state, words).map_err(|why| why.to_string())
}

/// What is reported about `commit`.
pub(super) async fn read(w: &ScmWorld, scm: &dyn Scm, commit: &CommitId) -> Result<Vec<Check>, String> {
    scm.checks(&cx("read"), &w.repo, commit).await.works()
}

async fn a_posted_status_is_read_back(w: ScmWorld) -> Outcome {
    let main = w.main().await?;
    ensure!(read(&w, &*w.scm, &main).await?.is_empty(), "a commit without statuses has some");
    for state in [CheckState::Pending, CheckState::Success, CheckState::Failure, CheckState::Error] {
        let (context, words) = (format!("ci/{state}"), format!("it is {state}"));
        w.scm.post_status(&cx(&context), &w.repo, status(&main, &context, state, &words)?).await.works()?;
        let checks = read(&w, &*w.restarted, &main).await?;
        let Some(check) = checks.iter().find(|check| check.name == context) else {
            return Err(format!("the status `{context}` is not among {checks:?}"));
        };
        let expected = (state, words.as_str(), CheckSource::Status);
        let got = (check.state, check.description.as_str(), check.source);
        ensure!(got == expected, "a status posted as {expected:?} is read as {got:?}");
    }
    Ok(())
}

async fn only_the_newest_status_of_a_context_is_read(w: ScmWorld) -> Outcome {
    let main = w.main().await?;
    for (key, state) in [("one", CheckState::Pending), ("two", CheckState::Success), ("three", CheckState::Failure)] {
        w.scm.post_status(&cx(key), &w.repo, status(&main, "ci/build", state, key)?).await.works()?;
    }
    let checks = read(&w, &*w.scm, &main).await?;
    let [check] = checks.as_slice() else { return Err(format!("one context is read as {checks:?}")) };
    ensure!(check.state == CheckState::Failure, "the newest status, a failure, is read as {}", check.state);
    Ok(())
}

async fn a_status_that_is_posted_late_again_changes_nothing(w: ScmWorld) -> Outcome {
    let main = w.main().await?;
    let passed = || status(&main, "ci/build", CheckState::Success, "passed");
    w.scm.post_status(&cx("early"), &w.repo, passed()?).await.works()?;
    w.scm.post_status(&cx("later"), &w.repo, status(&main, "ci/build", CheckState::Failure, "failed")?).await.works()?;
    w.restarted.post_status(&cx("early"), &w.repo, passed()?).await.works()?;
    let checks = read(&w, &*w.scm, &main).await?;
    let states: Vec<_> = checks.iter().map(|check| check.state).collect();
    ensure!(states == [CheckState::Failure], "a success that was repeated after a failure made it {states:?}");
    Ok(())
}

async fn statuses_of_contexts_and_commits_are_kept_apart(w: ScmWorld) -> Outcome {
    let (main, topic) = (w.main().await?, w.branch("topic").await?);
    let newer = w.push(&topic, "src/b.txt", "b").await?;
    for (commit, context) in [(&main, "ci/build"), (&main, "ci/test"), (&newer, "ci/build")] {
        let key = cx(&format!("{context}/{commit}"));
        w.scm.post_status(&key, &w.repo, status(commit, context, CheckState::Success, "good")?).await.works()?;
    }
    let (old, new) = (read(&w, &*w.scm, &main).await?, read(&w, &*w.scm, &newer).await?);
    ensure!((old.len(), new.len()) == (2, 1), "two statuses and one are read as {old:?} and {new:?}");
    Ok(())
}
