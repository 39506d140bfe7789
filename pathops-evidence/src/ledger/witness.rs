//! Witnesses: others who have seen a checkpoint of a log, and none that contradicts it (C2SP `tlog-cosignature`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, VerifyingKey};

use super::note::{Line, NoteError, is_name, key_id};

/// What stands for a cosignature in the name of a key.
const COSIGNATURE: u8 = 4;

/// A witness: its name, and the key of its cosignatures (`cosignature/v1`, Ed25519).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    name: String,
    key: VerifyingKey,
}

/// That a witness has cosigned a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness' name.
    pub witness: String,
    /// When it did, in seconds since 1970, by its own clock.
    pub at: u64,
}

impl Witness {
    /// A witness by its name and the 32 bytes of its public key.
    ///
    /// # Errors
    /// [`NoteError::Origin`], [`NoteError::Key`].
    pub fn new(name: impl Into<String>, key: &[u8; 32]) -> Result<Self, NoteError> {
        let name = name.into();
        let key = VerifyingKey::from_bytes(key).map_err(|_| NoteError::Key)?;
        is_name(&name).then_some(Self { name, key }).ok_or(NoteError::Origin)
    }

    /// A witness as it gives itself out: `<name>+<name of the key>+<key in base64>` (C2SP `signed-note`).
    ///
    /// # Errors
    /// [`NoteError::Key`] for anything else, also for the key of a log; [`NoteError::Origin`].
    pub fn from_verifier_key(text: &str) -> Result<Self, NoteError> {
        let (name, rest) = text.split_once('+').ok_or(NoteError::Key)?;
        let (id, key) = rest.split_once('+').ok_or(NoteError::Key)?;
        let key = BASE64.decode(key).map_err(|_| NoteError::Key)?;
        let key = key.strip_prefix(&[COSIGNATURE]).and_then(|key| <&[u8; 32]>::try_from(key).ok()).ok_or(NoteError::Key)?;
        let witness = Self::new(name, key)?;
        let own: String = witness.id().iter().map(|byte| format!("{byte:02x}")).collect();
        (own == id).then_some(witness).ok_or(NoteError::Key)
    }

    /// The witness' name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    pub(super) fn has(&self, line: &Line<'_>) -> bool {
        line.name == self.name && line.id == self.id()
    }

    /// What a line of this witness says of a note with this text. `None` where it has not signed that.
    pub(super) fn cosignature(&self, text: &str, line: &Line<'_>) -> Option<Cosignature> {
        let (time, signature) = line.signature.split_first_chunk::<8>()?;
        let at = u64::from_be_bytes(*time);
        let signed = format!("cosignature/v1\ntime {at}\n{text}\n");
        self.key.verify_strict(signed.as_bytes(), &Signature::from_slice(signature).ok()?).ok()?;
        Some(Cosignature { witness: self.name.clone(), at })
    }

    /// The line by which this witness has cosigned a note, among those that it has answered, and what it says. Those of others
    /// and those that are none are left aside.
    pub(super) fn of_answer(&self, note: &str, lines: &str) -> Option<(String, Cosignature)> {
        let (text, _) = note.split_once("\n\n")?;
        lines.lines().filter_map(Line::parse).filter(|line| self.has(line)).find_map(|line| {
            let cosignature = self.cosignature(text, &line)?;
            Some((format!("{}\n", line.text), cosignature))
        })
    }

    pub(super) fn id(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = key_id(&self.name, COSIGNATURE, &self.key);
        [a, b, c, d]
    }
}
