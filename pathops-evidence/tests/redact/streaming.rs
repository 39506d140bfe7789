//! However a text is cut, the result is that of the whole; and redacting twice is redacting once.

use std::io::Read;

use pathops_evidence::redact::{Redactor, Removed, Rules};
use proptest::prelude::*;

use crate::corpus::{Numbers, ordinary, secrets};

fn redactor(longest_line: usize) -> Redactor {
    Redactor::builder().known(["swordfish".to_owned()]).longest_line(longest_line).build().unwrap()
}

/// The text pushed in pieces of these lengths, over and over.
fn in_pieces(redactor: &Redactor, text: &[u8], lengths: &[usize]) -> (Vec<u8>, Removed) {
    let (mut stream, mut out) = (redactor.stream(), Vec::new());
    let mut rest = text;
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*length).clamp(1, rest.len()));
        stream.push(piece, &mut out);
        rest = after;
    }
    let removed = stream.finish(&mut out);
    (out, removed)
}

/// Secrets, ordinary lines, pieces of either, and bytes of any kind.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let secrets: Vec<Vec<u8>> = secrets(13, false).into_iter().map(|sample| sample.text.into_bytes()).collect();
    let lines: Vec<Vec<u8>> = ordinary(13).into_iter().map(String::into_bytes).collect();
    let marks = [
        "\n",
        "\r\n",
        " ",
        "\"",
        "\\",
        "'",
        "password=",
        "password: |\n  ",
        "name: DB_TOKEN\nvalue: ",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----END PRIVATE KEY-----",
        "\n-----END PRIVATE KEY-----\n",
        "Cookie: a=b\n ",
        "Authorization:\n ",
        "\u{200b}",
        "&#97;",
        "61:62:",
        "dHV2\n",
        "[redacted ",
        "[redacted assignment]",
        "token",
        ": ",
        "=",
        "%",
        "%3D",
        "\\\"",
        "\\n",
        "swordfish",
        "eyJ",
        ".",
        "://",
        "@",
        "a",
        "Authorization: ",
        "Bearer ",
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2\n",
    ];
    let mark = prop::sample::select(marks.map(|mark| mark.as_bytes().to_vec()).to_vec());
    let piece = prop_oneof![
        3 => prop::sample::select(secrets.clone()),
        2 => prop::sample::select(lines),
        2 => (prop::sample::select(secrets), 0_usize..200).prop_map(|(mut text, length)| { text.truncate(length); text }),
        6 => mark,
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 0_usize..400).prop_map(|(byte, length)| vec![byte; length]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn however_it_is_cut_the_result_is_that_of_the_whole(
        text in text(),
        lengths in prop::collection::vec(1_usize..200, 1..20),
        longest in prop_oneof![Just(1 << 20), 20_usize..2_000],
    ) {
        let redactor = redactor(longest);
        let whole = redactor.redact(&text);
        let (bytes, removed) = in_pieces(&redactor, &text, &lengths);
        prop_assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&whole.bytes));
        prop_assert_eq!(removed, whole.removed);
    }

    #[test]
    fn redacting_twice_changes_nothing(text in text(), longest in prop_oneof![Just(1 << 20), 20_usize..2_000]) {
        let redactor = redactor(longest);
        let once = redactor.redact(&text).bytes;
        let twice = redactor.redact(&once);
        prop_assert_eq!(String::from_utf8_lossy(&twice.bytes), String::from_utf8_lossy(&once));
        prop_assert_eq!(twice.removed, Removed::new());
    }

    #[test]
    fn what_is_in_the_text_is_never_in_the_result(before in text(), after in text()) {
        let text = [&before[..], b"\nDB_PASSWORD=fish-and-chips-77\n", &after].concat();
        let redacted = redactor(1 << 20).redact(&text).bytes;
        prop_assert!(!redacted.windows(17).any(|part| part == b"fish-and-chips-77"));
    }
}

#[test]
fn every_cut_in_two_gives_the_same() {
    let redactor = redactor(4_096);
    for sample in secrets(17, false).iter().step_by(3) {
        let text = sample.text.as_bytes();
        let whole = redactor.redact(text).bytes;
        for cut in (1..text.len()).step_by(1 + text.len() / 60) {
            assert_eq!(in_pieces(&redactor, text, &[cut, text.len()]).0, whole, "{:?} cut at {cut}", sample.text);
        }
    }
}

