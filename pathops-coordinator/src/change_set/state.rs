use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::{Artifact, Observation, PullRequest};
use pathops_core::evidence::Treatment;
use pathops_core::lifecycle::{AppLifecycle, ArtifactLifecycle, Change, ChangeSetLifecycle, HumanDecision, Recorded};
use pathops_core::policy::{Decision, GitState, MergeBy, Shown, Supersession};
use pathops_core::project::{Environments, FeatureRequest, Unit};
use pathops_core::{
    BranchName, ChangeSetId, CommitId, PersonId, ProjectId, PullRequestNumber, RepoId, TreeId, UnitId, UnixMillis,
};
use pathops_evidence::EvidenceRecord;
use pathops_evidence::retention::StoredPayload;
use serde::{Deserialize, Serialize};

use crate::change_set::{Flag, GivenUp, Limited, Limits, Recovery, Reset};
use crate::plan::ExecutionPlan;

/// What a change set begins with. One that has to wait for its turn is planned anew when that has come; from then on it never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// Its id.
    pub change_set: ChangeSetId,
    /// The project.
    pub project: ProjectId,
    /// The repository that its record goes into.
    pub meta_repo: RepoId,
    /// What was asked for.
    pub request: FeatureRequest,
    /// What has to be done, in which order.
    pub plan: ExecutionPlan,
    /// The units that change, as they were declared.
    pub units: BTreeMap<UnitId, Unit>,
    /// Where they go.
    pub environments: Environments,
    /// Who merges into preflight.
    pub preflight_merge: Merging,
    /// How long health must hold, in milliseconds.
    pub settle_millis: u64,
    /// How long is waited for a step. Earlier versions waited as long as it took.
    #[serde(default, skip_serializing_if = "Limits::are_none")]
    pub limits: Limits,
    /// What its version knew that earlier ones did not. It keeps those, also where it is planned anew.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub flags: BTreeSet<Flag>,
    /// Who is asked for reviews.
    pub reviewers: Vec<PersonId>,
    /// The lifecycles of the units, where it is known which owner took them onto the path.
    #[serde(default)]
    pub apps: BTreeMap<UnitId, AppLifecycle>,
    /// What it has to wait for before anything of it is begun, or had to; `None` where nothing was in its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Box<Turn>>,
    /// What it takes back; `None` for what goes on to production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Box<Recovery>>,
    /// What it carries beside what was asked of it: older change sets that have become part of it, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carries: Vec<Carried>,
    /// When it was declared.
    pub at: UnixMillis,
}

/// Why a change set waits for its turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// The change sets before it. It begins when all of them have ended.
    pub after: BTreeMap<ChangeSetId, Ahead>,
    /// How far it reaches, with all that it may come to carry.
    pub reach: Reach,
    /// Who asked for it, which is what lets others give way; `None` for a person without a role, for whom nobody does.
    pub by: Option<Recorded<HumanDecision>>,
}

/// How far a change set reaches. One at a time changes a unit, or what another one works with: what a recovery goes back to must be
/// what was found, and what is tested together must be what is promoted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The units that it changes.
    pub changes: BTreeSet<UnitId>,
    /// Those, what they depend on, and who keeps the contracts that they rely on.
    pub touches: BTreeSet<UnitId>,
}

/// A change set that goes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ahead {
    /// Whether it gives way instead.
    pub supersession: Supersession,
    /// Why the two do not go at the same time, and why that one does not give way where the policy would have it so.
    pub because: String,
}

/// A change set that has become part of a newer one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carried {
    /// Which.
    pub change_set: ChangeSetId,
    /// What was asked for, in one line.
    pub title: String,
    /// Who asked for it. They have a part in what it is carried by, and cannot approve that.
    pub requested_by: PersonId,
}

/// Who merges the units of a change set into preflight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Merging {
    /// The same for every unit, as records had it that were written before units could differ.
    All(MergeBy),
    /// For each unit.
    Each(BTreeMap<UnitId, MergeBy>),
}

