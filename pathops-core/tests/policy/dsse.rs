//! Envelopes, as the DSSE specification and other tools see them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{
    Envelope, EnvelopeError, PublicKey, Reference, Signature, Statement, Subject, TrustRoot, pre_authentication_encoding,
};
use pathops_core::memory::MemorySigner;

use crate::shop::{Kind, cx, ready, seal, signer, trust};

/// The example of the specification (secure-systems-lab/dsse, protocol.md): its key as DER, its signature as DER.
const SPEC_ENCODING: &[u8] = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
const SPEC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZ805D3eqNZywjCI19lInBJOp7YMr\n\
    CrzAH3CVTAOQ0jgMeCvVTiaRJaRPRDOv8UMs6U4SvKc6pnrIDOoSYI3fdA==\n\
    -----END PUBLIC KEY-----\n";
const SPEC_SIGNATURE: &str = "MEQCIANyarEBrVbCdjtsaqyOSHJ14qeRk6CdxfhZ2fjvPEo7AiBR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==";

#[test]
fn the_encoding_is_that_of_the_specification() {
    assert_eq!(pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"), SPEC_ENCODING);
    assert_eq!(pre_authentication_encoding("", b""), b"DSSEv1 0  0 ");
    // Lengths are of bytes, and keep what belongs to the type apart from what belongs to the payload.
    assert_eq!(pre_authentication_encoding("é", "ü ".as_bytes()), "DSSEv1 2 é 3 ü ".as_bytes());
    assert_ne!(pre_authentication_encoding("a 1", b"b"), pre_authentication_encoding("a", b"1 b"));
}

#[test]
fn the_signature_of_the_specification_verifies() {
    let key = PublicKey::from_pem(SPEC_KEY).unwrap();
    let signature = Signature::try_from(SPEC_SIGNATURE.to_owned()).unwrap();
    assert!(key.verifies(SPEC_ENCODING, &signature));
    assert!(!key.verifies(b"DSSEv1 29 http://example.com/HelloWorld 11 hello World", &signature));
    assert!(!signer().public_key().verifies(SPEC_ENCODING, &signature));
}

#[test]
fn keys_and_signatures_are_read_back_as_they_were_written() {
    for seed in 0..20 {
        let key = MemorySigner::from_seed(seed).unwrap().public_key();
        assert_eq!(PublicKey::from_pem(&key.to_pem()).unwrap(), key);
        assert_eq!(serde_json::from_str::<PublicKey>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
    }
    assert_eq!(PublicKey::from_pem(SPEC_KEY).unwrap().to_pem(), SPEC_KEY);
    let signature = Signature::try_from(SPEC_SIGNATURE.to_owned()).unwrap();
    assert_eq!(String::from(signature), SPEC_SIGNATURE);
}

/// DSSE lets a sender choose between base64 and that for URLs, and has a receiver take both.
#[test]
fn an_envelope_in_the_alphabet_for_urls_is_the_same_one() {
    let sealed = seal(&Kind::Health.statement());
    let standard = serde_json::to_value(&sealed).unwrap();
    let for_urls = |text: &serde_json::Value| text.as_str().unwrap().replace('+', "-").replace('/', "_");
    let mut other = standard.clone();
    other["payload"] = for_urls(&standard["payload"]).into();
    other["signatures"][0]["sig"] = for_urls(&standard["signatures"][0]["sig"]).into();
    assert_ne!(other, standard, "neither has a letter in which they differ");
    let read = Envelope::from_slice(other.to_string().as_bytes()).unwrap();
    assert_eq!(read, sealed);
    assert!(trust().verify(&read).is_ok());
    // A mixture of both is neither.
    other["payload"] = format!("-_+/{}", standard["payload"].as_str().unwrap()).into();
    assert!(Envelope::from_slice(other.to_string().as_bytes()).unwrap().payload().is_err());
}

#[test]
fn what_is_no_p256_key_is_refused() {
    let body = SPEC_KEY.lines().nth(1).unwrap();
    for wrong in [
        "",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        body,
        &SPEC_KEY.replace("fdA==", "fdB=="),
        &SPEC_KEY.repeat(2),
    ] {
        assert!(PublicKey::from_pem(wrong).is_err(), "{wrong}");
    }
    // The last byte changed: no point of the curve.
    let mut der = PublicKey::from_pem(SPEC_KEY).unwrap().to_der();
    *der.last_mut().unwrap() ^= 1;
    assert!(PublicKey::from_pem(&BASE64.encode(der)).is_err());
}

#[test]
fn an_envelope_is_read_back_as_it_was_written() {
    let envelope = seal(&Kind::Health.statement());
    let read = Envelope::from_slice(&envelope.to_vec().unwrap()).unwrap();
    assert_eq!(read, envelope);
    assert_eq!(trust().verify(&read).unwrap(), trust().verify(&envelope).unwrap());
}

/// in-toto leaves it open whether what a statement is about, or refers to, has a name.
#[test]
fn a_statement_about_what_has_no_name_is_read_and_verified() {
    let reference = r#"{"digest":{"sha256":"ab"},"downloadLocation":"https://reports.example/1","mediaType":"text/plain"}"#;
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicate":{reference},"predicateType":"https://example.org/x","subject":[{{"digest":{{"sha256":"ab"}}}}]}}"#
    );
    let read = Statement::from_slice(statement.as_bytes()).unwrap();
    assert_eq!(read.subject, [Subject { digest: [("sha256".to_owned(), "ab".to_owned())].into(), ..Subject::named("") }]);
    assert_eq!(read.to_canonical().unwrap(), statement.as_bytes());
    assert_eq!(trust().verify(&seal(&read)).unwrap().statement(), &read);
    let referred: Reference = serde_json::from_value(read.predicate).unwrap();
    assert_eq!(
        (referred.name.as_str(), serde_json::to_value(&referred).unwrap()),
        ("", serde_json::from_str(reference).unwrap())
    );
}

/// DSSE leaves it open whether a signature names its key. One that does not is read, and proves nothing here.
#[test]
fn an_envelope_whose_signature_names_no_key_is_read_and_refused_for_that() {
    let envelope = seal(&Kind::Health.statement());
    let named = String::from_utf8(envelope.to_vec().unwrap()).unwrap();
    let keyid = format!(r#""keyid":"{}","#, signer().public_key().id().0.hex());
    for without in [named.replace(&keyid, ""), named.replace(&keyid, r#""keyid":"","#)] {
        assert_ne!(without, named);
        let read = Envelope::from_slice(without.as_bytes()).unwrap();
        assert_eq!((read.signature(), read.payload().unwrap()), (envelope.signature(), envelope.payload().unwrap()));
        assert!(matches!(trust().verify(&read), Err(EnvelopeError::NoKeyId)));
    }
}

#[test]
fn no_changed_bit_of_payload_or_signature_verifies() {
    let (key, envelope) = (signer().public_key(), seal(&Kind::Health.statement()));
    let signature = envelope.signature().unwrap();
    let mut payload = envelope.payload().unwrap();
    let changed = each_bit(&mut payload, |payload, place| {
        assert!(trust().verify(&Envelope::new(payload, &key, signature.clone())).is_err(), "payload {place}");
    });
    assert!(changed > 4_000, "{changed}");

    let payload = envelope.payload().unwrap();
    let changed = each_bit(&mut signature.as_der().to_vec(), |der, place| {
        let signature = Signature::from_der(der.to_vec());
        assert!(trust().verify(&Envelope::new(&payload, &key, signature)).is_err(), "signature {place}");
    });
    assert!(changed > 500, "{changed}");
}

#[test]
fn no_changed_bit_of_the_file_verifies_and_no_part_of_it_does() {
    let envelope = seal(&Kind::Health.statement());
    assert!(trust().verify(&envelope).is_ok());
    let verifies = |bytes: &[u8]| Envelope::from_slice(bytes).is_ok_and(|envelope| trust().verify(&envelope).is_ok());
    let file = envelope.to_vec().unwrap();
    let changed = each_bit(&mut file.clone(), |file, place| assert!(!verifies(file), "{place}"));
    assert_eq!(changed, file.len() * 8);
    for length in 0..file.len() {
        assert!(!verifies(&file[..length]), "the first {length} bytes");
    }
    for length in 0..signature_bytes(&envelope).len() {
        let cut = Signature::from_der(signature_bytes(&envelope)[..length].to_vec());
        let envelope = Envelope::new(&envelope.payload().unwrap(), &signer().public_key(), cut);
        assert!(trust().verify(&envelope).is_err(), "{length} bytes of the signature");
    }
}

#[test]
fn an_empty_trust_root_trusts_nobody() {
    assert!(TrustRoot::default().verify(&seal(&Kind::Health.statement())).is_err());
}

/// Two signatures of one statement are one piece of evidence.
#[test]
fn the_name_of_evidence_is_that_of_what_was_signed() {
    let statement = Kind::Health.statement();
    let second = MemorySigner::from_seed(3).unwrap();
    let trust = TrustRoot::new([signer().public_key(), second.public_key()]);
    let one = trust.verify(&seal(&statement)).unwrap();
    let other = trust.verify(&crate::shop::seal_bytes(&second, &statement.to_canonical().unwrap())).unwrap();
    assert_eq!(one.id(), other.id());
    assert_ne!(one.signer(), other.signer());
    assert_ne!(one.id(), trust.verify(&seal(&Kind::Smoke.statement())).unwrap().id());
}

#[test]
fn openssl_verifies_what_was_signed_here() {
    let envelope = seal(&Kind::Health.statement());
    let message = envelope.signed_bytes().unwrap();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("openssl_verifies_what_was_signed_here");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("key.pem"), signer().public_key().to_pem()).unwrap();
    fs::write(folder.join("signature"), signature_bytes(&envelope)).unwrap();
    for (name, bytes, good) in [("same", message.clone(), true), ("other", [message, b" ".to_vec()].concat(), false)] {
        fs::write(folder.join(name), bytes).unwrap();
        match openssl(&folder, name) {
            Some(verdict) => assert_eq!(verdict, good, "{name}"),
            None if std::env::var_os("CI").is_some() => panic!("CI has no `openssl`"),
            None => return eprintln!("SKIPPED: there is no `openssl` on this machine"),
        }
    }
}

/// Whether `openssl` verifies the file; `None` where there is no `openssl`.
fn openssl(folder: &Path, file: &str) -> Option<bool> {
    let arguments = ["dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", file];
    match Command::new("openssl").args(arguments).current_dir(folder).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.contains("Verified OK") || said.contains("Verification failure"), "{output:?}");
            Some(output.status.success())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn signing_twice_gives_the_same_bytes() {
    let sign = || ready(signer().sign(&cx("sign"), b"message")).unwrap();
    assert_eq!(sign(), sign());
}

fn signature_bytes(envelope: &Envelope) -> &[u8] {
    envelope.signature().unwrap().as_der()
}

/// Calls `each` with every single bit changed; says how often.
fn each_bit(bytes: &mut [u8], each: impl Fn(&[u8], &str)) -> usize {
    for index in 0..bytes.len() {
        for bit in 0..8 {
            bytes[index] ^= 1 << bit;
            each(bytes, &format!("byte {index} bit {bit}"));
            bytes[index] ^= 1 << bit;
        }
    }
    bytes.len() * 8
}
