//! Taking reports in: secrets out first, then recognised, stored, stated; and what led to a digest, found by that again.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

#[path = "ingest/logs.rs"]
mod logs;
#[path = "ingest/secrets.rs"]
mod secrets;
#[path = "ingest/verified.rs"]
mod verified;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pathops_core::adapter::{
    BlobCapabilities, BlobStore, ByteStream, EvidenceIndex as _, EvidenceQuery, Signer as _, SubjectDigest,
};
use pathops_core::evidence::{
    Approval, Health, Keeping, Predicate as _, Redaction, Reference, Release, Released, Retention, RetentionPolicy, RuntimeTrace,
    Subject, TakenReport, TestAnnotations, TrustRoot, VerifiedProperties, Vulnerabilities,
};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemoryEvidenceIndex, MemorySigner};
use pathops_core::policy::{EvidenceFact, Finding, Verdict};
use pathops_core::{
    ChangeSetId, CommitId, Digest, EnvironmentId, ErrorKind, IdempotencyKey, OpContext, Principal, Result, UnitId, UnixMillis,
};
use pathops_evidence::ledger::{Ledger, LogKey};
use pathops_evidence::redact::Redactor;
use pathops_evidence::report::{Format, MAX_BYTES};
use pathops_evidence::retention::redact_stored;
use pathops_evidence::{
    Against, Draft, Ingested, LinkKind, Origin, Sealer, VERIFIED, ingest, ingest_log, lineage, verify_ledger,
};
use serde_json::{Value, json};

const TAP: &[u8] = b"TAP version 14\n1..2\nok 1 - adds\nok 2 - knows hunter2-long\n";
const TRIVY: &[u8] = include_bytes!("fixtures/report/trivy/bad.json");
const BOM: &[u8] = include_bytes!("fixtures/report/cyclonedx-json/good.json");
const LCOV: &[u8] = include_bytes!("fixtures/report/lcov/good.info");

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn artifact() -> SubjectDigest {
    SubjectDigest::sha256(&Digest::of(b"artifact"))
}

struct Store {
    bucket: MemoryBucket,
    blobs: MemoryBlobs,
    sealer: Sealer,
    trust: TrustRoot,
    index: MemoryEvidenceIndex,
}

impl Store {
    async fn new() -> Self {
        let (signer, blobs) = (MemorySigner::from_seed(1).unwrap(), MemoryBlobs::new());
        let key = LogKey::new("shop.example/evidence", &[7; 32]).unwrap();
        let bucket = MemoryBucket::new();
        let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key).await.unwrap();
        let trust = TrustRoot::new([signer.public_key()]);
        let sealer = Sealer::new(Arc::new(signer), Arc::new(blobs.clone())).with_ledger(Arc::new(ledger));
        Self { bucket, blobs, sealer, trust, index: MemoryEvidenceIndex::new() }
    }

    async fn take(&self, bytes: &[u8], format: Option<Format>, origin: &Origin) -> Result<Ingested> {
        let redactor = Redactor::new(["hunter2-long".to_owned()]).unwrap();
        let taken = ingest(&cx(), &self.sealer, &redactor, bytes, format, origin).await?;
        self.sealer.index(&cx(), &self.index, &self.trust, &taken.records).await?;
        Ok(taken)
    }

    /// The types of what was stated, and the predicates.
    async fn stated(&self, taken: &Ingested) -> Vec<(String, Value)> {
        let mut stated = Vec::new();
        for record in &taken.records {
            let verified = self.trust.verify(&self.sealer.envelope(&cx(), record).await.unwrap()).unwrap();
            stated.push((verified.statement().predicate_type.clone(), verified.statement().predicate.clone()));
        }
        stated
    }
}

fn origin() -> Origin {
    Origin {
        name: "orders".to_owned(),
        subjects: vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))],
        attester: "https://ci.example".to_owned(),
        at: UnixMillis(1_000),
        suite: "acceptance".to_owned(),
        annotations: TestAnnotations {
            change_set: "dates-1".parse().ok(),
            unit: "orders".parse().ok(),
            ..TestAnnotations::default()
        },
        keeping: Keeping::ForEver("nobody said".to_owned()),
    }
}

const REFERENCE: &str = "https://in-toto.io/attestation/reference/v0.1";

