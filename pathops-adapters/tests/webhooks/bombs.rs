//! Bodies that are made to take room, time or the stack.

use pathops_adapters::webhook::Sender;
use pathops_core::adapter::{Hint, Rejection, WebhookSource as _};

use crate::request::{NOW, Request, all, github};

const LARGEST: usize = 25 << 20;
/// Large enough for any of them to take a hundred times as much, and small enough to be tried with each sender.
const BOMB: usize = 4 << 20;

/// A body of that many bytes: a beginning, and then one text again and again.
fn filled(beginning: &str, repeated: &str, bytes: usize) -> Vec<u8> {
    let mut body = beginning.as_bytes().to_vec();
    body.extend(repeated.bytes().cycle().take(bytes.saturating_sub(beginning.len())));
    body
}

#[test]
fn what_is_larger_than_the_sender_sends_is_refused_before_it_is_signed_for() {
    for (source, mut request, _) in all() {
        let limit = source.law().max_body_bytes;
        request.body = vec![b' '; limit + 1];
        assert_eq!(request.to(&source), Err(Rejection::TooLarge(limit)), "{source:?}");
    }
}

#[test]
fn the_largest_body_that_is_signed_is_kept() {
    let body = filled("", " ", LARGEST);
    let delivery = github("push", &body).to(&all()[0].0).unwrap();
    assert!(matches!(&delivery.hints[..], [Hint::Unknown { .. }]));
    let mut changed = github("push", b"");
    changed.body = body;
    assert_eq!(changed.to(&all()[0].0), Err(Rejection::Unauthentic));
}

#[test]
fn no_body_takes_much_more_room_than_its_own() {
    let bombs = [
        ("", "["),
        ("", "{\"a\":"),
        ("[", "{},"),
        ("{\"alerts\":[", "{},"),
        (
            "{\"version\":\"4\",\"groupKey\":\"g\",\"alerts\":[",
            "{\"status\":\"\",\"startsAt\":\"\",\"endsAt\":\"\",\"fingerprint\":\"\"},",
        ),
        ("{\"notification\":{\"group\":\"NEW_VULNERABILITY\",\"subject\":{\"affectedProjects\":[", "{\"uuid\":\"\"},"),
        ("{\"repository\":{\"full_name\":\"", "\\u0000"),
        ("{\"action\":\"", "x"),
        ("{\"a\":", "1"),
        ("{", "\"a\":1,"),
    ];
    for (beginning, repeated) in bombs {
        let body = filled(beginning, repeated, BOMB);
        let request = Request::new(&[("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "1")], &body);
        for sender in Sender::ALL {
            let mut hints = Vec::new();
            let measured = allocation_counter::measure(|| {
                hints = request.seen(NOW, |request| sender.read_unverified(request)).unwrap().hints;
            });
            let unknown = matches!(&hints[..], [Hint::Unknown { .. }]);
            assert!(unknown, "{sender:?} {beginning}{repeated}: {:?}", hints.first());
            let limit = 2 * BOMB as u64;
            assert!(measured.bytes_max <= limit, "{sender:?} {beginning}{repeated}: {} bytes", measured.bytes_max);
        }
    }
}

#[test]
fn as_many_alerts_as_are_read_take_bounded_room() {
    let alert = r#"{"status":"firing","startsAt":"","endsAt":"","fingerprint":""}"#;
    let body = format!(r#"{{"version":"4","groupKey":"g","alerts":[{}]}}"#, vec![alert; 40_000].join(","));
    let request = Request::new(&[], body.as_bytes());
    let mut read = 0;
    let measured = allocation_counter::measure(|| {
        read = request.seen(NOW, |request| Sender::Alertmanager.read_unverified(request)).unwrap().hints.len();
    });
    assert_eq!(read, 40_000);
    assert!(measured.bytes_max < 40 << 20, "{} bytes", measured.bytes_max);
}
