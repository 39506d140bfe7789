//! The local forge under what a machine does to it: crashes, several processes, damaged files, plain Git beside it.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

#[path = "local_forge/shop.rs"]
mod shop;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pathops_core::adapter::{BranchProtection, CheckState, NewCheck, PullRequest, PullRequestState, ReviewState, ScmEventKind};
use pathops_core::{Effect, ErrorKind, PullRequestNumber, Retry};
use shop::{Shop, cx, git, remove, write};

#[tokio::test]
async fn a_plain_clone_shows_merges_and_who_made_them() {
    let shop = Shop::new().await;
    let pull = shop.proposal("topic", "src/b.txt", "b\n").await;
    shop.review("bob", &pull, ReviewState::Approved).await.unwrap();
    let merge = shop.merge("alice", &pull.request).await.unwrap();
    let clone = shop.clone_at("main");
    let log = git(&clone, &["log", "-1", "--format=%H %P%n%an <%ae>%n%B"]);
    let main = &pull.before;
    let head = &pull.request.head;
    let expected = format!(
        "{merge} {main} {head}\nalice <alice@people.invalid>\nMerge pull request #1: From topic\n\n\
         Pull-request: #1\nApproved-by: bob\nMerged-by: alice"
    );
    assert_eq!(log, expected);
    assert_eq!(fs::read_to_string(clone.join("src/b.txt")).unwrap(), "b\n");
    git(&shop.bare(), &["fsck", "--strict"]);
}

#[tokio::test]
async fn a_plain_push_moves_the_head_of_an_open_pull_request() {
    let shop = Shop::new().await;
    let pull = shop.proposal("topic", "src/b.txt", "b\n").await;
    let pushed = shop.plain_push("topic", "src/c.txt", "c\n");
    let read = shop.scm.pull_request(&cx("read"), &shop.repo, pull.request.number).await.unwrap();
    assert_eq!(read.head.to_string(), pushed);
    assert_eq!(shop.merge("alice", &pull.request).await.unwrap_err().kind(), ErrorKind::Conflict);
    let review = shop.review("bob", &pull, ReviewState::Approved).await.unwrap_err();
    assert_eq!(review.kind(), ErrorKind::Conflict, "nobody approves what they did not see");
}

#[tokio::test]
async fn refusals_of_a_merge_say_what_is_missing() {
    let shop = Shop::new().await;
    let pull = shop.proposal("topic", "src/b.txt", "b\n").await;
    let checks = ["pathops/promotion", "ci/build"].map(|name| name.parse().unwrap());
    let rules = BranchProtection { required_checks: checks.to_vec(), required_approvals: 1, merge_queue: false };
    shop.forge.protect(&shop.repo, &shop.main, rules).await.unwrap();
    let report = async |name: &str, state| {
        let check = NewCheck::new(pull.request.head.clone(), name, state, String::new()).unwrap();
        shop.scm.report_check(&cx(&format!("{name}/{state}")), &shop.repo, &check).await.unwrap();
    };
    report("ci/build", CheckState::Failure).await;
    // A check run cannot even be called like the status.
    let disguised = NewCheck::new(pull.request.head.clone(), "PathOps/Promotion", CheckState::Success, "");
    assert!(disguised.is_err());
    shop.review("alice", &pull, ReviewState::Approved).await.unwrap();
    let refusal = shop.merge("bob", &pull.request).await.unwrap_err();
    let short = &pull.request.head.as_str()[..12];
    let expected = format!(
        "failed to merge a pull request on `shop/web-gitops#1`: the required status `pathops/promotion` is missing on {short}, \
         and the required status `ci/build` is failure on {short}, \
         and {short} has 0 of 1 approvals by people other than its author"
    );
    assert_eq!((refusal.kind(), refusal.to_string()), (ErrorKind::Denied, expected));
    report("ci/build", CheckState::Success).await;
    shop.review("bob", &pull, ReviewState::Approved).await.unwrap();
    let refusal = shop.merge("bob", &pull.request).await.unwrap_err().to_string();
    assert!(refusal.ends_with(&format!("the required status `pathops/promotion` is missing on {short}")), "{refusal}");
}

