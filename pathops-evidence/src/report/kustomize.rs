//! What `kustomize build`, `kubectl kustomize` and `helm template` print: Kubernetes resources as documents in YAML 1.2.
//!
//! Images are those that containers of any kind ask for, wherever they stand. A cut between two documents cannot be seen.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::report::error::{Fail, Place, pointer};
use crate::report::format::{Confidence, Spec, likely_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, Fault, Format, MAX_DEPTH, MAX_VALUES, Resource, ResourceReport};

pub(super) const SPEC: Spec = Spec { format: Format::Kustomize, look, parse: |input| Ok(Content::Resources(read(input)?)) };

/// How many bytes of YAML are read: YAML takes long to read.
const MAX_YAML: usize = 4 * 1024 * 1024;

/// Lists of containers in the specification of a pod.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

fn look(look: &Look<'_>) -> Option<Confidence> {
    let Look::Text(text) = look else { return None };
    likely_if(["apiVersion: ", "kind: "].iter().all(|key| text.lines().any(|line| line.starts_with(key))))
}

fn read(input: &Input<'_>) -> Result<ResourceReport, Fail> {
    if !matches!(input.look, Look::Text(_)) {
        return Err(Fail::malformed(Place::Whole, "it is JSON or XML, and not what Kustomize prints"));
    }
    let text = input.whole_lines()?;
    if text.len() > MAX_YAML {
        let problem = format!("{} bytes of YAML, and {MAX_YAML} are the limit", text.len());
        return Err(Fail::new(Fault::TooLarge, Place::Whole, problem));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_documents: MAX_VALUES, max_nodes: MAX_VALUES },
        strict_booleans: true,
    };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options).map_err(|error| refusal(&error))?;
    if documents.is_empty() {
        return Err(Fail::new(Fault::Empty, Place::Whole, "it holds no resource"));
    }
    let mut images = BTreeSet::new();
    let resources = documents.iter().enumerate().map(|(number, document)| {
        collect_images(document, &mut images);
        resource(document, number)
    });
    let resources = resources.collect::<Result<Vec<_>, _>>()?;
    Ok(ResourceReport { resources, images: images.into_iter().collect() })
}

fn refusal(error: &serde_saphyr::Error) -> Fail {
    let place = error.location().map_or(Place::Whole, |at| Place::Line(usize::try_from(at.line()).unwrap_or(usize::MAX)));
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let limit = ["budget breached", "recursion limit"].iter().any(|words| first.contains(words));
    Fail::new(if limit { Fault::TooLarge } else { Fault::Malformed }, place, format!("no YAML: {first}"))
}

fn resource(document: &Value, number: usize) -> Result<Resource, Fail> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let needed = |key: &str| {
        text(key)
            .ok_or_else(|| Fail::malformed(pointer!(number), format!("the resource has no `{}`", key.trim_start_matches('/'))))
    };
    Ok(Resource {
        api_version: needed("/apiVersion")?,
        kind: needed("/kind")?,
        namespace: text("/metadata/namespace"),
        name: needed("/metadata/name")?,
    })
}

fn collect_images(value: &Value, images: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                if let (true, Value::Array(containers)) = (CONTAINERS.contains(&key.as_str()), value) {
                    let named = containers.iter().filter_map(|container| container.get("image")?.as_str());
                    images.extend(named.map(str::to_owned));
                }
                collect_images(value, images);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect_images(value, images)),
        _ => {}
    }
}
