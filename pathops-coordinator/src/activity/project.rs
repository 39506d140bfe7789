//! The project that the meta repository declares, read and checked once: many look at it at the same time, and each again and again,
//! while what they look at rarely changes. A commit never does, and neither does what lies in a folder with the same tree.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::lock::Mutex;
use pathops_core::adapter::SourceTree;
use pathops_core::project::{Findings, Project, load_with};
use pathops_core::{CommitId, Error, ErrorKind, OpContext, RepoId, RepoPath, Result, TreeId};

use crate::activity::Services;
use crate::activity::facts::{DECLARATIONS, READ, read_declarations};

/// What was read last, and no more: whoever looks next looks at the newest commit.
#[derive(Debug, Default)]
pub(crate) struct LastRead(Mutex<Option<Held>>);

#[derive(Debug)]
struct Held {
    meta_repo: RepoId,
    commit: CommitId,
    parts: Parts,
    project: Checked,
}

/// What is there of each of [`DECLARATIONS`].
type Parts = BTreeMap<&'static str, Part>;

#[derive(Debug, PartialEq, Eq)]
struct Part {
    /// `None` of a single file.
    tree: Option<TreeId>,
    files: Arc<SourceTree>,
}

/// What is declared, or what is wrong with it: that stays as it is, too.
type Checked = std::result::Result<Arc<Project>, Arc<Findings>>;

impl Services {
    /// The project as its meta repository declares it now.
    ///
    /// # Errors
    /// `Invalid` with every finding where the meta repository has mistakes; what the Git host answers.
    pub(crate) async fn project(&self, cx: &OpContext, meta_repo: &RepoId) -> Result<Arc<Project>> {
        let head = self.main(cx, meta_repo).await?;
        self.project_at(cx, meta_repo, &head).await
    }

    /// The project as its meta repository declares it at a commit. Who asks while another one reads it waits for that.
    ///
    /// # Errors
    /// As [`Services::project`].
    pub(crate) async fn project_at(&self, cx: &OpContext, meta_repo: &RepoId, commit: &CommitId) -> Result<Arc<Project>> {
        let wrong = |findings: Arc<Findings>| Error::new(ErrorKind::Invalid, READ).on(meta_repo).because(findings);
        let mut held = self.last_read.0.lock().await;
        let before = held.as_ref().filter(|held| held.meta_repo == *meta_repo);
        if let Some(same) = before.filter(|held| held.commit == *commit) {
            return same.project.clone().map_err(wrong);
        }
        let parts = self.parts(cx, meta_repo, commit, before.map(|before| &before.parts)).await?;
        let project = match before.filter(|before| before.parts == parts) {
            Some(same) => same.project.clone(),
            None => {
                let files = parts.values().flat_map(|part| part.files.iter().map(|(path, file)| (path.clone(), file.clone())));
                load_with(&files.collect::<SourceTree>(), meta_repo.clone(), &self.languages).map(Arc::new).map_err(Arc::new)
            }
        };
        *held = Some(Held { meta_repo: meta_repo.clone(), commit: commit.clone(), parts, project: project.clone() });
        project.map_err(wrong)
    }

    /// Reads what is declared at a commit, but for the folders that are as they were before.
    async fn parts(&self, cx: &OpContext, meta_repo: &RepoId, commit: &CommitId, before: Option<&Parts>) -> Result<Parts> {
        let mut parts = Parts::new();
        for name in DECLARATIONS {
            let tree = if name.ends_with(".yaml") {
                None
            } else {
                let wrong = |error: &dyn std::fmt::Display| Error::new(ErrorKind::Invalid, READ).on(meta_repo).because(error);
                let path = RepoPath::parse(name).map_err(|error| wrong(&error))?;
                match self.scm.tree_at(cx, meta_repo, commit, &path).await? {
                    None => continue,
                    tree => tree,
                }
            };
            let same = before.and_then(|before| before.get(name)).filter(|part| tree.is_some() && part.tree == tree);
            let files = match same {
                Some(same) => same.files.clone(),
                None => Arc::new(read_declarations(&*self.scm, cx, meta_repo, commit, &[name]).await?),
            };
            parts.insert(name, Part { tree, files });
        }
        Ok(parts)
    }
}
