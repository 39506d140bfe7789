//! What a pull request bears beside its words: drafts, labels, assignees, teams. And who is to be asked about its files.
//!
//! Each has cases for both answers: declared, it works; undeclared, it is refused and changes nothing.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use super::ScmWorld;
use super::world::{cx, id, new_pull};
use crate::adapter::{NewPullRequest, Owners, PullRequest, PullRequestMeta, PullRequestUpdate, ScmCapabilities};
use crate::conformance::case::{Answer as _, Case, Outcome, cases, ensure};
use crate::error::ErrorKind;
use crate::id::RepoPath;

pub(super) fn cases(declared: ScmCapabilities) -> Vec<Case<ScmWorld>> {
    let mut all = match declared.drafts {
        true => cases!["scm": a_draft_is_read_as_one_until_it_is_ready],
        false => cases!["scm": undeclared_drafts_are_unsupported],
    };
    all.extend(match declared.labels {
        true => cases!["scm": labels_are_set_and_added],
        false => cases!["scm": undeclared_labels_are_unsupported],
    });
    all.extend(match declared.assignees {
        true => cases!["scm": people_are_assigned_and_replaced],
        false => cases!["scm": undeclared_assignees_are_unsupported],
    });
    all.extend(match declared.team_reviewers {
        true => cases!["scm": teams_are_asked_and_replaced],
        false => cases!["scm": undeclared_teams_are_unsupported],
    });
    all.extend(match declared.code_owners {
        true => cases!["scm": who_owns_files_is_read_at_a_commit],
        false => cases!["scm": undeclared_code_owners_are_unsupported],
    });
    all
}

fn set<T: FromStr<Err: Display> + Ord>(names: &[&str]) -> Result<BTreeSet<T>, String> {
    names.iter().map(|name| id(name)).collect()
}

fn same<T: PartialEq + Debug>(wanted: &T, read: &T) -> Outcome {
    ensure!(wanted == read, "{wanted:?} was to be there, and {read:?} is");
    Ok(())
}

impl ScmWorld {
    /// Opens a pull request that bears this from a branch with one commit.
    async fn bearing(&self, meta: PullRequestMeta) -> Result<PullRequest, String> {
        let topic = self.branch("topic").await?;
        self.push(&topic, "src/b.txt", "b").await?;
        let new = NewPullRequest { meta, ..new_pull(&topic, "main")? };
        let opened = self.scm.open_pull_request(&cx("open"), &self.repo, &new).await.works()?;
        let (asked, read) = ((&new.title, &new.meta), self.pull(opened.number).await?);
        same(&read, &opened)?;
        same(&asked, &(&read.title, &read.meta))?;
        Ok(read)
    }

    /// Changes it, and reads what it bears then; words and branches must not have changed.
    async fn bears(&self, key: &str, opened: &PullRequest, update: PullRequestUpdate) -> Result<PullRequestMeta, String> {
        self.scm.update_pull_request(&cx(key), &self.repo, opened.number, &update).await.works()?;
        let read = self.pull(opened.number).await?;
        let title = update.title.unwrap_or_else(|| opened.title.clone());
        let before = PullRequest { meta: read.meta.clone(), title, ..opened.clone() };
        same(&before, &read)?;
        Ok(read.meta)
    }

    /// Neither what is opened nor an update may ask for it.
    async fn refuses(&self, meta: PullRequestMeta, update: PullRequestUpdate, what: &str) -> Outcome {
        let (topic, when) = (self.branch("topic").await?, format!("{what} are not declared"));
        self.push(&topic, "src/b.txt", "b").await?;
        let new = NewPullRequest { meta, ..new_pull(&topic, "main")? };
        self.scm.open_pull_request(&cx("asks"), &self.repo, &new).await.fails(ErrorKind::Unsupported, &when)?;
        let left = self.scm.pull_requests_from(&cx("read"), &self.repo, &topic).await.works()?;
        ensure!(left.is_empty(), "an unsupported pull request was opened");
        let opened = self.open(&topic).await?;
        let update = PullRequestUpdate { title: Some("New".to_owned()), ..update };
        let answer = self.scm.update_pull_request(&cx("update"), &self.repo, opened.number, &update).await;
        answer.fails(ErrorKind::Unsupported, &when)?;
        ensure!(self.pull(opened.number).await? == opened, "an unsupported edit changed the pull request");
        Ok(())
    }
}

fn draft(draft: bool) -> PullRequestUpdate {
    PullRequestUpdate { draft: Some(draft), ..PullRequestUpdate::default() }
}

