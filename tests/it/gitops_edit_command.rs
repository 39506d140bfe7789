//! `cargo run --example gitops_edit`, as a person runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::{ROOT, built};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(built("gitops_edit")).args(arguments).current_dir(folder).output().unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let values = Path::new(ROOT).join("examples/gitops_edit/values.yaml");
    for name in ["values.yaml", "other.yaml"] {
        fs::copy(&values, folder.path().join(name)).unwrap();
    }
    folder
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_difference_is_shown_and_nothing_written() {
    let folder = folder();
    let before = fs::read(folder.path().join("values.yaml")).unwrap();
    let output = run(folder.path(), &["values.yaml", "image:registry.example/shop/orders=1.2.3"]);
    assert!(output.status.success(), "{output:?}");
    let shown = text(&output.stdout);
    let changed: Vec<&str> = shown.lines().filter(|line| line.starts_with(['+', '-'])).collect();
    let expected = [
        "--- values.yaml",
        "+++ values.yaml",
        "-  tag: \"1.2.2\" # by pull request only",
        "+  tag: \"1.2.3\" # by pull request only",
    ];
    assert_eq!(changed, expected, "{shown}");
    assert_eq!(fs::read(folder.path().join("values.yaml")).unwrap(), before);
    assert!(run(folder.path(), &["values.yaml", "replicaCount=2"]).stdout.is_empty());
}

#[test]
fn files_are_written_together_or_not_at_all() {
    let folder = folder();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let before = read("values.yaml");
    let refused = run(folder.path(), &["--write", "values.yaml", "replicaCount=3", "other.yaml", "replicas=3"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        text(&refused.stderr).contains("`replicas` is ambiguous: it can be `replicaCount` in line 5, `replicas` in line 9"),
        "{refused:?}"
    );
    assert_eq!([read("values.yaml"), read("other.yaml")], [before.clone(), before.clone()]);
    let written = run(
        folder.path(),
        &["--write", "values.yaml", "replicaCount=3", "other.yaml", "web.replicas=3", "web.image=registry.example/shop/web:8"],
    );
    assert!(written.status.success(), "{written:?}");
    assert_eq!(read("values.yaml"), before.replace("replicaCount: 2", "replicaCount: 3"));
    assert_eq!(read("other.yaml"), before.replace("replicas: 1", "replicas: 3").replace("web:7", "web:8"));
}

#[test]
fn what_cannot_be_used_ends_with_2_and_what_is_refused_with_1() {
    let folder = folder();
    fs::write(folder.path().join("template.yaml"), "a: {{ .Values.a }\n").unwrap();
    fs::write(folder.path().join("bytes.yaml"), [0xff, 0xfe]).unwrap();
    let unusable: [&[&str]; 8] = [
        &["values.yaml"],
        &["absent.yaml", "a=1"],
        &["bytes.yaml", "a=1"],
        &["template.yaml", "a=1"],
        &["values.yaml", "a..b=1"],
        &["values.yaml", "image:a="],
        &["values.yaml", "replicaCount=1", "other.yaml"],
        &["values.yaml", "replicaCount=1", "values.yaml", "web.replicas=1"],
    ];
    for arguments in unusable {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
    for wanted in ["nowhere=1", "image=x", "image:registry.example/shop/web=sha256:0a b"] {
        let output = run(folder.path(), &["values.yaml", wanted]);
        assert!(matches!(output.status.code(), Some(1 | 2)) && output.stdout.is_empty(), "{wanted}: {output:?}");
    }
}
