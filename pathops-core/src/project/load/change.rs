//! What a change of the meta repository asks for less, and by what.

use std::collections::{BTreeMap, BTreeSet};

use super::policy::written;
use super::sheet::{of_kind, place};
use super::units::{file_of, finding, line_in, moved_on};
use crate::adapter::SourceTree;
use crate::id::{RepoPath, UnitId};
use crate::policy::{Ask, LintLevel, Loosened, LoosenedBy, Place, Policy, loosened};
use crate::project::check::{Findings, Written, loosened_redaction, loosened_retention};
use crate::project::document::Kind;
use crate::project::{Finding, Project, Unit};

/// The files of a meta repository, and the project that they declare.
pub type Declared<'p> = (&'p SourceTree, &'p Project);

/// What is asked for less after a change of the meta repository than before it, of each app and component: by the rules, or by
/// how it is declared. And what is kept less long, or not held any more.
///
/// That a rule itself asks for less is a warning, for those who decide about the change: it stands in the text that they read.
/// That a rule says what it said, and is not for a unit any more because that is of another class or kind, or has another
/// name, is an error: the unit's own file would loosen what stands above it. What has a repository of a unit is held to what
/// that unit was held to, whatever its name.
///
/// That a unit is declared to be at a place of its [lifecycle](crate::lifecycle::AppLifecycle) to which no single step leads
/// from where it was declared to be is an error, too, and so is one onto the path without what that takes to be declared. What
/// was not declared before begins as a prototype, also where it was declared once.
#[must_use]
pub fn lint_change(before: Declared<'_>, after: Declared<'_>) -> Vec<(Finding, LintLevel)> {
    let mut found: Vec<_> = of_rules(before, after);
    let mut strangers: BTreeMap<_, _> = after.1.units.iter().collect();
    for unit in before.1.units.values() {
        let mut heirs = heirs(unit, after.1).peekable();
        if heirs.peek().is_none() {
            let what = format!(
                "`{}` is not declared any more: nothing of it is promoted, and nobody looks at what of it is in production",
                unit.id
            );
            let mend = "take it out of production first, or leave it";
            found.push((finding(file_of(before.0, &unit.id), None, what, mend), LintLevel::Warning));
        }
        for now in heirs {
            strangers.remove(&now.id);
            found.extend(less_of(unit, now, &after));
            found.extend(moved_on(Some(unit), now, after.0).map(|finding| (finding, LintLevel::Error)));
        }
    }
    found.extend(strangers.values().filter_map(|new| Some((moved_on(None, new, after.0)?, LintLevel::Error))));
    let (was, is) = (before.1, after.1);
    found.extend(told(before, after, Kind::Retention, loosened_retention(was.retention.as_ref(), is.retention.as_ref())));
    found.extend(told(before, after, Kind::Redaction, loosened_redaction(was.redaction.as_ref(), is.redaction.as_ref())));
    found.sort();
    found
}

/// What is loosened, where the only document of its kind stands.
fn told(
    before: Declared<'_>,
    after: Declared<'_>,
    kind: Kind,
    loosened: Vec<String>,
) -> impl Iterator<Item = (Finding, LintLevel)> {
    let file = [after.0, before.0]
        .into_iter()
        .find_map(|files| files.keys().find(|path| place(path).is_some_and(|it| it.kind == kind)).cloned());
    let file = file.unwrap_or_else(RepoPath::root);
    loosened
        .into_iter()
        .map(move |what| (finding(file.clone(), None, what, "say why where the change is decided about"), LintLevel::Warning))
}

/// What a unit is after a change: what has its name, and then whatever else has a repository of its.
pub(super) fn heirs<'p>(unit: &Unit, after: &'p Project) -> impl Iterator<Item = &'p Unit> {
    let has_its = |now: &&Unit| {
        let source = unit.source().is_some_and(|source| now.source() == Some(source));
        now.id != unit.id && (source || now.desired_state == unit.desired_state)
    };
    after.units.get(&unit.id).into_iter().chain(after.units.values().filter(has_its))
}

/// What is told of a rule, and where that stood.
type Told = (Option<(RepoPath, usize)>, String);

fn of_rules(before: Declared<'_>, after: Declared<'_>) -> Vec<(Finding, LintLevel)> {
    let (was, is) = (&before.1.policy, &after.1.policy);
    let mut rules: BTreeMap<Told, BTreeSet<&UnitId>> = BTreeMap::new();
    let mut moved = Vec::new();
    for unit in before.1.units.values() {
        if heirs(unit, after.1).any(|now| is.preflight_merge(now) < was.preflight_merge(unit)) {
            let told = "`preflightMerge` asks for less than before: people merged there".to_owned();
            rules.entry((None, told)).or_default().insert(&unit.id);
        }
        let all = heirs(unit, after.1).flat_map(|now| loosened((was, unit), (is, now)).into_iter().map(move |it| (now, it)));
        for (now, Loosened { at, name, why, by }) in all {
            let place = line_of(before.0, &at);
            if by == LoosenedBy::Policy {
                rules.entry((place, format!("`{name}` asks for less than before: {why}"))).or_default().insert(&unit.id);
                continue;
            }
            let above = place.map_or_else(|| at.layer.to_string(), |(file, line)| format!("{file}:{line}"));
            let what = format!("declared so, `{}` is not held to `{name}` as before ({above}): {why}", now.id);
            let mend = "leave what rules go by (class, kind and name) as it is, or ask for as much in rules that are for it";
            moved.push((finding(file_of(after.0, &now.id), line_in(after.0, &now.id, "class"), what, mend), LintLevel::Error));
        }
    }
    let told = rules.into_iter().map(|((place, what), units)| {
        let units = units.into_iter().map(UnitId::as_str).collect::<Vec<_>>().join(", ");
        let what = format!("{what} (for {units})");
        let (file, line) = place.map_or((RepoPath::root(), None), |(file, line)| (file, Some(line)));
        (finding(file, line, what, "say why where the change is decided about"), LintLevel::Warning)
    });
    told.chain(moved).collect()
}

/// What rules look at less because a unit says less of itself, or has another name.
fn less_of(unit: &Unit, now: &Unit, (files, after): &Declared<'_>) -> Vec<(Finding, LintLevel)> {
    let asks = |policy: &Policy, wanted: fn(&Ask) -> bool| policy.requirements(now).any(|(_, it)| wanted(&it.asks));
    let mut found = Vec::new();
    let mut warn =
        |what: String, mend: &str| found.push((finding(file_of(files, &now.id), None, what, mend), LintLevel::Warning));
    if now.id != unit.id && after.units.contains_key(&unit.id) {
        warn(format!("`{}` has a repository of `{}` now", now.id, unit.id), "see that both still are what they were");
        return found;
    }
    if now.id != unit.id {
        warn(format!("`{}` is `{}` now", unit.id, now.id), "let what people and rules know it by follow");
    }
    for contract in unit.provides.difference(&now.provides) {
        if asks(&after.policy, |ask| matches!(ask, Ask::Contracts(_))) {
            warn(
                format!("`{}` does not keep `{contract}` any more, so nobody compares it", now.id),
                "see that nobody relies on it",
            );
        }
    }
    for other in unit.depends_on.difference(&now.depends_on) {
        warn(format!("`{}` does not wait for `{other}` any more", now.id), "see that it works without");
    }
    found
}

fn line_of(files: &SourceTree, at: &Place) -> Option<(RepoPath, usize)> {
    let sheets = of_kind(files, Kind::Policy, &mut Findings::default());
    let sheets = written(&sheets);
    Written::of(&sheets).line_of(at).map(|(file, line)| (file.clone(), line))
}
