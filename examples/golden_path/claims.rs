//! Checking what a run claims, from outside: Git, evidence and running processes are looked at anew.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use pathops_coordinator::change_set::{End, PullRequestRef, Role, State, explain};
use pathops_core::adapter::{CheckState, ExpectedDeployment, PullRequestState, Readiness, StaleAction};
use pathops_core::evidence::TrustRoot;
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{CommitId, IdempotencyKey, OpContext, Principal, RepoPath, TreeId, UnitId};
use pathops_evidence::{Against, Verdict, verify_ledger};

use crate::Failure;
use crate::arguments::Arguments;
use crate::export::Exported;
use crate::host::{Machine, START_LIMIT};

const PAUSE: Duration = Duration::from_millis(20);

/// Something that the run says is so, and what speaks against it.
pub(crate) struct Claim {
    pub(crate) text: String,
    pub(crate) problem: Option<String>,
}

impl Claim {
    fn new(text: impl Into<String>, problem: Option<String>) -> Self {
        Self { text: text.into(), problem }
    }
}

/// How the requests of the sample project are meant to end.
const SAMPLE: [(&str, End); 2] = [("delivery-date", End::Live), ("price-with-tax", End::Recovered)];

/// How a request is meant to end; `None` for those of other projects, which may end either way.
pub(crate) fn meant(arguments: &Arguments, request: &str) -> Option<End> {
    let sample = arguments.project.is_none().then_some(SAMPLE)?;
    sample.into_iter().find_map(|(name, end)| (name == request).then_some(end))
}

/// Checks all claims. `meant` says how each of the change sets is meant to end.
pub(crate) async fn check(
    machine: &Machine,
    states: &[State],
    meant: &[Option<End>],
    exported: &[Exported],
) -> Result<Vec<Claim>, Failure> {
    let mut claims = vec![signatures(machine, exported), ledger(machine, exported).await?];
    for (index, (state, meant)) in states.iter().zip(meant).enumerate() {
        let later = states.get(index + 1..).unwrap_or_default();
        claims.push(ended(machine, state, later, *meant).await?);
        claims.push(recorded(machine, state).await?);
        claims.extend(approved(machine, state).await?);
    }
    // What is in production now is what the last change set that got there asked for, unit by unit.
    claims.extend(running(machine, states).await?);
    Ok(claims)
}

fn signatures(machine: &Machine, exported: &[Exported]) -> Claim {
    let trust = TrustRoot::new([machine.store.signer.public_key()]);
    let bad = exported.iter().find_map(|it| match trust.verify(&it.envelope) {
        Ok(verified) if verified.id() == it.record.id => None,
        Ok(_) => Some(format!("{} is not what its record names", it.record.name)),
        Err(error) => Some(format!("{}: {error}", it.record.name)),
    });
    let none = exported.is_empty().then(|| "there is no evidence".to_owned());
    Claim::new(format!("all {} pieces of evidence are signed and unchanged", exported.len()), bad.or(none))
}

/// The ledger, as anybody would verify it who has the log's name and key, the signer's key, and the checkpoint in the meta
/// repository.
async fn ledger(machine: &Machine, exported: &[Exported]) -> Result<Claim, Failure> {
    let (cx, scm, meta) = (context(), machine.host.scm(), &machine.project.meta_repo);
    let head = scm.branch_head(&cx, meta, &"main".parse()?).await?.ok_or("the meta repository has no branch `main`")?;
    let note = scm.read_file(&cx, meta, &head, &"log/checkpoint".parse()?).await?;
    let known: Vec<_> = note.map(String::from_utf8).transpose()?.into_iter().collect();
    let (log, trust) = (&machine.store.identity, TrustRoot::new([machine.store.signer.public_key()]));
    let against = Against { log, trust: &trust, known: &known, blobs: Some(&*machine.store.blobs), sealed: None };
    let verification = verify_ledger(&cx, &*machine.store.bucket, against).await?;
    let ids: BTreeSet<_> = exported.iter().map(|it| it.record.id).collect();
    let missing = ids.difference(&verification.evidence).next().map(|id| format!("{id} is not in it"));
    let unwitnessed = known.is_empty().then(|| "the meta repository has no checkpoint of it".to_owned());
    let bad = (verification.verdict() != Verdict::Verified).then(|| verification.to_string());
    Ok(Claim::new(
        "the ledger holds all of them, and follows on the checkpoint in the meta repository",
        bad.or(unwitnessed).or(missing),
    ))
}

