//! The forge with one defect each, and the cases that must find it: these and no others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use libtest_mimic::Trial;
use pathops_core::adapter::*;
use pathops_core::conformance::{failures, merge, scm};
use pathops_core::memory::MemoryForge;
use pathops_core::policy::CommitStatus;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{
    BranchName, CommitId, Error, ErrorKind, OpContext, Principal, PullRequestNumber, RepoId, RepoPath, Result, TreeId,
};

use crate::fixture::Memory;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    DeclaresNothing,
    RefusesToCreateAgain,
    MovesAnExistingBranch,
    DeletesAnyHead,
    MissesADeletedBranch,
    CommitsOnAnyHead,
    ForgetsItsCommits,
    LosesTheExecutableBit,
    KeepsDeletedFiles,
    DropsTrailers,
    DropsCoAuthors,
    KnowsOneLetterCase,
    TakesAgentsForPeople,
    TakesNamesForPeople,
    FollowsFirstParents,
    ListsTheBaseToo,
    CutsTheLog,
    TreatsEveryKeyAsNew,
    TreatsEveryKeyAsOne,
    CutsTitles,
    BlanksTheDescription,
    ClosesWhatIsMerged,
    FreezesTheHead,
    MovesReviewsToTheHead,
    WritesANewComment,
    TakesAnyMarker,
    PostsAgain,
    SwallowsARefusedGrant,
    MistakesCheckRunsForStatuses,
    ReadsFeedFromTheStart,
    IgnoresTheLimit,
    GivesPathsInTheFolder,
    GivesTheWholeTree,
    SwapsAheadAndBehind,
    TakesUnknownForEmpty,
    HidesProtection,
    AsksNobody,
    NeverGetsReady,
    AddsNoLabels,
    AssignsForGood,
    AsksNoTeams,
    LooksAtOneFile,
}

use Defect::*;

