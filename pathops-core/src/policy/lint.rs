//! What a policy that can be read will not do: rules that reach nothing, that nobody and nothing can meet, exceptions that
//! bear nothing. A policy with such rules still fails closed; people learn of it before a promotion does.

mod closing;
mod demands;
mod evidence;
mod itself;
mod people;
mod reach;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::id::{PersonId, ProducerName, UnitId};
use crate::policy::{LayerName, Place, Policy, Requirement, Severity};
use crate::project::{Project, Role, Unit};
use crate::time::UnixMillis;

/// What a policy is for: the units and people that it meets, and when.
#[derive(Clone, Debug)]
pub struct LintContext<'p> {
    /// The apps and components.
    pub units: &'p BTreeMap<UnitId, Unit>,
    /// The people and their roles.
    pub people: &'p BTreeMap<PersonId, BTreeSet<Role>>,
    /// Whose evidence the host trusts; `None` where that is not known here, and then nothing is said about it.
    pub producers: Option<BTreeSet<ProducerName>>,
    /// The predicate types of what each of them makes; `None` where that is not known here. What PathOps states itself is no
    /// part of it.
    pub kinds: Option<BTreeMap<ProducerName, BTreeSet<String>>>,
    /// The suites that builds report; `None` where that is not known here.
    pub build_suites: Option<BTreeSet<String>>,
    /// Now: exceptions end and freezes begin.
    pub at: UnixMillis,
}

impl<'p> LintContext<'p> {
    /// The units and people of a project. What its host trusts and builds is not known.
    #[must_use]
    pub fn of(project: &'p Project, at: UnixMillis) -> Self {
        Self { units: &project.units, people: &project.people, producers: None, kinds: None, build_suites: None, at }
    }

    /// What nothing is said about, because it is not known here. Whether changes of a kind will ever come is declared nowhere, and
    /// always among it.
    #[must_use]
    pub fn unseen(&self) -> Vec<&'static str> {
        let unknown = [
            (self.producers.is_none(), "whether those whose evidence counts are trusted by the host"),
            (self.kinds.is_none(), "whether anybody makes the kinds of evidence that are asked for"),
            (self.build_suites.is_none(), "whether builds report the suites that are asked for"),
            (true, "whether opaque changes, or changes by agents, will ever come"),
        ];
        unknown.into_iter().filter_map(|(unseen, what)| unseen.then_some(what)).collect()
    }
}

/// How bad a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LintLevel {
    /// It may be meant, and is worth a look.
    Warning,
    /// It can never do what it says: a requirement that never passes, a way that nobody can go.
    Error,
}

impl fmt::Display for LintLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LintLevel::Warning => "warning",
            LintLevel::Error => "error",
        })
    }
}

/// Something in a policy that will not do what whoever wrote it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintNote {
    /// How bad it is.
    pub level: LintLevel,
    /// Where.
    pub at: Place,
    /// The units for which it is so; none where it is not about units.
    pub units: BTreeSet<UnitId>,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl LintNote {
    /// What is wrong, and for which units.
    #[must_use]
    pub fn said(&self) -> String {
        match self.units.iter().map(UnitId::as_str).collect::<Vec<_>>().as_slice() {
            [] => self.what.clone(),
            units => format!("{} (for {})", self.what, units.join(", ")),
        }
    }
}

impl fmt::Display for LintNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.level, self.at.layer, self.said(), self.mend)
    }
}

