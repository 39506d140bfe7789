//! Without its secrets a report says what it said.

use std::fmt::Write as _;

use pathops_evidence::redact::Redactor;
use pathops_evidence::report::{Content, Format, RedactedReport, TestReport, parse_redacted};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What no text may hold afterwards.
const SECRET: &str = "Zq763FfkCzJr4i";

/// Texts with the secret in them, which in a log would reach over what follows them, and texts without one.
fn texts() -> Vec<String> {
    let begin = ["-----BEGIN ", "PRIVATE KEY-----"].concat();
    let end = ["-----END ", "PRIVATE KEY-----"].concat();
    let mut texts: Vec<String> = [
        "Cookie: sid={}",
        "got Authorization: Bearer {}",
        "password=\"{}",
        "password='{} and more",
        "token: \"{}\" # not a directive",
        "Set-Cookie: a={}; Path=/",
        "postgres://app:{}@db/x",
        "{\"password\": \"{}\"}",
        "one\npassword: {}\nthree",
        "db_password: |\n  {}\nx: y",
        "<b password=\"{}\"> & ]]> --",
        "C:\\{} password={}",
    ]
    .map(|text| text.replace("{}", SECRET))
    .to_vec();
    texts.extend([
        begin.clone(),
        format!("no {begin}"),
        format!("{begin}\nMIIEpAIB{SECRET}\n{end}"),
        format!("{end} {begin}{SECRET}"),
        end,
        "adds".to_owned(),
        String::new(),
        "[redacted known]".to_owned(),
        "\\ \" ' { } [ ] < > &amp; \u{20ac}".to_owned(),
    ]);
    texts
}

/// A test: its name, what it printed, and how it ended: passed, skipped, failed.
type Case = (String, String, usize);

fn cases() -> impl Strategy<Value = Vec<Case>> {
    let text = || prop::sample::select(texts());
    prop::collection::vec((text(), text(), 0_usize..3), 1..8)
}

fn line(text: &str) -> String {
    text.replace('\n', " ").replace('#', "\\#")
}