const DEFECTS: &[(Defect, &[&str])] = &[
    (RefusesToCreateAgain, &["creating_a_branch_again_is_no_error"]),
    (MovesAnExistingBranch, &["creating_a_branch_elsewhere_already_exists"]),
    (DeletesAnyHead, &["deleting_a_branch_that_moved_conflicts"]),
    (MissesADeletedBranch, &["a_deleted_branch_is_gone"]),
    (
        CommitsOnAnyHead,
        &[
            "the_same_request_makes_the_same_commit",
            "a_commit_on_a_head_that_moved_conflicts",
            "an_abandoned_commit_settles_when_it_is_made_again",
        ],
    ),
    (ForgetsItsCommits, &["the_same_request_makes_the_same_commit", "an_abandoned_commit_settles_when_it_is_made_again"]),
    (LosesTheExecutableBit, &["a_commit_makes_its_changes_and_no_others"]),
    (
        KeepsDeletedFiles,
        &[
            "a_commit_makes_its_changes_and_no_others",
            "deleting_a_file_that_is_not_there_is_invalid",
            "a_comparison_counts_both_sides_from_where_they_parted",
        ],
    ),
    (
        DropsTrailers,
        &[
            "a_commit_is_read_as_it_was_made",
            "a_co_author_is_listed_however_the_trailer_is_written",
            "an_address_that_nobody_has_is_listed_and_is_nobodys",
            "a_name_without_an_address_is_listed_and_is_nobodys",
        ],
    ),
    (
        DropsCoAuthors,
        &[
            "a_co_author_is_listed_however_the_trailer_is_written",
            "an_address_that_nobody_has_is_listed_and_is_nobodys",
            "a_name_without_an_address_is_listed_and_is_nobodys",
        ],
    ),
    (KnowsOneLetterCase, &["a_co_author_is_listed_however_the_trailer_is_written"]),
    (TakesAgentsForPeople, &["an_author_is_read_back_as_who_they_are"]),
    (
        TakesNamesForPeople,
        &["an_address_that_nobody_has_is_listed_and_is_nobodys", "a_name_without_an_address_is_listed_and_is_nobodys"],
    ),
    (FollowsFirstParents, &["a_log_has_both_sides_of_a_merge_and_nothing_of_the_base"]),
    (
        ListsTheBaseToo,
        &[
            "a_log_has_both_sides_of_a_merge_and_nothing_of_the_base",
            "a_log_longer_than_the_limit_is_invalid",
            "an_unknown_commit_is_not_found",
        ],
    ),
    (CutsTheLog, &["a_log_longer_than_the_limit_is_invalid"]),
    (
        TreatsEveryKeyAsNew,
        &[
            "the_same_key_opens_one_pull_request",
            "the_same_key_opens_nothing_after_a_close",
            "an_abandoned_pull_request_settles_when_it_is_opened_again",
        ],
    ),
    (TreatsEveryKeyAsOne, &["another_key_for_an_open_pull_request_already_exists"]),
    (CutsTitles, &["a_longer_title_than_declared_is_invalid"]),
    (
        BlanksTheDescription,
        &[
            "an_update_changes_what_it_names",
            "a_draft_is_read_as_one_until_it_is_ready",
            "labels_are_set_and_added",
            "people_are_assigned_and_replaced",
            "teams_are_asked_and_replaced",
        ],
    ),
    (ClosesWhatIsMerged, &["closing_a_merged_pull_request_conflicts"]),
    (FreezesTheHead, &["the_head_follows_its_branch_while_open"]),
    (MovesReviewsToTheHead, &["a_review_stays_with_the_commit_that_was_reviewed"]),
    (
        WritesANewComment,
        &[
            "a_comment_is_edited_in_place",
            "a_comment_is_found_after_a_restart",
            "an_abandoned_comment_settles_when_it_is_written_again",
        ],
    ),
    (TakesAnyMarker, &["a_bad_marker_is_invalid"]),
    (PostsAgain, &["a_status_that_is_posted_late_again_changes_nothing", "a_promotion_grant_serves_one_post"]),
    (MistakesCheckRunsForStatuses, &["a_check_run_is_replaced_by_name", "a_check_run_and_a_status_of_one_name_are_two"]),
    (ReadsFeedFromTheStart, &["events_tell_what_happened_in_order", "events_are_read_from_a_place_up_to_a_limit"]),
    (IgnoresTheLimit, &["events_are_read_from_a_place_up_to_a_limit"]),
    (GivesPathsInTheFolder, &["a_folder_is_read_with_paths_from_the_root"]),
    (GivesTheWholeTree, &["a_tree_names_the_content_of_a_folder", "a_folder_that_is_not_there_has_no_tree"]),
    (SwapsAheadAndBehind, &["a_comparison_counts_both_sides_from_where_they_parted"]),
    (TakesUnknownForEmpty, &["an_unknown_repository_is_not_found"]),
    (HidesProtection, &["protection_is_read_as_it_was_set"]),
    (AsksNobody, &["reviewers_are_asked_and_replaced"]),
    (NeverGetsReady, &["a_draft_is_read_as_one_until_it_is_ready"]),
    (AddsNoLabels, &["labels_are_set_and_added"]),
    (AssignsForGood, &["people_are_assigned_and_replaced"]),
    (AsksNoTeams, &["teams_are_asked_and_replaced"]),
    (LooksAtOneFile, &["who_owns_files_is_read_at_a_commit"]),
];

/// One trial a defect.
pub(crate) fn trials() -> Vec<Trial> {
    let all = MemoryForge::CAPABILITIES;
    let mut trials: Vec<_> = DEFECTS.iter().map(|(defect, found)| trial(&format!("{defect:?}"), *defect, all, found)).collect();
    trials.push(trial("DeclaresNothing", DeclaresNothing, all, &["capabilities_are_as_its_author_says"]));
    let undeclared = [
        "undeclared_check_runs_are_unsupported",
        "undeclared_protection_is_unsupported",
        "undeclared_events_are_unsupported",
        "undeclared_reviewers_are_unsupported",
        "undeclared_drafts_are_unsupported",
        "undeclared_labels_are_unsupported",
        "undeclared_assignees_are_unsupported",
        "undeclared_teams_are_unsupported",
        "undeclared_code_owners_are_unsupported",
    ];
    trials.push(trial("OffersMoreThanItDeclares", DeclaresNothing, ScmCapabilities::default(), &undeclared));
    trials.extend(MERGE_DEFECTS.iter().map(|(defect, found)| merge_trial(*defect, found)));
    trials
}

