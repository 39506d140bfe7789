//! What a pod printed: text, `kubectl logs`. Any text could be one; it is recognised where most of its lines say when, or of
//! which pod they are.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::report::error::Fail;
use crate::report::format::{Spec, likely_if};
use crate::report::input::{Input, Look, SHOWN_LINES};
use crate::report::{Content, Format, LogReport};

pub(super) const SPEC: Spec = Spec {
    format: Format::PodLog,
    look: |look| {
        likely_if(match look {
            Look::Text(text) => most(text),
            Look::Lines(lines) => !lines.is_empty() && lines.iter().all(is_entry),
            _ => false,
        })
    },
    parse: |input| Ok(Content::Log(read(input)?)),
};

/// How many pods and containers are told apart.
const MAX_SOURCES: usize = 1_000;

/// Others are a banner, or belong to the line before: a stack trace.
fn most(text: &str) -> bool {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).take(SHOWN_LINES).collect();
    let said = lines.iter().filter(|line| line.starts_with("[pod/") || says_when(line)).count();
    said > 0 && said * 2 >= lines.len()
}

/// Whether a time of day stands near the beginning of a line, as in RFC 3339, klog, syslog and the logs of web servers.
fn says_when(line: &str) -> bool {
    const NEAR: usize = 64;
    let is_time = |it: &[u8]| {
        let digits = [0, 1, 3, 4, 6, 7].iter().all(|at| it.get(*at).is_some_and(u8::is_ascii_digit));
        digits && [2, 5].iter().all(|at| it.get(*at) == Some(&b':'))
    };
    line.as_bytes().windows(8).take(NEAR).any(is_time)
}

/// Whether it is a message with its time, as services log in JSON lines, and container runtimes what they print.
fn is_entry(line: &Value) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| line.get(key).is_some());
    has(&["msg", "message", "fields", "log"]) && has(&["time", "ts", "timestamp", "@timestamp"])
}

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
