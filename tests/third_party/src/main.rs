//! Verifies what PathOps makes with libraries that nobody here wrote, and says `verified` or `refused: …`.
//!
//! ```text
//! verify bundle BUNDLE TRUSTED_ROOT PUBLIC_KEY ARTIFACT
//! verify certified BUNDLE TRUSTED_ROOT IDENTITY ISSUER ARTIFACT
//! verify log FOLDER LOG_KEY [EARLIER_CHECKPOINT…]
//! verify inclusion LEAF INDEX CHECKPOINT PROOF LOG_KEY
//! verify consistency EARLIER_CHECKPOINT CHECKPOINT PROOF LOG_KEY
//! ```
//!
//! `cdevent` verifies nothing: it writes an event by the library of CDEvents, for others to read.
//!
//! All but `INDEX`, `LOG_KEY`, `IDENTITY` and `ISSUER` are files. `LOG_KEY` is a C2SP verifier key, and a `PROOF` its hashes, one after
//! the other.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cdevents_sdk::spec_0_5_1::service_deployed;
use cdevents_sdk::{CDEvent, Subject};
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::Sha256;
use signed_note::{Note, StandardVerifier, VerifierList};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Bundle, DerPublicKey};
use sigstore_verify::{Policy, PublicKeyVerificationPolicy, VerificationPolicy};
use tlog_tiles::{Checkpoint, Error, Tile, TileHashReader, TileReader};

type Answer = Result<(), Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["cdevent"] {
        return cdevent();
    }
    let answer = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bundle", bundle, root, key, artifact] => by_key(key).and_then(|policy| verify_bundle(bundle, root, &policy, artifact)),
        // Nobody runs a log of certificates for an authority of ours.
        ["certified", bundle, root, identity, issuer, artifact] => {
            verify_bundle(bundle, root, &VerificationPolicy::new(identity, issuer).skip_sct(), artifact)
        }
        ["log", folder, key, ref earlier @ ..] => log(folder.as_ref(), key, earlier),
        ["inclusion", leaf, index, checkpoint, proof, key] => inclusion(leaf, index, checkpoint, proof, key),
        ["consistency", earlier, checkpoint, proof, key] => consistency(earlier, checkpoint, proof, key),
        _ => Err("what is to be verified?".into()),
    };
    match answer {
        Ok(()) => {
            println!("verified");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("refused: {error}");
            ExitCode::FAILURE
        }
    }
}

