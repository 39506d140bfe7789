//! Gathering facts for a decision: everything is read back, and nothing is remembered but what a commit says, which never changes.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt as _;
use pathops_core::adapter::{Comparison, Scm, SourceFile, SourceTree, SubjectDigest};
use pathops_core::evidence::{Envelope, TrustRoot};
use pathops_core::flow::Machine as _;
use pathops_core::policy::{Authoring, EvidenceFact, Finding, GitState, Policy, Proposal, ReadAt, Readings, VerifiedFacts};
use pathops_core::project::{EnvironmentTarget, Identities, Unit};
use pathops_core::{CommitId, Error, ErrorKind, OpContext, Principal, RepoId, RepoPath, Result, Retry, RunId};
use pathops_evidence::EvidenceRecord;

use crate::activity::announce::change_sets_of;
use crate::activity::promote::Candidate;
use crate::activity::{Services, at_once};
use crate::change_set::{ChangeSet, Combination, PullRequestRef, Role, Scope};
use crate::control_plane::decode_state;
use crate::desired_state::promotion;
use crate::outside_evidence::mendable;

/// How many commits a promotion may bring: all of them are read for their authors.
pub(crate) const MAX_COMMITS: usize = 1_000;

impl Services {
    /// The policy as it is now, and the facts about a unit. The policy and the unit's declaration are those of the meta
    /// repository's head, not those the change set began with.
    pub(crate) async fn facts(
        &self,
        cx: &OpContext,
        scope: &Scope,
        combination: &Combination,
        production: Option<&Candidate<'_>>,
    ) -> Result<(Policy, VerifiedFacts)> {
        let (repo, at) = (&scope.meta_repo, self.clock.now());
        let meta = self.main(cx, repo).await.map_err(broken)?;
        let project = self.project_at(cx, repo, &meta).await.map_err(broken)?;
        let mut unit = project.units.get(&scope.unit.id).cloned().ok_or_else(|| {
            Error::new(ErrorKind::Denied, "decide about a promotion")
                .on(&scope.unit.id)
                .because("the project does not declare it any more")
        })?;
        let way_back = production.is_some_and(|candidate| candidate.role == Role::Restore);
        // What people have merged is looked at by whatever policy there is.
        let is_to_be_promoted = !way_back && production.is_none_or(|candidate| candidate.merged.is_none());
        if let Some(objection) = self.objection(&project.policy, &unit).filter(|_| is_to_be_promoted) {
            return Err(broken(Error::new(ErrorKind::Invalid, "decide about a promotion").on(repo).because(objection)));
        }
        let mut authors = Authors::of(self.answerable(scope));
        let (mut source_reviews, mut source_head) = (Vec::new(), None);
        if let Some(PullRequestRef { repo, number, base_commit, .. }) = &combination.source_pull_request {
            let now = self.scm.pull_request(cx, repo, *number).await?;
            source_reviews = self.scm.reviews(cx, repo, *number).await?;
            // All that is new in production with this, and not only what this pull request brought.
            let base = combination.source_in_production.as_ref().unwrap_or(base_commit);
            let head = combination.source.as_ref().map_or(&now.head, |source| &source.commit);
            self.authors(cx, repo, base, head, Merges::Skip, &mut authors).await?;
            self.authors(cx, repo, base_commit, &now.head, Merges::Count, &mut authors).await?;
            authors.known.insert(now.author);
            source_head = Some(now.head);
        }
        self.pull_request_authors(cx, &combination.preflight_pull_request, &mut authors).await?;
        let mut proposal = match production {
            None => None,
            Some(candidate) => {
                self.pull_request_authors(cx, candidate.pull_request, &mut authors).await?;
                Some(self.proposal(cx, candidate).await?)
            }
        };
        self.carried_along(scope, &mut authors).await?;
        let authors = authors.into_people(&project.identities);
        for review in source_reviews.iter_mut().chain(proposal.iter_mut().flat_map(|proposal| &mut proposal.reviews)) {
            review.author = project.identities.principal(review.author.clone());
            review.body = self.redactor.redact_text(&review.body);
        }
        let (mut stops, mut incidents) = (project.stops.clone(), project.incidents.clone());
        let texts = stops.iter_mut().map(|it| &mut it.reason).chain(incidents.iter_mut().map(|it| &mut it.summary));
        let texts = texts.chain(&mut unit.intent).chain(&mut unit.boundaries);
        texts.for_each(|text| *text = self.redactor.redact_text(text));
        let reads = combination.evidence.iter().map(|record| self.sealer.envelope(cx, record).boxed());
        let mut envelopes: Vec<_> = at_once(reads).await?;
        let subjects = self.subjects(cx, scope, &project.environments.production, combination, proposal.as_ref()).await?;
        let (trust, of_others) = self.outside_evidence(cx, &subjects).await?;
        let checks = self.policy_checks(cx, scope, &project.policy, production).await?;
        let made_here = combination.evidence.iter().chain(checks.iter().map(|(record, _)| record));
        let trust = if in_ledger(&project.policy, &unit) { self.logged(cx, trust, made_here).await? } else { trust };
        envelopes.extend(checks.into_iter().map(|(_, envelope)| envelope).chain(of_others));
        let readings = Readings {
            authoring: authoring(scope, &authors.known),
            // Accounts are people by now.
            accounts: BTreeMap::new(),
            dependencies: combination.dependencies.clone(),
            stops,
            change_set: scope.change_set.clone(),
            unit,
            environment: project.environments.production.environment.clone(),
            preflight: project.environments.preflight.environment.clone(),
            artifact: combination.artifact,
            source: combination.source.clone(),
            tested: combination.tested.clone(),
            proposal,
            authors: authors.known,
            strangers: authors.strangers,
            way_back,
            source_reviews,
            source_head,
            people: project.people.clone(),
            incidents,
            read: None,
        };
        Ok((project.policy.clone(), VerifiedFacts::new(&trust, &envelopes, readings, ReadAt { meta, at })))
    }

