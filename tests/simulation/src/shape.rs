//! The project that a seed stands for: a few units, what they need of each other, its policy, and what is asked of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use pathops_coordinator::change_set::Limits;
use pathops_core::adapter::{SourceFile, SourceTree};
use pathops_core::policy::Supersession;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget, FeatureRequest, UnitChange};
use pathops_core::{PersonId, RepoId, RepoPath, UnitId};

use crate::alarms::{self, Alarm};
use crate::dice::Dice;

/// What a unit's files say where its pipeline fails.
pub(crate) const BROKEN: &str = "broken";
/// Where its smoke job fails, in every environment.
pub(crate) const DEFECT: &str = "defect";
/// Where its smoke job fails in production alone.
pub(crate) const LATE_DEFECT: &str = "late fault";
/// Where its pipeline writes no report at all, or one in which nothing ran.
pub(crate) const UNTESTED: &str = "untested";
/// A credential of the host, which pipelines, jobs and people blurt out.
pub(crate) const SECRET: &str = "swordfish-1234";

/// How old evidence of preflight may be.
pub(crate) const FRESH: Duration = Duration::from_secs(7_200);
/// How long a unit has to be healthy.
pub(crate) const SETTLED: Duration = Duration::from_secs(5);

/// Who the project knows. The last two have a part in nothing, so that every change finds its approvals in the end.
pub(crate) const REVIEWERS: [&str; 4] = ["bob", "carol", "erin", "frank"];
/// Who asks for features.
pub(crate) const OWNER: &str = "alice";
/// Somebody whom the project knows, without a role.
pub(crate) const GUEST: &str = "dave";
/// Somebody whom it does not know.
pub(crate) const STRANGER: &str = "mallory";

/// A project with what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) units: Vec<UnitShape>,
    /// Units that the policy covers; all where it is empty.
    pub(crate) covered: Vec<UnitId>,
    pub(crate) approvals: usize,
    pub(crate) preflight_by_people: bool,
    /// What becomes of a change set where a newer one changes the same unit.
    pub(crate) supersession: Supersession,
    pub(crate) limits: Limits,
    pub(crate) asked: Vec<Asked>,
    /// Whether operators look after it, and steps that could not be done wait for them.
    pub(crate) operators: bool,
    pub(crate) alarms: Vec<Alarm>,
}

/// A unit of the project.
#[derive(Clone, Debug)]
pub(crate) struct UnitShape {
    pub(crate) id: UnitId,
    /// Else it is a component: no source repository.
    pub(crate) app: bool,
    depends_on: Vec<UnitId>,
    consumes: Vec<UnitId>,
}

/// A feature, when it is asked for, and under which key.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) request: FeatureRequest,
    pub(crate) after: Duration,
    pub(crate) key: String,
}

/// Most hosts wait for as long as it takes; some for so short that people are late.
fn limits(dice: &Dice) -> Limits {
    let limit = || dice.chance(150).then(|| Duration::from_secs(*dice.pick(&[600, 3_600, 86_400])));
    Limits { work: limit(), build: limit(), review: limit(), approval: limit(), retry: None }
}

impl Shape {
    pub(crate) fn roll(dice: &Dice) -> Self {
        let mut units: Vec<UnitShape> = Vec::new();
        for name in ["ale", "bread", "cheese"].iter().take(*dice.pick(&[1, 1, 1, 2, 2, 3])) {
            let earlier = |app_only: bool| -> Vec<UnitId> {
                let others = units.iter().filter(|unit| !app_only || unit.app);
                others.filter(|_| dice.chance(500)).map(|unit| unit.id.clone()).collect()
            };
            let unit = UnitShape { id: id(name), app: dice.chance(750), depends_on: earlier(false), consumes: earlier(true) };
            units.push(unit);
        }
        let ids: Vec<UnitId> = units.iter().map(|unit| unit.id.clone()).collect();
        // A policy that covers nothing is none that anybody writes.
        let forgotten = dice.pick(&ids).clone();
        let covered: Vec<UnitId> =
            ids.iter().filter(|unit| ids.len() > 1 && **unit != forgotten && !dice.chance(700)).cloned().collect();
        let queue = dice.of("queue");
        let supersession = {
            use Supersession::{Batch, FirstCome, Latest, Supersede};
            *queue.pick(&[FirstCome, Batch, Latest, Supersede])
        };
        // Patches do not go together.
        let by_hand = if supersession == Supersession::Batch { 600 } else { 200 };
        let asked = (0..*queue.pick(&[1, 1, 1, 1, 2, 3])).map(|number| asked(dice, &ids, number, by_hand)).collect();
        let (approvals, preflight_by_people) = (if dice.chance(150) { 2 } else { 1 }, dice.chance(200));
        let covers_all = covered.is_empty() || ids.iter().all(|unit| covered.contains(unit));
        // A project with a mistake is read by nobody: an alarm waits until somebody mends it.
        let alarms = if covers_all { alarms::roll(&dice.of("alarms"), &ids) } else { Vec::new() };
        let operating = dice.of("operators");
        let operators = operating.chance(300);
        let retry = operators.then(|| Duration::from_secs(*operating.pick(&[600, 3_600])));
        let limits = Limits { retry, ..limits(&dice.of("limits")) };
        Self { units, covered, approvals, preflight_by_people, supersession, limits, asked, operators, alarms }
    }

    pub(crate) fn covers(&self, unit: &UnitId) -> bool {
        self.covered.is_empty() || self.covered.contains(unit)
    }

