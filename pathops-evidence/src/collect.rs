//! Asking the sources of a snapshot: all at once, each with a time limit, and what each gives is redacted, cut and stored.

use std::time::Duration;

use futures_util::future::{BoxFuture, Either, FutureExt as _, join_all, select};
use pathops_core::adapter::{Clock, Collected, LogExcerpt, RuntimeSignals, SignalQuery};
use pathops_core::evidence::{AbsenceKind, Cut, CutOf, PayloadKind, Treatment, Window};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{Error, ErrorKind, OpContext, Result, UnitId, UnixMillis};
use serde::Serialize;
use serde_json::Value;

use crate::Collection;
use crate::redact::{Redacted, Redactor, Removed};
use crate::retention::{PayloadStore, StoredPayload};

/// How much is collected, and how patiently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectLimits {
    /// How long a source may take; it is absent then.
    pub patience: Duration,
    /// How long before what is looked at began the window begins.
    pub before: Duration,
    /// How many bytes of the beginning of a text or list are asked for and kept, where it is too large.
    pub head_bytes: usize,
    /// How many bytes of its end.
    pub tail_bytes: usize,
    /// How many entries of the beginning of a list are kept, where it is too long.
    pub head_entries: usize,
    /// How many entries of its end.
    pub tail_entries: usize,
}

impl Default for CollectLimits {
    /// 30 s a source; from 5 minutes before; 64 KiB and 192 KiB of text; 500 and 1,500 entries.
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(30),
            before: Duration::from_secs(300),
            head_bytes: 64 << 10,
            tail_bytes: 192 << 10,
            head_entries: 500,
            tail_entries: 1_500,
        }
    }
}

impl CollectLimits {
    /// The time to look at, for something that began at `began`.
    #[must_use]
    pub fn window(&self, began: UnixMillis, now: UnixMillis) -> Window {
        let before = i64::try_from(self.before.as_millis()).unwrap_or(i64::MAX);
        Window { from: UnixMillis(began.min(now).0.saturating_sub(before)), until: now }
    }

    /// What a source of signals is asked for, for this window.
    #[must_use]
    pub fn query(&self, unit: UnitId, target: EnvironmentTarget, window: &Window) -> SignalQuery {
        SignalQuery { unit, target, since: window.from, head_bytes: self.head_bytes, tail_bytes: self.tail_bytes }
    }
}

/// What a source gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// Text, as it was printed, or both ends of one, wherever the source has cut it.
    Text(LogExcerpt),
    /// A list.
    Entries(Vec<Value>),
}

/// A source of one part of a snapshot, and the question that it was asked.
pub struct Source<'s> {
    part: String,
    answer: BoxFuture<'s, Result<Collected<Raw>>>,
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.part)
    }
}

impl From<LogExcerpt> for Raw {
    fn from(log: LogExcerpt) -> Self {
        Self::Text(log)
    }
}

impl<'s> Source<'s> {
    /// The part of this name is what `answer` gives. It is not polled before the source is asked, and dropped when its time is
    /// over.
    pub fn new(part: impl Into<String>, answer: impl Future<Output = Result<Collected<Raw>>> + Send + 's) -> Self {
        Self { part: part.into(), answer: answer.boxed() }
    }

    /// The parts `logs`, `events` and `metrics` of what runs somewhere.
    pub fn signals(cx: &'s OpContext, signals: &'s dyn RuntimeSignals, query: &'s SignalQuery) -> [Self; 3] {
        let has = signals.capabilities();
        let lacks =
            |what: &str| Ok(Collected::absent(AbsenceKind::NotConfigured, format!("the source of signals has no {what}")));
        let logs = async move {
            if !has.logs {
                return lacks("logs");
            }
            Ok(present(signals.logs(cx, query).await?, Raw::Text))
        };
        let events = async move {
            if !has.events {
                return lacks("events");
            }
            entries(signals.events(cx, query).await?)
        };
        let metrics = async move {
            if !has.metrics {
                return lacks("metrics");
            }
            entries(signals.metrics(cx, query).await?)
        };
        [Self::new("logs", logs), Self::new("events", events), Self::new("metrics", metrics)]
    }
}

fn present<T, U>(collected: Collected<T>, map: impl FnOnce(T) -> U) -> Collected<U> {
    match collected {
        Collected::Present(it) => Collected::Present(map(it)),
        Collected::Absent(lack) => Collected::Absent(lack),
    }
}

fn entries<T: Serialize>(collected: Collected<Vec<T>>) -> Result<Collected<Raw>> {
    let unwritten = |error| Error::new(ErrorKind::Unexpected, "write signals down").with_source(error);
    Ok(match collected {
        Collected::Absent(lack) => Collected::Absent(lack),
        Collected::Present(items) => {
            Collected::Present(Raw::Entries(items.iter().map(serde_json::to_value).collect::<Result<_, _>>().map_err(unwritten)?))
        }
    })
}

