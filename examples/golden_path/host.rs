//! The host: the embedded adapters put together, and the requests carried out one after the other.

use std::any::Any;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use pathops_adapters::local_ci::{LocalCi, LocalCiConfig};
use pathops_adapters::local_forge::{ForgeConfig, LocalForge};
use pathops_adapters::local_gitops::{Program, Reconciler, ReconcilerConfig, Watched};
use pathops_adapters::patch_agent::PatchAgent;
use pathops_adapters::system::{SystemClock, SystemIds};
use pathops_coordinator::change_set::{End, State};
use pathops_coordinator::{ControlPlane, Pace};
use pathops_core::adapter::{Clock, EvidenceIndex, GitOps, SourceTree};
use pathops_core::evidence::TrustRoot;
use pathops_core::flow::Engine;
use pathops_core::project::{FeatureRequest, Project, load_request, request_names};
use pathops_core::{ChangeSetId, IdempotencyKey, OpContext};
use pathops_evidence::{EvidenceRecord, Rebuild, Recheck, rebuild_index};
use pathops_examples::store::{Open, Store};
use pathops_examples::{Failure, variable};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::account::{Account, Told};
use crate::arguments::{Arguments, STORE};
use crate::controller::{self, Controller, Verifier};
use crate::engine::{self, Running};
use crate::figures::{MeasuredCi, Stopwatch};
use crate::git_host::{self, GitHost};
use crate::people::People;
use crate::place::{Before, Place};
use crate::{claims, export, people, setup, summary, verified};

/// How long a process may take to become healthy.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(30);

/// The longest pause between looks.
pub(crate) const LONGEST: Duration = Duration::from_millis(50);

/// How a run of the example ended.
pub(crate) enum Ended {
    /// All that it claims happened.
    AllHeld,
    /// Something that it would claim did not happen; it was said what.
    NotHeld,
    /// The user stopped it.
    Stopped,
}

/// Everything that lies on this machine.
pub(crate) struct Machine {
    pub(crate) place: Place,
    pub(crate) project: Project,
    pub(crate) host: Arc<dyn GitHost>,
    pub(crate) store: Open,
    pub(crate) index: Arc<dyn EvidenceIndex>,
    pub(crate) engine: Arc<dyn Engine>,
    /// What tells the run from others of its engine.
    run: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) reconciler: Arc<Reconciler>,
    pub(crate) gitops: Arc<dyn GitOps>,
    pub(crate) verifier: Option<Verifier>,
    /// Dropped, it stops what was started beside the reconciler.
    _servers: Box<dyn Any + Send + Sync>,
    _server: Box<dyn Any + Send + Sync>,
    pub(crate) account: Arc<Account>,
}

/// Runs the example from the beginning, or from where it was stopped.
pub(crate) async fn run(arguments: &Arguments) -> Result<Ended, Failure> {
    // From here on Ctrl-C ends nothing by itself: it is heard as soon as there is something to say about it.
    let mut interrupts = signal(SignalKind::interrupt())?;
    if arguments.interactive && !std::io::stdin().is_terminal() {
        return Err("--interactive needs a terminal to ask on".into());
    }
    arguments.scm.check()?;
    arguments.gitops.check()?;
    arguments.engine.check(arguments.address.as_deref())?;
    let folder = arguments.project();
    let (project, files) = setup::read(&folder)?;
    let requests = requests(arguments, &files, &project)?;
    let place = Place::take(&arguments.state(), &folder, arguments.scm, arguments.engine)?;
    let account = Arc::new(Account::new(arguments.json));
    account.heading(&format!(
        "{}: {} units, {} feature requests; everything lies in {}",
        project.id,
        project.units.len(),
        requests.len(),
        place.root.display()
    ));
    match place.before {
        Before::Nothing => {}
        Before::Stopped => account.text("A run was stopped here: this one goes on where it was.\n"),
        Before::Finished => account.text("The run that was here had come to its end: this one begins anew.\n"),
    }
    let stopwatch = Stopwatch::start();
    let (tell, told) = mpsc::unbounded_channel();
    let (machine, plane, measured) = compose(arguments, place, project, account, tell).await?;
    let (stop, stopped) = watch::channel(false);
    let mut reconciling = tokio::spawn(reconcile(machine.reconciler.clone(), stopped));
    let people = People::new(machine.host.clone(), machine.account.clone(), arguments.interactive);
    let meant: Vec<_> = requests.iter().map(|(name, _)| claims::meant(arguments, name)).collect();
    let work = async {
        let policy = check_policy(&machine, &plane).await?;
        let states = carry_out(&machine, &plane, requests).await?;
        finish(arguments, &machine, &policy, &states, &meant, &measured, &stopwatch).await
    };
    let ended = tokio::select! {
        ended = work => ended,
        // Nobody else does what a person could not do, and the work would wait for ever.
        failure = people::act(people, told) => Err(failure),
        _ = interrupts.recv() => {
            machine.account.heading("stopped; nothing is lost, start it again and it goes on from here");
            Ok(Ended::Stopped)
        }
        // Without the reconciler nothing would ever become ready.
        ended = &mut reconciling => return Err(ended?.err().map_or("the reconciler ended by itself".into(), Failure::from)),
    };
    if arguments.keep && matches!(ended, Ok(Ended::AllHeld | Ended::NotHeld)) {
        machine.account.heading("the apps keep running; stop with Ctrl-C");
        interrupts.recv().await;
    }
    // Nothing is left running: the reconciler ends its processes before it returns.
    let _ = stop.send(true);
    reconciling.await??;
    ended
}

