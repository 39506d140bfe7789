//! Instants as data. Nothing here reads a clock; see [`crate::adapter::Clock`].

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Shown in RFC 3339, always in UTC. Arithmetic saturates: no input overflows it.
///
/// ```
/// use pathops_core::UnixMillis;
/// let noon: UnixMillis = "2026-11-22T12:00:00Z".parse().unwrap();
/// assert_eq!((noon + std::time::Duration::from_millis(1500)).to_string(), "2026-11-22T12:00:01.5Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Time from `earlier` to this instant; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: UnixMillis) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub(crate) fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.writable().0).unwrap_or_default()
    }

    /// This instant, or the nearest whole second that RFC 3339 can say: what is written and read back is the same.
    pub(crate) fn writable(self) -> Self {
        let (first, last) = (jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
        Self(self.0.clamp(first.saturating_mul(1_000), last.saturating_mul(1_000)))
    }
}

impl std::ops::Add<Duration> for UnixMillis {
    type Output = UnixMillis;
    fn add(self, duration: Duration) -> UnixMillis {
        UnixMillis(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for UnixMillis {
    type Output = UnixMillis;
    fn sub(self, duration: Duration) -> UnixMillis {
        UnixMillis(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.timestamp())
    }
}

/// A text that is no RFC 3339 instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an instant: write it in RFC 3339, for example `2026-11-22T12:00:00Z`")]
pub struct TimeError(String);

impl std::str::FromStr for UnixMillis {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| TimeError(text.to_owned()))?;
        Ok(UnixMillis(timestamp.as_millisecond()))
    }
}

/// Serialises an instant as RFC 3339 text, as the evidence standards want it: `#[serde(with = "rfc3339")]`.
pub(crate) mod rfc3339 {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::UnixMillis;

    pub(crate) fn serialize<S: Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixMillis, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }

    /// The same where there may be none: `#[serde(with = "rfc3339::option")]`.
    pub(crate) mod option {
        use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

        use crate::time::UnixMillis;

        pub(crate) fn serialize<S: Serializer>(at: &Option<UnixMillis>, serializer: S) -> Result<S::Ok, S::Error> {
            at.map(|at| at.to_string()).serialize(serializer)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixMillis>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_as_the_same() {
        for instant in [i64::MIN, -1, 0, 1, 253_402_207_200_000, 253_402_207_200_999, i64::MAX].map(UnixMillis) {
            assert_eq!(instant.to_string().parse(), Ok(instant.writable()), "{}", instant.0);
            assert_eq!(instant.writable().to_string(), instant.to_string());
        }
        assert_eq!(UnixMillis(-1).writable(), UnixMillis(-1));
    }
}