/// A part that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPart {
    /// What it is stored as.
    pub payload: StoredPayload,
    /// For example `text/plain`.
    pub media_type: &'static str,
    /// What was done to it before.
    pub treated: Treatment,
}

/// Asks sources and stores what they give.
#[derive(Clone, Debug)]
pub struct Collector<'s> {
    /// Measures the patience.
    pub clock: &'s dyn Clock,
    /// Takes secrets out, before anything is hashed or stored.
    pub redactor: &'s Redactor,
    /// Where the parts go.
    pub payloads: PayloadStore<'s>,
    /// How much, and how patiently.
    pub limits: CollectLimits,
}

impl Collector<'_> {
    /// Asks all sources at once. Each gives its part of the collection, or is the reason for its absence: it has nothing, it
    /// fails, or it takes too long. None of them holds up the others for longer than that.
    ///
    /// # Errors
    /// Where a part cannot be stored, for now: what the blob store answers. One that it never takes is absent.
    ///
    /// # Cancel safety
    /// Dropped half way, blobs may be stored that nothing refers to.
    pub async fn gather(&self, cx: &OpContext, collection: &mut Collection, sources: Vec<Source<'_>>) -> Result<()> {
        let answers = sources.into_iter().map(|Source { part, answer }| async move { (part, self.in_time(answer).await) });
        for (part, answer) in join_all(answers).await {
            match answer {
                Ok(Collected::Present(raw)) => match self.store(cx, PayloadKind::of_part(&part), raw).await {
                    Ok(StoredPart { payload, media_type, treated }) => {
                        collection.stored(&part, &payload, media_type, Some(treated));
                    }
                    Err(error) if error.kind() == ErrorKind::Invalid => {
                        collection.absent(&part, error.kind().into(), self.told(&error.to_string()));
                    }
                    Err(error) => return Err(error),
                },
                Ok(Collected::Absent(lack)) => collection.absent(&part, lack.kind, self.told(&lack.why)),
                Err(error) => collection.absent(&part, error.kind().into(), self.told(&error.to_string())),
            }
        }
        Ok(())
    }

    async fn in_time(&self, answer: BoxFuture<'_, Result<Collected<Raw>>>) -> Result<Collected<Raw>> {
        match select(answer, self.clock.sleep(self.limits.patience)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => {
                let why = format!("its source did not answer within {} s", self.limits.patience.as_secs_f64());
                Ok(Collected::absent(AbsenceKind::TimedOut, why))
            }
        }
    }

    /// Redacts, cuts and stores, in that order: no secret is cut in two here, and what is hashed holds none. Where the source has
    /// cut before, what may be half a secret goes on both sides of the cut: see [`Redactor::redact_end`].
    ///
    /// # Errors
    /// As [`PayloadStore::put`].
    pub async fn store(&self, cx: &OpContext, kind: Option<PayloadKind>, raw: Raw) -> Result<StoredPart> {
        let (bytes, media_type, removed, cut) = match raw {
            Raw::Text(log) => {
                let (bytes, removed, cut) = self.text(&log);
                (bytes, "text/plain", removed, cut)
            }
            Raw::Entries(mut entries) => {
                let mut removed = Removed::new();
                entries.iter_mut().for_each(|entry| self.redactor.redact_json(entry, &mut removed));
                let (entries, cut) = self.cut_entries(entries);
                (Value::Array(entries).to_string().into_bytes(), "application/json", removed, cut)
            }
        };
        let payload = self.payloads.put(cx, kind, bytes).await?;
        let treated = Treatment { ruleset: *self.redactor.digest(), removed, cut };
        Ok(StoredPart { payload, media_type, treated })
    }

    /// A text, and what was cut of it by its source or here.
    fn text(&self, log: &LogExcerpt) -> (Vec<u8>, Removed, Option<Cut>) {
        // A source that says less than all is here, and not where it was cut, may have cut it anywhere before.
        let is_cut = log.more || log.left_out() > 0;
        let Some(at) = log.cut_at.or(is_cut.then_some(0)) else {
            let Redacted { bytes, removed } = self.redactor.redact(&log.bytes);
            let (bytes, cut) = self.cut_text(bytes);
            return (bytes, removed, cut);
        };
        let (head, tail) = log.bytes.split_at_checked(at).unwrap_or((&log.bytes, &[]));
        let (bytes, removed, cut) = self.ends(head, Gap { counted: log.left_out(), more: log.more }, tail);
        (bytes, removed, Some(cut))
    }

    fn cut_text(&self, bytes: Vec<u8>) -> (Vec<u8>, Option<Cut>) {
        let CollectLimits { head_bytes, tail_bytes, .. } = self.limits;
        if bytes.len() <= head_bytes.saturating_add(tail_bytes) {
            return (bytes, None);
        }
        let (head, rest) = bytes.split_at_checked(head_bytes).unwrap_or((&bytes, &[]));
        let (head, tail) = (whole_lines(head), self.last_of(rest));
        let counted = (bytes.len() - head.len() - tail.len()) as u64;
        let (bytes, cut) = joined(head, Gap { counted, more: false }, tail);
        (bytes, Some(cut))
    }

    /// Both ends of what the source has cut. The line in which it was cut goes from both, as far as it is there.
    fn ends(&self, head: &[u8], left_out: Gap, tail: &[u8]) -> (Vec<u8>, Removed, Cut) {
        let uncut = memchr::memrchr(b'\n', head).and_then(|end| head.get(..=end)).unwrap_or_default();
        let half_lines = head.len() - uncut.len() + memchr::memchr(b'\n', tail).map_or(tail.len(), |end| end + 1);
        let (first, last) = (self.redactor.redact(uncut), self.redactor.redact_end(tail));
        let head = match first.bytes.get(..self.limits.head_bytes) {
            Some(head) => whole_lines(head),
            None => &first.bytes,
        };
        let tail = self.last_of(&last.bytes);
        let cut_here = first.bytes.len() - head.len() + last.bytes.len() - tail.len();
        let counted = left_out.counted.saturating_add((half_lines + cut_here) as u64);
        let (bytes, cut) = joined(head, Gap { counted, ..left_out }, tail);
        let mut removed = first.removed;
        last.removed.into_iter().for_each(|(rule, count)| *removed.entry(rule).or_default() += count);
        (bytes, removed, cut)
    }

    /// The last bytes of a text that are kept.
    fn last_of<'t>(&self, bytes: &'t [u8]) -> &'t [u8] {
        match bytes.split_at_checked(bytes.len().saturating_sub(self.limits.tail_bytes)) {
            Some((left_out, tail)) if !left_out.is_empty() => after_first_line(tail),
            _ => bytes,
        }
    }

    /// By number, and then by bytes.
    fn cut_entries(&self, mut entries: Vec<Value>) -> (Vec<Value>, Option<Cut>) {
        let CollectLimits { head_entries, tail_entries, head_bytes, tail_bytes, .. } = self.limits;
        let sizes: Vec<usize> = entries.iter().map(|entry| entry.to_string().len() + 1).collect();
        let is_small = sizes.iter().sum::<usize>() <= head_bytes.saturating_add(tail_bytes);
        if is_small && entries.len() <= head_entries.saturating_add(tail_entries) {
            return (entries, None);
        }
        let head = fitting(sizes.iter(), head_entries, head_bytes);
        let tail = fitting(sizes.iter().rev(), tail_entries.min(sizes.len() - head), tail_bytes);
        let left_out = entries.len() - head - tail;
        entries.drain(head..head + left_out);
        let count = |count: usize| count as u64;
        let cut = Cut { of: CutOf::Entries, head: count(head), left_out: count(left_out), tail: count(tail), more_before: false };
        (entries, Some(cut))
    }

    /// A reason may hold what a process printed.
    fn told(&self, reason: &str) -> String {
        self.redactor.redact_text(reason)
    }
}

