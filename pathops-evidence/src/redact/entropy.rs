//! How random a word looks.

use super::bytes::{before, cut, ends_with, is_name, is_quote, is_space, skip_back};

/// Shannon's entropy, in bits a byte.
pub(super) fn shannon(word: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in word {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let length = f64::from(u32::try_from(word.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| f64::from(*count) / length;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

/// Words of this many bytes are looked at: shorter ones are names, longer ones files.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=128;
/// Bits a byte; random letters and digits have 4.2 at 24 bytes, and more the longer they are.
const LEAST_ENTROPY: f64 = 3.7;

/// What stands before a digest that is written in letters of base64.
const BEFORE_DIGESTS: &[&[u8]] =
    &[b"h1:", b"sha1-", b"sha256-", b"sha384-", b"sha512-", b"SHA256:", b"sha256:", b"sha512:", b"base64,", b"nonce-"];
/// How public keys and signatures in DER begin, and public keys of SSH.
const PUBLIC: &[&[u8]] = &[b"MFkw", b"MCow", b"MHYw", b"MEUC", b"MEQC", b"MEYC", b"MGUC", b"MGQC", b"AAAA"];

/// How names of values end that are random and no secrets.
const NAMES: &[&[u8]] = &[
    b"_id",
    b"-id",
    b"signature",
    b"_sig",
    b"digest",
    b"hash",
    b"checksum",
    b"fingerprint",
    b"public_key",
    b"public-key",
    b"publickey",
    b"pubkey",
    b"nonce",
    b"etag",
    b"cursor",
    b"integrity",
];

/// Whether the word stands in the place of a value that is random and no secret, by its name. What says who is logged in is one.
fn has_an_open_name(line: &[u8], start: usize) -> bool {
    let end = skip_back(line, start, 8, |byte| is_space(byte) || is_quote(byte) || matches!(byte, b':' | b'=' | b'\\'));
    let assigned = cut(line, end, start).iter().any(|byte| matches!(byte, b':' | b'='));
    let name = cut(line, skip_back(line, end, 64, is_name), end);
    let camel = name.ends_with(b"Id") || name.ends_with(b"ID") || name.eq_ignore_ascii_case(b"id");
    let session = name.to_ascii_lowercase().windows(7).any(|part| part == b"session");
    assigned && !session && (camel || NAMES.iter().any(|known| ends_with(name, known)))
}

/// Whether the word at `start..end` looks as if a machine had drawn it at random: upper and lower case and digits, mixed as
/// names in code are not, and no digest, public key or signature.
pub(super) fn looks_random(line: &[u8], start: usize, end: usize) -> bool {
    let word = cut(line, start, end);
    let count = |is: fn(&u8) -> bool| word.iter().filter(|byte| is(byte)).count();
    let mixed = || count(u8::is_ascii_uppercase) >= 2 && count(u8::is_ascii_lowercase) >= 2 && count(u8::is_ascii_digit) >= 2;
    LENGTHS.contains(&word.len())
        && !matches!(before(line, start), b'.' | b'%' | b'\\')
        && mixed()
        && changes(word) * 20 >= word.len() * 9
        && shannon(word) >= LEAST_ENTROPY
        && !has_an_open_name(line, start)
        && !PUBLIC.iter().any(|begin| word.starts_with(begin))
        // The prefix may end within the word, because `-` is a letter of base64.
        && !BEFORE_DIGESTS.iter().any(|prefix| word.starts_with(prefix) || cut(line, 0, start).ends_with(prefix))
}

/// How often the kind of character changes from one to the next.
fn changes(word: &[u8]) -> usize {
    let kind = |byte: &u8| match byte {
        b'a'..=b'z' => 0_u8,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    word.iter().zip(word.iter().skip(1)).filter(|(one, next)| kind(one) != kind(next)).count()
}
