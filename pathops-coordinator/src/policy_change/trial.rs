//! Trying a policy: what is wrong with it, and what it would change.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::{PullRequest, SourceFile, SourceTree};
use pathops_core::policy::{Action, Ask, Difference, LintContext, LintLevel, Policy, diff, run_cases};
use pathops_core::project::{
    Finding, Identities, Lifecycle, Project, Role, changed_freezes, lint_change, lint_policy, lint_units, load_policy_tests,
    load_with,
};
use pathops_core::{CommitId, Digest, ErrorKind, OpContext, PersonId, RepoPath, Result, StatusContext};

use super::{Looked, POLICY_CONTEXT, invalid, is_merged};
use crate::activity::facts::{DECLARATIONS, read_declarations};
use crate::control_plane::ControlPlane;

/// What PathOps writes into the meta repository, and nobody declares.
const RECORDS: [&str; 5] = ["change-sets/", "lifecycles/", "production/", "evidence/", "log/"];

const ANOTHER: &str = "the branch had moved on when it was merged, so what stands is another policy than the one that was \
    proposed, and nobody has approved it that counts; where it needs approvals, have any change that is based on it approved and merged";

const UNAPPROVED: &str = "nobody has approved the policy as it stands: who approves this change approves that, too";

/// The folder with the tests of the policy, which only its check reads.
const POLICY_TESTS: &str = "policy-tests";

/// What was found before it is signed.
#[derive(Default)]
pub(super) struct Trial {
    /// The policy of what was before.
    pub(super) before: Option<Digest>,
    pub(super) policy: Option<Digest>,
    pub(super) failures: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) passed: Vec<String>,
    pub(super) unseen: Vec<&'static str>,
    pub(super) differences: Vec<Difference>,
    pub(super) approved_by: BTreeMap<PersonId, BTreeSet<Role>>,
    /// Whether a merge made another policy of it than was proposed.
    pub(super) is_another: bool,
    /// Whether the policy is one that needs approvals, and that no pull request brought: who approved this one has approved it.
    pub(super) is_unapproved: bool,
}

impl ControlPlane {
    pub(super) async fn try_policy(&self, cx: &OpContext, looked: &Looked<'_>) -> Result<Trial> {
        let (services, meta) = (self.services(), self.meta_repo());
        let mut trial = Trial::default();
        let files = if looked.pull_request.is_some() {
            let changed = services.scm.compare(cx, meta, &looked.before, &looked.head).await?.files;
            let (records, others): (Vec<_>, Vec<_>) = changed.into_iter().partition(is_record);
            let told = |path: &RepoPath| format!("{path}: PathOps records that, and nobody else writes it; leave it as it is");
            trial.failures.extend(records.iter().map(told));
            self.declared_with(cx, &looked.head, &others).await?
        } else {
            let mut files = services.scm.read_tree(cx, meta, &looked.head, &RepoPath::root()).await?;
            files.retain(|path, _| !is_record(path));
            files
        };
        match load_with(&files, meta.clone(), &services.languages) {
            Err(findings) => trial.failures.extend(findings.iter().map(Finding::to_string)),
            Ok(project) => {
                trial.policy = Some(project.policy.digest());
                trial.passed.push("the project can be read".to_owned());
                let mut context = LintContext::of(&project, services.clock.now());
                context.producers = Some(services.trust.all_producers());
                trial.lint(&files, &context, &project);
                trial.failures.extend(project.units.values().filter_map(|unit| services.objection(&project.policy, unit)));
                trial.run_tests(&files, &project.policy);
                let before_files = read_declarations(&*services.scm, cx, meta, &looked.before, &DECLARATIONS).await?;
                trial.keep_records(&before_files, &files);
                let before = load_with(&before_files, meta.clone(), &services.languages).ok();
                let nobody = Identities::default();
                let identities = before.as_ref().map_or(&nobody, |before| &before.identities);
                if looked.pull_request.is_some() {
                    trial.failures.extend(self.false_signers(cx, looked, identities, &before_files, &files).await?);
                }
                match before {
                    Some(before) => self.hold_against(cx, looked, (&before_files, &before), (&files, &project), &mut trial).await?,
                    None => trial.warnings.push(
                        "what was before it cannot be read, so it is compared with nothing, and nobody has approved it that counts"
                            .to_owned(),
                    ),
                }
            }
        }
        if let Some(pull_request) = looked.pull_request {
            let required = StatusContext::parse(POLICY_CONTEXT).map_err(|error| invalid(&error))?;
            match services.require_status(cx, meta, &pull_request.base, &required).await {
                Err(error) if error.kind() == ErrorKind::Denied => trial.warnings.push(error.to_string()),
                required => required?,
            }
        }
        Ok(trial)
    }

    /// What is declared, and what else a change brings: also what nobody reads, and somebody may take for a declaration. The
    /// records are not read, which grow with each change set.
    async fn declared_with(&self, cx: &OpContext, head: &CommitId, changed: &[RepoPath]) -> Result<SourceTree> {
        let (scm, meta) = (&*self.services().scm, self.meta_repo());
        let names: Vec<_> = DECLARATIONS.into_iter().chain([POLICY_TESTS]).collect();
        let mut files = read_declarations(scm, cx, meta, head, &names).await?;
        for path in changed {
            let bytes = scm.read_file(cx, meta, head, path).await?;
            files.extend(bytes.map(|bytes| (path.clone(), SourceFile { bytes, executable: false })));
        }
        Ok(files)
    }

