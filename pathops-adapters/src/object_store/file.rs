//! Reading a file in a folder that others can write into.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// The bytes of an object: a regular file of at most `most` bytes; `None` where there is no file. It waits for nobody: a pipe, a
/// device or a socket in its place is refused, whoever is at the other end of it.
///
/// # Errors
/// `InvalidData` for what is no such file; what the file system answers.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
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
    if !there.is_file() {
        return Err(refused(NO_FILE));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(there.len().min(most)).unwrap_or_default());
    // It may grow meanwhile.
    if there.len() > most || file.take(most + 1).read_to_end(&mut bytes)? as u64 > most {
        return Err(refused(&format!("it has more than {most} bytes, and no object has")));
    }
    Ok(Some(bytes))
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
        for (name, why) in [("pipe", NO_FILE), ("socket", NO_FILE), ("endless", NO_FILE), ("sparse", "no object has")] {
            let error = read(&at(name), 5).unwrap_err();
            assert!(error.kind() == io::ErrorKind::InvalidData && error.to_string().contains(why), "{name}: {error:?}");
        }
        assert_eq!(read(&at("file"), 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
