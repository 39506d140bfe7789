//! What is asked of a whole meta repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pathops_core::policy::{LintContext, LintLevel, run_cases};
use pathops_core::project::{lint_policy, lint_units, load_policy, load_policy_tests, load_with};
use pathops_core::{RepoId, UnixMillis};

use crate::arguments::Lint;
use crate::input::{Unusable, folder};
use crate::languages::languages;
use crate::{Answer, DOES_NOT_HOLD, HOLDS};

/// What is wrong with a project, or what its policy will not do.
pub(crate) fn lint(wanted: &Lint) -> Result<Answer, Unusable> {
    let files = folder(&wanted.dir)?;
    let repo = RepoId::parse("this/meta").map_err(|error| Unusable::new(error.to_string()))?;
    let project = match load_with(&files, repo, &languages()) {
        Ok(project) => project,
        Err(findings) => return Ok(Answer { text: format!("{findings}\n"), code: DOES_NOT_HOLD }),
    };
    let mut context = LintContext::of(&project, wanted.at.unwrap_or_else(now));
    context.producers = some(&wanted.producer).map(|them| them.iter().cloned().collect());
    context.kinds = some(&wanted.makes).map(|them| {
        let mut kinds = BTreeMap::<_, BTreeSet<_>>::new();
        for (name, kind) in them {
            kinds.entry(name.clone()).or_default().insert(kind.clone());
        }
        kinds
    });
    context.build_suites = some(&wanted.build_suite).map(|them| them.iter().cloned().collect());
    let mut notes = lint_policy(&files, &project.policy, &context);
    notes.extend(lint_units(&files, &project));
    notes.sort();
    let mut text = String::new();
    for (finding, level) in &notes {
        let line = finding.line.map_or_else(String::new, |line| format!(":{line}"));
        text.push_str(&format!("{}{line}: {level}: {}; {}\n", finding.file, finding.what, finding.mend));
    }
    if notes.is_empty() {
        text.push_str("nothing to mend\n");
    }
    for unseen in context.unseen() {
        text.push_str(&format!("not looked at: {unseen}\n"));
    }
    let is_bad = notes.iter().any(|(_, level)| *level == LintLevel::Error);
    Ok(Answer { text, code: if is_bad { DOES_NOT_HOLD } else { HOLDS } })
}

fn some<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

/// How the cases beside a policy end.
pub(crate) fn test(dir: &Path) -> Result<Answer, Unusable> {
    let files = folder(dir)?;
    let unusable = |findings| Unusable::new(format!("the tests in {} cannot be run:\n{findings}", dir.display()));
    let policy = load_policy(&files, &languages()).map_err(unusable)?;
    let tests = load_policy_tests(&files, &policy).map_err(unusable)?;
    let (mut text, mut passed, mut failed) = (String::new(), 0, 0);
    for test in &tests {
        text.push_str(&format!("{}\n", test.file));
        for result in run_cases(&policy, &test.cases) {
            *if result.passes() { &mut passed } else { &mut failed } += 1;
            text.push_str(&format!("  {}\n", result.to_string().replace('\n', "\n  ")));
        }
    }
    if passed + failed == 0 {
        return Err(Unusable::new(format!("there is no case in {}", dir.join("policy-tests").display())));
    }
    text.push_str(&format!("{passed} passed, {failed} failed\n"));
    Ok(Answer { text, code: if failed == 0 { HOLDS } else { DOES_NOT_HOLD } })
}

#[expect(clippy::disallowed_methods, reason = "this is the host: it reads the clock and passes the instant on")]
fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(0) + since
}
