//! Both ends of the logs of a unit's containers, one after the other.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use pathops_core::adapter::{Clock, Collected, LogEnds, LogExcerpt, SignalQuery};
use pathops_core::evidence::AbsenceKind;
use pathops_core::{Error, ErrorKind, Result, UnixMillis};

use super::list::Place;
use super::pod::{Container, Pod};
use super::sections::{Kept, Section, Share};
use crate::cluster::{self, Ask, encoded, query};

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

/// One node that does not answer is not waited for any longer, nor than this part of all the time that there is: others may.
const PATIENCE: Duration = Duration::from_secs(8);
const PART: u32 = 5;

/// What stands where an answer broke off, and the end was not to be had either.
const BROKEN: &[u8] = b"\n[\xe2\x80\xa6 it broke off here, and what follows is left out \xe2\x80\xa6]\n";

/// When the time of several logs is over that they have together.
type Over<'a> = Shared<BoxFuture<'a, ()>>;

/// It begins where it is first waited for.
fn over(clock: &dyn Clock, after: Duration) -> Over<'_> {
    async move { clock.sleep(after).await }.boxed().shared()
}

/// The log of one container.
struct Log<'a> {
    place: &'a Place<'a>,
    pod: String,
    container: String,
    /// The one from before its last restart.
    previous: bool,
    /// Why there is none.
    missing: Option<String>,
    in_trouble: bool,
    /// It is named by the host: that it has printed nothing is told.
    is_named: bool,
}

impl<'a> Log<'a> {
    /// Of a container that restarted both, or the one that there is.
    fn of(place: &'a Place<'a>, pod: &str, container: &Container, is_named: bool) -> Vec<Self> {
        let in_trouble = container.is_in_trouble() && !(is_named && container.has_ended_well());
        let log = |previous, missing| {
            let (pod, container) = (pod.to_owned(), container.name.clone());
            Self { place, pod, container, previous, missing, in_trouble, is_named }
        };
        let previous = container.has_restarted().then(|| log(true, None));
        let current = match &container.state.waiting {
            // While it waits for its next start, there is only the one before.
            Some(_) if previous.is_some() => None,
            Some(waiting) => Some(log(false, Some(format!("it waits: {}", waiting.reason)))),
            None => Some(log(false, None)),
        };
        previous.into_iter().chain(current).collect()
    }

    /// Of a Job that has no pod.
    fn of_nothing(place: &'a Place<'a>, job: &str) -> Self {
        let missing = Some("it has no pod: it did not run, or was deleted since".to_owned());
        let (pod, container) = ("Job".to_owned(), job.to_owned());
        Self { place, pod, container, previous: false, missing, in_trouble: false, is_named: true }
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
        ask.patience = (ask.patience / PART).min(PATIENCE);
        ask
    }

    /// Both ends of it and how long it is, where no more than `sent` bytes have to be sent for that. Where it is longer, or slower, or
    /// breaks off, its end is asked for, and what lies between is not counted to its end. Where that is not to be had, what came stays.
    async fn read(&self, since: UnixMillis, share: Share, sent: usize, over: &Over<'_>) -> Result<LogExcerpt> {
        let mut ends = LogEnds::new(share.head, share.tail);
        let read = self.pour(&self.ask(since, sent, None), &mut ends, over).await;
        let counted = ends.total();
        match read {
            Ok(()) if counted.saturating_add(SHORT) < sent as u64 => return Ok(ends.excerpt()),
            Err(error) if counted == 0 => return Err(error),
            _ => {}
        }
        match self.end(since, share, over).await {
            Ok(all) if all.cut_at.is_none() => Ok(all),
            Ok(end) => {
                let mut bytes = ends.excerpt().bytes;
                bytes.truncate(share.head);
                let cut_at = Some(bytes.len());
                bytes.extend(end.bytes);
                Ok(LogExcerpt { cut_at, total_bytes: counted.max(bytes.len() as u64), bytes, more: true })
            }
            Err(_) => {
                ends.push(BROKEN);
                Ok(LogExcerpt { more: true, ..ends.excerpt() })
            }
        }
    }

