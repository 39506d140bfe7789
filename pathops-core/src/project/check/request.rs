use std::collections::BTreeSet;

use super::{Names, Notes};
use crate::adapter::SourceTree;
use crate::id::{ContractId, RepoPath, UnitId};
use crate::project::document::{ChangeSpec, Field, List, RequestSpec};
use crate::project::{FeatureRequest, UnitChange};

/// A feature request: every name in it means something, and its patches are there.
pub(crate) fn request(
    notes: &mut Notes<'_>,
    line: usize,
    spec: RequestSpec,
    names: &Names,
    files: &SourceTree,
) -> Option<FeatureRequest> {
    let title = notes.text(spec.title, line, "title", "say in one line what is wanted");
    let text = notes.optional(spec.text, "text").map(|(_, text)| text).unwrap_or_default();
    let person = notes.required(spec.requested_by, line, "requestedBy", "name the person who asks for it");
    let person = person.filter(|(line, person)| names.person(notes, *line, "requestedBy", person));
    const MEND: &str = "say which apps and components have to change";
    let (line, written) = notes.required(spec.changes, line, "changes", MEND)?;
    if written.is_empty() {
        notes.note(line, "`changes` is empty", MEND);
    }
    let (mut changes, mut seen) = (Vec::new(), BTreeSet::new());
    for entry in written {
        let Some((line, spec)) = notes.optional(Some(entry), "changes") else { continue };
        let Some(change) = change(notes, line, spec, names, files) else { continue };
        if !seen.insert(change.unit.clone()) {
            notes.note(line, format!("`changes` names `{}` twice", change.unit), "put what changes in it into one entry");
        }
        changes.push(change);
    }
    Some(FeatureRequest { title: title?, text, requested_by: person?.1, changes })
}

fn change(notes: &mut Notes<'_>, line: usize, spec: ChangeSpec, names: &Names, files: &SourceTree) -> Option<UnitChange> {
    let unit = notes.required(spec.unit, line, "unit", "name the app or component that changes");
    let unit = unit.filter(|(line, unit)| names.unit(notes, *line, "unit", unit));
    let reason = notes.text(spec.reason, line, "reason", "say why it changes");
    let contracts = contracts(notes, spec.contracts, unit.as_ref().map(|(_, unit)| unit), names);
    let patch = match spec.patch {
        Some(field) => Some(patch(notes, field, files)?),
        None => None,
    };
    Some(UnitChange { unit: unit?.1, reason: reason?, contracts, patch })
}

/// Contracts that change with the unit: it has to be the one that provides them.
fn contracts(notes: &mut Notes<'_>, field: List<ContractId>, unit: Option<&UnitId>, names: &Names) -> BTreeSet<ContractId> {
    let mut contracts = notes.names(field, "contracts");
    contracts.retain(|(line, contract)| {
        let known = names.contract(notes, *line, "contracts", contract);
        let provider = names.contracts.get(contract).and_then(Option::as_ref);
        match (unit, provider) {
            (Some(unit), Some(provider)) if unit != provider => {
                let what = format!("the contract `{contract}` is provided by `{provider}`, not by `{unit}`");
                notes.note(*line, what, format!("name it under the change of `{provider}`"));
                false
            }
            _ => known,
        }
    });
    contracts.into_iter().map(|(_, contract)| contract).collect()
}

fn patch(notes: &mut Notes<'_>, field: Field<RepoPath>, files: &SourceTree) -> Option<String> {
    let (line, path) = notes.optional(Some(field), "patch")?;
    let Some(file) = files.get(&path) else {
        notes.note(line, format!("there is no file `{path}`"), "add it, or leave `patch` out for a person to do the work");
        return None;
    };
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => Some(text.to_owned()),
        Err(_) => {
            notes.note(line, format!("the file `{path}` is not UTF-8"), "write it as a unified diff in UTF-8");
            None
        }
    }
}
