//! A store of evidence: one layout, wherever it is. It can be handed on as it is.
//!
//! | object | what it is |
//! |---|---|
//! | `log/` | the ledger |
//! | `blobs/` | the payloads |
//! | `snapshots/` | the snapshots by their numbers, where a control plane writes into it |
//! | `payload-keys/` | the keys of payloads that can be erased |
//! | `keys/<name>.pem` | the public keys whose evidence counts |
//! | `keys/producers/<producer>/<name>.pem` | those of producers of evidence, such as scanners, which count for what they make |
//! | `trusted_root.json` | names the log |
//!
//! On this machine lie the index, which is made anew from the rest, and the private keys. Of a store in a folder these are
//! `evidence.db` in it, with `evidence.until` beside it, and `<folder>.keys`, with the last checkpoint that was signed in it; of one at S3,
//! a local folder that remembers its store.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pathops_adapters::local_signer::{LocalSigner, local_seed};
use pathops_adapters::object_store::{ObjectStoreBlobs, ObjectStoreBucket};
use pathops_adapters::sqlite::{SqliteEvidenceDraft, SqliteEvidenceIndex};
use pathops_adapters::system::SystemKeys;
use pathops_core::adapter::{Bucket, Signer};
use pathops_core::evidence::{PublicKey, TrustRoot};
use pathops_core::{ErrorKind, ObjectKey, OpContext};
use pathops_evidence::ledger::{Known, Ledger, LogIdentity, LogKey};
use pathops_evidence::retention::SealedBlobs;
use pathops_evidence::{MAX_BUNDLE_BYTES, log_of, trusted_root};

use crate::Failure;
pub use crate::address::Address;
use crate::local::Local;

const LOG: &str = "log";
const KEYS: &str = "keys";
const BLOBS: &str = "blobs";
const PAYLOAD_KEYS: &str = "payload-keys";
/// The folder in that of the keys with those of producers.
const PRODUCERS: &str = "producers";
const TRUSTED_ROOT: &str = "trusted_root.json";
/// How many keys a store may name.
const MAX_KEYS: usize = 1_000;
/// How many bytes a public key has at most.
const MAX_KEY_BYTES: u64 = 64 << 10;

/// A store of evidence.
#[derive(Clone, Debug)]
pub struct Store {
    address: Address,
    local: Option<PathBuf>,
}

/// A store that is written into.
#[derive(Debug)]
pub struct Open {
    /// Who signs what is made here.
    pub signer: Arc<dyn Signer>,
    /// Everything that lies in it.
    pub bucket: Arc<dyn Bucket>,
    /// The payloads.
    pub blobs: Arc<ObjectStoreBlobs>,
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// Who the log is.
    pub identity: LogIdentity,
}

impl Open {
    /// Where payloads go that are to be erasable: encrypted among the others, with the keys in the store, which nothing wraps.
    ///
    /// # Errors
    /// None in practice: the folder has a name.
    pub fn sealed(&self) -> Result<SealedBlobs, Failure> {
        sealed(self.blobs.clone(), self.bucket.clone())
    }
}

fn sealed(blobs: Arc<ObjectStoreBlobs>, bucket: Arc<dyn Bucket>) -> Result<SealedBlobs, Failure> {
    let folder = ObjectKey::parse(PAYLOAD_KEYS)?;
    Ok(SealedBlobs::new(blobs, bucket, Arc::new(SystemKeys)).with_folder(&folder))
}

impl Store {
    /// The store at an address; what of one at S3 lies on this machine lies in the folder `local`, or where such folders usually are.
    ///
    /// # Errors
    /// Where a local folder is given for a store that is one.
    pub fn at(address: Address, local: Option<PathBuf>) -> Result<Self, Failure> {
        if local.is_some() && matches!(address, Address::Folder(_)) {
            return Err(format!("{address} is a folder of this machine: leave --local out").into());
        }
        Ok(Self { address, local })
    }

