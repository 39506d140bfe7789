//! What evidence can be found by, beside what it is about.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::evidence::{
    ContractComparison, Deployment, Health, InDoubt, KeyId, PartOf, Predicate as _, Provenance, Release, SignalReading, Snapshot,
    Statement, TestResult, VerificationSummary, VerifiedProperties, Vulnerabilities,
};
use crate::id::{ChangeSetId, EnvironmentId, UnitId};
use crate::policy::Verdict;
use crate::time::UnixMillis;

/// How the types of PathOps' own predicates begin.
const OURS: &str = "https://pathops.dev/predicate/";

/// Where a snapshot says what it was collected for.
const EXTENT: &str = "/https:~1~1pathops.dev~1snapshot";

/// Where a reference to a report says what that is.
const REPORT: &str = "/https:~1~1pathops.dev~1report";

/// Where a decision is in a verification summary.
const DECISION: &str = "/https:~1~1pathops.dev~1decision";

/// Where a release says what brought it there.
const RELEASE: &str = "/https:~1~1pathops.dev~1release";

/// Where the predicates of others say when something was so.
const TIMES: [&str; 14] = [
    "/observedOn",
    "/redactedOn",
    "/approvedOn",
    "/grantedOn",
    "/goneOn",
    "/finishedOn",
    "/timeVerified",
    "/timeCreated",
    "/runDetails/metadata/finishedOn",
    "/metadata/scanFinishedOn",
    "/metadata/buildFinishedOn",
    "/metadata/timestamp",
    "/creationInfo/created",
    "/timestamp",
];

/// Who signed evidence, of what it is, when, and whether it speaks for or against: read from its statement, and from nothing
/// else.
///
/// | predicate | change set, unit, environment | time | verdict |
/// |---|---|---|---|
/// | test result | annotations of its one configuration | `finishedOn` | `PASSED` pass, `FAILED` fail, `WARNED` unknown |
/// | deployment | its fields | `observedOn` | ready or not |
/// | health | its fields | `observedOn` | healthy or not |
/// | signal | its fields; no change set | `observedOn` | unknown: what is good is for a policy to say |
/// | contract comparison | its unit | `comparedOn` | pass where nothing breaks, otherwise fail |
/// | vulnerabilities | none | `scanFinishedOn` | pass where nothing was found, otherwise fail, whatever its severity |
/// | provenance | `externalParameters`, as PathOps fills them; no environment | when the build ended | unknown |
/// | verification summary | the decision in it | `timeVerified` | `PASSED` pass, `FAILED` fail |
/// | reference to a report | what PathOps adds to it | `finishedOn` | unknown |
/// | snapshot | its extent | `collectedOn` | fail of a failure or an incident; otherwise pass where nothing is absent, unknown where something is |
/// | release | what PathOps adds to it | `releasedOn` | unknown |
/// | simple verification result | none | `timeCreated` | pass where properties hold, otherwise unknown |
/// | runtime trace | none | `buildFinishedOn` | unknown |
/// | another of `https://pathops.dev/predicate/` | its fields of these names | `observedOn`, `redactedOn`, `approvedOn`, `grantedOn`, `goneOn`, `finishedOn` | unknown |
/// | any other | none | where such predicates have it: `finishedOn`, `metadata.timestamp`, `creationInfo.created` and the like | unknown |
///
/// Where the predicate does not name a change set, a unit or an environment, it is the one that a subject is said to be part of
/// ([`Subject::with_part_of`](super::Subject::with_part_of)): so it is with what is taken in of tools in the types of others.
///
/// What is not there or cannot be read is `None`, and its verdict unknown: never a pass (I4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Facets {
    /// The key that signed it.
    pub signer: KeyId,
    /// The change set that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set: Option<ChangeSetId>,
    /// The app or component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentId>,
    /// When it was so: the time of the event, not that of its signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<UnixMillis>,
    /// Whether it speaks for what it is about, by its own word. What a policy makes of it is another matter.
    pub verdict: Verdict,
}

