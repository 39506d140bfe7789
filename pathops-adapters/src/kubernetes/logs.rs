//! The ends of the logs of a unit's containers, one after the other.

use std::time::Duration;

use pathops_core::adapter::{Collected, SignalQuery};
use pathops_core::{Error, ErrorKind, Result, UnixMillis};

use super::list::Place;
use super::pod::Container;
use crate::cluster::{Ask, Tail, encoded, query};

/// So many logs are read: those of containers in trouble before others.
const MOST: usize = 60;

/// So many bytes of a log are read however few are asked for: half a line would have to go otherwise.
const LEAST: usize = 4 << 10;

/// So many bytes of a log the server is asked for at most. It gives the first ones of the lines that it is asked for.
const SENT: u64 = 64 << 20;

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

/// What came of reading one.
enum Came {
    Some(Vec<u8>),
    Nothing,
    /// It is not there, or not to be had: why.
    Not(String),
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

    fn ask(&self, since: UnixMillis, lines: usize) -> Ask {
        let (since, lines) = (UnixMillis(since.0.saturating_sub(since.0.rem_euclid(1_000))).to_string(), lines.to_string());
        let sent = SENT.to_string();
        let previous = self.previous.then_some(("previous", "true"));
        let rest = [("sinceTime", since.as_str()), ("tailLines", &lines), ("limitBytes", &sent)];
        let parameters = query([("container", self.container.as_str())].into_iter().chain(previous).chain(rest));
        let mut ask = self.place.ask("get pods/log", "/api/v1", &format!("pods/{}/log{parameters}", encoded(&self.pod)));
        ask.on = format!("{} in {}", self.heading(), ask.on);
        ask.patience = ask.patience.min(PATIENCE);
        ask
    }

    /// The last `keep` bytes, without half a line at their beginning. The server counts in lines, so it is asked again where these
    /// were too short.
    async fn read(&self, since: UnixMillis, keep: usize) -> Result<Came> {
        if let Some(why) = &self.waits {
            return Ok(Came::Not(format!("it waits: {why}")));
        }
        let few = keep / LINE + 1;
        let mut tail = self.place.http.tail(&self.ask(since, few), keep).await?;
        if tail.total < keep as u64 && tail.lines >= few as u64 {
            tail = self.place.http.tail(&self.ask(since, keep), keep).await?;
        }
        let Tail { bytes, total, .. } = tail;
        let mut bytes = Vec::from(bytes);
        if total > bytes.len() as u64 {
            let whole = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
            bytes.drain(..whole);
        }
        if total == 0 {
            return Ok(Came::Nothing);
        }
        if bytes.is_empty() {
            return Ok(Came::Not(format!("its last line is longer than {keep} bytes")));
        }
        if total >= SENT {
            bytes.extend_from_slice(format!("[… what follows is left out: more than {SENT} bytes …]\n").as_bytes());
        }
        if bytes.last() != Some(&b'\n') {
            bytes.push(b'\n');
        }
        Ok(Came::Some(bytes))
    }
}

pub(super) async fn read(places: &[Place<'_>], asked: &SignalQuery) -> Result<Collected<Vec<u8>>> {
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
    let left_out = logs.len().saturating_sub((asked.tail_bytes / LEAST).clamp(1, MOST));
    let logs = logs.get(left_out..).unwrap_or_default();
    let mut text = Vec::new();
    if left_out > 0 {
        text.extend_from_slice(format!("==> {left_out} more logs are left out <==\n").as_bytes());
    }
    let (mut printed, mut failed, mut room) = (false, None::<Error>, asked.tail_bytes);
    for (number, log) in logs.iter().enumerate() {
        let share = room.checked_div(logs.len().saturating_sub(number)).unwrap_or_default();
        let heading = log.heading();
        let share = share.saturating_sub(heading.len() + "==>  <==\n".len());
        let came = match log.read(asked.since, share.max(LEAST)).await {
            Ok(came) => came,
            // It is the same for all of them.
            Err(error) if error.kind() == ErrorKind::Denied => return Err(error),
            Err(error) => {
                let why = error.to_string();
                if !matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound) {
                    failed.get_or_insert(error);
                }
                Came::Not(why)
            }
        };
        let before = text.len();
        match came {
            Came::Some(bytes) => {
                text.extend_from_slice(format!("==> {heading} <==\n").as_bytes());
                text.extend(bytes);
                printed = true;
            }
            Came::Nothing => reasons.push(format!("{heading} printed nothing since {}", asked.since)),
            Came::Not(why) => {
                text.extend_from_slice(format!("==> {heading}: not there: {why} <==\n").as_bytes());
                reasons.push(format!("{heading}: {why}"));
            }
        }
        room = room.saturating_sub(text.len().saturating_sub(before));
    }
    match (printed, failed) {
        (true, _) => {
            text.drain(..text.len().saturating_sub(asked.tail_bytes));
            Ok(Collected::Present(text))
        }
        (false, Some(error)) => Err(error),
        (false, None) => Ok(Collected::Absent(reasons.join("; "))),
    }
}
