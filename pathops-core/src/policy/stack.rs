use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::digest::Digest;
use crate::policy::facts::canonical_digest;
use crate::policy::layer::{ALWAYS, allowed, built_in, by_name};
use crate::policy::read::ask_for;
use crate::policy::tighten::{breaks_more, loosens, subset, takes_less};
use crate::policy::{
    Action, Ask, BreakGlass, Condition, ConditionRule, FreezeCalendar, FreezeWindow, Languages, LayerName, MergeBy, Occurrences,
    PolicyLayer, Requirement, Supersession,
};
use crate::project::{Role, Unit};

/// The rules of promotion of one project: its layers, checked against each other and made ready to be evaluated.
///
/// What it costs to read a rule is paid once, here: recurrences are parsed and conditions compiled. A policy that exists
/// has no loosened requirement. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Policy(Arc<Stack>);

#[derive(Debug)]
struct Stack {
    /// From the top down; the first is what is built in.
    layers: Vec<PolicyLayer>,
    rules: Vec<Rule>,
    digest: Digest,
    engines: BTreeMap<String, String>,
}

/// A requirement, ready to be evaluated.
#[derive(Debug)]
pub(super) struct Rule {
    layer: usize,
    index: usize,
    /// Rules of lower layers that say the same and more, where they apply.
    tightened_by: Vec<usize>,
    /// Rules of higher layers that it tightens by taking less evidence: what it does not look at may speak against it, so
    /// they stay in force beside it.
    beside: Vec<usize>,
    pub(super) occurrences: Option<Occurrences>,
    pub(super) condition: Option<Arc<dyn Condition>>,
}

/// Something in a layer that keeps the layers from being a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {mend}")]
pub struct PolicyProblem {
    /// Where it is.
    pub at: Place,
    /// The other place that it has to do with.
    pub against: Option<Place>,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

/// A place in the layers that were handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The layer.
    pub layer: LayerName,
    /// The requirement, by its index in the layer; `None`: something else in it.
    pub requirement: Option<usize>,
}

/// The canonical form of a policy, which its digest is of.
#[derive(Debug, Serialize)]
struct Canonical<'p> {
    format: u32,
    layers: &'p [PolicyLayer],
}

