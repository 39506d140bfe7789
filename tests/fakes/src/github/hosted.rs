//! A repository, and what people do in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use git2::{Oid, Repository};
use pathops_core::UnixMillis;
use pathops_core::adapter::BranchProtection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shapes::{account, shaped};
use super::{Answered, Asked, Reply, Who};

/// A repository.
pub struct Hosted {
    /// Its number, which it keeps under another name.
    pub id: u64,
    /// `owner/name`.
    pub name: String,
    pub(super) git: Repository,
    /// Where what Git has no place for is kept.
    pub(super) file: Option<PathBuf>,
    _folder: Option<tempfile::TempDir>,
    /// Whether it can only be read.
    pub archived: bool,
    /// Its pull requests, by their numbers.
    pub pulls: BTreeMap<u64, Pull>,
    pub(super) statuses: Vec<(String, Value)>,
    pub(super) runs: Vec<(String, Value)>,
    pub(super) suites: Vec<(String, Value)>,
    /// What branches ask of pull requests.
    pub protections: BTreeMap<String, BranchProtection>,
    /// The branches that are merged into by a merge queue alone.
    pub queues: BTreeSet<String>,
    /// Whether timelines do not tell of the queue yet.
    pub timelines_lag: bool,
    /// Who may not be assigned here.
    pub unassignable: BTreeSet<String>,
    /// Whether there are drafts here, which not every plan has.
    pub drafts: bool,
}

impl std::fmt::Debug for Hosted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hosted({})", self.name)
    }
}

/// Somebody who may read the repository, as everybody may.
pub const OUTSIDER: &str = "mallory";

/// A pull request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pull {
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: String,
    /// Who opened it.
    pub by: String,
    pub(super) head_branch: String,
    /// The repository of its branch; nobody's where a fork was deleted.
    pub head_repo: Option<u64>,
    /// Where it was last seen.
    pub(super) head: String,
    pub(super) base: String,
    pub(super) closed_by: Option<String>,
    pub(super) merged: Option<(String, String, UnixMillis)>,
    pub(super) asked: Vec<String>,
    #[serde(default)]
    pub(super) asked_teams: Vec<String>,
    #[serde(default)]
    pub(super) draft: bool,
    /// Its labels.
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub(super) assigned: Vec<String>,
    /// How it went into the merge queue and out of it: what happened, and by whose hand.
    #[serde(default)]
    pub(super) queue: Vec<(String, String)>,
    pub(super) reviews: Vec<Value>,
    pub(super) comments: Vec<(u64, String, String)>,
}

impl Pull {
    pub(super) fn is_open(&self) -> bool {
        self.closed_by.is_none() && self.merged.is_none()
    }

    /// Somebody edits description and comments on the web pages, and changes no word.
    pub fn edited_by_hand(&mut self) {
        let texts = self.comments.iter_mut().map(|(_, _, body)| body);
        texts.chain([&mut self.body]).for_each(|text| *text = text.replace('\n', "\r\n"));
    }
}

/// How a pull request is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merging {
    /// With a commit of both.
    Commit,
    /// As one commit.
    Squash,
    /// As a commit like its own.
    Rebase,
}

/// A call that has come as far as its repository.
pub(super) struct At<'a> {
    pub(super) hosted: &'a mut Hosted,
    pub(super) who: &'a Who,
    pub(super) asked: &'a Asked,
    /// A number that nothing else has.
    pub(super) number: u64,
}

