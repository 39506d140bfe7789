//! A project, and what people do in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use git2::{Oid, Repository};
use pathops_core::UnixMillis;
use pathops_core::adapter::{BranchProtection, ReviewState};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answered, Asked, Reply};

/// A project.
pub struct Hosted {
    /// Its number.
    pub id: u64,
    /// `owner/name`.
    pub name: String,
    pub(super) git: Repository,
    /// Where what Git has no place for is kept.
    pub(super) file: Option<PathBuf>,
    _folder: Option<tempfile::TempDir>,
    /// Whether it takes no changes any more.
    pub archived: bool,
    /// Its merge requests by their numbers.
    pub pulls: BTreeMap<u64, Pull>,
    /// Statuses of commits, with the commit.
    pub statuses: Vec<Value>,
    /// What a branch is protected by.
    pub protections: BTreeMap<String, BranchProtection>,
    /// Lines of descriptions and notes that were carried out and not kept.
    pub carried_out: Vec<String>,
    /// What external status checks said: merge request, commit, number of the check.
    pub(super) said: BTreeMap<(u64, String, u64), String>,
}

impl std::fmt::Debug for Hosted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hosted({})", self.name)
    }
}

/// A merge request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pull {
    pub(super) number: u64,
    pub(super) title: String,
    /// Its description.
    pub body: String,
    /// Who opened it.
    pub by: String,
    pub(super) head_branch: String,
    /// The project of its branch; nobody's where a fork was deleted.
    pub head_project: Option<u64>,
    /// The branch that it is for.
    pub base: String,
    pub(super) created: UnixMillis,
    pub(super) closed_by: Option<String>,
    pub(super) merged: Option<Merged>,
    /// Whether a merge of it is under way.
    pub locked: bool,
    pub(super) asked: Vec<String>,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    #[serde(default)]
    pub(super) assigned: Vec<String>,
    /// Who has put it into the merge train.
    #[serde(default)]
    pub(super) train: Option<String>,
    /// What was pushed to it and when, oldest first.
    pub(super) versions: Vec<(String, UnixMillis)>,
    /// Whose approval counts.
    pub approved: BTreeSet<String>,
    pub(super) notes: Vec<Note>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Merged {
    pub(super) by: String,
    pub(super) at: UnixMillis,
    pub(super) how: Merging,
    /// What the target branch pointed to then.
    pub(super) commit: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) id: u64,
    pub(super) by: String,
    pub(super) body: String,
    pub(super) at: UnixMillis,
    pub(super) system: bool,
}

/// How a merge request is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Merging {
    /// By a merge commit.
    Commit,
    /// As one commit, and the branch is moved forward.
    Squash,
    /// The branch is moved forward.
    FastForward,
}

/// A call that has come as far as its project.
pub(super) struct At<'a> {
    pub(super) hosted: &'a mut Hosted,
    pub(super) who: &'a str,
    pub(super) asked: &'a Asked,
    /// A number that nothing else has.
    pub(super) number: u64,
    pub(super) accounts: &'a BTreeMap<String, Value>,
    pub(super) enterprise: bool,
}

impl Pull {
    pub(super) fn is_open(&self) -> bool {
        self.closed_by.is_none() && self.merged.is_none()
    }

    /// GitLab knows a draft by its title.
    pub(super) fn is_draft(&self) -> bool {
        let title = self.title.to_lowercase();
        ["draft:", "[draft]", "(draft)"].iter().any(|mark| title.starts_with(mark))
    }

    /// Where it is.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.versions.last().unwrap().0
    }

    /// Somebody edits description and notes on the web pages, and changes no word.
    pub fn edited_by_hand(&mut self) {
        let texts = self.notes.iter_mut().map(|note| &mut note.body);
        texts.chain([&mut self.body]).for_each(|text| *text = text.replace('\n', "\r\n"));
    }

    fn note(&mut self, id: u64, by: &str, body: &str, at: UnixMillis, system: bool) {
        self.notes.push(Note { id, by: by.to_owned(), body: body.to_owned(), at, system });
    }

    /// Somebody writes a note.
    pub fn comment(&mut self, id: u64, by: &str, body: &str, at: UnixMillis) {
        self.note(id, by, body, at, false);
    }

    /// Somebody reviews what is there now.
    pub fn review(&mut self, id: u64, by: &str, state: ReviewState, at: UnixMillis) {
        let words = match state {
            ReviewState::Approved if !self.approved.insert(by.to_owned()) => return, // Once is enough for GitLab.
            ReviewState::Approved => "approved this merge request",
            ReviewState::ChangesRequested => "requested changes",
            ReviewState::Commented => "left review comments without approving",
            ReviewState::Dismissed => "unapproved this merge request",
        };
        if matches!(state, ReviewState::ChangesRequested | ReviewState::Dismissed) {
            self.approved.remove(by);
        }
        self.note(id, by, words, at, true);
    }
}

