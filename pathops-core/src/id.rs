//! Identifiers: validated strings, one type for each thing that has a name.
//!
//! An identifier that exists is well formed: there is no unchecked constructor and deserialising checks too.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Why a text is no identifier of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: {rule}")]
pub struct IdError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

impl IdError {
    /// The rule that the text broke, in words for people.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

macro_rules! id_type {
    ($(#[$meta:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and takes it as this kind of identifier.
            ///
            /// # Errors
            /// [`IdError`] with the rule that `text` breaks.
            pub fn parse(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                match $check(&text) {
                    None => Ok(Self(text)),
                    Some(rule) => Err(IdError { what: $what, text, rule }),
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

id_type!(
    /// A product, for example `shop`.
    ProjectId, "project name", slug
);
id_type!(
    /// The name of an app or a component; unique within its project.
    UnitId, "app or component name", slug
);
id_type!(
    /// The name of a contract between apps, for example `orders-http`.
    ContractId, "contract name", slug
);
id_type!(
    /// The name of an environment, for example `preflight`.
    EnvironmentId, "environment name", slug
);
id_type!(
    /// A person, by the name the Git host knows.
    PersonId, "person's name", slug
);
id_type!(
    /// An agent, for example `patch`.
    AgentId, "agent name", slug
);
id_type!(
    /// One project-level change transaction, for example `show-delivery-date-7k2m9q4x1p`.
    ChangeSetId, "change set id", slug
);
id_type!(
    /// A post-deploy job, for example `smoke`.
    JobName, "job name", slug
);
id_type!(
    /// One requirement of a policy.
    RequirementId, "requirement id", slug
);
id_type!(
    /// Somebody whose evidence counts, by the name that the host's trust root gives, for example `ci`.
    ProducerName, "producer name", slug
);
id_type!(
    /// A repository of a Git host, as `owner/name`.
    RepoId, "repository id", repo
);
id_type!(
    /// A branch, without `refs/heads/`.
    BranchName, "branch name", branch
);
id_type!(
    /// A path inside a repository: relative, with `/`, and never out of it. The empty path is the root.
    RepoPath, "path in a repository", path
);
id_type!(
    /// A Git commit id: 40 or 64 lower-case hexadecimal digits.
    CommitId, "commit id", object
);
id_type!(
    /// A Git tree id: 40 or 64 lower-case hexadecimal digits.
    TreeId, "tree id", object
);
id_type!(
    /// The context of a commit status, for example `pathops/promotion`.
    StatusContext, "status context", status_context
);
id_type!(
    /// A label of pull requests, for example `pathops/show-delivery-date-7k2m9q4x1p`. It fits every Git host.
    Label, "label", label
);
id_type!(
    /// A team of people, by the name that the Git host gives it within the owner of the repository.
    TeamName, "team's name", team
);
id_type!(
    /// The name of an object in a bucket, for example `log/checkpoint`: parts joined by `/`.
    ObjectKey, "name of an object", object_key
);
id_type!(
    /// One durable run of a workflow machine.
    RunId, "run id", slug
);
id_type!(
    /// A sender of webhooks as the host has set it up, for example `github`: one for each secret.
    WebhookSourceName, "name of a webhook source", slug
);
id_type!(
    /// What a sender calls one delivery, and calls it again when it sends it again. Unique within its source.
    DeliveryKey, "delivery key", delivery_key
);
id_type!(
    /// What deliveries are in order about, for example `repo/shop/orders`. Unique within its source.
    Lane, "lane", lane
);

id_type!(
    /// What an event is called by whoever publishes it, and is called again when it is published again. Unique within its topic.
    EventId, "event id", lane
);
id_type!(
    /// What events are about, for example `webhooks`: who subscribes to it is told of all of them.
    Topic, "topic", slug
);
id_type!(
    /// The name of a subscription to a topic, for example `billing`. All who subscribe under it share its events.
    SubscriptionName, "name of a subscription", slug
);

impl DeliveryKey {
    /// The key that stands for these bytes, where a sender gives none.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Digest::of(bytes).to_string())
    }

    /// This key for another body than the one that was stored under it.
    #[must_use]
    pub fn with_body(&self, body: &Digest) -> Self {
        let text = format!("{}+{}", self.0, body.short());
        if delivery_key(&text).is_none() { Self(text) } else { Self::of(text.as_bytes()) }
    }
}

impl EventId {
    /// The id of what `source` calls `name`, which may be any text: one that is no id is written as its digest.
    #[must_use]
    pub fn of(source: &WebhookSourceName, name: &str) -> Self {
        Self(Lane::of(source.as_str(), name).0)
    }
}

impl Lane {
    /// The lane of `what` by the name that a sender gives, which may be any text: one that is no lane is written as its digest.
    #[must_use]
    pub fn of(what: &str, name: &str) -> Self {
        let text = format!("{what}/{name}");
        if lane(&text).is_none() { Self(text) } else { Self(format!("{what}/{}", Digest::of(name.as_bytes()))) }
    }
}

impl RepoPath {
    /// The root of a repository.
    #[must_use]
    pub fn root() -> Self {
        Self(String::new())
    }

    /// This path with `name` below it.
    ///
    /// # Errors
    /// [`IdError`] where the result is no path inside a repository.
    pub fn join(&self, name: &str) -> Result<Self, IdError> {
        if self.0.is_empty() { Self::parse(name) } else { Self::parse(format!("{}/{name}", self.0)) }
    }

    /// Whether this path is `folder` or lies below it.
    #[must_use]
    pub fn is_within(&self, folder: &RepoPath) -> bool {
        folder.0.is_empty() || self.0 == folder.0 || self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl ObjectKey {
    /// Whether it lies below `folder`.
    #[must_use]
    pub fn is_below(&self, folder: &ObjectKey) -> bool {
        self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl RequirementId {
    /// A requirement that this crate names itself.
    pub(crate) fn built_in(name: &'static str) -> Self {
        debug_assert!(slug(name).is_none(), "{name}");
        Self(name.to_owned())
    }
}

/// The number of a pull request in its repository, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PullRequestNumber(pub u64);

impl fmt::Display for PullRequestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

const SLUG_MAX_CHARS: usize = 63;

fn slug(text: &str) -> Option<&'static str> {
    let fits = !text.is_empty() && text.len() <= SLUG_MAX_CHARS;
    let chars = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let ends = !text.starts_with('-') && !text.ends_with('-');
    (!(fits && chars && ends)).then_some("use 1 to 63 of a-z, 0-9 and `-`, and no `-` at either end")
}

fn label(text: &str) -> Option<&'static str> {
    let chars = text.chars().count();
    let fits = (1..=50).contains(&chars) && text.trim() == text;
    let plain = !text.contains(',') && !text.contains(char::is_control);
    (!(fits && plain)).then_some("use 1 to 50 characters on one line, no comma, and no space at either end")
}

fn team(text: &str) -> Option<&'static str> {
    let fits = !text.is_empty() && text.len() <= 100;
    let chars = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    (!(fits && chars)).then_some("use 1 to 100 letters, digits, `-`, `_` and `.`")
}

fn repo(text: &str) -> Option<&'static str> {
    const RULE: &str = "write it as `owner/name`, each of letters, digits, `-`, `_` and `.`, not starting with `.` or `-`";
    let part = |p: &str| {
        let chars = p.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        !p.is_empty() && p.len() <= 100 && chars && !p.starts_with(['.', '-'])
    };
    match text.split_once('/') {
        Some((owner, name)) if part(owner) && part(name) => None,
        _ => Some(RULE),
    }
}

fn branch(text: &str) -> Option<&'static str> {
    const RULE: &str = "see `git check-ref-format`: no spaces, control characters, `..`, `@{`, `~^:?*[\\`, and no part that starts with `.` or ends with `.lock`";
    let chars = text.bytes().all(|b| b.is_ascii_graphic() && !b"~^:?*[\\".contains(&b));
    let parts = text.split('/').all(|p| !p.is_empty() && !p.starts_with('.') && !p.ends_with(".lock"));
    let rest = !text.contains("..") && !text.contains("@{") && text != "@" && !text.starts_with('-') && !text.ends_with('.');
    (!(text.len() <= 200 && chars && parts && rest)).then_some(RULE)
}

fn path(text: &str) -> Option<&'static str> {
    const RULE: &str = "use a relative path with `/`, without `.`, `..`, `.git`, empty parts, `\\` or control characters";
    if text.is_empty() {
        return None;
    }
    let part = |p: &str| !p.is_empty() && p != "." && p != ".." && !p.eq_ignore_ascii_case(".git");
    let chars = !text.contains('\\') && !text.chars().any(char::is_control);
    (!(text.len() <= 1024 && chars && text.split('/').all(part))).then_some(RULE)
}

fn object(text: &str) -> Option<&'static str> {
    let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (!(hex && matches!(text.len(), 40 | 64))).then_some("use all 40 (or 64) lower-case hexadecimal digits")
}

fn object_key(text: &str) -> Option<&'static str> {
    const RULE: &str =
        "join parts of letters, digits, `.`, `-` and `_` with `/`, none of them starting with two dots or being `.`";
    let chars = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let part = |part: &str| !part.is_empty() && part != "." && !part.starts_with("..") && chars(part);
    (!(text.len() <= 512 && text.split('/').all(part))).then_some(RULE)
}

fn delivery_key(text: &str) -> Option<&'static str> {
    let chars = text.bytes().all(|b| b.is_ascii_graphic());
    (!(chars && (1..=200).contains(&text.len()))).then_some("use 1 to 200 printable ASCII characters without spaces")
}

