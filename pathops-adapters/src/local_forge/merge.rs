//! Merging a pull request, and the rules that it must meet first.

use std::collections::BTreeMap;

use git2::{Index, MergeOptions};
use pathops_core::adapter::{Check, CheckSource, CheckState, PullRequestState, ReviewState};
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::{BranchName, CommitId, ErrorKind, PersonId, Principal, PullRequestNumber, Result, StatusContext, UnixMillis};

use super::attempt::short;
use super::change::Change;
use super::record::PullRecord;
use super::repo::{Repo, Writer};

impl Repo<'_> {
    /// What stands in the way of a merge, one phrase each: that it is a draft, and what the rules of the base branch still ask for.
    fn unmet(&self, record: &PullRecord, head: &CommitId) -> Result<Vec<String>> {
        let draft = record.meta.draft.then(|| "it is a draft".to_owned());
        let Some(rules) = self.protection_of(&record.base)? else { return Ok(draft.into_iter().collect()) };
        let checks = self.checks(head)?;
        let mut unmet: Vec<String> = draft.into_iter().collect();
        unmet.extend(rules.required_checks.iter().filter_map(|name| missing(name, &checks, head)));
        let (asked, given) = (rules.required_approvals, approvers(record, head).len());
        if usize::try_from(asked).is_ok_and(|asked| given < asked) {
            unmet.push(format!("{} has {given} of {asked} approvals by people other than its author", short(head)));
        }
        Ok(unmet)
    }

    /// The merge of `head` into `base`, or `Conflict` with the files that differ on both sides.
    fn merged(&self, base: &CommitId, head: &CommitId) -> Result<Index> {
        let (ours, theirs) = (self.commit_object(base)?, self.commit_object(head)?);
        let index = self.git.merge_commits(&ours, &theirs, Some(&MergeOptions::new())).map_err(|e| self.refused(e))?;
        if !index.has_conflicts() {
            return Ok(index);
        }
        let files = conflicting_files(&index).map_err(|e| self.refused(e))?;
        let error = self.error(ErrorKind::Conflict, format_args!("both sides changed {files}"));
        Err(error.advise("merge the base into the branch and solve the conflicts there"))
    }
}

impl Writer<'_> {
    /// Merges a pull request; with `into`, only into that branch.
    pub(super) fn merge(
        &self,
        number: PullRequestNumber,
        head: &CommitId,
        by: &Principal,
        into: Option<&BranchName>,
    ) -> Result<CommitId> {
        let mut record = self.pull_record(number)?;
        if let Some(branch) = into
            && &record.base != branch
        {
            return Err(self.error(ErrorKind::Denied, format_args!("it is for `{}`, not for `{branch}`", record.base)));
        }
        if let Some(commit) = self.earlier_merge(&record, head)? {
            return Ok(commit);
        }
        let unmet = self.unmet(&record, head)?;
        if !unmet.is_empty() {
            return Err(self.error(ErrorKind::Denied, unmet.join(", and ")));
        }
        let at = self.forge.clock.now();
        let base = self.existing_head(&record.base, ErrorKind::Conflict)?;
        let commit = self.make_merge(&record, &base, head, by, at)?;
        record.head = head.clone();
        record.state = PullRequestState::Merged { by: by.clone(), commit: commit.clone(), at };
        let change = Change::moving(&record.base, Some(&base), Some(&commit));
        self.apply(&self.with_pull(change, &record)?)?;
        Ok(commit)
    }

    /// The commit of an earlier merge of that head; nothing where the pull request is open and at that head.
    fn earlier_merge(&self, record: &PullRecord, head: &CommitId) -> Result<Option<CommitId>> {
        match &record.state {
            PullRequestState::Merged { commit, .. } if &record.head == head => return Ok(Some(commit.clone())),
            PullRequestState::Merged { .. } => return Err(self.error(ErrorKind::Conflict, "it was merged at another head")),
            PullRequestState::Closed { .. } => return Err(self.error(ErrorKind::Conflict, "it is closed")),
            PullRequestState::Open => {}
        }
        let current = self.existing_head(&record.head_branch, ErrorKind::Conflict)?;
        if &current != head {
            let reason = format!("its head is now {}, not {}", short(&current), short(head));
            return Err(self.error(ErrorKind::Conflict, reason).advise("look at what changed"));
        }
        Ok(None)
    }

    fn make_merge(
        &self,
        record: &PullRecord,
        base: &CommitId,
        head: &CommitId,
        by: &Principal,
        at: UnixMillis,
    ) -> Result<CommitId> {
        let tree = self.merged(base, head)?.write_tree_to(&self.git).map_err(|e| self.refused(e))?;
        self.make_commit(tree, &[base, head], &message(record, head, by), by, at)
    }
}

fn message(record: &PullRecord, head: &CommitId, by: &Principal) -> String {
    let mut message = format!("Merge pull request {}: {}\n\nPull-request: {}\n", record.number, record.title, record.number);
    for person in approvers(record, head) {
        message.push_str(&format!("Approved-by: {person}\n"));
    }
    message.push_str(&format!("Merged-by: {by}\n"));
    message
}

/// People whose newest word on the pull request is an approval of this head, and who count: not the author, nor who
/// answers for an agent that is the author. A mere comment takes nothing back.
fn approvers<'r>(record: &'r PullRecord, head: &CommitId) -> Vec<&'r PersonId> {
    let mut newest = BTreeMap::new();
    for review in record.reviews.iter().filter(|review| review.state != ReviewState::Commented) {
        if let Principal::Human(person) = &review.author {
            newest.insert(person, review);
        }
    }
    newest.retain(|person, review| {
        review.state == ReviewState::Approved && &review.commit == head && record.author.person() != Some(*person)
    });
    newest.into_keys().collect()
}

/// Why a required check is not met. Every status and check run of that name must be a success.
fn missing(name: &StatusContext, checks: &[Check], head: &CommitId) -> Option<String> {
    // A check run is no proof of a grant.
    let status_only = name.as_str().eq_ignore_ascii_case(PROMOTION_CONTEXT);
    let counts = |check: &&Check| check.name == name.as_str() && (check.source == CheckSource::Status || !status_only);
    let mut counted = checks.iter().filter(counts).peekable();
    if counted.peek().is_none() {
        return Some(format!("the required status `{name}` is missing on {}", short(head)));
    }
    let bad = counted.find(|check| check.state != CheckState::Success)?;
    Some(format!("the required status `{name}` is {} on {}", bad.state, short(head)))
}

fn conflicting_files(index: &Index) -> Result<String, git2::Error> {
    let mut files = Vec::new();
    for conflict in index.conflicts()? {
        let conflict = conflict?;
        let side = conflict.our.or(conflict.their).or(conflict.ancestor);
        files.extend(side.map(|entry| format!("`{}`", String::from_utf8_lossy(&entry.path))));
    }
    Ok(files.join(", "))
}
