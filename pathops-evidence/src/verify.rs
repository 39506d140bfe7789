//! Verifying a ledger: every field is computed anew, nothing that is stored is believed.

mod behind;
mod heads;
pub(crate) mod holders;
mod payloads;
mod repeated;
mod streams;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::{BlobStore, Bucket};
use pathops_core::evidence::{Checkpoint, EvidenceId, KeyId, PropertyVerifier, TrustRoot, VerifiedEvidence, VerifiedProperties};
use pathops_core::{Digest, ErrorKind, OpContext, Result, UnixMillis};

use crate::ledger::audit::{Audit, Found};
use crate::ledger::{LogIdentity, MAX_NOTE_BYTES, NoteError, checkpoint_key};
use crate::retention::{SealedBlobs, Tombstones};

use holders::Holders;
use payloads::{LOCKED, NO_BLOBS, Payloads, Stores, UNSAID};
use repeated::Repeated;
use streams::{Seen, UNNUMBERED};

/// What came of a verification. There is no fourth: where something was to be checked and could not be, it is not verified. What
/// a verification was not asked for, or cannot say, does not change the verdict; [`Verification::left_out`] names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Everything that was to be checked was, and holds. That is not everything that could be: see what was left out.
    Verified,
    /// There was nothing to check, or something needed for it is missing.
    NotVerified,
    /// Something is not what it should be.
    Failed,
}

impl Verdict {
    /// The exit code of a program that says so: 0, 1 where it failed, 2 where it could not be verified.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Verified => 0,
            Verdict::Failed => 1,
            Verdict::NotVerified => 2,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Verdict::Verified => "VERIFIED",
            Verdict::Failed => "FAILED",
            Verdict::NotVerified => "NOT VERIFIED",
        })
    }
}

/// What was checked, against what, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// What was checked and holds. Of payloads that are gone for a reason the first [`MAX_GONE`], and how many more.
    pub checked: Vec<String>,
    /// What is not what it should be: the part, and why. The first [`MAX_FAILURES`].
    pub failures: Vec<(String, String)>,
    /// What was to be checked and could not be, and why; each takes the verdict down.
    pub missing: Vec<String>,
    /// What this says nothing about, for example payloads that were waived. It is named, and the verdict is as it is.
    pub left_out: Vec<String>,
    /// The evidence that is in it, as far as it holds.
    pub evidence: BTreeSet<EvidenceId>,
}

/// The property of what is [`Verdict::Verified`], in a simple verification result.
pub const VERIFIED: &str = "PATHOPS_EVIDENCE_VERIFIED";

/// And that the verification left nothing out.
pub const NOTHING_LEFT_OUT: &str = "PATHOPS_EVIDENCE_NOTHING_LEFT_OUT";

/// How many failures are told.
pub const MAX_FAILURES: usize = 100;

/// How many payloads are told that are gone for a reason.
pub const MAX_GONE: usize = 100;

/// How many names of snapshots are looked at, published ones and others.
const MAX_NAMES: usize = 2_000_000;

/// How many bytes of payloads [`verify_ledger`] reads: some minutes of one core.
pub const MAX_PAYLOAD_BYTES: u64 = 256 << 30;

