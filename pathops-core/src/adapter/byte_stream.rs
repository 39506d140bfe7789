use std::fmt::Debug;

use async_trait::async_trait;

use crate::digest::{Digest, Hashing};
use crate::error::{Error, ErrorKind, Result};

/// Bytes that come one chunk after another, so that they need not be in memory all at once.
#[async_trait]
pub trait ByteStream: Debug + Send {
    /// The chunk that follows, or `None` at the end, and then again and again.
    ///
    /// # Errors
    /// What keeps it from going on; the bytes that came before are then a part at most.
    async fn next(&mut self) -> Result<Option<Vec<u8>>>;
}

/// Bytes that are in memory, as one chunk.
#[derive(Debug)]
struct Whole(Option<Vec<u8>>);

#[async_trait]
impl ByteStream for Whole {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(self.0.take())
    }
}

impl From<Vec<u8>> for Box<dyn ByteStream> {
    fn from(bytes: Vec<u8>) -> Self {
        Box::new(Whole(Some(bytes)))
    }
}

impl dyn ByteStream {
    /// Reads to the end, into memory.
    ///
    /// # Errors
    /// What [`ByteStream::next`] answers; then nothing is returned.
    pub async fn collect(mut self: Box<Self>) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(chunk) = self.next().await? {
            if all.is_empty() {
                all = chunk;
            } else {
                all.extend(chunk);
            }
        }
        Ok(all)
    }
}

/// A stream whose end vouches for all of it: it comes only where the bytes have the digest that they should have.
#[derive(Debug)]
pub struct Checked {
    inner: Box<dyn ByteStream>,
    hashing: Hashing,
    digest: Digest,
    location: String,
}

impl Checked {
    /// `inner`, which should have this digest; `location` is where it comes from, for the error.
    #[must_use]
    pub fn new(inner: Box<dyn ByteStream>, digest: Digest, location: impl Into<String>) -> Self {
        Self { inner, hashing: Hashing::default(), digest, location: location.into() }
    }
}

#[async_trait]
impl ByteStream for Checked {
    /// # Errors
    /// `Corrupt`, in the place of the end, where the digest is another one.
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if let Some(chunk) = self.inner.next().await? {
            self.hashing.update(&chunk);
            return Ok(Some(chunk));
        }
        let actual = self.hashing.digest();
        if actual == self.digest {
            return Ok(None);
        }
        let reason = format!("the stored bytes have the digest {actual}");
        let advice = "they were changed or the disk is damaged: restore them from a backup, or store them again";
        Err(Error::new(ErrorKind::Corrupt, "read a blob").on(&self.location).because(reason).advise(advice))
    }
}
