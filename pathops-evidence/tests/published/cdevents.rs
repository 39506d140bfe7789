//! The conformance files of CDEvents: one event of each type.

use std::collections::BTreeSet;

use pathops_evidence::report::{Content, Fault, Format, parse};

use super::*;

/// A version that is not out yet may still change, and is refused as such.
#[test]
fn every_event_of_a_version_that_is_out_is_read() {
    let Some(clone) = clone_of("cdevents/spec") else { return };
    let mut kinds = BTreeSet::new();
    let mut drafts = 0;
    let all = std::fs::read_dir(clone.join("conformance")).unwrap().map(|entry| entry.unwrap().path());
    for file in all.filter(|path| path.extension().is_some_and(|it| it == "json")) {
        let (event, bytes) = (json(&file), std::fs::read(&file).unwrap());
        let context = &event["context"];
        let version = context.get("specversion").or_else(|| context.get("version")).and_then(Value::as_str).unwrap();
        let read = parse(&bytes);
        if version.ends_with("-draft") {
            assert_eq!(read.unwrap_err().fault, Fault::Unsupported, "{}", file.display());
            drafts += 1;
            continue;
        }
        let report = read.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let Content::Events(events) = &report.content else { panic!("{}", file.display()) };
        let [one] = events.as_slice() else { panic!("{}: {events:?}", file.display()) };
        let says = |key: &str| context[key].as_str().unwrap();
        assert_eq!((report.format, one.id.as_str(), one.source.as_str()), (Format::CdEvents, says("id"), says("source")));
        assert_eq!((one.kind.as_str(), one.subject.as_deref()), (says("type"), event["subject"]["id"].as_str()));
        assert_eq!(one.at, Some(says("timestamp").parse().unwrap()), "{}", file.display());
        kinds.insert(one.kind.clone());
    }
    eprintln!("{} types of events are read, {drafts} drafts are refused", kinds.len());
    assert!(kinds.len() >= 45 || drafts >= 45, "{} types, {drafts} drafts", kinds.len());
}
