//! The documents of a repository before they are understood: where each kind lies, and what all of them have in common.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};

use super::reader::read;
use super::tree::{Node, Value};
use crate::adapter::SourceTree;
use crate::id::{RepoPath, UnitId};
use crate::project::check::{Findings, Notes};
use crate::project::document::{API_VERSION, Document, Field, Kind, Metadata};

/// What a path is for: a kind of document, and the name that it declares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a str,
}

/// The place that a path is, where documents are read. A file below `contracts` with a second extension
/// (`orders-http.openapi.yaml`) is the definition of a contract and no document; below `policy-tests` it is what a test names.
pub(super) fn place(path: &RepoPath) -> Option<Place<'_>> {
    let (folder, file) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
    let name = file.strip_suffix(".yaml")?;
    let kind = match (folder, name) {
        ("", "project") => Kind::Project,
        ("", "people") => Kind::People,
        ("", "policy") | ("policies", _) => Kind::Policy,
        ("", "retention") => Kind::Retention,
        ("", "redaction") => Kind::Redaction,
        ("apps", _) => Kind::App,
        ("components", _) => Kind::Component,
        ("contracts", _) if !name.contains('.') => Kind::Contract,
        ("incidents", _) => Kind::Incident,
        ("stops", _) => Kind::Stop,
        ("requests", _) => Kind::FeatureRequest,
        ("policy-tests", _) if !name.contains('.') => Kind::PolicyTest,
        _ => return None,
    };
    Some(Place { kind, name })
}

/// One document: its place, and its `spec` as a tree.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    pub(super) file: &'a RepoPath,
    pub(super) kind: Kind,
    pub(super) name: String,
    /// The line of the word `spec`.
    pub(super) line: usize,
    pub(super) spec: Node,
}

impl<'a> Sheet<'a> {
    /// Reads what all documents have in common. `None` where there is nothing more to read.
    pub(super) fn read(file: &'a RepoPath, bytes: &[u8], findings: &mut Findings) -> Option<Self> {
        let mut notes = findings.of(file);
        let place = place(file)?;
        let tree = parse(bytes, &mut notes)?;
        let mut mistakes = Vec::new();
        let envelope = read::<Document<IgnoredAny>>(&tree, &mut mistakes);
        mistakes.into_iter().for_each(|mistake| notes.mistake(mistake));
        let envelope = envelope.map_err(|mistake| notes.mistake(mistake)).ok()?;
        notes.required(envelope.api_version, tree.line, "apiVersion", &format!("write `apiVersion: {API_VERSION}`"));
        let (line, kind) = notes.required(envelope.kind, tree.line, "kind", &format!("write `kind: {}`", place.kind))?;
        if kind != place.kind {
            let what = format!("this is of the kind {kind}, and here is the place of the kind {}", place.kind);
            notes.note(line, what, "move it, or correct `kind`");
            return None;
        }
        let name = name(&mut notes, envelope.metadata, tree.line, place);
        notes.required(envelope.spec, tree.line, "spec", "write down what it declares")?;
        let spec = tree.entry("spec")?;
        Some(Self { file, kind, name: name?, line: spec.line, spec: spec.value.clone() })
    }

    /// The `spec`, as what its kind says.
    pub(super) fn spec<S: DeserializeOwned>(&self, notes: &mut Notes<'_>) -> Option<S> {
        let mut mistakes = Vec::new();
        let spec = read(&self.spec, &mut mistakes);
        mistakes.into_iter().for_each(|mistake| notes.mistake(mistake));
        spec.map_err(|mistake| notes.mistake(mistake)).ok()
    }
}

fn parse(bytes: &[u8], notes: &mut Notes<'_>) -> Option<Node> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        notes.note(None, "this is not UTF-8", "save it as UTF-8");
        return None;
    };
    match Node::parse(text) {
        Ok(tree) => Some(tree),
        Err(broken) => {
            notes.note(broken.line, format!("this is not one YAML document: {}", broken.message), "correct the YAML");
            None
        }
    }
}

/// The name in the metadata: that of the file, where the kind has a folder.
fn name(notes: &mut Notes<'_>, metadata: Option<Field<Metadata>>, line: usize, place: Place<'_>) -> Option<String> {
    let mend = "write `metadata: {name: ...}`";
    let (line, metadata) = notes.required(metadata, line, "metadata", mend)?;
    let named = metadata.name.as_ref().map_or(line, |field| field.line);
    let name = notes.text(metadata.name, line, "name", mend)?;
    let single = matches!(place.kind, Kind::Project | Kind::People | Kind::Policy | Kind::Retention | Kind::Redaction);
    if !single && name != place.name {
        notes.note(
            named,
            format!("the name `{name}` is not that of the file"),
            format!("write `name: {}`, or rename the file", place.name),
        );
    }
    Some(if single { name } else { place.name.to_owned() })
}

/// The documents of one kind that can be read.
pub(super) fn of_kind<'a>(files: &'a SourceTree, kind: Kind, findings: &mut Findings) -> Vec<Sheet<'a>> {
    let places = files.iter().filter(|(path, _)| place(path).is_some_and(|place| place.kind == kind));
    places.filter_map(|(path, file)| Sheet::read(path, &file.bytes, findings)).collect()
}

/// All documents of a repository.
#[derive(Debug)]
pub(super) struct Sheets<'a> {
    files: &'a SourceTree,
    sheets: Vec<Sheet<'a>>,
}

