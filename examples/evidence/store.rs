//! A store of evidence: everything in one folder, which can be handed on as it is.
//!
//! `log` is the ledger, `blobs` has the payloads, `keys` the public keys whose evidence counts, `trusted_root.json` names the log,
//! and `evidence.db` is the index, which is made anew from the rest. The private keys lie beside it, in `<folder>.keys`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use pathops_adapters::local_signer::{LocalSigner, local_seed};
use pathops_adapters::object_store::{ObjectStoreBlobs, ObjectStoreBucket};
use pathops_adapters::sqlite::SqliteEvidenceIndex;
use pathops_core::OpContext;
use pathops_core::adapter::{BlobStore, Bucket, Signer as _};
use pathops_core::evidence::{PublicKey, TrustRoot};
use pathops_evidence::ledger::{Ledger, LogIdentity, LogKey};
use pathops_evidence::{Sealer, log_of, trusted_root};

use crate::{Failure, read};

/// The name of a log that this command begins.
const ORIGIN: &str = "localhost/evidence";

const INDEX: &str = "evidence.db";

/// Where a store is.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    /// In a folder of this machine.
    Folder(PathBuf),
}

impl FromStr for Store {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            None => Ok(Self::Folder(PathBuf::from(text))),
            Some((scheme, _)) => Err(format!("this command keeps no store in `{scheme}://`: give a folder")),
        }
    }
}

impl Store {
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder,
        }
    }

    /// A store that is there: looking at one makes none.
    pub(crate) fn existing(&self) -> Result<&Path, Failure> {
        let folder = self.folder();
        if folder.join("log").is_dir() {
            return Ok(folder);
        }
        Err(format!("{} is no store of evidence: it has no ledger", folder.display()).into())
    }

    pub(crate) fn bucket(&self) -> Result<Arc<dyn Bucket>, Failure> {
        Ok(Arc::new(ObjectStoreBucket::folder(self.existing()?)?))
    }

    pub(crate) fn blobs(&self) -> Result<Arc<dyn BlobStore>, Failure> {
        Ok(Arc::new(ObjectStoreBlobs::folder(self.existing()?)?))
    }

    /// The log that the store itself names.
    pub(crate) fn log(&self) -> Result<LogIdentity, Failure> {
        Ok(log_of(&read(&self.trusted_root())?)?)
    }

    pub(crate) fn trusted_root(&self) -> PathBuf {
        self.folder().join("trusted_root.json")
    }

    /// The keys that the store itself names.
    pub(crate) fn trust(&self) -> Result<TrustRoot, Failure> {
        let folder = self.folder().join("keys");
        let mut files: Vec<_> = fs::read_dir(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        // What a crash left of writing one.
        files.retain(|file| file.extension().is_none_or(|end| end != "new"));
        files.sort();
        trust(&files)
    }

    /// The index that is there: an empty one would say that there is nothing.
    pub(crate) async fn index(&self) -> Result<SqliteEvidenceIndex, Failure> {
        if !self.existing()?.join(INDEX).is_file() {
            return Err(format!("{} has no index: `rebuild-index` makes it", self.folder().display()).into());
        }
        self.index_to_fill().await
    }

    /// The index, made where there is none.
    pub(crate) async fn index_to_fill(&self) -> Result<SqliteEvidenceIndex, Failure> {
        Ok(SqliteEvidenceIndex::open(self.existing()?.join(INDEX)).await?)
    }

    /// Opens the store to write into it; makes it, and its keys, where there is none.
    pub(crate) async fn sealer(&self, cx: &OpContext) -> Result<Sealer, Failure> {
        let (folder, private) = (self.folder(), self.private());
        fs::create_dir_all(folder.join("keys"))?;
        fs::create_dir_all(&private)?;
        let signer = LocalSigner::open_or_create(private.join("signing.pem"))?;
        let log = LogKey::new(ORIGIN, &*local_seed(private.join("log.seed"))?)?;
        let root = self.trusted_root();
        if root.exists() && self.log()? != log.identity() {
            let why = format!("{} names another log than the key in {} is of", root.display(), private.display());
            return Err(why.into());
        }
        keep(&root, trusted_root(&log.identity())?.as_bytes())?;
        let public = signer.public_key();
        keep(&folder.join("keys").join(format!("{}.pem", public.id().0.short())), public.to_pem().as_bytes())?;
        let bucket = Arc::new(ObjectStoreBucket::folder(folder)?);
        let ledger = Arc::new(Ledger::open(cx, bucket, log).await?);
        Ok(Sealer::new(Arc::new(signer), Arc::new(ObjectStoreBlobs::folder(folder)?)).with_ledger(ledger))
    }

    /// Where the private keys lie: not in the store, which may be handed on.
    fn private(&self) -> PathBuf {
        let mut name: OsString = self.folder().components().as_path().into();
        name.push(".keys");
        name.into()
    }
}

/// Writes a file that says what it says for ever: it is whole or not there, whenever this ends.
fn keep(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if file.exists() {
        return Ok(());
    }
    let beside = file.with_extension("new");
    let mut new = File::create(&beside)?;
    new.write_all(bytes)?;
    new.sync_all()?;
    Ok(fs::rename(beside, file)?)
}

/// The keys in these files.
pub(crate) fn trust(files: &[PathBuf]) -> Result<TrustRoot, Failure> {
    let key = |file: &PathBuf| -> Result<PublicKey, Failure> {
        let pem = String::from_utf8(read(file)?)?;
        PublicKey::from_pem(&pem).map_err(|error| format!("{}: {error}", file.display()).into())
    };
    Ok(TrustRoot::new(files.iter().map(key).collect::<Result<Vec<_>, _>>()?))
}
