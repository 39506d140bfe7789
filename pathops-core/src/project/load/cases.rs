//! Tests of a policy, as they lie beside it.

use super::facts::{facts, tree};
use super::reader::read;
use super::sheet::{Sheet, of_kind};
use super::tree::Node;
use crate::adapter::SourceTree;
use crate::id::RepoPath;
use crate::policy::{Policy, PolicyCase, PolicyTest};
use crate::project::check::{Findings, Notes};
use crate::project::document::{CaseSpec, Field, Kind, PolicyTestSpec};
use crate::time::UnixMillis;

/// Reads the tests of a policy: the documents in `policy-tests` of the meta repository.
///
/// # Errors
/// Every mistake in them, with file, line and remedy.
pub fn load_policy_tests(files: &SourceTree, policy: &Policy) -> Result<Vec<PolicyTest>, Findings> {
    let mut findings = Findings::default();
    let sheets = of_kind(files, Kind::PolicyTest, &mut findings);
    let tests: Vec<_> = sheets.iter().filter_map(|sheet| test(sheet, files, policy, &mut findings)).collect();
    if findings.is_empty() { Ok(tests) } else { Err(findings) }
}

fn test(sheet: &Sheet<'_>, files: &SourceTree, policy: &Policy, findings: &mut Findings) -> Option<PolicyTest> {
    let spec: PolicyTestSpec = sheet.spec(&mut findings.of(sheet.file))?;
    let base = base(sheet, spec.facts_file, files, policy, findings)?;
    let mut notes = findings.of(sheet.file);
    let (_, cases) = notes.required(spec.cases, sheet.line, "cases", "write at least one case")?;
    if cases.is_empty() {
        notes.note(sheet.line, "it has no case", "write at least one");
    }
    let mut read = Vec::new();
    for (spec, node) in cases.into_iter().zip(sheet.spec.get("cases").map_or(&[][..], Node::items)) {
        let Some((line, spec)) = notes.optional(Some(spec), "cases") else { continue };
        read.extend(case(&mut notes, line, spec, node, &base, policy));
    }
    let twice = |(index, case): &(usize, &PolicyCase)| read.iter().take(*index).any(|other| other.name == case.name);
    if let Some((_, case)) = read.iter().enumerate().find(twice) {
        notes.note(sheet.line, format!("two cases are called `{}`", case.name), "give each a name of its own");
    }
    Some(PolicyTest { file: sheet.file.clone(), cases: read })
}

/// The facts that all cases begin with, here or in a file beside.
fn base(
    sheet: &Sheet<'_>,
    file: Option<Field<RepoPath>>,
    files: &SourceTree,
    policy: &Policy,
    findings: &mut Findings,
) -> Option<Node> {
    let mut notes = findings.of(sheet.file);
    let here = sheet.spec.entry("facts");
    let is_named = sheet.spec.entry("factsFile").is_some();
    match here {
        Some(here) if is_named => notes.note(here.line, "there are `facts` and a `factsFile`", "keep one of them"),
        None if !is_named => {
            notes.note(sheet.line, "there are no facts", "write `facts`, or name a file beside this one in `factsFile`");
        }
        Some(here) => return complete(&mut notes, here.value.clone(), policy),
        None => {
            let (line, name) = notes.optional(file, "factsFile")?;
            let path = RepoPath::parse(format!("policy-tests/{name}")).ok();
            if let Some((path, file)) = path.as_ref().and_then(|path| files.get_key_value(path)) {
                let mut notes = findings.of(path);
                return tree(path, &file.bytes, &mut notes).and_then(|tree| complete(&mut notes, tree, policy));
            }
            notes.note(line, format!("there is no file `policy-tests/{name}`"), "add it, or correct `factsFile`");
        }
    }
    None
}

/// Facts that can be read as they are: then what is wrong with them after a patch is wrong in the patch.
fn complete(notes: &mut Notes<'_>, tree: Node, policy: &Policy) -> Option<Node> {
    facts(notes, tree.clone(), policy).map(|_| tree.with_mapping("evidence"))
}

fn case(notes: &mut Notes<'_>, line: usize, spec: CaseSpec, node: &Node, base: &Node, policy: &Policy) -> Option<PolicyCase> {
    let name = notes.text(spec.name, line, "name", "say what it shows");
    let at = notes.required(spec.at, line, "at", "say when the decision is made, in RFC 3339");
    let at = at.and_then(|(line, text)| match text.parse::<UnixMillis>() {
        Ok(at) => Some(at),
        Err(error) => {
            notes.note(line, error.to_string(), "correct it");
            None
        }
    });
    let expect = notes.required(spec.expect, line, "expect", "say what has to be decided, for example `{verdict: pass}`");
    let written = match node.get("change") {
        Some(change) => {
            // A key that is there twice would be lost in the patch.
            let mut mistakes = Vec::new();
            let _read = read::<serde_json::Value>(change, &mut mistakes);
            mistakes.into_iter().for_each(|mistake| notes.mistake(mistake));
            base.patched(change)
        }
        None => base.clone(),
    };
    let facts = facts(notes, written, policy);
    Some(PolicyCase { name: name?, facts: facts?, at: at?, expect: expect?.1 })
}
