//! Objects of Kubernetes in JSON, as its API and `kubectl get -o json` give them: one, or a list of several kinds.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::Value;

use crate::report::Fault;
use crate::report::error::{Fail, Place, pointer};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;

/// A kind of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) name: &'static str,
}

/// The only version of these kinds that there is.
const VERSION: &str = "v1alpha1";

impl Kind {
    fn is(self, api_version: &str, kind: &str) -> bool {
        kind == self.name && api_version.split_once('/').is_some_and(|(group, _)| group == self.group)
    }

    fn is_listed_in(self, api_version: &str, kind: &str) -> bool {
        kind.strip_suffix("List").is_some_and(|one| self.is(api_version, one))
    }
}

/// Whether a report looks like one object of one of these kinds, or like a list of one of them.
pub(super) fn is_of(look: &Look<'_>, kinds: &[Kind]) -> bool {
    let text = |at: &str| look.text_at(at).unwrap_or_default();
    let (api_version, kind) = (text("/apiVersion"), text("/kind"));
    kinds.iter().any(|known| known.is(api_version, kind) || known.is_listed_in(api_version, kind))
}

/// For each of the first objects in a list of any kinds, whether it is of one of these.
pub(super) fn listed(look: &Look<'_>, kinds: &[Kind]) -> Vec<bool> {
    let items = look.at("/items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_known = |item: &Value| {
        let (api_version, kind) = (text(item, "apiVersion"), text(item, "kind"));
        kinds.iter().any(|known| known.is(&api_version, &kind))
    };
    if look.text_at("/kind") == Some("List") { items.iter().map(is_known).collect() } else { Vec::new() }
}

/// What all objects have.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    #[serde(deserialize_with = "name")]
    pub(super) name: String,
    #[serde(deserialize_with = "namespace")]
    pub(super) namespace: Option<String>,
    pub(super) generation: u64,
    #[serde(deserialize_with = "or_default")]
    pub(super) labels: BTreeMap<String, String>,
}

impl Metadata {
    /// Its namespace, which may be none, and its name.
    pub(super) fn place(&self) -> (&str, &str) {
        (self.namespace.as_deref().unwrap_or_default(), &self.name)
    }

    /// Its name, with the namespace before it where there is one.
    pub(super) fn full_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// No name is longer in Kubernetes, in bytes.
const LONGEST_NAME: usize = 253;

/// So much is shown of a text that ought to be a word, in bytes.
const SHOWN: usize = 100;

fn namespace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(name) if name.len() > LONGEST_NAME => Err(D::Error::custom("a name is longer than Kubernetes allows")),
        name => Ok(name),
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(namespace(deserializer)?.unwrap_or_default())
}

/// The beginning of a text that ought to be a word.
pub(super) fn shown(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN)).unwrap_or(text)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    metadata: ListMetadata,
    items: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// One object, and where it stands.
pub(super) struct Object {
    pub(super) kind: Kind,
    place: Place,
    value: Value,
}

impl Object {
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, Fail> {
        serde_json::from_value(self.value).map_err(|error| Fail::malformed(self.place, error.to_string()))
    }
}

/// The objects of a report, all of one of these kinds.
pub(super) fn objects(input: &Input<'_>, kinds: &[Kind]) -> Result<Vec<Object>, Fail> {
    let head: Head = input.json()?;
    let known = |kind: &&Kind| kind.is(&head.api_version, &head.kind);
    if let Some(kind) = kinds.iter().find(known) {
        let object = Object { kind: *kind, place: Place::Whole, value: input.json()? };
        of_this_version(&head.api_version, pointer!("apiVersion"))?;
        return Ok(vec![object]);
    }
    let listed = kinds.iter().find(|kind| kind.is_listed_in(&head.api_version, &head.kind));
    if listed.is_none() && head.kind != "List" {
        let wanted = kinds.iter().map(|kind| kind.name).collect::<Vec<_>>().join(" or ");
        return Err(Fail::malformed(pointer!("kind"), format!("`{}` is no {wanted}, and no list of them", head.kind)));
    }
    if head.metadata.next.is_some_and(|next| !next.is_empty()) {
        return Err(Fail::new(Fault::Paged, pointer!("metadata", "continue"), "the list goes on"));
    }
    let items = head.items.ok_or_else(|| Fail::malformed(pointer!("items"), "it is missing"))?;
    let object = |(number, value): (usize, Value)| {
        let field = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let place = pointer!("items", number);
        let kind = match (field("apiVersion"), field("kind"), listed) {
            // Items of a list of one kind need not repeat it.
            (None, None, Some(kind)) => {
                of_this_version(&head.api_version, pointer!("apiVersion"))?;
                *kind
            }
            (api_version, kind, _) => {
                let (api_version, kind) = (api_version.unwrap_or_default(), kind.unwrap_or_default());
                let known = kinds.iter().find(|known| known.is(&api_version, &kind));
                let other = || Fail::malformed(place.clone(), format!("it is a `{kind}` of `{api_version}`"));
                let known = known.ok_or_else(other)?;
                of_this_version(&api_version, place.clone())?;
                *known
            }
        };
        Ok(Object { kind, place, value })
    };
    items.into_iter().enumerate().map(object).collect()
}

fn of_this_version(api_version: &str, place: Place) -> Result<(), Fail> {
    match api_version.split_once('/') {
        Some((_, VERSION)) => Ok(()),
        _ => Err(Fail::unsupported(place, format!("`{api_version}` is not read, and {VERSION} is"))),
    }
}
