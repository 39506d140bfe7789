//! One schedule of everything that can happen at once, and what is true of it.

#[path = "controller.rs"]
pub(crate) mod controller;
#[path = "rest.rs"]
mod rest;

use std::time::Duration;

use pathops_core::adapter::IdSource as _;
use pathops_core::memory::SeededIds;

use controller::{BROKEN, Commit, Controller, Kind, OURS, Tree};

pub(crate) use rest::{Answer, Overdue};

pub(crate) const REPO: &str = "https://git.example/shop/orders-gitops";

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}

/// The same numbers for the same seed.
pub(crate) struct Random(SeededIds);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededIds::new(seed))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        u64::try_from(self.0.fresh() % u128::from(bound)).unwrap()
    }

    pub(crate) fn tree(&mut self) -> Tree {
        u8::try_from(self.below(4)).unwrap()
    }
}

/// One schedule: what we expect, the controller, and when we asked.
pub(crate) struct Schedule {
    random: Random,
    pub(crate) argo: Controller,
    pub(crate) expected: Commit,
    pub(crate) with_hooks: bool,
    pub(crate) settle: Duration,
    pub(crate) requested_at: i64,
}

impl Schedule {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut argo = Controller::new();
        for _ in 0..=random.below(3) {
            argo.branch.push(random.tree());
        }
        let settle = [Duration::ZERO, Duration::from_secs(3)][usize::try_from(random.below(2)).unwrap()];
        let (with_hooks, expected, requested_at) = (random.below(2) == 0, argo.head(), argo.now);
        argo.refresh = true;
        Self { random, argo, expected, with_hooks, settle, requested_at }
    }

    pub(crate) fn tree(&self) -> Tree {
        self.argo.branch[self.expected]
    }

    /// Something happens.
    pub(crate) fn step(&mut self) {
        self.argo.now += i64::from([0, 1, 200, 999, 1_500][usize::try_from(self.random.below(5)).unwrap()]);
        let argo = &mut self.argo;
        match self.random.below(26) {
            0..=4 => argo.begin_comparison(),
            5..=9 => argo.end_comparison(),
            10 | 11 => {
                argo.sync_if_needed();
            }
            12 | 13 => argo.begin_operation(),
            14 | 15 => {
                let (rollout, pass) = (i64::try_from(self.random.below(2_500)).unwrap(), self.random.below(4) > 0);
                argo.end_operation(rollout, pass);
            }
            16 => {
                let tree = if self.random.below(6) == 0 { BROKEN } else { self.random.tree() };
                argo.branch.push(tree);
            }
            17 => argo.degrade(self.random.below(2) == 0),
            18 => argo.meddle(self.random.tree()),
            19 => argo.request(Kind::Selective, argo.head()),
            20 => {
                let any = usize::try_from(self.random.below(argo.branch.len() as u64)).unwrap();
                argo.request([Kind::DryRun, Kind::Whole][any % 2], any);
            }
            21 => argo.restart(),
            22 => argo.outage = !argo.outage,
            23 => argo.fall_behind(),
            24 => argo.arrive_late(),
            _ => argo.path = if argo.path == OURS { "envs/other" } else { OURS },
        }
    }

    /// Whether it was true at the comparison that all this was read from.
    pub(crate) fn was_ready(&self) -> bool {
        let truth = self.argo.truth;
        // As far as comparisons have seen it: what comes and goes between two of them is never known.
        let since = truth.healthy_since.max(self.argo.operated_at());
        let settled = since.is_some_and(|since| truth.looked_at - since >= millis(self.settle));
        let tested = || truth.tested.is_some_and(|it| it >= self.expected && self.argo.branch[it] == self.tree());
        truth.looked_at > self.requested_at
            && truth.tree == Some(self.tree())
            && truth.healthy
            && settled
            && !self.argo.failed_at(self.tree())
            && !self.argo.tests_failed()
            && !self.argo.last_was_dry_run()
            && (!self.with_hooks || tested())
    }
}
