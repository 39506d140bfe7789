//! Facts as people write them down, to try a policy.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::reader::read;
use super::tree::{Broken, Entry, Node, Value};
use crate::id::RepoPath;
use crate::policy::{DecisionRecord, Facts, Policy, time_zone_data_version};
use crate::project::check::{Findings, Notes};
use crate::time::UnixMillis;

/// Reads facts that somebody wrote down: YAML, or JSON where the name of the file ends in `.json`. They are hypothetical, and
/// never lead to a grant.
///
/// Their form is that of [`Facts`], as `schemas/facts.schema.json` has it. What is left out is filled in where only one
/// answer makes sense: `timeZones` is that of this version, `rejected` is empty, and the policy that a pull request shows is
/// the one that is asked about, as is the one that a check of the policy is about. `evidence` may be a mapping too; its keys are names for people.
///
/// # Errors
/// Every mistake in them, with its line where the file is YAML.
pub fn load_facts(file: &RepoPath, bytes: &[u8], policy: &Policy) -> Result<Facts, Findings> {
    let mut findings = Findings::default();
    let mut notes = findings.of(file);
    let facts = tree(file, bytes, &mut notes).and_then(|tree| facts(&mut notes, tree, policy));
    facts.filter(|_| findings.is_empty()).ok_or(findings)
}

/// Reads a history: JSON Lines, each `{"facts": …, "at": "…"}` with facts as [`load_facts`] reads them, or a
/// [`DecisionRecord`]. Empty lines are passed over.
///
/// Where a decision was made under the policy that its pull request showed, it is taken as if that had been `policy`:
/// what was approved then would have been approved now.
///
/// # Errors
/// Every mistake in it, with its line.
pub fn load_history(file: &RepoPath, bytes: &[u8], policy: &Policy) -> Result<Vec<(Facts, UnixMillis)>, Findings> {
    let mut findings = Findings::default();
    let mut history = Vec::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            history.extend(entry(&mut findings.of(file), number + 1, line, policy));
        }
    }
    if findings.is_empty() { Ok(history) } else { Err(findings) }
}

fn entry(notes: &mut Notes<'_>, number: usize, line: &[u8], policy: &Policy) -> Option<(Facts, UnixMillis)> {
    let mut wrong = |what: String, mend: &str| {
        notes.note(number, what, mend);
        None
    };
    let value: serde_json::Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => return wrong(format!("this line is not JSON: {error}"), "write one JSON object on each line"),
    };
    if value.get("decision").is_some() {
        return match serde_json::from_value::<DecisionRecord>(value) {
            Ok(record) => Some(of_record(record, policy)),
            Err(error) => wrong(format!("this is no decision record: {error}"), "correct it"),
        };
    }
    let tree = Node::from(value).at_line(number);
    let (Some(written), Some(at)) = (tree.get("facts"), tree.get("at")) else {
        return wrong("it has no `facts`, or no `at`".to_owned(), "write `{\"facts\": …, \"at\": \"…\"}`, or a decision record");
    };
    let at = match &at.value {
        Value::Text(text) => text.parse::<UnixMillis>().map_err(|error| error.to_string()),
        _ => Err("`at` is no text".to_owned()),
    };
    match at {
        Ok(at) => facts(notes, written.clone(), policy).map(|facts| (facts, at)),
        Err(why) => wrong(why, "write the instant in RFC 3339"),
    }
}

fn of_record(record: DecisionRecord, policy: &Policy) -> (Facts, UnixMillis) {
    let DecisionRecord { mut facts, decision, .. } = record;
    if let Some(proposal) = facts.readings.proposal.as_mut().filter(|proposal| proposal.shown.policy == decision.policy) {
        proposal.shown.policy = policy.digest();
    }
    facts.take_checks_of(&decision.policy, &policy.digest());
    (facts, decision.at)
}

/// A file with facts as a tree, with evidence as a mapping.
pub(super) fn tree(file: &RepoPath, bytes: &[u8], notes: &mut Notes<'_>) -> Option<Node> {
    let tree = if file.as_str().ends_with(".json") {
        serde_json::from_slice::<serde_json::Value>(bytes)
            .map(Node::from)
            .map_err(|error| Broken { line: Some(error.line()), message: format!("this is not JSON: {error}") })
    } else {
        let not_yaml =
            |broken: Broken| Broken { message: format!("this is not one YAML document: {}", broken.message), ..broken };
        match std::str::from_utf8(bytes) {
            Ok(text) => Node::parse(text).map_err(not_yaml),
            Err(_) => Err(Broken { line: None, message: "this is not UTF-8".to_owned() }),
        }
    };
    tree.map_err(|broken| notes.note(broken.line, broken.message, "correct it")).ok()
}

