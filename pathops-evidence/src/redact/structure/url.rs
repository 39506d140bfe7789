//! Secrets in URLs and in the addresses of databases.

use super::super::bytes::{at, before, cut, is_name, is_quote, is_space, skip, skip_back};
use super::super::span::{Label, Span};

const LONGEST: usize = 4_096;

/// `scheme://user:password@host`, and a long token in the place of the user.
pub(super) fn userinfo(line: &[u8], start: usize, end: usize) -> Option<Span> {
    if !before(line, start).is_ascii_alphanumeric() {
        return None;
    }
    let user = skip(line, end, LONGEST, |byte| !matches!(byte, b':' | b'/' | b'@' | b'?' | b'#') && is_inside(byte));
    let label = Label::UrlPassword;
    match at(line, user) {
        b':' => {
            let port = skip(line, user + 1, 5, |byte| byte.is_ascii_digit());
            let is_port = port > user + 1 && (matches!(at(line, port), b'/' | b'?' | b'#' | b',') || !is_inside(at(line, port)));
            let at_sign = if is_port { None } else { last_at_sign(line, user + 1) }?;
            (user + 1 < at_sign).then_some(Span { start: user + 1, end: at_sign, label })
        }
        b'@' => {
            let token = cut(line, end, user);
            let long = token.len() >= 20 && token.iter().any(u8::is_ascii_digit);
            long.then_some(Span { start: end, end: user, label })
        }
        _ => None,
    }
}

fn is_inside(byte: u8) -> bool {
    byte > b' ' && !is_quote(byte) && !matches!(byte, b'<' | b'>')
}

/// The `@` before the host, which is the last one that a host can stand behind. A password may hold others, and `/`, `?` and `#`, too:
/// of a path with an `@` in it more is taken out than the password, which is better than less. In a query there is none.
fn last_at_sign(line: &[u8], from: usize) -> Option<usize> {
    let part = cut(line, from, from + LONGEST);
    // Another URL may stand right behind it.
    let part = cut(part, 0, memchr::memmem::find(part, b"://").unwrap_or(part.len()));
    let url = cut(part, 0, skip(part, 0, LONGEST, is_inside));
    let first = memchr::memchr(b'@', url)?;
    let begins_query = |sign: &usize| {
        let name = skip(url, sign + 1, 64, is_name);
        name > sign + 1 && at(url, name) == b'='
    };
    let query = memchr::memchr_iter(b'?', url).find(|sign| *sign > first && begins_query(sign));
    let url = cut(url, 0, query.unwrap_or(url.len()));
    let mut at_signs = memchr::memrchr_iter(b'@', url);
    let host = at_signs.find(|sign| begins_a_host(url, sign + 1)).or_else(|| memchr::memrchr(b'@', url));
    host.map(|sign| from + sign)
}

/// Whether a host can stand there: what has a colon behind it has a port, which a digest has not.
fn begins_a_host(url: &[u8], from: usize) -> bool {
    let end = skip(url, from, 255, |byte| !matches!(byte, b':' | b'/' | b'?' | b'#' | b',' | b'@'));
    let port = skip(url, end + 1, 5, |byte| byte.is_ascii_digit());
    match at(url, end) {
        b'@' => false,
        b':' => at(url, from) == b'[' || port > end + 1 && !at(url, port).is_ascii_alphanumeric(),
        _ => true,
    }
}

/// `user:password@tcp(host)`, as Go's MySQL driver writes it.
pub(super) fn dsn(line: &[u8], at_sign: usize) -> Option<Span> {
    let begin = skip_back(line, at_sign, 256, |byte| !is_space(byte) && !is_quote(byte));
    let mut colons = memchr::memchr_iter(b':', cut(line, begin, at_sign)).map(|colon| begin + colon);
    let colon = colons.find(|colon| !cut(line, *colon, line.len()).starts_with(b"://"))?;
    (colon + 1 < at_sign).then_some(Span { start: colon + 1, end: at_sign, label: Label::UrlPassword })
}

/// `?sig=…` and `&X-Amz-Signature=…`: whoever has such a URL may use it.
pub(super) fn signature(line: &[u8], start: usize, end: usize) -> Option<Span> {
    let name = skip_back(line, start, 32, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    // An escaped `&` ends with a letter or a semicolon.
    let in_a_query = matches!(before(line, name), b'?' | b'&' | b';') || cut(line, 0, start).ends_with(b"u0026");
    let is_value = |byte: u8| byte.is_ascii_alphanumeric() || b"%+/=_-.~".contains(&byte);
    let to = if in_a_query { skip(line, end, usize::MAX, is_value) } else { end };
    (to - end >= 16).then_some(Span { start: end, end: to, label: Label::SignedUrl })
}
