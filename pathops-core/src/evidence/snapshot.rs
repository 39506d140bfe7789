use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::evidence::{Absence, EvidenceId, Predicate, Reference};
use crate::id::{ChangeSetId, EnvironmentId, ProjectId, UnitId};
use crate::time::{UnixMillis, rfc3339};

/// The newest form of what a snapshot says of itself. The first had no [`Place`], the second none of an incident, and the third no kinds
/// of absences; all are read.
pub const SNAPSHOT_FORMAT: u32 = 4;

/// The first form with the kind of each absence.
const FIRST_WITH_KINDS: u32 = 4;

/// The first form with a [`Place`].
pub(super) const FIRST_WITH_PLACE: u32 = 2;

/// Everything that is known of one deploy, failure or incident: in-toto `reference/v0.1`, with what is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Snapshot {
    /// Who collected it.
    pub attester: Attester,
    /// What is there.
    pub references: Vec<Reference>,
    /// What it was collected for, and what is missing (an addition to the standard's fields).
    #[serde(rename = "https://pathops.dev/snapshot")]
    pub extent: SnapshotExtent,
}

impl Predicate for Snapshot {
    const TYPE: &'static str = "https://in-toto.io/attestation/reference/v0.1";
}

/// Who collected a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attester {
    /// A URI.
    pub id: String,
}

/// What a snapshot was collected for, and what it lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnapshotExtent {
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where.
    pub environment: EnvironmentId,
    /// Why it was collected.
    pub occasion: Occasion,
    /// What was expected and is not there, each with the reason.
    pub absent: Vec<Absence>,
    /// When it was collected.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub collected_on: UnixMillis,
    /// Where it stands among the others, and what was expected of it. Snapshots of the first form do not say it, and nothing
    /// shows that none of those is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// Where a snapshot stands in its stream, and everything that shows that it is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Place {
    /// The version of this form: [`SNAPSHOT_FORMAT`], or an earlier one.
    pub format: u32,
    /// The stream.
    pub stream: StreamId,
    /// Which one it is in its stream: 0 for the first, and no number is left out.
    pub sequence: u64,
    /// The snapshot before it; none before the first.
    pub previous: Option<EvidenceId>,
    /// The parts that were expected before anything was collected, by name: each is a reference or an absence.
    pub expected: BTreeSet<String>,
    /// The parts that are there although nobody expected them, by name. With what was expected they are all that is there and
    /// all that is absent.
    pub besides: BTreeSet<String>,
    /// What was looked at.
    pub window: Window,
    /// How often the process died while it was being collected.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interruptions: u32,
    /// What was done to parts before they were stored, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub treated: BTreeMap<String, Treatment>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A time that was looked at, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Window {
    /// From when.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub from: UnixMillis,
    /// Until when.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub until: UnixMillis,
}

/// What was done to a part before it was hashed and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Treatment {
    /// The rules by which secrets were looked for.
    pub ruleset: Digest,
    /// How many were taken out, by the id of the rule. Nothing of them is kept, no hash either.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removed: BTreeMap<String, u32>,
    /// What was left out of it because it was too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// What is left of a part that was too large: its beginning and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cut {
    /// What is counted.
    pub of: CutOf,
    /// How many of its beginning were kept.
    pub head: u64,
    /// How many were left out between the two, as far as they were counted.
    pub left_out: u64,
    /// How many of its end were kept.
    pub tail: u64,
    /// Whether more than that is left out before the end: the source could not count it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_before: bool,
}

/// What a cut counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CutOf {
    /// Bytes.
    Bytes,
    /// Entries of a list.
    Entries,
}

/// Why a snapshot was collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Occasion {
    /// A deployment became ready.
    Deployed,
    /// Something failed.
    Failed,
    /// A recovery was verified.
    Recovered,
    /// Something is wrong with what runs: an incident was opened.
    Incident,
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Occasion::Deployed => "deployed",
            Occasion::Failed => "failed",
            Occasion::Recovered => "recovered",
            Occasion::Incident => "incident",
        })
    }
}

/// The snapshots of one unit in one environment of a project, one after the other: `shop/orders@preflight`.
///
/// It is the place where they follow on each other, whichever change set or incident each is about: so whoever asks what has
/// happened there can see that nothing is left out.
///
/// ```
/// use pathops_core::evidence::StreamId;
/// let stream: StreamId = "shop/orders@preflight".parse()?;
/// assert_eq!((stream.unit.as_str(), stream.to_string().as_str()), ("orders", "shop/orders@preflight"));
/// assert!("orders@preflight".parse::<StreamId>().is_err());
/// # Ok::<(), pathops_core::evidence::StreamIdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String", extend("pattern" = "^[a-z0-9-]+/[a-z0-9-]+@[a-z0-9-]+$")))]
pub struct StreamId {
    /// The project.
    pub project: ProjectId,
    /// The app or component.
    pub unit: UnitId,
    /// The environment.
    pub environment: EnvironmentId,
}