async fn a_draft_is_read_as_one_until_it_is_ready(w: ScmWorld) -> Outcome {
    let opened = w.bearing(PullRequestMeta { draft: true, ..PullRequestMeta::default() }).await?;
    let title = PullRequestUpdate { title: Some("New title".to_owned()), ..PullRequestUpdate::default() };
    ensure!(w.bears("title", &opened, title).await?.draft, "a new title made a draft ready");
    let opened = w.pull(opened.number).await?;
    ensure!(!w.bears("ready", &opened, draft(false)).await?.draft, "what is said to be ready is a draft");
    ensure!(!w.bears("ready again", &opened, draft(false)).await?.draft, "what is said to be ready twice is a draft");
    ensure!(w.bears("draft", &opened, draft(true)).await?.draft, "what was made a draft is none");
    Ok(())
}

async fn undeclared_drafts_are_unsupported(w: ScmWorld) -> Outcome {
    w.refuses(PullRequestMeta { draft: true, ..PullRequestMeta::default() }, draft(false), "drafts").await
}

async fn labels_are_set_and_added(w: ScmWorld) -> Outcome {
    let opened = w.bearing(PullRequestMeta { labels: set(&["pathops", "pathops/cs-1"])?, ..PullRequestMeta::default() }).await?;
    let more = PullRequestUpdate { labels: set(&["pathops/cs-1", "urgent"])?, ..PullRequestUpdate::default() };
    same(&set(&["pathops", "pathops/cs-1", "urgent"])?, &w.bears("label", &opened, more).await?.labels)
}

async fn undeclared_labels_are_unsupported(w: ScmWorld) -> Outcome {
    let update = PullRequestUpdate { labels: set(&["pathops"])?, ..PullRequestUpdate::default() };
    w.refuses(PullRequestMeta { labels: set(&["pathops"])?, ..PullRequestMeta::default() }, update, "labels").await
}

async fn people_are_assigned_and_replaced(w: ScmWorld) -> Outcome {
    let [one, two] = w.people.names().map(|person| BTreeSet::from([person]));
    let opened = w.bearing(PullRequestMeta { assignees: one, ..PullRequestMeta::default() }).await?;
    for (key, assignees) in [("replace", two), ("nobody", BTreeSet::new())] {
        let update = PullRequestUpdate { assignees: Some(assignees.clone()), ..PullRequestUpdate::default() };
        same(&assignees, &w.bears(key, &opened, update).await?.assignees)?;
    }
    Ok(())
}

async fn undeclared_assignees_are_unsupported(w: ScmWorld) -> Outcome {
    let [person, _] = w.people.names();
    let meta = PullRequestMeta { assignees: [person].into(), ..PullRequestMeta::default() };
    let update = PullRequestUpdate { assignees: Some(BTreeSet::new()), ..PullRequestUpdate::default() };
    w.refuses(meta, update, "assignees").await
}

async fn teams_are_asked_and_replaced(w: ScmWorld) -> Outcome {
    let opened = w.bearing(PullRequestMeta { teams: set(&["platform", "security"])?, ..PullRequestMeta::default() }).await?;
    let teams = set(&["security"])?;
    let update = PullRequestUpdate { teams: Some(teams.clone()), ..PullRequestUpdate::default() };
    same(&teams, &w.bears("replace", &opened, update).await?.teams)?;
    ensure!(w.pull(opened.number).await?.reviewers.is_empty(), "people were asked in place of teams");
    Ok(())
}

async fn undeclared_teams_are_unsupported(w: ScmWorld) -> Outcome {
    let update = PullRequestUpdate { teams: Some(BTreeSet::new()), ..PullRequestUpdate::default() };
    w.refuses(PullRequestMeta { teams: set(&["platform"])?, ..PullRequestMeta::default() }, update, "teams").await
}

async fn who_owns_files_is_read_at_a_commit(w: ScmWorld) -> Outcome {
    let ([one, two], topic, before) = (w.people.names(), w.branch("topic").await?, w.main().await?);
    let after = w.push(&topic, "CODEOWNERS", &format!("* @{one}\n/src/ @{two}\n")).await?;
    let (inside, outside): (RepoPath, RepoPath) = (id("src/a.txt")?, id("README.md")?);
    let both = BTreeSet::from([one, two.clone()]);
    for (commit, paths, people) in [
        (&after, vec![inside.clone()], BTreeSet::from([two])),
        (&after, vec![inside.clone(), outside], both),
        (&after, Vec::new(), BTreeSet::new()),
        (&before, vec![inside], BTreeSet::new()),
    ] {
        let owners = w.scm.code_owners(&cx("read"), &w.repo, commit, &paths).await.works()?;
        same(&Owners { people, ..Owners::default() }, &owners)?;
    }
    Ok(())
}

async fn undeclared_code_owners_are_unsupported(w: ScmWorld) -> Outcome {
    let answer = w.scm.code_owners(&cx("read"), &w.repo, &w.main().await?, &[id("README.md")?]).await;
    answer.fails(ErrorKind::Unsupported, "code owners are not declared")
}
