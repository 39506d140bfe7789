use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::adapter::{
    Artifact, BlobStore, Ci, CiCapabilities, CiConclusion, CiOutcome, CiRequest, CiRunId, CiState, Clock, LogExcerpt, Scm,
    SourceTree,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{RepoPath, TreeId};
use crate::op::OpContext;
use crate::time::UnixMillis;

/// What a scripted pipeline does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// How it ends.
    pub conclusion: CiConclusion,
    /// The report of its tests that it writes, in any format.
    pub tests: Option<Vec<u8>>,
    /// The bytes that it builds.
    pub artifact: Option<Vec<u8>>,
    /// What it prints.
    pub log: Vec<u8>,
}

impl Pipeline {
    /// One unit test passes, and an artifact is built that depends on nothing but the unit and its files.
    #[must_use]
    pub fn passing(request: &CiRequest, files: &SourceTree) -> Self {
        let mut artifact = format!("the artifact of {}\n", request.unit).into_bytes();
        for (path, file) in files {
            artifact.extend_from_slice(format!("{path} {} {}\n", file.bytes.len(), file.executable).as_bytes());
            artifact.extend_from_slice(&file.bytes);
        }
        Self {
            conclusion: CiConclusion::Passed,
            tests: Some(junit(&request.unit.to_string(), "")),
            artifact: Some(artifact),
            log: b"1 test passed\n".to_vec(),
        }
    }

    /// One unit test fails, and nothing is built.
    #[must_use]
    pub fn failing(request: &CiRequest) -> Self {
        Self {
            conclusion: CiConclusion::Failed { code: 1 },
            tests: Some(junit(&request.unit.to_string(), r#"<failure message="it does not work"/>"#)),
            artifact: None,
            log: b"1 test failed\n".to_vec(),
        }
    }
}

fn junit(class: &str, verdict: &str) -> Vec<u8> {
    let failures = u8::from(!verdict.is_empty());
    let case = format!(r#"<testcase classname="{class}" name="works" time="0.001">{verdict}</testcase>"#);
    let suite = format!(r#"<testsuite name="unit" tests="1" failures="{failures}" errors="0" skipped="0">{case}</testsuite>"#);
    format!(r#"<?xml version="1.0" encoding="UTF-8"?><testsuites>{suite}</testsuites>"#).into_bytes()
}

type Script = dyn Fn(&CiRequest, &SourceTree) -> Pipeline + Send + Sync;

/// A CI system that does what a closure says. Clones share its runs.
#[derive(Clone)]
pub struct MemoryCi {
    scm: Arc<dyn Scm>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    takes: Duration,
    script: Arc<Script>,
    runs: Arc<Mutex<BTreeMap<CiRunId, Run>>>,
}

#[derive(Clone)]
struct Run {
    /// How it ends, if it is not stopped before.
    outcome: CiOutcome,
    ended: bool,
}

impl MemoryCi {
    /// A CI system that reads commits from `scm` and stores artifacts in `blobs`. Its pipelines take no time and pass.
    #[must_use]
    pub fn new(scm: Arc<dyn Scm>, blobs: Arc<dyn BlobStore>, clock: Arc<dyn Clock>) -> Self {
        let script = Arc::new(Pipeline::passing);
        Self { scm, blobs, clock, takes: Duration::ZERO, script, runs: Arc::default() }
    }

    /// Each run takes so long.
    #[must_use]
    pub fn taking(mut self, time: Duration) -> Self {
        self.takes = time;
        self
    }

    /// Runs do what `script` says of the request and the files of its commit.
    #[must_use]
    pub fn with_script(mut self, script: impl Fn(&CiRequest, &SourceTree) -> Pipeline + Send + Sync + 'static) -> Self {
        self.script = Arc::new(script);
        self
    }

    /// Forgets every run, as a restart of the CI system would.
    pub fn forget_runs(&self) {
        self.runs().clear();
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<CiRunId, Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn outcome(&self, cx: &OpContext, request: &CiRequest) -> Result<CiOutcome> {
        let CiRequest { repo, commit, base, .. } = request;
        let tree = self.scm.read_commit(cx, repo, commit).await?.tree;
        let files = self.scm.read_tree(cx, repo, commit, &RepoPath::root()).await?;
        let pipeline_changed = self.pipeline(cx, request, commit).await? != self.pipeline(cx, request, base).await?;
        let Pipeline { conclusion, tests, artifact, log } = (self.script)(request, &files);
        let artifact = match artifact {
            Some(bytes) => Some(self.store(cx, bytes).await?),
            None => None,
        };
        let started_at = self.clock.now();
        Ok(CiOutcome {
            conclusion,
            tree,
            started_at,
            finished_at: started_at + self.takes,
            log: LogExcerpt::whole(log),
            tests,
            artifact,
            pipeline_changed,
            remarks: Vec::new(),
        })
    }

    async fn pipeline(&self, cx: &OpContext, request: &CiRequest, commit: &crate::CommitId) -> Result<Option<TreeId>> {
        let folder =
            RepoPath::parse("ci").map_err(|e| Error::new(ErrorKind::Unexpected, "name the pipeline's folder").with_source(e))?;
        self.scm.tree_at(cx, &request.repo, commit, &folder).await
    }

    async fn store(&self, cx: &OpContext, bytes: Vec<u8>) -> Result<Artifact> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let digest = self.blobs.put(&cx.part("artifact"), bytes).await?;
        Ok(Artifact { digest, bytes: size, media_type: "application/octet-stream".to_owned() })
    }
}

impl Run {
    fn state(&mut self, now: UnixMillis) -> CiState {
        self.ended |= now >= self.outcome.finished_at;
        if self.ended { CiState::Finished(Box::new(self.outcome.clone())) } else { CiState::Running }
    }

    fn stop(&mut self, now: UnixMillis) {
        if self.state(now) == CiState::Running {
            self.outcome.conclusion = CiConclusion::Errored { reason: "it was stopped".to_owned() };
            self.outcome.finished_at = now;
            (self.outcome.tests, self.outcome.artifact) = (None, None);
            self.ended = true;
        }
    }
}

impl fmt::Debug for MemoryCi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCi").field("takes", &self.takes).field("runs", &self.runs().len()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Ci for MemoryCi {
    fn name(&self) -> &'static str {
        "memory-ci"
    }

    fn capabilities(&self) -> CiCapabilities {
        CiCapabilities { cancel: true }
    }

    async fn start(&self, cx: &OpContext, request: &CiRequest) -> Result<CiRunId> {
        let id = CiRunId::for_key(cx.key());
        if self.runs().contains_key(&id) {
            return Ok(id);
        }
        let outcome = self.outcome(cx, request).await?;
        self.runs().entry(id.clone()).or_insert(Run { outcome, ended: false });
        Ok(id)
    }

    async fn state(&self, _: &OpContext, run: &CiRunId) -> Result<CiState> {
        let now = self.clock.now();
        Ok(self.runs().get_mut(run).map_or(CiState::Lost, |run| run.state(now)))
    }

    async fn cancel(&self, _: &OpContext, run: &CiRunId) -> Result<()> {
        let now = self.clock.now();
        if let Some(run) = self.runs().get_mut(run) {
            run.stop(now);
        }
        Ok(())
    }
}
