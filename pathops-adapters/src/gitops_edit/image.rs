//! Versions of images.

use super::change::ImageVersion;
use super::error::EditError;
use super::find::{Place, ambiguous};
use super::places::is_kustomization;
use super::splice::{Effect, Splice};
use super::tree::{Document, Kind, Node};

/// A place that names the image.
#[derive(Clone, Copy)]
enum Named<'d> {
    /// `repository:tag` in one.
    Whole(Place<'d>),
    /// A mapping with the `repository` and its version beside it, of Helm values.
    Apart(Place<'d>),
    /// An item of the `images` of a kustomization.
    Kustomized(Place<'d>),
}

pub(super) fn set(
    repository: &str,
    version: &ImageVersion,
    documents: &[Document],
    source: &str,
) -> Result<Vec<Splice>, EditError> {
    let wanted = format!("image:{repository}");
    let mut named = Vec::new();
    for document in documents {
        let root = Place::root(document);
        if is_kustomization(document) {
            let images = root.entry("images").into_iter().flat_map(Place::items);
            named.extend(images.filter(|it| is_image(it.node, repository)).map(Named::Kustomized));
        } else {
            below(root, repository, &mut named);
        }
    }
    let versions: Vec<String> = named.iter().map(|it| it.version(repository)).collect();
    let Some(first) = versions.first() else {
        return Err(EditError::NotFound {
            wanted,
            hint: "; no container, values or kustomization names this repository".to_owned(),
        });
    };
    // All that name one version mean one image.
    if versions.iter().any(|version| version != first) {
        let places: Vec<Place<'_>> = named.iter().map(|it| it.place()).collect();
        return Err(ambiguous(&places, &wanted));
    }
    let mut splices = Vec::new();
    for named in named {
        splices.extend(named.set(repository, version, &wanted, source)?);
    }
    Ok(splices)
}

/// All places below that name the image.
fn below<'d>(place: Place<'d>, repository: &str, into: &mut Vec<Named<'d>>) {
    let is_split = place
        .entry("repository")
        .is_some_and(|it| it.node.text().is_some_and(|text| is_repository(place.node, text, repository)));
    if is_split && (place.entry("tag").is_some() || place.entry("digest").is_some()) {
        into.push(Named::Apart(place));
    }
    for entry in place.entries() {
        let text = entry.node.text().filter(|_| entry.key.and_then(Node::text) == Some("image"));
        match text {
            Some(text) if parts(text).0 == repository => into.push(Named::Whole(entry)),
            _ => below(entry, repository, into),
        }
    }
    place.items().for_each(|item| below(item, repository, into));
}

/// With the `registry` before it, where that is apart.
fn is_repository(mapping: &Node, text: &str, wanted: &str) -> bool {
    match mapping.get_text("registry") {
        Some(registry) if !registry.is_empty() => {
            wanted.strip_prefix(registry).and_then(|rest| rest.strip_prefix('/')) == Some(text)
        }
        _ => text == wanted,
    }
}

/// Whether an item of a kustomization is about the image: by the name that it takes the place of, or by its new name.
fn is_image(item: &Node, repository: &str) -> bool {
    item.get_text("newName").or_else(|| item.get_text("name")) == Some(repository) || item.get_text("name") == Some(repository)
}

/// Repository and what follows it.
fn parts(reference: &str) -> (&str, &str) {
    let name = reference.split('@').next().unwrap_or(reference);
    let end = match name.rsplit_once(':') {
        // A colon before the last slash is that of a port.
        Some((repository, tag)) if !tag.contains('/') => repository.len(),
        _ => name.len(),
    };
    reference.split_at(end)
}

impl<'d> Named<'d> {
    fn place(self) -> Place<'d> {
        match self {
            Self::Whole(place) | Self::Apart(place) | Self::Kustomized(place) => place,
        }
    }

    /// The version that it names.
    fn version(self, repository: &str) -> String {
        let node = self.place().node;
        let key = |key: &str, before: &str| node.get_text(key).filter(|it| !it.is_empty()).map(|it| format!("{before}{it}"));
        match self {
            Self::Whole(_) => node.text().and_then(|text| text.strip_prefix(repository)).unwrap_or_default().to_owned(),
            Self::Apart(_) => [key("tag", ":"), key("digest", "@")].into_iter().flatten().collect(),
            Self::Kustomized(_) => [key("newTag", ":"), key("digest", "@")].into_iter().flatten().collect(),
        }
    }

    fn set(self, repository: &str, version: &ImageVersion, wanted: &str, source: &str) -> Result<Vec<Splice>, EditError> {
        match self {
            Self::Whole(place) => Ok(vec![place.set(&format!("{repository}{version}"), true, wanted, source)?]),
            Self::Apart(place) => apart(place, version, wanted, source),
            Self::Kustomized(item) => kustomized(item, version, wanted, source),
        }
    }
}

