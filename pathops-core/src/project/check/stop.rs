use std::collections::{BTreeMap, BTreeSet};

use super::{Names, Notes};
use crate::id::{PersonId, UnitId};
use crate::policy::{Action, Policy};
use crate::project::document::StopSpec;
use crate::project::{OpenStop, Role, Unit};
use crate::time::UnixMillis;

/// Who may stop the line: what the policy says of the roles that people hold.
pub(crate) struct Stoppers<'p> {
    pub(crate) people: &'p BTreeMap<PersonId, BTreeSet<Role>>,
    pub(crate) policy: &'p Policy,
    pub(crate) units: &'p BTreeMap<UnitId, Unit>,
}

/// A stop of the line, where nobody has lifted it.
pub(crate) fn stop(
    notes: &mut Notes<'_>,
    within: usize,
    id: &str,
    spec: StopSpec,
    names: &Names,
    stoppers: Option<&Stoppers<'_>>,
) -> Option<OpenStop> {
    let unit = notes.optional(spec.unit, "unit").filter(|(line, unit)| names.unit(notes, *line, "unit", unit));
    let unit = unit.map(|(_, unit)| unit);
    let reason = notes.text(spec.reason, within, "reason", "say why the line is stopped");
    let since = notes.required(spec.since, within, "since", "say since when, in RFC 3339");
    let since = since.and_then(|(line, text)| match text.parse::<UnixMillis>() {
        Ok(at) => Some(at),
        Err(error) => {
            notes.note(line, error.to_string(), "correct it");
            None
        }
    });
    let still_stopped = spec.lifted_by.is_none();
    let lifted_by = notes.optional(spec.lifted_by, "liftedBy");
    let by = notes.required(spec.by, within, "by", "name who stopped it");
    for (line, person) in lifted_by.iter().chain(&by) {
        if stoppers.is_some_and(|stoppers| !stoppers.may(person, unit.as_ref())) {
            let mend = "let somebody do it who has the role, or change `permissions.stop` in the policy";
            notes.note(*line, format!("`{person}` may not stop the line, or let it go on"), mend);
        }
    }
    let stop = OpenStop { id: id.to_owned(), unit, by: by?.1, since: since?, reason: reason? };
    still_stopped.then_some(stop)
}

impl Stoppers<'_> {
    fn may(&self, person: &PersonId, unit: Option<&UnitId>) -> bool {
        let unit = unit.and_then(|unit| self.units.get(unit));
        self.people.get(person).is_some_and(|roles| self.policy.may(Action::Stop, roles, unit))
    }
}
