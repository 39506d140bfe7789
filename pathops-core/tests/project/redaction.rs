//! What of people is taken out of payloads: what the project says, what is wrong with it, and what a change of it lets stay.

use pathops_core::adapter::SourceTree;
use pathops_core::policy::LintLevel;
use pathops_core::project::{PersonalData, lint_change};

use crate::{and, finds, read, shop, with};

#[test]
fn it_is_read_with_the_project_and_may_be_left_out() {
    let policy = read(&shop()).unwrap().redaction.unwrap();
    assert_eq!((policy.personal, policy.names.len()), (PersonalData::Mask, 2));
    assert_eq!(read(&and(shop(), &[("redaction.yaml", "")])).unwrap().redaction, None);
}

#[test]
fn every_mistake_in_it_is_told_where_it_stands() {
    let kept = with(&[("redaction.yaml", "personal: mask", "personal: keep"), ("redaction.yaml", "Babbage", "Al")]);
    let expected = [
        "redaction.yaml:6: `Al` is too short to be looked for; write a name of 3 bytes at least",
        "redaction.yaml:6: names are listed, and they stay; write `personal: mask`, or take the names out",
    ];
    finds(&kept, &expected);
    let unknown = with(&[("redaction.yaml", "personal: mask", "personal: hide")]);
    finds(&unknown, &["redaction.yaml:5: unknown variant `hide`, expected `keep` or `mask`; correct it"]);
}

#[test]
fn what_is_not_taken_out_any_more_is_told() {
    let but = |from: &str, to: &str| with(&[("redaction.yaml", from, to)]);
    let nothing = "redaction.yaml: e-mail addresses and names of people are not taken out any more; say why where the change is decided about";
    let name = "redaction.yaml: `Babbage` is not taken out any more; say why where the change is decided about";
    let none = and(shop(), &[("redaction.yaml", "")]);
    let cases: [(SourceTree, SourceTree, &[&str]); 4] = [
        (shop(), but("Babbage", "Babbage, Turing"), &[]),
        (shop(), but(", Babbage", ""), &[name]),
        (shop(), none.clone(), &[nothing]),
        (none, shop(), &[]),
    ];
    for (before, after, expected) in cases {
        let (was, is) = (read(&before).unwrap(), read(&after).unwrap());
        let found = lint_change((&before, &was), (&after, &is));
        assert!(found.iter().all(|(_, level)| *level == LintLevel::Warning), "{found:#?}");
        let told: Vec<_> = found.iter().map(|(finding, _)| finding.to_string()).collect();
        assert_eq!(told, expected);
    }
}
