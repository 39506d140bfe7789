//! What PathOps keeps: the journal, blobs, numbered objects.

use std::time::Duration;

use async_trait::async_trait;
use pathops_coordinator::incident::Incident;
use pathops_core::adapter::{
    BlobCapabilities, BlobStore, Bucket, ByteStream, Created, Entry, Journal, JournalCapabilities, Lease, ObjectVersion, Run,
    RunFilter, Seq, Signal, SignalNumber, Transition,
};
use pathops_core::evidence::Envelope;
use pathops_core::flow::Machine as _;
use pathops_core::{Digest, ObjectKey, OpContext, Result, RunId, UnixMillis};
use serde_json::Value;

use super::Watched;
use crate::bug::Bug;
use crate::step::Step;

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Journal for Watched<dyn Journal> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> JournalCapabilities {
        self.inner.capabilities()
    }

    async fn acquire(&self, cx: &OpContext, name: &str, owner: &str, now: UnixMillis, ttl: Duration) -> Result<Option<Lease>> {
        // Renewed every few seconds: not worth a line each.
        self.lens.silently(self.inner.acquire(cx, name, owner, now, ttl)).await
    }

    async fn release(&self, cx: &OpContext, lease: &Lease) -> Result<()> {
        self.lens.silently(self.inner.release(cx, lease)).await
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
        if self.lens.has(Bug::JournalForgetsIncidents) && machine == Incident::NAME {
            return Ok(Vec::new());
        }
        self.lens.silently(self.inner.claim(cx, machine, owner, now, ttl, limit)).await
    }

    async fn surrender(&self, cx: &OpContext, machine: &str, owner: &str) -> Result<()> {
        self.lens.silently(self.inner.surrender(cx, machine, owner)).await
    }

    async fn woken(&self) -> Option<RunId> {
        self.inner.woken().await
    }

    async fn tell(&self, cx: &OpContext, run: &RunId, at: UnixMillis, told: &Value) -> Result<SignalNumber> {
        let number = self.lens.write(cx, "tell", run, self.inner.tell(cx, run, at, told)).await?;
        self.lens.step(&Step::Signalled { run, number });
        self.lens.done("tell").await;
        Ok(number)
    }

    async fn told(&self, cx: &OpContext, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        // Looked for every few seconds, too.
        let told = self.lens.silently(self.inner.told(cx, run, after, limit)).await?;
        Ok(if self.lens.has(Bug::JournalTellsNothing) { Vec::new() } else { told })
    }

    async fn create(&self, cx: &OpContext, lease: &Lease, run: &RunId, machine: &str, first: &Transition) -> Result<Created> {
        let created = self.lens.write(cx, "begin a run", run, self.inner.create(cx, lease, run, machine, first)).await?;
        if created == Created::New {
            self.lens.step(&Step::Began { run, transition: first });
        }
        self.lens.done("begin a run").await;
        Ok(created)
    }

    async fn append(&self, cx: &OpContext, lease: &Lease, run: &RunId, expected: Seq, transition: &Transition) -> Result<Seq> {
        let mut kept = transition.clone();
        if self.lens.has(Bug::JournalKeepsNoIntent) {
            kept.opens.clear();
        }
        if self.lens.has(Bug::JournalChangesDates) {
            kept.at = kept.at + Duration::from_millis(1);
        }
        let seq = if self.lens.has_now(Bug::JournalLosesAWrite, 20) {
            self.lens.write(cx, "journal", run, std::future::ready(Ok(Seq(expected.0 + 1)))).await?
        } else {
            self.lens.write(cx, "journal", run, self.inner.append(cx, lease, run, expected, &kept)).await?
        };
        self.lens.step(&Step::Journaled { run, seq, transition });
        self.lens.done("journal").await;
        Ok(seq)
    }

    async fn load(&self, cx: &OpContext, run: &RunId) -> Result<Option<Run>> {
        let mut loaded = self.lens.read("load", run, self.inner.load(cx, run)).await?;
        if let Some(run) = loaded.as_mut().filter(|_| self.lens.has(Bug::JournalForgetsWhatEnded)) {
            let entries = self.inner.entries(cx, &run.id, Seq(0), 10_000).await?;
            run.open = entries.into_iter().flat_map(|entry| entry.opens).collect();
        }
        let is_lost =
            self.lens.has(Bug::JournalLosesTheArchive) && self.lens.truth.records.lock().unwrap().archived.contains(run);
        Ok(loaded.filter(|_| !is_lost))
    }

    async fn runs<'a>(&self, cx: &OpContext, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>> {
        let runs = self.lens.silently(self.inner.runs(cx, filter, after, limit)).await?;
        Ok(if self.lens.has(Bug::JournalHidesRuns) { Vec::new() } else { runs })
    }

    async fn entries(&self, cx: &OpContext, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        let entries = self.lens.read("read the entries of", run, self.inner.entries(cx, run, after, limit)).await?;
        if self.lens.has(Bug::JournalForgetsNumbers) {
            return Ok(entries.into_iter().map(|entry| Entry { opens: Vec::new(), ..entry }).collect());
        }
        Ok(entries)
    }

    async fn archive(&self, cx: &OpContext, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>> {
        let moving = self.inner.archive(cx, ended_before, limit);
        let mut moved = self.lens.write(cx, "archive runs", limit, moving).await?;
        if self.lens.has(Bug::JournalArchivesWhatGoesOn) {
            moved.extend(self.inner.runs(cx, &RunFilter::default().open(), None, 1).await?);
        }
        for run in &moved {
            self.lens.truth.records.lock().unwrap().archived.insert(run.clone());
            self.lens.step(&Step::Archived { run });
        }
        self.lens.done("archive runs").await;
        Ok(moved)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobStore for Watched<dyn BlobStore> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> BlobCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, cx: &OpContext, bytes: Vec<u8>) -> Result<Digest> {
        self.store(cx, bytes).await
    }

    async fn put_all(&self, cx: &OpContext, blobs: Vec<Vec<u8>>) -> Vec<Result<Digest>> {
        let mut answers = Vec::with_capacity(blobs.len());
        for bytes in blobs {
            answers.push(self.store(cx, bytes).await);
        }
        answers
    }

    async fn get(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Vec<u8>>> {
        self.lens.read("read a blob", digest.short(), self.inner.get(cx, digest)).await
    }

    async fn put_stream(&self, cx: &OpContext, bytes: Box<dyn ByteStream>) -> Result<Digest> {
        let bytes = bytes.collect().await?;
        self.store(cx, bytes).await
    }

    async fn get_stream(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Box<dyn ByteStream>>> {
        self.lens.read("read a blob", digest.short(), self.inner.get_stream(cx, digest)).await
    }

    fn location(&self, digest: &Digest) -> String {
        self.inner.location(digest)
    }
}

impl Watched<dyn BlobStore> {
    async fn store(&self, cx: &OpContext, bytes: Vec<u8>) -> Result<Digest> {
        let digest = Digest::of(&bytes);
        if Envelope::from_slice(&bytes).is_ok() && self.lens.has_now(Bug::StoreLosesABlob, 50) {
            return self.lens.write(cx, "store a blob", digest.short(), std::future::ready(Ok(digest))).await;
        }
        let stored = self.lens.write(cx, "store a blob", digest.short(), self.inner.put(cx, bytes.clone())).await?;
        self.lens.step(&Step::Stored { bytes: &bytes });
        self.lens.done("store a blob").await;
        Ok(stored)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Bucket for Watched<dyn Bucket> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.lens.write(cx, "create an object", key, self.inner.create(cx, key, bytes)).await?;
        self.lens.done("create an object").await;
        Ok(())
    }

    async fn create_all(&self, cx: &OpContext, objects: Vec<(ObjectKey, Vec<u8>)>) -> Vec<Result<()>> {
        let mut answers = Vec::with_capacity(objects.len());
        for (key, bytes) in objects {
            answers.push(self.create(&cx.part(key.as_str()), &key, bytes).await);
        }
        answers
    }

    async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.lens.write(cx, "write an object", key, self.inner.write(cx, key, bytes)).await?;
        self.lens.done("write an object").await;
        Ok(())
    }

    async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        self.lens.write(cx, "replace an object", key, self.inner.replace(cx, key, version, bytes)).await?;
        self.lens.done("replace an object").await;
        Ok(())
    }

    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        self.lens.read("read an object", key, self.inner.read_version(cx, key)).await
    }

    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        self.lens.read("read an object", key, self.inner.read(cx, key)).await
    }

    async fn read_within(&self, cx: &OpContext, key: &ObjectKey, most: u64) -> Result<Option<Vec<u8>>> {
        self.lens.read("read an object", key, self.inner.read_within(cx, key, most)).await
    }

    async fn list<'a>(
        &self,
        cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        self.lens.read("list objects", within, self.inner.list(cx, within, after, limit)).await
    }

    async fn delete(&self, cx: &OpContext, key: &ObjectKey) -> Result<()> {
        self.lens.write(cx, "delete an object", key, self.inner.delete(cx, key)).await?;
        self.lens.done("delete an object").await;
        Ok(())
    }

    fn location(&self, key: &ObjectKey) -> String {
        self.inner.location(key)
    }
}
