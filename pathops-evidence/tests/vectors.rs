//! Published test vectors of the standards that evidence rests on.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

use pathops_core::Digest;
use pathops_core::evidence::{PublicKey, Signature, pre_authentication_encoding};
use pathops_evidence::ledger::{LogIdentity, NoteError, Witness, is_consistent};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn digest(hex: &str) -> Digest {
    Digest::from_hex(hex).unwrap()
}

/// The key with these coordinates.
fn key(x: &str, y: &str) -> PublicKey {
    PublicKey::from_sec1(&[vec![4], bytes(x), bytes(y)].concat()).unwrap()
}

/// The signature with these numbers, in DER.
fn signature(r: &str, s: &str) -> Signature {
    let number = |hex: &str| {
        let bytes = bytes(hex);
        let short = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        let signed = if short[0] < 0x80 { short.to_vec() } else { [&[0], short].concat() };
        [&[2, u8::try_from(signed.len()).unwrap()], signed.as_slice()].concat()
    };
    let both = [number(r), number(s)].concat();
    Signature::from_der([&[0x30, u8::try_from(both.len()).unwrap()], both.as_slice()].concat())
}

/// The example of DSSE's `protocol.md`.
#[test]
fn dsse() {
    let signed = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
    assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    let key = key(
        "67cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d238",
        "0c782bd54e269125a44f4433aff1432ce94e12bca73aa67ac80cea12608ddf74",
    );
    let signature = signature(
        "03726ab101ad56c2763b6c6aac8e487275e2a79193a09dc5f859d9f8ef3c4a3b",
        "51eab0c06a369b64a7222537d4887a893dc200ae21060074d57825235b624864",
    );
    assert!(key.verifies(&signed, &signature));
    assert!(!key.verifies(b"hello world", &signature));
}

/// Wycheproof's cases for P-256 with SHA-256 and signatures in DER: numbers out of range, other encodings of a good signature,
/// points at the edges.
#[test]
fn wycheproof() {
    use wycheproof::TestResult;
    use wycheproof::ecdsa::{TestName, TestSet};
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for group in set.test_groups {
        let key = PublicKey::from_sec1(&group.key.key).unwrap();
        for test in group.tests {
            let verifies = key.verifies(&test.msg, &Signature::from_der(test.sig.to_vec()));
            match test.result {
                TestResult::Valid => assert!(verifies, "{}: {}", test.tc_id, test.comment),
                TestResult::Invalid => assert!(!verifies, "{}: {}", test.tc_id, test.comment),
                TestResult::Acceptable => {}
            }
            if verifies { accepted += 1 } else { refused += 1 }
        }
    }
    assert!(accepted > 100 && refused > 100, "{accepted} accepted, {refused} refused");
}

/// RFC 6979, A.2.5: P-256 with SHA-256.
#[test]
fn ecdsa() {
    let key = key(
        "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    );
    let sample = signature(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    );
    let test = signature(
        "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
        "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
    );
    assert!(key.verifies(b"sample", &sample) && key.verifies(b"test", &test));
    assert!(!key.verifies(b"test", &sample) && !key.verifies(b"sample", &test));
}

/// The trees of one to eight leaves of Certificate Transparency's reference implementation.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn consistency_proofs() {
    let proofs: [(u64, u64, &[&str]); 3] = [
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    let root = |size: u64| (size, digest(ROOTS[usize::try_from(size).unwrap() - 1]));
    for (from, to, path) in proofs {
        let path: Vec<_> = path.iter().map(|hex| digest(hex)).collect();
        assert!(is_consistent(root(from), root(to), &path), "{from} to {to}");
        for (from, to) in [(from + 1, to), (from, to - 1)] {
            assert!(!is_consistent(root(from), root(to), &path), "{from} to {to}");
        }
        assert!(!is_consistent(root(from), root(to), &path[1..]));
    }
}

/// Keys that the tests of transparency-dev's `formats` use: one of a witness, and one of a note.
#[test]
fn names_of_keys() {
    let witness = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    assert_eq!(Witness::from_verifier_key(witness).unwrap().name(), "remora.n621.de");
    for bad in [witness.replace("da77", "da78"), witness.replace("remora", "remorb"), "TEST+7997405c".to_owned()] {
        assert_eq!(Witness::from_verifier_key(&bad), Err(NoteError::Key), "{bad}");
    }
    let of_a_note = "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6";
    assert_eq!(Witness::from_verifier_key(of_a_note), Err(NoteError::Key), "it is no key of a witness");
    let key = bytes("0702f854d529fd239537470d8deb6debe69cac713e38a0097955b467ba448afa");
    let log = LogIdentity::new("TEST", &key.try_into().unwrap()).unwrap();
    assert_eq!(log.id()[..4], bytes("7997405c"));
}
