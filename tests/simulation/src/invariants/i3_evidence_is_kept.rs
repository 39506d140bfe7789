//! I3: evidence is signed, lies where its record says, and is never changed or dropped.

use std::collections::{BTreeMap, BTreeSet};

use pathops_coordinator::change_set::State;
use pathops_coordinator::incident;
use pathops_core::Digest;
use pathops_core::adapter::{BlobStore as _, Signer as _};
use pathops_core::evidence::Envelope;
use pathops_core::memory::MemorySigner;
use pathops_evidence::EvidenceRecord;

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Truth, cx, is_incident, signed_in, wait};
use crate::world::signer;

pub(super) struct Evidence {
    signer: MemorySigner,
    /// The envelopes on record, with the names of what they hold.
    known: BTreeMap<Digest, String>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self { signer: signer(), known: BTreeMap::new() }
    }
}

impl Evidence {
    fn look(&mut self, truth: &Truth, record: &EvidenceRecord) -> Found {
        if self.known.contains_key(&record.envelope) {
            return Ok(());
        }
        let name = &record.name;
        let bytes = wait(truth.blobs.get(&cx(), &record.envelope)).map_err(|error| format!("{name}: {error}"))?;
        let bytes = bytes.ok_or_else(|| format!("{name} is on record, and its envelope is not there"))?;
        let envelope = Envelope::from_slice(&bytes).map_err(|error| format!("{name}: {error}"))?;
        let signed = envelope.signed_bytes().map_err(|error| format!("{name}: {error}"))?;
        // Signing is deterministic here, and takes a third of the time that verifying does.
        let signature = wait(self.signer.sign(&cx(), &signed)).map_err(|error| format!("{name}: {error}"))?;
        holds!(envelope.signature() == Some(&signature), "{name} is not signed by PathOps");
        self.known.insert(record.envelope, name.clone());
        Ok(())
    }
}

impl Invariant for Evidence {
    fn name(&self) -> &'static str {
        "i3 evidence is kept"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Settled { state, .. } => state.evidence().try_for_each(|record| self.look(truth, record)),
            Step::Journaled { run, transition, .. } if is_incident(run) => {
                let state: incident::State =
                    serde_json::from_value(transition.state.clone()).map_err(|error| error.to_string())?;
                signed_in(&state).try_for_each(|record| self.look(truth, record))
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, truth: &Truth, states: &[State]) -> Found {
        let incidents = truth.incidents();
        let of_incidents: BTreeSet<Digest> =
            incidents.iter().flat_map(|(_, state)| signed_in(state)).map(|record| record.envelope).collect();
        for (envelope, name) in &self.known {
            let kept = wait(truth.blobs.get(&cx(), envelope)).map_err(|error| format!("{name}: {error}"))?;
            holds!(kept.is_some(), "{name} was there, and is gone");
            let on_record = states.iter().flat_map(State::evidence).any(|record| record.envelope == *envelope);
            holds!(on_record || of_incidents.contains(envelope), "{name} was on record, and is not any more");
        }
        Ok(())
    }
}
