//! Numbers of replicas.

use super::error::EditError;
use super::find::{Place, one};
use super::places::is_kustomization;
use super::splice::Splice;
use super::tree::Document;

/// How Helm charts call it.
const IN_VALUES: [&str; 2] = ["replicaCount", "replicas"];

pub(super) fn set(name: Option<&str>, count: u32, documents: &[Document], source: &str) -> Result<Vec<Splice>, EditError> {
    let wanted = name.map_or_else(|| "replicas".to_owned(), |name| format!("replicas:{name}"));
    let places = documents.iter().flat_map(|document| in_document(document, name)).collect();
    Ok(vec![one(places, &wanted)?.set(&count.to_string(), false, &wanted, source)?])
}

fn in_document<'d>(document: &'d Document, name: Option<&str>) -> Vec<Place<'d>> {
    let root = Place::root(document);
    let is_wanted = |found: Option<&str>| name.is_none() || name == found;
    if is_kustomization(document) {
        let named = root.entry("replicas").into_iter().flat_map(Place::items);
        return named.filter(|it| is_wanted(it.node.get_text("name"))).filter_map(|it| it.entry("count")).collect();
    }
    if document.root.get("kind").is_some() {
        let metadata = document.root.get("metadata").and_then(|it| it.get_text("name"));
        let replicas = root.entry("spec").and_then(|spec| spec.entry("replicas"));
        return replicas.filter(|_| is_wanted(metadata)).into_iter().collect();
    }
    in_values(root, name)
}

/// At the top, or below the component of that name.
fn in_values<'d>(root: Place<'d>, name: Option<&str>) -> Vec<Place<'d>> {
    let of = |place: Place<'d>| IN_VALUES.into_iter().filter_map(move |key| place.entry(key)).collect::<Vec<_>>();
    match name {
        Some(name) => root.entry(name).map(of).unwrap_or_default(),
        None => {
            let below = root.entries().flat_map(of);
            of(root).into_iter().chain(below).filter(|it| it.node.text().is_some()).collect()
        }
    }
}
