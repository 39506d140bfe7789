//! A change of the policy: held against its own tests and against the past before people merge it.

mod approvers;
mod checked;
mod history;
mod merged;
pub(crate) mod signers;
mod trial;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use pathops_core::adapter::{CheckState, PullRequest, PullRequestState};
use pathops_core::evidence::{PolicyApproval, Subject, TestAnnotations, TestConfiguration, TestResult, TestVerdict};
use pathops_core::policy::{CommitStatus, Difference};
use pathops_core::project::Role;
use pathops_core::{
    ChangeSetId, CommitId, Digest, Error, ErrorKind, IdempotencyKey, OpContext, PersonId, PullRequestNumber, RepoPath, Result,
    StatusContext,
};
use pathops_evidence::EvidenceRecord;
use serde_json::json;

use crate::activity::announce::SOURCE_BRANCH;
use crate::activity::record::{Record, message};
use crate::change_set::{RECORD_FORMAT, document};
use crate::control_plane::ControlPlane;
use crate::retry::with_retry;
use checked::PolicyChecked;
use trial::Trial;

/// The status that says what came of it. Make it a required one of the meta repository's `main`; where it is not, each
/// change is told so.
pub const POLICY_CONTEXT: &str = "pathops/policy";

/// What is known of a change of the policy: a change set of its own, over the meta repository alone.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyChange {
    /// Its name: `policy-<number of the pull request>`, or `policy` for the one that stands.
    pub id: ChangeSetId,
    /// The head that was looked at.
    pub head: CommitId,
    /// The policy of that head; `None` where it cannot be read.
    pub policy: Option<Digest>,
    /// What keeps it from being merged, in words.
    pub failures: Vec<String>,
    /// What is worth a look.
    pub warnings: Vec<String>,
    /// What was tried and holds.
    pub passed: Vec<String>,
    /// What nobody has looked at, because it is not known to a control plane.
    pub unseen: Vec<&'static str>,
    /// Past decisions that it would have made differently.
    pub differences: Vec<Difference>,
    /// Who has approved its head, of those who may and had no part in it, with their roles. The signed statement names them
    /// once it is merged into the main branch.
    pub approved_by: BTreeMap<PersonId, BTreeSet<Role>>,
    /// The signed statement of it all.
    pub evidence: EvidenceRecord,
}

/// A change of the policy, or the policy as it stands.
struct Looked<'c> {
    id: ChangeSetId,
    /// What is looked at: its head, or what its branch became by it.
    head: CommitId,
    /// What was before it.
    before: CommitId,
    /// The pull request that brings it.
    pull_request: Option<&'c PullRequest>,
}

impl ControlPlane {
    /// Looks at a pull request of the meta repository: whether the project can be read with it, what the linter says,
    /// whether the policy's tests pass, which past decisions would have been others, what would be asked for less, and whether
    /// those whose names stand in stops of the line wrote them. Reads back who has approved it. Signs what it found, tells it in
    /// one comment, records it below `change-sets/policy-<number>`, and posts [`POLICY_CONTEXT`]. The same head gives the
    /// same statement but for its time and the approvals.
    ///
    /// Call it whenever the pull request has a new head, when somebody has reviewed it, and once more when it was merged: an
    /// approval that is not read back does not count for a policy that asks for it ([`PolicyRule`]). Of a pull request that was
    /// merged, what its branch became by it is looked at, beside what that held before: a policy that came about by two changes is
    /// checked as it stands, and who approved one of them has not approved it. People merge it, or do not.
    ///
    /// [`PolicyRule`]: pathops_core::policy::PolicyRule
    ///
    /// # Errors
    /// What the Git host, the signer and the blob store answer. A policy that cannot be read is no error: it is a failure
    /// of the change.
    pub async fn check_policy_change(&self, number: PullRequestNumber) -> Result<PolicyChange> {
        let services = self.services();
        let id = ChangeSetId::parse(format!("policy-{}", number.0)).map_err(|error| invalid(&error))?;
        let cx = &OpContext::new(IdempotencyKey::new(format!("{id}/{:032x}", services.ids.fresh())));
        let pull_request = &services.scm.pull_request(cx, self.meta_repo(), number).await?;
        let (head, before) = self.looked_at(cx, &id, pull_request).await?;
        let looked = Looked { id, head, before, pull_request: Some(pull_request) };
        let change = self.look_at_policy(cx, &looked).await?;
        let body = services.redactor.redact_text(&change.to_markdown());
        services.scm.put_comment(&cx.part("comment"), self.meta_repo(), number, "policy", &body).await?;
        if change.failures.is_empty() {
            self.post_policy_status(cx, &change).await?;
        }
        Ok(change)
    }

