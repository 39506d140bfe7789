//! Flux: the conformance kit on a fake cluster with fake controllers, and what goes wrong between them and the adapter.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]
#![expect(clippy::disallowed_methods, reason = "the fakes take real time")]

#[path = "../desired_state/mod.rs"]
mod desired_state;
mod objects;
mod reading;
mod refreshing;
mod rights;
mod scene;
#[path = "../trial/mod.rs"]
mod trial;
mod under_way;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use pathops_core::adapter::GitOpsCapabilities;
use pathops_core::conformance::gitops;
use trial::trial;
use world::{Conformance, Way};

fn main() -> ExitCode {
    let suite = |way: Way| {
        let mut offers = GitOpsCapabilities::default();
        offers.refresh = way == Way::Annotation;
        let fresh = gitops::worlds(Arc::new(Conformance { way }));
        gitops::cases(offers).into_iter().map(move |case| {
            let fresh = fresh.clone();
            let name = format!("{way:?}::{}", case.name()).to_lowercase();
            Trial::test(name, move || case.check(&fresh).map_err(Failed::from))
        })
    };
    let mut trials: Vec<Trial> = suite(Way::Annotation).collect();
    trials.extend(suite(Way::Interval));
    trials.extend(objects::trials());
    trials.extend(reading::trials());
    trials.extend(refreshing::trials());
    trials.extend(under_way::trials());
    trials.extend(rights::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
