//! What a script leaves in `PATHOPS_OUT`: a report, and an artifact, as the same bytes for the same content.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

/// What a report of tests may be called.
const REPORTS: [&str; 3] = ["junit.xml", "tests.json", "tests.tap"];

/// Reads the report of the tests, byte for byte. `None` where there is none.
///
/// # Errors
/// Why it is not taken, in words for people.
pub(super) fn tests(out: &Path, limit: u64) -> Result<Option<Vec<u8>>, String> {
    let mut found = None;
    for name in REPORTS {
        let Some(bytes) = report(&out.join(name), name, limit)? else { continue };
        if let Some((other, _)) = found.replace((name, bytes)) {
            return Err(format!("there are `{other}` and `{name}`, and one is the report of the tests: neither was taken"));
        }
    }
    Ok(found.map(|(_, bytes)| bytes))
}

fn report(path: &Path, name: &str, limit: u64) -> Result<Option<Vec<u8>>, String> {
    match path.symlink_metadata() {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(format!("`{name}` cannot be read: {source}")),
        Ok(metadata) if !metadata.is_file() => return Err(format!("`{name}` is no ordinary file, so it was not read")),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
    match read {
        Err(source) => Err(format!("`{name}` cannot be read: {source}")),
        Ok(count) if count as u64 > limit => {
            Err(format!("`{name}` is larger than the limit of {limit} bytes, so it was not taken"))
        }
        Ok(_) => Ok(Some(bytes)),
    }
}

/// Packs the folder `artifact` into a tar: entries sorted by name, no times, no owners, modes 755 or 644.
/// `None` where there is nothing in it.
///
/// # Errors
/// Why it cannot be shipped, in words for people.
pub(super) fn artifact(out: &Path, limit: u64) -> Result<Option<Vec<u8>>, String> {
    let root = out.join("artifact");
    match root.symlink_metadata() {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if metadata.is_dir() => {}
        _ => return Err("`artifact` is no folder".to_owned()),
    }
    let root = root.canonicalize().map_err(|source| format!("the artifact cannot be read: {source}"))?;
    let mut tar = Builder::new(Bounded { bytes: Vec::new(), limit });
    let count = pack(&mut tar, &root, Path::new("")).map_err(|source| format!("the artifact cannot be packed: {source}"))?;
    let packed = tar.into_inner().map_err(|source| format!("the artifact cannot be packed: {source}"))?;
    Ok((count > 0).then_some(packed.bytes))
}

/// Packs what is in `folder`, a path below `root`, and says how many entries that made.
fn pack(tar: &mut Builder<Bounded>, root: &Path, folder: &Path) -> io::Result<usize> {
    let mut names: Vec<PathBuf> =
        root.join(folder).read_dir()?.map(|entry| entry.map(|e| folder.join(e.file_name()))).collect::<Result<_, _>>()?;
    names.sort();
    let mut count = names.len();
    for name in &names {
        count += pack_one(tar, root, name)
            .map_err(|source| io::Error::new(source.kind(), format!("`{}`: {source}", name.display())))?;
    }
    Ok(count)
}

fn pack_one(tar: &mut Builder<Bounded>, root: &Path, name: &Path) -> io::Result<usize> {
    let path = root.join(name);
    let metadata = path.symlink_metadata()?;
    if metadata.is_dir() {
        tar.append_data(&mut header(EntryType::Directory, 0o755, 0), name, io::empty())?;
        return pack(tar, root, name);
    }
    if metadata.is_symlink() {
        tar.append_link(&mut header(EntryType::Symlink, 0o755, 0), name, inner_target(root, &path)?)?;
    } else if metadata.is_file() {
        let mode = if metadata.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
        let contents = File::open(&path)?.take(metadata.len());
        tar.append_data(&mut header(EntryType::Regular, mode, metadata.len()), name, contents)?;
    } else {
        return Err(io::Error::other("it is no file, folder or symbolic link"));
    }
    Ok(0)
}

/// Where a symbolic link leads, provided that it still leads there once the artifact is unpacked elsewhere.
fn inner_target(root: &Path, link: &Path) -> io::Result<PathBuf> {
    let target = link.read_link()?;
    let inside = link.canonicalize().is_ok_and(|end| end.starts_with(root));
    if target.is_relative() && inside {
        return Ok(target);
    }
    Err(io::Error::other(format!("the symbolic link leads to `{}`, which is not within the artifact", target.display())))
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Bytes up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > self.limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("the artifact is larger than the limit of {} bytes", self.limit),
            ));
        }
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
