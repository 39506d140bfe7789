//! What Git says of commits and trees, asked only as far as the rule wants to know.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pathops_core::adapter::Scm;
use pathops_core::{CommitId, ErrorKind, OpContext, RepoId, RepoPath, Result, TreeId};

use super::history::History;

/// So many answers are kept: they never change.
const KEPT: usize = 4096;

/// Git's name of a tree without an entry.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// Answers of the Git host.
pub(crate) struct Trees {
    scm: Arc<dyn Scm>,
    descents: Mutex<HashMap<(RepoId, CommitId, CommitId), bool>>,
    trees: Mutex<HashMap<(RepoId, CommitId, RepoPath), Option<TreeId>>>,
}

/// Something that the rule wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    Descends { repo_url: String, commit: CommitId, ancestor: CommitId },
    SameTree { repo_url: String, path: String, one: CommitId, other: CommitId },
    HasTree { repo_url: String, path: String, commit: CommitId, tree: TreeId },
}

impl Question {
    pub(crate) fn repo_url(&self) -> &str {
        match self {
            Question::Descends { repo_url, .. } | Question::SameTree { repo_url, .. } | Question::HasTree { repo_url, .. } => {
                repo_url
            }
        }
    }
}

/// What is known so far. `None` is that nobody knows.
pub(crate) type Answers = HashMap<Question, Option<bool>>;

/// Answers from what is known, and notes what is not.
pub(crate) struct Asking<'a> {
    answers: &'a Answers,
    open: RefCell<Vec<Question>>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(answers: &'a Answers) -> Self {
        Self { answers, open: RefCell::default() }
    }

    /// What has to be asked before the verdict counts.
    pub(crate) fn open(self) -> Vec<Question> {
        self.open.into_inner()
    }

    fn ask(&self, question: Question) -> Option<bool> {
        match self.answers.get(&question) {
            Some(answer) => *answer,
            None => {
                self.open.borrow_mut().push(question);
                None
            }
        }
    }
}

impl History for Asking<'_> {
    fn descends(&self, repo_url: &str, commit: &CommitId, ancestor: &CommitId) -> Option<bool> {
        let (repo_url, commit, ancestor) = (repo_url.to_owned(), commit.clone(), ancestor.clone());
        self.ask(Question::Descends { repo_url, commit, ancestor })
    }

    fn same_tree(&self, repo_url: &str, path: &str, one: &CommitId, other: &CommitId) -> Option<bool> {
        let (repo_url, path, one, other) = (repo_url.to_owned(), path.to_owned(), one.clone(), other.clone());
        self.ask(Question::SameTree { repo_url, path, one, other })
    }

    fn has_tree(&self, repo_url: &str, path: &str, commit: &CommitId, tree: &TreeId) -> Option<bool> {
        let (repo_url, path, commit, tree) = (repo_url.to_owned(), path.to_owned(), commit.clone(), tree.clone());
        self.ask(Question::HasTree { repo_url, path, commit, tree })
    }
}

impl Trees {
    pub(crate) fn new(scm: Arc<dyn Scm>) -> Self {
        Self { scm, descents: Mutex::default(), trees: Mutex::default() }
    }

    /// The answer of the Git host, where `repo` is its name of the question's repository.
    pub(crate) async fn answer(&self, cx: &OpContext, repo: &RepoId, question: &Question) -> Result<Option<bool>> {
        match question {
            Question::Descends { commit, ancestor, .. } => known(self.descends(cx, repo, commit, ancestor).await),
            Question::SameTree { path, one, other, .. } => {
                let Ok(path) = RepoPath::parse(path.as_str()) else { return Ok(None) };
                let one = self.tree(cx, repo, one, &path).await;
                let (Some(one), Some(other)) = (known(one)?, known(self.tree(cx, repo, other, &path).await)?) else {
                    return Ok(None);
                };
                Ok(Some(one == other))
            }
            Question::HasTree { path, commit, tree, .. } => {
                let Ok(path) = RepoPath::parse(path.as_str()) else { return Ok(None) };
                let held = known(self.tree(cx, repo, commit, &path).await)?;
                // A folder that is gone holds what an empty one does.
                Ok(held.map(|held| held.as_ref().map_or(tree.as_str() == EMPTY_TREE, |held| held == tree)))
            }
        }
    }

    /// The tree of a folder at a commit, or `None` where there is no such folder.
    pub(crate) async fn tree(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>> {
        let key = (repo.clone(), commit.clone(), path.clone());
        if let Some(tree) = lock(&self.trees).get(&key) {
            return Ok(tree.clone());
        }
        let tree = self.scm.tree_at(cx, repo, commit, path).await?;
        keep(&self.trees, key, tree.clone());
        Ok(tree)
    }

    /// The same, or `None` where there is no such commit.
    pub(crate) async fn known_tree(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        commit: &CommitId,
        path: &RepoPath,
    ) -> Result<Option<TreeId>> {
        Ok(known(self.tree(cx, repo, commit, path).await)?.flatten())
    }

    async fn descends(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, ancestor: &CommitId) -> Result<bool> {
        let key = (repo.clone(), commit.clone(), ancestor.clone());
        if let Some(descends) = lock(&self.descents).get(&key) {
            return Ok(*descends);
        }
        let comparison = self.scm.compare(cx, repo, ancestor, commit).await?;
        let descends = comparison.merge_base.as_ref() == Some(ancestor);
        keep(&self.descents, key, descends);
        Ok(descends)
    }
}

/// A commit that the Git host does not know is not known.
fn known<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep<K: std::hash::Hash + Eq, V>(kept: &Mutex<HashMap<K, V>>, key: K, value: V) {
    let mut kept = lock(kept);
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(key, value);
}

impl fmt::Debug for Trees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trees").field("scm", &self.scm.name()).finish_non_exhaustive()
    }
}