impl Verification {
    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if !self.failures.is_empty() {
            return Verdict::Failed;
        }
        if self.missing.is_empty() && !self.checked.is_empty() { Verdict::Verified } else { Verdict::NotVerified }
    }

    /// What holds, as in-toto's simple verification result, for those who take this verifier's word for it: `verifier` is a URI of
    /// theirs. The subject is what was verified: the digest of a bundle's file, or the root of a ledger. `None` where it is not
    /// verified: what does not hold is not named in such a result, and one without a property says nothing.
    ///
    /// ```
    /// use pathops_core::UnixMillis;
    /// use pathops_evidence::{NOTHING_LEFT_OUT, VERIFIED, Verification};
    /// let held = Verification { checked: vec!["leaf 7".to_owned()], ..Verification::default() };
    /// let result = held.to_predicate("https://verifier.example/v1", UnixMillis(1_000)).unwrap();
    /// assert_eq!(result.properties, [VERIFIED, NOTHING_LEFT_OUT]);
    /// let nothing = Verification::default();
    /// assert_eq!(nothing.to_predicate("https://verifier.example/v1", UnixMillis(1_000)), None);
    /// ```
    #[must_use]
    pub fn to_predicate(&self, verifier: &str, at: UnixMillis) -> Option<VerifiedProperties> {
        let all = self.left_out.is_empty().then_some(NOTHING_LEFT_OUT);
        (self.verdict() == Verdict::Verified).then(|| VerifiedProperties {
            verifier: PropertyVerifier { id: verifier.to_owned(), policies: Vec::new() },
            time_created: at,
            properties: std::iter::once(VERIFIED).chain(all).map(str::to_owned).collect(),
        })
    }

    /// Leaves payloads out that could not be looked for because there is no blob store: whoever calls this takes it upon
    /// themselves that they may be gone.
    pub fn waive_payloads(&mut self) {
        let (payloads, missing) = std::mem::take(&mut self.missing).into_iter().partition(|it| it == NO_BLOBS);
        self.missing = missing;
        self.left_out.extend::<Vec<_>>(payloads);
    }

    /// Takes it that whoever asks has the keys of payloads that are encrypted, which they have looked for at `place`. Where there are
    /// none, so that it was left out whether they open these payloads, that is missing now: nobody here can read them, and no tombstone
    /// says why. So it is with payloads that begin as encrypted ones do and have no key, where it is not signed whether they are encrypted:
    /// earlier versions did not sign that, and a key of one may be lost.
    ///
    /// ```
    /// use pathops_evidence::{Verdict, Verification};
    /// let locked = "whether the keys are there that open 3 payloads, which are encrypted".to_owned();
    /// let checked = vec!["leaf 7".to_owned()];
    /// let mut held = Verification { checked, left_out: vec![locked], ..Verification::default() };
    /// assert_eq!(held.verdict(), Verdict::Verified);
    /// held.require_payload_keys("store/payload-keys");
    /// assert_eq!(held.verdict(), Verdict::NotVerified);
    /// ```
    pub fn require_payload_keys(&mut self, place: impl std::fmt::Display) {
        self.require(UNSAID, &format!("; no key of them is at {place}"));
        self.require(LOCKED, &format!(": there are none at {place}"));
    }

    /// Takes it that what numbers the snapshots lies in the same bucket as the log. Where nothing of it is there, so that it was left out,
    /// that is missing now: whoever numbers the next snapshot would begin anew.
    pub fn require_streams(&mut self) {
        self.require(UNNUMBERED, "");
    }

    /// Has what was left out and begins so be missing, with this said behind it.
    fn require(&mut self, begins: &str, more: &str) {
        let (required, left_out): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.left_out).into_iter().partition(|it: &String| it.starts_with(begins));
        self.left_out = left_out;
        self.missing.extend(required.into_iter().map(|what| format!("{what}{more}")));
    }

    pub(crate) fn fails(&mut self, part: impl std::fmt::Display, why: impl std::fmt::Display) {
        if self.failures.len() < MAX_FAILURES {
            self.failures.push((part.to_string(), why.to_string()));
        }
    }
}

/// The verdict, and a line for each thing that is said. What was verified may be quoted in one: it is cut, and cannot look like another.
impl std::fmt::Display for Verification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.verdict())?;
        self.checked.iter().try_for_each(|it| writeln!(f, "  ok        {}", OneLine(it)))?;
        self.failures.iter().try_for_each(|(part, why)| writeln!(f, "  FAILED    {}: {}", OneLine(part), OneLine(why)))?;
        self.missing.iter().try_for_each(|it| writeln!(f, "  missing   {}", OneLine(it)))?;
        self.left_out.iter().try_for_each(|it| writeln!(f, "  left out  {}", OneLine(it)))
    }
}

/// A text that may have somebody else's words in it, as a part of a line.
struct OneLine<'t>(&'t str);

impl std::fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const MAX_CHARS: usize = 4_000;
        for shown in self.0.chars().take(MAX_CHARS) {
            if shown.is_control() { write!(f, "{}", shown.escape_default())? } else { write!(f, "{shown}")? }
        }
        if self.0.chars().nth(MAX_CHARS).is_some() { write!(f, "… ({} bytes)", self.0.len()) } else { Ok(()) }
    }
}