fn lane(text: &str) -> Option<&'static str> {
    let chars = text.bytes().all(|b| b.is_ascii_graphic());
    (!(chars && (1..=300).contains(&text.len()))).then_some("use 1 to 300 printable ASCII characters without spaces")
}

fn status_context(text: &str) -> Option<&'static str> {
    let chars = text.bytes().all(|b| b.is_ascii_graphic());
    (!(chars && (1..=100).contains(&text.len()))).then_some("use 1 to 100 printable ASCII characters without spaces")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_leave_the_repository() {
        for bad in ["/etc", "a//b", "../x", "a/../b", "a/.git/config", "a\\b", "a/", "x\n"] {
            assert!(RepoPath::parse(bad).is_err(), "{bad:?}");
        }
        let dir = RepoPath::parse("environments/preflight").unwrap();
        assert!(dir.join("a.yaml").unwrap().is_within(&dir));
        assert!(!RepoPath::parse("environments/preflight2/a").unwrap().is_within(&dir));
        assert!(dir.is_within(&RepoPath::root()));
    }

    #[test]
    fn branches_follow_git_check_ref_format() {
        for good in ["main", "pathops/cs-1", "release/1.2"] {
            assert!(BranchName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a..b", "a b", "-x", "a.lock", "a/", "/a", "a@{b", ".a", "a:b", "@"] {
            assert!(BranchName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_label_fits_every_host() {
        for good in ["pathops", "pathops/cs-1", "good first issue", "priority::1", &"ä".repeat(50)] {
            assert!(Label::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", " ", "a,b", " a", "a ", "a\nb", &"a".repeat(51)] {
            assert!(Label::parse(bad).is_err(), "{bad:?}");
        }
        assert!(TeamName::parse("platform_2").is_ok());
        for bad in ["", "shop/platform", "plat form"] {
            assert!(TeamName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn deserialising_checks_too() {
        assert!(serde_json::from_str::<UnitId>("\"Orders\"").is_err());
        assert_eq!(serde_json::from_str::<UnitId>("\"orders\"").unwrap().as_str(), "orders");
    }
}
