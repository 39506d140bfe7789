use std::collections::BTreeMap;

/// Something that was probed from outside: a request, a threshold, a check in a load test.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeCheck {
    /// What was probed.
    pub name: String,
    /// Whether it was as it should be.
    pub passed: bool,
    /// What was measured on the way.
    pub values: BTreeMap<String, f64>,
}

/// What another system says about a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalCheck {
    /// Its name.
    pub name: String,
    /// The commit, where the report names it.
    pub commit: Option<String>,
    /// How it stands.
    pub state: ExternalState,
    /// Who says so: the app, or the system.
    pub by: String,
}

/// How a check of another system stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExternalState {
    /// It passed.
    Passed,
    /// It was skipped, is neutral, waits for somebody to start it, or failed where it may: it proves nothing.
    Neutral,
    /// It has not ended.
    Pending,
    /// It failed, was stopped, ran out of time, or says something that is not known here.
    Failed,
}
