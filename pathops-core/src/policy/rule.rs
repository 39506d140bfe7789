use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{PersonId, ProducerName, RequirementId, UnitId};
use crate::policy::{Freeze, LayerName};
use crate::project::{EnvironmentKind, Lifecycle, Role, Unit, UnitKind};
use crate::time::UnixMillis;

/// One thing that must hold before something goes to production.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Requirement {
    /// Its name; once in each layer. A lower layer that uses the name of a higher one tightens that requirement.
    pub id: RequirementId,
    /// Why it is asked for, in words.
    pub reason: String,
    /// What becomes of the promotion where it does not hold.
    #[serde(default)]
    pub severity: Severity,
    /// Which units it is for.
    #[serde(default)]
    pub covers: Coverage,
    /// Which changes it is for.
    #[serde(default)]
    pub changes: Changes,
    /// What is asked for.
    pub asks: Ask,
}

/// What becomes of a promotion where a requirement does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Severity {
    /// It is told, and stops nothing.
    Advisory,
    /// It is stopped.
    #[default]
    Required,
}

/// Which units a requirement is for: those that every given field matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Coverage {
    /// Apps or components; both where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CoveredKind>,
    /// Classes; all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<BTreeSet<String>>,
    /// Names; all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<BTreeSet<UnitId>>,
}

/// Apps or components.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CoveredKind {
    /// Apps.
    App,
    /// Components.
    Component,
}

/// Which changes a requirement is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Changes {
    /// All.
    #[default]
    All,
    /// Those that came as finished commits: nobody saw them being made.
    Opaque,
    /// Those that an agent has a part in.
    ByAgents,
}

/// What a requirement asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Ask {
    /// Evidence of a kind that none of the others knows.
    Evidence(EvidenceRule),
    /// Results of tests.
    Tests(TestsRule),
    /// What scanners found.
    Findings(FindingsRule),
    /// A list of what the artifact is made of.
    Sbom(SbomRule),
    /// The exact combination was live in preflight.
    Deployment(DeploymentRule),
    /// It was healthy in preflight without a gap.
    Health(HealthRule),
    /// It has run in preflight for some time, without a gap and without a change.
    Soak(SoakRule),
    /// Each contract that the unit keeps was compared with the one before and is compatible.
    Contracts(ContractsRule),
    /// Approvals of the production pull request.
    Approvals(ApprovalRule),
    /// The lifecycle states that may be promoted.
    Lifecycle(LifecycleRule),
    /// What the unit depends on is in production already, where the same change set changes it. What is still to come is
    /// *unknown*, and does not count at the first decision; what never will be is a *fail*.
    Dependencies(NoTerms),
    /// No incident of the unit or the project is open: else *fail*. One does not stop the way back to what was there before.
    Incidents(NoTerms),
    /// Nobody has stopped the line of the unit or the project: else *fail*, on the way back too.
    StopTheLine(NoTerms),
    /// A time without promotions: *fail* while it is closed. It does not stop the way back. Facts of other time zone data than
    /// the bundled are *unknown*.
    Freeze(Freeze),
    /// A measured value keeps within bounds.
    Signal(SignalRule),
    /// The policy that is decided under was checked as it is, and people approved it.
    Policy(PolicyRule),
    /// What the others cannot say.
    Condition(ConditionRule),
}

/// Nothing more to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NoTerms {}

/// Which evidence is good enough to be looked at.
///
/// Of what answers a requirement the newest piece decides, and of one instant the worst, so that a later "no" takes back an
/// earlier "yes". A piece that says "no" by itself ([`Finding::is_bad`](super::Finding::is_bad)) counts whoever of the trusted
/// said it, outside of the ledger too, and does not grow old: it is a *fail*. No piece, one that is too old, and one dated
/// later than [`CLOCK_SKEW`](super::CLOCK_SKEW) allows are *unknown*; so is a newest piece that says too little.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Accept {
    /// How old it may be, in seconds. On the way back to what was there before, what is about the build does not grow old:
    /// tests of the build, bills of materials, contracts, and evidence about anything but the deployment.
    pub max_age_seconds: u64,
    /// Whose word counts, by the names that the host's trust root gives to keys; everybody's who is trusted where it is
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<BTreeSet<ProducerName>>,
    /// Whether it must be in the ledger.
    #[serde(default)]
    pub in_ledger: bool,
}

impl Accept {
    /// How old it may be.
    #[must_use]
    pub fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age_seconds)
    }
}

/// Evidence of a predicate type, about this unit or none by name. Where it says yes or no by itself, it must say yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EvidenceRule {
    /// The URI of its predicate type.
    pub predicate_type: String,
    /// What it must be about.
    pub about: About,
    /// Which evidence counts.
    pub accept: Accept,
}

