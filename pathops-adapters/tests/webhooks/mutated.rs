//! Requests with a byte changed, left out or cut off.

use pathops_adapters::webhook::Sender;

use crate::recorded::payloads;
use crate::request::{NOW, Request, all};

/// Whether what proves the sender covers the body.
fn is_signed(proof: &str) -> bool {
    proof.contains("ignature")
}

#[test]
fn no_signed_body_is_taken_with_a_byte_changed_or_missing() {
    for (source, request, proof) in all() {
        for at in 0..request.body.len() {
            for bit in 0..8 {
                let mut changed = request.clone();
                changed.body[at] ^= 1 << bit;
                assert_eq!(changed.to(&source).is_ok(), !is_signed(proof), "{source:?} byte {at} bit {bit}");
            }
            let mut cut = request.clone();
            cut.body.truncate(at);
            assert_eq!(cut.to(&source).is_ok(), !is_signed(proof), "{source:?} cut at {at}");
            let mut without = request.clone();
            without.body.remove(at);
            assert_eq!(without.to(&source).is_ok(), !is_signed(proof), "{source:?} without byte {at}");
        }
    }
}

#[test]
fn no_proof_is_taken_with_a_byte_changed_or_missing() {
    for (source, request, proof) in all() {
        let length = request.clone().value(proof).len();
        for at in 0..length {
            for bit in 0..8 {
                let mut changed = request.clone();
                let value = changed.value(proof);
                let before = value[at];
                value[at] ^= 1 << bit;
                // The scheme of `Authorization` is the same in capitals and small letters.
                let same = proof == "Authorization" && value[at].eq_ignore_ascii_case(&before) && at < 6;
                assert_eq!(changed.to(&source).is_ok(), same, "{source:?} byte {at} bit {bit}");
            }
            let mut cut = request.clone();
            cut.value(proof).truncate(at);
            assert!(cut.to(&source).is_err(), "{source:?} cut at {at}");
        }
    }
}

/// A small generator of numbers, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }
}

#[test]
fn every_decoder_survives_every_mutation() {
    let mut dice = Dice(7);
    let own = all().into_iter().map(|(_, request, _)| (Sender::GitHub, "push".to_owned(), request.body));
    let bodies: Vec<_> = own.chain(payloads()).collect();
    for (sender, event, body) in &bodies {
        for round in 0..24 {
            let mut body = body.clone();
            for _ in 0..=round % 4 {
                let at = dice.below(body.len());
                match (dice.below(5), body.get_mut(at)) {
                    (0, Some(byte)) => *byte = u8::try_from(dice.below(256)).unwrap(),
                    (1, Some(byte)) => *byte ^= 1 << dice.below(8),
                    (2, Some(_)) => drop(body.remove(at)),
                    (3, _) => body.insert(at.min(body.len()), b"{}[]\",:\\0-e"[dice.below(11)]),
                    _ => body.truncate(at),
                }
            }
            let request = Request::new(&[("X-GitHub-Event", event), ("X-GitHub-Delivery", "1")], &body);
            let senders: &[Sender] = if round % 8 == 0 { &Sender::ALL } else { &[*sender] };
            for sender in senders {
                let reading = request.seen(NOW, |request| sender.read_unverified(request)).unwrap();
                assert!(!reading.hints.is_empty(), "{sender:?}");
            }
        }
    }
}
