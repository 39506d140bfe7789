use super::ExternalState;

/// What a tool of progressive delivery says it has verified, as far as what it measured bears that out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// What was verified, with the namespace before it where there is one: `shop/orders-6b8-2: success-rate`.
    pub name: String,
    /// What it is of, where the report names that: commits, digests of images in hexadecimal, and versions of charts. One of them is
    /// enough to know it by.
    pub of: Vec<String>,
    /// How it stands: the worse of what is said and of what was counted again.
    pub state: ExternalState,
    /// Whether the same was verified before and had failed.
    pub failed_before: bool,
    /// The tool.
    pub by: String,
    /// What was counted, and where that contradicts what is said. Nothing of what was measured is in it.
    pub reason: String,
}
