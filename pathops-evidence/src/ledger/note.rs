//! Checkpoints as C2SP signed notes: what a log says of itself, signed with Ed25519.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use pathops_core::evidence::Checkpoint;
use pathops_core::{Digest, UnixMillis};
use sha2::{Digest as _, Sha256};

use super::witness::{Cosignature, Witness};

/// What stands for Ed25519 in the name of a key.
const ED25519: u8 = 1;

/// How many signatures a note has at most: reading one takes a time that is known before.
const MAX_SIGNATURES: usize = 64;

/// How many bytes a stored note has at most: each of its signatures, whatever it is made with, has a few thousand.
pub(crate) const MAX_NOTE_BYTES: u64 = 1 << 20;

/// The key of a log, and the log's name (its *origin*): a line without spaces and `+`, for example `shop.example/evidence`.
#[derive(Clone)]
pub struct LogKey {
    origin: String,
    key: SigningKey,
}

impl std::fmt::Debug for LogKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LogKey({})", self.origin)
    }
}

/// Who a log is: its name, and the key that its checkpoints are signed with, and when; and whose cosignatures they have to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    origin: String,
    key: VerifyingKey,
    witnesses: Vec<Witness>,
    needed: usize,
    from: Option<UnixMillis>,
    until: Option<UnixMillis>,
}

/// Why a text is no checkpoint of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not a name that a log or a witness can have.
    #[error("the name of a log or witness is a line without spaces, control characters and `+`")]
    Origin,
    /// Not a public key of Ed25519.
    #[error("not the 32 bytes of an Ed25519 public key")]
    Key,
    /// Not a checkpoint in a signed note.
    #[error("not a checkpoint: it must be the log's name, its size, its root and a signature, a line each")]
    Form,
    /// Of another log.
    #[error("the checkpoint is of another log")]
    AnotherLog,
    /// Not signed by the log.
    #[error("the log has not signed it")]
    Signature,
    /// A cosignature names a witness that has not made it.
    #[error("a cosignature is not that of the witness that it names")]
    Cosignature,
    /// Too few witnesses have seen it.
    #[error("{found} witnesses that are known here have cosigned it, and {needed} must")]
    Witnesses {
        /// How many have.
        found: usize,
        /// How many have to.
        needed: usize,
    },
}

impl LogKey {
    /// From the 32 bytes of an Ed25519 seed.
    ///
    /// # Errors
    /// [`NoteError::Origin`].
    pub fn new(origin: impl Into<String>, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let origin = origin.into();
        is_name(&origin).then(|| Self { origin, key: SigningKey::from_bytes(seed) }).ok_or(NoteError::Origin)
    }

    /// What others need to know.
    #[must_use]
    pub fn identity(&self) -> LogIdentity {
        LogIdentity::of(self.origin.clone(), self.key.verifying_key())
    }

    /// A checkpoint as a signed note. Signing the same again gives the same bytes.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let body = body(&self.origin, checkpoint);
        let signature = self.key.sign(body.as_bytes()).to_bytes();
        let name = self.identity().id();
        format!("{body}\n\u{2014} {} {}\n", self.origin, BASE64.encode([&name[..4], &signature].concat()))
    }
}

