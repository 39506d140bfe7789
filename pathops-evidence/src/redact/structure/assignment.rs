//! `password=…`, `"api_key": "…"`, `<token>…</token>`, `--secret …`, `set("TOKEN", "…")`, and a name and a value beside each
//! other.

use super::super::bytes::{at, before, cut, ends_with, is_name, is_quote, is_space, skip, skip_back};
use super::super::span::{Label, Span};

/// How names of secrets end.
pub(super) const KEYS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "_pass",
    "-pass",
    "secret",
    "token",
    "credential",
    "credentials",
    "api_key",
    "api-key",
    "apikey",
    "api.key",
    "access_key",
    "access-key",
    "accesskey",
    "secret_key",
    "secret-key",
    "secretkey",
    "private_key",
    "private-key",
    "privatekey",
    "encryption_key",
    "encryption-key",
    "encryptionkey",
    "signing_key",
    "signing-key",
    "signingkey",
    "master_key",
    "master-key",
    "masterkey",
    "account_key",
    "account-key",
    "accountkey",
    "storage_key",
    "storagekey",
    "auth_key",
    "auth-key",
    "authkey",
    "client_key",
    "client-key",
    "clientkey",
    "key-data",
    "jsessionid",
    "phpsessid",
];

const SHORTEST: usize = 4;
const LONGEST_NAME: usize = 64;
/// All that a name can go on with.
const LONGEST_SUFFIX: usize = 40;
const LONGEST_WORD: usize = 256;
const MOST_SPACES: usize = 8;

/// Whether a name is that of a secret.
pub(in super::super) fn names_a_secret(name: &[u8]) -> bool {
    KEYS.iter().any(|key| ends_with(name, key.as_bytes()))
}

/// The same of a name that may go on behind that.
pub(super) fn names_a_secret_and_more(name: &[u8]) -> bool {
    let from = name.len().saturating_sub(LONGEST_SUFFIX);
    (from..=name.len()).any(|end| suffix(name, end) == name.len() && names_a_secret(cut(name, 0, end)))
}

/// What stands around a value, and says where it ends or whether it is one.
struct Place {
    /// Where the value begins, or its quotation mark.
    at: usize,
    xml: bool,
    /// There is space before it, as there is in code and in prose.
    spaced: bool,
    /// It may be a sentence: `invalid token: expected a number`.
    prose: bool,
    /// It is handed to a function behind its name.
    argument: bool,
    /// It may be a word: parsers hand those on behind the name `token`.
    word: bool,
}

/// The value of the name that ends with the word at `start..end`.
pub(super) fn find(line: &[u8], start: usize, end: usize) -> Option<Span> {
    let name = skip_back(line, start, LONGEST_NAME, is_name);
    let place = place(line, name, suffix(line, end))?;
    let word = end;
    let (start, end, quoted) = value(line, &place);
    let value = cut(line, start, end);
    let short = cut(value, 0, LONGEST_WORD);
    let folder = ends_with(cut(line, name, word), b"pwd") && matches!(at(value, 0), b'/' | b'~');
    let code = !quoted && ((place.spaced && is_code(short)) || (place.prose && is_a_word(short)));
    // What is handed on without quotation marks is a number or a variable.
    let code = code || (place.argument && (!quoted || (place.word && is_a_word(short))));
    // What is longer than any word of a language is never one: so each word that begins here costs little, or takes it all.
    let ordinary = value.len() <= LONGEST_WORD && (folder || code || is_ordinary(value));
    (value.len() >= SHORTEST && !ordinary).then_some(Span { start, end, label: Label::Assignment })
}

/// The value in a line `value: …`, whatever it is: the name stood in the line before.
pub(in super::super) fn value_beside(line: &[u8]) -> Option<Span> {
    let dash = skip(line, 0, usize::MAX, |byte| is_space(byte) || byte == b'-');
    let name = after_quote(line, dash);
    let end = name + b"value".len();
    let place = cut(line, name, end).eq_ignore_ascii_case(b"value").then(|| place(line, name, end))??;
    let (start, end, _) = value(line, &place);
    let ordinary = end - start <= LONGEST_WORD && is_ordinary(cut(line, start, end));
    (start < end && !ordinary).then_some(Span { start, end, label: Label::Assignment })
}

/// Names may go on: `password1`, `password_2`, `token_b64`.
fn suffix(line: &[u8], end: usize) -> usize {
    let mut end = end;
    for known in [&b"_base64"[..], b"_b64", b"-base64", b"-b64", b"_value", b"_hash"] {
        if cut(line, end, end + known.len()).eq_ignore_ascii_case(known) {
            end += known.len();
        }
    }
    let digits = end + usize::from(matches!(at(line, end), b'_' | b'-'));
    let after = skip(line, digits, 3, |byte| byte.is_ascii_digit());
    if after > digits { after } else { end }
}

