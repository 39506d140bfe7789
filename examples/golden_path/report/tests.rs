use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pathops_coordinator::change_set::{
    Before, ChangeSet, Decided, End, Failure, Limits, Merging, PullRequestRef, Role, Stage, Start,
};
use pathops_coordinator::plan::plan;
use pathops_core::evidence::{
    Absence, AbsenceKind, Attester, EvidenceId, Occasion, Place, Predicate as _, SNAPSHOT_FORMAT, SnapshotExtent, TestResult,
    Window,
};
use pathops_core::flow::Machine as _;
use pathops_core::lifecycle::{Artifact, ArtifactLifecycle};
use pathops_core::policy::{
    self, Decision, GitState, MergeBy, Missing, Overridden, Remaining, RequirementResult, Severity, Step, Verdict,
};
use pathops_core::project::load_request;
use pathops_core::{Digest, EnvironmentId, PersonId, PullRequestNumber, RequirementId, UnitId};
use pathops_evidence::EvidenceRecord;

use super::*;

/// What somebody could write who wants the page to do more than tell.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}";

fn unit(name: &str) -> UnitId {
    UnitId::parse(name).unwrap()
}

/// The sample's delivery date, just declared.
fn declared() -> State {
    let (project, files) = crate::setup::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/shop"))).unwrap();
    let request = load_request(&files, &project, "delivery-date").unwrap();
    let change_set = pathops_core::ChangeSetId::parse("delivery-date-1").unwrap();
    let start = Start {
        change_set: change_set.clone(),
        project: project.id.clone(),
        meta_repo: project.meta_repo.clone(),
        plan: plan(&project, &request, change_set).unwrap(),
        units: project.units.clone(),
        environments: project.environments.clone(),
        preflight_merge: Merging::All(MergeBy::Pathops),
        turn: None,
        recovery: None,
        carries: Vec::new(),
        settle_millis: 1000,
        limits: Limits::default(),
        flags: std::collections::BTreeSet::new(),
        apps: std::collections::BTreeMap::new(),
        reviewers: vec![PersonId::parse("bob").unwrap()],
        at: UnixMillis(0),
        request,
    };
    ChangeSet::start(&start).0
}

fn record(name: &str) -> EvidenceRecord {
    EvidenceRecord {
        id: EvidenceId(Digest::of(name.as_bytes())),
        name: name.to_owned(),
        predicate_type: TestResult::TYPE.to_owned(),
        envelope: Digest::of(format!("envelope of {name}").as_bytes()),
        location: "file:///srv/blobs/ab".to_owned(),
        leaf: None,
        certificates: None,
    }
}

fn refusal(state: &State, cited: &EvidenceRecord) -> Decided {
    let missing = Missing { what: "a passing run".to_owned(), from: vec!["CI".to_owned()], by_people: false, count: 1 };
    let requirement = RequirementResult {
        id: RequirementId::parse("preflight-smoke").unwrap(),
        reason: "It does its work.".to_owned(),
        severity: Severity::Required,
        verdict: Verdict::Fail,
        deferred: false,
        because: "2 passed, 1 failed".to_owned(),
        evidence: vec![cited.id],
        stale: false,
        breakable: false,
        missing: Some(missing),
        also_missing: Vec::new(),
        earliest: None,
    };
    let step = Step { what: "a passing run".to_owned(), from: Some("CI".to_owned()) };
    let decision = Decision {
        format: Decision::FORMAT,
        evaluator: Decision::EVALUATOR,
        change_set: state.start.change_set.clone(),
        unit: unit("orders"),
        environment: EnvironmentId::parse("production").unwrap(),
        stage: policy::Stage::First,
        verdict: Verdict::Fail,
        at: UnixMillis(5000),
        policy: Digest::of(b"policy"),
        facts: Digest::of(b"facts"),
        requirements: vec![requirement],
        remaining: Some(Remaining {
            steps: vec![step],
            not_before: Some(UnixMillis(3_600_000)),
            is_smallest: true,
            without_a_way: Vec::new(),
        }),
        overridden: None,
        engines: BTreeMap::new(),
    };
    Decided { decision, record: record("orders production decision") }
}

