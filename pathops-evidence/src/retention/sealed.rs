//! Payloads that can be erased by destroying a key.

use std::fmt;
use std::sync::Arc;

use aead_stream::{DecryptorBE32, EncryptorBE32};
use async_trait::async_trait;
use chacha20poly1305::ChaCha20Poly1305;
use pathops_core::adapter::{BlobStore, Bucket, ByteStream, DataKey, DataKeys};
use pathops_core::{Digest, Error, ErrorKind, ObjectKey, OpContext, Result};

use crate::streams::is_there;

/// What begins a sealed payload, version 1.
pub(crate) const SEALED: &[u8] = b"pathops sealed payload 1\n";
/// What begins the object with what is kept of a key, version 1.
const KEY: &[u8] = b"pathops payload key 1\n";
/// What begins the object with the digest of a payload that an operation has stored, version 1.
const NOTE: &[u8] = b"pathops payload note 1\n";
/// What the object has that says of a key that it goes with what is retired, version 1.
const RETIRED: &[u8] = b"pathops retired payload key 1\n";
/// How many bytes the object of a key has at most: a key, as who keeps it wraps it.
const MAX_KEPT_BYTES: u64 = 64 << 10;
/// So many bytes of a payload are sealed at a time.
const SEGMENT_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;

/// Stores payloads encrypted, each with a key of its own, which is kept in a bucket under the digest of the ciphertext.
///
/// The cipher is ChaCha20-Poly1305 (RFC 8439) over segments of 64 KiB in the STREAM construction, so that none can be cut off,
/// repeated or moved. A key is used for one payload, so the nonce may begin with zeros.
///
/// What an operation has stored is noted under its key, as the digest of the ciphertext, so that it is found when the operation is
/// repeated. Nothing that is kept follows from the payload itself without its key.
#[derive(Clone, Debug)]
pub struct SealedBlobs {
    blobs: Arc<dyn BlobStore>,
    bucket: Arc<dyn Bucket>,
    keys: Arc<dyn DataKeys>,
    folder: String,
}

impl SealedBlobs {
    /// Ciphertexts go into `blobs`, and keys, as `keys` has them kept, into `bucket`, below `keys/`. Whatever keeps copies
    /// of that folder, such as backups and versions of objects, keeps what is to be erased too: leave it out of them.
    #[must_use]
    pub fn new(blobs: Arc<dyn BlobStore>, bucket: Arc<dyn Bucket>, keys: Arc<dyn DataKeys>) -> Self {
        Self { blobs, bucket, keys, folder: "keys".to_owned() }
    }

    /// With the keys below another folder of the bucket, where `keys/` is for something else. It stays the same for as long as there
    /// are payloads.
    #[must_use]
    pub fn with_folder(self, folder: &ObjectKey) -> Self {
        Self { folder: folder.as_str().to_owned(), ..self }
    }

    /// Stores what the stream gives, encrypted, and returns the digest of the ciphertext: the one to refer to. Storing the same
    /// again gives another one. After `Ok` it can be read back after a crash.
    ///
    /// # Errors
    /// What the stream, the blob store, the bucket or the keys answer.
    pub async fn put_stream(&self, cx: &OpContext, bytes: Box<dyn ByteStream>) -> Result<Digest> {
        let (key, kept) = self.keys.generate(cx).await?;
        let digest = self.blobs.put_stream(cx, Box::new(Segments::sealing(bytes, &key))).await?;
        let kept = [KEY, &kept].concat();
        self.bucket.create(&cx.part("key"), &self.key_of(&digest)?, kept).await?;
        Ok(digest)
    }

