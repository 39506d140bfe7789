//! Predicates of in-toto for what was released, what a verifier found, and what was seen to run.
//!
//! PathOps states a release for each unit that a change set brings to production, and a trace where one is handed in; hosts and
//! tools may state all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Predicate, Resource};
use crate::digest::Digest;
use crate::id::{ChangeSetId, CommitId, EnvironmentId, PersonId, ProjectId, UnitId};
use crate::principal::Principal;
use crate::time::{UnixMillis, rfc3339};

/// Which files make up a release: in-toto `release/v0.1`, of all files of the release as its subjects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Release {
    /// A package URL with a version: `pkg:oci/orders@sha256%3A…`.
    pub purl: String,
    /// What stays the same when the package is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_id: Option<String>,
    /// What PathOps has brought there, and for whom (an addition to the standard's fields).
    #[serde(rename = "https://pathops.dev/release", default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<Released>,
}

impl Predicate for Release {
    const TYPE: &'static str = "https://in-toto.io/attestation/release/v0.1";
}

impl Release {
    /// That a unit was released: its version is what runs, or the commit of its desired state where it has no artifact.
    ///
    /// ```
    /// use pathops_core::evidence::Release;
    /// use pathops_core::Digest;
    /// let runs = Digest::of(b"orders");
    /// let purl = Release::purl_of(&"shop".parse()?, &"orders".parse()?, Ok(&runs));
    /// assert_eq!(purl, format!("pkg:generic/shop/orders@sha256%3A{}", runs.hex()));
    /// # Ok::<(), pathops_core::IdError>(())
    /// ```
    #[must_use]
    pub fn purl_of(project: &ProjectId, unit: &UnitId, version: Result<&Digest, &CommitId>) -> String {
        match version {
            Ok(artifact) => format!("pkg:generic/{project}/{unit}@sha256%3A{}", artifact.hex()),
            Err(commit) => format!("pkg:generic/{project}/{unit}@{commit}"),
        }
    }
}

/// What was released by a change set, for whom, and by whom: what leads from what runs back to the feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Released {
    /// The change set.
    pub change_set: ChangeSetId,
    /// What was asked for, in one line.
    pub title: String,
    /// Who asked for it.
    pub requested_by: PersonId,
    /// The app or component.
    pub unit: UnitId,
    /// Where it went.
    pub environment: EnvironmentId,
    /// Who merged it there, by the name that the project has for them.
    pub merged_by: Principal,
    /// When it was seen to be live there.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub released_on: UnixMillis,
}

/// What a verifier found to hold for its subjects: in-toto `svr/v0.2`. What does not hold is not named. Results of version 0.1, which
/// name no policies, are read too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifiedProperties {
    /// Who verified.
    pub verifier: PropertyVerifier,
    /// When.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub time_created: UnixMillis,
    /// What holds, each with the prefix of whose rule it is: `SLSA_SOURCE_LEVEL_3`.
    pub properties: Vec<String>,
}

impl Predicate for VerifiedProperties {
    const TYPE: &'static str = "https://in-toto.io/attestation/svr/v0.2";
}

impl VerifiedProperties {
    /// Whether a predicate type is one of those that say this, in a version that is read.
    #[must_use]
    pub fn is(predicate_type: &str) -> bool {
        [Self::TYPE, "https://in-toto.io/attestation/svr/v0.1"].contains(&predicate_type)
    }
}

/// Who verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PropertyVerifier {
    /// A URI, another one for each version of the rules.
    pub id: String,
    /// By which policies it verified; empty where it names none.
    #[serde(default)]
    pub policies: Vec<Resource>,
}

/// What was seen to run: in-toto `runtime-trace/v0.2`, for example of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuntimeTrace {
    /// What watched.
    pub monitor: Monitor,
    /// What was watched.
    pub monitored_process: MonitoredProcess,
    /// What was seen.
    pub monitor_log: MonitorLog,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TraceTimes>,
}

impl Predicate for RuntimeTrace {
    const TYPE: &'static str = "https://in-toto.io/attestation/runtime-trace/v0.2";
}

/// What watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Monitor {
    /// The URI of its kind, by which its own fields are read.
    #[serde(rename = "type")]
    pub kind: String,
    /// How it was configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_source: Option<Resource>,
    /// What it was told to watch.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub trace_policy: Map<String, Value>,
}

/// What was watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MonitoredProcess {
    /// The URI of where it ran.
    #[serde(rename = "hostID")]
    pub host_id: String,
    /// The URI of its kind: that of a build's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which one it was: the name of the run.
    pub event: String,
}

/// What was seen; one of the lists at least is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MonitorLog {
    /// Processes, in the monitor's form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub process: Vec<BTreeMap<String, Value>>,
    /// Connections, in the monitor's form: `ip`, `hostname`, `port` and `protocol` where they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<BTreeMap<String, Value>>,
    /// Files, in the order in which they were opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_access: Vec<Resource>,
}

/// When something was watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TraceTimes {
    /// From when.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub build_started_on: UnixMillis,
    /// Until when.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub build_finished_on: UnixMillis,
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    /// Read and written again, it is what it was: no field of the standard is lost.
    #[track_caller]
    fn check<P: Predicate + DeserializeOwned>(predicate: &Value) {
        let read: P = serde_json::from_value(predicate.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), *predicate);
    }

    #[test]
    fn every_field_of_the_standards_is_kept() {
        check::<Release>(&json!({"purl": "pkg:generic/shop/orders@1.2.0", "https://pathops.dev/release": {
            "changeSet": "dates-1", "title": "Show dates", "requestedBy": "alice", "unit": "orders", "environment": "production",
            "mergedBy": {"human": "bob"}, "releasedOn": "2026-03-01T10:00:00Z",
        }}));
        check::<Release>(&json!({"purl": "pkg:generic/shop/orders@1.2.0", "packageId": "17"}));
        check::<Release>(&json!({"purl": "pkg:generic/shop/orders@1.2.0"}));
        check::<VerifiedProperties>(&json!({
            "verifier": {"id": "https://verifier.example/v2", "policies": [{"uri": "https://verifier.example/policy"}]},
            "timeCreated": "2026-03-01T10:00:00Z",
            "properties": ["SHOP_REVIEWED"],
        }));
        let first = json!({"verifier": {"id": "v"}, "timeCreated": "2026-03-01T10:00:00Z", "properties": []});
        let first: VerifiedProperties = serde_json::from_value(first).unwrap();
        assert!(first.verifier.policies.is_empty(), "version 0.1 names no policies");
        assert_eq!(serde_json::to_value(first).unwrap()["verifier"], json!({"id": "v", "policies": []}));
        check::<RuntimeTrace>(&json!({
            "monitor": {"type": "https://monitor.example/v1", "configSource": {"uri": "file:///etc/monitor"}, "tracePolicy": {"all": true}},
            "monitoredProcess": {"hostID": "https://ci.example", "type": "https://ci.example/build/v1", "event": "run-7"},
            "monitorLog": {
                "process": [{"binary": "/bin/sh"}],
                "network": [{"ip": "192.0.2.7", "port": 443, "protocol": "tcp"}],
                "fileAccess": [{"name": "Cargo.lock", "digest": {"sha256": "00"}}],
            },
            "metadata": {"buildStartedOn": "2026-03-01T10:00:00Z", "buildFinishedOn": "2026-03-01T10:01:00Z"},
        }));
    }
}
