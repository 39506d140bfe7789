//! Writing the record of a change set into the meta repository.

use pathops_core::adapter::{FileChange, NewCommit, SourceFile};
use pathops_core::lifecycle::AppLifecycle;
use pathops_core::{ChangeSetId, Error, ErrorKind, OpContext, Principal, RepoId, RepoPath, Result, UnixMillis};
use pathops_evidence::redact::Removed;

use crate::activity::announce::SOURCE_BRANCH;
use crate::activity::{Services, moved};
use crate::change_set::Outcome;

/// Where the meta repository has the newest checkpoint of the ledger.
pub(crate) const CHECKPOINT: &str = "log/checkpoint";

/// What is written down.
pub(crate) struct Record<'r> {
    pub(crate) change_set: &'r ChangeSetId,
    pub(crate) meta_repo: &'r RepoId,
    /// The date of the commit.
    pub(crate) at: UnixMillis,
    /// Paths and contents.
    pub(crate) files: &'r [(RepoPath, String)],
    /// Those that are written once.
    pub(crate) once: &'r [(RepoPath, String)],
    /// The lifecycles of apps and components, each with what it is to have at least.
    pub(crate) apps: &'r [AppLifecycle],
}

impl Services {
    pub(crate) async fn record(&self, cx: &OpContext, record: &Record<'_>) -> Result<Outcome> {
        let Record { change_set, meta_repo, at, files, once, apps } = *record;
        let invalid =
            |why: &dyn std::fmt::Display| Error::new(ErrorKind::Invalid, "record a change set").on(meta_repo).because(why);
        let branch = SOURCE_BRANCH.parse().map_err(|error| invalid(&error))?;
        let expected_head = self.head(cx, meta_repo, &branch).await?;
        let mut changes = Vec::new();
        let apps = self.apps_at(cx, meta_repo, &expected_head, apps).await?;
        for (path, content) in files.iter().chain(&apps) {
            let bytes = self.redacted_json(content).into_bytes();
            if self.scm.read_file(cx, meta_repo, &expected_head, path).await?.as_ref() != Some(&bytes) {
                changes.push(FileChange { path: path.clone(), file: Some(SourceFile { bytes, executable: false }) });
            }
        }
        for (path, content) in once {
            if self.scm.read_file(cx, meta_repo, &expected_head, path).await?.is_none() {
                let bytes = self.redacted_json(content).into_bytes();
                changes.push(FileChange { path: path.clone(), file: Some(SourceFile { bytes, executable: false }) });
            }
        }
        if changes.is_empty() {
            return Ok(Outcome::Done);
        }
        changes.extend(self.checkpoint(cx, meta_repo).await?);
        let message = format!("Record change set {change_set}\n\nPathOps-Change-Set: {change_set}\n");
        let new = NewCommit { branch, expected_head, message, author: Principal::System, at, changes };
        self.scm.commit(&cx.part("record"), meta_repo, &new).await.map_err(moved)?;
        Ok(Outcome::Done)
    }

    /// The newest checkpoint of the ledger: whoever cuts the ledger back or forks it has to change the history of the meta
    /// repository, too.
    async fn checkpoint(&self, cx: &OpContext, meta_repo: &RepoId) -> Result<Option<FileChange>> {
        let Some(ledger) = &self.ledger else { return Ok(None) };
        let Some((_, note)) = ledger.reader().note(cx).await? else { return Ok(None) };
        let path = RepoPath::parse(CHECKPOINT)
            .map_err(|error| Error::new(ErrorKind::Invalid, "record a checkpoint").on(meta_repo).because(error))?;
        Ok(Some(FileChange { path, file: Some(SourceFile { bytes: note.into_bytes(), executable: false }) }))
    }

    /// A JSON document with the secrets taken out of its texts: the document itself stays whole.
    fn redacted_json(&self, content: &str) -> String {
        let Ok(mut value) = serde_json::from_str(content) else { return self.redactor.redact_text(content) };
        self.redactor.redact_json(&mut value, &mut Removed::new());
        format!("{value:#}\n")
    }
}
