//! Each piece of evidence, spoilt in every way there is: none of it passes (I4), and the requirement that asked says so.

use pathops_core::UnixMillis;
use pathops_core::evidence::Statement;
use pathops_core::policy::Verdict;
use serde_json::{Value, json};

use crate::shop::{AT, KINDS, Kind, Shop, seal};

const INTEGRITY: (&str, Verdict) = ("evidence-integrity", Verdict::Fail);

/// What stands in the way once a piece is spoilt.
#[derive(Clone, Copy)]
enum Blocks {
    /// Nothing answers the requirement, or what answers is not good enough.
    Unknown,
    /// What answers the requirement says no.
    Fail,
    /// The envelope proves nothing, so nothing answers the requirement either.
    Rejected,
}

struct Spoiling {
    name: &'static str,
    kinds: &'static [Kind],
    spoil: fn(&mut Shop, Kind),
    blocks: Blocks,
}

#[track_caller]
fn check(table: &[Spoiling]) {
    for Spoiling { name, kinds, spoil, blocks } in table {
        for kind in *kinds {
            let mut shop = Shop::passing();
            spoil(&mut shop, *kind);
            let case = format!("{kind:?}: {name}");
            let asked = kind.requirement();
            match blocks {
                Blocks::Unknown => shop.refuses(&case, &[(asked, Verdict::Unknown)]),
                Blocks::Fail => shop.refuses(&case, &[(asked, Verdict::Fail)]),
                Blocks::Rejected => shop.refuses(&case, &[INTEGRITY, (asked, Verdict::Unknown)]),
            }
        }
    }
}

const TESTS: &[Kind] = &[Kind::UnitTests, Kind::Smoke];

#[test]
fn everything_as_it_should_be_passes() {
    Shop::passing().passes("at the final stage");
    Shop::first_stage().passes("at the first stage");
}

#[test]
fn what_is_absent_or_about_something_else_is_unknown() {
    use Blocks::Unknown;
    check(&[
        Spoiling { name: "absent", kinds: &KINDS, spoil: Shop::remove, blocks: Unknown },
        Spoiling { name: "other unit", kinds: &KINDS, spoil: |s, k| field(s, k, "unit", json!("web")), blocks: Unknown },
        Spoiling { name: "no unit", kinds: TESTS, spoil: |s, k| field(s, k, "unit", Value::Null), blocks: Unknown },
        Spoiling {
            name: "from production",
            kinds: &KINDS,
            spoil: |s, k| field(s, k, "environment", json!("production")),
            blocks: Unknown,
        },
        Spoiling {
            name: "a build's tests from preflight",
            kinds: &[Kind::UnitTests],
            spoil: |s, k| field(s, k, "environment", json!("preflight")),
            blocks: Unknown,
        },
        Spoiling {
            name: "post-deploy tests from nowhere",
            kinds: &[Kind::Smoke],
            spoil: |s, k| field(s, k, "environment", Value::Null),
            blocks: Unknown,
        },
        Spoiling { name: "other artifact", kinds: &KINDS, spoil: |s, k| subject(s, k, "sha256", Some('a')), blocks: Unknown },
        Spoiling { name: "no artifact", kinds: &KINDS, spoil: |s, k| subject(s, k, "sha256", None), blocks: Unknown },
        Spoiling { name: "other trees", kinds: &KINDS, spoil: |s, k| subject(s, k, "gitTree", Some('a')), blocks: Unknown },
        Spoiling { name: "no tree", kinds: &KINDS, spoil: |s, k| subject(s, k, "gitTree", None), blocks: Unknown },
        Spoiling { name: "other suite", kinds: TESTS, spoil: other_suite, blocks: Unknown },
        Spoiling { name: "of a type nobody asked for", kinds: &KINDS, spoil: other_type, blocks: Unknown },
    ]);
}

#[test]
fn what_is_not_good_enough_does_not_pass() {
    use Blocks::{Fail, Unknown};
    check(&[
        Spoiling { name: "it says no", kinds: &KINDS, spoil: |s, k| s.edit(k, |it| k.fail(it)), blocks: Fail },
        Spoiling {
            name: "failed as a whole, without a name",
            kinds: TESTS,
            spoil: |s, k| said(s, k, "result", json!("FAILED")),
            blocks: Fail,
        },
        Spoiling { name: "skipped only", kinds: TESTS, spoil: skipped_only, blocks: Unknown },
        Spoiling { name: "no test ran", kinds: TESTS, spoil: |s, k| said(s, k, "passedTests", json!([])), blocks: Unknown },
        Spoiling {
            name: "too few passed",
            kinds: TESTS,
            spoil: |s, k| said(s, k, "passedTests", json!(["adds up"])),
            blocks: Unknown,
        },
        Spoiling {
            name: "healthy for a millisecond too short",
            kinds: &[Kind::Health],
            spoil: |s, k| said(s, k, "settledMillis", json!(4_999)),
            blocks: Unknown,
        },
        Spoiling {
            name: "too old by a millisecond",
            kinds: &KINDS,
            spoil: |s, k| dated(s, k, -k.max_age() - 1),
            blocks: Unknown,
        },
        Spoiling {
            name: "a millisecond further in the future than clocks may differ",
            kinds: &KINDS,
            spoil: |s, k| dated(s, k, 60_001),
            blocks: Unknown,
        },
        Spoiling {
            name: "from the end of time",
            kinds: &KINDS,
            spoil: |s, k| s.put(k, seal(&k.dated(UnixMillis(i64::MAX)))),
            blocks: Unknown,
        },
        Spoiling {
            name: "from the beginning of time",
            kinds: &KINDS,
            spoil: |s, k| s.put(k, seal(&k.dated(UnixMillis(i64::MIN)))),
            blocks: Unknown,
        },
    ]);
}