    /// The checks of the policy that is decided under; of what was merged, also of the one that it was decided under then.
    async fn policy_checks(
        &self,
        cx: &OpContext,
        scope: &Scope,
        policy: &Policy,
        production: Option<&Candidate<'_>>,
    ) -> Result<Vec<(EvidenceRecord, Envelope)>> {
        let merged = production.filter(|candidate| candidate.merged.is_some());
        let policies: BTreeSet<_> = merged.map(|it| it.shown.policy).into_iter().chain([policy.digest()]).collect();
        let mut checks = Vec::new();
        for policy in policies {
            let Some(checked) = self.policy_checked(cx, &scope.meta_repo, &policy).await? else { continue };
            let envelope = self.sealer.envelope(cx, &checked.evidence).await.map_err(mendable)?;
            if self.is_own_check(&envelope) {
                checks.push((checked.evidence, envelope));
            }
        }
        Ok(checks)
    }

    /// Whether PathOps has checked a policy there: the file that leads to it leads anywhere, and the key of a producer is trusted
    /// too, for what it makes. What nobody trusted has signed is handed on: a decision refuses for it, and says why.
    fn is_own_check(&self, envelope: &Envelope) -> bool {
        let Ok(verified) = self.trust.verify(envelope) else { return true };
        let is_check = matches!(
            EvidenceFact::read(&verified, &self.trust),
            Ok(Some(EvidenceFact { says: Finding::Policy { .. }, .. })) | Err(_)
        );
        let is_own = is_check && self.trust.producers(verified.signer()).is_empty();
        if !is_own {
            tracing::warn!(evidence = %verified.id(), "what leads to the check of a policy leads to none by PathOps; it is left out");
        }
        is_own
    }

    /// Trust that knows which of PathOps' own evidence is in its ledger, by proofs that are read back and verified.
    async fn logged(
        &self,
        cx: &OpContext,
        trust: TrustRoot,
        made_here: impl Iterator<Item = &EvidenceRecord> + Send,
    ) -> Result<TrustRoot> {
        let Some(reader) = self.ledger.as_ref().map(|ledger| ledger.reader()) else { return Ok(trust) };
        let Some(checkpoint) = reader.checkpoint(cx).await? else { return Ok(trust) };
        let leaves = made_here.filter_map(|record| record.leaf);
        let inclusions: Vec<_> = at_once(leaves.map(|leaf| reader.inclusion(cx, leaf, &checkpoint).boxed())).await?;
        trust
            .with_log(&checkpoint, &inclusions)
            .map_err(|error| Error::new(ErrorKind::Corrupt, "look evidence up in the ledger").because(&error).with_source(error))
    }