    /// The store in a folder.
    #[must_use]
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        Self { address: Address::Folder(folder.into()), local: None }
    }

    /// What lies at its address: looking at it makes nothing.
    ///
    /// # Errors
    /// Where there is no such folder, or S3 cannot be used.
    pub fn objects(&self) -> Result<Arc<ObjectStoreBucket>, Failure> {
        match &self.address {
            Address::Folder(folder) if !folder.is_dir() => Err(format!("{} is no folder", folder.display()).into()),
            address => Ok(Arc::new(address.open()?)),
        }
    }

    /// The same, where there is a ledger in it.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub async fn existing(&self, cx: &OpContext) -> Result<Arc<ObjectStoreBucket>, Failure> {
        if self.has(cx, LOG).await? {
            return self.objects();
        }
        Err(format!("{} is no store of evidence: it has no ledger", self.address).into())
    }

    async fn has(&self, cx: &OpContext, part: &str) -> Result<bool, Failure> {
        match &self.address {
            // To list a folder is to read all names in it.
            Address::Folder(folder) => Ok(folder.join(part).is_dir()),
            Address::S3 { .. } => Ok(!self.objects()?.list(cx, &ObjectKey::parse(part)?, None, 1).await?.is_empty()),
        }
    }

    /// Its payloads; `None` for a ledger by itself. A store has its payloads in it: where their folder is gone, so are they.
    ///
    /// # Errors
    /// As [`Self::objects`].
    pub async fn payloads(&self, cx: &OpContext) -> Result<Option<ObjectStoreBlobs>, Failure> {
        let is_store = self.has(cx, KEYS).await? || self.has(cx, BLOBS).await?;
        is_store.then(|| Ok(ObjectStoreBlobs::within(self.objects()?))).transpose()
    }

    /// Its payloads that can be erased, with their keys; `None` where it was handed on without these.
    ///
    /// # Errors
    /// As [`Self::objects`].
    pub async fn sealed(&self, cx: &OpContext) -> Result<Option<SealedBlobs>, Failure> {
        if !self.has(cx, PAYLOAD_KEYS).await? {
            return Ok(None);
        }
        let objects = self.objects()?;
        sealed(Arc::new(ObjectStoreBlobs::within(objects.clone())), objects).map(Some)
    }

    /// Where the keys of its payloads that can be erased are looked for.
    #[must_use]
    pub fn payload_keys(&self) -> String {
        format!("{}/{PAYLOAD_KEYS}", self.address)
    }

    /// Whether a file of this machine lies in it, by its own name or by that of what it is a link to.
    #[must_use]
    pub fn has_file(&self, file: &Path) -> bool {
        let Address::Folder(folder) = &self.address else { return false };
        let Ok(folder) = folder.canonicalize() else { return false };
        let lies_in = |file: PathBuf| file.starts_with(&folder);
        let entry = file.parent().map(|it| if it.as_os_str().is_empty() { Path::new(".") } else { it });
        entry.and_then(|it| it.canonicalize().ok()).is_some_and(lies_in) || file.canonicalize().is_ok_and(lies_in)
    }

    /// Whether it names keys.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn has_keys(&self, cx: &OpContext) -> Result<bool, Failure> {
        self.has(cx, KEYS).await
    }

    /// The log that the store itself names.
    ///
    /// # Errors
    /// Where it names none.
    pub async fn log(&self, cx: &OpContext) -> Result<LogIdentity, Failure> {
        let named = self.objects()?.read_within(cx, &ObjectKey::parse(TRUSTED_ROOT)?, MAX_BUNDLE_BYTES as u64).await?;
        let named = named.ok_or_else(|| format!("{} has no {TRUSTED_ROOT}, which names its log", self.address))?;
        Ok(log_of(&named)?)
    }

    /// The keys that the store itself names.
    ///
    /// # Errors
    /// Where it names none, or too many, or what it names is no key.
    pub async fn trust(&self, cx: &OpContext) -> Result<TrustRoot, Failure> {
        let (objects, mut keys, mut producers) = (self.objects()?, Vec::new(), Vec::new());
        for name in objects.list(cx, &ObjectKey::parse(KEYS)?, None, MAX_KEYS + 1).await? {
            let at = |error: &dyn std::fmt::Display| format!("{}: {error}", objects.location(&name));
            let pem = objects.read_within(cx, &name, MAX_KEY_BYTES).await?.unwrap_or_default();
            let key = PublicKey::from_pem(&String::from_utf8_lossy(&pem)).map_err(|error| at(&error))?;
            match name.as_str().split('/').collect::<Vec<_>>()[..] {
                [_, _] => keys.push(key),
                [_, PRODUCERS, producer, _] => producers.push((producer.parse().map_err(|error| at(&error))?, key)),
                _ => return Err(at(&format!("a key lies in `{KEYS}`, or in `{KEYS}/{PRODUCERS}/<name>`")).into()),
            }
        }
        match keys.len() + producers.len() {
            0 => Err(format!("{} names no key whose evidence counts, below `{KEYS}`", self.address).into()),
            count if count > MAX_KEYS => Err(format!("{} names more than {MAX_KEYS} keys", self.address).into()),
            _ => Ok(producers.into_iter().fold(TrustRoot::new(keys), |trust, (name, key)| trust.with_producer(name, key))),
        }
    }

    /// The index that is there: an empty one would say that there is nothing.
    ///
    /// # Errors
    /// Where there is none, or it cannot be opened.
    pub async fn index(&self, cx: &OpContext) -> Result<SqliteEvidenceIndex, Failure> {
        self.existing(cx).await?;
        let index = self.local()?.index;
        if !index.is_file() {
            return Err(format!("{} has no index: `rebuild-index` makes it, at {}", self.address, index.display()).into());
        }
        let unusable = |error| format!("{error}; or move {} away, and `rebuild-index` makes it anew", index.display());
        Ok(SqliteEvidenceIndex::open(&index).await.map_err(unusable)?)
    }

    /// The index, made where there is none.
    ///
    /// # Errors
    /// Where it cannot be made or opened.
    pub async fn index_to_fill(&self, cx: &OpContext) -> Result<SqliteEvidenceIndex, Failure> {
        self.existing(cx).await?;
        Ok(SqliteEvidenceIndex::open(self.local()?.index).await?)
    }

    /// The index, to be made anew; what is there stays until that is done.
    ///
    /// # Errors
    /// Where it cannot be made, or what is there is open or no index.
    pub async fn index_anew(&self, cx: &OpContext) -> Result<SqliteEvidenceDraft, Failure> {
        self.existing(cx).await?;
        Ok(SqliteEvidenceDraft::begin(self.local()?.index).await?)
    }

    /// Opens the store to write into it. Where there is none it is made, with its keys, and its log gets the name `origin`.
    ///
    /// # Errors
    /// Where it cannot be written, ignores conditions of a write, is of another log than the key that lies here, the key that has
    /// signed what it has does not lie here any more, what none of the keys in it has signed lies where its log goes on, or its log
    /// does not go on from the last checkpoint that was signed here.
    pub async fn open(&self, cx: &OpContext, origin: &str) -> Result<Open, Failure> {
        let bucket = Arc::new(self.address.open()?);
        let (keys, root) = (self.local()?.keys, ObjectKey::parse(TRUSTED_ROOT)?);
        let seed = keys.join("log.seed");
        let named = bucket.read(cx, &root).await?.map(|root| log_of(&root)).transpose()?;
        if named.is_some() && !seed.is_file() {
            let why = format!("its private key is to be in {}, and is not", seed.display());
            return Err(format!("{} cannot be written into: {why}", self.address).into());
        }
        let signing = keys.join("signing.pem");
        if named.is_some() && !signing.try_exists()? && self.has_keys(cx).await? {
            return Err(lost_key(&self.address, &signing).into());
        }
        fs::create_dir_all(&keys)?;
        let log = LogKey::new(named.as_ref().map_or(origin, LogIdentity::origin), &*local_seed(&seed)?)?;
        let identity = log.identity();
        let signer = LocalSigner::open_or_create(signing)?;
        let public = signer.public_key();
        let foreign = || format!("{} names another log than the key in {} is of", bucket.location(&root), keys.display());
        keep(cx, &*bucket, &root, trusted_root(&identity, &[])?.as_bytes(), foreign).await?;
        let name = ObjectKey::parse(format!("{KEYS}/{}.pem", public.id().0.short()))?;
        let taken = || format!("{} is another key than that in {}", bucket.location(&name), keys.display());
        keep(cx, &*bucket, &name, public.to_pem().as_bytes(), taken).await?;
        let kept = self.local()?.kept();
        let told = format!("the last checkpoint that was signed here is kept in {}", kept.0.display());
        let known = Known::default().trusting(self.trust(cx).await?).keeping(Arc::new(kept));
        let ledger = Ledger::open_knowing(cx, bucket.clone(), log, known).await;
        let ledger = Arc::new(ledger.map_err(|error| format!("{error}; {told}"))?);
        let blobs = Arc::new(ObjectStoreBlobs::within(bucket.clone()));
        Ok(Open { signer: Arc::new(signer), bucket, blobs, ledger, identity })
    }

    /// The last checkpoint that was signed on this machine, as a signed note, where its store is a folder: whoever can write into that
    /// folder alone cannot change it.
    ///
    /// # Errors
    /// Where there is one and it cannot be read.
    pub fn kept(&self) -> Result<Option<String>, Failure> {
        match &self.address {
            Address::Folder(_) => Ok(self.local()?.kept().read()?),
            Address::S3 { .. } => Ok(None),
        }
    }

    /// Up to which leaf the index on this machine is known to have everything: 0 where that is not known.
    ///
    /// # Errors
    /// Where the index or what is remembered of it cannot be read.
    pub async fn indexed(&self, index: &SqliteEvidenceIndex) -> Result<u64, Failure> {
        self.local()?.indexed(index.entries().await?)
    }

    /// The same of whatever index was on this machine last: the ledger had so many leaves.
    ///
    /// # Errors
    /// Where what is remembered of it cannot be read.
    pub fn was_indexed(&self) -> Result<u64, Failure> {
        self.local()?.indexed(u64::MAX)
    }

    /// Remembers that the index on this machine has everything up to this leaf.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub async fn indexed_until(&self, index: &SqliteEvidenceIndex, until: u64) -> Result<(), Failure> {
        self.local()?.indexed_until(until, index.entries().await?)
    }

    fn local(&self) -> Result<Local, Failure> {
        Local::of(&self.address, self.local.as_deref())
    }
}

/// Nobody signs in the place of a key that is lost unless somebody says so.
fn lost_key(store: &Address, signing: &Path) -> String {
    let file = signing.display();
    let make = format!("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {file} && chmod 600 {file}");
    let advice = "put it back; where it is lost, make another one, which counts for those who trust its public key as well";
    format!("{store} is not written into: the private key that was in {file} is not there: {advice}: {make}")
}

/// Writes an object that says what it says for ever.
async fn keep(
    cx: &OpContext,
    bucket: &dyn Bucket,
    key: &ObjectKey,
    bytes: &[u8],
    otherwise: impl Fn() -> String,
) -> Result<(), Failure> {
    let there = match bucket.create(cx, key, bytes.to_vec()).await {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bucket.read(cx, key).await?,
        written => return Ok(written?),
    };
    if there.as_deref() == Some(bytes) { Ok(()) } else { Err(otherwise().into()) }
}
