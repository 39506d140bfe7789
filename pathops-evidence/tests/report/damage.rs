//! Damaged reports: cut off at every byte, with single bytes changed, and cut up and put together anew. No damage may make
//! the reader panic, and none that can be seen may turn a report that speaks against a change into one that does not.

use pathops_core::evidence::TestVerdict;
use pathops_evidence::report::{
    Content, DeploymentPhase, ExternalState, Fault, Format, MAX_BYTES, Report, parse, parse_as, recognise,
};

use crate::fixtures::{self, Fixture};

/// Formats of lines that have no end of their own: where whole lines are missing, nobody can tell.
const ENDLESS: [Format; 5] = [Format::Lcov, Format::Curl, Format::OtlpTraces, Format::Kustomize, Format::PodLog];

/// Formats that say how it ended in more than one place, so that no single byte decides.
const COUNTED: [Format; 10] = [
    Format::Junit,
    Format::Tap,
    Format::LibtestJson,
    Format::GoTestJson,
    Format::GitlabTests,
    Format::NpmAudit,
    Format::CargoAudit,
    Format::ArgoRollouts,
    Format::Kargo,
    Format::GitopsPromoter,
];

/// Whether a report speaks against a change, or for nothing.
fn is_bad(report: &Report) -> bool {
    match &report.content {
        Content::Tests(tests) => tests.verdict().is_none_or(|verdict| verdict == TestVerdict::Failed),
        Content::Scan(scan) => !scan.findings.is_empty() || !scan.incomplete.is_empty(),
        Content::Sbom(sbom) => sbom.vulnerabilities.as_ref().is_some_and(|scan| !scan.findings.is_empty()),
        Content::Coverage(_) | Content::Resources(_) | Content::Log(_) => false,
        Content::Events(events) => events.iter().any(|event| event.outcome == Some(ExternalState::Failed)),
        Content::Checks(checks) => checks.is_empty() || checks.iter().any(|check| !check.passed),
        Content::RuntimeEvents(events) => events.iter().any(|event| event.warning),
        Content::Metrics(metrics) => {
            let samples = || metrics.series.iter().flat_map(|series| &series.samples);
            !metrics.warnings.is_empty() || samples().all(|sample| !sample.value.is_some_and(f64::is_finite))
        }
        Content::Traces(traces) => traces.errors > 0,
        Content::Deployments(all) => all.is_empty() || all.iter().any(|it| it.phase != DeploymentPhase::Settled),
        Content::ExternalChecks(all) => {
            all.is_empty() || all.iter().any(|it| matches!(it.state, ExternalState::Failed | ExternalState::Pending))
        }
        Content::Verifications(all) => {
            let is_bad = |state| matches!(state, ExternalState::Failed | ExternalState::Pending);
            !all.iter().any(|it| it.state == ExternalState::Passed) || all.iter().any(|it| is_bad(it.state))
        }
        _ => panic!("a kind of content that this test does not know"),
    }
}

/// Numbers that are the same on every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

#[test]
fn the_names_of_fixtures_say_what_is_in_them() {
    for fixture in fixtures::all() {
        let report = parse_as(fixture.format, &fixture.bytes).unwrap();
        let quiet = fixture.name.starts_with("quiet");
        assert!(quiet || is_bad(&report) == fixture.is_bad(), "{} {}: {report:?}", fixture.format, fixture.name);
    }
}

#[test]
fn a_report_that_is_cut_off_is_an_error() {
    for fixture in fixtures::all().iter().filter(|fixture| !ENDLESS.contains(&fixture.format)) {
        let whole = fixture.bytes.trim_ascii_end().len();
        for length in 0..whole {
            let cut = &fixture.bytes[..length];
            let read = parse_as(fixture.format, cut);
            assert!(read.is_err(), "{} {} cut at {length} of {whole}: {read:?}", fixture.format, fixture.name);
            assert!(parse(cut).is_err(), "{} {} cut at {length} is recognised", fixture.format, fixture.name);
        }
    }
}

