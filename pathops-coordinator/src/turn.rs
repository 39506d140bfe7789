//! Whose turn it is: change sets that meet go one after the other, or give way, as the policy says.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::lifecycle::HumanDecision;
use pathops_core::policy::{Action, Supersession};
use pathops_core::project::{Contract, FeatureRequest, Project, Unit, UnitChange};
use pathops_core::{ChangeSetId, ContractId, Principal, Result, UnitId};

use crate::change_set::{Ahead, Carried, Reach, Stage, Start, State, Turn};
use crate::control_plane::ControlPlane;

impl ControlPlane {
    /// What a new change set has to wait for; `None` where nothing is in its way. Nobody else makes one meanwhile: this is asked under
    /// the lease that they are made under. So those before it are older ones, and they never wait for each other in a circle.
    pub(crate) async fn turn_of(&self, start: &Start) -> Result<Option<Turn>> {
        let open = self.open_change_sets().await?;
        if open.is_empty() {
            return Ok(None);
        }
        let project = self.declared().await?;
        let mut older = Vec::new();
        for change_set in open {
            older.extend(self.state(&change_set).await?.map(|state| Older::of(&project, state)));
        }
        Ok(turn(&project, start, &older))
    }
}

/// A change set that was there before.
struct Older {
    change_set: ChangeSetId,
    changes: Vec<UnitChange>,
    /// How far it reaches, or may come to.
    reach: Reach,
    is_queued: bool,
    /// Whether something of it may be in production.
    is_granted: bool,
    /// Why it gives way to nobody.
    stands: Option<&'static str>,
}

impl Older {
    fn of(project: &Project, state: State) -> Self {
        let (is_queued, is_paused, is_granted) = (state.is_queued(), state.paused.is_some(), may_be_in_production(&state));
        let ends = state.is_called_off().then_some("it is coming to its end already");
        let goes_back = state.start.recovery.is_some().then_some("it takes another one back");
        let Start { change_set, request, units, turn, .. } = state.start;
        let reach = match turn {
            Some(turn) if is_queued => turn.reach,
            _ => reach(&units, &project.contracts),
        };
        let stands = ends.or(goes_back).or(is_paused.then_some("it is paused"));
        Self { change_set, changes: request.changes, reach, is_queued, is_granted, stands }
    }
}

fn turn(project: &Project, start: &Start, older: &[Older]) -> Option<Turn> {
    let by = project.people.get(&start.request.requested_by).and_then(|roles| roles.first()).and_then(|role| {
        let person = Principal::Human(start.request.requested_by.clone());
        let reason = format!("asked for `{}` ({})", start.change_set, start.request.title.trim());
        HumanDecision::prove(&person, *role, &project.people, reason, start.at).ok()
    });
    let newer = Newer { project, start, has_role: by.is_some() };
    let mut reach = reach(&start.units, &project.contracts);
    loop {
        let (mut after, mut grown, mut batch) = (BTreeMap::new(), reach.clone(), Batch::of(&start.request.changes));
        for other in older {
            let Some(ahead) = newer.ahead(&reach, other, &batch) else { continue };
            if ahead.supersession == Supersession::Batch {
                batch.add(other);
                grown.changes.extend(other.reach.changes.iter().cloned());
                grown.touches.extend(other.reach.touches.iter().cloned());
            }
            after.insert(other.change_set.clone(), ahead);
        }
        // What it may come to carry may meet more of them.
        if grown == reach {
            return (!after.is_empty()).then(|| Turn { after, reach, by: by.map(Into::into) });
        }
        reach = grown;
    }
}

/// Units that go together, each with whether people do all of the work on it.
struct Batch(BTreeMap<UnitId, bool>);

impl Batch {
    fn of(changes: &[UnitChange]) -> Self {
        Self(changes.iter().map(|change| (change.unit.clone(), change.patch.is_none())).collect())
    }

    /// A unit whose work cannot be done together with that of another one: a patch is made for what was there without the other.
    fn clash<'o>(&self, other: &'o Older) -> Option<&'o UnitId> {
        let by_people = |unit: &UnitId| other.changes.iter().any(|change| change.unit == *unit && change.patch.is_none());
        other.reach.changes.iter().find(|unit| self.0.get(*unit).is_some_and(|people| !(*people && by_people(unit))))
    }

    fn add(&mut self, other: &Older) {
        let by_people = Self::of(&other.changes);
        for unit in &other.reach.changes {
            self.0.insert(unit.clone(), by_people.0.get(unit).copied().unwrap_or(false));
        }
    }
}

/// A change set that comes to others.
struct Newer<'s> {
    project: &'s Project,
    start: &'s Start,
    has_role: bool,
}