/// The keys that are there are set; none is put in, since it is the chart that says which count.
fn apart(place: Place<'_>, version: &ImageVersion, wanted: &str, source: &str) -> Result<Vec<Splice>, EditError> {
    let mut splices = Vec::new();
    for (key, value) in [("tag", &version.tag), ("digest", &version.digest)] {
        let refused = |why: String| Err(EditError::refused(wanted, place.node.line, why));
        match (place.entry(key), value) {
            (Some(entry), Some(value)) => splices.push(entry.set(value, true, wanted, source)?),
            (None, Some(_)) => return refused(format!("these values have no `{key}`")),
            (Some(entry), None) if key == "digest" && entry.node.text() != Some("") => {
                return refused("the digest that stands there would still count; give both, as `TAG@DIGEST`".to_owned());
            }
            _ => {}
        }
    }
    Ok(splices)
}

/// A kustomization names a tag or a digest: the key changes with what is named.
fn kustomized(item: Place<'_>, version: &ImageVersion, wanted: &str, source: &str) -> Result<Vec<Splice>, EditError> {
    let refused = |why: &str| Err(EditError::refused(wanted, item.node.line, why));
    let (key, value) = match (&version.tag, &version.digest) {
        (_, Some(digest)) => ("digest", digest),
        (Some(tag), None) => ("newTag", tag),
        (None, None) => return refused("there is no version"),
    };
    let other = if key == "digest" { "newTag" } else { "digest" };
    match (item.entry(key), item.entry(other)) {
        (Some(_), Some(_)) => refused("it names a tag and a digest already"),
        (Some(entry), None) => Ok(vec![entry.set(value, true, wanted, source)?]),
        (None, Some(entry)) => {
            let Some(name) = entry.key else { return refused("the key cannot be named anew") };
            let renamed = Place { document: item.document, key: None, node: name }.set(key, true, wanted, source)?;
            Ok(vec![renamed, entry.set(value, true, wanted, source)?])
        }
        (None, None) => Ok(vec![insert(item, key, value, wanted, source)?]),
    }
}

/// Puts in an entry behind the name.
fn insert(item: Place<'_>, key: &str, value: &str, wanted: &str, source: &str) -> Result<Splice, EditError> {
    let refused = || EditError::refused(wanted, item.node.line, "there is no place for the version in it");
    let Kind::Mapping { flow, .. } = &item.node.kind else { return Err(refused()) };
    let name = item.entry("newName").or_else(|| item.entry("name")).ok_or_else(refused)?;
    let first = item.node.entries().first().map(|(key, _)| key.span.start).ok_or_else(refused)?;
    let written = super::scalar::written(&plain(name.node), value, true).ok_or_else(refused)?;
    let (at, text) = if *flow {
        (name.node.span.end, format!(", {key}: {written}"))
    } else {
        let line = source.get(..first).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let column = source.get(line..first).map_or(0, |before| before.chars().count());
        let rest = source.get(name.node.span.end..).unwrap_or_default();
        let end = rest.find('\n').unwrap_or(rest.len());
        let carriage = if rest.get(..end).is_some_and(|rest| rest.ends_with('\r')) { "\r" } else { "" };
        let at = name.node.span.end + end - carriage.len();
        (at, format!("{carriage}\n{}{key}: {written}", " ".repeat(column)))
    };
    let effect = Effect::Insert { mapping: item.node.span.start, key: key.to_owned(), text: value.to_owned() };
    Ok(Splice { range: at..at, text, effect, wanted: wanted.to_owned(), line: item.node.line })
}

/// As if it stood there without quotes.
fn plain(node: &Node) -> Node {
    let kind = Kind::Scalar { text: String::new(), style: granit_parser::ScalarStyle::Plain };
    Node { kind, ..node.clone() }
}
