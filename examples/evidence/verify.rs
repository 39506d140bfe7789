//! Verifying, and what others verify.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_core::OpContext;
use pathops_core::adapter::BlobStore;
use pathops_core::evidence::{EvidenceId, PublicKey, SignerIdentity, TrustRoot};
use pathops_evidence::ledger::{LogIdentity, LogReader, Witness};
use pathops_evidence::{
    Against, MAX_BUNDLE_BYTES, Verdict, Verification, authorities_of, log_of, verify_bundle, verify_ledger_within,
};
use pathops_examples::Failure;
use pathops_examples::store::{Address, Store};

use crate::arguments::{Trusted, Verify};
use crate::find::named;
use crate::history::History;

/// What is verified.
enum What {
    /// A store, or a ledger by itself.
    Store(Store),
    Bundle(PathBuf),
}

impl What {
    fn at(address: Address) -> Result<Self, Failure> {
        match address {
            Address::Folder(path) if !path.is_dir() => Ok(Self::Bundle(path)),
            address => Ok(Self::Store(Store::at(address, None)?)),
        }
    }

    fn store(&self) -> Option<&Store> {
        match self {
            Self::Store(store) => Some(store),
            Self::Bundle(_) => None,
        }
    }
}

pub(crate) async fn verify(cx: &OpContext, arguments: Verify) -> Result<(String, u8), Failure> {
    let Verify { path, trusted, key, producer, identity, checkpoint, history, witness, witnesses, blobs, .. } = arguments;
    let what = What::at(path)?;
    let (log, own_root) = log(cx, what.store(), &trusted).await?;
    let needed = witnesses.unwrap_or(witness.len());
    // Of its past it is asked what it was, and not who has seen it.
    let unwitnessed = log.clone();
    let log = log.with_witnesses(witness, needed);
    let beside = trusted.trusted_root.as_deref().map(beside);
    let is_own = |file: &PathBuf| what.store().is_some_and(|store| store.has_file(file));
    let (trust, own_keys) = match (what.store(), beside) {
        _ if !key.is_empty() => (trust(&key)?, key.iter().any(is_own)),
        (None, None) => return Err("whose evidence counts has to be said: give --trusted-root, or --key".into()),
        (None, Some(beside)) if identity.is_empty() || beside.has_keys(cx).await? => (beside.trust(cx).await?, false),
        (None, Some(_)) => (TrustRoot::new([]), false),
        (Some(_), Some(beside)) if beside.has_keys(cx).await? => (beside.trust(cx).await?, own_root),
        (Some(store), _) => (store.trust(cx).await?, true),
    };
    let own_producers = producer.iter().any(|(_, file)| is_own(file));
    let producers = producer.into_iter().map(|(name, file)| Ok((name, public_key(&file)?)));
    let producers = producers.collect::<Result<Vec<_>, Failure>>()?;
    let trust = producers.into_iter().fold(trust, |trust, (name, key)| trust.with_producer(name, key));
    let trust = certifying(trust, trusted.trusted_root.as_deref(), &identity)?;
    let history = history.as_deref().map(History::of).transpose()?;
    let mut known = checkpoint.iter().map(|file| Ok(String::from_utf8(read(file)?)?)).collect::<Result<Vec<_>, Failure>>()?;
    let kept = what.store().map(Store::kept).transpose()?.flatten().filter(|note| unwitnessed.verify(note).is_ok());
    known.extend(kept);
    known.extend(history.iter().flat_map(|history| history.known(&log)).cloned());
    let mut verification = match what {
        What::Store(store) => {
            let blobs = match blobs {
                Some(address) => Some(ObjectStoreBlobs::within(Store::at(address, None)?.objects()?)),
                None => store.payloads(cx).await?,
            };
            let blobs = blobs.as_ref().map(|blobs| blobs as &dyn BlobStore);
            let (bucket, sealed) = (store.objects()?, store.sealed(cx).await?);
            let against = Against { log: &log, trust: &trust, known: &known, blobs, sealed: sealed.as_ref() };
            let mut verification = verify_ledger_within(cx, &*bucket, against, arguments.payload_bytes).await?;
            if !arguments.without_payload_keys {
                let place = store.payload_keys();
                verification.require_payload_keys(format!("{place}; --without-payload-keys leaves that out"));
            }
            if !arguments.without_snapshot_numbers {
                verification.require_streams();
            }
            if let Some(history) = history {
                add(&mut verification, history.verify(cx, &LogReader::new(bucket, unwitnessed)).await?);
            }
            verification
        }
        What::Bundle(_) if history.is_some() || blobs.is_some() || !known.is_empty() => {
            return Err("a bundle is one piece: --checkpoint, --history and --blobs are for a whole store or ledger".into());
        }
        What::Bundle(file) => verify_bundle(&read(&file)?, &log, &trust),
    };
    if arguments.without_payloads {
        verification.waive_payloads();
    }
    let believed = [
        (own_root, "the log is", "a --trusted-root"),
        (own_keys, "the signers are", "a --key"),
        (own_producers, "the producers are", "a --producer"),
        (own_root && !identity.is_empty(), "the authorities are", "a --trusted-root"),
    ];
    for (_, what, option) in believed.iter().filter(|(own, ..)| *own) {
        let why = "whoever can write there can put others in their place";
        let told = format!("who {what}: what the store itself says was believed, and {why}; give {option} from elsewhere");
        verification.left_out.push(told);
    }
    let (verdict, mut told) = (verification.verdict(), verification.to_string());
    if verdict == Verdict::Verified && believed.iter().any(|(own, ..)| *own) {
        let first = verdict.to_string();
        told.insert_str(first.len(), " against the store's own keys");
    }
    Ok((told, verdict.exit_code()))
}