impl Newer<'_> {
    /// Whether it meets another one, and which of the two goes first.
    fn ahead(&self, reach: &Reach, other: &Older, batch: &Batch) -> Option<Ahead> {
        let Self { project, start, .. } = self;
        let shared: Vec<&UnitId> = start.units.keys().filter(|unit| other.reach.changes.contains(*unit)).collect();
        let Some(first) = shared.first() else {
            let relied_on = reach.touches.intersection(&other.reach.changes).next();
            let relies = reach.changes.intersection(&other.reach.touches).next();
            let because = match (relied_on, relies) {
                (Some(unit), _) => format!("it changes `{unit}`, which this one changes, too, or works with"),
                (None, Some(unit)) => format!("it works with `{unit}`, which this one changes"),
                (None, None) => return None,
            };
            return Some(Ahead { supersession: Supersession::FirstCome, because });
        };
        let declared = shared.iter().filter_map(|unit| project.units.get(*unit));
        let declared = declared.map(|unit| project.policy.supersession(unit)).min().unwrap_or_default();
        // What goes back comes before what would go on from there.
        let wanted = if start.recovery.is_some() { Supersession::Supersede } else { declared };
        let because = format!("both change `{first}`");
        Some(match self.objection(wanted, other, batch) {
            None => Ahead { supersession: wanted, because },
            Some(why) => Ahead { supersession: Supersession::FirstCome, because: format!("{because}; {why}") },
        })
    }

    /// Why another one does not give way where the policy would have it so.
    fn objection(&self, wanted: Supersession, other: &Older, batch: &Batch) -> Option<String> {
        let Self { project, start, has_role } = self;
        let by = &start.request.requested_by;
        let denied = |action| {
            let roles = project.people.get(by)?;
            let mut units = other.reach.changes.iter().filter_map(|unit| project.units.get(unit));
            units.find(|unit| !project.policy.may(action, roles, Some(unit)))
        };
        match wanted {
            Supersession::FirstCome => None,
            _ if !has_role => Some(format!("it would give way (`{wanted}`), but not to `{by}`, who has no role")),
            _ if other.stands.is_some() => other.stands.map(str::to_owned),
            Supersession::Batch | Supersession::Latest if !other.is_queued => Some("it is under way, and goes on".to_owned()),
            Supersession::Batch => match (denied(Action::Request), batch.clash(other)) {
                (Some(unit), _) => Some(format!("`{by}` may not ask for `{}`, which it changes, too", unit.id)),
                (None, Some(unit)) => Some(format!("the work on `{unit}` is a patch, and does not go together with another one")),
                (None, None) => None,
            },
            // What has come so far is not given up for one that has then to wait for it.
            Supersession::Supersede if start.recovery.is_some() && other.is_granted => {
                Some("something of it may be in production".to_owned())
            }
            Supersession::Supersede if start.recovery.is_some() => {
                denied(Action::Stop).map(|unit| format!("`{by}` may not stop `{}`, which it changes", unit.id))
            }
            Supersession::Latest | Supersession::Supersede => {
                let beyond = other.reach.changes.iter().find(|unit| !start.units.contains_key(*unit));
                beyond.map(|unit| format!("it does not give way (`{wanted}`), since it changes `{unit}`, too"))
            }
        }
    }
}

/// Whether people may have merged something of it into production, or may do so at any moment.
pub(crate) fn may_be_in_production(state: &State) -> bool {
    state.units.values().any(|progress| progress.stage >= Stage::ProductionMerge)
}

pub(crate) fn reach(units: &BTreeMap<UnitId, Unit>, contracts: &BTreeMap<ContractId, Contract>) -> Reach {
    let mut touches = BTreeSet::new();
    for unit in units.values() {
        let kept = unit.consumes.iter().filter_map(|contract| contracts.get(contract)).map(|contract| contract.provider.clone());
        touches.extend([unit.id.clone()].into_iter().chain(unit.depends_on.iter().cloned()).chain(kept));
    }
    Reach { changes: units.keys().cloned().collect(), touches }
}

/// A request with those that it carries, the oldest first. Of a unit that several of them change, people do all the work.
pub(crate) fn combined(mut request: FeatureRequest, carried: &[(ChangeSetId, FeatureRequest)]) -> (FeatureRequest, Vec<Carried>) {
    let own = std::mem::take(&mut request.changes);
    for change in carried.iter().flat_map(|(_, older)| &older.changes).chain(&own) {
        match request.changes.iter_mut().find(|known| known.unit == change.unit) {
            None => request.changes.push(change.clone()),
            Some(together) => {
                together.reason = format!("{}; {}", together.reason.trim(), change.reason.trim());
                together.contracts.extend(change.contracts.iter().cloned());
                together.patch = None;
            }
        }
    }
    for (change_set, FeatureRequest { title, text, .. }) in carried {
        request.text = format!("{}\n\nWith `{change_set}`, {title}: {}", request.text.trim_end(), text.trim());
    }
    let carries = carried.iter().map(|(change_set, older)| Carried {
        change_set: change_set.clone(),
        title: older.title.clone(),
        requested_by: older.requested_by.clone(),
    });
    (request, carries.collect())
}

#[cfg(test)]
mod tests;
