//! A change of the policy: held against its own tests and against the past before people merge it.

use std::collections::BTreeMap;

use pathops_core::adapter::{CheckState, PullRequest, SourceTree};
use pathops_core::evidence::{
    Predicate as _, Subject, TestAnnotations, TestConfiguration, TestResult, TestVerdict, VerificationSummary,
};
use pathops_core::policy::{
    CommitStatus, DecisionRecord, Difference, HypotheticalFacts, LintContext, LintLevel, Policy, diff, run_cases,
};
use pathops_core::project::{Finding, Project, lint_change, lint_policy, load_policy_tests, load_with};
use pathops_core::{
    ChangeSetId, CommitId, Digest, Error, ErrorKind, IdempotencyKey, OpContext, PullRequestNumber, RepoPath, Result,
    StatusContext,
};
use pathops_evidence::EvidenceRecord;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::activity::facts::{DECLARATIONS, read_declarations, read_declared};
use crate::control_plane::ControlPlane;

/// The status that says what came of it. Make it a required one of the meta repository's `main`; where it is not, each
/// change is told so.
pub const POLICY_CONTEXT: &str = "pathops/policy";

/// How many past decisions a change of the policy is held against, the newest first.
const HISTORY: usize = 200;

/// What is known of a change of the policy: a change set of its own, over the meta repository alone.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyChange {
    /// Its name: `policy-<number of the pull request>`.
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
    /// Past decisions that it would have made differently.
    pub differences: Vec<Difference>,
    /// The signed statement of it all.
    pub evidence: EvidenceRecord,
}

/// What was found before it is signed.
#[derive(Default)]
struct Trial {
    policy: Option<Digest>,
    failures: Vec<String>,
    warnings: Vec<String>,
    passed: Vec<String>,
    differences: Vec<Difference>,
}

impl ControlPlane {
    /// Looks at a pull request of the meta repository: whether the project can be read with it, what the linter says,
    /// whether the policy's tests pass, and which past decisions would have been others. Signs what it found, tells it in
    /// one comment, records it below `change-sets/policy-<number>`, and posts [`POLICY_CONTEXT`]. The same head gives the
    /// same statement but for its time. People merge it, or do not.
    ///
    /// # Errors
    /// What the Git host, the signer and the blob store answer. A policy that cannot be read is no error: it is a failure
    /// of the change.
    pub async fn check_policy_change(&self, number: PullRequestNumber) -> Result<PolicyChange> {
        let services = self.services();
        let id = ChangeSetId::parse(format!("policy-{}", number.0)).map_err(|error| invalid(&error))?;
        let cx = &OpContext::new(IdempotencyKey::new(format!("{id}/{:032x}", services.ids.fresh())));
        let pull_request = services.scm.pull_request(cx, self.meta_repo(), number).await?;
        let trial = self.try_policy(cx, &pull_request).await?;
        let evidence = self.seal_trial(cx, &id, &pull_request, &trial).await?;
        let Trial { policy, failures, warnings, passed, differences } = trial;
        let change = PolicyChange { id, head: pull_request.head, policy, failures, warnings, passed, differences, evidence };
        let body = services.redactor.redact_text(&change.to_markdown());
        services.scm.put_comment(&cx.part("comment"), self.meta_repo(), number, "policy", &body).await?;
        self.record_change(cx, &change).await?;
        self.post_policy_status(cx, &change).await?;
        Ok(change)
    }