/// What is left out between two ends: so many bytes, and perhaps more than anybody counted.
#[derive(Clone, Copy)]
struct Gap {
    counted: u64,
    more: bool,
}

/// What is kept of a text, with a line between that says what is not.
fn joined(head: &[u8], left_out: Gap, tail: &[u8]) -> (Vec<u8>, Cut) {
    let Gap { counted: left_out, more: more_before } = left_out;
    let more = if more_before { " and more" } else { "" };
    let mark = format!("[… {left_out} bytes{more} are left out …]\n");
    let cut = Cut { of: CutOf::Bytes, head: head.len() as u64, left_out, tail: tail.len() as u64, more_before };
    ([head, mark.as_bytes(), tail].concat(), cut)
}

/// How many of these sizes fit, by number and together.
fn fitting<'s>(sizes: impl Iterator<Item = &'s usize>, limit: usize, bytes: usize) -> usize {
    let mut sum = 0_usize;
    sizes
        .take(limit)
        .take_while(|size| {
            sum = sum.saturating_add(**size);
            sum <= bytes
        })
        .count()
}

/// All up to the last line end; all of it where there is none.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    memchr::memrchr(b'\n', bytes).and_then(|end| bytes.get(..=end)).unwrap_or(bytes)
}

/// What follows the first line end; all of it where there is none.
fn after_first_line(bytes: &[u8]) -> &[u8] {
    bytes.iter().position(|byte| *byte == b'\n').and_then(|end| bytes.get(end + 1..)).unwrap_or(bytes)
}
