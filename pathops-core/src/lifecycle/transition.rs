use std::fmt::{self, Debug, Display};

use serde::{Deserialize, Serialize};

use crate::lifecycle::{Ground, Needs};
use crate::time::UnixMillis;

/// One row of a lifecycle's table: from any of these, to there, with any of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<S: 'static> {
    /// From any of these.
    pub from: &'static [S],
    /// To there.
    pub to: S,
    /// With any of these.
    pub needs: &'static [Needs],
}

/// A transition that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transition<S> {
    /// Where it was.
    pub from: S,
    /// Where it was then.
    pub to: S,
    /// When.
    #[serde(with = "crate::time::rfc3339")]
    pub at: UnixMillis,
    /// What it rested on.
    pub ground: Ground,
}

/// Why a proof is none for this record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// It is about something else.
    #[error("the proof is about the {what} `{found}`, not `{wanted}`")]
    Another {
        /// What.
        what: &'static str,
        /// What it is about.
        found: String,
        /// What it has to be about.
        wanted: String,
    },
    /// Something is missing in it, or was not recorded before.
    #[error("{0} is missing")]
    Missing(String),
    /// It has served already.
    #[error("{0} has served before")]
    Again(String),
    /// It was observed before the incident that it is to make up for.
    #[error("it was observed at {observed_on}, before the incident of {incident}")]
    TooEarly {
        /// When it was observed.
        observed_on: UnixMillis,
        /// When the incident sent the app back.
        incident: UnixMillis,
    },
}

/// A transition that is not allowed: where it is, where it was to go, why not, and what is allowed instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionError<S: 'static> {
    from: S,
    to: S,
    mismatch: Option<Mismatch>,
    steps: &'static [Step<S>],
}

impl<S: Copy + Eq> TransitionError<S> {
    pub(super) fn new(steps: &'static [Step<S>], from: S, to: S, mismatch: Option<Mismatch>) -> Self {
        Self { from, to, mismatch, steps }
    }

    /// Where it is.
    pub fn from(&self) -> S {
        self.from
    }

    /// Where it was to go.
    pub fn to(&self) -> S {
        self.to
    }

    /// Why the proof was refused; `None` where no such transition takes a proof of this kind.
    #[must_use]
    pub fn mismatch(&self) -> Option<&Mismatch> {
        self.mismatch.as_ref()
    }

    /// What is allowed from here, and what each needs.
    pub fn allowed(&self) -> impl Iterator<Item = (S, &'static [Needs])> {
        self.steps.iter().filter(|step| step.from.contains(&self.from)).map(|step| (step.to, step.needs))
    }
}

impl<S: Copy + Eq + Display> Display for TransitionError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` does not become `{}`", self.from, self.to)?;
        if let Some(mismatch) = &self.mismatch {
            write!(f, ", because {mismatch}")?;
        }
        f.write_str("; ")?;
        let ways: Vec<_> = self.allowed().map(|(to, needs)| format!("`{to}` with {}", any_of(needs))).collect();
        if ways.is_empty() { f.write_str("nothing follows it") } else { write!(f, "allowed: {}", ways.join("; ")) }
    }
}

impl<S: Copy + Eq + Display + Debug> std::error::Error for TransitionError<S> {}

fn any_of(needs: &[Needs]) -> String {
    needs.iter().map(Needs::to_string).collect::<Vec<_>>().join(" or ")
}

pub(super) fn something(what: &str, text: &str) -> Result<(), Mismatch> {
    if text.trim().is_empty() { Err(Mismatch::Missing(what.to_owned())) } else { Ok(()) }
}

pub(super) fn same<T: PartialEq + Display>(what: &'static str, wanted: &T, found: &T) -> Result<(), Mismatch> {
    if wanted == found {
        return Ok(());
    }
    Err(Mismatch::Another { what, found: found.to_string(), wanted: wanted.to_string() })
}

/// Same, where there may be none.
pub(super) fn same_if_any<T: PartialEq + Display>(
    what: &'static str,
    wanted: Option<&T>,
    found: Option<&T>,
) -> Result<(), Mismatch> {
    let word = |it: Option<&T>| it.map_or_else(|| "none".to_owned(), T::to_string);
    if wanted == found { Ok(()) } else { Err(Mismatch::Another { what, found: word(found), wanted: word(wanted) }) }
}

pub(super) mod sealed {
    use crate::lifecycle::{Ground, Mismatch, Record, Subject};

    /// The rules that the table of a lifecycle cannot say. They look at the record only, so they hold for what is read, too.
    pub trait Rules: Sized {
        /// Whether `ground` is about this very thing, and follows from what was recorded before.
        fn fits(record: &Record<Self>, to: <Self as Subject>::State, ground: &Ground) -> Result<(), Mismatch>
        where
            Self: Subject;
    }
}
