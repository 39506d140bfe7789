//! What is wrong with a meta repository: findings that name file, line, mistake and remedy. Checks go on after a mistake,
//! so that one reading tells all of them.

mod environment;
mod people;
mod policy;
mod redaction;
mod request;
mod retention;
mod stop;
mod unit;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::id::{ContractId, PersonId, RepoPath, UnitId};
use crate::project::document::{Field, List};
use crate::project::load::Mistake;
use crate::project::{Project, UnitKind};

pub(crate) use environment::environments;
pub(crate) use people::{People, people};
pub(crate) use policy::{PolicySheet, Written, policy};
pub(crate) use redaction::{loosened_redaction, redaction};
pub(crate) use request::request;
pub(crate) use retention::{loosened_retention, retention};
pub(crate) use stop::{Stoppers, stop};
pub(crate) use unit::{Links, Part, app, component, loops, providers};
pub(crate) use words::{list, mean};

/// One mistake in a meta repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Finding {
    /// The file.
    pub file: RepoPath,
    /// The line, from 1; `None` where it is about the file as a whole.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}; {}", self.what, self.mend)
    }
}

/// All mistakes that were found: each once, sorted by file and line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(BTreeSet<Finding>);

impl Findings {
    /// The findings, sorted by file and line.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The notes of one file.
    pub(crate) fn of<'a>(&'a mut self, file: &'a RepoPath) -> Notes<'a> {
        Notes { file, findings: self }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// Takes down what is wrong in one file.
pub(crate) struct Notes<'a> {
    pub(crate) file: &'a RepoPath,
    findings: &'a mut Findings,
}

impl Notes<'_> {
    /// How many there are, in all files.
    pub(crate) fn len(&self) -> usize {
        self.findings.len()
    }

    pub(crate) fn note(&mut self, line: impl Into<Option<usize>>, what: impl Into<String>, mend: impl Into<String>) {
        let line = line.into().filter(|line| *line > 0);
        self.findings.0.insert(Finding { file: self.file.clone(), line, what: what.into(), mend: mend.into() });
    }

    pub(crate) fn mistake(&mut self, mistake: Mistake) {
        self.note(mistake.line, mistake.what, mistake.mend);
    }

    /// The value of a field that must be there; `within` is the line of what it belongs to.
    pub(crate) fn required<T>(&mut self, field: Option<Field<T>>, within: usize, name: &str, mend: &str) -> Option<(usize, T)> {
        if field.is_none() {
            self.note(within, format!("`{name}` is missing"), mend);
        }
        self.optional(field, name)
    }

    /// The value of a field that may be left out.
    pub(crate) fn optional<T>(&mut self, field: Option<Field<T>>, name: &str) -> Option<(usize, T)> {
        let Field { line, value } = field?;
        match value {
            Ok(value) => Some((line, value)),
            Err(why) => {
                self.note(line, format!("`{name}` cannot be read: {why}"), "correct it");
                None
            }
        }
    }

    /// A text that must be there and say something.
    pub(crate) fn text(&mut self, field: Option<Field<String>>, within: usize, name: &str, mend: &str) -> Option<String> {
        let (line, text) = self.required(field, within, name, mend)?;
        if text.trim().is_empty() {
            self.note(line, format!("`{name}` is empty"), mend);
            return None;
        }
        Some(text)
    }

    /// The entries of a list that can be read, with their lines.
    pub(crate) fn entries<T>(&mut self, field: List<T>, name: &str) -> Vec<(usize, T)> {
        let Some((_, entries)) = self.optional(field, name) else { return Vec::new() };
        entries.into_iter().filter_map(|entry| self.optional(Some(entry), name)).collect()
    }

    /// The entries of a list that names things, each once.
    pub(crate) fn names<T: Ord + Clone + fmt::Display>(&mut self, field: List<T>, name: &str) -> Vec<(usize, T)> {
        let mut seen = BTreeSet::new();
        let mut names = self.entries(field, name);
        names.retain(|(line, entry)| {
            let first = seen.insert(entry.clone());
            if !first {
                self.note(*line, format!("`{name}` names `{entry}` twice"), "name it once");
            }
            first
        });
        names
    }
}

/// What the names in a project stand for: enough to follow a reference, whether or not what it leads to can be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) apps: BTreeSet<UnitId>,
    pub(crate) components: BTreeSet<UnitId>,
    /// With the unit that provides it, where that is known.
    pub(crate) contracts: BTreeMap<ContractId, Option<UnitId>>,
    /// `None` where the people cannot be read.
    pub(crate) people: Option<BTreeSet<PersonId>>,
}

impl Names {
    pub(crate) fn of(project: &Project) -> Self {
        let (apps, components): (Vec<_>, Vec<_>) =
            project.units.values().partition(|unit| matches!(unit.kind, UnitKind::App { .. }));
        Self {
            apps: apps.into_iter().map(|unit| unit.id.clone()).collect(),
            components: components.into_iter().map(|unit| unit.id.clone()).collect(),
            contracts: project
                .contracts
                .values()
                .map(|contract| (contract.id.clone(), Some(contract.provider.clone())))
                .collect(),
            people: Some(project.people.keys().cloned().collect()),
        }
    }

    /// Whether `unit` is an app or component; notes where it is not.
    pub(crate) fn unit(&self, notes: &mut Notes<'_>, line: usize, field: &str, unit: &UnitId) -> bool {
        if self.apps.contains(unit) || self.components.contains(unit) {
            return true;
        }
        let units = || self.apps.iter().chain(&self.components).map(UnitId::as_str);
        let what = self.elsewhere(unit.as_str()).map_or_else(
            || format!("`{field}` names `{unit}`, and there is no such app or component"),
            |kind| format!("`{field}` names `{unit}`, which is {kind} and no app or component"),
        );
        notes.note(line, what, mean(unit.as_str(), units()));
        false
    }

    /// Whether there is such a contract; notes where there is not.
    pub(crate) fn contract(&self, notes: &mut Notes<'_>, line: usize, field: &str, contract: &ContractId) -> bool {
        if self.contracts.contains_key(contract) {
            return true;
        }
        let what = self.elsewhere(contract.as_str()).map_or_else(
            || format!("`{field}` names `{contract}`, and there is no such contract"),
            |kind| format!("`{field}` names `{contract}`, which is {kind} and no contract"),
        );
        notes.note(line, what, mean(contract.as_str(), self.contracts.keys().map(ContractId::as_str)));
        false
    }

    /// Whether there is such a person; notes where there is not.
    pub(crate) fn person(&self, notes: &mut Notes<'_>, line: usize, field: &str, person: &PersonId) -> bool {
        let Some(people) = self.people.as_ref().filter(|people| !people.contains(person)) else { return true };
        let others = mean(person.as_str(), people.iter().map(PersonId::as_str));
        notes.note(line, format!("`{field}` `{person}` is nobody in people.yaml"), format!("add them there, or {others}"));
        false
    }

    /// What a name stands for that stands for something else than was wanted.
    fn elsewhere(&self, name: &str) -> Option<&'static str> {
        let is = |ids: &BTreeSet<UnitId>| ids.iter().any(|id| id.as_str() == name);
        let contract = self.contracts.keys().any(|id| id.as_str() == name);
        let person = self.people.iter().flatten().any(|id| id.as_str() == name);
        [(is(&self.apps), "an app"), (is(&self.components), "a component"), (contract, "a contract"), (person, "a person")]
            .into_iter()
            .find_map(|(found, kind)| found.then_some(kind))
    }
}
