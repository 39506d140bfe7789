//! Under faults: one branch, one commit, one pull request, one comment, one status and one merge, whatever goes wrong.

use std::future::Future;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pathops_core::adapter::{
    Check, CheckState, Comment, FileChange, Merge, MergeableBranch, NewCommit, NewPullRequest, PullRequest, PullRequestMeta, Scm,
    SourceFile,
};
use pathops_core::conformance::{failures, merge, scm};
use pathops_core::memory::{Fault, Faults, Faulty, ManualClock, MemoryForge, When};
use pathops_core::policy::CommitStatus;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{CommitId, Effect, IdempotencyKey, OpContext, Principal, Result, Retry, UnixMillis};

use crate::fixture::{Memory, forge, repo};

const SEEDS: u64 = 50;

pub(crate) fn trials() -> Vec<Trial> {
    let each = [Fault::Twice, Fault::Flaky, Fault::LoseRequest, Fault::LoseAnswer];
    let mut trials = Vec::from(each.map(|fault| Trial::test(format!("faults::{fault:?}_of_each_write"), move || walk(fault))));
    trials.push(Trial::test("faults::many_at_once", many));
    trials.push(Trial::test("faults::the_kit_passes_with_every_write_made_twice", twice));
    trials
}

type Outcome = std::result::Result<(), Failed>;

fn check(holds: bool, why: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(why().into()) }
}

/// Hits each write of the run in turn.
fn walk(fault: Fault) -> Outcome {
    let clean = run(plan(0)).0;
    for write in 1.. {
        let (end, faults) = run(plan(0).with(fault, When::Write(write)));
        check(end == clean, || format!("{fault:?} of write {write} ended in {end:#?}, not in {clean:#?}"))?;
        if faults.hits().is_empty() {
            return check(write > 6, || format!("the run has only {} writes", write - 1));
        }
    }
    Ok(())
}

/// Hits many calls, chosen by seeds; a seed gives the same faults each time.
fn many() -> Outcome {
    let clean = run(plan(0)).0;
    let often = When::PerMille(150);
    let faults = |seed| plan(seed).with(Fault::Twice, often).with(Fault::LoseAnswer, often).with(Fault::LoseRequest, often);
    let mut hits = 0;
    for seed in 0..SEEDS {
        let (end, faults_met) = run(faults(seed));
        check(end == clean, || format!("seed {seed} ended in {end:#?}, not in {clean:#?}, after {:#?}", faults_met.hits()))?;
        check(run(faults(seed)).1.hits() == faults_met.hits(), || format!("seed {seed} gave other faults the second time"))?;
        hits += faults_met.hits().len();
    }
    check(hits as u64 > SEEDS, || format!("{SEEDS} runs met only {hits} faults"))
}

fn twice() -> Outcome {
    let faults = || Arc::new(plan(0).with(Fault::Twice, When::Always));
    let memory = Memory {
        scm: Arc::new(move |_, scm| Arc::new(Faulty::new(scm, faults()))),
        merge: Arc::new(move |_, merge| Arc::new(Faulty::new(merge, faults()))),
        ..Memory::plain(MemoryForge::CAPABILITIES)
    };
    let mut failed = failures(&scm::cases(memory.offers), &scm::worlds(Arc::new(memory.clone())));
    failed.extend(failures(&merge::cases(), &merge::worlds(Arc::new(memory))));
    check(failed.is_empty(), || format!("{failed:#?} failed"))
}

fn plan(seed: u64) -> Faults {
    Faults::new(seed, Arc::new(ManualClock::new(UnixMillis(0))))
}

/// Everything that the run left behind.
#[derive(Debug, PartialEq)]
struct End {
    main: Option<CommitId>,
    topic: Option<CommitId>,
    pulls: Vec<PullRequest>,
    comments: Vec<Comment>,
    checks: Vec<Check>,
}

