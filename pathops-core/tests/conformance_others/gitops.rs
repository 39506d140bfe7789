use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    Clock, ExpectedDeployment, GitOps, GitOpsCapabilities, JobCheck, JobKind, JobResult, NotYet, Observation, Readiness, Stale,
    StaleAction,
};
use pathops_core::conformance::gitops::{Committed, Desired, DesiredState, GitOpsFixture, GitOpsWorld, cases, worlds};
use pathops_core::memory::{Deploying, Faulty, MemoryGitOps, Rollout, RolloutTimes};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::readiness::ProcessState;
use pathops_core::{CommitId, Digest, Error, OpContext, Result, TreeId, UnitId, UnixMillis};

use crate::failing;
use crate::forge::{Forge, no_faults};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    DeclaresNothing,
    OverlooksTheTime,
    OverlooksTheNextState,
    OverlooksTheCommit,
    OverlooksTheArtifact,
    OverlooksJobs,
    OverlooksMissingJobs,
    OverlooksSettling,
    KeepsOldHealth,
    WaitsForever,
    /// None: jobs count only for the commits that they ran for, and it says so.
    JobsOfCommits,
    CountsJobsOfTrees,
    CallsNothingTested,
}

#[derive(Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryGitOps,
    last: Mutex<Option<Observation>>,
    /// The commit that was tested last, and its tree.
    tested: Mutex<Option<(CommitId, TreeId)>>,
}

impl Planted {
    /// What this controller believes to have been asked for.
    async fn believed(&self, cx: &OpContext, asked: &ExpectedDeployment) -> Result<ExpectedDeployment> {
        let mut expected = asked.clone();
        let seen = self.inner.observe(cx, asked).await?;
        match self.defect {
            Defect::OverlooksTheTime => expected.since = UnixMillis(0),
            Defect::OverlooksTheCommit => expected.commit = seen.commit.unwrap_or(expected.commit),
            Defect::OverlooksTheArtifact => expected.artifact = seen.artifact,
            Defect::OverlooksJobs => expected.jobs.clear(),
            Defect::OverlooksMissingJobs => expected.jobs.retain(|job| job.as_str() != "nobody-declares-this"),
            Defect::OverlooksSettling => expected.settle = Duration::ZERO,
            _ => {}
        }
        Ok(expected)
    }

    /// Whether the expected jobs ran for this very commit: they run where the tree changes.
    fn ran_for(&self, expected: &ExpectedDeployment) -> bool {
        let mut tested = self.tested.lock().unwrap();
        match &*tested {
            _ if expected.jobs.is_empty() => true,
            Some((commit, tree)) if *tree == expected.tree => *commit == expected.commit,
            _ => {
                *tested = Some((expected.commit.clone(), expected.tree.clone()));
                true
            }
        }
    }
}

#[async_trait]
impl GitOps for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn capabilities(&self) -> GitOpsCapabilities {
        capabilities(self.defect)
    }

    async fn observe(&self, cx: &OpContext, expected: &ExpectedDeployment) -> Result<Observation> {
        if self.defect == Defect::DeclaresNothing && !expected.jobs.is_empty() {
            return Err(Error::unsupported("expect jobs"));
        }
        let expected = self.believed(cx, expected).await?;
        let mut observation = self.inner.observe(cx, &expected).await?;
        let mut last = self.last.lock().unwrap();
        match (self.defect, &observation.readiness) {
            (Defect::KeepsOldHealth, Readiness::NotYet(NotYet::Applying)) if last.is_some() => {
                observation.readiness = Readiness::Ready;
            }
            (Defect::OverlooksTheNextState, Readiness::Stale(Stale::Superseded { .. }, _)) => {
                observation.readiness = Readiness::Ready;
            }
            (Defect::WaitsForever, Readiness::Failed(_) | Readiness::Stale(_, StaleAction::GiveUp)) => {
                observation.readiness = Readiness::NotYet(NotYet::Applying);
            }
            (Defect::JobsOfCommits | Defect::CallsNothingTested, Readiness::Ready) if !self.ran_for(&expected) => {
                let not_tested = Stale::NotTested { message: "the jobs ran for another commit".to_owned() };
                observation.readiness = Readiness::Stale(not_tested, StaleAction::AskPeople);
            }
            (_, Readiness::Ready) => *last = Some(observation.clone()),
            _ => {}
        }
        Ok(observation)
    }

    async fn refresh(&self, cx: &OpContext, unit: &UnitId, target: &EnvironmentTarget) -> Result<()> {
        match self.defect {
            Defect::DeclaresNothing => Err(Error::unsupported("refresh a deployment")),
            _ => self.inner.refresh(cx, unit, target).await,
        }
    }
}

