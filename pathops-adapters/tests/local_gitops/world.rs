//! A world for tests of the local reconciler: real repositories, real processes, real HTTP. The app is the test's own
//! executable, started again with `serve`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pathops_adapters::local_gitops::{Program, Reconciler, ReconcilerConfig, Watched};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{BlobStore, Clock as _, ExpectedDeployment, GitOps as _, Observation, Readiness};
use pathops_core::memory::MemoryBlobs;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{CommitId, Digest, EnvironmentId, IdempotencyKey, JobName, OpContext, RepoId, TreeId, UnitId, UnixMillis};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

pub(crate) fn preflight() -> EnvironmentTarget {
    EnvironmentTarget::local(EnvironmentId::parse("preflight").unwrap(), EnvironmentKind::Preflight)
}

pub(crate) fn unit(name: &str) -> UnitId {
    UnitId::parse(name).unwrap()
}

pub(crate) fn jobs(names: &[&str]) -> Vec<JobName> {
    names.iter().map(|name| JobName::parse(*name).unwrap()).collect()
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) folder: Arc<tempfile::TempDir>,
    pub(crate) blobs: MemoryBlobs,
    pub(crate) watched: Vec<Watched>,
    pub(crate) start_limit: Duration,
}

pub(crate) struct Host {
    pub(crate) reconciler: Arc<Reconciler>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<pathops_core::Result<()>>,
}

impl World {
    /// One repository `shop/<name>-gitops` for each unit; nothing runs yet.
    pub(crate) fn new(units: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let watch = |name: &&str| {
            let repo = RepoId::parse(format!("shop/{name}-gitops")).unwrap();
            git2::Repository::init_bare(folder.path().join(format!("repositories/{repo}.git"))).unwrap();
            Watched { unit: unit(name), repo, target: preflight() }
        };
        let watched = units.iter().map(watch).collect();
        Self { folder: Arc::new(folder), blobs: MemoryBlobs::new(), watched, start_limit: Duration::from_secs(10) }
    }

    pub(crate) fn config(&self) -> ReconcilerConfig {
        config(self.folder.path(), self.watched.clone(), self.start_limit)
    }

    pub(crate) fn start(&self) -> Host {
        self.start_with(Arc::new(self.blobs.clone()))
    }

    pub(crate) fn start_with(&self, blobs: Arc<dyn BlobStore>) -> Host {
        Self::run(self.config(), blobs)
    }

    pub(crate) fn start_config(&self, config: ReconcilerConfig) -> Host {
        Self::run(config, Arc::new(self.blobs.clone()))
    }

    fn run(config: ReconcilerConfig, blobs: Arc<dyn BlobStore>) -> Host {
        let reconciler = Arc::new(Reconciler::new(config, blobs, Arc::new(SystemClock)).unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = reconciler.clone();
        let running = tokio::spawn(async move { running.run(async { drop(stopped.await) }).await });
        Host { reconciler, stop: Some(stop), running }
    }

    pub(crate) fn repository(&self, unit: &str) -> PathBuf {
        self.folder.path().join(format!("repositories/shop/{unit}-gitops.git"))
    }

    /// Commits the whole content of the environment's folder, and says what to expect from it.
    pub(crate) fn commit(&self, unit: &str, files: &[(&str, String)]) -> ExpectedDeployment {
        let since = SystemClock.now();
        let (commit, tree) = commit(&self.repository(unit), files);
        let artifact = files.iter().find(|(name, _)| *name == "artifact.yaml").map(|(_, text)| {
            let digest = text.split('"').nth(1).unwrap();
            digest.parse().unwrap()
        });
        self.expected(unit, commit, tree, artifact, since)
    }

    fn expected(
        &self,
        name: &str,
        commit: CommitId,
        tree: TreeId,
        artifact: Option<Digest>,
        since: UnixMillis,
    ) -> ExpectedDeployment {
        let repo = RepoId::parse(format!("shop/{name}-gitops")).unwrap();
        ExpectedDeployment {
            unit: unit(name),
            target: preflight(),
            repo,
            commit,
            tree,
            artifact,
            jobs: Vec::new(),
            settle: Duration::ZERO,
            since,
        }
    }

    /// Stores an artifact whose `bin/app` serves as `version`.
    pub(crate) async fn artifact(&self, version: &str) -> Digest {
        self.blobs.put(&cx(), artifact(version)).await.unwrap()
    }
}

impl Host {
    pub(crate) async fn observe(&self, expected: &ExpectedDeployment) -> Observation {
        self.reconciler.observe(&cx(), expected).await.unwrap()
    }

