//! Text in UTF-16, which some shells write into files, as UTF-8: no secret is found in it otherwise.

/// Makes UTF-8 of what comes in pieces and begins with the byte order mark of UTF-16. What begins otherwise stays as it is.
#[derive(Default)]
pub(super) struct Encoding {
    order: Order,
    /// What cannot be said before more is there.
    begun: Vec<u8>,
    /// How often there was no character.
    pub(super) replaced: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    /// The first bytes are not there yet.
    #[default]
    Unknown,
    /// It is no UTF-16.
    Bytes,
    Little,
    Big,
}

impl Order {
    fn unit(self, bytes: [u8; 2]) -> u16 {
        if self == Self::Big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }
}

impl Encoding {
    /// The next piece, as far as it can be said.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.begun.extend_from_slice(piece);
        if self.order == Order::Unknown {
            self.order = match self.begun.as_slice() {
                [0xff, 0xfe, ..] => Order::Little,
                [0xfe, 0xff, ..] => Order::Big,
                [] | [0xff | 0xfe] => return Vec::new(),
                _ => Order::Bytes,
            };
            if self.order != Order::Bytes {
                self.begun.drain(..2);
            }
        }
        if self.order == Order::Bytes {
            return std::mem::take(&mut self.begun);
        }
        let mut whole = self.begun.len() / 2 * 2;
        // The first half of a character waits for the second.
        if let [.., one, two] = self.begun.get(..whole).unwrap_or_default()
            && (0xd800..0xdc00).contains(&self.order.unit([*one, *two]))
        {
            whole -= 2;
        }
        let units: Vec<u8> = self.begun.drain(..whole).collect();
        self.text(&units)
    }

    /// What is left at the end.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let left = std::mem::take(&mut self.begun);
        match self.order {
            Order::Unknown | Order::Bytes => left,
            Order::Little | Order::Big => self.text(&left),
        }
    }

    fn text(&mut self, bytes: &[u8]) -> Vec<u8> {
        let order = self.order;
        let (units, rest) = bytes.as_chunks::<2>();
        let mut replaced = u64::from(!rest.is_empty());
        let mut text: String = char::decode_utf16(units.iter().map(|unit| order.unit(*unit)))
            .map(|character| {
                character.unwrap_or_else(|_| {
                    replaced += 1;
                    char::REPLACEMENT_CHARACTER
                })
            })
            .collect();
        if !rest.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        self.replaced += replaced;
        text.into_bytes()
    }
}

/// Counts what no text has in UTF-8, and a text in UTF-16 in every other place: window after window, since such a text may stand
/// behind another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nuls {
    /// In the window that is not full yet.
    nuls: usize,
    bytes: usize,
    /// How many windows were full.
    windows: u64,
    found: bool,
}

/// How many bytes are looked at together.
const WINDOW: usize = 64 << 10;

/// How many bytes behind the last full window are enough to say anything.
const ENOUGH: usize = 1 << 10;

impl Nuls {
    pub(super) fn count(&mut self, piece: &[u8]) {
        let mut left = piece;
        while !left.is_empty() {
            let (now, rest) = left.split_at(left.len().min(WINDOW - self.bytes));
            self.nuls += memchr::memchr_iter(0, now).count();
            self.bytes += now.len();
            if self.bytes == WINDOW {
                let (windows, found) = (self.windows + 1, self.found || self.are_many());
                *self = Self { nuls: 0, bytes: 0, windows, found };
            }
            left = rest;
        }
    }

    fn are_many(self) -> bool {
        self.nuls > self.bytes / 4
    }

    /// Why it is no log, where it is none by what has come so far: at its end what is behind the last full window counts, too.
    pub(super) fn refusal(self, has_ended: bool) -> Option<&'static str> {
        let is_judged = has_ended && (self.windows == 0 || self.bytes >= ENOUGH);
        let is_mostly = self.found || (is_judged && self.are_many());
        is_mostly.then_some("it is full of NUL bytes, as text in UTF-16 or UTF-32 is, and no secret would be found in it")
    }
}

/// What to do about it.
pub(super) const WRITE_UTF8: &str = "have it written in UTF-8, or in UTF-16 with its byte order mark";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_with_its_mark_is_read_however_it_comes() {
        let text = "a \u{20ac}\u{1f980}\nb";
        for order in [Order::Little, Order::Big] {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            let mut bytes: Vec<u8> =
                units.flat_map(|unit| if order == Order::Big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect();
            bytes.push(b'c');
            for size in 1..bytes.len() {
                let mut encoding = Encoding::default();
                let mut out: Vec<u8> = bytes.chunks(size).flat_map(|piece| encoding.push(piece)).collect();
                out.extend(encoding.finish());
                assert_eq!((String::from_utf8(out).unwrap(), encoding.replaced), (format!("{text}\u{fffd}"), 1), "{size}");
            }
        }
    }

    #[test]
    fn what_has_no_mark_stays_as_it_is() {
        for text in [&b""[..], b"\xff", b"\xfe", b"\xff\xff\xfe", b"a\0b\0", b"\xef\xbb\xbfa"] {
            for size in 1..4 {
                let mut encoding = Encoding::default();
                let mut out: Vec<u8> = text.chunks(size).flat_map(|piece| encoding.push(piece)).collect();
                out.extend(encoding.finish());
                assert_eq!((out.as_slice(), encoding.replaced), (text, 0));
            }
        }
    }

    #[test]
    fn a_half_character_is_replaced() {
        let mut encoding = Encoding::default();
        let mut out = encoding.push(b"\xff\xfe\x00\xd8a\0\x00\xd8");
        out.extend(encoding.finish());
        assert_eq!((String::from_utf8(out).unwrap().as_str(), encoding.replaced), ("\u{fffd}a\u{fffd}", 2));
    }

    #[test]
    fn what_is_full_of_nuls_is_found_wherever_it_stands_and_as_soon_as_it_can_be() {
        let (text, wide) = (b"ready\n".repeat(10_000), b"s\0e\0c\0r\0e\0t\0".repeat(8_000));
        let (text, wide, few) = (text.as_slice(), wide.as_slice(), b"\0\0\0".as_slice());
        for (what, parts, is_refused) in [
            ("text", vec![text], false),
            ("as a shell appends it", vec![text, wide], true),
            ("before other text", vec![wide, text, text], true),
            ("between other text", vec![text, wide, wide, text], true),
            ("few bytes", vec![&wide[..6]], true),
            ("few bytes behind a window of text", vec![text, &text[..WINDOW - 60_000], few], false),
            ("a few among many", vec![text, few, text], false),
        ] {
            for size in [1_000, WINDOW, 1 << 20] {
                let mut nuls = Nuls::default();
                parts.concat().chunks(size).for_each(|piece| nuls.count(piece));
                assert_eq!(nuls.refusal(true).is_some(), is_refused, "{what}");
            }
        }
        let mut nuls = Nuls::default();
        nuls.count(&wide[..WINDOW - 2]);
        assert!(nuls.refusal(false).is_none());
        nuls.count(&wide[..2]);
        assert!(nuls.refusal(false).is_some());
    }
}
