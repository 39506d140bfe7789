//! Whether what evidence refers to is there, or a tombstone says why it is not.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::BlobStore;
use pathops_core::evidence::{Envelope, Predicate as _, Retention, Snapshot, Tombstone, TombstoneReason, VerifiedEvidence};
use pathops_core::{Digest, ErrorKind, OpContext, Result};

use super::{MAX_FAILURES, MAX_GONE, Verification};
use crate::referred::{Referred, payloads, referring};
use crate::retention::{SEALED, SealedBlobs, Tombstones};

/// Where payloads are looked for.
#[derive(Clone, Copy)]
pub(super) struct Stores<'s> {
    pub(super) blobs: Option<&'s dyn BlobStore>,
    pub(super) sealed: Option<&'s SealedBlobs>,
}

/// What is missing where there are payloads and no blob store.
pub(super) const NO_BLOBS: &str = "payloads: evidence refers to some, and there is no blob store";

/// How it begins that payloads are encrypted, and it was not said where their keys are.
pub(super) const LOCKED: &str = "whether the keys are there that open ";

/// How it begins that payloads begin as encrypted ones do, have no key, and are not said to be encrypted.
pub(super) const UNSAID: &str = "whether a key was lost of payloads that begin as encrypted ones do, ";

/// How a payload was found.
#[derive(Clone)]
enum State {
    Whole,
    /// Whole, and begins as a sealed one does, which anybody may have written; what there is as its key.
    Sealed(Key),
    Gone,
    Spoilt(String),
    /// There were more bytes than were to be read.
    Unread,
}

/// What there is as the key of a payload.
#[derive(Clone)]
enum Key {
    /// It was not said where keys are.
    Unasked,
    Missing,
    Opens,
    /// It is none, or another payload's.
    Spoilt(String),
}

/// The payloads that were looked at.
pub(super) struct Payloads {
    /// How many bytes are to be read at most.
    most: u64,
    /// How many of them are left; `None` once there were more.
    left: Option<u64>,
    /// The first that was not read to its end, and how many more.
    unread: Option<(String, u64)>,
    /// A log refers to many of them again and again.
    read: BTreeMap<Digest, State>,
    gone: Vec<Gone>,
    /// How many there was no blob store for.
    unseen: u64,
    /// How many are not here that producers refer to.
    elsewhere: u64,
    /// Those that are encrypted, where it was not said where their keys are, and how long they are kept.
    locked: Vec<(Digest, Option<Retention>)>,
}

/// A payload that is not there, and what refers to it.
struct Gone {
    part: String,
    digest: Digest,
    retention: Option<Retention>,
    /// What of it is gone.
    what: Lost,
}

/// What of a payload is gone.
enum Lost {
    Blob,
    Key,
    /// Its key, if it ever had one: what refers to it does not say that it is encrypted.
    MaybeKey,
}

impl Payloads {
    /// None yet, and of all of them so many bytes are to be read at most.
    pub(super) fn within(most: u64) -> Self {
        let (read, gone, locked) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { most, left: Some(most), unread: None, read, gone, unseen: 0, elsewhere: 0, locked }
    }

