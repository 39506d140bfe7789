//! A change of the meta repository that was merged: what its branch was before.

use pathops_core::adapter::{Commit, PullRequest, PullRequestState, Scm};
use pathops_core::project::load_with;
use pathops_core::{ChangeSetId, CommitId, Digest, Error, ErrorKind, OpContext, RepoId, RepoPath, Result};
use serde_json::Value;

use super::{Looked, invalid};
use crate::activity::facts::{DECLARATIONS, MAX_COMMITS, read_declarations};
use crate::control_plane::ControlPlane;

impl ControlPlane {
    /// What is looked at of a pull request, and what was before it: its head and the branch as it is, or what the branch became by
    /// it and what it was then.
    pub(super) async fn looked_at(
        &self,
        cx: &OpContext,
        id: &ChangeSetId,
        pull_request: &PullRequest,
    ) -> Result<(CommitId, CommitId)> {
        let (services, meta, head) = (self.services(), self.meta_repo(), &pull_request.head);
        let PullRequestState::Merged { commit, .. } = &pull_request.state else {
            return Ok((head.clone(), services.main(cx, meta).await?));
        };
        if commit != head {
            return Ok((commit.clone(), what_was_before(&*services.scm, cx, meta, commit, head).await?));
        }
        // The branch was moved to the head itself: only who looked at it before knows where it began.
        let main = services.main(cx, meta).await?;
        let path = RepoPath::parse(format!("change-sets/{id}/status.json")).map_err(|error| invalid(&error))?;
        let status = services.scm.read_file(cx, meta, &main, &path).await?;
        let status = status.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let before = status.and_then(|status| CommitId::parse(status.get("before")?.as_str()?).ok());
        let unknown = || {
            invalid(&"its branch was moved to it before anybody had checked it, so nobody knows what was before")
                .advise("check the policy as it stands")
        };
        Ok((commit.clone(), before.ok_or_else(unknown)?))
    }

    /// Whether what a merge made is another policy than the one that was proposed: its branch had moved on.
    pub(super) async fn is_another(&self, cx: &OpContext, looked: &Looked<'_>, policy: &Digest) -> Result<bool> {
        let Some(pull_request) = looked.pull_request.filter(|it| it.head != looked.head) else { return Ok(false) };
        let (services, meta) = (self.services(), self.meta_repo());
        let files = read_declarations(&*services.scm, cx, meta, &pull_request.head, &DECLARATIONS).await?;
        let proposed = load_with(&files, meta.clone(), &services.languages);
        Ok(proposed.map_or(true, |proposed| proposed.policy.digest() != *policy))
    }
}

/// What a branch was before a pull request with this head became this commit of it. A merge and a squash are one commit of the
/// branch; a rebase is as many as the pull request had, which are known by their authors and messages.
async fn what_was_before(scm: &dyn Scm, cx: &OpContext, repo: &RepoId, merged: &CommitId, head: &CommitId) -> Result<CommitId> {
    let wrong = |why: String| Error::new(ErrorKind::Invalid, "check a change of the policy").on(repo).because(why);
    let mut on_branch = scm.read_commit(cx, repo, merged).await?;
    let mut proposed = scm.read_commit(cx, repo, head).await?;
    for _ in 0..MAX_COMMITS {
        let before = on_branch.parents.first().ok_or_else(|| wrong(format!("{} is on top of nothing", on_branch.id)))?;
        if on_branch.parents.len() > 1 || !is_rebased(&on_branch, &proposed) {
            return Ok(before.clone());
        }
        on_branch = scm.read_commit(cx, repo, before).await?;
        // A rebase leaves merges out.
        while let Some(parent) = proposed.parents.first() {
            proposed = scm.read_commit(cx, repo, parent).await?;
            if proposed.parents.len() < 2 {
                break;
            }
        }
        if !is_rebased(&on_branch, &proposed) {
            return Ok(on_branch.id);
        }
    }
    Err(wrong("it has too many commits".to_owned()))
}

fn is_rebased(on_branch: &Commit, proposed: &Commit) -> bool {
    on_branch.id != proposed.id && on_branch.author == proposed.author && on_branch.message == proposed.message
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use pathops_core::adapter::NewCommit;
    use pathops_core::memory::{ManualClock, MemoryForge};
    use pathops_core::{IdempotencyKey, Principal, UnixMillis};

    use super::*;

    /// A repository with a branch for each history: who wrote which messages.
    fn forge(histories: &[(&str, &[(&str, &str)])]) -> (MemoryForge, OpContext, RepoId) {
        let forge = MemoryForge::new(Arc::new(ManualClock::new(UnixMillis(0))));
        let repo = RepoId::parse("shop/meta").unwrap();
        let first = BTreeMap::from([("main".parse().unwrap(), [].into())]);
        forge.create_repo(&repo, &first).unwrap();
        let (scm, cx) = (forge.scm(Principal::System), OpContext::new(IdempotencyKey::new("test")));
        let now = |branch: &str| scm.branch_head(&cx, &repo, &branch.parse().unwrap()).now_or_never().unwrap().unwrap();
        let first = now("main").unwrap();
        for (branch, commits) in histories {
            if *branch != "main" {
                scm.create_branch(&cx, &repo, &branch.parse().unwrap(), &first).now_or_never().unwrap().unwrap();
            }
            for (number, (who, message)) in commits.iter().enumerate() {
                let author = Principal::Human(who.parse().unwrap());
                let new = NewCommit {
                    branch: branch.parse().unwrap(),
                    expected_head: now(branch).unwrap(),
                    message: (*message).to_owned(),
                    author: author.clone(),
                    // No two are the same commit.
                    at: UnixMillis(1_000 * i64::try_from(number).unwrap() + i64::try_from(branch.len()).unwrap() * 1_000_000),
                    changes: Vec::new(),
                };
                let Principal::Human(person) = author else { continue };
                forge.person(person).commit(&repo, &new).unwrap();
            }
        }
        (forge, cx, repo)
    }

    /// How many commits of `main` the change is.
    fn commits(main: &[(&str, &str)], change: &[(&str, &str)]) -> usize {
        let (forge, cx, repo) = forge(&[("main", main), ("change", change)]);
        let scm = forge.scm(Principal::System);
        let head = |branch: &str| scm.branch_head(&cx, &repo, &branch.parse().unwrap()).now_or_never().unwrap().unwrap().unwrap();
        let (merged, head) = (head("main"), head("change"));
        let before = what_was_before(&*scm, &cx, &repo, &merged, &head).now_or_never().unwrap().unwrap();
        scm.log(&cx, &repo, Some(&before), &merged, 100).now_or_never().unwrap().unwrap().len()
    }

    #[test]
    fn a_rebase_is_all_of_its_commits_and_a_squash_is_one() {
        let three = [("bob", "one"), ("bob", "two"), ("alice", "three")];
        let onto = |more: &[(&'static str, &'static str)]| [&[("carol", "before"), ("carol", "two")], more].concat();
        assert_eq!(commits(&onto(&three), &three), 3);
        assert_eq!(commits(&three, &three), 3, "onto what it began from");
        assert_eq!(commits(&onto(&[("alice", "one, two and three (#7)")]), &three), 1);
        assert_eq!(commits(&onto(&[("alice", "three")]), &three), 1, "a squash with the words of its last commit");
        assert_eq!(commits(&onto(&[("bob", "one")]), &[("bob", "one")]), 1);
        // The same words of somebody else are another change.
        assert_eq!(commits(&onto(&[("alice", "three")]), &[("dan", "two"), ("alice", "three")]), 1);
    }
}