#[tokio::test]
async fn a_merge_conflict_names_the_files() {
    let shop = Shop::new().await;
    let pull = shop.proposal("topic", "src/a.txt", "theirs\n").await;
    shop.plain_push("main", "src/a.txt", "ours\n");
    let refusal = shop.merge("alice", &pull.request).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Conflict);
    assert!(refusal.to_string().contains("both sides changed `src/a.txt`"), "{refusal}");
}

/// A pull request that was merged, put back to where a crash between ref and record would have left it.
async fn crash_in_a_merge(shop: &Shop) -> (PullRequest, String) {
    let pull = shop.proposal("topic", "src/b.txt", "b\n").await;
    let record = shop.state().join("pulls/1.json");
    let open = fs::read(&record).unwrap();
    let merge = shop.merge("alice", &pull.request).await.unwrap();
    let merged: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    fs::write(&record, open).unwrap();
    let intent = serde_json::json!({
        "format": 1,
        "branch": {"branch": "main", "from": pull.before, "to": merge},
        "keep": [],
        "files": [["pulls/1.json", merged]],
        "events": [{"pull-request": 1}],
    });
    fs::write(shop.state().join("intent.json"), intent.to_string()).unwrap();
    (PullRequest { state: PullRequestState::Open, ..pull.request }, merge.to_string())
}

#[tokio::test]
async fn a_merge_that_crashed_behind_the_ref_is_finished_by_whoever_comes_next() {
    let shop = Shop::new().await;
    let (pull, merge) = crash_in_a_merge(&shop).await;
    let before = shop.events().await.len();
    let read = shop.reopened().scm.pull_request(&cx("read"), &shop.repo, pull.number).await.unwrap();
    assert!(matches!(read.state, PullRequestState::Merged { commit, .. } if commit.as_str() == merge));
    assert!(!shop.state().join("intent.json").exists());
    assert_eq!(shop.events().await.len(), before + 1);
    assert_eq!(shop.merge("alice", &pull).await.unwrap().as_str(), merge);
}

#[tokio::test]
async fn a_merge_that_crashed_before_the_ref_is_made() {
    let shop = Shop::new().await;
    let (pull, merge) = crash_in_a_merge(&shop).await;
    git(&shop.bare(), &["update-ref", "refs/heads/main", &format!("{merge}^")]);
    let read = shop.scm.pull_request(&cx("read"), &shop.repo, pull.number).await.unwrap();
    assert!(matches!(read.state, PullRequestState::Merged { .. }), "{:?}", read.state);
    assert_eq!(git(&shop.bare(), &["rev-parse", "main"]), merge);
}

#[tokio::test]
async fn a_crashed_merge_whose_branch_went_another_way_is_dropped() {
    let shop = Shop::new().await;
    let (pull, merge) = crash_in_a_merge(&shop).await;
    git(&shop.bare(), &["update-ref", "refs/heads/main", &format!("{merge}^")]);
    let other = shop.plain_push("main", "src/c.txt", "c\n");
    let read = shop.scm.pull_request(&cx("read"), &shop.repo, pull.number).await.unwrap();
    assert_eq!(read.state, PullRequestState::Open);
    assert_eq!(git(&shop.bare(), &["rev-parse", "main"]), other);
    let again = shop.merge("alice", &pull).await.unwrap();
    assert_eq!(git(&shop.bare(), &["rev-parse", &format!("{again}^")]), other);
}

#[tokio::test]
async fn a_lock_file_of_git_that_a_crash_left_is_removed_once_it_is_old() {
    let shop = Shop::new().await;
    let (pull, merge) = crash_in_a_merge(&shop).await;
    git(&shop.bare(), &["update-ref", "refs/heads/main", &format!("{merge}^")]);
    let lock = fs::File::create(shop.bare().join("refs/heads/main.lock")).unwrap();
    let now = lock.metadata().unwrap().modified().unwrap();
    lock.set_modified(now - Duration::from_secs(60)).unwrap();
    let read = shop.scm.pull_request(&cx("read"), &shop.repo, pull.number).await.unwrap();
    assert!(matches!(read.state, PullRequestState::Merged { .. }));
}

