//! A P-256 key in the transit engine of Vault or OpenBao: what signs evidence never leaves the server.
//!
//! What it guarantees:
//!
//! * **One version of the key.** The newest one when it was [opened](VaultSigner::open); it signs until another signer is opened. A host
//!   that rotates the key trusts both, for as long as anything is to be verified that the older one has signed.
//! * **Only a digest is sent**, however long a message is.
//! * **No signature is believed.** Each is verified by the key before it is given.
//! * **The least rights.** A token with this policy is enough, and no more is asked for:
//!
//!   ```hcl
//!   path "transit/keys/pathops" { capabilities = ["read"] }
//!   path "transit/sign/pathops/sha2-256" { capabilities = ["update"] }
//!   ```
//!
//! Make the key with `bao write -f transit/keys/pathops type=ecdsa-p256`, or with `vault` in the place of `bao`. Whether it may be exported
//! is for whoever makes it to say: by default it cannot. A token that ends is renewed by somebody else, such as an agent of the server, in
//! a file ([`Endpoint::bearer_file`]).
//!
//! ```no_run
//! use std::sync::Arc;
//! use pathops_adapters::vault::{Endpoint, VaultSigner};
//! use pathops_core::adapter::{Clock, Signer};
//! use pathops_core::{IdempotencyKey, OpContext};
//!
//! async fn signer(clock: Arc<dyn Clock>) -> pathops_core::Result<Arc<dyn Signer>> {
//!     let endpoint = Endpoint::new("https://vault.example").bearer_file("/run/pathops/token");
//!     let cx = OpContext::new(IdempotencyKey::new("open the key"));
//!     Ok(Arc::new(VaultSigner::open(&cx, endpoint, "transit", "pathops", clock).await?))
//! }
//! ```

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pathops_core::adapter::{Clock, Signer};
use pathops_core::evidence::{PublicKey, Signature};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::query_api::{Ask, Client};

pub use crate::query_api::Endpoint;

/// An answer may be so long, in bytes: all versions of a key, or one signature.
const LONGEST: usize = 1 << 20;

/// Signs with a key that a server keeps. See the [module](self).
#[derive(Debug)]
pub struct VaultSigner {
    client: Client,
    /// Where it signs, below the server.
    path: String,
    /// Which key, for people.
    on: String,
    version: u64,
    public: PublicKey,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Key {
    #[serde(rename = "type")]
    kind: String,
    latest_version: u64,
    /// Numbers or texts for keys of other types.
    keys: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Version {
    public_key: String,
}

#[derive(Deserialize)]
struct Signed {
    signature: String,
}

impl VaultSigner {
    /// The newest version of `key` in the transit engine that is mounted at `mount`, which may have a namespace before it: `shop/transit`.
    ///
    /// # Errors
    /// `Invalid` where the endpoint or the names cannot be any, or the key is of another type than `ecdsa-p256`; `NotFound`; `Denied`;
    /// `Unavailable`; `Timeout`. No message holds the token.
    pub async fn open(cx: &OpContext, endpoint: Endpoint, mount: &str, key: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        const OPERATION: &str = "open a key of Vault";
        let (on, path) = (format!("{mount}/{key}"), format!("v1/{mount}/keys/{key}"));
        let ask = Ask { operation: OPERATION, on: on.clone(), path: &path, parameters: &[], body: None, longest: LONGEST };
        let invalid = |why: &str| ask.error(ErrorKind::Invalid).because(why);
        if !mount.split('/').chain([key]).all(is_name) {
            return Err(invalid("a name has letters, digits, `_`, `-` and `.` only, and begins with neither of the last two"));
        }
        let client = Client::new(endpoint, OPERATION, clock)?;
        let Key { kind, latest_version: version, keys } = answer(&client, cx, &ask).await?;
        if kind != "ecdsa-p256" {
            return Err(invalid(&format!("its type is `{kind}`")).advise("make a key of type `ecdsa-p256`"));
        }
        let strange = |why: &dyn Display| ask.error(ErrorKind::Unexpected).because(why);
        let newest = keys.get(&version.to_string()).ok_or_else(|| strange(&format!("it has no version {version}")))?;
        let newest = Version::deserialize(newest).map_err(|error| strange(&error))?;
        let public = PublicKey::from_pem(&newest.public_key).map_err(|error| strange(&error))?;
        Ok(Self { client, path: format!("v1/{mount}/sign/{key}/sha2-256"), on, version, public })
    }

    /// The server says of a version that may not sign any more, or never again, that it failed itself.
    fn refused(&self, ask: &Ask<'_>, error: Error) -> Error {
        if !error.to_string().contains("requested version for signing") {
            return error;
        }
        let why = format!("version {} of the key may not sign any more", self.version);
        ask.error(ErrorKind::Denied).because(why).advise("open the key anew: its newest version may")
    }

    /// The version of the key that signs.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// Whether it is one step of a path as it stands.
fn is_name(name: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.bytes().next().is_some_and(is_word) && name.bytes().all(|b| is_word(b) || matches!(b, b'-' | b'.'))
}

async fn answer<T: DeserializeOwned>(client: &Client, cx: &OpContext, ask: &Ask<'_>) -> Result<T> {
    let strange = |why: &dyn Display| ask.error(ErrorKind::Unexpected).because(why);
    let bytes = client.ask(cx, ask).await?;
    let bytes = bytes.ok_or_else(|| strange(&format!("the answer is longer than {LONGEST} bytes")))?;
    let Answer { data } = serde_json::from_slice(&bytes).map_err(|error| strange(&error))?;
    Ok(data)
}

#[async_trait]
impl Signer for VaultSigner {
    fn name(&self) -> &'static str {
        "vault"
    }

    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    async fn sign(&self, cx: &OpContext, message: &[u8]) -> Result<Signature> {
        let digest = STANDARD.encode(Digest::of(message).as_bytes());
        let question = json!({"input": digest, "prehashed": true, "key_version": self.version, "marshaling_algorithm": "asn1"});
        let (path, body) = (&*self.path, Some(("application/json", question.to_string().into_bytes())));
        let ask = Ask { operation: "sign by Vault", on: self.on.clone(), path, parameters: &[], body, longest: LONGEST };
        let Signed { signature } = answer(&self.client, cx, &ask).await.map_err(|error| self.refused(&ask, error))?;
        let strange = |why: &str| ask.error(ErrorKind::Unexpected).because(why);
        let of_version = signature.strip_prefix(&format!("vault:v{}:", self.version));
        let der =
            of_version.and_then(|it| STANDARD.decode(it).ok()).ok_or_else(|| strange("it is no signature of that version"))?;
        let signature = Signature::from_der(der);
        if self.public.verifies(message, &signature) {
            Ok(signature)
        } else {
            Err(strange("the signature is not one of that key and message"))
        }
    }
}
