//! What a condition is asked, in Cedar's words.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Value, Schema, Validator,
};
use pathops_core::policy::{ConditionError, Summary, TestsSummary};

use super::SCHEMA;
use super::decimal::around;

/// The schema, and the names of it that every request needs.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) validator: Validator,
    promote: EntityUid,
    unit: EntityTypeName,
    environment: EntityTypeName,
    tests: EntityUid,
    signals: EntityUid,
}

impl Vocabulary {
    pub(super) fn read() -> Result<Self, ConditionError> {
        let schema = Schema::from_str(SCHEMA).map_err(broken)?;
        Ok(Self {
            validator: Validator::new(schema),
            promote: name(r#"Action::"promote""#)?,
            unit: name("Unit")?,
            environment: name("Environment")?,
            tests: name(r#"Tests::"all""#)?,
            signals: name(r#"Signals::"all""#)?,
        })
    }

    /// The one question, with all that is known.
    pub(super) fn ask(&self, summary: &Summary) -> Result<(Request, Entities), ConditionError> {
        let uid = |kind: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
        let principal = uid(&self.unit, &summary.unit.id);
        let resource = uid(&self.environment, &summary.environment);
        let context = Context::from_pairs(self.context(summary)?).map_err(broken)?;
        let request = Request::new(principal, self.promote.clone(), resource, context, None).map_err(broken)?;
        let tests = tagged(&self.tests, summary.tests.iter().map(|(suite, tests)| Ok((suite.clone(), suite_tag(tests)?))))?;
        let signals = tagged(&self.signals, signal_tags(&summary.signals))?;
        Ok((request, Entities::from_entities([tests, signals], None).map_err(broken)?))
    }

    fn context(&self, summary: &Summary) -> Result<[(String, Value); 13], ConditionError> {
        let Summary { unit, environment, is_final, change, at_seconds, evidence, findings, sbom_parts, preflight, .. } = summary;
        Ok([
            (
                "unit".to_owned(),
                record([
                    ("id", string(&unit.id)),
                    ("isApp", Value::new_bool(unit.is_app)),
                    ("class", string(&unit.class)),
                    ("lifecycle", string(&unit.lifecycle)),
                    ("owner", string(&unit.owner)),
                ])?,
            ),
            ("environment".to_owned(), string(environment)),
            ("isFinal".to_owned(), Value::new_bool(*is_final)),
            (
                "change".to_owned(),
                record([
                    ("isOpaque", Value::new_bool(change.is_opaque)),
                    ("byAgents", Value::new_bool(change.by_agents)),
                    ("authors", long(change.authors)),
                    ("isWayBack", Value::new_bool(change.is_way_back)),
                ])?,
            ),
            ("atSeconds".to_owned(), Value::new_long(*at_seconds)),
            (
                "evidence".to_owned(),
                record([("total", long(evidence.total)), ("bad", long(evidence.bad)), ("rejected", long(evidence.rejected))])?,
            ),
            ("tests".to_owned(), Value::new_entity_uid(self.tests.clone())),
            (
                "findings".to_owned(),
                record([
                    ("scanners", long(findings.scanners)),
                    ("critical", long(findings.critical)),
                    ("high", long(findings.high)),
                    ("medium", long(findings.medium)),
                    ("low", long(findings.low)),
                ])?,
            ),
            ("sbomParts".to_owned(), long(*sbom_parts)),
            (
                "preflight".to_owned(),
                record([
                    ("wasReady", Value::new_bool(preflight.was_ready)),
                    ("healthySeconds", long(preflight.healthy_seconds)),
                ])?,
            ),
            ("signals".to_owned(), Value::new_entity_uid(self.signals.clone())),
            ("approvals".to_owned(), long(summary.approvals)),
            ("incidents".to_owned(), long(summary.incidents)),
        ])
    }
}

fn suite_tag(tests: &TestsSummary) -> Result<Value, ConditionError> {
    record([
        ("passed", long(tests.passed)),
        ("failed", long(tests.failed)),
        ("skipped", long(tests.skipped)),
        ("flaky", long(tests.flaky)),
        ("ageSeconds", Value::new_long(tests.age_seconds)),
    ])
}

fn signal_tags(signals: &BTreeMap<String, f64>) -> impl Iterator<Item = Result<(String, Value), ConditionError>> {
    let known = signals.iter().filter_map(|(name, value)| Some((name, around(*value)?)));
    known.map(|(name, (least, most))| {
        let value = record([("atLeast", Value::new_decimal(least)), ("atMost", Value::new_decimal(most))])?;
        Ok((name.clone(), value))
    })
}

fn tagged(
    uid: &EntityUid,
    tags: impl Iterator<Item = Result<(String, Value), ConditionError>>,
) -> Result<Entity, ConditionError> {
    Entity::new_with_tags(uid.clone(), [], [], tags.collect::<Result<Vec<_>, _>>()?).map_err(broken)
}

fn record<const N: usize>(fields: [(&str, Value); N]) -> Result<Value, ConditionError> {
    Value::new_record(fields.map(|(name, value)| (name.to_owned(), value))).map_err(broken)
}

fn string(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn long(count: impl TryInto<i64>) -> Value {
    Value::new_long(count.try_into().unwrap_or(i64::MAX))
}

fn name<N: FromStr<Err: Display>>(text: &str) -> Result<N, ConditionError> {
    text.parse().map_err(broken)
}

fn broken(error: impl Display) -> ConditionError {
    ConditionError::new(format!("the facts cannot be put into Cedar: {error}"))
}