    /// What evidence refers to has to be there, and to be that. Without a blob store it is only known that there is something.
    ///
    /// Whether a payload is encrypted, PathOps has signed with the reference: one that is has to look so, and to have a key; of one
    /// that is not, nothing is read from what it begins with. Earlier versions did not sign it. What looks encrypted is so there where
    /// it has a key, or a tombstone is over it; where neither is so, it may be a log that begins like that, and it is left out whether a
    /// key was lost. So it is with what producers refer to, who know nothing of keys here.
    pub(super) async fn take(
        &mut self,
        cx: &OpContext,
        stores: Stores<'_>,
        leaf: u64,
        evidence: &VerifiedEvidence,
        is_pathops: bool,
        verification: &mut Verification,
    ) -> Result<()> {
        // No more is told, and reading takes long where what is spoilt is large.
        if verification.failures.len() >= MAX_FAILURES {
            return Ok(());
        }
        let statement = evidence.statement();
        // What others have beside their own results and builds lies with them.
        let Some(what) = referring(statement).filter(|_| is_pathops || statement.predicate_type == Snapshot::TYPE) else {
            return Ok(());
        };
        let Some(payloads) = payloads(statement) else {
            verification.fails(format!("leaf {leaf}"), "it refers to nothing in the form of its type");
            return Ok(());
        };
        for Referred { name, digest, retention, sealed } in payloads {
            let part = format!("`{name}` of the {what} at leaf {leaf}");
            let Some(digest) = digest else {
                verification.fails(part, "it is referred to without a SHA-256");
                continue;
            };
            let Some(blobs) = stores.blobs else {
                self.unseen += 1;
                continue;
            };
            let sealed = sealed.filter(|_| is_pathops);
            match (self.state(cx, blobs, stores.sealed, &digest).await?, sealed) {
                (State::Whole, Some(true)) => {
                    verification.fails(part, "what refers to it says that it is encrypted, and it is not");
                }
                (State::Whole, _) | (State::Sealed(_), Some(false)) | (State::Sealed(Key::Opens), _) => {}
                (State::Sealed(Key::Unasked), _) => self.locked.push((digest, retention)),
                (State::Sealed(Key::Missing), Some(true)) => self.gone.push(Gone { part, digest, retention, what: Lost::Key }),
                (State::Sealed(Key::Missing), _) => self.gone.push(Gone { part, digest, retention, what: Lost::MaybeKey }),
                // Who hands in evidence may keep what it refers to.
                (State::Gone, _) if !is_pathops => self.elsewhere += 1,
                (State::Gone, _) => self.gone.push(Gone { part, digest, retention, what: Lost::Blob }),
                (State::Spoilt(why) | State::Sealed(Key::Spoilt(why)), _) => verification.fails(part, why),
                (State::Unread, _) => match &mut self.unread {
                    Some((_, more)) => *more += 1,
                    unread => *unread = Some((part, 0)),
                },
            }
        }
        Ok(())
    }

    /// The envelope of evidence is a blob, too, by which those find it who do not read the log.
    pub(super) async fn envelope(
        &mut self,
        cx: &OpContext,
        blobs: Option<&dyn BlobStore>,
        leaf: u64,
        envelope: &Envelope,
        verification: &mut Verification,
    ) -> Result<()> {
        let (Some(blobs), Ok(bytes)) = (blobs, envelope.to_vec()) else { return Ok(()) };
        if verification.failures.len() >= MAX_FAILURES {
            return Ok(());
        }
        let digest = Digest::of(&bytes);
        let why = match read(cx, blobs, &digest, &mut Some(bytes.len() as u64)).await {
            Ok(Read::Whole { .. }) => return Ok(()),
            Ok(Read::Over) => format!("what is stored as the blob {digest} has more bytes than it"),
            Ok(Read::Gone) => format!("the blob {digest} is gone; the log has it, and it can be stored again from there"),
            Err(error) if error.kind() == ErrorKind::Corrupt => error.to_string(),
            Err(error) => return Err(error),
        };
        verification.fails(format!("the envelope of leaf {leaf}"), why);
        Ok(())
    }

    /// Reads a payload, the first time that something refers to it.
    async fn state(
        &mut self,
        cx: &OpContext,
        blobs: &dyn BlobStore,
        sealed: Option<&SealedBlobs>,
        digest: &Digest,
    ) -> Result<State> {
        if let Some(state) = self.read.get(digest) {
            return Ok(state.clone());
        }
        let state = match read(cx, blobs, digest, &mut self.left).await {
            Ok(Read::Whole { sealed: false }) => State::Whole,
            Ok(Read::Whole { sealed: true }) => State::Sealed(match sealed {
                None => Key::Unasked,
                Some(sealed) => match sealed.opens(cx, digest).await {
                    Ok(true) => Key::Opens,
                    Ok(false) => Key::Missing,
                    Err(error) if error.kind() == ErrorKind::Corrupt => Key::Spoilt(error.to_string()),
                    Err(error) => return Err(error),
                },
            }),
            Ok(Read::Gone) => State::Gone,
            Ok(Read::Over) => State::Unread,
            Err(error) if error.kind() == ErrorKind::Corrupt => State::Spoilt(error.to_string()),
            Err(error) => return Err(error),
        };
        self.read.insert(*digest, state.clone());
        Ok(state)
    }