fn trial(name: &str, defect: Defect, meant: ScmCapabilities, found: &[&str]) -> Trial {
    let expected: Vec<_> = found.iter().map(|case| format!("scm::{case}")).collect();
    Trial::test(format!("defect::{name}"), move || {
        let plain = Memory::plain(MemoryForge::CAPABILITIES);
        let broken = Memory { scm: Arc::new(move |_, inner| Arc::new(Broken::new(inner, defect))), ..plain };
        same(&expected, &failures(&scm::cases(meant), &scm::worlds(Arc::new(broken))))
    })
}

fn same(expected: &[String], found: &[String]) -> Result<(), libtest_mimic::Failed> {
    if expected == found { Ok(()) } else { Err(format!("{expected:#?} had to find it, and {found:#?} did").into()) }
}

/// A forge's adapter with a defect.
#[derive(Debug)]
struct Broken {
    inner: Arc<dyn Scm>,
    defect: Defect,
    calls: AtomicU64,
    /// The heads at which pull requests were opened.
    opened: Mutex<BTreeMap<PullRequestNumber, CommitId>>,
}

impl Broken {
    fn new(inner: Arc<dyn Scm>, defect: Defect) -> Self {
        Self { inner, defect, calls: AtomicU64::new(0), opened: Mutex::default() }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// A commit with the wrong authors.
    fn misread(&self, mut commit: Commit) -> Commit {
        let authors = &mut commit.authors;
        match self.defect {
            DropsCoAuthors => authors.truncate(1),
            KnowsOneLetterCase => authors.retain(|author| {
                author.name == commit.author || commit.message.contains(&format!("Co-authored-by: {}", author.name))
            }),
            TakesAgentsForPeople => authors.iter_mut().for_each(|author| {
                author.principal = author.principal.as_ref().and_then(Principal::person).cloned().map(Principal::Human);
            }),
            TakesNamesForPeople => authors.iter_mut().filter(|author| author.principal.is_none()).for_each(|author| {
                let name = author.name.split('<').next().unwrap().trim();
                author.principal = name.parse().ok().map(Principal::Human);
            }),
            _ => {}
        }
        commit
    }

    /// A context that no other call has, on this machine.
    fn unlike_any(&self, cx: &OpContext) -> OpContext {
        let at = std::ptr::from_ref(self) as usize;
        cx.part(&format!("{at}/{}", self.calls.fetch_add(1, Ordering::Relaxed)))
    }
}

#[async_trait]
impl Scm for Broken {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> ScmCapabilities {
        if self.is(DeclaresNothing) { ScmCapabilities::default() } else { self.inner.capabilities() }
    }

    async fn branch_head(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<Option<CommitId>> {
        match self.inner.branch_head(cx, repo, branch).await {
            Err(error) if self.is(TakesUnknownForEmpty) && error.kind() == ErrorKind::NotFound => Ok(None),
            answer => answer,
        }
    }

    async fn create_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, at: &CommitId) -> Result<()> {
        if let Ok(Some(head)) = self.inner.branch_head(cx, repo, branch).await {
            if self.is(RefusesToCreateAgain) {
                return Err(Error::new(ErrorKind::AlreadyExists, "create a branch"));
            }
            if self.is(MovesAnExistingBranch) {
                self.inner.delete_branch(cx, repo, branch, &head).await?;
            }
        }
        self.inner.create_branch(cx, repo, branch, at).await
    }

    async fn delete_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, expected: &CommitId) -> Result<()> {
        let head = self.inner.branch_head(cx, repo, branch).await?;
        if self.is(MissesADeletedBranch) && head.is_none() {
            return Err(Error::new(ErrorKind::NotFound, "delete a branch"));
        }
        let expected = head.filter(|_| self.is(DeletesAnyHead)).unwrap_or_else(|| expected.clone());
        self.inner.delete_branch(cx, repo, branch, &expected).await
    }

