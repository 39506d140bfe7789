//! Objects of Git that are known. Each is named by the digest of what it holds, so it is asked for once, and one that was made here
//! not at all: what it is called is computed, and held against what GitHub calls it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pathops_core::{CommitId, TreeId};

use super::client::Call;
use super::contents::Entry;
use crate::rest::changes::Changes;
use crate::rest::objects::{Listed, object_id, tree_id};
use crate::rest::recent::Recent;

/// How many commits are kept, how many entries of trees, and how many bytes of files.
const COMMITS: usize = 10_000;
const ENTRIES: usize = 100_000;
const BYTES: usize = 8 * 1024 * 1024;

/// Everything in a tree, by path.
pub(super) type Listing = Arc<BTreeMap<String, Entry>>;

/// What is known, by repository and digest.
#[derive(Debug)]
pub(super) struct Objects {
    roots: Recent<TreeId>,
    listings: Recent<Listing>,
    /// Files that were made here. Those that were read are kept with all else that was.
    files: Recent<Arc<Vec<u8>>>,
}

impl Default for Objects {
    fn default() -> Self {
        Self { roots: Recent::new(COMMITS), listings: Recent::new(ENTRIES), files: Recent::new(BYTES) }
    }
}

impl Call<'_> {
    /// The tree of a commit, where it is known.
    pub(super) fn known_root(&self, commit: &CommitId) -> Option<TreeId> {
        self.client.objects.roots.get(&self.named(commit))
    }

    pub(super) fn keep_root(&self, commit: &CommitId, root: &TreeId) {
        self.client.objects.roots.put(self.named(commit), 1, root.clone());
    }

    /// What a tree lists, where it is known.
    pub(super) fn known_listing(&self, tree: &str) -> Option<Listing> {
        self.client.objects.listings.get(&self.named(tree))
    }

    pub(super) fn keep_listing(&self, tree: &str, listing: &Listing) {
        self.client.objects.listings.put(self.named(tree), listing.len().saturating_add(1), listing.clone());
    }

    /// What a commit holds, where that is known.
    pub(super) fn known_files(&self, commit: &CommitId) -> Option<Listing> {
        self.known_listing(self.known_root(commit)?.as_str())
    }

    /// A file that was made here.
    pub(super) fn known_file(&self, id: &str) -> Option<Arc<Vec<u8>>> {
        self.client.objects.files.get(&self.named(id))
    }

    /// Keeps the tree that GitHub made of changes to another, and the files in them, where it is the one that Git makes of them.
    pub(super) fn keep_made(&self, there: &BTreeMap<String, Entry>, changes: &Changes<'_>, made: &TreeId) {
        let Some(listing) = changed(there, changes, made) else { return };
        for file in changes.values().flatten() {
            let (id, size) = (object_id("blob", &file.bytes, made.as_str()), file.bytes.len().saturating_add(1));
            self.client.objects.files.put(self.named(&id), size, Arc::new(file.bytes.clone()));
        }
        self.keep_listing(made.as_str(), &Arc::new(listing));
    }
}

/// What is listed after changes; `None` where that is not the tree that was made.
fn changed(there: &BTreeMap<String, Entry>, changes: &Changes<'_>, made: &TreeId) -> Option<BTreeMap<String, Entry>> {
    let files = there.iter().filter(|(_, entry)| !entry.is_folder());
    let mut all: BTreeMap<String, Entry> = files.map(|(path, entry)| (path.clone(), entry.clone())).collect();
    for (path, file) in changes {
        match file {
            Some(file) => all.insert(path.to_string(), Entry::file(path.as_str(), file, made)),
            None => all.remove(path.as_str()),
        };
    }
    let above = |path: &str| -> Vec<String> {
        path.match_indices('/').filter_map(|(end, _)| path.get(..end)).map(str::to_owned).collect()
    };
    let folders: BTreeSet<(Reverse<usize>, String)> =
        all.keys().flat_map(|path| above(path)).map(|folder| (Reverse(folder.matches('/').count()), folder)).collect();
    // The deepest first: the name of a folder is made of the names of what is in it.
    for (_, folder) in folders {
        let id = tree_id(directly_in(&all, &format!("{folder}/")), made.as_str())?;
        all.insert(folder.clone(), Entry::folder(&folder, id));
    }
    (tree_id(directly_in(&all, ""), made.as_str())? == made.as_str()).then_some(all)
}

/// What is in a folder itself; `below` is its path with a slash at the end.
fn directly_in<'a>(all: &'a BTreeMap<String, Entry>, below: &str) -> Vec<Listed<'a>> {
    let inside = all.range(below.to_owned()..).map_while(|(path, entry)| Some((path.strip_prefix(below)?, entry)));
    let direct = inside.filter(|(name, _)| !name.contains('/'));
    direct.map(|(name, entry)| Listed { mode: &entry.mode, name, id: &entry.sha }).collect()
}

#[cfg(test)]
mod tests {
    use pathops_core::RepoPath;
    use pathops_core::adapter::SourceFile;

    use super::*;

    const EMPTY: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    fn tree(id: &str) -> TreeId {
        id.parse().unwrap()
    }

    fn file(text: &str, executable: bool) -> SourceFile {
        SourceFile { bytes: text.as_bytes().to_vec(), executable }
    }

    /// As `git write-tree` says of these files.
    #[test]
    fn a_tree_is_known_by_what_went_into_it() {
        let (plain, program) = (file("a\n", false), file("#!/bin/sh\n", true));
        let [a, b, c] = ["a-b", "a/b/c", "a.b"].map(|path| path.parse::<RepoPath>().unwrap());
        let changes = Changes::from([(&a, Some(&plain)), (&b, Some(&program)), (&c, Some(&plain))]);
        let all = changed(&BTreeMap::new(), &changes, &tree(MADE)).unwrap();
        let paths: Vec<_> = all.iter().map(|(path, entry)| (path.as_str(), entry.is_folder())).collect();
        assert_eq!(paths, [("a", true), ("a-b", false), ("a.b", false), ("a/b", true), ("a/b/c", false)]);
        // Nothing is left of a folder without files.
        let gone = Changes::from([(&a, None), (&b, None), (&c, None)]);
        assert_eq!(changed(&all, &gone, &tree(EMPTY)).map(|all| all.len()), Some(0));
        assert!(changed(&all, &gone, &tree(MADE)).is_none(), "it is another tree");
    }

    const MADE: &str = "df8596640167d2e5b39b68fd2f3bc5771fde2b3d";
}
