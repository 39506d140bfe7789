//! Listing commits.

use super::ScmWorld;
use super::world::{cx, id};
use crate::adapter::Commit;
use crate::conformance::case::{Answer as _, Case, Outcome, cases, ensure};
use crate::error::ErrorKind;
use crate::id::CommitId;

pub(super) fn cases() -> Vec<Case<ScmWorld>> {
    cases!["scm":
        a_log_has_both_sides_of_a_merge_and_nothing_of_the_base,
        a_log_without_a_base_goes_back_to_the_first_commit,
        a_log_longer_than_the_limit_is_invalid,
    ]
}

impl ScmWorld {
    async fn log(&self, base: Option<&CommitId>, head: &CommitId) -> Result<Vec<Commit>, String> {
        self.scm.log(&cx("read"), &self.repo, base, head, 99).await.works()
    }
}

fn ids(log: &[Commit]) -> Vec<&CommitId> {
    log.iter().map(|commit| &commit.id).collect()
}

async fn a_log_has_both_sides_of_a_merge_and_nothing_of_the_base(w: ScmWorld) -> Outcome {
    let main = id("main")?;
    let base = w.push(&main, "src/a.txt", "before").await?;
    let opened = w.proposal("topic", "src/b.txt", "theirs").await?;
    let ours = w.push(&main, "README.md", "ours").await?;
    let [person, _] = w.people.names();
    let merge = w.people.merge(&person, &w.repo, opened.number, &opened.head).await.works()?;
    let log = w.log(Some(&base), &merge).await?;
    let found = ids(&log);
    ensure!(found.first() == Some(&&merge), "the log of {merge} begins with {:?}", found.first());
    let both = found.len() == 3 && found.contains(&&ours) && found.contains(&&opened.head);
    ensure!(both, "{merge} joins {ours} and {}, made on {base}, and its log is {found:?}", opened.head);
    for commit in &log {
        let read = w.scm.read_commit(&cx("read"), &w.repo, &commit.id).await.works()?;
        ensure!(*commit == read, "{commit:?} in a log is {read:?} alone");
    }
    let side = w.log(Some(&ours), &merge).await?;
    ensure!(ids(&side) == [&merge, &opened.head], "a log beside one side of a merge is {:?}", ids(&side));
    ensure!(w.log(Some(&merge), &ours).await?.is_empty(), "a log from a descendant is not empty");
    Ok(())
}

async fn a_log_without_a_base_goes_back_to_the_first_commit(w: ScmWorld) -> Outcome {
    let (topic, main) = (w.branch("topic").await?, w.main().await?);
    let first = w.push(&topic, "src/b.txt", "one").await?;
    let second = w.push(&topic, "src/b.txt", "two").await?;
    let log = w.log(None, &second).await?;
    ensure!(ids(&log).starts_with(&[&second, &first, &main]), "the log of {second} is {:?}", ids(&log));
    let ends = log.last().is_some_and(|oldest| oldest.parents.is_empty());
    ensure!(ends, "a log without a base ends before the first commit");
    Ok(())
}

async fn a_log_longer_than_the_limit_is_invalid(w: ScmWorld) -> Outcome {
    let (topic, main) = (w.branch("topic").await?, w.main().await?);
    w.push(&topic, "src/b.txt", "one").await?;
    let head = w.push(&topic, "src/b.txt", "two").await?;
    let log = async |limit| w.scm.log(&cx("read"), &w.repo, Some(&main), &head, limit).await;
    ensure!(log(2).await.works()?.len() == 2, "a log of two commits has not two");
    log(1).await.fails(ErrorKind::Invalid, "there are more commits than the limit")
}