/// A file; of one that is too long for anything that is read here, as much as shows that it is.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    if !fs::metadata(file).map_err(|error| told(&error))?.is_file() {
        return Err(told(&"it is neither a folder nor a file").into());
    }
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(|error| told(&error))?;
    opened.take(MAX_BUNDLE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| told(&error))?;
    Ok(bytes)
}

/// The keys in these files.
fn trust(files: &[PathBuf]) -> Result<TrustRoot, Failure> {
    Ok(TrustRoot::new(files.iter().map(|file| public_key(file)).collect::<Result<Vec<_>, _>>()?))
}

/// And these identities, in words of two, whom the authorities of the trusted root may certify.
fn certifying(trust: TrustRoot, root: Option<&Path>, identities: &[String]) -> Result<TrustRoot, Failure> {
    let Some(root) = root.filter(|_| !identities.is_empty()) else { return Ok(trust) };
    let trust = authorities_of(&read(root)?)?.into_iter().fold(trust, TrustRoot::with_authority);
    let identity = |words: &[String]| match words {
        [subject, issuer] => Some(SignerIdentity { subject: subject.clone(), issuer: issuer.clone() }),
        _ => None,
    };
    Ok(identities.chunks(2).filter_map(identity).fold(trust, TrustRoot::with_identity))
}

fn public_key(file: &Path) -> Result<PublicKey, Failure> {
    let pem = String::from_utf8(read(file)?)?;
    PublicKey::from_pem(&pem).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// Where the keys lie that go with a trusted root: the store that it is of, or what of it was handed on.
fn beside(root: &Path) -> Store {
    Store::folder(root.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// What else was verified of the same.
fn add(all: &mut Verification, other: Verification) {
    all.checked.extend(other.checked);
    all.failures.extend(other.failures);
    all.missing.extend(other.missing);
    all.left_out.extend(other.left_out);
}

pub(crate) async fn export(
    cx: &OpContext,
    store: &Store,
    id: &str,
    trusted: &Trusted,
    witness: Vec<Witness>,
    out: Option<PathBuf>,
) -> Result<String, Failure> {
    let id: EvidenceId = named(id)?;
    let log = log(cx, Some(store), trusted).await?.0.with_witnesses(witness, 0);
    let reader = LogReader::new(store.existing(cx).await?, log);
    let bundle = reader.bundle(cx, id).await?.ok_or_else(|| format!("the ledger does not have {id}"))?;
    let Some(file) = out else { return Ok(bundle) };
    fs::write(&file, bundle).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(format!("{}\n", file.display()))
}

/// The log, and whether it is the store's own word who that is: so it is, too, where the file is one of the store's.
async fn log(cx: &OpContext, store: Option<&Store>, trusted: &Trusted) -> Result<(LogIdentity, bool), Failure> {
    match (&trusted.trusted_root, store) {
        (Some(file), store) => Ok((log_of(&read(file)?)?, store.is_some_and(|store| store.has_file(file)))),
        (None, Some(store)) => Ok((store.log(cx).await?, true)),
        (None, None) => Err("who the log is has to be said: give --trusted-root".into()),
    }
}