/// The same, refused in preflight and taken back.
fn refused() -> State {
    let mut state = declared();
    let smoke = record("orders preflight smoke");
    let decided = refusal(&state, &smoke);
    state.units.values_mut().for_each(|progress| progress.stage = Stage::Recovered);
    let orders = state.units.get_mut(&unit("orders")).unwrap();
    orders.evidence = vec![smoke, decided.record.clone()];
    orders.snapshots = vec![record("orders preflight snapshot (failed)")];
    orders.first = Some(decided);
    let built = ArtifactLifecycle::built(Artifact {
        change_set: state.start.change_set.clone(),
        unit: unit("orders"),
        digest: Some(Digest::of(b"orders")),
        source: None,
        preflight: state.start.environments.preflight.environment.clone(),
        production: state.start.environments.production.environment.clone(),
    });
    orders.artifact = Some(built.not_promotable("smoke: expected 200, got 502", UnixMillis(0)).unwrap());
    let reason = "smoke: expected 200, got 502; contract: no date".to_owned();
    state.failure = Some(Failure { unit: unit("orders"), stage: Stage::PreflightDeploy, reason });
    state.end = Some(End::Recovered);
    state
}

fn pull_request(repo: &str, number: u64, url: &str) -> PullRequestRef {
    PullRequestRef {
        repo: repo.parse().unwrap(),
        number: PullRequestNumber(number),
        branch: "topic".parse().unwrap(),
        base: "main".parse().unwrap(),
        base_commit: "a".repeat(40).parse().unwrap(),
        head: "b".repeat(40).parse().unwrap(),
        url: url.to_owned(),
        read: None,
    }
}

/// Refused in production, and taken back there too.
fn restored() -> State {
    let mut state = refused();
    state.failure.as_mut().unwrap().stage = Stage::ProductionDeploy;
    let orders = state.units.get_mut(&unit("orders")).unwrap();
    let before = |commit: &str, artifact: &[u8]| Before {
        commit: commit.repeat(40).parse().unwrap(),
        tree: Some("f".repeat(40).parse().unwrap()),
        artifact: Some(Digest::of(artifact)),
        runs: true,
    };
    let merged = GitState { commit: "c".repeat(40).parse().unwrap(), tree: "d".repeat(40).parse().unwrap() };
    orders.before = Some(before("1", b"tried"));
    orders.production_before = Some(before("2", b"sold"));
    (orders.preflight, orders.production, orders.restored) = (Some(merged.clone()), Some(merged), true);
    for (role, number) in [(Role::Recovery, 7), (Role::Restore, 8)] {
        let url = format!("file:///srv/forge/pulls/{number}");
        orders.pull_requests.insert(role, pull_request("shop/orders-gitops", number, &url));
    }
    state
}

fn entry(text: &str) -> TimelineEntry {
    let (at, until) = (UnixMillis(1000), Some(UnixMillis(4000)));
    TimelineEntry { at, until, unit: Some("orders".to_owned()), text: text.to_owned(), kind: EntryKind::Wait }
}

/// What the snapshots say: there are no logs, for this reason.
fn snapshots(state: &State, reason: &str) -> BTreeMap<EvidenceId, Snapshot> {
    let extent = SnapshotExtent {
        change_set: state.start.change_set.clone(),
        unit: unit("orders"),
        environment: EnvironmentId::parse("preflight").unwrap(),
        occasion: Occasion::Failed,
        absent: vec![Absence { name: "logs".to_owned(), kind: Some(AbsenceKind::NothingThere), reason: reason.to_owned() }],
        collected_on: UnixMillis(4500),
        place: Some(Place {
            format: SNAPSHOT_FORMAT,
            stream: "shop/orders@preflight".parse().unwrap(),
            sequence: 3,
            previous: None,
            expected: ["logs".to_owned()].into(),
            besides: BTreeSet::new(),
            window: Window { from: UnixMillis(0), until: UnixMillis(4500) },
            interruptions: 0,
            treated: BTreeMap::new(),
        }),
    };
    let snapshot = Snapshot { attester: Attester { id: "pathops".to_owned() }, references: Vec::new(), extent };
    state.units.values().flat_map(|progress| &progress.snapshots).map(|record| (record.id, snapshot.clone())).collect()
}

fn page(states: &[State]) -> String {
    let change_sets = states.iter().map(|state| ChangeSetReport {
        state,
        timeline: vec![entry("waits for review")],
        snapshots: snapshots(state, "the process was gone"),
    });
    render(&Report {
        project: "shop",
        made_at: UnixMillis(9000),
        change_sets: change_sets.collect(),
        figures: vec![("wall time".to_owned(), "9.0 s".to_owned())],
        places: vec![("evidence".to_owned(), "/srv/evidence".to_owned())],
    })
    .unwrap()
}

