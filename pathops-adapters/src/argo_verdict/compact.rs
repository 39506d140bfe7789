//! As little of an `Application` as the verdict needs: many of them are kept at once.

use std::fmt::Write as _;

use pathops_core::Digest;
use serde_json::{Map, Value};

use super::application::{Application, Compared, NAMED, Resource, Source, SourceHydrator};
use super::same::{empty, is_free, nothing};

/// Messages are cut here, in bytes.
const MESSAGE: usize = 1024;

/// Settings whose JSON is longer than this, in bytes, are kept by their digest.
const SETTINGS: usize = 256;

/// The settings of a source that the verdict reads one by one.
const READ: [&str; 6] = ["repoURL", "path", "chart", "ref", "targetRevision", "targetBranch"];

impl Application {
    /// Drops what changes no verdict on it: of the resources all but those that a verdict can name, of long settings all but
    /// whether they are the same. Long messages are cut.
    pub(crate) fn compact(&mut self) {
        self.drop_added_health();
        compact_compared(&mut self.spec.compared);
        self.spec.source_hydrator.iter_mut().for_each(compact_hydrator);
        let status = &mut self.status;
        compact_compared(&mut status.sync.compared_to);
        let hydrations = [&mut status.source_hydrator.current_operation, &mut status.source_hydrator.last_successful_operation];
        hydrations.into_iter().flatten().filter_map(|it| it.source_hydrator.as_mut()).for_each(compact_hydrator);
        keep_named(&mut status.resources);
        let mut messages: Vec<&mut String> = status.conditions.iter_mut().map(|condition| &mut condition.message).collect();
        messages.extend(&mut status.health.message);
        messages.extend(status.resources.iter_mut().filter_map(|resource| resource.health.message.as_mut()));
        if let Some(operation) = &mut status.operation_state {
            messages.extend(&mut operation.message);
            if let Some(result) = &mut operation.sync_result {
                compact_compared(&mut result.compared);
                result.resources.retain(|resource| resource.hook_type.is_some() || resource.failed());
                result.resources.shrink_to_fit();
                messages.extend(result.resources.iter_mut().map(|resource| &mut resource.message));
            }
        }
        messages.into_iter().for_each(cut);
    }
}

/// Keeps the first managed one that is what was asked for, the first that differs, the first that ails, and all that Argo CD deploys by.
fn keep_named(resources: &mut Vec<Resource>) {
    let (mut any, mut differing, mut ailing) = (false, false, false);
    let first = |seen: &mut bool, is: bool| is && !std::mem::replace(seen, true);
    resources.retain(|resource| {
        let managed = !resource.hook;
        let one = first(&mut any, managed && resource.is_live());
        let other = first(&mut differing, managed && resource.differs());
        let third = first(&mut ailing, managed && resource.ailing().is_some());
        one || other || third || resource.kind_of_child().is_some()
    });
    resources.shrink_to_fit();
}

fn compact_hydrator(hydrator: &mut SourceHydrator) {
    compact_source(&mut hydrator.dry_source);
    compact_source(&mut hydrator.sync_source);
}

fn compact_compared(compared: &mut Compared) {
    compared.source.iter_mut().chain(&mut compared.sources).for_each(compact_source);
    for settings in [&mut compared.destination, &mut compared.ignore_differences] {
        if let Some(short) = shortened(settings) {
            *settings = short;
        }
    }
}

fn compact_source(source: &mut Source) {
    let named: Vec<Value> = source.named().map(|it| Value::from(it.to_string())).collect();
    let Value::Object(fields) = &mut source.0 else { return };
    let (read, rest): (Map<_, _>, Map<_, _>) =
        std::mem::take(fields).into_iter().partition(|(key, _)| READ.contains(&key.as_str()));
    let rest = Value::Object(rest);
    *fields = read;
    match (shortened(&rest), rest) {
        (Some(short), _) => {
            fields.insert("rest".to_owned(), short);
            if !named.is_empty() {
                fields.insert(NAMED.to_owned(), named.into());
            }
        }
        (None, Value::Object(rest)) => fields.extend(rest),
        (None, _) => {}
    }
}

/// The digest of long settings: equal exactly where they say the same.
fn shortened(settings: &Value) -> Option<Value> {
    let mut text = String::new();
    plain_text(settings, false, &mut text);
    (text.len() > SETTINGS).then(|| Value::String(Digest::of(text.as_bytes()).to_string()))
}

/// JSON with sorted keys, without what is empty, which says the same as what is left out; all of it where people choose `free`ly.
fn plain_text(value: &Value, free: bool, into: &mut String) {
    match value {
        _ if !free && empty(value) => into.push_str("null"),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(key, value)| (key.as_str(), is_free(key), value)).collect();
            fields.retain(|(_, begins, value)| match (free, begins) {
                (true, _) => !value.is_null(),
                (false, true) => !nothing(value),
                (false, false) => !empty(value),
            });
            fields.sort_unstable_by_key(|(key, ..)| *key);
            into.push('{');
            for (key, begins, value) in fields {
                let _infallible = write!(into, "{}:", Value::from(key));
                plain_text(value, free || begins, into);
                into.push(',');
            }
            into.push('}');
        }
        Value::Array(values) => {
            into.push('[');
            for value in values {
                plain_text(value, free, into);
                into.push(',');
            }
            into.push(']');
        }
        other => {
            let _infallible = write!(into, "{other}");
        }
    }
}

fn cut(message: &mut String) {
    message.truncate(message.floor_char_boundary(MESSAGE));
    message.shrink_to_fit();
}
