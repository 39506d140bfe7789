//! The same rule, asked of each engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::{Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression};
use pathops_adapters::cedar::Cedar;
use pathops_adapters::rego::Rego;
use pathops_core::policy::{
    Condition, ConditionLanguage as _, EvidenceFact, Facts, Finding, FindingSeverity, FindingsSummary, PreflightSummary, Summary,
    TestsSummary, UnitSummary,
};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::{Program, RegoVM};
use regorus::{Engine, Rc, Value};
use serde_json::json;

use crate::facts::{AT, artifact, tree};

const CEDAR: &str = include_str!("rule.cedar");
const REGO: &str = include_str!("rule.rego");
const RAW: &str = include_str!("raw.rego");

/// Cedar by itself, with everything that is asked about in its own form already.
pub(crate) struct ReadyCedar {
    policies: PolicySet,
    request: Request,
    entities: Entities,
}

impl ReadyCedar {
    pub(crate) fn new(summary: &Summary) -> Self {
        let mut context = serde_json::to_value(summary).expect("a summary is JSON");
        context["tests"] = json!({"__entity": {"type": "Tests", "id": "all"}});
        context["signals"] = json!({"__entity": {"type": "Signals", "id": "all"}});
        let decimal = json!({"__extn": {"fn": "decimal", "arg": "0.002"}});
        let entities = json!([
            {"uid": {"type": "Tests", "id": "all"}, "attrs": {}, "parents": [], "tags": summary.tests},
            {
                "uid": {"type": "Signals", "id": "all"}, "attrs": {}, "parents": [],
                "tags": {"error-rate": {"atLeast": decimal, "atMost": decimal}},
            },
        ]);
        let uid = |text: &str| text.parse::<EntityUid>().expect("a name");
        let context = Context::from_json_value(context, None).expect("a context");
        let (principal, action) = (uid("Unit::\"orders\""), uid("Action::\"promote\""));
        Self {
            policies: CEDAR.parse().expect("policies"),
            request: Request::new(principal, action, uid("Environment::\"production\""), context, None).expect("a request"),
            entities: Entities::from_json_value(entities, None).expect("entities"),
        }
    }

    pub(crate) fn decide(&self) -> (bool, Vec<String>) {
        answer(&self.policies, &self.request, &self.entities)
    }
}

fn answer(policies: &PolicySet, request: &Request, entities: &Entities) -> (bool, Vec<String>) {
    let response = Authorizer::new().is_authorized(request, policies, entities);
    let reason = |policy| policies.annotation(policy, "reason").unwrap_or_default().to_owned();
    let mut reasons: Vec<_> = response.diagnostics().reason().map(reason).collect();
    reasons.sort();
    (response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none(), reasons)
}

/// Cedar by itself, from the evidence: what its rule asks about, and nothing else, goes straight into its own form.
pub(crate) struct StraightCedar {
    policies: PolicySet,
    /// Principal, action, resource, and those with the tests and the signals.
    names: [EntityUid; 5],
}

impl StraightCedar {
    pub(crate) fn new() -> Self {
        let names =
            ["Unit::\"orders\"", "Action::\"promote\"", "Environment::\"production\"", "Tests::\"all\"", "Signals::\"all\""];
        Self { policies: CEDAR.parse().expect("policies"), names: names.map(|name| name.parse().expect("a name")) }
    }

    pub(crate) fn decide(&self, facts: &Facts) -> (bool, Vec<String>) {
        let summary = aggregate(facts);
        let [principal, action, resource, tests, signals] = self.names.clone();
        let long = |value: u64| RestrictedExpression::new_long(i64::try_from(value).unwrap_or(i64::MAX));
        let record = |fields: Vec<(&str, RestrictedExpression)>| {
            let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
            RestrictedExpression::new_record(fields).expect("no name twice")
        };
        let suite = |it: &TestsSummary| {
            record(vec![
                ("passed", long(it.passed.into())),
                ("failed", long(it.failed.into())),
                ("skipped", long(it.skipped.into())),
                ("ageSeconds", RestrictedExpression::new_long(it.age_seconds)),
            ])
        };
        let decimal = |value: f64| record(vec![("atMost", RestrictedExpression::new_decimal(format!("{value:.4}")))]);
        let fields = [
            ("tests", RestrictedExpression::new_entity_uid(tests.clone())),
            ("signals", RestrictedExpression::new_entity_uid(signals.clone())),
            (
                "preflight",
                record(vec![
                    ("wasReady", RestrictedExpression::new_bool(summary.preflight.was_ready)),
                    ("healthySeconds", long(summary.preflight.healthy_seconds)),
                ]),
            ),
            (
                "findings",
                record(vec![
                    ("scanners", long(summary.findings.scanners.into())),
                    ("critical", long(summary.findings.critical.into())),
                    ("high", long(summary.findings.high.into())),
                ]),
            ),
            ("sbomParts", long(summary.sbom_parts)),
            ("approvals", long(summary.approvals.into())),
            ("incidents", long(summary.incidents.into())),
            ("evidence", record(vec![("rejected", long(summary.evidence.rejected.into()))])),
            ("unit", record(vec![("lifecycle", RestrictedExpression::new_string(summary.unit.lifecycle.clone()))])),
        ];
        let context = Context::from_pairs(fields.map(|(name, value)| (name.to_owned(), value))).expect("a context");
        let tagged =
            |uid, tags: Vec<(String, RestrictedExpression)>| Entity::new_with_tags(uid, [], [], tags).expect("an entity");
        let entities = Entities::from_entities(
            [
                tagged(tests, summary.tests.iter().map(|(name, it)| (name.clone(), suite(it))).collect()),
                tagged(signals, summary.signals.iter().map(|(name, value)| (name.clone(), decimal(*value))).collect()),
            ],
            None,
        );
        let request = Request::new(principal, action, resource, context, None).expect("a request");
        answer(&self.policies, &request, &entities.expect("entities"))
    }
}

