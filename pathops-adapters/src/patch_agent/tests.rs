use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pathops_core::adapter::{SourceFile, SourceTree};
use pathops_core::{IdempotencyKey, RepoPath};

use super::*;

fn file(text: &str) -> SourceFile {
    SourceFile { bytes: text.as_bytes().to_vec(), executable: false }
}

fn executable(text: &str) -> SourceFile {
    SourceFile { executable: true, ..file(text) }
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

fn tree(files: &[(&str, SourceFile)]) -> SourceTree {
    files.iter().map(|(name, file)| (path(name), file.clone())).collect()
}

fn shop() -> SourceTree {
    let lines: String = (1..=30).map(|n| format!("line {n}\n")).collect();
    tree(&[("ci/run", executable("#!/bin/sh\nmake\n")), ("src/lines.txt", file(&lines)), ("src/old.txt", file("old\n"))])
}

fn run(base: &SourceTree, patch: &str) -> Result<AgentRun> {
    let task = AgentTask {
        change_set: "show-date-1".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        sponsor: "alice".parse().unwrap(),
        objective: String::new(),
        patch: Some(patch.to_owned()),
        base: base.clone(),
        wall_limit: Duration::from_secs(60),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let agent = PatchAgent::new("patch".parse().unwrap());
    runtime.block_on(agent.run(&OpContext::new(IdempotencyKey::new("k")), &task))
}

/// The tree that a run leads to.
fn after(base: &SourceTree, patch: &str) -> SourceTree {
    let mut tree = base.clone();
    for change in run(base, patch).unwrap().changes {
        match change.file {
            Some(file) => tree.insert(change.path, file),
            None => tree.remove(&change.path),
        };
    }
    tree
}

/// The message of a refusal, which is always `Invalid`.
fn refusal(base: &SourceTree, patch: &str) -> String {
    let error = run(base, patch).expect_err(patch);
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    error.to_string()
}

fn new_file(path: &str) -> String {
    format!("diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+hello\n")
}

#[test]
fn what_git_diff_writes_is_applied() {
    let base = shop();
    let mut want = base.clone();
    want.remove(&path("src/old.txt"));
    want.insert(path("docs/new name.md"), file("new, no line end"));
    want.insert(path("bin/tool"), executable("#!/bin/sh\n"));
    let lines = String::from_utf8(base[&path("src/lines.txt")].bytes.clone()).unwrap();
    want.insert(path("src/moved.txt"), file(&lines.replace("line 7\n", "line seven\n")));
    want.remove(&path("src/lines.txt"));
    want.insert(path("src/größe \"1\".txt"), file("x\r\ny\n"));
    want.insert(path("src/empty file"), file(""));
    want.insert(path("ci/run"), file("#!/bin/sh\nmake\n"));
    let patch = git_diff(&base, &want);
    assert!(patch.contains("rename to src/moved.txt") && patch.contains("gr\\303\\266"), "{patch}");
    assert_eq!(after(&base, &patch), want);
}

/// Lets `git` itself compare two trees.
fn git_diff(before: &SourceTree, after: &SourceTree) -> String {
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "-q"]);
    write(folder.path(), before);
    git(&["add", "-A"]);
    git(&["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "before"]);
    git(&["rm", "-qr", "."]);
    write(folder.path(), after);
    git(&["add", "-A"]);
    git(&["diff", "--cached", "--binary", "-M"])
}

fn write(folder: &Path, files: &SourceTree) {
    for (path, file) in files {
        let path = folder.join(path.as_str());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &file.bytes).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(if file.executable { 0o755 } else { 0o644 })).unwrap();
    }
}

#[test]
fn a_hunk_is_not_looked_for_elsewhere() {
    let hunk = |at| {
        format!("--- a/src/lines.txt\n+++ b/src/lines.txt\n@@ -{at},3 +{at},3 @@\n line 19\n-line 20\n+line twenty\n line 21\n")
    };
    assert_eq!(run(&shop(), &hunk(19)).unwrap().changes.len(), 1);
    refusal(&shop(), &hunk(17));
}

#[test]
fn what_diff_writes_without_git_is_applied() {
    let base = tree(&[("a file.lua", file("-- one\n-- two\n")), ("gone", file("x\n"))]);
    let patch = "--- a/a file.lua\t2026-11-20 10:00:00\n+++ b/a file.lua\t2026-11-21 10:00:00\n@@ -1,2 +1,2 @@\n--- one\n+-- 1\n -- two\n\
                 --- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n--- /dev/null\n+++ b/made\n@@ -0,0 +1 @@\n+++ y\n";
    assert_eq!(after(&base, patch), tree(&[("a file.lua", file("-- 1\n-- two\n")), ("made", file("++ y\n"))]));
}

#[test]
fn a_hunk_that_does_not_apply_is_named_with_its_file() {
    let good = "--- a/ci/run\n+++ b/ci/run\n@@ -1,2 +1,2 @@\n #!/bin/sh\n-make\n+make all\n";
    let bad = "--- a/src/lines.txt\n+++ b/src/lines.txt\n@@ -12,3 +12,3 @@\n line 12\n-line 99\n+line 100\n line 14\n";
    let message = refusal(&shop(), &format!("{good}{bad}"));
    assert!(message.contains("`src/lines.txt`") && message.contains("@@ -12,3 +12,3 @@"), "{message}");
}

