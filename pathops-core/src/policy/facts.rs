use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::adapter::Review;
use crate::digest::Digest;
use crate::evidence::{Envelope, TrustRoot};
use crate::id::{ChangeSetId, CommitId, EnvironmentId, PersonId, RepoId, TreeId, UnitId};
use crate::policy::finding::{FindingKind, Speaker};
use crate::policy::{EvidenceFact, Finding, time_zone_data_version};
use crate::principal::Principal;
use crate::project::{OpenIncident, OpenStop, Role, Unit};
use crate::time::UnixMillis;

/// Everything a decision rests on. Plain data: hypothetical facts are made by writing them down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Facts {
    /// What was read back from the systems that know it.
    pub readings: Readings,
    /// What signed evidence says, oldest first.
    pub evidence: Vec<EvidenceFact>,
    /// Envelopes that were handed in and prove nothing, each with the reason. One is enough to refuse: somebody has
    /// tampered, or a key is missing in the trust root.
    pub rejected: Vec<String>,
    /// The version of the time zone data that freeze windows are read with.
    pub time_zones: String,
}

/// What was read back from the systems that know it: Git, the meta repository, the Git host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Readings {
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component, as its project declares it now.
    pub unit: Unit,
    /// Where it would go.
    pub environment: EnvironmentId,
    /// Where it was tried.
    pub preflight: EnvironmentId,
    /// What would be promoted; a component has no artifact.
    pub artifact: Option<Digest>,
    /// The source that was merged; a component has none.
    pub source: Option<GitState>,
    /// The desired state of preflight that was tried.
    pub tested: GitState,
    /// The production pull request; `None` for the first decision, before there is one.
    pub proposal: Option<Proposal>,
    /// Whether anybody saw the change being made.
    pub authoring: Authoring,
    /// Who made any part of it: authors of pull requests and commits, with agents and their sponsors.
    pub authors: BTreeSet<Principal>,
    /// Authors and co-authors of commits whom the host does not know, as Git has them. While there are any, nobody can
    /// tell whether an approval is somebody else's.
    pub strangers: BTreeSet<String>,
    /// Whether this goes back to what was in production before, after a failure there. Incidents and freezes do not stop it,
    /// and what is about its build does not grow old.
    pub way_back: bool,
    /// Reviews of the source pull request, for changes of the pipeline.
    pub source_reviews: Vec<Review>,
    /// The head of the source pull request.
    pub source_head: Option<CommitId>,
    /// The people of the project and their roles.
    pub people: BTreeMap<PersonId, BTreeSet<Role>>,
    /// Accounts that are another name of a person: whoever acts by one is that person.
    #[serde(default)]
    pub accounts: BTreeMap<PersonId, PersonId>,
    /// Units that this one depends on and the same change set changes, and how far they are.
    pub dependencies: BTreeMap<UnitId, DependencyState>,
    /// Open incidents of the project.
    pub incidents: Vec<OpenIncident>,
    /// Who has stopped the line.
    pub stops: Vec<OpenStop>,
    /// Where the declarations were read, and when: what [`VerifiedFacts::new`] was told. Records from before it was noted, and
    /// facts that nobody read, have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<ReadAt>,
}

/// Where the declarations of a project were read, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReadAt {
    /// The commit of the meta repository.
    pub meta: CommitId,
    /// When reading began.
    #[serde(with = "crate::time::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: UnixMillis,
}

/// A commit, and the tree that matters in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GitState {
    /// The commit.
    pub commit: CommitId,
    /// The tree.
    pub tree: TreeId,
}

/// Whether anybody saw a change being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Authoring {
    /// PathOps had it made, and keeps the record of it.
    Observed,
    /// It came as finished commits, all of it or a part.
    Opaque,
}

/// How far a unit is that another one depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum DependencyState {
    /// Its part of the change set is in production.
    Live,
    /// Not yet.
    Pending,
    /// It never will be: its part was refused or undone.
    Failed,
}