impl Hosted {
    /// A project with these files on `main`, which is gone with the server.
    #[must_use]
    pub fn new(id: u64, name: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = Repository::init_bare(folder.path()).unwrap();
        git.set_head("refs/heads/main").unwrap();
        let mut hosted = Self::of(git, id, name);
        hosted._folder = Some(folder);
        let tree = files.iter().fold(None, |tree, (path, text)| Some(hosted.with(tree, path, text.as_bytes())));
        let start = hosted.make_as(tree.unwrap(), &[], "Begin\n", "alice", UnixMillis(1_700_000_000_000));
        hosted.point("main", start);
        hosted
    }

    pub(super) fn of(git: Repository, id: u64, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            git,
            file: None,
            _folder: None,
            archived: false,
            pulls: BTreeMap::new(),
            statuses: Vec::new(),
            protections: BTreeMap::new(),
            carried_out: Vec::new(),
            said: BTreeMap::new(),
        }
    }

    pub(super) fn default_branch(&self) -> String {
        let head = self.git.find_reference("HEAD").unwrap();
        head.symbolic_target().unwrap().unwrap().strip_prefix("refs/heads/").unwrap().to_owned()
    }

    pub(super) fn shape(&self) -> Value {
        let path = self.name.split_once('/').unwrap().1;
        json!({
            "id": self.id, "name": path, "path": path, "path_with_namespace": self.name, "default_branch": self.default_branch(),
            "archived": self.archived, "visibility": "private", "merge_method": "merge",
            "only_allow_merge_if_all_status_checks_passed": self.protections.values().any(|rules| !rules.required_checks.is_empty()),
        })
    }

    /// What is kept of a description or a note: a line that begins with a slash and a letter is carried out.
    pub(super) fn kept(&mut self, words: &str) -> String {
        let is_action = |line: &&str| {
            line.trim_start().strip_prefix('/').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        };
        let words = words.replace('\r', "");
        let (actions, lines): (Vec<&str>, Vec<&str>) = words.split('\n').partition(is_action);
        self.carried_out.extend(actions.into_iter().map(str::to_owned));
        lines.join("\n").trim_end().to_owned()
    }

    /// Notes where open merge requests are now.
    pub(super) fn follow(&mut self, at: UnixMillis) {
        let heads: Vec<(u64, String)> = self
            .pulls
            .values()
            .filter(|pull| pull.is_open() && pull.head_project == Some(self.id))
            .filter_map(|pull| Some((pull.number, self.branch(&pull.head_branch)?.to_string())))
            .collect();
        for (number, head) in heads {
            let pull = self.pulls.get_mut(&number).unwrap();
            if pull.head() != head {
                pull.versions.push((head, at));
            }
        }
    }

    /// Somebody reviews a merge request, if this still is its head.
    pub(super) fn review_at(
        &mut self,
        who: &str,
        number: u64,
        sha: &str,
        state: ReviewState,
        id: u64,
        at: UnixMillis,
    ) -> Answered<()> {
        self.follow(at);
        self.pull_at(number, sha)?.review(id, who, state, at);
        Ok(())
    }

    /// A merge request, if this still is its head.
    pub(super) fn pull_at(&mut self, number: u64, sha: &str) -> Answered<&mut Pull> {
        let pull = self.pulls.get_mut(&number).ok_or_else(|| Reply::not_found("Merge Request"))?;
        if sha == pull.head() {
            return Ok(pull);
        }
        Err(Reply::refused(409, &format!("SHA does not match HEAD of source branch: {}", pull.head())))
    }

    /// What somebody pushes by Git.
    pub fn push(&mut self, branch: &str, who: &str, path: &str, text: &str, at: UnixMillis) -> String {
        self.push_saying(branch, who, path, text, &format!("Change {path}\n"), at)
    }

    /// The same with this message.
    pub fn push_saying(&mut self, branch: &str, who: &str, path: &str, text: &str, message: &str, at: UnixMillis) -> String {
        let parent = self.branch(branch).unwrap();
        let tree = self.git.find_commit(parent).unwrap().tree_id();
        let tree = self.with(Some(tree), path, text.as_bytes());
        let made = self.make_as(tree, &[parent], message, who, at);
        self.point(branch, made);
        self.follow(at);
        made.to_string()
    }

    /// The message of a commit, as Git has it.
    #[must_use]
    pub fn message(&self, commit: &str) -> String {
        self.git.find_commit(Oid::from_str(commit).unwrap()).unwrap().message().unwrap().to_owned()
    }

    /// The tree of a commit, as Git has it.
    #[must_use]
    pub fn tree(&self, commit: &str) -> String {
        self.git.find_commit(Oid::from_str(commit).unwrap()).unwrap().tree_id().to_string()
    }

    /// Somebody who may do so puts a branch back.
    pub fn put_back(&mut self, branch: &str, commit: &str) {
        self.point(branch, Oid::from_str(commit).unwrap());
    }

    /// A branch with one file that has nothing in common with the others.
    pub fn orphan(&mut self, branch: &str, path: &str) -> String {
        let tree = self.with(None, path, b"alone");
        let made = self.make_as(tree, &[], "Begin elsewhere\n", "bob", UnixMillis(1_700_000_000_000));
        self.point(branch, made);
        made.to_string()
    }

    /// The external status checks: each that a branch asks for, with its number.
    pub(super) fn externals(&self) -> Vec<(u64, String, String)> {
        let all =
            self.protections.iter().flat_map(|(branch, rules)| rules.required_checks.iter().map(move |check| (branch, check)));
        (1..).zip(all).map(|(id, (branch, check))| (id, branch.clone(), check.to_string())).collect()
    }

    /// Why GitLab would not merge it, in its words.
    pub(super) fn mergeable(&self, pull: &Pull) -> &'static str {
        if !pull.is_open() || pull.locked {
            return "not_open";
        }
        if pull.is_draft() {
            return "draft_status";
        }
        if let Some(rules) = self.protections.get(&pull.base) {
            if pull.approved.len() < rules.required_approvals as usize {
                return "not_approved";
            }
            let passed = |(id, branch, _): &(u64, String, String)| {
                *branch != pull.base
                    || self.said.get(&(pull.number, pull.head().to_owned(), *id)).is_some_and(|said| said == "passed")
            };
            if !self.externals().iter().all(passed) {
                return "status_checks_must_pass";
            }
        }
        let [ours, theirs] = [self.branch(&pull.base).unwrap(), Oid::from_str(pull.head()).unwrap()];
        let [ours, theirs] = [ours, theirs].map(|oid| self.git.find_commit(oid).unwrap());
        if self.git.merge_commits(&ours, &theirs, None).unwrap().has_conflicts() { "conflict" } else { "mergeable" }
    }

    /// Somebody puts a merge request into the merge train of its branch.
    pub fn put_into_train(&mut self, who: &str, number: u64) {
        self.pulls.get_mut(&number).unwrap().train = Some(who.to_owned());
    }

    /// The train arrives: what is in it is merged, by whoever put it there; returns what its branch points to after each.
    pub fn train_arrives(&mut self, at: UnixMillis) -> Vec<String> {
        let all = self.pulls.values().filter(|pull| pull.is_open());
        let riding: Vec<(u64, String)> = all.filter_map(|pull| Some((pull.number, pull.train.clone()?))).collect();
        riding.into_iter().map(|(number, who)| self.merge(&who, number, Merging::Commit, at)).collect()
    }

    /// Merges, and says what the target branch points to then.
    pub fn merge(&mut self, who: &str, number: u64, how: Merging, at: UnixMillis) -> String {
        self.follow(at);
        let pull = &self.pulls[&number];
        assert!(pull.is_open(), "it is not open");
        let commit = self.both(pull, who, how, at);
        self.point(&pull.base, commit);
        let merged = Merged { by: who.to_owned(), at, how, commit: commit.to_string() };
        let pull = self.pulls.get_mut(&number).unwrap();
        (pull.merged, pull.locked) = (Some(merged), false);
        commit.to_string()
    }

    /// A commit that has what the target branch has, and what the merge request has.
    fn both(&self, pull: &Pull, who: &str, how: Merging, at: UnixMillis) -> Oid {
        let (base, head) = (self.branch(&pull.base).unwrap(), Oid::from_str(pull.head()).unwrap());
        if self.git.graph_descendant_of(base, head).unwrap() {
            return base; // The server was killed when the branch had moved, and before that was written down.
        }
        let [ours, theirs] = [base, head].map(|oid| self.git.find_commit(oid).unwrap());
        let mut index = self.git.merge_commits(&ours, &theirs, None).unwrap();
        assert!(!index.has_conflicts(), "it conflicts");
        let tree = index.write_tree_to(&self.git).unwrap();
        match how {
            Merging::Commit => self.make_as(tree, &[base, head], &format!("Merge branch '{}'\n", pull.head_branch), who, at),
            Merging::Squash => self.make_as(tree, &[base], &format!("{}\n", pull.title), who, at),
            Merging::FastForward => head,
        }
    }
}
