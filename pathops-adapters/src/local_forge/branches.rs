//! Writing branches: making and deleting them, and commits on them.

use git2::Oid;
use pathops_core::adapter::NewCommit;
use pathops_core::{BranchName, CommitId, Error, ErrorKind, Principal, Result, UnixMillis};

use super::attempt::short;
use super::change::Change;
use super::git::branch_ref;
use super::repo::{Repo, Writer};

impl Repo<'_> {
    /// Makes a commit that no branch leads to yet. The same input makes the same id.
    pub(super) fn make_commit(
        &self,
        tree: Oid,
        parents: &[&CommitId],
        message: &str,
        author: &Principal,
        at: UnixMillis,
    ) -> Result<CommitId> {
        if message.contains('\0') {
            return Err(self.error(ErrorKind::Invalid, "the message holds a NUL character"));
        }
        let signature = self.signature(author, at)?;
        let tree = self.git.find_tree(tree).map_err(|e| self.refused(e))?;
        let parents = parents.iter().map(|parent| self.commit_object(parent)).collect::<Result<Vec<_>>>()?;
        let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
        let made = self.git.commit(None, &signature, &signature, message, &tree, &parents);
        self.commit_id(made.map_err(|e| self.refused(e))?)
    }
}

impl Writer<'_> {
    pub(super) fn create_branch(&self, branch: &BranchName, at: &CommitId) -> Result<()> {
        self.commit_object(at)?;
        match self.branch_head(branch)? {
            Some(head) if &head == at => Ok(()),
            Some(head) => Err(self.error(ErrorKind::AlreadyExists, format_args!("it is there and points to {}", short(&head)))),
            None => self.apply(&Change::moving(branch, None, Some(at))).map_err(|e| self.in_the_way(branch).unwrap_or(e)),
        }
    }

    /// What Git says only in terms of its files: no branch can be below another.
    fn in_the_way(&self, branch: &BranchName) -> Option<Error> {
        let name = branch_ref(branch);
        let above =
            name.match_indices('/').filter_map(|(end, _)| name.get(..end)).find(|above| self.git.find_reference(above).is_ok());
        let below = || {
            let mut below = self.git.references_glob(&format!("{name}/*")).ok()?;
            below.names().next().and_then(Result::ok).map(str::to_owned)
        };
        let other = above.map(str::to_owned).or_else(below)?;
        Some(self.error(ErrorKind::AlreadyExists, format_args!("`{other}` is in the way")).advise("choose another name"))
    }

    pub(super) fn delete_branch(&self, branch: &BranchName, expected: &CommitId) -> Result<()> {
        let Some(head) = self.branch_head(branch)? else { return Ok(()) };
        self.refuse_protected(branch)?;
        if self.is_default(branch) {
            return Err(self.error(ErrorKind::Denied, "it is the default branch"));
        }
        self.expect_head(&head, expected)?;
        let mut change = Change::moving(branch, Some(&head), None);
        for record in self.open_pulls_from(branch)? {
            change = self.keep_head(change, record, &head)?;
        }
        self.apply(&change)
    }

    pub(super) fn commit(&self, new: &NewCommit) -> Result<CommitId> {
        let head = self.existing_head(&new.branch, ErrorKind::NotFound)?;
        let made = self.make_requested(new);
        if let Ok(made) = &made
            && self.contains(&head, made)?
        {
            return Ok(made.clone()); // The same request was made before.
        }
        self.refuse_protected(&new.branch)?;
        self.expect_head(&head, &new.expected_head)?;
        let made = made?;
        self.apply(&Change::moving(&new.branch, Some(&head), Some(&made)))?;
        Ok(made)
    }

    fn make_requested(&self, new: &NewCommit) -> Result<CommitId> {
        let base = self.commit_object(&new.expected_head)?.tree_id();
        let tree = self.changed_tree(Some(base), &new.changes)?;
        self.make_commit(tree, &[&new.expected_head], &new.message, &new.author, new.at)
    }

    fn expect_head(&self, head: &CommitId, expected: &CommitId) -> Result<()> {
        if head == expected {
            return Ok(());
        }
        let reason = format!("its head is {}, not {}", short(head), short(expected));
        Err(self.error(ErrorKind::Conflict, reason).advise("read the branch again"))
    }

    fn refuse_protected(&self, branch: &BranchName) -> Result<()> {
        match self.protection_of(branch)? {
            Some(_) => Err(self.error(ErrorKind::Denied, format_args!("`{branch}` is protected")).advise("open a pull request")),
            None => Ok(()),
        }
    }

    fn is_default(&self, branch: &BranchName) -> bool {
        let head = self.git.find_reference("HEAD").ok();
        head.is_some_and(|head| head.symbolic_target().ok().flatten() == Some(branch_ref(branch).as_str()))
    }
}