#[test]
fn a_reader_gives_what_the_whole_text_gives() {
    let redactor = redactor(1 << 20);
    let samples: Vec<_> = secrets(19, false).into_iter().map(|sample| sample.text + "\n").collect();
    let text = samples.concat().repeat(3);
    let mut reader = redactor.reader(text.as_bytes());
    let mut bytes = Vec::new();
    assert_eq!(reader.removed(), None);
    reader.read_to_end(&mut bytes).unwrap();
    let whole = redactor.redact(text.as_bytes());
    assert!(bytes == whole.bytes);
    assert_eq!(reader.removed(), Some(&whole.removed));
}

#[test]
fn a_line_that_is_too_long_is_taken_out_as_a_whole() {
    let redactor = redactor(1_000);
    let long = "x ".repeat(495) + "password=kettle";
    let text = format!("one\n{long}\ntwo\n");
    let expected = "one\n[redacted long-line]\ntwo\n";
    for lengths in [&[1][..], &[7], &[100_000]] {
        assert_eq!(String::from_utf8(in_pieces(&redactor, text.as_bytes(), lengths).0).unwrap(), expected);
    }
    let endless = "y".repeat(5_000);
    assert_eq!(redactor.redact_text(&endless), "[redacted long-line]");
    let exactly = "z ".repeat(500);
    assert_eq!(redactor.redact_text(&exactly), exactly);
    // The placeholder would make it too long to be looked at again.
    let nearly = "z ".repeat(492) + "password=kettles";
    assert_eq!(redactor.redact_text(&nearly), "[redacted long-line]");
}

/// A private key of any length is taken out up to its end; one without an end, up to what is no key.
#[test]
fn a_private_key_has_any_length() {
    let redactor = redactor(1_000);
    let mut numbers = Numbers::new(23);
    let body: String = (0..10_000).map(|_| numbers.word(64) + "\n").collect();
    let (begin, end) = (["-----BEGIN RSA ", "PRIVATE KEY-----"].concat(), ["-----END RSA ", "PRIVATE KEY-----"].concat());
    let whole = format!("a\n{begin}\n{body}{end}\nb\n");
    let (bytes, removed) = in_pieces(&redactor, whole.as_bytes(), &[1_000, 17]);
    assert_eq!(String::from_utf8(bytes).unwrap(), "a\n[redacted private-key]\nb\n");
    assert_eq!(removed["private-key"], 1);
    // The first word after it may be its last line; then two more lines may be of it.
    let cut_off = format!("a\n{begin}\n{body}one\ntwo words\nthree of them\nfour of them\nfive\n");
    assert_eq!(redactor.redact_text(&cut_off), "a\n[redacted private-key]\nfour of them\nfive\n");
}

/// What is left of one where a log was cut has no beginning.
#[test]
fn the_rest_of_a_private_key_is_taken_out() {
    let redactor = Redactor::builder().longest_line(4_096).high_entropy(false).build().unwrap();
    let mut numbers = Numbers::new(37);
    let body: String = (0..5).map(|_| numbers.word(64) + "\n").collect();
    let end = |of: &str| ["-----END ", of, "-----"].concat();
    let (rsa, pgp) = (end(&["RSA PRIVATE", " KEY"].concat()), end(&["PGP PRIVATE", " KEY BLOCK"].concat()));
    for rest in [format!("{body}{rsa}"), format!("{body}dHV2\n{rsa}"), format!("{body}dHV2\n=aB3d\n{pgp}")] {
        for indent in ["", "    "] {
            let lines: String = rest.lines().map(|line| format!("{indent}{line}\n")).collect();
            let expected = format!("a b\n{indent}[redacted private-key]\nc d\n");
            for lengths in [&[1][..], &[7, 64], &[100_000]] {
                let (bytes, removed) = in_pieces(&redactor, format!("a b\n{lines}c d\n").as_bytes(), lengths);
                assert_eq!((String::from_utf8(bytes).unwrap(), removed["private-key"]), (expected.clone(), 1));
            }
        }
        let json = format!("{{\"log\":\"{}\"}}", crate::corpus::json(&format!("a b\n{rest}\nc d")));
        assert_eq!(redactor.redact_text(&json), "{\"log\":\"a b\\n[redacted private-key]\\nc d\"}");
    }
    let others = format!("a b\n{body}dHV2\n{}\n{body}c d\n{rsa}\n", end("CERTIFICATE"));
    assert_eq!(redactor.redact_text(&others), others);
    // What is too long to be kept goes as what it is, and the end of a key that was open ends it.
    let narrow = self::redactor(64);
    assert_eq!(narrow.redact_text(&format!("{}{rsa}\nb\n", &body[65..])), format!("[redacted long-line]\n{rsa}\nb\n"));
    let begin = rsa.replace("END", "BEGIN");
    assert_eq!(narrow.redact_text(&format!("{begin}\n{body}{rsa}\nb\n")), "[redacted private-key]\nb\n");
}

