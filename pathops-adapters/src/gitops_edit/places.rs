//! From a change to the bytes that it changes.

use super::change::Change;
use super::error::EditError;
use super::splice::Splice;
use super::tree::Document;
use super::{find, image, replicas};

pub(super) fn of(change: &Change, documents: &[Document], source: &str) -> Result<Vec<Splice>, EditError> {
    match change {
        Change::Value { path, value } => {
            let wanted = path.to_string();
            Ok(vec![find::at(path, documents)?.set(value, false, &wanted, source)?])
        }
        Change::Image { repository, version } => image::set(repository, version, documents, source),
        Change::Replicas { name, count } => replicas::set(name.as_deref(), *count, documents, source),
    }
}

/// Whether a document is a kustomization.
pub(super) fn is_kustomization(document: &Document) -> bool {
    document.root.get_text("kind") == Some("Kustomization")
        // Both may be left out of `kustomization.yaml`.
        || (document.root.get("kind").is_none()
            && ["resources", "components", "bases"].iter().any(|key| document.root.get(key).is_some_and(|it| !it.items().is_empty())))
}