impl Merging {
    /// Who merges one of the units; people, where nothing is said of it.
    #[must_use]
    pub fn of(&self, unit: &UnitId) -> MergeBy {
        match self {
            Merging::All(by) => *by,
            Merging::Each(units) => units.get(unit).copied().unwrap_or_default(),
        }
    }
}

/// A pull request of this change set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequestRef {
    /// Its repository.
    pub repo: RepoId,
    /// Its number.
    pub number: PullRequestNumber,
    /// The branch with the change.
    pub branch: BranchName,
    /// The branch it is for.
    pub base: BranchName,
    /// The commit that the change starts from.
    pub base_commit: CommitId,
    /// Its head when this was last written down.
    pub head: CommitId,
    /// Where a person finds it.
    pub url: String,
    /// As it was last read back. References from before that was noted have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Box<Recorded<Change>>>,
}

impl PullRequestRef {
    /// A reference to what was opened.
    #[must_use]
    pub fn new(repo: RepoId, pull_request: &PullRequest, base_commit: CommitId) -> Self {
        Self {
            read: Some(Box::new(Change::prove(&repo, pull_request).into())),
            repo,
            number: pull_request.number,
            branch: pull_request.head_branch.clone(),
            base: pull_request.base.clone(),
            base_commit,
            head: pull_request.head.clone(),
            url: pull_request.url.clone(),
        }
    }

    /// As it was last read back; of a reference from before that was noted, what else it says.
    pub(super) fn change(&self) -> Option<Recorded<Change>> {
        let Self { repo, number, head, .. } = self;
        let before = || serde_json::from_value(serde_json::json!({ "repo": repo, "number": number, "head": head })).ok();
        self.read.as_deref().cloned().or_else(before)
    }
}

/// Which pull request of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The code.
    Source,
    /// The desired state of preflight.
    Preflight,
    /// The desired state of production.
    Production,
    /// The way back in preflight.
    Recovery,
    /// The way back in production.
    Restore,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Role::Source => "source",
            Role::Preflight => "preflight",
            Role::Production => "production",
            Role::Recovery => "recovery",
            Role::Restore => "production-recovery",
        })
    }
}

/// Where a unit is on its way. A stage whose name is an activity has one operation open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Stage {
    /// Nothing of it is begun: other change sets are before it.
    Queued,
    AnnouncingSource,
    AnnouncingPreflight,
    Working,
    Building,
    SourceReview,
    Rebuilding,
    /// Merged and built; waits for its wave.
    Built,
    Staging,
    PreflightMerge,
    PreflightDeploy,
    PreflightEvidence,
    /// Tested in preflight; waits for all the others.
    Tested,
    Deciding,
    /// The first decision is a pass; waits for all the others.
    Decided,
    Proposing,
    /// The production pull request is there; waits for its wave.
    Proposed,
    Promoting,
    ProductionMerge,
    ProductionDeploy,
    ProductionEvidence,
    /// In production.
    Live,
    /// Collecting what is known of its failure.
    FailureEvidence,
    /// Deciding over what is known of its failure, so that the refusal is explained and signed.
    Judging,
    /// Nothing more is done for it.
    Stopped,
    Closing,
    /// Its pull requests are closed; waits until all are, and for its turn to go back.
    Closed,
    Reverting,
    RecoveryMerge,
    RecoveryDeploy,
    RecoveryEvidence,
    /// Collecting what is known of a way back in preflight that has failed.
    RecoveryFailureEvidence,
    RestoreProposing,
    RestorePromoting,
    RestoreMerge,
    /// Its way back in production was refused: nobody can merge that any more.
    RestoreClosing,
    RestoreDeploy,
    RestoreEvidence,
    /// Collecting what is known of a way back in production that has failed.
    RestoreFailureEvidence,
    /// Back to what it was before this change set.
    Recovered,
    /// Going back failed too; people have to look after it.
    LeftToPeople,
}

/// What CI made of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    /// The source that was built.
    pub source: GitState,
    /// What came out.
    pub artifact: Artifact,
    /// Whether the change touched the pipeline.
    pub pipeline_changed: bool,
}

