use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::Observation;
use pathops_core::evidence::{Incident, Occasion};
use pathops_core::lifecycle::{AppLifecycle, ArtifactLifecycle, Change, Recorded};
use pathops_core::policy::{DependencyState, GitState, Shown};
use pathops_core::project::{EnvironmentTarget, FeatureRequest, Unit};
use pathops_core::{ChangeSetId, CommitId, Digest, PersonId, Principal, ProjectId, RepoId, RepoPath, UnitId, UnixMillis};
use pathops_evidence::EvidenceRecord;
use serde::{Deserialize, Serialize};

use crate::change_set::{
    Before, Built, Decided, LastGood, Passed, Payload, PullRequestRef, Release, Role, Start, TakeBack, Turn,
};

/// What a command is about: the change set and one of its units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// The change set.
    pub change_set: ChangeSetId,
    /// The project.
    pub project: ProjectId,
    /// The repository that declares the project.
    pub meta_repo: RepoId,
    /// The unit, as it was declared.
    pub unit: Unit,
    /// Who asked for the change and answers for its agents.
    pub sponsor: PersonId,
    /// Who asked for what it carries beside.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub co_sponsors: BTreeSet<PersonId>,
    /// Whether an agent does the work on this unit; else a person does.
    pub by_agent: bool,
    /// What was asked for, in one line.
    pub title: String,
    /// When the change set was declared: the date of its first commits.
    pub at: UnixMillis,
}

/// What would be promoted, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Combination {
    /// The artifact; a component has none.
    pub artifact: Option<Digest>,
    /// The source that was merged.
    pub source: Option<GitState>,
    /// The source that is in production now: everything since then is promoted with this.
    pub source_in_production: Option<CommitId>,
    /// The source pull request.
    pub source_pull_request: Option<PullRequestRef>,
    /// The preflight pull request.
    pub preflight_pull_request: PullRequestRef,
    /// The desired state of preflight that was tested.
    pub tested: GitState,
    /// All evidence of the unit.
    pub evidence: Vec<EvidenceRecord>,
    /// The units of the change set that it depends on, and how far they are.
    #[serde(default)]
    pub dependencies: BTreeMap<UnitId, DependencyState>,
}

