//! Reading a Git repository: branches, commits, files, differences.

use std::collections::BTreeSet;

use git2::{ErrorCode, Oid, Signature, Sort, Time, Tree};
use pathops_core::adapter::{Commit, Comparison};
use pathops_core::{BranchName, CommitId, ErrorKind, Principal, RepoPath, Result, TreeId, UnixMillis};

use super::attempt::short;
use super::authors;
use super::repo::Repo;

pub(super) fn branch_ref(branch: &BranchName) -> String {
    format!("refs/heads/{branch}")
}

impl Repo<'_> {
    pub(super) fn oid(&self, commit: &CommitId) -> Result<Oid> {
        Oid::from_str(commit.as_str()).map_err(|_| self.no_commit(commit))
    }

    pub(super) fn commit_id(&self, oid: Oid) -> Result<CommitId> {
        CommitId::parse(oid.to_string()).map_err(|e| self.error(ErrorKind::Unexpected, e))
    }

    pub(super) fn tree_id(&self, oid: Oid) -> Result<TreeId> {
        TreeId::parse(oid.to_string()).map_err(|e| self.error(ErrorKind::Unexpected, e))
    }

    /// The path of a file in Git, if it is one that PathOps can name.
    pub(super) fn path(&self, bytes: &[u8]) -> Result<RepoPath> {
        RepoPath::parse(String::from_utf8_lossy(bytes)).map_err(|e| self.error(ErrorKind::Invalid, e))
    }

    pub(super) fn branch_head(&self, branch: &BranchName) -> Result<Option<CommitId>> {
        match self.git.refname_to_id(&branch_ref(branch)) {
            Ok(oid) => self.commit_id(oid).map(Some),
            Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
            Err(e) => Err(self.refused(e)),
        }
    }

    /// The head of a branch that must be there.
    pub(super) fn existing_head(&self, branch: &BranchName, kind: ErrorKind) -> Result<CommitId> {
        self.branch_head(branch)?.ok_or_else(|| self.error(kind, format_args!("there is no branch `{branch}`")))
    }

    pub(super) fn commit_object(&self, commit: &CommitId) -> Result<git2::Commit<'_>> {
        self.git.find_commit(self.oid(commit)?).map_err(|e| match e.code() {
            ErrorCode::NotFound => self.no_commit(commit),
            _ => self.refused(e),
        })
    }

    pub(super) fn has_commit(&self, commit: &CommitId) -> Result<bool> {
        match self.commit_object(commit) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Whether `commit` is `head` or one of its ancestors.
    pub(super) fn contains(&self, head: &CommitId, commit: &CommitId) -> Result<bool> {
        if head == commit {
            return Ok(true);
        }
        self.git.graph_descendant_of(self.oid(head)?, self.oid(commit)?).map_err(|e| self.refused(e))
    }

    pub(super) fn read_commit(&self, commit: &CommitId) -> Result<Commit> {
        let object = self.commit_object(commit)?;
        let author = object.author();
        let [name, address] = [author.name_bytes(), author.email_bytes()].map(String::from_utf8_lossy);
        let (author, at) = (format!("{name} <{address}>"), author.when().seconds());
        let message = String::from_utf8_lossy(object.message_bytes()).into_owned();
        Ok(Commit {
            id: commit.clone(),
            tree: self.tree_id(object.tree_id())?,
            parents: object.parent_ids().map(|parent| self.commit_id(parent)).collect::<Result<_>>()?,
            authors: authors::of(&author, &message),
            message,
            author,
            at: UnixMillis(at.saturating_mul(1000)),
        })
    }

    pub(super) fn log(&self, base: Option<&CommitId>, head: &CommitId, limit: usize) -> Result<Vec<Commit>> {
        let head = self.commit_object(head)?.id();
        let base = base.map(|base| self.commit_object(base)).transpose()?.map(|base| base.id());
        let walk = || {
            let mut walk = self.git.revwalk()?;
            walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
            walk.push(head)?;
            base.map_or(Ok(()), |base| walk.hide(base))?;
            walk.take(limit.saturating_add(1)).collect::<std::result::Result<Vec<_>, _>>()
        };
        let commits = walk().map_err(|e| self.refused(e))?;
        if commits.len() > limit {
            return Err(self.error(ErrorKind::Invalid, format_args!("there are more than {limit} commits")));
        }
        commits.into_iter().map(|commit| self.read_commit(&self.commit_id(commit)?)).collect()
    }

    pub(super) fn compare(&self, base: &CommitId, head: &CommitId) -> Result<Comparison> {
        let (from, to) = (self.commit_object(base)?, self.commit_object(head)?);
        let merge_base = match self.git.merge_base(from.id(), to.id()) {
            Ok(oid) => Some(oid),
            Err(e) if e.code() == ErrorCode::NotFound => None,
            Err(e) => return Err(self.refused(e)),
        };
        let (ahead, behind) = self.git.graph_ahead_behind(to.id(), from.id()).map_err(|e| self.refused(e))?;
        let old = merge_base.map(|oid| self.git.find_commit(oid).and_then(|commit| commit.tree())).transpose();
        let new = to.tree().map_err(|e| self.refused(e))?;
        Ok(Comparison {
            merge_base: merge_base.map(|oid| self.commit_id(oid)).transpose()?,
            ahead: u64::try_from(ahead).unwrap_or(u64::MAX),
            behind: u64::try_from(behind).unwrap_or(u64::MAX),
            files: self.changed_files(old.map_err(|e| self.refused(e))?.as_ref(), &new)?,
        })
    }

    fn changed_files(&self, old: Option<&Tree<'_>>, new: &Tree<'_>) -> Result<Vec<RepoPath>> {
        let diff = self.git.diff_tree_to_tree(old, Some(new), None).map_err(|e| self.refused(e))?;
        let sides = diff
            .deltas()
            .flat_map(|delta| [delta.old_file().path_bytes(), delta.new_file().path_bytes()].map(|p| p.map(<[u8]>::to_vec)));
        let files: BTreeSet<RepoPath> = sides.flatten().map(|path| self.path(&path)).collect::<Result<_>>()?;
        Ok(files.into_iter().collect())
    }

    fn no_commit(&self, commit: &CommitId) -> pathops_core::Error {
        self.error(ErrorKind::NotFound, format_args!("there is no commit {}", short(commit)))
    }

    /// Author or committer, as Git wants it.
    pub(super) fn signature(&self, who: &Principal, at: UnixMillis) -> Result<Signature<'static>> {
        let (name, address) = authors::written(who);
        if at.0 < 0 {
            return Err(self.error(ErrorKind::Invalid, "Git holds no date before 1970"));
        }
        Signature::new(&name, &address, &Time::new(at.0 / 1000, 0)).map_err(|e| self.refused(e))
    }
}
