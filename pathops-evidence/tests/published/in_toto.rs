//! The examples in in-toto's specification of its predicates, of those that are ours too.

use pathops_core::evidence::{
    Predicate as _, Reference, Release, RuntimeTrace, Snapshot, Statement, VerifiedProperties, Vulnerabilities,
};
use serde::de::DeserializeOwned;

use super::*;

/// The blocks of JSON in a page that are whole: in the others `...` stands for something.
fn examples(page: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(page).unwrap();
    let blocks = text.split("```json").skip(1).filter_map(|block| block.split_once('\n')?.1.split("```").next());
    let without_comments = |block: &str| {
        let kept: Vec<_> = block.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        kept.join("\n")
    };
    blocks.filter_map(|block| serde_json::from_str(&without_comments(block)).ok()).collect()
}

/// Whether a predicate of this type is ours too and reads as it. Results of tests are left out: of them we ask more than the standard
/// does, such as when they ended, since what is not said must not count as good.
fn is_read(statement: &Statement) -> Option<bool> {
    fn reads<T: DeserializeOwned>(statement: &Statement) -> Option<bool> {
        Some(serde_json::from_value::<T>(statement.predicate.clone()).is_ok())
    }
    match statement.predicate_type.as_str() {
        Snapshot::TYPE => reads::<References>(statement),
        Release::TYPE => reads::<Release>(statement),
        // The page is of version 0.1, whose fields are the same.
        RuntimeTrace::TYPE | "https://in-toto.io/attestation/runtime-trace/v0.1" => reads::<RuntimeTrace>(statement),
        VerifiedProperties::TYPE => reads::<VerifiedProperties>(statement),
        Vulnerabilities::TYPE => reads::<Vulnerabilities>(statement),
        _ => None,
    }
}

/// The part of a reference that is ours too.
#[derive(serde::Deserialize)]
struct References {
    #[expect(dead_code, reason = "that it is read is what is asked")]
    references: Vec<Reference>,
}

#[test]
fn statements_and_predicates_are_read_as_they_are_written_there() {
    let Some(clone) = clone_of("in-toto/attestation") else { return };
    let (mut statements, mut predicates) = (0, 0);
    for page in files(&clone.join("spec/predicates"), "md") {
        for example in examples(&page).iter().filter(|example| example["_type"] == "https://in-toto.io/Statement/v1") {
            let read = Statement::from_slice(example.to_string().as_bytes());
            let statement = read.unwrap_or_else(|error| panic!("{}: {error}: {example}", page.display()));
            let known = is_read(&statement);
            assert_ne!(known, Some(false), "{}: {example}", page.display());
            statements += 1;
            predicates += usize::from(known.is_some());
        }
    }
    eprintln!("{statements} statements are read, and of {predicates} of them the predicate");
    assert!(statements >= 12 && predicates >= 8, "{statements}, {predicates}");
}