/// Where the value of the name `name..end` begins.
fn place(line: &[u8], name: usize, end: usize) -> Option<Place> {
    let quoted = after_quote(line, end);
    let closed = quoted + usize::from(at(line, quoted) == b']');
    let next = skip(line, closed, MOST_SPACES, is_space);
    let (spaces, is_quoted) = (next > closed, quoted > end);
    let (xml, option) = (before(line, name) == b'<', cut(line, name, end).starts_with(b"--"));
    let argument = at(line, next) == b',' && is_quoted && begins_a_call(line, name) && beside(line, next + 1).is_none();
    let value = match at(line, next) {
        b'=' => next + 1 + usize::from(matches!(at(line, next + 1), b'=' | b'>')),
        _ if let Some(value) = operator(line, next).or_else(|| declared(line, next)) => value,
        // Two are a path in code.
        b':' if at(line, next + 1) != b':' => next + 1,
        b'>' if xml => next + 1,
        b',' if argument => next + 1,
        b',' if is_quoted => beside(line, next + 1)?,
        _ if is_quoted && spaces => beside(line, next)?,
        _ if spaces && (option || follows_a_login(line, name)) => next,
        _ => return None,
    };
    let start = skip(line, value, MOST_SPACES, is_space);
    let start = start + usize::from(at(line, start) == b'[' && is_quote(at(line, start + 1)));
    let word_before =
        is_space(before(line, name)) && cut(line, 0, name).trim_ascii_end().last().is_some_and(u8::is_ascii_alphabetic);
    let word = ends_with(cut(line, name, end), b"token");
    let prose = word_before && at(line, next) == b':' && word;
    Some(Place { at: start, xml: xml && at(line, next) == b'>', spaced: start > value, prose, argument, word })
}

/// The position after `:=`, `::=`, `?=`, `+=`, `.=`, `||=` and their like.
fn operator(line: &[u8], from: usize) -> Option<usize> {
    let end = skip(line, from, 3, |byte| matches!(byte, b':' | b'?' | b'+' | b'.' | b'|'));
    (end > from && at(line, end) == b'=' && at(line, end + 1) != b'=').then_some(end + 1)
}

/// The position after the type of a variable and the sign that assigns: `token string = …`, `token: &str = …`.
fn declared(line: &[u8], from: usize) -> Option<usize> {
    const TYPES: &[&[u8]] = &[b"string", b"String", b"str", b"&str", b"&'static str", b"[]byte", b"bytes", b"any"];
    let kind = skip(line, from + usize::from(at(line, from) == b':'), MOST_SPACES, is_space);
    let length =
        TYPES.iter().find(|known| cut(line, kind, kind + known.len() + 1).starts_with(known)).map(|known| known.len())?;
    let sign = skip(line, kind + length, MOST_SPACES, is_space);
    (at(line, sign) == b'=' && at(line, sign + 1) != b'=').then_some(sign + 1)
}

/// Whether a name is the first that a function is called with: `setProperty("TOKEN", …)`.
fn begins_a_call(line: &[u8], name: usize) -> bool {
    let quote = name.saturating_sub(1);
    let open = skip_back(line, quote, MOST_SPACES, |byte| byte == b'\\');
    is_quote(before(line, name)) && before(line, open) == b'('
}

/// The position after a quotation mark, escaped or not; where there is none, the same.
fn after_quote(line: &[u8], from: usize) -> usize {
    let quote = skip(line, from, MOST_SPACES, |byte| byte == b'\\');
    if is_quote(at(line, quote)) { quote + 1 } else { from }
}

/// `"name": "DB_PASSWORD", "value": "…"`, and the same as attributes.
fn beside(line: &[u8], from: usize) -> Option<usize> {
    let word = after_quote(line, skip(line, from, MOST_SPACES, is_space));
    let end = word + b"value".len();
    let close = skip(line, after_quote(line, end), MOST_SPACES, is_space);
    let is_value = cut(line, word, end).eq_ignore_ascii_case(b"value") && matches!(at(line, close), b':' | b'=');
    is_value.then_some(close + 1)
}

/// `login somebody password …`, as in a `.netrc`.
fn follows_a_login(line: &[u8], name: usize) -> bool {
    let words = cut(line, name.saturating_sub(128), name);
    let mut words = words.split(|byte| is_space(*byte)).rev().filter(|word| !word.is_empty()).skip(1);
    words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"login"))
}

