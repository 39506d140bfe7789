//! Rules that nobody has to have looked at.

use super::{LintLevel, Linter};

/// Units for whose every change no requirement asks for the check of the policy.
pub(super) fn looked_at(linter: &mut Linter<'_>) {
    let (policy, context) = (linter.policy, linter.context);
    let Some(top) = linter.top() else { return };
    for unit in context.units.values() {
        if policy.approvals_of_itself(unit).is_some() {
            continue;
        }
        let what = "nothing asks for evidence of the policy itself: rules that nobody has checked decide".to_owned();
        let mend = "add a requirement that asks for it: `asks: {policy: {accept: {maxAgeSeconds: …}}}`";
        linter.note(LintLevel::Warning, top.clone(), Some(unit), what, mend);
    }
}
