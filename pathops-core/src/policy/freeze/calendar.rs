use super::occurrences::LIMIT;
use super::{FreezeError, FreezeState, Occurrences};
use crate::id::RequirementId;
use crate::time::UnixMillis;

/// Several freeze windows, read once: closed while any of them is. [`Policy::freezes`](crate::policy::Policy::freezes) gives
/// that of a unit.
///
/// ```
/// use pathops_core::policy::{Freeze, FreezeCalendar, FreezeState, FreezeWindow};
///
/// let window = |id: &str, from: &str, until: &str| -> Result<FreezeWindow, Box<dyn std::error::Error>> {
///     let (from, until, time_zone) = (from.to_owned(), until.to_owned(), "Europe/Berlin".to_owned());
///     let occurrences = Freeze { time_zone, from, until, repeat: None, except: [].into() }.occurrences()?;
///     Ok(FreezeWindow { id: id.parse()?, reason: "Nobody is there.".to_owned(), occurrences })
/// };
/// let calendar = FreezeCalendar::new([
///     window("christmas", "2026-12-24T12:00", "2026-12-27T00:00")?,
///     window("new-year", "2026-12-27T00:00", "2027-01-02T00:00")?,
/// ]);
/// let answer = calendar.at("2026-12-25T12:00:00Z".parse()?)?;
/// let (since, until) = ("2026-12-24T11:00:00Z".parse()?, "2027-01-01T23:00:00Z".parse()?);
/// assert_eq!(answer.state, FreezeState::Closed { since, until, next: None });
/// assert_eq!(answer.windows[0].id.as_str(), "christmas");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FreezeCalendar {
    windows: Vec<FreezeWindow>,
}

/// A freeze window of a policy, read.
#[derive(Clone, Debug)]
pub struct FreezeWindow {
    /// The requirement that it is.
    pub id: RequirementId,
    /// Why, in words.
    pub reason: String,
    /// When it is closed.
    pub occurrences: Occurrences,
}

/// What a calendar says about an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreezeAnswer {
    /// Closed or open, since when and until when, over all windows: times of several windows that touch or overlap are
    /// one closed time, and it ends when *all* are open.
    pub state: FreezeState,
    /// The windows that are closed at the instant, in the order of the calendar; none where it is open.
    pub windows: Vec<ClosedWindow>,
}

/// A window that is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedWindow {
    /// Which one.
    pub id: RequirementId,
    /// Why, in words.
    pub reason: String,
    /// Since when this window is.
    pub since: UnixMillis,
    /// When this window opens.
    pub until: UnixMillis,
}

impl FreezeCalendar {
    /// A calendar of these windows.
    #[must_use]
    pub fn new(windows: impl IntoIterator<Item = FreezeWindow>) -> Self {
        Self { windows: windows.into_iter().collect() }
    }

    /// Whether any window is closed at `at`, which ones, since when, and when that changes.
    ///
    /// # Errors
    /// As [`Occurrences::at`], and [`FreezeError::Limit`] too where the windows together never open: take them as
    /// *unknown*, never as open.
    pub fn at(&self, at: UnixMillis) -> Result<FreezeAnswer, FreezeError> {
        let states = self.states(at)?;
        let closed = self.windows.iter().zip(&states).filter_map(|(window, state)| match *state {
            FreezeState::Closed { since, until, .. } => {
                Some(ClosedWindow { id: window.id.clone(), reason: window.reason.clone(), since, until })
            }
            FreezeState::Open { .. } => None,
        });
        let state = match combine(&states) {
            FreezeState::Closed { since, until, .. } => {
                let (until, next) = self.end(until)?;
                FreezeState::Closed { since: self.begin(since)?, until, next }
            }
            open @ FreezeState::Open { .. } => open,
        };
        Ok(FreezeAnswer { state, windows: closed.collect() })
    }

    fn states(&self, at: UnixMillis) -> Result<Vec<FreezeState>, FreezeError> {
        self.windows.iter().map(|window| window.occurrences.at(at)).collect()
    }

    /// The beginning of the closed time in which a window closes at `since`.
    fn begin(&self, mut since: UnixMillis) -> Result<UnixMillis, FreezeError> {
        for _ in 0..LIMIT {
            match combine(&self.states(UnixMillis(since.0.saturating_sub(1)))?) {
                FreezeState::Closed { since: earlier, .. } => since = earlier,
                FreezeState::Open { .. } => return Ok(since),
            }
        }
        Err(FreezeError::Limit)
    }

    /// The end of the closed time in which a window opens at `until`, and the closing after it.
    fn end(&self, mut until: UnixMillis) -> Result<(UnixMillis, Option<UnixMillis>), FreezeError> {
        for _ in 0..LIMIT {
            match combine(&self.states(until)?) {
                FreezeState::Closed { until: later, .. } => until = later,
                FreezeState::Open { until: next } => return Ok((until, next)),
            }
        }
        Err(FreezeError::Limit)
    }
}

/// Closed where one is, from the earliest beginning to the latest end that they give; else open until the first closes.
fn combine(states: &[FreezeState]) -> FreezeState {
    states.iter().fold(FreezeState::Open { until: None }, |all, one| match (all, *one) {
        (FreezeState::Open { until }, FreezeState::Open { until: other }) => {
            FreezeState::Open { until: until.into_iter().chain(other).min() }
        }
        (FreezeState::Closed { since, until, next }, FreezeState::Closed { since: earlier, until: later, .. }) => {
            FreezeState::Closed { since: since.min(earlier), until: until.max(later), next }
        }
        (closed @ FreezeState::Closed { .. }, _) | (_, closed) => closed,
    })
}
