//! What the credentials may do, compared with what they have to.

use std::collections::BTreeSet;

use pathops_core::{ErrorKind, OpContext, Result};
use serde::Deserialize;

use crate::cluster::{Ask, Http, OPERATION, PATIENCE, Right, RightsFinding};

/// The least that the credential for a cluster needs, as manifests of Kubernetes.
pub const ROLE: &str = include_str!("role.yaml");

/// The least that the account in Argo CD needs, as its configuration.
pub const ACCOUNT: &str = include_str!("account.yaml");

const RESOURCE: &str = "applications";

/// The verbs for Applications that a credential for a cluster needs.
pub(super) fn of_applications(patching: bool) -> Vec<Right> {
    let verbs = ["get", "list", "watch"].into_iter().chain(patching.then_some("patch"));
    verbs.map(|verb| Right { verb, group: "argoproj.io", resource: RESOURCE, part: "" }).collect()
}

/// What an account in Argo CD never needs: the resource, and what is done to it. Rights to some actions or resources of Applications
/// alone (`action/*`, `update/*`, `delete/*`) are not among it: Argo CD refuses to be asked for them.
const NEVER: [(&str, &[&str]); 7] = [
    (RESOURCE, &["create", "update", "delete", "sync", "override", "action"]),
    ("applicationsets", CHANGES),
    ("projects", CHANGES),
    ("repositories", CHANGES),
    ("clusters", CHANGES),
    ("accounts", &["update"]),
    ("exec", &["create"]),
];

const CHANGES: &[&str] = &["create", "update", "delete"];

/// What Argo CD's policies are asked about: all of a resource. Where that is a part of projects they name `<project>/<name>`, so that
/// `*/*` does not match `*`.
fn all_of(resource: &str) -> &'static str {
    if matches!(resource, RESOURCE | "applicationsets" | "exec") { "*/*" } else { "*" }
}

#[derive(Deserialize)]
struct CanI {
    #[serde(default)]
    value: String,
}

/// Of Argo CD: to get Applications, and nothing that changes something.
pub(super) async fn of_account(http: &Http, cx: &OpContext) -> Result<BTreeSet<RightsFinding>> {
    let mut findings = BTreeSet::new();
    let right = |resource: &str, action: &str| format!("{action} {resource} in Argo CD");
    if !can(http, cx, RESOURCE, "get").await? {
        findings.insert(RightsFinding::Missing { right: right(RESOURCE, "get") });
    }
    for (resource, actions) in NEVER {
        for action in actions {
            if can(http, cx, resource, action).await? {
                findings.insert(RightsFinding::Excess { right: right(resource, action) });
            }
        }
    }
    Ok(findings)
}

async fn can(http: &Http, cx: &OpContext, resource: &str, action: &str) -> Result<bool> {
    let path = format!("/api/v1/account/can-i/{resource}/{action}/{}", all_of(resource));
    let mut ask = Ask::get(OPERATION, format!("{action} {resource}"), path);
    ask.patience = cx.timeout().unwrap_or(PATIENCE);
    let answer: CanI =
        serde_json::from_slice(&http.read(&ask).await?).map_err(|error| ask.error(ErrorKind::Unexpected).because(error))?;
    Ok(answer.value == "yes")
}
