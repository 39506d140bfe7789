//! What follows from a verdict that is about something else.

use serde::Serialize;

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StaleAction {
    /// Ask the controller to look again.
    Refresh,
    /// Read the commit from Git.
    ReadGit,
    /// Give up this expectation: another one has taken its place.
    GiveUp,
    /// A person has to act: nothing that we may do helps.
    AskPeople,
}
