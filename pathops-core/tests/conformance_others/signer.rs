use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use pathops_core::adapter::Signer;
use pathops_core::conformance::signer::{SignerFixture, SignerWorld, cases, worlds};
use pathops_core::evidence::{CertificateChain, PublicKey, Signature};
use pathops_core::memory::{Faulty, MemorySigner};
use pathops_core::{OpContext, Result};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    SignsTheBeginningOnly,
    ChangesItsKey,
    HasTheCertificateOfAnother,
    LosesItsCertificate,
}

/// A certificate of this key, which nobody has signed: the name of the key is all that is read of one.
fn own_certificate(key: &PublicKey) -> CertificateChain {
    let sequence = |content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        [&[0x30, 0x81, length], content].concat()
    };
    let empty = [0x30, 0];
    let fields = [&[2, 1, 1], &empty[..], &empty, &empty, &empty, &key.to_der()].concat();
    CertificateChain::new(sequence(&sequence(&fields)), Vec::new()).unwrap()
}

/// A certificate of a key that is nobody's here.
fn certificate() -> CertificateChain {
    let pem = include_str!("../../src/evidence/certificate/leaf.pem");
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    vec![body].try_into().unwrap()
}

#[derive(Debug)]
struct Planted {
    defect: Defect,
    signatures: AtomicU64,
}

impl Planted {
    fn key(&self, seed: u64) -> MemorySigner {
        MemorySigner::from_seed(if self.defect == Defect::ChangesItsKey { seed } else { 0 }).unwrap()
    }
}

#[async_trait]
impl Signer for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn public_key(&self) -> PublicKey {
        self.key(self.signatures.load(Ordering::Relaxed)).public_key()
    }

    fn certificates(&self) -> Option<CertificateChain> {
        let first = self.signatures.load(Ordering::Relaxed) == 0;
        match self.defect {
            Defect::HasTheCertificateOfAnother => Some(certificate()),
            Defect::LosesItsCertificate => first.then(|| own_certificate(&self.key(0).public_key())),
            _ => None,
        }
    }

    async fn sign(&self, cx: &OpContext, message: &[u8]) -> Result<Signature> {
        let count = self.signatures.fetch_add(1, Ordering::Relaxed) + 1;
        let message = if self.defect == Defect::SignsTheBeginningOnly { message.get(..1000).unwrap_or(message) } else { message };
        self.key(count).sign(cx, message).await
    }
}

#[async_trait]
impl SignerFixture for Defect {
    async fn fresh(&self) -> SignerWorld {
        let planted: Arc<dyn Signer> = Arc::new(Planted { defect: *self, signatures: AtomicU64::new(0) });
        SignerWorld::new(Arc::new(Faulty::new(planted, no_faults())), ())
    }
}

fn fails(defect: Defect) -> Vec<String> {
    failing(&cases(), &worlds(Arc::new(defect)))
}

#[test]
fn the_reference_signer_does_all_of_it() {
    assert_eq!(fails(Defect::None), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    assert_eq!(fails(Defect::SignsTheBeginningOnly), ["a_signature_verifies"]);
    assert_eq!(fails(Defect::ChangesItsKey), ["the_key_stays_the_same"]);
    assert_eq!(fails(Defect::HasTheCertificateOfAnother), ["a_certificate_is_of_the_key_and_stays"]);
    assert_eq!(fails(Defect::LosesItsCertificate), ["a_certificate_is_of_the_key_and_stays"]);
}