    async fn commit(&self, cx: &OpContext, repo: &RepoId, new: &NewCommit) -> Result<CommitId> {
        let mut new = new.clone();
        let head = self.inner.branch_head(cx, repo, &new.branch).await?;
        if self.is(ForgetsItsCommits) && head.as_ref().is_some_and(|head| *head != new.expected_head) {
            return Err(Error::new(ErrorKind::Conflict, "commit to a branch"));
        }
        new.expected_head = head.filter(|_| self.is(CommitsOnAnyHead)).unwrap_or(new.expected_head);
        if self.is(LosesTheExecutableBit) {
            new.changes.iter_mut().filter_map(|change| change.file.as_mut()).for_each(|file| file.executable = false);
        }
        new.changes.retain(|change| change.file.is_some() || !self.is(KeepsDeletedFiles));
        if self.is(DropsTrailers) {
            new.message = new.message.lines().take(1).collect();
        }
        self.inner.commit(cx, repo, &new).await
    }

    async fn read_commit(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Commit> {
        Ok(self.misread(self.inner.read_commit(cx, repo, commit).await?))
    }

    async fn log<'a>(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        base: Option<&'a CommitId>,
        head: &CommitId,
        limit: usize,
    ) -> Result<Vec<Commit>> {
        let base = base.filter(|_| !self.is(ListsTheBaseToo));
        let mut log = self.inner.log(cx, repo, base, head, if self.is(CutsTheLog) { usize::MAX } else { limit }).await?;
        log.truncate(limit);
        if self.is(FollowsFirstParents) {
            let mut next = Some(head.clone());
            log.retain(|commit| {
                let follows = next.as_ref() == Some(&commit.id);
                next = if follows { commit.parents.first().cloned() } else { next.take() };
                follows
            });
        }
        Ok(log.into_iter().map(|commit| self.misread(commit)).collect())
    }