impl Policy {
    /// Puts layers on each other. Their order does not matter: names tell which is above which.
    ///
    /// # Errors
    /// Every problem there is: a name used twice, a requirement that loosens one above, a window, bound or condition that
    /// cannot be read.
    pub fn new(layers: Vec<PolicyLayer>, languages: &Languages) -> Result<Self, Vec<PolicyProblem>> {
        let mut layers: Vec<_> = std::iter::once(built_in()).chain(layers).collect();
        layers.sort_by(|a, b| a.layer.cmp(&b.layer));
        let mut problems = Vec::new();
        let mut rules = Vec::new();
        for (number, layer) in layers.iter().enumerate() {
            once(&layers, number, &mut problems);
            for (index, requirement) in layer.requirements.iter().enumerate() {
                match prepare(requirement, languages) {
                    Ok((occurrences, condition)) => {
                        rules.push(Rule {
                            layer: number,
                            index,
                            tightened_by: Vec::new(),
                            beside: Vec::new(),
                            occurrences,
                            condition,
                        });
                    }
                    Err((what, mend)) => {
                        let at = Place { layer: layer.layer.clone(), requirement: Some(index) };
                        problems.push(PolicyProblem { at, against: None, what, mend });
                    }
                }
            }
        }
        tightened(&layers, &mut rules, &mut problems);
        others(&layers, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let digest = canonical_digest(&Canonical { format: 1, layers: &layers });
        let engines = engines(&layers, languages);
        Ok(Self(Arc::new(Stack { layers, rules, digest, engines })))
    }

    /// The languages that its conditions are written in, with the versions of the engines that read them. They are no part of
    /// the digest: the policy is the same, whoever reads it.
    #[must_use]
    pub fn engines(&self) -> &BTreeMap<String, String> {
        &self.0.engines
    }

    /// What people wrote, from the top down: what [`Policy::new`] takes.
    #[must_use]
    pub fn layers(&self) -> &[PolicyLayer] {
        self.0.layers.get(1..).unwrap_or_default()
    }

    /// SHA-256 of its canonical form: the canonical JSON (RFC 8785) of `{"format": 1, "layers": […]}` with every layer from
    /// the top down, what is built in first. Layout, comments and the order of fields in the YAML do not count.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Who merges pull requests of a unit's desired state in preflight.
    #[must_use]
    pub fn preflight_merge(&self, unit: &Unit) -> MergeBy {
        let over = self.layers().iter().filter(|layer| layer.layer.is_over(unit));
        over.filter_map(|layer| layer.preflight_merge).max().unwrap_or_default()
    }

    /// What becomes of a change set where a newer one changes a unit, too: what disturbs least of what the layers say.
    #[must_use]
    pub fn supersession(&self, unit: &Unit) -> Supersession {
        let over = self.layers().iter().filter(|layer| layer.layer.is_over(unit));
        over.filter_map(|layer| layer.supersession).min().unwrap_or_default()
    }

    /// The requirements for a unit, whoever makes the change, with the layer that each is from. Those that lower layers
    /// tighten are left out, where these are for every change that they are for.
    pub fn requirements<'p>(&'p self, unit: &'p Unit) -> impl Iterator<Item = (&'p LayerName, &'p Requirement)> {
        const CHANGES: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];
        let of = move |(opaque, by_agents): (bool, bool)| {
            move |layer: &LayerName, requirement: &Requirement| {
                requirement.changes.are(opaque, by_agents) && requirement.is_for(layer, unit)
            }
        };
        self.0.rules.iter().filter_map(move |rule| CHANGES.into_iter().find_map(|changes| self.in_force(rule, of(changes))))
    }

    /// How many approvals of this very policy every change of a unit waits for, beside its check: what requirements ask for that
    /// stop every change, and that no broken glass gets past. `None` where changes pass without a check.
    #[must_use]
    pub fn approvals_of_itself(&self, unit: &Unit) -> Option<u32> {
        let past = self.break_glass(unit).map(|glass| &glass.requirements);
        let holds = |it: &&Requirement| it.stops_every_change() && past.is_none_or(|past| !past.contains(&it.id));
        let rules = self.requirements(unit).map(|(_, requirement)| requirement).filter(holds);
        let approvals = |it: &Requirement| if let Ask::Policy(rule) = &it.asks { Some(rule.approvals) } else { None };
        rules.filter_map(approvals).max()
    }

    /// The freeze windows that stop every change of a unit, together: whether promotions are closed, why, since when, and what comes next.
    #[must_use]
    pub fn freezes(&self, unit: &Unit) -> FreezeCalendar {
        let rules = self.applying(move |layer, requirement| requirement.stops_every_change() && requirement.is_for(layer, unit));
        FreezeCalendar::new(rules.filter_map(|(_, requirement, rule)| {
            let (id, reason) = (requirement.id.clone(), requirement.reason.clone());
            rule.occurrences.clone().map(|occurrences| FreezeWindow { id, reason, occurrences })
        }))
    }

    /// The rules for which `applies`, less those that a lower layer tightens by a rule that applies too.
    pub(super) fn applying<'p>(
        &'p self,
        applies: impl Fn(&LayerName, &Requirement) -> bool + Copy + 'p,
    ) -> impl Iterator<Item = (&'p LayerName, &'p Requirement, &'p Rule)> {
        let part = move |rule| self.in_force(rule, applies).map(|(layer, requirement)| (layer, requirement, rule));
        self.0.rules.iter().filter_map(part)
    }

    /// A rule, where it `applies` and none that tightens it does.
    fn in_force<'p>(
        &'p self,
        rule: &'p Rule,
        applies: impl Fn(&LayerName, &Requirement) -> bool,
    ) -> Option<(&'p LayerName, &'p Requirement)> {
        let stack = &*self.0;
        let holds = |rule: &'p Rule| {
            let layer = stack.layers.get(rule.layer)?;
            let requirement = layer.requirements.get(rule.index)?;
            applies(&layer.layer, requirement).then_some((&layer.layer, requirement))
        };
        let mut lower = rule.tightened_by.iter().filter_map(|index| stack.rules.get(*index));
        holds(rule).filter(|_| !lower.any(|lower| holds(lower).is_some()))
    }

    /// The rules that stay in force beside one that tightens them, where `applies`.
    pub(super) fn beside<'p>(
        &'p self,
        rule: &'p Rule,
        applies: impl Fn(&LayerName, &Requirement) -> bool + 'p,
    ) -> impl Iterator<Item = (&'p LayerName, &'p Requirement, &'p Rule)> {
        rule.beside.iter().filter_map(move |index| {
            let rule = self.0.rules.get(*index)?;
            let layer = self.0.layers.get(rule.layer)?;
            let requirement = layer.requirements.get(rule.index)?;
            applies(&layer.layer, requirement).then_some((&layer.layer, requirement, rule))
        })
    }

    /// Whether some layer that people wrote has a requirement for `unit` that stops every change. What no rule covers is
    /// refused (I11).
    #[must_use]
    pub fn covers(&self, unit: &Unit) -> bool {
        self.layers().iter().any(|layer| {
            let stops = |it: &Requirement| it.stops_every_change() && it.is_for(&layer.layer, unit);
            layer.requirements.iter().any(stops)
        })
    }

    /// How people get past requirements in an emergency.
    #[must_use]
    pub fn break_glass(&self, unit: &Unit) -> Option<&BreakGlass> {
        self.layers().iter().filter(|layer| layer.layer.is_over(unit)).rev().find_map(|layer| layer.break_glass.as_ref())
    }

    /// Whether somebody with these roles may do something: about one unit, or, without one, about the project.
    #[must_use]
    pub fn may(&self, action: Action, roles: &BTreeSet<Role>, unit: Option<&Unit>) -> bool {
        let over = || {
            self.layers().iter().filter(move |layer| unit.map_or(layer.layer <= LayerName::Project, |it| layer.layer.is_over(it)))
        };
        match action {
            Action::Request => {
                allowed(over(), |layer| layer.permissions.request.as_ref()).is_none_or(|wanted| !wanted.is_disjoint(roles))
            }
            Action::Stop => allowed(over(), |layer| layer.permissions.stop.as_ref())
                .map_or(!roles.is_empty(), |wanted| !wanted.is_disjoint(roles)),
            Action::Freeze => allowed(over(), |layer| layer.permissions.freeze.as_ref())
                .map_or(!roles.is_empty(), |wanted| !wanted.is_disjoint(roles)),
            Action::BreakGlass => {
                over().rev().find_map(|layer| layer.break_glass.as_ref()).is_some_and(|glass| !glass.roles.is_disjoint(roles))
            }
        }
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.0.layers == other.0.layers
    }
}

