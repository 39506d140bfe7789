//! Which pods are a unit in an environment.

use std::fmt;

use super::verifications::Source;

/// The label by which the pods of an instance of an app are known, by Kubernetes' recommendation.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// Pods of one namespace that are a unit in an environment, or a part of it.
#[derive(Clone, Debug)]
pub struct Workload {
    pub(super) cluster: String,
    pub(super) namespace: String,
    instance: String,
    selector: Option<String>,
    /// Kind and name.
    pub(super) objects: Vec<(String, String)>,
    /// Jobs whose logs are read, by name.
    pub(super) jobs: Vec<String>,
    pub(super) verified: Vec<Source>,
}

impl Workload {
    /// The pods of `namespace` in `cluster` whose label `app.kubernetes.io/instance` is `instance`: the name of the Application in Argo
    /// CD, or of the release in Helm.
    #[must_use]
    pub fn new(cluster: impl Into<String>, namespace: impl Into<String>, instance: impl Into<String>) -> Self {
        let (cluster, namespace, instance) = (cluster.into(), namespace.into(), instance.into());
        Self { cluster, namespace, instance, selector: None, objects: Vec::new(), jobs: Vec::new(), verified: Vec::new() }
    }

    /// The pods with these labels instead: a selector of Kubernetes, such as `app=orders,tier=web`.
    #[must_use]
    pub fn selector(self, labels: impl Into<String>) -> Self {
        Self { selector: Some(labels.into()), ..self }
    }

    /// Events of this object of the namespace count too, and those of what it makes, also while there is no pod: `Deployment` and
    /// `orders`.
    #[must_use]
    pub fn object(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.objects.push((kind.into(), name.into()));
        self
    }

    /// What this Job of the namespace prints is a part of the unit's logs, and its events count: a post-deploy job, which is a hook of Argo
    /// CD with a name of its own. Where it has printed nothing in the time that is asked for, the logs say so, and why: it has no pod where
    /// it did not run, or was deleted since. A hook has to stay until its logs are read, as by the policy `BeforeHookCreation`.
    #[must_use]
    pub fn job(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.jobs.push(name.clone());
        self.object("Job", name)
    }

    /// It is verified by Argo Rollouts: by the AnalysisRuns that this Rollout of the namespace owns. Those of an Experiment belong to that.
    #[must_use]
    pub fn rollout(self, name: impl Into<String>) -> Self {
        self.verified_by(Source::Rollout(name.into()))
    }

    /// It is verified by Kargo: in this Stage of this project, which is a namespace of the same cluster.
    #[must_use]
    pub fn stage(self, project: impl Into<String>, name: impl Into<String>) -> Self {
        self.verified_by(Source::Stage { project: project.into(), name: name.into() })
    }

    /// It is verified by what GitOps Promoter tells of commits, in a namespace of the same cluster.
    #[must_use]
    pub fn commit_statuses(self, namespace: impl Into<String>) -> Self {
        self.verified_by(Source::CommitStatuses(namespace.into()))
    }

    fn verified_by(mut self, source: Source) -> Self {
        self.verified.push(source);
        self
    }

    /// The selector of its pods.
    pub(super) fn pods(&self) -> String {
        self.selector.clone().unwrap_or_else(|| format!("{INSTANCE}={}", self.instance))
    }

    pub(super) fn is_where(&self, other: &Self) -> bool {
        (&self.cluster, &self.namespace) == (&other.cluster, &other.namespace) && self.pods() == other.pods()
    }

    /// What of it Kubernetes does not allow. An empty selector is every pod.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let within = |text: &str, others: &[u8]| text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b));
        let is_label = |text: &str, others: &[u8]| {
            let ends = [text.bytes().next(), text.bytes().next_back()];
            text.len() <= 63 && within(text, others) && ends.iter().all(|end| end.is_some_and(|b| b.is_ascii_alphanumeric()))
        };
        if !is_label(&self.namespace, b"-") {
            return Some("its namespace is no name of one");
        }
        match &self.selector {
            Some(selector) if selector.trim().is_empty() => Some("its selector is empty, which is every pod of the namespace"),
            None if !is_label(&self.instance, b"-_.") => Some("its instance is no value of a label"),
            _ if !self.jobs.iter().all(|name| is_label(name, b"-.")) => Some("a job of it has no name of one"),
            _ => self.verified.iter().find_map(|source| {
                let is_stage = |name: &str| !name.is_empty() && name.len() <= 253 && within(name, b"-.");
                match source {
                    _ if !is_label(source.namespace(&self.namespace), b"-") => {
                        Some("a namespace that verifies it is no name of one")
                    }
                    Source::Rollout(name) | Source::Stage { name, .. } if !is_stage(name) => {
                        Some("a Rollout or Stage that verifies it has no name of one")
                    }
                    _ => None,
                }
            }),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in namespace {} of cluster {}", self.pods(), self.namespace, self.cluster)
    }
}