#[tokio::test]
async fn a_report_is_recognised_and_stored_without_its_secrets() {
    let store = Store::new().await;
    let taken = store.take(TAP, None, &origin()).await.unwrap();
    assert_eq!((taken.format, taken.redaction.removed["known"]), (Format::Tap, 1));
    let stored = store.blobs.get(&cx(), &taken.payload).await.unwrap().unwrap();
    assert_eq!(stored, b"TAP version 14\n1..2\nok 1 - adds\nok 2 - knows [redacted known]\n");
    let stated = store.stated(&taken).await;
    assert_eq!(stated[0].0, REFERENCE);
    let reference = &stated[0].1;
    assert_eq!(reference["references"][0]["digest"]["sha256"], taken.payload.hex());
    assert_eq!(reference["https://pathops.dev/redaction"]["removed"]["known"], 1);
    let ruleset = reference["https://pathops.dev/redaction"]["ruleset"]["sha256"].as_str().unwrap();
    assert_eq!(ruleset, Redactor::new(["hunter2-long".to_owned()]).unwrap().digest().hex());
    let tests = &stated[1].1;
    assert_eq!(
        (&tests["result"], &tests["configuration"][0]["digest"]["sha256"]),
        (&"PASSED".into(), &taken.payload.hex().into())
    );
    assert_eq!(tests["passedTests"][1], "knows [redacted known]");
    for (_, predicate) in stated {
        assert!(!predicate.to_string().contains("hunter2"), "{predicate}");
    }
    // The same again is the same evidence.
    let again = store.take(TAP, None, &origin()).await.unwrap();
    let ids = |taken: &Ingested| taken.records.iter().map(|record| record.id).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&taken));
}

const TESTS: &str = "https://in-toto.io/attestation/test-result/v0.1";
const SIGNAL: &str = "https://pathops.dev/predicate/signal/v0.1";
const SBOM: &str = "https://pathops.dev/predicate/sbom/v0.1";

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/report/", $name)).as_slice()
    };
}

/// A CDEvent that says how something ended, where that is not empty.
fn cd_event(kind: &str, outcome: &str) -> Vec<u8> {
    let content = if outcome.is_empty() { json!({}) } else { json!({ "outcome": outcome }) };
    let kind = format!("dev.cdevents.{kind}.0.2.0");
    let context = json!({"version": "0.5.0", "id": kind, "source": "https://ci.example", "type": kind, "timestamp": "2026-11-25T08:00:00Z"});
    json!({"context": context, "subject": {"id": "orders", "content": content}}).to_string().into_bytes()
}