/// What people will want to know about a policy before it decides: sorted by layer from the top down, and by requirement.
///
/// That nothing is found proves nothing, and [`LintContext::unseen`] names what was not looked at: among it whether opaque
/// changes, or changes by agents, will ever come, so that nothing is said about `changes`.
///
/// ```
/// # use std::collections::BTreeMap;
/// use pathops_core::UnixMillis;
/// use pathops_core::policy::{Languages, LayerName, LintContext, Policy, PolicyLayer, lint};
///
/// let layer = PolicyLayer { layer: LayerName::Class("web".to_owned()), ..PolicyLayer::default() };
/// let policy = Policy::new(vec![layer], &Languages::none()).map_err(|problems| format!("{problems:?}"))?;
/// let (units, people) = (BTreeMap::new(), BTreeMap::new());
/// let context =
///     LintContext { units: &units, people: &people, producers: None, kinds: None, build_suites: None, at: UnixMillis(0) };
/// assert_eq!(lint(&policy, &context)[0].what, "no app or component is of the class `web`");
/// assert_eq!(context.unseen()[0], "whether those whose evidence counts are trusted by the host");
/// # Ok::<(), String>(())
/// ```
#[must_use]
pub fn lint(policy: &Policy, context: &LintContext<'_>) -> Vec<LintNote> {
    let mut linter = Linter { policy, context, notes: Vec::new() };
    for layer in policy.layers() {
        reach::layer(&mut linter, layer);
        people::layer(&mut linter, layer);
        for (index, requirement) in layer.requirements.iter().enumerate() {
            let spot = Spot { layer: &layer.layer, index, requirement };
            if reach::covers(&mut linter, spot) {
                reach::tightened(&mut linter, spot);
                people::requirement(&mut linter, spot);
                evidence::requirement(&mut linter, spot);
                demands::requirement(&mut linter, spot);
                closing::requirement(&mut linter, spot);
            }
        }
    }
    itself::looked_at(&mut linter);
    for unit in context.units.values() {
        people::built_in(&mut linter, unit);
        demands::together(&mut linter, unit);
        closing::together(&mut linter, unit);
    }
    let mut notes = linter.notes;
    notes.sort_by(|a, b| (&a.at.layer, a.at.requirement).cmp(&(&b.at.layer, b.at.requirement)));
    notes
}

struct Linter<'l> {
    policy: &'l Policy,
    context: &'l LintContext<'l>,
    notes: Vec<LintNote>,
}

/// A requirement that people wrote, and where it stands.
#[derive(Clone, Copy)]
struct Spot<'l> {
    layer: &'l LayerName,
    index: usize,
    requirement: &'l Requirement,
}

impl Spot<'_> {
    fn place(&self) -> Place {
        Place { layer: self.layer.clone(), requirement: Some(self.index) }
    }
}

impl<'l> Linter<'l> {
    /// The uppermost layer, for what no layer says.
    fn top(&self) -> Option<Place> {
        let top = self.policy.layers().iter().map(|layer| &layer.layer).min()?;
        Some(Place { layer: top.clone(), requirement: None })
    }

    /// The units that a requirement is for.
    fn units(&self, spot: Spot<'l>) -> impl Iterator<Item = &'l Unit> + use<'l> {
        self.context.units.values().filter(move |unit| spot.requirement.is_for(spot.layer, unit))
    }

    /// The requirements of a unit, also those for certain changes; those that are built in have no spot.
    fn of_unit(&self, unit: &'l Unit) -> Vec<(&'l Requirement, Option<Spot<'l>>)> {
        let spot = |layer: &'l LayerName, requirement: &'l Requirement| {
            let written = self.policy.layers().iter().find(|it| it.layer == *layer)?;
            let index = written.requirements.iter().position(|it| it.id == requirement.id)?;
            Some(Spot { layer, index, requirement })
        };
        self.policy.requirements(unit).map(|(layer, requirement)| (requirement, spot(layer, requirement))).collect()
    }

    /// Takes down that a requirement can never pass. One that only advises stops nothing.
    fn never(&mut self, spot: Spot<'_>, unit: Option<&Unit>, what: String, mend: &str) {
        let level = match spot.requirement.severity {
            Severity::Required => LintLevel::Error,
            Severity::Advisory => LintLevel::Warning,
        };
        self.note(level, spot.place(), unit, what, mend);
    }

    fn warn(&mut self, spot: Spot<'_>, unit: Option<&Unit>, what: String, mend: &str) {
        self.note(LintLevel::Warning, spot.place(), unit, what, mend);
    }

    /// Takes down a note; what is so for several units is said once.
    fn note(&mut self, level: LintLevel, at: Place, unit: Option<&Unit>, what: String, mend: &str) {
        // The words say how bad it is, and what mends it follows from them.
        let same = |it: &&mut LintNote| it.at == at && it.what == what;
        if let Some(note) = self.notes.iter_mut().find(same) {
            note.units.extend(unit.map(|unit| unit.id.clone()));
            return;
        }
        let units = unit.map(|unit| unit.id.clone()).into_iter().collect();
        self.notes.push(LintNote { level, at, units, what, mend: mend.to_owned() });
    }
}

/// Names in a sentence.
fn names<T: fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