#[tokio::test]
async fn a_lock_file_of_git_that_is_young_is_waited_for() {
    let shop = Shop::new().await;
    let (pull, merge) = crash_in_a_merge(&shop).await;
    git(&shop.bare(), &["update-ref", "refs/heads/main", &format!("{merge}^")]);
    fs::write(shop.bare().join("refs/heads/main.lock"), "").unwrap();
    let read = shop.scm.pull_request(&cx("read"), &shop.repo, pull.number).await.unwrap();
    assert!(matches!(read.state, PullRequestState::Merged { .. }));
}

/// Here the lock's time lies ahead, so that it does not grow old: the same as programs that take it in turn.
#[tokio::test]
async fn a_lock_file_of_git_that_stays_young_refuses_and_loses_nothing() {
    let shop = Shop::new().await;
    let (pull, merge) = crash_in_a_merge(&shop).await;
    git(&shop.bare(), &["update-ref", "refs/heads/main", &format!("{merge}^")]);
    let path = shop.bare().join("refs/heads/main.lock");
    let lock = fs::File::create(&path).unwrap();
    let now = lock.metadata().unwrap().modified().unwrap();
    lock.set_modified(now + Duration::from_secs(60)).unwrap();
    let refusal = shop.scm.pull_request(&cx("read"), &shop.repo, pull.number).await.unwrap_err();
    assert_eq!((refusal.kind(), refusal.retry()), (ErrorKind::Unavailable, Retry::Backoff), "{refusal}");
    fs::remove_file(path).unwrap();
    let read = shop.scm.pull_request(&cx("read"), &shop.repo, pull.number).await.unwrap();
    assert!(matches!(read.state, PullRequestState::Merged { .. }));
}

#[tokio::test]
async fn a_ref_that_cannot_be_moved_leaves_nothing_behind() {
    let shop = Shop::new().await;
    let pull = shop.proposal("topic", "src/b.txt", "b\n").await;
    let lock = shop.bare().join("refs/heads/main.lock");
    fs::write(&lock, "").unwrap();
    let refusal = shop.merge("alice", &pull.request).await.unwrap_err();
    assert_eq!((refusal.kind(), refusal.effect()), (ErrorKind::Unavailable, Effect::None), "{refusal}");
    assert!(!shop.state().join("intent.json").exists());
    fs::remove_file(lock).unwrap();
    shop.merge("alice", &pull.request).await.unwrap();
}

#[tokio::test]
async fn damaged_files_are_corrupt_and_named() {
    let shop = Shop::new().await;
    let pull = shop.proposal("topic", "src/b.txt", "b\n").await;
    let file = shop.state().join("pulls/1.json");
    fs::write(&file, "{\"format\":1,\"num").unwrap();
    let error = shop.scm.pull_request(&cx("read"), &shop.repo, pull.request.number).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    fs::write(&file, "{\"format\":2}").unwrap();
    let error = shop.scm.pull_request(&cx("read"), &shop.repo, pull.request.number).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn the_head_of_a_pull_request_outlives_its_branch_and_garbage_collection() {
    let shop = Shop::new().await;
    let pull = shop.proposal("topic", "src/b.txt", "b\n").await.request;
    shop.scm.delete_branch(&cx("delete"), &shop.repo, &pull.head_branch, &pull.head).await.unwrap();
    git(&shop.bare(), &["gc", "--quiet", "--prune=now"]);
    let read = shop.scm.pull_request(&cx("read"), &shop.repo, pull.number).await.unwrap();
    assert_eq!(read.head, pull.head);
    shop.scm.read_commit(&cx("read"), &shop.repo, &pull.head).await.unwrap();
    let main = shop.head("main").await;
    let refusal = shop.scm.delete_branch(&cx("main"), &shop.repo, &shop.main, &main).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Denied, "a clone needs the default branch");
}

