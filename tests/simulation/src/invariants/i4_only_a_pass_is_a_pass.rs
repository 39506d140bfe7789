//! I4: what was promoted was built, tested, deployed and found good, lately, and exactly that. What failed, said nothing, is
//! about something else or has become old is no pass.

use pathops_coordinator::change_set::Role;
use pathops_coordinator::desired_state::{ARTIFACT, artifact_digest};
use pathops_core::adapter::CheckState;

use super::{Found, Invariant, holds};
use crate::shape::FRESH;
use crate::step::Step;
use crate::truth::{Place, Truth};

pub(super) struct Passes;

impl Invariant for Passes {
    fn name(&self) -> &'static str {
        "i4 only a pass is a pass"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        let Step::Posted { repo, commit, state: CheckState::Success, .. } = step else { return Ok(()) };
        let Some(proposed) = truth.proposing(repo, commit) else { return Ok(()) };
        let Some(place) = Place::of(repo, &proposed.head_branch) else { return Ok(()) };
        let unit = &place.unit;
        let tried = truth.rolled(unit, false).ok_or_else(|| format!("{unit} was never tried in preflight"))?;
        let files = truth.files(repo, commit, "environments/production");
        let wanted = files.iter().find(|(path, _)| path.as_str().ends_with(ARTIFACT)).and_then(|(_, file)| artifact_digest(file));
        holds!(wanted == tried.artifact, "{unit}: what is proposed for production is not what was tried in preflight");
        holds!(tried.passes, "{unit} failed in preflight, or nothing was checked there");
        if let Some(artifact) = wanted {
            let records = truth.records.lock().unwrap();
            let built = records.built.get(&artifact).ok_or_else(|| format!("{unit}: nobody built {artifact}"))?;
            holds!(built.unit == *unit, "{unit} gets what was built of {}", built.unit);
            holds!(built.passed, "{unit} did not pass its tests");
        }
        // A clock that was set back makes evidence look younger than it is, for as long as it was set back.
        let offsets = truth.records.lock().unwrap().offsets.clone();
        let jumped = !offsets.is_empty();
        let age = truth.elapsed().saturating_sub(tried.at);
        let young = jumped || place.role == Role::Restore || truth.seen_lately(unit, FRESH);
        holds!(young, "{unit} was tried {} s ago, and nobody has looked since", age.as_secs());
        Ok(())
    }
}
