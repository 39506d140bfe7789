//! The key's file: made whole and private, and refused where it is not private.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use p256::SecretKey;
use p256::elliptic_curve::Generate as _;
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use pathops_core::{Digest, Error, ErrorKind, Result};

const READ: &str = "read the signing key";
const CREATE: &str = "create the signing key";

/// A key is far smaller; this is for a path that names something else.
const MAX_BYTES: u64 = 64 * 1024;

const GROUP_AND_OTHERS: u32 = 0o077;

/// The key in the file, or `None` where there is no file.
pub(super) fn read(path: &Path) -> Result<Option<SecretKey>> {
    let no_key = || {
        let advice =
            "expected is an unencrypted P-256 key in PEM, as `openssl ecparam -name prime256v1 -genkey -noout` writes it";
        Error::new(ErrorKind::Invalid, READ).on(path.display()).because("the file holds no P-256 key").advise(advice)
    };
    let Some(pem) = private(path)? else { return Ok(None) };
    std::str::from_utf8(&pem).ok().and_then(|pem| SecretKey::from_pem(pem).ok()).map(Some).ok_or_else(no_key)
}

/// The 32 bytes in the file, which are made where there is none.
pub(super) fn seed(path: &Path) -> Result<Zeroizing<[u8; 32]>> {
    let invalid = || Error::new(ErrorKind::Invalid, READ).on(path.display()).because("the file holds no 32 bytes in hexadecimal");
    if private(path)?.is_none() {
        // A secret of P-256 is a random number below 2^256 - 2^224: as hard to guess as any 32 bytes.
        let random = SecretKey::try_generate().map_err(|_| no_randomness(path))?.to_bytes();
        let hex: Zeroizing<String> = Zeroizing::new(random.iter().map(|byte| format!("{byte:02x}")).collect());
        store(path, hex.as_bytes()).map_err(|source| failed(CREATE, path, source))?;
    }
    let hex = private(path)?.ok_or_else(invalid)?;
    let text = std::str::from_utf8(&hex).map_err(|_| invalid())?;
    let digest = Digest::from_hex(text.trim_end()).map_err(|_| invalid())?;
    Ok(Zeroizing::new(*digest.as_bytes()))
}

fn no_randomness(path: &Path) -> Error {
    Error::new(ErrorKind::Unexpected, CREATE).on(path.display()).because("the operating system's random generator failed")
}

/// What is in a file that nobody else may read, or `None` where there is none.
fn private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(READ, path, source)),
    };
    let mode = file.metadata().map_err(|source| failed(READ, path, source))?.permissions().mode();
    if mode & GROUP_AND_OTHERS != 0 {
        let reason = format!("others may use the file (its mode is {:03o})", mode & 0o777);
        let advice = format!("if nobody else has read it, run `chmod 600 {}`; otherwise make a new key", path.display());
        return Err(Error::new(ErrorKind::Denied, READ).on(path.display()).because(reason).advise(advice));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|source| failed(READ, path, source))?;
    Ok(Some(bytes))
}

/// Makes a key and stores it at `path`; where another process was faster, its key.
pub(super) fn create(path: &Path) -> Result<SecretKey> {
    let broken = |what: &str| Error::new(ErrorKind::Unexpected, CREATE).on(path.display()).because(what);
    let key = SecretKey::try_generate().map_err(|_| no_randomness(path))?;
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| broken("the key cannot be written as PEM"))?;
    if store(path, pem.as_bytes()).map_err(|source| failed(CREATE, path, source))? {
        return Ok(key);
    }
    read(path)?.ok_or_else(|| broken("another process made it and took it away again"))
}

/// Puts a file that is whole, flushed and private at `path`, unless there is one: then it says `false`.
fn store(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file =
        tempfile::Builder::new().prefix(".key-").permissions(std::fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => std::fs::File::open(folder)?.sync_all().map(|()| true),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(refused) => Err(refused.error),
    }
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> Error {
    let kind = match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, operation).on(path.display()).because(&source).with_source(source)
}
