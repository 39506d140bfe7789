//! References to images.

use std::fmt;

/// A reference to an image: repository, tag, digest. At least one of the two is there.
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
#[error("`{0}` names no one image: write `repository@sha256:…`, or `repository:tag`")]
pub struct ImageError(String);

impl std::str::FromStr for Image {
    type Err = ImageError;
    fn from_str(text: &str) -> Result<Self, ImageError> {
        let Parts { repository, tag, digest } = parts(text);
        let named = !repository.is_empty() && (tag.is_some() || digest.is_some());
        if named && tag != Some("") && digest != Some("") { Ok(Self(text.to_owned())) } else { Err(ImageError(text.to_owned())) }
    }
}

impl Image {
    /// What it says.
    pub(crate) fn parts(&self) -> Parts<'_> {
        parts(&self.0)
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
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
    /// Whether what runs is what `self` expects: the same digest, and only where none is expected the same tag.
    pub(crate) fn is(&self, running: &Parts<'_>) -> bool {
        self.repository == running.repository
            && if self.digest.is_some() { self.digest == running.digest } else { self.tag == running.tag }
    }
}