fn engines(layers: &[PolicyLayer], languages: &Languages) -> BTreeMap<String, String> {
    let engine = |requirement: &Requirement| match &requirement.asks {
        Ask::Condition(ConditionRule { language, .. }) => Some((language.clone(), languages.version(language)?)),
        _ => None,
    };
    layers.iter().flat_map(|layer| &layer.requirements).filter_map(engine).collect()
}

type Prepared = (Option<Occurrences>, Option<Arc<dyn Condition>>);

/// What can be read of a requirement before there are facts.
fn prepare(requirement: &Requirement, languages: &Languages) -> Result<Prepared, (String, String)> {
    let id = &requirement.id;
    match &requirement.asks {
        Ask::Freeze(freeze) => match freeze.occurrences() {
            Ok(occurrences) => Ok((Some(occurrences), None)),
            Err(error) => Err((format!("the freeze window `{id}` cannot be read: {error}"), "correct it".to_owned())),
        },
        Ask::Condition(rule) => match languages.compile(&rule.language, &rule.text) {
            Ok(condition) => Ok((None, Some(condition))),
            Err(error) => Err((format!("the condition `{id}` cannot be read: {error}"), "correct it".to_owned())),
        },
        Ask::Signal(rule) => {
            let bad = |bound: Option<f64>| bound.is_some_and(|bound| !bound.is_finite());
            let empty = matches!((rule.min, rule.max), (Some(min), Some(max)) if min > max);
            if bad(rule.min) || bad(rule.max) {
                Err((format!("`{id}` has a bound that is no number"), "write a number".to_owned()))
            } else if rule.min.is_none() && rule.max.is_none() {
                Err((format!("`{id}` has no bound"), "give `min`, `max` or both".to_owned()))
            } else if empty {
                Err((format!("no value is within the bounds of `{id}`"), "let `min` be at most `max`".to_owned()))
            } else {
                Ok((None, None))
            }
        }
        Ask::Evidence(rule) => match ask_for(&rule.predicate_type) {
            Some(ask) => {
                let what = format!("`{id}` takes evidence of the type {} for good because it is there", rule.predicate_type);
                Err((what, format!("ask for it by `{ask}`")))
            }
            None => Ok((None, None)),
        },
        Ask::Lifecycle(rule) if rule.allowed.is_empty() => Err((
            format!("`{id}` allows no lifecycle state, so nothing is ever promoted"),
            "name at least one, for example `production`".to_owned(),
        )),
        Ask::Approvals(rule) if rule.roles.is_empty() => {
            Err((format!("`{id}` names no role, so no approval counts"), "name `owner`, `reviewer` or both".to_owned()))
        }
        Ask::Policy(rule) if rule.roles.is_empty() && rule.approvals > 0 => {
            Err((format!("`{id}` names no role, so no approval counts"), "name `owner`, `reviewer` or both".to_owned()))
        }
        Ask::Sbom(rule) if rule.formats.is_empty() => {
            Err((format!("`{id}` names no format, so nothing counts"), "name `cyclonedx`, `spdx` or both".to_owned()))
        }
        Ask::Findings(rule) if rule.max.is_empty() => {
            Err((format!("`{id}` limits no severity"), "give a limit, for example `critical: 0`".to_owned()))
        }
        _ => Ok((None, None)),
    }
}

