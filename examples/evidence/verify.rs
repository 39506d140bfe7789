//! Verifying, and what others verify.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use pathops_adapters::object_store::{ObjectStoreBlobs, ObjectStoreBucket};
use pathops_core::OpContext;
use pathops_core::adapter::BlobStore;
use pathops_core::evidence::EvidenceId;
use pathops_evidence::ledger::{LogIdentity, LogReader};
use pathops_evidence::{Against, MAX_BUNDLE_BYTES, Verification, log_of, verify_bundle, verify_ledger};

use crate::arguments::{Trusted, Verify};
use crate::find::named;
use crate::history::History;
use crate::store::{Store, trust};
use crate::{Failure, read};

pub(crate) async fn verify(cx: &OpContext, arguments: Verify) -> Result<(String, u8), Failure> {
    let Verify { path, trusted, key, checkpoint, history, witness, witnesses, blobs } = arguments;
    let (log, own_root) = log(&path, &trusted)?;
    let needed = witnesses.unwrap_or(witness.len());
    let log = log.with_witnesses(witness, needed);
    let own_keys = key.is_empty();
    let trust = if own_keys { Store::Folder(path.clone()).trust()? } else { trust(&key)? };
    let history = history.as_deref().map(History::of).transpose()?;
    let mut known = checkpoint.iter().map(|file| Ok(String::from_utf8(read(file)?)?)).collect::<Result<Vec<_>, Failure>>()?;
    known.extend(history.iter().filter_map(History::newest).cloned());
    let mut verification = if path.is_dir() {
        // A store has its payloads in it: where their folder is gone, so are they.
        let is_store = path.join("keys").is_dir() || path.join("blobs").is_dir();
        let blobs = blobs.or_else(|| is_store.then(|| path.clone()));
        let blobs = blobs.map(|folder| existing(&folder).and_then(|it| Ok(ObjectStoreBlobs::folder(it)?))).transpose()?;
        let blobs = blobs.as_ref().map(|blobs| blobs as &dyn BlobStore);
        let against = Against { log: &log, trust: &trust, known: &known, blobs };
        let bucket = Arc::new(ObjectStoreBucket::folder(&path)?);
        let mut verification = verify_ledger(cx, &*bucket, against).await?;
        if let Some(history) = history {
            add(&mut verification, history.verify(cx, &LogReader::new(bucket, log)).await?);
        }
        verification
    } else if history.is_some() || blobs.is_some() || !known.is_empty() {
        return Err("a bundle is one piece: --checkpoint, --history and --blobs are for a whole store or ledger".into());
    } else {
        verify_bundle(&bundle(&path)?, &log, &trust)
    };
    for (own, what, option) in [(own_root, "the log is", "--trusted-root"), (own_keys, "the signers are", "--key")] {
        if own {
            let why = "whoever can write there can put others in their place";
            verification.left_out.push(format!("who {what}: what the store itself says was believed, and {why}; give {option}"));
        }
    }
    Ok((verification.to_string(), verification.verdict().exit_code()))
}

/// A bundle; of what is too long for one, as much as shows that it is.
fn bundle(file: &Path) -> Result<Vec<u8>, Failure> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    if !fs::metadata(file).map_err(|error| told(&error))?.is_file() {
        return Err(told(&"it is neither a folder nor a file").into());
    }
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(|error| told(&error))?;
    opened.take(MAX_BUNDLE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| told(&error))?;
    Ok(bytes)
}

/// What else was verified of the same.
fn add(all: &mut Verification, other: Verification) {
    all.checked.extend(other.checked);
    all.failures.extend(other.failures);
    all.missing.extend(other.missing);
    all.left_out.extend(other.left_out);
}

pub(crate) async fn export(cx: &OpContext, ledger: &Path, id: &str, trusted: &Trusted) -> Result<String, Failure> {
    let bucket = ObjectStoreBucket::folder(existing(ledger)?)?;
    let id: EvidenceId = named(id)?;
    let bundle = LogReader::new(Arc::new(bucket), log(ledger, trusted)?.0).bundle(cx, id).await?;
    Ok(bundle.ok_or_else(|| format!("the ledger in {} does not have {id}", ledger.display()))?)
}

/// The log, and whether it is the store's own word who that is.
fn log(path: &Path, trusted: &Trusted) -> Result<(LogIdentity, bool), Failure> {
    match &trusted.trusted_root {
        Some(file) => Ok((log_of(&read(file)?)?, false)),
        None if path.is_dir() => Ok((Store::Folder(path.to_owned()).log()?, true)),
        None => Err("who the log is has to be said: give --trusted-root".into()),
    }
}

/// A folder that is there: verifying makes none.
fn existing(folder: &Path) -> Result<&Path, Failure> {
    if folder.is_dir() { Ok(folder) } else { Err(format!("{} is no folder", folder.display()).into()) }
}