async fn ended(machine: &Machine, state: &State, later: &[State], meant: Option<End>) -> Result<Claim, Failure> {
    let title = &state.start.request.title;
    let unmeant = meant.filter(|meant| state.end != Some(*meant)).map(|meant| {
        let end = if meant == End::Live { "reach production" } else { "be refused and taken back" };
        format!("it was meant to {end}")
    });
    let (text, problem) = match state.end {
        Some(End::Live) => (format!("\"{title}\" is in production"), not_live(machine, state, later).await?),
        Some(End::Recovered | End::Cancelled) => (
            format!("\"{title}\" was refused, and nothing of it is left in preflight or production"),
            left_over(machine, state, later).await?,
        ),
        Some(End::Incomplete) | None => (format!("\"{title}\" came to its end"), Some(why(state))),
    };
    Ok(Claim::new(text, problem.or(unmeant)))
}

/// Which unit of a change set did not come to production as it was merged.
async fn not_live(machine: &Machine, state: &State, later: &[State]) -> Result<Option<String>, Failure> {
    let production = &state.start.environments.production;
    for (unit, progress) in &state.units {
        let Some(merged) = &progress.production else { return Ok(Some(format!("{unit} was never merged into production"))) };
        let after = afterwards(machine, unit, production, later).await?;
        if after.tree.as_ref() != Some(&merged.tree) {
            return Ok(Some(format!("{unit} is not what was merged: {after}")));
        }
    }
    Ok(None)
}

/// What of a refused change set is still there: an open pull request, or a folder of an environment that one was merged into
/// and that did not become again what it was.
async fn left_over(machine: &Machine, state: &State, later: &[State]) -> Result<Option<String>, Failure> {
    let (cx, scm) = (context(), machine.host.scm());
    let environments = &state.start.environments;
    for (unit, progress) in &state.units {
        for (role, PullRequestRef { repo, number, .. }) in &progress.pull_requests {
            let now = scm.pull_request(&cx, repo, *number).await?.state;
            if now == PullRequestState::Open {
                return Ok(Some(format!("{repo}{number} is still open")));
            }
            let (target, before) = match role {
                Role::Preflight => (&environments.preflight, &progress.before),
                Role::Production => (&environments.production, &progress.production_before),
                Role::Source | Role::Recovery | Role::Restore => continue,
            };
            if !matches!(now, PullRequestState::Merged { .. }) {
                continue;
            }
            let after = afterwards(machine, unit, target, later).await?;
            if after.tree != before.as_ref().and_then(|before| before.tree.clone()) {
                return Ok(Some(format!("{unit} is not back to what it was: {after}")));
            }
        }
    }
    Ok(None)
}

/// What an environment asks for after a change set.
struct Afterwards {
    branch: String,
    commit: CommitId,
    tree: Option<TreeId>,
}

impl fmt::Display for Afterwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.branch, self.commit)
    }
}

/// What an environment asks for a unit to be: what the next change set of that unit has found there, or what is there now.
async fn afterwards(
    machine: &Machine,
    unit: &UnitId,
    target: &EnvironmentTarget,
    later: &[State],
) -> Result<Afterwards, Failure> {
    let (cx, scm) = (context(), machine.host.scm());
    let declared = machine.project.units.get(unit).ok_or_else(|| format!("the project has no unit {unit}"))?;
    let (repo, EnvironmentTarget { branch, path, .. }) = (&declared.desired_state, target);
    let found = later.iter().filter_map(|state| state.units.get(unit)).find_map(|next| match target.kind {
        EnvironmentKind::Production => next.production_before.as_ref(),
        _ => next.before.as_ref(),
    });
    let commit = match found {
        Some(before) => before.commit.clone(),
        None => scm.branch_head(&cx, repo, branch).await?.ok_or_else(|| format!("{repo} has no branch {branch}"))?,
    };
    let tree = scm.tree_at(&cx, repo, &commit, path).await?;
    Ok(Afterwards { branch: format!("{branch} of {repo}"), commit, tree })
}