/// What evidence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum About {
    /// The commit of the source that was merged.
    Commit,
    /// The tree of the source that was merged.
    Tree,
    /// The artifact.
    Artifact,
    /// The tree of the desired state that was tried in preflight, with the artifact where there is one. Bad news may have no
    /// artifact to name. Evidence that names an environment must be from preflight.
    Deployment,
}

/// Results of tests of this unit. One that failed is a *fail*; too few that passed and too many that were skipped or flaky are
/// *unknown*, and so is a result of a pipeline that the change touched, unless a person who may approves the head of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestsRule {
    /// Where they ran.
    pub run: TestRun,
    /// The suite, for example `unit` or `smoke`.
    pub suite: String,
    /// How many must have passed; at least one in any case.
    pub min_passed: u32,
    /// How many may have been skipped.
    #[serde(default)]
    pub max_skipped: u32,
    /// How many may have failed first and passed when they were run again.
    #[serde(default)]
    pub max_flaky: u32,
    /// Which evidence counts.
    pub accept: Accept,
}

/// Where tests ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum TestRun {
    /// In the build of the artifact: about the tree of the source and the artifact, and from no environment.
    Build,
    /// In preflight, as a post-deploy job: about the deployment there.
    Preflight,
}

/// What scanners found in the artifact. Of each scanner the newest report counts (two of one instant are one), and the
/// findings of all of them together: what two scanners report counts twice. Over a limit is a *fail*, whatever is missing or
/// old; no report, a scanner that has not reported, and any report that is too old or from the future are *unknown*.
///
/// A limit counts findings of its severity *or worse*, so that what is worse never gets past a limit for what is milder:
/// `high: 0` alone lets no critical finding stay either, and with `critical: 0, high: 2` two of high are let stay, and none that
/// is critical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FindingsRule {
    /// How many findings of each severity or worse may stay. A severity that is left out is held to the limits of milder ones;
    /// what is milder than every severity that is named has no limit. A finding of unknown severity counts as critical.
    pub max: BTreeMap<FindingSeverity, u32>,
    /// Scanners that must have reported, by the URI they give; any one where it is left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scanners: BTreeSet<String>,
    /// Findings that are known and borne for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<FindingException>,
    /// Which evidence counts.
    pub accept: Accept,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum FindingSeverity {
    /// Worth knowing.
    Low,
    /// Worth mending.
    Medium,
    /// To be mended soon.
    High,
    /// To be mended now.
    Critical,
}

impl std::fmt::Display for FindingSeverity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FindingSeverity::Low => "low",
            FindingSeverity::Medium => "medium",
            FindingSeverity::High => "high",
            FindingSeverity::Critical => "critical",
        })
    }
}

/// A finding that is borne for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FindingException {
    /// The finding, for example `CVE-2026-1234`.
    pub id: String,
    /// The person who answers for bearing it. It counts only while they are a person of the project.
    pub owner: PersonId,
    /// Why it can be borne.
    pub reason: String,
    /// Not any more from then on, in RFC 3339.
    #[serde(with = "crate::time::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub until: UnixMillis,
}

/// A software bill of materials of the artifact, in one of the formats, with at least one part in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SbomRule {
    /// Formats that count.
    pub formats: BTreeSet<SbomFormat>,
    /// Which evidence counts.
    pub accept: Accept,
}

/// The format of a software bill of materials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SbomFormat {
    /// CycloneDX.
    Cyclonedx,
    /// SPDX.
    Spdx,
}

/// The exact combination was live in preflight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeploymentRule {
    /// Which evidence counts.
    pub accept: Accept,
}

/// It was healthy in preflight without a gap. A shorter time is *unknown*, and not healthy a *fail*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HealthRule {
    /// For how many seconds.
    pub settled_seconds: u64,
    /// Which evidence counts.
    pub accept: Accept,
}

/// It has run in preflight for some time. A change there, bad news, or a gap begins the time anew.
///
/// The time ends with the newest report of a deployment or of health of this very combination, and goes back from there as
/// far as such reports touch: one of health reaches as far back as it says that it was healthy, one of a deployment is an
/// instant. It never goes back over a report about another combination or a bad one; at one instant those win. Too short a
/// time is *unknown*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SoakRule {
    /// For how many seconds.
    pub seconds: u64,
    /// How many seconds may lie between two times for which it is known to have been healthy.
    pub max_gap_seconds: u64,
    /// Which evidence counts; its age is that of the newest piece.
    pub accept: Accept,
}

/// Compatibility of contracts, each by a comparison about the source's tree or the artifact. A unit that keeps none passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ContractsRule {
    /// Which evidence counts.
    pub accept: Accept,
}

/// How many people must approve, and who counts.
///
/// Separation of duties is no option: the author, co-authors, agents and their sponsors never count (I2), and an approval
/// is for the head commit and the policy that it was given under.
///
/// The last word of a person counts, whichever of their accounts it came from: the newest by date, of one instant the last
/// that was given; a comment is no word. Whoever holds one of the roles and asks for changes makes it a *fail*, also for an
/// earlier head and with a part in the change. Too few is *unknown*, and so is everything while there are strangers among the
/// authors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApprovalRule {
    /// How many people; at least 1.
    pub count: NonZeroU32,
    /// Roles that count, any of them.
    pub roles: BTreeSet<Role>,
}

