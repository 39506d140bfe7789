//! Taking blobs away.

use async_trait::async_trait;
use pathops_core::adapter::{BlobCollector, StoredBlob};
use pathops_core::{Digest, ErrorKind, ObjectKey, OpContext, Result};

use super::ObjectStoreBlobs;
use super::form::{Form, Place};

#[async_trait]
impl BlobCollector for ObjectStoreBlobs {
    async fn list<'a>(&self, cx: &OpContext, after: Option<&'a Digest>, limit: usize) -> Result<Vec<StoredBlob>> {
        let folder = Place::Kept.folder()?;
        // Of the names of a digest this is the last one.
        let mut last = after.map(|digest| Form::Zstd.key(Place::Kept, digest)).transpose()?;
        let mut blobs: Vec<StoredBlob> = Vec::new();
        // One more than was asked for: only behind it all forms of the one before are known.
        let page = limit.saturating_add(1);
        while blobs.len() < page {
            let keys = self.bucket.list(cx, &folder, last.as_ref(), page).await?;
            for (digest, form) in keys.iter().filter_map(Form::of) {
                let needs = if form == Form::Parts { self.needs(cx, &digest).await? } else { Vec::new() };
                match blobs.last_mut().filter(|blob| blob.digest == digest) {
                    Some(blob) => blob.needs.extend(needs),
                    None => blobs.push(StoredBlob { digest, needs }),
                }
            }
            if keys.len() < page {
                break;
            }
            last = keys.last().cloned();
        }
        blobs.truncate(limit);
        Ok(blobs)
    }

    async fn retire(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        self.move_all(cx, digest, Place::Kept, Place::Retired).await
    }

    async fn restore(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        self.move_all(cx, digest, Place::Retired, Place::Kept).await
    }

    async fn purge(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        for form in Form::ALL {
            self.bucket.delete(&cx.part("purge"), &form.key(Place::Retired, digest)?).await?;
        }
        Ok(())
    }
}

impl ObjectStoreBlobs {
    /// Moves a blob: it is in its new place before it leaves the old one.
    async fn move_all(&self, cx: &OpContext, digest: &Digest, from: Place, to: Place) -> Result<()> {
        for form in Form::ALL {
            let (from, to) = (form.key(from, digest)?, form.key(to, digest)?);
            let Some(bytes) = self.bucket.read(cx, &from).await? else { continue };
            self.place(cx, &to, bytes).await?;
            self.bucket.delete(&cx.part(from.as_str()), &from).await?;
        }
        Ok(())
    }

    /// Stores an object where none is or another one.
    async fn place(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        match self.bucket.create(&cx.part(key.as_str()), key, bytes.clone()).await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            answer => return answer,
        }
        if self.bucket.read(cx, key).await?.is_some_and(|there| there == bytes) {
            return Ok(());
        }
        self.bucket.delete(&cx.part("replace"), key).await?;
        self.bucket.create(&cx.part("replace"), key, bytes).await
    }

    async fn needs(&self, cx: &OpContext, digest: &Digest) -> Result<Vec<Digest>> {
        let parts = self.list_of(cx, digest, Place::Kept).await?.unwrap_or_default();
        Ok(parts.into_iter().map(|part| part.digest).collect())
    }
}
