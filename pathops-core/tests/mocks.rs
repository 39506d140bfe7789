//! Each adapter trait has a mock that a host's unit test can make, teach and hand on as the trait.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::sync::Arc;
use std::time::Duration;

use pathops_core::adapter::{
    AgentBackend, BlobCollector, BlobStore, Bucket, Ci, CiRunId, CiState, Clock, Collected, DataKey, DataKeys, Event, EventBus,
    EvidenceIndex, GitOps, IdSource, Inbox, InboxQuery, Journal, Merge, MergeableBranch, MockAgentBackend, MockBlobCollector,
    MockBlobStore, MockBucket, MockCi, MockClock, MockDataKeys, MockEventBus, MockEvidenceIndex, MockGitOps, MockIdSource,
    MockInbox, MockJournal, MockMerge, MockNotifier, MockRuntimeSignals, MockScm, MockSigner, MockSubscriber, MockWebhookSource,
    Notice, Notifier, Rejection, RunFilter, RuntimeSignals, Scm, SignalQuery, Signer, SubjectDigest, Subscription,
    WebhookRequest, WebhookSource,
};
use pathops_core::evidence::{AbsenceKind, Signature};
use pathops_core::policy::{ConditionAnswer, ConditionError, Languages, MockCondition, MockConditionLanguage, Summary};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{Digest, Error, ErrorKind, IdempotencyKey, OpContext, PullRequestNumber, UnixMillis};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("mock"))
}

fn commit() -> pathops_core::CommitId {
    "0".repeat(40).parse().unwrap()
}

fn preflight() -> EnvironmentTarget {
    EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight)
}

#[tokio::test]
async fn git_hosts() {
    let (repo, branch) = ("shop/orders-src".parse().unwrap(), "main".parse().unwrap());
    let mut scm = MockScm::new();
    scm.expect_branch_head().times(1).returning(|_, _, _| Ok(Some(commit())));
    let scm: Arc<dyn Scm> = Arc::new(scm);
    assert_eq!(scm.branch_head(&cx(), &repo, &branch).await.unwrap(), Some(commit()));

    let mut merge = MockMerge::new();
    merge.expect_merge().times(1).returning(|_, _, _, head, _| Ok(head.clone()));
    let merge: Arc<dyn Merge> = Arc::new(merge);
    let branch = MergeableBranch::of(&preflight()).unwrap();
    assert_eq!(merge.merge(&cx(), &repo, PullRequestNumber(1), &commit(), &branch).await.unwrap(), commit());
}

#[tokio::test]
async fn build_deploy_and_watch() {
    let mut ci = MockCi::new();
    ci.expect_state().times(1).returning(|_, _| Ok(CiState::Lost));
    let ci: Arc<dyn Ci> = Arc::new(ci);
    assert_eq!(ci.state(&cx(), &CiRunId("1".to_owned())).await.unwrap(), CiState::Lost);

    let mut gitops = MockGitOps::new();
    gitops.expect_refresh().times(1).returning(|_, _, _| Err(Error::new(ErrorKind::Unavailable, "refresh a deployment")));
    let gitops: Arc<dyn GitOps> = Arc::new(gitops);
    let refused = gitops.refresh(&cx(), &"orders".parse().unwrap(), &preflight()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);

    let mut signals = MockRuntimeSignals::new();
    signals.expect_logs().times(1).returning(|_, _| Ok(Collected::absent(AbsenceKind::NothingThere, "gone")));
    let signals: Arc<dyn RuntimeSignals> = Arc::new(signals);
    let query =
        SignalQuery { unit: "orders".parse().unwrap(), target: preflight(), since: UnixMillis(0), head_bytes: 1, tail_bytes: 1 };
    assert_eq!(signals.logs(&cx(), &query).await.unwrap(), Collected::absent(AbsenceKind::NothingThere, "gone"));
}

#[tokio::test]
async fn stores_and_keys() {
    let mut bucket = MockBucket::new();
    bucket.expect_read().times(1).returning(|_, _| Ok(None));
    let bucket: Arc<dyn Bucket> = Arc::new(bucket);
    assert_eq!(bucket.read(&cx(), &"log/checkpoint".parse().unwrap()).await.unwrap(), None);

    let mut blobs = MockBlobStore::new();
    blobs.expect_put().times(1).returning(|_, bytes| Ok(Digest::of(&bytes)));
    let blobs: Arc<dyn BlobStore> = Arc::new(blobs);
    assert_eq!(blobs.put(&cx(), b"x".to_vec()).await.unwrap(), Digest::of(b"x"));

    let mut collector = MockBlobCollector::new();
    collector.expect_list().times(1).returning(|_, _, _| Ok(Vec::new()));
    let collector: Arc<dyn BlobCollector> = Arc::new(collector);
    assert_eq!(collector.list(&cx(), None, 1).await.unwrap(), []);

    let mut keys = MockDataKeys::new();
    keys.expect_open().times(1).returning(|_, _| Ok(DataKey::new([1; 32])));
    let keys: Arc<dyn DataKeys> = Arc::new(keys);
    assert_eq!(keys.open(&cx(), b"kept").await.unwrap(), DataKey::new([1; 32]));

    let mut index = MockEvidenceIndex::new();
    index.expect_about().withf(|_, subjects| subjects.len() == 1).times(1).returning(|_, _| Ok(Vec::new()));
    let index: Arc<dyn EvidenceIndex> = Arc::new(index);
    assert_eq!(index.about(&cx(), &[SubjectDigest::commit(&commit())].into()).await.unwrap(), []);

    let mut journal = MockJournal::new();
    journal.expect_runs().times(1).returning(|_, _, _, _| Ok(vec!["run-1".parse().unwrap()]));
    journal.expect_claim().times(1).returning(|_, _, _, _, _, _| Ok(Vec::new()));
    let journal: Arc<dyn Journal> = Arc::new(journal);
    let ttl = std::time::Duration::from_secs(1);
    assert_eq!(journal.claim(&cx(), "machine", "one", UnixMillis(0), ttl, 1).await.unwrap(), []);
    assert_eq!(journal.runs(&cx(), &RunFilter::default(), None, 1).await.unwrap(), ["run-1".parse().unwrap()]);

    let mut signer = MockSigner::new();
    signer.expect_sign().times(1).returning(|_, message| Ok(Signature::from_der(message.to_vec())));
    let signer: Arc<dyn Signer> = Arc::new(signer);
    assert_eq!(signer.sign(&cx(), b"x").await.unwrap().as_der(), b"x");
}

