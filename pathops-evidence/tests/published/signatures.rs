//! Signatures: DSSE's example, C2SP's vectors of Ed25519 and of RFC 6979, and its examples of notes.

use pathops_core::evidence::{PublicKey, Signature, pre_authentication_encoding};
use pathops_evidence::ledger::{LogIdentity, NoteError, Witness};

use super::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// What stands behind a word, up to the end of the line.
fn after<'t>(text: &'t str, word: &str) -> &'t str {
    let rest = text.split_once(word).unwrap_or_else(|| panic!("there is no {word}")).1;
    rest.lines().next().unwrap().trim()
}

/// A signature of two numbers of 32 bytes, in DER.
fn in_der(numbers: &[u8]) -> Signature {
    let number = |bytes: &[u8]| {
        let short = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        let signed = if short[0] < 0x80 { short.to_vec() } else { [&[0], short].concat() };
        [&[2, u8::try_from(signed.len()).unwrap()], signed.as_slice()].concat()
    };
    let (r, s) = numbers.split_at(32);
    let both = [number(r), number(s)].concat();
    Signature::from_der([&[0x30, u8::try_from(both.len()).unwrap()], both.as_slice()].concat())
}

/// A decimal number, in 32 bytes.
fn decimal(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for digit in text.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 10;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        assert_eq!(carry, 0, "{text} has more than 32 bytes");
    }
    bytes
}

#[test]
fn the_example_of_dsse() {
    let Some(clone) = clone_of("secure-systems-lab/dsse") else { return };
    let text = std::fs::read_to_string(clone.join("protocol.md")).unwrap();
    let vectors = text.split_once("## Test Vectors").unwrap().1;
    let blocks: Vec<_> = vectors.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1).collect();
    let envelope: Value = blocks.iter().find_map(|block| serde_json::from_str(block).ok()).unwrap();
    let signed = pre_authentication_encoding(envelope["payloadType"].as_str().unwrap(), &decoded(&envelope["payload"]));
    assert!(blocks.iter().any(|block| block.trim_end().as_bytes() == signed), "the encoding is not in {blocks:?}");
    let point = [[4].as_slice(), &decimal(after(vectors, "X: ")), &decimal(after(vectors, "Y: "))].concat();
    let (key, signature) = (PublicKey::from_sec1(&point).unwrap(), in_der(&decoded(&envelope["signatures"][0]["sig"])));
    assert!(key.verifies(&signed, &signature) && !key.verifies(&signed[1..], &signature));
}

/// Where the first candidate for the secret number is refused, which hardly ever happens.
#[test]
fn the_vector_of_rfc_6979_that_refuses_a_candidate() {
    let Some(clone) = clone_of("C2SP/CCTV") else { return };
    let text = std::fs::read_to_string(clone.join("RFC6979/README.md")).unwrap();
    let number = |word: &str| hex(after(&text, word));
    let key = PublicKey::from_sec1(&[vec![4], number("Ux = "), number("Uy = ")].concat()).unwrap();
    let signature = in_der(&[number("r = "), number("s = ")].concat());
    let message = after(&text, "message = ").trim_end_matches(':').trim_matches('"');
    assert!(key.verifies(message.as_bytes(), &signature) && !key.verifies(b"wv[vnY", &signature));
}

/// Notes are verified strictly: no signature holds whose key or point is of low order or has another encoding, so that nobody can
/// have made one that holds for several texts.
#[test]
fn signatures_of_ed25519_at_the_edges() {
    use ed25519_dalek::{Signature, VerifyingKey};
    let Some(clone) = clone_of("C2SP/CCTV") else { return };
    let vectors = json(&clone.join("ed25519/ed25519vectors.json"));
    let (mut held, mut refused) = (0, 0);
    for vector in vectors.as_array().unwrap() {
        let text = |field: &str| vector[field].as_str().unwrap();
        let key: [u8; 32] = hex(text("key")).try_into().unwrap();
        let signature = Signature::from_slice(&hex(text("sig"))).unwrap();
        let verifies =
            VerifyingKey::from_bytes(&key).is_ok_and(|key| key.verify_strict(text("msg").as_bytes(), &signature).is_ok());
        let flags: Vec<_> = vector["flags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let edges = ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"];
        assert_eq!(verifies, !flags.iter().any(|flag| edges.contains(flag)), "{}: {flags:?}", vector["number"]);
        if verifies { held += 1 } else { refused += 1 }
    }
    eprintln!("{held} signatures hold, {refused} do not");
    assert!(held >= 40 && refused >= 800, "{held}, {refused}");
}

/// The example has a key and a note with it. It is no checkpoint, so that it is read no further.
#[test]
fn the_example_of_a_signed_note() {
    let Some(clone) = clone_of("C2SP/C2SP") else { return };
    let text = std::fs::read_to_string(clone.join("signed-note.md")).unwrap();
    let verifier_key = text.lines().map(str::trim).find(|line| line.starts_with("example.com/foo+")).unwrap();
    let (name, rest) = verifier_key.split_once('+').unwrap();
    let (id, key) = rest.split_once('+').unwrap();
    let key: [u8; 32] = BASE64.decode(key).unwrap().split_off(1).try_into().unwrap();
    let log = LogIdentity::new(name, &key).unwrap();
    assert_eq!(log.id()[..4], hex(id));
    assert_eq!(Witness::from_verifier_key(verifier_key), Err(NoteError::Key), "it is no key of a witness");
    let note = text.split("```\n").find(|block| block.contains("This is an example message.")).unwrap();
    assert_eq!(log.verify(note), Err(NoteError::Form));
}