impl Hosted {
    /// A repository with these files on `main`, which is gone with the server.
    pub fn new(id: u64, name: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = Repository::init_bare(folder.path()).unwrap();
        git.set_head("refs/heads/main").unwrap();
        let mut hosted = Self::of(git, id, name);
        hosted._folder = Some(folder);
        let tree = hosted.changed(None, files.iter().map(|(path, text)| (*path, Some((text.as_bytes(), 0o100_644)))));
        let start = hosted.make(tree, &[], "Begin\n", "alice", UnixMillis(1_700_000_000_000));
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
            runs: Vec::new(),
            suites: Vec::new(),
            protections: BTreeMap::new(),
            queues: BTreeSet::new(),
            timelines_lag: false,
            unassignable: BTreeSet::new(),
            drafts: true,
        }
    }

    pub(super) fn shape(&self) -> Value {
        let (owner, name) = self.name.split_once('/').unwrap();
        let owner = account(owner);
        let head = self.git.find_reference("HEAD").unwrap();
        let default = head.symbolic_target().unwrap().unwrap().strip_prefix("refs/heads/").unwrap();
        shaped(
            "full-repository",
            json!({
                "id": self.id, "name": name, "full_name": self.name, "owner": owner, "default_branch": default, "archived": self.archived,
                "topics": [], "visibility": "private",
            }),
        )
    }

    /// Notes where an open pull request is now.
    pub(super) fn follow(&mut self) {
        let heads: BTreeMap<String, String> = self
            .pulls
            .values()
            .filter_map(|pull| Some((pull.head_branch.clone(), self.branch(&pull.head_branch)?.to_string())))
            .collect();
        for pull in self.pulls.values_mut().filter(|pull| pull.is_open() && pull.head_repo == Some(self.id)) {
            if let Some(head) = heads.get(&pull.head_branch) {
                pull.head = head.clone();
            }
        }
    }

    pub(super) fn pull(&mut self, number: &str) -> Answered<&mut Pull> {
        self.follow();
        number.parse().ok().and_then(|number: u64| self.pulls.get_mut(&number)).ok_or_else(Reply::not_found)
    }

    /// Somebody reviews a pull request.
    pub fn review(&mut self, who: &str, number: u64, commit: &str, state: &str, id: u64, at: UnixMillis) {
        let review = shaped(
            "pull-request-review",
            json!({
                "id": id, "user": account(who), "state": state, "commit_id": commit, "submitted_at": at.to_string(), "body": "",
                "author_association": if who == OUTSIDER { "NONE" } else { "MEMBER" },
            }),
        );
        let pull = self.pulls.get_mut(&number).unwrap();
        pull.asked.retain(|asked| asked != who);
        pull.reviews.push(review);
    }

    /// Somebody comments on a pull request.
    pub fn comment(&mut self, who: &str, number: u64, id: u64, body: &str) {
        self.pulls.get_mut(&number).unwrap().comments.push((id, who.to_owned(), body.to_owned()));
    }

    /// What somebody pushes by Git.
    pub fn push(&mut self, branch: &str, who: &str, path: &str, text: &str, at: UnixMillis) -> String {
        let parent = self.branch(branch).unwrap();
        let tree = self.git.find_commit(parent).unwrap().tree_id();
        let tree = self.changed(Some(tree), [(path, Some((text.as_bytes(), 0o100_644)))]);
        let made = self.make(tree, &[parent], &format!("Change {path}\n"), who, at);
        self.point(branch, made);
        made.to_string()
    }

    /// A branch with one file that has nothing in common with the others.
    pub fn orphan(&mut self, branch: &str, path: &str) -> String {
        let tree = self.changed(None, [(path, Some((&b"alone"[..], 0o100_644)))]);
        let made = self.make(tree, &[], "Begin elsewhere\n", "bob", UnixMillis(1_700_000_000_000));
        self.point(branch, made);
        made.to_string()
    }

    /// Whether both sides of a pull request changed the same.
    pub(super) fn conflicts(&self, pull: &Pull) -> bool {
        let [ours, theirs] =
            [self.branch(&pull.base).unwrap(), Oid::from_str(&pull.head).unwrap()].map(|oid| self.git.find_commit(oid).unwrap());
        self.git.merge_commits(&ours, &theirs, None).unwrap().has_conflicts()
    }

    /// Merges, and says what the base branch points to then.
    pub fn merge(&mut self, who: &str, number: u64, how: Merging, at: UnixMillis) -> String {
        self.follow();
        let pull = &self.pulls[&number];
        assert!(pull.is_open(), "it is not open");
        let (base, head) = (self.branch(&pull.base).unwrap(), Oid::from_str(&pull.head).unwrap());
        if self.git.graph_descendant_of(base, head).unwrap() {
            // The server was killed when the branch had moved, and before that was written down.
            self.pulls.get_mut(&number).unwrap().merged = Some((who.to_owned(), base.to_string(), at));
            return base.to_string();
        }
        let [ours, theirs] = [base, head].map(|oid| self.git.find_commit(oid).unwrap());
        let mut index = self.git.merge_commits(&ours, &theirs, None).unwrap();
        assert!(!index.has_conflicts(), "it conflicts");
        let tree = index.write_tree_to(&self.git).unwrap();
        let merged = match how {
            Merging::Commit => self.make(tree, &[base, head], &format!("Merge pull request #{number}\n"), who, at),
            Merging::Squash => self.make(tree, &[base], &format!("{} (#{number})\n", pull.title), who, at),
            Merging::Rebase => self.make(tree, &[base], theirs.message().unwrap(), who, at),
        };
        let base = pull.base.clone();
        self.point(&base, merged);
        let pull = self.pulls.get_mut(&number).unwrap();
        pull.merged = Some((who.to_owned(), merged.to_string(), at));
        merged.to_string()
    }
}
