//! What Git does, for every host of it.
#![expect(clippy::unwrap_used, reason = "a fake: what it cannot play is a failed test")]

use std::collections::BTreeMap;

use git2::{ObjectType, Oid, Repository, Sort};

/// What becomes of paths: object and mode, or nothing.
pub(crate) type Entries = BTreeMap<String, Option<(Oid, u32)>>;

/// The tree with these entries set or taken out; `None` where one to take out is not there.
pub(crate) fn edited(git: &Repository, base: Option<Oid>, entries: &Entries) -> Option<Oid> {
    let base = base.map(|oid| git.find_tree(oid).unwrap());
    let mut builder = git.treebuilder(base.as_ref()).unwrap();
    let mut below: BTreeMap<&str, Entries> = BTreeMap::new();
    for (path, entry) in entries {
        match (path.split_once('/'), entry) {
            (Some((folder, rest)), _) => {
                below.entry(folder).or_default().insert(rest.to_owned(), *entry);
            }
            (None, Some((oid, mode))) => {
                builder.insert(path, *oid, i32::try_from(*mode).unwrap()).unwrap();
            }
            (None, None) => builder.remove(path).ok()?,
        }
    }
    for (folder, entries) in below {
        let there = builder.get(folder).unwrap().filter(|entry| entry.kind() == Some(ObjectType::Tree));
        let tree = edited(git, there.map(|entry| entry.id()), &entries)?;
        if git.find_tree(tree).unwrap().is_empty() {
            let _ = builder.remove(folder);
        } else {
            builder.insert(folder, tree, 0o040_000).unwrap();
        }
    }
    Some(builder.write().unwrap())
}

/// Whether `commit` is `head` or before it.
pub(crate) fn contains(git: &Repository, head: &str, commit: &str) -> bool {
    let [head, commit] = [head, commit].map(|name| Oid::from_str(name).unwrap());
    head == commit || git.graph_descendant_of(head, commit).unwrap()
}

/// What `head` has and `base` has not, newest first.
pub(crate) fn history(git: &Repository, head: Oid, base: Option<Oid>) -> Vec<Oid> {
    let mut walk = git.revwalk().unwrap();
    walk.set_sorting(Sort::TIME).unwrap();
    walk.push(head).unwrap();
    if let Some(base) = base {
        walk.hide(base).unwrap();
    }
    walk.map(Result::unwrap).collect()
}
