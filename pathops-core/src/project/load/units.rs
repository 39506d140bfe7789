//! What apps and components declare of themselves, and where they claim to be in their lifecycle.

use std::collections::{BTreeMap, BTreeSet};

use super::sheet::{Sheet, of_kind, place};
use crate::adapter::SourceTree;
use crate::id::{RepoPath, UnitId};
use crate::lifecycle::{App, Declarations, Subject as _};
use crate::policy::LintLevel;
use crate::project::check::Findings;
use crate::project::document::{AppSpec, ComponentSpec, Kind};
use crate::project::{Finding, Lifecycle, Project, Unit};

/// Who claims to be on the path, and does not declare what that takes ([`Declarations`]): a warning, for a project from before
/// intent and boundaries were asked for can still be read. To come onto the path without them is an error
/// ([`lint_change`](super::lint_change)).
#[must_use]
pub fn lint_units(files: &SourceTree, project: &Project) -> Vec<(Finding, LintLevel)> {
    let claims = project.units.values().filter(|unit| unit.lifecycle != Lifecycle::Prototype);
    let mut found: Vec<_> = claims.filter_map(|unit| Some((undeclared(unit, files)?, LintLevel::Warning))).collect();
    found.sort();
    found
}

/// Where each app and component declares to be in its lifecycle. What cannot be read says nothing here: [`load`] finds it.
///
/// [`load`]: crate::project::load
#[must_use]
pub fn declared_lifecycles(files: &SourceTree) -> BTreeMap<UnitId, Lifecycle> {
    let findings = &mut Findings::default();
    let mut declared = BTreeMap::new();
    for kind in [Kind::App, Kind::Component] {
        for sheet in of_kind(files, kind, findings) {
            let mut notes = findings.of(sheet.file);
            let field = match kind {
                Kind::App => sheet.spec::<AppSpec>(&mut notes).and_then(|spec| spec.lifecycle),
                _ => sheet.spec::<ComponentSpec>(&mut notes).and_then(|spec| spec.lifecycle),
            };
            declared.extend(UnitId::parse(&*sheet.name).ok().zip(field.and_then(|field| field.value.ok())));
        }
    }
    declared
}

fn undeclared(unit: &Unit, files: &SourceTree) -> Option<Finding> {
    let missing = Declarations::of(unit).err()?.join(" and ");
    let what = format!("`{}` is declared {}, and its {missing} are not", unit.id, unit.lifecycle);
    Some(finding(file_of(files, &unit.id), line_in(files, &unit.id, "lifecycle"), what, "declare them in its file"))
}

/// What is wrong with where a unit is declared to be: it is no single step from where it was, or a step that takes more than is
/// declared. What was not declared before begins as a prototype.
pub(super) fn moved_on(was: Option<&Unit>, now: &Unit, files: &SourceTree) -> Option<Finding> {
    let (from, to) = (was.map_or(App::FIRST, |unit| unit.lifecycle), now.lifecycle);
    if from == to {
        return None;
    }
    let steps = App::STEPS.iter().filter(|step| step.from.contains(&from) && step.to != from);
    let allowed: BTreeSet<_> = steps.map(|step| step.to).collect();
    if allowed.contains(&to) {
        return if from == App::FIRST { undeclared(now, files) } else { None };
    }
    let allowed = allowed.iter().map(Lifecycle::to_string).collect::<Vec<_>>().join(" or ");
    let what = format!("`{}` cannot go from {from} to {to} at once: from {from} it goes to {allowed}", now.id);
    Some(finding(file_of(files, &now.id), line_in(files, &now.id, "lifecycle"), what, "declare one step at a time"))
}

pub(super) fn finding(file: RepoPath, line: Option<usize>, what: String, mend: &str) -> Finding {
    Finding { file, line, what, mend: mend.to_owned() }
}

pub(super) fn file_of(files: &SourceTree, unit: &UnitId) -> RepoPath {
    let is_of = |path: &&RepoPath| {
        place(path).is_some_and(|it| matches!(it.kind, Kind::App | Kind::Component) && it.name == unit.as_str())
    };
    files.keys().find(is_of).cloned().unwrap_or_else(RepoPath::root)
}

/// Where a unit says something of itself.
pub(super) fn line_in(files: &SourceTree, unit: &UnitId, field: &str) -> Option<usize> {
    let (path, file) = files.get_key_value(&file_of(files, unit))?;
    let sheet = Sheet::read(path, &file.bytes, &mut Findings::default())?;
    Some(sheet.spec.get(field).map_or(sheet.line, |node| node.line))
}