/// Something large that was stored, without the secrets that were found in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    /// What it is, for people.
    pub name: String,
    /// Its digest.
    pub digest: pathops_core::Digest,
    /// Where a person or tool finds it.
    pub location: String,
    /// For example `text/plain`.
    pub media_type: String,
    /// What was taken out of it, and by which rules. Earlier versions did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treated: Option<Treatment>,
    /// Why nothing could be read from it that should have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// Whether it is stored encrypted, with a key of its own. Earlier versions did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<bool>,
}

impl Payload {
    /// As it is stored: what a reference to it is made of.
    pub(crate) fn stored(&self) -> StoredPayload {
        StoredPayload { digest: self.digest, location: self.location.clone(), sealed: self.sealed }
    }
}

/// The desired state before this change set: what a recovery goes back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    /// The commit.
    pub commit: CommitId,
    /// The tree at the environment's path; `None` where there was no such folder.
    pub tree: Option<TreeId>,
    /// The artifact it asked for.
    pub artifact: Option<pathops_core::Digest>,
    /// Whether it asked for anything to run.
    pub runs: bool,
}

/// What was in production before: the record that its change set left in the meta repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastGood {
    /// The version of this form.
    pub format: u32,
    /// The change set that brought it there.
    pub change_set: ChangeSetId,
    /// What runs; a component has no artifact.
    pub artifact: Option<pathops_core::Digest>,
    /// The source it was built from.
    pub source: Option<GitState>,
    /// All evidence of it.
    pub evidence: Vec<EvidenceRecord>,
}

/// A decision and the evidence of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// The signed statement of it.
    pub record: EvidenceRecord,
}

/// A decision that passed, and the artifact after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Passed {
    /// The decision, with the evidence of it.
    pub decided: Decided,
    /// What it is about.
    pub artifact: ArtifactLifecycle,
}

/// What is known of a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Where it is.
    pub stage: Stage,
    /// Its pull requests.
    pub pull_requests: BTreeMap<Role, PullRequestRef>,
    /// The last build.
    pub built: Option<Built>,
    /// What preflight was before.
    pub before: Option<Before>,
    /// What production was before.
    pub production_before: Option<Before>,
    /// The record of what was in production before.
    pub last_good: Option<LastGood>,
    /// The desired state that was merged into preflight.
    pub preflight: Option<GitState>,
    /// The desired state that was merged into production.
    pub production: Option<GitState>,
    /// Whether that is the one from before again.
    pub restored: bool,
    /// Whether people have pushed to the preflight pull request, so that people merge it.
    pub merged_by_people: bool,
    /// Until when it is waited for where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited: Option<Limited>,
    /// Since when the newest deployment of it is waited for.
    #[serde(default)]
    pub deploying_since: Option<UnixMillis>,
    /// What was last observed.
    pub observation: Option<Observation>,
    /// Its evidence, in the order it was made.
    pub evidence: Vec<EvidenceRecord>,
    /// What its builds printed.
    pub payloads: Vec<Payload>,
    /// Its snapshots.
    pub snapshots: Vec<EvidenceRecord>,
    /// The first decision.
    pub first: Option<Decided>,
    /// The final decision.
    pub last: Option<Decided>,
    /// Which policy the production pull request shows to those who approve.
    #[serde(default)]
    pub shown: Option<Shown>,
    /// What it brings, and how far that is: what was built last, or a component's desired state.
    pub artifact: Option<ArtifactLifecycle>,
    /// What was built before that.
    pub replaced: Vec<ArtifactLifecycle>,
    /// What preflight was before, on its way back there.
    pub again: Option<ArtifactLifecycle>,
    /// Its own lifecycle, with what this change set did to it.
    #[serde(default)]
    pub app: Option<AppLifecycle>,
    /// What went wrong.
    pub problem: Option<String>,
    /// What of it could not be done at last, where it was waited for somebody who has it tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<Box<GivenUp>>,
    /// Where it is to go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Box<Reset>>,
}

