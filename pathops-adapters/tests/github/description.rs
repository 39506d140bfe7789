//! The official description of the API, and what an exchange has that it does not allow.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::{Draft, Validator};
use pathops_fakes::github::{self, Asked};
use serde_json::{Value, json};

/// Where the description lies, beside the workspace. A whole one may be named instead.
const FILE: &str = "../../shared/data/github/github-subset.json";
const OTHER: &str = "PATHOPS_GITHUB_DESCRIPTION";

static OFFICIAL: LazyLock<Option<Arc<Document>>> = LazyLock::new(|| {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let file = std::env::var_os(OTHER).map_or(beside, Into::into);
    if !file.exists() {
        assert!(
            std::env::var_os("PATHOPS_NEEDS_DATA").is_none(),
            "the description of GitHub's API is missing: {}",
            file.display()
        );
        eprintln!("skipped: exchanges are not held against GitHub's description, for there is no {}", file.display());
        return None;
    }
    let mut document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    nullable(&mut document);
    Some(Arc::new(Document { document, validators: Mutex::default() }))
});

struct Document {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

#[derive(Clone)]
pub(crate) struct Description(Arc<Document>);

impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Description")
    }
}

impl github::Description for Description {
    /// A path that is not described is not held against anything.
    fn differences(&self, asked: &Asked, status: u16, answer: &Value) -> Vec<String> {
        let method = asked.method.as_str().to_lowercase();
        let Some((path, operation)) = self.operation(&method, &asked.path) else { return Vec::new() };
        let at = format!("{method} {path}");
        let mut wrong = Vec::new();
        for name in asked.query.keys().filter(|name| !self.takes(operation, name)) {
            wrong.push(format!("{at}: there is no parameter `{name}`"));
        }
        let refused = status >= 400;
        if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema").filter(|_| !refused) {
            wrong.extend(self.against(&format!("{at} request"), schema, &asked.body));
        }
        let response = self.resolved(&operation["responses"][status.to_string()]);
        match self.content(response, asked, answer) {
            Some(schema) => wrong.extend(self.against(&format!("{at} {status}"), schema, answer)),
            // Not every refusal is described, and one of a rate limit never is.
            None if response.is_null() && !refused => wrong.push(format!("{at}: it does not answer {status}")),
            None => {}
        }
        wrong
    }
}

/// Says in JSON Schema's words what OpenAPI 3.0 says in its own.
fn nullable(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(nullable),
        Value::Object(fields) => {
            fields.values_mut().for_each(nullable);
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                fields.remove("nullable");
                let inner = Value::Object(std::mem::take(fields));
                fields.insert("anyOf".to_owned(), json!([inner, { "type": "null" }]));
            }
        }
        _ => {}
    }
}

impl Description {
    pub(crate) fn official() -> Option<Box<dyn github::Description>> {
        OFFICIAL.clone().map(|document| Box::new(Self(document)) as Box<_>)
    }

    /// The schema of an answer. A file that is asked for as an object is described as a folder, but is a file.
    fn content<'a>(&'a self, response: &'a Value, asked: &Asked, answer: &Value) -> Option<&'a Value> {
        let content = &response["content"];
        if asked.accept.contains("object") && answer["type"] == "dir" {
            return content.get("application/vnd.github.object").map(|content| &content["schema"]);
        }
        content.get("application/json").map(|content| &content["schema"])
    }

    fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let paths = self.0.document["paths"].as_object()?;
        let mut found: Vec<_> = paths
            .iter()
            .filter(|(template, operations)| operations.get(method).is_some() && fits(template, path))
            .map(|(template, operations)| (template.as_str(), &operations[method]))
            .collect();
        // The one that says most: the fewest names to fill in, the most parts.
        found.sort_by_key(|(template, _)| (template.matches('{').count(), usize::MAX - template.matches('/').count()));
        found.into_iter().next()
    }

    fn takes(&self, operation: &Value, name: &str) -> bool {
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        parameters
            .iter()
            .map(|parameter| self.resolved(parameter))
            .any(|parameter| parameter["in"] == "query" && parameter["name"] == name)
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.0.document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => value,
        }
    }

    fn against(&self, at: &str, schema: &Value, value: &Value) -> Vec<String> {
        let validator = self.validator(schema);
        let short = |text: String| text.chars().take(200).collect::<String>();
        validator.iter_errors(value).map(|error| short(format!("{at}: `{}` {error}", error.instance_path()))).collect()
    }

    /// All schemas that one leads to.
    fn named_in(&self, schema: &Value) -> BTreeMap<String, &Value> {
        let (mut found, mut open) = (BTreeMap::new(), vec![schema]);
        while let Some(value) = open.pop() {
            match value {
                Value::Array(items) => open.extend(items),
                Value::Object(fields) => {
                    open.extend(fields.values());
                    let name = fields.get("$ref").and_then(|name| name.as_str()?.strip_prefix("#/components/schemas/"));
                    if let Some(name) = name
                        && !found.contains_key(name)
                    {
                        let named = &self.0.document["components"]["schemas"][name];
                        found.insert(name.to_owned(), named);
                        open.push(named);
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.0.validators.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let made = || {
            let whole = json!({ "allOf": [schema], "components": { "schemas": self.named_in(schema) } });
            Arc::new(jsonschema::options().with_draft(Draft::Draft4).build(&whole).unwrap())
        };
        validators.entry(schema.to_string()).or_insert_with(made).clone()
    }
}

/// Whether a path is of a template. Names of branches and paths of files may have slashes, and are last but in one.
fn fits(template: &str, path: &str) -> bool {
    fn parts(template: &[&str], path: &[&str]) -> bool {
        match (template, path) {
            ([], []) => true,
            ([name, rest @ ..], [_, others @ ..]) if name.starts_with('{') => {
                let many = ["{ref}", "{branch}", "{path}"].contains(name);
                parts(rest, others) || many && parts(template, others)
            }
            ([one, rest @ ..], [other, others @ ..]) => one == other && parts(rest, others),
            _ => false,
        }
    }
    parts(&template.split('/').collect::<Vec<_>>(), &path.split('/').collect::<Vec<_>>())
}
