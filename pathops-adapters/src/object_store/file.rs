//! Reading and replacing a file in a folder that others can write into.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The bytes of an object: a regular file of at most `most` bytes; `None` where there is no file. It waits for nobody: a pipe, a
/// device or a socket in its place is refused, whoever is at the other end of it.
///
/// # Errors
/// `InvalidData` for what is no such file; what the file system answers.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    open(path)?.map(|file| contents(&file, most)).transpose()
}

/// Puts bytes in the place of an object whose own are those that are meant; whether they were.
///
/// Writers take turns by a lock on the file that is there. Whoever gets it looks whether that still is the file: the one before
/// has put another one in its place, and left it without a name.
///
/// # Errors
/// As [`read`].
pub(super) fn replace(path: &Path, most: u64, is_meant: impl Fn(&[u8]) -> bool, bytes: &[u8]) -> io::Result<bool> {
    loop {
        let Some(file) = open(path)? else { return Ok(false) };
        file.lock()?;
        let (locked, there) = (file.metadata()?, open(path)?.map(|there| there.metadata()).transpose()?);
        let Some(there) = there else { return Ok(false) };
        if (locked.dev(), locked.ino()) != (there.dev(), there.ino()) {
            continue;
        }
        if !is_meant(&contents(&file, most)?) {
            return Ok(false);
        }
        // No name of an object has this character; what a crash leaves there is removed, and so is a link or a pipe
        // that somebody else has put there: it is neither followed nor waited for.
        let mut new = path.as_os_str().to_owned();
        new.push("#replace");
        let new = PathBuf::from(new);
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => File::options().write(true).create_new(true).open(&new)?.write_all(bytes)?,
        }
        fs::rename(&new, path)?;
        return Ok(true);
    }
}

/// Makes files with these bytes, each whole or not at all and where there is none, and then waits for the disk once for all of them.
/// An answer for each; where the disk fails, none of them is known to last. What is there lasts, too: whoever has made it may still be
/// waiting for the disk.
pub(super) fn create_all(root: &Path, files: &[(PathBuf, Vec<u8>)]) -> Vec<io::Result<()>> {
    let mut made: Vec<_> = files.iter().map(|(path, bytes)| create(path, bytes)).collect();
    let is_there = |it: &io::Result<()>| it.as_ref().err().is_none_or(|error| error.kind() == io::ErrorKind::AlreadyExists);
    let there: Vec<_> = files.iter().zip(&made).filter(|(_, it)| is_there(it)).map(|((path, _), _)| path.as_path()).collect();
    if !there.is_empty()
        && let Err(error) = flush(root, &there)
    {
        let failed = || io::Error::new(error.kind(), error.to_string());
        made.iter_mut().filter(|it| is_there(it)).for_each(|it| *it = Err(failed()));
    }
    made
}

/// Makes a file, without waiting for the disk. Where there is one, nothing is written.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // As an unfinished file is named everywhere here: no name of an object has this character.
    let (mut number, mut has_folder) = (1_u32, false);
    let (new, mut file) = loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("#{number}"));
        match File::options().write(true).create_new(true).open(&name) {
            Ok(file) => break (PathBuf::from(name), file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !has_folder => {
                fs::create_dir_all(path.parent().unwrap_or(path))?;
                has_folder = true;
            }
            Err(error) => return Err(error),
        }
    };
    let made = file.write_all(bytes).and_then(|()| rename(&new, path));
    if made.is_err() {
        fs::remove_file(&new)?;
    }
    made
}

/// Gives a file another name that no other file has.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system can.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            renamed => return Ok(renamed?),
        }
    }
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// Waits until the disk has what was written to these files, and their names.
#[cfg(target_os = "linux")]
fn flush(root: &Path, _: &[&Path]) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(root)?)?)
}

