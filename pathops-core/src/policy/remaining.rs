//! The least that would let a decision pass.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::RequirementId;
use crate::policy::evaluate::Case;
use crate::policy::{Missing, RequirementResult, Verdict};
use crate::time::UnixMillis;

/// How many sets are tried in the search for a smallest one.
const MAX_TRIES: u32 = 5_000;

/// How many times what has to be waited for ends in something else that has to be waited for.
const MAX_WAITS: u32 = 16;

/// What would let a decision pass, if all of it came and nothing else changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Remaining {
    /// What has to come. Where others could give the same, one of them stands for all.
    pub steps: Vec<Step>,
    /// Not before this instant.
    pub not_before: Option<UnixMillis>,
    /// Whether it is known that fewer steps would not do.
    pub is_smallest: bool,
    /// Requirements for which nothing is known that would help, or too few people could. While there are any, the steps are
    /// not enough.
    pub without_a_way: Vec<RequirementId>,
}

/// One thing that has to come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// What.
    pub what: String,
    /// From whom; `None` where nobody can be named.
    pub from: Option<String>,
}

/// What a requirement needs: so many of these steps, whichever.
struct Demand {
    count: usize,
    steps: Vec<Step>,
}

impl Remaining {
    /// What remains; `None` where nothing stands in the way. Where time has to pass, it is what remains when that is over: by
    /// then evidence may be too old that is good enough now.
    pub(super) fn of(case: &Case<'_>, now: &[RequirementResult]) -> Option<Self> {
        blocking(now).next()?;
        let earliest = |results: &[RequirementResult]| blocking(results).filter_map(|it| it.earliest).max();
        let (mut at, mut not_before, mut later) = (case.at, earliest(now), None);
        for _ in 0..MAX_WAITS {
            let Some(until) = not_before.filter(|until| *until > at) else { break };
            let then = case.moved_to(until).requirements();
            (at, not_before, later) = (until, earliest(&then).max(not_before), Some(then));
        }
        Some(Self::after_that(later.as_deref().unwrap_or(now), not_before))
    }

    fn after_that(requirements: &[RequirementResult], not_before: Option<UnixMillis>) -> Self {
        let (mut demands, mut without_a_way) = (Vec::new(), Vec::new());
        for requirement in blocking(requirements) {
            let (possible, impossible): (Vec<_>, Vec<_>) =
                requirement.all_missing().map(Demand::of).partition(|demand| demand.steps.len() >= demand.count);
            let helps = !possible.is_empty() || requirement.stale || requirement.earliest.is_some();
            if !helps || !impossible.is_empty() {
                without_a_way.push(requirement.id.clone());
            }
            demands.extend(possible);
        }
        let (mut steps, is_smallest) = smallest(&demands);
        steps.sort_unstable();
        Self { steps: steps.into_iter().cloned().collect(), not_before, is_smallest, without_a_way }
    }
}

fn blocking(requirements: &[RequirementResult]) -> impl Iterator<Item = &RequirementResult> {
    requirements.iter().filter(|it| it.counts() && it.verdict != Verdict::Pass)
}

impl Demand {
    fn of(missing: &Missing) -> Self {
        let step = |from: Option<&String>| Step { what: missing.what.clone(), from: from.cloned() };
        let steps = match missing.from.as_slice() {
            [] if !missing.by_people => vec![step(None)],
            from => from.iter().map(|who| step(Some(who))).collect(),
        };
        Self { count: usize::try_from(missing.count).unwrap_or(usize::MAX), steps }
    }

    fn is_met(&self, by: &[&Step]) -> bool {
        self.steps.iter().filter(|step| by.contains(step)).count() >= self.count
    }
}