impl LogIdentity {
    /// A log by its name and the 32 bytes of its public key.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn new(origin: impl Into<String>, key: &[u8; 32]) -> Result<Self, NoteError> {
        let origin = origin.into();
        let key = VerifyingKey::from_bytes(key).map_err(|_| NoteError::Key)?;
        if is_name(&origin) { Ok(Self::of(origin, key)) } else { Err(NoteError::Origin) }
    }

    fn of(origin: String, key: VerifyingKey) -> Self {
        Self { origin, key, witnesses: Vec::new(), needed: 0, from: None, until: None }
    }

    /// And counts what its key has signed from then, and until then, where there is such a bound. Whoever verifies something of the log asks
    /// its witnesses then for a time within: the time of nobody else shows when a checkpoint was signed.
    #[must_use]
    pub fn with_validity(self, from: Option<UnixMillis>, until: Option<UnixMillis>) -> Self {
        Self { from, until, ..self }
    }

    /// From when its key counts, and until when.
    #[must_use]
    pub fn validity(&self) -> (Option<UnixMillis>, Option<UnixMillis>) {
        (self.from, self.until)
    }

    /// And asks for the cosignatures of at least `needed` of these witnesses on each checkpoint. Two names for one key are one
    /// witness; where there are fewer than needed, no checkpoint verifies.
    #[must_use]
    pub fn with_witnesses(self, witnesses: impl IntoIterator<Item = Witness>, needed: usize) -> Self {
        Self { witnesses: witnesses.into_iter().collect(), needed, ..self }
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The bytes of its public key.
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The name of its key (C2SP `signed-note`): Rekor's log id is all of it, and a signature begins with the first four bytes.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        key_id(&self.origin, ED25519, &self.key)
    }

    /// Reads a checkpoint that this log has signed, and as many of its witnesses as have to. A signature in the name of one of
    /// them that is not theirs spoils it; those of others are left alone.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn verify(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let checkpoint = self.signed(note)?;
        let (_, lines) = parts(note).ok_or(NoteError::Form)?;
        let cosigned = self.witnesses.iter().filter(|witness| lines.iter().any(|line| witness.has(line)));
        let found = cosigned.map(Witness::key).collect::<BTreeSet<_>>().len();
        (found >= self.needed).then_some(checkpoint).ok_or(NoteError::Witnesses { found, needed: self.needed })
    }

    /// Which of the log's witnesses have cosigned a checkpoint. Whether the log has signed it, [`LogIdentity::verify`] says.
    ///
    /// # Errors
    /// [`NoteError::Form`]; [`NoteError::Cosignature`] where a signature in the name of one of them is not theirs.
    pub fn cosignatures(&self, note: &str) -> Result<Vec<Cosignature>, NoteError> {
        let (text, lines) = parts(note).ok_or(NoteError::Form)?;
        let known = lines.iter().flat_map(|line| self.witnesses.iter().filter(|it| it.has(line)).map(move |it| (it, line)));
        known.map(|(witness, line)| witness.cosignature(text, line).ok_or(NoteError::Cosignature)).collect()
    }

    /// When a checkpoint had been seen, in seconds since 1970: the earliest time for which as many of the log's witnesses vouch as have to
    /// have seen it, and at least one. `None` where fewer do.
    pub(crate) fn seen(&self, note: &str) -> Option<u64> {
        let (text, lines) = parts(note)?;
        let by =
            |witness: &Witness| lines.iter().filter(|line| witness.has(line)).find_map(|line| witness.cosignature(text, line));
        let known: BTreeMap<_, _> = self.witnesses.iter().filter_map(|it| Some((it.key(), by(it)?.at))).collect();
        let mut times: Vec<_> = known.into_values().collect();
        times.sort_unstable();
        times.get(self.needed.saturating_sub(1)).copied()
    }

    /// Why nothing shows that its key counted when a checkpoint was signed; `None` where something does, or it always counts.
    pub(crate) fn untimely(&self, note: &str) -> Option<String> {
        let bounds = [("from", self.from), ("until", self.until)];
        let bounds: Vec<_> = bounds.into_iter().filter_map(|(name, at)| Some(format!("{name} {}", at?))).collect();
        if bounds.is_empty() {
            return None;
        }
        let counts = format!("whether the log's key counted when the checkpoint was signed: it does {}", bounds.join(" "));
        let Some(seen) = self.seen(note) else {
            let advice = "give the log's witnesses, and a checkpoint that one of them has cosigned by then";
            return Some(format!("{counts}, and nobody trusted says when that was seen: {advice}"));
        };
        let at = UnixMillis(i64::try_from(seen).unwrap_or(i64::MAX).saturating_mul(1_000));
        let is_within = self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at <= until);
        (!is_within).then(|| format!("{counts}, and it was seen first {seen} s after 1970"))
    }

    /// Reads a checkpoint that this log has signed, whoever has seen it.
    pub(crate) fn signed(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let (text, lines) = parts(note).ok_or(NoteError::Form)?;
        let [origin, size, root] = text.split('\n').collect::<Vec<_>>()[..] else { return Err(NoteError::Form) };
        if origin != self.origin {
            return Err(NoteError::AnotherLog);
        }
        let checkpoint = checkpoint(size, root).ok_or(NoteError::Form)?;
        let own = lines.iter().find(|line| self.has(line)).and_then(|line| Signature::from_slice(&line.signature).ok());
        let signed = format!("{text}\n");
        let own = own.ok_or(NoteError::Signature)?;
        self.key.verify_strict(signed.as_bytes(), &own).map_err(|_| NoteError::Signature)?;
        self.cosignatures(note)?;
        Ok(checkpoint)
    }

    /// A note without the signatures of whom nobody here knows; as it is where there are none.
    pub(crate) fn without_strangers(&self, note: &str) -> String {
        let Some((text, lines)) = parts(note) else { return note.to_owned() };
        let known = lines.iter().filter(|line| self.has(line) || self.witnesses.iter().any(|witness| witness.has(line)));
        known.fold(format!("{text}\n\n"), |note, line| note + line.text + "\n")
    }

    fn has(&self, line: &Line<'_>) -> bool {
        line.name == self.origin && self.id().starts_with(&line.id)
    }
}

