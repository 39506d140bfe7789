//! How long payloads are kept: what the project says, what is wrong with it, and what a change of it keeps less long.

use pathops_core::UnixMillis;
use pathops_core::adapter::SourceTree;
use pathops_core::evidence::{Keeping, PayloadKind};
use pathops_core::policy::LintLevel;
use pathops_core::project::lint_change;

use crate::{and, finds, read, shop, with};

#[test]
fn it_is_read_with_the_project_and_may_be_left_out() {
    let policy = read(&shop()).unwrap().retention.unwrap();
    let reports = Keeping::By(policy.clone(), UnixMillis(0)).of(Some(PayloadKind::Reports)).retention.unwrap();
    assert_eq!((reports.class.as_str(), reports.holds.contains("case-17"), reports.policy), ("reports", true, policy.digest()));
    assert_eq!(reports.retain_until.to_string(), "1979-12-30T00:00:00Z");
    assert_eq!(read(&and(shop(), &[("retention.yaml", "")])).unwrap().retention, None);
}

#[test]
fn every_mistake_in_it_is_told_where_it_stands() {
    let wrong = with(&[
        ("retention.yaml", "{days: 90}", "{days: 0}"),
        ("retention.yaml", "events: logs", "events: log"),
        ("retention.yaml", "classes: [reports]", "classes: [report]"),
        ("retention.yaml", "reason: subpoena of 3 May", "reason: ' '"),
        ("retention.yaml", "  released: [case-16]", "    case-18: {reason: r}\n  released: [case-17]"),
    ]);
    finds(
        &wrong,
        &[
            "retention.yaml:6: `logs` keeps nothing; keep it for a day at least",
            "retention.yaml:8: `events` is of the class `log`, and there is no such class; did you mean `logs`?",
            "retention.yaml:10: the hold `case-17` has no reason; say why nothing of it may go",
            "retention.yaml:10: the hold `case-17` is on the class `report`, and there is no such class; did you mean `reports`?",
            "retention.yaml:10: the hold `case-17` stands and is released; take it out of `holds` or of `released`; a new hold has a new name",
            "retention.yaml:11: the hold `case-18` is on nothing; name `classes` or `blobs`",
        ],
    );
    let unread = with(&[("retention.yaml", "ci-log: logs", "ci: logs")]);
    let expected =
        "retention.yaml:8: unknown variant `ci`, expected one of `logs`, `events`, `metrics`, `ci-log`, `reports`; correct it";
    finds(&unread, &[expected]);
    finds(
        &and(shop(), &[("retention.yml", "-")]),
        &["retention.yml: this is not read; let its name be `retention.yaml`, or take it out"],
    );
}

#[track_caller]
fn told(before: &SourceTree, after: &SourceTree) -> Vec<String> {
    let (was, is) = (read(before).unwrap(), read(after).unwrap_or_else(|findings| panic!("{findings}")));
    let found = lint_change((before, &was), (after, &is));
    assert!(found.iter().all(|(_, level)| *level == LintLevel::Warning), "{found:#?}");
    let mend = "; say why where the change is decided about";
    let told = found.into_iter().map(|(finding, _)| finding.to_string());
    told.map(|it| it.strip_prefix("retention.yaml: ").unwrap().strip_suffix(mend).unwrap().to_owned()).collect()
}

#[test]
fn what_is_kept_less_long_or_not_held_any_more_is_told() {
    let but = |from: &str, to: &str| with(&[("retention.yaml", from, to)]);
    let payload = format!("blobs: ['sha256:{}']", "0".repeat(64));
    let held = but("classes: [reports]", &format!("classes: [reports], {payload}"));
    let none = and(shop(), &[("retention.yaml", "")]);
    let hold = "the hold `case-17` (subpoena of 3 May) is not there any more";
    let cases: [(SourceTree, SourceTree, &[&str]); 12] = [
        (shop(), shop(), &[]),
        (shop(), but("{days: 90}", "{days: 91}"), &[]),
        (shop(), but("{days: 90}", "{days: 89}"), &["the class `logs` keeps for 89 days instead of 90"]),
        (shop(), but(", ci-log: logs", ""), &[]),
        (shop(), but("events: logs", "events: reports"), &[]),
        (shop(), but("reports: reports", "reports: logs"), &["`reports` is kept for 90 days instead of 3650"]),
        (shop(), but("{logs: logs,", "{logs: logs, metrics: logs,"), &["`metrics` is kept for 90 days instead of for ever"]),
        (
            shop(),
            but("  released: [case-16]", "  released: [case-16, case-9]"),
            &["the hold `case-9` is released, on what was signed with it too"],
        ),
        (shop(), but("classes: [reports]", "classes: [logs]"), &["the hold `case-17` is not on the class `reports` any more"]),
        (
            held,
            shop(),
            &[
                "the hold `case-17` is not on the payload sha256:0000000000000000000000000000000000000000000000000000000000000000 any more",
            ],
        ),
        (shop(), none.clone(), &[hold]),
        (
            none,
            shop(),
            &[
                "`ci-log` is kept for 90 days instead of for ever",
                "`events` is kept for 90 days instead of for ever",
                "`logs` is kept for 90 days instead of for ever",
                "`reports` is kept for 3650 days instead of for ever",
                "the hold `case-16` is released, on what was signed with it too",
            ],
        ),
    ];
    for (before, after, expected) in cases {
        assert_eq!(told(&before, &after), expected);
    }
}
