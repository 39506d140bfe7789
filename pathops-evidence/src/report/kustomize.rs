//! What `kustomize build`, `kubectl kustomize` and `helm template` print: Kubernetes resources as documents in YAML 1.2.
//!
//! What is in a `List` stands there as on its own. Images are those that containers of any kind ask for, wherever they stand. A cut
//! between two documents cannot be seen. Events, and Applications of Argo CD and verifications that have a status, tell what is,
//! and are refused here: they are reports of their own.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, likely_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, Fault, Format, Resource, ResourceReport, argo_cd, kubernetes_events, yaml};

pub(super) const SPEC: Spec = Spec { format: Format::Kustomize, look, parse: |input| Ok(Content::Resources(read(input)?)) };

/// Lists of containers in the specification of a pod.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

fn look(look: &Look<'_>) -> Option<Confidence> {
    match look {
        // What is no YAML is recognised all the same, so that the reader tells what is wrong with it.
        Look::Text(text) => likely_if(yaml::is_of_objects(text)),
        _ => yaml::sure(look, |object| !tells_what_is(object)).and(Some(Confidence::Likely)),
    }
}

/// Whether a cluster tells this of itself, so that nobody has asked for it.
fn tells_what_is(object: &Value) -> bool {
    kubernetes_events::is_event(object) || argo_cd::is_observed(object) || is_verified(object)
}

/// Whether it says what a verification came to. Such objects are read in JSON, as reports of their own.
fn is_verified(object: &Value) -> bool {
    let has_status = object.get("status").and_then(Value::as_object).is_some_and(|status| !status.is_empty());
    let group = yaml::text(object, "apiVersion").split('/').next().unwrap_or_default();
    let kinds: &[&str] = match group {
        "argoproj.io" => &["AnalysisRun"],
        "kargo.akuity.io" => &["Stage", "Freight"],
        "promoter.argoproj.io" => &["CommitStatus"],
        _ => &[],
    };
    has_status && kinds.contains(&yaml::text(object, "kind"))
}

fn read(input: &Input<'_>) -> Result<ResourceReport, Fail> {
    let documents = input.documents()?;
    let goes_on =
        |document: &Value| document.pointer("/metadata/continue").and_then(Value::as_str).is_some_and(|it| !it.is_empty());
    if let Some(number) = documents.iter().position(goes_on) {
        return Err(Fail::new(Fault::Paged, pointer!(number, "metadata", "continue"), "the list goes on"));
    }
    let mut images = BTreeSet::new();
    let resources = yaml::objects(&documents).enumerate().map(|(number, document)| {
        collect_images(document, &mut images);
        resource(document, number)
    });
    let resources = resources.collect::<Result<Vec<_>, _>>()?;
    Ok(ResourceReport { resources, images: images.into_iter().collect() })
}

fn resource(document: &Value, number: usize) -> Result<Resource, Fail> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let needed = |key: &str| {
        text(key)
            .ok_or_else(|| Fail::malformed(pointer!(number), format!("the resource has no `{}`", key.trim_start_matches('/'))))
    };
    if tells_what_is(document) {
        let problem = format!("`{}` tells what is, and is no resource that is asked for", yaml::text(document, "kind"));
        return Err(Fail::malformed(pointer!(number), problem));
    }
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