/// The line of a signature in a note.
pub(super) struct Line<'n> {
    pub(super) text: &'n str,
    pub(super) name: &'n str,
    /// The beginning of the key's name.
    pub(super) id: [u8; 4],
    pub(super) signature: Vec<u8>,
}

impl<'n> Line<'n> {
    pub(super) fn parse(text: &'n str) -> Option<Self> {
        let (name, signature) = text.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let bytes = BASE64.decode(signature).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        is_name(name).then(|| Self { text, name, id: *id, signature: signature.to_vec() })
    }
}

/// What a note says, and the signatures below it. `None` where it is in another form, or a key has signed it twice.
fn parts(note: &str) -> Option<(&str, Vec<Line<'_>>)> {
    let (text, signatures) = note.split_once("\n\n")?;
    let lines = signatures.strip_suffix('\n')?.split('\n').take(MAX_SIGNATURES + 1).map(Line::parse);
    let lines = lines.collect::<Option<Vec<_>>>().filter(|lines| lines.len() <= MAX_SIGNATURES)?;
    let keys: BTreeSet<_> = lines.iter().map(|line| (line.name, line.id)).collect();
    (keys.len() == lines.len()).then_some((text, lines))
}

/// The name of a key (C2SP `signed-note`).
pub(super) fn key_id(name: &str, kind: u8, key: &VerifyingKey) -> [u8; 32] {
    Sha256::new().chain_update(name).chain_update([b'\n', kind]).chain_update(key.as_bytes()).finalize().into()
}

/// What is signed.
fn body(origin: &str, checkpoint: &Checkpoint) -> String {
    format!("{origin}\n{}\n{}\n", checkpoint.size, BASE64.encode(checkpoint.root.as_bytes()))
}

/// Only what would be written the same: one checkpoint has one form.
fn checkpoint(size: &str, root: &str) -> Option<Checkpoint> {
    let bytes: [u8; 32] = BASE64.decode(root).ok()?.try_into().ok()?;
    let number: u64 = size.parse().ok()?;
    (number.to_string() == size).then(|| Checkpoint { size: number, root: Digest::from_bytes(bytes) })
}

pub(super) fn is_name(origin: &str) -> bool {
    !origin.is_empty() && !origin.contains(['+', '\u{2014}']) && !origin.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_as_it_was_signed_and_any_other_is_not() {
        let key = LogKey::new("shop.example/evidence", &[7; 32]).unwrap();
        let checkpoint = Checkpoint { size: 70_000, root: Digest::of(b"root") };
        let note = key.sign(&checkpoint);
        assert_eq!(note, key.sign(&checkpoint));
        assert_eq!(key.identity().verify(&note), Ok(checkpoint.clone()));
        let witnessed = format!("{note}\u{2014} witness.example AAAAAAAA\n");
        assert_eq!(key.identity().verify(&witnessed), Ok(checkpoint));

        for place in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[place] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(key.identity().verify(&changed).is_err(), "byte {place}: {changed}");
            }
        }
        let other = LogKey::new("shop.example/evidence", &[8; 32]).unwrap();
        assert_eq!(other.identity().verify(&note), Err(NoteError::Signature));
        let elsewhere = LogKey::new("other.example", &[7; 32]).unwrap();
        assert_eq!(elsewhere.identity().verify(&note), Err(NoteError::AnotherLog));
        for cut in [0, 10, note.len() - 1] {
            assert!(key.identity().verify(&note[..cut]).is_err());
        }
    }

    #[test]
    fn a_log_has_a_name_that_a_note_can_hold() {
        for bad in ["", "a b", "a+b", "a\nb", "a\u{2014}"] {
            assert_eq!(LogKey::new(bad, &[7; 32]).unwrap_err(), NoteError::Origin, "{bad:?}");
        }
    }
}