/// With `cdevents-sdk`.
fn cdevent() -> ExitCode {
    let event = || -> Result<String, Box<dyn std::error::Error>> {
        let content = service_deployed::Content {
            artifact_id: "pkg:oci/orders@sha256%3A0b31".try_into()?,
            environment: service_deployed::ContentEnvironment { id: "preflight".try_into()?, source: None },
        };
        let subject = Subject::from(content).with_id("orders".try_into()?);
        let event = CDEvent::from(subject).with_id("7".try_into()?).with_source("https://ci.example/orders".try_into()?);
        Ok(serde_json::to_string(&event)?)
    };
    match event() {
        Ok(event) => {
            println!("{event}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn by_key(key: &str) -> Result<PublicKeyVerificationPolicy, Box<dyn std::error::Error>> {
    Ok(PublicKeyVerificationPolicy::new(DerPublicKey::from_pem(&std::fs::read_to_string(key)?)?))
}

/// With `sigstore-verify`.
fn verify_bundle(bundle: &str, root: &str, policy: &dyn Policy, artifact: &str) -> Answer {
    let text = |file: &str| std::fs::read_to_string(file);
    let (bundle, root) = (Bundle::from_json(&text(bundle)?)?, TrustedRoot::from_json(&text(root)?)?);
    let artifact = std::fs::read(artifact)?;
    let result = sigstore_verify::verify(artifact.as_slice(), &bundle, policy, &root)?;
    if result.tlog_verified() { Ok(()) } else { Err("the log was not verified".into()) }
}

/// With `signed_note`.
fn checkpoint(note: &[u8], key: &str) -> Result<Checkpoint, Box<dyn std::error::Error>> {
    let note = Note::from_bytes(note)?;
    let (known, _) = note.verify(&VerifierList::new(vec![Box::new(StandardVerifier::new(key)?)]))?;
    if known.is_empty() {
        Err("nobody known has signed it".into())
    } else {
        Ok(Checkpoint::from_bytes(note.text()).map_err(|error| error.to_string())?)
    }
}

/// With `tlog_tiles`: every leaf, and that the log begins with each that there was.
fn log(folder: &Path, key: &str, earlier: &[&str]) -> Answer {
    let newest = checkpoint(&std::fs::read(folder.join("checkpoint"))?, key)?;
    let (tiles, size, root) = (Tiles(folder.to_owned()), newest.size(), *newest.hash());
    let hashes = TileHashReader::new(size, root, &tiles);
    for (index, leaf) in (0..).zip(tiles.leaves(size)?) {
        let proof = tlog_tiles::prove_record(size, index, &hashes)?;
        tlog_tiles::check_record(&proof, size, root, index, tlog_tiles::record_hash(&leaf))?;
    }
    if tlog_tiles::tree_hash(size, &hashes)? != root {
        return Err("the tiles have another root".into());
    }
    for note in earlier {
        let earlier = checkpoint(&std::fs::read(note)?, key)?;
        let proof = tlog_tiles::prove_tree(size, earlier.size(), &hashes)?;
        tlog_tiles::check_tree(&proof, size, root, earlier.size(), *earlier.hash())?;
    }
    Ok(())
}

/// The tiles of a folder, of which a tile of 256 is eight levels high.
struct Tiles(PathBuf);

const HEIGHT: u8 = 8;

impl Tiles {
    /// All leaves, which lie in the tiles of entries.
    fn leaves(&self, size: u64) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
        let mut leaves = Vec::new();
        for first in (0..size).step_by(256) {
            let width = u32::try_from((size - first).min(256))?;
            let path = Tile::new(HEIGHT, 0, first / 256, width, true).path().replace("tile/8/data", "tile/entries");
            let bytes = std::fs::read(self.0.join(path))?;
            let mut rest = bytes.as_slice();
            while let Some((length, after)) = rest.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*length));
                let (leaf, after) = after.split_at_checked(length).ok_or("the entries are cut off")?;
                leaves.push(leaf.to_vec());
                rest = after;
            }
        }
        if leaves.len() as u64 == size { Ok(leaves) } else { Err(format!("{} leaves of {size}", leaves.len()).into()) }
    }
}

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        HEIGHT
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let path = |tile: &Tile| self.0.join(tile.path().replace("tile/8/", "tile/"));
        tiles.iter().map(|tile| std::fs::read(path(tile)).map_err(|error| Error::InvalidInput(error.to_string()))).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// With `ct-merkle`.
fn inclusion(leaf: &str, index: &str, note: &str, proof: &str, key: &str) -> Answer {
    let proof = InclusionProof::<Sha256>::try_from_bytes(std::fs::read(proof)?)?;
    root(note, key)?.verify_inclusion(&std::fs::read(leaf)?, index.parse()?, &proof)?;
    Ok(())
}

/// With `ct-merkle`.
fn consistency(earlier: &str, note: &str, proof: &str, key: &str) -> Answer {
    let proof = ConsistencyProof::<Sha256>::try_from_bytes(std::fs::read(proof)?)?;
    root(note, key)?.verify_consistency(&root(earlier, key)?, &proof)?;
    Ok(())
}

fn root(note: &str, key: &str) -> Result<RootHash<Sha256>, Box<dyn std::error::Error>> {
    let checkpoint = checkpoint(&std::fs::read(note)?, key)?;
    Ok(RootHash::new(checkpoint.hash().0.into(), checkpoint.size()))
}