/// Each format with what is stated of it, and what policy reads from that in words.
#[tokio::test]
async fn what_a_report_says_is_stated_in_the_type_that_policy_reads() {
    let store = Store::new().await;
    let mut here = origin();
    here.annotations.environment = "preflight".parse().ok();
    for (format, bytes, expected) in [
        (Format::Tap, TAP, vec![(TESTS, "PASSED")]),
        (Format::K6Summary, fixture!("k6-summary/good.json"), vec![(TESTS, "PASSED")]),
        (Format::Curl, fixture!("curl/good.json"), vec![(TESTS, "PASSED")]),
        (Format::GithubChecks, fixture!("github-checks/good-runs.json"), vec![(TESTS, "WARNED")]),
        (Format::GitlabPipeline, fixture!("gitlab-pipeline/good.json"), vec![(TESTS, "WARNED")]),
        (Format::ArgoCd, fixture!("argo-cd/good.json"), vec![(TESTS, "WARNED")]),
        (Format::HelmStatus, fixture!("helm-status/good.json"), vec![(TESTS, "WARNED")]),
        (Format::KubernetesEvents, fixture!("kubernetes-events/good.json"), vec![(TESTS, "WARNED")]),
        (Format::ArgoRollouts, fixture!("argo-rollouts/good.json"), vec![(TESTS, "PASSED")]),
        (Format::ArgoRollouts, fixture!("argo-rollouts/quiet-kept.json"), vec![(TESTS, "WARNED")]),
        // They are of another commit and image than the origin is.
        (Format::Kargo, fixture!("kargo/good.json"), vec![(TESTS, "WARNED")]),
        (Format::GitopsPromoter, fixture!("gitops-promoter/good.json"), vec![(TESTS, "WARNED")]),
        (Format::CdEvents, &cd_event("testsuiterun.finished", "pass"), vec![(TESTS, "PASSED")]),
        (Format::CdEvents, &cd_event("pipelinerun.finished", "cancel"), vec![(TESTS, "WARNED")]),
        (Format::CdEvents, &cd_event("service.deployed", ""), vec![]),
        (Format::OtlpTraces, fixture!("otlp-traces/good.json"), vec![(TESTS, "WARNED"), (RuntimeTrace::TYPE, "")]),
        (Format::Trivy, TRIVY, vec![("https://in-toto.io/attestation/vulns/v0.2", "")]),
        (Format::CyclonedxJson, BOM, vec![("https://cyclonedx.org/bom", "")]),
        (Format::CyclonedxXml, fixture!("cyclonedx-xml/good.xml"), vec![(SBOM, "")]),
        (Format::CyclonedxXml, fixture!("cyclonedx-xml/bad.xml"), vec![(SBOM, ""), (Vulnerabilities::TYPE, "")]),
        (Format::Spdx3Json, fixture!("spdx3-json/good.json"), vec![(SBOM, "")]),
        (Format::PrometheusQuery, fixture!("prometheus-query/good-scalar.json"), vec![(SIGNAL, "")]),
        (Format::Lcov, LCOV, vec![(SIGNAL, ""), (SIGNAL, "")]),
        (Format::Kustomize, fixture!("kustomize/good.yaml"), vec![(SIGNAL, "")]),
        (Format::PodLog, b"2026-11-26T10:00:00Z ERROR no orders\n", vec![(SIGNAL, "")]),
    ] {
        let taken = store.take(bytes, Some(format), &here).await.unwrap();
        let stated = store.stated(&taken).await;
        let told = |(kind, it): &(String, Value)| (kind.clone(), it["result"].as_str().unwrap_or_default().to_owned());
        let stated: Vec<_> = stated[1..].iter().map(told).collect();
        let expected: Vec<_> = expected.iter().map(|(kind, result)| ((*kind).to_owned(), (*result).to_owned())).collect();
        assert_eq!(stated, expected, "{format}");
        assert!(taken.records.iter().all(|record| record.leaf.is_some()), "all of it is in the ledger");
        // All of it is found by what it belongs to, and what was handed in by when it was so; what others write may have its own date.
        let (change_set, unit) = (here.annotations.change_set.clone(), here.annotations.unit.clone());
        let query = EvidenceQuery { change_set, unit, environment: "preflight".parse().ok(), ..EvidenceQuery::default() };
        let found = store.index.query(&cx(), &query).await.unwrap().evidence;
        for record in &taken.records {
            let facets = found.iter().find(|it| it.id() == record.id).unwrap_or_else(|| panic!("{format}: {record:?}"));
            let at = facets.facets().unwrap().at;
            assert!(record.predicate_type != REFERENCE || at == Some(here.at), "{format}: {at:?}");
        }
    }
}

/// What earlier versions took in names nothing that it belongs to, and is read as it was.
#[test]
fn a_report_that_was_taken_in_before_is_still_read() {
    let stored = json!({
        "attester": {"id": "https://ci.example"},
        "references": [],
        "https://pathops.dev/redaction": {"ruleset": {"sha256": "00"}, "removed": {"known": 1}},
        "https://pathops.dev/report": {"format": "tap", "finishedOn": "1970-01-01T00:00:01Z"},
    });
    let read: TakenReport = serde_json::from_value(stored.clone()).unwrap();
    assert!(read.report.part_of.is_empty() && read.report.finished_on == UnixMillis(1_000));
    assert_eq!(serde_json::to_value(&read).unwrap(), stored);
}

/// What a policy can bound: errors in a log, images that may be others tomorrow. Of nothing there is no count.
#[tokio::test]
async fn logs_and_resources_are_counted() {
    let store = Store::new().await;
    let mut here = origin();
    here.annotations.environment = "preflight".parse().ok();
    let config = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: orders\n".as_slice();
    for (format, bytes, name, value, samples) in [
        (Format::PodLog, b"1 INFO up\n2 ERROR down\n3 FATAL gone".as_slice(), "log.errors", json!(2.0), 3),
        (Format::PodLog, b"1 INFO up\n", "log.errors", json!(0.0), 1),
        (Format::Kustomize, fixture!("kustomize/good.yaml"), "images.unpinned", json!(1.0), 2),
        (Format::Kustomize, config, "images.unpinned", Value::Null, 0),
    ] {
        let taken = store.take(bytes, Some(format), &here).await.unwrap();
        let [_, (kind, signal)] = store.stated(&taken).await.try_into().unwrap();
        let told = |field: &str| signal.get(field).cloned().unwrap_or_default();
        assert_eq!((kind.as_str(), told("name"), told("samples")), (SIGNAL, json!(name), json!(samples)));
        assert_eq!(told("value").as_f64(), value.as_f64(), "{name}");
        // Without an environment it is nowhere, so that nothing is measured there.
        assert_eq!(store.take(bytes, Some(format), &origin()).await.unwrap().records.len(), 1);
    }
}

