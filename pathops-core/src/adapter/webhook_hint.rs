use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{CommitId, DeliveryKey, Lane, PullRequestNumber, WebhookSourceName};

/// What one request of a sender says, once it is sure that the sender sent it.
///
/// All of it is a hint (I7): it says where to look, and never what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Who sent it.
    pub source: WebhookSourceName,
    /// What the sender calls it.
    pub key: DeliveryKey,
    /// What it is in order with.
    pub lane: Lane,
    /// What it says; never empty.
    pub hints: Vec<Hint>,
}

/// A text of a sender, cut after [`HintText::MAX_CHARS`], and without control characters and those that change the order in
/// which others are shown. To be shown, to be compared and to be parsed as the name of something that is then looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct HintText(String);

impl HintText {
    /// The longest that is kept, in Unicode scalar values.
    pub const MAX_CHARS: usize = 256;

    /// What is kept of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let unsafe_to_show = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        Self(text.chars().filter(|c| !unsafe_to_show(*c)).take(Self::MAX_CHARS).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for HintText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for HintText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<HintText> for String {
    fn from(text: HintText) -> String {
        text.0
    }
}

impl fmt::Display for HintText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where something has got to, in words that all senders have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HintState {
    /// It has not ended.
    Running,
    /// The sender says that it went well.
    Passed,
    /// The sender says that it did not.
    Failed,
    /// It has ended in another way, or in one that is not known here: cancelled, skipped, neutral.
    Other,
}

/// What may have happened, so that somebody looks. New kinds may come; who does not know one treats it as `Unknown`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Hint {
    /// A branch or a tag moved, came or went.
    Pushed {
        /// In this repository, as the sender writes it.
        repo: HintText,
        /// The whole name, for example `refs/heads/main`.
        reference: HintText,
        /// Where it is now; `None` where it is gone.
        head: Option<CommitId>,
    },
    /// Something about a pull or merge request: it was opened, changed, reviewed, talked about, merged or closed.
    PullRequest {
        /// In this repository.
        repo: HintText,
        /// Its number there.
        number: PullRequestNumber,
        /// What the sender calls what happened.
        action: HintText,
        /// Its newest commit.
        head: Option<CommitId>,
    },
    /// A check, a commit status or a job of CI.
    Check {
        /// In this repository.
        repo: HintText,
        /// What it is called.
        name: HintText,
        /// About this commit.
        commit: Option<CommitId>,
        /// Where it has got to.
        state: HintState,
    },
    /// A run of CI has ended.
    CiFinished {
        /// In this repository, or for this pipeline.
        repo: HintText,
        /// What the sender calls the run.
        run: HintText,
        /// About this commit.
        commit: Option<CommitId>,
        /// How it ended.
        state: HintState,
    },
    /// Something was brought to an environment, or is on its way.
    Deployment {
        /// The repository, application or service.
        subject: HintText,
        /// The environment or the cluster and namespace, as the sender calls it.
        environment: HintText,
        /// The commit that it was made from.
        commit: Option<CommitId>,
        /// Where it has got to.
        state: HintState,
    },
    /// An alert fires.
    AlertFiring(AlertHint),
    /// An alert does not fire any more.
    AlertResolved(AlertHint),
    /// A vulnerability was found, has changed or is gone.
    Vulnerability {
        /// The repository, project or component.
        subject: HintText,
        /// Its name, for example `CVE-2012-5784`.
        id: HintText,
        /// As the sender writes it.
        severity: HintText,
        /// What the sender calls what happened.
        action: HintText,
    },
    /// What is none of these, or cannot be read. It is kept and shown, so that somebody notices what is not understood yet.
    Unknown {
        /// What the sender calls it.
        what: HintText,
        /// Why it is unknown.
        why: HintText,
    },
}

/// Which alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertHint {
    /// The sender's own name for it, which is the same when it is resolved.
    pub fingerprint: HintText,
    /// What it is called.
    pub name: HintText,
    /// As the sender writes it; may be empty.
    pub severity: HintText,
    /// The service or project that it is about; may be empty.
    pub subject: HintText,
    /// Since when, as the sender writes it; may be empty.
    pub since: HintText,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_of_bounded_length_and_safe_to_show() {
        assert_eq!(HintText::new("a\u{202e}b\r\n\u{1b}[31mc\u{200b}").as_str(), "ab[31mc");
        assert_eq!(HintText::new(&"é".repeat(10_000)).as_str().chars().count(), HintText::MAX_CHARS);
        let read: HintText = serde_json::from_str(r#""a\u0007b""#).unwrap();
        assert_eq!(read.as_str(), "ab");
    }
}
