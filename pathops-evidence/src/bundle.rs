//! Sigstore's files: a bundle for a piece of evidence, and the trusted root that a bundle is verified against.
//!
//! A bundle (`v0.3`) has the envelope, the leaf, the proof that the leaf is in the log, and the log's checkpoint, so that it is
//! verified offline, also by tools that nobody here wrote. Most of those leave fields aside that nothing authenticates.
//! [`verify_bundle`] does not: what it has verified, it writes down again, and the bundle has to be that, byte for byte.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::evidence::{
    CertificateAuthority, CertificateChain, Checkpoint, Envelope, Inclusion, PublicKey, Snapshot, SnapshotError, TrustRoot,
    VerifiedEvidence,
};
use pathops_core::{Digest, Error, ErrorKind, Result, TimeError, UnixMillis};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Verification;
use crate::authority::{Certified, UNASKED};
use crate::ledger::{Item, LogIdentity, SignedBy, Stored};
use crate::referred::payloads;
use crate::verify::{spoken_for_pathops, witnessed};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const TRUSTED_ROOT: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
/// The part of a bundle with what timestamp authorities have signed.
const TIMESTAMPS: &str = "timestampVerificationData";
/// How a trusted root names the hash of a log, and the kind of its key.
const HASH_ALGORITHM: &str = "SHA2_256";
const KEY_DETAILS: &str = "PKIX_ED25519";
/// What stands before the 32 bytes of an Ed25519 key in a DER `SubjectPublicKeyInfo` (RFC 8410).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The bundle of a piece of evidence: its envelope, the key that signed it, and where it is in the log of `note`. Of the
/// signatures below the note those of the log and its witnesses go in; whoever verifies it strictly has to know these witnesses, too, so
/// for those who do not, `log` is to be without any.
///
/// # Errors
/// `Invalid` where the note is none of this log, or does not show the leaf.
pub fn bundle(envelope: &Envelope, key: &PublicKey, log: &LogIdentity, note: &str, inclusion: &Inclusion) -> Result<String> {
    bundled(Stored { envelope: envelope.clone(), by: SignedBy::Key(key.clone()) }, log, note, inclusion)
}

/// As [`bundle`], for what a keyless signer has signed: the bundle has the certificate of the key in the place of its name, as the
/// leaf has. Those above it are not in it: whoever verifies it has those of an authority that they trust.
///
/// Sigstore's own tools ask for one thing more: when the certificate was used. They take that from a token of a timestamp authority
/// (RFC 3161) over the signature, which nothing here asks for; whoever has one adds it as `timestampVerificationData`. With it, and
/// with both authorities in the trusted root, they verify such a bundle, and say whose signature it is; without it they refuse it.
/// [`verify_bundle`] takes it from the witnesses of the log: the bundle has to be made while the checkpoint is one that they have cosigned
/// before the certificate was over.
///
/// # Errors
/// As [`bundle`]. Evidence whose leaf is over the bare key, as earlier versions wrote it for keyless signers too, is no such bundle;
/// it is one by its key.
pub fn bundle_certified(
    envelope: &Envelope,
    certificates: &CertificateChain,
    log: &LogIdentity,
    note: &str,
    inclusion: &Inclusion,
) -> Result<String> {
    bundled(Stored { envelope: envelope.clone(), by: SignedBy::Certified(certificates.clone()) }, log, note, inclusion)
}

/// The bundle of what the log has.
pub(crate) fn bundled(stored: Stored, log: &LogIdentity, note: &str, inclusion: &Inclusion) -> Result<String> {
    let invalid = |why: &dyn std::fmt::Display| Error::new(ErrorKind::Invalid, "make a bundle").because(why);
    let checkpoint = log.verify(note).map_err(|error| invalid(&error))?;
    let id = inclusion.verify(&checkpoint).map_err(|error| invalid(&error))?;
    let item = Item::checked(stored)?;
    if item.id() != id {
        return Err(invalid(&"the leaf is that of other evidence"));
    }
    if item.leaf() != inclusion.leaf {
        return Err(invalid(&"the leaf is over another signature, or over another key or certificate"));
    }
    written(&item.stored, log, note, inclusion, &checkpoint, None).map_err(|error| invalid(&error))
}