    /// What evidence of others may be about: what would be promoted, the pull request that does it, and what production runs
    /// now, of which there are measurements.
    async fn subjects(
        &self,
        cx: &OpContext,
        scope: &Scope,
        production: &EnvironmentTarget,
        combination: &Combination,
        proposal: Option<&Proposal>,
    ) -> Result<BTreeSet<SubjectDigest>> {
        let mut subjects = BTreeSet::new();
        if self.evidence.is_none() {
            return Ok(subjects);
        }
        let state = |state: &GitState| [SubjectDigest::commit(&state.commit), SubjectDigest::tree(&state.tree)];
        subjects.extend(combination.artifact.as_ref().map(SubjectDigest::sha256));
        subjects.extend(combination.source.iter().chain([&combination.tested]).flat_map(state));
        subjects.extend(proposal.iter().flat_map(|it| [SubjectDigest::commit(&it.head), SubjectDigest::tree(&it.tree)]));
        let repo = &scope.unit.desired_state;
        if let Some(commit) = self.scm.branch_head(cx, repo, &production.branch).await? {
            let now = self.before(cx, scope, repo, &commit, production).await?;
            subjects.insert(SubjectDigest::commit(&now.commit));
            subjects.extend(now.tree.as_ref().map(SubjectDigest::tree));
            subjects.extend(now.artifact.as_ref().map(SubjectDigest::sha256));
        }
        Ok(subjects)
    }

    async fn proposal(&self, cx: &OpContext, candidate: &Candidate<'_>) -> Result<Proposal> {
        let PullRequestRef { repo, number, base, .. } = candidate.pull_request;
        let head = self.scm.pull_request(cx, repo, *number).await?.head;
        let tree = self.git_state(cx, repo, &head, &candidate.target.path).await?.tree;
        let carries_tested = match &candidate.merged {
            Some(merged) => self.carried_tested(cx, candidate, merged, &head).await?,
            None => {
                let base = self.head(cx, repo, base).await?;
                let comparison = self.scm.compare(cx, repo, &base, &head).await?;
                comparison.behind == 0 && self.carries_tested(cx, candidate, &base, &head, &comparison).await?
            }
        };
        let reviews = self.scm.reviews(cx, repo, *number).await?;
        Ok(Proposal { repo: repo.clone(), head, tree, carries_tested, shown: candidate.shown.clone(), reviews })
    }

    /// The same of what was merged: against the branch as it was before, and for what is there now.
    async fn carried_tested(
        &self,
        cx: &OpContext,
        candidate: &Candidate<'_>,
        merged: &CommitId,
        head: &CommitId,
    ) -> Result<bool> {
        let PullRequestRef { repo, base_commit, .. } = candidate.pull_request;
        let commit = self.scm.read_commit(cx, repo, merged).await?;
        let base = commit.parents.first().filter(|_| commit.parents.len() > 1).unwrap_or(base_commit);
        let comparison = self.scm.compare(cx, repo, base, head).await?;
        Ok(self.carries_tested(cx, candidate, base, head, &comparison).await?
            && self.carries_tested(cx, candidate, base, merged, &comparison).await?)
    }

    /// Whether merging `head` gives exactly what was tested: it touches just the files that a promotion touches, and leaves in
    /// the folder what preflight ran, beside the environment's own settings.
    async fn carries_tested(
        &self,
        cx: &OpContext,
        candidate: &Candidate<'_>,
        base: &CommitId,
        head: &CommitId,
        comparison: &Comparison,
    ) -> Result<bool> {
        let Candidate { combination, preflight, target, pull_request: PullRequestRef { repo, .. }, .. } = candidate;
        let tested = self.scm.read_tree(cx, repo, &combination.tested.commit, &preflight.path).await?;
        let proposed = self.scm.read_tree(cx, repo, head, &target.path).await?;
        let current = self.scm.read_tree(cx, repo, base, &target.path).await?;
        let touched = |tree: &SourceTree| promotion(&tested, &preflight.path, tree, &target.path);
        let (Ok(wanted), Ok(left)) = (touched(&current), touched(&proposed)) else { return Ok(false) };
        let same_files = comparison.files.iter().eq(wanted.iter().map(|change| &change.path));
        Ok(same_files && left.is_empty())
    }

    async fn pull_request_authors(&self, cx: &OpContext, pull_request: &PullRequestRef, authors: &mut Authors) -> Result<()> {
        let PullRequestRef { repo, number, base_commit, .. } = pull_request;
        let now = self.scm.pull_request(cx, repo, *number).await?;
        authors.known.insert(now.author);
        self.authors(cx, repo, base_commit, &now.head, Merges::Count, authors).await
    }

    /// Those who asked for what other change sets carried: what those merged is promoted with this one, and Git names one sponsor only.
    async fn carried_along(&self, scope: &Scope, authors: &mut Authors) -> Result<()> {
        let by_agents = authors.known.iter().any(|author| matches!(author, Principal::Agent { .. }));
        for change_set in std::mem::take(&mut authors.change_sets) {
            if change_set == scope.change_set.as_str() {
                continue;
            }
            // Whatever people write into a commit may be no change set.
            let Ok(run) = RunId::parse(&change_set) else { continue };
            let Some(run) = self.engine.load(&run).await? else { continue };
            // What is older than can be read carried nothing.
            if run.machine != ChangeSet::NAME || run.format < ChangeSet::OLDEST {
                continue;
            }
            for carried in decode_state(&run.id, run.state)?.start.carries {
                let sponsor = carried.requested_by;
                authors.known.insert(match by_agents {
                    true => Principal::Agent { agent: self.agent.agent(), sponsor },
                    false => Principal::Human(sponsor),
                });
            }
        }
        Ok(())
    }