fn escaped(text: &str) -> String {
    [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&apos;")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Every character of a text that is no letter, as a number.
fn numbered(text: &str) -> String {
    text.chars().map(|it| if it.is_alphanumeric() { it.to_string() } else { format!("&#{};", u32::from(it)) }).collect()
}

fn junit(cases: &[Case], escape: fn(&str) -> String) -> String {
    let mut xml = "<testsuites>".to_owned();
    for (name, printed, outcome) in cases {
        let data = printed.replace("]]>", "");
        let comment = printed.replace("--", "");
        let outcome = ["", "<skipped/>", "<failure message=\"no\"/>"][*outcome];
        let (name, printed) = (escape(name), escape(printed));
        let _ = write!(
            xml,
            "<testcase name=\"{name}\" note='{printed}'><system-out>{printed}</system-out>{outcome}<!--{comment}--><system-err><![CDATA[{data}]]></system-err></testcase>"
        );
    }
    xml + "</testsuites>"
}

fn tap(cases: &[Case]) -> String {
    let mut tap = format!("TAP version 14\n1..{}\n", cases.len());
    for (number, (name, printed, outcome)) in cases.iter().enumerate() {
        let (not, skip) = [("", ""), ("", " # SKIP later"), ("not ", "")][*outcome];
        let _ = writeln!(tap, "{not}ok {} - {}{skip}\n  ---\n  printed: {}\n  ...", number + 1, line(name), line(printed));
        for printed in printed.lines() {
            let _ = writeln!(tap, "# {printed}");
        }
    }
    tap
}

fn sarif(cases: &[Case]) -> Value {
    let result = |(name, printed, outcome): &Case| {
        let place = json!({"physicalLocation": {"artifactLocation": {"uri": "a.rs"}, "region": {"snippet": {"text": printed}}}});
        json!({"ruleId": "r", "level": (["note", "warning", "error"][*outcome]), "message": {"text": name}, "locations": [place],
            "properties": {"tags": [printed, name], printed: name}})
    };
    let results: Vec<_> = cases.iter().map(result).collect();
    json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": results}]})
}

fn go(cases: &[Case]) -> String {
    let mut lines = String::new();
    for (number, (_, printed, outcome)) in cases.iter().enumerate() {
        let test = format!("Test{number}");
        let _ = writeln!(lines, "{}", json!({"Action": "run", "Package": "p", "Test": test}));
        for part in printed.split_inclusive('\n') {
            let _ = writeln!(lines, "{}", json!({"Action": "output", "Package": "p", "Test": test, "Output": part}));
        }
        let action = ["pass", "skip", "fail"][*outcome];
        let _ = writeln!(lines, "{}", json!({"Action": action, "Package": "p", "Test": test}));
    }
    let action = if cases.iter().any(|(_, _, outcome)| *outcome == 2) { "fail" } else { "pass" };
    lines + &json!({"Action": action, "Package": "p"}).to_string() + "\n"
}

/// How many tests passed, were skipped, and failed; of findings, by their severity.
fn counted(content: &Content) -> [usize; 3] {
    match content {
        Content::Tests(TestReport { passed, skipped, failed, .. }) => [passed.len(), skipped.len(), failed.len()],
        Content::Scan(scan) => {
            let mut severities: Vec<_> = scan.findings.iter().map(|finding| finding.severity).collect();
            severities.sort();
            severities.dedup();
            [scan.findings.len(), severities.len(), scan.suppressed.len()]
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(redactor: &Redactor, format: Format, report: &str, expected: Option<[usize; 3]>) {
    let before = counted(&crate::read(format, report));
    let RedactedReport { report: after, bytes, removed, .. } =
        parse_redacted(redactor, report.as_bytes(), Some(format)).unwrap_or_else(|error| panic!("{error}\n{report}"));
    let left = String::from_utf8(bytes).unwrap();
    assert_eq!(counted(&after.content), before, "{report}\n{left}");
    assert_eq!(counted(&crate::read(format, &left)), expected.unwrap_or(before), "{report}\n{left}");
    assert!(!left.contains(SECRET), "{report}\n{left}");
    let again = parse_redacted(redactor, left.as_bytes(), Some(format)).unwrap();
    assert!(again.removed.is_empty() && again.bytes == left.as_bytes(), "{removed:?} {:?}\n{left}", again.removed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_secret_in_a_text_changes_no_fact(cases in cases()) {
        let redactor = Redactor::builder().known([SECRET.to_owned()]).build().unwrap();
        let mut expected = [0; 3];
        cases.iter().for_each(|(_, _, outcome)| expected[*outcome] += 1);
        check(&redactor, Format::Junit, &junit(&cases, escaped), Some(expected));
        check(&redactor, Format::Junit, &junit(&cases, numbered), Some(expected));
        check(&redactor, Format::Tap, &tap(&cases), Some(expected));
        check(&redactor, Format::Sarif, &sarif(&cases).to_string(), None);
        check(&redactor, Format::Sarif, &serde_json::to_string_pretty(&sarif(&cases)).unwrap(), None);
        check(&redactor, Format::GoTestJson, &go(&cases), None);
    }
}

#[test]
fn every_fixture_says_without_its_secrets_what_it_said() {
    let redactor = Redactor::new([]).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/report");
    let mut read = 0;
    for folder in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let Ok(report) = pathops_evidence::report::parse(&bytes) else { continue };
            let redacted = parse_redacted(&redactor, &bytes, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(redacted.report.format, report.format, "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 50, "{read}");
}

/// What is left of a report, which is left as it is when it is redacted again.
#[track_caller]
fn left(format: Format, report: &str) -> String {
    let redactor = Redactor::new([]).unwrap();
    let redacted = parse_redacted(&redactor, report.as_bytes(), Some(format)).unwrap_or_else(|error| panic!("{error}\n{report}"));
    let again = parse_redacted(&redactor, &redacted.bytes, Some(format)).unwrap();
    assert_eq!(again.bytes, redacted.bytes, "{report}");
    String::from_utf8(redacted.bytes).unwrap()
}

fn with_properties(properties: &Value) -> String {
    let result = json!({"ruleId": "r", "level": "error", "message": {"text": "m"}, "properties": properties});
    json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": [result]}]}).to_string()
}

#[test]
fn a_text_is_looked_at_under_the_name_that_it_has_in_a_log() {
    let long = format!("{}password", "a.".repeat(90));
    for properties in [
        json!([{"key": "DB_PASSWORD", "value": "swordfish"}]),
        json!([{"Name": "DB_PASSWORD", "Value": "swordfish"}]),
        json!([{"key": "DB_PASSWORD_2", "type": "text", "value": ["swordfish"]}]),
        json!({"Auth:ClientSecret": "swordfish"}),
        json!({"@password": "swordfish"}),
        json!({"$token": "swordfish"}),
        json!({"\u{e9}password": "swordfish"}),
        json!({long: "swordfish"}),
        json!({"db_password_1": "first\nswordfish"}),
        json!({"private_key_b64": "first\nswordfish"}),
        json!({"token_value": "first\nswordfish"}),
        json!({"client_secret_hash": "first\nswordfish"}),
        json!({"Cookie": "a=b;\n c=swordfish"}),
        json!({"Authorization": "Digest a=b,\n c=swordfish"}),
        json!({"message": "got Cookie: a=b;\n c=swordfish"}),
    ] {
        let left = left(Format::Sarif, &with_properties(&json!({"of": properties})));
        assert!(!left.contains("swordfish") && left.contains("[redacted "), "{left}");
    }
    for properties in [
        json!({"key": "region", "value": "harbour"}),
        json!({"token:colour": "harbour"}),
        json!({"value_of": "first\nharbour"}),
        json!({"message": "Cookie: a=b\nharbour"}),
    ] {
        let left = left(Format::Sarif, &with_properties(&properties));
        assert!(left.contains("harbour"), "{left}");
    }
}

#[test]
fn an_attribute_is_looked_at_under_the_name_beside_it() {
    let report =
        |property: &str| format!("<testsuites><testcase name=\"a\"><properties>{property}</properties></testcase></testsuites>");
    for (key, value) in [("key", "value"), ("Name", "Value")] {
        let property = |text: &str| format!("<property {key}=\"DbPassword\" {value}=\"{text}\"/>");
        assert_eq!(left(Format::Junit, &report(&property("swordfish"))), report(&property("[redacted assignment]")));
    }
}

#[test]
fn where_a_document_type_is_kept_is_a_text() {
    let report = |password: &str| {
        let place = format!("https://u:{password}@example.org/x.dtd");
        format!("<!DOCTYPE testsuites PUBLIC '-//x' \"{place}\" ><testsuites><testcase name=\"a\"/></testsuites>")
    };
    assert_eq!(left(Format::Junit, &report("s3cr3t")), report("[redacted url-password]"));
}

/// 48 letters in base64, which do not look random.
const BODY: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2";

/// The lines of a private key, with its headers.
fn key_lines() -> Vec<String> {
    let [begin, end] = ["BEGIN", "END"].map(|word| ["-----", word, " RSA PRIVATE ", "KEY-----\n"].concat());
    let headers = ["Proc-Type: 4,ENCRYPTED\n", "DEK-Info: AES-128-CBC,00\n", "\n"].map(str::to_owned);
    let body = [format!("{BODY}\n"), format!("{BODY}\n"), "dHV2\n".to_owned()];
    [begin].into_iter().chain(headers).chain(body).chain([end]).collect()
}

#[test]
fn a_private_key_over_several_texts_of_elements_is_taken_out() {
    let lines = key_lines();
    for at in 1..lines.len() {
        let (first, rest) = (lines[..at].concat(), lines[at..].concat());
        for printed in [
            format!("<system-out>before\n{first}<![CDATA[{rest}after]]></system-out>"),
            format!("<system-out>before\n{first}</system-out><system-err>stays</system-err><system-out>{rest}after</system-out>"),
        ] {
            let left = left(Format::Junit, &format!("<testsuites><testcase name=\"a\">{printed}</testcase></testsuites>"));
            assert!(!left.contains(BODY) && !left.contains("dHV2") && !left.contains("AES"), "{at} {left}");
            assert!(left.contains("before\n") && left.contains("after"), "{at} {left}");
        }
    }
}

#[test]
fn what_others_print_within_a_private_key_stays() {
    let event = |action: &str, test: &str, output: &str| {
        json!({"Action": action, "Package": "p", "Test": test, "Output": output}).to_string() + "\n"
    };
    let printed: String =
        key_lines().iter().map(|line| event("output", "A", line) + &event("output", "B", "at work: 17\n")).collect();
    let begun = event("run", "A", "") + &event("run", "B", "");
    let ended = event("pass", "A", "") + &event("pass", "B", "") + &json!({"Action": "pass", "Package": "p"}).to_string() + "\n";
    let left = left(Format::GoTestJson, &(begun + &printed + &ended));
    assert!(!left.contains(BODY) && !left.contains("dHV2") && !left.contains("AES"), "{left}");
    assert_eq!(left.matches("at work: 17").count(), key_lines().len(), "{left}");
}

#[test]
fn tests_whose_names_differ_in_a_secret_alone_stay_two() {
    let [one, other] = ["aa", "bb"].map(|end| format!("TestPay/{}p_pYlSXpfKtHF4vUCsMehGAkWvj7FAc9QeWJ{end}", "gh"));
    let event = |action: &str, test: &str| json!({"Action": action, "Package": "p", "Test": test}).to_string() + "\n";
    let events = [("run", &one), ("run", &other), ("pass", &one), ("fail", &other)].map(|(action, test)| event(action, test));
    let report = events.concat() + &json!({"Action": "fail", "Package": "p"}).to_string() + "\n";
    let redacted = parse_redacted(&Redactor::new([]).unwrap(), report.as_bytes(), Some(Format::GoTestJson)).unwrap();
    let Content::Tests(tests) = redacted.report.content else { panic!("no tests") };
    assert_eq!(tests.passed, ["p::[redacted github-token]"]);
    assert_eq!(tests.failed, ["p::[redacted github-token] (2)"]);
    let stays = left(Format::GoTestJson, &report);
    assert_eq!(stays.matches("[redacted github-token] (2)").count(), 2, "{stays}");
}

#[test]
fn entities_and_wide_encodings_stay_those_of_a_document() {
    let report = |text: &str| format!("<?xml version='1.0' encoding='UTF-8'?><testsuites><testcase name='{text}'/></testsuites>");
    let token = "&#103;h&#x70;_pYlSXpfKtHF4vUCsMehGAkWvj7FAc9QeWJKY";
    let redacted = report("[redacted github-token] &amp; more");
    assert_eq!(left(Format::Junit, &report(&format!("{token} &amp; more"))), redacted);
    for encoding in ["UTF-16", "utf-16le", "UTF-32", "UCS-2", "ISO-10646-UCS-4"] {
        assert_eq!(left(Format::Junit, &report("a").replace("UTF-8", encoding)), report("a"));
    }
    for encoding in ["utf-8", "ISO-8859-1", "US-ASCII"] {
        let other = report("a").replace("UTF-8", encoding);
        assert_eq!(left(Format::Junit, &other), other);
    }
}
