//! Both ends of what was printed, and how much there is of it.

use pathops_core::adapter::{LogExcerpt, SignalQuery};
use pathops_core::{OpContext, Result, UnixMillis};
use serde::Deserialize;

use super::walk::{Direction, Found, Walk};
use crate::query_api::{Ask, Client, answer};

/// A count may be so long, in bytes.
const LONGEST: usize = 64 << 10;

/// What is asked about: a selector, and an instant to which to look.
pub(super) struct Asked<'a> {
    pub(super) client: &'a Client,
    pub(super) cx: &'a OpContext,
    pub(super) selector: &'a str,
    pub(super) now: UnixMillis,
}

impl Asked<'_> {
    /// `None` where nothing was printed. Where both ends are less than all, Loki counts the rest; where it does not, there is more. A text
    /// can be cut once: where lines in its midst may be left out, all from the first of these gaps to the last is.
    pub(super) async fn logs(&self, query: &SignalQuery) -> Result<Option<LogExcerpt>> {
        let (head_bytes, tail_bytes) = (query.head_bytes, query.tail_bytes);
        let both = head_bytes.saturating_add(tail_bytes);
        let Found { text: mut tail, gaps } = self.read(query.since, Direction::Backward, both.saturating_add(1)).await?;
        if tail.is_empty() {
            return Ok(None);
        }
        let (printed, fits) = (tail.len() as u64, tail.len() <= both);
        if fits && gaps.is_none() {
            return Ok(Some(LogExcerpt::whole(tail)));
        }
        let counted = self.count(query.since).await.filter(|counted| *counted >= printed);
        // One instant had just as many lines as were asked for.
        if fits && counted == Some(printed) {
            return Ok(Some(LogExcerpt::whole(tail)));
        }
        let mut bytes = Vec::new();
        let mut gaps = gaps.unwrap_or_default();
        if fits {
            bytes.extend(tail.drain(..gaps.start));
            bytes.truncate(head_bytes);
            gaps.end -= gaps.start;
        } else if head_bytes > 0 {
            bytes = self.head(query).await?;
        }
        tail.drain(..gaps.end.max(tail.len().saturating_sub(tail_bytes)));
        let cut_at = Some(bytes.len());
        bytes.append(&mut tail);
        Ok(Some(LogExcerpt { bytes, cut_at, total_bytes: counted.unwrap_or(printed), more: counted.is_none() }))
    }

    /// The first bytes, as far as nothing is left out between them.
    async fn head(&self, query: &SignalQuery) -> Result<Vec<u8>> {
        let Found { mut text, gaps } = self.read(query.since, Direction::Forward, query.head_bytes).await?;
        text.truncate(gaps.map_or(query.head_bytes, |gaps| gaps.start.min(query.head_bytes)));
        Ok(text)
    }

    async fn read(&self, since: UnixMillis, direction: Direction, wanted: usize) -> Result<Found> {
        let (start, end) = (nanos(since), nanos(self.now).saturating_add(1_000_000));
        Walk::new(self.client, self.cx, self.selector, direction, wanted).read(start, end).await
    }

    /// How many bytes were printed, with the ends of the lines; `None` where Loki does not say it.
    async fn count(&self, since: UnixMillis) -> Option<u64> {
        // A range has its end in it and not its beginning.
        let end = nanos(self.now).saturating_add(999_999);
        let of = format!("({}[{}ms])", self.selector, self.now.0.checked_sub(since.0)?.checked_add(1)?);
        let sum = format!("sum(bytes_over_time{of}) + sum(count_over_time{of})");
        let parameters = [("query", sum), ("time", end.to_string())];
        let (on, path) = (self.selector.to_owned(), "loki/api/v1/query");
        let ask = Ask { operation: "count logs", on, path, parameters: &parameters, body: None, longest: LONGEST };
        let told = self.client.ask(self.cx, &ask).await.ok().flatten()?;
        let Counted::Vector(sums) = answer(&ask, &told).ok()?;
        let [Sum { value: (_, sum) }] = sums.as_slice() else { return None };
        sum.parse().ok()
    }
}

fn nanos(at: UnixMillis) -> u64 {
    u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000_000)
}

/// What `query` gives for a sum.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Counted {
    Vector(Vec<Sum>),
}

#[derive(Debug, Deserialize)]
struct Sum {
    value: (f64, String),
}
