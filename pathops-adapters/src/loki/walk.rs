//! From the newest line backwards.

use pathops_core::{ErrorKind, OpContext, Result, UnixMillis};

use super::page::{Entry, Page};
use crate::query_api::{Ask, Client, answer};

/// An answer may be so long, in bytes.
const LONGEST: usize = 16 << 20;

/// So many lines are asked for at once, at most: no server allows fewer unless somebody wants it to.
const LINES: usize = 1_000;

/// A line is taken to be at least so long on average, to ask for no more lines than are wanted.
const LINE: usize = 64;

/// So many answers are read.
const PAGES: usize = 500;

pub(super) struct Walk<'a> {
    client: &'a Client,
    cx: &'a OpContext,
    selector: &'a str,
    wanted: usize,
    /// How many lines are asked for.
    limit: usize,
    /// What was found, the newest first.
    found: Vec<String>,
    bytes: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(client: &'a Client, cx: &'a OpContext, selector: &'a str, wanted: usize) -> Self {
        let limit = (wanted / LINE).clamp(10, LINES);
        Self { client, cx, selector, wanted, limit, found: Vec::new(), bytes: 0 }
    }

    /// The last bytes that were wanted of what was printed from `since` to `now`.
    pub(super) async fn back(mut self, since: UnixMillis, now: UnixMillis) -> Result<Vec<u8>> {
        let nanos = |at: UnixMillis| u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000_000);
        let (start, mut end) = (nanos(since), nanos(now).saturating_add(1_000_000));
        for number in 0..=PAGES {
            if self.bytes >= self.wanted || end <= start {
                break;
            }
            if number == PAGES {
                self.take(format!("[… more lines are left out, after {PAGES} answers …]"));
                break;
            }
            let (entries, is_full) = self.page(start, end).await?;
            let Some(oldest) = entries.last().map(|entry| entry.at).filter(|_| is_full) else {
                entries.into_iter().for_each(|entry| self.take(entry.line));
                break;
            };
            // What has the oldest instant may go on in the next page, which begins with all of it.
            let is_whole = |entry: &Entry| entry.at > oldest;
            if entries.first().is_some_and(is_whole) {
                entries.into_iter().filter(is_whole).for_each(|entry| self.take(entry.line));
                end = oldest.saturating_add(1);
            } else {
                entries.into_iter().for_each(|entry| self.take(entry.line));
                self.take("[… more lines of the same instant may be left out …]".to_owned());
                end = oldest;
            }
        }
        let mut text: Vec<u8> =
            self.found.into_iter().rev().flat_map(|line| [line.into_bytes(), b"\n".to_vec()].concat()).collect();
        text.drain(..text.len().saturating_sub(self.wanted));
        Ok(text)
    }

    fn take(&mut self, line: String) {
        if self.bytes < self.wanted {
            self.bytes = self.bytes.saturating_add(line.len()).saturating_add(1);
            self.found.push(line);
        }
    }

    /// The newest lines before `end`, and whether there may be more before them. Where they are too long, fewer are asked for.
    async fn page(&mut self, start: u64, end: u64) -> Result<(Vec<Entry>, bool)> {
        loop {
            let parameters = [
                ("query", self.selector.to_owned()),
                ("start", start.to_string()),
                ("end", end.to_string()),
                ("limit", self.limit.to_string()),
                ("direction", "backward".to_owned()),
            ];
            let (on, path) = (self.selector.to_owned(), "loki/api/v1/query_range");
            let ask = Ask { operation: "query logs", on, path, parameters: &parameters, body: None, longest: LONGEST };
            match self.client.ask(self.cx, &ask).await? {
                Some(bytes) => {
                    let mut entries = answer::<Page>(&ask, &bytes)?.entries();
                    let is_full = entries.len() >= self.limit;
                    entries.retain(|entry| (start..end).contains(&entry.at));
                    return Ok((entries, is_full));
                }
                None if self.limit > 1 => self.limit = (self.limit / 8).max(1),
                None => {
                    let why = format!("the answer with one line is longer than {LONGEST} bytes");
                    return Err(ask.error(ErrorKind::Unexpected).because(why));
                }
            }
        }
    }
}
