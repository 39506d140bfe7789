//! Looking at Git: one loop reads all branches and hands on what changed.

use std::sync::Arc;

use pathops_core::UnixMillis;
use tokio::sync::watch;

use super::board::Board;
use super::git::{Repositories, Snapshot};
use super::ports::Addresses;
use super::{Shared, Watched, plan};

/// Looking takes at most one part in so many of the time.
const COST: u32 = 20;

/// What a unit's branch asks for; the outer `None` before the first look, the inner one without such a branch.
pub(super) type Desired = Option<Option<Arc<Snapshot>>>;

/// One branch that is looked at.
pub(super) struct Branch {
    watched: Watched,
    board: Arc<Board>,
    desired: watch::Sender<Desired>,
    port: Option<u16>,
    unreadable: bool,
}

impl Branch {
    pub(super) fn new(watched: Watched, board: Arc<Board>) -> (Self, watch::Receiver<Desired>) {
        let (desired, receiver) = watch::channel(None);
        (Self { watched, board, desired, port: None, unreadable: false }, receiver)
    }

    fn known(&self) -> Desired {
        self.desired.borrow().clone()
    }

    /// A look that failed is none: what runs stays, and the time of the last look tells that it is old.
    fn note(&mut self, at: UnixMillis, found: &Found) {
        match found {
            Ok(found) if self.known().as_ref() != Some(found) => {
                self.port = found.as_ref().and_then(|found| plan::declared_port(found, &self.watched.target.path));
            }
            Ok(_) => {}
            Err(reason) if !self.unreadable => self.board.event(at, "LookFailed", reason.clone()),
            Err(_) => {}
        }
        self.unreadable = found.is_err();
    }

    fn hand_on(&self, at: UnixMillis, found: Found) {
        let Ok(found) = found else { return };
        self.board.looked(at, found.clone());
        let found = Some(found);
        self.desired.send_if_modified(|known| {
            let changed = *known != found;
            *known = found;
            changed
        });
    }
}

type Found = Result<Option<Arc<Snapshot>>, String>;

/// The loop. Ends when the future is dropped, and with it the branches: that tells the units to stop.
pub(super) async fn watch(shared: &Arc<Shared>, mut branches: Vec<Branch>) {
    let mut repositories = Repositories::new(shared.config.repositories.clone());
    let mut declared = Addresses::new();
    loop {
        let began = shared.clock.now();
        let known: Vec<Desired> = branches.iter().map(Branch::known).collect();
        let reading = shared.clone();
        let read = tokio::task::spawn_blocking(move || {
            let units = reading.config.watched.iter().zip(known);
            let look = |(unit, known): (&Watched, Desired)| repositories.look(&unit.repo, &unit.target, known.flatten().as_ref());
            let found: Vec<Found> = units.map(look).collect();
            (repositories, found)
        });
        let Ok((back, found)) = read.await else { return };
        repositories = back;
        for (branch, found) in branches.iter_mut().zip(&found) {
            branch.note(began, found);
        }
        // Ports first: whoever is told of a new desired state sees the addresses that go with it.
        let ports = branches.iter().filter_map(|branch| Some((branch.watched.place(), branch.port?))).collect();
        if declared != ports {
            declare(shared, ports.clone()).await;
            declared = ports;
        }
        for (branch, found) in branches.iter().zip(found) {
            branch.hand_on(began, found);
        }
        let took = shared.clock.now().since(began);
        tokio::select! {
            () = shared.clock.sleep(shared.config.poll.max(took * COST)) => {}
            () = shared.wake.notified() => {}
        }
    }
}

async fn declare(shared: &Arc<Shared>, ports: Addresses) {
    let writing = shared.clone();
    let declared = tokio::task::spawn_blocking(move || writing.ports.declare(ports)).await;
    if let Ok(Err(error)) = declared {
        tracing::error!(%error, "the ports cannot be saved: picked ones would change with a restart");
    }
}
