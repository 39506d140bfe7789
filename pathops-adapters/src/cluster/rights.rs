//! What a credential may do in a cluster, compared with what it has to.

use std::collections::BTreeSet;
use std::fmt;

use http::Method;
use pathops_core::{ErrorKind, OpContext, Result};
use serde::Deserialize;
use serde_json::json;

use super::http::{Ask, Http, PATIENCE};

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

pub(crate) const OPERATION: &str = "review what the credential may do";

/// Something that a credential for a cluster needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Right {
    pub(crate) verb: &'static str,
    /// Empty for the core.
    pub(crate) group: &'static str,
    pub(crate) resource: &'static str,
    /// The subresource, or nothing.
    pub(crate) part: &'static str,
}

impl Right {
    /// The resource as a rule names it.
    fn of(&self) -> String {
        if self.part.is_empty() { self.resource.to_owned() } else { format!("{}/{}", self.resource, self.part) }
    }
}

fn named(verb: &str, resource: &str, group: &str) -> String {
    let dot = if group.is_empty() { "" } else { "." };
    format!("{verb} {resource}{dot}{group}")
}

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

/// What is needed in the namespace, or in all of them, and nothing beside it in `told_of`.
pub(crate) async fn findings(
    http: &Http,
    cx: &OpContext,
    namespace: Option<&str>,
    told_of: &str,
    needed: &[Right],
) -> Result<BTreeSet<RightsFinding>> {
    let mut findings = BTreeSet::new();
    for right in needed {
        let Right { verb, group, resource, part } = right;
        let attributes = json!({"verb": verb, "group": group, "resource": resource, "subresource": part, "namespace": namespace});
        let Review { status: Access { allowed } } =
            review(http, cx, "selfsubjectaccessreviews", json!({"resourceAttributes": attributes})).await?;
        if !allowed {
            findings.insert(RightsFinding::Missing { right: named(verb, &right.of(), group) });
        }
    }
    let Review { status: rules } = review::<Rules>(http, cx, "selfsubjectrulesreviews", json!({"namespace": told_of})).await?;
    for rule in &rules.resource_rules {
        findings.extend(excess(rule, needed));
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

fn excess(rule: &Rule, needed: &[Right]) -> Vec<RightsFinding> {
    let mut findings = Vec::new();
    for group in &rule.api_groups {
        // Everybody may review one's own access.
        if group == "authorization.k8s.io" || group == "authentication.k8s.io" {
            continue;
        }
        for resource in &rule.resources {
            let ours = |verb: &str| needed.iter().any(|it| it.verb == verb && it.group == group && it.of() == *resource);
            let too_much = rule.verbs.iter().filter(|verb| !ours(verb));
            findings.extend(too_much.map(|verb| RightsFinding::Excess { right: named(verb, resource, group) }));
        }
    }
    findings
}