    /// Waits until the readiness is as wanted.
    #[expect(clippy::disallowed_methods, reason = "a test waits for real processes")]
    pub(crate) async fn until(&self, expected: &ExpectedDeployment, wanted: impl Fn(&Readiness) -> bool) -> Observation {
        let mut last = None;
        for _ in 0..1500 {
            let seen = self.observe(expected).await;
            if wanted(&seen.readiness) {
                return seen;
            }
            last = Some(seen);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("15 s have passed, and it is still {last:#?}");
    }

    pub(crate) async fn until_ready(&self, expected: &ExpectedDeployment) -> Observation {
        self.until(expected, |readiness| *readiness == Readiness::Ready).await
    }

    /// The message of the failure that it ends with.
    pub(crate) async fn until_failed(&self, expected: &ExpectedDeployment) -> String {
        let seen = self.until(expected, |readiness| matches!(readiness, Readiness::Failed(_))).await;
        format!("{:?}", seen.readiness)
    }

    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.running.await.unwrap().unwrap();
    }
}

pub(crate) fn config(folder: &Path, watched: Vec<Watched>, start_limit: Duration) -> ReconcilerConfig {
    let app = Program { executable: std::env::current_exe().unwrap(), args: vec!["serve".to_owned(), "program".to_owned()] };
    ReconcilerConfig {
        repositories: folder.join("repositories"),
        work: folder.join("work"),
        watched,
        programs: BTreeMap::from([("app".to_owned(), app)]),
        path: "/usr/bin:/bin".into(),
        poll: Duration::from_millis(20),
        start_limit,
        job_limit: Duration::from_secs(5),
    }
}

/// A deployment of the artifact, with `more` lines below `spec`.
pub(crate) fn deployment(args: &str, more: &str) -> (&'static str, String) {
    let exe = std::env::current_exe().unwrap();
    let environment = format!("{{APP_EXE: \"{}\"}}", exe.display());
    (
        "deployment.yaml",
        document(
            "Deployment",
            &format!(
                "  run: {{artifact: bin/app, args: [{args}]}}\n  environment: {environment}\n  health: {{path: /health}}\n{more}"
            ),
        ),
    )
}

/// A deployment of the machine's program `app`, with `more` lines below `spec`.
pub(crate) fn program(args: &str, more: &str) -> (&'static str, String) {
    (
        "deployment.yaml",
        document("Deployment", &format!("  run: {{program: app, args: [{args}]}}\n  health: {{path: /health}}\n{more}")),
    )
}

pub(crate) fn settings(spec: &str) -> (&'static str, String) {
    ("settings.yaml", document("Settings", spec))
}

pub(crate) fn reference(digest: &Digest) -> (&'static str, String) {
    let spec = format!("  digest: \"{digest}\"\n  repository: shop/orders-src\n  commit: {}\n", "0".repeat(40));
    ("artifact.yaml", document("ArtifactReference", &spec))
}

pub(crate) const SMOKE: &str = "  jobs:\n    - name: smoke\n      kind: smoke\n      requests:\n        - {name: the home page greets, get: /, status: 200, contains: [\"hello from\"]}\n";

fn document(kind: &str, spec: &str) -> String {
    format!("apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nspec:\n{spec}")
}

/// A tar with an executable `bin/app` that serves as `version`.
pub(crate) fn artifact(version: &str) -> Vec<u8> {
    let script = format!("#!/bin/sh\nexec \"$APP_EXE\" serve {version} \"$@\"\n");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o755);
    header.set_size(script.len() as u64);
    tar.append_data(&mut header, "bin/app", script.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

/// Commits the environment's folder to its branch.
fn commit(repository: &Path, files: &[(&str, String)]) -> (CommitId, TreeId) {
    let repository = git2::Repository::open_bare(repository).unwrap();
    let mut folder = repository.treebuilder(None).unwrap();
    for (name, text) in files {
        folder.insert(name, repository.blob(text.as_bytes()).unwrap(), 0o100_644).unwrap();
    }
    let tree = folder.write().unwrap();
    let mut root = tree;
    for name in ["preflight", "environments"] {
        let mut parent = repository.treebuilder(None).unwrap();
        parent.insert(name, root, 0o040_000).unwrap();
        root = parent.write().unwrap();
    }
    (commit_root(&repository, root), TreeId::parse(tree.to_string()).unwrap())
}

/// Commits a file outside of the environment's folder.
pub(crate) fn commit_outside(repository: &Path) -> CommitId {
    let repository = git2::Repository::open_bare(repository).unwrap();
    let head = repository.revparse_single("refs/heads/preflight").unwrap().peel_to_tree().unwrap();
    let mut root = repository.treebuilder(Some(&head)).unwrap();
    root.insert("README", repository.blob(b"Read me.\n").unwrap(), 0o100_644).unwrap();
    commit_root(&repository, root.write().unwrap())
}

fn commit_root(repository: &git2::Repository, root: git2::Oid) -> CommitId {
    let author = git2::Signature::new("Test", "test@example.org", &git2::Time::new(1_700_000_000, 0)).unwrap();
    let branch = "refs/heads/preflight";
    let parent = repository.refname_to_id(branch).ok().map(|id| repository.find_commit(id).unwrap());
    let parents: Vec<_> = parent.iter().collect();
    let root = repository.find_tree(root).unwrap();
    let commit = repository.commit(Some(branch), &author, &author, "Deploy", &root, &parents).unwrap();
    CommitId::parse(commit.to_string()).unwrap()
}

/// Asks a unit that answers.
pub(crate) fn get(url: &str, path: &str) -> String {
    try_get(url, path).unwrap_or_else(|| panic!("{url}{path} does not answer"))
}

/// Asks a unit that may not answer.
pub(crate) fn try_get(url: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(url.strip_prefix("http://")?).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n").ok()?;
    let answer = std::io::read_to_string(&mut stream).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

pub(crate) fn answers(url: &str) -> bool {
    TcpStream::connect(url.strip_prefix("http://").unwrap()).is_ok()
}

/// Whether a process runs; one that has ended and was not waited for does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// The app: `serve <version> [mode]`. It starts a process of its own and never waits for it.
#[expect(clippy::zombie_processes, reason = "an app that leaves processes behind is what is tested")]
pub(crate) fn serve(args: &[String]) {
    let version = args.first().map_or("none", String::as_str);
    let mode = args.get(1).map_or("", String::as_str);
    if mode == "dies" {
        eprintln!("no database at db:5432");
        std::process::exit(3);
    }
    let port = std::env::var_os("PORT").unwrap().into_string().unwrap();
    println!("version {version} listens on {port}");
    let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    let mut ill = false;
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        let path = line.split(' ').nth(1).unwrap_or("/");
        let (status, body) = match (path, mode) {
            ("/health", "unhealthy") => (503, "no".to_owned()),
            ("/health", _) if ill => (503, "no".to_owned()),
            ("/health", _) => (200, "ok".to_owned()),
            ("/", "sick") => (500, "out of order".to_owned()),
            ("/", _) => (200, format!("hello from {version}")),
            ("/pids", _) => (200, format!("{} {}", std::process::id(), child.id())),
            ("/environment", _) => (200, environment()),
            ("/order", _) => (200, "{\"total\": \"three\"}".to_owned()),
            ("/fall-ill" | "/recover", _) => {
                ill = path == "/fall-ill";
                (200, String::new())
            }
            ("/slow", _) => {
                std::thread::sleep(Duration::from_millis(800));
                (200, String::new())
            }
            ("/exit", _) => {
                child.kill().unwrap();
                println!("asked to exit");
                std::process::exit(7);
            }
            _ => (404, String::new()),
        };
        let length = body.len();
        let _gone = write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    }
}

fn environment() -> String {
    let variables: BTreeMap<_, _> = std::env::vars_os().collect();
    variables.iter().map(|(name, value)| format!("{}={}\n", name.display(), value.display())).collect()
}