    async fn try_policy(&self, cx: &OpContext, pull_request: &PullRequest) -> Result<Trial> {
        let services = self.services();
        let names = [&DECLARATIONS[..], &["policy-tests"]].concat();
        let files = read_declarations(&*services.scm, cx, self.meta_repo(), &pull_request.head, &names).await?;
        let mut trial = Trial::default();
        match load_with(&files, self.meta_repo().clone(), &services.languages) {
            Err(findings) => trial.failures.extend(findings.iter().map(Finding::to_string)),
            Ok(project) => {
                trial.policy = Some(project.policy.digest());
                trial.passed.push("the project can be read".to_owned());
                trial.lint(&files, &LintContext::of(&project, services.clock.now()), &project);
                trial.run_tests(&files, &project.policy);
                let (before_files, before) = read_declared(&*services.scm, cx, self.meta_repo(), &services.languages).await?;
                trial.take(lint_change((&before_files, &before), (&files, &project)));
                self.keep_records(cx, &files, &mut trial).await?;
                trial.keep_stops(&before, &project);
                let (history, unreadable) = self.history(cx).await?;
                if unreadable > 0 {
                    trial.warnings.push(format!("{unreadable} past decisions cannot be read, so nothing is known of them"));
                }
                let past = history.iter().map(|(facts, record)| (&**facts, record.decision.at));
                trial.differences = diff(&before.policy, &project.policy, past);
            }
        }
        let required = StatusContext::parse(POLICY_CONTEXT).map_err(|error| invalid(&error))?;
        if let Err(error) = services.require_status(cx, self.meta_repo(), &pull_request.base, &required).await {
            if error.kind() != ErrorKind::Denied {
                return Err(error);
            }
            trial.warnings.push(error.to_string());
        }
        Ok(trial)
    }

    /// A stop is lifted by a person whose name stands in it, and an incident ends at an instant that does: the files stay.
    async fn keep_records(&self, cx: &OpContext, files: &SourceTree, trial: &mut Trial) -> Result<()> {
        let scm = &*self.services().scm;
        let main = self.services().main(cx, self.meta_repo()).await?;
        let kept =
            [("stops", "say in it who lifts it, with `liftedBy`"), ("incidents", "say in it when it ended, with `closed`")];
        for (folder, instead) in kept {
            let before = read_declarations(scm, cx, self.meta_repo(), &main, &[folder]).await?;
            for path in before.keys().filter(|path| !files.contains_key(*path)) {
                trial.failures.push(format!("{path}: it is not deleted; {instead}"));
            }
        }
        Ok(())
    }

    /// The newest decisions that the meta repository's records lead to, with the facts they were made over; and how many
    /// of them cannot be read.
    async fn history(&self, cx: &OpContext) -> Result<(Vec<(HypotheticalFacts, DecisionRecord)>, usize)> {
        let services = self.services();
        let main = services.main(cx, self.meta_repo()).await?;
        let records = read_declarations(&*services.scm, cx, self.meta_repo(), &main, &["change-sets"]).await?;
        let (mut history, mut unreadable) = (Vec::new(), 0);
        for record in decisions(&records).into_iter().take(HISTORY) {
            match services.decision_record(cx, &record).await {
                Ok(record) => history.push((HypotheticalFacts::from(record.facts.clone()), record)),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => unreadable += 1,
                Err(error) => return Err(error),
            }
        }
        Ok((history, unreadable))
    }

