//! Redacting what comes in pieces.

use std::io::{self, Read};
use std::ops::Deref;

use super::lines::{OfKey, OpenKey, Place, Wrapped, rest_of_key};
use super::span::{Label, put, replace};
use super::structure::opens_key;
use super::{Redactor, Removed};

/// How often a line is looked at again, since what was taken out may make something else visible.
const PASSES: usize = 4;

/// Takes secrets out of a text that comes in pieces. The result is that of the whole text, however it is cut.
///
/// It holds back one line, or the lines of one piece of wrapped base64, and never more than
/// [`RedactorBuilder::longest_line`](super::RedactorBuilder::longest_line): a longer one is not looked at, and is taken out
/// as a whole. A private key may have any number of lines.
///
/// ```
/// use pathops_evidence::redact::Redactor;
///
/// let redactor = Redactor::new([])?;
/// let (mut stream, mut out) = (redactor.stream(), Vec::new());
/// stream.push(b"DB_PASSW", &mut out);
/// stream.push(b"ORD=sword", &mut out);
/// stream.push(b"fish\nready\n", &mut out);
/// let removed = stream.finish(&mut out);
/// assert_eq!(out, b"DB_PASSWORD=[redacted assignment]\nready\n");
/// assert_eq!(removed["assignment"], 1);
/// # Ok::<(), pathops_evidence::redact::RulesError>(())
/// ```
pub struct Stream<R> {
    /// A reference to one, or a share in it.
    redactor: R,
    /// The beginning of a line whose end is still to come.
    begun: Vec<u8>,
    /// The line is too long: its end is waited for.
    too_long: bool,
    /// Lines of wrapped base64, and how far it is with them.
    wrapped: Vec<u8>,
    far: Wrapped,
    wrapped_too_long: bool,
    place: Place,
    key: OpenKey,
    removed: Removed,
}

/// What it holds back may be a secret.
impl<R: Deref<Target = Redactor>> std::fmt::Debug for Stream<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = self.begun.len() + self.wrapped.len();
        write!(f, "Stream({:?}, {held} bytes held back, {:?} taken out)", &*self.redactor, self.removed)
    }
}

impl<R: Deref<Target = Redactor>> Stream<R> {
    pub(crate) fn new(redactor: R) -> Self {
        Self {
            redactor,
            begun: Vec::new(),
            too_long: false,
            wrapped: Vec::new(),
            far: Wrapped::Nothing,
            wrapped_too_long: false,
            place: Place::Text,
            key: OpenKey::default(),
            removed: Removed::new(),
        }
    }