/// Where the value begins and ends, and whether it stands in quotation marks.
fn value(line: &[u8], place: &Place) -> (usize, usize, bool) {
    let quote = skip(line, place.at, MOST_SPACES, |byte| byte == b'\\');
    if is_quote(at(line, quote)) && !place.xml {
        return (quote + 1, closing(line, quote + 1, at(line, quote), quote - place.at), true);
    }
    let length = |end: fn(&[u8]) -> Option<usize>| line.get(place.at..).and_then(end);
    let end = if place.xml { length(|rest| memchr::memchr(b'<', rest)) } else { length(word_length) };
    let word = cut(line, place.at, end.map_or(line.len(), |length| place.at + length));
    let kept = word.iter().rev().take_while(|byte| matches!(byte, b',' | b';' | b')' | b'}' | b']' | b'\\')).count();
    (place.at, place.at + word.len() - if place.xml { 0 } else { kept }, false)
}

/// The quotation mark that closes; the end of the line where there is none: half a secret is one too.
pub(super) fn closing(line: &[u8], from: usize, quote: u8, escapes: usize) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    for found in memchr::memchr_iter(quote, rest) {
        let backslashes = from + found - skip_back(line, from + found, 64, |byte| byte == b'\\');
        let backslashes = backslashes.min(found);
        let closes = if escapes == 0 { backslashes % 2 == 0 } else { backslashes <= escapes };
        if closes {
            return from + found - if escapes == 0 { 0 } else { backslashes };
        }
    }
    line.len()
}

/// A word ends at white space or a quotation mark, or where the next assignment begins.
fn word_length(rest: &[u8]) -> Option<usize> {
    rest.iter().enumerate().position(|(position, byte)| match byte {
        b' ' | b'\t' | b'\n' | b'\r' => true,
        b',' | b';' | b'&' => begins_another(rest, position + 1),
        byte => is_quote(*byte),
    })
}

fn begins_another(rest: &[u8], from: usize) -> bool {
    let end = skip(rest, from, 40, |byte| is_name(byte) || byte == b' ');
    let next = at(rest, from);
    next == 0 || next.is_ascii_whitespace() || is_quote(next) || (end > from && at(rest, end) == b'=')
}

/// What stands for a value, says that there is none, or refers to one.
fn is_ordinary(value: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "empty",
        "unset",
        "required",
        "optional",
        "string",
        "str",
        "&str",
        "&[u8]",
        "bytes",
        "bool",
        "boolean",
        "object",
        "number",
        "integer",
        "unknown",
        "missing",
        "invalid",
        "expired",
        "disabled",
        "enabled",
        "default",
        "redacted",
        "[redacted",
        "masked",
        "hidden",
        "filtered",
        "[filtered",
        "password",
        "passwd",
        "secret",
        "token",
        "value",
        "opaque",
        "{}",
        "[]",
        "changed",
        "unchanged",
        "rotated",
        "present",
        "absent",
    ];
    const REFERENCES: &[&str] = &[
        "${",
        "$(",
        "{{",
        "{%",
        "%(",
        "<%",
        "process.env",
        "os.environ",
        "os.getenv",
        "env.",
        "env[",
        "secrets.",
        "var.",
        "local.",
        "module.",
        "data.",
        "self.",
        "this.",
        "arn:",
        "vault:",
        "ref+",
        "projects/",
        "file:",
        "/run/",
        "/var/",
        "/etc/",
        "/usr/",
        "/tmp/",
        "/mnt/",
        "/opt/",
        "/secrets/",
        "https://",
        "http://",
        "{\"",
        "[{",
    ];
    let variable =
        |name: &[u8]| !name.is_empty() && name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
    let first = at(value, 0);
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
        || REFERENCES.iter().any(|begin| value.starts_with(begin.as_bytes()))
        || value.iter().all(|byte| *byte == first)
        || value.strip_prefix(b"$").is_some_and(variable)
        || (first == b'<' && value.last() == Some(&b'>'))
        || (first == b'%' && value.last() == Some(&b'%'))
        || (first == b'{' && value.len() < 64 && value.get(1).is_none_or(|next| is_space(*next) || is_quote(*next)))
}

/// A call, a path of names or a type, where code is assigned.
fn is_code(value: &[u8]) -> bool {
    let name = |byte: &u8| is_name(*byte) || matches!(byte, b':' | b'&' | b'*' | b'!');
    let head = value.iter().take_while(|byte| name(byte)).count();
    let call = head > 0 && matches!(at(value, head), b'(' | b'<' | b'[') && at(value, 0).is_ascii_alphabetic();
    let path = value.windows(2).any(|pair| pair == b"::") && head == value.len();
    call || path
}

/// A word of a language: letters alone, or too short to be a token.
fn is_a_word(value: &[u8]) -> bool {
    value.len() < 6 || !value.iter().any(u8::is_ascii_digit)
}
