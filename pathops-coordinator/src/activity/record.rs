//! Writing the record of a change set into the meta repository.

use pathops_core::adapter::{FileChange, NewCommit, SourceFile};
use pathops_core::evidence::Checkpoint;
use pathops_core::lifecycle::AppLifecycle;
use pathops_core::{ChangeSetId, CommitId, Error, ErrorKind, OpContext, Principal, RepoId, RepoPath, Result, UnixMillis};
use pathops_evidence::ledger::LogReader;
use pathops_evidence::redact::Removed;
use pathops_evidence::{EvidenceRecord, bundle, bundle_certified};

use crate::activity::announce::SOURCE_BRANCH;
use crate::activity::{Services, moved};
use crate::change_set::{MAX_RECORD_BYTES, Outcome, Release, document};

/// Where the meta repository has the newest checkpoint of the ledger.
pub(crate) const CHECKPOINT: &str = "log/checkpoint";

/// What of a release lies in its folder: the statement of the snapshot, as it was signed.
const SNAPSHOT: &str = "snapshot.json";
/// And the decision as a Sigstore bundle, where there is a ledger.
const DECISION: &str = "vsa.sigstore.json";

/// What is written down.
pub(crate) struct Record<'r> {
    /// What the commit says.
    pub(crate) message: String,
    pub(crate) meta_repo: &'r RepoId,
    /// The date of the commit.
    pub(crate) at: UnixMillis,
    /// Paths and contents.
    pub(crate) files: &'r [(RepoPath, String)],
    /// Those that are written once.
    pub(crate) once: &'r [(RepoPath, String)],
    /// The lifecycles of apps and components, each with what it is to have at least.
    pub(crate) apps: &'r [AppLifecycle],
    /// What has come to production: its evidence is written where there is none.
    pub(crate) releases: &'r [Release],
}

/// What the commit of a change set's record says.
pub(crate) fn message(change_set: &ChangeSetId) -> String {
    format!("Record change set {change_set}\n\nPathOps-Change-Set: {change_set}\n")
}

impl Services {
    /// Writes what is not there yet, in one commit. A file that is too large is left out of it, and that is the error.
    pub(crate) async fn record(&self, cx: &OpContext, record: &Record<'_>) -> Result<Outcome> {
        let Record { ref message, meta_repo, at, .. } = *record;
        let branch = SOURCE_BRANCH.parse().map_err(|error| invalid(&error).on(meta_repo))?;
        let expected_head = self.head(cx, meta_repo, &branch).await?;
        let new = self.new_files(cx, &expected_head, record).await?;
        let (new, too_large): (Vec<_>, Vec<_>) = new.into_iter().partition(|(_, bytes)| bytes.len() <= MAX_RECORD_BYTES);
        let file = |(path, bytes)| FileChange { path, file: Some(SourceFile { bytes, executable: false }) };
        let mut changes: Vec<_> = new.into_iter().map(file).collect();
        if !changes.is_empty() {
            changes.extend(self.checkpoint(cx, meta_repo, &expected_head).await?);
            let new = NewCommit { branch, expected_head, message: message.clone(), author: Principal::System, at, changes };
            self.scm.commit(&cx.part("record"), meta_repo, &new).await.map_err(moved)?;
        }
        let Some((path, bytes)) = too_large.first() else { return Ok(Outcome::Done) };
        let why = format!("it has {} bytes, and a record has {MAX_RECORD_BYTES} at most: it was left out", bytes.len());
        Err(invalid(&why).on(path).advise("everything else is recorded; where it is of a change set, make that smaller"))
    }

    /// The files that are not there as they should be.
    async fn new_files(&self, cx: &OpContext, head: &CommitId, record: &Record<'_>) -> Result<Vec<(RepoPath, Vec<u8>)>> {
        let Record { meta_repo, files, once, apps, releases, .. } = *record;
        let apps = self.apps_at(cx, meta_repo, head, apps).await?;
        let mut new = Vec::new();
        for (path, content) in files.iter().chain(&apps) {
            let bytes = self.redacted_json(content).into_bytes();
            if self.scm.read_file(cx, meta_repo, head, path).await?.as_ref() != Some(&bytes) {
                new.push((path.clone(), bytes));
            }
        }
        for (path, content) in once {
            if self.scm.read_file(cx, meta_repo, head, path).await?.is_none() {
                new.push((path.clone(), self.redacted_json(content).into_bytes()));
            }
        }
        for Release { folder, snapshot, decision } in releases {
            let below = |name: &str| folder.join(name).map_err(|error| invalid(&error).on(folder));
            let (snapshot_file, decision_file) = (below(SNAPSHOT)?, below(DECISION)?);
            if self.scm.read_file(cx, meta_repo, head, &snapshot_file).await?.is_none() {
                new.push((snapshot_file, self.statement(cx, snapshot).await?));
            }
            if self.scm.read_file(cx, meta_repo, head, &decision_file).await?.is_none() {
                new.extend(self.bundle(cx, decision).await?.map(|bundle| (decision_file, bundle.into_bytes())));
            }
        }
        Ok(new)
    }