    /// The files of the meta repository.
    pub(crate) fn meta(&self) -> SourceTree {
        let head = |kind: &str, name: &str| {
            format!("apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n")
        };
        let mut files = BTreeMap::new();
        let environments = "    - {name: preflight, kind: preflight}\n    - {name: production, kind: production}\n    - {name: agents, kind: agents}\n";
        files.insert("project.yaml".to_owned(), format!("{}  environments:\n{environments}", head("Project", "shop")));
        let mut people =
            format!("{}  people:\n    - {{name: {OWNER}, roles: [owner]}}\n    - {{name: {GUEST}}}\n", head("People", "people"));
        for reviewer in REVIEWERS {
            let _ = writeln!(people, "    - {{name: {reviewer}, roles: [reviewer]}}");
        }
        files.insert("people.yaml".to_owned(), people);
        files.insert("policy.yaml".to_owned(), format!("{}{}", head("Policy", "shop"), self.policy()));
        for unit in &self.units {
            let names = |units: &[UnitId], suffix: &str| {
                units.iter().map(|unit| format!("{unit}{suffix}")).collect::<Vec<_>>().join(", ")
            };
            let (kind, folder) = if unit.app { ("App", "apps") } else { ("Component", "components") };
            let mut text = head(kind, unit.id.as_str());
            text += "  owner: alice\n  lifecycle: path-ready\n  rollback: revert\n  checks: [health, smoke]\n";
            let _ = writeln!(text, "  dependsOn: [{}]", names(&unit.depends_on, ""));
            if unit.app {
                let _ = writeln!(text, "  provides: [{0}-http]\n  consumes: [{1}]", unit.id, names(&unit.consumes, "-http"));
                let contract = format!("{}-http", unit.id);
                let spec = format!("{}  type: openapi\n  definition: {contract}.openapi.yaml\n", head("Contract", &contract));
                files.insert(format!("contracts/{contract}.yaml"), spec);
                files.insert(format!("contracts/{contract}.openapi.yaml"), "openapi: 3.0.3\n".to_owned());
            } else {
                text += "  type: store\n";
            }
            files.insert(format!("{folder}/{}.yaml", unit.id), text);
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        tree(&files)
    }

    fn policy(&self) -> String {
        let (merge, count) = (if self.preflight_by_people { "people" } else { "pathops" }, self.approvals);
        let units = self.covered.iter().map(UnitId::as_str).collect::<Vec<_>>().join(", ");
        let only = if units.is_empty() { String::new() } else { format!("units: [{units}]") };
        let (fresh, settled, supersession) = (FRESH.as_secs(), SETTLED.as_secs(), self.supersession);
        format!(
            "  preflightMerge: {merge}\n  supersession: {supersession}\n  requirements:
    - {{id: unit-tests, reason: tests, covers: {{kind: app{comma}{only}}}, asks: {{tests: {{run: build, suite: unit, minPassed: 1, accept: {{maxAgeSeconds: 86400}}}}}}}}
    - {{id: preflight-deployment, reason: it ran, covers: {{{only}}}, asks: {{deployment: {{accept: {{maxAgeSeconds: {fresh}}}}}}}}}
    - {{id: preflight-health, reason: it was healthy, covers: {{{only}}}, asks: {{health: {{settledSeconds: {settled}, accept: {{maxAgeSeconds: {fresh}}}}}}}}}
    - {{id: preflight-smoke, reason: it worked, covers: {{{only}}}, asks: {{tests: {{run: preflight, suite: smoke, minPassed: 1, accept: {{maxAgeSeconds: {fresh}}}}}}}}}
    - {{id: approval, reason: people, covers: {{{only}}}, asks: {{approvals: {{count: {count}, roles: [owner, reviewer]}}}}}}\n",
            comma = if only.is_empty() { "" } else { ", " },
        )
    }
}

fn asked(dice: &Dice, units: &[UnitId], number: u64, by_hand: u64) -> Asked {
    let mut touched: Vec<&UnitId> = units.iter().filter(|_| dice.chance(500)).collect();
    if touched.is_empty() {
        touched.push(dice.pick(units));
    }
    let changes = touched.into_iter().map(|unit| {
        let words = match dice.below(20) {
            0 => BROKEN,
            1 | 2 => DEFECT,
            3 | 4 => LATE_DEFECT,
            5 => UNTESTED,
            _ => "better",
        };
        UnitChange {
            unit: unit.clone(),
            reason: format!("{unit} has to know it"),
            contracts: [].into(),
            patch: (!dice.chance(by_hand)).then(|| format!("{words} {number}")),
        }
    });
    let changes = changes.collect();
    let by = if dice.chance(50) { STRANGER } else { OWNER };
    let text = if dice.chance(200) { format!("At checkout; the token is {SECRET}.") } else { "At checkout.".to_owned() };
    Asked {
        request: FeatureRequest { title: format!("Feature {number}"), text, requested_by: person(by), changes },
        after: dice.seconds(0, 600),
        key: format!("request-{number}"),
    }
}

pub(crate) fn target(kind: EnvironmentKind) -> EnvironmentTarget {
    let name = if kind == EnvironmentKind::Preflight { "preflight" } else { "production" };
    EnvironmentTarget { namespace: format!("shop-{name}"), ..EnvironmentTarget::local(name.parse().unwrap(), kind) }
}

pub(crate) fn tree(files: &[(&str, &str)]) -> SourceTree {
    let file = |text: &str| SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
    files.iter().map(|(path, text)| (RepoPath::parse(*path).unwrap(), file(text))).collect()
}

pub(crate) fn id(unit: &str) -> UnitId {
    unit.parse().unwrap()
}

pub(crate) fn repo(repo: &str) -> RepoId {
    repo.parse().unwrap()
}

pub(crate) fn person(person: &str) -> PersonId {
    person.parse().unwrap()
}
