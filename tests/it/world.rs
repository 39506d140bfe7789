//! A whole control plane in memory and virtual time: the reference adapters, a small shop, and people who act at once.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::change_set::{ChangeSet, Command, Limits, PullRequestRef, Role, State};
use pathops_coordinator::{ControlPlane, Pace, RetryBudgets};
use pathops_core::adapter::*;
use pathops_core::flow::{Observer, Progress};
use pathops_core::memory::*;
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget, FeatureRequest, UnitChange};
use pathops_core::{
    BranchName, ChangeSetId, IdempotencyKey, OpContext, PersonId, Principal, RepoId, RepoPath, Result, UnitId, UnixMillis,
};
use pathops_evidence::ledger::{Ledger, LogKey};
use pathops_evidence::retention::SealedBlobs;

/// Where virtual time begins: a Monday, outside of every freeze.
pub(crate) const START: UnixMillis = UnixMillis(1_763_971_200_000);

pub(crate) const UNITS: [&str; 4] = ["catalog", "orders", "store", "web"];

/// Others whose evidence counts, and the seeds of their keys. PathOps itself has the seed 1.
pub(crate) const PRODUCERS: [(&str, u64); 2] = [("scanner", 2), ("monitoring", 3)];

/// A credential of the host.
pub(crate) const SECRET: &str = "swordfish-1234";

/// What a unit's source says when its deployment is to fail its smoke job.
pub(crate) const DEFECT: &str = "defect";

/// What it says when that is to fail in production only.
pub(crate) const LATE_DEFECT: &str = "fault";

/// What a unit's source says when it does not build.
pub(crate) const BROKEN: &str = "no program";

/// Everything that outlives a control plane.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) forge: MemoryForge,
    pub(crate) journal: MemoryJournal,
    pub(crate) blobs: Arc<MemoryBlobs>,
    pub(crate) index: MemoryEvidenceIndex,
    pub(crate) ci: MemoryCi,
    pub(crate) gitops: MemoryGitOps,
    pub(crate) notifier: Arc<MemoryNotifier>,
    faults: Option<Arc<Faults>>,
    /// What goes wrong with the index alone.
    pub(crate) index_faults: Option<Arc<Faults>>,
    /// Whether the host gives the index to its control plane.
    pub(crate) takes_evidence: bool,
    pub(crate) needs_policy_check: Option<u32>,
    /// Whether the host wants labels.
    pub(crate) labels: bool,
    pub(crate) limits: Limits,
    pub(crate) retry_budgets: Arc<RetryBudgets>,
    /// While it is set, nobody merges into production.
    pub(crate) hesitant: Arc<AtomicBool>,
    pub(crate) deployed: Arc<Mutex<Vec<String>>>,
    /// Everything that an agent was given.
    pub(crate) tasks: Arc<Mutex<Vec<AgentTask>>>,
    /// Logs, events and metrics; none at first.
    pub(crate) signals: Arc<dyn RuntimeSignals>,
    /// Where payloads go that are to be erasable; nowhere at first.
    pub(crate) sealed: Option<SealedBlobs>,
    /// Whether evidence is appended to a ledger, in the bucket of the snapshots.
    pub(crate) keeps_ledger: bool,
    /// Where snapshots get their numbers.
    pub(crate) streams: MemoryBucket,
    calls: Arc<Mutex<VecDeque<Call>>>,
    watch: Watch,
}

/// Is told of each command that begins, before anybody acts on it.
type Watch = Arc<dyn Fn(&Command) + Send + Sync>;

#[derive(Clone, Debug)]
struct Call {
    pull_request: PullRequestRef,
    role: Role,
    merge: bool,
}

impl World {
    pub(crate) fn new(journal: MemoryJournal) -> Self {
        let clock = ManualClock::new(START);
        let forge = MemoryForge::new(Arc::new(clock.clone()));
        let blobs = Arc::new(MemoryBlobs::new());
        let scm = forge.scm(Principal::System);
        let deployed: Arc<Mutex<Vec<String>>> = Arc::default();
        let gitops = MemoryGitOps::new(scm.clone(), Arc::new(clock.clone()))
            .taking(RolloutTimes { apply: seconds(1), start: seconds(2), jobs: seconds(1) })
            .with_script(rollouts(deployed.clone(), blobs.clone()));
        let ci = MemoryCi::new(scm.clone(), blobs.clone(), Arc::new(clock.clone())).taking(seconds(3)).with_script(pipeline);
        let notifier = Arc::new(MemoryNotifier::new(NotifierCapabilities::default()));
        let world = Self {
            tasks: Arc::default(),
            signals: Arc::new(MemorySignals::new(SignalCapabilities::default())),
            sealed: None,
            keeps_ledger: false,
            streams: MemoryBucket::new(),
            calls: Arc::default(),
            watch: Arc::new(|_| {}),
            faults: None,
            index_faults: None,
            takes_evidence: true,
            needs_policy_check: None,
            labels: true,
            limits: Limits::default(),
            retry_budgets: Arc::default(),
            hesitant: Arc::default(),
            clock,
            forge,
            journal,
            blobs,
            index: MemoryEvidenceIndex::new(),
            ci,
            gitops,
            notifier,
            deployed,
        };
        world.populate();
        world
    }

