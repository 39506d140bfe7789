use std::collections::BTreeSet;

/// Which requests were traced: links to where the traces are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceReport {
    /// The traces, by their ids in lower-case hexadecimal.
    pub traces: BTreeSet<String>,
    /// How many spans.
    pub spans: u64,
    /// How many of them ended in an error.
    pub errors: u64,
    /// The services that they are of.
    pub services: BTreeSet<String>,
}
