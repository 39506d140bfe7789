//! What says who somebody is, in HTTP headers, in options of `curl`, `mysql` and other commands, and in Docker's configuration.

use super::super::bytes::{at, before, cut, ends_with, is_name, is_quote, is_space, is_text, skip, skip_back};
use super::super::encoded::{decode_base64, is_base64};
use super::super::span::{Label, PLACEHOLDER, Span};
use super::assignment::closing;

/// Schemes with one word after them.
const ONE_WORD: &[&[u8]] = &[b"bearer", b"basic", b"token", b"apikey", b"api-key", b"negotiate", b"ntlm", b"bot", b"jwt", b"key"];
/// Schemes with a list after them.
const LIST: &[&[u8]] = &[b"digest", b"aws4-hmac-sha256", b"hawk", b"oauth", b"signature", b"sharedkey"];

/// No word of a language is as long.
const LONG: usize = 256;

/// Whether a name is that of a header whose value is found.
pub(super) fn names_a_header(name: &[u8]) -> bool {
    ends_with(name, b"authorization") || ends_with(name, b"cookie")
}

/// The kind of secret in the header that a line ends with, without its secrets, where the next line may go on with it: its name and
/// nothing yet, or what was taken out of it.
pub(in super::super) fn open_header(line: &[u8]) -> Option<Label> {
    let is_name_alone = |name: &[u8]| names_a_header(name) && name.iter().all(|byte| is_name(*byte));
    let is_empty = line.strip_suffix(b":").is_some_and(is_name_alone);
    let is_gone = || memchr::memrchr(b'[', line).is_some_and(|open| cut(line, open, line.len()).starts_with(PLACEHOLDER));
    if !is_empty && !is_gone() {
        return None;
    }
    let lower = line.to_ascii_lowercase();
    let goes_on = |word: &[u8]| {
        let mut found = memchr::memmem::find_iter(&lower, word);
        found.any(|start| value(line, start, start + word.len()).is_some_and(|(_, to)| to == line.len()))
    };
    let kinds = [(&b"authorization"[..], Label::Authorization), (&b"cookie"[..], Label::Cookie)];
    kinds.into_iter().find_map(|(word, label)| goes_on(word).then_some(label))
}

/// The value of a header: `Name: …`, `"name": "…"`, and `-H 'Name: …'`.
fn value(line: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let name = skip_back(line, start, 32, is_name);
    let around = before(line, name);
    let is_mark = |byte: u8| byte == b'\\' || is_quote(byte);
    let close = skip(line, skip(line, end, 8, is_mark), 4, is_space);
    if !matches!(at(line, close), b':' | b'=') {
        return None;
    }
    let open = skip(line, close + 1, 8, |byte| is_space(byte) || byte == b'[');
    let from = skip(line, open, 8, is_mark);
    let to = if from > open {
        closing(line, from, before(line, from), from - open - 1)
    } else if is_quote(around) {
        let mark = name.saturating_sub(1);
        closing(line, from, around, mark - skip_back(line, mark, 8, |byte| byte == b'\\'))
    } else {
        line.len()
    };
    (from <= to).then_some((from, to))
}

pub(super) fn authorization(line: &[u8], start: usize, end: usize) -> Option<Span> {
    let (from, to) = value(line, start, end)?;
    let label = Label::Authorization;
    let first = word_end(line, from, to);
    let scheme = cut(line, from, first);
    let is = |schemes: &[&[u8]]| schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let second = skip(line, first, 8, is_space).min(to);
    if second > first && is(ONE_WORD) {
        let end = word_end(line, second, to);
        return (second < end).then_some(Span { start: second, end, label });
    }
    if second > first && is(LIST) {
        return Some(Span { start: second, end: to, label });
    }
    let bare = (8..LONG).contains(&scheme.len()) && scheme.iter().any(u8::is_ascii_digit) || scheme.len() >= LONG;
    bare.then_some(Span { start: from, end: first, label })
}

/// Where the word ends that begins at `from`.
fn word_end(line: &[u8], from: usize, to: usize) -> usize {
    skip(line, from, to.saturating_sub(from), |byte| {
        !byte.is_ascii_whitespace() && !matches!(byte, b',' | b';') && !is_quote(byte)
    })
}

/// All cookies of a request; of an answer's, the first part, since what follows are its attributes.
pub(super) fn cookie(line: &[u8], start: usize, end: usize) -> Option<Span> {
    let (from, to) = value(line, start, end)?;
    let set = cut(line, start.saturating_sub(4), start).eq_ignore_ascii_case(b"set-");
    let to = if set { skip(line, from, to - from, |byte| byte != b';') } else { to };
    let equals = memchr::memchr(b'=', cut(line, from, to.min(from + LONG)))?;
    let start = if set { from + equals + 1 } else { from };
    (start < to && equals > 0).then_some(Span { start, end: to, label: Label::Cookie })
}

/// `Bearer …`, wherever it stands, where a token follows and no word of a sentence or of code.
pub(super) fn bearer(line: &[u8], from: usize) -> Option<Span> {
    let end = skip(line, from, usize::MAX, |byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte));
    let token = cut(line, from, end);
    let count = |is: fn(&u8) -> bool| token.iter().filter(|byte| is(byte)).count();
    let drawn = token.len() >= 16 && (count(u8::is_ascii_digit) > 0 || count(u8::is_ascii_uppercase) > 3);
    drawn.then_some(Span { start: from, end, label: Label::Authorization })
}

