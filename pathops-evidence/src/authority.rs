//! Whether a certificate holds: that a trusted authority has issued it, to somebody who is trusted, and that it held when its key
//! was used.

use std::time::Duration;

use p384::ecdsa::signature::Verifier as _;
use pathops_core::Digest;
use pathops_core::evidence::{CertificateAuthority, CertificateChain, PublicKey, Signature, TrustRoot};
use rustls_pki_types::{AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, UnixTime, alg_id};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// RFC 5280's `id-kp-codeSigning`.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];

/// What those have certificates signed with who certify signers: others are refused.
const ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 2] = [&P256, &P384];

/// How many certificates are looked at that a signer has put above its own: each is more work for whoever verifies.
const MAX_ABOVE: usize = 5;

/// What is not asked about a certificate that holds.
pub(crate) const UNASKED: &str = "whether certificates were revoked, and whether a certificate transparency log has them: nobody was \
                                 asked, and no SCT is checked";

/// A certificate that holds.
#[derive(Clone)]
pub(crate) struct Certified {
    /// Who is trusted for what the key has signed.
    pub(crate) trust: TrustRoot,
    /// Who held its key, and by whose word.
    pub(crate) by: String,
    /// When somebody trusted saw, first, what the key had signed; in seconds since 1970.
    pub(crate) at: u64,
}

/// Verifies a certificate. `used_by` is when somebody trusted saw, first, what its key had signed; in seconds since 1970. It has to hold
/// then: what was signed after it was over would be seen later.
pub(crate) fn certified(trust: &TrustRoot, chain: &CertificateChain, used_by: Option<u64>) -> Result<Certified, String> {
    let certificate = chain.fingerprint();
    if trust.authorities().is_empty() {
        return Err(format!("no authority is trusted here that could have issued the certificate {certificate}"));
    }
    let above = chain.above().len();
    if above > MAX_ABOVE {
        return Err(format!("{above} certificates stand above the certificate {certificate}, and {MAX_ABOVE} are looked at"));
    }
    let identity = chain.identity().ok_or_else(|| {
        format!("the certificate {certificate} names no URI or e-mail address with its issuer, or more than one")
    })?;
    let own = trust.of_certified(&identity, chain.public_key());
    let own = own.ok_or_else(|| {
        format!("the certificate {certificate} is of {identity}, who is not trusted here: name them in the trust root if they are to be")
    })?;
    let at = used_by.ok_or_else(|| {
        let advice = "give the log's witnesses, and a checkpoint that one of them has cosigned while it held";
        format!("nobody trusted says when the certificate {certificate} was used: {advice}")
    })?;
    let mut refused = Refused { is_of_another: true, why: "none was trusted then".to_owned() };
    for authority in trust.authorities().iter().filter(|authority| is_trusted_at(authority, at)) {
        match issued(chain, authority, at) {
            Ok(root) => {
                let by = format!("{identity}, certified by the authority {}", root.short());
                return Ok(Certified { trust: own, by, at });
            }
            // What is wrong with it says the one that has issued it.
            Err(other) if refused.is_of_another => refused = other,
            Err(_) => {}
        }
    }
    let seen = format!("seen first {at} s after 1970");
    let advice = "where it has only been seen too late, give a checkpoint that a witness has cosigned while it held";
    Err(format!(
        "no trusted authority has issued the certificate {certificate} of {identity} for then ({seen}): {}; {advice}",
        refused.why
    ))
}

/// Whom to trust for what the key of a certificate has signed, where nobody has seen yet when that was: that a trusted authority has issued
/// it, when it began to hold, to somebody who is trusted.
pub(crate) fn issued_to_trusted(trust: &TrustRoot, chain: &CertificateChain) -> Result<TrustRoot, String> {
    certified(trust, chain, Some(begins(chain))).map(|certified| certified.trust)
}

/// When a certificate begins to hold, in seconds since 1970; 0 where it is none, which whoever verifies it says.
fn begins(chain: &CertificateChain) -> u64 {
    let certificate = CertificateDer::from(chain.leaf());
    let Ok(leaf) = EndEntityCert::try_from(&certificate) else { return 0 };
    let (usage, first) = (KeyUsage::required(CODE_SIGNING), UnixTime::since_unix_epoch(Duration::ZERO));
    // Whether it holds at a time is looked at before who has issued it.
    match leaf.verify_for_usage(&ALGORITHMS, &[], &[], first, usage, None, None) {
        Err(webpki::Error::CertNotValidYet { not_before, .. }) => not_before.as_secs(),
        _ => 0,
    }
}

fn is_trusted_at(authority: &CertificateAuthority, at: u64) -> bool {
    let at = i64::try_from(at).unwrap_or(i64::MAX).saturating_mul(1_000);
    authority.from.is_none_or(|from| from.0 <= at) && authority.until.is_none_or(|until| at <= until.0)
}

/// Why a certificate does not hold by an authority.
struct Refused {
    /// Whether that is because another one has issued it, if any.
    is_of_another: bool,
    why: String,
}

impl From<webpki::Error> for Refused {
    fn from(error: webpki::Error) -> Self {
        Self { is_of_another: error == webpki::Error::UnknownIssuer, why: error.to_string() }
    }
}

/// Whether an authority has issued a certificate that held then; the name of the authority's last one. Each certificate that the signer
/// has put above it has to be one of those by which that is so: for any other nobody vouches.
fn issued(chain: &CertificateChain, authority: &CertificateAuthority, at: u64) -> Result<Digest, Refused> {
    let (root, between) = authority.certificates.split_last().ok_or(webpki::Error::UnknownIssuer)?;
    let trusted = CertificateDer::from(root.as_slice());
    let anchors = [anchor_from_trusted_cert(&trusted)?];
    let between: Vec<_> = chain.above().iter().chain(between).map(|it| CertificateDer::from(it.as_slice())).collect();
    let leaf = CertificateDer::from(chain.leaf());
    let leaf = EndEntityCert::try_from(&leaf)?;
    let (usage, at) = (KeyUsage::required(CODE_SIGNING), UnixTime::since_unix_epoch(Duration::from_secs(at)));
    let path = leaf.verify_for_usage(&ALGORITHMS, &anchors, &between, at, usage, None, None)?;
    let is_on_path = |above: &Vec<u8>| above == root || path.intermediate_certificates().any(|it| *it.der() == **above);
    match chain.above().iter().find(|above| !is_on_path(above)) {
        None => Ok(Digest::of(root)),
        Some(beside) => {
            let why = format!("{} stands above it, and is none of those by which it was issued", Digest::of(beside));
            Err(Refused { is_of_another: false, why })
        }
    }
}

/// ECDSA P-256 with SHA-256.
#[derive(Debug)]
struct P256;

impl SignatureVerificationAlgorithm for P256 {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let key = PublicKey::from_sec1(key).map_err(|_| InvalidSignature)?;
        key.verifies(message, &Signature::from_der(signature.to_vec())).then_some(()).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}

/// ECDSA P-384 with SHA-384, as Sigstore's authority signs.
#[derive(Debug)]
struct P384;

impl SignatureVerificationAlgorithm for P384 {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).map_err(|_| InvalidSignature)?;
        let signature = p384::ecdsa::DerSignature::from_bytes(signature).map_err(|_| InvalidSignature)?;
        key.verify(message, &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P384
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA384
    }
}