    /// Stores these bytes, encrypted, and returns the digest of the ciphertext: the same one for the same bytes under the same key of
    /// `cx`, as long as its key is there and is to stay. So an operation that is repeated, also after a crash, refers to what it has
    /// referred to, unless that was erased or retired in between.
    ///
    /// # Errors
    /// As [`SealedBlobs::put_stream`]; `Corrupt` where what was noted of an earlier call is not in our form.
    ///
    /// # Cancel safety
    /// Dropped half way, a ciphertext may be stored that nothing refers to.
    pub async fn put(&self, cx: &OpContext, bytes: Vec<u8>) -> Result<Digest> {
        let operation = Digest::of(cx.key().as_str().as_bytes()).hex();
        let mut others = 0;
        loop {
            let note = self.named(&format!("noted/{operation}.{others}"))?;
            if let Some(noted) = self.bucket.read(cx, &note).await? {
                match self.put_again(cx, &read_note(&note, &noted)?, &bytes).await? {
                    Some(digest) => return Ok(digest),
                    // The operation has stored something else before.
                    None => others += 1,
                }
                continue;
            }
            let digest = self.put_stream(cx, bytes.clone().into()).await?;
            match self.bucket.create(&cx.part("note"), &note, [NOTE, digest.hex().as_bytes()].concat()).await {
                Ok(()) => return Ok(digest),
                // It is performed twice at once, and the other call was faster: this looks at what that has noted.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Stores bytes once more under the key that they were stored with. `None` where they are others, or that key was destroyed, or is
    /// going to be: whoever retires a payload marks its key first. One who has looked before that has as long to refer to it as any
    /// who was told that a blob is there, just before it was retired.
    async fn put_again(&self, cx: &OpContext, digest: &Digest, bytes: &[u8]) -> Result<Option<Digest>> {
        if is_there(cx, &*self.bucket, &self.mark_of(digest)?).await? {
            return Ok(None);
        }
        let Some(key) = self.key(cx, digest).await? else { return Ok(None) };
        let sealed: Box<dyn ByteStream> = Box::new(Segments::sealing(bytes.to_vec().into(), &key));
        let sealed = sealed.collect().await?;
        // A key is used for one payload: of another one nothing leaves this function.
        if Digest::of(&sealed) != *digest {
            return Ok(None);
        }
        self.blobs.put(cx, sealed).await.map(Some)
    }

    /// The payload whose ciphertext has that digest, chunk by chunk, or `None` where there is none. Each chunk is what was stored;
    /// the end comes only where nothing is missing.
    ///
    /// # Errors
    /// `NotFound` where its key was destroyed; here or from the stream `Corrupt` where the ciphertext was changed; what the blob
    /// store, the bucket or the keys answer.
    pub async fn get_stream(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Box<dyn ByteStream>>> {
        let Some(sealed) = self.blobs.get_stream(cx, digest).await? else { return Ok(None) };
        let key = self.key(cx, digest).await?.ok_or_else(|| failed(digest, ErrorKind::NotFound, "its key was destroyed"))?;
        Ok(Some(Box::new(Segments::opening(sealed, &key))))
    }

    /// The key of the payload whose ciphertext has that digest, unless it was destroyed.
    async fn key(&self, cx: &OpContext, digest: &Digest) -> Result<Option<DataKey>> {
        let Some(kept) = self.bucket.read_within(cx, &self.key_of(digest)?, MAX_KEPT_BYTES).await? else { return Ok(None) };
        let kept = kept.strip_prefix(KEY);
        let kept = kept.ok_or_else(|| failed(digest, ErrorKind::Corrupt, "its key is not kept in our form"))?;
        self.keys.open(cx, kept).await.map(Some)
    }

    /// Whether something is kept as its key.
    pub(super) async fn has_key(&self, cx: &OpContext, digest: &Digest) -> Result<bool> {
        is_there(cx, &*self.bucket, &self.key_of(digest)?).await
    }

    /// Whether there is a key for it, which has to open it: the first segment shows whether it does.
    ///
    /// # Errors
    /// `Corrupt` where it is none, or another payload's; what the blob store, the bucket or the keys answer.
    pub(crate) async fn opens(&self, cx: &OpContext, digest: &Digest) -> Result<bool> {
        let Some(key) = self.key(cx, digest).await? else { return Ok(false) };
        if let Some(sealed) = self.blobs.get_stream(cx, digest).await? {
            let opened = Segments::opening(sealed, &key).next().await;
            opened.map_err(|error| match error.kind() {
                ErrorKind::Corrupt => failed(digest, ErrorKind::Corrupt, "its key is not the one that it was sealed with"),
                _ => error,
            })?;
        }
        Ok(true)
    }

    /// Marks a key, where there is one, that will be destroyed with what is about to be retired: it still opens that, and nothing is
    /// stored with it again.
    pub(super) async fn retire(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        if !self.has_key(cx, digest).await? {
            return Ok(());
        }
        match self.bucket.create(&cx.part("retire-key"), &self.mark_of(digest)?, RETIRED.to_vec()).await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            answer => answer,
        }
    }

    /// Takes that mark off again.
    pub(super) async fn restore(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        self.bucket.delete(&cx.part("restore-key"), &self.mark_of(digest)?).await
    }

    /// Destroys the key.
    pub(super) async fn destroy(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        self.bucket.delete(&cx.part("key"), &self.key_of(digest)?).await?;
        self.restore(cx, digest).await
    }

    fn mark_of(&self, digest: &Digest) -> Result<ObjectKey> {
        self.named(&format!("retired/{}", digest.hex()))
    }

    fn key_of(&self, digest: &Digest) -> Result<ObjectKey> {
        self.named(&digest.hex())
    }

    fn named(&self, name: &str) -> Result<ObjectKey> {
        let named = ObjectKey::parse(format!("{}/{name}", self.folder));
        named.map_err(|error| Error::new(ErrorKind::Unexpected, "name a key").because(error))
    }
}

/// Whether a blob begins as a sealed payload does.
pub(super) async fn begins_sealed(cx: &OpContext, blobs: &dyn BlobStore, digest: &Digest) -> Result<bool> {
    let Some(mut bytes) = blobs.get_stream(cx, digest).await? else { return Ok(false) };
    let mut beginning = Vec::new();
    while beginning.len() < SEALED.len() {
        let Some(chunk) = bytes.next().await? else { break };
        beginning.extend(chunk);
    }
    Ok(beginning.starts_with(SEALED))
}

fn failed(digest: &Digest, kind: ErrorKind, why: &str) -> Error {
    Error::new(kind, "open a sealed payload").on(digest).because(why)
}

fn read_note(note: &ObjectKey, bytes: &[u8]) -> Result<Digest> {
    let digest = bytes.strip_prefix(NOTE).and_then(|digest| Digest::from_hex(std::str::from_utf8(digest).ok()?).ok());
    digest.ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, "store a payload again").on(note).because("what is noted of it is not in our form")
    })
}