/// The facts that a tree says, with what is left out filled in.
pub(super) fn facts(notes: &mut Notes<'_>, mut tree: Node, policy: &Policy) -> Option<Facts> {
    let before = notes.len();
    let mut mistakes = Vec::new();
    tree.fill("timeZones", Value::Text(time_zone_data_version().to_owned()));
    tree.fill("rejected", Value::List(Vec::new()));
    if let Some(evidence) = tree.get("evidence").filter(|evidence| matches!(evidence.value, Value::Map(_))) {
        // A name that is there twice is noted.
        let _read = read::<BTreeMap<String, IgnoredAny>>(evidence, &mut mistakes);
    }
    if let Some(Value::Map(named)) = tree.get_mut("evidence").map(|evidence| &mut evidence.value) {
        let list = named.drain(..).map(|entry| entry.value).collect();
        tree.set("evidence", Value::List(list));
    }
    if let Some(Value::List(evidence)) = tree.get_mut("evidence").map(|evidence| &mut evidence.value) {
        let checks = evidence.iter_mut().filter(|fact| fact.get("says").is_some_and(|says| says.get("policy").is_some()));
        checks.for_each(|check| check.fill("subjects", this_policy(policy)));
    }
    let proposal = tree.get_mut("readings").and_then(|readings| readings.get_mut("proposal"));
    if let Some(shown) = proposal.and_then(|proposal| proposal.get_mut("shown")) {
        shown.fill("policy", Value::Text(policy.digest().to_string()));
    }
    let facts = read::<Facts>(&tree, &mut mistakes);
    mistakes.into_iter().for_each(|mistake| notes.mistake(mistake));
    let facts = facts.map_err(|mistake| notes.mistake(mistake)).ok();
    facts.filter(|_| notes.len() == before)
}

/// The subjects of a check of the policy.
fn this_policy(policy: &Policy) -> Value {
    let subject = serde_json::json!([{ "name": "policy", "digest": { "sha256": policy.digest().hex() } }]);
    Node::from(subject).value
}

impl Node {
    /// This tree with a change to it: a JSON merge patch (RFC 7386). What the patch touches has its lines.
    pub(super) fn patched(&self, patch: &Node) -> Node {
        let Value::Map(changes) = &patch.value else { return patch.clone() };
        let mut entries = match &self.value {
            Value::Map(entries) => entries.clone(),
            _ => Vec::new(),
        };
        let nothing = Node { line: patch.line, value: Value::Null };
        for Entry { key, line, value } in changes {
            let before = entries.iter().position(|entry| entry.key == *key).map(|place| (place, entries.remove(place)));
            if matches!(value.value, Value::Null) {
                continue;
            }
            let (place, value) = match before {
                Some((place, before)) => (place, before.value.patched(value)),
                None => (entries.len(), nothing.patched(value)),
            };
            entries.insert(place, Entry { key: key.clone(), line: *line, value });
        }
        Node { line: patch.line, value: Value::Map(entries) }
    }

    /// This tree with a list in it as a mapping, so that it can be patched in parts: the keys are positions, from 0.
    pub(super) fn with_mapping(mut self, key: &str) -> Self {
        if let Some(Value::List(items)) = self.get_mut(key).map(|node| &mut node.value) {
            let entry = |(place, value): (usize, Node)| Entry { key: place.to_string(), line: value.line, value };
            let entries = items.drain(..).enumerate().map(entry).collect();
            self.set(key, Value::Map(entries));
        }
        self
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Map(entries) => entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value),
            _ => None,
        }
    }

    fn set(&mut self, key: &str, value: Value) {
        if let Some(node) = self.get_mut(key) {
            node.value = value;
        }
    }

    /// Puts in an entry that is left out.
    fn fill(&mut self, key: &str, value: Value) {
        let line = self.line;
        if let Value::Map(entries) = &mut self.value
            && !entries.iter().any(|entry| entry.key == key)
        {
            entries.push(Entry { key: key.to_owned(), line, value: Node { line, value } });
        }
    }

    /// This tree, all of it on one line.
    fn at_line(mut self, line: usize) -> Self {
        self.line = line;
        self.value = match self.value {
            Value::List(items) => Value::List(items.into_iter().map(|item| item.at_line(line)).collect()),
            Value::Map(entries) => {
                let at_line = |entry: Entry| Entry { line, value: entry.value.at_line(line), ..entry };
                Value::Map(entries.into_iter().map(at_line).collect())
            }
            value => value,
        };
        self
    }
}

/// A tree from JSON, which knows no lines. Whoever wrote a number that is too large for an integer meant a number.
impl From<serde_json::Value> for Node {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let entry = |(key, value): (String, Json)| Entry { key, line: 0, value: value.into() };
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Value::Integer(integer),
                (None, Some(float)) => Value::Float(float),
                (None, None) => Value::Text(number.to_string()),
            },
            Json::String(text) => Value::Text(text),
            Json::Array(items) => Value::List(items.into_iter().map(Node::from).collect()),
            Json::Object(entries) => Value::Map(entries.into_iter().map(entry).collect()),
        };
        Self { line: 0, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(plain).collect(),
            Value::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), plain(&entry.value))).collect(),
        }
    }

    fn node(text: &str) -> Node {
        serde_json::from_str::<serde_json::Value>(text).unwrap().into()
    }

    /// Appendix A of RFC 7386.
    #[test]
    fn patches_do_what_the_standard_says() {
        for (original, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let (patched, wanted) = (node(original).patched(&node(patch)), node(result));
            assert_eq!(plain(&patched), plain(&wanted), "{original} with {patch}");
        }
    }

    #[test]
    fn a_list_of_evidence_is_patched_by_position() {
        let base = node(r#"{"evidence":[{"id":"a"},{"id":"b"}]}"#).with_mapping("evidence");
        let patched = base.patched(&node(r#"{"evidence":{"0":null,"1":{"at":1}}}"#));
        assert_eq!(plain(&patched), serde_json::json!({"evidence": {"1": {"id": "b", "at": 1}}}));
    }
}
