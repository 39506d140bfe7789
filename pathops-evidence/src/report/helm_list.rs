//! `helm list -o json`; Helm 3 and 4. A cluster without releases gives `[]`, which says too little to be recognised.

use serde::Deserialize;

use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec};
use crate::report::helm_status::phase;
use crate::report::input::{Input, Look};
use crate::report::{Content, DeploymentReport, Format};

pub(super) const SPEC: Spec = Spec { format: Format::HelmList, look, parse: |input| Ok(Content::Deployments(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let is_release =
        |it: &serde_json::Value| ["chart", "app_version", "revision", "status"].iter().all(|key| it.get(key).is_some());
    match look.list() {
        Some([]) => Some(Confidence::Possible),
        Some(list) if list.iter().all(is_release) => Some(Confidence::Certain),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Release {
    name: String,
    namespace: String,
    revision: String,
    status: String,
    chart: String,
}

fn read(input: &Input<'_>) -> Result<Vec<DeploymentReport>, Fail> {
    let releases: Vec<Release> = input.json()?;
    let report = |release: Release| DeploymentReport {
        name: format!("{}/{}", release.namespace, release.name),
        phase: phase(&release.status),
        revisions: vec![release.revision, release.chart],
        images: Vec::new(),
        reason: release.status,
    };
    Ok(releases.into_iter().map(report).collect())
}
