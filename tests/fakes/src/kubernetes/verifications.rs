//! Objects of Argo Rollouts, Kargo and GitOps Promoter in the fake cluster, each held against what its definition requires.

use serde_json::Value;

use super::cluster::Resource;

const fn resource(group: &'static str, plural: &'static str, kind: &'static str) -> Resource {
    Resource { group, version: "v1alpha1", plural, kind, has_status: true }
}

/// The kinds.
pub(super) const KINDS: [Resource; 4] = [
    resource("argoproj.io", "analysisruns", "AnalysisRun"),
    resource("kargo.akuity.io", "stages", "Stage"),
    resource("kargo.akuity.io", "freights", "Freight"),
    resource("promoter.argoproj.io", "commitstatuses", "CommitStatus"),
];

/// Its kind.
///
/// # Panics
/// Where the definition of its kind would not let the object in.
pub(super) fn kind_of(object: &Value) -> Resource {
    let kind = KINDS.into_iter().find(|kind| object["kind"] == kind.kind).unwrap();
    assert_eq!(object["apiVersion"], format!("{}/{}", kind.group, kind.version));
    match kind.kind {
        "AnalysisRun" => {
            for metric in list(&object["spec"]["metrics"]) {
                assert!(metric["name"].is_string() && metric["provider"].is_object(), "{metric}");
            }
            assert!(object["status"]["phase"].is_string());
            for result in list(&object["status"]["metricResults"]) {
                assert!(result["name"].is_string() && result["phase"].is_string(), "{result}");
                assert!(list(&result["measurements"]).iter().all(|it| it["phase"].is_string()), "{result}");
            }
        }
        "Stage" => {
            assert!(!list(&object["spec"]["requestedFreight"]).is_empty());
            assert!(list(&object["status"]["freightHistory"]).iter().all(|it| it["id"].is_string()));
        }
        "Freight" => assert!(object["origin"]["kind"] == "Warehouse" && object["origin"]["name"].is_string()),
        _ => {
            let spec = &object["spec"];
            let sha = spec["sha"].as_str().unwrap();
            assert!(
                matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
                "{sha}"
            );
            assert!(spec["gitRepositoryRef"]["name"].is_string() && spec["name"].is_string() && spec["description"].is_string());
            assert!(["pending", "success", "failure"].iter().any(|phase| spec["phase"] == *phase));
        }
    }
    kind
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
