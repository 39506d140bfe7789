//! Blobs on a real file system that fills up.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_core::adapter::BlobStore as _;
use pathops_core::{Digest, Effect, ErrorKind, IdempotencyKey, OpContext};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("k"))
}

#[test]
#[ignore = "a process that `a_full_disk_is_told_and_survived` starts"]
fn full_disk_process() {
    let mut folder = String::new();
    std::io::stdin().read_to_string(&mut folder).unwrap();
    if folder.is_empty() {
        return;
    }
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let ballast = PathBuf::from(&folder).join("ballast");
        std::fs::write(&ballast, vec![0; 300 * 1024]).unwrap();
        let blobs = ObjectStoreBlobs::folder(&folder).unwrap();
        let early = blobs.put(&cx(), b"early".to_vec()).await.unwrap();

        let large = vec![7; 300 * 1024];
        let error = blobs.put(&cx(), large.clone()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::StorageFull, Effect::None), "{error:?}");
        assert!(error.to_string().contains("free space"), "{error}");
        assert_eq!(blobs.get(&cx(), &Digest::of(&large)).await.unwrap(), None, "no part of it is there");
        assert_eq!(blobs.get(&cx(), &early).await.unwrap().unwrap(), b"early");

        std::fs::remove_file(ballast).unwrap();
        let digest = blobs.put(&cx(), large.clone()).await.unwrap();
        assert_eq!(blobs.get(&cx(), &digest).await.unwrap().unwrap(), large);
        println!("\nsurvived a full disk");
    });
}

/// On a file system of 512 KiB, mounted where only the process sees it.
#[test]
fn a_full_disk_is_told_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let unshare = ["--user", "--map-root-user", "--mount"];
    if !Command::new("unshare").args(unshare).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system lets no user mount a file system of its own");
        return;
    }
    let mut command = Command::new("unshare");
    command.args(unshare).args(["sh", "-c", "mount -t tmpfs -o size=512k tmpfs \"$0\" && exec \"$@\""]).arg(folder.path());
    command.arg(std::env::current_exe().unwrap()).args(["--exact", "full_disk_process", "--ignored", "--nocapture"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(folder.path().to_str().unwrap().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("survived a full disk"), "{text}");
}
