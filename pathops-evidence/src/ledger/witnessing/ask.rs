//! Asking witnesses.

use std::sync::Arc;

use pathops_core::adapter::{WitnessClient, WitnessSaid};
use pathops_core::evidence::Checkpoint;
use pathops_core::{Error, ErrorKind, OpContext, Result};

use super::wire::CosignatureRequest;
use crate::ledger::{Cosignature, Ledger, LogReader, Witness, named, tile};

/// A checkpoint that witnesses were asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignedBy {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// It as a signed note, with the cosignatures below it.
    pub note: String,
    /// Who has cosigned it, as it was checked.
    pub cosignatures: Vec<Cosignature>,
    /// Who has not, by name, and why.
    pub others: Vec<(String, String)>,
    /// Whether the log has this note in the place of the one without them; it has not where another has taken that place in the
    /// meantime, because the log has grown or somebody else had it cosigned.
    pub is_published: bool,
}

impl Ledger {
    /// Asks witnesses to cosign the newest checkpoint, one after the other, and publishes it with the cosignatures where at least
    /// `needed` have come and nothing else was published in the meantime. `None` for a log that has not begun.
    ///
    /// Each cosignature is checked against the key of the witness that was asked, and lines of others are left out. Appending is
    /// held up by none of it. A later checkpoint has none again: ask when there is something to witness, for
    /// example before a checkpoint goes into the meta repository.
    ///
    /// # Errors
    /// `Unavailable` where fewer have cosigned than are needed: nothing is published, and the reason of each is told. What the
    /// bucket answers.
    ///
    /// # Cancel safety
    /// As after a crash: ask again.
    pub async fn cosign(
        &self,
        cx: &OpContext,
        witnesses: &[(Witness, Arc<dyn WitnessClient>)],
        needed: usize,
    ) -> Result<Option<CosignedBy>> {
        let reader = self.reader();
        let Some((checkpoint, bare)) = reader.note(cx).await? else { return Ok(None) };
        let (mut note, mut cosignatures, mut others) = (bare.clone(), Vec::new(), Vec::new());
        let identity = reader.identity().clone().with_witnesses(witnesses.iter().map(|(witness, _)| witness.clone()), 0);
        for (witness, client) in witnesses {
            let known = identity.cosignatures(&note).unwrap_or_default();
            if let Some(known) = known.into_iter().find(|it| it.witness == witness.name()) {
                cosignatures.push(known);
                continue;
            }
            match ask(cx, &reader, witness, &**client, &checkpoint, &note).await {
                Ok((line, cosignature)) => {
                    note += &line;
                    cosignatures.push(cosignature);
                }
                Err(why) => others.push((witness.name().to_owned(), why)),
            }
        }
        let identity = reader.identity().clone().with_witnesses(witnesses.iter().map(|(witness, _)| witness.clone()), needed);
        if let Err(error) = identity.verify(&note) {
            let reasons: Vec<_> = others.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            let why = format!("{error} ({})", reasons.join("; "));
            let error = Error::new(ErrorKind::Unavailable, "have a checkpoint cosigned").on(identity.origin()).because(why);
            return Err(error.advise("see to the witnesses that did not cosign; one that has seen another log has found a fork"));
        }
        let is_published = note == bare || self.publish_cosigned(cx, &bare, &note).await?;
        Ok(Some(CosignedBy { checkpoint, note, cosignatures, others, is_published }))
    }

    /// Puts a note in the place of the one that was cosigned, and of no other.
    async fn publish_cosigned(&self, cx: &OpContext, bare: &str, note: &str) -> Result<bool> {
        let (key, cx) = (named(tile::checkpoint_key())?, cx.part("cosigned checkpoint"));
        let there = self.bucket.read_version(&cx, &key).await?;
        let Some((_, version)) = there.filter(|(there, _)| there == bare.as_bytes()) else { return Ok(false) };
        match self.bucket.replace(&cx, &key, &version, note.as_bytes().to_vec()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            replaced => replaced.map(|()| true),
        }
    }
}

/// The line of a witness below a note, and what it says; else why there is none. A witness says how far it is where that is not
/// known, and is asked once more then.
async fn ask(
    cx: &OpContext,
    log: &LogReader,
    witness: &Witness,
    client: &dyn WitnessClient,
    checkpoint: &Checkpoint,
    note: &str,
) -> std::result::Result<(String, Cosignature), String> {
    let mut old = 0;
    for _ in 0..2 {
        let proof = log.grown(cx, old, checkpoint.size).await.map_err(|error| error.to_string())?;
        let body = CosignatureRequest { old, proof, note }.to_string();
        let cx = &cx.part(&format!("witness {} {old}", witness.name()));
        let answer = client.add_checkpoint(cx, &body).await.map_err(|error| error.to_string())?;
        match answer.said() {
            WitnessSaid::Cosigned(lines) => {
                return witness
                    .of_answer(note, &lines)
                    .ok_or_else(|| "its answer has no cosignature of its own that is of this checkpoint".to_owned());
            }
            WitnessSaid::HasSeen(size) if size > checkpoint.size => {
                let why = format!("it has seen {size} leaves, and the log has {}: it was cut back", checkpoint.size);
                return Err(why);
            }
            WitnessSaid::HasSeen(size) => old = size,
            WitnessSaid::Refused(why) => return Err(why),
            _ => return Err("its answer has a meaning that this version does not know".to_owned()),
        }
    }
    Err("it says another time that it has seen another size".to_owned())
}
