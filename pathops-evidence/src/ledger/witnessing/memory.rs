//! A witness in memory, by the standard.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use pathops_core::adapter::{Clock, WitnessAnswer, WitnessClient};
use pathops_core::evidence::Checkpoint;
use pathops_core::{OpContext, Result};

use super::wire::AddCheckpoint;
use crate::ledger::{LogIdentity, NoteError, Witness, is_consistent};

/// A witness that forgets with the process what it has seen: for tests, and as a model of one that does not. Clones are one
/// witness.
#[derive(Clone)]
pub struct MemoryWitness {
    witness: Witness,
    key: SigningKey,
    clock: Arc<dyn Clock>,
    logs: Arc<Vec<LogIdentity>>,
    seen: Arc<Mutex<BTreeMap<String, Checkpoint>>>,
}

impl fmt::Debug for MemoryWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryWitness({})", self.witness.name())
    }
}

impl MemoryWitness {
    /// A witness of these logs, with the 32 bytes of an Ed25519 seed.
    ///
    /// # Errors
    /// [`NoteError::Origin`] where no witness can have that name.
    pub fn new(
        name: impl Into<String>,
        seed: &[u8; 32],
        clock: Arc<dyn Clock>,
        logs: impl IntoIterator<Item = LogIdentity>,
    ) -> std::result::Result<Self, NoteError> {
        let key = SigningKey::from_bytes(seed);
        let witness = Witness::new(name, key.verifying_key().as_bytes())?;
        Ok(Self { witness, key, clock, logs: Arc::new(logs.into_iter().collect()), seen: Arc::default() })
    }

    /// Who it is.
    #[must_use]
    pub fn witness(&self) -> Witness {
        self.witness.clone()
    }

    /// What it answers to a request. It cosigns what follows on what it has cosigned before, and nothing else.
    #[must_use]
    pub fn answer(&self, body: &str) -> WitnessAnswer {
        let (status, body) = match self.cosign(body) {
            Ok(line) => (200, line),
            Err(refused) => refused,
        };
        WitnessAnswer { status, body }
    }

    fn cosign(&self, body: &str) -> std::result::Result<String, (u16, String)> {
        let refused = |status| (status, String::new());
        let AddCheckpoint { old, proof, note } = AddCheckpoint::parse(body).ok_or_else(|| refused(400))?;
        let (text, _) = note.split_once("\n\n").ok_or_else(|| refused(400))?;
        let origin = text.split('\n').next().unwrap_or_default();
        let log = self.logs.iter().find(|log| log.origin() == origin).ok_or_else(|| refused(404))?;
        let checkpoint = log.signed(&note).map_err(|error| match error {
            NoteError::Signature => refused(403),
            _ => refused(400),
        })?;
        // Looked at and noted under one lock: of two at the same time, one follows on the other.
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.get(origin);
        let size = seen.map_or(0, |seen| seen.size);
        if old > checkpoint.size {
            return Err(refused(400));
        }
        if old != size {
            return Err((409, format!("{size}\n")));
        }
        if let Some(seen) = seen {
            if seen.size == checkpoint.size && seen.root != checkpoint.root {
                return Err(refused(409));
            }
            if !is_consistent((seen.size, seen.root), (checkpoint.size, checkpoint.root), &proof) {
                return Err(refused(422));
            }
        } else if !proof.is_empty() {
            return Err(refused(422));
        }
        let line = self.line(text);
        all.insert(origin.to_owned(), checkpoint);
        Ok(line)
    }

    fn line(&self, text: &str) -> String {
        let at = u64::try_from(self.clock.now().0 / 1_000).unwrap_or(0);
        let signature = self.key.sign(format!("cosignature/v1\ntime {at}\n{text}\n").as_bytes()).to_bytes();
        let bytes = [self.witness.id().as_slice(), &at.to_be_bytes(), &signature].concat();
        format!("\u{2014} {} {}\n", self.witness.name(), BASE64.encode(bytes))
    }
}

#[async_trait]
impl WitnessClient for MemoryWitness {
    async fn add_checkpoint(&self, _cx: &OpContext, body: &str) -> Result<WitnessAnswer> {
        Ok(self.answer(body))
    }
}
