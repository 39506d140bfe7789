//! Checkpoints as C2SP signed notes: what a log says of itself, signed with Ed25519.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use pathops_core::Digest;
use pathops_core::evidence::Checkpoint;
use sha2::{Digest as _, Sha256};

/// What stands for Ed25519 in the name of a key.
const ED25519: u8 = 1;

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

/// Who a log is: its name, and the key that its checkpoints are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    origin: String,
    key: VerifyingKey,
}

/// Why a text is no checkpoint of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not a name that a log can have.
    #[error("a log's name is a line without spaces, control characters and `+`")]
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
        LogIdentity { origin: self.origin.clone(), key: self.key.verifying_key() }
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
        is_name(&origin).then_some(Self { origin, key }).ok_or(NoteError::Origin)
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
        let hash = Sha256::new().chain_update(&self.origin).chain_update([b'\n', ED25519]).chain_update(self.key.as_bytes());
        hash.finalize().into()
    }

    /// Reads a checkpoint that this log has signed. Signatures of others, such as witnesses, are left alone.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn verify(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let (text, signatures) = note.split_once("\n\n").ok_or(NoteError::Form)?;
        let [origin, size, root] = text.split('\n').collect::<Vec<_>>()[..] else { return Err(NoteError::Form) };
        if origin != self.origin {
            return Err(NoteError::AnotherLog);
        }
        let checkpoint = checkpoint(size, root).ok_or(NoteError::Form)?;
        let signed = format!("{text}\n");
        let mine = signatures.strip_suffix('\n').ok_or(NoteError::Form)?.split('\n').filter_map(|line| self.signature(line));
        let holds = mine.filter(|signature| self.key.verify_strict(signed.as_bytes(), signature).is_ok()).count() > 0;
        holds.then_some(checkpoint).ok_or(NoteError::Signature)
    }

    /// The signature of a line, where it says that it is this log's.
    fn signature(&self, line: &str) -> Option<Signature> {
        let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let bytes = BASE64.decode(signature).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        let own = self.id();
        (name == self.origin && own.starts_with(id)).then_some(())?;
        Signature::from_slice(signature).ok()
    }
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

fn is_name(origin: &str) -> bool {
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