    /// What is gone has to be gone for a reason that the log tells. Where a tombstone does of which it is not verified who has signed
    /// it, one of the `unvouched`, it is not known.
    pub(super) fn settle(self, tombstones: &Tombstones, unvouched: &Tombstones, verification: &mut Verification) {
        if self.unseen > 0 {
            verification.missing.push(NO_BLOBS.to_owned());
        }
        if let Some((part, more)) = self.unread {
            let after = if more == 0 { String::new() } else { format!(", nor were {more} payloads behind it") };
            let why = format!("{} bytes of payloads were to be read at most, and there are more", self.most);
            verification.missing.push(format!("{part}: it was not read to its end{after}: {why}"));
        }
        if self.elsewhere > 0 {
            let count = self.elsewhere;
            verification.left_out.push(format!("{count} payloads that producers refer to, and keep elsewhere if anywhere"));
        }
        // Of those that are erased there is to be no key.
        let open = |(digest, retention): &&(Digest, Option<Retention>)| tombstones.over(digest, retention.as_ref()).is_none();
        let locked = self.locked.iter().filter(open).count();
        if locked > 0 {
            verification.left_out.push(format!("{LOCKED}{locked} payloads, which are encrypted"));
        }
        let (mut told, mut held, mut unknown, mut unsaid) = (0_usize, BTreeSet::new(), Vec::new(), 0_u64);
        for Gone { part, digest, retention, what } in self.gone {
            let Some((id, tombstone)) = tombstones.over(&digest, retention.as_ref()) else {
                if unvouched.over(&digest, retention.as_ref()).is_some() {
                    unknown.push(part);
                    continue;
                }
                let what = match what {
                    Lost::Blob => "the blob",
                    Lost::Key => "the key of the blob",
                    Lost::MaybeKey => {
                        unsaid += 1;
                        continue;
                    }
                };
                verification.fails(part, format!("{what} {digest} is gone, and no tombstone says why"));
                continue;
            };
            held.extend(retention.into_iter().flat_map(|it| it.holds));
            told += 1;
            if told > MAX_GONE {
                continue;
            }
            let Tombstone { authority, policy, gone_on, .. } = tombstone;
            verification.checked.push(match tombstone.reason {
                TombstoneReason::Erased => format!("{part}: erased by tombstone {id} on {gone_on} ({authority})"),
                TombstoneReason::Expired => format!("{part}: expired, by policy {policy}, on {gone_on} (tombstone {id})"),
            });
        }
        if unsaid > 0 {
            let what = format!("{UNSAID}{unsaid} of them");
            verification.left_out.push(format!("{what}: what refers to them does not say that they are encrypted"));
        }
        if let Some((first, more)) = unknown.split_first() {
            let more = if more.is_empty() { String::new() } else { format!(", nor {} payloads more", more.len()) };
            let why = "a tombstone says why, and it is not verified who signed that";
            verification.missing.push(format!("{first}: it is not there{more}; {why}"));
        }
        if let Some(more @ 1..) = told.checked_sub(MAX_GONE) {
            verification.checked.push(format!("{more} more payloads that are erased or expired, each by a tombstone"));
        }
        for hold in held {
            let what = format!("whether the legal hold `{hold}`, which was signed with what is gone, had been released by then");
            verification.left_out.push(format!("{what}: the policy says so"));
        }
    }
}

/// What came of reading a blob.
enum Read {
    Whole {
        /// Whether it is a sealed payload.
        sealed: bool,
    },
    Gone,
    /// It has more bytes than were left to be read.
    Over,
}

/// Reads a blob to its end, where its digest is checked, as long as there are bytes `left` to be read.
async fn read(cx: &OpContext, blobs: &dyn BlobStore, digest: &Digest, left: &mut Option<u64>) -> Result<Read> {
    if left.is_none() {
        return Ok(Read::Over);
    }
    let Some(mut bytes) = blobs.get_stream(cx, digest).await? else { return Ok(Read::Gone) };
    let mut beginning = Vec::new();
    while let Some(chunk) = bytes.next().await? {
        *left = left.and_then(|left| left.checked_sub(chunk.len() as u64));
        if left.is_none() {
            return Ok(Read::Over);
        }
        beginning.extend(chunk.into_iter().take(SEALED.len() - beginning.len()));
    }
    Ok(Read::Whole { sealed: beginning == SEALED })
}
