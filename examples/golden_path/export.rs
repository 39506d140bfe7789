//! Writing evidence out as files that anybody can check with `openssl`.

use std::fs;
use std::path::{Path, PathBuf};

use pathops_coordinator::change_set::State;
use pathops_core::adapter::BlobStore as _;
use pathops_core::evidence::Envelope;
use pathops_core::{IdempotencyKey, OpContext};
use pathops_evidence::{EvidenceRecord, openssl};

use crate::Failure;
use crate::host::Machine;

/// The files of one piece of evidence.
pub(crate) struct Exported {
    pub(crate) record: EvidenceRecord,
    pub(crate) envelope: Envelope,
    /// `<stem>.json`, `<stem>.signed`, `<stem>.signature` in the folder of its change set.
    pub(crate) stem: PathBuf,
}

/// The name of the public key's file.
pub(crate) const PUBLIC_KEY: &str = "public-key.pem";

/// Writes the check of the policy and all evidence of the change sets below `<root>/evidence`, and the public key beside it.
pub(crate) async fn evidence(machine: &Machine, policy: &EvidenceRecord, states: &[State]) -> Result<Vec<Exported>, Failure> {
    let folder = machine.place.root.join("evidence");
    let cx = OpContext::new(IdempotencyKey::new("export"));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(PUBLIC_KEY), machine.store.signer.public_key().to_pem())?;
    let mut exported = Vec::new();
    let of_policy = ("policy".to_owned(), vec![policy]);
    let of_states = states.iter().map(|state| (state.start.change_set.to_string(), state.evidence().collect()));
    for (name, records) in [of_policy].into_iter().chain(of_states) {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        for (number, record) in records.into_iter().enumerate() {
            let bytes = machine
                .store
                .blobs
                .get(&cx, &record.envelope)
                .await?
                .ok_or_else(|| format!("the evidence {} is gone", record.name))?;
            let stem = folder.join(format!("{:02}-{}", number + 1, file_name(&record.name)));
            exported.push(write(record, Envelope::from_slice(&bytes)?, &bytes, stem)?);
        }
    }
    Ok(exported)
}

fn write(record: &EvidenceRecord, envelope: Envelope, bytes: &[u8], stem: PathBuf) -> Result<Exported, Failure> {
    let files = openssl::files(&envelope)?;
    fs::write(stem.with_extension("json"), bytes)?;
    fs::write(stem.with_extension("signed"), files.signed_bytes)?;
    fs::write(stem.with_extension("signature"), files.signature_der)?;
    Ok(Exported { record: record.clone(), envelope, stem })
}

fn file_name(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect::<String>()
        .trim_matches('-')
        .to_owned()
}

/// The command that checks one piece of evidence, with paths as they are from `folder`.
pub(crate) fn command(exported: &Exported, folder: &Path) -> String {
    let text = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let key = folder.join("evidence").join(PUBLIC_KEY);
    openssl::command(
        &text(&key),
        &text(&exported.stem.with_extension("signature")),
        &text(&exported.stem.with_extension("signed")),
    )
}