/// What stands in `attribute="…"`, everywhere.
fn values(page: &str, attribute: &str) -> Vec<String> {
    let start = format!(" {attribute}=\"");
    page.split(start.as_str())
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(|value| value.replace("&#x2f;", "/"))
        .collect()
}

#[test]
fn hostile_text_stays_text() {
    let mut state = refused();
    state.start.request.title = HOSTILE.to_owned();
    state.start.request.text = HOSTILE.to_owned();
    state.start.request.changes[0].reason = HOSTILE.to_owned();
    state.remarks = vec![HOSTILE.to_owned()];
    state.failure.as_mut().unwrap().reason = HOSTILE.to_owned();
    let orders = state.units.get_mut(&unit("orders")).unwrap();
    orders.evidence[0].name = HOSTILE.to_owned();
    orders.evidence[0].location = "javascript:alert(3)".to_owned();
    let decision = &mut orders.first.as_mut().unwrap().decision;
    decision.requirements[0].because = HOSTILE.to_owned();
    decision.remaining.as_mut().unwrap().steps[0].what = HOSTILE.to_owned();
    decision.overridden = Some(Overridden {
        by: [(PersonId::parse("bob").unwrap(), HOSTILE.to_owned())].into(),
        requirements: Vec::new(),
        until: UnixMillis(0),
    });
    orders.pull_requests.insert(Role::Source, pull_request("shop/orders-src", 1, &format!("https://x/{HOSTILE}")));
    let change_sets =
        vec![ChangeSetReport { state: &state, timeline: vec![entry(HOSTILE)], snapshots: snapshots(&state, HOSTILE) }];
    let hostile = || (HOSTILE.to_owned(), HOSTILE.to_owned());
    let report = Report {
        project: HOSTILE,
        made_at: UnixMillis(0),
        change_sets,
        figures: vec![hostile()],
        places: vec![hostile(), ("place".to_owned(), "javascript:alert(4)".to_owned())],
    };
    let page = render(&report).unwrap();
    for forbidden in ["<script", "<img", "'><"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("&lt;script&gt;") && page.contains("{{ 7 * 7 }}"));
    assert_eq!(values(&page, "href").into_iter().filter(|href| href.starts_with("javascript:")).count(), 0);
}

#[test]
fn the_page_loads_nothing() {
    let page = page(&[declared(), refused()]);
    assert!(page.starts_with("<!doctype html>"));
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'; img-src data:"));
    for loads in
        ["<script", "<iframe", "<object", "<embed", "<base", " src=", " srcset=", "@import", "url(", "http://", "https://"]
    {
        assert!(!page.contains(loads), "{loads}");
    }
    assert_eq!(page.matches("<link ").count(), 1, "only the empty icon");
    assert_eq!(page.matches("<link rel=\"icon\" href=\"data:,\">").count(), 1);
}

#[test]
fn every_link_within_the_page_leads_somewhere() {
    let page = page(&[declared(), refused()]);
    let ids = values(&page, "id");
    let distinct: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(ids.len(), distinct.len(), "each id is there once");
    let mut links = values(&page, "href");
    links.extend(values(&page, "aria-labelledby"));
    for link in links {
        let target = link.strip_prefix('#').unwrap_or(&link);
        assert!(distinct.contains(target) || link.starts_with("file:///") || link == "data:,", "{link}");
    }
    assert!(page.contains(&format!(
        "href=\"#change-set-2-{}\">orders preflight smoke</a>",
        record("orders preflight smoke").id.0.short()
    )));
}

#[test]
fn a_refusal_is_explained_before_anything_else_and_in_words() {
    let page = page(&[refused()]);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("the page does not say: {text}"));
    let said = [
        "Refused and recovered",
        "orders failed in preflight. Nothing of this change reached production",
        "Why it was refused",
        "<li>smoke: expected 200, got 502</li>",
        "<li>contract: no date</li>",
        "It does its work. <span class=\"muted\">2 passed, 1 failed</span>",
        "What was asked for",
        "Deploy order",
        "<h4><svg class=\"mark fail\"",
        "</svg>fail</span>",
        "Needs a passing run, from CI.",
        "<strong>What would let it pass</strong>",
        "<li>a passing run, from CI</li>",
        "not before <time datetime=\"1970-01-01T01:00:00Z\">1970-01-01 01:00:00 UTC</time>",
        "Nothing less would do.",
        "The way back",
        "<strong>logs</strong>: the process was gone",
        "Number 3 of shop&#x2f;orders@preflight.",
    ];
    for text in said {
        at(text);
    }
    assert!(at("Why it was refused") < at("What was asked for"));
}