/// A small change from branch to merge, by a caller who follows the rules.
fn run(faults: Faults) -> (End, Arc<Faults>) {
    let (forge, faults) = (forge(MemoryForge::CAPABILITIES), Arc::new(faults));
    let scm: Arc<dyn Scm> = Arc::new(Faulty::new(forge.scm(Principal::System), faults.clone()));
    let merge: Arc<dyn Merge> = Arc::new(Faulty::new(forge.merger(Principal::System), faults.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let end = runtime.block_on(async {
        change(&*scm, &*merge).await;
        faults.stop();
        look(&*scm).await
    });
    (end, faults)
}

fn cx(key: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(key))
}

/// Makes a call until it works. A write whose effect is unknown is made again only where reading back does not find it.
async fn settle<T, W, R>(write: impl Fn() -> W, read_back: impl Fn() -> R) -> T
where
    W: Future<Output = Result<T>>,
    R: Future<Output = Result<Option<T>>>,
{
    loop {
        let error = match write().await {
            Ok(answer) => return answer,
            Err(error) => error,
        };
        assert_ne!(error.retry(), Retry::Never, "{error}");
        if error.effect() == Effect::Unknown
            && let Some(found) = read(&read_back).await
        {
            return found;
        }
    }
}

/// Reads until it works.
async fn read<T, R: Future<Output = Result<T>>>(read: impl Fn() -> R) -> T {
    loop {
        match read().await {
            Ok(answer) => return answer,
            Err(error) => assert_eq!((error.effect(), error.retry()), (Effect::None, Retry::Backoff), "{error}"),
        }
    }
}

async fn change(scm: &dyn Scm, merge: &dyn Merge) {
    let (repo, main, topic, read_cx) = (&repo(), &"main".parse().unwrap(), &"topic".parse().unwrap(), &cx("read"));
    let at = &read(|| scm.branch_head(read_cx, repo, main)).await.unwrap();
    let made = async || Ok(scm.branch_head(read_cx, repo, topic).await?.map(drop));
    settle(|| scm.create_branch(read_cx, repo, topic, at), made).await;

    let new = &new_commit(at.clone());
    let key = cx("commit");
    let made = async || Ok(scm.branch_head(read_cx, repo, topic).await?.filter(|head| head != at));
    let head = &settle(|| scm.commit(&key, repo, new), made).await;

    let (key, new) = (cx("open"), &new_pull());
    let made = async || Ok(scm.pull_requests_from(read_cx, repo, topic).await?.pop());
    let pull = settle(|| scm.open_pull_request(&key, repo, new), made).await;

    let key = cx("comment");
    let made = async || Ok(scm.comments(read_cx, repo, pull.number).await?.first().map(|comment| comment.id));
    settle(|| scm.put_comment(&key, repo, pull.number, "status", "words"), made).await;

    let key = cx("status");
    let status = || CommitStatus::new(head.clone(), "ci/build".parse().unwrap(), CheckState::Success, "passed").unwrap();
    let made = async || Ok(scm.checks(read_cx, repo, head).await?.first().map(drop));
    settle(|| scm.post_status(&key, repo, status()), made).await;

    let (key, branch) = (cx("merge"), &mergeable());
    let made = async || Ok(scm.branch_head(read_cx, repo, main).await?.filter(|head| head != at));
    settle(|| merge.merge(&key, repo, pull.number, head, branch), made).await;
}

async fn look(scm: &dyn Scm) -> End {
    let (repo, cx, topic) = (&repo(), &cx("read"), &"topic".parse().unwrap());
    let pulls = scm.pull_requests_from(cx, repo, topic).await.unwrap();
    let pull = pulls.first().unwrap();
    End {
        main: scm.branch_head(cx, repo, &"main".parse().unwrap()).await.unwrap(),
        topic: scm.branch_head(cx, repo, topic).await.unwrap(),
        comments: scm.comments(cx, repo, pull.number).await.unwrap(),
        checks: scm.checks(cx, repo, &pull.head).await.unwrap(),
        pulls,
    }
}

fn new_commit(expected_head: CommitId) -> NewCommit {
    let file = SourceFile { bytes: b"b\n".to_vec(), executable: false };
    NewCommit {
        branch: "topic".parse().unwrap(),
        expected_head,
        message: "Change".to_owned(),
        author: Principal::System,
        at: UnixMillis(1_790_000_000_000),
        changes: vec![FileChange { path: "src/b.txt".parse().unwrap(), file: Some(file) }],
    }
}

fn new_pull() -> NewPullRequest {
    NewPullRequest {
        title: "Change".to_owned(),
        body: String::new(),
        head: "topic".parse().unwrap(),
        base: "main".parse().unwrap(),
        author: Principal::System,
        reviewers: Vec::new(),
        meta: PullRequestMeta::default(),
    }
}

fn mergeable() -> MergeableBranch {
    let target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
    MergeableBranch::of(&EnvironmentTarget { branch: "main".parse().unwrap(), ..target }).unwrap()
}
