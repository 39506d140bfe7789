//! A promotion that passes, over as many pieces of evidence as are asked for.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::{Review, ReviewState};
use pathops_core::evidence::{EvidenceId, KeyId, Subject};
use pathops_core::policy::{
    Authoring, EvidenceFact, Facts, Finding, FindingSeverity, GitState, Proposal, Readings, SbomFormat, Shown, Vulnerability,
};
use pathops_core::project::{Lifecycle, Role, Rollback, Unit, UnitKind};
use pathops_core::{CommitId, Digest, PersonId, Principal, TreeId, UnixMillis};

/// 2026-11-20T12:00:00Z.
pub(crate) const AT: UnixMillis = UnixMillis(1_795_176_000_000);

/// Facts under a policy that the pull request shows.
pub(crate) fn facts(count: u64, policy: Digest) -> Facts {
    Facts {
        readings: readings(policy),
        evidence: (0..count).map(evidence).collect(),
        rejected: Vec::new(),
        time_zones: String::new(),
    }
}

/// The same, where all but the oldest few pieces are about another combination of the same unit: each requirement has to look
/// at all of its kind.
pub(crate) fn crowded(count: u64, policy: Digest) -> Facts {
    let mut facts = facts(count, policy);
    for (number, fact) in facts.evidence.iter_mut().enumerate() {
        if number < KINDS {
            fact.at = UnixMillis(AT.0 - 80_000);
        } else {
            let others = fact.subjects.iter_mut().flat_map(|subject| subject.digest.values_mut());
            others.for_each(|digest| *digest = "9".repeat(digest.len()));
        }
    }
    facts
}

/// How many kinds of evidence there are here.
const KINDS: usize = 7;

pub(crate) fn artifact() -> Digest {
    Digest::of(b"orders.tar")
}

fn evidence(number: u64) -> EvidenceFact {
    let tests = |suite: &str| Finding::Tests {
        suite: suite.to_owned(),
        passed: 120,
        skipped: 0,
        flaky: 0,
        failed: 0,
        pipeline_changed: false,
    };
    let says = match number % 7 {
        0 => tests("unit"),
        1 => tests("smoke"),
        2 => Finding::Deployment { failure: None },
        3 => Finding::Health { healthy: true, settled_millis: 900_000 },
        4 => Finding::Vulnerabilities { scanner: "https://scanner.example".to_owned(), found: found() },
        5 => Finding::Sbom { format: SbomFormat::Cyclonedx, parts: 300 },
        _ => Finding::Signal { name: "error-rate".to_owned(), value: Some(0.002), samples: 500, errors: 0 },
    };
    let of_build = matches!(number % 7, 0 | 4 | 5);
    let id = Digest::of(&number.to_be_bytes());
    let subject = |name: &str, algorithm: &str, value: String| Subject {
        name: name.to_owned(),
        digest: BTreeMap::from([(algorithm.to_owned(), value)]),
        annotations: None,
    };
    EvidenceFact {
        id: EvidenceId(id),
        signer: KeyId(Digest::of(b"key")),
        producers: BTreeSet::from([name("ci")]),
        in_ledger: true,
        predicate_type: "https://in-toto.io/attestation/test-result/v0.1".to_owned(),
        subjects: vec![
            subject("orders.tar", "sha256", artifact().hex()),
            subject("orders-src", "gitTree", tree('b').to_string()),
            subject("orders@preflight", "gitTree", tree('c').to_string()),
        ],
        unit: Some(name("orders")),
        environment: if of_build { None } else { Some(name("preflight")) },
        at: UnixMillis(AT.0 - 60_000 - i64::try_from(number % 10_000).unwrap_or(0)),
        says,
    }
}

fn found() -> Vec<Vulnerability> {
    let low = |number: u32| Vulnerability { id: format!("CVE-2026-{number}"), severity: Some(FindingSeverity::Low) };
    (0..5).map(low).collect()
}

fn readings(policy: Digest) -> Readings {
    let bob: PersonId = name("bob");
    let approval = Review {
        author: Principal::Human(bob.clone()),
        state: ReviewState::Approved,
        commit: commit('4'),
        at: UnixMillis(AT.0 - 30_000),
        body: String::new(),
    };
    Readings {
        change_set: name("delivery-date-1"),
        unit: unit(),
        environment: name("production"),
        preflight: name("preflight"),
        artifact: Some(artifact()),
        source: Some(GitState { commit: commit('2'), tree: tree('b') }),
        tested: GitState { commit: commit('3'), tree: tree('c') },
        proposal: Some(Proposal {
            repo: name("shop/orders-gitops"),
            head: commit('4'),
            tree: tree('d'),
            carries_tested: true,
            shown: Shown { policy, since: UnixMillis(AT.0 - 60_000) },
            reviews: vec![approval],
        }),
        authoring: Authoring::Observed,
        authors: BTreeSet::from([Principal::Human(name("alice"))]),
        strangers: BTreeSet::new(),
        way_back: false,
        source_reviews: Vec::new(),
        source_head: Some(commit('1')),
        people: BTreeMap::from([(name("alice"), BTreeSet::from([Role::Owner])), (bob, BTreeSet::from([Role::Reviewer]))]),
        accounts: BTreeMap::new(),
        dependencies: BTreeMap::new(),
        incidents: Vec::new(),
        stops: Vec::new(),
        read: None,
    }
}

fn unit() -> Unit {
    Unit {
        id: name("orders"),
        kind: UnitKind::App { source: name("shop/orders-src") },
        desired_state: name("shop/orders-gitops"),
        intent: None,
        boundaries: None,
        owner: name("alice"),
        lifecycle: Lifecycle::Production,
        class: None,
        depends_on: BTreeSet::new(),
        provides: BTreeSet::new(),
        consumes: BTreeSet::new(),
        rollback: Rollback::Revert,
        checks: BTreeSet::new(),
    }
}

fn commit(digit: char) -> CommitId {
    name(&String::from(digit).repeat(40))
}

pub(crate) fn tree(digit: char) -> TreeId {
    name(&String::from(digit).repeat(40))
}

pub(crate) fn name<N: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> N {
    text.parse().expect("a name")
}
