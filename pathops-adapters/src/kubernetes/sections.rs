//! How several logs become one text of which both ends are kept: each has a section, under a line that says whose it is.

use pathops_core::adapter::{LogEnds, LogExcerpt};

/// So many bytes of the end of a log are read however few are asked for: half a line would have to go otherwise.
const LEAST: usize = 4 << 10;

/// So long the line above a section is, besides whose it is, at most.
const HEADING: usize = 80;

/// What a text of ends begins with. It is the line that goes where whoever redacts it takes out the one at the cut.
const ENDS: &str = "==> the ends of these logs <==\n";

/// How many bytes of a log are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) head: usize,
    pub(super) tail: usize,
}

/// What is kept of one log.
#[derive(Debug)]
pub(super) struct Section {
    heading: String,
    share: Share,
    /// Both ends of it, or why there is nothing of it.
    log: Result<LogExcerpt, String>,
}

/// The two parts of a section of a text that is cut, each in whole lines.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    head: &'a [u8],
    left_out: u64,
    tail: &'a [u8],
}

impl Section {
    pub(super) fn of(heading: String, share: Share, mut log: LogExcerpt) -> Self {
        if log.bytes.last() != Some(&b'\n') {
            log.bytes.push(b'\n');
            log.total_bytes = log.total_bytes.saturating_add(1);
        }
        Self { heading, share, log: Ok(log) }
    }

    pub(super) fn not_there(heading: String, share: Share, why: String) -> Self {
        Self { heading, share, log: Err(why) }
    }

    fn is_cut(&self) -> bool {
        self.log.as_ref().is_ok_and(|log| log.cut_at.is_some() || log.more)
    }

    fn has_more(&self) -> bool {
        self.log.as_ref().is_ok_and(|log| log.more)
    }

    /// What fits its part of the ends is there; what does not is cut, too. Half a line on either side of a cut is left out, and the rest of
    /// a private key after it.
    fn parts(&self) -> Parts<'_> {
        let Ok(log) = &self.log else { return Parts::default() };
        if log.cut_at.is_none() && log.bytes.len() <= self.share.tail.saturating_add(1) {
            return Parts { tail: &log.bytes, ..Parts::default() };
        }
        let at = log.cut_at.unwrap_or(self.share.head);
        let (head, tail) = log.bytes.split_at_checked(at).unwrap_or((&log.bytes, &[]));
        let is_end = |byte: &u8| *byte == b'\n';
        let head = head.iter().rposition(is_end).and_then(|end| head.get(..=end)).unwrap_or_default();
        let tail = tail.iter().position(is_end).and_then(|end| tail.get(end + 1..)).unwrap_or_default();
        let tail = after_key(tail);
        Parts { head, left_out: log.total_bytes.saturating_sub((head.len() + tail.len()) as u64), tail }
    }

    /// All of it, in a text of which nothing is cut.
    fn whole(&self) -> Vec<u8> {
        match &self.log {
            Ok(log) => [self.line("").as_bytes(), &log.bytes].concat(),
            Err(why) => self.line(&format!(": not there: {why}")).into_bytes(),
        }
    }

    /// Its first part, where it is in two.
    fn first(&self) -> Vec<u8> {
        let Parts { head, .. } = self.parts();
        if head.is_empty() { Vec::new() } else { [self.line("").as_bytes(), head].concat() }
    }

    /// Its last part, which may be all of it.
    fn last(&self) -> Vec<u8> {
        let Parts { head, left_out, tail } = self.parts();
        let more = if self.has_more() { " and more" } else { "" };
        let has_cut = self.log.as_ref().is_ok_and(|log| log.cut_at.is_some());
        match (left_out, has_cut) {
            (0, false) if head.is_empty() => self.whole(),
            // All of it is in the first part.
            (0, false) if !self.has_more() => Vec::new(),
            _ => [self.line(&format!(", after {left_out} bytes{more} that are left out")).as_bytes(), tail].concat(),
        }
    }

    fn line(&self, more: &str) -> String {
        format!("==> {}{more} <==\n", self.heading)
    }
}

/// So long a line of base64 is no word.
const WRAPPED: usize = 56;

/// What follows the rest of a private key whose beginning is left out. Whoever redacts the text looks for that only at its own cut, and
/// not where one log of several is cut.
fn after_key(text: &[u8]) -> &[u8] {
    let (mut key, mut position) = (0, 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let is_next = key == position;
        position += line.len();
        let letters = line.trim_ascii();
        if letters.starts_with(b"-----END") {
            key = position;
            break;
        }
        if letters.is_empty() || !letters.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte)) {
            break;
        }
        if is_next && letters.len() >= WRAPPED {
            key = position;
        }
    }
    text.get(key..).unwrap_or_default()
}

/// The sections so far, and the room for more.
#[derive(Debug)]
pub(super) struct Kept {
    limits: Share,
    room: Share,
    unread: usize,
    sections: Vec<Section>,
}

impl Kept {
    /// Keeps so many bytes of all beginnings and of all ends; so many more logs are not read.
    pub(super) fn new(head: usize, tail: usize, unread: usize) -> Self {
        let room = Share { head, tail: tail.saturating_sub(ENDS.len() + HEADING) };
        Self { limits: Share { head, tail }, room, unread, sections: Vec::new() }
    }

    /// What the next of so many logs may have.
    pub(super) fn share(&self, heading: &str, others: usize) -> Share {
        let part = |room: usize| room.checked_div(others).unwrap_or_default().saturating_sub(heading.len() + HEADING);
        Share { head: part(self.room.head), tail: part(self.room.tail).max(LEAST) }
    }

    pub(super) fn add(&mut self, section: Section) {
        self.room.head = self.room.head.saturating_sub(section.first().len());
        self.room.tail = self.room.tail.saturating_sub(section.last().len());
        self.sections.push(section);
    }

