/// How far a deployment is, by the word of the tool that carries it out.
///
/// That is not whether the *expected* one is live: the adapter of the GitOps controller answers that, from more than this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentReport {
    /// Its name, with the namespace before it where there is one: `argocd/orders`.
    pub name: String,
    /// How far it is.
    pub phase: DeploymentPhase,
    /// Which revisions it is of: commits, or a version of a chart.
    pub revisions: Vec<String>,
    /// The images that run, where it names them.
    pub images: Vec<String>,
    /// What the tool says about it.
    pub reason: String,
}

/// How far a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeploymentPhase {
    /// The tool calls it done and healthy.
    Settled,
    /// It is under way, or waits.
    UnderWay,
    /// It failed.
    Failed,
    /// It is gone, or was replaced.
    Gone,
    /// The tool does not know, or says something that is not known here.
    Unknown,
}

/// Which resources a desired state asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceReport {
    /// The resources.
    pub resources: Vec<Resource>,
    /// The images that their containers ask for, sorted.
    pub images: Vec<String>,
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// For example `apps/v1`.
    pub api_version: String,
    /// For example `Deployment`.
    pub kind: String,
    /// Its namespace, where it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}