    /// The same world, with every adapter behind these faults.
    pub(crate) fn through(&self, faults: &Arc<Faults>) -> Self {
        Self { faults: Some(faults.clone()), ..self.clone() }
    }

    /// The same world, with `watch` told of each command that begins, before anybody acts on it.
    pub(crate) fn watched(&self, watch: impl Fn(&Command) + Send + Sync + 'static) -> Self {
        Self { watch: Arc::new(watch), ..self.clone() }
    }

    fn populate(&self) {
        let forge = &self.forge;
        let main = branch("main");
        forge.create_repo(&repo("shop/meta"), &BTreeMap::from([(main.clone(), SourceTree::new())])).unwrap();
        let declarations = meta().into_iter().map(|(path, file)| FileChange { path, file: Some(file) });
        crate::governance::write(self, "main", declarations.collect());
        for unit in UNITS {
            if unit != "store" {
                let source = tree(&[("ci/run", "#!/bin/sh\n"), ("src/main", unit)]);
                forge.create_repo(&repo(&format!("shop/{unit}-src")), &BTreeMap::from([(main.clone(), source)])).unwrap();
                let rules = BranchProtection {
                    required_checks: vec!["ci/build".parse().unwrap()],
                    required_approvals: 1,
                    merge_queue: false,
                };
                forge.protect(&repo(&format!("shop/{unit}-src")), &main, rules).unwrap();
            }
            let gitops = repo(&format!("shop/{unit}-gitops"));
            let branches = ["preflight", "production"].map(|environment| {
                let folder = format!("environments/{environment}");
                let files = tree(&[
                    (&format!("{folder}/settings.yaml"), "apiVersion: pathops.dev/v1alpha1\nkind: Settings\nspec: {}\n"),
                    (&format!("{folder}/deployment.yaml"), "apiVersion: pathops.dev/v1alpha1\nkind: Deployment\nspec: {}\n"),
                ]);
                (
                    branch(environment),
                    if environment == "production" { tree(&[(&format!("{folder}/settings.yaml"), "x")]) } else { files },
                )
            });
            forge.create_repo(&gitops, &BTreeMap::from(branches)).unwrap();
            let rules = BranchProtection {
                required_checks: vec![PROMOTION_CONTEXT.parse().unwrap()],
                required_approvals: 1,
                merge_queue: false,
            };
            forge.protect(&gitops, &branch("production"), rules).unwrap();
            for target in [target(EnvironmentKind::Preflight), target(EnvironmentKind::Production)] {
                self.gitops.manage(&id(unit), &target, &gitops);
            }
        }
    }