impl<'a> Sheets<'a> {
    /// Reads all documents, and notes those that lie where none is read.
    pub(super) fn read(files: &'a SourceTree, findings: &mut Findings) -> Self {
        let mut sheets = Vec::new();
        for (path, file) in files {
            if place(path).is_some() {
                sheets.extend(Sheet::read(path, &file.bytes, findings));
            } else if is_document(path, &file.bytes) {
                let mend = "move it to the folder of its kind, and let its name end in `.yaml`";
                findings.of(path).note(None, "no document is read from here", mend);
            } else if let Some(mend) = stray(path) {
                findings.of(path).note(None, "this is not read", mend);
            }
        }
        let read = Self { files, sheets };
        read.stray_definitions(findings);
        read
    }

    /// Files directly in `contracts` that no contract names. While not all contracts can be read, nobody knows.
    fn stray_definitions(&self, findings: &mut Findings) {
        if self.of(Kind::Contract).count() < self.places(Kind::Contract).count() {
            return;
        }
        let is_named = |file: &str| {
            self.of(Kind::Contract).any(|sheet| {
                let definition = sheet.spec.get("definition").map(|node| &node.value);
                matches!(definition, Some(Value::Text(text)) if text.trim_start_matches("./") == file)
            })
        };
        for path in self.files.keys().filter(|path| place(path).is_none()) {
            let file = path.as_str().strip_prefix("contracts/").filter(|file| !file.contains('/') && *file != KEEP);
            if file.is_some_and(|file| !is_named(file)) {
                let mend = "name it in the `definition` of a contract, or let it be `contracts/<name>.yaml` if it is one";
                findings.of(path).note(None, "this is not read", mend);
            }
        }
    }

    /// The documents of a kind that could be read.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Sheet<'a>> {
        self.sheets.iter().filter(move |sheet| sheet.kind == kind)
    }

    /// The only document of a kind; notes where there is no such file.
    pub(super) fn one(&self, kind: Kind, findings: &mut Findings) -> Option<&Sheet<'a>> {
        if self.places(kind).next().is_none()
            && let Ok(path) = RepoPath::parse(format!("{kind}.yaml").to_lowercase())
        {
            findings.of(&path).note(None, "there is no such file", format!("add it, with a document of the kind {kind}"));
        }
        self.of(kind).next()
    }

    /// Where documents of a kind are, readable or not.
    pub(super) fn places(&self, wanted: Kind) -> impl Iterator<Item = (&'a RepoPath, &'a str)> {
        self.files.keys().filter_map(move |path| place(path).filter(|place| place.kind == wanted).map(|place| (path, place.name)))
    }

    /// The files of all apps and components.
    pub(super) fn unit_files(&self) -> BTreeMap<UnitId, RepoPath> {
        let places = self.places(Kind::Component).chain(self.places(Kind::App));
        places.filter_map(|(path, name)| Some((UnitId::parse(name).ok()?, path.clone()))).collect()
    }
}

/// What keeps an empty folder in Git.
const KEEP: &str = ".gitkeep";

/// Folders in which every file declares something, and what the names of those who mean them begin with.
const FOLDERS: [(&str, &str); 6] = [
    ("policies", "polic"),
    ("apps", "app"),
    ("components", "component"),
    ("incidents", "incident"),
    ("stops", "stop"),
    ("contracts", "contract"),
];

/// What to do about a file that is not read, and that somebody may take for one that is: whatever lies in a folder of documents,
/// and what lies beside those under a name like theirs (`stops.yaml`, `stop/odd.yaml`, `project.yml`).
fn stray(path: &RepoPath) -> Option<String> {
    let (top, rest) = path.as_str().split_once('/').map_or((path.as_str(), None), |(top, rest)| (top, Some(rest)));
    if let Some((folder, _)) = FOLDERS.iter().find(|(folder, _)| rest.is_some() && *folder == top) {
        let is_read = *folder == "contracts" || rest == Some(KEEP);
        return (!is_read).then(|| format!("let its name be `{folder}/<name>.yaml`, or take it out"));
    }
    let file = rest.unwrap_or(top);
    let (stem, extension) = file.rsplit_once('.').unwrap_or((file, "yaml"));
    let like_a_document = ["yaml", "yml", "json"].contains(&extension.to_ascii_lowercase().as_str()) && !file.contains('/');
    let word = if rest.is_some() { top } else { stem }.to_ascii_lowercase();
    let single =
        ["project", "people", "policy", "retention", "redaction"].iter().find(|single| rest.is_none() && **single == word);
    let mend = single.map(|single| format!("let its name be `{single}.yaml`, or take it out"));
    let folder = FOLDERS.iter().find(|(_, begin)| {
        let ending = word.strip_prefix(begin);
        ending.is_some_and(|ending| ["", "s", "y", "ies"].contains(&ending))
    });
    let mend = mend.or_else(|| folder.map(|(folder, _)| format!("let its name be `{folder}/<name>.yaml`, or take it out")));
    mend.filter(|_| like_a_document)
}

fn is_document(path: &RepoPath, bytes: &[u8]) -> bool {
    let yaml = path.as_str().ends_with(".yaml") || path.as_str().ends_with(".yml");
    let group = API_VERSION.split('/').next().unwrap_or(API_VERSION);
    yaml && String::from_utf8_lossy(bytes).lines().any(|line| {
        line.strip_prefix("apiVersion:")
            .is_some_and(|version| version.trim_start().trim_start_matches(['"', '\'']).starts_with(group))
    })
}