#[tokio::test]
async fn a_file_can_make_room_for_a_folder_and_back() {
    let shop = Shop::new().await;
    let folder = shop.commit("main", vec![remove("README.md"), write("README.md/en.txt", "hello\n")]).await.unwrap();
    assert_eq!(git(&shop.bare(), &["ls-tree", "-r", "--name-only", folder.as_str()]), "README.md/en.txt\nsrc/a.txt");
    let file = shop.commit("main", vec![write("README.md", "hello\n"), remove("README.md/en.txt")]).await.unwrap();
    assert_eq!(git(&shop.bare(), &["ls-tree", "-r", "--name-only", file.as_str()]), "README.md\nsrc/a.txt");
    for bad in [
        vec![write("src", "a folder")],
        vec![write("README.md/x", "below a file")],
        vec![write("twice", "1"), write("twice", "2")],
        vec![write("", "the root")],
        vec![remove("src")],
    ] {
        assert_eq!(shop.commit("main", bad).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(shop.head("main").await, file);
    git(&shop.bare(), &["fsck", "--strict"]);
}

#[tokio::test]
async fn links_are_left_out_and_64_mib_is_the_limit() {
    let shop = Shop::new().await;
    let clone = shop.clone_at("main");
    std::os::unix::fs::symlink("README.md", clone.join("link")).unwrap();
    shop.push_all(&clone, "main");
    let head = shop.head("main").await;
    let root = "".parse().unwrap();
    let files = shop.scm.read_tree(&cx("read"), &shop.repo, &head, &root).await.unwrap();
    assert_eq!(files.keys().map(ToString::to_string).collect::<Vec<_>>(), ["README.md", "src/a.txt"]);
    assert_eq!(shop.scm.read_file(&cx("read"), &shop.repo, &head, &"link".parse().unwrap()).await.unwrap(), None);

    let mebibyte = "x".repeat(1024 * 1024);
    let full = (0..64).map(|n| write(&format!("big/{n}"), &mebibyte)).collect();
    let big = "big".parse().unwrap();
    let head = shop.commit("main", full).await.unwrap();
    assert_eq!(shop.scm.read_tree(&cx("read"), &shop.repo, &head, &big).await.unwrap().len(), 64);
    let head = shop.commit("main", vec![write("big/one-more", "x")]).await.unwrap();
    let refusal = shop.scm.read_tree(&cx("read"), &shop.repo, &head, &big).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Invalid, "{refusal}");
}

#[tokio::test]
async fn a_branch_in_the_way_of_another_is_refused() {
    let shop = Shop::new().await;
    let main = shop.head("main").await;
    shop.scm.create_branch(&cx("deep"), &shop.repo, &"deep/er".parse().unwrap(), &main).await.unwrap();
    for (name, other) in [("main/below", "main"), ("deep", "deep/er")] {
        let branch = name.parse().unwrap();
        assert_eq!(shop.scm.branch_head(&cx("read"), &shop.repo, &branch).await.unwrap(), None);
        let refusal = shop.scm.create_branch(&cx(name), &shop.repo, &branch, &main).await.unwrap_err();
        assert_eq!((refusal.kind(), refusal.effect()), (ErrorKind::AlreadyExists, Effect::None), "{refusal}");
        assert!(refusal.to_string().contains(&format!("`refs/heads/{other}` is in the way")), "{refusal}");
    }
    assert!(!shop.state().join("intent.json").exists());
}

#[tokio::test]
async fn an_import_takes_all_branches_and_refuses_what_is_not_committed() {
    let shop = Shop::new().await;
    git(&shop.bare(), &["branch", "other"]);
    let source = shop.clone_at("main");
    git(&source, &["branch", "--track", "other", "origin/other"]);
    let copy = "shop/copy".parse().unwrap();
    fs::write(source.join("src/a.txt"), "changed\n").unwrap();
    fs::write(source.join("new.txt"), "new\n").unwrap();
    let refusal = shop.forge.import_repository(&copy, &source).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Conflict);
    let named = refusal.to_string();
    assert!(named.contains("`new.txt`") && named.contains("`src/a.txt`"), "{named}");
    assert!(!shop.forge.repository_path(&copy).exists());

    shop.push_all(&source, "main");
    shop.forge.import_repository(&copy, &source).await.unwrap();
    let refs = ["for-each-ref", "--format=%(refname) %(objectname)"];
    assert_eq!(git(&shop.forge.repository_path(&copy), &refs), git(&shop.bare(), &refs));
    assert_eq!(git(&shop.forge.repository_path(&copy), &["symbolic-ref", "HEAD"]), "refs/heads/main");
    let again = shop.forge.import_repository(&copy, &source).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    let nothing = shop.forge.import_repository(&"shop/none".parse().unwrap(), &shop.state()).await.unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::NotFound, "{nothing}");
}

