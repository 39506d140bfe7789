//! A batch: what was appended at once, as one object. Creating it is what appends; the tiles follow from it.

use pathops_core::{Error, ErrorKind, ObjectKey, Result};
use serde::{Deserialize, Serialize};

use super::MAX_BATCH;
use super::leaf::Item;
use super::written::{Known, Written};

/// The version of a batch's form, which every item has its key in.
const KEYS: u32 = 1;
/// And of one that has an item with certificates.
const CERTIFICATES: u32 = 2;

/// How many bytes a batch has at most that is written: 64 KiB for each of the items that share one at most.
pub(super) const MAX_WRITTEN: u64 = MAX_BATCH as u64 * (64 << 10);

/// And one that is read: so large ones were written by earlier versions.
pub(super) const MAX_READ: u64 = 1 << 30;

/// How many bytes a batch has at most beside its items.
const AROUND: u64 = 64;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Batch<'b> {
    format: u32,
    /// The number of its first leaf.
    start: u64,
    items: Vec<Written<'b>>,
}

pub(super) fn encode(start: u64, items: &[Item]) -> Result<Vec<u8>> {
    encode_within(start, items, MAX_WRITTEN)
}

/// How many of the bytes of a batch these items take, what is around all of them left aside.
pub(super) fn bytes_of(items: &[Item]) -> u64 {
    let of_one = |item: &Item| {
        let mut counted = Counted(1);
        // What cannot be written shares no batch, and is refused where it is to be.
        serde_json::to_writer(&mut counted, &Written::from(&item.stored)).map_or(u64::MAX, |()| counted.0)
    };
    items.iter().map(of_one).fold(0, u64::saturating_add)
}

/// That what takes so many bytes can be appended at once: nothing is ever to wait for its turn that would be refused then, since it may be
/// another's turn.
pub(super) fn check(bytes: u64) -> Result<()> {
    let with_all = bytes.saturating_add(AROUND);
    if with_all > MAX_WRITTEN { Err(too_large(with_all, MAX_WRITTEN)) } else { Ok(()) }
}

/// How many callers may share a batch whose items take so many bytes each, from the first on, which always does.
pub(super) fn sharing(bytes: impl IntoIterator<Item = u64>, most: u64) -> usize {
    let mut all = AROUND;
    let fit = bytes.into_iter().enumerate().take_while(|(place, bytes)| {
        all = all.saturating_add(*bytes);
        *place == 0 || all <= most
    });
    fit.count()
}

/// Bytes that are counted, and not kept.
struct Counted(u64);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn encode_within(start: u64, items: &[Item], most: u64) -> Result<Vec<u8>> {
    let items: Vec<_> = items.iter().map(|item| Written::from(&item.stored)).collect();
    let bytes = to_vec(&Batch { format: format(&items), start, items })?;
    if bytes.len() as u64 > most {
        return Err(too_large(bytes.len() as u64, most));
    }
    Ok(bytes)
}

fn too_large(bytes: u64, most: u64) -> Error {
    let why = format!("together it has {bytes} bytes, and what is appended at once has at most {most}");
    Error::new(ErrorKind::Invalid, "append to the ledger").because(why).advise("append less at once")
}