    pub(super) fn has_printed(&self) -> bool {
        self.sections.iter().any(|section| section.log.is_ok())
    }

    /// Both ends of all of it: the beginnings of what was cut, and then the ends and what was not.
    pub(super) fn excerpt(self) -> LogExcerpt {
        let Self { limits, unread, sections, .. } = self;
        if unread == 0 && !sections.iter().any(Section::is_cut) {
            let mut ends = LogEnds::new(limits.head, limits.tail);
            sections.iter().for_each(|section| ends.push(&section.whole()));
            return ends.excerpt();
        }
        let mut ends = LogEnds::new(0, limits.tail);
        ends.push(ENDS.as_bytes());
        if unread > 0 {
            ends.push(format!("==> {unread} more logs are left out <==\n").as_bytes());
        }
        sections.iter().for_each(|section| ends.push(&section.last()));
        let tail = ends.excerpt();
        let mut bytes: Vec<u8> = sections.iter().flat_map(Section::first).collect();
        let cut_at = Some(bytes.len());
        let left_out = sections.iter().fold(tail.left_out(), |sum, section| sum.saturating_add(section.parts().left_out));
        bytes.extend(tail.bytes);
        let total_bytes = left_out.saturating_add(bytes.len() as u64);
        LogExcerpt { cut_at, total_bytes, bytes, more: unread > 0 || sections.iter().any(Section::has_more) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Vec<u8> {
        (0..count).flat_map(|line| format!("line {line:04}\n").into_bytes()).collect()
    }

    /// What is kept of logs of so many lines.
    fn kept((head, tail): (usize, usize), logs: &[usize]) -> LogExcerpt {
        let mut kept = Kept::new(head, tail, 0);
        for (number, log) in logs.iter().enumerate() {
            let heading = format!("log {number}");
            let share = kept.share(&heading, logs.len() - number);
            let mut ends = LogEnds::new(share.head, share.tail);
            ends.push(&lines(*log));
            kept.add(Section::of(heading, share, ends.excerpt()));
        }
        kept.excerpt()
    }

    #[test]
    fn what_fits_a_beginning_is_there_once() {
        let log = kept((10_000, 9_000), &[460, 3_000]);
        let text = String::from_utf8(log.bytes).unwrap();
        assert_eq!((text.matches("==> log 0 <==").count(), text.matches("line 0459").count()), (1, 2), "{text}");
    }

    #[test]
    fn the_rest_of_a_private_key_goes_and_nothing_else() {
        let wrapped = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n";
        let end = "-----END PRIVATE KEY-----\n";
        for (text, rest) in [
            (format!("{wrapped}{wrapped}MzEfYyjiWA4R\n{end}listening\n"), "listening\n"),
            (format!("MzEfYyjiWA4R\n{end}listening\n"), "listening\n"),
            (format!("{end}listening\n"), "listening\n"),
            (
                format!("{wrapped}listens on 80\n{wrapped}"),
                "listens on 80\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n",
            ),
            ("ready\n0\nlistens on 80\n".to_owned(), "ready\n0\nlistens on 80\n"),
            (String::new(), ""),
        ] {
            assert_eq!(std::str::from_utf8(after_key(text.as_bytes())).unwrap(), rest, "{text}");
        }
        // In each section of several, and what goes is counted.
        let key = wrapped.repeat(200);
        let section = |name: &str| {
            let share = Share { head: 100, tail: LEAST };
            let mut ends = LogEnds::new(share.head, share.tail);
            ends.push(format!("-----BEGIN PRIVATE KEY-----\n{key}{end}listening\n").as_bytes());
            Section::of(name.to_owned(), share, ends.excerpt())
        };
        let mut kept = Kept::new(1_000, 10_000, 0);
        ["one", "two"].into_iter().for_each(|name| kept.add(section(name)));
        let log = kept.excerpt();
        let text = String::from_utf8(log.bytes.clone()).unwrap();
        let (_, tail) = text.split_at(log.cut_at.unwrap());
        assert!(!tail.contains("MII") && tail.matches("left out <==\nlistening\n").count() == 2, "{tail}");
        assert_eq!(log.left_out(), 2 * (199 * 65 + end.len()) as u64, "{text}");
    }

    #[test]
    fn what_fits_is_whole_and_what_does_not_is_counted_within_the_limits() {
        let sizes = [0, 1, 30, 3_000, 9_000];
        for (head, tail) in [(10_000, 30_000), (0, 40_000), (100_000, 300_000), (10, 100)] {
            for logs in sizes.into_iter().flat_map(|one| sizes.map(|other| [one.max(1), other.max(1), 500])) {
                let log = kept((head, tail), &logs);
                let printed: usize = logs.iter().map(|lines| lines * 10).sum();
                let at = log.cut_at.unwrap_or(log.bytes.len());
                assert!(
                    log.cut_at.is_none() || (at <= head && log.bytes.len() - at <= tail),
                    "{logs:?} in {head} and {tail}: {log:?}"
                );
                assert!(log.bytes.len() <= head + tail && !log.more, "{log:?}");
                let headings = if log.cut_at.is_some() { 10 * HEADING } else { 3 * "==> log 0 <==\n".len() };
                assert!((printed..=printed + headings).contains(&usize::try_from(log.total_bytes).unwrap()), "{logs:?}: {log:?}");
                let text = String::from_utf8(log.bytes).unwrap();
                let is_whole = |line: &str| line.starts_with("==>") || line.len() == 9;
                assert!(tail < LEAST || text.lines().all(is_whole), "{text}");
                assert!(tail < LEAST * 4 || (0..3).all(|number| text.contains(&format!("==> log {number}"))), "{text}");
            }
        }
    }
}
