//! Faults between every other adapter and its callers. Clock and identifiers have none: they cannot fail.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::{Call, Faulty};
use crate::adapter::{
    Admitted, AgentBackend, AgentCapabilities, AgentRun, AgentTask, BlobCapabilities, BlobCollector, BlobStore, Bucket,
    ByteStream, Ci, CiCapabilities, CiRequest, CiRunId, CiState, Claim, Collected, Created, DataKey, DataKeys, DeliveryNumber,
    Entry, Event, EventBus, EventBusCapabilities, EvidenceIndex, EvidenceIndexCapabilities, EvidencePage, EvidenceQuery,
    ExpectedDeployment, GitOps, GitOpsCapabilities, Inbox, InboxCapabilities, InboxQuery, IndexedEvidence, Journal,
    JournalCapabilities, Lease, LogExcerpt, NewDelivery, Notice, Notifier, NotifierCapabilities, ObjectVersion, Observation, Run,
    RunFilter, RuntimeEvent, RuntimeSignals, Sample, Seq, Settlement, Signal, SignalCapabilities, SignalNumber, SignalQuery,
    Signer, StoredBlob, StoredDelivery, SubjectDigest, Subscriber, Subscription, Transition,
};
use crate::digest::Digest;
use crate::error::Result;
use crate::evidence::{CertificateChain, PublicKey, Signature};
use crate::id::{AgentId, ObjectKey, RunId, Topic, UnitId};
use crate::op::OpContext;
use crate::project::EnvironmentTarget;
use crate::time::UnixMillis;

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl AgentBackend for Faulty<dyn AgentBackend> {
    fn agent(&self) -> AgentId {
        self.inner.agent()
    }

    fn capabilities(&self) -> AgentCapabilities {
        self.inner.capabilities()
    }

    async fn run(&self, cx: &OpContext, task: &AgentTask) -> Result<AgentRun> {
        self.through(Call::read("run an agent"), || self.inner.run(cx, task)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobStore for Faulty<dyn BlobStore> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> BlobCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, cx: &OpContext, bytes: Vec<u8>) -> Result<Digest> {
        self.through(Call::write("store a blob"), || self.inner.put(cx, bytes.clone())).await
    }

    /// Each may fail by itself.
    async fn put_all(&self, cx: &OpContext, blobs: Vec<Vec<u8>>) -> Vec<Result<Digest>> {
        let mut answers = Vec::with_capacity(blobs.len());
        for bytes in blobs {
            answers.push(self.put(cx, bytes).await);
        }
        answers
    }

    async fn get(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Vec<u8>>> {
        self.through(Call::read("read a blob"), || self.inner.get(cx, digest)).await
    }

    /// The stream is read into memory first, for it can be given twice only from there.
    async fn put_stream(&self, cx: &OpContext, bytes: Box<dyn ByteStream>) -> Result<Digest> {
        let bytes = bytes.collect().await?;
        self.through(Call::write("store a blob"), || self.inner.put_stream(cx, bytes.clone().into())).await
    }

    /// Faults are in its beginning; once begun, the stream goes on.
    async fn get_stream(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Box<dyn ByteStream>>> {
        self.through(Call::read("read a blob"), || self.inner.get_stream(cx, digest)).await
    }

    fn location(&self, digest: &Digest) -> String {
        self.inner.location(digest)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobCollector for Faulty<dyn BlobCollector> {
    async fn list<'a>(&self, cx: &OpContext, after: Option<&'a Digest>, limit: usize) -> Result<Vec<StoredBlob>> {
        self.through(Call::read("list blobs"), || self.inner.list(cx, after, limit)).await
    }

    async fn retire(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        self.through(Call::write("retire a blob"), || self.inner.retire(cx, digest)).await
    }

    async fn restore(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        self.through(Call::write("bring a blob back"), || self.inner.restore(cx, digest)).await
    }

    async fn purge(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        self.through(Call::write("delete a blob"), || self.inner.purge(cx, digest)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Bucket for Faulty<dyn Bucket> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.through(Call::write("create an object"), || self.inner.create(cx, key, bytes.clone())).await
    }

    /// Each may fail by itself.
    async fn create_all(&self, cx: &OpContext, objects: Vec<(ObjectKey, Vec<u8>)>) -> Vec<Result<()>> {
        let mut answers = Vec::with_capacity(objects.len());
        for (key, bytes) in objects {
            answers.push(self.create(&cx.part(key.as_str()), &key, bytes).await);
        }
        answers
    }

    async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.through(Call::write("write an object"), || self.inner.write(cx, key, bytes.clone())).await
    }

    async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        self.through(Call::write("replace an object"), || self.inner.replace(cx, key, version, bytes.clone())).await
    }

    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        self.through(Call::read("read an object"), || self.inner.read_version(cx, key)).await
    }

    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        self.through(Call::read("read an object"), || self.inner.read(cx, key)).await
    }

    async fn read_within(&self, cx: &OpContext, key: &ObjectKey, most: u64) -> Result<Option<Vec<u8>>> {
        self.through(Call::read("read an object"), || self.inner.read_within(cx, key, most)).await
    }

    async fn list<'a>(
        &self,
        cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        self.through(Call::read("list objects"), || self.inner.list(cx, within, after, limit)).await
    }

    async fn delete(&self, cx: &OpContext, key: &ObjectKey) -> Result<()> {
        self.through(Call::write("delete an object"), || self.inner.delete(cx, key)).await
    }

    fn location(&self, key: &ObjectKey) -> String {
        self.inner.location(key)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Ci for Faulty<dyn Ci> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> CiCapabilities {
        self.inner.capabilities()
    }

    async fn start(&self, cx: &OpContext, request: &CiRequest) -> Result<CiRunId> {
        self.through(Call::write("start a CI run").on(&request.repo), || self.inner.start(cx, request)).await
    }

    async fn state(&self, cx: &OpContext, run: &CiRunId) -> Result<CiState> {
        self.through(Call::read("read a CI run"), || self.inner.state(cx, run)).await
    }

    async fn cancel(&self, cx: &OpContext, run: &CiRunId) -> Result<()> {
        self.through(Call::write("cancel a CI run"), || self.inner.cancel(cx, run)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl DataKeys for Faulty<dyn DataKeys> {
    async fn generate(&self, cx: &OpContext) -> Result<(DataKey, Vec<u8>)> {
        self.through(Call::read("make a key"), || self.inner.generate(cx)).await
    }

    async fn open(&self, cx: &OpContext, kept: &[u8]) -> Result<DataKey> {
        self.through(Call::read("open a key"), || self.inner.open(cx, kept)).await
    }
}

/// Publishing and subscribing go through the faults. A subscriber is that of the bus itself.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl EventBus for Faulty<dyn EventBus> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> EventBusCapabilities {
        self.inner.capabilities()
    }

    async fn publish(&self, cx: &OpContext, event: &Event) -> Result<()> {
        self.through(Call::write("publish an event"), || self.inner.publish(cx, event)).await
    }

    async fn subscribe(&self, cx: &OpContext, topic: &Topic, subscription: &Subscription) -> Result<Box<dyn Subscriber>> {
        self.through(Call::read("subscribe to a topic"), || self.inner.subscribe(cx, topic, subscription)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl EvidenceIndex for Faulty<dyn EvidenceIndex> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> EvidenceIndexCapabilities {
        self.inner.capabilities()
    }

    async fn add(&self, cx: &OpContext, evidence: &IndexedEvidence) -> Result<()> {
        self.through(Call::write("index evidence"), || self.inner.add(cx, evidence)).await
    }

    async fn add_all(&self, cx: &OpContext, evidence: &[IndexedEvidence]) -> Result<()> {
        self.through(Call::write("index evidence"), || self.inner.add_all(cx, evidence)).await
    }

    async fn about(&self, cx: &OpContext, subjects: &BTreeSet<SubjectDigest>) -> Result<Vec<IndexedEvidence>> {
        self.through(Call::read("look evidence up"), || self.inner.about(cx, subjects)).await
    }

    async fn query(&self, cx: &OpContext, query: &EvidenceQuery) -> Result<EvidencePage> {
        self.through(Call::read("query evidence"), || self.inner.query(cx, query)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl GitOps for Faulty<dyn GitOps> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> GitOpsCapabilities {
        self.inner.capabilities()
    }

    async fn observe(&self, cx: &OpContext, expected: &ExpectedDeployment) -> Result<Observation> {
        let call = Call::read("observe a deployment").on(&expected.repo);
        self.through(call, || self.inner.observe(cx, expected)).await
    }

    async fn refresh(&self, cx: &OpContext, unit: &UnitId, target: &EnvironmentTarget) -> Result<()> {
        self.through(Call::write("refresh a deployment"), || self.inner.refresh(cx, unit, target)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Inbox for Faulty<dyn Inbox> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> InboxCapabilities {
        self.inner.capabilities()
    }

    async fn admit(&self, cx: &OpContext, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>> {
        self.through(Call::write("store deliveries"), || self.inner.admit(cx, deliveries)).await
    }

    async fn claim(&self, cx: &OpContext, now: UnixMillis, ttl: Duration, limit: usize) -> Result<Vec<Claim>> {
        self.through(Call::write("claim deliveries"), || self.inner.claim(cx, now, ttl, limit)).await
    }

    async fn settle(&self, cx: &OpContext, claim: &Claim, settlement: &Settlement) -> Result<()> {
        self.through(Call::write("settle a delivery"), || self.inner.settle(cx, claim, settlement)).await
    }

    async fn find(&self, cx: &OpContext, query: &InboxQuery, limit: usize) -> Result<Vec<StoredDelivery>> {
        self.through(Call::read("find deliveries"), || self.inner.find(cx, query, limit)).await
    }

    async fn replay(&self, cx: &OpContext, numbers: &[DeliveryNumber]) -> Result<u64> {
        self.through(Call::write("replay deliveries"), || self.inner.replay(cx, numbers)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Journal for Faulty<dyn Journal> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> JournalCapabilities {
        self.inner.capabilities()
    }

    async fn acquire(&self, cx: &OpContext, name: &str, owner: &str, now: UnixMillis, ttl: Duration) -> Result<Option<Lease>> {
        self.through(Call::write("take a lease"), || self.inner.acquire(cx, name, owner, now, ttl)).await
    }

    async fn release(&self, cx: &OpContext, lease: &Lease) -> Result<()> {
        self.through(Call::write("give a lease back"), || self.inner.release(cx, lease)).await
    }

    async fn claim(
        &self,
        cx: &OpContext,
        machine: &str,
        owner: &str,
        now: UnixMillis,
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        self.through(Call::write("claim runs"), || self.inner.claim(cx, machine, owner, now, ttl, limit)).await
    }

    async fn surrender(&self, cx: &OpContext, machine: &str, owner: &str) -> Result<()> {
        self.through(Call::write("surrender runs"), || self.inner.surrender(cx, machine, owner)).await
    }

    async fn woken(&self) -> Option<RunId> {
        self.inner.woken().await
    }

    async fn tell(&self, cx: &OpContext, run: &RunId, at: UnixMillis, told: &Value) -> Result<SignalNumber> {
        self.through(Call::write("tell a run"), || self.inner.tell(cx, run, at, told)).await
    }

    async fn told(&self, cx: &OpContext, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        self.through(Call::read("read what a run was told"), || self.inner.told(cx, run, after, limit)).await
    }

    async fn create(&self, cx: &OpContext, lease: &Lease, run: &RunId, machine: &str, first: &Transition) -> Result<Created> {
        self.through(Call::write("create a run"), || self.inner.create(cx, lease, run, machine, first)).await
    }

    async fn append(&self, cx: &OpContext, lease: &Lease, run: &RunId, expected: Seq, transition: &Transition) -> Result<Seq> {
        self.through(Call::write("add a transition"), || self.inner.append(cx, lease, run, expected, transition)).await
    }

    async fn load(&self, cx: &OpContext, run: &RunId) -> Result<Option<Run>> {
        self.through(Call::read("load a run"), || self.inner.load(cx, run)).await
    }

    async fn runs<'a>(&self, cx: &OpContext, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>> {
        self.through(Call::read("list runs"), || self.inner.runs(cx, filter, after, limit)).await
    }

    async fn entries(&self, cx: &OpContext, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        self.through(Call::read("read a run's entries"), || self.inner.entries(cx, run, after, limit)).await
    }

    async fn archive(&self, cx: &OpContext, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>> {
        self.through(Call::write("archive runs"), || self.inner.archive(cx, ended_before, limit)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Notifier for Faulty<dyn Notifier> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> NotifierCapabilities {
        self.inner.capabilities()
    }

    async fn notify(&self, cx: &OpContext, notice: &Notice) -> Result<()> {
        self.through(Call::write("deliver a notice"), || self.inner.notify(cx, notice)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl RuntimeSignals for Faulty<dyn RuntimeSignals> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> SignalCapabilities {
        self.inner.capabilities()
    }

    async fn logs(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<LogExcerpt>> {
        self.through(Call::read("read logs"), || self.inner.logs(cx, query)).await
    }

    async fn events(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<RuntimeEvent>>> {
        self.through(Call::read("read events"), || self.inner.events(cx, query)).await
    }

    async fn metrics(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<Sample>>> {
        self.through(Call::read("read metrics"), || self.inner.metrics(cx, query)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Signer for Faulty<dyn Signer> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn public_key(&self) -> PublicKey {
        self.inner.public_key()
    }

    fn certificates(&self) -> Option<CertificateChain> {
        self.inner.certificates()
    }

    async fn sign(&self, cx: &OpContext, message: &[u8]) -> Result<Signature> {
        self.through(Call::read("sign"), || self.inner.sign(cx, message)).await
    }
}
