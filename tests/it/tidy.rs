//! Rules for the text of the project that no other tool checks.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const MOST_LINES: usize = 600;

/// All files of the project, with their text where they are text.
fn files() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    walk(Path::new(ROOT), &mut found);
    assert!(found.len() > 100, "the project has more than {} files", found.len());
    found
}

fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // In a second working tree of a repository, `.git` is a file.
        if matches!(name, ".git" | "target") {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else if path.is_file()
            && let Ok(text) = fs::read_to_string(&path)
        {
            found.push((path, text));
        }
    }
}

fn rust_files() -> impl Iterator<Item = (PathBuf, String)> {
    files().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "rs"))
}

/// Fails with every place where a line of a file is as `wrong` says.
fn check_lines(files: impl Iterator<Item = (PathBuf, String)>, rule: &str, wrong: impl Fn(&str) -> bool) {
    let mut places = Vec::new();
    for (path, text) in files {
        let lines = text.lines().enumerate().filter(|(_, line)| wrong(line));
        places.extend(lines.map(|(number, line)| format!("{}:{}: {}", path.display(), number + 1, line.trim())));
    }
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    let packages: Vec<_> =
        files().into_iter().filter(|(path, text)| path.ends_with("Cargo.toml") && text.contains("[package]")).collect();
    assert!(packages.len() >= 8, "{packages:?}");
    for (path, text) in packages {
        assert!(text.contains("\n[lints]\nworkspace = true\n"), "{} lacks `[lints] workspace = true`", path.display());
    }
}

/// Cargo runs the tests of an example only where it is told to.
#[test]
fn tests_of_the_examples_are_run() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("examples/Cargo.toml")).unwrap();
    for example in manifest.split("[[example]]").skip(1) {
        let path = example.split("path = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let folder = Path::new(ROOT).join("examples").join(path.strip_suffix("/main.rs").unwrap_or(path));
        let has_tests = rust_files().any(|(file, text)| file.starts_with(&folder) && text.contains("#[cfg(test)]"));
        assert_eq!(
            example.lines().any(|line| line == "test = true"),
            has_tests,
            "whether {path} has tests and whether they are run"
        );
    }
}

#[test]
fn examples_in_the_docs_are_compiled() {
    let fence = concat!("```", "ignore");
    check_lines(files().into_iter(), "use `no_run` or `compile_fail`, with hidden set-up", |line| line.contains(fence));
}

#[test]
fn lints_are_expected_with_a_reason_not_allowed() {
    let (outer, inner) = (concat!("#[", "allow("), concat!("#![", "allow("));
    let wrong = |line: &str| line.contains(outer) || line.contains(inner);
    check_lines(rust_files(), "write `#[expect(lint, reason = \"…\")]`", wrong);
}

/// What is decided, or written down, has the same order in each process.
#[test]
fn what_decides_keeps_nothing_in_an_order_of_its_own() {
    let unordered = [concat!("Hash", "Map"), concat!("Hash", "Set")];
    let decides =
        |path: &Path| ["pathops-core/src", "pathops-coordinator/src"].iter().any(|of| path.starts_with(Path::new(ROOT).join(of)));
    let files: Vec<_> = rust_files().filter(|(path, _)| decides(path)).collect();
    assert!(files.len() > 100, "{}", files.len());
    check_lines(files.into_iter(), "take a `BTreeMap` or a `BTreeSet`", |line| unordered.iter().any(|it| line.contains(it)));
}

#[test]
fn no_text_names_a_place_on_somebodys_machine() {
    let places = [
        concat!("/wo", "rk/main"),
        concat!("/wo", "rk/shared"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!(".lib", "rary"),
    ];
    check_lines(files().into_iter(), "name no path of a machine", |line| places.iter().any(|place| line.contains(place)));
}

#[test]
fn no_file_is_too_long_to_read() {
    for (path, text) in rust_files() {
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines: split it by idea", path.display());
    }
}

/// A file that no `mod` line names is never compiled, and its tests never run.
#[test]
fn no_module_is_forgotten() {
    let of_a_crate = |path: &Path| path.strip_prefix(ROOT).unwrap().iter().any(|part| part == "src" || part == "it");
    for (path, _) in rust_files().filter(|(path, _)| of_a_crate(path)) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        if matches!(name, "lib" | "main") {
            continue;
        }
        let folder = path.parent().unwrap();
        let parents = [folder.with_extension("rs"), folder.join("lib.rs"), folder.join("main.rs")];
        let named = |parent: &PathBuf| fs::read_to_string(parent).is_ok_and(|text| text.contains(&format!("mod {name};")));
        assert!(parents.iter().any(named), "no `mod {name};` names {}", path.display());
    }
}