#[tokio::test]
async fn webhooks() {
    let mut source = MockWebhookSource::new();
    source.expect_receive().times(1).returning(|_| Err(Rejection::Unauthentic));
    let source: Arc<dyn WebhookSource> = Arc::new(source);
    assert_eq!(source.receive(&WebhookRequest::new(&[], b"", UnixMillis(0))), Err(Rejection::Unauthentic));

    let mut inbox = MockInbox::new();
    inbox.expect_find().times(1).returning(|_, _, _| Ok(Vec::new()));
    let inbox: Arc<dyn Inbox> = Arc::new(inbox);
    assert_eq!(inbox.find(&cx(), &InboxQuery::default(), 1).await.unwrap(), []);
}

#[tokio::test]
async fn events() {
    let (id, topic, lane) = ("e1".parse().unwrap(), "webhooks".parse().unwrap(), "lane".parse().unwrap());
    let event = Event::new(id, topic, lane, b"x".to_vec()).unwrap();
    let (mut bus, told) = (MockEventBus::new(), event.clone());
    bus.expect_subscribe().times(1).returning(move |_, _, _| {
        let (mut subscriber, told) = (MockSubscriber::new(), told.clone());
        subscriber.expect_next().times(1).returning(move |_| Ok(told.clone()));
        Ok(Box::new(subscriber))
    });
    let bus: Arc<dyn EventBus> = Arc::new(bus);
    let mut subscriber = bus.subscribe(&cx(), event.topic(), &Subscription::ephemeral()).await.unwrap();
    assert_eq!(subscriber.next(&cx()).await.unwrap(), event);
}

#[tokio::test]
async fn agents_and_people() {
    let mut agent = MockAgentBackend::new();
    agent.expect_agent().times(1).returning(|| "patch".parse().unwrap());
    let agent: Arc<dyn AgentBackend> = Arc::new(agent);
    assert_eq!(agent.agent().as_str(), "patch");

    let mut notifier = MockNotifier::new();
    notifier
        .expect_notify()
        .withf(|cx, notice| cx.key().as_str() == "mock" && notice.text == "hello")
        .times(1)
        .returning(|_, _| Ok(()));
    let notifier: Arc<dyn Notifier> = Arc::new(notifier);
    let importance = pathops_core::adapter::Importance::Info;
    let (project, to, text) = ("shop".parse().unwrap(), Vec::new(), "hello".to_owned());
    notifier.notify(&cx(), &Notice { project, change_set: None, importance, to, text }).await.unwrap();
}

#[tokio::test]
async fn time_and_identifiers() {
    let mut clock = MockClock::new();
    clock.expect_now().times(1).returning(|| UnixMillis(7));
    clock.expect_sleep().times(1).returning(|_| ());
    let clock: Arc<dyn Clock> = Arc::new(clock);
    clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(clock.now(), UnixMillis(7));

    let mut ids = MockIdSource::new();
    ids.expect_fresh().times(1).return_const(9_u128);
    let ids: Arc<dyn IdSource> = Arc::new(ids);
    assert_eq!(ids.fresh(), 9);
}

#[test]
fn conditions() {
    let mut language = MockConditionLanguage::new();
    language.expect_name().return_const("mock");
    language.expect_version().return_const("1.0".to_owned());
    language.expect_compile().times(1).withf(|text| text == "true").returning(|_| {
        let mut condition = MockCondition::new();
        condition.expect_evaluate().times(1).returning(|_| Ok(ConditionAnswer { holds: true, reasons: Vec::new() }));
        Ok(Arc::new(condition))
    });
    language.expect_compile().times(1).returning(|_| Err(ConditionError::new("no such word")));
    let languages = Languages::none().with(Arc::new(language));
    let condition = languages.compile("mock", "true").unwrap();
    assert!(condition.evaluate(&Summary::default()).unwrap().holds);
    assert_eq!(languages.compile("mock", "ture").unwrap_err().to_string(), "no such word");
}
