//! From the newest line backwards, or from the oldest one on.

use std::ops::Range;

use pathops_core::{ErrorKind, OpContext, Result};

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

/// Which end of the window is read first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Backward,
    Forward,
}

pub(super) struct Walk<'a> {
    client: &'a Client,
    cx: &'a OpContext,
    selector: &'a str,
    direction: Direction,
    wanted: usize,
    /// How many lines are asked for.
    limit: usize,
    /// What was found, in the order in which it was read.
    found: Vec<String>,
    bytes: usize,
    /// Before which of these lines others may be left out.
    gaps: Vec<usize>,
}

/// What a walk found.
#[derive(Debug)]
pub(super) struct Found {
    /// In the order of time. Nothing but what was printed.
    pub(super) text: Vec<u8>,
    /// From where in it lines may be left out to where they may be for the last time.
    pub(super) gaps: Option<Range<usize>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(client: &'a Client, cx: &'a OpContext, selector: &'a str, direction: Direction, wanted: usize) -> Self {
        let limit = (wanted / LINE).clamp(10, LINES);
        Self { client, cx, selector, direction, wanted, limit, found: Vec::new(), bytes: 0, gaps: Vec::new() }
    }

    /// As many bytes as were wanted of what was printed from `start` to before `end`, in nanoseconds, in whole lines: a line may make it
    /// more. Fewer where there are no more.
    pub(super) async fn read(mut self, mut start: u64, mut end: u64) -> Result<Found> {
        for number in 0..=PAGES {
            if self.bytes >= self.wanted || end <= start {
                break;
            }
            if number == PAGES {
                self.gap();
                break;
            }
            let (entries, is_full) = self.page(start, end).await?;
            let Some(edge) = entries.last().map(|entry| entry.at).filter(|_| is_full) else {
                entries.into_iter().for_each(|entry| self.take(entry.line));
                break;
            };
            // What has the instant at the edge may go on in the next page, which begins with all of it.
            let is_whole = |entry: &Entry| entry.at != edge;
            let goes_on = entries.first().is_some_and(is_whole);
            if goes_on {
                entries.into_iter().filter(is_whole).for_each(|entry| self.take(entry.line));
            } else {
                entries.into_iter().for_each(|entry| self.take(entry.line));
                // More lines of the same instant may be left out.
                self.gap();
            }
            let and_it = u64::from(goes_on);
            match self.direction {
                Direction::Backward => end = edge.saturating_add(and_it),
                Direction::Forward => start = edge.saturating_add(1 - and_it),
            }
        }
        let Self { mut found, mut gaps, .. } = self;
        if self.direction == Direction::Backward {
            found.reverse();
            gaps.reverse();
            gaps.iter_mut().for_each(|gap| *gap = found.len().saturating_sub(*gap));
        }
        let position = |gap: &usize| found.iter().take(*gap).map(|line| line.len() + 1).sum::<usize>();
        let gaps = gaps.first().zip(gaps.last()).map(|(first, last)| position(first)..position(last));
        let text = found.into_iter().flat_map(|line| [line.into_bytes(), b"\n".to_vec()].concat()).collect();
        Ok(Found { text, gaps })
    }

    fn take(&mut self, line: String) {
        if self.bytes < self.wanted {
            self.bytes = self.bytes.saturating_add(line.len()).saturating_add(1);
            self.found.push(line);
        }
    }

    /// Something may be left out here, where more is wanted.
    fn gap(&mut self) {
        if self.bytes < self.wanted {
            self.gaps.push(self.found.len());
        }
    }

    /// The first lines from this end of the window, and whether there may be more after them. Where they are too long, fewer are asked for.
    async fn page(&mut self, start: u64, end: u64) -> Result<(Vec<Entry>, bool)> {
        let direction = match self.direction {
            Direction::Backward => "backward",
            Direction::Forward => "forward",
        };
        loop {
            let parameters = [
                ("query", self.selector.to_owned()),
                ("start", start.to_string()),
                ("end", end.to_string()),
                ("limit", self.limit.to_string()),
                ("direction", direction.to_owned()),
            ];
            let (on, path) = (self.selector.to_owned(), "loki/api/v1/query_range");
            let ask = Ask { operation: "query logs", on, path, parameters: &parameters, body: None, longest: LONGEST };
            match self.client.ask(self.cx, &ask).await? {
                Some(bytes) => {
                    let mut entries = answer::<Page>(&ask, &bytes)?.entries(self.direction);
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
