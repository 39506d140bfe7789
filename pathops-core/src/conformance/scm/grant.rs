//! The promotion status, which needs a grant. The grants here are real: a policy was met and a decision was made.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use super::ScmWorld;
use super::checks::{read, status};
use super::world::{DATE, cx, id};
use crate::adapter::{CheckState, Review, ReviewState, Signer as _};
use crate::conformance::case::{Answer as _, Case, Outcome, cases, ensure};
use crate::digest::Digest;
use crate::error::ErrorKind;
use crate::evidence::{
    Deployment, Envelope, PAYLOAD_TYPE, Predicate as _, Statement, Subject, TrustRoot, pre_authentication_encoding,
};
use crate::id::{CommitId, PersonId};
use crate::memory::MemorySigner;
use crate::policy::{
    ApprovalRule, Ask, Authoring, Changes, CommitStatus, Coverage, GitState, Languages, PROMOTION_CONTEXT, Policy, PolicyLayer,
    Proposal, ReadAt, Readings, Requirement, Severity, Shown, VerifiedFacts, decide,
};
use crate::principal::Principal;
use crate::project::{Lifecycle, Role, Rollback, Unit, UnitKind};

pub(super) fn cases() -> Vec<Case<ScmWorld>> {
    cases!["scm": a_granted_promotion_is_read_as_a_success, a_promotion_grant_serves_one_post]
}

async fn a_granted_promotion_is_read_as_a_success(w: ScmWorld) -> Outcome {
    let opened = w.proposal("topic", "src/b.txt", "b").await?;
    w.scm.post_status(&cx("promotion"), &w.repo, granted(&w, &opened.head, 1).await?).await.works()?;
    let checks = read(&w, &*w.scm, &opened.head).await?;
    let [check] = checks.as_slice() else { return Err(format!("one status is read as {checks:?}")) };
    let seen = (check.name.as_str(), check.state);
    ensure!(seen == (PROMOTION_CONTEXT, CheckState::Success), "a granted promotion is read as {seen:?}");
    Ok(())
}

async fn a_promotion_grant_serves_one_post(w: ScmWorld) -> Outcome {
    let opened = w.proposal("topic", "src/b.txt", "b").await?;
    w.scm.post_status(&cx("promotion"), &w.repo, granted(&w, &opened.head, 1).await?).await.works()?;
    w.restarted.post_status(&cx("promotion"), &w.repo, granted(&w, &opened.head, 1).await?).await.works()?;
    let revoked = status(&opened.head, PROMOTION_CONTEXT, CheckState::Failure, "evidence was revoked")?;
    w.scm.post_status(&cx("revoked"), &w.repo, revoked).await.works()?;
    let answer = w.restarted.post_status(&cx("another key"), &w.repo, granted(&w, &opened.head, 1).await?).await;
    answer.fails(ErrorKind::Denied, "the grant was used before, under another key")?;
    let checks = read(&w, &*w.scm, &opened.head).await?;
    ensure!(checks.iter().all(|check| check.state == CheckState::Failure), "a grant was used twice: {checks:?}");
    w.scm.post_status(&cx("another grant"), &w.repo, granted(&w, &opened.head, 2).await?).await.works()
}

/// The success that a grant gives. The same nonce gives the same grant.
async fn granted(w: &ScmWorld, head: &CommitId, nonce: u128) -> Result<CommitStatus, String> {
    let [approver, _] = w.people.names();
    let tree = w.scm.read_commit(&cx("read"), &w.repo, head).await.works()?.tree;
    let state = GitState { commit: head.clone(), tree };
    let policy = policy()?;
    let readings = readings(w, state.clone(), approver, policy.digest())?;
    let (deployed, trust) = deployed(&readings, &state).await?;
    let read = ReadAt { meta: head.clone(), at: DATE };
    let facts = VerifiedFacts::new(&trust, &[deployed], readings, read);
    let (decision, grant) = decide(&policy, &facts, DATE, nonce);
    let grant = grant.ok_or_else(|| format!("the policy of this case gave no grant: {decision:?}"))?;
    let (_, status) = grant.redeem(&policy, &facts, DATE).map_err(|why| why.to_string())?;
    Ok(status)
}