/// What it says against it is a fail for policy; that nothing is said against it is no pass.
#[tokio::test]
async fn what_failed_by_the_word_of_a_tool_is_a_fail() {
    let store = Store::new().await;
    let failing = [
        (fixture!("github-checks/bad-runs.json"), Format::GithubChecks),
        (fixture!("gitlab-pipeline/bad-jobs.json"), Format::GitlabPipeline),
        (fixture!("k6-summary/bad.json"), Format::K6Summary),
        (fixture!("curl/bad-status.json"), Format::Curl),
        (fixture!("argo-cd/bad-list.json"), Format::ArgoCd),
        (fixture!("helm-status/bad.json"), Format::HelmStatus),
        (fixture!("kubernetes-events/bad.json"), Format::KubernetesEvents),
        (fixture!("argo-rollouts/bad.json"), Format::ArgoRollouts),
        (fixture!("argo-rollouts/bad-called-successful.json"), Format::ArgoRollouts),
        (fixture!("kargo/bad.json"), Format::Kargo),
        (fixture!("gitops-promoter/bad.json"), Format::GitopsPromoter),
        (&cd_event("testsuiterun.finished", "fail"), Format::CdEvents),
        (&cd_event("incident.detected", ""), Format::CdEvents),
    ];
    for (bytes, format) in failing {
        let taken = store.take(bytes, Some(format), &origin()).await.unwrap_or_else(|error| panic!("{format}: {error}"));
        let [_, (_, tests)] = store.stated(&taken).await.try_into().unwrap();
        assert_eq!((&tests["result"], tests["failedTests"][0].is_string()), (&"FAILED".into(), true), "{format}");
    }
    let query = EvidenceQuery { verdict: Some(Verdict::Fail), ..EvidenceQuery::default() };
    assert_eq!(store.index.query(&cx(), &query).await.unwrap().evidence.len(), failing.len());
}

#[tokio::test]
async fn that_another_commit_passed_its_checks_says_nothing() {
    let store = Store::new().await;
    let passed = br#"{"total_count":1,"check_runs":[{"name":"build","head_sha":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","status":"completed","conclusion":"success","app":{"slug":"ci"}}]}"#;
    for (commit, expected) in [("a", "PASSED"), ("b", "WARNED")] {
        let mut origin = origin();
        origin.subjects = vec![Subject::named("orders").with_commit(&commit.repeat(40).parse().unwrap())];
        let taken = store.take(passed, None, &origin).await.unwrap();
        assert_eq!(store.stated(&taken).await[1].1["result"], expected);
    }
}

/// What a bill of materials names is found; that it names nothing is no scan.
#[tokio::test]
async fn vulnerabilities_in_a_bill_are_what_was_found() {
    let store = Store::new().await;
    let bill = |found: Value| {
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "vulnerabilities": found}).to_string()
    };
    let bad = bill(json!([{"id": "CVE-2026-1", "ratings": [{"score": 9.8, "severity": "critical", "method": "CVSSv31"}]}]));
    let [_, _, (kind, said)] =
        store.stated(&store.take(bad.as_bytes(), None, &origin()).await.unwrap()).await.try_into().unwrap();
    assert_eq!(kind, Vulnerabilities::TYPE);
    assert_eq!(
        said["scanner"]["result"],
        json!([{"id": "CVE-2026-1", "severity": [{"method": "CycloneDX", "score": "critical"}]}])
    );
    let harmless = json!([{"id": "CVE-2026-1", "analysis": {"state": "not_affected", "justification": "code_not_present"}}]);
    for nothing in [json!([]), harmless] {
        let taken = store.take(bill(nothing).as_bytes(), None, &origin()).await.unwrap();
        assert_eq!(store.stated(&taken).await.len(), 2, "the reference and the document");
    }
}

