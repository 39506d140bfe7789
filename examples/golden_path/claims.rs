//! Checking what a run claims, from outside: Git, evidence and running processes are looked at anew.

use std::collections::BTreeSet;
use std::time::Duration;

use pathops_coordinator::change_set::{End, PullRequestRef, Role, State, explain};
use pathops_core::adapter::{CheckState, ExpectedDeployment, GitOps as _, PullRequestState, Readiness, StaleAction};
use pathops_core::evidence::TrustRoot;
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::{IdempotencyKey, OpContext, Principal, RepoPath};
use pathops_evidence::{Against, Verdict, verify_ledger};

use crate::Failure;
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

/// Checks all claims.
pub(crate) async fn check(machine: &Machine, states: &[State], exported: &[Exported]) -> Result<Vec<Claim>, Failure> {
    let mut claims = vec![signatures(machine, exported), ledger(machine, exported).await?];
    for state in states {
        claims.push(ended(machine, state).await?);
        claims.push(recorded(machine, state).await?);
        if state.end == Some(End::Live) {
            claims.push(approved(machine, state).await?);
        }
    }
    // What is in production now is what the last change set that got there asked for, unit by unit.
    claims.push(running(machine, states).await?);
    Ok(claims)
}

fn signatures(machine: &Machine, exported: &[Exported]) -> Claim {
    let trust = TrustRoot::new([machine.signer.public_key()]);
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
    let (cx, scm, meta) = (context(), machine.forge.scm(Principal::System), &machine.project.meta_repo);
    let head = scm.branch_head(&cx, meta, &"main".parse()?).await?.ok_or("the meta repository has no branch `main`")?;
    let note = scm.read_file(&cx, meta, &head, &"log/checkpoint".parse()?).await?;
    let known: Vec<_> = note.map(String::from_utf8).transpose()?.into_iter().collect();
    let (log, trust) = (&machine.ledger.identity, TrustRoot::new([machine.signer.public_key()]));
    let against = Against { log, trust: &trust, known: &known, blobs: Some(&*machine.blobs) };
    let verification = verify_ledger(&cx, &*machine.ledger.bucket, against).await?;
    let ids: BTreeSet<_> = exported.iter().map(|it| it.record.id).collect();
    let missing = ids.difference(&verification.evidence).next().map(|id| format!("{id} is not in it"));
    let unwitnessed = known.is_empty().then(|| "the meta repository has no checkpoint of it".to_owned());
    let bad = (verification.verdict() != Verdict::Verified).then(|| verification.to_string());
    Ok(Claim::new(
        "the ledger holds all of them, and follows on the checkpoint in the meta repository",
        bad.or(unwitnessed).or(missing),
    ))
}

async fn ended(machine: &Machine, state: &State) -> Result<Claim, Failure> {
    let title = &state.start.request.title;
    Ok(match state.end {
        Some(End::Live) => Claim::new(format!("\"{title}\" is in production"), None),
        Some(End::Recovered) => {
            let text = format!("\"{title}\" was refused, and nothing of it is left in preflight or production");
            Claim::new(text, left_over(machine, state).await?)
        }
        Some(End::Incomplete) | None => Claim::new(format!("\"{title}\" came to its end"), Some(why(state))),
    })
}

/// What of a refused change set is still there: an open pull request, a merge into production, or a folder of preflight
/// that did not become again what it was.
async fn left_over(machine: &Machine, state: &State) -> Result<Option<String>, Failure> {
    let (cx, scm) = (context(), machine.forge.scm(Principal::System));
    for (unit, progress) in &state.units {
        for (role, PullRequestRef { repo, number, .. }) in &progress.pull_requests {
            let merged = match (scm.pull_request(&cx, repo, *number).await?.state, role) {
                (PullRequestState::Open, _) => return Ok(Some(format!("{repo}{number} is still open"))),
                (PullRequestState::Merged { .. }, Role::Production) => {
                    return Ok(Some(format!("{repo}{number} was merged into production")));
                }
                (PullRequestState::Merged { commit, .. }, Role::Recovery) => commit,
                _ => continue,
            };
            let tree = scm.tree_at(&cx, repo, &merged, &state.start.environments.preflight.path).await?;
            if tree != progress.before.as_ref().and_then(|before| before.tree.clone()) {
                return Ok(Some(format!("{unit} is not back to what it was: {repo} at {merged}")));
            }
        }
    }
    Ok(None)
}

async fn recorded(machine: &Machine, state: &State) -> Result<Claim, Failure> {
    let cx = context();
    let scm = machine.forge.scm(Principal::System);
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

/// Every production pull request was merged by a person, with the required status on the very head that was merged.
async fn approved(machine: &Machine, state: &State) -> Result<Claim, Failure> {
    let (cx, scm) = (context(), machine.forge.scm(Principal::System));
    let mut problem = None;
    for (unit, progress) in &state.units {
        let Some(pull_request) = progress.pull_requests.get(&Role::Production) else {
            problem.get_or_insert(format!("{unit} has no production pull request"));
            continue;
        };
        let now = scm.pull_request(&cx, &pull_request.repo, pull_request.number).await?;
        let by_person = matches!(&now.state, PullRequestState::Merged { by: Principal::Human(_), .. });
        let checks = scm.checks(&cx, &pull_request.repo, &now.head).await?;
        let status = checks.iter().any(|check| check.name == PROMOTION_CONTEXT && check.state == CheckState::Success);
        if !(by_person && status) {
            problem.get_or_insert(format!("{}{} was not merged by a person after a grant", pull_request.repo, now.number));
        }
    }
    let text = format!(
        "a person merged each of the {} production pull requests of {}, after a grant for its head",
        state.units.len(),
        state.start.change_set
    );
    Ok(Claim::new(text, problem))
}

/// What people have to look after.
fn why(state: &State) -> String {
    let units = state.units.iter().filter_map(|(unit, progress)| Some(format!("{unit}: {}", progress.problem.as_ref()?)));
    units.chain(state.remarks.iter().cloned()).collect::<Vec<_>>().join("; ")
}

async fn running(machine: &Machine, states: &[State]) -> Result<Claim, Failure> {
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
    Ok(Claim::new(format!("{count} units run in production, each exactly as its merged desired state says"), problem))
}

/// How it stands, once it has come up: after a restart of the example the processes have only just been started.
async fn readiness(machine: &Machine, expected: &ExpectedDeployment) -> Result<Readiness, Failure> {
    let mut waited = Duration::ZERO;
    loop {
        let readiness = machine.reconciler.observe(&context(), expected).await?.readiness;
        let may_change = matches!(readiness, Readiness::NotYet(_) | Readiness::Stale(_, StaleAction::Refresh));
        if !may_change || waited >= START_LIMIT {
            return Ok(readiness);
        }
        machine.clock.sleep(PAUSE).await;
        waited += PAUSE;
    }
}

fn context() -> OpContext {
    OpContext::new(IdempotencyKey::new("claims"))
}
