//! Base64 and hexadecimal: words of a line that may be text once more.
//!
//! Most long words are names, paths and digests. A word is decoded only where it begins to give text within its first letters
//! or anywhere later; for base64 at each of the four positions at which a first letter can stand, since a name may be glued
//! before it.

use super::bytes::{at, cut, is_text, skip};

/// The shortest word that is decoded.
const SHORTEST: usize = 16;
/// So many bytes of text in a row make a word worth decoding: no form that is looked for is shorter.
const TEXT: usize = 9;

/// The value of a letter of base64, of either alphabet; 255 for what is none.
const BASE64: [u8; 256] = values(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", b"-_");
/// The value of a hexadecimal digit.
const HEX: [u8; 256] = values(b"0123456789abcdef", b"ABCDEF");

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "constants, looked at by the compiler")]
const fn values(letters: &[u8], others: &[u8]) -> [u8; 256] {
    let mut values = [255; 256];
    let mut value = 0;
    while value < letters.len() {
        values[letters[value] as usize] = value as u8;
        value += 1;
    }
    // The others have the highest values, once more.
    let mut other = 0;
    while other < others.len() {
        values[others[other] as usize] = (letters.len() - others.len() + other) as u8;
        other += 1;
    }
    values
}

fn value(table: &[u8; 256], byte: u8) -> u8 {
    table.get(usize::from(byte)).copied().unwrap_or(255)
}

pub(super) fn is_base64(byte: u8) -> bool {
    value(&BASE64, byte) < 64
}

pub(super) fn is_hex(byte: u8) -> bool {
    value(&HEX, byte) < 16
}

/// The words of a line that are long enough, without the padding that may follow.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut position = SHORTEST - 1;
    let mut last = 0;
    std::iter::from_fn(move || {
        // A word of that length holds one of every so many positions: most bytes need not be looked at.
        while position < line.len() {
            if !is_base64(at(line, position)) {
                position += SHORTEST;
                continue;
            }
            let start = last.max(position - cut(line, last, position).iter().rev().take_while(|byte| is_base64(**byte)).count());
            let end = skip(line, position, usize::MAX, is_base64);
            (position, last) = (end + SHORTEST, end);
            if end - start >= SHORTEST {
                return Some((start, end));
            }
        }
        None
    })
}

/// Pairs of hexadecimal digits with one and the same mark between them, from where to where: `67:68:70`, `67 68 70`.
pub(super) fn pairs(line: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    // As for words: what is long enough holds the three bytes behind one of so many positions.
    const STEP: usize = 3 * TEXT - 3;
    let mut position = 0;
    std::iter::from_fn(move || {
        while position + 2 < line.len() {
            let (start, end) = pairs_around(line, position);
            // The last pair may be the first one with another mark.
            position = (position + STEP).max(end + STEP - 3);
            if end - start >= 3 * TEXT - 1 {
                return Some((start, end));
            }
        }
        None
    })
}

/// The pairs around the mark in three bytes; where there is none, no place.
fn pairs_around(line: &[u8], position: usize) -> (usize, usize) {
    let is_pair = |from: usize| is_hex(at(line, from)) && is_hex(at(line, from + 1));
    let mark = skip(line, position, 2, is_hex);
    let sign = at(line, mark);
    if !matches!(sign, b':' | b' ' | b'\t' | b'-' | b'_' | b'.' | b',') || !is_pair(mark + 1) {
        return (position, position);
    }
    let (mut start, mut end) = (mark + 1, mark + 3);
    while start >= 3 && at(line, start - 1) == sign && is_pair(start - 3) {
        start -= 3;
    }
    while at(line, end) == sign && is_pair(end + 1) {
        end += 3;
    }
    (start, end)
}

/// The place of a word with the padding after it.
pub(super) fn padded(line: &[u8], end: usize) -> usize {
    skip(line, end, 2, |byte| byte == b'=')
}

/// Everything that a word may be the encoded form of, with where it begins in the word.
pub(super) fn decoded(word: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let base64 = (0..4).filter(|begin| gives_text(word, *begin)).map(|begin| (begin, decode_base64(word, begin)));
    base64.chain(decoded_hex(word))
}

/// Whether there is text where a first letter stands at `begin`, and at every fourth position after it.
///
/// The last letter of a row is looked at first: where it cannot be one, no row goes over it.
fn gives_text(word: &[u8], begin: usize) -> bool {
    let mut row = begin;
    while row + 12 <= word.len() {
        if let Some(quad) = [8, 4, 0].into_iter().find(|quad| !begins_text(at(word, row + quad))) {
            row += quad + 4;
            continue;
        }
        if cut(word, row, row + 12).chunks_exact(4).all(|quad| decode(quad).iter().all(|byte| is_text(*byte))) {
            return true;
        }
        row += 4;
    }
    false
}

/// Whether the first six bits can be those of a byte of text.
fn begins_text(letter: u8) -> bool {
    matches!(value(&BASE64, letter), 2 | 3 | 8..=31)
}

fn decode(quad: &[u8]) -> [u8; 3] {
    let [a, b, c, d] = [0, 1, 2, 3].map(|place| value(&BASE64, at(quad, place)) & 63);
    [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]
}

