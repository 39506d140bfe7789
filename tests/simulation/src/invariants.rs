//! What has to hold, one invariant a file. Each sees every step as soon as it is made, and the end.
//!
//! An invariant holds what PathOps does against [`Truth`]: what the reference adapters keep and what their scripts have done.
//! It takes no adapter's word, for that may be the planted bug. To add one: a file here that implements [`Invariant`], a line
//! in [`all`], and a planted bug that it finds.

mod archive_keeps;
mod deliveries_are_handled;
mod i10_agents_hold_no_credential;
mod i11_the_uncovered_is_refused;
mod i1_production_needs_a_grant;
mod i2_people_approve_and_merge;
mod i3_evidence_is_kept;
mod i4_only_a_pass_is_a_pass;
mod i5_decisions_replay;
mod i6_effects_happen_once;
mod i7_the_truth_is_read_back;
mod i8_no_secret_gets_out;
mod i9_time_comes_from_the_host;
mod in_order;
mod incident_runs;
mod incidents_stop_promotions;
mod journals_replay;
mod lifecycles;
mod one_at_a_time;
mod what_is_told_is_heard;

pub use lifecycles::lifecycles_are_kept;

use pathops_coordinator::change_set::State;

use crate::step::Step;
use crate::truth::Truth;

/// The name of what is held at the end, and of what does not come to one.
pub(crate) const AT_THE_END: &str = "in order at the end";

/// Nothing, or what is wrong.
pub(crate) type Found = Result<(), String>;

/// Something that has to hold.
pub(crate) trait Invariant: Send {
    /// As in the design: `i1 production needs a grant`.
    fn name(&self) -> &'static str;

    /// Something has happened.
    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found;

    /// Everything is calm, and every change set has ended, and every incident.
    fn end(&mut self, truth: &Truth, states: &[State]) -> Found {
        let _ = (truth, states);
        Ok(())
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(i1_production_needs_a_grant::Granted::default()),
        Box::new(i2_people_approve_and_merge::People),
        Box::new(i3_evidence_is_kept::Evidence::default()),
        Box::new(i4_only_a_pass_is_a_pass::Passes),
        Box::new(i5_decisions_replay::Replays::default()),
        Box::new(i6_effects_happen_once::Once::default()),
        Box::new(i7_the_truth_is_read_back::Truths),
        Box::new(i8_no_secret_gets_out::Secrets),
        Box::new(i9_time_comes_from_the_host::Instants),
        Box::new(i10_agents_hold_no_credential::Agents),
        Box::new(i11_the_uncovered_is_refused::Covered),
        Box::new(what_is_told_is_heard::Heard::default()),
        Box::new(one_at_a_time::OneAtATime::default()),
        Box::new(archive_keeps::Archive::default()),
        Box::new(deliveries_are_handled::Deliveries),
        Box::new(incidents_stop_promotions::Stopped),
        Box::new(incident_runs::Runs::default()),
        Box::new(in_order::InOrder),
        Box::new(journals_replay::SameAgain),
    ]
}

/// Fails with words where something does not hold.
macro_rules! holds {
    ($holds:expr, $($why:tt)*) => {
        if !$holds {
            return Err(format!($($why)*));
        }
    };
}
use holds;