#[test]
fn formats_without_an_end_are_cut_between_lines_only() {
    let endless = |fixture: &&Fixture| ENDLESS.contains(&fixture.format) && fixture.format != Format::PodLog;
    for fixture in fixtures::all().iter().filter(endless) {
        let text = std::str::from_utf8(&fixture.bytes).unwrap();
        for length in
            (1..text.trim_end().len()).filter(|length| !text[..*length].ends_with('\n') && !text[*length..].starts_with('\n'))
        {
            let read = parse_as(fixture.format, &text.as_bytes()[..length]);
            assert!(read.is_err(), "{} {} cut at {length}: {read:?}", fixture.format, fixture.name);
        }
    }
}

#[test]
fn lcov_is_cut_between_records_only() {
    for fixture in fixtures::all().iter().filter(|fixture| fixture.format == Format::Lcov) {
        let text = std::str::from_utf8(&fixture.bytes).unwrap();
        for length in (0..text.trim_end().len()).filter(|length| !text[..*length].trim_end().ends_with("end_of_record")) {
            assert!(parse_as(fixture.format, &text.as_bytes()[..length]).is_err(), "cut at {length}");
        }
    }
}

#[test]
fn no_single_byte_makes_a_bad_report_good() {
    for fixture in fixtures::all().iter().filter(|fixture| fixture.is_bad() && COUNTED.contains(&fixture.format)) {
        for at in 0..fixture.bytes.len() {
            for bit in [0, 2, 5] {
                let mut bytes = fixture.bytes.clone();
                bytes[at] ^= 1 << bit;
                if let Ok(report) = parse_as(fixture.format, &bytes) {
                    let around = String::from_utf8_lossy(&bytes[at.saturating_sub(20)..(at + 20).min(bytes.len())]).into_owned();
                    assert!(is_bad(&report), "{} {}, byte {at}, …{around}…: {report:?}", fixture.format, fixture.name);
                }
            }
        }
    }
}

/// Reads damaged bytes in every way there is. What is read must be about the bytes that were given.
pub(crate) fn read_all_ways(format: Format, other: Format, bytes: &[u8]) {
    let _ = recognise(bytes);
    for report in [parse(bytes), parse_as(format, bytes), parse_as(other, bytes)].into_iter().flatten() {
        assert_eq!(report.digest, pathops_core::Digest::of(bytes));
    }
}

/// One damage: a byte changed, a part left out, doubled or put elsewhere, or a part of another report put in.
fn damage(bytes: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let (a, b) = (numbers.below(bytes.len() + 1), numbers.below(bytes.len() + 1));
    let (from, to) = (a.min(b), a.max(b));
    let (head, part, tail) = (&bytes[..from], &bytes[from..to], &bytes[to..]);
    match numbers.below(6) {
        0 if from < bytes.len() => {
            let mut changed = bytes.to_vec();
            changed[from] = b"\0\"'<>{}[]:,-9e.#&\\\n \xff"[numbers.below(21)];
            changed
        }
        1 => [head, tail].concat(),
        2 => [head, part, part, tail].concat(),
        3 => [part, head, tail].concat(),
        4 => [head, &other[..numbers.below(other.len() + 1)], tail].concat(),
        _ => [head, b"-99999999999999999999", tail].concat(),
    }
}

fn damage_all(rounds: u64, seed: u64) {
    let fixtures = fixtures::all();
    let mut numbers = Numbers(seed);
    for _ in 0..rounds {
        for fixture in &fixtures {
            let other = &fixtures[numbers.below(fixtures.len())];
            let mut bytes = damage(&fixture.bytes, &other.bytes, &mut numbers);
            if numbers.below(2) == 0 {
                bytes = damage(&bytes, &other.bytes, &mut numbers);
            }
            read_all_ways(fixture.format, other.format, &bytes);
        }
    }
}

#[test]
fn nothing_that_is_damaged_makes_the_reader_panic() {
    damage_all(40, 0x5eed);
}