/// What a ledger is verified against.
#[derive(Clone, Copy, Debug)]
pub struct Against<'r> {
    /// Who the log is.
    pub log: &'r LogIdentity,
    /// Whose evidence counts.
    pub trust: &'r TrustRoot,
    /// Checkpoints that are known from elsewhere, as signed notes: a log that was cut back or forked differs from one.
    pub known: &'r [String],
    /// Where payloads are. Without it a log that refers to some is not verified, unless they are waived:
    /// [`Verification::waive_payloads`]. The envelopes of the evidence are looked for in it, too.
    pub blobs: Option<&'r dyn BlobStore>,
    /// Where the keys are of payloads that are stored encrypted. Without it, it is left out whether they can be opened; whoever should
    /// have them asks for more: [`Verification::require_payload_keys`].
    pub sealed: Option<&'r SealedBlobs>,
}

/// Verifies a whole ledger:
///
/// * that the checkpoint is the log's, by a key that counted when a witness has seen it where it does not always
///   ([`LogIdentity::with_validity`]), that every tile follows from the leaves and the leaves from the envelopes, and that every known
///   checkpoint is one of this log;
/// * that every envelope is signed by a trusted key, which its leaf has or a certificate of it, and says something, and nothing that
///   only PathOps may where the key is a producer's;
/// * that snapshots are whole and follow on each other in their streams without a gap, and that what gives them their numbers in the
///   same bucket, which whoever numbers the next one believes, is what the log has, as is what says how far a stream is published. The key
///   of an operation and the name beside a snapshot there are left out, as is what is noted of one that was begun. Snapshots there that
///   were begun and never ended, or have a number and are not in the log, are named among what was left out: somebody may be busy with
///   them;
/// * that nothing lies among the batches which is none of the log's, also behind the checkpoint: a batch is created once all before it are
///   there. What was appended there, one batch behind the other and signed by who is trusted, is named among what was left out; of what
///   has a certificate, it counts there that one of the authorities has issued it;
/// * that what evidence refers to is there, or a tombstone says why it is not: parts of snapshots, reports, logs of builds, records of
///   decisions. A producer keeps its own reports and logs: what its references name is whole where it is here, and counted among
///   what was left out where it is not. What PathOps has signed as encrypted is so, and has its key. Each payload is read once.
///
/// How many leaves have evidence that the log had before is told: a log may have it again, where it was appended twice or where somebody
/// has put an earlier batch behind its end.
///
/// Of what has a certificate, a key that is trusted by itself counts as such; who has issued that is left out, and said, as are the
/// certificates above it: no leaf is over those. Where the key is not trusted by itself, and the trust root has authorities, one of them
/// has to have issued the certificate, as for [`verify_bundle`](crate::verify_bundle), and it has to have held at the first checkpoint
/// that covers the leaf and that the log's witnesses have cosigned, among the newest and the known ones. Otherwise it is not verified
/// who signed that leaf. It counts for nothing then, except that a number which it has is not missing, and a payload which it buries is
/// not gone without a word: these are not verified either, and have not failed.
///
/// Memory grows with the log by the names of the evidence, of the snapshots and of the payloads, and by what refers to payloads that
/// are gone. An object that has more bytes than belong under its name is spoilt: more than follow from the envelopes in a tile, 1 MiB in
/// a checkpoint, 1 GiB in a batch, 1 MiB beside the snapshot that the log has where it has its number. A bucket that knows how
/// large an object is does not read such a one ([`Bucket::read_within`]).
///
/// Of payloads, [`MAX_PAYLOAD_BYTES`] are read; [`verify_ledger_within`] reads more, or fewer.
///
/// # Errors
/// What the bucket and the blob store answer where they cannot be read. Whatever can be read gives a verdict.
pub async fn verify_ledger(cx: &OpContext, bucket: &dyn Bucket, against: Against<'_>) -> Result<Verification> {
    verify_ledger_within(cx, bucket, against, MAX_PAYLOAD_BYTES).await
}