/// Whatever its size, a bill of materials says how much it lists.
#[tokio::test]
async fn a_bill_that_is_too_large_to_be_stated_is_counted() {
    let store = Store::new().await;
    let parts: Vec<_> =
        (0..9_000).map(|part| json!({"type": "library", "name": "p".repeat(99), "version": part.to_string()})).collect();
    let bill = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": parts}).to_string();
    let taken = store.take(bill.as_bytes(), None, &origin()).await.unwrap();
    let [_, (kind, said)] = store.stated(&taken).await.try_into().unwrap();
    assert_eq!((kind.as_str(), &said["parts"], &said["format"]), (SBOM, &json!(9_000), &json!("cyclonedx")));
}

#[tokio::test]
async fn what_was_taken_in_is_kept_as_long_as_the_policy_of_the_day_says() {
    let store = Store::new().await;
    let policy = r#"{"classes":{"short":{"days":1},"long":{"days":9}},"parts":{"reports":"short","logs":"long"}}"#;
    let policy: RetentionPolicy = serde_json::from_str(policy).unwrap();
    let kept = Origin { keeping: Keeping::By(policy.clone(), UnixMillis(0)), ..origin() };
    let retention = |it: &Value| serde_json::from_value::<Retention>(it["https://pathops.dev/retention"].clone()).ok();
    let taken = store.take(TAP, None, &kept).await.unwrap();
    let [(_, reference), (_, tests)] = store.stated(&taken).await.try_into().unwrap();
    let short = policy.sign_in("short", UnixMillis(0));
    assert_eq!(retention(&reference["references"][0]["annotations"]), short);
    assert_eq!(retention(&tests["configuration"][0]["annotations"]), short, "it refers to the same report");
    let log = store.take(b"it works\n", Some(Format::PodLog), &kept).await.unwrap();
    let reference = &store.stated(&log).await[0].1;
    assert_eq!(retention(&reference["references"][0]["annotations"]), policy.sign_in("long", UnixMillis(0)));
}

#[tokio::test]
async fn what_a_report_says_goes_into_the_ledger_at_once() {
    let store = Store::new().await;
    let taken = store.take(TAP, None, &origin()).await.unwrap();
    assert_eq!(taken.records.iter().map(|it| it.leaf).collect::<Vec<_>>(), [Some(0), Some(1)]);
    let batches = store.bucket.objects().keys().filter(|key| key.as_str().starts_with("log/batch/")).count();
    assert_eq!(batches, 1, "one batch for all of it");
}

