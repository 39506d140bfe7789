//! The samples that lie in the examples, read by the library: what their policies say, and what is said of mistakes in them.

mod cases;
mod layers;
mod lint;
mod policy;
mod schemas;

use std::fs;
use std::path::Path;

use pathops_core::RepoPath;
use pathops_core::adapter::{SourceFile, SourceTree};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
const POLICY: &str = "policy.yaml";

/// The meta repository of the sample shop; where there is a text, with that as its policy.
fn shop(policy: Option<&str>) -> SourceTree {
    let root = Path::new(EXAMPLES).join("shop/meta");
    let mut files = SourceTree::new();
    read(&root, &root, &mut files);
    if let Some(text) = policy {
        files.insert(path(POLICY), source(text));
    }
    files
}

fn read(root: &Path, folder: &Path, files: &mut SourceTree) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() {
            read(root, &entry, files);
            continue;
        }
        let name = entry.strip_prefix(root).unwrap().to_str().unwrap();
        files.insert(path(name), SourceFile { bytes: fs::read(&entry).unwrap(), executable: false });
    }
}

/// A file of the examples.
fn text(file: &str) -> String {
    fs::read_to_string(Path::new(EXAMPLES).join(file)).unwrap()
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

fn source(text: &str) -> SourceFile {
    SourceFile { bytes: text.as_bytes().to_vec(), executable: false }
}
