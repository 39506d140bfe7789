//! Unpacked artifacts: a folder for each digest, complete or absent, never changed.

use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pathops_core::Digest;
use tar::EntryType;

/// The folder of unpacked artifacts.
#[derive(Debug)]
pub(super) struct Artifacts {
    folder: PathBuf,
    unpacking: Mutex<()>,
}

impl Artifacts {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, unpacking: Mutex::new(()) }
    }

    /// Where the artifact is, if it is unpacked.
    pub(super) fn find(&self, digest: &Digest) -> Option<PathBuf> {
        Some(self.path(digest)).filter(|path| path.is_dir())
    }

    /// Unpacks a tar whose digest has been checked, once: the folder appears when it is complete.
    ///
    /// Only plain files and folders inside the artifact are taken: links, devices and paths that lead out of it are
    /// refused, so what runs is what the digest says.
    pub(super) fn unpack(&self, digest: &Digest, tar: &[u8]) -> Result<PathBuf, String> {
        let _one_at_a_time = self.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = self.find(digest) {
            return Ok(path);
        }
        let path = self.path(digest);
        let partial = self.folder.join(format!(".{}.partial", digest.hex()));
        let said = |e: std::io::Error| format!("cannot unpack artifact {digest}: {e}");
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(said)?;
        }
        fs::create_dir_all(&partial).map_err(said)?;
        for entry in tar::Archive::new(tar).entries().map_err(said)? {
            let mut entry = entry.map_err(said)?;
            unpack_entry(&partial, &mut entry).map_err(|reason| format!("cannot unpack artifact {digest}: {reason}"))?;
        }
        fs::rename(&partial, &path).and_then(|()| fs::File::open(&self.folder)?.sync_all()).map_err(said)?;
        Ok(path)
    }

    /// Where it is, or will be.
    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }
}

fn unpack_entry<R: Read>(folder: &Path, entry: &mut tar::Entry<'_, R>) -> Result<(), String> {
    let name = entry.path().map_err(|e| e.to_string())?.into_owned();
    let said = |e: std::io::Error| format!("{}: {e}", name.display());
    let inside = name.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
    if !inside.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(format!("`{}` leads out of the artifact", name.display()));
    }
    let path = folder.join(&inside);
    match entry.header().entry_type() {
        EntryType::Directory => fs::create_dir_all(&path).map_err(said),
        EntryType::Regular => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(said)?;
            }
            let executable = entry.header().mode().map_err(said)? & 0o111 != 0;
            let mode = if executable { 0o555 } else { 0o444 };
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(said)?;
            std::io::copy(entry, &mut file).and_then(|_| file.flush()).and_then(|()| file.sync_all()).map_err(said)
        }
        other => Err(format!("`{}` is neither a file nor a folder but {other:?}", name.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_with(kind: EntryType, name: &str, link: Option<&str>) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(if link.is_some() { 0 } else { 2 });
        // Set the name by hand: the builder itself refuses what is tested here.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        if let Some(link) = link {
            header.set_link_name(link).unwrap();
        }
        header.set_cksum();
        builder.append(&header, if link.is_some() { &b""[..] } else { &b"hi"[..] }).unwrap();
        builder.into_inner().unwrap()
    }

    fn unpack(tar: &[u8]) -> (tempfile::TempDir, Result<PathBuf, String>) {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path().join("artifacts"));
        let unpacked = artifacts.unpack(&Digest::of(tar), tar);
        (folder, unpacked)
    }

    #[test]
    fn files_are_unpacked_once_and_read_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, unpacked) = unpack(&tar_with(EntryType::Regular, "./bin/app", None));
        let app = unpacked.unwrap().join("bin/app");
        assert_eq!(fs::read(&app).unwrap(), b"hi");
        assert_eq!(fs::metadata(&app).unwrap().permissions().mode() & 0o777, 0o555);
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        for name in ["../escaped", "/escaped", "a/../../escaped"] {
            let (folder, unpacked) = unpack(&tar_with(EntryType::Regular, name, None));
            assert!(unpacked.unwrap_err().contains("leads out"), "{name}");
            assert!(!folder.path().join("escaped").exists());
        }
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo] {
            let (_folder, unpacked) = unpack(&tar_with(kind, "link", Some("/etc/passwd")));
            assert!(unpacked.unwrap_err().contains("neither"), "{kind:?}");
        }
    }

    #[test]
    fn an_artifact_that_broke_off_is_not_there() {
        let tar = tar_with(EntryType::Regular, "app", None);
        let (folder, unpacked) = unpack(&tar[..513]);
        assert!(unpacked.is_err());
        assert!(Artifacts::new(folder.path().join("artifacts")).find(&Digest::of(&tar[..513])).is_none());
    }
}
