//! Driving every run that nobody drives.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use pathops_core::adapter::Lease;
use pathops_core::flow::{Hosted, Machines};
use pathops_core::{Error, ErrorKind, Result, RunId};

use crate::engine::{Embedded, LEASE, context};
use crate::retry::with_retry;

/// How many runs are claimed by one call of the journal.
const PAGE: usize = 64;

/// What came of what goes on beside each other. Nothing is waited for alone: a run that is in the middle of a call of the journal must not
/// stand still while a claim waits for that very call to end.
enum Came<'m> {
    Claimed(Result<Vec<(&'m Arc<dyn Hosted>, Lease)>>),
    Woken,
    Paused,
    Ended(Driven<'m>),
}

impl Embedded {
    pub(super) async fn drive_all(&self, machines: &Machines) -> Result<()> {
        let mut all = FuturesUnordered::new();
        let (mut driven, mut looks, mut claims, mut pauses) = (BTreeSet::new(), true, false, false);
        all.push(self.woken().map(|()| Came::Woken).boxed());
        loop {
            if self.drains() && driven.is_empty() {
                return Ok(());
            }
            if looks && !claims {
                (looks, claims) = (false, true);
                all.push(self.claim_all(machines).map(Came::Claimed).boxed());
            }
            if !pauses {
                pauses = true;
                all.push(self.clock.sleep(self.pause).map(|()| Came::Paused).boxed());
            }
            match all.next().await {
                None => {}
                Some(Came::Woken) => {
                    looks = true;
                    all.push(self.woken().map(|()| Came::Woken).boxed());
                }
                Some(Came::Paused) => (looks, pauses) = (true, false),
                Some(Came::Claimed(claimed)) => {
                    claims = false;
                    for (machine, lease) in claimed? {
                        let run = run_of(&lease)?;
                        if driven.insert(run.clone()) {
                            all.push(self.drive_claimed(machine, run, lease).map(Came::Ended).boxed());
                        }
                    }
                }
                Some(Came::Ended((machine, run, Err(error)))) if !self.drains() => {
                    tracing::warn!(run = %run, error = %error, "a run stands still; it is tried again");
                    all.push(self.drive_again(machine, run).map(Came::Ended).boxed());
                }
                Some(Came::Ended((_, run, _))) => {
                    looks = true;
                    driven.remove(&run);
                }
            }
        }
    }

    /// Ends when there may be something new to claim, and where the journal does not tell, never. A run that was told something by
    /// another process hears it meanwhile.
    async fn woken(&self) {
        while let Some(run) = self.journal.woken().await {
            self.bells.ring(&run);
        }
    }

    /// Takes every run that nobody drives, page by page.
    async fn claim_all<'m>(&self, machines: &'m Machines) -> Result<Vec<(&'m Arc<dyn Hosted>, Lease)>> {
        let mut all = Vec::new();
        for machine in machines.iter() {
            let (name, cx) = (machine.machine(), context(machine.machine(), "claim"));
            while !self.drains() {
                let claim = || self.journal.claim(&cx, name, &self.owner, self.clock.now(), LEASE, PAGE);
                let page = with_retry(&*self.clock, claim).await?;
                let is_last = page.len() < PAGE;
                all.extend(page.into_iter().map(|lease| (machine, lease)));
                if is_last {
                    break;
                }
            }
        }
        Ok(all)
    }

    async fn drive_claimed<'m>(&self, machine: &'m Arc<dyn Hosted>, run: RunId, lease: Lease) -> Driven<'m> {
        let driven = self.drive_under(machine, &run, lease).await.map(drop);
        (machine, run, driven)
    }

    /// After a while; and not where another process has taken it over meanwhile.
    async fn drive_again<'m>(&self, machine: &'m Arc<dyn Hosted>, run: RunId) -> Driven<'m> {
        self.clock.sleep(self.pause).await;
        match self.acquire(run.as_str()).await {
            Ok(Some(lease)) => self.drive_claimed(machine, run, lease).await,
            Ok(None) => (machine, run, Ok(())),
            Err(error) => (machine, run, Err(error)),
        }
    }
}

type Driven<'m> = (&'m Arc<dyn Hosted>, RunId, Result<()>);

/// The run that a claimed lease is of.
fn run_of(lease: &Lease) -> Result<RunId> {
    RunId::parse(&lease.name).map_err(|error| Error::new(ErrorKind::Corrupt, "claim a run").on(&lease.name).because(error))
}
