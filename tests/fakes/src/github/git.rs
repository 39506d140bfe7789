//! What Git does.

use std::collections::BTreeMap;

use git2::{Commit, ObjectType, Oid, Signature, Sort, Time};
use pathops_core::UnixMillis;

use super::hosted::Hosted;
use super::{Answered, Reply};

/// What becomes of a path: its bytes and mode, or nothing.
type Change<'a> = (&'a str, Option<(&'a [u8], u32)>);
/// What becomes of paths: object and mode, or nothing.
type Entries = BTreeMap<String, Option<(Oid, u32)>>;

impl Hosted {
    /// Where a branch points.
    pub fn branch(&self, name: &str) -> Option<Oid> {
        self.git.refname_to_id(&format!("refs/heads/{name}")).ok()
    }

    /// Lets a branch point there.
    pub fn point(&self, branch: &str, at: Oid) {
        self.git.reference(&format!("refs/heads/{branch}"), at, true, "").unwrap();
    }

    /// Deletes a branch.
    pub fn unpoint(&self, branch: &str) {
        self.git.find_reference(&format!("refs/heads/{branch}")).unwrap().delete().unwrap();
    }

    /// A commit by its whole id, or a branch.
    pub(super) fn find(&self, name: &str) -> Answered<Commit<'_>> {
        let oid = Oid::from_str(name).ok().filter(|_| name.len() == 40).or_else(|| self.branch(name));
        oid.and_then(|oid| self.git.find_commit(oid).ok()).ok_or_else(Reply::not_found)
    }

    pub(super) fn make(&self, tree: Oid, parents: &[Oid], message: &str, who: &str, at: UnixMillis) -> Oid {
        let by = Signature::new(who, &format!("{who}@users.noreply.127.0.0.1"), &Time::new(at.0 / 1000, 0)).unwrap();
        self.make_by(tree, parents, message, &by).unwrap()
    }

    pub(super) fn make_by(&self, tree: Oid, parents: &[Oid], message: &str, by: &Signature<'_>) -> Option<Oid> {
        let tree = self.git.find_tree(tree).ok()?;
        let parents: Option<Vec<Commit<'_>>> = parents.iter().map(|oid| self.git.find_commit(*oid).ok()).collect();
        let parents = parents?;
        self.git.commit(None, by, by, message, &tree, &parents.iter().collect::<Vec<_>>()).ok()
    }

    pub(super) fn changed<'a>(&self, base: Option<Oid>, changes: impl IntoIterator<Item = Change<'a>>) -> Oid {
        let blobs = changes
            .into_iter()
            .map(|(path, file)| (path.to_owned(), file.map(|(bytes, mode)| (self.git.blob(bytes).unwrap(), mode))));
        self.edited(base, &blobs.collect()).unwrap()
    }

    /// The tree with these entries set or taken out; `None` where one to take out is not there.
    pub(super) fn edited(&self, base: Option<Oid>, entries: &Entries) -> Option<Oid> {
        let base = base.map(|oid| self.git.find_tree(oid).unwrap());
        let mut builder = self.git.treebuilder(base.as_ref()).unwrap();
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
            let there =
                builder.get(folder).unwrap().filter(|entry| entry.kind() == Some(ObjectType::Tree)).map(|entry| entry.id());
            let tree = self.edited(there, &entries)?;
            if self.git.find_tree(tree).unwrap().is_empty() {
                let _ = builder.remove(folder);
            } else {
                builder.insert(folder, tree, 0o040_000).unwrap();
            }
        }
        Some(builder.write().unwrap())
    }

    /// Whether `commit` is `head` or before it.
    pub fn contains(&self, head: &str, commit: &str) -> bool {
        let [head, commit] = [head, commit].map(|name| Oid::from_str(name).unwrap());
        head == commit || self.git.graph_descendant_of(head, commit).unwrap()
    }

    /// What `head` has and `base` has not, newest first.
    pub(super) fn history(&self, head: Oid, base: Option<Oid>) -> Vec<Oid> {
        let mut walk = self.git.revwalk().unwrap();
        walk.set_sorting(Sort::TIME).unwrap();
        walk.push(head).unwrap();
        if let Some(base) = base {
            walk.hide(base).unwrap();
        }
        walk.map(Result::unwrap).collect()
    }
}
