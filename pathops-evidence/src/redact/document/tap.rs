//! TAP: what a test point describes and why it was skipped; comments, diagnostics and output up to the next one.

use super::super::bytes::{at, before, cut, is_space, skip};
use super::Texts;

pub(super) fn redact(document: &[u8], texts: &mut Texts<'_>) -> Vec<u8> {
    let mut writer = Writer { out: Vec::with_capacity(document.len()), printed: Vec::new(), texts };
    let mut block = None;
    for line in document.split_inclusive(|byte| *byte == b'\n') {
        let indent = skip(line, 0, usize::MAX, |byte| byte == b' ');
        let text = cut(line, indent, line.len()).trim_ascii_end();
        let begins = block.is_none() && indent > 0 && text == b"---";
        let ends = block == Some(indent) && text == b"...";
        if begins || ends {
            block = begins.then_some(indent);
            writer.mark(line);
        } else if block.is_some() {
            writer.printed.extend_from_slice(line);
        } else if let Some(head) = head(text) {
            writer.mark(cut(line, 0, indent + head));
            writer.described(cut(text, head, text.len()));
            writer.mark(cut(line, indent + text.len(), line.len()));
        } else {
            writer.printed.extend_from_slice(line);
        }
    }
    writer.mark(b"");
    writer.out
}

struct Writer<'t, 'r> {
    out: Vec<u8>,
    /// Lines that are no part of the protocol.
    printed: Vec<u8>,
    texts: &'t mut Texts<'r>,
}

impl Writer<'_, '_> {
    /// What has to stay.
    fn mark(&mut self, mark: &[u8]) {
        let printed = std::mem::take(&mut self.printed);
        self.text(&printed);
        self.out.extend_from_slice(mark);
    }

    fn text(&mut self, text: &[u8]) {
        let redacted = if text.is_empty() { None } else { self.texts.plain(text) };
        self.out.extend_from_slice(redacted.as_deref().unwrap_or(text));
    }

    /// What follows a test point: its description, directives with what they say, and a brace. The space between them stays.
    fn described(&mut self, rest: &[u8]) {
        let brace = if rest.ends_with(b" {") { rest.len() - 2 } else { rest.len() };
        let mut position = 0;
        while position < brace {
            let rest = cut(rest, position, brace);
            let (hash, after) = directive(rest).unwrap_or((rest.len(), rest.len()));
            let text = cut(rest, 0, hash).trim_ascii_end();
            self.text(text);
            self.mark(cut(rest, text.len(), after));
            position += after.max(1);
        }
        self.mark(cut(rest, brace, rest.len()));
    }
}

/// Where the first directive begins, and where what it says does: `# SKIP reason`, `# TODO reason`, `# time=1ms`.
fn directive(text: &[u8]) -> Option<(usize, usize)> {
    memchr::memchr_iter(b'#', text).find_map(|hash| {
        let word = skip(text, hash + 1, usize::MAX, is_space);
        let known = [&b"skip"[..], b"todo", b"time"].iter().any(|known| cut(text, word, word + 4).eq_ignore_ascii_case(known));
        let end = skip(text, word, usize::MAX, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'.'));
        let apart = hash == 0 || is_space(before(text, hash));
        (known && apart).then(|| (hash, skip(text, end, usize::MAX, is_space)))
    })
}

/// How long that is with which a line of the protocol begins; `None` for any other line.
fn head(text: &[u8]) -> Option<usize> {
    if text == b"}" {
        return Some(1);
    }
    if text.starts_with(b"Bail out!") {
        return Some(b"Bail out!".len());
    }
    let is_digit = |byte: u8| byte.is_ascii_digit();
    if text.starts_with(b"1..") {
        return Some(skip(text, 3, usize::MAX, is_digit));
    }
    let ok = text.strip_prefix(b"not ").unwrap_or(text);
    let end = text.len() - ok.strip_prefix(b"ok")?.len();
    let ends = |position: usize| position == text.len() || at(text, position).is_ascii_whitespace();
    if !ends(end) {
        return None;
    }
    let blank = |from: usize| skip(text, from, usize::MAX, |byte| byte.is_ascii_whitespace());
    let number = blank(end);
    let number_end = skip(text, number, usize::MAX, is_digit);
    let name = if ends(number_end) { blank(number_end) } else { number };
    Some(if cut(text, name, text.len()).starts_with(b"- ") { name + 2 } else { name })
}

#[cfg(test)]
mod tests {
    use super::super::{Shape, as_text};
    use crate::redact::Redactor;

    #[track_caller]
    fn check(document: &str, expected: &str) {
        let redacted = Redactor::new(["hunter2-long".to_owned()]).unwrap().redact_document(document.as_bytes(), Shape::Tap);
        assert_eq!(as_text(redacted.bytes), expected);
    }

    #[test]
    fn what_holds_no_secret_stays_byte_for_byte() {
        let document = "TAP version 14\r\n1..5 # five\nok\nok 2\nnot ok 3 -\n    ok 1 - a {\n    }\n  ---\n  a: b\n  ...\nok 4 a # TODO  b # SKIP\n# c\nok 5 \\# skip # time=1.5ms\nBail out! d";
        check(document, document);
    }

    #[test]
    fn points_directives_and_braces_stay() {
        check("ok 1 - Cookie: a=b # SKIP no network\n", "ok 1 - Cookie: [redacted cookie] # SKIP no network\n");
        check("ok 1 - password=\"abc1 # skip x\n", "ok 1 - password=\"[redacted assignment] # skip x\n");
        check("not ok 1 Cookie: a=b {\n", "not ok 1 Cookie: [redacted cookie] {\n");
        check("ok 1 # SKIP by hunter2-long\n1..1\n", "ok 1 # SKIP by [redacted known]\n1..1\n");
        check("Bail out! hunter2-long\n", "Bail out! [redacted known]\n");
        check("ok 1 - password=abc1#skip2\n", "ok 1 - password=[redacted assignment]\n");
    }

    #[test]
    fn a_private_key_ends_before_the_next_point() {
        let body = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2";
        let document =
            format!("# -----BEGIN PRIVATE KEY-----\n# {body}\nnot ok 1 - a\n  ---\n  -----BEGIN PRIVATE KEY-----\n  ...\n1..1\n");
        check(&document, "# [redacted private-key]\nnot ok 1 - a\n  ---\n  [redacted private-key]\n  ...\n1..1\n");
    }
}
