//! The Git host, and merging on it.

use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    BranchProtection, Check, CheckSource, CheckState, Comment, Commit, Comparison, EventCursor, Merge, MergeableBranch, NewCheck,
    NewCommit, NewPullRequest, Owners, PullRequest, PullRequestState, PullRequestUpdate, Review, ReviewState, Scm,
    ScmCapabilities, ScmEvent, SourceFile, SourceTree,
};
use pathops_core::policy::{CommitStatus, PROMOTION_CONTEXT};
use pathops_core::{
    BranchName, CommitId, OpContext, Principal, PullRequestNumber, RepoId, RepoPath, Result, StatusContext, TreeId,
};
use serde_json::Value;

use super::Watched;
use crate::bug::Bug;
use crate::shape::{SECRET, STRANGER, person};
use crate::step::Step;

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Scm for Watched<dyn Scm> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> ScmCapabilities {
        self.inner.capabilities()
    }

    async fn branch_head(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<Option<CommitId>> {
        self.lens.read("read a branch", format!("{repo}@{branch}"), self.inner.branch_head(cx, repo, branch)).await
    }

    async fn create_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, at: &CommitId) -> Result<()> {
        let on = format!("{repo}@{branch}");
        self.lens.write(cx, "create a branch", on, self.inner.create_branch(cx, repo, branch, at)).await?;
        self.lens.done("create a branch").await;
        Ok(())
    }

    async fn delete_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, expected: &CommitId) -> Result<()> {
        if self.lens.has(Bug::HostLosesDeletions) {
            return Ok(());
        }
        let on = format!("{repo}@{branch}");
        self.lens.write(cx, "delete a branch", on, self.inner.delete_branch(cx, repo, branch, expected)).await?;
        self.lens.done("delete a branch").await;
        Ok(())
    }

    async fn commit(&self, cx: &OpContext, repo: &RepoId, new: &NewCommit) -> Result<CommitId> {
        let mut new = new.clone();
        if self.lens.has(Bug::GatePushesTheAgentsName) && matches!(new.author, Principal::Agent { .. }) {
            new.changes.push(super::others::sneaked());
        }
        let on = format!("{repo}@{}", new.branch);
        let commit = self.lens.write(cx, "commit", on, self.inner.commit(cx, repo, &new)).await?;
        self.lens.truth.records.lock().unwrap().published.insert(commit.clone());
        self.lens.step(&Step::Committed { repo, new: &new });
        self.lens.done("commit").await;
        Ok(commit)
    }

    async fn read_commit(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Commit> {
        self.lens.read("read a commit", repo, self.inner.read_commit(cx, repo, commit)).await
    }

    async fn log<'a>(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        base: Option<&'a CommitId>,
        head: &CommitId,
        limit: usize,
    ) -> Result<Vec<Commit>> {
        let mut log = self.lens.read("list commits", repo, self.inner.log(cx, repo, base, head, limit)).await?;
        if self.lens.has(Bug::HostHidesAuthors) {
            log.iter_mut().flat_map(|commit| &mut commit.authors).for_each(|author| author.principal = Some(Principal::System));
        }
        Ok(log)
    }

    async fn read_file(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>> {
        let file = self.lens.read("read", format!("{repo}:{path}"), self.inner.read_file(cx, repo, commit, path)).await?;
        Ok(match path.as_str() {
            "policy.yaml" if self.lens.has(Bug::HostServesALaxPolicy) => {
                file.map(|file| String::from_utf8_lossy(&file).lines().map(lax).collect::<Vec<_>>().join("\n").into_bytes())
            }
            "people.yaml" if self.lens.has(Bug::HostServesStrangers) => {
                let more = format!("people:\n    - {{name: {STRANGER}, roles: [owner]}}");
                file.map(|file| String::from_utf8_lossy(&file).replace("people:", &more).into_bytes())
            }
            _ => file,
        })
    }

    async fn tree_at(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>> {
        self.lens.read("read the tree", format!("{repo}:{path}"), self.inner.tree_at(cx, repo, commit, path)).await
    }

    async fn read_tree(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<SourceTree> {
        let mut files =
            self.lens.read("read all", format!("{repo}:{path}"), self.inner.read_tree(cx, repo, commit, path)).await?;
        // Who declares one knows of it.
        if self.lens.has(Bug::HostServesOldIncidents) && !cx.key().as_str().starts_with("webhook/") {
            files.retain(|path, _| !self.is_new_incident(path));
        }
        if self.lens.has(Bug::HostSaysIncidentsAreClosed) && cx.key().as_str().starts_with("incident-") {
            files.iter_mut().filter(|(path, _)| incident(path).is_some()).for_each(|(_, file)| close(file));
        }
        Ok(files)
    }

    async fn code_owners(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, paths: &[RepoPath]) -> Result<Owners> {
        self.lens.read("read who owns", repo, self.inner.code_owners(cx, repo, commit, paths)).await
    }

    async fn compare(&self, cx: &OpContext, repo: &RepoId, base: &CommitId, head: &CommitId) -> Result<Comparison> {
        self.lens.read("compare commits", repo, self.inner.compare(cx, repo, base, head)).await
    }

    async fn open_pull_request(&self, cx: &OpContext, repo: &RepoId, new: &NewPullRequest) -> Result<PullRequest> {
        let mut new = new.clone();
        if self.lens.has(Bug::ProxySignsWithItsToken) {
            new.body = format!("{}\n\nsent with {SECRET}", new.body);
        }
        let opened = if self.lens.has(Bug::HostForgetsKeys) {
            self.lens.write(cx, "open a pull request", repo, self.opened_anew(cx, repo, &new)).await?
        } else {
            self.lens.write(cx, "open a pull request", repo, self.inner.open_pull_request(cx, repo, &new)).await?
        };
        self.lens.note(format_args!("+ {repo}{} from {}", opened.number, opened.head_branch));
        self.lens.step(&Step::Opened { repo, new: &new, opened: &opened });
        self.lens.done("open a pull request").await;
        Ok(opened)
    }

    async fn pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<PullRequest> {
        let on = format!("{repo}{number}");
        let mut read = self.lens.read("read", on, self.inner.pull_request(cx, repo, number)).await?;
        if self.lens.has_now(Bug::HostSaysMerged, 20) && read.state == PullRequestState::Open {
            let by = Principal::Human(person("bob"));
            read.state = PullRequestState::Merged { by, commit: read.head.clone(), at: self.lens.truth.clock_now() };
        }
        Ok(read)
    }

    async fn pull_requests_from(&self, cx: &OpContext, repo: &RepoId, head: &BranchName) -> Result<Vec<PullRequest>> {
        let list = self.lens.read("list from", format!("{repo}@{head}"), self.inner.pull_requests_from(cx, repo, head)).await?;
        Ok(if self.lens.has(Bug::HostForgetsKeys) { Vec::new() } else { list })
    }

    async fn update_pull_request(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        update: &PullRequestUpdate,
    ) -> Result<()> {
        let on = format!("{repo}{number}");
        self.lens.write(cx, "edit", on, self.inner.update_pull_request(cx, repo, number, update)).await?;
        self.lens.step(&Step::Said { says: update.body.as_deref().unwrap_or_default() });
        self.lens.done("edit").await;
        Ok(())
    }

    async fn close_pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<()> {
        let on = format!("{repo}{number}");
        if self.lens.has(Bug::HostLosesCloses) {
            return self.lens.write(cx, "close", on, std::future::ready(Ok(()))).await;
        }
        self.lens.write(cx, "close", on, self.inner.close_pull_request(cx, repo, number)).await?;
        self.lens.note(format_args!("+ {repo}{number} is closed"));
        self.lens.done("close").await;
        Ok(())
    }

    async fn reviews(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Review>> {
        let on = format!("{repo}{number}");
        let mut reviews = self.lens.read("read the reviews of", on, self.inner.reviews(cx, repo, number)).await?;
        let read = (reviews.len(), self.lens.truth.elapsed());
        self.lens.truth.records.lock().unwrap().reviews_read.insert((repo.clone(), number), read);
        if self.lens.has(Bug::HostMistakesAnyWordForYes) {
            reviews.iter_mut().for_each(|review| review.state = ReviewState::Approved);
        }
        if self.lens.has(Bug::HostMistakesPeople) {
            reviews.iter_mut().for_each(|review| review.author = Principal::Human(person("frank")));
        }
        Ok(reviews)
    }

    async fn comments(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Comment>> {
        self.lens.read("read the comments of", format!("{repo}{number}"), self.inner.comments(cx, repo, number)).await
    }

    async fn put_comment(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<u64> {
        let on = format!("{repo}{number}");
        let mut marker = marker.to_owned();
        if self.lens.has(Bug::HostForgetsMarkers) {
            marker = format!("{marker}/{}", self.inner.comments(cx, repo, number).await?.len());
        }
        let comment = self.lens.write(cx, "comment", on, self.inner.put_comment(cx, repo, number, &marker, body)).await?;
        self.lens.step(&Step::Said { says: body });
        self.lens.done("comment").await;
        Ok(comment)
    }

    async fn post_status(&self, cx: &OpContext, repo: &RepoId, status: CommitStatus) -> Result<()> {
        let (commit, state, grant) = (status.commit().clone(), status.state(), status.grant());
        let says = status.description().to_owned();
        if self.lens.has(Bug::HostLosesStatuses) && state == CheckState::Success {
            return self.lens.write(cx, "post a status", repo, std::future::ready(Ok(()))).await;
        }
        if self.lens.has(Bug::HostKeepsOldSuccesses) && grant.is_none() {
            let stands = self.inner.checks(cx, repo, &commit).await?;
            if stands.iter().any(|it| it.name == PROMOTION_CONTEXT && it.state == CheckState::Success) {
                self.lens.write(cx, "post a status", repo, std::future::ready(Ok(()))).await?;
                self.lens.step(&Step::Posted { repo, commit: &commit, state, grant, says: &says });
                return Ok(());
            }
        }
        self.lens.write(cx, "post a status", repo, self.inner.post_status(cx, repo, status)).await?;
        if state == CheckState::Success {
            let truth = &self.lens.truth;
            let now = truth.elapsed();
            truth.records.lock().unwrap().posted.insert(commit.clone(), now);
        }
        self.lens.note(format_args!("+ {repo} {}: {state}: {says}", short(&commit)));
        self.lens.step(&Step::Posted { repo, commit: &commit, state, grant, says: &says });
        self.lens.done("post a status").await;
        Ok(())
    }

    async fn report_check(&self, cx: &OpContext, repo: &RepoId, check: &NewCheck) -> Result<()> {
        self.lens.write(cx, "report a check", repo, self.inner.report_check(cx, repo, check)).await?;
        self.lens.step(&Step::Said { says: check.summary() });
        self.lens.done("report a check").await;
        Ok(())
    }

    async fn checks(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Vec<Check>> {
        let mut checks = self.lens.read("read the checks of", repo, self.inner.checks(cx, repo, commit)).await?;
        let posted = self.lens.truth.records.lock().unwrap().posted.get(commit).copied();
        if posted.is_some_and(|at| self.lens.lags(at)) {
            checks.retain(|check| check.name != PROMOTION_CONTEXT || check.state != CheckState::Success);
        }
        if self.lens.has(Bug::HostInventsSuccess) && repo.as_str().ends_with("-gitops") {
            checks.retain(|check| check.name != PROMOTION_CONTEXT);
            let (name, by) = (PROMOTION_CONTEXT.to_owned(), Principal::System);
            checks.push(Check { name, source: CheckSource::Status, state: CheckState::Success, description: String::new(), by });
        }
        Ok(checks)
    }

    async fn protection(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<BranchProtection> {
        let mut rules = self.lens.read("read the protection of", repo, self.inner.protection(cx, repo, branch)).await?;
        if self.lens.has(Bug::HostDoesNotProtect) {
            rules.required_checks = vec![StatusContext::parse(PROMOTION_CONTEXT).unwrap()];
        }
        Ok(rules)
    }

    async fn events(&self, cx: &OpContext, after: EventCursor, limit: usize) -> Result<Vec<ScmEvent>> {
        self.lens.read("read events", "the host", self.inner.events(cx, after, limit)).await
    }
}

impl Watched<dyn Scm> {
    /// Whether it declares what nobody knew an hour ago.
    fn is_new_incident(&self, path: &RepoPath) -> bool {
        let (now, records) = (self.lens.truth.elapsed(), self.lens.truth.records.lock().unwrap());
        let shows = |id: &str| records.incidents.get(id).is_some_and(|it| now >= it.opened + Duration::from_secs(3_600));
        incident(path).is_some_and(|id| !shows(id))
    }

    /// What a host does that keeps no keys and whose lists lag: what it has not seen is new.
    async fn opened_anew(&self, cx: &OpContext, repo: &RepoId, new: &NewPullRequest) -> Result<PullRequest> {
        if let Some(open) = self.inner.pull_requests_from(cx, repo, &new.head).await?.last() {
            self.inner.close_pull_request(&cx.part("anew"), repo, open.number).await?;
            let again = self.lens.truth.pull_requests(repo).len();
            return self.inner.open_pull_request(&cx.part(&format!("anew/{again}")), repo, new).await;
        }
        self.inner.open_pull_request(cx, repo, new).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Merge for Watched<dyn Merge> {
    async fn merge(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        head: &CommitId,
        branch: &MergeableBranch,
    ) -> Result<CommitId> {
        let on = format!("{repo}{number}");
        let commit = self.lens.write(cx, "merge", on, self.inner.merge(cx, repo, number, head, branch)).await?;
        self.lens.note(format_args!("+ {repo}{number} is merged by PathOps"));
        self.lens.step(&Step::Merged { repo, number, head, by: &Principal::System });
        self.lens.done("merge").await;
        Ok(commit)
    }
}

/// The incident that a file declares.
fn incident(path: &RepoPath) -> Option<&str> {
    path.as_str().strip_prefix("incidents/")?.strip_suffix(".yaml")
}

/// As if it had been over as soon as it began.
fn close(file: &mut SourceFile) {
    let mut declared: Value = serde_json::from_slice(&file.bytes).unwrap();
    declared["spec"]["closed"] = declared["spec"]["since"].clone();
    file.bytes = declared.to_string().into_bytes();
}

fn short(commit: &CommitId) -> &str {
    commit.as_str().get(..8).unwrap_or_default()
}

/// A line of a policy, about every unit.
fn lax(line: &str) -> String {
    match (line.find("units: ["), line.find(']')) {
        (Some(from), Some(to)) => format!("{}{}", &line[..from], &line[to + 1..]).replace(", }", "}"),
        _ => line.to_owned(),
    }
}