/// A text is no name of a stream.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no stream: write `<project>/<unit>@<environment>`")]
pub struct StreamIdError(String);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.project, self.unit, self.environment)
    }
}

impl FromStr for StreamId {
    type Err = StreamIdError;

    fn from_str(text: &str) -> Result<Self, StreamIdError> {
        let parse = || {
            let (project, rest) = text.split_once('/')?;
            let (unit, environment) = rest.split_once('@')?;
            let (project, unit) = (ProjectId::parse(project).ok()?, UnitId::parse(unit).ok()?);
            Some(Self { project, unit, environment: EnvironmentId::parse(environment).ok()? })
        };
        parse().ok_or_else(|| StreamIdError(text.to_owned()))
    }
}

impl TryFrom<String> for StreamId {
    type Error = StreamIdError;

    fn try_from(text: String) -> Result<Self, StreamIdError> {
        text.parse()
    }
}

impl From<StreamId> for String {
    fn from(stream: StreamId) -> String {
        stream.to_string()
    }
}

/// What is wrong with a snapshot by itself.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It is of a form that this version does not know.
    #[error("it is of format {0}, and this version reads those up to {SNAPSHOT_FORMAT}")]
    Format(u32),
    /// It says that it is about something else than its stream.
    #[error("it is about {unit}@{environment} and stands in the stream `{stream}`")]
    OtherStream {
        /// The unit it is about.
        unit: UnitId,
        /// The environment it is about.
        environment: EnvironmentId,
        /// Its stream.
        stream: StreamId,
    },
    /// The first has a predecessor, or a later one has none.
    #[error("it is number {0} of its stream and {1} a predecessor")]
    Previous(u64, &'static str),
    /// Neither there nor said to be absent.
    #[error("`{0}` was expected, and is neither there nor said to be absent")]
    LeftOut(String),
    /// There twice, or there and absent.
    #[error("`{0}` is in it more than once")]
    Twice(String),
    /// There or absent, and not among its parts.
    #[error("`{0}` is in it, and is none of its parts")]
    NoPart(String),
    /// An absence without a reason or its kind, or of what nobody expected.
    #[error("`{0}` is said to be absent, and {1}")]
    Absence(String, &'static str),
    /// What was done to something that is not there.
    #[error("`{0}` was treated, and is not there")]
    Treated(String),
}

impl Snapshot {
    /// Whether it is whole by what it says of itself: each part that was expected is there or absent with a reason, exactly
    /// once, and nothing else is in it. A snapshot of the first form says nothing of it.
    ///
    /// # Errors
    /// [`SnapshotError`] with the first part that is wrong.
    pub fn is_whole(&self) -> Result<Option<&Place>, SnapshotError> {
        let Some(place) = &self.extent.place else { return Ok(None) };
        if !(FIRST_WITH_PLACE..=SNAPSHOT_FORMAT).contains(&place.format) {
            return Err(SnapshotError::Format(place.format));
        }
        let (SnapshotExtent { unit, environment, absent, .. }, stream) = (&self.extent, &place.stream);
        if (unit, environment) != (&stream.unit, &stream.environment) {
            let (unit, environment) = (unit.clone(), environment.clone());
            return Err(SnapshotError::OtherStream { unit, environment, stream: stream.clone() });
        }
        match (place.sequence, place.previous) {
            (0, Some(_)) => return Err(SnapshotError::Previous(0, "has")),
            (later @ 1.., None) => return Err(SnapshotError::Previous(later, "has not")),
            _ => {}
        }
        let mut seen = BTreeSet::new();
        let names = self.references.iter().map(|reference| &reference.name).chain(absent.iter().map(|absence| &absence.name));
        for name in names {
            if !seen.insert(name.as_str()) {
                return Err(SnapshotError::Twice(name.clone()));
            }
            if place.expected.contains(name) == place.besides.contains(name) {
                return Err(SnapshotError::NoPart(name.clone()));
            }
        }
        if let Some(name) = place.expected.iter().chain(&place.besides).find(|name| !seen.contains(name.as_str())) {
            return Err(SnapshotError::LeftOut(name.clone()));
        }
        for Absence { name, kind, reason } in absent {
            if reason.trim().is_empty() {
                return Err(SnapshotError::Absence(name.clone(), "not why"));
            }
            if kind.is_none() && place.format >= FIRST_WITH_KINDS {
                return Err(SnapshotError::Absence(name.clone(), "not for what kind of reason"));
            }
            if !place.expected.contains(name) {
                return Err(SnapshotError::Absence(name.clone(), "nobody expected it"));
            }
        }
        let there = |name: &&String| !self.references.iter().any(|reference| reference.name == **name);
        match place.treated.keys().find(there) {
            Some(name) => Err(SnapshotError::Treated(name.clone())),
            None => Ok(Some(place)),
        }
    }
}