    /// Everybody who has a part in the commits between two, merged ones too.
    pub(crate) async fn authors(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        base: &CommitId,
        head: &CommitId,
        merges: Merges,
        authors: &mut Authors,
    ) -> Result<()> {
        for commit in self.scm.log(cx, repo, Some(base), head, MAX_COMMITS).await? {
            if commit.parents.len() > 1 && merges == Merges::Skip {
                continue;
            }
            authors.change_sets.extend(change_sets_of(&commit.message).map(str::to_owned));
            for author in commit.authors {
                match author.principal {
                    Some(principal) => authors.known.insert(principal),
                    None => authors.strangers.insert(author.name),
                };
            }
        }
        Ok(())
    }
}

/// A mistake in the meta repository says nothing about this change: it is waited until somebody has mended it.
pub(crate) fn broken(error: Error) -> Error {
    if error.kind() == ErrorKind::Invalid { error.with_retry(Retry::Backoff) } else { error }
}

/// Whether a requirement of a unit takes evidence in the ledger only.
fn in_ledger(policy: &Policy, unit: &Unit) -> bool {
    policy.requirements(unit).any(|(_, rule)| rule.asks.accept().is_some_and(|accept| accept.in_ledger))
}

/// Nobody but PathOps and its agents had a hand in it: then PathOps has seen all of it being made.
fn authoring(scope: &Scope, authors: &BTreeSet<Principal>) -> Authoring {
    let people = authors.iter().any(|author| matches!(author, Principal::Human(_)));
    if scope.by_agent && !people { Authoring::Observed } else { Authoring::Opaque }
}

/// Whether whoever made a merge commit has a part in the change. On a pull request's own branch they have; on the main
/// branch it is the person who pressed the button.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merges {
    Count,
    Skip,
}

/// Who has a part in a change.
pub(crate) struct Authors {
    pub(crate) known: BTreeSet<Principal>,
    pub(crate) strangers: BTreeSet<String>,
    /// The change sets that commits name.
    change_sets: BTreeSet<String>,
}

impl Authors {
    pub(crate) fn of(authors: impl IntoIterator<Item = Principal>) -> Self {
        Self { known: authors.into_iter().collect(), strangers: BTreeSet::new(), change_sets: BTreeSet::new() }
    }

    /// The same by the names that the project has for people, whichever accounts and addresses they used.
    pub(crate) fn into_people(self, identities: &Identities) -> Self {
        let known = self.known.into_iter().map(|principal| identities.principal(principal));
        let mut authors = Self { known: known.collect(), strangers: BTreeSet::new(), change_sets: self.change_sets };
        for name in self.strangers {
            match identities.by_address(&name) {
                Some(person) => authors.known.insert(Principal::Human(person.clone())),
                None => authors.strangers.insert(name),
            };
        }
        authors
    }
}

/// What people declare in the meta repository. The records that lie beside it grow with every change set, and are not read
/// for a decision. A folder comes first: a host that has to list what a commit holds knows the files by that, too.
pub(crate) const DECLARATIONS: [&str; 13] = [
    "apps",
    "components",
    "contracts",
    "incidents",
    "patches",
    "policies",
    "requests",
    "stops",
    "people.yaml",
    "policy.yaml",
    "project.yaml",
    "redaction.yaml",
    "retention.yaml",
];

pub(crate) const READ: &str = "read the project";

/// The files with these names, and those in the folders with these names, that are there at a commit.
pub(crate) async fn read_declarations(
    scm: &dyn Scm,
    cx: &OpContext,
    meta_repo: &RepoId,
    commit: &CommitId,
    names: &[&str],
) -> Result<SourceTree> {
    let mut files = SourceTree::new();
    for name in names {
        let path = RepoPath::parse(*name).map_err(|error| Error::new(ErrorKind::Invalid, READ).on(meta_repo).because(&error))?;
        if name.ends_with(".yaml") {
            let bytes = scm.read_file(cx, meta_repo, commit, &path).await?;
            files.extend(bytes.map(|bytes| (path, SourceFile { bytes, executable: false })));
        } else if scm.tree_at(cx, meta_repo, commit, &path).await?.is_some() {
            files.extend(scm.read_tree(cx, meta_repo, commit, &path).await?);
        }
    }
    Ok(files)
}
