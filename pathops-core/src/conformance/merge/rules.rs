//! The host's own rules hold for a merge as they do for people.

use super::MergeWorld;
use crate::adapter::{
    BranchProtection, CheckState, NewPullRequest, PullRequest, PullRequestMeta, PullRequestUpdate, ReviewState,
};
use crate::conformance::case::{Answer as _, Case, Outcome, cases};
use crate::conformance::scm::checks::status;
use crate::conformance::scm::world::{cx, id, new_pull};
use crate::error::ErrorKind;
use crate::id::PersonId;
use crate::principal::Principal;

pub(super) fn cases() -> Vec<Case<MergeWorld>> {
    cases!["merge":
        a_missing_approval_is_denied,
        an_approval_by_who_answers_for_the_change_does_not_count,
        an_approval_of_another_head_does_not_count,
        an_approval_that_was_taken_back_does_not_count,
        one_person_approves_once,
        a_missing_status_is_denied,
        a_status_of_another_head_does_not_count,
        a_draft_is_denied,
    ]
}

const MISSING_APPROVAL: &str = "an approval is missing";

impl MergeWorld {
    async fn ask_for(&self, approvals: u32, checks: &[&str]) -> Outcome {
        let required_checks = checks.iter().map(|name| id(name)).collect::<Result<_, _>>()?;
        let rules = BranchProtection { required_checks, required_approvals: approvals, ..BranchProtection::default() };
        self.host.people.protect(&self.host.repo, &id("main")?, rules).await.works()
    }

    async fn review(&self, who: &PersonId, pull: &PullRequest, state: ReviewState) -> Outcome {
        self.host.people.review(who, &self.host.repo, pull.number, &pull.head, state).await.works()
    }

    async fn post(&self, pull: &PullRequest, state: CheckState) -> Outcome {
        let posted = status(&pull.head, "ci/build", state, "said so")?;
        self.host.scm.post_status(&cx(&format!("{state}/{}", pull.head)), &self.host.repo, posted).await.works()
    }
}

async fn a_missing_approval_is_denied(w: MergeWorld) -> Outcome {
    let ([one, two], opened) = (w.host.people.names(), w.host.proposal("topic", "src/b.txt", "b").await?);
    w.ask_for(1, &[]).await?;
    w.refuses("no review", &opened, ErrorKind::Denied, MISSING_APPROVAL).await?;
    w.review(&two, &opened, ReviewState::Commented).await?;
    w.refuses("a comment", &opened, ErrorKind::Denied, MISSING_APPROVAL).await?;
    w.review(&one, &opened, ReviewState::Approved).await?;
    w.try_merge("approved", opened.number, &opened.head).await?.works().map(drop)
}

async fn an_approval_by_who_answers_for_the_change_does_not_count(w: MergeWorld) -> Outcome {
    let [sponsor, other] = w.host.people.names();
    let agent = Principal::Agent { agent: id("patch")?, sponsor: sponsor.clone() };
    w.ask_for(1, &[]).await?;
    for (name, author) in [("by-person", Principal::Human(sponsor.clone())), ("by-agent", agent)] {
        let topic = w.host.branch(name).await?;
        w.host.push(&topic, &format!("{name}.txt"), "b").await?;
        let new = NewPullRequest { author, ..new_pull(&topic, "main")? };
        let opened = w.host.scm.open_pull_request(&cx(name), &w.host.repo, &new).await.works()?;
        w.review(&sponsor, &opened, ReviewState::Approved).await?;
        w.refuses(&format!("{name}/own"), &opened, ErrorKind::Denied, "only who answers for it approved").await?;
        w.review(&other, &opened, ReviewState::Approved).await?;
        w.try_merge(&format!("{name}/other"), opened.number, &opened.head).await?.works()?;
    }
    Ok(())
}

