use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use crate::adapter::{IndexedEvidence, SubjectDigest};
use crate::digest::Digest;
use crate::evidence::{EvidenceId, KeyId};
use crate::id::{ChangeSetId, EnvironmentId, UnitId};
use crate::policy::Verdict;
use crate::time::UnixMillis;

/// What evidence is looked for. Conditions narrow together; without any it is all of it.
///
/// It comes in pages, the newest first and what has no time last; what is of one instant comes in the order of evidence and
/// blob.
///
/// ```
/// use pathops_core::adapter::{EvidenceQuery, PageLimit, Window};
/// use pathops_core::policy::Verdict;
///
/// let november = Window::new("2026-11-01T00:00:00Z".parse()?, "2026-12-01T00:00:00Z".parse()?)?;
/// let query = EvidenceQuery {
///     unit: Some("orders".parse()?),
///     verdict: Some(Verdict::Fail),
///     window: Some(november),
///     limit: PageLimit::new(20)?,
///     ..EvidenceQuery::default()
/// };
/// assert!(PageLimit::new(0).is_err());
/// # let _ = query;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvidenceQuery {
    /// With this name: once for each envelope.
    pub id: Option<EvidenceId>,
    /// About this.
    pub subject: Option<SubjectDigest>,
    /// Of this change set.
    pub change_set: Option<ChangeSetId>,
    /// Of this app or component.
    pub unit: Option<UnitId>,
    /// In this environment.
    pub environment: Option<EnvironmentId>,
    /// Of this kind: the URI of its predicate, as it stands there.
    pub kind: Option<String>,
    /// By this key.
    pub signer: Option<KeyId>,
    /// With this verdict.
    pub verdict: Option<Verdict>,
    /// Of this time; what has no time is of none.
    pub window: Option<Window>,
    /// Behind this place: what [`EvidencePage::next`] gave.
    pub after: Option<EvidenceCursor>,
    /// How much at once.
    pub limit: PageLimit,
}

impl EvidenceQuery {
    /// Whether this is looked for. It is what an index has to agree with.
    #[must_use]
    pub fn matches(&self, evidence: &IndexedEvidence) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        let facets = evidence.facets();
        let at = facets.and_then(|it| it.at);
        self.id.is_none_or(|id| id == evidence.id())
            && self.subject.as_ref().is_none_or(|subject| evidence.subjects().contains(subject))
            && self.kind.as_deref().is_none_or(|kind| kind == evidence.predicate_type())
            && is(self.change_set.as_ref(), facets.and_then(|it| it.change_set.as_ref()))
            && is(self.unit.as_ref(), facets.and_then(|it| it.unit.as_ref()))
            && is(self.environment.as_ref(), facets.and_then(|it| it.environment.as_ref()))
            && is(self.signer.as_ref(), facets.map(|it| &it.signer))
            && is(self.verdict.as_ref(), facets.map(|it| &it.verdict))
            && self.window.is_none_or(|window| at.is_some_and(|at| window.contains(at)))
            && self.after.is_none_or(|after| after < EvidenceCursor::of(evidence))
    }
}

/// From an instant to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    from: UnixMillis,
    until: UnixMillis,
}

impl Window {
    /// From `from` to before `until`.
    ///
    /// # Errors
    /// [`QueryError::Window`] where it has no instant in it.
    pub fn new(from: UnixMillis, until: UnixMillis) -> Result<Self, QueryError> {
        if from < until { Ok(Self { from, until }) } else { Err(QueryError::Window(from, until)) }
    }

    /// Its first instant.
    #[must_use]
    pub fn from(&self) -> UnixMillis {
        self.from
    }

    /// The instant after its last one.
    #[must_use]
    pub fn until(&self) -> UnixMillis {
        self.until
    }

    /// Whether an instant is in it.
    #[must_use]
    pub fn contains(&self, at: UnixMillis) -> bool {
        self.from <= at && at < self.until
    }
}

/// How many entries come at once: from 1 to [`PageLimit::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit(u16);

impl PageLimit {
    /// The most.
    pub const MAX: u16 = 1_000;

    /// So many.
    ///
    /// # Errors
    /// [`QueryError::Limit`] for none, or more than [`PageLimit::MAX`].
    pub fn new(entries: u16) -> Result<Self, QueryError> {
        if (1..=Self::MAX).contains(&entries) { Ok(Self(entries)) } else { Err(QueryError::Limit(entries)) }
    }

    /// How many.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(100)
    }
}