/// Each layer once, and each name once in it.
fn once(layers: &[PolicyLayer], number: usize, problems: &mut Vec<PolicyProblem>) {
    let Some(layer) = layers.get(number) else { return };
    let place = |requirement| Place { layer: layer.layer.clone(), requirement };
    if layers.get(..number).is_some_and(|above| above.iter().any(|above| above.layer == layer.layer)) {
        let what = format!("{} is there twice", layer.layer);
        problems.push(PolicyProblem { at: place(None), against: None, what, mend: "put the two together".to_owned() });
    }
    let mut seen = BTreeSet::new();
    for (index, requirement) in layer.requirements.iter().enumerate() {
        let reserved = ALWAYS.iter().any(|(name, _)| requirement.id.as_str() == *name);
        let first = layer.requirements.iter().position(|other| other.id == requirement.id);
        let (what, against) = if reserved {
            (format!("the name `{}` is PathOps' own", requirement.id), None)
        } else if !seen.insert(&requirement.id) {
            (format!("two requirements of one layer are named `{}`", requirement.id), Some(place(first)))
        } else {
            continue;
        };
        let mend = "give it a name of its own".to_owned();
        problems.push(PolicyProblem { at: place(Some(index)), against, what, mend });
    }
}

/// Finds which rules tighten which, and those that would loosen one.
fn tightened(layers: &[PolicyLayer], rules: &mut [Rule], problems: &mut Vec<PolicyProblem>) {
    let place = |layer: &PolicyLayer, index| Place { layer: layer.layer.clone(), requirement: Some(index) };
    let number = |rules: &[Rule], layer, index| rules.iter().position(|rule| rule.layer == layer && rule.index == index);
    for (low, lower) in layers.iter().enumerate() {
        for (high, upper) in layers.iter().enumerate().take(low).filter(|(_, upper)| upper.layer.is_above(&lower.layer)) {
            let names = by_name(upper);
            for (index, requirement) in lower.requirements.iter().enumerate() {
                let Some(above) = names.get(&requirement.id).copied() else { continue };
                let Some(original) = upper.requirements.get(above) else { continue };
                if let Some(why) = loosens(requirement, original) {
                    let what = format!("`{}` loosens {}: {why}", requirement.id, upper.layer);
                    let mend = "ask for at least as much, or give it a name of its own".to_owned();
                    problems.push(PolicyProblem { at: place(lower, index), against: Some(place(upper, above)), what, mend });
                } else if let (Some(upper), Some(lower)) = (number(rules, high, above), number(rules, low, index)) {
                    let beside = takes_less(requirement, original);
                    rules.get_mut(upper).into_iter().for_each(|rule| rule.tightened_by.push(lower));
                    rules.get_mut(lower).filter(|_| beside).into_iter().for_each(|rule| rule.beside.push(upper));
                }
            }
        }
    }
}

