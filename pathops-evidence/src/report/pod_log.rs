//! What a pod printed: text, `kubectl logs`. Any text could be one; it is recognised where most of its lines begin with a date and a
//! time, with a level, or with the pod they are of. A time alone is none: tables and exports are full of times.

use std::cell::Cell;
use std::sync::LazyLock;

use regex::bytes::Regex;
use serde_json::Value;

use crate::report::error::Fail;
use crate::report::format::{Spec, likely_if};
use crate::report::input::{Input, Look, SHOWN_LINES};
use crate::report::json::sketch;
use crate::report::log_tally::LogTally;
use crate::report::{Content, Format, LogReport};

pub(super) const SPEC: Spec = Spec {
    format: Format::PodLog,
    look: |look| {
        likely_if(match look {
            Look::Text(text) => is_log(text),
            Look::Lines(lines) => !lines.is_empty() && lines.iter().all(is_entry),
            _ => false,
        })
    },
    parse: |input| Ok(Content::Log(read(input)?)),
};

/// A time of day. A comma behind it is the next column of a table, unless it begins a fraction.
const TIME: &str =
    r#"\d\d:\d\d:\d\d(?:(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?"?(?:[^,;"\d.Z+-]|$)|,\d{3}(?:Z|[+-]\d\d:?\d\d)?[\ \t\]])"#;

const LEVEL: &str =
    "(?:TRACE|TRC|DEBUG|DBG|INFO|INF|NOTICE|WARN|WARNING|WRN|ERROR|ERR|SEVERE|CRITICAL|CRIT|ALERT|EMERG|FATAL|FTL|PANIC)";

/// How lines of logs begin. No line of a document in JSON or XML does.
static BEGINS: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(
        r#"^(?:
            \[pod/
            | \[\ ?{LEVEL}\ ?\]                                           # Maven
            | [IWEF](?:\d{{4}}|\d{{8}})\ {TIME}                             # klog, glog
            | (?:<\d{{1,3}}>(?:\d\ )?|\[[^\]\["{{,]{{1,64}}\]\ |\d+:[A-Z]\ )?   # syslog's priority, Gin's name, Redis' process
              \[?(?:
                \d{{4}}[-/]\d\d[-/]\d\d(?:[T_\ ]|\ -\ )                    # ISO 8601
                | (?:[A-Z][a-z]{{2}}\ )?[A-Z][a-z]{{2}}\ [\ \d]?\d\           # syslog, Apache
                | \d\d[-/\ ][A-Z][a-z]{{2}}[-/\ ]\d{{4}}[\ :]               # Tomcat, PHP
              ){TIME}
            | [^{{"<]{{0,64}}\[\d\d/[A-Z][a-z]{{2}}/\d{{4}}:{TIME}             # what web servers answered
        )"#
    ))
});

/// A time near the beginning of a line that is no piece of JSON or XML.
static SAYS_WHEN: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r#"^\[?(?:[^\s{{"<\[][^{{]{{0,63}})?{TIME}"#)));

static SAYS_HOW_GRAVE: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"\b{LEVEL}\b|\b(?i:level|lvl|severity)[=:]|\[(?i:{LEVEL})\]")));

#[expect(clippy::expect_used, reason = "the expressions are the literals above, which every test of this format compiles")]
fn compile(expression: &str) -> Regex {
    Regex::new(&format!("(?x-u){expression}")).expect("the expression is right")
}

/// Whether most lines are those of a log. Others are a banner, or belong to the line before, as those do that are indented: a stack
/// trace.
pub(super) fn is_log(text: &str) -> bool {
    let indented = |line: &&str| line.is_empty() || line.starts_with(char::is_whitespace);
    let lines: Vec<_> = text.lines().filter(|line| !indented(line)).take(SHOWN_LINES).collect();
    let said = lines.iter().filter(|line| is_said(line)).count();
    said > 0 && said * 2 >= lines.len()
}

fn is_said(line: &str) -> bool {
    let bytes = line.as_bytes();
    BEGINS.is_match(bytes)
        || SAYS_WHEN.is_match(bytes) && SAYS_HOW_GRAVE.is_match(bytes)
        || line.starts_with('{') && sketch(bytes, &Cell::new(0)).is_ok_and(|value| is_entry(&value))
}

/// Whether it is a message with its time, as services log in JSON lines, and container runtimes what they print.
fn is_entry(line: &Value) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| line.get(key).is_some());
    has(&["msg", "message", "fields", "log"]) && has(&["time", "ts", "timestamp", "@timestamp"])
}

#[expect(clippy::unnecessary_wraps, reason = "every format is read by a function of this shape")]
fn read(input: &Input<'_>) -> Result<LogReport, Fail> {
    let mut tally = LogTally::default();
    tally.push(input.text().as_bytes());
    Ok(tally.finish())
}