    /// Looks at the policy that stands on the main branch: the one that a project begins with, which no pull request brought,
    /// and any whose check has grown old. The same as for a pull request is looked at and signed, and is recorded below
    /// `change-sets/policy`. Where a pull request that was merged brought this very policy, that is looked at once more, with
    /// those who approved it; else nobody has.
    ///
    /// # Errors
    /// As those of [`ControlPlane::check_policy_change`], and `Invalid` where the project cannot be read.
    pub async fn check_policy(&self) -> Result<PolicyChange> {
        let services = self.services();
        let id = ChangeSetId::parse("policy").map_err(|error| invalid(&error))?;
        let cx = &OpContext::new(IdempotencyKey::new(format!("{id}/{:032x}", services.ids.fresh())));
        let project = self.project().await?;
        // What leads nowhere is written anew.
        let checked = match services.policy_checked(cx, self.meta_repo(), &project.policy.digest()).await {
            Err(error) if error.kind() == ErrorKind::Corrupt => None,
            checked => checked?,
        };
        if let Some(number) = checked.and_then(|checked| checked.pull_request) {
            let brought = services.scm.pull_request(cx, self.meta_repo(), number).await?;
            if matches!(brought.state, PullRequestState::Merged { .. }) {
                return self.check_policy_change(number).await;
            }
        }
        let head = services.main(cx, self.meta_repo()).await?;
        self.look_at_policy(cx, &Looked { id, before: head.clone(), head, pull_request: None }).await
    }

    async fn look_at_policy(&self, cx: &OpContext, looked: &Looked<'_>) -> Result<PolicyChange> {
        let trial = self.try_policy(cx, looked).await?;
        let evidence = self.seal_trial(cx, looked, &trial).await?;
        let changes_policy = trial.before.is_some_and(|before| Some(before) != trial.policy);
        let Trial { policy, failures, warnings, passed, unseen, differences, approved_by, is_another, is_unapproved, .. } = trial;
        let (id, head) = (looked.id.clone(), looked.head.clone());
        let change = PolicyChange { id, head, policy, failures, warnings, passed, unseen, differences, approved_by, evidence };
        // Another pull request says nothing of the policy that it finds, as far as that can be read, unless nobody else does; and one
        // that was closed brings none.
        let brings = match looked.pull_request {
            None => true,
            Some(it) => (changes_policy || is_unapproved) && !matches!(it.state, PullRequestState::Closed { .. }),
        };
        let checked = change.policy.filter(|_| brings).map(|policy| {
            // What came about by two changes is none that was proposed.
            let pull_request = looked.pull_request.map(|it| it.number).filter(|_| !is_another);
            (policy, PolicyChecked { format: RECORD_FORMAT, pull_request, evidence: change.evidence.clone() })
        });
        // What keeps it from being merged is told before anything else can go wrong, and that nothing does after all else.
        if looked.pull_request.is_some() && !change.failures.is_empty() {
            self.post_policy_status(cx, &change).await?;
        }
        self.record_change(cx, looked, &change, checked).await?;
        Ok(change)
    }