async fn recorded(machine: &Machine, state: &State) -> Result<Claim, Failure> {
    let cx = context();
    let scm = machine.host.scm();
    let head = scm
        .branch_head(&cx, &machine.project.meta_repo, &"main".parse()?)
        .await?
        .ok_or("the meta repository has no branch `main`")?;
    let path = RepoPath::parse(format!("change-sets/{}/status.json", state.start.change_set))?;
    let file = scm.read_file(&cx, &machine.project.meta_repo, &head, &path).await?;
    let said = file
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .and_then(|status| status.get("end").cloned());
    let problem = (said != Some(serde_json::to_value(state.end)?)).then(|| format!("{path} does not say how it ended"));
    Ok(Claim::new(format!("the meta repository holds the record of {}", state.start.change_set), problem))
}

/// Every pull request that reached production was merged by a person, with the required status on the very head that was
/// merged. Nothing is claimed where none did.
async fn approved(machine: &Machine, state: &State) -> Result<Option<Claim>, Failure> {
    let (cx, scm) = (context(), machine.host.scm());
    let (mut count, mut problem) = (0, None);
    for progress in state.units.values() {
        for PullRequestRef { repo, number, .. } in
            [Role::Production, Role::Restore].iter().filter_map(|role| progress.pull_requests.get(role))
        {
            let now = scm.pull_request(&cx, repo, *number).await?;
            let PullRequestState::Merged { by, .. } = &now.state else { continue };
            count += 1;
            let checks = scm.checks(&cx, repo, &now.head).await?;
            let status = checks.iter().any(|check| check.name == PROMOTION_CONTEXT && check.state == CheckState::Success);
            if !(status && matches!(by, Principal::Human(_))) {
                problem.get_or_insert(format!("{repo}{number} was not merged by a person after a grant"));
            }
        }
    }
    let text = format!(
        "a person merged each of the {count} production pull requests of {}, after a grant for its head",
        state.start.change_set
    );
    Ok((count > 0).then(|| Claim::new(text, problem)))
}

/// What people have to look after.
fn why(state: &State) -> String {
    let units = state.units.iter().filter_map(|(unit, progress)| Some(format!("{unit}: {}", progress.problem.as_ref()?)));
    units.chain(state.remarks.iter().cloned()).collect::<Vec<_>>().join("; ")
}

/// Nothing is claimed where nothing ever was in production: whether something should be is claimed for each change set.
async fn running(machine: &Machine, states: &[State]) -> Result<Option<Claim>, Failure> {
    let production = &machine.project.environments.production;
    let mut problem = None;
    let mut count = 0;
    for unit in machine.project.units.values() {
        let live =
            states.iter().rev().filter_map(|state| state.units.get(&unit.id)).find(|progress| progress.production.is_some());
        let Some(progress) = live else { continue };
        let Some(desired) = &progress.production else { continue };
        count += 1;
        let expected = ExpectedDeployment {
            unit: unit.id.clone(),
            target: production.clone(),
            repo: unit.desired_state.clone(),
            commit: desired.commit.clone(),
            tree: desired.tree.clone(),
            artifact: progress.production_artifact(),
            jobs: unit.checks.iter().cloned().collect(),
            settle: Duration::ZERO,
            since: machine.clock.now(),
        };
        let readiness = readiness(machine, &expected).await?;
        if readiness != Readiness::Ready {
            problem.get_or_insert(format!("{}: {}", unit.id, explain(&readiness, &[])));
        }
    }
    let text = format!("{count} units run in production, each exactly as its merged desired state says");
    Ok((count > 0).then(|| Claim::new(text, problem)))
}

/// How it stands, once it has come up: after a restart of the example the processes have only just been started.
async fn readiness(machine: &Machine, expected: &ExpectedDeployment) -> Result<Readiness, Failure> {
    let mut waited = Duration::ZERO;
    loop {
        let readiness = machine.gitops.observe(&context(), expected).await?.readiness;
        let may_change = matches!(readiness, Readiness::NotYet(_) | Readiness::Stale(_, StaleAction::Refresh));
        if !may_change || waited >= START_LIMIT {
            return Ok(readiness);
        }
        if matches!(readiness, Readiness::Stale(..)) {
            machine.gitops.refresh(&context(), &expected.unit, &expected.target).await?;
        }
        machine.clock.sleep(PAUSE).await;
        waited += PAUSE;
    }
}

fn context() -> OpContext {
    OpContext::new(IdempotencyKey::new("claims"))
}