enum Cipher {
    Seal(EncryptorBE32<ChaCha20Poly1305>),
    Open(DecryptorBE32<ChaCha20Poly1305>),
}

/// A stream through a cipher, segment by segment.
struct Segments {
    source: Box<dyn ByteStream>,
    /// What came from the source and did not go through yet.
    rest: Vec<u8>,
    /// `None` behind the end.
    cipher: Option<Cipher>,
    /// Whether what begins a sealed payload is still to come.
    begins: bool,
}

impl fmt::Debug for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segments").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Segments {
    fn sealing(source: Box<dyn ByteStream>, key: &DataKey) -> Self {
        let cipher = EncryptorBE32::new(key.as_bytes().into(), &Default::default());
        Self { source, rest: Vec::new(), cipher: Some(Cipher::Seal(cipher)), begins: true }
    }

    fn opening(source: Box<dyn ByteStream>, key: &DataKey) -> Self {
        let cipher = DecryptorBE32::new(key.as_bytes().into(), &Default::default());
        Self { source, rest: Vec::new(), cipher: Some(Cipher::Open(cipher)), begins: true }
    }

    /// Sends the full segments through that surely are not the last.
    fn full(&mut self, through: &mut Vec<u8>) -> Result<(), ()> {
        let size = match &self.cipher {
            Some(Cipher::Open(_)) => SEGMENT_BYTES + TAG_BYTES,
            _ => SEGMENT_BYTES,
        };
        let full = self.rest.len().saturating_sub(1) / size * size;
        for segment in self.rest.get(..full).unwrap_or_default().chunks(size) {
            let done = match self.cipher.as_mut() {
                Some(Cipher::Seal(cipher)) => cipher.encrypt_next(segment),
                Some(Cipher::Open(cipher)) => cipher.decrypt_next(segment),
                None => return Err(()),
            };
            through.extend(done.map_err(drop)?);
        }
        self.rest.drain(..full);
        Ok(())
    }

    /// Sends the last segment through.
    fn last(&mut self, through: &mut Vec<u8>) -> Result<(), ()> {
        let done = match self.cipher.take() {
            Some(Cipher::Seal(cipher)) => cipher.encrypt_last(self.rest.as_slice()),
            Some(Cipher::Open(cipher)) => cipher.decrypt_last(self.rest.as_slice()),
            None => return Err(()),
        };
        through.extend(done.map_err(drop)?);
        Ok(())
    }

    /// Writes or takes off what begins a sealed payload. `false`: there is too little yet to see.
    fn begin(&mut self, through: &mut Vec<u8>) -> Result<bool, ()> {
        if !self.begins {
            return Ok(true);
        }
        if let Some(Cipher::Seal(_)) = &self.cipher {
            through.extend(SEALED);
        } else if self.rest.len() < SEALED.len() {
            return Ok(false);
        } else {
            self.rest = self.rest.strip_prefix(SEALED).ok_or(())?.to_vec();
        }
        self.begins = false;
        Ok(true)
    }
}

