//! Which Applications are a unit in an environment.

use pathops_core::adapter::{ExpectedDeployment, JobKind};
use pathops_core::{Error, ErrorKind, JobName, RepoPath, Result};

use super::source::Place;
use crate::argo_verdict::{Expected, ExpectedHook, ExpectedSource};
use crate::live::same_repository;

/// One `Application` of Argo CD that is a unit in an environment, or a part of it.
#[derive(Clone, Debug)]
pub struct ManagedApplication {
    pub(super) instance: String,
    pub(super) place: Place,
    repo_url: String,
    path: Option<RepoPath>,
    also: Vec<ExpectedSource>,
    pub(super) images: Vec<String>,
    pub(super) jobs: Vec<ManagedJob>,
}

/// A post-deploy job and the hook that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ManagedJob {
    pub(super) name: JobName,
    pub(super) kind: JobKind,
    pub(super) hook: String,
}

impl ManagedApplication {
    /// The Application `namespace/name` of `instance`. `repo_url` is how it calls the desired-state repository, as in its own
    /// `repoURL`; its path there is the environment's.
    #[must_use]
    pub fn new(
        instance: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
        repo_url: impl Into<String>,
    ) -> Self {
        Self {
            instance: instance.into(),
            place: Place { namespace: namespace.into(), name: name.into() },
            repo_url: repo_url.into(),
            path: None,
            also: Vec::new(),
            images: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// Its path in the desired-state repository, where that is not the environment's: one Application of several.
    #[must_use]
    pub fn at(mut self, path: RepoPath) -> Self {
        self.path = Some(path);
        self
    }

    /// It has this source too, at exactly this commit or version: a chart, or another repository.
    #[must_use]
    pub fn also(mut self, source: ExpectedSource) -> Self {
        self.also.push(source);
        self
    }

    /// It runs the unit's artifact as an image of this repository, without tag and digest: `registry.example/shop/orders`.
    #[must_use]
    pub fn image(mut self, repository: impl Into<String>) -> Self {
        self.images.push(repository.into());
        self
    }

    /// It runs this post-deploy job as the hook of this name (`metadata.name` of the hook's resource).
    #[must_use]
    pub fn job(mut self, name: JobName, kind: JobKind, hook: impl Into<String>) -> Self {
        self.jobs.push(ManagedJob { name, kind, hook: hook.into() });
        self
    }

    /// The jobs of this Application that are expected.
    pub(super) fn expected_jobs<'a>(&'a self, expected: &'a ExpectedDeployment) -> impl Iterator<Item = &'a ManagedJob> {
        self.jobs.iter().filter(|job| expected.jobs.contains(&job.name))
    }

    pub(super) fn source(&self, expected: &ExpectedDeployment) -> ExpectedSource {
        let path = self.path.as_ref().unwrap_or(&expected.target.path);
        ExpectedSource::git(&self.repo_url, path.as_str(), expected.commit.clone())
    }

    /// What the rule is asked about this Application.
    pub(super) fn expected(&self, expected: &ExpectedDeployment) -> Result<Expected> {
        let mut wanted = Expected::new(self.source(expected), expected.since).settle(expected.settle);
        for source in &self.also {
            wanted = wanted.and(source.clone());
        }
        for (repository, digest) in self.images.iter().flat_map(|image| expected.artifact.map(|digest| (image, digest))) {
            let image = format!("{repository}@{digest}").parse();
            let invalid = |error| Error::new(ErrorKind::Invalid, "observe a deployment").on(&self.place).because(error);
            wanted = wanted.image(image.map_err(invalid)?);
        }
        for job in self.expected_jobs(expected) {
            wanted = wanted.hook(ExpectedHook::Named(job.hook.clone()));
        }
        Ok(wanted)
    }

    /// Whether `url` is how this Application calls the desired-state repository.
    pub(super) fn is_desired_state(&self, url: &str) -> bool {
        same_repository(&self.repo_url, url)
    }
}
