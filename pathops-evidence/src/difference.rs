//! What is different between two snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pathops_core::evidence::{Reference, Snapshot};
use serde::Serialize;

/// What is different between two snapshots, by the names of their parts. Parts are compared by their digests: nothing is read.
///
/// ```
/// # use pathops_core::evidence::{AbsenceKind, Occasion, Window};
/// # use pathops_core::{Digest, UnixMillis};
/// # use pathops_evidence::{Collection, Position, SnapshotDifference, SnapshotOf};
/// # let at = UnixMillis(0);
/// # let about = || SnapshotOf {
/// #     stream: "shop/orders@preflight".parse().unwrap(), change_set: "a".parse().unwrap(), occasion: Occasion::Deployed,
/// #     window: Window { from: at, until: at }, collected_on: at,
/// # };
/// # let snapshot = |collection: Collection| collection.finish(about()).at(Position { sequence: 0, previous: None }, 0);
/// let collection = || Collection::of(["logs".to_owned()]);
/// let (mut before, mut after) = (collection(), collection());
/// before.payload("logs", &Digest::of(b"one"), "file:///one", "text/plain", None);
/// after.absent("logs", AbsenceKind::NothingThere, "the process was gone");
/// let difference = SnapshotDifference::between(&snapshot(before), &snapshot(after));
/// assert_eq!(difference.to_string(), "- logs: sha256:7692c3ad3540\n? logs: absent now: the process was gone\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotDifference {
    /// Parts that only the second has, with their digests.
    pub added: BTreeMap<String, BTreeSet<String>>,
    /// Parts that only the first has.
    pub removed: BTreeMap<String, BTreeSet<String>>,
    /// Parts that both have, with other digests: those of the first and those of the second.
    pub changed: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>,
    /// How many parts are the same.
    pub same: usize,
    /// What is absent in the second and was not in the first, or for another reason; with the reason.
    pub absent: BTreeMap<String, BTreeSet<String>>,
    /// What was absent in the first and is not in the second, or not for that reason; with the reason.
    pub no_longer_absent: BTreeMap<String, BTreeSet<String>>,
}

impl SnapshotDifference {
    /// From the first to the second.
    #[must_use]
    pub fn between(first: &Snapshot, second: &Snapshot) -> Self {
        let (before, after) = (parts(first), parts(second));
        let mut difference = Self {
            absent: lacking(&absences(second), &absences(first)),
            no_longer_absent: lacking(&absences(first), &absences(second)),
            ..Self::default()
        };
        for (name, digests) in &before {
            match after.get(name) {
                None => drop(difference.removed.insert(name.clone(), digests.clone())),
                Some(same) if same == digests => difference.same += 1,
                Some(other) => drop(difference.changed.insert(name.clone(), (digests.clone(), other.clone()))),
            }
        }
        difference.added = after.into_iter().filter(|(name, _)| !before.contains_key(name)).collect();
        difference
    }

    /// Whether nothing is different.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self { same: self.same, ..Self::default() }
    }
}

/// For people: a line for each, `+` added, `-` removed, `~` changed, `?` absent.
impl fmt::Display for SnapshotDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |digests: &BTreeSet<String>| {
            let cut = |it: &String| it.char_indices().nth(19).map_or(it.as_str(), |(at, _)| &it[..at]).to_owned();
            digests.iter().map(cut).collect::<Vec<_>>().join(", ")
        };
        let reasons = |it: &BTreeSet<String>| it.iter().map(String::as_str).collect::<Vec<_>>().join("; ");
        self.added.iter().try_for_each(|(name, it)| writeln!(f, "+ {name}: {}", short(it)))?;
        self.removed.iter().try_for_each(|(name, it)| writeln!(f, "- {name}: {}", short(it)))?;
        self.changed.iter().try_for_each(|(name, (old, new))| writeln!(f, "~ {name}: {} → {}", short(old), short(new)))?;
        self.absent.iter().try_for_each(|(name, it)| writeln!(f, "? {name}: absent now: {}", reasons(it)))?;
        self.no_longer_absent.iter().try_for_each(|(name, it)| writeln!(f, "! {name}: no longer absent: {}", reasons(it)))?;
        if self.is_none() { writeln!(f, "= the same {} parts", self.same) } else { Ok(()) }
    }
}

/// The digests of each part; several parts may have one name.
fn parts(snapshot: &Snapshot) -> BTreeMap<String, BTreeSet<String>> {
    let mut parts = BTreeMap::<_, BTreeSet<_>>::new();
    for Reference { name, digest, .. } in &snapshot.references {
        let digests = digest.iter().map(|(algorithm, value)| format!("{algorithm}:{value}"));
        parts.entry(name.clone()).or_default().extend(digests);
    }
    parts
}

fn absences(snapshot: &Snapshot) -> BTreeMap<String, BTreeSet<String>> {
    let mut absences = BTreeMap::<_, BTreeSet<_>>::new();
    for absence in &snapshot.extent.absent {
        absences.entry(absence.name.clone()).or_default().insert(absence.reason.clone());
    }
    absences
}

/// What is in the first and not, or not so, in the second.
fn lacking(
    first: &BTreeMap<String, BTreeSet<String>>,
    second: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeMap<String, BTreeSet<String>> {
    first.iter().filter(|(name, reasons)| second.get(*name) != Some(reasons)).map(|(k, v)| (k.clone(), v.clone())).collect()
}