async fn an_approval_of_another_head_does_not_count(w: MergeWorld) -> Outcome {
    let ([person, _], opened) = (w.host.people.names(), w.host.proposal("topic", "src/b.txt", "b").await?);
    w.ask_for(1, &[]).await?;
    w.review(&person, &opened, ReviewState::Approved).await?;
    w.host.push(&opened.head_branch, "src/b.txt", "not reviewed").await?;
    let newer = w.host.pull(opened.number).await?;
    w.refuses("merge", &newer, ErrorKind::Denied, "another head was approved").await
}

async fn an_approval_that_was_taken_back_does_not_count(w: MergeWorld) -> Outcome {
    let ([person, _], opened) = (w.host.people.names(), w.host.proposal("topic", "src/b.txt", "b").await?);
    w.ask_for(1, &[]).await?;
    w.review(&person, &opened, ReviewState::Approved).await?;
    w.review(&person, &opened, ReviewState::ChangesRequested).await?;
    w.refuses("taken back", &opened, ErrorKind::Denied, "who approved asked for changes later").await?;
    w.review(&person, &opened, ReviewState::Approved).await?;
    w.review(&person, &opened, ReviewState::Commented).await?;
    w.try_merge("approved again", opened.number, &opened.head).await?.works().map(drop)
}

async fn one_person_approves_once(w: MergeWorld) -> Outcome {
    let ([one, two], opened) = (w.host.people.names(), w.host.proposal("topic", "src/b.txt", "b").await?);
    w.ask_for(2, &[]).await?;
    w.review(&one, &opened, ReviewState::Approved).await?;
    w.review(&one, &opened, ReviewState::Approved).await?;
    w.refuses("one person", &opened, ErrorKind::Denied, "one of two people approved").await?;
    w.review(&two, &opened, ReviewState::Approved).await?;
    w.try_merge("two people", opened.number, &opened.head).await?.works().map(drop)
}

async fn a_missing_status_is_denied(w: MergeWorld) -> Outcome {
    let opened = w.host.proposal("topic", "src/b.txt", "b").await?;
    w.ask_for(0, &["ci/build"]).await?;
    w.refuses("no status", &opened, ErrorKind::Denied, "a required status is missing").await?;
    for state in [CheckState::Pending, CheckState::Failure, CheckState::Error] {
        w.post(&opened, state).await?;
        let when = format!("a required status is {state}");
        w.refuses(&format!("while {state}"), &opened, ErrorKind::Denied, &when).await?;
    }
    w.post(&opened, CheckState::Success).await?;
    w.try_merge("passed", opened.number, &opened.head).await?.works().map(drop)
}

async fn a_status_of_another_head_does_not_count(w: MergeWorld) -> Outcome {
    let opened = w.host.proposal("topic", "src/b.txt", "b").await?;
    w.ask_for(0, &["ci/build"]).await?;
    w.post(&opened, CheckState::Success).await?;
    w.host.push(&opened.head_branch, "src/b.txt", "not tested").await?;
    let newer = w.host.pull(opened.number).await?;
    w.refuses("merge", &newer, ErrorKind::Denied, "the status is of another head").await
}

async fn a_draft_is_denied(w: MergeWorld) -> Outcome {
    if !w.host.scm.capabilities().drafts {
        return Ok(());
    }
    let topic = w.host.branch("topic").await?;
    w.host.push(&topic, "src/b.txt", "b").await?;
    let meta = PullRequestMeta { draft: true, ..PullRequestMeta::default() };
    let new = NewPullRequest { meta, ..new_pull(&topic, "main")? };
    let opened = w.host.scm.open_pull_request(&cx("open"), &w.host.repo, &new).await.works()?;
    w.refuses("draft", &opened, ErrorKind::Denied, "it is a draft").await?;
    let ready = PullRequestUpdate { draft: Some(false), ..PullRequestUpdate::default() };
    w.host.scm.update_pull_request(&cx("ready"), &w.host.repo, opened.number, &ready).await.works()?;
    w.try_merge("ready", opened.number, &opened.head).await?.works().map(drop)
}
