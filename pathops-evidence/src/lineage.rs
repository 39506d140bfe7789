//! From a digest back to what led to it: feature, people, tests, scans, decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pathops_core::adapter::{BlobStore, EvidenceIndex, EvidenceQuery, IndexedEvidence, ReviewState, SubjectDigest};
use pathops_core::evidence::{
    Approval, ContractComparison, Deployment, Envelope, EvidenceId, Facets, Health, InDoubt, Incident, Predicate as _,
    Provenance, Redaction, Release, Released, RuntimeTrace, SbomSummary, SignalReading, Snapshot, Statement, TestResult,
    TrustRoot, VerificationSummary, VerifiedProperties, Vulnerabilities,
};
use pathops_core::policy::DecisionRecord;
use pathops_core::{ChangeSetId, CommitId, Digest, OpContext, Result, UnitId};
use serde::Serialize;
use serde_json::Value;

use crate::verify::spoken_for_pathops;

/// Everything that led to a digest, as far as evidence says. A tree: from the digest to change sets, which stand for features,
/// and from each to its people and to what was stated on the way.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lineage {
    /// What it is of.
    pub digest: SubjectDigest,
    /// The change sets that made or moved it.
    pub change_sets: BTreeMap<ChangeSetId, Feature>,
    /// What was stated about it, or about the commits and trees that go with it, and belongs to no change set: scans, bills of
    /// materials.
    pub others: Vec<Link>,
    /// What was found and cannot be read or trusted, with the reason: it may say anything.
    pub unread: BTreeMap<EvidenceId, String>,
}

/// What led to a digest by one change set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Feature {
    /// What was asked for, in one line, by the release; `None` where it did not come to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who took part, and how, by its release, its approvals and the records of its decisions.
    pub people: BTreeSet<Part>,
    /// What was stated, the oldest first.
    pub evidence: Vec<Link>,
}

/// Who took part, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// A person, or an agent with the person who answers for it.
    pub who: String,
    /// What they did: `asked for it`, `wrote it`, `merged it`, or what they said in a review of which commit.
    pub did: String,
}

/// A piece of evidence on the way.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Its name.
    pub id: EvidenceId,
    /// Of what kind it is.
    pub kind: LinkKind,
    /// Its predicate.
    pub predicate_type: String,
    /// Who signed it, where, when, and for or against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facets: Option<Facets>,
    /// By what it hangs together with the digest: digests that it is about; empty where only its change set is the same.
    pub by: BTreeSet<SubjectDigest>,
    /// Which leaf of the ledger it is, as far as the index knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// Of what kind a piece of evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LinkKind {
    /// Tests.
    Tests,
    /// A scan.
    Scan,
    /// A bill of materials.
    BillOfMaterials,
    /// A comparison of contracts.
    Contract,
    /// What was live.
    Deployment,
    /// That it was healthy.
    Health,
    /// A measurement.
    Signal,
    /// A decision.
    Decision,
    /// Where an artifact comes from.
    Provenance,
    /// That somebody approved it.
    Approval,
    /// That secrets were taken out of it after it had been stored.
    Redaction,
    /// That it was released.
    Release,
    /// What a verifier found to hold for it.
    Verification,
    /// What was seen to run.
    Trace,
    /// That something is wrong with it.
    Incident,
    /// That it would not be granted any more.
    Doubt,
    /// A snapshot.
    Snapshot,
    /// A reference to a report.
    Report,
    /// Anything else.
    Other,
}