impl Facets {
    pub(crate) fn of(signer: KeyId, statement: &Statement) -> Self {
        let said = Said(&statement.predicate);
        let kind = statement.predicate_type.as_str();
        let place = match kind {
            TestResult::TYPE => Some("/configuration/0/annotations"),
            Snapshot::TYPE if statement.is_snapshot() => Some(EXTENT),
            Snapshot::TYPE => Some(REPORT),
            Provenance::TYPE => Some("/buildDefinition/externalParameters"),
            VerificationSummary::TYPE => Some(DECISION),
            Release::TYPE => Some(RELEASE),
            kind if kind.starts_with(OURS) => Some(""),
            _ => None,
        };
        let at = match kind {
            Snapshot::TYPE if statement.is_snapshot() => said.time(&format!("{EXTENT}/collectedOn")),
            Snapshot::TYPE => said.time(&format!("{REPORT}/finishedOn")),
            Release::TYPE => said.time(&format!("{RELEASE}/releasedOn")),
            ContractComparison::TYPE => said.time("/comparedOn"),
            InDoubt::TYPE => said.time("/seenOn"),
            _ => said.first_time(),
        };
        let name = |field: &str| said.text(&format!("{}/{field}", place?));
        let annotated = statement.subject.iter().find_map(|subject| subject.annotations.clone());
        let PartOf { change_set, unit, environment } = annotated.map(|it| it.part_of).unwrap_or_default();
        Self {
            signer,
            change_set: name("changeSet").and_then(|name| name.parse().ok()).or(change_set),
            unit: name("unit").and_then(|name| name.parse().ok()).or(unit),
            environment: name("environment").and_then(|name| name.parse().ok()).or(environment),
            at,
            verdict: said.verdict(kind),
        }
    }
}

/// A predicate, by the places in it.
#[derive(Clone, Copy)]
struct Said<'v>(&'v Value);

impl<'v> Said<'v> {
    fn text(self, pointer: &str) -> Option<&'v str> {
        self.0.pointer(pointer)?.as_str()
    }

    fn time(self, pointer: &str) -> Option<UnixMillis> {
        self.text(pointer)?.parse().ok()
    }

    fn first_time(self) -> Option<UnixMillis> {
        TIMES.iter().find_map(|pointer| self.time(pointer))
    }

    fn verdict(self, kind: &str) -> Verdict {
        let bool = |pointer: &str| self.0.pointer(pointer).and_then(Value::as_bool).map(pass_if);
        let word = |pointer: &str| match self.text(pointer) {
            Some("PASSED") => Some(Verdict::Pass),
            Some("FAILED") => Some(Verdict::Fail),
            _ => None,
        };
        let empty = |pointer: &str| self.0.pointer(pointer).and_then(Value::as_array).map(Vec::is_empty);
        let verdict = match kind {
            // More configurations than one are more results than one.
            TestResult::TYPE => word("/result").filter(|verdict| *verdict == Verdict::Fail || self.is_of_one()),
            VerificationSummary::TYPE => word("/verificationResult"),
            Deployment::TYPE => bool("/ready"),
            Health::TYPE => bool("/healthy"),
            InDoubt::TYPE => Some(Verdict::Fail),
            ContractComparison::TYPE => empty("/breaking").map(pass_if),
            Vulnerabilities::TYPE => empty("/scanner/result").map(pass_if),
            // What does not hold is not named: an empty list speaks for nothing.
            it if VerifiedProperties::is(it) => empty("/properties").and_then(|empty| (!empty).then_some(Verdict::Pass)),
            Snapshot::TYPE => match self.text(&format!("{EXTENT}/occasion")) {
                Some("failed" | "incident") => Some(Verdict::Fail),
                Some("deployed" | "recovered") => {
                    empty(&format!("{EXTENT}/absent")).and_then(|whole| whole.then_some(Verdict::Pass))
                }
                _ => None,
            },
            SignalReading::TYPE => None,
            _ => None,
        };
        verdict.unwrap_or(Verdict::Unknown)
    }

    fn is_of_one(self) -> bool {
        self.0.pointer("/configuration").and_then(Value::as_array).is_some_and(|all| all.len() == 1)
    }
}

