//! Expiry, erasure and collection.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pathops_core::adapter::{BlobCollector, Bucket, StoredBlob};
use pathops_core::evidence::{EvidenceId, RetentionPolicy, Subject, Tombstone, TombstoneReason, TrustRoot};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result, UnixMillis};

use super::run;
use super::sealed::SealedBlobs;
use super::survey::{Standing, Survey};
use crate::ledger::Ledger;
use crate::{Sealer, streams};

/// How many payloads one tombstone names at most.
const MAX_SUBJECTS: usize = 256;
/// How many blobs are listed, and retired with one record, at a time.
const PAGE: usize = 1_000;

/// Lets payloads go. One host runs it at a time; every step may be repeated, and after a crash at any of them running it again comes
/// to the same end.
#[derive(Debug)]
pub struct Disposal {
    sealer: Sealer,
    ledger: Arc<Ledger>,
    trust: TrustRoot,
    blobs: Arc<dyn BlobCollector>,
    sealed: Option<SealedBlobs>,
    streams: Option<Arc<dyn Bucket>>,
}

/// What a collection has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disposed {
    /// What it has retired because its time was over, with a tombstone.
    pub expired: BTreeSet<Digest>,
    /// What it has retired because nothing refers to it, or it was erased.
    pub unreferenced: BTreeSet<Digest>,
    /// What it has seen to that it is back, because something needs it by now.
    pub restored: BTreeSet<Digest>,
    /// What it has deleted for good.
    pub purged: BTreeSet<Digest>,
}

impl Disposal {
    /// `sealer` signs tombstones and appends them to its ledger, which is the log that says what is needed; `trust` has the keys of
    /// those whose word lets something go; `blobs` is the store that payloads are in.
    ///
    /// # Errors
    /// `Invalid` where the sealer has no ledger.
    pub fn new(sealer: Sealer, trust: TrustRoot, blobs: Arc<dyn BlobCollector>) -> Result<Self> {
        let none = || Error::new(ErrorKind::Invalid, "let payloads go").because("the sealer has no ledger");
        let ledger = sealer.ledger().cloned().ok_or_else(none)?;
        Ok(Self { sealer, ledger, trust, blobs, sealed: None, streams: None })
    }

    /// And destroys the keys of what goes that was sealed.
    #[must_use]
    pub fn with_sealed(self, sealed: SealedBlobs) -> Self {
        Self { sealed: Some(sealed), ..self }
    }

    /// And keeps what the snapshots of the streams in this bucket refer to that have their numbers and are not in the log yet. Those
    /// in the bucket of the ledger are looked for anyway.
    #[must_use]
    pub fn with_streams(self, bucket: Arc<dyn Bucket>) -> Self {
        Self { streams: Some(bucket), ..self }
    }

