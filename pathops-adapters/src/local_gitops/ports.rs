//! Which port each unit has in each environment: the declared one, or one that was picked once and is kept.
//!
//! Every watched unit has one from the start, so that others can be told where it will answer before it is up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pathops_core::{Digest, EnvironmentId, UnitId};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::state;

/// A unit in an environment.
pub(super) type Place = (EnvironmentId, UnitId);
/// Where each unit answers.
pub(super) type Addresses = BTreeMap<Place, u16>;

/// The ports of all watched units.
#[derive(Debug)]
pub(super) struct Ports {
    file: PathBuf,
    known: Mutex<Known>,
    addresses: watch::Sender<Addresses>,
}

#[derive(Debug, Default)]
struct Known {
    picked: Addresses,
    declared: Addresses,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    ports: BTreeMap<EnvironmentId, BTreeMap<UnitId, u16>>,
}

const FORMAT: u32 = 1;

impl Ports {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, known: Mutex::default(), addresses: watch::Sender::default() }
    }

    /// Takes the ports of earlier runs, and picks one for each place that has none.
    pub(super) fn open(&self, places: impl Iterator<Item = Place>) -> std::io::Result<()> {
        let stored: Option<Stored> = state::read(&self.file, FORMAT)?;
        let mut known = self.known();
        for (environment, units) in stored.map(|stored| stored.ports).unwrap_or_default() {
            known.picked.extend(units.into_iter().map(|(unit, port)| ((environment.clone(), unit), port)));
        }
        for place in places {
            if !known.picked.contains_key(&place) {
                let port = self.free_port(&known, &place)?;
                known.picked.insert(place, port);
            }
        }
        self.publish(&known)
    }

    /// Notes what the environments' settings declare now.
    pub(super) fn declare(&self, declared: Addresses) -> std::io::Result<()> {
        let mut known = self.known();
        if known.declared == declared {
            return Ok(());
        }
        known.declared = declared;
        self.publish(&known)
    }

    /// Picks another port for a place whose picked one is taken. `false` where the port is declared: that is not ours
    /// to change.
    pub(super) fn pick_again(&self, place: &Place) -> std::io::Result<bool> {
        let mut known = self.known();
        if known.declared.contains_key(place) {
            return Ok(false);
        }
        let port = self.free_port(&known, place)?;
        known.picked.insert(place.clone(), port);
        self.publish(&known).map(|()| true)
    }

    /// Where each unit answers, now and whenever it changes.
    pub(super) fn addresses(&self) -> watch::Receiver<Addresses> {
        self.addresses.subscribe()
    }

    fn publish(&self, known: &Known) -> std::io::Result<()> {
        let mut ports: BTreeMap<EnvironmentId, BTreeMap<UnitId, u16>> = BTreeMap::new();
        for ((environment, unit), port) in &known.picked {
            ports.entry(environment.clone()).or_default().insert(unit.clone(), *port);
        }
        state::write(&self.file, &Stored { format: FORMAT, ports })?;
        let mut addresses = known.picked.clone();
        addresses.extend(known.declared.clone());
        self.addresses.send_if_modified(|now| {
            let changed = *now != addresses;
            *now = addresses;
            changed
        });
        Ok(())
    }

    /// A port that nothing listens on and no other place has, below those that systems give to outgoing connections.
    /// The search begins at a place of its own, so that several reconcilers on one machine rarely meet.
    fn free_port(&self, known: &Known, (environment, unit): &Place) -> std::io::Result<u16> {
        const FIRST: u16 = 20_000;
        const COUNT: u16 = 12_000;
        let digest = Digest::of(format!("{}\n{environment}\n{unit}", self.file.display()).as_bytes());
        let start = digest.as_bytes().iter().take(2).fold(0_u16, |sum, byte| (sum << 8) | u16::from(*byte)) % COUNT;
        let taken: BTreeSet<u16> = known.picked.values().chain(known.declared.values()).copied().collect();
        let mut candidates = (start..COUNT).chain(0..start).map(|offset| FIRST + offset);
        let none = || std::io::Error::new(std::io::ErrorKind::AddrInUse, "no port from 20000 to 31999 is free");
        candidates.find(|port| !taken.contains(port) && is_free(*port)).ok_or_else(none)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a process could listen there now.
pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(unit: &str) -> Place {
        (EnvironmentId::parse("preflight").unwrap(), UnitId::parse(unit).unwrap())
    }

    #[test]
    fn ports_are_kept_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let ports = Ports::new(folder.path().join("ports.json"));
            ports.open([place("a"), place("b")].into_iter()).unwrap();
            ports
        };
        let first = open().addresses().borrow().clone();
        assert_ne!(first[&place("a")], first[&place("b")]);
        assert_eq!(*open().addresses().borrow(), first);
    }

    #[test]
    fn a_declared_port_goes_before_a_picked_one_and_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports::new(folder.path().join("ports.json"));
        ports.open([place("a")].into_iter()).unwrap();
        let picked = ports.addresses().borrow()[&place("a")];
        ports.declare(Addresses::from([(place("a"), 18081)])).unwrap();
        assert_eq!(ports.addresses().borrow()[&place("a")], 18081);
        assert!(!ports.pick_again(&place("a")).unwrap());
        ports.declare(Addresses::new()).unwrap();
        assert_eq!(ports.addresses().borrow()[&place("a")], picked);
        assert!(ports.pick_again(&place("a")).unwrap());
        assert_ne!(ports.addresses().borrow()[&place("a")], 18081);
    }
}
