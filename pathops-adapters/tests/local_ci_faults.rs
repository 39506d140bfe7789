//! Local CI with scripts that do not behave.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a failure is a failed test")]

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use git2::FileMode;
use pathops_adapters::local_ci::{LocalCi, LocalCiConfig};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{
    BlobCapabilities, BlobStore, ByteStream, Ci as _, CiConclusion, CiOutcome, CiRunId, CiState, Clock as _,
};
use pathops_core::{Digest, Error, ErrorKind, IdempotencyKey, OpContext, Result};
use shop::{File, Shop, file, script};

#[path = "local_ci/shop.rs"]
mod shop;

fn cx(key: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(key))
}

impl Shop {
    fn work(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("work")
    }

    /// The outcome of a build of these files.
    async fn outcome(&self, config: LocalCiConfig, files: &[File]) -> CiOutcome {
        let ci = self.ci(config);
        let run = ci.start(&cx("run"), &self.build_of(files)).await.unwrap();
        outcome(&ci, &run).await
    }
}

/// Waits for the end of a run.
async fn outcome(ci: &LocalCi, run: &CiRunId) -> CiOutcome {
    for _ in 0..3000 {
        match ci.state(&cx("state"), run).await.unwrap() {
            CiState::Finished(outcome) => return *outcome,
            CiState::Running => SystemClock.sleep(Duration::from_millis(10)).await,
            CiState::Lost => panic!("the run was lost"),
        }
    }
    panic!("the run did not end");
}

/// The command lines of living processes that have this path in their environment.
fn alive(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environment).contains(path.to_str().unwrap()) {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&line).replace('\0', " "));
        }
    }
    found
}

/// Waits until no process has this path in its environment, and fails after five seconds.
fn dies_out(path: &Path) {
    for _ in 0..500 {
        if alive(path).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("still alive: {:?}", alive(path));
}

fn reason(conclusion: &CiConclusion) -> &str {
    match conclusion {
        CiConclusion::Errored { reason } => reason,
        other => panic!("expected an error, got {other:?}"),
    }
}

#[tokio::test]
async fn a_build_sees_the_commit_and_ships_its_artifact() {
    let shop = Shop::new();
    let lines = "test ! -e .git; cat src/app.txt; echo to-stderr >&2
        echo '<testsuite/>' > $PATHOPS_OUT/junit.xml
        mkdir -p $PATHOPS_OUT/artifact/bin; cp src/app.txt $PATHOPS_OUT/artifact/bin/app; chmod 700 $PATHOPS_OUT/artifact/bin/app
        echo readme > $PATHOPS_OUT/artifact/README; ln -s bin/app $PATHOPS_OUT/artifact/app";
    let outcome = shop.outcome(shop.config(), &[script(lines), file("src/app.txt", "orders\r\n")]).await;
    assert_eq!(outcome.conclusion, CiConclusion::Passed, "{outcome:?}");
    assert_eq!(String::from_utf8(outcome.log.bytes).unwrap(), "orders\r\nto-stderr\n");
    assert_eq!(outcome.tests.unwrap(), b"<testsuite/>\n");
    assert_eq!((outcome.remarks, outcome.pipeline_changed), (vec![], false));

    let artifact = outcome.artifact.unwrap();
    assert_eq!(artifact.media_type, "application/x-tar");
    let bytes = shop.blobs.get(&cx("get"), &artifact.digest).await.unwrap().unwrap();
    let mut tar = tar::Archive::new(bytes.as_slice());
    let mut entries = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let link = header.link_name().unwrap().map(|name| name.display().to_string()).unwrap_or_default();
        entries.push(format!("{:o} {} {text:?} {link}", header.mode().unwrap(), header.path().unwrap().display()));
    }
    assert_eq!(entries, ["644 README \"readme\\n\" ", "755 app \"\" bin/app", "755 bin \"\" ", "755 bin/app \"orders\\r\\n\" "]);
    assert_eq!(std::fs::read_dir(shop.work()).unwrap().count(), 1, "only the lock is left in the work folder");
}

