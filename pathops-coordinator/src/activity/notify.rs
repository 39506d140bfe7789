//! Telling people when they are needed and when something fails. Nothing depends on it.

use std::time::Duration;

use futures_util::future::{Either, select};
use pathops_core::OpContext;
use pathops_core::adapter::{Importance, Notice};
use pathops_core::policy::Decision;

use crate::activity::Services;
use crate::change_set::{Command, Outcome, Role, Scope};

/// How long a notice may take: nothing waits for it.
const LIMIT: Duration = Duration::from_secs(5);

impl Services {
    pub(crate) async fn tell(&self, cx: &OpContext, notice: Option<Notice>) {
        let Some(mut notice) = notice else { return };
        let capabilities = self.notifier.capabilities();
        notice.text = self.redactor.redact_text(&notice.text);
        if let Some(limit) = capabilities.text_max_chars {
            notice.text = notice.text.chars().take(limit).collect();
        }
        if !capabilities.people {
            notice.to.clear();
        }
        let cx = cx.part("notice");
        match select(self.notifier.notify(&cx, &notice), self.clock.sleep(LIMIT)).await {
            Either::Left((Ok(()), _)) => {}
            Either::Left((Err(error), _)) => tracing::warn!(error = %error, "a notice was lost"),
            Either::Right(_) => tracing::warn!("a notice took too long and was given up"),
        }
    }
}

/// What people are told when an operation begins that waits for them.
pub(super) fn before(command: &Command) -> Option<Notice> {
    match command {
        Command::Work { scope, pull_request, patch: None, .. } => Some(notice(
            scope,
            Importance::ActionNeeded,
            format!("please push the work on {} to `{}`: {}", scope.unit.id, pull_request.branch, pull_request.url),
        )),
        Command::AwaitMerge { scope, role, pull_request, .. } => {
            let what = if *role == Role::Source { "review and merge" } else { "merge" };
            Some(notice(
                scope,
                Importance::ActionNeeded,
                format!("please {what} the {role} of {}: {}", scope.unit.id, pull_request.url),
            ))
        }
        Command::Promote { scope, pull_request, .. } => Some(notice(
            scope,
            Importance::ActionNeeded,
            format!("please approve {} for production: {}", scope.unit.id, pull_request.url),
        )),
        Command::AwaitRetry { scope, reason, until, .. } => {
            let text = format!("please have {} tried again by {until}, it could not go on: {reason}", scope.unit.id);
            Some(notice(scope, Importance::ActionNeeded, text))
        }
        _ => None,
    }
}

/// What people are told when an operation fails, or takes back what was granted.
pub(super) fn after(command: &Command, outcome: &Outcome) -> Option<Notice> {
    let (Command::Build { scope, .. }
    | Command::Work { scope, .. }
    | Command::AwaitMerge { scope, .. }
    | Command::Observe { scope, .. }
    | Command::Decide { scope, .. }
    | Command::Promote { scope, .. }
    | Command::Revert { scope, .. }) = command
    else {
        return None;
    };
    let why = match outcome {
        Outcome::Failed { reason } | Outcome::BuildFailed { reason, .. } => reason.clone(),
        Outcome::Refused(decided) => decided.decision.summary(),
        Outcome::TakenBack { reason } => {
            let text = format!("{} may not be merged into production any more: {reason}", scope.unit.id);
            return Some(notice(scope, Importance::ActionNeeded, text));
        }
        _ => return None,
    };
    Some(notice(scope, Importance::Failure, format!("{} failed: {why}", scope.unit.id)))
}

/// What people are told when the first decision waits for a check of the policy.
pub(super) fn awaits_check(scope: &Scope, decision: &Decision) -> Notice {
    let text = format!("please have the policy checked, {} waits for it: {}", scope.unit.id, decision.summary());
    notice(scope, Importance::ActionNeeded, text)
}

fn notice(scope: &Scope, importance: Importance, text: String) -> Notice {
    Notice { project: scope.project.clone(), change_set: Some(scope.change_set.clone()), importance, to: Vec::new(), text }
}
