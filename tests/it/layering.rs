//! Who may depend on whom, and what the core must not pull in: asked of `cargo tree`, not of good will.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Everything that reads a clock, a socket, a disk or randomness, or runs tasks.
const IO: &str = "async-std chrono fastrand futures-executor getrandom git2 hyper libgit2-sys libsqlite3-sys mio notify \
                  object_store openssl polling rand reqwest rustix rustls smol socket2 sqlx tempfile tokio \
                  tracing-subscriber ureq walkdir";

/// The crates that connect an adapter to something, and the features that may pull each.
const VENDORS: [(&str, &[&str]); 15] = [
    ("async-nats", &["nats"]),
    ("git2", &["embedded", "local-ci", "local-forge", "local-gitops"]),
    ("gitlab", &["gitlab"]),
    ("jsonschema", &["embedded", "local-gitops"]),
    ("kube", &["argocd", "flux", "kubernetes"]),
    ("lapin", &["rabbitmq"]),
    ("object_store", &["embedded", "object-store", "s3", "zstd"]),
    ("octocrab", &["github"]),
    ("reqwest", &["gitlab", "loki", "prometheus", "s3", "vault", "witness"]),
    ("sqlx", &["embedded", "postgres", "sqlite"]),
    ("sqlx-postgres", &["postgres"]),
    ("sqlx-sqlite", &["embedded", "sqlite"]),
    ("temporalio-sdk-core", &["temporal"]),
    ("ureq", &["embedded", "local-gitops"]),
    ("zstd", &["zstd"]),
];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).args(["--offline", "--locked"]).current_dir(ROOT).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The names of the crates that `cargo tree` prints.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let printed = cargo(&[&["tree", "--prefix", "none", "--format", "{p}"], arguments].concat());
    let names: BTreeSet<String> = printed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(names.iter().any(|name| name.starts_with("pathops-")), "cargo tree {arguments:?} names no crate of ours: {printed}");
    names
}

fn features(package: &str) -> Vec<String> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|p| p["name"] == package).unwrap();
    package["features"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn arrows_point_to_the_core_only() {
    let arrows: [(&str, &[&str]); 4] = [
        ("pathops-core", &[]),
        ("pathops-evidence", &["pathops-core"]),
        ("pathops-coordinator", &["pathops-core", "pathops-evidence"]),
        ("pathops-adapters", &["pathops-core"]),
    ];
    for (package, may_see) in arrows {
        let seen = tree(&["-p", package, "--all-features", "-e", "normal,build"]);
        let ours = |name: &&str| name.starts_with("pathops-") && *name != package;
        let seen: BTreeSet<&str> = seen.iter().map(String::as_str).filter(ours).collect();
        assert_eq!(seen, BTreeSet::from_iter(may_see.iter().copied()), "{package}");
    }
}

#[test]
fn i9_the_core_does_no_io() {
    for features in [&[][..], &["--features", "yaml"], &["--features", "schema"], &["--features", "memory"]] {
        let seen = tree(&[&["-p", "pathops-core", "-e", "normal"], features].concat());
        let found: Vec<&str> = IO.split(' ').filter(|name| seen.contains(*name)).collect();
        assert!(found.is_empty(), "pathops-core {features:?} pulls in {found:?}");
    }
}

#[test]
fn the_core_stays_small() {
    let printed = cargo(&["tree", "--prefix", "none", "--format", "{p}", "-p", "pathops-core", "-e", "normal,build"]);
    // Two versions of a crate are two crates, and it is one itself.
    let seen: BTreeSet<Vec<&str>> = printed.lines().map(|line| line.split(' ').take(2).collect()).collect();
    assert!(seen.len() < 60, "pathops-core is {} crates: {seen:?}", seen.len());
    assert!(seen.iter().any(|it| it.first() == Some(&"serde_json")), "that is no list of crates: {printed}");
}

#[test]
fn the_ban_list_can_catch_something() {
    let seen = tree(&["-p", "pathops-adapters", "--all-features", "-e", "normal"]);
    let found = IO.split(' ').filter(|name| seen.contains(*name)).count();
    assert!(found >= 5, "the adapters do pull in I/O, and the list should know it: {found}");
}

#[test]
fn each_adapter_pulls_only_what_is_its_own() {
    for feature in features("pathops-adapters") {
        let seen = tree(&["-p", "pathops-adapters", "-e", "normal", "--features", &feature]);
        for (vendor, may_pull) in VENDORS {
            let expected = may_pull.contains(&feature.as_str());
            assert_eq!(seen.contains(vendor), expected, "feature `{feature}` and crate `{vendor}`, see VENDORS");
        }
    }
}

#[test]
fn the_examples_pull_vendors_in_where_they_are_asked_to_only() {
    let pulled = |features: &[&str]| tree(&[&["-p", "pathops-examples", "-e", "normal,dev"], features].concat());
    let plain = pulled(&[]);
    let vendors =
        [("s3", "reqwest"), ("argocd", "kube"), ("github", "octocrab"), ("gitlab", "gitlab"), ("github", "pathops-fakes")];
    for (feature, brings) in vendors {
        assert!(!plain.contains(brings), "{brings}");
        assert!(pulled(&["--features", feature]).contains(brings), "{feature}");
    }
}

#[test]
fn one_tls_stack_at_most_and_never_these() {
    let seen = tree(&["--workspace", "--all-features", "-e", "normal,build,dev"]);
    for banned in ["native-tls", "openssl-sys", "ring"] {
        assert!(!seen.contains(banned), "`{banned}` came in: cargo tree --workspace --all-features -i {banned}");
    }
}
