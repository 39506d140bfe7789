//! The log, read and proved by `signed_note`, `tlog_tiles` and `ct-merkle`.

use std::process::Command;

use pathops_core::Digest;
use pathops_core::evidence::Checkpoint;
use pathops_evidence::ledger::LogIdentity;

use super::*;

/// How the key of a log is written for others (C2SP `signed-note`).
pub(crate) fn verifier_key(log: &LogIdentity) -> String {
    let name: String = log.id()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}+{name}+{}", log.origin(), BASE64.encode([[1].as_slice(), &log.key()].concat()))
}

impl Shop {
    /// Writes the log into a folder, as a server of it would serve it.
    fn publish(&self) -> PathBuf {
        let folder = self.folder.path().join("log");
        for (name, bytes) in self.bucket.objects().iter() {
            let path = self.folder.path().join(name.as_str());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn note(&self) -> (Checkpoint, String) {
        wait(self.ledger.reader().note(&cx())).unwrap().unwrap()
    }
}

pub(crate) fn program(verifiers: &Path, what: &str) -> Command {
    let mut program = Command::new(verifiers.join("rust/debug/pathops-third-party"));
    program.arg(what);
    program
}

#[test]
fn a_log_is_read_and_its_every_leaf_and_earlier_state_proved_by_others() {
    let (Some(verifiers), mut shop) = (verifiers(), Shop::new(0)) else { return };
    let mut earlier = Vec::new();
    for more in [1, 6, 249, 1, 43] {
        shop.more(more);
        earlier.push(shop.file(&format!("checkpoint-{}", shop.records.len()), shop.note().1));
    }
    let (folder, key) = (shop.publish(), verifier_key(&shop.key.identity()));
    let verify = |key: &str, earlier: &[PathBuf]| says(program(&verifiers, "log").arg(&folder).arg(key).args(earlier));
    assert_eq!(verify(&key, &earlier), "verified\n");

    let another = LogKey::new("shop.example/evidence", &[8; 32]).unwrap();
    assert!(verify(&verifier_key(&another.identity()), &[]).starts_with("refused"));
    let forked = shop.key.sign(&Checkpoint { size: 7, root: Digest::of(b"another history") });
    assert!(verify(&key, &[shop.file("forked", forked)]).starts_with("refused"));
    for part in ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"] {
        let path = folder.join(part);
        let good = std::fs::read(&path).unwrap();
        let mut spoilt = good.clone();
        spoilt[good.len() / 2] ^= 1;
        std::fs::write(&path, spoilt).unwrap();
        assert!(verify(&key, &[]).starts_with("refused"), "{part}");
        std::fs::write(&path, good).unwrap();
    }
    assert_eq!(verify(&key, &earlier), "verified\n", "all is as it was");
}

#[test]
fn our_proofs_of_inclusion_and_consistency_are_verified_by_others() {
    let (Some(verifiers), mut shop) = (verifiers(), Shop::new(0)) else { return };
    let (key, mut notes) = (verifier_key(&shop.key.identity()), Vec::new());
    for more in [1, 2, 4, 253, 10] {
        shop.more(more);
        notes.push(shop.note());
    }
    let (newest, note) = shop.note();
    let newest_file = shop.file("newest", note);
    let concatenated = |hashes: &[Digest]| hashes.iter().flat_map(|hash| *hash.as_bytes()).collect::<Vec<_>>();
    let reader = shop.ledger.reader();

    for index in [0, 1, 6, 255, 256, 269] {
        let inclusion = wait(reader.inclusion(&cx(), index, &newest)).unwrap();
        let verify = |leaf: &[u8], index: u64, path: &[u8]| {
            let (leaf, path) = (shop.file("leaf", leaf), shop.file("path", path));
            says(program(&verifiers, "inclusion").arg(leaf).arg(index.to_string()).arg(&newest_file).arg(path).arg(&key))
        };
        let path = concatenated(&inclusion.path);
        assert_eq!(verify(&inclusion.leaf, index, &path), "verified\n", "leaf {index}");
        assert!(verify(&inclusion.leaf, (index + 1) % newest.size, &path).starts_with("refused"));
        assert!(verify(b"another leaf", index, &path).starts_with("refused"));
        assert!(verify(&inclusion.leaf, index, &path[32..]).starts_with("refused"));
    }

    for (earlier, note) in &notes[..notes.len() - 1] {
        let path = concatenated(&wait(reader.consistency(&cx(), earlier, &newest)).unwrap());
        let verify = |earlier: &str, path: &[u8]| {
            let (earlier, path) = (shop.file("earlier", earlier), shop.file("path", path));
            says(program(&verifiers, "consistency").arg(earlier).arg(&newest_file).arg(path).arg(&key))
        };
        assert_eq!(verify(note, &path), "verified\n", "from {}", earlier.size);
        let forked = shop.key.sign(&Checkpoint { root: Digest::of(b"another history"), ..earlier.clone() });
        assert!(verify(&forked, &path).starts_with("refused"));
        assert!(verify(note, &path[32..]).starts_with("refused"));
    }
}
