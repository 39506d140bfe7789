//! A comment that is edited in place: its first line, invisible to readers, says which it is, and it is believed only where this
//! credential wrote it.

use async_trait::async_trait;
use pathops_core::{Digest, Error, ErrorKind, Result};

use super::recent::Recent;

/// The comments that were written here, by where they are: their numbers, and what they say.
pub(crate) type Comments = Recent<(u64, Digest)>;

/// Where comments are: one pull request of a host.
#[async_trait]
pub(crate) trait Place: Sync {
    /// An error that is `Invalid`, for this reason.
    fn invalid(&self, why: &'static str) -> Error;

    /// A text as it is written there, so that it is the same when it is read back.
    fn written(&self, text: String) -> String {
        text
    }

    /// What this credential has written there: the numbers, and the texts as they are written.
    async fn mine(&self) -> Result<Vec<(u64, String)>>;

    /// Writes another one.
    async fn create(&self, text: &str) -> Result<u64>;

    /// `NotFound` where it is gone.
    async fn edit(&self, id: u64, text: &str) -> Result<u64>;
}

/// Lets the comment with this marker say this, and writes it where there is none. `name` is what the place is remembered by.
pub(crate) async fn put(known: &Comments, place: &impl Place, name: &str, marker: &str, text: &str) -> Result<u64> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_/:.".contains(c);
    if marker.is_empty() || !marker.chars().all(allowed) {
        return Err(place.invalid("a marker has letters, digits, `-`, `_`, `/`, `:` and `.`"));
    }
    let (name, first) = (format!("{name} {marker}"), format!("<!-- pathops:{marker} -->"));
    let text = place.written(format!("{first}\n{text}"));
    let says = Digest::of(text.as_bytes());
    // What it said last is read back: somebody may have changed it since.
    let edited = match known.get(&name).filter(|(_, said)| *said != says) {
        Some((id, _)) => match place.edit(id, &text).await {
            Err(error) if error.kind() == ErrorKind::NotFound => None, // Somebody deleted it.
            edited => Some(edited?),
        },
        None => None,
    };
    let id = match edited {
        Some(id) => id,
        None => looked_for(place, &first, &text).await?,
    };
    known.put(name, 1, (id, says));
    Ok(id)
}

async fn looked_for(place: &impl Place, first: &str, text: &str) -> Result<u64> {
    // Whoever edits a comment on the web pages turns the ends of its lines into `\r\n`, which is an end for `lines` too.
    let found = place.mine().await?.into_iter().find(|(_, says)| says.lines().next() == Some(first));
    match found {
        Some((id, says)) if says == text => Ok(id),
        Some((id, _)) => place.edit(id, text).await,
        None => place.create(text).await,
    }
}
