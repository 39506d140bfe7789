//! What a log says, counted as it comes, so that it is the same of one in memory and of one that never is.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::LogReport;

/// How many pods and containers are told apart.
const MAX_SOURCES: usize = 1_000;

/// How much of a line is looked at, in bytes: level and source stand at its beginning.
const LOOKED_AT: usize = 1_024;

/// How grave a line is, by the first word that says so: a level in capitals, in brackets or after its key (Bunyan's and Pino's are
/// numbers), or klog's letter. The group is there where that is an error or worse.
static LEVEL: LazyLock<Regex> = LazyLock::new(|| {
    const GRAVE: &str = "ERROR|ERR|SEVERE|CRITICAL|CRIT|ALERT|EMERG|EMERGENCY|FATAL|FTL|PANIC";
    const OTHER: &str = "TRACE|TRC|DEBUG|DBG|INFO|INF|NOTICE|WARN|WARNING|WRN";
    const KEY: &str = r#"(?i:level|lvl|severity)"?\s?[=:]\s?"?"#;
    let expression = format!(
        r#"(?x-u)
            \b(?:(?P<word>{GRAVE})|{OTHER})\b
            | \[\ ?(?i:(?P<bracket>{GRAVE})|{OTHER})\ ?\]
            | {KEY}(?:(?P<named>(?i:{GRAVE})\b|[56]0\b)|(?i:{OTHER})\b|[1-4]0\b)
            | ^(?:(?P<letter>[EF])|[IW])(?:\d{{4}}|\d{{8}})\ \d\d:
        "#
    );
    #[expect(clippy::expect_used, reason = "the expression is the literal above, which every test of logs compiles")]
    Regex::new(&expression).expect("the expression is right")
});

/// Counts a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogTally {
    lines: u64,
    bytes: u64,
    errors: u64,
    sources: BTreeSet<String>,
    /// The beginning of the line that has not ended.
    line: Vec<u8>,
    /// Whether there is such a line.
    is_open: bool,
}

impl LogTally {
    /// Takes in what comes next.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.bytes += count(piece.len());
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            let room = LOOKED_AT - self.line.len();
            self.line.extend(text.iter().take(room));
            self.is_open = true;
            if ends {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        self.lines += 1;
        self.errors += u64::from(is_grave(&self.line));
        if self.sources.len() < MAX_SOURCES
            && let Some(rest) = self.line.strip_prefix(b"[pod/")
            && let Some((source, _)) = String::from_utf8_lossy(rest).split_once("] ")
        {
            self.sources.insert(source.to_owned());
        }
        self.line.clear();
        self.is_open = false;
    }

    /// All of it.
    pub(crate) fn finish(mut self) -> LogReport {
        let open_end = self.is_open;
        if open_end {
            self.end_line();
        }
        let Self { lines, bytes, errors, sources, .. } = self;
        LogReport { lines, bytes, errors, open_end, sources: sources.into_iter().collect() }
    }
}

fn is_grave(line: &[u8]) -> bool {
    let Some(found) = LEVEL.captures(line) else { return false };
    ["word", "bracket", "named", "letter"].iter().any(|group| found.name(group).is_some())
}

fn count(it: usize) -> u64 {
    u64::try_from(it).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_grave_as_its_first_level() {
        let grave = [
            "2026-11-03T10:00:00Z ERROR orders: no connection",
            "[ERROR] Failed to execute goal",
            "[error] 12#0: upstream timed out",
            "time=2026-11-03T10:00:00Z level=error msg=refused",
            r#"{"level":"fatal","msg":"gone"}"#,
            r#"{"level": 50, "msg": "gone"}"#,
            r#"{"severity":"CRITICAL"}"#,
            "E1103 10:00:00.000000 1 main.go:1] no lease",
            "[pod/orders-1/app] 2026-11-03 10:00:00,000 SEVERE refused",
        ];
        let other = [
            "2026-11-03T10:00:00Z INFO orders: 0 ERROR lines",
            "W1103 10:00:00.000000 1 main.go:1] ERROR was expected",
            r#"{"level":"info","msg":"no error"}"#,
            r#"{"level":30,"msg":"x"}"#,
            "an error, says nobody in particular",
            "TERROR",
            "",
        ];
        for line in grave {
            assert!(is_grave(line.as_bytes()), "{line}");
        }
        for line in other {
            assert!(!is_grave(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn it_is_the_same_however_it_comes() {
        let long = format!("{} ERROR late\n", "x".repeat(LOOKED_AT));
        let log = format!("[pod/a/b] INFO one\n\n[pod/a/c] ERROR two\n{long}ERROR open");
        let whole = |size: usize| {
            let mut tally = LogTally::default();
            log.as_bytes().chunks(size).for_each(|piece| tally.push(piece));
            tally.finish()
        };
        let LogReport { lines, errors, open_end, .. } = whole(log.len());
        assert_eq!((lines, errors, open_end), (5, 2, true), "what stands far behind in a line is no level");
        for size in [1, 2, 7, 100] {
            assert_eq!(whole(size), whole(log.len()));
        }
    }
}
