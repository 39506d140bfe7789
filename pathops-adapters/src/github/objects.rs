//! Objects of Git that are known. Each is named by the digest of what it holds, so it is asked for once, and one that was made here
//! not at all: what it is called is computed, and held against what GitHub calls it.

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

    /// Keeps the tree that GitHub made of changes to another, and the files in them, where it is the one that Git makes of them. Of a tree
    /// for which there is no room, it keeps nothing.
    pub(super) fn keep_made(&self, there: &BTreeMap<String, Entry>, changes: &Changes<'_>, made: &TreeId) {
        if there.len() >= ENTRIES {
            return;
        }
        let Some(listing) = changed(there, changes, made) else { return };
        for file in changes.values().flatten() {
            let (id, size) = (object_id("blob", &file.bytes, made.as_str()), file.bytes.len().saturating_add(1));
            self.client.objects.files.put(self.named(&id), size, Arc::new(file.bytes.clone()));
        }
        self.keep_listing(made.as_str(), &Arc::new(listing));
    }
}

/// What is listed after changes; `None` where that is not the tree that was made. Only the folders above them get other names.
fn changed(there: &BTreeMap<String, Entry>, changes: &Changes<'_>, made: &TreeId) -> Option<BTreeMap<String, Entry>> {
    let mut all = there.clone();
    for (path, file) in changes {
        match file {
            Some(file) => all.insert(path.to_string(), Entry::file(path.as_str(), file, made)),
            None => all.remove(path.as_str()),
        };
    }
    let paths = changes.keys().map(|path| path.as_str());
    let folders: BTreeSet<&str> =
        paths.flat_map(|path| path.match_indices('/').filter_map(move |(end, _)| path.get(..end))).collect();
    // From the last: a folder comes before what is in it, and its name is made of the names of that.
    for folder in folders.into_iter().rev() {
        if all.get(folder).is_some_and(Entry::is_folder) {
            all.remove(folder);
        }
        let inside = directly_in(&all, &format!("{folder}/"));
        if !inside.is_empty() {
            let id = tree_id(inside, made.as_str())?;
            all.insert(folder.to_owned(), Entry::folder(folder, id));
        }
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

    /// The name of what does not change is not computed again, and a file is put in a folder's place.
    #[test]
    fn only_what_is_above_a_change_gets_another_name() {
        let kept = "1".repeat(40);
        let there = BTreeMap::from([
            ("a".to_owned(), Entry::folder("a", EMPTY.to_owned())),
            ("a/b".to_owned(), Entry::file("a/b", &file("b\n", false), &tree(EMPTY))),
            ("kept".to_owned(), Entry::folder("kept", kept.clone())),
            ("kept/c".to_owned(), Entry::file("kept/c", &file("c\n", false), &tree(EMPTY))),
        ]);
        let [a, b] = ["a", "a/b"].map(|path| path.parse::<RepoPath>().unwrap());
        let new = file("now a file\n", false);
        let id = object_id("blob", &new.bytes, EMPTY);
        let listed = vec![Listed { mode: "100644", name: "a", id: &id }, Listed { mode: "040000", name: "kept", id: &kept }];
        let made = tree_id(listed, EMPTY).unwrap();
        let all = changed(&there, &Changes::from([(&a, Some(&new)), (&b, None)]), &tree(&made)).unwrap();
        let paths: Vec<_> = all.iter().map(|(path, entry)| (path.as_str(), entry.is_folder())).collect();
        assert_eq!(paths, [("a", false), ("kept", true), ("kept/c", false)]);
    }

    const MADE: &str = "df8596640167d2e5b39b68fd2f3bc5771fde2b3d";
}