    /// Lets go what has expired at `now`, retires what nothing refers to, and deletes what was retired at least `grace` ago and is
    /// not referred to since. `also` is what is needed besides what the log refers to.
    ///
    /// `grace` has to be longer than it takes from the first byte of a blob that is written until the log refers to it: hours, with
    /// uploads in mind. What is retired can be read until then, and comes back by itself.
    ///
    /// # Errors
    /// `Corrupt` where the log is damaged: nothing is let go. What the bucket, the signer or the blob store answers; then what was
    /// done is done, and the next run goes on.
    ///
    /// # Cancel safety
    /// As after a crash: run it again.
    pub async fn collect(
        &self,
        cx: &OpContext,
        policy: &RetentionPolicy,
        also: &BTreeSet<Digest>,
        now: UnixMillis,
        grace: Duration,
    ) -> Result<Disposed> {
        let mut disposed = Disposed::default();
        let survey = self.survey(cx).await?;
        let wanted = |digest: &Digest| also.contains(digest) || survey.standing(digest, policy, now) == Standing::Kept;
        let stored = self.settle(cx, &wanted, now, grace, &mut disposed).await?;

        let needed = needs(stored.iter().filter(|blob| wanted(&blob.digest)));
        let mut unwanted: Vec<&StoredBlob> =
            stored.iter().filter(|blob| !wanted(&blob.digest) && !needed.contains(&blob.digest)).collect();
        // What is put together from others goes before them: then nothing is there that cannot be read.
        unwanted.sort_by_key(|blob| blob.needs.is_empty());
        let unwanted: Vec<Digest> = unwanted.into_iter().map(|blob| blob.digest).collect();
        let expired = |digest: &&Digest| survey.standing(digest, policy, now) == Standing::Expired;
        disposed.expired = unwanted.iter().filter(expired).copied().collect();
        let expired: Vec<Digest> = disposed.expired.iter().copied().collect();
        for digests in expired.chunks(MAX_SUBJECTS) {
            let authority = "the retention policy".to_owned();
            self.bury(cx, digests, TombstoneReason::Expired, authority, policy, now).await?;
        }
        for digests in unwanted.chunks(PAGE) {
            run::begin(cx, self.ledger.bucket(), now, digests.to_vec()).await?;
            for digest in digests {
                if let Some(sealed) = &self.sealed {
                    if survey.erased(digest).is_some() {
                        sealed.destroy(cx, digest).await?;
                    }
                    // Before the blob is: what is stored again from then on has another key.
                    sealed.retire(cx, digest).await?;
                }
                self.blobs.retire(&cx.part(&digest.hex()), digest).await?;
            }
        }
        disposed.unreferenced = unwanted.into_iter().filter(|digest| !disposed.expired.contains(digest)).collect();
        Ok(disposed)
    }

    /// Erases a payload that was [sealed](SealedBlobs): states so in the log, and destroys its key. From then on nobody can read it,
    /// and its digest is that of bytes that say nothing. The ciphertext goes with the next collection. Erasing it again changes
    /// nothing, and finishes what a crash has left, whatever refers to it since; only a hold that came before that was finished keeps
    /// the key.
    ///
    /// # Errors
    /// `Denied` where a hold is on it, `Conflict` where a snapshot refers to it that is not in the log yet, `Invalid` where it was not
    /// sealed; what the bucket or the signer answers.
    pub async fn erase(
        &self,
        cx: &OpContext,
        digest: &Digest,
        authority: impl Into<String>,
        policy: &RetentionPolicy,
        now: UnixMillis,
    ) -> Result<EvidenceId> {
        let failed = |kind, why: &str| Error::new(kind, "erase a payload").on(digest).because(why);
        let sealed = self.sealed.as_ref();
        let sealed = sealed.ok_or_else(|| failed(ErrorKind::Invalid, "no store of sealed payloads was given"))?;
        let (survey, has_key) = (self.survey(cx).await?, sealed.has_key(cx, digest).await?);
        let erased = survey.erased(digest);
        if let Some(tombstone) = erased.filter(|_| !has_key) {
            return Ok(tombstone);
        }
        if let Some(hold) = survey.hold(digest, policy) {
            let why = failed(ErrorKind::Denied, &format!("the legal hold `{hold}` is on it"));
            return Err(why.advise("release the hold in the retention policy first, if that may be"));
        }
        let tombstone = match erased {
            Some(tombstone) => tombstone,
            None if survey.is_coming(digest) => {
                let why = failed(ErrorKind::Conflict, "a snapshot refers to it that has its number and is not in the log yet");
                return Err(why.advise(
                    "let the coordinator write the next snapshot of that stream, which publishes this one, and try again",
                ));
            }
            None if has_key => self.bury(cx, &[*digest], TombstoneReason::Erased, authority.into(), policy, now).await?,
            None => return Err(failed(ErrorKind::Invalid, "it has no key that could be destroyed: it was not sealed")),
        };
        sealed.destroy(cx, digest).await?;
        Ok(tombstone)
    }

    async fn survey(&self, cx: &OpContext) -> Result<Survey> {
        let mut numbered = streams::unpublished(cx, self.ledger.bucket()).await?;
        if let Some(bucket) = &self.streams {
            numbered.extend(streams::unpublished(cx, &**bucket).await?);
        }
        let checkpoint = self.ledger.reader().checkpoint(cx).await?;
        Survey::of(cx, self.ledger.bucket(), checkpoint, numbered, &self.trust).await
    }