/// What the signature is verified by, as it stands in a bundle.
fn material(by: &SignedBy, entry: Value) -> Value {
    match by {
        SignedBy::Key(key) => json!({ "publicKey": { "hint": BASE64.encode(key.id().0.as_bytes()) }, "tlogEntries": [entry] }),
        SignedBy::Certified(chain) => {
            json!({ "certificate": { "rawBytes": BASE64.encode(chain.leaf()) }, "tlogEntries": [entry] })
        }
    }
}

/// The bundle of what holds, with what else of its `timestamps` stands in it.
fn written(
    stored: &Stored,
    log: &LogIdentity,
    note: &str,
    inclusion: &Inclusion,
    checkpoint: &Checkpoint,
    timestamps: Option<&Value>,
) -> serde_json::Result<String> {
    let index = inclusion.index.to_string();
    let log_id = json!({ "keyId": BASE64.encode(log.id()) });
    let hashes: Vec<_> = inclusion.path.iter().map(|hash| BASE64.encode(hash.as_bytes())).collect();
    let entry = json!({
        "logIndex": index,
        "logId": log_id,
        "kindVersion": { "kind": "hashedrekord", "version": "0.0.2" },
        "inclusionProof": {
            "logIndex": index,
            "rootHash": BASE64.encode(checkpoint.root.as_bytes()),
            "treeSize": checkpoint.size.to_string(),
            "hashes": hashes,
            "checkpoint": { "envelope": log.without_strangers(note) },
        },
        "canonicalizedBody": BASE64.encode(&inclusion.leaf),
    });
    let mut material = material(&stored.by, entry);
    if let (Some(timestamps), Some(fields)) = (timestamps, material.as_object_mut()) {
        fields.insert(TIMESTAMPS.to_owned(), timestamps.clone());
    }
    let bundle = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": material,
        "dsseEnvelope": stored.envelope,
    });
    canonical(&bundle)
}

/// One value has one form (RFC 8785), however the JSON writer was built.
fn canonical(value: &Value) -> serde_json::Result<String> {
    Ok(serde_json_canonicalizer::to_string(value)? + "\n")
}

/// The authorities that a trusted root names for those who sign. To trust one says nothing of whom it may certify: see
/// [`TrustRoot::with_identity`].
///
/// # Errors
/// `Invalid` where it is no trusted root, or what it has for one is none.
pub fn authorities_of(trusted_root: &[u8]) -> Result<Vec<CertificateAuthority>> {
    let invalid = |why: &dyn std::fmt::Display| Error::new(ErrorKind::Invalid, "read a trusted root").because(why);
    let root: Authorities = serde_json::from_slice(trusted_root).map_err(|error| invalid(&error))?;
    if root.media_type != TRUSTED_ROOT {
        return Err(invalid(&format!("it is `{}`, not `{TRUSTED_ROOT}`", root.media_type)));
    }
    let mut authorities = Vec::new();
    for Authority { cert_chain: Certificates { certificates }, valid_for } in root.certificate_authorities {
        let decoded = certificates.iter().map(|it| BASE64.decode(&it.raw_bytes)).collect::<std::result::Result<Vec<_>, _>>();
        let certificates = decoded.map_err(|error| invalid(&error))?;
        if certificates.is_empty() {
            return Err(invalid(&"an authority has no certificate"));
        }
        let (from, until) = (instant(valid_for.start.as_ref())?, instant(valid_for.end.as_ref())?);
        authorities.push(CertificateAuthority { certificates, from, until });
    }
    Ok(authorities)
}

