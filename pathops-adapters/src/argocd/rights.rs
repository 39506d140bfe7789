//! What the credentials may do, compared with what they have to.

use std::collections::BTreeSet;
use std::fmt;

use http::Method;
use pathops_core::{ErrorKind, OpContext, Result};
use serde::Deserialize;
use serde_json::json;

use super::http::{Ask, Http, PATIENCE};
use super::query::encoded;

/// The least that the credential for a cluster needs, as manifests of Kubernetes.
pub const ROLE: &str = include_str!("role.yaml");

/// The least that the account in Argo CD needs, as its configuration.
pub const ACCOUNT: &str = include_str!("account.yaml");

/// What a credential has too little or too much of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RightsFinding {
    /// It may not do what is needed.
    Missing {
        /// Which right: `list applications.argoproj.io`.
        right: String,
    },
    /// It may do what is never needed, and so could someone who has it.
    Excess {
        /// Which right: `patch applications.argoproj.io`.
        right: String,
    },
    /// The server does not tell all: more may be too much.
    Untold {
        /// What it says about that.
        why: String,
    },
}

impl fmt::Display for RightsFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { right } => write!(f, "the credential may not {right}, which is needed"),
            Self::Excess { right } => write!(f, "the credential may {right}, which is never needed: take it away"),
            Self::Untold { why } => write!(f, "not all rights are told: {why}"),
        }
    }
}

const OPERATION: &str = "review what the credential may do";

const GROUP: &str = "argoproj.io";
const RESOURCE: &str = "applications";

#[derive(Deserialize)]
struct Review<T> {
    status: T,
}

#[derive(Deserialize)]
struct Access {
    #[serde(default)]
    allowed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rules {
    #[serde(default)]
    resource_rules: Vec<Rule>,
    #[serde(default)]
    incomplete: bool,
    #[serde(default)]
    evaluation_error: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    api_groups: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
}

/// Of Kubernetes: the needed verbs in the namespace, or in all of them, and nothing beside them in `told_of`.
pub(super) async fn of_cluster(
    http: &Http,
    cx: &OpContext,
    namespace: Option<&str>,
    told_of: &str,
    patching: bool,
) -> Result<BTreeSet<RightsFinding>> {
    let needed: Vec<&str> = ["get", "list", "watch"].into_iter().chain(patching.then_some("patch")).collect();
    let mut findings = BTreeSet::new();
    for verb in &needed {
        let attributes = json!({"verb": verb, "group": GROUP, "resource": RESOURCE, "namespace": namespace});
        let Review { status: Access { allowed } } =
            review(http, cx, "selfsubjectaccessreviews", json!({"resourceAttributes": attributes})).await?;
        if !allowed {
            findings.insert(RightsFinding::Missing { right: format!("{verb} {RESOURCE}.{GROUP}") });
        }
    }
    let Review { status: rules } = review::<Rules>(http, cx, "selfsubjectrulesreviews", json!({"namespace": told_of})).await?;
    for rule in &rules.resource_rules {
        findings.extend(excess(rule, &needed));
    }
    if rules.incomplete {
        findings.insert(RightsFinding::Untold { why: rules.evaluation_error });
    }
    Ok(findings)
}

async fn review<T: for<'de> Deserialize<'de>>(
    http: &Http,
    cx: &OpContext,
    kind: &str,
    spec: serde_json::Value,
) -> Result<Review<T>> {
    let named = if kind == "selfsubjectaccessreviews" { "SelfSubjectAccessReview" } else { "SelfSubjectRulesReview" };
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": named, "spec": spec});
    let ask = Ask {
        operation: OPERATION,
        on: named.to_owned(),
        method: Method::POST,
        path: format!("/apis/authorization.k8s.io/v1/{kind}"),
        body: Some(("application/json", body.to_string().into_bytes())),
        patience: cx.timeout().unwrap_or(PATIENCE),
    };
    serde_json::from_slice(&http.read(&ask).await?).map_err(|error| ask.error(ErrorKind::Unexpected).because(error))
}

fn excess(rule: &Rule, needed: &[&str]) -> Vec<RightsFinding> {
    let mut findings = Vec::new();
    for group in &rule.api_groups {
        // Everybody may review one's own access.
        if group == "authorization.k8s.io" || group == "authentication.k8s.io" {
            continue;
        }
        for resource in &rule.resources {
            let ours = group == GROUP && resource == RESOURCE;
            let too_much = rule.verbs.iter().filter(|verb| !ours || !needed.contains(&verb.as_str()));
            let dot = if group.is_empty() { "" } else { "." };
            findings.extend(too_much.map(|verb| RightsFinding::Excess { right: format!("{verb} {resource}{dot}{group}") }));
        }
    }
    findings
}

/// What an account in Argo CD never needs: the resource, the action, and on what.
const NEVER: [(&str, &str); 10] = [
    (RESOURCE, "create"),
    (RESOURCE, "update"),
    (RESOURCE, "delete"),
    (RESOURCE, "sync"),
    (RESOURCE, "override"),
    (RESOURCE, "action"),
    ("projects", "update"),
    ("repositories", "create"),
    ("clusters", "update"),
    ("exec", "create"),
];

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
    for (resource, action) in NEVER {
        if can(http, cx, resource, action).await? {
            findings.insert(RightsFinding::Excess { right: right(resource, action) });
        }
    }
    Ok(findings)
}

async fn can(http: &Http, cx: &OpContext, resource: &str, action: &str) -> Result<bool> {
    let path = format!("/api/v1/account/can-i/{resource}/{action}/{}", encoded("*"));
    let mut ask = Ask::get(OPERATION, format!("{action} {resource}"), path);
    ask.patience = cx.timeout().unwrap_or(PATIENCE);
    let answer: CanI =
        serde_json::from_slice(&http.read(&ask).await?).map_err(|error| ask.error(ErrorKind::Unexpected).because(error))?;
    Ok(answer.value == "yes")
}
