//! What a pod printed: text, `kubectl logs`. Any text could be one, so it is never recognised.

use std::collections::BTreeSet;

use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec};
use crate::report::input::Input;
use crate::report::{Content, Format, LogReport};

pub(super) const SPEC: Spec =
    Spec { format: Format::PodLog, look: |_| Confidence::No, parse: |input| Ok(Content::Log(read(input)?)) };

/// How many pods and containers are told apart.
const MAX_SOURCES: usize = 1_000;

#[expect(clippy::unnecessary_wraps, reason = "every format is read by a function of this shape")]
fn read(input: &Input<'_>) -> Result<LogReport, Fail> {
    let text = input.text();
    let mut sources = BTreeSet::new();
    for line in text.lines() {
        if sources.len() < MAX_SOURCES
            && let Some((source, _)) = line.strip_prefix("[pod/").and_then(|rest| rest.split_once("] "))
        {
            sources.insert(source.to_owned());
        }
    }
    let count = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
    Ok(LogReport {
        lines: count(text.lines().count()),
        bytes: count(text.len()),
        open_end: !text.ends_with('\n'),
        sources: sources.into_iter().collect(),
    })
}