    /// What its machine makes of each deployment.
    pub(crate) fn rollouts(&self) -> impl Fn(&Deploying) -> Rollout + Send + Sync + 'static {
        rollouts(self.deployed.clone(), self.blobs.clone())
    }

    /// A control plane over this world, as a host would make it after a restart.
    pub(crate) fn plane(&self) -> ControlPlane {
        self.plane_of("test")
    }

    /// The same, for the host of that name.
    pub(crate) fn plane_of(&self, host: &str) -> ControlPlane {
        macro_rules! seen {
            ($adapter:expr) => {
                match &self.faults {
                    Some(faults) => Arc::new(Faulty::new($adapter, faults.clone())),
                    None => $adapter,
                }
            };
        }
        let mut patch = AgentCapabilities::default();
        patch.patch = true;
        let tasks = self.tasks.clone();
        let agent = MemoryAgent::new("patch".parse().unwrap(), move |task, files| {
            tasks.lock().unwrap().push(task.clone());
            work(task, files)
        });
        let agent = agent.with_capabilities(patch);
        let scm: Arc<dyn Scm> = self.forge.scm(Principal::System);
        let merge: Arc<dyn Merge> = self.forge.merger(Principal::System);
        let ci: Arc<dyn Ci> = Arc::new(self.ci.clone());
        let gitops: Arc<dyn GitOps> = Arc::new(self.gitops.clone());
        let signals = self.signals.clone();
        let blobs: Arc<dyn BlobStore> = self.blobs.clone();
        let streams: Arc<dyn Bucket> = Arc::new(self.streams.clone());
        let journal: Arc<dyn Journal> = Arc::new(self.journal.clone());
        let signer: Arc<dyn Signer> = Arc::new(MemorySigner::from_seed(1).unwrap());
        let agent: Arc<dyn AgentBackend> = Arc::new(agent);
        let notifier: Arc<dyn Notifier> = self.notifier.clone();
        let mut index: Arc<dyn EvidenceIndex> = Arc::new(self.index.clone());
        if let Some(faults) = &self.index_faults {
            index = Arc::new(Faulty::new(index, faults.clone()));
        }
        let builder = PRODUCERS.iter().fold(ControlPlane::builder(), |builder, (name, seed)| {
            builder.producer(name.parse().unwrap(), MemorySigner::from_seed(*seed).unwrap().public_key())
        });
        let builder = if self.takes_evidence { builder.evidence(seen!(index)) } else { builder };
        let builder = builder.labels(self.labels);
        let builder = match self.needs_policy_check {
            Some(approvals) => builder.require_policy_check(approvals),
            None => builder,
        };
        let builder = self.sealed.iter().cloned().fold(builder, |builder, sealed| builder.sealed(sealed));
        let builder = if self.keeps_ledger { builder.ledger(self.ledger()) } else { builder };
        builder
            .name(host)
            .meta_repo(repo("shop/meta"))
            .scm(seen!(scm))
            .merge(seen!(merge))
            .ci(seen!(ci))
            .gitops(seen!(gitops))
            .signals(seen!(signals))
            .blobs(seen!(blobs))
            .streams(seen!(streams))
            .journal(seen!(journal))
            .signer(seen!(signer))
            .agent(seen!(agent))
            .notifier(seen!(notifier))
            .clock(Arc::new(self.clock.clone()))
            .ids(Arc::new(SeededIds::new(1)))
            .secret(SECRET)
            .pace(Pace { shortest: Duration::from_millis(100), longest: seconds(5), ..Pace::default() })
            .limits(self.limits)
            .retry_budgets(self.retry_budgets.clone())
            .observer(self.observer())
            .build()
            .unwrap()
    }

    fn ledger(&self) -> Arc<Ledger> {
        Arc::new(wait(Ledger::open(&cx(), Arc::new(self.streams.clone()), log_key())).unwrap())
    }

    fn observer(&self) -> Observer<ChangeSet> {
        let (calls, watch) = (self.calls.clone(), self.watch.clone());
        Arc::new(move |_, progress| {
            let Progress::Began { command, .. } = progress else { return };
            watch(command);
            let call = match command {
                Command::AwaitMerge { pull_request, role, .. } => {
                    Call { pull_request: pull_request.clone(), role: *role, merge: true }
                }
                Command::Promote { pull_request, role, until_merged, .. } => {
                    Call { pull_request: pull_request.clone(), role: *role, merge: *until_merged }
                }

                _ => return,
            };
            calls.lock().unwrap().push_back(call);
        })
    }

    /// Requests a feature and takes it to its end.
    pub(crate) fn carry_out(&self, request: FeatureRequest, key: &str) -> Result<State> {
        self.run(request, key, || false).unwrap()
    }

    /// What comes of something that may wait for the clock.
    pub(crate) fn wait_with<T>(&self, future: impl Future<Output = T>) -> T {
        let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
        loop {
            if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
                return answer;
            }
            assert!(self.clock.advance_to_next(), "it waits for nothing");
        }
    }

    /// The same, until `killed` says that the process is gone: then `None`.
    pub(crate) fn run(&self, request: FeatureRequest, key: &str, killed: impl Fn() -> bool) -> Option<Result<State>> {
        let plane = self.plane();
        let key = IdempotencyKey::new(key);
        let mut whole = pin!(async {
            let change_set: ChangeSetId = plane.request_feature(request, Some(&key)).await?;
            match plane.state(&change_set).await? {
                Some(state) if state.ended => Ok(state),
                _ => plane.drive(&change_set).await,
            }
        });
        let mut context = Context::from_waker(Waker::noop());
        // Virtual days; far more than any flow takes, so that one that never ends is a failed test.
        for _ in 0..200_000 {
            if let Poll::Ready(ended) = whole.as_mut().poll(&mut context) {
                if let Ok(state) = &ended {
                    pathops_simulation::lifecycles_are_kept(state).unwrap();
                }
                return if killed() { None } else { Some(ended) };
            }
            if killed() {
                self.calls.lock().unwrap().clear();
                return None;
            }
            self.people_act();
            assert!(self.clock.advance_to_next(), "everybody waits and nobody sleeps: the flow is stuck");
        }
        panic!("the flow does not come to an end");
    }

    /// Lets time pass until a future is ready. Nobody acts in the meantime.
    pub(crate) fn pass<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        for _ in 0..200_000 {
            if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return answer;
            }
            assert!(self.clock.advance_to_next(), "it waits and nobody sleeps: it is stuck");
        }
        panic!("it does not come to an end");
    }

    /// People answer what they were called for; what they cannot do yet they try again.
    pub(crate) fn people_act(&self) {
        let calls: Vec<Call> = self.calls.lock().unwrap().drain(..).collect();
        for call in calls {
            if !self.answer(&call) {
                self.calls.lock().unwrap().push_back(call);
            }
        }
    }

    fn answer(&self, call: &Call) -> bool {
        let PullRequestRef { repo, number, .. } = &call.pull_request;
        let now = wait(self.forge.scm(Principal::System).pull_request(&cx(), repo, *number)).unwrap();
        if now.state != PullRequestState::Open {
            return true;
        }
        let reviewer = person(if call.role == Role::Source { "bob" } else { "carol" });
        if call.role == Role::Source || !call.merge {
            let reviews = wait(self.forge.scm(Principal::System).reviews(&cx(), repo, *number)).unwrap();
            if !reviews.iter().any(|review| review.author == Principal::Human(reviewer.clone()) && review.commit == now.head) {
                self.forge.person(reviewer).review(repo, *number, &now.head, ReviewState::Approved, "fine").unwrap();
            }
        }
        if call.merge && call.role == Role::Production && self.hesitant.load(Ordering::SeqCst) {
            return false;
        }
        !call.merge || self.forge.person(person("bob")).merge(repo, *number, &now.head).is_ok()
    }
}

