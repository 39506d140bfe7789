//! Objects of Kubernetes as documents in YAML 1.2: bounded, and no key twice. Those that are asked for, and those that a cluster tells of.

use serde_json::{Map, Value};

use crate::report::error::{Fail, Place};
use crate::report::format::Confidence;
use crate::report::input::Look;
use crate::report::{Fault, MAX_DEPTH, MAX_VALUES};

/// How many bytes of YAML are read: YAML takes long to read.
const MAX_YAML: usize = 4 * 1024 * 1024;

/// How many events may come of aliases: as many for each byte, so that a short text does not take long, and so many in any.
const REPLAYED_PER_BYTE: usize = 4;
const REPLAYED: usize = 10_000;

/// Whether a text looks like objects.
pub(super) fn is_of_objects(text: &str) -> bool {
    ["apiVersion: ", "kind: "].iter().all(|key| text.lines().any(|line| line.starts_with(key)))
}

/// Reads all documents of a text; those that are empty are left out.
pub(super) fn documents(text: &str) -> Result<Vec<Value>, Fail> {
    if text.len() > MAX_YAML {
        let problem = format!("{} bytes of YAML, and {MAX_YAML} are the limit", text.len());
        return Err(Fail::new(Fault::TooLarge, Place::Whole, problem));
    }
    let replayed = text.len().saturating_mul(REPLAYED_PER_BYTE).clamp(REPLAYED, MAX_VALUES);
    let options = serde_saphyr::options! {
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: replayed },
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_documents: MAX_VALUES, max_nodes: MAX_VALUES },
        strict_booleans: true,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| refusal(&error))
}

fn refusal(error: &serde_saphyr::Error) -> Fail {
    let place = error.location().map_or(Place::Whole, |at| Place::Line(usize::try_from(at.line()).unwrap_or(usize::MAX)));
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let limit = ["budget breached", "recursion limit", "alias replay"].iter().any(|words| first.contains(words));
    Fail::new(if limit { Fault::TooLarge } else { Fault::Malformed }, place, format!("no YAML: {first}"))
}

/// What documents are in JSON: several of them, and what is in those that are lists, are one list. It goes on where one of those does.
pub(super) fn in_json(documents: &[Value]) -> Value {
    match documents {
        [one] => one.clone(),
        several => {
            let items = several.iter().flat_map(|document| listed(document).unwrap_or(std::slice::from_ref(document)));
            let goes_on = |next: &&Value| next.as_str().is_some_and(|next| !next.is_empty());
            let lists = several.iter().filter(|document| listed(document).is_some());
            let next = lists.filter_map(|list| list.pointer("/metadata/continue")).find(goes_on);
            let metadata = Map::from_iter(next.map(|next| ("continue".to_owned(), next.clone())));
            Value::Object(Map::from_iter([
                ("kind".to_owned(), Value::from("List")),
                ("metadata".to_owned(), Value::Object(metadata)),
                ("items".to_owned(), Value::Array(items.cloned().collect())),
            ]))
        }
    }
}

/// What is in a list, of any kind.
fn listed(document: &Value) -> Option<&[Value]> {
    let items = document.get("items")?.as_array()?;
    text(document, "kind").ends_with("List").then_some(items.as_slice())
}

/// How sure a format is of a report in YAML that holds its own objects alone, or beside those of others: then each is as likely, and no
/// format reads a part and keeps silent about the rest.
pub(super) fn sure(look: &Look<'_>, is_own: fn(&Value) -> bool) -> Option<Confidence> {
    let Look::Yaml(documents) = look else { return None };
    let own = objects(documents).filter(|object| is_own(object)).count();
    match own {
        0 => None,
        own if own == objects(documents).count() => Some(Confidence::Certain),
        _ => Some(Confidence::Likely),
    }
}

/// The objects in documents, and those in lists of any kind.
pub(super) fn objects(documents: &[Value]) -> impl Iterator<Item = &Value> {
    documents.iter().flat_map(|document| match document.get("items").and_then(Value::as_array) {
        Some(items) if text(document, "kind") == "List" && !items.is_empty() => items.as_slice(),
        _ => std::slice::from_ref(document),
    })
}

/// The text of a field; an empty one where there is none.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}