async fn reconcile(reconciler: Arc<Reconciler>, mut stopped: watch::Receiver<bool>) -> pathops_core::Result<()> {
    reconciler
        .run(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        })
        .await
}

fn requests(arguments: &Arguments, files: &SourceTree, project: &Project) -> Result<Vec<(String, FeatureRequest)>, Failure> {
    let names = if arguments.request.is_empty() { request_names(files) } else { arguments.request.clone() };
    if names.is_empty() {
        return Err("the project has no feature request in meta/requests/; write one and start again".into());
    }
    let mut requests = Vec::new();
    let mut problems = String::new();
    for name in names {
        match load_request(files, project, &name) {
            Ok(request) => requests.push((name, request)),
            Err(findings) => problems.push_str(&format!("\nthe request `{name}` cannot be used:\n{findings}")),
        }
    }
    if problems.is_empty() { Ok(requests) } else { Err(problems.trim_start().into()) }
}

/// What the scripts and processes find programs by: the folder of the real compiler first, since a version manager's
/// stand-in needs a home folder that they do not get.
fn search_path() -> String {
    let path = variable("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned());
    let compiler = std::process::Command::new("rustc").args(["--print", "sysroot"]).output();
    match compiler.ok().filter(|output| output.status.success()).and_then(|output| String::from_utf8(output.stdout).ok()) {
        Some(sysroot) => format!("{}/bin:{path}", sysroot.trim()),
        None => path,
    }
}

async fn compose(
    arguments: &Arguments,
    place: Place,
    project: Project,
    account: Arc<Account>,
    tell: mpsc::UnboundedSender<people::Call>,
) -> Result<(Machine, ControlPlane, Arc<MeasuredCi>), Failure> {
    let root = &place.root;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids = Arc::new(SystemIds);
    let path = search_path();
    let forge = LocalForge::open(ForgeConfig { root: place.forge() }, clock.clone())?;
    let Running { engine, name: run, _server } =
        engine::open(arguments.engine, arguments.address.as_deref(), root, clock.clone()).await?;
    setup::import(&forge, &arguments.project(), &project).await?;
    let host = git_host::open(arguments.scm, &place, &forge, &project).await?;
    setup::protect(&*host, &project).await?;
    let evidence = Store::folder(place.store());
    let opening = OpContext::new(IdempotencyKey::new("open the store of evidence"));
    let store = evidence.open(&opening, &format!("{}.example/evidence", project.id)).await?;
    let mut ci = LocalCiConfig::new(place.forge(), root.join("ci"), &path);
    ci.time_limit = Duration::from_secs(arguments.ci_limit);
    let ci = Arc::new(MeasuredCi::new(Arc::new(LocalCi::new(ci, store.blobs.clone(), clock.clone())?)));
    let environments = [&project.environments.preflight, &project.environments.production];
    let watched = project.units.values().flat_map(|unit| {
        environments.map(|target| Watched { unit: unit.id.clone(), repo: unit.desired_state.clone(), target: target.clone() })
    });
    let program = Program { executable: std::env::current_exe()?, args: vec![STORE.to_owned()] };
    let reconciler = Arc::new(Reconciler::new(
        ReconcilerConfig {
            repositories: place.forge(),
            work: root.join("machine"),
            watched: watched.collect(),
            programs: [("shop-store".to_owned(), program)].into(),
            path: path.into(),
            poll: Duration::from_millis(25),
            start_limit: START_LIMIT,
            job_limit: Duration::from_secs(30),
        },
        store.blobs.clone(),
        clock.clone(),
    )?);
    let controller = controller::open(arguments.gitops, &project, reconciler.clone(), &forge, host.scm()).await?;
    let index: Arc<dyn EvidenceIndex> = Arc::new(evidence.index_to_fill(&opening).await?);
    let told = Told { account: account.clone(), tell, clock: clock.clone() };
    let plane = ControlPlane::builder()
        .meta_repo(project.meta_repo.clone())
        .scm(host.scm())
        .merge(host.merger())
        .ci(ci.clone())
        .gitops(controller.gitops.clone())
        .signals(reconciler.clone())
        .blobs(store.blobs.clone())
        .sealed(store.sealed()?)
        .streams(store.bucket.clone())
        .engine(engine.clone())
        .ledger(store.ledger.clone())
        .signer(store.signer.clone())
        .agent(Arc::new(PatchAgent::new("patch".parse()?)))
        .notifier(account.clone())
        .clock(clock.clone())
        .ids(ids)
        .evidence(index.clone())
        .pace(Pace {
            shortest: Duration::from_millis(5),
            longest: LONGEST,
            deploy_limit: Duration::from_secs(120),
            ..Pace::default()
        })
        .observer(told.observer())
        .build()?;
    let Controller { gitops, verifier, _servers } = controller;
    let machine = Machine {
        place,
        project,
        host,
        store,
        index,
        engine,
        run,
        clock,
        reconciler,
        gitops,
        verifier,
        _servers,
        _server,
        account,
    };
    Ok((machine, plane, ci))
}

/// The policy that a project begins with came by no pull request: it is looked at as it stands, and the statement of that is
/// what promotions ask for.
async fn check_policy(machine: &Machine, plane: &ControlPlane) -> Result<EvidenceRecord, Failure> {
    let checked = plane.check_policy().await?;
    machine.account.text(&format!("The policy was checked: {}.\n", checked.summary()));
    if checked.failures.is_empty() {
        return Ok(checked.evidence);
    }
    Err(format!("the policy does not pass its check:\n{}", checked.failures.join("\n")).into())
}

/// One request after the other: each begins with what the one before has left.
async fn carry_out(
    machine: &Machine,
    plane: &ControlPlane,
    requests: Vec<(String, FeatureRequest)>,
) -> Result<Vec<State>, Failure> {
    let mut states = Vec::new();
    for (name, request) in requests {
        let key = if machine.run.is_empty() { name } else { format!("{name} of {}", machine.run) };
        let change_set: ChangeSetId = plane.request_feature(request, Some(&IdempotencyKey::new(key))).await?;
        if let Some(state) = plane.state(&change_set).await? {
            machine.account.declared(&state);
        }
        let state = match plane.state(&change_set).await? {
            Some(state) if state.ended => state,
            _ => plane.drive(&change_set).await?,
        };
        machine.account.ended(&state);
        states.push(state);
    }
    Ok(states)
}

/// A control plane indexes what others have handed in. What it has made itself is for those who look for it afterwards.
async fn fill_index(machine: &Machine) -> Result<(), Failure> {
    let (cx, store) = (OpContext::new(IdempotencyKey::new("fill the index")), &machine.store);
    let trust = TrustRoot::new([store.signer.public_key()]);
    let (bucket, log, index) = (store.bucket.clone(), &store.identity, &*machine.index);
    let by = Rebuild { log, trust: &trust, known: &[], recheck: Recheck::Signatures };
    let filled = rebuild_index(&cx, bucket, by, index, &mut 0).await?;
    match filled.refused.1.first() {
        None => Ok(()),
        Some((leaf, why)) => Err(format!("leaf {leaf} of the ledger cannot be indexed: {why}").into()),
    }
}

/// Checks what the run claims, writes evidence and report, and says where everything lies.
async fn finish(
    arguments: &Arguments,
    machine: &Machine,
    policy: &EvidenceRecord,
    states: &[State],
    meant: &[Option<End>],
    ci: &MeasuredCi,
    stopwatch: &Stopwatch,
) -> Result<Ended, Failure> {
    let figures = summary::measure(machine, states, ci, stopwatch).await?;
    if let Some(verifier) = &machine.verifier {
        verified::take_in(machine, verifier).await?;
    }
    fill_index(machine).await?;
    let exported = export::evidence(machine, policy, states).await?;
    let claims = claims::check(machine, states, meant, &exported).await?;
    summary::tell(arguments, machine, states, &figures, &exported, &claims).await?;
    let held = claims.iter().all(|claim| claim.problem.is_none());
    if held {
        machine.place.finish()?;
    }
    Ok(if held { Ended::AllHeld } else { Ended::NotHeld })
}