    /// Brings back what earlier runs have retired and something needs by now, and purges the rest where its time has come. What is
    /// stored after that.
    async fn settle(
        &self,
        cx: &OpContext,
        wanted: &(impl Fn(&Digest) -> bool + Sync),
        now: UnixMillis,
        grace: Duration,
        disposed: &mut Disposed,
    ) -> Result<Vec<StoredBlob>> {
        let runs = run::open(cx, self.ledger.bucket()).await?;
        let retired: BTreeSet<Digest> = runs.iter().flat_map(|(_, run)| run.blobs.iter().copied()).collect();
        let back: BTreeSet<Digest> = retired.iter().filter(|digest| wanted(digest)).copied().collect();
        self.restore(cx, &back).await?;
        let mut stored = self.stored(cx).await?;
        // Only now it is known what they are put together from. What goes now keeps its parts until it has gone.
        let parts: BTreeSet<Digest> = needs(&stored).intersection(&retired).copied().collect();
        self.restore(cx, &parts).await?;
        if !parts.is_empty() {
            stored = self.stored(cx).await?;
        }
        disposed.restored.extend(back.into_iter().chain(parts));

        let (due, later): (Vec<_>, Vec<_>) = runs.into_iter().partition(|(_, run)| run.at + grace <= now);
        // What was retired again since has its time from then.
        let later: BTreeSet<Digest> = later.into_iter().flat_map(|(_, run)| run.blobs).collect();
        // What was stored again since needs its key: only what is retired of it goes.
        let again: BTreeSet<Digest> = stored.iter().map(|blob| blob.digest).filter(|digest| retired.contains(digest)).collect();
        for (key, run) in due {
            for digest in run.blobs.iter().filter(|digest| !later.contains(digest) && !disposed.restored.contains(digest)) {
                if let Some(sealed) = self.sealed.as_ref().filter(|_| !again.contains(digest)) {
                    sealed.destroy(cx, digest).await?;
                }
                self.blobs.purge(&cx.part(&digest.hex()), digest).await?;
                disposed.purged.insert(*digest);
            }
            self.ledger.bucket().delete(&cx.part(key.as_str()), &key).await?;
        }
        Ok(stored)
    }

    async fn restore(&self, cx: &OpContext, digests: &BTreeSet<Digest>) -> Result<()> {
        for digest in digests {
            self.blobs.restore(&cx.part(&digest.hex()), digest).await?;
            if let Some(sealed) = &self.sealed {
                sealed.restore(cx, digest).await?;
            }
        }
        Ok(())
    }

    async fn stored(&self, cx: &OpContext) -> Result<Vec<StoredBlob>> {
        let mut all: Vec<StoredBlob> = Vec::new();
        loop {
            let page = self.blobs.list(cx, all.last().map(|blob| &blob.digest), PAGE).await?;
            let ended = page.len() < PAGE;
            all.extend(page);
            if ended {
                return Ok(all);
            }
        }
    }

    /// States that payloads are gone.
    async fn bury(
        &self,
        cx: &OpContext,
        digests: &[Digest],
        reason: TombstoneReason,
        authority: String,
        policy: &RetentionPolicy,
        now: UnixMillis,
    ) -> Result<EvidenceId> {
        let subjects = digests.iter().map(|digest| Subject::named("payload").with_sha256(digest)).collect();
        let tombstone = Tombstone { reason, authority, policy: policy.digest(), gone_on: now };
        Ok(self.sealer.seal(cx, "tombstone", subjects, &tombstone).await?.id)
    }
}

/// What blobs are put together from.
fn needs<'b>(blobs: impl IntoIterator<Item = &'b StoredBlob>) -> BTreeSet<Digest> {
    blobs.into_iter().flat_map(|blob| blob.needs.iter().copied()).collect()
}