    async fn seal_trial(
        &self,
        cx: &OpContext,
        id: &ChangeSetId,
        pull_request: &PullRequest,
        trial: &Trial,
    ) -> Result<EvidenceRecord> {
        let services = self.services();
        let commit = services.scm.read_commit(cx, self.meta_repo(), &pull_request.head).await?;
        let mut subject = Subject::named(format!("{}:policy", self.meta_repo())).with_commit(&commit.id).with_tree(&commit.tree);
        if let Some(policy) = &trial.policy {
            subject = subject.with_sha256(policy);
        }
        let annotations = TestAnnotations { change_set: Some(id.clone()), ..TestAnnotations::default() };
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

    async fn record_change(&self, cx: &OpContext, change: &PolicyChange) -> Result<()> {
        let services = self.services();
        let file = |name: &str, value: &Value| {
            let path = RepoPath::parse(format!("change-sets/{}/{name}", change.id)).ok()?;
            Some((path, format!("{value:#}\n")))
        };
        let status = json!({
            "format": crate::change_set::RECORD_FORMAT,
            "changeSet": change.id,
            "head": change.head,
            "policy": change.policy,
            "failures": change.failures,
            "warnings": change.warnings,
            "differences": change.differences.len(),
        });
        let evidence = json!({ "format": crate::change_set::RECORD_FORMAT, "policy": { "evidence": [change.evidence] } });
        let files: Vec<_> = [file("status.json", &status), file("evidence.json", &evidence)].into_iter().flatten().collect();
        services.record(cx, &change.id, self.meta_repo(), services.clock.now(), &files, &[]).await?;
        Ok(())
    }

    async fn post_policy_status(&self, cx: &OpContext, change: &PolicyChange) -> Result<()> {
        let context = StatusContext::parse(POLICY_CONTEXT).map_err(|error| invalid(&error))?;
        let state = if change.failures.is_empty() { CheckState::Success } else { CheckState::Failure };
        let description = self.services().redactor.redact_text(&change.summary());
        let status = CommitStatus::new(change.head.clone(), context, state, description).map_err(|error| invalid(&error))?;
        self.services().scm.post_status(&cx.part("status"), self.meta_repo(), status).await
    }
}

impl Trial {
    /// An open stop is lifted or stays what it is: nothing is let go on by making it about something else.
    fn keep_stops(&mut self, before: &Project, after: &Project) {
        for stop in &before.stops {
            if let Some(now) = after.stops.iter().find(|now| now.id == stop.id).filter(|now| *now != stop) {
                let what =
                    format!("the stop `{}` is not changed while it holds; lift it, and stop anew what has to stop", now.id);
                self.failures.push(what);
            }
        }
    }

    fn lint(&mut self, files: &SourceTree, context: &LintContext<'_>, project: &Project) {
        self.take(lint_policy(files, &project.policy, context));
    }

    fn take(&mut self, found: Vec<(Finding, LintLevel)>) {
        for (finding, level) in found {
            let list = if level == LintLevel::Error { &mut self.failures } else { &mut self.warnings };
            list.push(finding.to_string());
        }
    }

    fn run_tests(&mut self, files: &SourceTree, policy: &Policy) {
        let tests = match load_policy_tests(files, policy) {
            Ok(tests) => tests,
            Err(findings) => return self.failures.extend(findings.iter().map(Finding::to_string)),
        };
        for result in tests.iter().flat_map(|test| run_cases(policy, &test.cases)) {
            if result.passes() {
                self.passed.push(result.name);
            } else {
                self.failures.push(result.to_string());
            }
        }
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
        list("Past decisions that would have been others", &mut self.differences.iter().map(Difference::to_string));
        text
    }
}

fn invalid(why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, "check a change of the policy").because(why)
}

/// The signed decisions that records of change sets name: those of the change set that was declared last first, and of
/// each the last decision first.
fn decisions(records: &SourceTree) -> Vec<EvidenceRecord> {
    let read = |path: String| -> Option<Value> {
        let file = records.get(&RepoPath::parse(path).ok()?)?;
        serde_json::from_slice(&file.bytes).ok()
    };
    let folders = records.keys().filter_map(|path| path.as_str().strip_suffix("/evidence.json"));
    let mut change_sets: Vec<_> = folders
        .filter_map(|folder| {
            let declared_at = read(format!("{folder}/status.json"))?.get("declaredAt")?.as_str()?.to_owned();
            Some((declared_at, read(format!("{folder}/evidence.json"))?))
        })
        .collect();
    change_sets.sort_by(|(one, _), (other, _)| other.cmp(one));
    let units = change_sets.iter().filter_map(|(_, evidence)| evidence.get("units")?.as_object()).flat_map(Map::values);
    let lists = units.filter_map(|unit| Vec::<EvidenceRecord>::deserialize(unit.get("evidence")?).ok());
    lists.flat_map(|list| list.into_iter().rev()).filter(|it| it.predicate_type == VerificationSummary::TYPE).collect()
}