/// `Basic …`, wherever it stands: `user:password` in base64.
pub(super) fn basic(line: &[u8], from: usize) -> Option<Span> {
    credentials(line, from)
}

/// `"auth": "…"`, in the configuration of Docker and Podman.
pub(super) fn docker_auth(line: &[u8], from: usize) -> Option<Span> {
    let colon = skip(line, from, 4, is_space);
    let from = skip(line, colon, 8, |byte| byte == b':' || is_space(byte) || is_quote(byte));
    (at(line, colon) == b':').then(|| credentials(line, from)).flatten()
}

fn credentials(line: &[u8], start: usize) -> Option<Span> {
    let end = skip(line, skip(line, start, 4_096, is_base64), 2, |byte| byte == b'=');
    let decoded = decode_base64(cut(line, start, end), 0);
    let pair = decoded.len() >= 5 && decoded.iter().all(|byte| is_text(*byte) || *byte >= 0x80) && decoded.contains(&b':');
    pair.then_some(Span { start, end, label: Label::BasicAuth })
}

/// `-u user:password` of `curl`, `wget` and their like.
pub(super) fn user_option(line: &[u8], start: usize, end: usize) -> Option<Span> {
    let command = cut(line, start.saturating_sub(256), start);
    let asked = memchr::memmem::find(command, b"curl").is_some() || memchr::memmem::find(command, b"http").is_some();
    let open = skip(line, end, 4, |byte| is_space(byte) || byte == b'=' || is_quote(byte));
    // `curl -uuser:password`
    let attached = open == end && before(line, end) == b'u' && memchr::memmem::find(command, b"curl").is_some();
    if !asked || (open == end && !attached) {
        return None;
    }
    let end = skip(line, open, 1_024, |byte| !is_space(byte) && !is_quote(byte));
    let colon = open + memchr::memchr(b':', cut(line, open, end))?;
    let password = cut(line, colon + 1, end);
    let given = !password.is_empty() && !password.starts_with(b"$");
    given.then_some(Span { start: colon + 1, end, label: Label::BasicAuth })
}

/// Commands that are given a password on their line: the last letter of the option, whether it may stand apart, and how they begin.
const COMMANDS: &[(u8, bool, &[&[u8]])] = &[
    (b'p', false, &[b"mysql", b"mariadb", b"7z"]),
    (
        b'p',
        true,
        &[b"docker login", b"podman login", b"nerdctl login", b"registry login", b"oras login", b"az login", b"oc login"],
    ),
    (b'p', true, &[b"mongosh", b"mongodump", b"mongorestore", b"mongoexport", b"mongoimport"]),
    (b'P', true, &[b"sqlcmd", b"zip", b"unzip"]),
    (b'a', true, &[b"redis-cli"]),
    (b'w', true, &[b"ldapsearch", b"ldapadd", b"ldapmodify", b"ldapdelete", b"ldapwhoami"]),
    (b':', false, &[b"openssl"]),
];

/// `-psecret` of `mysql`, `-p secret` of `sshpass` and `docker login`, and their like.
pub(super) fn password_option(line: &[u8], start: usize, end: usize) -> Option<Span> {
    let before_it = cut(line, start.saturating_sub(256), start + 1);
    let other = before_it.iter().rposition(|byte| matches!(byte, b';' | b'|' | b'&')).map_or(0, |sign| sign + 1);
    let command = cut(before_it, other, before_it.len());
    let letter = before(line, end);
    let is_named =
        |name: &&[u8]| memchr::memmem::find_iter(command, *name).any(|found| is_command(command, found, found + name.len()));
    let mut known = COMMANDS.iter().filter(|(option, _, names)| *option == letter && names.iter().any(is_named));
    // Behind it stands a command with options of its own.
    let of_sshpass = letter == b'p' && command.trim_ascii_end().ends_with(b"sshpass");
    let may_be_apart = of_sshpass || known.next()?.1;
    let open = if may_be_apart { skip(line, end, 4, is_space) } else { end };
    let from = skip(line, open, 1, is_quote);
    let to = if from > open {
        closing(line, from, before(line, from), 0)
    } else {
        skip(line, from, 1_024, |byte| !is_space(byte) && !is_quote(byte))
    };
    let word = cut(line, from, to);
    let may_be_another = open > end && !of_sshpass;
    let begins_another = at(word, 0) == b'$' || may_be_another && matches!(at(word, 0), b'-' | b'<' | b'{' | b'[');
    let given = word.len() >= 4 && !begins_another && !is_port(word, may_be_another);
    given.then_some(Span { start: from, end: to, label: Label::BasicAuth })
}

/// Whether a word with that in it is a command: `mysql`, `/usr/bin/mysqldump`, and neither `-I/usr/include/mysql` nor `mysql.c`.
fn is_command(line: &[u8], start: usize, end: usize) -> bool {
    let word = skip_back(line, start, 64, |byte| !is_space(byte));
    let rest = skip(line, end, 32, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    !is_name(before(line, start)) && at(line, word) != b'-' && is_space(at(line, rest))
}

/// `3306:3306`, `127.0.0.1:53:53/udp`: which ports a container has, as `docker run -p` is told; one alone may be meant, too.
fn is_port(word: &[u8], alone: bool) -> bool {
    let ports = word.strip_suffix(b"/tcp").or_else(|| word.strip_suffix(b"/udp")).unwrap_or(word);
    let are_numbers = ports.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'-'));
    are_numbers && (ports.contains(&b':') || alone && ports.len() <= 5)
}