    /// What was signed: nothing is taken out of it, for then it would be nothing that was.
    async fn statement(&self, cx: &OpContext, record: &EvidenceRecord) -> Result<Vec<u8>> {
        let envelope = self.sealer.envelope(cx, record).await?;
        envelope.payload().map_err(|error| corrupt(record, &error))
    }

    /// Evidence as a Sigstore bundle; `None` where it is in no ledger.
    async fn bundle(&self, cx: &OpContext, record: &EvidenceRecord) -> Result<Option<String>> {
        let (Some(ledger), Some(leaf)) = (&self.ledger, record.leaf) else { return Ok(None) };
        let reader = ledger.reader();
        let Some((checkpoint, note)) = reader.note(cx).await? else { return Ok(None) };
        let inclusion = reader.inclusion(cx, leaf, &checkpoint).await?;
        let envelope = self.sealer.envelope(cx, record).await?;
        let verified = self.trust.verify(&envelope).map_err(|error| corrupt(record, &error))?;
        let key = self.trust.key(verified.signer()).ok_or_else(|| corrupt(record, &"its key is not known"))?;
        let certified = record.certificates.as_ref();
        let certified = certified.map(|chain| bundle_certified(&envelope, chain, reader.identity(), &note, &inclusion));
        match certified {
            Some(Ok(bundle)) => Ok(Some(bundle)),
            // Its leaf may be over the key alone, as every leaf was once.
            Some(Err(_)) | None => bundle(&envelope, key, reader.identity(), &note, &inclusion).map(Some),
        }
    }

    /// The newest checkpoint of the ledger: whoever cuts the ledger back or forks it has to change the history of the meta
    /// repository, too. None takes the place there of one on which the ledger does not follow.
    pub(crate) async fn checkpoint(&self, cx: &OpContext, meta_repo: &RepoId, head: &CommitId) -> Result<Option<FileChange>> {
        let Some(ledger) = &self.ledger else { return Ok(None) };
        let path = RepoPath::parse(CHECKPOINT).map_err(|error| invalid(&error).on(meta_repo))?;
        // Before the ledger is asked: it may grow meanwhile.
        let before = self.scm.read_file(cx, meta_repo, head, &path).await?;
        let reader = ledger.reader();
        let Some((newest, note)) = reader.note(cx).await? else { return Ok(None) };
        // One of another log is the word of whoever has changed that.
        let before = before.and_then(|note| reader.identity().verify(&String::from_utf8(note).ok()?).ok());
        if let Some(before) = before.filter(|before| before.size > 0) {
            follows(cx, &reader, &before, &newest).await?;
        }
        Ok(Some(FileChange { path, file: Some(SourceFile { bytes: note.into_bytes(), executable: false }) }))
    }

    /// A JSON document with the secrets taken out of its texts: the document itself stays whole.
    fn redacted_json(&self, content: &str) -> String {
        let Ok(mut value) = serde_json::from_str(content) else { return self.redactor.redact_text(content) };
        self.redactor.redact_json(&mut value, &mut Removed::new());
        document(value)
    }
}

/// That the ledger goes on from a state that it had.
async fn follows(cx: &OpContext, reader: &LogReader, before: &Checkpoint, newest: &Checkpoint) -> Result<()> {
    let why = format!(
        "it has {} leaves, and does not go on from the {} of the meta repository's {CHECKPOINT}",
        newest.size, before.size
    );
    let forked = Error::new(ErrorKind::Corrupt, "record the newest checkpoint").on(reader.identity().origin()).because(why);
    let advice = "an older state of the ledger was put back, or a part of it is gone: let nobody append, verify it against that \
                  checkpoint, and put its newest state back";
    if newest.size < before.size {
        return Err(forked.advise(advice));
    }
    match reader.consistency(cx, before, newest).await {
        Err(error) if error.kind() == ErrorKind::Corrupt => Err(forked.advise(advice).with_source(error)),
        shown => shown.map(drop),
    }
}

fn invalid(why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, "record a change set").because(why)
}

fn corrupt(record: &EvidenceRecord, why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Corrupt, "read evidence").on(&record.name).because(why)
}