/// The key of the ledger.
pub(crate) fn log_key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

/// A feature that touches all units; one may carry a defect that only shows in preflight.
pub(crate) fn feature(defect_in: Option<&str>) -> FeatureRequest {
    feature_of(&UNITS, "better", defect_in)
}

/// A feature that touches these units and writes this text into them.
pub(crate) fn feature_of(units: &[&str], text: &str, defect_in: Option<&str>) -> FeatureRequest {
    let change = |unit: &str| UnitChange {
        unit: id(unit),
        reason: format!("{unit} has to know it"),
        contracts: if unit == "catalog" || unit == "orders" {
            [format!("{unit}-http").parse().unwrap()].into()
        } else {
            [].into()
        },
        patch: Some(if defect_in == Some(unit) { format!("{text} with a {DEFECT}") } else { text.to_owned() }),
    };
    let changes = units.iter().map(|unit| change(unit)).collect();
    FeatureRequest {
        title: "Show the delivery date".to_owned(),
        text: "At checkout.".to_owned(),
        requested_by: person("alice"),
        changes,
    }
}

/// The agent: it does what the patch says.
fn work(task: &AgentTask, files: &mut SourceTree) -> Result<String> {
    let path = if task.unit.as_str() == "store" { "environments/preflight/feature.txt" } else { "src/feature" };
    let text = task.patch.clone().unwrap_or_default();
    files.insert(RepoPath::parse(path).unwrap(), SourceFile { bytes: text.into_bytes(), executable: false });
    Ok("done".to_owned())
}

/// CI: what is no program does not build.
fn pipeline(request: &CiRequest, files: &SourceTree) -> Pipeline {
    let broken = files.values().any(|file| String::from_utf8_lossy(&file.bytes).contains(BROKEN));
    if broken { Pipeline::failing(request) } else { Pipeline::passing(request, files) }
}

fn rollouts(log: Arc<Mutex<Vec<String>>>, artifacts: Arc<MemoryBlobs>) -> impl Fn(&Deploying) -> Rollout + Send + Sync + 'static {
    move |deploying| {
        log.lock().unwrap().push(format!("{}@{}", deploying.unit, deploying.environment));
        rollout(deploying, &artifacts)
    }
}

/// The machine: what was built from a defect fails its smoke job.
fn rollout(deploying: &Deploying, artifacts: &MemoryBlobs) -> Rollout {
    let mut rollout = Rollout::passing(deploying);
    if defective(deploying, artifacts) {
        for job in rollout.jobs.iter_mut().filter(|job| job.kind == JobKind::Smoke) {
            job.checks = Some(vec![JobCheck { name: "it works".to_owned(), failure: Some("it does not".to_owned()) }]);
        }
    }
    rollout
}

