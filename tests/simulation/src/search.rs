//! Many seeds, on every core.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::bug::Bug;
use crate::run::{Run, simulate};

/// What became of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    /// How many were run.
    pub seeds: u64,
    /// How many calls of adapters were made.
    pub calls: u64,
    /// How many change sets ended in which way.
    pub ends: BTreeMap<String, u64>,
    /// The lowest seed in which something was found.
    pub found: Option<Run>,
}

/// Runs seeds until one finds something, on every core. Of several that find something, the lowest is told; so the answer does
/// not depend on which core was faster.
///
/// # Panics
/// Where a simulated system cannot go on: a mistake of the simulation.
#[must_use]
pub fn search(seeds: Range<u64>, bug: Option<Bug>) -> Searched {
    let (next, end) = (AtomicU64::new(seeds.start), AtomicU64::new(seeds.end));
    let searched = Mutex::new(Searched::default());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= end.load(Ordering::SeqCst) {
                        return;
                    }
                    let run = simulate(seed, bug);
                    let mut searched = searched.lock().unwrap();
                    searched.seeds += 1;
                    searched.calls += run.calls;
                    run.ends.iter().for_each(|how| *searched.ends.entry(how.clone()).or_default() += 1);
                    if run.violation.is_some() {
                        // Whoever is at a lower seed may still find something there.
                        end.fetch_min(seed, Ordering::SeqCst);
                        let lowest = searched.found.as_ref().is_none_or(|found| seed < found.seed);
                        if lowest {
                            searched.found = Some(run);
                        }
                    }
                }
            });
        }
    });
    searched.into_inner().unwrap()
}
