//! Snapshots that were begun and that nobody ends any more: a death of the process is signed, too.

use std::collections::BTreeSet;
use std::time::Duration;

use pathops_core::evidence::Occasion;
use pathops_core::{IdempotencyKey, Result};
use pathops_evidence::{EvidenceRecord, Leftover, Purpose};

use crate::control_plane::{ControlPlane, context, run_id};

/// How long a collection is left to whoever has begun it, beside four times the patience that its sources are given: another host may be
/// busy with it, although its change set has ended or its incident is closed meanwhile.
const LEFT_ALONE: Duration = Duration::from_secs(900);

/// What came of the snapshots that were begun and have no number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// Those that nobody ends any more: snapshots in which everything is absent.
    pub signed: Vec<EvidenceRecord>,
    /// How many are still left: a change set or an open incident goes on with them, or they were begun a short time ago.
    pub left: usize,
}

impl ControlPlane {
    /// Signs a snapshot of each collection that a process has begun and died over, and that no operation will take up again: its change
    /// set has ended, or its incident is closed. Everything is absent from it, with that as the reason. One that was begun less than a
    /// quarter of an hour ago is left to another host, which may be busy with it; where such a host ends it later all the same, it is
    /// the snapshot that was signed here, and none is there twice. [`ControlPlane::run`] does this at its start, and again while
    /// something is left.
    ///
    /// What an earlier version has begun does not say what it was to be of: it is logged, and left as it is.
    ///
    /// # Errors
    /// `Corrupt` where somebody has changed a stream; `Invalid` where the project has mistakes and incidents are among what is left; what
    /// the bucket, the journal and the Git host answer.
    pub async fn give_up_snapshots(&self) -> Result<GivenUp> {
        let services = self.services();
        let left = services.streams.leftovers(&context("leftovers")).await?;
        let is_of_incident = |it: &Leftover| it.purpose().is_some_and(|it| it.occasion == Occasion::Incident);
        let open = if left.iter().any(is_of_incident) { self.open_incidents_by_key().await? } else { BTreeSet::new() };
        let (mut given_up, mut nobodys) = (GivenUp::default(), Vec::new());
        for it in left {
            match it.purpose() {
                None => {
                    tracing::warn!(stream = %it.stream(), key = %it.key(), "a snapshot was begun by an earlier version and never ended; what it was to be of is not known");
                }
                Some(purpose) if self.goes_on(&it, purpose, &open).await? => given_up.left += 1,
                Some(purpose) => nobodys.push((purpose.clone(), it)),
            }
        }
        if nobodys.is_empty() {
            return Ok(given_up);
        }
        // What went on when it was found, and had ended when that was asked, has its snapshot by now.
        let still = services.streams.leftovers(&context("leftovers")).await?;
        for (purpose, it) in nobodys.iter().filter(|(_, it)| still.contains(it)) {
            match services.streams.give_up(it, services.clock.now()).await {
                Ok(record) => {
                    tracing::warn!(stream = %it.stream(), change_set = %purpose.change_set, occasion = %purpose.occasion, "a snapshot was begun and never ended: it is signed with everything absent");
                    given_up.signed.extend(record);
                }
                Err(error) => {
                    tracing::warn!(stream = %it.stream(), %error, "a snapshot that nobody ends is not signed yet");
                    given_up.left += 1;
                }
            }
        }
        Ok(given_up)
    }

    /// Whether somebody will end it, or may be about to.
    async fn goes_on(&self, it: &Leftover, purpose: &Purpose, open: &BTreeSet<IdempotencyKey>) -> Result<bool> {
        let services = self.services();
        let patience = services.collect_limits.patience.saturating_mul(4).saturating_add(LEFT_ALONE);
        if services.clock.now().since(purpose.window.until) < patience {
            return Ok(true);
        }
        Ok(match purpose.occasion {
            Occasion::Incident => open.contains(it.key()),
            Occasion::Deployed | Occasion::Failed | Occasion::Recovered => {
                self.load(&run_id(&purpose.change_set)?).await?.is_some_and(|run| !run.ended)
            }
        })
    }

    /// Does it, and says whether it is to be done again.
    pub(crate) async fn gives_up_snapshots(&self) -> bool {
        match self.give_up_snapshots().await {
            Ok(GivenUp { left, .. }) => left > 0,
            Err(error) => {
                tracing::warn!(%error, "there may be snapshots that were begun and never ended");
                true
            }
        }
    }
}