/// One approval of an owner is asked for, beside what is built in.
fn policy() -> Result<Policy, String> {
    let approval = Requirement {
        id: id("approval")?,
        reason: "people promote".to_owned(),
        severity: Severity::Required,
        covers: Coverage::default(),
        changes: Changes::All,
        asks: Ask::Approvals(ApprovalRule { count: NonZeroU32::MIN, roles: BTreeSet::from([Role::Owner]) }),
    };
    let layer = PolicyLayer { requirements: vec![approval], ..PolicyLayer::default() };
    Policy::new(vec![layer], &Languages::none()).map_err(|problems| format!("{problems:?}"))
}

/// Signed evidence that the state was live in preflight, and who is trusted to say so.
async fn deployed(readings: &Readings, state: &GitState) -> Result<(Envelope, TrustRoot), String> {
    let deployment = Deployment {
        change_set: readings.change_set.clone(),
        unit: readings.unit.id.clone(),
        environment: readings.preflight.clone(),
        ready: true,
        reason: None,
        commit: Some(state.commit.clone()),
        tree: Some(state.tree.clone()),
        artifact: None,
        resource_version: "1".to_owned(),
        observed_on: DATE,
    };
    let subject = Subject::named("store@preflight").with_tree(&state.tree);
    let statement = Statement::new(vec![subject], Deployment::TYPE, &deployment).map_err(|why| why.to_string())?;
    let payload = statement.to_canonical().map_err(|why| why.to_string())?;
    let signer = MemorySigner::from_seed(1).map_err(|why| why.to_string())?;
    let signature = signer.sign(&cx("sign"), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.works()?;
    Ok((Envelope::new(&payload, &signer.public_key(), signature), TrustRoot::new([signer.public_key()])))
}

/// An approved pull request for a component.
fn readings(w: &ScmWorld, state: GitState, approver: PersonId, policy: Digest) -> Result<Readings, String> {
    let approval = Review {
        author: Principal::Human(approver.clone()),
        state: ReviewState::Approved,
        commit: state.commit.clone(),
        at: DATE,
        body: String::new(),
    };
    Ok(Readings {
        change_set: id("conformance")?,
        unit: component(w, approver.clone())?,
        environment: id("production")?,
        preflight: id("preflight")?,
        artifact: None,
        source: None,
        tested: state.clone(),
        proposal: Some(Proposal {
            repo: w.repo.clone(),
            head: state.commit,
            tree: state.tree,
            carries_tested: true,
            shown: Shown { policy, since: DATE },
            reviews: vec![approval],
        }),
        authoring: Authoring::Observed,
        authors: BTreeSet::from([Principal::System]),
        strangers: Default::default(),
        way_back: false,
        source_reviews: Vec::new(),
        source_head: None,
        people: BTreeMap::from([(approver, BTreeSet::from([Role::Owner]))]),
        accounts: BTreeMap::new(),
        dependencies: BTreeMap::new(),
        incidents: Vec::new(),
        stops: Vec::new(),
        read: None,
    })
}

fn component(w: &ScmWorld, owner: PersonId) -> Result<Unit, String> {
    Ok(Unit {
        id: id("store")?,
        kind: UnitKind::Component { component_type: "store".to_owned() },
        desired_state: w.repo.clone(),
        intent: None,
        owner,
        boundaries: None,
        lifecycle: Lifecycle::PathReady,
        class: None,
        depends_on: BTreeSet::new(),
        provides: BTreeSet::new(),
        consumes: BTreeSet::new(),
        rollback: Rollback::Revert,
        checks: BTreeSet::new(),
    })
}