impl LinkKind {
    fn of(statement: &Statement) -> Self {
        match statement.predicate_type.as_str() {
            TestResult::TYPE => LinkKind::Tests,
            Vulnerabilities::TYPE => LinkKind::Scan,
            ContractComparison::TYPE => LinkKind::Contract,
            Deployment::TYPE => LinkKind::Deployment,
            Health::TYPE => LinkKind::Health,
            SignalReading::TYPE => LinkKind::Signal,
            VerificationSummary::TYPE => LinkKind::Decision,
            Provenance::TYPE => LinkKind::Provenance,
            Approval::TYPE => LinkKind::Approval,
            Redaction::TYPE => LinkKind::Redaction,
            Release::TYPE => LinkKind::Release,
            it if VerifiedProperties::is(it) => LinkKind::Verification,
            RuntimeTrace::TYPE => LinkKind::Trace,
            Incident::TYPE => LinkKind::Incident,
            InDoubt::TYPE => LinkKind::Doubt,
            SbomSummary::TYPE => LinkKind::BillOfMaterials,
            Snapshot::TYPE if statement.is_snapshot() => LinkKind::Snapshot,
            Snapshot::TYPE => LinkKind::Report,
            it if it.starts_with("https://cyclonedx.org/") || it.starts_with("https://spdx.dev/") => LinkKind::BillOfMaterials,
            _ => LinkKind::Other,
        }
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            LinkKind::Tests => "tests",
            LinkKind::Scan => "scan",
            LinkKind::BillOfMaterials => "bill of materials",
            LinkKind::Contract => "contract",
            LinkKind::Deployment => "deployment",
            LinkKind::Health => "health",
            LinkKind::Signal => "signal",
            LinkKind::Decision => "decision",
            LinkKind::Provenance => "provenance",
            LinkKind::Approval => "approval",
            LinkKind::Redaction => "redaction",
            LinkKind::Release => "release",
            LinkKind::Verification => "verification",
            LinkKind::Trace => "trace",
            LinkKind::Incident => "incident",
            LinkKind::Doubt => "doubt",
            LinkKind::Snapshot => "snapshot",
            LinkKind::Report => "report",
            LinkKind::Other => "other",
        })
    }
}

/// Goes back from a digest: to what is about it, from there to the commits and trees that are named beside it and what is about
/// those, and to everything of the same unit in the change sets that are named. Each envelope is verified; what the index says
/// is used to find them only, and for [`Link::leaf`].
///
/// # Errors
/// What index and blob store answer. An envelope that is gone, that nobody trusted has signed or that says what its signer may not
/// is no error, and is in [`Lineage::unread`].
pub async fn lineage(
    cx: &OpContext,
    index: &dyn EvidenceIndex,
    blobs: &dyn BlobStore,
    trust: &TrustRoot,
    digest: &SubjectDigest,
) -> Result<Lineage> {
    let mut lineage =
        Lineage { digest: digest.clone(), change_sets: BTreeMap::new(), others: Vec::new(), unread: BTreeMap::new() };
    let mut found = Found::new();
    let about = index.about(cx, &BTreeSet::from([digest.clone()])).await?;
    take(cx, blobs, trust, about, &mut found, &mut lineage.unread).await?;
    let about = || found.values().map(|(entry, _)| entry).filter(|entry| entry.subjects().contains(digest));
    let beside = about().flat_map(IndexedEvidence::subjects).filter(|subject| subject.algorithm.starts_with("git"));
    let known: BTreeSet<_> = beside.chain([digest]).cloned().collect();
    let places: BTreeSet<_> = about().filter_map(place).collect();
    let beside = beside_it(cx, index, &known, &places).await?;
    take(cx, blobs, trust, beside, &mut found, &mut lineage.unread).await?;
    for (entry, statement) in found.values() {
        let by: BTreeSet<_> = entry.subjects().intersection(&known).cloned().collect();
        if by.is_empty() && place(entry).is_none_or(|place| !places.contains(&place)) {
            let why = "the index finds it beside this, and it says nothing of it".to_owned();
            lineage.unread.insert(entry.id(), why);
            continue;
        }
        let link = Link {
            id: entry.id(),
            kind: LinkKind::of(statement),
            predicate_type: entry.predicate_type().to_owned(),
            facets: entry.facets().cloned(),
            by,
            leaf: entry.leaf(),
        };
        let Some(change_set) = entry.facets().and_then(|facets| facets.change_set.clone()) else {
            lineage.others.push(link);
            continue;
        };
        let feature = lineage.change_sets.entry(change_set).or_default();
        let people = match link.kind {
            LinkKind::Decision => decided(cx, blobs, statement).await?,
            LinkKind::Release => {
                let released = released(statement);
                feature.title = released.as_ref().map(|it| it.title.clone()).or(feature.title.take());
                Ok(released.map(parts).unwrap_or_default())
            }
            LinkKind::Approval => Ok(approved(statement)),
            _ => Ok(Vec::new()),
        };
        match people {
            Ok(people) => feature.people.extend(people),
            Err(why) => drop(lineage.unread.insert(entry.id(), why)),
        }
        feature.evidence.push(link);
    }
    let when = |link: &Link| (link.facets.as_ref().and_then(|facets| facets.at), link.kind, link.id);
    lineage.others.sort_by_key(when);
    lineage.change_sets.values_mut().for_each(|feature| feature.evidence.sort_by_key(when));
    Ok(lineage)
}