fn defective(deploying: &Deploying, artifacts: &MemoryBlobs) -> bool {
    let artifact = deploying.artifact.and_then(|digest| wait(artifacts.get(&cx(), &digest)).unwrap()).unwrap_or_default();
    let files = deploying.files.values().map(|file| file.bytes.as_slice());
    let says = |word: &str| files.clone().chain([artifact.as_slice()]).any(|bytes| String::from_utf8_lossy(bytes).contains(word));
    says(DEFECT) || (deploying.environment.as_str() == "production" && says(LATE_DEFECT))
}

fn meta() -> SourceTree {
    let unit = |kind: &str, name: &str, more: &str| {
        format!(
            "apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  owner: alice\n  intent: It is wanted.\n  boundaries: Only its own.\n  lifecycle: path-ready\n  rollback: revert\n  checks: [health, smoke]\n{more}"
        )
    };
    let contract = |name: &str| {
        format!(
            "apiVersion: pathops.dev/v1alpha1\nkind: Contract\nmetadata: {{name: {name}}}\nspec: {{type: openapi, definition: {name}.openapi.yaml}}\n"
        )
    };
    let requirements = "
    - {id: unit-tests, reason: tests, covers: {kind: app}, asks: {tests: {run: build, suite: unit, minPassed: 1, accept: {maxAgeSeconds: 604800}}}}
    - {id: preflight-deployment, reason: it ran, covers: {}, asks: {deployment: {accept: {maxAgeSeconds: 86400}}}}
    - {id: preflight-health, reason: it was healthy, covers: {}, asks: {health: {settledSeconds: 5, accept: {maxAgeSeconds: 86400}}}}
    - {id: preflight-smoke, reason: it worked, covers: {}, asks: {tests: {run: preflight, suite: smoke, minPassed: 1, accept: {maxAgeSeconds: 86400}}}}
    - {id: approval, reason: people, covers: {}, asks: {approvals: {count: 1, roles: [owner, reviewer]}}}
";
    let head =
        |kind: &str, name: &str| format!("apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n");
    tree(&[
        (
            "project.yaml",
            &format!(
                "{}  environments:\n    - {{name: preflight, kind: preflight}}\n    - {{name: production, kind: production}}\n    - {{name: agents, kind: agents}}\n",
                head("Project", "shop")
            ),
        ),
        (
            "people.yaml",
            &format!(
                "{}  people:\n    - {{name: alice, roles: [owner]}}\n    - {{name: bob, roles: [reviewer]}}\n    - {{name: carol, roles: [reviewer]}}\n",
                head("People", "people")
            ),
        ),
        ("policy.yaml", &format!("{}  preflightMerge: pathops\n  requirements:{requirements}", head("Policy", "shop"))),
        ("apps/catalog.yaml", &unit("App", "catalog", "  provides: [catalog-http]\n")),
        (
            "apps/orders.yaml",
            &unit("App", "orders", "  dependsOn: [store]\n  provides: [orders-http]\n  consumes: [catalog-http]\n"),
        ),
        ("apps/web.yaml", &unit("App", "web", "  consumes: [orders-http, catalog-http]\n")),
        ("components/store.yaml", &unit("Component", "store", "  type: key-value-store\n")),
        ("contracts/catalog-http.yaml", &contract("catalog-http")),
        ("contracts/catalog-http.openapi.yaml", "openapi: 3.0.3\n"),
        ("contracts/orders-http.yaml", &contract("orders-http")),
        ("contracts/orders-http.openapi.yaml", "openapi: 3.0.3\n"),
    ])
}

/// Runs a future that never has to wait: the memory adapters answer at once.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}

pub(crate) fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

pub(crate) fn target(kind: EnvironmentKind) -> EnvironmentTarget {
    let name = if kind == EnvironmentKind::Preflight { "preflight" } else { "production" };
    EnvironmentTarget { namespace: format!("shop-{name}"), ..EnvironmentTarget::local(name.parse().unwrap(), kind) }
}

pub(crate) fn id(unit: &str) -> UnitId {
    unit.parse().unwrap()
}

pub(crate) fn repo(repo: &str) -> RepoId {
    repo.parse().unwrap()
}

pub(crate) fn person(person: &str) -> PersonId {
    person.parse().unwrap()
}

pub(crate) fn branch(branch: &str) -> BranchName {
    branch.parse().unwrap()
}

fn tree(files: &[(&str, &str)]) -> SourceTree {
    let file = |text: &str| SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
    files.iter().map(|(path, text)| (RepoPath::parse(*path).unwrap(), file(text))).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