#[test]
fn a_mode_that_the_patch_does_not_name_stays() {
    let patch = "--- a/ci/run\n+++ b/ci/run\n@@ -1,2 +1,2 @@\n #!/bin/sh\n-make\n+make all\n";
    assert_eq!(after(&shop(), patch)[&path("ci/run")], executable("#!/bin/sh\nmake all\n"));
    let renamed = "diff --git a/ci/run b/ci/go\nsimilarity index 100%\nrename from ci/run\nrename to ci/go\n";
    assert_eq!(after(&shop(), renamed)[&path("ci/go")], executable("#!/bin/sh\nmake\n"));
    let plain = "diff --git a/ci/run b/ci/run\nold mode 100755\nnew mode 100644\n";
    assert_eq!(after(&shop(), plain)[&path("ci/run")], file("#!/bin/sh\nmake\n"));
}

#[test]
fn nothing_outside_the_tree_is_touched() {
    for bad in ["../escape", "a/../../escape", "/etc/passwd", ".git/config", "sub/.GIT/hooks/pre-commit", "a//b", "./x"] {
        refusal(&shop(), &new_file(bad));
    }
    refusal(&shop(), "diff --git a/src/old.txt b/../x\nsimilarity index 100%\nrename from src/old.txt\nrename to ../x\n");
    for bad in ["b/../../x", "/etc/passwd", "b//etc/passwd", "x", "b/.git/config"] {
        refusal(&shop(), &format!("--- /dev/null\n+++ {bad}\n@@ -0,0 +1 @@\n+hello\n"));
    }
}

#[test]
fn only_ordinary_files_are_made() {
    for mode in ["120000", "160000", "040000", "100600", "777777", "x"] {
        let patch = new_file("link").replace("100644", mode);
        assert!(refusal(&shop(), &patch).contains("mode"), "{mode}");
    }
}

#[test]
fn a_patch_for_another_base_is_refused() {
    let deletes = |text: &str| {
        format!(
            "diff --git a/src/old.txt b/src/old.txt\ndeleted file mode 100644\n--- a/src/old.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-{text}\n"
        )
    };
    assert!(!after(&shop(), &deletes("old")).contains_key(&path("src/old.txt")));
    assert!(refusal(&shop(), &deletes("other")).contains("`src/old.txt`"));
    assert!(refusal(&shop(), &new_file("src/old.txt")).contains("exists"));
    assert!(refusal(&shop(), &new_file("src")).contains("folder"));
    assert!(refusal(&shop(), &new_file("src/old.txt/deeper")).contains("folder"));
    let missing = "--- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n";
    assert!(refusal(&shop(), missing).contains("`none` does not exist"));
    let twice = format!("{}{}", new_file("x"), new_file("x"));
    assert!(refusal(&shop(), &twice).contains("more than once"));
}

#[test]
fn what_is_no_patch_is_refused() {
    let header = "diff --git a/src/old.txt b/src/old.txt\n--- a/src/old.txt\n+++ b/src/old.txt\n";
    assert_eq!(run(&shop(), &format!("{header}@@ -1 +1 @@\n-old\n+new\n-- \n2.39.5\n")).unwrap().changes.len(), 1);
    for hunk in
        ["@@ -1 +1 @@\n-old\n+new\n+more\n", "@@ -1,2 +1 @@\n-old\n+new\n", "@@ -x +1 @@\n-old\n+new\n", "@@ -1 +1\n-old\n+new\n"]
    {
        refusal(&shop(), &format!("{header}{hunk}"));
    }
    refusal(&shop(), "diff --git a/x b/x\nnew file mode 100644\nindex 0000000..7972478\nGIT binary patch\nliteral 6\nNcmZR\n\n");
    refusal(&shop(), "diff --git a/src/old.txt b/ci/run\n--- a/src/old.txt\n+++ b/ci/run\n@@ -1 +1 @@\n-old\n+new\n");
    assert!(refusal(&shop(), "--- a/src/old.txt\n+++ b/src/new.txt\n@@ -1 +1 @@\n-old\n+new\n").contains("agree"));
    let moved = "diff --git a/src/old.txt b/src/new.txt\nsimilarity index 100%\nrename from src/old.txt\nrename to src/new.txt\n";
    assert_eq!(run(&shop(), moved).unwrap().changes.len(), 2);
    refusal(&shop(), &moved.replace("rename from src/old.txt\n", ""));
    refusal(&shop(), &moved.replace("rename to src/new.txt\n", ""));
    refusal(&shop(), &new_file("x").replace("/dev/null", "a/x"));
    for bad in ["", "hello\n", "@@ -1 +1 @@\n-a\n+b\n", "--- a/x\n", "--- a/src/old.txt\n+++ b/src/old.txt\n@@ -1 +1 @@\n-old\n"]
    {
        refusal(&shop(), bad);
    }
}

#[test]
fn a_damaged_patch_is_refused_or_applied_and_nothing_else() {
    let base = tree(&[("a", file("1\n2\n3\n")), ("b", executable("x\n")), ("c", file("y\n"))]);
    let patch = "diff --git a/a b/a\nindex 1111111..2222222 100644\n--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n\
                 diff --git a/b b/d\nold mode 100755\nnew mode 100644\nsimilarity index 100%\nrename from b\nrename to d\n\
                 diff --git a/c b/c\ndeleted file mode 100644\n--- a/c\n+++ /dev/null\n@@ -1 +0,0 @@\n-y\n";
    assert_eq!(run(&base, patch).unwrap().changes.len(), 4);
    let lines: Vec<_> = patch.split_inclusive('\n').collect();
    let without = (0..lines.len()).map(|at| [&lines[..at], &lines[at + 1..]].concat().concat());
    let twice = (0..lines.len()).map(|at| [&lines[..=at], &lines[at..]].concat().concat());
    let other =
        |at: usize| ["0", "9", "/", " ", "\n", "\"", "\\"].map(|byte| format!("{}{byte}{}", &patch[..at], &patch[at + 1..]));
    for damaged in without.chain(twice).chain((0..patch.len()).flat_map(other)) {
        if let Err(error) = run(&base, &damaged) {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{damaged}\n{error:?}");
        }
    }
}
