use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::adapter::Review;
use crate::digest::Digest;
use crate::evidence::{
    Deployment, Envelope, EvidenceId, Health, KeyId, Predicate as _, Subject, TestResult, TestVerdict, TrustRoot,
    VerifiedEvidence,
};
use crate::id::{ChangeSetId, CommitId, EnvironmentId, PersonId, RepoId, TreeId, UnitId};
use crate::policy::rule::canonical_digest;
use crate::principal::Principal;
use crate::project::{OpenIncident, Role, Unit};
use crate::time::UnixMillis;

/// Everything a decision rests on. Plain data: hypothetical facts are made by writing them down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// What was read back from the systems that know it.
    pub readings: Readings,
    /// What signed evidence says, oldest first.
    pub evidence: Vec<EvidenceFact>,
    /// Envelopes that were handed in and prove nothing, each with the reason. One is enough to refuse: somebody has
    /// tampered, or a key is missing in the trust root.
    pub rejected: Vec<String>,
}

/// What was read back from the systems that know it: Git, the meta repository, the Git host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
    /// Who made any part of it: authors of pull requests and commits, with agents and their sponsors.
    pub authors: BTreeSet<Principal>,
    /// Authors and co-authors of commits whom the host does not know, as Git has them. While there are any, nobody can
    /// tell whether an approval is somebody else's.
    #[serde(default)]
    pub strangers: BTreeSet<String>,
    /// Whether this goes back to what was in production before, after a failure there.
    #[serde(default)]
    pub way_back: bool,
    /// Reviews of the source pull request, for changes of the pipeline.
    pub source_reviews: Vec<Review>,
    /// The head of the source pull request.
    pub source_head: Option<CommitId>,
    /// The people of the project and their roles.
    pub people: BTreeMap<PersonId, BTreeSet<Role>>,
    /// Open incidents of the project.
    pub incidents: Vec<OpenIncident>,
}

/// A commit, and the tree that matters in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// The commit.
    pub commit: CommitId,
    /// The tree.
    pub tree: TreeId,
}

/// A production pull request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
    /// Its reviews.
    pub reviews: Vec<Review>,
}

/// One piece of evidence, as far as policy is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceFact {
    /// Its name.
    pub id: EvidenceId,
    /// The key that signed it.
    pub signer: KeyId,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// The unit it is about.
    pub unit: Option<UnitId>,
    /// The environment it is from; tests of a build have none.
    pub environment: Option<EnvironmentId>,
    /// When what it says was so.
    pub at: UnixMillis,
    /// What it says.
    pub says: Finding,
}

/// What a piece of evidence says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Finding {
    /// Tests were run.
    #[serde(rename_all = "camelCase")]
    Tests {
        /// The suite.
        suite: String,
        /// How many passed.
        passed: u32,
        /// How many were skipped or passed with a warning.
        inconclusive: u32,
        /// How many failed, or the whole of it failed.
        failed: u32,
        /// Whether the change touched the pipeline that ran them.
        pipeline_changed: bool,
    },
    /// A deployment was observed.
    Deployment {
        /// `None` where it was ready, else why not.
        failure: Option<String>,
    },
    /// Health was observed.
    #[serde(rename_all = "camelCase")]
    Health {
        /// Whether it was healthy at the end.
        healthy: bool,
        /// For how long without a gap.
        settled_millis: u64,
    },
}

impl Finding {
    /// Whether it speaks against a promotion by itself.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        match self {
            Finding::Tests { failed, .. } => *failed > 0,
            Finding::Deployment { failure } => failure.is_some(),
            Finding::Health { healthy, .. } => !healthy,
        }
    }
}

/// Facts whose evidence was checked against a trust root. Only these can lead to a grant.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedFacts(Facts);

