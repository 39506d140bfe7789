//! Argo CD: the conformance kit on a fake cluster with a fake Argo CD, and what goes wrong between them and the adapter.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]
#![expect(clippy::disallowed_methods, reason = "the fakes take real time")]

mod beside;
mod children;
mod controller;
#[path = "../argo_schedules/crd.rs"]
#[cfg_attr(not(feature = "kubernetes"), expect(dead_code, reason = "some of it is for other tests"))]
mod crd;
#[path = "../desired_state/mod.rs"]
mod desired_state;
mod faults;
mod many;
#[cfg(feature = "kubernetes")]
mod pods;
mod rights;
mod scene;
#[cfg(feature = "kubernetes")]
#[path = "../argo_schedules/schedule.rs"]
mod schedule;
#[cfg(feature = "kubernetes")]
mod schedules;
mod shapes;
#[path = "../trial/mod.rs"]
mod trial;
mod verdicts;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use pathops_core::adapter::GitOpsCapabilities;
use pathops_core::conformance::gitops;
use trial::trial;
use world::{Conformance, Way};

fn main() -> ExitCode {
    // The test about memory is measured in a process of its own.
    if std::env::args().nth(1).as_deref() == Some(many::CHILD) {
        many::child();
        return ExitCode::SUCCESS;
    }
    let mut offers = GitOpsCapabilities::default();
    (offers.refresh, offers.jobs) = (true, true);
    let suite = |way: Way, watching: bool| {
        let fresh = gitops::worlds(Arc::new(Conformance { way, watching }));
        let prefix = format!("{way:?}{}", if watching { "_watching" } else { "" }).to_lowercase();
        let cases = gitops::cases(offers).into_iter();
        cases.map(move |case| {
            let fresh = fresh.clone();
            Trial::test(format!("{prefix}::{}", case.name()), move || case.check(&fresh).map_err(Failed::from))
        })
    };
    let mut trials: Vec<Trial> = suite(Way::Kubernetes, true).collect();
    trials.extend(suite(Way::Server, true));
    trials.extend(suite(Way::Annotation, false));
    trials.extend(faults::trials());
    trials.extend(verdicts::trials());
    trials.extend(rights::trials());
    trials.extend(shapes::trials());
    trials.extend(many::trials());
    trials.extend(beside::trials());
    trials.extend(children::trials());
    #[cfg(feature = "kubernetes")]
    trials.extend(pods::trials().into_iter().chain(schedules::trials()));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
