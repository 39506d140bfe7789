//! Requirements that rest on what was read from the systems that know it.

use super::Case;
use super::standing::Standing;
use crate::policy::{DependencyState, Freeze, FreezeState, LifecycleRule, Occurrences, Verdict, time_zone_data_version};
use crate::project::{OpenIncident, OpenStop};

/// Incidents and freezes stop what is new; they never stop the way back to what was there before.
const WAY_BACK: &str = "does not stop the way back to what was there before";

impl Case<'_> {
    pub(super) fn lifecycle(&self, rule: &LifecycleRule) -> Standing {
        let unit = &self.facts.readings.unit;
        let because = format!("it is {}", unit.lifecycle);
        if rule.allowed.contains(&unit.lifecycle) {
            return Standing::new(Verdict::Pass, because);
        }
        Standing::new(Verdict::Fail, because).needs("another lifecycle state", vec![unit.owner.to_string()])
    }

    pub(super) fn dependencies(&self) -> Standing {
        let readings = &self.facts.readings;
        let in_state =
            |state| readings.dependencies.iter().filter(move |(_, it)| **it == state).map(|(unit, _)| unit.to_string());
        let (failed, pending): (Vec<_>, Vec<_>) =
            (in_state(DependencyState::Failed).collect(), in_state(DependencyState::Pending).collect());
        if !failed.is_empty() {
            return Standing::new(Verdict::Fail, format!("it depends on {}, which did not get there", failed.join(", ")));
        }
        if pending.is_empty() {
            return Standing::new(Verdict::Pass, "nothing that it depends on is still to come");
        }
        let because = format!("it depends on {}, which are not in production yet", pending.join(", "));
        let count = u32::try_from(pending.len()).unwrap_or(u32::MAX);
        let standing = Standing::new(Verdict::Unknown, because).needs_of(count, "promotion to production", pending);
        if readings.proposal.is_some() { standing } else { standing.later() }
    }

    /// Incidents of the unit or the project.
    pub(in crate::policy) fn incidents(&self) -> impl Iterator<Item = &OpenIncident> {
        let readings = &self.facts.readings;
        readings.incidents.iter().filter(|incident| incident.unit.as_ref().is_none_or(|unit| *unit == readings.unit.id))
    }

    pub(super) fn open_incidents(&self) -> Standing {
        let readings = &self.facts.readings;
        let open = |incident: &OpenIncident| {
            let because = format!("{} has been open since {}: {}", incident.id, incident.since, incident.summary);
            Standing::new(Verdict::Fail, because)
                .needs_people(format!("incident {} closed", incident.id), vec![readings.unit.owner.to_string()])
        };
        match self.incidents().map(open).reduce(Standing::and) {
            _ if readings.way_back => Standing::new(Verdict::Pass, WAY_BACK),
            None => Standing::new(Verdict::Pass, "none is open"),
            Some(standing) => standing,
        }
    }

    /// Stopping the line stops the way back too: whoever stops it means everything.
    pub(super) fn stops(&self) -> Standing {
        let readings = &self.facts.readings;
        let stops = readings.stops.iter().filter(|stop| stop.unit.as_ref().is_none_or(|unit| *unit == readings.unit.id));
        let stopped = |stop: &OpenStop| {
            let because = format!("{} stopped the line at {}: {}", stop.by, stop.since, stop.reason);
            Standing::new(Verdict::Fail, because).needs_people(format!("stop {} lifted", stop.id), vec![stop.by.to_string()])
        };
        let standing = stops.map(stopped).reduce(Standing::and);
        standing.unwrap_or_else(|| Standing::new(Verdict::Pass, "nobody has stopped the line"))
    }

    pub(super) fn freeze(&self, freeze: &Freeze, occurrences: Option<&Occurrences>) -> Standing {
        let (facts, bundled) = (self.facts, time_zone_data_version());
        let Some(occurrences) = occurrences else { return Standing::new(Verdict::Unknown, "the window was not read") };
        if facts.readings.way_back {
            return Standing::new(Verdict::Pass, WAY_BACK);
        }
        if facts.time_zones != bundled {
            let because = format!("the facts are of time zone data {}, and here is {bundled}", facts.time_zones);
            return Standing::new(Verdict::Unknown, because);
        }
        match occurrences.at(self.at) {
            Ok(FreezeState::Open { until: None }) => Standing::new(Verdict::Pass, "open"),
            Ok(FreezeState::Open { until: Some(until) }) => Standing::new(Verdict::Pass, format!("open until {until}")),
            Ok(FreezeState::Closed { since, until, next }) => {
                let next = next.map_or_else(String::new, |next| format!(", closed again at {next}"));
                let because = format!("closed since {since}, open again at {until} ({}){next}", freeze.time_zone);
                Standing::new(Verdict::Fail, because).from(until)
            }
            Err(error) => Standing::new(Verdict::Unknown, format!("the window cannot be read: {error}")),
        }
    }
}