/// A production pull request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proposal {
    /// The desired-state repository.
    pub repo: RepoId,
    /// Its head.
    pub head: CommitId,
    /// The tree at the environment's path in the head.
    pub tree: TreeId,
    /// Whether merging it gives what was tested: the same files as in preflight, the environment's own settings as they
    /// were, nothing else in the repository touched, and the branch not moved on since.
    pub carries_tested: bool,
    /// The policy that the pull request shows to those who approve, and since when. An approval is for that policy.
    pub shown: Shown,
    /// Its reviews.
    pub reviews: Vec<Review>,
}

/// Which policy a pull request shows to those who approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shown {
    /// The policy.
    pub policy: Digest,
    /// Since when.
    #[serde(with = "crate::time::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub since: UnixMillis,
}

impl Shown {
    /// Nothing was shown yet: no policy has this digest.
    #[must_use]
    pub fn nothing() -> Self {
        Self { policy: Digest::from_bytes([0; 32]), since: UnixMillis(0) }
    }
}

/// Facts with their digests: what a decision is made of. Either [`VerifiedFacts`] or [`HypotheticalFacts`].
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    facts: Facts,
    digest: Digest,
    evidence_root: Digest,
    /// Where the evidence of each kind is: a requirement looks at its own only.
    places: BTreeMap<FindingKind, Vec<usize>>,
    /// Where the evidence is that names something of what would be promoted, and where of each kind: most requirements look at
    /// no other, so that what was tried before costs them nothing.
    near: Vec<usize>,
    near_places: BTreeMap<FindingKind, Vec<usize>>,
    /// Where the reports about the artifact are of each scanner, by who signed them: nobody's report stands in place of somebody
    /// else's.
    reports: BTreeMap<(String, Speaker), Vec<usize>>,
}

impl Known {
    fn new(mut facts: Facts) -> Self {
        facts.keep_writable();
        // The order in which evidence comes in is nobody's business.
        facts.evidence.sort_by_key(|fact| (fact.at, fact.id, fact.signer));
        facts.evidence.dedup_by(|again, fact| {
            let same = again.id == fact.id;
            if same {
                // What two have signed is one piece, and the word of both.
                fact.producers.append(&mut again.producers);
            }
            same
        });
        facts.rejected.sort();
        facts.evidence.iter_mut().for_each(EvidenceFact::keep_numbers);
        let evidence_root = canonical_digest(&facts.evidence.iter().map(|fact| fact.id).collect::<BTreeSet<_>>());
        let (mut places, mut near_places) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        let (mut near, mut reports) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
        let names = facts.readings.names();
        for (place, fact) in facts.evidence.iter().enumerate() {
            places.entry(fact.says.kind()).or_default().push(place);
            if !names.iter().any(|(algorithm, value)| fact.is_about(algorithm, value)) {
                continue;
            }
            near.push(place);
            near_places.entry(fact.says.kind()).or_default().push(place);
            if let Finding::Vulnerabilities { scanner, .. } = &fact.says {
                reports.entry((scanner.clone(), fact.speaker())).or_default().push(place);
            }
        }
        Self { digest: canonical_digest(&facts), evidence_root, places, near, near_places, reports, facts }
    }

