//! What PathOps alone may state: what it has seen run, and what it has decided.

use serde_json::Value;

use crate::evidence::{
    Approval, Deployment, Health, InDoubt, Predicate as _, Provenance, Redaction, Release, Snapshot, Statement, TestResult,
    Tombstone, VerificationSummary,
};

/// The suite under which PathOps states what the tests of a build have said.
pub const BUILD_SUITE: &str = "unit";

/// What begins every URI by which PathOps names itself.
const PATHOPS: &str = "https://pathops.dev/";

impl Statement {
    /// What this is, in words, where only PathOps may state it, of what it has observed or decided itself; `None` where
    /// others may. A scanner is trusted for what it scans: its key must not speak for what runs in a cluster.
    ///
    /// ```
    /// use pathops_core::evidence::{Deployment, Predicate as _, Statement, Subject};
    /// let subject = || vec![Subject::named("orders").with_sha256(&pathops_core::Digest::of(b"orders"))];
    /// let deployment = Statement::new(subject(), Deployment::TYPE, &serde_json::json!({"ready": true}))?;
    /// assert_eq!(deployment.reserved(), Some("a deployment"));
    /// let bom = Statement::new(subject(), "https://cyclonedx.org/bom", &serde_json::json!({"components": []}))?;
    /// assert_eq!(bom.reserved(), None);
    /// # Ok::<(), pathops_core::evidence::StatementError>(())
    /// ```
    #[must_use]
    pub fn reserved(&self) -> Option<&'static str> {
        let says = |pointer: &str| self.predicate.pointer(pointer).is_some_and(|value| !value.is_null());
        let names_pathops = |pointer: &str| {
            let name = self.predicate.pointer(pointer).and_then(Value::as_str);
            name.is_some_and(|name| name.starts_with(PATHOPS))
        };
        match self.predicate_type.as_str() {
            Deployment::TYPE => Some("a deployment"),
            Health::TYPE => Some("a time of health"),
            Tombstone::TYPE => Some("a tombstone"),
            Redaction::TYPE => Some("a redaction"),
            Approval::TYPE => Some("an approval"),
            InDoubt::TYPE => Some("a doubt about what is in production"),
            TestResult::TYPE if self.annotates("policy") => Some("the check of a policy"),
            TestResult::TYPE if self.is_of_a_job() => Some("the result of a post-deploy job"),
            TestResult::TYPE if self.is_of_the_build() => Some("the result of a build's own tests"),
            Provenance::TYPE if names_pathops("/runDetails/builder/id") => {
                Some("the provenance of a build that PathOps asked for")
            }
            VerificationSummary::TYPE if says("/https:~1~1pathops.dev~1decision") || names_pathops("/verifier/id") => {
                Some("a decision of PathOps")
            }
            Release::TYPE if says("/https:~1~1pathops.dev~1release") => Some("a release by PathOps"),
            Snapshot::TYPE if says("/https:~1~1pathops.dev~1snapshot") || names_pathops("/attester/id") => {
                Some("a snapshot of PathOps")
            }
            _ => None,
        }
    }

    fn configurations(&self) -> impl Iterator<Item = &Value> {
        self.predicate.get("configuration").and_then(Value::as_array).into_iter().flatten()
    }

    /// Whether any tests in it are those that PathOps has CI run itself. Who else would state them could say that the change
    /// did not touch the pipeline.
    fn is_of_the_build(&self) -> bool {
        self.configurations().any(|it| it.get("name").and_then(Value::as_str) == Some(BUILD_SUITE))
    }

    /// Whether any tests in it are of what is deployed, and not of what is built.
    fn is_of_a_job(&self) -> bool {
        self.annotates("environment") || self.annotates("job")
    }

    /// Whether any tests in it have this to say of themselves.
    fn annotates(&self, name: &str) -> bool {
        let mut annotations = self.configurations().filter_map(|configuration| configuration.get("annotations"));
        annotations.any(|annotations| annotations.get(name).is_some_and(|value| !value.is_null()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::digest::Digest;
    use crate::evidence::{SignalReading, Subject, Vulnerabilities};

    #[track_caller]
    fn check(predicate_type: &str, predicate: &Value, expected: Option<&str>) {
        let subject = vec![Subject::named("orders").with_sha256(&Digest::of(b"orders"))];
        let statement = Statement::new(subject, predicate_type, predicate).unwrap();
        assert_eq!(statement.reserved(), expected, "{predicate_type} {predicate}");
    }

    #[test]
    fn what_runs_and_what_is_decided_is_for_pathops_to_state() {
        check(Deployment::TYPE, &json!({}), Some("a deployment"));
        check(Health::TYPE, &json!({}), Some("a time of health"));
        check(Tombstone::TYPE, &json!({}), Some("a tombstone"));
        check(InDoubt::TYPE, &json!({}), Some("a doubt about what is in production"));
        check(Redaction::TYPE, &json!({}), Some("a redaction"));
        check(Approval::TYPE, &json!({}), Some("an approval"));
        let tests = |annotations: Value| json!({"configuration": [{"name": "smoke", "annotations": annotations}]});
        let job = Some("the result of a post-deploy job");
        check(TestResult::TYPE, &tests(json!({"environment": "preflight"})), job);
        check(TestResult::TYPE, &tests(json!({"job": "smoke"})), job);
        check(TestResult::TYPE, &tests(json!({"policy": {}})), Some("the check of a policy"));
        let second = json!({"configuration": [{"annotations": {}}, {"annotations": {"job": "smoke"}}]});
        check(TestResult::TYPE, &second, job);
        check(VerificationSummary::TYPE, &json!({"https://pathops.dev/decision": {}}), Some("a decision of PathOps"));
        check(
            VerificationSummary::TYPE,
            &json!({"verifier": {"id": "https://pathops.dev/pathops"}}),
            Some("a decision of PathOps"),
        );
        let built_by = |id| json!({"runDetails": {"builder": {"id": id}}});
        let provenance = Some("the provenance of a build that PathOps asked for");
        check(Provenance::TYPE, &built_by("https://pathops.dev/ci/local-ci"), provenance);
        check(Snapshot::TYPE, &json!({"https://pathops.dev/snapshot": {}}), Some("a snapshot of PathOps"));
        check(Release::TYPE, &json!({"https://pathops.dev/release": {}}), Some("a release by PathOps"));
        check(Snapshot::TYPE, &json!({"attester": {"id": "https://pathops.dev/pathops"}}), Some("a snapshot of PathOps"));
    }

    #[test]
    fn what_is_built_scanned_and_measured_others_may_state() {
        let of_build = |suite| json!({"configuration": [{"name": suite, "annotations": {"environment": null, "job": null}}]});
        check(TestResult::TYPE, &of_build("fuzz"), None);
        check(TestResult::TYPE, &of_build("unit"), Some("the result of a build's own tests"));
        check(Vulnerabilities::TYPE, &json!({}), None);
        check(Release::TYPE, &json!({"purl": "pkg:generic/shop/orders@1.2.0"}), None);
        check(SignalReading::TYPE, &json!({"environment": "preflight"}), None);
        check(VerificationSummary::TYPE, &json!({"verifier": {"id": "https://example.org"}}), None);
        check(Snapshot::TYPE, &json!({"attester": {"id": "https://example.org"}}), None);
        check(Provenance::TYPE, &json!({"runDetails": {"builder": {"id": "https://ci.example.org"}}}), None);
    }
}