    async fn seal_trial(&self, cx: &OpContext, looked: &Looked<'_>, trial: &Trial) -> Result<EvidenceRecord> {
        let (services, id) = (self.services(), &looked.id);
        let commit = services.scm.read_commit(cx, self.meta_repo(), &looked.head).await?;
        let mut subject = Subject::named(format!("{}:policy", self.meta_repo())).with_commit(&commit.id).with_tree(&commit.tree);
        if let Some(policy) = &trial.policy {
            subject = subject.with_sha256(policy);
        }
        // What is not merged may never be: until it is, nobody has approved what stands.
        let approved_by = looked.pull_request.filter(|it| is_merged(it)).map(|_| trial.approved_by.clone()).unwrap_or_default();
        let policy = Some(PolicyApproval { approved_by });
        let annotations = TestAnnotations { change_set: Some(id.clone()), policy, ..TestAnnotations::default() };
        let redacted = |texts: &[String]| texts.iter().map(|text| services.redactor.redact_text(text)).collect();
        let result = TestResult {
            result: if trial.failures.is_empty() { TestVerdict::Passed } else { TestVerdict::Failed },
            configuration: vec![TestConfiguration { name: "policy".to_owned(), digest: BTreeMap::new(), annotations }],
            passed_tests: redacted(&trial.passed),
            warned_tests: redacted(&trial.warnings),
            failed_tests: redacted(&trial.failures),
            finished_on: services.clock.now(),
        };
        services.sealer.seal(cx, format!("{id} policy tests"), vec![subject], &result).await
    }

    async fn record_change(
        &self,
        cx: &OpContext,
        looked: &Looked<'_>,
        change: &PolicyChange,
        checked: Option<(Digest, PolicyChecked)>,
    ) -> Result<()> {
        let services = self.services();
        let path = |path: String| RepoPath::parse(path).map_err(|error| invalid(&error));
        let file = |name: &str| path(format!("change-sets/{}/{name}", change.id));
        let status = json!({
            "format": RECORD_FORMAT,
            "changeSet": change.id,
            "head": change.head,
            "before": looked.before,
            "policy": change.policy,
            "failures": change.failures,
            "warnings": change.warnings,
            "unseen": change.unseen,
            "differences": change.differences.len(),
            "approvedBy": change.approved_by,
        });
        let evidence = json!({ "format": RECORD_FORMAT, "policy": { "evidence": [change.evidence] } });
        let mut files = vec![(file("status.json")?, document(status)), (file("evidence.json")?, document(evidence))];
        if let Some((policy, checked)) = checked {
            files.push((path(PolicyChecked::path(&policy))?, document(json!(checked))));
        }
        let at = services.clock.now();
        let what = Record {
            message: message(&change.id),
            meta_repo: self.meta_repo(),
            at,
            files: &files,
            once: &[],
            apps: &[],
            releases: &[],
        };
        let record = || -> BoxFuture<'_, _> { Box::pin(services.record(cx, &what)) };
        with_retry(&*services.clock, record).await.map(drop)
    }

    async fn post_policy_status(&self, cx: &OpContext, change: &PolicyChange) -> Result<()> {
        let context = StatusContext::parse(POLICY_CONTEXT).map_err(|error| invalid(&error))?;
        let state = if change.failures.is_empty() { CheckState::Success } else { CheckState::Failure };
        let description = self.services().redactor.redact_text(&change.summary());
        let status = CommitStatus::new(change.head.clone(), context, state, description).map_err(|error| invalid(&error))?;
        self.services().scm.post_status(&cx.part("status"), self.meta_repo(), status).await
    }
}

impl PolicyChange {
    /// One sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let differ = match self.differences.len() {
            0 => "no past decision would have been another".to_owned(),
            1 => "one past decision would have been another".to_owned(),
            more => format!("{more} past decisions would have been others"),
        };
        match self.failures.len() {
            0 => format!("{} checks pass; {differ}", self.passed.len()),
            failures => format!("{failures} checks fail; {differ}"),
        }
    }

    /// For the pull request.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("### Change of the policy: {}\n", self.summary());
        let mut list = |title: &str, items: &mut dyn Iterator<Item = String>| {
            let items: Vec<_> = items.map(|item| format!("    {}\n", item.replace('\n', "\n    "))).collect();
            if !items.is_empty() {
                text.push_str(&format!("\n{title}:\n\n{}", items.concat()));
            }
        };
        list("To be mended", &mut self.failures.iter().cloned());
        list("Worth a look", &mut self.warnings.iter().cloned());
        list("Not looked at", &mut self.unseen.iter().map(|it| (*it).to_owned()));
        list("Past decisions that would have been others", &mut self.differences.iter().map(Difference::to_string));
        text
    }
}

/// Whether it was merged into the branch that the project is read from.
fn is_merged(it: &PullRequest) -> bool {
    matches!(it.state, PullRequestState::Merged { .. }) && it.base.as_str() == SOURCE_BRANCH
}

fn invalid(why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, "check a change of the policy").because(why)
}
