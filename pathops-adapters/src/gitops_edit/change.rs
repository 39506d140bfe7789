//! What is asked for.

use std::fmt;

use super::error::EditError;
use super::path::Path;

/// One change. As text: `path.to.key=VALUE`, `image:REPOSITORY=VERSION`, `replicas=COUNT` or `replicas:NAME=COUNT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The value at a path that is there.
    Value {
        /// Where.
        path: Path,
        /// The new value.
        value: String,
    },
    /// The version of an image, wherever the file names it: as `image: repository:tag` of a container or in Helm values, as
    /// `repository` beside `tag` and `digest` in Helm values, or among the `images` of a kustomization.
    Image {
        /// The repository, with its registry.
        repository: String,
        /// The new version.
        version: ImageVersion,
    },
    /// A number of replicas: `spec.replicas` of a workload, `count` in a kustomization, or `replicaCount` or `replicas` in Helm
    /// values.
    Replicas {
        /// The workload; may be left out where there is one only.
        name: Option<String>,
        /// How many.
        count: u32,
    },
}

/// A tag, a digest, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageVersion {
    pub(super) tag: Option<String>,
    pub(super) digest: Option<String>,
}

impl std::str::FromStr for ImageVersion {
    type Err = String;
    /// `1.2.3`, `sha256:…`, or `1.2.3@sha256:…`.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_digest = |text: &str| text.split_once(':').is_some_and(|(kind, hex)| !kind.is_empty() && !hex.is_empty());
        let (tag, digest) = match text.split_once('@') {
            Some((tag, digest)) => (Some(tag), Some(digest)),
            None if is_digest(text) => (None, Some(text)),
            None => (Some(text), None),
        };
        let of_tag = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let tag_holds = tag.is_none_or(|tag| !tag.is_empty() && tag.len() <= 128 && tag.chars().all(of_tag));
        let digest_holds =
            digest.is_none_or(|digest| is_digest(digest) && digest.chars().all(|c| of_tag(c) || matches!(c, ':' | '+')));
        if !tag_holds || !digest_holds {
            return Err(format!("`{text}` is no version of an image"));
        }
        Ok(Self { tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) })
    }
}

impl fmt::Display for ImageVersion {
    /// As it follows the repository: `:1.2.3`, `@sha256:…`, or both.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl std::str::FromStr for Change {
    type Err = EditError;
    fn from_str(text: &str) -> Result<Self, EditError> {
        let error = |why: String| EditError::Change { text: text.to_owned(), why };
        let (place, value) = split(text).ok_or_else(|| error("there is no `=`".to_owned()))?;
        let count = || value.parse().map_err(|_| error(format!("`{value}` is no number of replicas")));
        if let Some(repository) = place.strip_prefix("image:") {
            if repository.is_empty() || repository.contains(['@', ' ']) {
                return Err(error(format!("`{repository}` is no repository of images")));
            }
            return Ok(Self::Image { repository: repository.to_owned(), version: value.parse().map_err(error)? });
        }
        match place.strip_prefix("replicas:") {
            Some("") => Err(error("the name is empty".to_owned())),
            Some(name) => Ok(Self::Replicas { name: Some(name.to_owned()), count: count()? }),
            None if place == "replicas" => Ok(Self::Replicas { name: None, count: count()? }),
            None => Ok(Self::Value { path: place.parse()?, value: value.to_owned() }),
        }
    }
}

/// At the first `=` that stands neither in `[…]` nor in quotes.
fn split(text: &str) -> Option<(&str, &str)> {
    let (mut in_item, mut in_quotes) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => in_quotes = !in_quotes,
            '[' if !in_quotes => in_item = true,
            ']' if !in_quotes => in_item = false,
            '=' if !in_item && !in_quotes => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}