impl Progress {
    /// The artifact that this change set has built.
    #[must_use]
    pub fn built_artifact(&self) -> Option<pathops_core::Digest> {
        self.built.as_ref().map(|built| built.artifact.digest)
    }

    /// Why what it brings does not go to production; `None` while nothing speaks against it.
    #[must_use]
    pub fn not_promotable(&self) -> Option<&str> {
        self.artifact.as_ref().and_then(ArtifactLifecycle::speaks_against)
    }

    /// The artifact that preflight asked for before.
    #[must_use]
    pub fn artifact_before(&self) -> Option<pathops_core::Digest> {
        self.before.as_ref().and_then(|before| before.artifact)
    }

    /// The artifact that production asks for, as far as this change set has touched it.
    #[must_use]
    pub fn production_artifact(&self) -> Option<pathops_core::Digest> {
        let before = || self.production_before.as_ref().and_then(|before| before.artifact);
        if self.restored { before() } else { self.built_artifact() }
    }
}

/// Why a change set does not reach production.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The unit that failed first.
    pub unit: UnitId,
    /// The stage it failed in.
    pub stage: Stage,
    /// Why.
    pub reason: String,
}

/// How a change set ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All units are in production.
    Live,
    /// Nothing of it is left, neither in preflight nor in production.
    Recovered,
    /// It stopped, and something is left that people have to look after.
    Incomplete,
    /// It was cancelled, or a newer one took its place, before anything of it was in an environment, and its pull requests are closed.
    Cancelled,
}

/// Everything that is known of a change set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// What it began with.
    pub start: Start,
    /// Its units.
    pub units: BTreeMap<UnitId, Progress>,
    /// How far it is, with what each step rested on.
    pub lifecycle: ChangeSetLifecycle,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Who has cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Box<Recorded<HumanDecision>>>,
    /// The newer change set that it was cancelled for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<ChangeSetId>,
    /// Who has paused it; `None` where it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Box<Recorded<HumanDecision>>>,
    /// What the status comments say now, and whether an edit is under way.
    pub comment: Comment,
    /// How many writes of its record are under way.
    pub recording: u32,
    /// How it ended; its record is written after that.
    pub end: Option<End>,
    /// Remarks for people, in the order they came up.
    pub remarks: Vec<String>,
    /// Nothing more is to be done.
    pub ended: bool,
}

/// The status comments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    /// The headline that was last written.
    pub said: String,
    /// Whether an edit is under way.
    pub editing: bool,
    /// How many times in a row it could not be written.
    pub failures: u32,
}

impl State {
    /// Whether it does not go on to production: something has failed, it was cancelled, or it takes another one back.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.is_called_off() || self.start.recovery.is_some()
    }

    /// Whether something has failed, or it was cancelled.
    #[must_use]
    pub fn is_called_off(&self) -> bool {
        self.failure.is_some() || self.cancelled.is_some()
    }

    /// Whether nothing of it is begun, because other change sets are before it.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        self.units.values().any(|progress| progress.stage == Stage::Queued)
    }

    /// The units of the change set in waves, in deploy order.
    #[must_use]
    pub fn waves(&self) -> Vec<Vec<UnitId>> {
        self.start.plan.waves.iter().map(|wave| wave.units.clone()).collect()
    }

    /// Where the work on a unit is done: the source of an app, the desired state of a component.
    #[must_use]
    pub fn workplace(&self, unit: &UnitId) -> Role {
        let is_app = self.start.units.get(unit).is_some_and(|unit| unit.source().is_some());
        if is_app { Role::Source } else { Role::Preflight }
    }

    /// Whether a person does the work on a unit; else an agent does.
    #[must_use]
    pub fn by_person(&self, unit: &UnitId) -> bool {
        self.start.plan.tasks.iter().any(|task| task.unit == *unit && task.patch.is_none())
    }

    /// The evidence of all units.
    pub fn evidence(&self) -> impl Iterator<Item = &EvidenceRecord> {
        self.units.values().flat_map(|progress| progress.evidence.iter().chain(&progress.snapshots))
    }
}