fn capabilities(defect: Defect) -> GitOpsCapabilities {
    let mut capabilities = GitOpsCapabilities::default();
    (capabilities.refresh, capabilities.jobs) = (defect != Defect::DeclaresNothing, defect != Defect::DeclaresNothing);
    capabilities.jobs_of_trees = capabilities.jobs && !matches!(defect, Defect::JobsOfCommits | Defect::CountsJobsOfTrees);
    capabilities
}

/// The script of the controller: the file `desired` says what becomes of it.
fn rollout(deploying: &Deploying) -> Rollout {
    let mut rollout = Rollout::passing(deploying);
    let desired = deploying.files.iter().find(|(path, _)| path.as_str().ends_with("/desired"));
    match desired.map(|(_, file)| file.bytes.as_slice()) {
        Some(b"Broken") => rollout.fault = Some(ProcessState::Crashed { message: "exit code 1".to_owned() }),
        Some(b"FailingJob") => {
            let check = JobCheck { name: "GET /".to_owned(), failure: Some("404".to_owned()) };
            rollout.jobs[0].checks = Some(vec![check]);
        }
        _ => {}
    }
    rollout
}

#[derive(Debug)]
struct Git {
    forge: Forge,
    target: EnvironmentTarget,
}

#[async_trait]
impl DesiredState for Git {
    async fn commit(&self, desired: Desired) -> Committed {
        let text = match desired {
            Desired::Healthy { version } => format!("version {version}"),
            other => format!("{other:?}"),
        };
        if desired == Desired::Unchanged {
            self.forge.commit(&[("README.md", format!("{:?}\n", self.forge.clock.now()))]).await;
        } else {
            let artifact = format!("spec:\n  digest: \"{}\"\n", Digest::of(text.as_bytes()));
            let (desired, reference) =
                (self.target.path.join("desired").unwrap(), self.target.path.join("artifact.yaml").unwrap());
            self.forge.commit(&[(desired.as_str(), text), (reference.as_str(), artifact)]).await;
        }
        let commit = self.forge.head().await;
        let file = self.target.path.join("artifact.yaml").unwrap();
        let reference = self.forge.scm.read_file(&crate::forge::cx(), &self.forge.repo, &commit, &file).await.unwrap().unwrap();
        let digest = String::from_utf8(reference).unwrap().split('"').nth(1).unwrap().parse().unwrap();
        Committed { tree: self.forge.tree(&commit, &self.target.path).await, commit, artifact: Some(digest) }
    }
}

fn target() -> EnvironmentTarget {
    EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight)
}

fn times() -> RolloutTimes {
    let [apply, start, jobs] = [200, 300, 100].map(Duration::from_millis);
    RolloutTimes { apply, start, jobs }
}

#[async_trait]
impl GitOpsFixture for Defect {
    async fn fresh(&self) -> GitOpsWorld {
        let forge = Forge::new("shop/orders-gitops", "preflight");
        let (unit, target) = ("orders".parse().unwrap(), target());
        let clock = Arc::new(forge.clock.clone());
        let inner = MemoryGitOps::new(forge.scm.clone(), clock.clone()).taking(times()).with_script(rollout);
        inner.manage(&unit, &target, &forge.repo);
        let jobs =
            if *self == Defect::DeclaresNothing { Vec::new() } else { ["health", "smoke"].map(|j| j.parse().unwrap()).into() };
        let planted: Arc<dyn GitOps> =
            Arc::new(Planted { defect: *self, inner, last: Mutex::default(), tested: Mutex::default() });
        GitOpsWorld {
            gitops: Arc::new(Faulty::new(planted, no_faults())),
            repo: forge.repo.clone(),
            git: Arc::new(Git { forge, target: target.clone() }),
            clock,
            unit,
            target,
            jobs,
            guard: Box::new(()),
        }
    }
}

