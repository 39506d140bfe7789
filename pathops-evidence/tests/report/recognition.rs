//! Which format a report is in, by its content alone.

use pathops_evidence::report::{Fault, Format, Unrecognised, parse, parse_as, recognise};

use crate::fixtures;

#[test]
fn every_fixture_is_recognised_as_its_own_format() {
    for fixture in fixtures::all().iter().filter(|fixture| fixture.recognisable()) {
        assert_eq!(recognise(&fixture.bytes), Ok(fixture.format), "{}", fixture.name);
        let report = parse(&fixture.bytes).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        assert_eq!((report.format, report.digest), (fixture.format, pathops_core::Digest::of(&fixture.bytes)));
    }
}

/// Formats are told apart even by those who name the wrong one: none reads what is in another.
#[test]
fn no_fixture_is_read_in_another_format() {
    for fixture in fixtures::all() {
        for other in Format::ALL.iter().filter(|other| **other != fixture.format && **other != Format::PodLog) {
            let read = parse_as(*other, &fixture.bytes);
            assert!(read.is_err(), "{} {} is read as {other}", fixture.format, fixture.name);
        }
    }
}

#[test]
fn white_space_line_ends_and_a_byte_order_mark_do_not_matter() {
    for fixture in fixtures::all().iter().filter(|fixture| fixture.recognisable()) {
        let marked = [b"\xef\xbb\xbf".as_slice(), &fixture.bytes].concat();
        let expected = parse(&fixture.bytes).unwrap().content;
        let shown = |content| format!("{content:?}");
        assert_eq!(shown(parse(&marked).unwrap().content), shown(expected.clone()), "{}", fixture.name);
        // A line end in a text of XML or JSON is a part of it, so only formats of lines may have others.
        if matches!(fixture.format, Format::Tap | Format::Lcov | Format::Curl | Format::GoTestJson | Format::LibtestJson) {
            let text = String::from_utf8(fixture.bytes.clone()).unwrap().replace('\n', "\r\n");
            assert_eq!(shown(parse(text.as_bytes()).unwrap().content), shown(expected), "{}", fixture.name);
        }
    }
}

#[test]
fn what_is_in_no_format_is_refused() {
    let unknown = [
        "passed",
        "{}",
        "[1]",
        "null",
        "<html/>",
        "[{}]",
        "ok",
        "1..",
        "{\"status\": \"success\"}",
        "{\"results\": []}",
        "{\"matches\": []}",
        "{\"kind\": \"List\", \"items\": [{\"kind\": \"Pod\"}]}",
        "<coverage/>",
        "<bom/>",
        "kind: a\n",
    ];
    for text in unknown {
        let expected = Err(Unrecognised::Unknown { possible: Vec::new() });
        assert_eq!(recognise(text.as_bytes()), expected, "{text}");
        assert_eq!(parse(text.as_bytes()).unwrap_err().fault, Fault::Unknown, "{text}");
    }
}

#[test]
fn what_says_too_little_is_refused_with_what_it_could_be() {
    let possible = vec![Format::Gitleaks, Format::HelmList, Format::GitlabPipeline];
    assert_eq!(recognise(b"[]"), Err(Unrecognised::Unknown { possible }));
    let message = parse(b"[]").unwrap_err().to_string();
    assert!(message.contains("could be `gitleaks` or `helm-list` or `gitlab-pipeline`; "), "{message}");
    let list = br#"{"kind": "List", "apiVersion": "v1", "items": []}"#;
    assert_eq!(recognise(list), Err(Unrecognised::Unknown { possible: vec![Format::KubernetesEvents] }));
}

#[test]
fn what_is_in_two_formats_is_refused_with_both() {
    let both = br#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": "2.1.0", "runs": []}"#;
    let candidates = vec![Format::Sarif, Format::CyclonedxJson];
    assert_eq!(recognise(both), Err(Unrecognised::Ambiguous { candidates }));
    let error = parse(both).unwrap_err();
    assert_eq!((error.fault, error.format), (Fault::Ambiguous, None));
    assert!(error.to_string().contains("it could be `sarif` or `cyclonedx-json`; name the format"), "{error}");
    // Named, it is read.
    assert!(parse_as(Format::CyclonedxJson, both).is_ok());
}

#[test]
fn what_is_broken_is_refused_whatever_it_is() {
    let fault = |bytes: &[u8]| match recognise(bytes) {
        Err(Unrecognised::Broken(error)) => error.fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(b""), Fault::Empty);
    assert_eq!(fault(b" \n\t"), Fault::Empty);
    assert_eq!(fault(b"\xef\xbb\xbf"), Fault::Empty);
    assert_eq!(fault(b"\xff\xfe{\0}\0"), Fault::Malformed);
    assert_eq!(fault(b"{\"version\": "), Fault::Truncated);
    assert_eq!(fault(b"{\"a\": 1, \"a\": 2}"), Fault::Malformed);
    assert_eq!(fault(b"{\"a\": 1}\n{\"a\": "), Fault::Truncated);
    assert_eq!(fault(b"<a>"), Fault::Truncated);
    assert_eq!(fault(&b"[".repeat(1_000)), Fault::TooLarge);
    assert_eq!(fault(&b"<a>".repeat(1_000)), Fault::TooLarge);
}
