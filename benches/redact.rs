//! What redaction costs: `cargo bench -p pathops-benches --bench redact`, or with `-- --test` few rounds, to see that it works.
//!
//! All rules, forms and encodings over the corpus `shop-logs`, in megabytes a second of the process' CPU clock, in the best of
//! several rounds. In the same run: SHA-256 over the same bytes, which is the bound, and every expression over everything,
//! which is what redaction costs where nothing says where to look. Beside it, what is found and what should have been left
//! alone in the labelled corpus of the tests. It fails below [`LIMIT`]. Where gitleaks is installed, as `.ci/test` does it, its own rules
//! are one more row.
#![expect(clippy::print_stdout, clippy::expect_used, clippy::indexing_slicing, reason = "a program that prints a table")]

use std::hint::black_box;

use pathops_benches::cpu_time;
use pathops_evidence::redact::{Redactor, Rules};
use regex::bytes::{Regex, RegexBuilder};
use sha2::{Digest, Sha256};

#[path = "../pathops-evidence/tests/redact/built_in.rs"]
mod built_in;
#[path = "../pathops-evidence/tests/redact/corpus.rs"]
mod corpus;
#[path = "redact/logs.rs"]
mod logs;

/// Megabytes a second at the least: so many, or this part of SHA-256 where the machine is slower than that.
const LIMIT: (f64, f64) = (150.0, 0.09);

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let logs = logs::shop_logs(if test { 1 << 18 } else { 32 << 20 });
    println!("shop-logs: {} bytes, sha256 {:.12}", logs.len(), hex(&Sha256::digest(&logs)));
    let rounds = if test { 1 } else { 5 };
    let bound = row("SHA-256", &logs, rounds, None, |bytes| Sha256::digest(bytes).len());
    let redact = |redactor: &Redactor, bytes: &[u8]| redactor.redact(bytes).bytes.len();
    let ours = Redactor::new([]).expect("our rules");
    // This one is judged: others may use the machine in some of its rounds, and hardly in all.
    let speed = row("all rules, forms and encodings", &logs, 4 * rounds, Some(bound), |bytes| redact(&ours, bytes));
    let limit = LIMIT.0.min(LIMIT.1 * bound);
    assert!(test || speed >= limit, "{speed:.0} MB/s, and the limit is {limit:.0}");
    let known = Redactor::new((0..20).map(|number| format!("a-known-value-{number}"))).expect("values");
    row("  and 20 known values", &logs, rounds, Some(bound), |bytes| redact(&known, bytes));
    row("  in pieces of 1,000 bytes", &logs, rounds, Some(bound), |bytes| in_pieces(&ours, bytes));
    let flat = Redactor::builder().depth(0).build().expect("our rules");
    row("  without decoding", &logs, rounds, Some(bound), |bytes| redact(&flat, bytes));
    let plain = Redactor::builder().depth(0).high_entropy(false).build().expect("our rules");
    row("  nor words that look random", &logs, rounds, Some(bound), |bytes| redact(&plain, bytes));
    if let Some(text) = built_in::rules() {
        let rules = Rules::from_toml(&text).expect("gitleaks' rules");
        let theirs = Redactor::builder().rules(rules).build().expect("gitleaks' rules");
        row("  with gitleaks' rules instead of ours", &logs, rounds, Some(bound), |bytes| redact(&theirs, bytes));
    }
    let expressions = expressions();
    let part = &logs[..logs.len() / 16];
    row("every expression of ours over everything", part, rounds, Some(bound), |bytes| {
        expressions.iter().map(|expression| expression.find_iter(bytes).count()).sum()
    });
    found(&ours);
}

/// Prints how fast it is, and what part of the bound that is.
fn row(what: &str, bytes: &[u8], rounds: usize, bound: Option<f64>, work: impl Fn(&[u8]) -> usize) -> f64 {
    let round = || {
        let begin = cpu_time();
        black_box(work(bytes));
        cpu_time().saturating_sub(begin)
    };
    let best = (0..rounds).map(|_| round()).min().unwrap_or_default();
    let speed = number(bytes.len()) / 1e6 / best.as_secs_f64();
    let part = bound.map(|bound| format!("{:>7.3} × SHA-256", speed / bound));
    println!("{what:<44} {speed:>8.0} MB/s {}", part.unwrap_or_default());
    speed
}

fn in_pieces(redactor: &Redactor, bytes: &[u8]) -> usize {
    let (mut stream, mut out) = (redactor.stream(), Vec::with_capacity(4_096));
    let mut length = 0;
    for piece in bytes.chunks(1_000) {
        stream.push(piece, &mut out);
        length += out.len();
        out.clear();
    }
    let _ = stream.finish(&mut out);
    length + out.len()
}

/// What is found of what must be, and what is changed of what must stay.
fn found(redactor: &Redactor) {
    let samples: Vec<_> = (101..111).flat_map(|seed| corpus::secrets(seed, false)).collect();
    let missed = samples.iter().filter(|sample| sample.is_left_in(&redactor.redact_text(&sample.text)));
    let missed: Vec<_> = missed.map(|sample| sample.kind).collect();
    println!("recall: {} of {} secrets, missed {missed:?}", samples.len() - missed.len(), samples.len());
    let lines = corpus::ordinary(101);
    let redacted = redactor.redact_text(&lines.join("\n"));
    let changed = redacted.lines().zip(&lines).filter(|(redacted, line)| redacted != line).count();
    println!("false hits: {changed} of {} ordinary lines", lines.len());
}

/// Our expressions, as they stand in their file.
fn expressions() -> Vec<Regex> {
    let file = include_str!("../pathops-evidence/src/redact/rules.toml");
    let sources = file.split("\nregex = '''").skip(1).filter_map(|rest| rest.split("'''").next());
    sources.map(|source| RegexBuilder::new(source).unicode(false).build().expect("an expression")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
