//! The project that the meta repository declares is read again only where that has changed, however often it is looked at.

use std::sync::Arc;
use std::time::Duration;

use pathops_coordinator::ControlPlane;
use pathops_core::ErrorKind;
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};

use crate::governance::declare;
use crate::world::{World, id, wait};

/// A host whose reads of the meta repository are counted.
struct Host {
    world: World,
    faults: Arc<Faults>,
    plane: ControlPlane,
}

impl Host {
    fn new() -> Self {
        let world = World::new(MemoryJournal::new());
        let faults = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::ZERO), When::Always);
        let faults = Arc::new(faults);
        let plane = world.through(&faults).plane();
        Self { world, faults, plane }
    }

    /// How many folders and files are read by looking at the project once.
    fn reads(&self, look: impl FnOnce(&ControlPlane)) -> (usize, usize) {
        let before = self.faults.hits().len();
        look(&self.plane);
        let hits = self.faults.hits();
        let many = |what: &str| hits[before..].iter().filter(|hit| hit.operation == what).count();
        (many("read a folder's files"), many("read a file"))
    }

    fn intent(&self, unit: &str) -> String {
        wait(self.plane.project()).unwrap().units[&id(unit)].intent.clone().unwrap()
    }
}

#[test]
fn what_is_declared_is_read_again_only_where_it_has_changed() {
    let host = Host::new();
    let look = |plane: &ControlPlane| drop(wait(plane.project()).unwrap());
    let (folders, files) = host.reads(look);
    assert_eq!(folders, 3, "apps, components and contracts");
    assert_eq!(host.reads(look), (0, 0), "the same commit");

    declare(&host.world, "main", "change-sets/one.json", "{}");
    assert_eq!(host.reads(look), (0, files), "what lies beside is not declared");
    declare(&host.world, "main", "stops/.gitkeep", "");
    assert_eq!(host.reads(look).0, 1, "a folder that was not there");

    let app = crate::governance::file(&host.world, "apps/orders.yaml").unwrap();
    declare(&host.world, "main", "apps/orders.yaml", &app.replace("It is wanted.", "It is wanted more."));
    assert_eq!(host.reads(look).0, 1, "the apps");
    assert!(host.intent("orders").contains("wanted more"));
    assert!(!host.intent("web").contains("wanted more"));
}

/// What is wrong stays wrong until somebody mends it, and is then seen to be right.
#[test]
fn a_mistake_is_found_once_and_is_over_when_it_is_mended() {
    let host = Host::new();
    let app = crate::governance::file(&host.world, "apps/orders.yaml").unwrap();
    declare(&host.world, "main", "apps/orders.yaml", &app.replace("owner: alice", "owner: nobody-here"));
    let refused = |plane: &ControlPlane| {
        let error = wait(plane.project()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("nobody-here"), "{error}");
    };
    assert_ne!(host.reads(refused).0, 0);
    assert_eq!(host.reads(refused), (0, 0));
    declare(&host.world, "main", "apps/orders.yaml", &app);
    wait(host.plane.project()).unwrap();
}
