//! The ids that Git gives to objects: the digests of what they hold.

use sha1::{Digest as _, Sha1};
use sha2::Sha256;

/// The mode of a folder in a tree.
const FOLDER: &str = "040000";

/// One of those that a tree lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) mode: &'a str,
    pub(crate) name: &'a str,
    pub(crate) id: &'a str,
}

/// The id of an object, by the digest that its repository has: `like` is another id there.
pub(crate) fn object_id(kind: &str, bytes: &[u8], like: &str) -> String {
    let head = format!("{kind} {}\0", bytes.len());
    let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect();
    match like.len() {
        64 => hex(&Sha256::new().chain_update(head).chain_update(bytes).finalize()),
        _ => hex(&Sha1::new().chain_update(head).chain_update(bytes).finalize()),
    }
}

/// The id of the tree that lists these; `None` where one of them has no id.
pub(crate) fn tree_id(mut entries: Vec<Listed<'_>>, like: &str) -> Option<String> {
    // In Git's order a folder's name ends with a slash.
    let sorted_by = |entry: &Listed<'_>| format!("{}{}", entry.name, if entry.mode == FOLDER { "/" } else { "" });
    entries.sort_by_cached_key(sorted_by);
    let mut bytes = Vec::new();
    for Listed { mode, name, id } in entries {
        bytes.extend(format!("{} {name}\0", mode.trim_start_matches('0')).bytes());
        for at in (0..id.len()).step_by(2) {
            bytes.push(u8::from_str_radix(id.get(at..at.saturating_add(2))?, 16).ok()?);
        }
    }
    Some(object_id("tree", &bytes, like))
}
