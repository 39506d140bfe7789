//! Texts made to break it: no panic, and time that grows with the length and no faster.

use std::time::Duration;

use pathops_evidence::redact::Redactor;
use proptest::prelude::*;

use crate::corpus::{ENCODINGS, secrets};

/// The time that this thread was at work.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

fn time(redactor: &Redactor, text: &[u8]) -> Duration {
    let begin = cpu_time();
    let _ = redactor.redact(text);
    cpu_time().saturating_sub(begin)
}

/// Eight times the text takes about eight times as long. Thirty is allowed, since the machine may be busy; a square would be
/// sixty-four.
#[track_caller]
fn check_linear(name: &str, piece: &[u8]) {
    let redactor = Redactor::new(["swordfish".to_owned()]).unwrap();
    let text = piece.repeat((120_000 / piece.len()).max(1));
    let (small, large) = (text.get(..text.len() / 8).unwrap(), &text);
    let ratio = |_| time(&redactor, large).as_secs_f64() / time(&redactor, small).as_secs_f64().max(0.001);
    let best = (0..3).map(ratio).fold(f64::INFINITY, f64::min);
    println!("{name}: {best:.1} times as long for 8 times the text");
    assert!(best < 30.0, "{name}: {best:.1} times as long for 8 times the text");
}

#[test]
fn time_grows_with_the_length_and_no_faster() {
    let pieces: &[&str] = &[
        "a",
        "\"",
        "\\\"",
        "\\",
        "%41",
        "%",
        "\\u0041",
        "=",
        "/",
        "-",
        "password",
        "password=",
        "password=\"",
        "password='\"",
        "token=env.",
        "token: ",
        "authorization:",
        "authorization:\"",
        "Authorization: Bearer ",
        "cookie:",
        "cookie: a",
        "\\\"cookie:x",
        "authorization:\n =",
        "eyJ",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJIUzI1NiJ9.",
        "a://",
        "a://b:",
        "a://b:c@",
        "://",
        "x@",
        "@tcp(",
        "a:b@tcp(",
        "?sig=",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "[redacted ",
        "[redacted assignment]",
        "YWFh",
        "6161",
        "61:",
        "61:62 ",
        "&",
        "&#103;",
        "&amp;",
        "\u{200b}",
        "\u{2026}",
        "ghp_",
        "sk-",
        " -u a",
        "curl -u ",
        "mysql -p",
        "docker login -p '",
        " -a",
        "a://b:@c:d/",
        "<token>",
        "token,value=",
        "AKIAABCDEFGHIJKLMNOP",
        "swordfish",
        "name: DB_TOKEN\n",
        "password: |\n ",
        "-----BEGIN PRIVATE KEY-----\n",
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2\n",
    ];
    for piece in pieces {
        check_linear(piece, piece.as_bytes());
    }
}

#[test]
fn encodings_around_each_other_cost_no_more_than_their_depth() {
    for (name, encode) in ENCODINGS {
        let mut text = "password=kettle and more words ".repeat(20);
        for _ in 0..5 {
            text = encode(&text);
            text.truncate(10_000);
        }
        check_linear(name, text.as_bytes());
    }
}

/// `%252525…` is an escape of an escape of an escape, and hardly shorter without each of them.
#[test]
fn a_line_that_costs_too_much_is_taken_out_as_a_whole() {
    let text = format!("before\n%{}41\nafter", "25".repeat(20_000));
    let deep = Redactor::builder().depth(200).build().unwrap();
    assert_eq!(deep.redact_text(&text), "before\n[redacted unsettled]\nafter");
    assert_eq!(Redactor::new([]).unwrap().redact_text(&text), text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Bytes changed, taken out and doubled in texts with secrets.
    #[test]
    fn no_text_makes_it_panic(
        sample in prop::sample::select(secrets(29, false)),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 0..8),
    ) {
        let mut bytes = sample.text.into_bytes();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len().max(1));
            match how {
                0 => bytes.insert(at.min(bytes.len()), byte),
                1 if at < bytes.len() => { bytes.remove(at); }
                2 => bytes.truncate(at),
                _ => if let Some(place) = bytes.get_mut(at) { *place = byte },
            }
        }
        let redactor = Redactor::new([]).unwrap();
        let once = redactor.redact(&bytes).bytes;
        prop_assert_eq!(redactor.redact(&once).bytes, once);
        let _ = redactor.finds_token(&bytes);
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let redactor = Redactor::new([]).unwrap();
        let once = redactor.redact(&bytes).bytes;
        prop_assert_eq!(redactor.redact(&once).bytes, once);
    }
}
