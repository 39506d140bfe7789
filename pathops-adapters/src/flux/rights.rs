//! What the credentials may do, compared with what they have to.

use std::collections::BTreeSet;

use pathops_core::{OpContext, Result};

use crate::cluster::{self, Http, Right, RightsFinding};

/// The least that the credential for a cluster needs, as manifests of Kubernetes.
pub const ROLE: &str = include_str!("role.yaml");

/// What it needs beside that where Flux is asked to look at Git ([`Cluster::refreshing_by_annotation`](super::Cluster)).
pub const REFRESH_ROLE: &str = include_str!("refresh_role.yaml");

/// What a cluster is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Kustomizations and their sources are read there.
    pub(super) flux: bool,
    /// They are asked to reconcile.
    pub(super) refreshing: bool,
    /// What they apply is there.
    pub(super) applied: bool,
    /// Workloads are read, for their images.
    pub(super) workloads: bool,
}

impl Needs {
    fn rights(self) -> Vec<Right> {
        let flux = [
            ("kustomize.toolkit.fluxcd.io", "kustomizations"),
            ("source.toolkit.fluxcd.io", "gitrepositories"),
            ("source.toolkit.fluxcd.io", "ocirepositories"),
        ];
        let releases = [("helm.toolkit.fluxcd.io", "helmreleases")];
        let workloads = [("apps", "deployments"), ("apps", "statefulsets"), ("apps", "daemonsets")];
        let mut rights = Vec::new();
        let mut need = |verb, of: &[(&'static str, &'static str)]| {
            rights.extend(of.iter().map(|(group, resource)| Right { verb, group, resource, part: "" }));
        };
        if self.flux {
            need("get", &flux);
        }
        if self.flux && self.refreshing {
            need("patch", &flux);
        }
        if self.applied {
            need("get", &releases);
        }
        if self.workloads {
            need("get", &workloads);
        }
        rights
    }
}

pub(super) async fn of_cluster(
    http: &Http,
    cx: &OpContext,
    namespace: Option<&str>,
    needs: Needs,
) -> Result<BTreeSet<RightsFinding>> {
    cluster::findings(http, cx, namespace, namespace.unwrap_or("default"), &needs.rights()).await
}