/// Waits until the disk has what was written to these files, and their names.
#[cfg(not(target_os = "linux"))]
fn flush(root: &Path, files: &[&Path]) -> io::Result<()> {
    let mut folders = std::collections::BTreeSet::from([root]);
    for path in files {
        File::open(path)?.sync_all()?;
        folders.extend(path.ancestors().skip(1).take_while(|it| *it != root));
    }
    folders.into_iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// The file of an object; `None` where there is none.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        // How a socket answers.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => return Err(refused(NO_FILE)),
        opened => opened?,
    };
    let there = file.metadata()?;
    if there.is_dir() {
        return Ok(None);
    }
    if there.is_file() { Ok(Some(file)) } else { Err(refused(NO_FILE)) }
}

fn contents(file: &File, most: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(most)).unwrap_or_default());
    // It may grow meanwhile.
    if length > most || file.take(most + 1).read_to_end(&mut bytes)? as u64 > most {
        return Err(refused(&format!("it has {} bytes, and may have {most}", length.max(bytes.len() as u64))));
    }
    Ok(bytes)
}

const NO_FILE: &str = "it is no regular file";

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_lies_where_a_new_file_is_written_is_neither_followed_nor_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("other"), "other").unwrap();
        std::fs::write(at("object"), "0").unwrap();
        let puts: [&dyn Fn(&Path); 3] = [
            &|new| symlink(at("other"), new).unwrap(),
            &|new| mknodat(CWD, new, FileType::Fifo, Mode::RWXU, 0).unwrap(),
            &|new| std::fs::write(new, "longer than what comes").unwrap(),
        ];
        for (before, put) in ["0", "1", "2"].into_iter().zip(puts) {
            put(&at("object#replace"));
            let after = (before.parse::<u8>().unwrap() + 1).to_string();
            assert!(replace(&at("object"), 5, |bytes| bytes == before.as_bytes(), after.as_bytes()).unwrap());
            assert_eq!(read(&at("object"), 5).unwrap().unwrap(), after.as_bytes());
            assert_eq!(std::fs::read(at("other")).unwrap(), b"other");
        }
    }

    #[test]
    fn files_are_made_together_and_none_twice() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("there"), "old").unwrap();
        // What a crash has left of another try.
        std::fs::create_dir(at("deep")).unwrap();
        std::fs::write(at("deep/b#1"), "half").unwrap();
        let file = |name: &str| (at(name), name.as_bytes().to_vec());
        let made = create_all(folder.path(), &[file("deep/er/a"), file("there"), file("deep/b"), file("deep/b")]);
        let kinds: Vec<_> = made.iter().map(|it| it.as_ref().map_err(io::Error::kind).err()).collect();
        assert_eq!(kinds, [None, Some(io::ErrorKind::AlreadyExists), None, Some(io::ErrorKind::AlreadyExists)]);
        for (name, bytes) in [("deep/er/a", "deep/er/a"), ("there", "old"), ("deep/b", "deep/b"), ("deep/b#1", "half")] {
            assert_eq!(std::fs::read(at(name)).unwrap(), bytes.as_bytes(), "{name}");
        }
        assert!(!at("deep/b#2").exists() && !at("there#1").exists(), "nothing is left over");
        let made = create_all(&at("no folder"), &[file("there")]);
        let kind = made[0].as_ref().unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::NotFound, "what is there is waited for, too, and here it cannot be");
        let made = create_all(folder.path(), &[file("there/below"), file("c")]);
        assert!(made[0].is_err() && made[1].is_ok(), "one that cannot be made keeps no other from it");
    }

    #[test]
    fn nothing_but_a_file_of_limited_length_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "bytes").unwrap();
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let _listens = UnixListener::bind(at("socket")).unwrap();
        symlink("/dev/zero", at("endless")).unwrap();
        File::create(at("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&at("file"), 5).unwrap().unwrap(), b"bytes");
        for absent in ["none", "file/below", "."] {
            assert_eq!(read(&at(absent), 5).unwrap(), None, "{absent}");
        }
        for (name, why) in [
            ("pipe", NO_FILE),
            ("socket", NO_FILE),
            ("endless", NO_FILE),
            ("sparse", "it has 1099511627776 bytes, and may have 5"),
        ] {
            let error = read(&at(name), 5).unwrap_err();
            assert!(error.kind() == io::ErrorKind::InvalidData && error.to_string().contains(why), "{name}: {error:?}");
        }
        assert_eq!(read(&at("file"), 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