    /// The evidence of a kind, oldest first; all of it without one.
    pub(super) fn evidence(&self, kind: Option<FindingKind>) -> Box<dyn DoubleEndedIterator<Item = &EvidenceFact> + '_> {
        match kind {
            None => Box::new(self.facts.evidence.iter()),
            Some(kind) => Box::new(self.at(self.places.get(&kind).map_or(&[], Vec::as_slice))),
        }
    }

    /// Of those the ones that name something of what would be promoted: its artifact, source, or what was tried.
    pub(super) fn near(&self, kind: Option<FindingKind>) -> impl DoubleEndedIterator<Item = &EvidenceFact> {
        let places = match kind {
            None => Some(&self.near),
            Some(kind) => self.near_places.get(&kind),
        };
        self.at(places.map_or(&[], Vec::as_slice))
    }

    /// The reports of each scanner by each who signs them, oldest first, of those near.
    pub(super) fn reports(&self) -> impl Iterator<Item = (&str, impl DoubleEndedIterator<Item = &EvidenceFact>)> {
        self.reports.iter().map(|((scanner, _), places)| (scanner.as_str(), self.at(places)))
    }

    fn at<'k>(&'k self, places: &'k [usize]) -> impl DoubleEndedIterator<Item = &'k EvidenceFact> {
        places.iter().filter_map(|place| self.facts.evidence.get(*place))
    }

    /// The facts.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// SHA-256 of their canonical JSON.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// SHA-256 over the names of all evidence: what a grant is bound to.
    #[must_use]
    pub fn evidence_root(&self) -> Digest {
        self.evidence_root
    }
}

/// Facts whose evidence was checked against a trust root. Only these can lead to a grant.
///
/// ```compile_fail
/// // nobody else makes them: not from data,
/// let facts: pathops_core::policy::VerifiedFacts = serde_json::from_str("{}").unwrap();
/// ```
/// ```compile_fail
/// // and not from facts that somebody wrote down
/// fn f(facts: pathops_core::policy::HypotheticalFacts) -> pathops_core::policy::VerifiedFacts {
///     facts.into()
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedFacts(Known);

impl VerifiedFacts {
    /// Checks every envelope and puts what they say beside the readings. Envelopes that say nothing about promotion
    /// (snapshots, decisions) are left out; those that prove nothing are listed as rejected. The order of the envelopes
    /// makes no difference.
    ///
    /// The host answers for the readings: they must have been read back for this decision, not remembered. It says since when
    /// it has been reading (`read`), and a grant that was minted later is not redeemed against them: whoever reads, decides, and
    /// redeems later with what was read, gets nothing.
    #[must_use]
    pub fn new(trust: &TrustRoot, envelopes: &[Envelope], mut readings: Readings, read: ReadAt) -> Self {
        readings.read = Some(read);
        let time_zones = time_zone_data_version().to_owned();
        let mut facts = Facts { readings, evidence: Vec::new(), rejected: Vec::new(), time_zones };
        for envelope in envelopes {
            match trust.verify(envelope).map_err(|error| error.to_string()).and_then(|it| EvidenceFact::read(&it, trust)) {
                Ok(fact) => facts.evidence.extend(fact),
                Err(reason) => facts.rejected.push(reason),
            }
        }
        Self(Known::new(facts))
    }
}

/// Facts that somebody wrote down: to try a policy, to ask what if, to replay. They never lead to a grant.
#[derive(Clone, Debug, PartialEq)]
pub struct HypotheticalFacts(Known);

impl From<Facts> for HypotheticalFacts {
    fn from(facts: Facts) -> Self {
        Self(Known::new(facts))
    }
}

impl HypotheticalFacts {
    /// These facts, had they been different.
    #[must_use]
    pub fn but(known: &Known, change: impl FnOnce(&mut Facts)) -> Self {
        let mut facts = known.facts.clone();
        change(&mut facts);
        facts.into()
    }
}

impl std::ops::Deref for VerifiedFacts {
    type Target = Known;
    fn deref(&self) -> &Known {
        &self.0
    }
}

impl std::ops::Deref for HypotheticalFacts {
    type Target = Known;
    fn deref(&self) -> &Known {
        &self.0
    }
}

impl Facts {
    /// Takes checks of one policy for checks of another one, which nobody has checked.
    pub(crate) fn take_checks_of(&mut self, policy: &Digest, other: &Digest) {
        let is_check = |fact: &EvidenceFact| matches!(fact.says, Finding::Policy { .. });
        if self.evidence.iter().any(|fact| is_check(fact) && fact.is_about("sha256", &other.hex())) {
            return;
        }
        let subjects = self.evidence.iter_mut().filter(|fact| is_check(fact)).flat_map(|fact| &mut fact.subjects);
        for subject in subjects.filter(|subject| subject.has("sha256", &policy.hex())) {
            subject.digest.insert("sha256".to_owned(), other.hex());
        }
    }