#[test]
fn two_forges_on_one_root_lose_nothing() {
    const ROUNDS: usize = 50;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shop = runtime.block_on(Shop::new());
    std::thread::scope(|scope| {
        for worker in ["one", "two"] {
            let (shop, handle) = (shop.reopened(), runtime.handle().clone());
            scope.spawn(move || handle.block_on(commits_and_pulls(&shop, worker, ROUNDS)));
        }
    });
    let commits = git(&shop.bare(), &["rev-list", "--count", "main"]);
    assert_eq!(commits, (1 + 2 * ROUNDS).to_string());
    let read = async |number| shop.scm.pull_request(&cx("read"), &shop.repo, PullRequestNumber(number)).await;
    let mut branches = Vec::new();
    for number in 1..=2 * ROUNDS as u64 {
        branches.push(runtime.block_on(read(number)).unwrap().head_branch.to_string());
    }
    branches.sort();
    branches.dedup();
    assert_eq!(branches.len(), 2 * ROUNDS);
    assert_eq!(runtime.block_on(read(2 * ROUNDS as u64 + 1)).unwrap_err().kind(), ErrorKind::NotFound);
    let opened = runtime.block_on(shop.events()).into_iter().filter(|event| matches!(event.kind, ScmEventKind::PullRequest(_)));
    assert_eq!(opened.count(), 2 * ROUNDS);
    git(&shop.bare(), &["fsck", "--strict"]);
}

async fn commits_and_pulls(shop: &Shop, worker: &str, rounds: usize) {
    for round in 0..rounds {
        let change = || vec![write(&format!("{worker}/{round}"), "x\n")];
        while let Err(error) = shop.commit("main", change()).await {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        }
        shop.proposal(&format!("{worker}-{round}"), &format!("{worker}.txt"), "x\n").await;
    }
}

/// The other half of the test below, in a process of its own: works on the forge in its current folder until it is
/// killed, and notes each merge that was answered.
#[tokio::test]
#[ignore = "started by `a_killed_process_leaves_a_forge_that_heals`"]
async fn works_until_it_is_killed() {
    let shop = Shop::open_at(Path::new("."));
    for round in 0_u64.. {
        let name = format!("{}-{round}", std::process::id());
        let pull = shop.proposal(&name, &format!("src/{name}"), "x\n").await;
        let merge = shop.merge("alice", &pull.request).await.unwrap();
        fs::write(Path::new("answers").join(merge.as_str()), pull.request.number.0.to_string()).unwrap();
    }
}

#[test]
fn a_killed_process_leaves_a_forge_that_heals() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shop = runtime.block_on(Shop::new());
    let answers = shop.folder.join("answers");
    fs::create_dir(&answers).unwrap();
    for round in 1..=8_usize {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "works_until_it_is_killed", "--ignored"]).current_dir(&shop.folder);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while fs::read_dir(&answers).unwrap().count() < round * 3 {
            assert!(child.try_wait().unwrap().is_none(), "the process that works on the forge ended by itself");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        runtime.block_on(healed(&shop));
    }
    let merges = git(&shop.bare(), &["rev-list", "--first-parent", "--merges", "main"]);
    let mut merged = 0;
    for number in 1.. {
        let read = runtime.block_on(shop.scm.pull_request(&cx("read"), &shop.repo, PullRequestNumber(number)));
        let Ok(pull) = read else { break };
        if let PullRequestState::Merged { commit, .. } = pull.state {
            assert!(merges.contains(commit.as_str()), "{number} is merged, and its commit is not on `main`");
            merged += 1;
        }
    }
    assert_eq!(merges.lines().count(), merged, "each merge on `main` is one of a pull request");
    for answer in fs::read_dir(&answers).unwrap() {
        let commit = answer.unwrap().file_name().into_string().unwrap();
        assert!(merges.contains(&commit), "the merge {commit} was answered and is lost");
    }
    git(&shop.bare(), &["fsck", "--strict"]);
}

/// Waits for what a killed process may have left: a lock file of Git that is not old enough yet.
async fn healed(shop: &Shop) {
    for _ in 0..300 {
        let Err(error) = shop.scm.branch_head(&cx("read"), &shop.repo, &shop.main).await else { break };
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        std::thread::sleep(Duration::from_millis(100));
    }
    shop.events().await;
}
