//! I10: an agent gets words and a copy of files, nothing to push with; and what is pushed in its name went through the gate.

use pathops_coordinator::change_set::{Command, Outcome, PullRequestRef};
use pathops_core::Principal;

use super::{Found, Invariant, holds};
use crate::shape::SECRET;
use crate::step::Step;
use crate::truth::Truth;

/// What no agent may change, as the gate has it.
const PROTECTED: [&str; 3] = ["CLAUDE.md", "AGENTS.md", ".github"];

pub(super) struct Agents;

impl Invariant for Agents {
    fn name(&self) -> &'static str {
        "i10 agents hold no credential"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Tasked { task } => {
                let files = task.base.values().map(|file| String::from_utf8_lossy(&file.bytes));
                let given = files.chain([task.objective.as_str().into()]).any(|text| text.contains(SECRET));
                holds!(!given, "the agent that works on {} has a credential", task.unit);
            }
            Step::Committed { repo, new, .. } if matches!(new.author, Principal::Agent { .. }) => {
                holds!(!new.changes.is_empty(), "an agent's work on {repo} changes nothing");
                for change in &new.changes {
                    let path = change.path.as_str();
                    let protected = PROTECTED.iter().any(|name| path.split('/').any(|part| part == *name));
                    holds!(!protected, "{path} of {repo} was changed in an agent's name");
                    let desired = repo.as_str().ends_with("-gitops");
                    holds!(!desired || path.starts_with("environments/preflight/"), "{path} is not for an agent");
                    let text = change.file.as_ref().map(|file| String::from_utf8_lossy(&file.bytes)).unwrap_or_default();
                    holds!(!text.contains("ghp_") && !text.contains('\u{202e}'), "{path} got past the gate");
                }
            }
            Step::Settled {
                command: Command::Work { scope, pull_request, .. }, outcome: Outcome::Pushed { head, .. }, ..
            } => {
                let PullRequestRef { repo, head: before, .. } = pull_request;
                let records = truth.records.lock().unwrap();
                for commit in truth.log(repo, before, head) {
                    let known = records.published.contains(&commit.id) || records.by_people.contains(&commit.id);
                    holds!(known, "{} of {} was pushed by nobody who may", commit.id, scope.unit.id);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