#[async_trait]
impl ByteStream for Segments {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let corrupt = |()| {
            let error = Error::new(ErrorKind::Corrupt, "open a sealed payload").because("it is not what was sealed with its key");
            error.advise("restore it from a backup")
        };
        if self.cipher.is_none() {
            return Ok(None);
        }
        let mut through = Vec::new();
        loop {
            let chunk = self.source.next().await?;
            let ended = chunk.is_none();
            self.rest.extend(chunk.unwrap_or_default());
            if self.begin(&mut through).map_err(corrupt)? {
                self.full(&mut through).map_err(corrupt)?;
            } else if ended {
                return Err(corrupt(()));
            }
            if ended {
                self.last(&mut through).map_err(corrupt)?;
            }
            if ended || !through.is_empty() {
                return Ok(Some(through));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pathops_core::IdempotencyKey;
    use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemoryKeys};

    use super::*;

    fn cx() -> OpContext {
        OpContext::new(IdempotencyKey::new("test"))
    }

    fn store() -> (SealedBlobs, MemoryBlobs) {
        let blobs = MemoryBlobs::new();
        (SealedBlobs::new(Arc::new(blobs.clone()), Arc::new(MemoryBucket::new()), Arc::new(MemoryKeys::from_seed(1))), blobs)
    }

    async fn open(bytes: Vec<u8>, key: &DataKey) -> Result<Vec<u8>> {
        let opened: Box<dyn ByteStream> = Box::new(Segments::opening(bytes.into(), key));
        opened.collect().await
    }

    #[tokio::test]
    async fn what_is_sealed_is_read_back_and_not_seen() {
        for length in [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES] {
            let (sealed, blobs) = store();
            let bytes = vec![7; length];
            let digest = sealed.put_stream(&cx(), bytes.clone().into()).await.unwrap();
            let stored = blobs.get(&cx(), &digest).await.unwrap().unwrap();
            assert!(stored.starts_with(SEALED) && !stored.windows(32).any(|window| window == [7; 32]));
            let read = sealed.get_stream(&cx(), &digest).await.unwrap().unwrap().collect().await.unwrap();
            assert_eq!(read, bytes, "{length}");
            assert_ne!(sealed.put_stream(&cx(), bytes.into()).await.unwrap(), digest, "each has a key of its own");
        }
    }

    #[tokio::test]
    async fn nothing_of_it_can_be_cut_off_moved_or_changed() {
        let key = DataKey::new([9; 32]);
        let sealing: Box<dyn ByteStream> = Box::new(Segments::sealing(vec![7; 3 * SEGMENT_BYTES].into(), &key));
        let sealed = sealing.collect().await.unwrap();
        assert_eq!(open(sealed.clone(), &key).await.unwrap(), vec![7; 3 * SEGMENT_BYTES]);
        let whole = SEGMENT_BYTES + TAG_BYTES;
        for end in [0, 3, SEALED.len(), SEALED.len() + 1, SEALED.len() + whole, sealed.len() - whole, sealed.len() - 1] {
            let cut = open(sealed[..end].to_vec(), &key).await.unwrap_err();
            assert_eq!(cut.kind(), ErrorKind::Corrupt, "{end}");
        }
        let mut moved = sealed.clone();
        moved[SEALED.len()..].rotate_left(whole);
        let mut more = sealed.clone();
        more.push(0);
        for spoilt in [moved, more] {
            assert_eq!(open(spoilt, &key).await.unwrap_err().kind(), ErrorKind::Corrupt);
        }
        for place in (0..sealed.len()).step_by(4_099) {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(open(changed, &key).await.unwrap_err().kind(), ErrorKind::Corrupt, "{place}");
        }
        assert_eq!(open(sealed, &DataKey::new([8; 32])).await.unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[tokio::test]
    async fn an_operation_that_is_repeated_finds_what_it_has_stored() {
        let (sealed, blobs) = store();
        let (one, other) = (vec![7; SEGMENT_BYTES + 1], b"another".to_vec());
        let first = sealed.put(&cx(), one.clone()).await.unwrap();
        let second = sealed.put(&cx(), other.clone()).await.unwrap();
        assert_ne!(first, second);
        for _ in 0..2 {
            assert_eq!(sealed.put(&cx(), one.clone()).await.unwrap(), first);
            assert_eq!(sealed.put(&cx(), other.clone()).await.unwrap(), second);
        }
        let stored = |digest| {
            let blobs = blobs.clone();
            async move { blobs.get(&cx(), &digest).await.unwrap().unwrap() }
        };
        let body = |bytes: Vec<u8>| bytes[SEALED.len()..].to_vec();
        let (of_one, of_other) = (body(stored(first).await), body(stored(second).await));
        let between = |a: &[u8], b: &[u8]| -> Vec<u8> { a.iter().zip(b).map(|(a, b)| a ^ b).collect() };
        let told = between(&of_one, &of_other)[..other.len()].to_vec();
        assert_ne!(told, between(&one, &other), "no key is used for two");
        for (digest, bytes) in [(first, &one), (second, &other)] {
            assert_eq!(sealed.get_stream(&cx(), &digest).await.unwrap().unwrap().collect().await.unwrap(), *bytes);
        }
        let elsewhere = OpContext::new(IdempotencyKey::new("another operation"));
        assert_ne!(sealed.put(&elsewhere, one.clone()).await.unwrap(), first);
        sealed.destroy(&cx(), &first).await.unwrap();
        let anew = sealed.put(&cx(), one.clone()).await.unwrap();
        assert!(anew != first && sealed.get_stream(&cx(), &first).await.is_err(), "what was erased stays so");
    }

    #[tokio::test]
    async fn without_its_key_it_cannot_be_read() {
        let (sealed, _) = store();
        let digest = sealed.put_stream(&cx(), b"a name".to_vec().into()).await.unwrap();
        let other = sealed.put_stream(&cx(), b"another".to_vec().into()).await.unwrap();
        assert!(sealed.opens(&cx(), &digest).await.unwrap());
        let (own, others) = (sealed.key_of(&digest).unwrap(), sealed.key_of(&other).unwrap());
        let kept = sealed.bucket.read(&cx(), &own).await.unwrap().unwrap();
        let of_other = sealed.bucket.read(&cx(), &others).await.unwrap().unwrap();
        let (mut changed, mut longer) = (kept.clone(), kept.clone());
        *changed.last_mut().unwrap() ^= 1;
        longer.push(0);
        for spoilt in [Vec::new(), kept[..10].to_vec(), changed, longer, of_other] {
            sealed.destroy(&cx(), &digest).await.unwrap();
            sealed.bucket.create(&cx().part("spoil"), &own, spoilt.clone()).await.unwrap();
            let error = sealed.opens(&cx(), &digest).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{spoilt:?}: {error}");
        }
        for _ in 0..2 {
            sealed.destroy(&cx(), &digest).await.unwrap();
            let error = sealed.get_stream(&cx(), &digest).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
        assert!(sealed.get_stream(&cx(), &Digest::of(b"never stored")).await.unwrap().is_none());
    }
}