fn fails(defect: Defect) -> Vec<String> {
    failing(&cases(capabilities(defect)), &worlds(Arc::new(defect)))
}

#[test]
fn the_reference_controller_does_all_of_it() {
    assert_eq!(fails(Defect::None), [""; 0]);
    assert_eq!(fails(Defect::DeclaresNothing), [""; 0]);
    assert_eq!(fails(Defect::JobsOfCommits), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    let table: &[(Defect, &[&str])] = &[
        (Defect::OverlooksTheTime, &["what_was_seen_before_says_nothing"]),
        (Defect::OverlooksTheNextState, &["a_superseded_deployment_is_given_up"]),
        (Defect::OverlooksTheCommit, &["an_unseen_commit_is_not_ready"]),
        (Defect::OverlooksTheArtifact, &["another_artifact_is_wrong"]),
        (
            Defect::OverlooksJobs,
            &[
                "a_healthy_deployment_becomes_ready",
                "the_next_deployment_is_ready_only_once_it_runs",
                "a_failed_job_fails_the_deployment",
                "an_undeclared_job_fails_the_deployment",
            ],
        ),
        (Defect::OverlooksMissingJobs, &["an_undeclared_job_fails_the_deployment"]),
        (Defect::OverlooksSettling, &["health_has_to_settle"]),
        (Defect::KeepsOldHealth, &["the_next_deployment_is_ready_only_once_it_runs", "an_older_state_is_not_the_newer_one"]),
        (Defect::CountsJobsOfTrees, &["a_later_commit_with_the_same_tree_is_as_good"]),
        (Defect::CallsNothingTested, &["a_later_commit_with_the_same_tree_is_as_good"]),
        (
            Defect::WaitsForever,
            &[
                "a_broken_deployment_fails",
                "a_superseded_deployment_is_given_up",
                "another_artifact_is_wrong",
                "a_failed_job_fails_the_deployment",
                "an_undeclared_job_fails_the_deployment",
            ],
        ),
    ];
    for (defect, expected) in table {
        assert_eq!(fails(*defect), *expected, "{defect:?}");
    }
}

#[tokio::test]
async fn between_polls_the_controller_knows_only_what_it_saw() {
    let forge = Forge::new("shop/orders-gitops", "preflight");
    let git = Git { forge: forge.clone(), target: target() };
    let unit: UnitId = "orders".parse().unwrap();
    let controller = MemoryGitOps::new(forge.scm.clone(), Arc::new(forge.clock.clone())).polling_every(Duration::from_secs(180));
    controller.manage(&unit, &target(), &forge.repo);
    let cx = crate::forge::cx();
    controller.refresh(&cx, &unit, &target()).await.unwrap();
    let looked = forge.clock.now();

    let committed = git.commit(Desired::Healthy { version: 1 }).await;
    let expected = ExpectedDeployment {
        unit: unit.clone(),
        target: target(),
        repo: forge.repo.clone(),
        commit: committed.commit,
        tree: committed.tree.clone(),
        artifact: committed.artifact,
        jobs: vec!["contract".parse().unwrap()],
        settle: Duration::ZERO,
        since: forge.clock.now(),
    };
    let observed = controller.observe(&cx, &expected).await.unwrap();
    let not_looking = Readiness::Stale(Stale::NotLooking { last_look: Some(looked) }, StaleAction::Refresh);
    assert_eq!(observed.readiness, not_looking);

    controller.refresh(&cx, &unit, &target()).await.unwrap();
    let observed = controller.observe(&cx, &expected).await.unwrap();
    assert_eq!(observed.readiness, Readiness::Ready);
    let kinds: Vec<JobKind> = observed.jobs.iter().map(|job| job.kind).collect();
    assert_eq!(kinds, [JobKind::Health, JobKind::Smoke, JobKind::Contract]);
    assert!(observed.jobs.iter().all(|job: &JobResult| job.tree == committed.tree && job.passed()));
}
