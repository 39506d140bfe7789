//! The policy of a meta repository by itself, and what is worth knowing about it.

use super::sheet::{Sheet, of_kind};
use crate::adapter::SourceTree;
use crate::id::RepoPath;
use crate::policy::{Languages, LintContext, LintLevel, LintNote, Policy, lint};
use crate::project::Finding;
use crate::project::check::{self, Findings, PolicySheet, Written};
use crate::project::document::Kind;

/// Reads the policy of a meta repository, `policy.yaml` and `policies`, and nothing else: what its rules name is not held
/// against the project.
///
/// # Errors
/// Every mistake there is, with file, line and remedy.
pub fn load_policy(files: &SourceTree, languages: &Languages) -> Result<Policy, Findings> {
    let mut findings = Findings::default();
    let sheets = of_kind(files, Kind::Policy, &mut findings);
    if sheets.is_empty() && findings.is_empty() {
        findings.of(&RepoPath::root()).note(None, "there is no policy", "add a document of the kind Policy");
    }
    let policy = check::policy(&mut findings, &written(&sheets), None, None, languages);
    policy.filter(|_| findings.is_empty()).ok_or(findings)
}

/// What [`lint`] has to say about the policy of a project, with the file and line of each note; sorted by file and line.
///
/// `files` are those that the project was read from.
#[must_use]
pub fn lint_policy(files: &SourceTree, policy: &Policy, context: &LintContext<'_>) -> Vec<(Finding, LintLevel)> {
    let sheets = of_kind(files, Kind::Policy, &mut Findings::default());
    let sheets = written(&sheets);
    let written = Written::of(&sheets);
    let finding = |note: LintNote| {
        let (file, line) = written.line_of(&note.at).map_or((RepoPath::root(), None), |(file, line)| (file.clone(), Some(line)));
        (Finding { file, line, what: note.said(), mend: note.mend }, note.level)
    };
    let mut found: Vec<_> = lint(policy, context).into_iter().map(finding).collect();
    found.sort();
    found
}

pub(super) fn written<'s>(sheets: &'s [Sheet<'_>]) -> Vec<PolicySheet<'s>> {
    sheets.iter().map(|sheet| PolicySheet { file: sheet.file, spec: &sheet.spec }).collect()
}