/// As [`verify_ledger`], and reads so many bytes of payloads at most: a few bytes in a store can say of a payload that it is longer than
/// anybody would wait for. Where there are more, it is not verified, and the payload is named at which that was; what is spoilt is read
/// until [`MAX_FAILURES`] are told.
///
/// # Errors
/// As there.
pub async fn verify_ledger_within(
    cx: &OpContext,
    bucket: &dyn Bucket,
    against: Against<'_>,
    payload_bytes: u64,
) -> Result<Verification> {
    let mut verification = Verification::default();
    // Before the checkpoint is read: what has a number by then and is published meanwhile is in the log.
    let stored = crate::streams::listed(cx, bucket, MAX_NAMES).await;
    let Some((checkpoint, note)) = checkpoint(cx, bucket, against.log, &mut verification).await? else { return Ok(verification) };
    let known = known(against, &checkpoint, &mut verification);
    let mut audit = Audit::new(bucket, checkpoint.clone());
    let (mut payloads, mut tombstones) = (Payloads::within(payload_bytes), Tombstones::default());
    let (mut unvouched, mut repeated) = (Tombstones::default(), Repeated::default());
    let (mut counts, mut roots) = (BTreeMap::<String, u64>::new(), known.into_iter().peekable());
    let (mut snapshots, mut holders) = (Seen::default(), Holders::of(against.trust, against.log, against.known, &note));
    let stores = Stores { blobs: against.blobs, sealed: against.sealed };
    loop {
        while let Some((size, root, note)) = roots.next_if(|(size, ..)| *size == audit.size()) {
            if audit.root() != root {
                verification
                    .fails(format!("known checkpoint {note}"), format!("of another history: the first {size} leaves differ"));
            }
        }
        match audit.next(cx).await? {
            Found::End => break,
            Found::Spoilt { part, why } => verification.fails(part, why),
            Found::Item { index, item } => match holders.verify(index, &item) {
                Err(error) => verification.fails(format!("leaf {index}"), error),
                // It vouches for nothing, and is in the log all the same: what it would explain has not failed.
                Ok((evidence, None)) => {
                    repeated.take(index, evidence.id());
                    drop(unvouched.take(&evidence, against.trust));
                    if evidence.statement().is_snapshot() {
                        snapshots.note(index, &evidence, &item);
                    }
                }
                // The log is over the key beside the envelope: whoever reads leaves only believes that one.
                Ok((evidence, Some(_))) if evidence.signer() != item.by.key().id() => {
                    let why =
                        format!("its key is {}, and its envelope is signed by {}", item.by.key().id().0, evidence.signer().0);
                    verification.fails(format!("leaf {index}"), why);
                }
                Ok((evidence, Some(trust))) if let Some(why) = spoken_for_pathops(&evidence, &trust) => {
                    verification.fails(format!("leaf {index}"), why);
                }
                Ok((evidence, Some(trust))) => {
                    verification.evidence.insert(evidence.id());
                    repeated.take(index, evidence.id());
                    // Those by a certified identity are counted by whose they are.
                    if matches!(trust, Cow::Borrowed(_)) {
                        *counts.entry(evidence.statement().predicate_type.clone()).or_default() += 1;
                    }
                    if let Some(Err(why)) = tombstones.take(&evidence, &trust) {
                        verification.fails(format!("the tombstone at leaf {index}"), why);
                    }
                    let statement = evidence.statement();
                    if statement.is_snapshot() {
                        snapshots.take(index, &evidence, &item, &mut verification);
                    }
                    let is_pathops = trust.producers(evidence.signer()).is_empty();
                    payloads.take(cx, stores, index, &evidence, is_pathops, &mut verification).await?;
                    payloads.envelope(cx, stores.blobs, index, &item.envelope, &mut verification).await?;
                }
            },
        }
    }
    payloads.settle(&tombstones, &unvouched, &mut verification);
    let kinds: Vec<_> = counts.iter().map(|(kind, count)| format!("{count} of {kind}")).collect();
    if verification.failures.is_empty() {
        let all: u64 = counts.values().sum();
        let by_keys = format!("{all} envelopes by trusted keys ({})", kinds.join(", "));
        verification.checked.extend((all > 0).then_some(by_keys));
        verification.checked.push(format!("every tile, and the root {}", checkpoint.root));
        verification.checked.extend(signers(&against));
    }
    if checkpoint.size == 0 {
        verification.missing.push("evidence: the log has no leaf, so there was nothing to check".to_owned());
    }
    match &stored {
        Ok((streams, more)) => {
            snapshots.unlogged(streams, &mut verification);
            snapshots.unkept(cx, bucket, streams, &mut verification).await?;
            let told = "what became of the snapshots behind those: they have more names than are looked at";
            verification.left_out.extend(more.then(|| told.to_owned()));
        }
        Err(error) => {
            let what = "what became of snapshots that are not in the log, and what gave those in it their numbers";
            verification.left_out.push(format!("{what}: {error}"));
        }
    }
    let newest = (checkpoint.size, note.as_str());
    let end = behind::behind(cx, bucket, newest, audit.behind(), against.trust, &mut verification).await?;
    // Of a log that was not read to its end, nobody knows what it has.
    if let Ok((streams, _)) = &stored
        && audit.size() == checkpoint.size
    {
        let log = (against.log, checkpoint.size..end);
        heads::heads(cx, bucket, &log, streams, snapshots.logged(), &mut verification).await?;
    }
    if checkpoint.size > 0 {
        verification
            .left_out
            .push("whether artifacts and commits are there that evidence is about: it has their digests".to_owned());
    }
    holders.finish(&mut verification);
    snapshots.finish(&mut verification);
    repeated.finish(&mut verification);
    Ok(verification)
}