#[tokio::test]
async fn the_exit_code_and_the_report_of_a_failed_build_are_kept() {
    let shop = Shop::new();
    let lines = "echo '<testsuite failures=\"1\"/>' > $PATHOPS_OUT/junit.xml; mkdir $PATHOPS_OUT/artifact; echo x > $PATHOPS_OUT/artifact/x; exit 7";
    let outcome = shop.outcome(shop.config(), &[script(lines)]).await;
    assert_eq!(outcome.conclusion, CiConclusion::Failed { code: 7 });
    assert!(outcome.tests.is_some() && outcome.artifact.is_none());
    let outcome = shop.outcome(shop.config(), &[script("kill -TERM $$")]).await;
    assert!(reason(&outcome.conclusion).contains("signal 15"));
}

#[tokio::test]
async fn a_script_that_hangs_is_stopped_with_all_that_it_started() {
    let shop = Shop::new();
    let mut config = shop.config();
    config.time_limit = Duration::from_secs(1);
    let lines = "trap '' TERM INT HUP; sleep 600 & setsid sleep 600 & while :; do sleep 600; done";
    let outcome = shop.outcome(config, &[script(lines)]).await;
    assert_eq!(outcome.conclusion, CiConclusion::TimedOut { limit_millis: 1000 });
    assert_eq!(alive(&shop.work()), [] as [String; 0]);
    let took = outcome.finished_at.since(outcome.started_at);
    assert!((1..10).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn a_flood_is_read_to_its_end_and_cut_in_the_middle() {
    let shop = Shop::new();
    let mut config = shop.config();
    config.log_limit_bytes = 100_000;
    let lines = "echo the beginning; head -c 52428800 /dev/zero | tr '\\0' x; echo the end";
    let outcome = shop.outcome(config, &[script(lines)]).await;
    assert_eq!(outcome.conclusion, CiConclusion::Passed);
    assert_eq!(outcome.log.total_bytes, 52_428_800 + 22);
    assert_eq!((outcome.log.bytes.len(), outcome.log.cut_at), (100_000, Some(50_000)));
    let text = String::from_utf8(outcome.log.bytes).unwrap();
    assert!(text.starts_with("the beginning\n") && text.ends_with("the end\n"));
    assert!(outcome.remarks.iter().any(|remark| remark.contains("too long")), "{:?}", outcome.remarks);
}

#[tokio::test]
async fn what_is_left_behind_is_killed_and_named() {
    let shop = Shop::new();
    let lines = "sleep 601 & nohup tail -f /dev/null >/dev/null 2>&1 & setsid sh -c 'cat /dev/zero >/dev/null & wait' & sleep 0.3; exit 0";
    let outcome = shop.outcome(shop.config(), &[script(lines)]).await;
    assert_eq!(outcome.conclusion, CiConclusion::Passed);
    assert_eq!(alive(&shop.work()), [] as [String; 0]);
    let [remark] = outcome.remarks.as_slice() else { panic!("{:?}", outcome.remarks) };
    assert!(["left processes behind", "sleep", "tail", "cat"].iter().all(|part| remark.contains(part)), "{remark}");
}

#[tokio::test]
async fn the_environment_is_what_was_declared() {
    let shop = Shop::new();
    let mut config = shop.config();
    config.pass_through = vec![("GREETING".to_owned(), "hello = world".to_owned())];
    let lines = "env; ls -A $HOME $TMPDIR $PATHOPS_OUT; cat; test ! -e /proc/$$/fd/3";
    let outcome = shop.outcome(config, &[script(lines)]).await;
    let text = String::from_utf8(outcome.log.bytes).unwrap();
    assert_eq!(outcome.conclusion, CiConclusion::Passed, "{text}");
    let work = shop.work().display().to_string();
    let mut names: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    names.retain(|name| !matches!(*name, "PWD" | "OLDPWD" | "SHLVL" | "_"));
    names.sort_unstable();
    assert_eq!(names, ["CI", "GREETING", "HOME", "PATH", "PATHOPS_OUT", "TMPDIR"], "{text}");
    assert!(text.contains("\nGREETING=hello = world\n") && text.contains("CI=true\n"), "{text}");
    assert_eq!(text.matches(&format!("={work}/run-")).count(), 4, "PWD, HOME, TMPDIR and PATHOPS_OUT: {text}");

    config = shop.config();
    config.pass_through = vec![("PATH".to_owned(), "/evil".to_owned())];
    let refused = LocalCi::new(config, shop.blobs.clone(), Arc::new(SystemClock)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
}

#[tokio::test]
async fn a_pipeline_that_cannot_be_run_says_what_to_do() {
    let shop = Shop::new();
    let missing = shop.outcome(shop.config(), &[file("README", "x")]).await;
    assert!(reason(&missing.conclusion).contains("`ci/run` does not exist in shop/orders-src"), "{missing:?}");
    let plain = shop.outcome(shop.config(), &[file("ci/run", "#!/bin/sh\n")]).await;
    assert!(reason(&plain.conclusion).contains("git update-index --chmod=+x ci/run"), "{plain:?}");
    let link = shop.outcome(shop.config(), &[File("ci/run", "/bin/true".to_owned(), FileMode::Link)]).await;
    assert!(reason(&link.conclusion).contains("no ordinary file"), "{link:?}");
}

#[tokio::test]
async fn a_report_is_bytes_whatever_they_are_up_to_the_limit() {
    let shop = Shop::new();
    let broken = shop.outcome(shop.config(), &[script("printf '<testsuite \\377' > $PATHOPS_OUT/junit.xml")]).await;
    assert_eq!(broken.tests.unwrap(), b"<testsuite \xff");

    let mut config = shop.config();
    config.report_limit_bytes = 1000;
    let at = |bytes: u32| script(&format!("head -c {bytes} /dev/zero > $PATHOPS_OUT/junit.xml"));
    assert_eq!(shop.outcome(config.clone(), &[at(1000)]).await.tests.unwrap().len(), 1000);
    let over = shop.outcome(config.clone(), &[at(1001)]).await;
    assert!(over.tests.is_none() && over.remarks[0].contains("1000 bytes"), "{over:?}");
    for special in ["ln -s /etc/passwd $PATHOPS_OUT/junit.xml", "mkfifo $PATHOPS_OUT/junit.xml", "mkdir $PATHOPS_OUT/junit.xml"] {
        let outcome = shop.outcome(config.clone(), &[script(special)]).await;
        assert!(outcome.tests.is_none() && outcome.remarks[0].contains("no ordinary file"), "{special}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_report_has_one_of_three_names() {
    let shop = Shop::new();
    for name in ["junit.xml", "tests.json", "tests.tap"] {
        let outcome = shop.outcome(shop.config(), &[script(&format!("printf {name} > $PATHOPS_OUT/{name}"))]).await;
        assert_eq!(outcome.tests.unwrap(), name.as_bytes());
    }
    let both = shop.outcome(shop.config(), &[script("cd $PATHOPS_OUT; touch junit.xml tests.tap")]).await;
    assert!(both.tests.is_none() && both.remarks[0].contains("`junit.xml` and `tests.tap`"), "{both:?}");
}

#[tokio::test]
async fn the_same_content_has_the_same_digest() {
    let shop = Shop::new();
    let build = |order: &str, app: &str, extra: &str| {
        let lines = format!(
            "cd $PATHOPS_OUT; mkdir artifact; cd artifact; for f in {order}; do mkdir -p $f; sleep 0.01; echo {app} > $f/file; done; {extra}"
        );
        [script(&lines)]
    };
    let digest = async |files: &[File]| shop.outcome(shop.config(), files).await.artifact.unwrap().digest;
    let first = digest(&build("a b/c d", "one", "")).await;
    assert_eq!(first, digest(&build("d b/c a", "one", "touch -d 2001-01-01 a/file; chmod 600 d/file")).await);
    assert_ne!(first, digest(&build("a b/c d", "two", "")).await);
    assert_ne!(first, digest(&build("a b/c d", "one", "chmod +x a/file")).await);
}

#[tokio::test]
async fn an_artifact_that_cannot_be_shipped_is_no_pass() {
    let shop = Shop::new();
    let artifact = |lines: &str| [script(&format!("mkdir $PATHOPS_OUT/artifact; cd $PATHOPS_OUT/artifact; {lines}"))];
    for outside in [
        "ln -s /etc/passwd x",
        "ln -s ../junit.xml x; touch ../junit.xml",
        "mkdir -p a/b; ln -s ../.. a/b/c; ln -s a/b/c/.. x",
        "ln -s nowhere x",
    ] {
        let outcome = shop.outcome(shop.config(), &artifact(outside)).await;
        assert!(reason(&outcome.conclusion).contains("not within the artifact"), "{outside}: {outcome:?}");
        assert!(outcome.artifact.is_none());
    }
    let outcome = shop.outcome(shop.config(), &artifact("mkfifo pipe")).await;
    assert!(reason(&outcome.conclusion).contains("`pipe`"), "{outcome:?}");

    let mut config = shop.config();
    config.artifact_limit_bytes = 10_000;
    let outcome = shop.outcome(config, &artifact("head -c 9000 /dev/zero > x; head -c 9000 /dev/zero > y")).await;
    assert!(reason(&outcome.conclusion).contains("limit of 10000 bytes"), "{outcome:?}");
}

#[derive(Debug)]
struct Full;

#[async_trait]
impl BlobStore for Full {
    fn name(&self) -> &'static str {
        "full"
    }

    fn capabilities(&self) -> BlobCapabilities {
        BlobCapabilities::default()
    }

    async fn put_stream(&self, _: &OpContext, _: Box<dyn ByteStream>) -> Result<Digest> {
        Err(Error::new(ErrorKind::StorageFull, "store a blob").advise("free space"))
    }

    async fn get_stream(&self, _: &OpContext, _: &Digest) -> Result<Option<Box<dyn ByteStream>>> {
        Ok(None)
    }

    fn location(&self, digest: &Digest) -> String {
        format!("full:{digest}")
    }
}

#[tokio::test]
async fn a_full_blob_store_says_nothing_about_what_was_built() {
    let shop = Shop { blobs: Arc::new(Full), ..Shop::new() };
    let ci = shop.ci(shop.config());
    let request = shop.build_of(&[script("mkdir $PATHOPS_OUT/artifact; echo x > $PATHOPS_OUT/artifact/x")]);
    let run = ci.start(&cx("run"), &request).await.unwrap();
    let error = loop {
        match ci.state(&cx("state"), &run).await {
            Ok(CiState::Running) => SystemClock.sleep(Duration::from_millis(10)).await,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    let said = error.to_string();
    assert!(said.contains("the artifact (2048 bytes) cannot be stored") && said.contains("free space"), "{said}");
    assert_eq!(ci.state(&cx("state"), &run).await.unwrap(), CiState::Lost);
    assert_eq!(ci.start(&cx("run"), &request).await.unwrap(), run, "it begins anew");
    let outcome = shop.outcome(with_work(shop.config(), "other"), &[script("true")]).await;
    assert_eq!(outcome.conclusion, CiConclusion::Passed, "without an artifact there is nothing to store");
}

fn with_work(mut config: LocalCiConfig, name: &str) -> LocalCiConfig {
    config.work.set_file_name(name);
    config
}

#[tokio::test]
async fn a_touched_pipeline_is_marked() {
    let shop = Shop::new();
    let (base, _) = shop.commit(&[script("true"), file("ci/lib.sh", "x"), file("app", "1")]);
    let other_app = [script("true"), file("ci/lib.sh", "x"), file("app", "2")];
    let other_library = [script("true"), file("ci/lib.sh", "y"), file("app", "1")];
    let other_mode = [script("true"), File("ci/lib.sh", "x".to_owned(), FileMode::BlobExecutable), file("app", "1")];
    let ci = shop.ci(shop.config());
    for (key, files, changed) in
        [("app", other_app.as_slice(), false), ("library", &other_library, true), ("mode", &other_mode, true)]
    {
        let (commit, tree) = shop.commit(files);
        let run = ci.start(&cx(key), &shop.request(&commit, &base)).await.unwrap();
        let outcome = outcome(&ci, &run).await;
        assert_eq!((outcome.pipeline_changed, outcome.tree), (changed, tree), "{key}");
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let shop = Shop::new();
    let ci = shop.ci(shop.config());
    ci.start(&cx("run"), &shop.build_of(&[script("true")])).await.unwrap();
    let other = ci.start(&cx("run"), &shop.build_of(&[script("false")])).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::AlreadyExists, "{other}");
}

#[tokio::test]
async fn a_cancelled_run_is_gone_when_cancel_returns() {
    let shop = Shop::new();
    let ci = shop.ci(shop.config());
    let run = ci.start(&cx("run"), &shop.build_of(&[script("setsid sleep 600 & sleep 600")])).await.unwrap();
    started(&shop.work()).await;
    ci.cancel(&cx("cancel"), &run).await.unwrap();
    assert_eq!(alive(&shop.work()), [] as [String; 0]);
    assert!(reason(&outcome(&ci, &run).await.conclusion).contains("cancelled"));
}

/// Waits until a `sleep` of a run is there.
async fn started(work: &Path) {
    while !alive(work).iter().any(|line| line.starts_with("sleep")) {
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_it_ends_its_runs_and_the_next_one_does_not_know_them() {
    let shop = Shop::new();
    let ci = shop.ci(shop.config());
    let request = shop.build_of(&[script("setsid sleep 600 & sleep 600")]);
    let run = ci.start(&cx("run"), &request).await.unwrap();
    started(&shop.work()).await;
    drop(ci);
    let work = shop.work();
    tokio::task::spawn_blocking(move || dies_out(&work)).await.unwrap();
    let ci = shop.ci(shop.config());
    assert_eq!(ci.state(&cx("state"), &run).await.unwrap(), CiState::Lost);
    ci.cancel(&cx("cancel"), &run).await.unwrap();
    assert_eq!(ci.start(&cx("run"), &request).await.unwrap(), run);
    assert_eq!(ci.state(&cx("state"), &run).await.unwrap(), CiState::Running);
}

#[test]
#[ignore = "a process that `a_killed_host_takes_its_script_along` starts"]
fn host_process() {
    let mut folder = String::new();
    std::io::stdin().read_to_string(&mut folder).unwrap();
    if folder.is_empty() {
        return;
    }
    let shop = Shop::new();
    let mut config = shop.config();
    config.work = PathBuf::from(folder);
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let ci = shop.ci(config);
        let run = ci.start(&cx("run"), &shop.build_of(&[script("setsid sleep 601 & sleep 602 & sleep 603")])).await.unwrap();
        outcome(&ci, &run).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_host_takes_its_script_along() {
    let shop = Shop::new();
    let mut host = Command::new(std::env::current_exe().unwrap());
    host.args(["--exact", "host_process", "--ignored", "--nocapture"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut host = host.spawn().unwrap();
    host.stdin.take().unwrap().write_all(shop.work().to_str().unwrap().as_bytes()).unwrap();
    for sleep in ["sleep 601", "sleep 602", "sleep 603"] {
        while !alive(&shop.work()).iter().any(|line| line.starts_with(sleep)) {
            SystemClock.sleep(Duration::from_millis(10)).await;
        }
    }
    host.kill().unwrap();
    host.wait().unwrap();
    for _ in 0..500 {
        if alive(&shop.work()).len() <= 1 {
            break;
        }
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    let left = alive(&shop.work());
    assert_eq!(left, ["sleep 601 "], "only what left the process group is still there");
    drop(shop.ci(shop.config()));
    let work = shop.work();
    tokio::task::spawn_blocking(move || dies_out(&work)).await.unwrap();
    assert_eq!(std::fs::read_dir(shop.work()).unwrap().count(), 1, "old runs are removed");
}
