//! Which Kustomizations are a unit in an environment.

use pathops_core::adapter::ExpectedDeployment;
use pathops_core::{Error, ErrorKind, RepoPath, Result};

use super::verdict::{Expected, Reference};
use crate::live::same_repository;

/// One `Kustomization` of Flux that is a unit in an environment, or a part of it.
#[derive(Clone, Debug)]
pub struct ManagedKustomization {
    pub(super) cluster: String,
    pub(super) place: Reference,
    pub(super) images: Vec<String>,
    /// Where what it applies is, if not in its own cluster.
    pub(super) applies_in: Option<String>,
    source_url: String,
    path: Option<RepoPath>,
}

impl ManagedKustomization {
    /// The Kustomization `namespace/name` of `cluster`. `source_url` is how its source calls the desired-state repository, as in the
    /// `url` of the `GitRepository`, or of the `OCIRepository` that is made of it; its path there is the environment's.
    #[must_use]
    pub fn new(
        cluster: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
        source_url: impl Into<String>,
    ) -> Self {
        let (group, kind) = ("kustomize.toolkit.fluxcd.io".to_owned(), "Kustomization".to_owned());
        Self {
            cluster: cluster.into(),
            place: Reference { namespace: namespace.into(), name: name.into(), group, kind },
            images: Vec::new(),
            applies_in: None,
            source_url: source_url.into(),
            path: None,
        }
    }

    /// Its path in the desired-state repository, where that is not the environment's: one Kustomization of several.
    #[must_use]
    pub fn at(mut self, path: RepoPath) -> Self {
        self.path = Some(path);
        self
    }

    /// It runs the unit's artifact as an image of this repository, without tag and digest: `registry.example/shop/orders`. Its
    /// workloads are read, which takes the right to.
    #[must_use]
    pub fn image(mut self, repository: impl Into<String>) -> Self {
        self.images.push(repository.into());
        self
    }

    /// What it applies is in this other cluster (`spec.kubeConfig`).
    #[must_use]
    pub fn applying_in(mut self, cluster: impl Into<String>) -> Self {
        self.applies_in = Some(cluster.into());
        self
    }

    /// The cluster with what it applies.
    pub(super) fn applied_cluster(&self) -> &str {
        self.applies_in.as_deref().unwrap_or(&self.cluster)
    }

    /// What the rule is asked about this Kustomization.
    pub(super) fn expected(&self, expected: &ExpectedDeployment) -> Result<Expected> {
        let path = self.path.as_ref().unwrap_or(&expected.target.path);
        let wanted = Expected::new(&self.source_url, path.as_str(), expected.commit.clone(), expected.since);
        let mut wanted = wanted.settle(expected.settle);
        for (repository, digest) in self.images.iter().flat_map(|image| expected.artifact.map(|digest| (image, digest))) {
            let image = format!("{repository}@{digest}").parse();
            let invalid = |error| Error::new(ErrorKind::Invalid, super::OBSERVE).on(&self.place).because(error);
            wanted = wanted.image(image.map_err(invalid)?);
        }
        Ok(wanted)
    }

    /// Whether `url` is how its source calls the desired-state repository.
    pub(super) fn is_desired_state(&self, url: &str) -> bool {
        same_repository(&self.source_url, url)
    }
}
