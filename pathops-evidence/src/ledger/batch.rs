//! A batch: what was appended at once, as one object. Creating it is what appends; the tiles follow from it.

use pathops_core::{Error, ErrorKind, ObjectKey, Result};
use serde::{Deserialize, Serialize};

use super::leaf::{Item, Stored};

/// The version of a batch's form.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Batch {
    format: u32,
    /// The number of its first leaf.
    start: u64,
    items: Vec<Stored>,
}

pub(super) fn encode(start: u64, items: &[Item]) -> Result<Vec<u8>> {
    let items = items.iter().map(|item| item.stored.clone()).collect();
    serde_json::to_vec(&Batch { format: FORMAT, start, items })
        .map_err(|error| Error::new(ErrorKind::Unexpected, "write a batch of the ledger").with_source(error))
}

/// The items of the batch that begins at `start`.
pub(super) fn decode(key: &ObjectKey, start: u64, bytes: &[u8]) -> Result<Vec<Item>> {
    let corrupt = |why: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Corrupt, "read a batch of the ledger").on(key).because(why).advise("restore it from a backup")
    };
    let batch: Batch = serde_json::from_slice(bytes).map_err(|error| corrupt(&error))?;
    if batch.format != FORMAT {
        return Err(corrupt(&format!("it has format {}, and this version reads {FORMAT}", batch.format)));
    }
    if batch.start != start || batch.items.is_empty() {
        return Err(corrupt(&format!("it begins at {} with {} items", batch.start, batch.items.len())));
    }
    let items = batch.items.into_iter().map(|stored| Item::unchecked(stored).map_err(|error| corrupt(&error)));
    let items: Vec<_> = items.collect::<Result<_>>()?;
    // One batch has one form: no byte of it says nothing.
    if encode(start, &items)? != bytes {
        return Err(corrupt(&"it is not in the form in which batches are written"));
    }
    Ok(items)
}
