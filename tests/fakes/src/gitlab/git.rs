//! What Git does.

use git2::{Commit, Oid, Signature, Time};
use pathops_core::UnixMillis;

use super::hosted::Hosted;
use super::{Answered, Reply};
use crate::git;

impl Hosted {
    /// Where a branch is.
    #[must_use]
    pub fn branch(&self, name: &str) -> Option<Oid> {
        self.git.refname_to_id(&format!("refs/heads/{name}")).ok()
    }

    pub(super) fn point(&self, branch: &str, at: Oid) {
        self.git.reference(&format!("refs/heads/{branch}"), at, true, "").unwrap();
    }

    pub(super) fn unpoint(&self, branch: &str) {
        self.git.find_reference(&format!("refs/heads/{branch}")).unwrap().delete().unwrap();
    }

    /// A commit by its whole id, or a branch.
    pub(super) fn find(&self, name: &str) -> Answered<Commit<'_>> {
        let oid = Oid::from_str(name).ok().filter(|_| name.len() == 40).or_else(|| self.branch(name));
        oid.and_then(|oid| self.git.find_commit(oid).ok()).ok_or_else(|| Reply::not_found("Commit"))
    }

    pub(super) fn make(&self, tree: Oid, parents: &[Oid], message: &str, by: (&str, &str), at: UnixMillis) -> Oid {
        let by = Signature::new(by.0, by.1, &Time::new(at.0 / 1000, 0)).unwrap();
        let tree = self.git.find_tree(tree).unwrap();
        let parents: Vec<Commit<'_>> = parents.iter().map(|oid| self.git.find_commit(*oid).unwrap()).collect();
        self.git.commit(None, &by, &by, message, &tree, &parents.iter().collect::<Vec<_>>()).unwrap()
    }

    pub(super) fn make_as(&self, tree: Oid, parents: &[Oid], message: &str, who: &str, at: UnixMillis) -> Oid {
        self.make(tree, parents, message, (who, &format!("9-{who}@users.noreply.127.0.0.1")), at)
    }

    pub(super) fn with(&self, base: Option<Oid>, path: &str, bytes: &[u8]) -> Oid {
        let blob = self.git.blob(bytes).unwrap();
        git::edited(&self.git, base, &git::Entries::from([(path.to_owned(), Some((blob, 0o100_644)))])).unwrap()
    }

    /// Whether `commit` is `head` or before it.
    #[must_use]
    pub fn contains(&self, head: &str, commit: &str) -> bool {
        git::contains(&self.git, head, commit)
    }
}
