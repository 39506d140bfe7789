//! Reading what is given. Whatever cannot be used is told with its place.

use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use pathops_core::RepoPath;
use pathops_core::adapter::{SourceFile, SourceTree};
use pathops_core::policy::{Facts, Policy};
use pathops_core::project::{Findings, load_facts, load_policy};

use crate::languages::languages;

/// The most that is read: of one file, in bytes, and of one folder, in files.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
const MOST_FILES: usize = 10_000;

/// Why the input cannot be used, in words.
#[derive(Debug)]
pub(crate) struct Unusable(String);

impl Unusable {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    fn file(path: &Path, why: &dyn fmt::Display) -> Self {
        Self(format!("{} cannot be read: {why}", path.display()))
    }

    /// Mistakes in one file.
    pub(crate) fn findings(path: &Path, findings: &Findings) -> Self {
        Self(told(findings, |_| path))
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Findings, with the paths that were given.
fn told<'p>(findings: &Findings, path: impl Fn(&RepoPath) -> &'p Path) -> String {
    let place = |file: &RepoPath, line: Option<usize>| match line {
        Some(line) => format!("{}:{line}", path(file).display()),
        None => path(file).display().to_string(),
    };
    let told = findings.iter().map(|it| format!("{}: {}; {}", place(&it.file, it.line), it.what, it.mend));
    told.collect::<Vec<_>>().join("\n")
}

pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Unusable> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(len) if u64::try_from(len).is_ok_and(|len| len <= MOST_BYTES) => Ok(bytes),
        Ok(_) => Err(Unusable::file(path, &format!("it has more than {MOST_BYTES} bytes"))),
        Err(error) => Err(Unusable::file(path, &error)),
    }
}

/// The policy whose layers are these files.
pub(crate) fn policy(paths: &[PathBuf]) -> Result<Policy, Unusable> {
    let mut files = SourceTree::new();
    for (number, path) in paths.iter().enumerate() {
        let name = repo_path(&format!("policies/{number}.yaml"))?;
        files.insert(name, SourceFile { bytes: bytes(path)?, executable: false });
    }
    let path = |file: &RepoPath| {
        let number = file.as_str().trim_start_matches("policies/").trim_end_matches(".yaml").parse();
        number.ok().and_then(|number: usize| paths.get(number)).map_or(Path::new("the policy"), PathBuf::as_path)
    };
    load_policy(&files, &languages()).map_err(|findings| Unusable(told(&findings, path)))
}

/// Facts for a policy.
pub(crate) fn facts(path: &Path, policy: &Policy) -> Result<Facts, Unusable> {
    load_facts(&name(path), &bytes(path)?, policy).map_err(|findings| Unusable::findings(path, &findings))
}

/// What tells JSON from YAML.
pub(crate) fn name(path: &Path) -> RepoPath {
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    RepoPath::parse(if is_json { "input.json" } else { "input.yaml" }).unwrap_or_else(|_| RepoPath::root())
}

/// All files of a folder, less what is hidden. Links are not followed.
pub(crate) fn folder(dir: &Path) -> Result<SourceTree, Unusable> {
    let mut files = SourceTree::new();
    walk(dir, "", &mut files)?;
    Ok(files)
}

fn walk(dir: &Path, within: &str, files: &mut SourceTree) -> Result<(), Unusable> {
    let wrong = |error: std::io::Error| Unusable::file(dir, &error);
    for entry in fs::read_dir(dir).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(wrong)?);
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str() else { return Err(Unusable::file(&path, &"its name is not UTF-8")) };
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            walk(&path, &format!("{within}{name}/"), files)?;
        } else if kind.is_file() {
            files.insert(repo_path(&format!("{within}{name}"))?, SourceFile { bytes: bytes(&path)?, executable: false });
        }
        if files.len() > MOST_FILES {
            return Err(Unusable::file(
                dir,
                &format!("it holds more than {MOST_FILES} files; give the folder of a meta repository"),
            ));
        }
    }
    Ok(())
}

fn repo_path(text: &str) -> Result<RepoPath, Unusable> {
    RepoPath::parse(text).map_err(|error| Unusable::new(error.to_string()))
}