/// Why evidence does not count that its signer, who is trusted for what it makes, may not state: decisions leave it out, too.
pub(crate) fn spoken_for_pathops(evidence: &VerifiedEvidence, trust: &TrustRoot) -> Option<String> {
    let producer = trust.producers(evidence.signer()).pop_first()?;
    evidence.statement().reserved().map(|what| format!("it is {what}, and the producer `{producer}` speaks for PathOps"))
}

/// Against whose keys it was verified, a line for each.
fn signers(against: &Against<'_>) -> Vec<String> {
    let log = Digest::from_bytes(against.log.id());
    let key = |id: KeyId| {
        let producers: Vec<_> = against.trust.producers(id).into_iter().map(|it| format!("`{it}`")).collect();
        let of = if producers.is_empty() { "PathOps".to_owned() } else { format!("the producer {}", producers.join(", ")) };
        format!("trusted: the key {} of {of}", id.0.short())
    };
    std::iter::once(format!("the log by its key {}", log.short())).chain(against.trust.keys().map(key)).collect()
}

async fn checkpoint(
    cx: &OpContext,
    bucket: &dyn Bucket,
    log: &LogIdentity,
    verification: &mut Verification,
) -> Result<Option<(Checkpoint, String)>> {
    let Some(key) = checkpoint_key() else { return Ok(None) };
    let note = match bucket.read_within(cx, &key, MAX_NOTE_BYTES).await {
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            verification.fails(key, error);
            return Ok(None);
        }
        note => note?,
    };
    let Some(note) = note else {
        verification.missing.push(format!("a checkpoint of `{}`: there is none", log.origin()));
        return Ok(None);
    };
    match std::str::from_utf8(&note).map_err(|_| NoteError::Form).and_then(|note| Ok((log.signed(note)?, note))) {
        Ok((checkpoint, note)) => {
            // They come after the log has signed it, and may be on their way.
            verification.missing.extend(log.verify(note).err().map(|few| format!("cosignatures: {few}")));
            verification.missing.extend(log.untimely(note));
            verification.checked.push(format!("the checkpoint of `{}` at {} leaves", log.origin(), checkpoint.size));
            verification.checked.extend(witnessed(log, note));
            if log.without_strangers(note) != note {
                verification.left_out.push("signatures of the checkpoint by whom nobody here knows".to_owned());
            }
            Ok(Some((checkpoint, note.to_owned())))
        }
        Err(error) => {
            verification.fails(key, error);
            Ok(None)
        }
    }
}

/// Each witness that has cosigned a checkpoint.
pub(crate) fn witnessed(log: &LogIdentity, note: &str) -> Vec<String> {
    let cosignatures = log.cosignatures(note).unwrap_or_default();
    cosignatures.iter().map(|it| format!("seen by the witness `{}`, {} s after 1970", it.witness, it.at)).collect()
}

/// The sizes and roots of known checkpoints, the smallest first.
fn known(against: Against<'_>, newest: &Checkpoint, verification: &mut Verification) -> Vec<(u64, Digest, String)> {
    let mut known = Vec::new();
    for note in against.known {
        match against.log.signed(note) {
            Err(error) => verification.fails("known checkpoint", error),
            Ok(Checkpoint { size, .. }) if size > newest.size => {
                let why = format!("it has {} leaves now and had {size}: it was cut back", newest.size);
                verification.fails("log/checkpoint", why);
            }
            Ok(Checkpoint { size, root }) => known.push((size, root, format!("of {size} leaves"))),
        }
    }
    if against.known.is_empty() {
        verification.left_out.push("whether it was cut back or forked: no other checkpoint was given".to_owned());
    }
    known.sort();
    known
}