/// Goes on for `PATHOPS_FUZZ_ROUNDS` rounds, each with every fixture damaged once more:
/// `PATHOPS_FUZZ_ROUNDS=100000 cargo test --release -p pathops-evidence --test report -- --ignored damaged_for_long`.
#[test]
#[ignore = "it runs for as long as one likes"]
fn nothing_that_is_damaged_for_long_makes_the_reader_panic() {
    #[expect(clippy::disallowed_methods, reason = "how long it runs is up to whoever starts it")]
    let rounds = std::env::var("PATHOPS_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2_000);
    damage_all(rounds, 0xdead_beef);
}

/// Inputs that are made to take long. Each is read in time linear in its size, or refused: a test that does not end fails.
#[test]
fn hostile_inputs_are_refused_or_read_in_short_time() {
    let names: String = (0..100_000).map(|n| format!(" a{n}='1'")).collect();
    let keys: String = (0..300_000).map(|n| format!("\"k{n}\":0,")).collect();
    let groups: String = (0..20_000).map(|n| format!(r#"{{"ids":["A-{n}"],"max_severity":"1"}},"#)).collect();
    let vulnerabilities: String = (0..20_000).map(|n| format!(r#"{{"id":"A-{n}"}},"#)).collect();
    let hostile: Vec<(&str, String)> = vec![
        ("lists in lists", "[".repeat(3_000_000)),
        ("objects in objects", "{\"a\":".repeat(1_000_000)),
        ("elements in elements", "<a>".repeat(1_000_000)),
        ("attributes", format!("<testsuite{names}/>")),
        ("keys", format!("{{{keys}\"k\":0}}")),
        ("values", format!("[{}0]", "0,".repeat(1_500_000))),
        ("elements", format!("<testsuite>{}</testsuite>", "<a/>".repeat(1_100_000))),
        ("a long name", format!("<testsuite><testcase name='{}'/></testsuite>", "&amp;".repeat(1_000_000))),
        ("indentation", format!("1..0\n{}ok 1\n", " ".repeat(3_000_000))),
        ("levels that come and go", format!("TAP version 14\n{}1..30000\n", "    ok 1\n    1..1\nok 1\n".repeat(30_000))),
        ("directives", format!("1..1\nok 1 {}\n", "# ".repeat(1_000_000))),
        ("records", format!("{}\n", "SF:a\nend_of_record\n".repeat(200_000))),
        ("aliases", format!("apiVersion: v1\nkind: &a [{}]\nb: [{}]\n", "x, ".repeat(1_000), "*a, ".repeat(2_000))),
        ("anchors in anchors", format!("apiVersion: a\nkind: {}\n", "[".repeat(100_000))),
        (
            "groups",
            format!(
                r#"{{"results":[{{"source":{{"path":"p"}},"packages":[{{"package":{{"name":"a"}},"groups":[{}{{"ids":["B"]}}],"vulnerabilities":[{}{{"id":"B"}}]}}]}}]}}"#,
                groups, vulnerabilities
            ),
        ),
        ("lines", "{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"t\"}\n".repeat(60_000)),
    ];
    for (what, text) in hostile {
        let read = parse(text.as_bytes());
        println!("{what}: {}", read.map_or_else(|error| error.to_string(), |report| report.format.to_string()));
    }
}

#[test]
fn limits_are_told() {
    let huge = vec![b' '; MAX_BYTES + 1];
    let error = parse(&huge).unwrap_err();
    assert_eq!(error.fault, Fault::TooLarge);
    assert!(error.to_string().contains("67108865 bytes, and 67108864 are the limit"), "{error}");
    assert_eq!(parse_as(Format::PodLog, &huge).unwrap_err().fault, Fault::TooLarge);
    assert_eq!(parse(format!("[{}0]", "0,".repeat(1_000_000)).as_bytes()).unwrap_err().fault, Fault::TooLarge);
    let elements = format!("<testsuite>{}</testsuite>", "<a/>".repeat(1_000_000));
    assert_eq!(parse(elements.as_bytes()).unwrap_err().fault, Fault::TooLarge);
    let deep = |depth: usize| format!("{}{}", "<testsuite>".repeat(depth), "</testsuite>".repeat(depth));
    assert!(parse(deep(127).as_bytes()).is_ok());
    assert_eq!(parse(deep(128).as_bytes()).unwrap_err().fault, Fault::TooLarge);
    let list = |depth: usize| format!("{{\"version\": {}{}, \"runs\": []}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(parse(list(126).as_bytes()).unwrap_err().fault, Fault::Malformed);
    assert_eq!(parse(list(127).as_bytes()).unwrap_err().fault, Fault::TooLarge);
    let attributes = |count: usize| format!("<testsuite{}/>", (0..count).map(|n| format!(" a{n}=''")).collect::<String>());
    assert!(parse(attributes(256).as_bytes()).is_ok());
    assert_eq!(parse(attributes(257).as_bytes()).unwrap_err().fault, Fault::TooLarge);
}