/// A bound in time, as a trusted root has it.
fn instant(text: Option<&String>) -> Result<Option<UnixMillis>> {
    let invalid = |error: TimeError| Error::new(ErrorKind::Invalid, "read a trusted root").because(error);
    text.map(|it| it.parse::<UnixMillis>()).transpose().map_err(invalid)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorities {
    media_type: String,
    #[serde(default)]
    certificate_authorities: Vec<Authority>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authority {
    cert_chain: Certificates,
    #[serde(default)]
    valid_for: ValidFor,
}

#[derive(Deserialize)]
struct Certificates {
    certificates: Vec<Certificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    raw_bytes: String,
}

#[derive(Default, Deserialize)]
struct ValidFor {
    start: Option<String>,
    end: Option<String>,
}

/// The file by which others know a log, and the authorities that certify who signs: Sigstore's `trusted_root.json`, version 0.1, which
/// [`log_of`] and [`authorities_of`] read. It has no place for the keys of signers that no authority has certified: those go beside it,
/// a PEM for each, and tools take them by themselves. What an authority calls itself is in its certificates, and is not repeated.
///
/// # Errors
/// `Invalid` where an authority has no certificate.
pub fn trusted_root(log: &LogIdentity, authorities: &[CertificateAuthority]) -> Result<String> {
    if authorities.iter().any(|authority| authority.certificates.is_empty()) {
        return Err(Error::new(ErrorKind::Invalid, "write a trusted root").because("an authority has no certificate"));
    }
    let key = [ED25519_PREFIX.as_slice(), &log.key()].concat();
    let (from, until) = log.validity();
    let tlog = json!({
        "baseUrl": format!("https://{}", log.origin()),
        "hashAlgorithm": HASH_ALGORITHM,
        "publicKey": {
            "rawBytes": BASE64.encode(key),
            "keyDetails": KEY_DETAILS,
            "validFor": valid_for(from.or(Some(UnixMillis(0))), until),
        },
        "logId": { "keyId": BASE64.encode(log.id()) },
    });
    let root = json!({
        "mediaType": TRUSTED_ROOT,
        "tlogs": [tlog],
        "certificateAuthorities": authorities.iter().map(authority).collect::<Vec<_>>(),
        "ctlogs": [],
        "timestampAuthorities": [],
    });
    canonical(&root).map_err(|error| Error::new(ErrorKind::Unexpected, "write a trusted root").with_source(error))
}

fn authority(authority: &CertificateAuthority) -> Value {
    let certificates = authority.certificates.iter().map(|it| json!({ "rawBytes": BASE64.encode(it) }));
    json!({
        "subject": { "organization": "", "commonName": "" },
        "uri": "",
        "certChain": { "certificates": certificates.collect::<Vec<_>>() },
        "validFor": valid_for(authority.from, authority.until),
    })
}

fn valid_for(from: Option<UnixMillis>, until: Option<UnixMillis>) -> BTreeMap<&'static str, String> {
    [("start", from), ("end", until)].into_iter().filter_map(|(name, at)| Some((name, at?.to_string()))).collect()
}

/// The log that a trusted root names. What `validFor` says of its key goes with it ([`LogIdentity::with_validity`]): a key of which it says
/// from when it counts, later than the beginning of 1970, or until when, takes a witness' time within to verify anything.
///
/// # Errors
/// `Invalid` where it names none, or several, or the name of the key is not that of the key, or the log has another algorithm than
/// SHA-256 and Ed25519.
pub fn log_of(trusted_root: &[u8]) -> Result<LogIdentity> {
    let invalid = |why: &dyn std::fmt::Display| Error::new(ErrorKind::Invalid, "read a trusted root").because(why);
    let root: Root = serde_json::from_slice(trusted_root).map_err(|error| invalid(&error))?;
    if root.media_type != TRUSTED_ROOT {
        return Err(invalid(&format!("it is `{}`, not `{TRUSTED_ROOT}`", root.media_type)));
    }
    let [log] = root.tlogs.as_slice() else { return Err(invalid(&format!("it names {} logs", root.tlogs.len()))) };
    for (is, wanted) in [(&log.hash_algorithm, HASH_ALGORITHM), (&log.public_key.key_details, KEY_DETAILS)] {
        if is != wanted {
            return Err(invalid(&format!("the log has `{is}`, and this version reads `{wanted}`")));
        }
    }
    let key = BASE64.decode(&log.public_key.raw_bytes).map_err(|error| invalid(&error))?;
    let key = key.strip_prefix(ED25519_PREFIX.as_slice()).and_then(|key| <&[u8; 32]>::try_from(key).ok());
    let key = key.ok_or_else(|| invalid(&"the log's key is not of Ed25519"))?;
    let origin = log.base_url.strip_prefix("https://").unwrap_or(&log.base_url);
    let identity = LogIdentity::new(origin, key).map_err(|error| invalid(&error))?;
    if log.log_id.key_id != BASE64.encode(identity.id()) {
        return Err(invalid(&"the name of the log's key is not that of its key"));
    }
    let ValidFor { start, end } = &log.public_key.valid_for;
    let from = instant(start.as_ref())?.filter(|from| *from > UnixMillis(0));
    Ok(identity.with_validity(from, instant(end.as_ref())?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Root {
    media_type: String,
    tlogs: Vec<Tlog>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tlog {
    base_url: String,
    hash_algorithm: String,
    public_key: TlogKey,
    log_id: LogId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TlogKey {
    raw_bytes: String,
    key_details: String,
    #[serde(default)]
    valid_for: ValidFor,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

/// Verifies a bundle offline: envelope and signer, leaf, proof, checkpoint, that a producer says nothing in it that only PathOps
/// may, that a snapshot is whole by itself, and that it says nothing besides. What one piece of a log cannot show is left out, and
/// named: payloads, what stands before and behind a snapshot, and whether the log was cut back or forked.
///
/// The tokens of timestamp authorities in a bundle of others are not checked: with one, it is
/// [`Verdict::NotVerified`](crate::Verdict::NotVerified) at best.
///
/// A bundle with a certificate is verified where
///
/// * an authority of the trust root has issued it. Of RFC 5280 that is: signatures by ECDSA, with P-256 and SHA-256 or P-384 and SHA-384;
///   which of them are authorities, with how many below them and for which names; no critical extension that is not known; and every
///   certificate but the authority's last holds at that time and is for signing code by its `extendedKeyUsage`, also those between.
///   `keyUsage` is not looked at;
/// * it is of an identity of the trust root;
/// * the log's witnesses have cosigned the checkpoint while it held. A certificate of minutes proves nothing without a time that
///   somebody else vouches for, and a bundle with a later checkpoint says only that it is no older.
///
/// Otherwise it is [`Verdict::NotVerified`](crate::Verdict::NotVerified) at best, with the reason, also where the key is trusted by itself.
/// Nobody is asked whether it was revoked, or whether a certificate transparency log has it; a proof of that in it (SCT) is not
/// checked. That is left out, and named.
#[must_use]
pub fn verify_bundle(bytes: &[u8], log: &LogIdentity, trust: &TrustRoot) -> Verification {
    let mut verification = Verification::default();
    if bytes.len() > MAX_BUNDLE_BYTES {
        verification.fails("the bundle", format!("it has more than {MAX_BUNDLE_BYTES} bytes"));
        return verification;
    }
    match checked(bytes, log, trust) {
        Ok(Checked { evidence, trust: own, held, unknown }) => {
            verification.checked.extend(held);
            verification.missing.extend(unknown);
            verification.left_out.extend(own.is_some().then(|| UNASKED.to_owned()));
            says(&evidence, own.as_ref().unwrap_or(trust), &mut verification);
            verification.evidence.insert(evidence.id());
        }
        Err((part, why)) => verification.fails(part, why),
    }
    verification
}

/// What the statement itself has to hold, and what it alone cannot show.
fn says(evidence: &VerifiedEvidence, trust: &TrustRoot, verification: &mut Verification) {
    let statement = evidence.statement();
    if let Some(why) = spoken_for_pathops(evidence, trust) {
        verification.fails("the statement", why);
    }
    if statement.is_snapshot() {
        match serde_json::from_value::<Snapshot>(statement.predicate.clone()) {
            Err(_) => verification.fails("the snapshot", "it is no snapshot in our form"),
            Ok(snapshot) => match snapshot.is_whole() {
                Ok(_) => {
                    verification.left_out.push("whether the snapshots of its stream before it and behind it are there".to_owned())
                }
                Err(SnapshotError::Format(format)) => {
                    verification.missing.push(format!("the snapshot: this version does not know its format {format}"));
                }
                Err(error) => verification.fails("the snapshot", error),
            },
        }
    }
    match payloads(statement).as_deref() {
        None => verification.fails("the statement", "it refers to nothing in the form of its type"),
        Some([]) => {}
        Some(referred) => {
            let count = referred.len();
            verification.left_out.push(format!("payloads: it refers to {count}, and a bundle has none"));
        }
    }
    verification.left_out.push("whether the log was cut back or forked: a bundle knows one checkpoint".to_owned());
}

/// How long a bundle is at most, in bytes.
pub const MAX_BUNDLE_BYTES: usize = 16 << 20;

type Wrong = (&'static str, String);

/// A bundle that holds.
struct Checked {
    evidence: VerifiedEvidence,
    /// Whom to trust for it, where that is told by its certificate.
    trust: Option<TrustRoot>,
    /// What was checked.
    held: Vec<String>,
    /// What nobody here can say.
    unknown: Vec<String>,
}

fn checked(bytes: &[u8], log: &LogIdentity, trust: &TrustRoot) -> Result<Checked, Wrong> {
    let wrong = |part: &'static str| move |why: &dyn std::fmt::Display| (part, why.to_string());
    let whole: Value = serde_json::from_slice(bytes).map_err(|error| wrong("the bundle")(&error))?;
    let at = |pointer: &str| whole.pointer(pointer).ok_or(("the bundle", format!("it has no `{pointer}`")));
    let text = |pointer: &str| at(pointer)?.as_str().ok_or(("the bundle", format!("`{pointer}` is no text")));
    let entry = "/verificationMaterial/tlogEntries/0";

    let envelope: Envelope = Envelope::deserialize(at("/dsseEnvelope")?).map_err(|error| wrong("the envelope")(&error))?;
    let chain = match whole.pointer("/verificationMaterial/certificate/rawBytes") {
        None => None,
        Some(certificate) => {
            let certificate = BASE64.decode(certificate.as_str().unwrap_or_default());
            let certificate = certificate.map_err(|error| wrong("the certificate")(&error))?;
            Some(CertificateChain::new(certificate, Vec::new()).map_err(|error| wrong("the certificate")(&error))?)
        }
    };
    let certified = chain.as_ref().map(CertificateChain::public_key);
    let own = certified.map(|key| TrustRoot::new([key.clone()]));
    let evidence = own.as_ref().unwrap_or(trust).verify(&envelope).map_err(|error| wrong("the envelope")(&error))?;
    let key = certified.or_else(|| trust.key(evidence.signer())).ok_or(("the envelope", "its key is not known".to_owned()))?;
    let by = chain.clone().map_or_else(|| SignedBy::Key(key.clone()), SignedBy::Certified);

    let note = text(&format!("{entry}/inclusionProof/checkpoint/envelope"))?;
    let checkpoint = log.signed(note).map_err(|error| wrong("the checkpoint")(&error))?;
    let few = log.verify(note).err().map(|few| format!("cosignatures: {few}"));
    let proof = wrong("the proof");
    let decode = |text: &str| BASE64.decode(text).map_err(|error| proof(&error));
    let leaf = decode(text(&format!("{entry}/canonicalizedBody"))?)?;
    let index = text(&format!("{entry}/logIndex"))?.parse().map_err(|error| proof(&error))?;
    let hashes = at(&format!("{entry}/inclusionProof/hashes"))?.as_array().ok_or(("the proof", "it has no hashes".to_owned()))?;
    let hash = |hash: &Value| {
        let bytes: Option<[u8; 32]> = decode(hash.as_str().unwrap_or_default())?.try_into().ok();
        bytes.map(Digest::from_bytes).ok_or(("the proof", "a hash has not 32 bytes".to_owned()))
    };
    let path = hashes.iter().map(hash).collect::<Result<_, _>>()?;
    let inclusion = Inclusion { leaf, index, path };
    let id = inclusion.verify(&checkpoint).map_err(|error| proof(&error))?;
    if id != evidence.id() {
        return Err(("the proof", "it is about other evidence than the envelope holds".to_owned()));
    }
    let item = Item::unchecked(Stored { envelope, by }).map_err(|error| wrong("the envelope")(&error))?;
    if item.leaf() != inclusion.leaf {
        return Err(("the proof", "the leaf is not that of the envelope".to_owned()));
    }
    let timestamps = timestamps(&whole);
    let again = written(&item.stored, log, note, &inclusion, &checkpoint, timestamps.map(|(data, _)| data));
    let again = again.map_err(|error| wrong("the bundle")(&error))?;
    if again.as_bytes() != bytes {
        return Err(("the bundle", "it says something that nothing authenticates, or in another form".to_owned()));
    }
    let holder = chain.as_ref().map(|chain| crate::authority::certified(trust, chain, log.seen(note)));
    let signed = match &holder {
        Some(Ok(Certified { by, at, .. })) => format!("the statement {id}, signed by {by}, seen {at} s after 1970"),
        Some(Err(_)) => format!("the statement {id}, signed by the key {} of the certificate in it", key.id().0.short()),
        None => format!("the statement {id}, signed by the trusted key {}", key.id().0.short()),
    };
    let uncertified = holder.as_ref().and_then(|holder| holder.as_ref().err()).map(|why| format!("who signed it: {why}"));
    let unchecked = timestamps.map(|(_, count)| format!("timestamps: it has {count} (RFC 3161), and none is checked here"));
    let key = Digest::from_bytes(log.id()).short();
    let mut held = vec![signed, format!("leaf {index} of `{}` at {} leaves, by its key {key}", log.origin(), checkpoint.size)];
    held.extend(witnessed(log, note));
    let trust = holder.and_then(Result::ok).map(|certified| certified.trust);
    Ok(Checked {
        evidence,
        trust,
        held,
        unknown: uncertified.into_iter().chain(unchecked).chain(few).chain(log.untimely(note)).collect(),
    })
}

/// What a bundle has of timestamp authorities, and how many tokens that are; `None` where there is no token, or something besides.
fn timestamps(bundle: &Value) -> Option<(&Value, usize)> {
    let data = bundle.pointer("/verificationMaterial")?.get(TIMESTAMPS)?;
    let tokens = data.get("rfc3161Timestamps")?.as_array().filter(|tokens| !tokens.is_empty())?;
    let is_alone = |value: &Value| value.as_object().is_some_and(|fields| fields.len() == 1);
    let token = |value: &Value| BASE64.decode(value.get("signedTimestamp")?.as_str()?).ok().filter(|token| !token.is_empty());
    let are_tokens = tokens.iter().all(|value| is_alone(value) && token(value).is_some());
    (is_alone(data) && are_tokens).then_some((data, tokens.len()))
}
