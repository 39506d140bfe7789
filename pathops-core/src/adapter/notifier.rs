use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::id::{ChangeSetId, PersonId, ProjectId};
use crate::op::OpContext;

/// What a notifier can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotifierCapabilities {
    /// It can address a person ([`Notice::to`]). Without it such a notice is refused as `Unsupported`.
    pub people: bool,
    /// Longest text, in Unicode scalar values. A longer one is refused as `Invalid`.
    pub text_max_chars: Option<usize>,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Importance {
    /// Good to know.
    Info,
    /// Somebody has to do something before it goes on.
    ActionNeeded,
    /// Something failed.
    Failure,
}

/// One message to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The project.
    pub project: ProjectId,
    /// The change set it is about.
    pub change_set: Option<ChangeSetId>,
    /// How much it matters.
    pub importance: Importance,
    /// The people it is for; empty: whoever watches the project.
    pub to: Vec<PersonId>,
    /// Plain text, one line.
    pub text: String,
}

/// Tells people. Nothing depends on it: a notice that is lost holds up no promotion.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait Notifier: Debug + Send + Sync + 'static {
    /// The adapter's name.
    fn name(&self) -> &'static str;

    /// What this notifier offers.
    fn capabilities(&self) -> NotifierCapabilities;

    /// Delivers `notice`. The same key again delivers nothing new.
    ///
    /// # Errors
    /// `Unsupported` and `Invalid` as the capabilities say; `Denied`, `RateLimited`, `Unavailable`, `Timeout`.
    async fn notify(&self, cx: &OpContext, notice: &Notice) -> Result<()>;
}
