//! The names below a folder of this machine, in the order of their bytes. Only the folders in which the wanted ones lie are read:
//! a file system has the names of one folder in no order, and those of different folders in the order of the folders.
//!
//! A link to a folder is followed, but no further one below it: links that lead in a circle come to an end.

use std::fs;
use std::io;
use std::path::Path;

use pathops_core::ObjectKey;

/// Up to `limit` names below `within`, those after `after` only.
pub(super) fn names(root: &Path, within: &ObjectKey, after: Option<&ObjectKey>, limit: usize) -> io::Result<Vec<ObjectKey>> {
    let mut walk = Walk { read: &mut read, after: after.map(ObjectKey::as_str), limit, found: Vec::new() };
    walk.folder(&root.join(within.as_str()), &format!("{within}/"), false)?;
    Ok(walk.found)
}

struct Walk<'w, R> {
    read: &'w mut R,
    after: Option<&'w str>,
    limit: usize,
    found: Vec<ObjectKey>,
}

/// A name in a folder; that of a folder ends with a slash.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    name: String,
    /// Whether it is a link to a folder.
    link: bool,
}

impl<R: FnMut(&Path) -> io::Result<Vec<Name>>> Walk<'_, R> {
    /// Takes up what lies in a folder; `prefix` is what all names in it begin with, and `linked` is whether a link led here.
    fn folder(&mut self, folder: &Path, prefix: &str, linked: bool) -> io::Result<()> {
        let mut names = (self.read)(folder)?;
        // With their slashes, folders stand where the names in them do.
        names.sort_unstable();
        for Name { name, link } in names.into_iter().filter(|it| !(linked && it.link)) {
            if self.found.len() >= self.limit {
                break;
            }
            let full = format!("{prefix}{name}");
            let behind = self.after.is_none_or(|after| full.as_str() > after);
            match name.strip_suffix('/') {
                Some(inner) if behind || self.after.is_some_and(|after| after.starts_with(&full)) => {
                    self.folder(&folder.join(inner), &full, linked || link)?;
                }
                // What is no name of ours is being written, or is of somebody else.
                None if behind => self.found.extend(ObjectKey::parse(full).ok()),
                _ => {}
            }
        }
        Ok(())
    }
}

fn read(folder: &Path) -> io::Result<Vec<Name>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(mut name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type()?;
        let link = kind.is_symlink() && entry.path().is_dir();
        if kind.is_dir() || link {
            name.push('/');
        }
        names.push(Name { name, link });
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use pathops_core::Digest;

    use super::*;

    /// How many names of a store of blobs are read, to list them page by page.
    fn names_read(root: &Path, objects: usize, page: usize) -> usize {
        let (mut count, mut all, within) = (0, Vec::new(), ObjectKey::parse("blobs/sha256").unwrap());
        let mut counted = |folder: &Path| {
            let names = read(folder)?;
            count += names.len();
            Ok(names)
        };
        loop {
            let last = all.last().map(|key: &ObjectKey| key.to_string());
            let mut walk = Walk { read: &mut counted, after: last.as_deref(), limit: page, found: Vec::new() };
            walk.folder(&root.join(within.as_str()), "blobs/sha256/", false).unwrap();
            let found = walk.found.len();
            all.extend(walk.found);
            if found < page {
                break;
            }
        }
        assert!(all.len() == objects && all.is_sorted(), "all {objects} are listed, in order");
        count
    }

    #[test]
    fn a_page_reads_no_more_than_the_folders_that_it_lies_in() {
        let folder = tempfile::tempdir().unwrap();
        let (mut made, mut read) = (0_usize, Vec::new());
        for objects in [20_000, 40_000] {
            while made < objects {
                let hex = Digest::of(&made.to_be_bytes()).hex();
                let folder = folder.path().join("blobs/sha256").join(&hex[..2]);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(hex), b"").unwrap();
                made += 1;
            }
            read.push(names_read(folder.path(), objects, 1_000));
        }
        assert!(read[0] <= 2 * 20_000 && read[1] <= 2 * 40_000, "{read:?} names are read");
    }

    #[test]
    fn links_are_followed_and_what_is_no_name_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        for name in ["a/1", "a/1#2", "a/b/c", "a/b.c"] {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        std::os::unix::fs::symlink(folder.path().join("a/b"), folder.path().join("a/linked")).unwrap();
        let listed = |after: Option<&str>, limit| -> Vec<String> {
            let after = after.map(|after| ObjectKey::parse(after).unwrap());
            let found = names(folder.path(), &ObjectKey::parse("a").unwrap(), after.as_ref(), limit).unwrap();
            found.iter().map(ToString::to_string).collect()
        };
        assert_eq!(listed(None, 9), ["a/1", "a/b.c", "a/b/c", "a/linked/c"]);
        assert_eq!(listed(Some("a/b.c"), 1), ["a/b/c"]);
        assert_eq!(listed(Some("a/b/c"), 9), ["a/linked/c"]);
        // Two links that lead back: without an end there would be names without number.
        for link in ["a/b/back", "a/b/here"] {
            std::os::unix::fs::symlink(folder.path().join("a/b"), folder.path().join(link)).unwrap();
        }
        assert_eq!(listed(None, 9), ["a/1", "a/b.c", "a/b/back/c", "a/b/c", "a/b/here/c", "a/linked/c"]);
        assert!(names(folder.path(), &ObjectKey::parse("a/1").unwrap(), None, 9).unwrap().is_empty(), "a file is no folder");
    }
}