/// Our condition in Cedar, from a summary.
pub(crate) fn cedar() -> Arc<dyn Condition> {
    Cedar::new().compile(CEDAR).expect("policies")
}

/// Our condition in Rego, from a summary.
pub(crate) fn rego() -> Arc<dyn Condition> {
    Rego.compile(REGO).expect("a module")
}

/// The engine of Rego by itself, with the evidence in its own form already, and without bounds.
pub(crate) struct RawRego {
    program: Arc<Program>,
    input: Value,
}

impl RawRego {
    pub(crate) fn new(facts: &Facts) -> Self {
        let mut input = serde_json::to_value(facts).expect("facts are JSON");
        input["artifact"] = json!(artifact().hex());
        let mut engine = Engine::new();
        engine.add_policy("raw.rego".to_owned(), RAW.to_owned()).expect("a module");
        let policy = engine.compile_with_entrypoint(&Rc::from("data.raw.deny")).expect("a module");
        let program = Compiler::compile_from_policy(&policy, &["data.raw.deny"]).expect("a program");
        Self { program, input: Value::from(input) }
    }

    /// What it denies.
    pub(crate) fn deny(&self) -> Value {
        let mut vm = RegoVM::new();
        vm.set_max_instructions(10_000_000);
        vm.load_program(self.program.clone());
        vm.set_data(Value::new_object()).expect("no conflict");
        vm.set_input(self.input.clone());
        vm.execute_entry_point_by_name("data.raw.deny").expect("an answer")
    }
}

/// What the facts come to: the aggregation that an engine without loops needs.
pub(crate) fn aggregate(facts: &Facts) -> Summary {
    let readings = &facts.readings;
    let (digest, source, tested) = (artifact().hex(), tree('b'), tree('c'));
    let is_about = |fact: &EvidenceFact| {
        fact.unit.as_ref().is_none_or(|unit| *unit == readings.unit.id)
            && (fact.is_about("sha256", &digest)
                || fact.is_about("gitTree", source.as_str())
                || fact.is_about("gitTree", tested.as_str()))
    };
    let mut summary = Summary {
        unit: UnitSummary {
            id: readings.unit.id.to_string(),
            is_app: true,
            lifecycle: readings.unit.lifecycle.to_string(),
            owner: readings.unit.owner.to_string(),
            ..UnitSummary::default()
        },
        environment: readings.environment.to_string(),
        is_final: readings.proposal.is_some(),
        at_seconds: AT.0 / 1_000,
        approvals: readings.proposal.as_ref().map_or(0, |proposal| u32::try_from(proposal.reviews.len()).unwrap_or(u32::MAX)),
        incidents: u32::try_from(readings.incidents.len()).unwrap_or(u32::MAX),
        ..Summary::default()
    };
    let mut scans = BTreeMap::new();
    for fact in facts.evidence.iter().filter(|fact| is_about(fact)) {
        summary.evidence.total += 1;
        summary.evidence.bad += u32::from(fact.says.is_bad());
        match &fact.says {
            Finding::Tests { suite, passed, failed, skipped, flaky, .. } => {
                let (passed, failed, skipped, flaky) = (*passed, *failed, *skipped, *flaky);
                let tests = TestsSummary { passed, failed, skipped, flaky, age_seconds: (AT.0 - fact.at.0) / 1_000 };
                summary.tests.insert(suite.clone(), tests);
            }
            Finding::Deployment { failure } => summary.preflight.was_ready = failure.is_none(),
            Finding::Health { settled_millis, .. } => {
                summary.preflight = PreflightSummary { healthy_seconds: settled_millis / 1_000, ..summary.preflight };
            }
            Finding::Vulnerabilities { scanner, found } => drop(scans.insert(scanner, found)),
            Finding::Sbom { parts, .. } => summary.sbom_parts = *parts,
            Finding::Signal { name, value: Some(value), .. } => drop(summary.signals.insert(name.clone(), *value)),
            _ => {}
        }
    }
    let count = |severity| {
        let found = scans.values().copied().flatten().filter(|finding| finding.severity == Some(severity));
        u32::try_from(found.count()).unwrap_or(u32::MAX)
    };
    summary.findings = FindingsSummary {
        scanners: u32::try_from(scans.len()).unwrap_or(u32::MAX),
        critical: count(FindingSeverity::Critical),
        high: count(FindingSeverity::High),
        medium: count(FindingSeverity::Medium),
        low: count(FindingSeverity::Low),
    };
    summary
}