    /// The last bytes, or all of it where it is not as long as both ends. The server counts in lines, so it is asked again where these
    /// were too short: for so many that they are long enough, or all that there are.
    async fn end(&self, since: UnixMillis, share: Share, over: &Over<'_>) -> Result<LogExcerpt> {
        let both = share.head.saturating_add(share.tail);
        let mut end = self.last(since, share, both / LINE + 1, over).await?;
        if end.total() < both as u64 {
            end = self.last(since, share, both, over).await?;
        }
        let total = end.total();
        let is_cut_off = total.saturating_add(SHORT) >= END as u64;
        let mut log = end.excerpt();
        if total < both as u64 && !is_cut_off {
            return Ok(log);
        }
        log.bytes.drain(..log.bytes.len().saturating_sub(share.tail));
        log.cut_at = Some(0);
        if is_cut_off {
            log.bytes.extend_from_slice(format!("\n[… what follows is left out: more than {END} bytes …]\n").as_bytes());
        }
        Ok(log)
    }

    /// Both ends of the last lines.
    async fn last(&self, since: UnixMillis, share: Share, lines: usize, over: &Over<'_>) -> Result<LogEnds> {
        let mut ends = LogEnds::new(share.head, share.tail);
        self.pour(&self.ask(since, END, Some(lines)), &mut ends, over).await?;
        Ok(ends)
    }

    /// Gives the answer to `ends`, which have what came where it breaks off or the time is over.
    async fn pour(&self, ask: &Ask, ends: &mut LogEnds, over: &Over<'_>) -> Result<()> {
        tokio::select! {
            biased;
            () = over.clone() => Err(ask.error(ErrorKind::Timeout).because("the time for all logs together is over")),
            poured = self.place.http.pour(ask, ends) => poured,
        }
    }
}

/// The logs of a Job's pods, of those that are not among the others already; or why there are none.
async fn of_job<'a>(place: &'a Place<'a>, job: &str, others: &[Pod]) -> Result<Vec<Log<'a>>> {
    let pods = place.pods_of_job(job).await?;
    if pods.is_empty() {
        return Ok(vec![Log::of_nothing(place, job)]);
    }
    let is_new = |pod: &&Pod| others.iter().all(|other| other.metadata.name != pod.metadata.name);
    let of_pod = |pod: &Pod| pod.containers().flat_map(|it| Log::of(place, &pod.metadata.name, it, true)).collect::<Vec<_>>();
    Ok(pods.iter().filter(is_new).flat_map(of_pod).collect())
}

pub(super) async fn read(places: &[Place<'_>], asked: &SignalQuery, clock: &dyn Clock) -> Result<Collected<LogExcerpt>> {
    let (mut logs, mut reasons) = (Vec::new(), Vec::new());
    for place in places {
        let pods = place.pods().await?;
        if pods.is_empty() {
            reasons.push(place.no_pod());
        }
        for pod in &pods {
            logs.extend(pod.containers().flat_map(|container| Log::of(place, &pod.metadata.name, container, false)));
        }
        for job in &place.workload.jobs {
            logs.extend(of_job(place, job, &pods).await?);
        }
    }
    // What went wrong is told last: the end is what is kept.
    logs.sort_by_key(|log| log.in_trouble);
    let unread = logs.len().saturating_sub(MOST);
    let logs = logs.get(unread..).unwrap_or_default();
    let mut kept = Kept::new(asked.head_bytes.min(END), asked.tail_bytes.min(END), unread);
    let (mut failed, mut sent) = (None::<Error>, SENT);
    // Those in trouble, which come last, have a time of their own.
    let time = places.first().and_then(|place| place.cx.timeout()).unwrap_or(cluster::PATIENCE) / PART * 2;
    let [over, over_in_trouble] = [over(clock, time), over(clock, time)];
    for (number, log) in logs.iter().enumerate() {
        let (heading, others) = (log.heading(), logs.len().saturating_sub(number));
        let share = kept.share(&heading, others);
        if let Some(why) = &log.missing {
            reasons.push(format!("{heading}: {why}"));
            kept.add(Section::not_there(heading, share, why.clone()));
            continue;
        }
        let may_send = sent.checked_div(others).unwrap_or_default().max(share.head.saturating_add(share.tail).saturating_mul(2));
        let over = if log.in_trouble { &over_in_trouble } else { &over };
        match log.read(asked.since, share, may_send, over).await {
            Ok(read) if read.total_bytes == 0 => {
                reasons.push(format!("{heading} printed nothing since {}", asked.since));
                if log.is_named {
                    kept.add(Section::not_there(heading, share, format!("it printed nothing since {}", asked.since)));
                }
            }
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
        (false, None) => Ok(Collected::absent(AbsenceKind::NothingThere, reasons.join("; "))),
    }
}