/// The first form that can hold these: others read what is without certificates as ever.
fn format(items: &[Written<'_>]) -> u32 {
    if items.iter().any(Written::is_certified) { CERTIFICATES } else { KEYS }
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
    if !(KEYS..=CERTIFICATES).contains(&batch.format) {
        return Err(corrupt(&format!("it has format {}, and this version reads {KEYS} and {CERTIFICATES}", batch.format)));
    }
    if batch.start != start || batch.items.is_empty() {
        return Err(corrupt(&format!("it begins at {} with {} items", batch.start, batch.items.len())));
    }
    // One batch has one form: no byte of it says nothing.
    if batch.format != format(&batch.items) || to_vec(&batch)? != bytes {
        return Err(corrupt(&"it is not in the form in which batches are written"));
    }
    let (mut known, mut items) = (Known::default(), Vec::with_capacity(batch.items.len()));
    for written in batch.items {
        let stored = written.read(&mut known).map_err(|error| corrupt(&error))?;
        items.push(Item::unchecked(stored).map_err(|error| corrupt(&error))?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use pathops_core::Digest;
    use pathops_core::adapter::Signer as _;
    use pathops_core::evidence::{CertificateChain, Envelope, Signature};
    use pathops_core::memory::MemorySigner;

    use super::super::leaf::{SignedBy, Stored};
    use super::*;

    /// As every version has written a batch without certificates.
    const FIRST: &str = include_str!("../../tests/fixtures/ledger/batch-1.json");
    const SECOND: &str = include_str!("../../tests/fixtures/ledger/batch-2.json");

    fn item(number: u64, is_certified: bool) -> Item {
        let key = MemorySigner::from_seed(1).unwrap().public_key();
        let envelope = Envelope::new(&[7], &key, Signature::from_der(number.to_be_bytes().to_vec()));
        let fields = [&[2, 1, 1, 0x30, 0, 0x30, 0, 0x30, 0, 0x30, 0], key.to_der().as_slice()].concat();
        let sequence = |content: &[u8]| [&[0x30, u8::try_from(content.len()).unwrap()], content].concat();
        let by = match is_certified {
            true => SignedBy::Certified(CertificateChain::new(sequence(&sequence(&fields)), vec![b"above".to_vec()]).unwrap()),
            false => SignedBy::Key(key),
        };
        Item::unchecked(Stored { envelope, by }).unwrap()
    }

    fn read(text: &str) -> Result<Vec<Item>> {
        decode(&ObjectKey::parse("log/batch/7").unwrap(), 7, text.as_bytes())
    }

    #[test]
    fn each_form_is_read_and_written_as_it_is_stored() {
        let (first, second) = ([item(0, false), item(1, false)], [item(0, false), item(1, true), item(2, true)]);
        assert_eq!(String::from_utf8(encode(7, &first).unwrap()).unwrap() + "\n", FIRST);
        assert_eq!(String::from_utf8(encode(7, &second).unwrap()).unwrap() + "\n", SECOND);
        assert_eq!(read(FIRST.trim_end()).unwrap(), first);
        assert_eq!(read(SECOND.trim_end()).unwrap(), second);
    }

    #[test]
    fn no_batch_is_written_that_nobody_would_read() {
        let (items, bytes) = ([item(0, false)], encode(7, &[item(0, false)]).unwrap());
        assert_eq!(encode_within(7, &items, bytes.len() as u64).unwrap(), bytes);
        assert_eq!(encode_within(7, &items, bytes.len() as u64 - 1).unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn those_who_share_a_batch_stay_below_its_bound() {
        let all = [vec![item(0, false)], vec![item(1, true), item(2, false)], vec![item(3, true)]];
        let bytes = all.each_ref().map(|items| bytes_of(items));
        for together in 1..=all.len() {
            let written = encode(u64::MAX, &all[..together].concat()).unwrap().len() as u64;
            let counted = AROUND + bytes[..together].iter().sum::<u64>();
            assert!((written..written + AROUND).contains(&counted), "{counted} counted, and {written} written");
            assert_eq!(sharing(bytes, counted), together);
            assert_eq!(sharing(bytes, counted - 1), (together - 1).max(1), "the first is never left out");
        }
        assert_eq!(sharing([u64::MAX, 1], u64::MAX - 1), 1);
        check(MAX_WRITTEN - AROUND).unwrap();
        for bytes in [MAX_WRITTEN - AROUND + 1, u64::MAX] {
            assert_eq!(check(bytes).unwrap_err().kind(), ErrorKind::Invalid);
        }
        assert_eq!(sharing([0_u64; 0], 1), 0);
    }

    #[test]
    fn a_batch_in_another_form_is_corrupt() {
        let (first, second) = (FIRST.trim_end(), SECOND.trim_end());
        let certificates = second.split_once("\"certificates\":").unwrap().1.split_once("},{").unwrap().0;
        let digest = certificates.split_once("\"digest\":").unwrap().1.trim_end_matches('}');
        let other = serde_json::to_string(&Digest::of(b"others")).unwrap();
        let key = first.split_once(",\"publicKey\":").unwrap().1.split_once("},{").unwrap().0;
        for (what, changed) in [
            ("the later form without need", first.replace("\"format\":1", "\"format\":2")),
            ("certificates in the first form", second.replace("\"format\":2", "\"format\":1")),
            ("a form to come", second.replace("\"format\":2", "\"format\":3")),
            ("both", second.replacen("\"certificates\":", &format!("\"publicKey\":{key},\"certificates\":"), 1)),
            ("neither", first.replacen(&format!(",\"publicKey\":{key}"), "", 1)),
            ("the digest of others", second.replacen(digest, &other, 1)),
            ("another one above", second.replacen("YWJvdmU=", "YWJvdmX=", 1)),
            ("one above that is another", second.replacen("YWJvdmU=", "YWJvdmY=", 1)),
            ("none", second.replacen("[\"MG", "[],\"x\":[\"MG", 1)),
            ("something more", second.replacen("\"chain\"", "\"more\":1,\"chain\"", 1)),
            ("nothing in a field", first.replacen("\"publicKey\"", "\"certificates\":null,\"publicKey\"", 1)),
        ] {
            assert!(changed != first && changed != second, "{what}");
            assert_eq!(read(&changed).unwrap_err().kind(), ErrorKind::Corrupt, "{what}");
        }
    }
}
