//! What reports say, in types of our own: the same whichever tool wrote them.

mod checks;
mod coverage;
mod deployments;
mod events;
mod log;
mod metrics;
mod sbom;
mod scan;
mod tests;
mod traces;
mod verifications;

pub use checks::*;
pub use coverage::*;
pub use deployments::*;
pub use events::*;
pub use log::*;
pub use metrics::*;
pub use sbom::*;
pub use scan::*;
pub use tests::*;
pub use traces::*;
pub use verifications::*;

/// What a report says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// Tests were run.
    Tests(TestReport),
    /// A scanner has looked.
    Scan(ScanReport),
    /// What something is made of.
    Sbom(SbomReport),
    /// How much of the code ran in tests.
    Coverage(CoverageReport),
    /// Something was probed from outside.
    Checks(Vec<ProbeCheck>),
    /// What a cluster reports of what runs in it.
    RuntimeEvents(Vec<RuntimeEvent>),
    /// What a process printed.
    Log(LogReport),
    /// What was measured.
    Metrics(MetricReport),
    /// Which requests were traced.
    Traces(TraceReport),
    /// How far deployments are, by the tool that carries them out.
    Deployments(Vec<DeploymentReport>),
    /// Which resources a desired state asks for.
    Resources(ResourceReport),
    /// What other systems say about a commit.
    ExternalChecks(Vec<ExternalCheck>),
    /// What tools of progressive delivery say they have verified.
    Verifications(Vec<Verification>),
    /// What other systems say has happened.
    Events(Vec<EventEnvelope>),
}