    /// Takes out the rest of a private key that a text begins with, and returns what follows it.
    pub(super) fn end_key<'t>(&mut self, text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
        let (key, rest) = text.split_at_checked(rest_of_key(text)).unwrap_or((&[], text));
        if !key.is_empty() {
            put(Label::PrivateKey, out, &self.redactor.scanner.rules, &mut self.removed);
        }
        if key.ends_with(b"\n") {
            out.push(b'\n');
        }
        rest
    }

    /// Takes the next bytes, and appends to `out` what can be said by now.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some((line, after)) = memchr::memchr(b'\n', rest).and_then(|end| rest.split_at_checked(end + 1)) {
            self.end_line(line, out);
            rest = after;
        }
        self.begin_line(rest);
    }

    /// Takes the end of the text. Tells what was taken out of all of it.
    #[must_use]
    pub fn finish(mut self, out: &mut Vec<u8>) -> Removed {
        if self.too_long || !self.begun.is_empty() {
            self.end_line(b"", out);
        }
        self.end_wrapped(out);
        self.removed
    }

    fn begin_line(&mut self, part: &[u8]) {
        self.too_long |= self.begun.len() + part.len() > self.redactor.longest_line;
        if self.too_long {
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(part);
        }
    }

    fn end_line(&mut self, part: &[u8], out: &mut Vec<u8>) {
        if self.begun.is_empty() && !self.too_long && part.len() <= self.redactor.longest_line {
            return self.line(part, out);
        }
        let text = part.strip_suffix(b"\n").unwrap_or(part);
        self.begin_line(text);
        if self.too_long {
            self.end_wrapped(out);
            self.too_long = false;
            return self.long(part, out);
        }
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(part.get(text.len()..).unwrap_or_default());
        self.line(&line, out);
        line.clear();
        self.begun = line;
    }

    /// A line with its end, if it has one.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let longest = self.redactor.longest_line;
        // Of what is too long nothing is kept: what ends a key is looked at alone then.
        let fits = !self.wrapped_too_long && self.wrapped.len() + line.len() <= longest;
        let mut far = self.far.with(line).filter(|far| fits || *far != Wrapped::Key);
        if far.is_none() && self.far != Wrapped::Nothing {
            self.end_wrapped(out);
            far = Wrapped::Nothing.with(line);
        }
        let Some(far) = far else { return self.unit(line, out) };
        self.far = far;
        self.wrapped_too_long |= self.wrapped.len() + line.len() > longest;
        if self.wrapped_too_long {
            self.wrapped = Vec::new();
        } else {
            self.wrapped.extend_from_slice(line);
        }
    }

    fn end_wrapped(&mut self, out: &mut Vec<u8>) {
        self.far = Wrapped::Nothing;
        if std::mem::take(&mut self.wrapped_too_long) {
            self.long(b"\n", out);
        }
        let mut wrapped = std::mem::take(&mut self.wrapped);
        if !wrapped.is_empty() {
            self.unit(&wrapped, out);
        }
        wrapped.clear();
        self.wrapped = wrapped;
    }

    /// What is too long to be looked at; `end` ends as it does.
    fn long(&mut self, end: &[u8], out: &mut Vec<u8>) {
        if self.key.is_open() {
            return;
        }
        let from = out.len();
        put(Label::LongLine, out, &self.redactor.scanner.rules, &mut self.removed);
        self.place = self.place.after(out.get(from..).unwrap_or_default());
        if end.ends_with(b"\n") {
            out.push(b'\n');
        }
    }

    /// A line, or lines of wrapped base64.
    fn unit(&mut self, unit: &[u8], out: &mut Vec<u8>) {
        let text = unit.strip_suffix(b"\n").map_or(unit, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let end = unit.get(text.len()..).unwrap_or_default();
        match self.key.next(text) {
            OfKey::Nothing => self.text(text, end, out),
            OfKey::All => {}
            OfKey::UpTo(position) => {
                let rest = text.get(position..).unwrap_or_default();
                if rest.trim_ascii().is_empty() {
                    return out.extend_from_slice(end);
                }
                out.push(b'\n');
                self.text(rest, end, out);
            }
            OfKey::Other => {
                out.push(b'\n');
                self.text(text, end, out);
            }
        }
    }

    fn text(&mut self, text: &[u8], end: &[u8], out: &mut Vec<u8>) {
        let from = out.len();
        let opens = self.settle(text, out) && opens_key(text) && !end.is_empty();
        self.place = self.place.after(out.get(from..).unwrap_or_default());
        if opens {
            // The end of its line is written after its end.
            self.key.open();
        } else {
            out.extend_from_slice(end);
        }
    }

    /// Takes everything out, until nothing more is found. Tells whether there was anything.
    fn settle(&mut self, text: &[u8], out: &mut Vec<u8>) -> bool {
        let (scanner, rules) = (&self.redactor.scanner, &self.redactor.scanner.rules);
        let mut spans = scanner.unit(text, self.place);
        if spans.is_empty() {
            out.extend_from_slice(text);
            return false;
        }
        let mut text = text.to_vec();
        for _ in 0..PASSES {
            text = replace(&text, &spans, rules, &mut self.removed);
            spans = scanner.unit(&text, self.place);
            // Placeholders may be longer than what they stand for, and a longer line would not be looked at again.
            if spans.is_empty() && text.len() <= self.redactor.longest_line {
                out.extend_from_slice(&text);
                return true;
            }
            if spans.is_empty() {
                put(Label::LongLine, out, rules, &mut self.removed);
                return true;
            }
        }
        put(Label::Unsettled, out, rules, &mut self.removed);
        true
    }
}

/// A reader without the secrets of the reader within.
///
/// ```
/// use std::io::Read;
/// use pathops_evidence::redact::Redactor;
///
/// let redactor = Redactor::new([])?;
/// let mut reader = redactor.reader(&b"token=0123456789\nready\n"[..]);
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "token=[redacted assignment]\nready\n");
/// assert_eq!(reader.removed().map(|removed| removed["assignment"]), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RedactingReader<'r, R> {
    inner: R,
    stream: Option<Stream<&'r Redactor>>,
    removed: Option<Removed>,
    ready: Vec<u8>,
    given: usize,
    chunk: Vec<u8>,
}

/// The reader within may show what it reads.
impl<R> std::fmt::Debug for RedactingReader<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RedactingReader({:?}, {:?} taken out)", self.stream, self.removed)
    }
}

impl<'r, R> RedactingReader<'r, R> {
    pub(super) fn new(redactor: &'r Redactor, inner: R) -> Self {
        let stream = Some(Stream::new(redactor));
        Self { inner, stream, removed: None, ready: Vec::new(), given: 0, chunk: vec![0; 65_536] }
    }

    /// What was taken out, once everything has been read.
    pub fn removed(&self) -> Option<&Removed> {
        self.removed.as_ref()
    }
}

impl<R: Read> Read for RedactingReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() && !buffer.is_empty() {
            let Some(stream) = &mut self.stream else { return Ok(0) };
            let read = self.inner.read(&mut self.chunk)?;
            (self.given, self.ready) = (0, std::mem::take(&mut self.ready));
            self.ready.clear();
            if read > 0 {
                stream.push(self.chunk.get(..read).unwrap_or_default(), &mut self.ready);
            } else if let Some(stream) = self.stream.take() {
                self.removed = Some(stream.finish(&mut self.ready));
            }
        }
        let read = self.ready.get(self.given..).unwrap_or_default().read(buffer)?;
        self.given += read;
        Ok(read)
    }
}