#[tokio::test]
async fn what_is_not_recognised_or_of_nobody_is_refused_and_nothing_is_stored() {
    let store = Store::new().await;
    let nobody = Origin { attester: "https://pathops.dev/pathops".to_owned(), ..origin() };
    let nothing = Origin { subjects: vec![Subject::named("orders")], ..origin() };
    let ambiguous = r#"{"bomFormat": "CycloneDX", "version": "2.1.0", "runs": []}"#;
    for (bytes, format, origin, why) in [
        (b"all is well, says hunter2-long".as_slice(), None, origin(), "it is in none of the formats"),
        (ambiguous.as_bytes(), None, origin(), "could be"),
        (b"".as_slice(), None, origin(), "look whether the tool has run"),
        (TAP, Some(Format::Junit), origin(), "JUnit"),
        (b"1..2\nok 1\n", Some(Format::Tap), origin(), "the TAP report"),
        (TAP, None, nobody, "PathOps itself hands nothing in"),
        (TAP, None, nothing, "it is about nothing with a digest"),
    ] {
        let error = store.take(bytes, format, &origin).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(why), "{why}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert!(store.index.all().is_empty() && store.blobs.get(&cx(), &Digest::of(TAP)).await.unwrap().is_none());
}

/// From a release it goes back to the feature in words, and to who asked for it, approved it and merged it.
#[tokio::test]
async fn a_release_leads_back_to_the_feature_and_its_people() {
    let store = Store::new().await;
    let human = |name: &str| Principal::Human(name.parse().unwrap());
    let commit: CommitId = "c".repeat(40).parse().unwrap();
    let (change_set, unit, environment): (ChangeSetId, UnitId, EnvironmentId) =
        ("dates-1".parse().unwrap(), "orders".parse().unwrap(), "production".parse().unwrap());
    let promotion = Released {
        change_set: change_set.clone(),
        title: "Show delivery dates".to_owned(),
        requested_by: "alice".parse().unwrap(),
        unit: unit.clone(),
        environment: environment.clone(),
        merged_by: human("carol"),
        released_on: UnixMillis(2_000),
    };
    let purl = Release::purl_of(&"shop".parse().unwrap(), &unit, Ok(&Digest::of(b"artifact")));
    let release = Release { purl, package_id: None, promotion: Some(promotion) };
    let approval = Approval {
        change_set,
        unit,
        environment,
        repo: "shop/orders-gitops".parse().unwrap(),
        pull_request: serde_json::from_value(json!(7)).unwrap(),
        commit: commit.clone(),
        approver: human("bob"),
        approved_on: UnixMillis(1_000),
    };
    let subjects = || vec![Subject::named("orders@production").with_sha256(&Digest::of(b"artifact")).with_commit(&commit)];
    let drafts =
        vec![Draft::new("release", subjects(), &release).unwrap(), Draft::new("approval", subjects(), &approval).unwrap()];
    let records = store.sealer.seal_all(&cx(), drafts).await.unwrap();
    store.sealer.index(&cx(), &store.index, &store.trust, &records).await.unwrap();
    let found = lineage(&cx(), &store.index, &store.blobs, &store.trust, &artifact()).await.unwrap();
    let feature = &found.change_sets[&"dates-1".parse().unwrap()];
    assert_eq!(feature.title.as_deref(), Some("Show delivery dates"));
    let told = found.to_string();
    for line in ["change set dates-1: Show delivery dates", "alice asked for it", "bob approved cccccccccccc", "carol merged it"]
    {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert_eq!(feature.evidence.iter().map(|link| link.kind).collect::<Vec<_>>(), [LinkKind::Approval, LinkKind::Release]);

    // Nobody else says what PathOps has released.
    let others = TrustRoot::new([]).with_producer("scanner".parse().unwrap(), MemorySigner::from_seed(1).unwrap().public_key());
    let found = lineage(&cx(), &store.index, &store.blobs, &others, &artifact()).await.unwrap();
    assert!(found.change_sets.is_empty() && found.unread.values().all(|why| why.contains("speaks for PathOps")), "{found}");
}

/// A verifier states what holds, and whoever relies on it finds that again.
#[tokio::test]
async fn what_a_verifier_found_is_stated_and_found_again() {
    let store = Store::new().await;
    let taken = store.take(TAP, None, &origin()).await.unwrap();
    let log = LogKey::new("shop.example/evidence", &[7; 32]).unwrap().identity();
    let against = Against { log: &log, trust: &store.trust, known: &[], blobs: Some(&store.blobs), sealed: None };
    let verification = verify_ledger(&cx(), &store.bucket, against).await.unwrap();
    let result = verification.to_predicate("https://verifier.example/v1", UnixMillis(9_000)).unwrap();
    assert_eq!(result.properties, [VERIFIED], "whether the log was cut back was left out: {verification}");

    let signer = MemorySigner::from_seed(9).unwrap();
    let trust = store.trust.clone().with_producer("verifier".parse().unwrap(), signer.public_key());
    let verifier = Sealer::new(Arc::new(signer), Arc::new(store.blobs.clone()));
    let subjects = vec![Subject::named("orders").with_sha256(&taken.payload)];
    let record = verifier.seal(&cx(), "verified", subjects, &result).await.unwrap();
    verifier.index(&cx(), &store.index, &trust, std::slice::from_ref(&record)).await.unwrap();
    let query = EvidenceQuery { kind: Some(VerifiedProperties::TYPE.to_owned()), ..EvidenceQuery::default() };
    let [found] = store.index.query(&cx(), &query).await.unwrap().evidence.try_into().unwrap();
    let facets = found.facets().unwrap();
    assert_eq!((found.id(), facets.verdict, facets.at), (record.id, Verdict::Pass, Some(UnixMillis(9_000))));
    let verified = trust.verify(&verifier.envelope(&cx(), &record).await.unwrap()).unwrap();
    let read: VerifiedProperties = serde_json::from_value(verified.statement().predicate.clone()).unwrap();
    assert_eq!(read, result);
    // Policy reads it, and takes a result without any property for none that passed.
    let fact = EvidenceFact::read(&verified, &trust).unwrap().unwrap();
    assert_eq!(fact.says, Finding::Verified { passed: true });
    let empty = VerifiedProperties { properties: Vec::new(), ..result };
    let subjects = vec![Subject::named("orders").with_sha256(&taken.payload)];
    let record = verifier.seal(&cx(), "nothing", subjects, &empty).await.unwrap();
    let verified = trust.verify(&verifier.envelope(&cx(), &record).await.unwrap()).unwrap();
    assert_eq!(EvidenceFact::read(&verified, &trust).unwrap().unwrap().says, Finding::Verified { passed: false });
}

#[tokio::test]
async fn from_a_digest_it_goes_back_to_what_led_to_it() {
    let store = Store::new().await;
    for bytes in [TAP, TRIVY] {
        store.take(bytes, None, &origin()).await.unwrap();
    }
    // As earlier versions took in whatever is no test, and as it is where nobody says of which change set it is.
    store.take(BOM, None, &Origin { annotations: TestAnnotations::default(), ..origin() }).await.unwrap();
    let other = Origin { subjects: vec![Subject::named("web").with_sha256(&Digest::of(b"web"))], ..origin() };
    let other = Origin { annotations: TestAnnotations { unit: "web".parse().ok(), ..other.annotations }, ..other };
    store.take(b"1..1\nok 1 - of the web\n", Some(Format::Tap), &other).await.unwrap();
    let found = lineage(&cx(), &store.index, &store.blobs, &store.trust, &artifact()).await.unwrap();
    let kinds = |links: &[pathops_evidence::Link]| links.iter().map(|link| link.kind).collect::<Vec<_>>();
    use LinkKind::{BillOfMaterials, Report, Scan, Tests};
    let of_change = &found.change_sets[&"dates-1".parse().unwrap()].evidence;
    assert_eq!(kinds(of_change), [Tests, Scan, Report, Report]);
    let mut others = kinds(&found.others);
    others.sort();
    assert_eq!(others, [BillOfMaterials, Report], "and nothing of the web");
    let links = || of_change.iter().chain(&found.others);
    assert!(links().all(|link| link.by.contains(&artifact()) && link.leaf.is_some()) && found.unread.is_empty());
    let text = found.to_string();
    assert!(text.starts_with(&format!("{}\n  change set dates-1\n", artifact())) && text.contains("tests"), "{text}");

    // Somebody that is not trusted any more has signed nothing.
    let nobody = lineage(&cx(), &store.index, &store.blobs, &TrustRoot::new([]), &artifact()).await.unwrap();
    assert_eq!((nobody.unread.len(), nobody.others.len(), nobody.change_sets.len()), (6, 0, 0));
    assert!(nobody.to_string().contains("UNREAD"), "{nobody}");
    let unknown = SubjectDigest::sha256(&Digest::of(b"unknown"));
    let nothing = lineage(&cx(), &store.index, &store.blobs, &store.trust, &unknown).await.unwrap();
    assert!(nothing.to_string().ends_with("nothing is known of it\n"), "{nothing}");
}

#[tokio::test]
async fn what_an_index_makes_up_is_not_in_what_led_to_a_digest() {
    let store = Store::new().await;
    store.take(TAP, None, &origin()).await.unwrap();
    let web = Origin { subjects: vec![Subject::named("web").with_sha256(&Digest::of(b"web"))], ..origin() };
    let web = Origin { annotations: TestAnnotations { unit: "web".parse().ok(), ..web.annotations }, ..web };
    let taken = store.take(b"1..1\nok 1 - of the web\n", Some(Format::Tap), &web).await.unwrap();
    // Its index says that the tests of the web are a scan of this, of another change set.
    let forged = MemoryEvidenceIndex::new();
    let tests = taken.records.last().unwrap().id;
    for entry in store.index.all() {
        let mut entry = serde_json::to_value(&entry).unwrap();
        if entry["id"] == serde_json::to_value(tests).unwrap() {
            entry["subjects"] = serde_json::json!([artifact()]);
            entry["predicateType"] = "https://in-toto.io/attestation/vulns/v0.2".into();
        }
        if entry["facets"]["changeSet"] == "dates-1" {
            entry["facets"]["changeSet"] = "dates-2".into();
        }
        forged.add(&cx(), &serde_json::from_value(entry).unwrap()).await.unwrap();
    }
    let found = lineage(&cx(), &forged, &store.blobs, &store.trust, &artifact()).await.unwrap();
    let change_sets: Vec<_> = found.change_sets.keys().map(ToString::to_string).collect();
    assert_eq!(change_sets, ["dates-1"], "{found}");
    assert!(found.others.iter().all(|link| link.id != tests) && found.unread[&tests].contains("says nothing of it"), "{found}");
}

#[tokio::test]
async fn a_producer_that_speaks_for_pathops_is_unread() {
    let store = Store::new().await;
    let scanner = MemorySigner::from_seed(2).unwrap();
    let trust = store.trust.clone().with_producer("scanner".parse().unwrap(), scanner.public_key());
    let sealer = Sealer::new(Arc::new(scanner), Arc::new(store.blobs.clone()));
    let health = Health {
        change_set: "dates-1".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        healthy: true,
        settled_millis: 1_000,
        observed_on: UnixMillis(7),
    };
    let record = sealer.seal(&cx(), "health", origin().subjects, &health).await.unwrap();
    sealer.index(&cx(), &store.index, &trust, std::slice::from_ref(&record)).await.unwrap();
    let found = lineage(&cx(), &store.index, &store.blobs, &trust, &artifact()).await.unwrap();
    assert!(found.unread[&record.id].contains("`scanner`") && found.change_sets.is_empty(), "{found}");
}

#[tokio::test]
async fn a_report_above_the_limit_is_refused_and_nothing_is_stored() {
    let store = Store::new().await;
    let large = vec![b'x'; MAX_BYTES + 1];
    for format in [None, Some(Format::PodLog)] {
        let error = store.take(&large, format, &origin()).await.unwrap_err();
        let told = error.to_string();
        assert!(
            error.kind() == ErrorKind::Invalid && told.contains("it has 67108865 bytes, and 67108864 are the limit"),
            "{told}"
        );
        assert!(told.contains("split it") && told.contains("a log of any size is taken in as it comes"), "{told}");
    }
    assert!(store.index.all().is_empty() && store.blobs.get(&cx(), &Digest::of(&large)).await.unwrap().is_none());
}

#[tokio::test]
async fn what_the_rules_of_that_day_did_not_find_is_taken_out_afterwards_and_stated() {
    let store = Store::new().await;
    for (media_type, log) in
        [("text/plain", "one\nlogin swordfish-1234\n"), ("application/json", r#"{"login":"swordfish-1234","n":1}"#)]
    {
        let digest = store.blobs.put(&cx(), log.as_bytes().to_vec()).await.unwrap();
        let stored = Reference {
            name: "logs".to_owned(),
            download_location: store.blobs.location(&digest),
            digest: [("sha256".to_owned(), digest.hex())].into(),
            media_type: media_type.to_owned(),
            annotations: None,
        };
        let of_that_day = Redactor::new(["hunter2-long".to_owned()]).unwrap();
        let again = async |redactor: &Redactor| {
            redact_stored(&cx(), &store.sealer, redactor, &stored, log.as_bytes(), "report 17", UnixMillis(5_000)).await.unwrap()
        };
        assert_eq!(again(&of_that_day).await, None, "there is nothing to state");
        let now = Redactor::new(["swordfish-1234".to_owned()]).unwrap();
        let record = again(&now).await.unwrap();
        assert_eq!(again(&now).await.unwrap().id, record.id, "twice is once");
        store.sealer.index(&cx(), &store.index, &store.trust, std::slice::from_ref(&record)).await.unwrap();

        let verified = store.trust.verify(&store.sealer.envelope(&cx(), &record).await.unwrap()).unwrap();
        assert_eq!(verified.statement().predicate_type, Redaction::TYPE);
        assert_eq!(verified.statement().subject[0].digest, stored.digest);
        let redaction: Redaction = serde_json::from_value(verified.statement().predicate.clone()).unwrap();
        assert_eq!((redaction.treatment.ruleset, redaction.authority.as_str()), (*now.digest(), "report 17"));
        assert_eq!(redaction.treatment.removed, [("known".to_owned(), 1)].into());
        let left = Digest::from_hex(&redaction.replacement.digest["sha256"]).unwrap();
        let left = String::from_utf8(store.blobs.get(&cx(), &left).await.unwrap().unwrap()).unwrap();
        assert!(!left.contains("swordfish") && left.contains("[redacted known]"), "{left}");
        if media_type == "application/json" {
            assert_eq!(serde_json::from_str::<Value>(&left).unwrap()["n"], 1);
        }
        let origin = lineage(&cx(), &store.index, &store.blobs, &store.trust, &SubjectDigest::sha256(&digest)).await.unwrap();
        assert_eq!(origin.others.iter().map(|link| link.kind).collect::<Vec<_>>(), [LinkKind::Redaction]);
    }
}
