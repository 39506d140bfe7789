//! How a blob lies in a bucket.

use pathops_core::{Digest, Error, ErrorKind, ObjectKey, Result};

/// The largest piece of a blob that lies in one object. It bounds what is in memory.
pub(super) const PIECE_BYTES: usize = 8 << 20;

/// What an object says about the blob that it is named after. The end of its name tells it: the bytes cannot, since a blob may
/// itself be compressed, or look like a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Its bytes.
    Plain,
    /// Its bytes in one zstd frame, which records how many they are.
    Zstd,
    /// The list of the blobs that it is put together from.
    Parts,
}

/// Whether a blob is to be found by who writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is.
    Kept,
    /// It can be read until it is purged.
    Retired,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Kept => "blobs/sha256",
            Place::Retired => "retired/sha256",
        }
    }

    /// The folder of the blobs that are in this place.
    pub(super) fn folder(self) -> Result<ObjectKey> {
        named(self.name())
    }
}

impl Form {
    /// All, in the order of their names.
    pub(super) const ALL: [Form; 3] = [Form::Plain, Form::Parts, Form::Zstd];

    fn suffix(self) -> &'static str {
        match self {
            Form::Plain => "",
            Form::Parts => ".parts",
            Form::Zstd => ".zst",
        }
    }

    /// The name of a blob in this form.
    pub(super) fn key(self, place: Place, digest: &Digest) -> Result<ObjectKey> {
        let hex = digest.hex();
        named(&format!("{}/{}/{hex}{}", place.name(), hex.get(..2).unwrap_or_default(), self.suffix()))
    }

    /// The blob that is in the object of this name, and its form; `None` for what is no blob.
    pub(super) fn of(key: &ObjectKey) -> Option<(Digest, Form)> {
        let name = key.as_str().rsplit('/').next()?;
        let (hex, suffix) = name.split_at_checked(64)?;
        let form = Form::ALL.into_iter().find(|form| form.suffix() == suffix)?;
        Some((Digest::from_hex(hex).ok()?, form))
    }
}

fn named(key: &str) -> Result<ObjectKey> {
    ObjectKey::parse(key).map_err(|error| Error::new(ErrorKind::Unexpected, "name a blob").because(error))
}

/// The bytes as they are written, and their form: compressed where that is wanted and makes them smaller.
pub(super) fn encode(bytes: Vec<u8>, compress: bool) -> (Form, Vec<u8>) {
    match compress.then(|| zstd_encoded(&bytes)).flatten().filter(|compressed| compressed.len() < bytes.len()) {
        Some(compressed) => (Form::Zstd, compressed),
        None => (Form::Plain, bytes),
    }
}

#[cfg(feature = "zstd")]
fn zstd_encoded(bytes: &[u8]) -> Option<Vec<u8>> {
    /// Fast: what is stored is written once and hardly ever read.
    const LEVEL: i32 = 1;
    zstd::bulk::compress(bytes, LEVEL).ok()
}

#[cfg(not(feature = "zstd"))]
fn zstd_encoded(_: &[u8]) -> Option<Vec<u8>> {
    None
}

/// What a compressed object holds. It takes no more memory than the length that the object records, and that is a piece's at most.
///
/// # Errors
/// Why it cannot be read.
#[cfg(feature = "zstd")]
pub(super) fn zstd_decoded(bytes: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let recorded = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten().ok_or("it records no length")?;
    let length = usize::try_from(recorded).ok().filter(|length| *length <= PIECE_BYTES);
    let length = length.ok_or_else(|| format!("it records {recorded} bytes, and a piece has {PIECE_BYTES} at most"))?;
    let decoded = zstd::bulk::decompress(bytes, length).map_err(|error| error.to_string())?;
    if decoded.len() == length { Ok(decoded) } else { Err(format!("it records {length} bytes and holds {}", decoded.len())) }
}