/// What there is to know of verified envelopes, by themselves.
type Found = BTreeMap<(EvidenceId, Digest), (IndexedEvidence, Statement)>;

/// Reads what an index has found, each envelope once.
async fn take(
    cx: &OpContext,
    blobs: &dyn BlobStore,
    trust: &TrustRoot,
    entries: Vec<IndexedEvidence>,
    found: &mut Found,
    unread: &mut BTreeMap<EvidenceId, String>,
) -> Result<()> {
    for entry in entries {
        let key = (entry.id(), entry.envelope());
        if found.contains_key(&key) {
            continue;
        }
        match read(cx, blobs, trust, &entry).await? {
            Ok(it) => drop(found.insert(key, it)),
            Err(why) => drop(unread.insert(entry.id(), why)),
        }
    }
    Ok(())
}

/// The change set and the unit that it names.
fn place(entry: &IndexedEvidence) -> Option<(ChangeSetId, UnitId)> {
    entry.facets().and_then(|facets| facets.change_set.clone().zip(facets.unit.clone()))
}

/// What is about any of these digests, or of the unit in the change set.
async fn beside_it(
    cx: &OpContext,
    index: &dyn EvidenceIndex,
    known: &BTreeSet<SubjectDigest>,
    places: &BTreeSet<(ChangeSetId, UnitId)>,
) -> Result<Vec<IndexedEvidence>> {
    let mut beside = index.about(cx, known).await?;
    for (change_set, unit) in places.iter().cloned() {
        let mut query = EvidenceQuery { change_set: Some(change_set), unit: Some(unit), ..EvidenceQuery::default() };
        loop {
            let page = index.query(cx, &query).await?;
            beside.extend(page.evidence);
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
    }
    Ok(beside)
}

/// What an entry of an index stands for, by its envelope; only its leaf is the index's word.
async fn read(
    cx: &OpContext,
    blobs: &dyn BlobStore,
    trust: &TrustRoot,
    entry: &IndexedEvidence,
) -> Result<Result<(IndexedEvidence, Statement), String>> {
    let Some(bytes) = blobs.get(cx, &entry.envelope()).await? else { return Ok(Err("its envelope is gone".to_owned())) };
    let verified = match Envelope::from_slice(&bytes).and_then(|envelope| trust.verify(&envelope)) {
        Ok(verified) => verified,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if verified.id() != entry.id() {
        return Ok(Err(format!("the index names it, and its envelope holds {}", verified.id())));
    }
    if let Some(why) = spoken_for_pathops(&verified, trust) {
        return Ok(Err(why));
    }
    let own = IndexedEvidence::new(&verified, entry.envelope());
    let own = match entry.leaf() {
        Some(leaf) => own.with_leaf(leaf),
        None => own,
    };
    Ok(Ok((own, verified.statement().clone())))
}

/// What was released, by PathOps' word.
fn released(release: &Statement) -> Option<Released> {
    serde_json::from_value::<Release>(release.predicate.clone()).ok()?.promotion
}

/// Who took part in a release.
fn parts(Released { requested_by, merged_by, .. }: Released) -> Vec<Part> {
    let part = |who: String, did: &str| Part { who, did: did.to_owned() };
    vec![part(requested_by.to_string(), "asked for it"), part(merged_by.to_string(), "merged it")]
}

/// Who approved it.
fn approved(approval: &Statement) -> Vec<Part> {
    let Ok(Approval { approver, commit, .. }) = serde_json::from_value(approval.predicate.clone()) else { return Vec::new() };
    vec![reviewed(approver.to_string(), ReviewState::Approved, &commit)]
}

fn reviewed(who: String, state: ReviewState, commit: &CommitId) -> Part {
    let short: String = commit.as_str().chars().take(12).collect();
    Part { who, did: format!("{} {short}", said(state)) }
}

/// Who took part, by the record of a decision.
async fn decided(cx: &OpContext, blobs: &dyn BlobStore, decision: &Statement) -> Result<Result<Vec<Part>, String>> {
    let reference = decision.predicate.pointer("/https:~1~1pathops.dev~1decision-record/digest/sha256");
    let Some(digest) = reference.and_then(Value::as_str) else { return Ok(Ok(Vec::new())) };
    let Ok(digest) = Digest::from_hex(digest) else { return Ok(Err("the record of the decision has no digest".to_owned())) };
    let Some(record) = blobs.get(cx, &digest).await? else { return Ok(Err("the record of the decision is gone".to_owned())) };
    let record: DecisionRecord = match serde_json::from_slice(&record) {
        Ok(record) => record,
        Err(error) => return Ok(Err(format!("the record of the decision cannot be read: {error}"))),
    };
    let readings = record.facts.readings;
    let authors = readings.authors.iter().map(|author| Part { who: author.to_string(), did: "wrote it".to_owned() });
    let reviews = readings.source_reviews.iter().chain(readings.proposal.iter().flat_map(|proposal| &proposal.reviews));
    let reviews = reviews.map(|review| reviewed(review.author.to_string(), review.state, &review.commit));
    Ok(Ok(authors.chain(reviews).collect()))
}

fn said(state: ReviewState) -> &'static str {
    match state {
        ReviewState::Approved => "approved",
        ReviewState::ChangesRequested => "asked for changes to",
        ReviewState::Commented => "commented on",
        ReviewState::Dismissed => "no longer speaks for or against",
    }
}

/// For people: a tree, a line for each.
impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.digest)?;
        for (change_set, Feature { title, people, evidence }) in &self.change_sets {
            let title = title.as_ref().map_or_else(String::new, |title| format!(": {title}"));
            writeln!(f, "  change set {change_set}{title}")?;
            people.iter().try_for_each(|Part { who, did }| writeln!(f, "    {who} {did}"))?;
            evidence.iter().try_for_each(|link| write_link(f, link))?;
        }
        if !self.others.is_empty() {
            writeln!(f, "  of no change set")?;
            self.others.iter().try_for_each(|link| write_link(f, link))?;
        }
        self.unread.iter().try_for_each(|(id, why)| writeln!(f, "  UNREAD {id}: {why}"))?;
        if self.change_sets.is_empty() && self.others.is_empty() && self.unread.is_empty() {
            writeln!(f, "  nothing is known of it")?;
        }
        Ok(())
    }
}

fn write_link(f: &mut fmt::Formatter<'_>, link: &Link) -> fmt::Result {
    let facets = link.facets.as_ref();
    let at = facets.and_then(|it| it.at).map_or_else(|| "undated".to_owned(), |at| at.to_string());
    let verdict = facets.map_or_else(String::new, |it| it.verdict.to_string());
    write!(f, "    {at:<24} {:<17} {verdict:<7} {}", link.kind, link.id.0.short())?;
    if let Some(environment) = facets.and_then(|it| it.environment.as_ref()) {
        write!(f, "  {environment}")?;
    }
    writeln!(f)
}