/// What lower layers allow beside requirements, against what higher ones do.
fn others(layers: &[PolicyLayer], problems: &mut Vec<PolicyProblem>) {
    let place = |layer: &PolicyLayer| Place { layer: layer.layer.clone(), requirement: None };
    for (low, lower) in layers.iter().enumerate() {
        let mut loose = |upper: &PolicyLayer, what: &str, why: &str| {
            let what = format!("`{what}` loosens {}: {why}", upper.layer);
            let mend = "allow no more than is allowed above".to_owned();
            problems.push(PolicyProblem { at: place(lower), against: Some(place(upper)), what, mend });
        };
        // What is built in says nothing here.
        for upper in layers.iter().take(low).skip(1).filter(|upper| upper.layer.is_above(&lower.layer)) {
            // The uppermost says it for all below: people, where it is silent.
            let silent = layers.get(1) == Some(upper);
            let above = upper.preflight_merge.or(silent.then(MergeBy::default));
            if lower.preflight_merge.zip(above).is_some_and(|(below, above)| below < above) {
                loose(upper, "preflightMerge", "people merge there");
            }
            if let (Some(below), Some(above)) = (lower.supersession, upper.supersession)
                && below > above
            {
                loose(upper, "supersession", &format!("it is `{above}` there"));
            }
            for ((name, below), (_, above)) in lower.permissions.named().into_iter().zip(upper.permissions.named()) {
                if let (Some(below), Some(above)) = (below, above)
                    && let Some(why) = subset(below, above)
                {
                    loose(upper, name, why);
                }
            }
            match (&lower.break_glass, &upper.break_glass) {
                (Some(_), None) => loose(upper, "breakGlass", "nobody gets past anything there"),
                (Some(below), Some(above)) => {
                    if let Some(why) = breaks_more(below, above) {
                        loose(upper, "breakGlass", why);
                    }
                }
                (None, _) => {}
            }
        }
        glass(lower, &place(lower), problems);
    }
}

fn glass(layer: &PolicyLayer, at: &Place, problems: &mut Vec<PolicyProblem>) {
    let Some(glass) = &layer.break_glass else { return };
    let mut problem = |what: &str, mend: &str| {
        problems.push(PolicyProblem { at: at.clone(), against: None, what: what.to_owned(), mend: mend.to_owned() });
    };
    if glass.people.get() < 2 {
        problem("one person alone would break the glass", "ask for at least two people");
    }
    if glass.roles.is_empty() {
        problem("`breakGlass` names no role, so nobody ever can", "name `owner`, `reviewer` or both");
    }
    let own =
        |id: &str| ALWAYS.iter().any(|(name, _)| *name == id) || built_in().requirements.iter().any(|it| it.id.as_str() == id);
    if let Some(id) = glass.requirements.iter().find(|id| own(id.as_str())) {
        problem(&format!("nobody gets past `{id}`: it is built in"), "take it out");
    }
}
