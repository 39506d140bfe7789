//! Whether the hooks ran for this very state.

use super::application::{Application, SyncedResource, label};
use super::expected::{Expected, ExpectedHook};
use super::judge::Step;
use super::operation::{has_these_settings, was_for};
use super::verdict::{Failed, NotYet, Stale, StaleAction, Untested, Verdict};
use crate::live::History;

/// Whether the expected hooks ran in a whole sync of what is expected, and all of them succeeded.
pub(super) fn hooks_succeeded(expected: &Expected, application: &Application, history: &impl History) -> Step {
    if expected.hooks().is_empty() {
        return Ok(());
    }
    let not_tested = |why| Verdict::Stale(Stale::NotTested { why }, StaleAction::AskPeople);
    let hooks = hooks_that_ran(expected, application, history).map_err(not_tested)?;
    for wanted in expected.hooks() {
        let mut ran = hooks.iter().filter(|it| wanted.is(it)).peekable();
        if ran.peek().is_none() {
            return Err(not_tested(Untested::NoHook));
        }
        ran.try_for_each(succeeded)?;
    }
    Ok(())
}

/// What the last operation did, hooks among it, where it was a whole sync of what is expected.
pub(super) fn hooks_that_ran<'a>(
    expected: &Expected,
    application: &'a Application,
    history: &impl History,
) -> Result<&'a [SyncedResource], Untested> {
    let operation = application.status.operation_state.as_ref().ok_or(Untested::NoResult)?;
    let (Some(sync), Some(result)) = (&operation.operation.sync, &operation.sync_result) else {
        return Err(Untested::NoResult);
    };
    if was_for(operation, expected, application, history).is_err() {
        return Err(Untested::OtherRevision);
    }
    if !has_these_settings(operation, application) {
        return Err(Untested::OtherSettings);
    }
    if !sync.resources.is_empty() {
        return Err(Untested::Selective);
    }
    if sync.manifests.is_empty() { Ok(&result.resources) } else { Err(Untested::LocalManifests) }
}

fn succeeded(hook: &SyncedResource) -> Step {
    match hook.hook_phase.as_deref() {
        Some("Succeeded") => Ok(()),
        _ if hook.failed() => Err(Verdict::Failed(Failed::Hook { hook: hook.label(), message: hook.message.clone() })),
        _ => Err(Verdict::NotYet(NotYet::HookRunning { hook: hook.label() })),
    }
}

impl ExpectedHook {
    fn is(&self, resource: &SyncedResource) -> bool {
        match (self, &resource.hook_type) {
            (_, None) => false,
            (Self::Type(wanted), Some(kind)) => wanted == kind,
            (Self::Named(wanted), Some(_)) => is_called(wanted, &resource.name),
        }
    }
}

/// Whether a hook has this name. Of one that ends in a `-`, Argo CD makes one with the beginning of the commit, the phase and the second.
pub(super) fn is_called(wanted: &str, name: &str) -> bool {
    let generated = |rest: &str| {
        let parts: Vec<&str> = rest.split('-').collect();
        let all = |part: &str, is: fn(&char) -> bool| !part.is_empty() && part.chars().all(|c| is(&c));
        matches!(parts.as_slice(), [commit, phase, second]
            if all(commit, char::is_ascii_hexdigit) && all(phase, char::is_ascii_lowercase) && all(second, char::is_ascii_digit))
    };
    name == wanted || (wanted.ends_with('-') && name.strip_prefix(wanted).is_some_and(generated))
}

impl SyncedResource {
    pub(super) fn failed(&self) -> bool {
        matches!(self.hook_phase.as_deref(), Some("Failed" | "Error"))
    }

    /// Kind and name.
    pub(super) fn label(&self) -> String {
        label(&self.kind, &self.name)
    }
}
