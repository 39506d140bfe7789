//! Checking what a run claims, from outside: Git, evidence and running processes are looked at anew.

use pathops_coordinator::change_set::{End, State};
use pathops_core::adapter::{CheckState, GitOps as _, PullRequestState, Readiness};
use pathops_core::evidence::TrustRoot;
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::{IdempotencyKey, OpContext, Principal, RepoPath};

use crate::Failure;
use crate::export::Exported;
use crate::host::Machine;

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
    let mut claims = vec![signatures(machine, exported)];
    for state in states {
        claims.push(ended(state));
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

fn ended(state: &State) -> Claim {
    let title = &state.start.request.title;
    match state.end {
        Some(End::Live) => Claim::new(format!("\"{title}\" is in production"), None),
        Some(End::Recovered) => {
            Claim::new(format!("\"{title}\" was refused, and nothing of it is left in preflight or production"), None)
        }
        Some(End::Incomplete) | None => Claim::new(format!("\"{title}\" came to its end"), Some(state.remarks.join("; "))),
    }
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
        let Some(pull_request) = progress.pull_requests.get(&pathops_coordinator::change_set::Role::Production) else {
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

async fn running(machine: &Machine, states: &[State]) -> Result<Claim, Failure> {
    let production = &machine.project.environments.production;
    let mut problem = None;
    let mut count = 0;
    for unit in machine.project.units.values() {
        let live = states
            .iter()
            .rev()
            .filter_map(|state| Some((state, state.units.get(&unit.id)?)))
            .find(|(_, progress)| progress.production.is_some());
        let Some((state, progress)) = live else { continue };
        let Some(desired) = &progress.production else { continue };
        count += 1;
        let expected = pathops_core::adapter::ExpectedDeployment {
            unit: unit.id.clone(),
            target: production.clone(),
            repo: unit.desired_state.clone(),
            commit: desired.commit.clone(),
            tree: desired.tree.clone(),
            artifact: progress.built.as_ref().map(|built| built.artifact.digest),
            jobs: unit.checks.iter().cloned().collect(),
            settle: std::time::Duration::ZERO,
            since: state.start.at,
        };
        let observation = machine.reconciler.observe(&context(), &expected).await?;
        if observation.readiness != Readiness::Ready {
            problem.get_or_insert(format!("{}: {:?}", unit.id, observation.readiness));
        }
    }
    Ok(Claim::new(format!("{count} units run in production, each exactly as its merged desired state says"), problem))
}

fn context() -> OpContext {
    OpContext::new(IdempotencyKey::new("claims"))
}
