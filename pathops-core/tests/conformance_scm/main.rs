//! The in-memory forge passes the kit for Git hosts; with one planted defect it fails exactly the cases that name it;
//! and callers who follow the rules come to the same end under faults.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use pathops_core::adapter::ScmCapabilities;
use pathops_core::conformance::{failures, merge, scm};
use pathops_core::memory::MemoryForge;

mod defects;
mod faults;
mod fixture;

use fixture::Memory;

fn main() -> ExitCode {
    let all = MemoryForge::CAPABILITIES;
    let mut trials = scm::trials(Arc::new(Memory::plain(all)), all);
    trials.extend(merge::trials(Arc::new(Memory::plain(all))));
    trials.push(Trial::test("a_forge_that_offers_nothing_passes_too", || {
        let mut nothing = ScmCapabilities::default();
        nothing.draft_marks = &["draft:"];
        let failed = failures(&scm::cases(nothing), &scm::worlds(Arc::new(Memory::plain(nothing))));
        if failed.is_empty() { Ok(()) } else { Err(format!("{failed:#?} failed").into()) }
    }));
    trials.extend(defects::trials());
    trials.extend(faults::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
