//! What was acknowledged is handled, in the order of its lane and until that was stored, and not again; and however often that is tried,
//! a unit has one incident at a time.

use pathops_coordinator::change_set::State;
use pathops_core::UnitId;
use pathops_core::adapter::{DeliveryState, NewCommit, StoredDelivery};
use serde_json::Value;

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::Truth;

pub(super) struct Deliveries;

impl Invariant for Deliveries {
    fn name(&self) -> &'static str {
        "deliveries are handled"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Handles { delivery } => {
                let of_lane = |it: &StoredDelivery| it.delivery.lane == delivery.delivery.lane;
                let is_before = |it: &StoredDelivery| of_lane(it) && it.number <= delivery.number;
                let all = truth.deliveries();
                let next = all.iter().find(|it| is_before(it) && it.state == DeliveryState::Waiting).map(|it| it.number);
                let key = &delivery.delivery.key;
                holds!(next == Some(delivery.number), "{key} is handled, and the next of its lane is {next:?}");
            }
            Step::Committed { repo, new } if repo.as_str() == "shop/meta" => one_at_a_time(truth, new)?,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, truth: &Truth, _: &[State]) -> Found {
        let (all, records) = (truth.deliveries(), truth.records.lock().unwrap());
        for alarm in truth.shape.alarms.iter().filter(|alarm| !alarm.forged) {
            let stored = all.iter().find(|it| it.delivery.key.as_str() == alarm.name);
            let is_handled = stored.is_some_and(|it| it.state == DeliveryState::Handled);
            holds!(is_handled, "{} was acknowledged, and was not handled: {stored:?}", alarm.name);
            let is_known = truth.shape.units.iter().any(|unit| unit.id.as_str() == alarm.subject);
            let of_unit = format!("alert-{}-", alarm.subject);
            let has_incident = records.incidents.keys().any(|id| id.starts_with(&of_unit));
            holds!(is_known == has_incident, "{} is about {}, which has an incident: {has_incident}", alarm.name, alarm.subject);
        }
        Ok(())
    }
}

fn one_at_a_time(truth: &Truth, new: &NewCommit) -> Found {
    for change in &new.changes {
        let (path, Some(file)) = (change.path.as_str(), &change.file) else { continue };
        let Some(id) = path.strip_prefix("incidents/").and_then(|file| file.strip_suffix(".yaml")) else { continue };
        let declared: Value = serde_json::from_slice(&file.bytes).map_err(|error| format!("{path}: {error}"))?;
        let unit: Option<UnitId> = declared["spec"]["unit"].as_str().and_then(|unit| unit.parse().ok());
        let unit = unit.ok_or_else(|| format!("{path} is of no unit"))?;
        let records = truth.records.lock().unwrap();
        let other = records
            .incidents
            .iter()
            .find(|(it, known)| it.as_str() != id && known.unit.as_ref() == Some(&unit) && known.closed.is_none());
        holds!(other.is_none(), "{id} is opened, and another one of {unit} is open: {other:?}");
    }
    Ok(())
}