/// The bytes of base64 from `begin` on. Padding, and whether there is any, does not matter.
pub(super) fn decode_base64(word: &[u8], begin: usize) -> Vec<u8> {
    let letters = word.get(begin..).unwrap_or_default().trim_ascii_end();
    let end = letters.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let letters = cut(letters, 0, end);
    let mut out = Vec::with_capacity(letters.len() / 4 * 3 + 3);
    for quad in letters.chunks(4) {
        out.extend(decode(quad).into_iter().take((quad.len() * 3) / 4));
    }
    out
}

/// The bytes of hexadecimal in a word, at both positions.
fn decoded_hex(word: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let mut from = 0;
    let mut found = Vec::new();
    // As for words: what is long enough holds the last position of those that are looked at.
    while from + 2 * TEXT <= word.len() {
        let last = from + 2 * TEXT - 1;
        let back = cut(word, from, last + 1).iter().rev().take_while(|byte| is_hex(**byte)).count();
        if back < 2 * TEXT {
            from = last + 1 - back;
            continue;
        }
        let end = skip(word, last, usize::MAX, is_hex);
        for begin in [from, from + 1] {
            let digits = cut(word, begin, end);
            if hex_gives_text(digits) {
                found.push((begin, decode_hex(digits)));
            }
        }
        from = end + 1;
    }
    found.into_iter()
}

fn hex_gives_text(digits: &[u8]) -> bool {
    let mut row = 0;
    while row + 2 * TEXT <= digits.len() {
        let mut pairs = cut(digits, row, row + 2 * TEXT).chunks_exact(2);
        match pairs.rposition(|pair| !is_text(byte(pair))) {
            Some(place) => row += 2 * place + 2,
            None => return true,
        }
    }
    false
}

fn byte(pair: &[u8]) -> u8 {
    value(&HEX, at(pair, 0)) << 4 | value(&HEX, at(pair, 1)) & 15
}

fn decode_hex(digits: &[u8]) -> Vec<u8> {
    digits.chunks_exact(2).map(byte).collect()
}

/// Whether all of the word is text in base64: it was looked at decoded then, and is not random.
pub(super) fn is_encoded_text(word: &[u8]) -> bool {
    let decoded = decode_base64(word, 0);
    // What is cut off may end within a character.
    decoded.len() >= TEXT && decoded.iter().take(decoded.len().saturating_sub(3)).all(|byte| is_text(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(line: &str) -> Vec<&str> {
        words(line.as_bytes()).map(|(start, end)| &line[start..end]).collect()
    }

    #[test]
    fn words_are_found_wherever_they_stand() {
        let word = "abcdefghijklmnop";
        for before in 0..40 {
            let line = format!("{}{word} x", ". ".repeat(before));
            assert_eq!(words_of(&line), [word], "{before}");
        }
        assert_eq!(words_of(&format!("{word}==, {word}_/ {}", &word[..15])), [word, "abcdefghijklmnop_/"]);
        assert_eq!(words_of(""), [""; 0]);
    }

    #[test]
    fn both_alphabets_are_decoded_with_and_without_padding_and_behind_a_name() {
        let all = |word: &str| decoded(word.as_bytes()).map(|(_, bytes)| bytes).collect::<Vec<_>>();
        let has = |word: &str, text: &str| all(word).iter().any(|bytes| bytes.ends_with(text.as_bytes()));
        assert!(has("d2hvPz4+IGlzIHRoZXJl", "who?>> is there"));
        assert!(has("d2hvPz4-IGlzIHRoZXJl", "who?>> is there"));
        assert!(has("aGVsbG8gd29ybGQh", "hello world!"));
        for name in ["a", "ab", "abc", "path/to/"] {
            assert!(has(&format!("{name}aGVsbG8gd29ybGQh"), "hello world!"), "{name}");
        }
        assert!(has("68656c6c6f20776f726c6421", "hello world!"));
        assert!(has("x68656C6C6F20776F726C6421", "hello world!"));
        assert_eq!(decode_base64(b"YWI=", 0), b"ab");
        assert_eq!(decode_base64(b"YQ", 0), b"a");
    }

    #[test]
    fn pairs_are_found_wherever_they_stand() {
        let found = |line: &str| pairs(line.as_bytes()).map(|(start, end)| line[start..end].to_owned()).collect::<Vec<_>>();
        for sign in [":", " ", "-", "_", ",", ".", "\t"] {
            let run = ["6b"; TEXT].join(sign);
            for before in 0..60 {
                assert_eq!(found(&format!("{}={run};", "/".repeat(before))), std::slice::from_ref(&run), "{before}");
                assert_eq!(found(&format!("{}{run}", "6b/".repeat(before))), std::slice::from_ref(&run), "{before}");
            }
            assert_eq!(found(&format!("{run}{run}")), [run.clone(), run.clone()]);
            assert_eq!(found(&run[3..]), [""; 0]);
        }
        assert_eq!(found(&["6b"; TEXT].join("/")), [""; 0]);
        let (colons, dashes) = (["6b"; TEXT].join(":"), ["6b"; TEXT].join("-"));
        assert_eq!(found(&format!("{colons}{}", &dashes[2..])), [colons, dashes], "the pair between them is in both");
    }

    #[test]
    fn digests_are_not_worth_decoding() {
        let digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
        assert_eq!(decoded(digest.as_bytes()).count(), 0);
    }
}
