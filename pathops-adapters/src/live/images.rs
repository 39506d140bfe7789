//! References to images.

use std::fmt;

/// A reference to an image: repository, tag, digest. At least one of the two is there. A digest alone is that image of whatever
/// repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image(String);

/// What a reference says, without a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    pub(crate) repository: &'a str,
    tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

/// A text that names no one image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no one image: write `repository@sha256:…`, `sha256:…` in full, or `repository:tag`")]
pub struct ImageError(String);

impl std::str::FromStr for Image {
    type Err = ImageError;
    fn from_str(text: &str) -> Result<Self, ImageError> {
        if is_digest(text) {
            return Ok(Self(text.to_owned()));
        }
        let Parts { repository, tag, digest } = parts(text);
        let named = !repository.is_empty() && (tag.is_some() || digest.is_some());
        if named && tag != Some("") && digest != Some("") { Ok(Self(text.to_owned())) } else { Err(ImageError(text.to_owned())) }
    }
}

impl Image {
    /// What it says. Of a digest alone the repository is empty.
    pub(crate) fn parts(&self) -> Parts<'_> {
        if is_digest(&self.0) { Parts { repository: "", tag: None, digest: Some(&self.0) } } else { parts(&self.0) }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether it is a digest, and no repository called `sha256` with a tag.
fn is_digest(text: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_hex))
}

pub(crate) fn parts(reference: &str) -> Parts<'_> {
    let (name, digest) = reference.split_once('@').map_or((reference, None), |(name, digest)| (name, Some(digest)));
    // A colon before the last slash is that of a port.
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => Parts { repository: short(repository), tag: Some(tag), digest },
        _ => Parts { repository: short(name), tag: None, digest },
    }
}

/// A repository as people write it: manifests say `nginx` where a node says `docker.io/library/nginx`.
fn short(repository: &str) -> &str {
    let hub = ["docker.io/", "index.docker.io/"].iter().find_map(|host| repository.strip_prefix(host));
    let path = hub.unwrap_or(repository);
    path.strip_prefix("library/").filter(|name| !name.contains('/')).unwrap_or(path)
}

impl Parts<'_> {
    /// Whether what runs is what `self` expects, by its name: the same digest, and only where none is expected the same tag.
    pub(crate) fn is(&self, running: &Parts<'_>) -> bool {
        (self.repository.is_empty() || self.repository == running.repository)
            && if self.digest.is_some() { self.digest == running.digest } else { self.tag == running.tag }
    }
}
