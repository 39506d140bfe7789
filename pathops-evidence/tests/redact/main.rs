//! Redaction as a host sees it: what is found and what is left, however the text is cut, whatever it holds.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "helpers of tests")]

mod built_in;
mod corpus;
mod found;
mod gitleaks;
mod hostile;
mod streaming;
