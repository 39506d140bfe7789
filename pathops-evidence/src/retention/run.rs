//! What a collection has retired, and when: written before it does, so that the next one knows.

use pathops_core::adapter::Bucket;
use pathops_core::{Digest, Error, ErrorKind, ObjectKey, OpContext, Result, UnixMillis};
use serde::{Deserialize, Serialize};

/// The version of a record's form.
const FORMAT: u32 = 1;
const FOLDER: &str = "retired-at";

/// One collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Run {
    format: u32,
    pub(super) at: UnixMillis,
    /// In the order in which they are purged.
    pub(super) blobs: Vec<Digest>,
}

fn named(key: String) -> Result<ObjectKey> {
    ObjectKey::parse(key).map_err(|error| Error::new(ErrorKind::Unexpected, "name a collection").because(error))
}

/// Records what is about to be retired.
pub(super) async fn begin(cx: &OpContext, bucket: &dyn Bucket, at: UnixMillis, blobs: Vec<Digest>) -> Result<()> {
    const RECORD: &str = "record what is retired";
    let bytes = serde_json::to_vec(&Run { format: FORMAT, at, blobs })
        .map_err(|error| Error::new(ErrorKind::Unexpected, RECORD).with_source(error))?;
    // Another collection may have begun at the very same time.
    for number in 0..1_000 {
        let key = named(format!("{FOLDER}/{:020}-{number:03}", at.0.max(0)))?;
        match bucket.create(&cx.part(key.as_str()), &key, bytes.clone()).await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            answer => return answer,
        }
    }
    Err(Error::new(ErrorKind::Conflict, RECORD).on(at).because("many others do it at the very same time"))
}

/// The collections whose blobs were not all purged or brought back yet, in their order.
pub(super) async fn open(cx: &OpContext, bucket: &dyn Bucket) -> Result<Vec<(ObjectKey, Run)>> {
    const PAGE: usize = 1_000;
    let folder = named(FOLDER.to_owned())?;
    let (mut runs, mut last) = (Vec::new(), None);
    loop {
        let keys = bucket.list(cx, &folder, last.as_ref(), PAGE).await?;
        let ended = keys.len() < PAGE;
        last = keys.last().cloned();
        for key in keys {
            let Some(bytes) = bucket.read(cx, &key).await? else { continue };
            let corrupt =
                |why: &dyn std::fmt::Display| Error::new(ErrorKind::Corrupt, "read what was retired").on(&key).because(why);
            let run: Run = serde_json::from_slice(&bytes).map_err(|error| corrupt(&error))?;
            if run.format != FORMAT {
                return Err(corrupt(&format!("it has format {}, and this version reads {FORMAT}", run.format)));
            }
            runs.push((key, run));
        }
        if ended {
            return Ok(runs);
        }
    }
}
