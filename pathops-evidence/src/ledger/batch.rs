//! A batch: what was appended at once, as one object. Creating it is what appends; the tiles follow from it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pathops_core::evidence::{Envelope, PublicKey};
use pathops_core::{Error, ErrorKind, ObjectKey, Result};
use serde::{Deserialize, Serialize};

use super::leaf::{Item, Stored};

/// The version of a batch's form.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Batch<'b> {
    format: u32,
    /// The number of its first leaf.
    start: u64,
    items: Vec<Written<'b>>,
}

/// An item, with its key as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written<'b> {
    envelope: Cow<'b, Envelope>,
    public_key: String,
}

pub(super) fn encode(start: u64, items: &[Item]) -> Result<Vec<u8>> {
    let items = items.iter().map(|item| {
        let Stored { envelope, public_key } = &item.stored;
        Written { envelope: Cow::Borrowed(envelope), public_key: public_key.to_pem() }
    });
    to_vec(&Batch { format: FORMAT, start, items: items.collect() })
}

fn to_vec(batch: &Batch<'_>) -> Result<Vec<u8>> {
    serde_json::to_vec(batch).map_err(|error| Error::new(ErrorKind::Unexpected, "write a batch of the ledger").with_source(error))
}

/// The items of the batch that begins at `start`.
pub(super) fn decode(key: &ObjectKey, start: u64, bytes: &[u8]) -> Result<Vec<Item>> {
    let corrupt = |why: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Corrupt, "read a batch of the ledger").on(key).because(why).advise("restore it from a backup")
    };
    let batch: Batch<'_> = serde_json::from_slice(bytes).map_err(|error| corrupt(&error))?;
    if batch.format != FORMAT {
        return Err(corrupt(&format!("it has format {}, and this version reads {FORMAT}", batch.format)));
    }
    if batch.start != start || batch.items.is_empty() {
        return Err(corrupt(&format!("it begins at {} with {} items", batch.start, batch.items.len())));
    }
    // One batch has one form: no byte of it says nothing.
    const FORM: &str = "it is not in the form in which batches are written";
    if to_vec(&batch)? != bytes {
        return Err(corrupt(&FORM));
    }
    // Most are of a few keys, and reading one takes longer than all the rest of an item.
    let mut keys: BTreeMap<String, PublicKey> = BTreeMap::new();
    let mut items = Vec::with_capacity(batch.items.len());
    for Written { envelope, public_key: pem } in batch.items {
        let public_key = match keys.get(&pem) {
            Some(known) => known.clone(),
            None => {
                let read = PublicKey::from_pem(&pem).map_err(|error| corrupt(&error))?;
                if read.to_pem() != pem {
                    return Err(corrupt(&FORM));
                }
                keys.entry(pem).or_insert(read).clone()
            }
        };
        let stored = Stored { envelope: envelope.into_owned(), public_key };
        items.push(Item::unchecked(stored).map_err(|error| corrupt(&error))?);
    }
    Ok(items)
}
