//! What of a repository Argo CD reads beside the folder of a source, as far as the object names it.

use std::collections::BTreeSet;

use super::application::{Named, Source};
use super::expected::{ExpectedSource, Within};
use super::revision::Sourced;
use crate::live::plain;

/// The folders beside the expected one that `source`, which is one of `sourced`, is made of, from the root of its repository on. Of a
/// file it is the folder that it lies in.
pub(super) fn beside(sourced: &Sourced<'_>, expected: &ExpectedSource, source: &Source) -> Vec<String> {
    let Within::Path(expected) = &expected.within else { return Vec::new() };
    let (expected, own, name) = (plain(expected), source.text("path"), source.text("ref"));
    let mut folders = BTreeSet::new();
    let mut take = |is_file: bool, path: Option<String>| {
        let Some(path) = path.filter(|path| !is_within(path, expected)) else { return };
        folders.insert(if is_file { path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned() } else { path });
    };
    for named in source.named() {
        match named {
            // It lies in another source, or on a server.
            Named::File(path) | Named::Folder(path) if path.starts_with('$') || path.contains("://") => {}
            Named::File(path) => take(true, resolved(own, path)),
            Named::Folder(path) => take(false, resolved(own, path)),
            Named::FromRoot(path) => take(false, resolved("", path)),
        }
    }
    for path in read_of(sourced, name) {
        take(true, resolved("", path));
    }
    // A source that others only refer to has no folder of its own.
    let has_folder = !own.is_empty() || name.is_empty();
    for path in sourced.made_of().split(';').map(str::trim).filter(|path| !path.is_empty()) {
        let (before, is_glob) = path.split_once(['*', '?', '[']).map_or((path, false), |(before, _)| (before, true));
        // Whether it is a folder is not said: what lies beside a file is taken along.
        let is_file = match is_glob {
            true => !before.is_empty() && !before.ends_with('/'),
            false => path.rsplit('/').next().is_some_and(|last| last.contains('.') && !matches!(last, "." | "..")),
        };
        if has_folder || path.starts_with('/') {
            take(is_file, resolved(own, before));
        }
    }
    folders.into_iter().collect()
}

/// The files that any of the sources reads of the one that is called `name`, from its root on.
fn read_of<'a>(sourced: &Sourced<'a>, name: &str) -> impl Iterator<Item = &'a str> {
    sourced.sources.iter().flat_map(Source::named).filter_map(move |named| {
        let Named::File(path) = named else { return None };
        let (of, path) = path.strip_prefix('$')?.split_once('/')?;
        (of == name && !name.is_empty()).then_some(path)
    })
}

/// Whether something of the expected folder is read of `source`, which others refer to. Of the root, everything would be.
pub(super) fn is_read_in(sourced: &Sourced<'_>, source: &Source, expected: &ExpectedSource) -> bool {
    let Within::Path(folder) = &expected.within else { return false };
    let Some(folder) = resolved("", folder).filter(|folder| !folder.is_empty()) else { return false };
    read_of(sourced, source.text("ref")).filter_map(|path| resolved("", path)).any(|path| is_within(&path, &folder))
}

fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| folder.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

/// A path from `folder` on, or from the root where it begins with a `/`. `None` where it leaves the repository, which Argo CD refuses.
fn resolved(folder: &str, path: &str) -> Option<String> {
    let folder = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_resolved_as_argo_cd_does() {
        for (folder, path, whole) in [
            ("envs/preflight", "values.yaml", Some("envs/preflight/values.yaml")),
            ("./envs/preflight/", "../../common/./v.yaml", Some("common/v.yaml")),
            ("envs/preflight", "/common/v.yaml", Some("common/v.yaml")),
            ("envs/preflight", "sub/../values.yaml", Some("envs/preflight/values.yaml")),
            ("envs", "../..", None),
            ("", ".", Some("")),
        ] {
            assert_eq!(resolved(folder, path).as_deref(), whole, "{path} from {folder}");
        }
        assert!(is_within("envs/a/x", "envs/a") && is_within("envs/a", "envs/a") && is_within("x", ""));
        assert!(!is_within("envs/ab/x", "envs/a") && !is_within("envs", "envs/a"));
    }
}