fn pass_if(it: bool) -> Verdict {
    if it { Verdict::Pass } else { Verdict::Fail }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::digest::Digest;
    use crate::evidence::{RuntimeTrace, Subject};

    fn facets(kind: &str, predicate: Value) -> Facets {
        of_subject(kind, predicate, &PartOf::default())
    }

    fn of_subject(kind: &str, predicate: Value, part_of: &PartOf) -> Facets {
        let subject = vec![Subject::named("orders").with_sha256(&Digest::of(b"orders")).with_part_of(part_of)];
        Facets::of(KeyId(Digest::of(b"key")), &Statement::new(subject, kind, &predicate).unwrap())
    }

    /// Change set, unit and environment, time, verdict.
    #[track_caller]
    fn check(kind: &str, predicate: Value, expected: (&str, &str, &str, &str, Verdict)) {
        let it = facets(kind, predicate);
        let text = |it: Option<String>| it.unwrap_or_default();
        let (change_set, unit) = (text(it.change_set.map(String::from)), text(it.unit.map(String::from)));
        let (environment, at) = (text(it.environment.map(String::from)), text(it.at.map(|at| at.to_string())));
        let found = (change_set.as_str(), unit.as_str(), environment.as_str(), at.as_str(), it.verdict);
        assert_eq!(found, expected, "{kind}");
    }

    const AT: &str = "2026-11-22T12:00:00Z";

    fn place() -> Value {
        json!({"changeSet": "dates-1", "unit": "orders", "environment": "preflight"})
    }

    fn with(mut base: Value, more: Value) -> Value {
        let (Some(base_fields), Value::Object(more)) = (base.as_object_mut(), more) else { panic!("objects") };
        base_fields.extend(more);
        base
    }

    #[test]
    fn each_type_says_where_its_facets_are() {
        let all = |verdict| ("dates-1", "orders", "preflight", AT, verdict);
        let tests = |result: &str, more: Value| {
            with(json!({"result": result, "configuration": [{"name": "smoke", "annotations": place()}], "finishedOn": AT}), more)
        };
        check(TestResult::TYPE, tests("PASSED", json!({})), all(Verdict::Pass));
        check(TestResult::TYPE, tests("WARNED", json!({})), all(Verdict::Unknown));
        check(TestResult::TYPE, tests("FAILED", json!({})), all(Verdict::Fail));
        let observed = |more| with(with(place(), json!({"observedOn": AT})), more);
        check(Deployment::TYPE, observed(json!({"ready": true})), all(Verdict::Pass));
        check(Deployment::TYPE, observed(json!({"ready": false})), all(Verdict::Fail));
        check(Health::TYPE, observed(json!({"healthy": true})), all(Verdict::Pass));
        check(SignalReading::TYPE, observed(json!({"value": 1.0})), all(Verdict::Unknown));
        for (kind, field) in
            [("approval", "approvedOn"), ("grant", "grantedOn"), ("tombstone", "goneOn"), ("redaction", "redactedOn")]
        {
            let kind = format!("https://pathops.dev/predicate/{kind}/v0.1");
            check(&kind, with(place(), json!({ field: AT })), all(Verdict::Unknown));
        }
        check(InDoubt::TYPE, with(place(), json!({"grantedOn": "2026-11-20T12:00:00Z", "seenOn": AT})), all(Verdict::Fail));
        let compared = |breaking: Value| json!({"unit": "orders", "comparedOn": AT, "breaking": breaking});
        check(ContractComparison::TYPE, compared(json!([])), ("", "orders", "", AT, Verdict::Pass));
        check(ContractComparison::TYPE, compared(json!(["gone"])), ("", "orders", "", AT, Verdict::Fail));
        let scan = |result: Value| json!({"scanner": {"result": result}, "metadata": {"scanFinishedOn": AT}});
        check(Vulnerabilities::TYPE, scan(json!([])), ("", "", "", AT, Verdict::Pass));
        check(Vulnerabilities::TYPE, scan(json!([{"id": "CVE-1"}])), ("", "", "", AT, Verdict::Fail));
        let summary = |result| json!({"timeVerified": AT, "verificationResult": result, "https://pathops.dev/decision": place()});
        check(VerificationSummary::TYPE, summary("PASSED"), all(Verdict::Pass));
        check(VerificationSummary::TYPE, summary("FAILED"), all(Verdict::Fail));
        let built = json!({
            "buildDefinition": {"externalParameters": {"changeSet": "dates-1", "unit": "orders"}},
            "runDetails": {"metadata": {"finishedOn": AT}},
        });
        check(Provenance::TYPE, built, ("dates-1", "orders", "", AT, Verdict::Unknown));
        let released =
            json!({"purl": "pkg:generic/shop/orders@1", "https://pathops.dev/release": with(place(), json!({"releasedOn": AT}))});
        check(Release::TYPE, released, all(Verdict::Unknown));
        let verified = |properties: Value| json!({"timeCreated": AT, "properties": properties});
        check(VerifiedProperties::TYPE, verified(json!(["SHOP_SIGNED"])), ("", "", "", AT, Verdict::Pass));
        check(VerifiedProperties::TYPE, verified(json!([])), ("", "", "", AT, Verdict::Unknown));
        let first = "https://in-toto.io/attestation/svr/v0.1";
        check(first, verified(json!(["SHOP_SIGNED"])), ("", "", "", AT, Verdict::Pass));
        check(RuntimeTrace::TYPE, json!({"metadata": {"buildFinishedOn": AT}}), ("", "", "", AT, Verdict::Unknown));
        let snapshot = |occasion: &str, absent: Value| {
            let extent = json!({"occasion": occasion, "absent": absent, "collectedOn": AT});
            json!({"https://pathops.dev/snapshot": with(place(), extent)})
        };
        check(Snapshot::TYPE, snapshot("deployed", json!([])), all(Verdict::Pass));
        check(Snapshot::TYPE, snapshot("deployed", json!([{"name": "logs"}])), all(Verdict::Unknown));
        check(Snapshot::TYPE, snapshot("failed", json!([])), all(Verdict::Fail));
        check(Snapshot::TYPE, snapshot("incident", json!([])), all(Verdict::Fail));
        let report = |more| json!({"references": [], "https://pathops.dev/report": with(json!({"finishedOn": AT}), more)});
        check(Snapshot::TYPE, report(place()), all(Verdict::Unknown));
        check(Snapshot::TYPE, report(json!({})), ("", "", "", AT, Verdict::Unknown));
        check("https://pathops.dev/predicate/another/v0.1", observed(json!({})), all(Verdict::Unknown));
        check("https://cyclonedx.org/bom", json!({"metadata": {"timestamp": AT}}), ("", "", "", AT, Verdict::Unknown));
        check("https://example.org/x", with(place(), json!({"unit": "orders"})), ("", "", "", "", Verdict::Unknown));
    }

    /// What is said of a subject counts where the predicate says nothing of it, and is no date and no verdict.
    #[test]
    fn what_a_subject_is_part_of_is_found_by_it() {
        let part_of: PartOf = serde_json::from_value(place()).unwrap();
        let names = |it: Facets| (it.change_set, it.unit, it.environment);
        let PartOf { change_set, unit, environment } = part_of.clone();
        for kind in [Vulnerabilities::TYPE, RuntimeTrace::TYPE, SignalReading::TYPE, "https://cyclonedx.org/bom"] {
            let it = of_subject(kind, json!({}), &part_of);
            assert_eq!((it.at, it.verdict), (None, Verdict::Unknown), "{kind}");
            assert_eq!(names(it), (change_set.clone(), unit.clone(), environment.clone()), "{kind}");
        }
        let other = of_subject(Health::TYPE, json!({"unit": "web"}), &part_of);
        assert_eq!(names(other), (change_set, "web".parse().ok(), environment));
        // What others say of a subject is not ours to read, and damages nothing.
        for annotations in [json!({"https://pathops.dev/part-of": 7}), json!({"team": "shop"}), json!([]), json!(null)] {
            let subject = json!({"digest": {"sha256": "ab"}, "annotations": annotations});
            assert_eq!(serde_json::from_value::<Subject>(subject).unwrap().annotations, None, "{annotations}");
        }
    }

    #[test]
    fn what_is_not_there_is_never_a_pass() {
        for kind in [
            TestResult::TYPE,
            Deployment::TYPE,
            Health::TYPE,
            SignalReading::TYPE,
            ContractComparison::TYPE,
            Vulnerabilities::TYPE,
            VerificationSummary::TYPE,
            Snapshot::TYPE,
            Release::TYPE,
            VerifiedProperties::TYPE,
            RuntimeTrace::TYPE,
            "https://pathops.dev/predicate/another/v0.1",
            "https://cyclonedx.org/bom",
        ] {
            for predicate in
                [json!({}), json!(null), json!([1]), json!({"changeSet": 1, "unit": "No Name", "observedOn": "noon"})]
            {
                check(kind, predicate, ("", "", "", "", Verdict::Unknown));
            }
        }
        let two = json!({"result": "PASSED", "configuration": [{}, {}]});
        check(TestResult::TYPE, two, ("", "", "", "", Verdict::Unknown));
    }
}
