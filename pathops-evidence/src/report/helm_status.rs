//! `helm status RELEASE -o json`, and what `helm install` and `helm upgrade` print with `-o json`; Helm 3 and 4.
//!
//! The values, the manifest and the notes may hold secrets, and are not taken over.

use serde::Deserialize;

use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, DeploymentPhase, DeploymentReport, Format};

pub(super) const SPEC: Spec =
    Spec { format: Format::HelmStatus, look, parse: |input| Ok(Content::Deployments(vec![read(input)?])) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(look.has(&["name", "info", "version"]) && look.text_at("/info/status").is_some())
}

#[derive(Deserialize)]
struct Release {
    name: String,
    namespace: Option<String>,
    version: u64,
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    status: String,
    description: Option<String>,
}

fn read(input: &Input<'_>) -> Result<DeploymentReport, Fail> {
    let release: Release = input.json()?;
    let description = release.info.description.unwrap_or_default();
    Ok(DeploymentReport {
        name: release.namespace.map_or_else(|| release.name.clone(), |namespace| format!("{namespace}/{}", release.name)),
        phase: phase(&release.info.status),
        revisions: vec![release.version.to_string()],
        images: Vec::new(),
        reason: format!("{}: {description}", release.info.status).trim_end_matches([':', ' ']).to_owned(),
    })
}

/// What Helm calls how far a release is. `deployed` means that the API server took the resources, and with `--wait` that
/// they became ready.
pub(super) fn phase(status: &str) -> DeploymentPhase {
    match status {
        "deployed" => DeploymentPhase::Settled,
        "failed" => DeploymentPhase::Failed,
        "pending-install" | "pending-upgrade" | "pending-rollback" => DeploymentPhase::UnderWay,
        "uninstalled" | "uninstalling" | "superseded" => DeploymentPhase::Gone,
        _ => DeploymentPhase::Unknown,
    }
}
