//! Both ends of the logs of a unit's containers, one after the other.

use std::time::Duration;

use pathops_core::adapter::{Collected, LogEnds, LogExcerpt, SignalQuery};
use pathops_core::{Error, ErrorKind, Result, UnixMillis};

use super::list::Place;
use super::pod::Container;
use super::sections::{Kept, Section, Share};
use crate::cluster::{Ask, encoded, query};

/// So many logs are read: those of containers in trouble before others.
const MOST: usize = 60;

/// So many bytes of all logs together are sent to be counted.
const SENT: usize = 16 << 20;

/// The server may send so much less of a log than it is asked for, though there is more.
const SHORT: u64 = 4 << 10;

/// So many bytes of the last lines of a log the server is asked for at most. It gives the first ones of the lines that it is asked for.
const END: usize = 64 << 20;

/// A line is taken to be at least so long on average at the first try.
const LINE: usize = 32;

/// One node that does not answer is not waited for any longer: others may.
const PATIENCE: Duration = Duration::from_secs(8);

/// The log of one container.
struct Log<'a> {
    place: &'a Place<'a>,
    pod: String,
    container: String,
    /// The one from before its last restart.
    previous: bool,
    /// Why it has none yet.
    waits: Option<String>,
    in_trouble: bool,
}

impl<'a> Log<'a> {
    /// Of a container that restarted both, or the one that there is.
    fn of(place: &'a Place<'a>, pod: &str, container: &Container) -> Vec<Self> {
        let in_trouble = container.is_in_trouble();
        let log = |previous, waits| {
            let (pod, container) = (pod.to_owned(), container.name.clone());
            Self { place, pod, container, previous, waits, in_trouble }
        };
        let previous = container.has_restarted().then(|| log(true, None));
        let current = match &container.state.waiting {
            // While it waits for its next start, there is only the one before.
            Some(_) if previous.is_some() => None,
            Some(waiting) => Some(log(false, Some(waiting.reason.clone()))),
            None => Some(log(false, None)),
        };
        previous.into_iter().chain(current).collect()
    }

    fn heading(&self) -> String {
        let which = if self.previous { ", before its last restart" } else { "" };
        format!("{}/{}{which}", self.pod, self.container)
    }

    /// The first bytes of it, or of its last lines.
    fn ask(&self, since: UnixMillis, bytes: usize, lines: Option<usize>) -> Ask {
        let since = UnixMillis(since.0.saturating_sub(since.0.rem_euclid(1_000))).to_string();
        let (bytes, lines) = (bytes.to_string(), lines.map(|lines| lines.to_string()));
        let previous = self.previous.then_some(("previous", "true"));
        let lines = lines.as_deref().map(|lines| ("tailLines", lines));
        let rest = [("sinceTime", since.as_str()), ("limitBytes", &bytes)];
        let parameters = query([("container", self.container.as_str())].into_iter().chain(previous).chain(rest).chain(lines));
        let mut ask = self.place.ask("get pods/log", "/api/v1", &format!("pods/{}/log{parameters}", encoded(&self.pod)));
        ask.on = format!("{} in {}", self.heading(), ask.on);
        ask.patience = ask.patience.min(PATIENCE);
        ask
    }

    /// Both ends of it and how long it is, where no more than `sent` bytes have to be sent for that. Where it is longer, or slower, its
    /// end is asked for, and what lies between is not counted to its end.
    async fn read(&self, since: UnixMillis, share: Share, sent: usize) -> Result<LogExcerpt> {
        let mut ends = LogEnds::new(share.head, share.tail);
        let read = self.place.http.pour(&self.ask(since, sent, None), &mut ends).await;
        let counted = ends.total();
        let mut log = ends.excerpt();
        match read {
            Ok(()) if counted.saturating_add(SHORT) < sent as u64 => return Ok(log),
            Err(error) if error.kind() != ErrorKind::Timeout || counted == 0 => return Err(error),
            _ => {}
        }
        log.bytes.truncate(share.head);
        (log.cut_at, log.more) = (Some(log.bytes.len()), true);
        log.bytes.extend(self.end(since, share.tail).await?);
        Ok(log)
    }

    /// The last bytes. The server counts in lines, so it is asked again where these were too short.
    async fn end(&self, since: UnixMillis, keep: usize) -> Result<Vec<u8>> {
        let mut end = self.last(since, keep, keep / LINE + 1).await?;
        if end.total() < keep as u64 {
            end = self.last(since, keep, keep).await?;
        }
        let total = end.total();
        let mut bytes = end.excerpt().bytes;
        if total >= END as u64 {
            bytes.extend_from_slice(format!("\n[… what follows is left out: more than {END} bytes …]\n").as_bytes());
        }
        Ok(bytes)
    }

    /// The last bytes of the last lines.
    async fn last(&self, since: UnixMillis, keep: usize, lines: usize) -> Result<LogEnds> {
        let mut ends = LogEnds::new(0, keep);
        self.place.http.pour(&self.ask(since, END, Some(lines)), &mut ends).await?;
        Ok(ends)
    }
}

pub(super) async fn read(places: &[Place<'_>], asked: &SignalQuery) -> Result<Collected<LogExcerpt>> {
    let (mut logs, mut reasons) = (Vec::new(), Vec::new());
    for place in places {
        let pods = place.pods().await?;
        if pods.is_empty() {
            reasons.push(place.no_pod());
        }
        for pod in &pods {
            logs.extend(pod.containers().flat_map(|container| Log::of(place, &pod.metadata.name, container)));
        }
    }
    // What went wrong is told last: the end is what is kept.
    logs.sort_by_key(|log| log.in_trouble);
    let unread = logs.len().saturating_sub(MOST);
    let logs = logs.get(unread..).unwrap_or_default();
    let mut kept = Kept::new(asked.head_bytes.min(END), asked.tail_bytes.min(END), unread);
    let (mut failed, mut sent) = (None::<Error>, SENT);
    for (number, log) in logs.iter().enumerate() {
        let (heading, others) = (log.heading(), logs.len().saturating_sub(number));
        let share = kept.share(&heading, others);
        if let Some(waits) = &log.waits {
            reasons.push(format!("{heading}: it waits: {waits}"));
            kept.add(Section::not_there(heading, share, format!("it waits: {waits}")));
            continue;
        }
        let may_send = sent.checked_div(others).unwrap_or_default().max(share.head.saturating_add(share.tail).saturating_mul(2));
        match log.read(asked.since, share, may_send).await {
            Ok(log) if log.total_bytes == 0 => reasons.push(format!("{heading} printed nothing since {}", asked.since)),
            Ok(log) => {
                sent = sent.saturating_sub(usize::try_from(log.total_bytes).unwrap_or(usize::MAX));
                kept.add(Section::of(heading, share, log));
            }
            // It is the same for all of them.
            Err(error) if error.kind() == ErrorKind::Denied => return Err(error),
            Err(error) => {
                let why = error.to_string();
                if !matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound) {
                    failed.get_or_insert(error);
                }
                reasons.push(format!("{heading}: {why}"));
                kept.add(Section::not_there(heading, share, why));
            }
        }
    }
    match (kept.has_printed(), failed) {
        (true, _) => Ok(Collected::Present(kept.excerpt())),
        (false, Some(error)) => Err(error),
        (false, None) => Ok(Collected::Absent(reasons.join("; "))),
    }
}
