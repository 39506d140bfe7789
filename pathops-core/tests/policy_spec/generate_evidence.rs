//! Blows at evidence.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::evidence::{EvidenceId, Subject};
use pathops_core::policy::{EvidenceFact, Finding, FindingSeverity, SbomFormat, Vulnerability};
use pathops_core::project::Role;
use pathops_core::{Digest, ProducerName, UnixMillis};

use crate::base::{GRYPE, HOUR, artifact, commit, tree};
use crate::generate::{Dice, checked_policy};

/// Drops a piece, spoils it, or puts a spoilt copy beside it.
pub(crate) fn strike_evidence(dice: &mut Dice, evidence: &mut Vec<EvidenceFact>) {
    if evidence.is_empty() {
        return;
    }
    let place = dice.below(evidence.len());
    let mut fact = evidence[place].clone();
    let keep = dice.one_in(2);
    match dice.below(12) {
        0 => drop(evidence.remove(place)),
        // The same name twice is one piece.
        1 if keep => evidence.push(fact),
        _ => {
            for _ in 0..dice.pick(&[1, 1, 2]) {
                spoil(dice, &mut fact);
            }
            fact.id = EvidenceId(Digest::of(&dice.number().to_be_bytes()));
            if keep {
                evidence.push(fact);
            } else {
                evidence[place] = fact;
            }
        }
    }
}

fn spoil(dice: &mut Dice, fact: &mut EvidenceFact) {
    match dice.below(16) {
        0..3 => fact.at = UnixMillis(dice.instant()),
        3 => fact.at = UnixMillis(fact.at.0.saturating_add(dice.pick(&[0, 1, -1, HOUR, -HOUR, 60_000, 120_000, 120_001]))),
        4 => fact.unit = dice.pick(&[None, Some("orders"), Some("web")]).map(|name| name.parse().unwrap()),
        5 => {
            let names = [None, Some("preflight"), Some("production"), Some("agents")];
            fact.environment = dice.pick(&names).map(|name| name.parse().unwrap());
        }
        6 => fact.producers = dice.some::<ProducerName, BTreeSet<_>>(&["ci", "cluster", "other"].map(|it| it.parse().unwrap())),
        7 => fact.in_ledger = !fact.in_ledger,
        8 => fact.subjects = subjects(dice),
        9 => {
            let types = ["https://slsa.dev/provenance/v1", "https://slsa.dev/verification_summary/v1", "x"];
            dice.pick(&types).clone_into(&mut fact.predicate_type);
        }
        10 => fact.says = finding(dice),
        _ => spoil_finding(dice, &mut fact.says),
    }
}

fn subjects(dice: &mut Dice) -> Vec<Subject> {
    let all = [
        Subject::named("a").with_sha256(&artifact()),
        Subject::named("a").with_sha256(&Digest::of(b"another")),
        Subject::named("a").with_sha256(&checked_policy()),
        Subject::named("a").with_tree(&tree('b')),
        Subject::named("a").with_tree(&tree('c')),
        Subject::named("a").with_tree(&tree('9')),
        Subject::named("a").with_commit(&commit('2')),
        Subject::named("a").with_tree(&tree('c')).with_sha256(&artifact()),
    ];
    dice.some(&all)
}

fn finding(dice: &mut Dice) -> Finding {
    match dice.below(10) {
        0 => Finding::Tests {
            suite: dice.pick(&["unit", "smoke", "lint"]).to_owned(),
            passed: 3,
            skipped: 0,
            flaky: 0,
            failed: 0,
            pipeline_changed: false,
        },
        1 => Finding::Deployment { failure: None },
        2 => Finding::Health { healthy: true, settled_millis: dice.pick(&[0, 60_000, 10_800_000, u64::MAX]) },
        3 => Finding::Vulnerabilities { scanner: dice.pick(&[GRYPE, "trivy"]).to_owned(), found: Vec::new() },
        4 => Finding::Sbom { format: dice.pick(&[SbomFormat::Cyclonedx, SbomFormat::Spdx]), parts: 1 },
        5 => Finding::Contract { contract: dice.pick(&["orders-api", "other"]).parse().unwrap(), breaking: Vec::new() },
        6 => signal(dice),
        7 => Finding::Verified { passed: dice.one_in(2) },
        8 => Finding::Policy { passed: 1, failed: 0, approved_by: BTreeMap::new() },
        _ => Finding::Stated {},
    }
}

fn signal(dice: &mut Dice) -> Finding {
    Finding::Signal {
        name: dice.pick(&["error-rate", "budget"]).to_owned(),
        value: dice.pick(&[Some(0.005), Some(0.2), Some(f64::NAN), Some(f64::INFINITY), Some(-0.0), None]),
        samples: dice.pick(&[0, 1, 99, 100, u64::MAX]),
        errors: dice.pick(&[0, 0, 1, 100, u64::MAX]),
    }
}

fn spoil_finding(dice: &mut Dice, finding: &mut Finding) {
    let counts = [0, 1, 2, 3, u32::MAX];
    match finding {
        Finding::Tests { suite, passed, skipped, flaky, failed, pipeline_changed } => match dice.below(6) {
            0 => dice.pick(&["unit", "smoke", "lint"]).clone_into(suite),
            1 => *passed = dice.pick(&counts),
            2 => *skipped = dice.pick(&counts),
            3 => *flaky = dice.pick(&counts),
            4 => *failed = dice.pick(&counts),
            _ => *pipeline_changed = true,
        },
        Finding::Deployment { failure } => *failure = dice.pick(&[None, Some("the pod was gone".to_owned())]),
        Finding::Health { healthy, settled_millis } => {
            *healthy = !dice.one_in(3);
            *settled_millis = dice.pick(&[0, 59_999, 60_000, 3_600_000, 10_799_999, 10_800_000, u64::MAX]);
        }
        Finding::Vulnerabilities { scanner, found } => match dice.below(3) {
            0 => dice.pick(&[GRYPE, "trivy"]).clone_into(scanner),
            1 => found.clear(),
            _ => found.push(vulnerability(dice)),
        },
        Finding::Sbom { format, parts } => {
            *format = dice.pick(&[SbomFormat::Cyclonedx, SbomFormat::Spdx]);
            *parts = dice.pick(&[0, 1, u64::MAX]);
        }
        Finding::Contract { contract, breaking } => {
            *contract = dice.pick(&["orders-api", "other"]).parse().unwrap();
            *breaking = dice.some(&["a field is gone".to_owned()]);
        }
        Finding::Signal { .. } => *finding = signal(dice),
        Finding::Policy { passed, failed, approved_by } => match dice.below(4) {
            0 => *passed = dice.pick(&counts),
            1 => *failed = dice.pick(&counts),
            2 => approved_by.clear(),
            _ => {
                let roles = dice.some(&[Role::Owner, Role::Reviewer]);
                approved_by.insert(dice.pick(&["bob", "carol"]).parse().unwrap(), roles);
            }
        },
        Finding::Verified { passed } => *passed = !*passed,
        Finding::Stated {} => {}
    }
}

fn vulnerability(dice: &mut Dice) -> Vulnerability {
    let severities = [
        None,
        Some(FindingSeverity::Low),
        Some(FindingSeverity::Medium),
        Some(FindingSeverity::High),
        Some(FindingSeverity::Critical),
    ];
    Vulnerability { id: dice.pick(&["CVE-1", "CVE-2", "CVE-3"]).to_owned(), severity: dice.pick(&severities) }
}
