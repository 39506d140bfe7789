//! JSON files that are whole or absent: written beside their place, synced, renamed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use pathops_core::{ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attempt::Attempt;

/// The format of every file of the forge.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    format: u32,
    #[serde(flatten)]
    record: T,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// A record as it is stored.
pub(super) fn encode<T: Serialize>(attempt: &Attempt, record: &T) -> Result<Value> {
    serde_json::to_value(Stored { format: FORMAT, record })
        .map_err(|e| attempt.error(ErrorKind::Unexpected, "a record cannot be written as JSON").with_source(e))
}

/// A record from its JSON; `place` is where it was, for people.
pub(super) fn decode<T: DeserializeOwned>(attempt: &Attempt, place: &str, json: &[u8]) -> Result<T> {
    let corrupt = |e: serde_json::Error| {
        let error = attempt.error(ErrorKind::Corrupt, format_args!("`{place}` is damaged: {e}"));
        error.advise("restore this file from a backup").with_source(e)
    };
    let Format { format } = serde_json::from_slice(json).map_err(corrupt)?;
    if format != FORMAT {
        let reason = format!("`{place}` has format {format}, and this version reads format {FORMAT}");
        return Err(attempt.error(ErrorKind::Unsupported, reason).advise("use the version that wrote it"));
    }
    let stored: Stored<T> = serde_json::from_slice(json).map_err(corrupt)?;
    Ok(stored.record)
}

/// The record in a file, or `None` where there is no file.
pub(super) fn read<T: DeserializeOwned>(attempt: &Attempt, path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(json) => decode(attempt, &path.display().to_string(), &json).map(Some),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(attempt.io(path, e)),
    }
}

/// Puts a file in its place, durably. Of two writers of one file, the caller's lock lets in one.
pub(super) fn write(path: &Path, content: &Value) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let fresh = path.with_extension("new");
    write_fresh(&fresh, content)?;
    fs::rename(&fresh, path)?;
    sync_folder(folder)
}

/// Puts a file in its place if there is none, durably, through the scratch file `fresh`. `false` where there is one.
pub(super) fn write_once(path: &Path, fresh: &Path, content: &Value) -> io::Result<bool> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    write_fresh(fresh, content)?;
    let linked = fs::hard_link(fresh, path);
    fs::remove_file(fresh)?;
    match linked {
        Ok(()) => sync_folder(folder).map(|()| true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn write_fresh(fresh: &Path, content: &Value) -> io::Result<()> {
    // One that a crash left may be linked to its final place by now: it must not be written through.
    remove(fresh)?;
    let mut file = File::create_new(fresh)?;
    file.write_all(&serde_json::to_vec_pretty(content)?)?;
    file.write_all(b"\n")?;
    file.sync_all()
}
