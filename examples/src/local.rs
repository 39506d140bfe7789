//! What of a store lies on this machine: the index, which is made anew from the rest, and the private keys, which are to be in
//! no place that others read, with the last checkpoint that was signed beside them.

use std::ffi::OsString;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use async_trait::async_trait;
use pathops_core::{Digest, Error, OpContext};
use pathops_evidence::ledger::CheckpointKeeper;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::address::{Address, endpoint};
use crate::{Failure, variable};

/// The file with which a local folder remembers its store.
const MARK: &str = "store.json";
const FORMAT: u32 = 1;

/// Whose local folder it is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    format: u32,
    store: String,
    /// The server, where it is another one than AWS.
    endpoint: Option<String>,
}

/// The two places on this machine.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) index: PathBuf,
    pub(crate) keys: PathBuf,
}

/// The file in the folder of the private keys with the last checkpoint that was signed.
const CHECKPOINT: &str = "checkpoint";

/// How far an index goes.
#[derive(Debug, Serialize, Deserialize)]
struct Indexed {
    format: u32,
    /// The first leaf that it may not have.
    until: u64,
    /// How many entries it had then: one with fewer is another one.
    entries: u64,
}

impl Local {
    /// Where the last checkpoint is kept that was signed here.
    pub(crate) fn kept(&self) -> Kept {
        Kept(self.keys.join(CHECKPOINT))
    }

    /// Up to which leaf an index of so many entries has everything: 0 where that is not known.
    pub(crate) fn indexed(&self, entries: u64) -> Result<u64, Failure> {
        let file = self.index.with_extension("until");
        let told = match fs::read(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            told => told.map_err(|error| format!("{}: {error}", file.display()))?,
        };
        let known = serde_json::from_slice::<Indexed>(&told).ok();
        Ok(known.filter(|it| it.format == FORMAT && it.entries <= entries).map_or(0, |it| it.until))
    }

    pub(crate) fn indexed_until(&self, until: u64, entries: u64) -> Result<(), Failure> {
        let (file, folder) = (self.index.with_extension("until"), self.index.parent().unwrap_or(Path::new(".")));
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let mut new = NamedTempFile::new_in(folder).map_err(|error| told(&error))?;
        new.write_all(&serde_json::to_vec(&Indexed { format: FORMAT, until, entries })?)?;
        new.persist(&file).map_err(|error| told(&error.error))?;
        Ok(())
    }

    /// Of a store in a folder, the index lies in it, and the keys in `<folder>.keys`. Of any other, both lie in the folder
    /// `given`, or else below the user's state folder; it is made, and remembers the store.
    pub(crate) fn of(address: &Address, given: Option<&Path>) -> Result<Self, Failure> {
        const INDEX: &str = "evidence.db";
        if let Address::Folder(folder) = address {
            let mut keys: OsString = folder.components().as_path().into();
            keys.push(".keys");
            return Ok(Self { index: folder.join(INDEX), keys: keys.into() });
        }
        let mark = Mark { format: FORMAT, store: address.to_string(), endpoint: endpoint() };
        let folder = given.map_or_else(|| usual(&mark), |given| Ok(given.to_owned()))?;
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        belongs(&folder, &mark)?;
        Ok(Self { index: folder.join(INDEX), keys: folder.join("keys") })
    }
}

/// Where the local folder of a store lies that nobody has given one for.
fn usual(mark: &Mark) -> Result<PathBuf, Failure> {
    let state = variable("XDG_STATE_HOME").map(PathBuf::from).filter(|it| it.is_absolute());
    let state = state.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")));
    let state =
        state.ok_or_else(|| format!("{} has an index and keys on this machine: give --local DIR for them", mark.store))?;
    Ok(state.join("pathops/evidence").join(Digest::of(&serde_json::to_vec(mark)?).short()))
}

/// Takes the folder for a store; one that belongs to another store is refused.
fn belongs(folder: &Path, mark: &Mark) -> Result<(), Failure> {
    let file = folder.join(MARK);
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let mut new = NamedTempFile::new_in(folder).map_err(|error| told(&error))?;
    new.write_all(&serde_json::to_vec(mark)?)?;
    new.as_file().sync_all()?;
    match new.persist_noclobber(&file) {
        Ok(_) => return Ok(()),
        Err(taken) if taken.error.kind() == ErrorKind::AlreadyExists => {}
        Err(failed) => return Err(told(&failed.error).into()),
    }
    let there = fs::read(&file).map_err(|error| told(&error))?;
    let advice = "give another --local";
    let there: Mark = serde_json::from_slice(&there).map_err(|_| told(&format!("it names no store: {advice}")))?;
    if there == *mark {
        return Ok(());
    }
    Err(format!("{} belongs to the store {there}, not to {mark}: {advice}", folder.display()).into())
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.store, self.endpoint.as_deref().unwrap_or("AWS"))
    }
}

/// Keeps the last checkpoint of the log that was signed on this machine, beside the private keys.
#[derive(Debug)]
pub(crate) struct Kept(pub(crate) PathBuf);

impl Kept {
    fn failed(&self, operation: &'static str, error: &std::io::Error) -> Error {
        Error::new(pathops_core::ErrorKind::Unavailable, operation).on(self.0.display()).because(error)
    }

    /// The note; a crash of the machine may have left nothing of it.
    pub(crate) fn read(&self) -> pathops_core::Result<Option<String>> {
        let note = match fs::read(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            note => note.map_err(|error| self.failed("read the checkpoint that was kept", &error))?,
        };
        Ok(Some(note).filter(|note| note.iter().any(|byte| *byte != 0)).map(|note| String::from_utf8_lossy(&note).into_owned()))
    }

    fn write(&self, note: &str) -> std::io::Result<()> {
        let mut new = NamedTempFile::new_in(self.0.parent().unwrap_or(Path::new(".")))?;
        new.write_all(note.as_bytes())?;
        new.persist(&self.0).map_err(|error| error.error)?;
        Ok(())
    }
}

#[async_trait]
impl CheckpointKeeper for Kept {
    async fn kept(&self, _: &OpContext) -> pathops_core::Result<Option<String>> {
        self.read()
    }

    async fn keep(&self, _: &OpContext, note: &str) -> pathops_core::Result<()> {
        self.write(note).map_err(|error| self.failed("keep a checkpoint", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_folder_remembers_its_store() {
        let folder = tempfile::tempdir().unwrap();
        let mark = |store: &str| Mark { format: FORMAT, store: store.to_owned(), endpoint: None };
        belongs(folder.path(), &mark("s3://one")).unwrap();
        belongs(folder.path(), &mark("s3://one")).unwrap();
        let refused = belongs(folder.path(), &mark("s3://two")).unwrap_err().to_string();
        assert!(
            refused.contains("belongs to the store s3://one at AWS, not to s3://two at AWS: give another --local"),
            "{refused}"
        );
        fs::write(folder.path().join(MARK), "{").unwrap();
        assert!(belongs(folder.path(), &mark("s3://one")).unwrap_err().to_string().contains("it names no store"));
    }
}
