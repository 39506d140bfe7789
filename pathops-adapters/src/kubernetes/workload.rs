//! Which pods are a unit in an environment.

use std::fmt;

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
}

impl Workload {
    /// The pods of `namespace` in `cluster` whose label `app.kubernetes.io/instance` is `instance`: the name of the Application in Argo
    /// CD, or of the release in Helm.
    #[must_use]
    pub fn new(cluster: impl Into<String>, namespace: impl Into<String>, instance: impl Into<String>) -> Self {
        let (cluster, namespace, instance) = (cluster.into(), namespace.into(), instance.into());
        Self { cluster, namespace, instance, selector: None, objects: Vec::new() }
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
            _ => None,
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in namespace {} of cluster {}", self.pods(), self.namespace, self.cluster)
    }
}
