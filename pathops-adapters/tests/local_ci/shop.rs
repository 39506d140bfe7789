//! Real bare repositories with real scripts, and a local CI over them.

use std::sync::Arc;

use git2::{FileMode, Repository, Signature};
use pathops_adapters::local_ci::{LocalCi, LocalCiConfig};
use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{BlobStore, CiRequest};
use pathops_core::{CommitId, TreeId};
use tempfile::TempDir;

pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A repository `shop/orders-src`, and folders for everything.
pub(crate) struct Shop {
    pub(crate) folder: TempDir,
    pub(crate) blobs: Arc<dyn BlobStore>,
}

/// A file of a commit.
pub(crate) struct File(pub(crate) &'static str, pub(crate) String, pub(crate) FileMode);

/// An executable `ci/run` with these lines.
pub(crate) fn script(lines: &str) -> File {
    File("ci/run", format!("#!/bin/sh\nset -e\n{lines}\n"), FileMode::BlobExecutable)
}

pub(crate) fn file(path: &'static str, text: &str) -> File {
    File(path, text.to_owned(), FileMode::Blob)
}

impl Shop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Repository::init_bare(folder.path().join("repositories/shop/orders-src.git")).unwrap();
        Self { folder, blobs: Arc::new(ObjectStoreBlobs::memory()) }
    }

    /// A commit with these files and no others.
    pub(crate) fn commit(&self, files: &[File]) -> (CommitId, TreeId) {
        let repository = Repository::open_bare(self.folder.path().join("repositories/shop/orders-src.git")).unwrap();
        let empty = repository.find_tree(repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let mut update = git2::build::TreeUpdateBuilder::new();
        for File(path, text, mode) in files {
            update.upsert(*path, repository.blob(text.as_bytes()).unwrap(), *mode);
        }
        let tree = repository.find_tree(update.create_updated(&repository, &empty).unwrap()).unwrap();
        let author = Signature::new("alice", "alice@example.org", &git2::Time::new(0, 0)).unwrap();
        let commit = repository.commit(None, &author, &author, "a commit", &tree, &[]).unwrap();
        (CommitId::parse(commit.to_string()).unwrap(), TreeId::parse(tree.id().to_string()).unwrap())
    }

    pub(crate) fn request(&self, commit: &CommitId, base: &CommitId) -> CiRequest {
        CiRequest {
            change_set: "show-date-1".parse().unwrap(),
            unit: "orders".parse().unwrap(),
            repo: "shop/orders-src".parse().unwrap(),
            commit: commit.clone(),
            base: base.clone(),
        }
    }

    /// A request to build a commit with these files, which is its own base.
    pub(crate) fn build_of(&self, files: &[File]) -> CiRequest {
        let (commit, _) = self.commit(files);
        self.request(&commit, &commit)
    }

    pub(crate) fn config(&self) -> LocalCiConfig {
        LocalCiConfig::new(self.folder.path().join("repositories"), self.folder.path().join("work"), PATH)
    }

    pub(crate) fn ci(&self, config: LocalCiConfig) -> LocalCi {
        LocalCi::new(config, self.blobs.clone(), Arc::new(SystemClock)).unwrap()
    }
}