/// A smallest set of steps that meets every demand, and whether it is known to be one. A hitting set: in general there is
/// no better way than to try, so the search is bounded; what it then falls back on takes what helps with most first, as long
/// as something is open.
fn smallest(demands: &[Demand]) -> (Vec<&Step>, bool) {
    // Where all of them are needed there is nothing to choose.
    let forced = demands.iter().filter(|demand| demand.steps.len() == demand.count).flat_map(|demand| &demand.steps);
    let mut certain: Vec<&Step> = forced.collect();
    certain.sort_unstable();
    certain.dedup();
    let open: Vec<&Demand> = demands.iter().filter(|demand| !demand.is_met(&certain)).collect();
    if open.is_empty() {
        return (certain, true);
    }
    // What helps with more comes first.
    let mut helps: BTreeMap<&Step, usize> = BTreeMap::new();
    for step in open.iter().flat_map(|demand| &demand.steps).filter(|step| !certain.contains(step)) {
        *helps.entry(step).or_default() += 1;
    }
    let mut steps: Vec<&Step> = helps.keys().copied().collect();
    steps.sort_by_key(|step| std::cmp::Reverse(helps.get(step).copied()));
    let mut search = Search { demands: &open, chosen: certain, tries: MAX_TRIES };
    for more in 1..=steps.len() {
        if search.add(&steps, more) {
            return (search.chosen, true);
        }
        if search.tries == 0 {
            break;
        }
    }
    let mut found = search.chosen;
    for step in &steps {
        if open.iter().any(|demand| demand.steps.contains(step) && !demand.is_met(&found)) {
            found.push(step);
        }
    }
    (found, false)
}

struct Search<'s, 'd> {
    demands: &'s [&'d Demand],
    chosen: Vec<&'d Step>,
    tries: u32,
}

impl<'d> Search<'_, 'd> {
    /// Whether so many more steps meet every demand; they are chosen then.
    fn add(&mut self, steps: &[&'d Step], more: usize) -> bool {
        let Some(tries) = self.tries.checked_sub(1) else { return false };
        self.tries = tries;
        if more == 0 {
            return self.demands.iter().all(|demand| demand.is_met(&self.chosen));
        }
        for (place, step) in steps.iter().enumerate().take((steps.len() + 1).saturating_sub(more)) {
            self.chosen.push(step);
            if self.add(steps.get(place + 1..).unwrap_or_default(), more - 1) {
                return true;
            }
            self.chosen.pop();
            if self.tries == 0 {
                return false;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: usize) -> Step {
        Step { what: format!("step {number}"), from: None }
    }

    #[test]
    fn what_people_have_to_do_and_none_can_has_no_way() {
        let missing = |by_people, from: &[&str]| Missing {
            what: "an approval".to_owned(),
            from: from.iter().map(|who| (*who).to_owned()).collect(),
            count: 1,
            by_people,
        };
        let steps = |missing: &Missing| Demand::of(missing).steps.len();
        assert_eq!(
            (steps(&missing(true, &[])), steps(&missing(false, &[])), steps(&missing(true, &["alice", "bob"]))),
            (0, 1, 2)
        );
    }

    /// Every set of up to three demands for some of four steps, against trying all sets of steps.
    #[test]
    fn the_smallest_set_is_found_whatever_is_demanded() {
        let parts = |set: usize| (0..4).filter(move |number| set >> number & 1 == 1);
        let demand = |set: usize, count| Demand { count, steps: parts(set).map(step).collect() };
        let all: Vec<(usize, usize)> = (1..16).flat_map(|set| (1..=parts(set).count()).map(move |count| (set, count))).collect();
        let mut sets: Vec<Vec<(usize, usize)>> = Vec::new();
        for (place, one) in all.iter().enumerate() {
            sets.push(vec![*one]);
            for two in all.iter().skip(place) {
                sets.push(vec![*one, *two]);
                sets.extend(all.iter().step_by(5).map(|three| vec![*one, *two, *three]));
            }
        }
        for set in sets {
            let demands: Vec<_> = set.iter().map(|(steps, count)| demand(*steps, *count)).collect();
            let meets = |chosen: usize| set.iter().all(|(steps, count)| parts(steps & chosen).count() >= *count);
            let least = (0..16).filter(|chosen| meets(*chosen)).map(|chosen| parts(chosen).count()).min();
            let (found, is_smallest) = smallest(&demands);
            let chosen = (0..4).filter(|number| found.contains(&&step(*number))).map(|number| 1 << number).sum();
            assert!(is_smallest && meets(chosen), "{set:?}: {found:?}");
            assert_eq!((Some(found.len()), Some(parts(chosen).count())), (least, least), "{set:?}: {found:?}");
        }
    }
}