#[test]
fn a_header_goes_on_in_lines_that_are_further_in() {
    let redactor = redactor(4_096);
    for (text, expected) in [
        (
            "Cookie: a=b;\n c=kettle;\n\td=e\nHost: x\n",
            "Cookie: [redacted cookie]\n [redacted cookie]\n\t[redacted cookie]\nHost: x\n",
        ),
        (
            "  Authorization: Digest a=\"b\",\r\n    response=kettle\r\n  x=y\r\n",
            "  Authorization: Digest [redacted authorization]\r\n    [redacted authorization]\r\n  x=y\r\n",
        ),
        ("Authorization:\n Bearer-kettle\nx", "Authorization:\n [redacted authorization]\nx"),
        ("sent Cookie: a=swordfish\n b=kettle\n", "sent Cookie: [redacted known]\n [redacted cookie]\n"),
        (
            "got Cookie: a=b\n\tat com.example.Main.main(Main.java:3)\n",
            "got Cookie: [redacted cookie]\n\tat com.example.Main.main(Main.java:3)\n",
        ),
        ("cookie:\n  name: sid\nif cookie:\n  a = b\n", "cookie:\n  name: sid\nif cookie:\n  a = b\n"),
    ] {
        for lengths in [&[1][..], &[7], &[1_000]] {
            assert_eq!(String::from_utf8(in_pieces(&redactor, text.as_bytes(), lengths).0).unwrap(), expected);
        }
        assert_eq!(redactor.redact_text(expected), expected);
    }
}

#[test]
fn debug_shows_nothing_that_is_held_back() {
    let builder = || Redactor::builder().known(["swordfish".to_owned()]);
    let redactor = builder().build().unwrap();
    let (mut stream, mut out) = (redactor.stream(), Vec::new());
    stream.push(b"password=kettle", &mut out);
    let mut reader = redactor.reader(&b"one\npassword=kettle\npassword=kettle"[..]);
    reader.read_exact(&mut [0; 2]).unwrap();
    let said = format!("{:?} {redactor:?} {stream:?} {reader:?}", builder());
    assert!(!said.contains("swordfish") && !said.contains("kettle"), "{said}");
}

/// Each stands behind a letter or a digit, and begins a word only when what is before it is gone.
#[test]
fn what_comes_to_light_by_taking_something_out_is_taken_out_too() {
    let known = Redactor::new(["swordfish".to_owned()]).unwrap();
    let text = ["swordfish", "AK", "IAABCDEFGHIJKLMNOP"].concat();
    assert_eq!(known.redact_text(&text), "[redacted known][redacted aws-access-key]");
    let rules = Rules::from_toml("[[rules]]\nid = \"r\"\nkeywords = [\"k\"]\nregex = '''\\bk[0-9]{2}'''").unwrap();
    let redactor = Redactor::builder().rules(rules).build().unwrap();
    assert_eq!(redactor.redact_text("k11k22k33k44 x"), "[redacted r][redacted r][redacted r][redacted r] x");
    // Where that does not come to an end soon, the line goes as a whole.
    assert_eq!(redactor.redact_text("k11k22k33k44k55 x\ny"), "[redacted unsettled]\ny");
}