/// A place in the order in which evidence is found. It stays the same whatever is added, and whatever keeps the index; it is
/// written as text to be handed on.
///
/// The earlier place is the less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EvidenceCursor {
    at: Reverse<Option<UnixMillis>>,
    id: EvidenceId,
    envelope: Digest,
}

impl EvidenceCursor {
    /// The place of this entry.
    #[must_use]
    pub fn of(evidence: &IndexedEvidence) -> Self {
        let at = Reverse(evidence.facets().and_then(|facets| facets.at));
        Self { at, id: evidence.id(), envelope: evidence.envelope() }
    }

    /// Of what time the entry is.
    #[must_use]
    pub fn at(&self) -> Option<UnixMillis> {
        self.at.0
    }

    /// The evidence.
    #[must_use]
    pub fn id(&self) -> EvidenceId {
        self.id
    }

    /// The blob with its envelope.
    #[must_use]
    pub fn envelope(&self) -> Digest {
        self.envelope
    }
}

impl fmt::Display for EvidenceCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.0.map_or_else(|| "undated".to_owned(), |at| at.0.to_string());
        write!(f, "{at}.{}.{}", self.id.0.hex(), self.envelope.hex())
    }
}

impl FromStr for EvidenceCursor {
    type Err = QueryError;
    fn from_str(text: &str) -> Result<Self, QueryError> {
        let read = || {
            let mut parts = text.split('.');
            let at = match parts.next()? {
                "undated" => None,
                millis => Some(UnixMillis(millis.parse().ok()?)),
            };
            let mut digest = || Digest::from_hex(parts.next()?).ok();
            let cursor = Self { at: Reverse(at), id: EvidenceId(digest()?), envelope: digest()? };
            (cursor.to_string() == text).then_some(cursor)
        };
        read().ok_or_else(|| QueryError::Cursor(text.to_owned()))
    }
}

/// What a query finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidencePage {
    /// The entries.
    pub evidence: Vec<IndexedEvidence>,
    /// Where the next page begins; `None` where this was the last.
    pub next: Option<EvidenceCursor>,
}

impl EvidencePage {
    /// The page out of what was found for this limit, in order: one more than it where there is more.
    #[must_use]
    pub fn cut(mut evidence: Vec<IndexedEvidence>, limit: PageLimit) -> Self {
        let limit = usize::from(limit.get());
        let more = evidence.len() > limit;
        evidence.truncate(limit);
        let next = evidence.last().filter(|_| more).map(EvidenceCursor::of);
        Self { evidence, next }
    }
}

/// Why something is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A window without an instant in it.
    #[error("from {0} to before {1} is no time: the first has to be the earlier")]
    Window(UnixMillis, UnixMillis),
    /// A page of nothing, or too large.
    #[error("{0} entries at once: write from 1 to {max}", max = PageLimit::MAX)]
    Limit(u16),
    /// A text that is no place.
    #[error("`{0}` is no place in an index: hand on what the page before said")]
    Cursor(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(at: Option<i64>, id: &[u8]) -> EvidenceCursor {
        let id = EvidenceId(Digest::of(id));
        EvidenceCursor { at: Reverse(at.map(UnixMillis)), id, envelope: Digest::of(b"envelope") }
    }

    #[test]
    fn places_are_read_as_they_were_written_and_nothing_else_is() {
        for at in [None, Some(0), Some(-1), Some(i64::MIN), Some(i64::MAX)] {
            let cursor = cursor(at, b"one");
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        let good = cursor(Some(7), b"one").to_string();
        for bad in ["", "7", "7.0.0", &good.replace("7.", "+7."), &good.to_uppercase(), &format!("{good}.0")] {
            assert!(bad.parse::<EvidenceCursor>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_newest_is_first_and_what_has_no_time_last() {
        assert!(cursor(Some(2), b"one") < cursor(Some(1), b"two"));
        assert!(cursor(Some(i64::MIN), b"one") < cursor(None, b"one"));
    }

    #[test]
    fn no_window_and_no_page_is_empty() {
        let instant = UnixMillis;
        assert!(Window::new(instant(1), instant(1)).is_err() && Window::new(instant(2), instant(1)).is_err());
        let window = Window::new(instant(1), instant(3)).unwrap();
        assert_eq!([0, 1, 2, 3].map(|at| window.contains(instant(at))), [false, true, true, false]);
        assert!(PageLimit::new(0).is_err() && PageLimit::new(1_001).is_err() && PageLimit::new(1_000).is_ok());
    }
}