/// Something to be done outside: one operation of the workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "a run has a few of them, which are moved seldom")]
pub enum Command {
    /// Tell those that give way to do so, wait until all that are before it have ended, and plan it as things are then.
    AwaitTurn {
        /// The change set.
        change_set: ChangeSetId,
        /// The repository that declares the project.
        meta_repo: RepoId,
        /// What was asked for.
        request: FeatureRequest,
        /// What it waits for.
        turn: Box<Turn>,
        /// What it takes back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        take_back: Option<Box<TakeBack>>,
        /// When the change set was declared.
        at: UnixMillis,
    },
    /// Make a branch with an empty first commit, and open a pull request.
    Announce {
        /// What it is about.
        scope: Scope,
        /// Which pull request.
        role: Role,
        /// The environment, for desired state.
        target: Option<EnvironmentTarget>,
        /// Who is asked for a review.
        reviewers: Vec<PersonId>,
        /// Its description.
        body: String,
    },
    /// Have an agent do the task, check what it made, and push it; without a patch, wait for a person to push.
    Work {
        /// What it is about.
        scope: Scope,
        /// Where it goes.
        pull_request: PullRequestRef,
        /// What is wanted.
        objective: String,
        /// A diff to apply.
        patch: Option<String>,
        /// What may be changed.
        allowed: Vec<RepoPath>,
        /// Until when it is waited for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMillis>,
    },
    /// Build and test a commit.
    Build {
        /// What it is about.
        scope: Scope,
        /// The repository.
        repo: RepoId,
        /// The commit.
        commit: CommitId,
        /// Where the change started.
        base: CommitId,
        /// Until when it is waited for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMillis>,
    },
    /// Wait until people have merged or closed a pull request.
    AwaitMerge {
        /// What it is about.
        scope: Scope,
        /// Which pull request.
        role: Role,
        /// The pull request.
        pull_request: PullRequestRef,
        /// The folder whose tree matters in the merged commit.
        path: RepoPath,
        /// Until when it is waited for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMillis>,
    },
    /// Write what was built into the preflight pull request.
    Stage {
        /// What it is about.
        scope: Scope,
        /// The environment.
        target: EnvironmentTarget,
        /// The pull request.
        pull_request: PullRequestRef,
        /// What was built; nothing for a component.
        built: Option<Built>,
    },
    /// Merge the preflight pull request, where policy lets PathOps do it.
    MergePreflight {
        /// What it is about.
        scope: Scope,
        /// The environment.
        target: EnvironmentTarget,
        /// The pull request, with the head to merge.
        pull_request: PullRequestRef,
    },
    /// Wait until a deployment is ready or has failed.
    Observe {
        /// What it is about.
        scope: Scope,
        /// The environment.
        target: EnvironmentTarget,
        /// What was merged.
        desired: GitState,
        /// What must run.
        artifact: Option<Digest>,
        /// How long health must hold, in milliseconds.
        settle_millis: u64,
    },
    /// Sign what was observed, collect what else is known, and bundle it.
    Collect {
        /// What it is about.
        scope: Scope,
        /// The environment.
        target: EnvironmentTarget,
        /// Why.
        occasion: Occasion,
        /// When what is looked at began: from shortly before then on, signals are collected. Since the change set was declared
        /// where that is not known.
        #[serde(default)]
        began: Option<UnixMillis>,
        /// What was observed; nothing where it failed before.
        observation: Option<Observation>,
        /// What failed.
        problem: Option<String>,
        /// The newest commit of the unit in this change set: what the snapshot is about where nothing was deployed.
        head: CommitId,
        /// Evidence that is there already.
        evidence: Vec<EvidenceRecord>,
        /// Payloads that are there already.
        payloads: Vec<Payload>,
        /// The pull request by which people let it go there, where they had to.
        #[serde(default)]
        approved: Option<PullRequestRef>,
        /// What is wrong with its being there: the glass was broken for it.
        #[serde(default)]
        incident: Option<Incident>,
        /// What was deployed, or what failed.
        artifact: Option<Box<ArtifactLifecycle>>,
    },
    /// Decide about everything but the production pull request.
    Decide {
        /// What it is about.
        scope: Scope,
        /// What would be promoted.
        combination: Combination,
        /// Where it was tested.
        preflight: EnvironmentTarget,
        /// How long health must hold, in milliseconds, where preflight has to be looked at again.
        settle_millis: u64,
        /// Wait while only time or people stand in the way.
        wait: bool,
        /// Until when it is waited for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMillis>,
        /// What would be promoted, and how far it is.
        artifact: Box<ArtifactLifecycle>,
    },
    /// Open a production pull request with the decision in it.
    Propose {
        /// What it is about.
        scope: Scope,
        /// Forwards, or back to what was there before.
        role: Role,
        /// The environment.
        target: EnvironmentTarget,
        /// Where it was tested.
        preflight: EnvironmentTarget,
        /// What would be promoted.
        combination: Combination,
        /// The first decision; on the way back there is none.
        decided: Option<Box<Decided>>,
        /// Who is asked for a review.
        reviewers: Vec<PersonId>,
    },
    /// Decide about a production pull request as it is, again and again: wait for what is missing, post the required
    /// status with a grant, and take it back when what it rests on is gone.
    Promote {
        /// What it is about.
        scope: Scope,
        /// Forwards, or back to what was there before.
        role: Role,
        /// The environment.
        target: EnvironmentTarget,
        /// Where it was tested.
        preflight: EnvironmentTarget,
        /// What would be promoted.
        combination: Combination,
        /// The production pull request.
        pull_request: PullRequestRef,
        /// Which policy it shows to those who approve.
        #[serde(default = "Shown::nothing")]
        shown: Shown,
        /// How long health must hold, in milliseconds, where preflight has to be looked at again.
        settle_millis: u64,
        /// Go on until people have merged or closed it, or the grant is taken back; else only to the first grant.
        until_merged: bool,
        /// Until when it is waited for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMillis>,
        /// What would be promoted, and how far it is.
        artifact: Box<ArtifactLifecycle>,
    },
    /// Wait for somebody who has something tried again that could not be done.
    AwaitRetry {
        /// What it is about.
        scope: Scope,
        /// Which of those of its unit.
        attempt: u32,
        /// Why it could not be done.
        reason: String,
        /// Until when it is waited for.
        until: UnixMillis,
    },
    /// Close pull requests that have become pointless, and delete their branches.
    Close {
        /// What it is about.
        scope: Scope,
        /// The pull requests, each with the folder that matters where it turns out to be merged.
        pull_requests: Vec<(Role, PullRequestRef, RepoPath)>,
    },
    /// Open a pull request that restores the desired state from before.
    Revert {
        /// What it is about.
        scope: Scope,
        /// The environment.
        target: EnvironmentTarget,
        /// What to go back to.
        before: Before,
        /// What this change set has put there.
        merged: GitState,
        /// Why.
        reason: String,
        /// Who is asked for a review.
        reviewers: Vec<PersonId>,
    },
    /// Write the status comment of every pull request.
    Comment {
        /// The change set.
        change_set: ChangeSetId,
        /// Where.
        pull_requests: Vec<PullRequestRef>,
        /// What.
        body: String,
        /// How many times it could not be written before; it is waited the longer.
        failures: u32,
    },
    /// Write the record of the change set into the meta repository.
    Record {
        /// The change set.
        change_set: ChangeSetId,
        /// The repository.
        meta_repo: RepoId,
        /// The date of the commit.
        at: UnixMillis,
        /// Paths and contents.
        files: Vec<(RepoPath, String)>,
        /// Paths and contents that are written once: from then on the file is for people.
        #[serde(default)]
        once: Vec<(RepoPath, String)>,
        /// The lifecycles of its units, with what it did to them.
        #[serde(default)]
        apps: Vec<AppLifecycle>,
        /// What has come to production, whose evidence is written once.
        #[serde(default)]
        releases: Vec<Release>,
    },
}

