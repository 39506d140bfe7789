//! What Git does.

use git2::{Commit, Oid, Signature, Time};
use pathops_core::UnixMillis;

use super::hosted::Hosted;
use super::{Answered, Reply};
use crate::git;

/// What becomes of a path: its bytes and mode, or nothing.
type Change<'a> = (&'a str, Option<(&'a [u8], u32)>);

impl Hosted {
    /// Where a branch points.
    pub fn branch(&self, name: &str) -> Option<Oid> {
        self.git.refname_to_id(&format!("refs/heads/{name}")).ok()
    }

    /// Lets a branch point there.
    pub fn point(&self, branch: &str, at: Oid) {
        self.git.reference(&format!("refs/heads/{branch}"), at, true, "").unwrap();
    }

    /// Deletes a branch.
    pub fn unpoint(&self, branch: &str) {
        self.git.find_reference(&format!("refs/heads/{branch}")).unwrap().delete().unwrap();
    }

    /// A commit by its whole id, or a branch.
    pub(super) fn find(&self, name: &str) -> Answered<Commit<'_>> {
        let oid = Oid::from_str(name).ok().filter(|_| name.len() == 40).or_else(|| self.branch(name));
        oid.and_then(|oid| self.git.find_commit(oid).ok()).ok_or_else(Reply::not_found)
    }

    pub(super) fn make(&self, tree: Oid, parents: &[Oid], message: &str, who: &str, at: UnixMillis) -> Oid {
        let by = Signature::new(who, &format!("{who}@users.noreply.127.0.0.1"), &Time::new(at.0 / 1000, 0)).unwrap();
        self.make_by(tree, parents, message, &by).unwrap()
    }

    pub(super) fn make_by(&self, tree: Oid, parents: &[Oid], message: &str, by: &Signature<'_>) -> Option<Oid> {
        let tree = self.git.find_tree(tree).ok()?;
        let parents: Option<Vec<Commit<'_>>> = parents.iter().map(|oid| self.git.find_commit(*oid).ok()).collect();
        let parents = parents?;
        self.git.commit(None, by, by, message, &tree, &parents.iter().collect::<Vec<_>>()).ok()
    }

    pub(super) fn changed<'a>(&self, base: Option<Oid>, changes: impl IntoIterator<Item = Change<'a>>) -> Oid {
        let blobs = changes
            .into_iter()
            .map(|(path, file)| (path.to_owned(), file.map(|(bytes, mode)| (self.git.blob(bytes).unwrap(), mode))));
        git::edited(&self.git, base, &blobs.collect()).unwrap()
    }

    /// Whether `commit` is `head` or before it.
    pub fn contains(&self, head: &str, commit: &str) -> bool {
        git::contains(&self.git, head, commit)
    }
}