    async fn read_file(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>> {
        self.inner.read_file(cx, repo, commit, path).await
    }

    async fn tree_at(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>> {
        let path = if self.is(GivesTheWholeTree) { RepoPath::root() } else { path.clone() };
        self.inner.tree_at(cx, repo, commit, &path).await
    }

    async fn read_tree(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<SourceTree> {
        let files = self.inner.read_tree(cx, repo, commit, path).await?;
        if !self.is(GivesPathsInTheFolder) {
            return Ok(files);
        }
        let inside = |file: RepoPath| file.as_str()[path.as_str().len()..].trim_start_matches('/').parse().unwrap();
        Ok(files.into_iter().map(|(path, file)| (inside(path), file)).collect())
    }

    async fn code_owners(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, paths: &[RepoPath]) -> Result<Owners> {
        let paths = if self.is(LooksAtOneFile) { paths.get(..1).unwrap_or_default() } else { paths };
        self.inner.code_owners(cx, repo, commit, paths).await
    }

    async fn compare(&self, cx: &OpContext, repo: &RepoId, base: &CommitId, head: &CommitId) -> Result<Comparison> {
        let mut seen = self.inner.compare(cx, repo, base, head).await?;
        if self.is(SwapsAheadAndBehind) {
            std::mem::swap(&mut seen.ahead, &mut seen.behind);
        }
        Ok(seen)
    }

    async fn open_pull_request(&self, cx: &OpContext, repo: &RepoId, new: &NewPullRequest) -> Result<PullRequest> {
        let mut new = new.clone();
        if self.is(CutsTitles) {
            new.title = new.title.chars().take(256).collect();
        }
        if self.is(AsksNobody) {
            new.reviewers.clear();
        }
        if self.is(AsksNoTeams) {
            new.meta.teams.clear();
        }
        let cx = if self.is(TreatsEveryKeyAsNew) { self.unlike_any(cx) } else { cx.clone() };
        let open = self.inner.pull_requests_from(&cx, repo, &new.head).await?;
        let same = open.into_iter().find(|pull| pull.base == new.base && pull.state == PullRequestState::Open);
        match same {
            Some(pull) if self.is(TreatsEveryKeyAsOne) => Ok(pull),
            _ => {
                let pull = self.inner.open_pull_request(&cx, repo, &new).await?;
                self.opened.lock().unwrap().insert(pull.number, pull.head.clone());
                Ok(pull)
            }
        }
    }

    async fn pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<PullRequest> {
        let mut pull = self.inner.pull_request(cx, repo, number).await?;
        if self.is(FreezesTheHead) {
            pull.head = self.opened.lock().unwrap().get(&number).cloned().unwrap_or(pull.head);
        }
        Ok(pull)
    }

    async fn pull_requests_from(&self, cx: &OpContext, repo: &RepoId, head: &BranchName) -> Result<Vec<PullRequest>> {
        self.inner.pull_requests_from(cx, repo, head).await
    }

    async fn update_pull_request(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        update: &PullRequestUpdate,
    ) -> Result<()> {
        let mut update = update.clone();
        if self.is(BlanksTheDescription) {
            update.body.get_or_insert_default();
        }
        if self.is(CutsTitles) {
            update.title = update.title.map(|title| title.chars().take(256).collect());
        }
        match self.defect {
            AsksNobody => update.reviewers = None,
            NeverGetsReady => update.draft = None,
            AddsNoLabels => update.labels.clear(),
            AssignsForGood => update.assignees = None,
            _ => {}
        }
        self.inner.update_pull_request(cx, repo, number, &update).await
    }

    async fn close_pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<()> {
        match self.inner.close_pull_request(cx, repo, number).await {
            Err(error) if self.is(ClosesWhatIsMerged) && error.kind() == ErrorKind::Conflict => Ok(()),
            answer => answer,
        }
    }

    async fn reviews(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Review>> {
        let mut reviews = self.inner.reviews(cx, repo, number).await?;
        if self.is(MovesReviewsToTheHead) {
            let head = self.inner.pull_request(cx, repo, number).await?.head;
            reviews.iter_mut().for_each(|review| review.commit = head.clone());
        }
        Ok(reviews)
    }

    async fn comments(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Comment>> {
        self.inner.comments(cx, repo, number).await
    }

    async fn put_comment(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<u64> {
        let marker = match self.defect {
            TakesAnyMarker => marker.chars().filter(char::is_ascii_alphanumeric).chain(['x']).collect(),
            WritesANewComment if !marker.is_empty() => format!("{marker}/{}", self.unlike_any(cx).key()),
            _ => marker.to_owned(),
        };
        self.inner.put_comment(cx, repo, number, &marker, body).await
    }

    async fn post_status(&self, cx: &OpContext, repo: &RepoId, status: CommitStatus) -> Result<()> {
        let cx = if self.is(PostsAgain) { self.unlike_any(cx) } else { cx.clone() };
        match self.inner.post_status(&cx, repo, status).await {
            Err(error) if self.is(SwallowsARefusedGrant) && error.kind() == ErrorKind::Denied => Ok(()),
            answer => answer,
        }
    }

    async fn report_check(&self, cx: &OpContext, repo: &RepoId, check: &NewCheck) -> Result<()> {
        self.inner.report_check(cx, repo, check).await
    }

    async fn checks(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Vec<Check>> {
        let mut checks = self.inner.checks(cx, repo, commit).await?;
        if self.is(MistakesCheckRunsForStatuses) {
            checks.iter_mut().for_each(|check| check.source = CheckSource::Status);
        }
        Ok(checks)
    }

    async fn protection(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<BranchProtection> {
        let protection = self.inner.protection(cx, repo, branch).await?;
        Ok(if self.is(HidesProtection) { BranchProtection::default() } else { protection })
    }

    async fn events(&self, cx: &OpContext, after: EventCursor, limit: usize) -> Result<Vec<ScmEvent>> {
        let after = if self.is(ReadsFeedFromTheStart) { EventCursor::default() } else { after };
        self.inner.events(cx, after, if self.is(IgnoresTheLimit) { usize::MAX } else { limit }).await
    }
}

/// A forge's merging with a defect.
#[derive(Debug)]
struct BrokenMerge {
    forge: MemoryForge,
    inner: Arc<dyn Merge>,
    defect: MergeDefect,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum MergeDefect {
    MergesAnyHead,
    MergesIntoAnyBranch,
    IgnoresProtection,
    MergesDrafts,
    AnswersWithTheNewestCommit,
    RefusesToMergeAgain,
}

const MERGE_DEFECTS: &[(MergeDefect, &[&str])] = &[
    (MergeDefect::MergesAnyHead, &["a_head_that_moved_conflicts"]),
    (MergeDefect::MergesIntoAnyBranch, &["another_base_branch_is_denied"]),
    (
        MergeDefect::IgnoresProtection,
        &[
            "a_missing_approval_is_denied",
            "an_approval_by_who_answers_for_the_change_does_not_count",
            "an_approval_of_another_head_does_not_count",
            "an_approval_that_was_taken_back_does_not_count",
            "one_person_approves_once",
            "a_missing_status_is_denied",
            "a_status_of_another_head_does_not_count",
        ],
    ),
    (MergeDefect::MergesDrafts, &["a_draft_is_denied"]),
    (MergeDefect::AnswersWithTheNewestCommit, &["merging_again_returns_the_same_commit"]),
    (
        MergeDefect::RefusesToMergeAgain,
        &["merging_again_returns_the_same_commit", "an_abandoned_merge_settles_when_it_is_made_again"],
    ),
];

fn merge_trial(defect: MergeDefect, found: &[&str]) -> Trial {
    let expected: Vec<_> = found.iter().map(|case| format!("merge::{case}")).collect();
    Trial::test(format!("defect::{defect:?}"), move || {
        let plain = Memory::plain(MemoryForge::CAPABILITIES);
        let wrap =
            move |forge: &MemoryForge, inner| -> Arc<dyn Merge> { Arc::new(BrokenMerge { forge: forge.clone(), inner, defect }) };
        let broken = Memory { merge: Arc::new(wrap), ..plain };
        same(&expected, &failures(&merge::cases(), &merge::worlds(Arc::new(broken))))
    })
}

#[async_trait]
impl Merge for BrokenMerge {
    async fn merge(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        head: &CommitId,
        branch: &MergeableBranch,
    ) -> Result<CommitId> {
        let (mut head, mut branch) = (head.clone(), branch.clone());
        let scm = self.forge.scm(pathops_core::Principal::System);
        if let Ok(pull) = scm.pull_request(cx, repo, number).await {
            let merged = matches!(pull.state, PullRequestState::Merged { .. });
            match self.defect {
                MergeDefect::MergesAnyHead => head = pull.head,
                MergeDefect::MergesIntoAnyBranch => branch = mergeable(pull.base),
                MergeDefect::IgnoresProtection if scm.protection(cx, repo, &pull.base).await? != BranchProtection::default() => {
                    self.forge.protect(repo, &pull.base, BranchProtection::default())?;
                }
                MergeDefect::MergesDrafts if pull.meta.draft => {
                    let ready = PullRequestUpdate { draft: Some(false), ..PullRequestUpdate::default() };
                    scm.update_pull_request(cx, repo, number, &ready).await?;
                }
                MergeDefect::AnswersWithTheNewestCommit if merged && pull.head == head => {
                    return Ok(scm.branch_head(cx, repo, &pull.base).await?.unwrap());
                }
                MergeDefect::RefusesToMergeAgain if merged => {
                    return Err(Error::new(ErrorKind::Conflict, "merge a pull request"));
                }
                _ => {}
            }
        }
        self.inner.merge(cx, repo, number, &head, &branch).await
    }
}

fn mergeable(branch: BranchName) -> MergeableBranch {
    let target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
    MergeableBranch::of(&EnvironmentTarget { branch, ..target }).unwrap()
}