impl Command {
    /// Whether it only waits for others, so that it can be dropped without leaving anything behind.
    #[must_use]
    pub fn only_waits(&self) -> bool {
        match self {
            Command::AwaitMerge { role, .. } | Command::Promote { role, .. } => !matches!(role, Role::Recovery | Role::Restore),
            Command::Decide { wait, .. } => *wait,
            Command::Work { patch, .. } => patch.is_none(),
            Command::AwaitTurn { .. } | Command::AwaitRetry { .. } => true,
            _ => false,
        }
    }

    /// Whether it waits for others, for as long as that takes.
    #[must_use]
    pub fn waits(&self) -> bool {
        use Command as C;
        // A build is found again where it runs.
        let others = matches!(self, C::Build { .. } | C::AwaitMerge { .. } | C::Observe { .. } | C::Promote { .. });
        others || self.only_waits()
    }

    /// The unit it is about; none for what is about the change set as a whole.
    #[must_use]
    pub fn unit(&self) -> Option<&UnitId> {
        match self {
            Command::Announce { scope, .. }
            | Command::Work { scope, .. }
            | Command::Build { scope, .. }
            | Command::AwaitMerge { scope, .. }
            | Command::Stage { scope, .. }
            | Command::MergePreflight { scope, .. }
            | Command::Observe { scope, .. }
            | Command::Collect { scope, .. }
            | Command::Decide { scope, .. }
            | Command::Propose { scope, .. }
            | Command::Promote { scope, .. }
            | Command::AwaitRetry { scope, .. }
            | Command::Close { scope, .. }
            | Command::Revert { scope, .. } => Some(&scope.unit.id),
            Command::AwaitTurn { .. } | Command::Comment { .. } | Command::Record { .. } => None,
        }
    }
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// Nothing is before it any more: what it begins with.
    Turn(Box<Start>),
    /// A pull request is open.
    Opened(PullRequestRef),
    /// Work was pushed.
    Pushed {
        /// The head with the work.
        head: CommitId,
        /// The pull request, as it was read back then. Earlier versions did not note it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read: Option<Recorded<Change>>,
    },
    /// A commit was built and its tests were run.
    Built {
        /// What came out.
        built: Built,
        /// The evidence of it.
        evidence: Vec<EvidenceRecord>,
        /// What it printed.
        log: Payload,
        /// The report of its tests, where it could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unread: Option<Payload>,
        /// For people.
        remarks: Vec<String>,
    },
    /// A build failed.
    BuildFailed {
        /// Why.
        reason: String,
        /// The evidence of it.
        evidence: Vec<EvidenceRecord>,
        /// What it printed.
        log: Payload,
        /// The report of its tests, where it could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unread: Option<Payload>,
    },
    /// A pull request was merged.
    Merged {
        /// The commit that the base branch then pointed to, and the tree that matters in it.
        state: GitState,
        /// By whom.
        by: Principal,
        /// The decision that it rests on, where none is on record yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decided: Option<Box<Passed>>,
        /// The pull request, as it was read back then. Earlier versions did not note it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read: Option<Recorded<Change>>,
    },
    /// A pull request was merged, and what is there now is not what was decided about.
    Unproven {
        /// The commit that the base branch then pointed to, and the tree that matters in it.
        state: GitState,
        /// What is wrong with it.
        reason: String,
    },
    /// What could be closed is closed, and its branches are deleted; these turned out to be merged.
    Settled {
        /// What the base branches then pointed to.
        merged: BTreeMap<Role, GitState>,
        /// What could not be undone of it, and why. Earlier versions left every branch where it was, and did not say so.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<String>,
    },
    /// People have to merge it: they have pushed to it.
    NeedsPeople,
    /// Newer evidence of what is in preflight.
    Refreshed {
        /// The evidence.
        evidence: Vec<EvidenceRecord>,
    },
    /// It was waited for until its limit.
    Overdue,
    /// A pull request was closed without a merge.
    Closed {
        /// By whom.
        by: Principal,
    },
    /// The preflight pull request asks for what was built.
    Staged {
        /// Its head.
        head: CommitId,
        /// What preflight was before.
        before: Before,
        /// The record of what is in production now.
        last_good: Option<LastGood>,
    },
    /// A production pull request is open.
    Proposed {
        /// The pull request.
        pull_request: PullRequestRef,
        /// What production was before.
        before: Before,
        /// Which policy it shows to those who approve, from its beginning.
        #[serde(default = "Shown::nothing")]
        shown: Shown,
    },
    /// The policy has changed, and the pull request shows the new one.
    Shown(Shown),
    /// A deployment is ready, or has failed.
    Observed(Box<Observation>),
    /// What is known was signed and bundled.
    Collected {
        /// New evidence.
        evidence: Vec<EvidenceRecord>,
        /// The bundle.
        snapshot: EvidenceRecord,
        /// What was deployed, or what failed, after what was seen of it.
        artifact: Option<Box<ArtifactLifecycle>>,
    },
    /// Decided: everything that counts passes.
    Granted(Box<Passed>),
    /// A grant that was not used is taken back: what it rested on is gone.
    TakenBack {
        /// What is gone.
        reason: String,
    },
    /// Decided: no, and waiting does not help.
    Refused(Box<Decided>),
    /// It is done, with nothing to tell.
    Done,
    /// It could not be done.
    Failed {
        /// Why.
        reason: String,
    },
    /// It is not wanted any more.
    Dropped,
}
