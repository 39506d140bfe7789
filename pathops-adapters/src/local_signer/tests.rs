use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use pathops_core::IdempotencyKey;

use super::*;

fn sign(signer: &LocalSigner, message: &[u8]) -> Signature {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(signer.sign(&OpContext::new(IdempotencyKey::new("sign")), message)).unwrap()
}

fn openssl(args: &[&str], folder: &Path) -> bool {
    let output = Command::new("openssl").args(args).current_dir(folder).output().unwrap();
    assert!(output.status.code().is_some(), "{output:?}");
    output.status.success()
}

fn key_in_new_folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    (folder, path)
}

#[test]
fn the_key_is_private_and_stays() {
    let (_folder, path) = key_in_new_folder();
    let made = LocalSigner::open_or_create(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let read = LocalSigner::open_or_create(&path).unwrap();
    assert_eq!(made.public_key(), read.public_key());
    assert!(made.public_key().verifies(b"x", &sign(&read, b"x")));
    let (_other_folder, other) = key_in_new_folder();
    assert_ne!(made.public_key(), LocalSigner::open_or_create(other).unwrap().public_key());
}

#[test]
fn a_seed_is_private_and_stays() {
    let (_folder, path) = key_in_new_folder();
    let made = local_seed(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(local_seed(&path).unwrap(), made);
    let (_other_folder, other) = key_in_new_folder();
    assert_ne!(local_seed(&other).unwrap(), made);
    for bad in ["", "00", "not hexadecimal"] {
        std::fs::write(&path, bad).unwrap();
        assert_eq!(local_seed(&path).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
    }
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(local_seed(&path).unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn hosts_that_start_together_get_one_key() {
    let (_folder, path) = key_in_new_folder();
    let open = || {
        std::thread::spawn({
            let path = path.clone();
            move || LocalSigner::open_or_create(path).unwrap().public_key()
        })
    };
    let keys: Vec<_> =
        [open(), open(), open(), open(), open(), open()].into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "{keys:?}");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing but the key is left");
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    for mode in [0o640, 0o604, 0o620, 0o666] {
        let (_folder, path) = key_in_new_folder();
        LocalSigner::open_or_create(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = LocalSigner::open_or_create(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{mode:o}");
        assert!(error.to_string().contains(&format!("chmod 600 {}", path.display())), "{error}");
    }
}

#[test]
fn what_is_no_key_is_refused_and_not_replaced() {
    for text in ["", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "\u{fffd}"] {
        let (_folder, path) = key_in_new_folder();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(LocalSigner::open_or_create(&path).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    let missing = LocalSigner::open_or_create("/nonexistent-folder/key.pem").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Unavailable, "{missing}");
}

#[test]
fn openssl_reads_the_key_and_its_signatures() {
    let (folder, path) = key_in_new_folder();
    let signer = LocalSigner::open_or_create(&path).unwrap();
    std::fs::write(folder.path().join("message"), "a statement").unwrap();
    std::fs::write(folder.path().join("signature"), sign(&signer, b"a statement").as_der()).unwrap();
    assert!(openssl(&["ec", "-in", "key.pem", "-pubout", "-out", "public.pem"], folder.path()));
    assert_eq!(std::fs::read_to_string(folder.path().join("public.pem")).unwrap(), signer.public_key().to_pem());
    let verify = ["dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "message"];
    assert!(openssl(&verify, folder.path()));
    std::fs::write(folder.path().join("message"), "another").unwrap();
    assert!(!openssl(&verify, folder.path()));
}

#[test]
fn a_key_that_openssl_made_is_read() {
    let (folder, path) = key_in_new_folder();
    for make in [
        ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem"],
        ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"],
    ] {
        assert!(openssl(&make, folder.path()));
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let signer = LocalSigner::open_or_create(&path).unwrap();
        assert!(signer.public_key().verifies(b"x", &sign(&signer, b"x")));
    }
    assert!(openssl(&["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "key.pem"], folder.path()));
    assert_eq!(LocalSigner::open_or_create(&path).unwrap_err().kind(), ErrorKind::Invalid, "another curve");
}

#[test]
fn debug_shows_no_key() {
    let (_folder, path) = key_in_new_folder();
    let signer = LocalSigner::open_or_create(&path).unwrap();
    let secret = p256::SecretKey::from_pem(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let text = format!("{signer:?}");
    let hex: String = secret.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let public = signer.public_key().id().0.short();
    assert!(text.contains(&public) && !text.to_lowercase().contains(&hex[..8]) && text.len() < 100, "{text}");
}