#[test]
fn a_restore_in_production_is_told_with_both_ways_back() {
    let page = page(&[restored()]);
    let way_back = page.split("The way back").nth(1).unwrap().split("</section>").next().unwrap().replace("&#x2f;", "/");
    for text in [
        format!("Preflight asks for the artifact {} again, as at commit 111111111111.", Digest::of(b"tried").short()),
        format!("Production asks for the artifact {} again, as at commit 222222222222.", Digest::of(b"sold").short()),
        "<a href=\"file:///srv/forge/pulls/7\" title=\"file:///srv/forge/pulls/7\">shop/orders-gitops#7</a> and <a".to_owned(),
        "title=\"file:///srv/forge/pulls/8\">shop/orders-gitops#8</a>.".to_owned(),
    ] {
        assert!(way_back.contains(&text), "the way back does not say: {text}: {way_back}");
    }
    assert!(
        page.contains("orders failed in production. This change had reached production with orders; production and preflight")
    );
    assert!(!page.contains("Nothing of this change reached production"));
}

#[test]
fn what_is_left_in_production_is_told_with_its_reason() {
    let mut state = restored();
    state.end = Some(End::Incomplete);
    let orders = state.units.get_mut(&unit("orders")).unwrap();
    (orders.stage, orders.restored) = (Stage::LeftToPeople, false);
    orders.problem = Some("production ran nothing before".to_owned());
    let page = page(&[state]);
    assert!(page.contains("It had reached production, and is left to people: production ran nothing before."));
    assert!(!page.contains("asks for the artifact"));
}

/// In production although it did not pass.
fn overridden() -> State {
    let mut state = declared();
    let mut decided = refusal(&state, &record("orders preflight smoke"));
    decided.decision.stage = policy::Stage::Final;
    decided.decision.requirements[0].breakable = true;
    let remaining = decided.decision.remaining.as_mut().unwrap();
    remaining.is_smallest = false;
    decided.decision.overridden = Some(Overridden {
        by: [(PersonId::parse("bob").unwrap(), "customers cannot order".to_owned())].into(),
        requirements: vec![RequirementId::parse("preflight-smoke").unwrap()],
        until: UnixMillis(7_200_000),
    });
    state.units.values_mut().for_each(|progress| progress.stage = Stage::Live);
    state.units.get_mut(&unit("orders")).unwrap().last = Some(decided);
    state.end = Some(End::Live);
    state
}

#[test]
fn a_broken_glass_is_told_with_its_people_and_reasons() {
    let page = page(&[overridden()]);
    for text in [
        "People broke the glass for orders, which did not meet every requirement that counts",
        "orders may go to production, although it does not pass: the glass was broken",
        "<strong>The glass was broken</strong> for <code>preflight-smoke</code>. It holds until <time datetime=\"1970-01-01T02:00:00Z\">",
        "<li><strong>bob</strong>: customers cannot order</li>",
        "What would have let it pass without that",
        "Whether less would do was not worked out.",
        "People may break the glass for it.",
    ] {
        assert!(page.contains(text), "the page does not say: {text}");
    }
    assert!(!page.contains("met every requirement that counts, and people"));
}

/// What does not stand in the way is no failure, and does not count among what has to be met.
#[test]
fn advice_is_told_from_what_is_required() {
    let mut state = refused();
    let decision = &mut state.units.get_mut(&unit("orders")).unwrap().first.as_mut().unwrap().decision;
    let mut advice = decision.requirements[0].clone();
    advice.id = RequirementId::parse("scan").unwrap();
    advice.severity = Severity::Advisory;
    decision.requirements.push(advice);
    let remaining = decision.remaining.as_mut().unwrap();
    remaining.steps.clear();
    remaining.not_before = None;
    remaining.without_a_way = vec![RequirementId::parse("preflight-smoke").unwrap()];
    let page = page(&[state]);
    for text in
        ["</svg>advice</span>", "0 of 1 requirements met", "Nothing is known that would help with <code>preflight-smoke</code>."]
    {
        assert!(page.contains(text), "the page does not say: {text}");
    }
    assert!(!page.contains("What would let it pass"));
}

#[test]
fn headings_are_in_order() {
    let page = page(&[declared(), refused()]);
    let levels: Vec<u32> = page.split("<h").skip(1).filter_map(|rest| rest.get(..1)?.parse().ok()).collect();
    assert_eq!(levels.first(), Some(&1));
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
}
