//! Which Applications are a unit in an environment.

use pathops_core::adapter::{ExpectedDeployment, JobKind};
use pathops_core::{Error, ErrorKind, JobName, RepoPath, Result};

use super::source::Place;
use crate::argo_verdict::{Application, Expected, ExpectedHook, ExpectedSource};
use crate::live::same_repository;

/// One `Application` of Argo CD that is a unit in an environment, or a part of it.
#[derive(Clone, Debug)]
pub struct ManagedApplication {
    pub(super) instance: String,
    pub(super) place: Place,
    /// How it calls the desired-state repository, where it has a source there.
    repo_url: Option<String>,
    path: Option<RepoPath>,
    children_in: Option<String>,
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
        Self { repo_url: Some(repo_url.into()), ..Self::bare(instance.into(), namespace.into(), name.into()) }
    }

    /// The Application `namespace/name` of `instance` that has no source in the desired-state repository, but this one, at exactly this
    /// commit or version: a chart of others that another Application of the unit deploys.
    #[must_use]
    pub fn of_source(
        instance: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
        source: ExpectedSource,
    ) -> Self {
        Self::bare(instance.into(), namespace.into(), name.into()).also(source)
    }

    fn bare(instance: String, namespace: String, name: String) -> Self {
        let (path, children_in, also, images, jobs) = (None, None, Vec::new(), Vec::new(), Vec::new());
        Self { instance, place: Place { namespace, name }, repo_url: None, path, children_in, also, images, jobs }
    }

    /// The Applications that it manages are those of this instance, and not of its own: it deploys to the cluster of another Argo CD.
    /// Where its destination is neither `https://kubernetes.default.svc` nor `in-cluster`, that has to be said, also of its own
    /// instance: an Application of the same name there may be another one, and does not count.
    #[must_use]
    pub fn children_in(mut self, instance: impl Into<String>) -> Self {
        self.children_in = Some(instance.into());
        self
    }

    /// Its path in the desired-state repository, where that is not the environment's: one Application of several.
    #[must_use]
    pub fn at(mut self, path: RepoPath) -> Self {
        self.path = Some(path);
        self
    }

    /// It has this source too: a chart at exactly this version, or a folder of another repository at this commit, and with the tree that
    /// is named beside it. Where the host says what that repository is on the Git host
    /// ([`Builder::repository`](super::Builder::repository)), a later commit with the same tree is as good.
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

    /// Whether it is known which instance has the Applications that it manages.
    pub(super) fn knows_where_children_are(&self, application: &Application) -> bool {
        self.children_in.is_some() || application.deploys_beside_itself()
    }

    /// The instance of the Applications that it manages.
    pub(super) fn instance_of_children(&self) -> &str {
        self.children_in.as_deref().unwrap_or(&self.instance)
    }

    /// Its source in the desired-state repository. What the environment's folder has to hold is known, and no other's.
    pub(super) fn source(&self, expected: &ExpectedDeployment) -> Option<ExpectedSource> {
        let (repo_url, commit) = (self.repo_url.as_ref()?, expected.commit.clone());
        Some(match &self.path {
            Some(path) => ExpectedSource::git(repo_url, path.as_str(), commit),
            None => ExpectedSource::git(repo_url, expected.target.path.as_str(), commit).with_tree(expected.tree.clone()),
        })
    }

    /// What the rule is asked about this Application, which is one of these of its unit.
    pub(super) fn expected(&self, expected: &ExpectedDeployment, of_unit: &[Self]) -> Result<Expected> {
        let mut sources = self.source(expected).into_iter().chain(self.also.iter().cloned());
        let nothing = || Error::new(ErrorKind::Unexpected, "observe a deployment").on(&self.place).because("it has no source");
        let first = sources.next().ok_or_else(nothing)?;
        let mut wanted = Expected::new(first, expected.since).settle(expected.settle);
        for source in sources {
            wanted = wanted.and(source);
        }
        for other in of_unit.iter().filter(|other| other.instance == self.instance_of_children()) {
            wanted = wanted.judged_apart(&other.place.namespace, &other.place.name);
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

    /// Whether it has a source in the desired-state repository.
    pub(super) fn has_desired_state(&self) -> bool {
        self.repo_url.is_some()
    }

    /// Whether `url` is how this Application calls the desired-state repository.
    pub(super) fn is_desired_state(&self, url: &str) -> bool {
        self.repo_url.as_deref().is_some_and(|known| same_repository(known, url))
    }
}