    /// What a change asks for less, whom it lets go on, who has approved it, and what it would have decided otherwise.
    async fn hold_against(
        &self,
        cx: &OpContext,
        looked: &Looked<'_>,
        (before_files, before): (&SourceTree, &Project),
        (files, project): (&SourceTree, &Project),
        trial: &mut Trial,
    ) -> Result<()> {
        trial.before = Some(before.policy.digest());
        trial.take(lint_change((before_files, before), (files, project)));
        trial.keep_stops(before, project);
        self.keep_lifecycles(cx, before, project, trial).await?;
        if let Some(pull_request) = looked.pull_request {
            let policy = &project.policy;
            trial.is_another = self.is_another(cx, looked, &policy.digest()).await?;
            if trial.is_another {
                trial.warnings.push(ANOTHER.to_owned());
                trial.keep_freezes(before, project, None);
            } else {
                let writer = self.approvers(cx, pull_request, &looked.before, before, trial).await?;
                trial.keep_freezes(before, project, writer);
                self.stands_unapproved(cx, pull_request, before, policy, trial).await?;
            }
        }
        let (history, unreadable) = self.decisions(cx).await?;
        if unreadable > 0 {
            trial.warnings.push(format!("{unreadable} past decisions cannot be read, so nothing is known of them"));
        }
        let past = history.iter().map(|(facts, record)| (&**facts, record.decision.at));
        trial.differences = diff(&before.policy, &project.policy, past);
        Ok(())
    }

    /// Whether the policy needs approvals and came about without any: by two changes, or before there was anybody to ask.
    async fn stands_unapproved(
        &self,
        cx: &OpContext,
        pull_request: &PullRequest,
        before: &Project,
        policy: &Policy,
        trial: &mut Trial,
    ) -> Result<()> {
        let mut rules = policy.layers().iter().flat_map(|layer| &layer.requirements);
        let needs = rules.any(|it| matches!(&it.asks, Ask::Policy(rule) if rule.approvals > 0));
        if !needs || before.policy.digest() != policy.digest() {
            return Ok(());
        }
        let checked = match self.services().policy_checked(cx, self.meta_repo(), &policy.digest()).await {
            Err(error) if error.kind() == ErrorKind::Corrupt => None,
            checked => checked?,
        };
        if checked.is_none_or(|checked| checked.pull_request.is_none()) {
            trial.is_unapproved = is_merged(pull_request);
            trial.warnings.push(UNAPPROVED.to_owned());
        }
        Ok(())
    }

    /// Only a promotion brings into production: what is declared to be there has to be recorded as being there.
    async fn keep_lifecycles(&self, cx: &OpContext, before: &Project, after: &Project, trial: &mut Trial) -> Result<()> {
        let (services, meta) = (self.services(), self.meta_repo());
        let main = services.main(cx, meta).await?;
        for unit in after.units.values().filter(|unit| unit.lifecycle == Lifecycle::Production) {
            let recorded = services.recorded_app(cx, meta, &main, &unit.id).await?;
            if recorded.as_ref().is_some_and(|app| app.state() == Lifecycle::Production) {
                continue;
            }
            let state = recorded.map_or_else(|| "not recorded".to_owned(), |app| format!("recorded as {}", app.state()));
            let what = format!("`{}` is declared production, and it is {state}: a promotion brings it there", unit.id);
            let was = before.units.get(&unit.id).is_some_and(|unit| unit.lifecycle == Lifecycle::Production);
            if was { &mut trial.warnings } else { &mut trial.failures }.push(what);
        }
        Ok(())
    }
}

fn is_record(path: &RepoPath) -> bool {
    RECORDS.iter().any(|folder| path.as_str().starts_with(folder))
}

impl Trial {
    /// A stop is lifted by a person whose name stands in it, and an incident ends at an instant that does: the files stay.
    fn keep_records(&mut self, before: &SourceTree, files: &SourceTree) {
        let kept =
            [("stops/", "say in it who lifts it, with `liftedBy`"), ("incidents/", "say in it when it ended, with `closed`")];
        for (folder, instead) in kept {
            let gone = before.keys().filter(|path| path.as_str().starts_with(folder) && !files.contains_key(*path));
            self.failures.extend(gone.map(|path| format!("{path}: it is not deleted; {instead}")));
        }
    }

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

    /// Windows of a unit are changed by somebody who may, as the policy before it has it: who wrote all of the change, or approved it.
    fn keep_freezes(&mut self, before: &Project, after: &Project, writer: Option<PersonId>) {
        let who: BTreeSet<_> = self.approved_by.keys().cloned().chain(writer).collect();
        for unit in changed_freezes(before, after) {
            let may = |person| before.people.get(person).is_some_and(|it| before.policy.may(Action::Freeze, it, Some(unit)));
            if !who.iter().any(may) {
                self.failures.push(format!(
                    "the freeze windows of `{}` change, or who may change or get past them, and nobody who wrote or approved that \
                     may do it; let somebody approve it whom `permissions.freeze` names, by the policy as it is",
                    unit.id
                ));
            }
        }
    }

    fn lint(&mut self, files: &SourceTree, context: &LintContext<'_>, project: &Project) {
        self.take(lint_policy(files, &project.policy, context));
        self.take(lint_units(files, project));
        self.unseen = context.unseen();
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