    /// Facts are stored as text: what text cannot say must not decide.
    fn keep_writable(&mut self) {
        let Readings { proposal, incidents, stops, read, .. } = &mut self.readings;
        let of_evidence = self.evidence.iter_mut().map(|fact| &mut fact.at);
        let shown = proposal.iter_mut().map(|proposal| &mut proposal.shown.since);
        let open = incidents.iter_mut().map(|it| &mut it.since).chain(stops.iter_mut().map(|it| &mut it.since));
        let read = read.iter_mut().map(|read| &mut read.at);
        of_evidence.chain(shown).chain(open).chain(read).for_each(|at| *at = at.writable());
    }
}

impl Readings {
    /// The digests by which evidence names what would be promoted, each with its algorithm.
    pub(super) fn names(&self) -> Vec<(&'static str, String)> {
        let tree = |state: &GitState| ("gitTree", state.tree.to_string());
        let commit = |state: &GitState| ("gitCommit", state.commit.to_string());
        let source = self.source.iter().flat_map(|source| [tree(source), commit(source)]);
        let artifact = self.artifact.iter().map(|digest| ("sha256", digest.hex()));
        source.chain(artifact).chain([tree(&self.tested)]).collect()
    }

    /// The person behind an account, and behind the account that it stands for. Accounts that stand for each other in a
    /// circle are one person, whose name is the first of theirs.
    #[must_use]
    pub fn person<'r>(&'r self, account: &'r PersonId) -> &'r PersonId {
        let Some(mut person) = self.accounts.get(account) else { return account };
        let mut names = vec![account];
        while let Some(next) = self.accounts.get(person) {
            if let Some(circle) = names.iter().position(|name| *name == person) {
                return names.split_off(circle).into_iter().min().unwrap_or(person);
            }
            names.push(person);
            person = next;
        }
        person
    }

    /// Whether a person has a part in the change: as an author, or as the sponsor of an agent that has one.
    #[must_use]
    pub fn has_a_part(&self, person: &PersonId) -> bool {
        let person = self.person(person);
        self.authors.iter().any(|author| author.person().is_some_and(|author| self.person(author) == person))
    }

    /// Whether an agent has a part in the change.
    #[must_use]
    pub fn by_agents(&self) -> bool {
        self.authors.iter().any(|author| matches!(author, Principal::Agent { .. }))
    }
}

/// SHA-256 of the canonical JSON of `value`. What canonical JSON cannot hold (no type here has such a field) is named by its
/// `Debug` form, and never by the digest of nothing. Its numbers are doubles: integers beyond 2⁵³ that round to the same one
/// are the same, and at that size no duration of a rule means anything different.
pub(crate) fn canonical_digest(value: &(impl Serialize + fmt::Debug)) -> Digest {
    match serde_json_canonicalizer::to_vec(value) {
        Ok(bytes) => Digest::of(&bytes),
        Err(error) => Digest::of(format!("{error}: {value:?}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::canonical_digest;
    use crate::digest::Digest;

    #[test]
    fn what_cannot_be_written_is_never_the_digest_of_nothing() {
        let keyed = |key: u8| BTreeMap::from([(Some([key]), 1)]);
        assert!(serde_json_canonicalizer::to_vec(&keyed(1)).is_err(), "such a key is no text");
        assert_ne!(canonical_digest(&keyed(1)), Digest::of(b""));
        assert_ne!(canonical_digest(&keyed(1)), canonical_digest(&keyed(2)));
        assert_eq!(canonical_digest(&"a"), Digest::of(b"\"a\""));
    }
}
