use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evidence::AbsenceKind;

/// Why there is nothing of what was to be collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// What kind of reason it is, for programs.
    pub kind: AbsenceKind,
    /// The reason, for people: `the process was gone`.
    pub why: String,
}

impl Lack {
    /// For this reason.
    pub fn new(kind: AbsenceKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into() }
    }

    /// For all of these reasons, of several places none of which has anything. It is of the kind of those that looked, where any did:
    /// a place where nothing is set up does not hide that another was asked. `None` where there are none.
    ///
    /// ```
    /// use pathops_core::adapter::Lack;
    /// use pathops_core::evidence::AbsenceKind::{NotConfigured, NothingThere};
    ///
    /// let reasons = [Lack::new(NothingThere, "no line"), Lack::new(NotConfigured, "no place")];
    /// assert_eq!(Lack::of_all(reasons), Some(Lack::new(NothingThere, "no line; no place")));
    /// assert_eq!(Lack::of_all([]), None);
    /// ```
    #[must_use]
    pub fn of_all(reasons: impl IntoIterator<Item = Self>) -> Option<Self> {
        reasons.into_iter().reduce(|all, one| Self { kind: all.kind.max(one.kind), why: format!("{all}; {one}") })
    }

    /// The same, with where it is so before it.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self { why: format!("{place}: {}", self.why), ..self }
    }
}

/// The reason.
impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}
