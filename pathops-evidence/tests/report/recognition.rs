//! Which format a report is in, by its content alone.

use pathops_evidence::report::{
    BEGINNING, Confidence, Fault, Format, Unrecognised, begins_a_log, candidates, parse, parse_as, recognise,
};

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
        "{\"results\": [], \"errors\": []}",
        "{\"results\": [{}]}",
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
    assert!(candidates(b"[]").unwrap().iter().all(|(format, sure)| possible.contains(format) && *sure == Confidence::Possible));
    assert_eq!(recognise(b"[]"), Err(Unrecognised::Unknown { possible }));
    let message = parse(b"[]").unwrap_err().to_string();
    assert!(message.contains("could be `gitleaks` or `helm-list` or `gitlab-pipeline`; "), "{message}");
    assert_eq!(recognise(br#"{"results": []}"#), Err(Unrecognised::Unknown { possible: vec![Format::OsvScanner] }));
    let list = br#"{"kind": "List", "apiVersion": "v1", "items": []}"#;
    assert_eq!(recognise(list), Err(Unrecognised::Unknown { possible: vec![Format::KubernetesEvents] }));
}

#[test]
fn what_is_in_two_formats_is_refused_with_both() {
    let both = br#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": "2.1.0", "runs": []}"#;
    let expected = vec![Format::Sarif, Format::CyclonedxJson];
    assert_eq!(recognise(both), Err(Unrecognised::Ambiguous { candidates: expected.clone() }));
    let certain: Vec<_> = expected.into_iter().map(|format| (format, Confidence::Certain)).collect();
    assert_eq!(candidates(both).unwrap(), certain);
    let error = parse(both).unwrap_err();
    assert_eq!((error.fault, error.format), (Fault::Ambiguous, None));
    assert!(error.to_string().contains("it could be `sarif` or `cyclonedx-json`; name the format"), "{error}");
    // Named, it is read.
    assert!(parse_as(Format::CyclonedxJson, both).is_ok());
}

#[test]
fn the_surest_candidate_comes_first() {
    for fixture in fixtures::all().iter().filter(|fixture| fixture.recognisable()) {
        let candidates = candidates(&fixture.bytes).unwrap();
        assert!(candidates[0].0 == fixture.format && candidates.is_sorted_by(|one, two| one.1 >= two.1), "{candidates:?}");
    }
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

#[test]
fn a_log_is_recognised_by_how_its_lines_begin() {
    for log in [
        "[pod/orders-1/app] listening on 8080\n[pod/orders-2/app] ready\n",
        "2026-11-25T12:00:00.123456789Z stdout F ready\n",
        "2026-11-25 12:00:00,123 - orders - started\n",
        "2026/11/25 12:00:00 [notice] 1#1: start worker processes\n",
        "Nov 25 12:00:00 node kubelet[7]: started\nNov  5 12:00:00 node kubelet[7]: stopped\n",
        "<34>Nov 25 12:00:00 node su: 'su root' failed\n",
        "<165>1 2026-11-25T12:00:00.003Z node evntslog - ID47 - An event\n",
        "I1125 12:00:00.123456       1 main.go:7] started\n",
        "10.0.0.7 - - [25/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 612\n",
        "[Wed Nov 25 12:00:00.123456 2026] [core:notice] [pid 1] AH00094\n",
        "[2026-11-25 12:00:00] ready\n[2026-11-25 12:00:01] GET /\n",
        "[2026-11-25T12:00:00,123][INFO ][o.e.n.Node] started\n",
        "[INFO] Building orders 1.0\n[WARNING] no tests\n",
        "[GIN] 2026/11/25 - 12:00:00 | 200 | 1ms | GET \"/\"\n",
        "[12:00:00.123] INFO (7): ready\n",
        "12:00:00.123 [main] WARN shop.Orders -- slow\n",
        "1:M 25 Nov 2026 12:00:00.123 * Ready to accept connections\n",
        "25-Nov-2026 12:00:00.123 INFO [main] org.apache started\n",
        "time=\"2026-11-25T12:00:00Z\" level=info msg=ready\n",
        "starting\n{\"time\":\"2026-11-25T12:00:00Z\",\"msg\":\"ready\"}\n",
    ] {
        assert_eq!(recognise(log.as_bytes()), Ok(Format::PodLog), "{log}");
        assert!(begins_a_log(log.as_bytes()), "{log}");
    }
}

#[test]
fn what_stands_between_the_lines_of_a_log_belongs_to_it() {
    let entry = "{\"time\":\"2026-11-25T12:00:00Z\",\"level\":\"error\",\"msg\":\"failed\"}\n";
    let trace = format!("java.lang.Error: failed\n{}", "\tat shop.Orders.pay(Orders.java:7)\n".repeat(40));
    for log in [
        format!("{entry}{trace}{entry}"),
        format!("2026-11-25 12:00:00 ERROR failed\n{trace}"),
        // The last line is cut, as it is of a process that was killed.
        format!("{entry}{entry}{{\"time\":\"2026-"),
        format!("[2026-11-25 12:00:00] failed\n{trace}"),
    ] {
        assert_eq!(recognise(log.as_bytes()), Ok(Format::PodLog), "{log}");
    }
    // Events of tests are no log, and are not one where they are damaged.
    let events = "{\"Time\":\"2026-11-25T12:00:00Z\",\"Action\":\"start\",\"Package\":\"shop\"}\nkilled\n";
    assert!(matches!(recognise(events.as_bytes()), Err(Unrecognised::Broken(_))));
}

#[test]
fn a_table_full_of_times_is_no_log() {
    let releases = "NAME  \tNAMESPACE\tREVISION\tUPDATED                                \tSTATUS  \tCHART\n\
        orders\tdefault  \t7       \t2026-11-25 12:00:00.123456789 +0000 UTC\tdeployed\torders-1.0.0\n\
        stock \tdefault  \t3       \t2026-11-25 12:00:01.123456789 +0000 UTC\tfailed  \tstock-1.0.0\n";
    for table in [
        releases,
        "commit 0a1b2c3\nAuthor: Alice <alice@example.com>\nDate:   Wed Nov 25 12:00:00 2026 +0000\n\n    Mend it\n",
        "0a1b2c3 2026-11-25 12:00:00 +0000 Alice: mend an error\n4d5e6f7 2026-11-25 12:00:01 +0000 Bob: begin\n",
        "id,at,state\n1,2026-11-25 12:00:00,ERROR\n2,2026-11-25 12:00:01,INFO\n",
        "at;amount\n2026-11-25T12:00:00Z;7\n2026-11-25T12:00:01+01:00;8\n",
        "2026-11-25 12:00:00,7\n2026-11-25 12:00:01,123\n",
        "\"2026-11-25 12:00:00\",\"ERROR\"\n",
        "-rw-r--r-- 1 root root 7 2026-11-25 12:00:00.000000000 +0000 orders.txt\n",
    ] {
        assert_eq!(recognise(table.as_bytes()), Err(Unrecognised::Unknown { possible: Vec::new() }), "{table}");
        assert!(!begins_a_log(table.as_bytes()), "{table}");
    }
    // A list that is cut off is no log, whatever stands in it.
    for cut in ["[{\"time\":\"2026-11-25T12:00:00Z\",\"level\":\"ERROR\"},", "[\n\"2026-11-25T12:00:00Z ERROR failed\",\n"] {
        assert!(matches!(recognise(cut.as_bytes()), Err(Unrecognised::Broken(_))), "{cut}");
    }
}

#[test]
fn the_beginning_of_a_log_may_end_anywhere_and_hold_bytes_that_are_no_text() {
    let line = format!("2026-11-25T12:00:00Z {}", "\u{20ac}".repeat(BEGINNING / 3));
    for length in BEGINNING - 3..=BEGINNING {
        assert!(begins_a_log(&line.as_bytes()[..length]), "{length} bytes");
    }
    assert!(begins_a_log(b"2026-11-25T12:00:00Z 7 \xe9\n2026-11-25T12:00:01Z ready\n"));
    assert!(!begins_a_log(b"\xff\xfe2\x000\x002\x006\x00\n\x00"));
}