impl VerifiedFacts {
    /// Checks every envelope and puts what they say beside the readings. Envelopes that say nothing about promotion
    /// (snapshots, decisions) are left out; those that prove nothing are listed as rejected. The order of the envelopes
    /// makes no difference.
    ///
    /// The host answers for the readings: they must have been read back for this decision, not remembered.
    #[must_use]
    pub fn new(trust: &TrustRoot, envelopes: &[Envelope], readings: Readings) -> Self {
        let mut facts = Facts { readings, evidence: Vec::new(), rejected: Vec::new() };
        for envelope in envelopes {
            match trust.verify(envelope).map_err(|error| error.to_string()).and_then(|verified| EvidenceFact::read(&verified)) {
                Ok(fact) => facts.evidence.extend(fact),
                Err(reason) => facts.rejected.push(reason),
            }
        }
        // The order in which envelopes come in is nobody's business: of two signatures of one statement the same one
        // stays, and the reasons of what was rejected are told in one order.
        facts.evidence.sort_by_key(|fact| (fact.at, fact.id, fact.signer));
        facts.evidence.dedup_by_key(|fact| fact.id);
        facts.rejected.sort();
        Self(facts)
    }

    /// The facts.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.0
    }
}

impl Facts {
    /// SHA-256 of their canonical JSON.
    #[must_use]
    pub fn digest(&self) -> Digest {
        canonical_digest(self)
    }

    /// SHA-256 over the names of all evidence: what a grant is bound to.
    #[must_use]
    pub fn evidence_root(&self) -> Digest {
        canonical_digest(&self.evidence.iter().map(|fact| fact.id).collect::<BTreeSet<_>>())
    }
}

impl EvidenceFact {
    /// What verified evidence says for policy; `None` where it says nothing that policy asks for.
    fn read(verified: &VerifiedEvidence) -> Result<Option<Self>, String> {
        let statement = verified.statement();
        let unreadable = |error: serde_json::Error| format!("{} does not hold what its type says: {error}", verified.id());
        let predicate = statement.predicate.clone();
        let (unit, environment, at, says) = match statement.predicate_type.as_str() {
            TestResult::TYPE => tests(serde_json::from_value(predicate).map_err(unreadable)?)?,
            Deployment::TYPE => {
                let it: Deployment = serde_json::from_value(predicate).map_err(unreadable)?;
                let failure = (!it.ready).then(|| it.reason.unwrap_or_else(|| "no reason given".to_owned()));
                (Some(it.unit), Some(it.environment), it.observed_on, Finding::Deployment { failure })
            }
            Health::TYPE => {
                let it: Health = serde_json::from_value(predicate).map_err(unreadable)?;
                let says = Finding::Health { healthy: it.healthy, settled_millis: it.settled_millis };
                (Some(it.unit), Some(it.environment), it.observed_on, says)
            }
            _ => return Ok(None),
        };
        let subjects = statement.subject.clone();
        Ok(Some(Self { id: verified.id(), signer: verified.signer(), subjects, unit, environment, at, says }))
    }

    /// Whether it is about a subject with this digest.
    #[must_use]
    pub fn is_about(&self, algorithm: &str, value: &str) -> bool {
        self.subjects.iter().any(|subject| subject.has(algorithm, value))
    }
}

type Read = (Option<UnitId>, Option<EnvironmentId>, UnixMillis, Finding);

fn tests(it: TestResult) -> Result<Read, String> {
    let [configuration] = it.configuration.as_slice() else {
        return Err(format!("a test result names {} configurations instead of one", it.configuration.len()));
    };
    let count = |tests: &[String]| u32::try_from(tests.len()).unwrap_or(u32::MAX);
    let failed = match it.result {
        TestVerdict::Failed => count(&it.failed_tests).max(1),
        TestVerdict::Passed | TestVerdict::Warned => count(&it.failed_tests),
    };
    let says = Finding::Tests {
        suite: configuration.name.clone(),
        passed: count(&it.passed_tests),
        inconclusive: count(&it.warned_tests),
        failed,
        pipeline_changed: configuration.annotations.pipeline_changed,
    };
    Ok((configuration.annotations.unit.clone(), configuration.annotations.environment.clone(), it.finished_on, says))
}