/// The lifecycle states that may be promoted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LifecycleRule {
    /// The states.
    pub allowed: BTreeSet<Lifecycle>,
}

/// A measured value of this unit keeps within bounds, or it is a *fail*. A value that is no number, one over nothing or over
/// too few samples, one with a measurement that gave an error, or none at all is *unknown*. Those of preflight must be about
/// the deployment there; in production runs what was there before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignalRule {
    /// The signal, for example `error-rate` or `error-budget-left`.
    pub name: String,
    /// Where it was measured.
    pub environment: EnvironmentKind,
    /// The least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// How many samples it must rest on; at least one in any case.
    #[serde(default)]
    pub min_samples: u64,
    /// Which evidence counts.
    pub accept: Accept,
}

/// The check of the policy that is decided under, by its digest: what PathOps states of a pull request that brings it, or of the
/// policy as it stands on the main branch. A check that failed is a *fail*; one in which nothing passed, one with too few
/// approvals, and one about another policy are *unknown*.
///
/// Approvals are those of the head of the pull request, as they were when it was checked: by people who had the role then and
/// no part in the change. The policy that a project begins with has none, for nobody was there to ask for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyRule {
    /// How many people must have approved it; none in particular where it is left out.
    #[serde(default)]
    pub approvals: u32,
    /// Roles that count, any of them; all where they are left out.
    #[serde(default = "every_role")]
    pub roles: BTreeSet<Role>,
    /// Which evidence counts. On the way back to what was there before, it does not grow old.
    pub accept: Accept,
}

fn every_role() -> BTreeSet<Role> {
    BTreeSet::from([Role::Owner, Role::Reviewer])
}

/// What typed requirements cannot say, in a language that the host has an engine for. Where it does not hold it is a *fail*,
/// and where nobody can tell *unknown*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConditionRule {
    /// The language, for example `cedar`.
    pub language: String,
    /// The condition.
    pub text: String,
}

impl Requirement {
    /// Whether it is for `unit`, where it stands in this layer.
    pub(super) fn is_for(&self, layer: &LayerName, unit: &Unit) -> bool {
        layer.is_over(unit) && self.covers.matches(unit)
    }

    /// Whether it stops every change, whoever makes it, that does not meet it.
    pub(super) fn stops_every_change(&self) -> bool {
        self.severity == Severity::Required && self.changes == Changes::All
    }
}

impl Changes {
    /// Whether a change is one of these.
    pub(super) fn are(self, opaque: bool, by_agents: bool) -> bool {
        match self {
            Changes::All => true,
            Changes::Opaque => opaque,
            Changes::ByAgents => by_agents,
        }
    }
}

impl Coverage {
    /// Whether `unit` is covered.
    #[must_use]
    pub fn matches(&self, unit: &Unit) -> bool {
        let kind = match unit.kind {
            UnitKind::App { .. } => CoveredKind::App,
            UnitKind::Component { .. } => CoveredKind::Component,
        };
        let class = |classes: &BTreeSet<String>| unit.class.as_ref().is_some_and(|class| classes.contains(class));
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.classes.as_ref().is_none_or(class)
            && self.units.as_ref().is_none_or(|units| units.contains(&unit.id))
    }
}

impl FindingsRule {
    /// How many findings of this severity may stay, all else being clean: the least of the limits that count them. `None` where
    /// none does.
    pub(super) fn limit(&self, severity: FindingSeverity) -> Option<u32> {
        self.max.range(..=severity).map(|(_, limit)| *limit).min()
    }
}

impl Ask {
    /// Which evidence it takes; `None` for what does not rest on evidence.
    #[must_use]
    pub fn accept(&self) -> Option<&Accept> {
        match self {
            Ask::Evidence(EvidenceRule { accept, .. })
            | Ask::Tests(TestsRule { accept, .. })
            | Ask::Findings(FindingsRule { accept, .. })
            | Ask::Sbom(SbomRule { accept, .. })
            | Ask::Deployment(DeploymentRule { accept })
            | Ask::Health(HealthRule { accept, .. })
            | Ask::Soak(SoakRule { accept, .. })
            | Ask::Contracts(ContractsRule { accept })
            | Ask::Signal(SignalRule { accept, .. })
            | Ask::Policy(PolicyRule { accept, .. }) => Some(accept),
            Ask::Approvals(_)
            | Ask::Lifecycle(_)
            | Ask::Dependencies(_)
            | Ask::Incidents(_)
            | Ask::StopTheLine(_)
            | Ask::Freeze(_)
            | Ask::Condition(_) => None,
        }
    }
}