#[test]
fn limits_are_met_exactly() {
    for kind in KINDS {
        for offset in [-kind.max_age(), 0, 60_000] {
            let mut shop = Shop::passing();
            dated(&mut shop, kind, offset);
            shop.passes(&format!("{kind:?} at {offset} ms"));
        }
    }
}

#[test]
fn what_cannot_be_read_is_rejected() {
    use Blocks::Rejected;
    check(&[
        Spoiling { name: "empty", kinds: &KINDS, spoil: |s, k| s.edit(k, |it| it.predicate = json!({})), blocks: Rejected },
        Spoiling { name: "null", kinds: &KINDS, spoil: |s, k| s.edit(k, |it| it.predicate = Value::Null), blocks: Rejected },
        Spoiling {
            name: "says something of another type",
            kinds: &KINDS,
            spoil: |s, k| {
                s.edit(k, |it| it.predicate = if k.is_test() { Kind::Health } else { Kind::Smoke }.statement().predicate)
            },
            blocks: Rejected,
        },
        Spoiling {
            name: "no unit",
            kinds: &[Kind::Deployment, Kind::Health],
            spoil: |s, k| field(s, k, "unit", Value::Null),
            blocks: Rejected,
        },
        Spoiling {
            name: "no configuration",
            kinds: TESTS,
            spoil: |s, k| said(s, k, "configuration", json!([])),
            blocks: Rejected,
        },
        Spoiling { name: "two configurations", kinds: TESTS, spoil: two_configurations, blocks: Rejected },
        Spoiling { name: "silent about the pipeline", kinds: TESTS, spoil: silent_about_the_pipeline, blocks: Rejected },
        Spoiling {
            name: "a result nobody knows",
            kinds: TESTS,
            spoil: |s, k| said(s, k, "result", json!("GREEN")),
            blocks: Rejected,
        },
    ]);
}

#[test]
fn where_a_number_or_a_date_may_be_nothing_else_passes() {
    let nan = serde_json::to_value(f64::NAN).unwrap();
    let infinity = serde_json::to_value(f64::INFINITY).unwrap();
    let odd = [nan, infinity, json!("NaN"), json!(-1), json!(5_000.5), json!(1e300), json!("5000"), json!([]), json!(true)];
    for wrong in odd {
        let mut shop = Shop::passing();
        said(&mut shop, Kind::Health, "settledMillis", wrong.clone());
        shop.refuses(&format!("settled for {wrong}"), &[INTEGRITY, ("preflight-health", Verdict::Unknown)]);
        for kind in KINDS {
            let mut shop = Shop::passing();
            shop.edit(kind, |statement| *kind.date(&mut statement.predicate) = wrong.clone());
            shop.refuses(&format!("{kind:?} of {wrong}"), &[INTEGRITY, (kind.requirement(), Verdict::Unknown)]);
        }
    }
}

/// What evidence is about decides, not the change set it was made for: the same bytes were tested.
#[test]
fn evidence_of_another_change_set_about_the_same_bytes_counts() {
    for kind in KINDS {
        let mut shop = Shop::passing();
        shop.edit(kind, |it| *kind.field(&mut it.predicate, "changeSet") = json!("another-1"));
        shop.passes(&format!("{kind:?}"));
    }
}

fn said(shop: &mut Shop, kind: Kind, name: &str, value: Value) {
    shop.edit(kind, |statement| statement.predicate[name] = value);
}

fn field(shop: &mut Shop, kind: Kind, name: &str, value: Value) {
    shop.edit(kind, |statement| *kind.field(&mut statement.predicate, name) = value);
}

fn dated(shop: &mut Shop, kind: Kind, offset: i64) {
    shop.put(kind, seal(&kind.dated(UnixMillis(AT.0 + offset))));
}

/// Gives every subject another digest of this kind, or none.
fn subject(shop: &mut Shop, kind: Kind, algorithm: &str, digit: Option<char>) {
    shop.edit(kind, |statement| {
        for subject in &mut statement.subject {
            if let Some(digest) = subject.digest.remove(algorithm) {
                let name = if digit.is_some() { algorithm } else { "sha512" };
                subject.digest.insert(name.to_owned(), digit.unwrap_or('a').to_string().repeat(digest.len()));
            }
        }
    });
}

fn other_suite(shop: &mut Shop, kind: Kind) {
    shop.edit(kind, |statement| statement.predicate["configuration"][0]["name"] = json!("lint"));
}

fn other_type(shop: &mut Shop, kind: Kind) {
    shop.edit(kind, |statement| statement.predicate_type.push('0'));
}

fn skipped_only(shop: &mut Shop, kind: Kind) {
    shop.edit(kind, |Statement { predicate, .. }| {
        predicate["warnedTests"] = predicate["passedTests"].take();
        predicate["passedTests"] = json!([]);
    });
}

fn two_configurations(shop: &mut Shop, kind: Kind) {
    shop.edit(kind, |Statement { predicate, .. }| {
        let one = predicate["configuration"][0].clone();
        predicate["configuration"] = json!([one, one]);
    });
}

fn silent_about_the_pipeline(shop: &mut Shop, kind: Kind) {
    shop.edit(kind, |Statement { predicate, .. }| {
        predicate["configuration"][0]["annotations"].as_object_mut().unwrap().remove("pipelineChanged").unwrap();
    });
}
