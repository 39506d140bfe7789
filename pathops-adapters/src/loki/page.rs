//! One answer of Loki.

use std::cmp::Reverse;
use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::walk::Direction;

/// What `query_range` gives for a selector.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Page {
    Streams(Vec<Stream>),
}

#[derive(Debug, Deserialize)]
pub(super) struct Stream {
    #[serde(default)]
    values: Vec<Entry>,
}

/// A line and when it was printed, in nanoseconds. What else stands beside it is left out.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: u64,
    pub(super) line: String,
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tuple;

        impl<'de> Visitor<'de> for Tuple {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an instant in nanoseconds and a line")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entry, A::Error> {
                let missing = |number| serde::de::Error::invalid_length(number, &self);
                let at: String = seq.next_element()?.ok_or_else(|| missing(0))?;
                let line = seq.next_element()?.ok_or_else(|| missing(1))?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                let at = at.parse().map_err(|_| serde::de::Error::invalid_value(serde::de::Unexpected::Str(&at), &self))?;
                Ok(Entry { at, line })
            }
        }

        deserializer.deserialize_seq(Tuple)
    }
}

impl Page {
    /// All lines in the order of time, or against it.
    pub(super) fn entries(self, direction: Direction) -> Vec<Entry> {
        let Self::Streams(streams) = self;
        let mut entries: Vec<Entry> = streams.into_iter().flat_map(|stream| stream.values).collect();
        match direction {
            Direction::Backward => entries.sort_by_key(|entry| Reverse(entry.at)),
            Direction::Forward => entries.sort_by_key(|entry| entry.at),
        }
        entries
    }
}
