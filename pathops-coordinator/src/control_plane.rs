//! The control plane: what a host composes and runs.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, FusedFuture as _, FutureExt as _, select};
use futures_util::lock::Mutex;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use pathops_core::adapter::{Journal, Lease, Run, RunFilter};
use pathops_core::flow::Machine as _;
use pathops_core::policy::{Action, Ask};
use pathops_core::project::{Contract, Environments, FeatureRequest, Project, Role as PersonRole, Unit};
use pathops_core::{
    ChangeSetId, ContractId, Digest, Error, ErrorKind, IdempotencyKey, OpContext, PersonId, RepoId, Result, RunId, UnitId,
};

use crate::activity::{Services, facts::read_project};
use crate::builder::Builder;
use crate::change_set::{ChangeSet, Merging, Role, Start, State, title};
use crate::doubt::Doubts;
use crate::engine::Engine;
use crate::plan::plan;
use crate::retry::with_retry;

/// Takes features to production: one project, over the adapters of its host.
///
/// It keeps nothing of its own: everything is in the journal, in Git and in the blob store. It may be dropped at any
/// moment and made anew over the same adapters; [`ControlPlane::run`] then goes on where it was.
#[derive(Debug)]
pub struct ControlPlane {
    pub(crate) services: Arc<Services>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) engine: Engine<ChangeSet>,
    pub(crate) meta_repo: RepoId,
    pub(crate) making: Mutex<()>,
    pub(crate) doubts: Doubts,
}

/// How many change sets are claimed by one call of the journal.
const PAGE: usize = 64;

/// The lease under which change sets are made; no run can have that name.
const MAKING: &str = "change sets";

impl ControlPlane {
    /// Begins to compose one.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The project as its meta repository declares it now.
    ///
    /// # Errors
    /// `Invalid` with every finding where the meta repository has mistakes; what the Git host answers.
    pub async fn project(&self) -> Result<Project> {
        let (scm, cx) = (&*self.services.scm, &context("project"));
        with_retry(&*self.services.clock, || Box::pin(read_project(scm, cx, &self.meta_repo, &self.services.languages))).await
    }

    /// Plans a feature and makes its change set, which [`ControlPlane::run`] then takes to production. The same key
    /// with the same title again gives the same change set and changes nothing; without a key, every call makes a new one.
    ///
    /// # Errors
    /// `Denied` where the requester is nobody in the project; `Conflict` where another change set that has not ended
    /// changes one of the units, also where both are requested at the same moment; `Denied` where the branch of production can be merged without the required status;
    /// `Invalid` where the project or the request has mistakes, or the title is too long for the pull requests it would
    /// have;
    /// what the Git host and the journal answer.
    pub async fn request_feature(&self, mut request: FeatureRequest, key: Option<&IdempotencyKey>) -> Result<ChangeSetId> {
        let words = request.changes.iter_mut().map(|change| &mut change.reason);
        for text in words.chain([&mut request.title, &mut request.text]) {
            *text = self.services.redactor.redact_text(text);
        }
        let fresh = || IdempotencyKey::new(format!("{:032x}", self.services.ids.fresh()));
        let change_set = change_set_id(&request.title, &key.cloned().unwrap_or_else(fresh))?;
        let run = run_id(&change_set)?;
        if self.load(&run).await?.is_some() {
            return Ok(change_set);
        }
        let start = self.plan(request, change_set.clone()).await?;
        self.refuse_long_titles(&start)?;
        for unit in start.units.values() {
            let (repo, target) = (&unit.desired_state, &start.environments.production);
            let cx = &context("protection");
            with_retry(&*self.services.clock, || Box::pin(self.services.require_promotion(cx, repo, target))).await?;
        }
        self.make(&run, &start).await?;
        Ok(change_set)
    }

    /// A title that the Git host does not take is told before anything is made, and not when a pull request is opened.
    fn refuse_long_titles(&self, start: &Start) -> Result<()> {
        let Some(limit) = self.services.scm.capabilities().title_max_chars else { return Ok(()) };
        let request = &start.request.title;
        let Environments { preflight, production, .. } = &start.environments;
        let roles =
            [(Role::Source, preflight), (Role::Recovery, preflight), (Role::Production, production), (Role::Restore, production)];
        let titles = start.units.keys().flat_map(|unit| roles.map(|(role, target)| title(request, unit, role, target)));
        let longest = titles.map(|title| title.chars().count()).max().unwrap_or(0);
        if longest <= limit {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Invalid, "plan a feature").on(request);
        let why =
            format!("the title of one of its pull requests would have {longest} characters, and the Git host takes {limit}");
        Err(error.because(why).advise(format!("shorten it by {}", longest - limit)))
    }

    /// Looking for overlaps and making the run are one thing: one request after the other in this process, and under a
    /// lease that keeps other processes out. The run is written under that very lease, so that one who has lost it
    /// since they looked makes nothing.
    async fn make(&self, run: &RunId, start: &Start) -> Result<()> {
        let _turn = self.making.lock().await;
        let lease = self.engine.turn(MAKING).await?;
        let made = self.make_under(&lease, run, start).await;
        self.engine.release(&lease).await?;
        made
    }

    async fn make_under(&self, lease: &Lease, run: &RunId, start: &Start) -> Result<()> {
        // The same request may have been waiting for its turn twice.
        if self.load(run).await?.is_some() {
            return Ok(());
        }
        self.refuse_overlap(start).await?;
        self.engine.create(lease, run, start).await
    }

    /// One change set at a time changes a unit or what it works with: what a recovery goes back to must be what this one
    /// has found, and what is tested together must be what is promoted.
    async fn refuse_overlap(&self, start: &Start) -> Result<()> {
        let contracts = &self.project().await?.contracts;
        let mine = surroundings(&start.units, contracts);
        for run in self.open_change_sets().await? {
            let Some(other) = self.state(&run).await? else { continue };
            let other = other.start.units;
            let theirs = surroundings(&other, contracts);
            let touched = mine
                .iter()
                .find(|unit| other.contains_key(*unit))
                .or_else(|| start.units.keys().find(|unit| theirs.contains(*unit)));
            if let Some(unit) = touched {
                let error = Error::new(ErrorKind::Conflict, "make a change set").on(&start.request.title);
                let why = format!("`{unit}` is being changed or relied on by `{run}`, which has not ended");
                return Err(error.because(why).advise("wait until it has, or ask for other units first"));
            }
        }
        Ok(())
    }

    /// The change sets that have not ended.
    pub(crate) async fn open_change_sets(&self) -> Result<Vec<ChangeSetId>> {
        let mut open: Vec<ChangeSetId> = Vec::new();
        loop {
            let page = self.change_sets(Some(false), open.last(), PAGE).await?;
            let is_last = page.len() < PAGE;
            open.extend(page);
            if is_last {
                return Ok(open);
            }
        }
    }

    /// At most `limit` change sets whose id comes after `after`, in the order of their ids: those that have `ended`, those that
    /// have not, or all.
    ///
    /// # Errors
    /// What the journal answers.
    pub async fn change_sets(&self, ended: Option<bool>, after: Option<&ChangeSetId>, limit: usize) -> Result<Vec<ChangeSetId>> {
        let cx = &context("change sets");
        let filter = &RunFilter { ended, ..RunFilter::of(ChangeSet::NAME) };
        let after = &after.map(run_id).transpose()?;
        let list = || self.journal.runs(cx, filter, after.as_ref(), limit);
        let runs = with_retry(&*self.services.clock, || list()).await?;
        let corrupt = |run: &RunId, why| Error::new(ErrorKind::Corrupt, "name a change set").on(run).because(why);
        runs.iter().map(|run| ChangeSetId::parse(run.as_str()).map_err(|error| corrupt(run, error))).collect()
    }

    pub(crate) fn meta_repo(&self) -> &RepoId {
        &self.meta_repo
    }

    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    pub(crate) async fn load(&self, run: &RunId) -> Result<Option<Run>> {
        let cx = &context("load");
        with_retry(&*self.services.clock, || self.journal.load(cx, run)).await
    }

    async fn plan(&self, request: FeatureRequest, change_set: ChangeSetId) -> Result<Start> {
        let operation = "plan a feature";
        let project = self.project().await?;
        let denied = |why: String| Err(Error::new(ErrorKind::Denied, operation).on(&request.title).because(why));
        let by = &request.requested_by;
        let Some(roles) = project.people.get(by) else { return denied(format!("`{by}` is nobody in this project")) };
        if !project.policy.may(Action::Request, roles, None) {
            return denied(format!("the policy does not let `{by}` request a feature"));
        }
        let plan = plan(&project, &request, change_set.clone())
            .map_err(|error| Error::new(ErrorKind::Invalid, operation).on(&request.title).because(&error).with_source(error))?;
        let units: BTreeMap<UnitId, Unit> = plan
            .tasks
            .iter()
            .filter_map(|task| project.units.get_key_value(&task.unit))
            .map(|(id, unit)| (id.clone(), unit.clone()))
            .collect();
        // One more layer may be over a unit than over the project.
        if let Some(unit) = units.values().find(|unit| !project.policy.may(Action::Request, roles, Some(unit))) {
            return denied(format!("the policy does not let `{by}` request a feature of `{}`", unit.id));
        }
        if let Some(objection) = units.values().find_map(|unit| self.services.objection(&project.policy, unit)) {
            return denied(objection);
        }
        let merge_by = |(id, unit): (&UnitId, &Unit)| (id.clone(), project.policy.preflight_merge(unit));
        let apps = self.apps(&project, &units).await?;
        Ok(Start {
            apps,
            preflight_merge: Merging::Each(units.iter().map(merge_by).collect()),
            settle_millis: units.values().flat_map(|unit| settle_millis(&project, unit)).max().unwrap_or(0),
            reviewers: reviewers(&project, &request.requested_by),
            change_set,
            project: project.id.clone(),
            meta_repo: project.meta_repo.clone(),
            request,
            plan,
            units,
            environments: project.environments.clone(),
            at: self.services.clock.now(),
        })
    }

    /// Drives one change set to its end. See [`ControlPlane::run`] for all of them.
    ///
    /// # Errors
    /// `NotFound` for an unknown change set; `Conflict` where another host drives it; what the journal answers.
    pub async fn drive(&self, change_set: &ChangeSetId) -> Result<State> {
        self.engine.drive(&run_id(change_set)?).await
    }

    /// Drives every change set that has not ended, new ones too, until `shutdown`. Stopping in the middle loses
    /// nothing: what was begun is in the journal and goes on with the next run. A change set that cannot go on for what
    /// is wrong around it (a store is full, a system is out of reach) is reported to the observer and tried again.
    /// Beside that it looks for doubts about what is in production, and sends back what has an incident, as often as
    /// [`Pace`](crate::Pace) says.
    ///
    /// Several hosts may do this over one journal that is `shared`, each under a name of its own: a change set is driven by
    /// one of them. Those of a host that has ended are taken over by another one at once, and those of a host that has died
    /// once its leases have expired, which takes half a minute. A host that begins again goes on with its own at once.
    ///
    /// # Errors
    /// Where the journal cannot say which change sets there are. What goes wrong outside is no error here.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<()> {
        self.engine.surrender().await?;
        let ran = self.run_claimed(shutdown).await;
        // Nothing is driven any more. Where this fails, others wait until the leases have expired.
        if let Err(error) = self.journal.surrender(&context("end"), ChangeSet::NAME, self.engine.owner()).await {
            tracing::warn!(error = %error, "the leases of change sets were not given back; they expire");
        }
        ran
    }

    async fn run_claimed(&self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let (shutdown, watch) = (pin!(shutdown), pin!(self.watch()));
        let mut shutdown = select(shutdown, watch);
        let mut woken = self.engine.woken().boxed().fuse();
        let mut driving = FuturesUnordered::new();
        let mut driven = BTreeSet::new();
        loop {
            for lease in self.claim_all().await? {
                let run = run_of(&lease)?;
                if driven.insert(run.clone()) {
                    driving.push(self.drive_under(run, lease).boxed());
                }
            }
            let pause = self.services.clock.sleep(self.services.pace.longest);
            let ended = {
                let next = async {
                    match driving.next().await {
                        Some(ended) => ended,
                        None => std::future::pending().await,
                    }
                };
                match select(select(pin!(next), pause), select(&mut woken, &mut shutdown)).await {
                    Either::Left((Either::Left((ended, _)), _)) => Some(ended),
                    Either::Left((Either::Right(_), _)) | Either::Right((Either::Left(_), _)) => None,
                    Either::Right((Either::Right(_), _)) => return Ok(()),
                }
            };
            if woken.is_terminated() {
                woken = self.engine.woken().boxed().fuse();
            }
            match ended {
                None => {}
                Some((run, Ok(()))) => {
                    driven.remove(&run);
                }
                Some((run, Err(error))) => {
                    tracing::warn!(run = %run, error = %error, "a change set stands still; it is tried again");
                    driving.push(self.drive_again(run).boxed());
                }
            }
        }
    }

    /// Takes every change set that nobody drives, page by page.
    async fn claim_all(&self) -> Result<Vec<Lease>> {
        let mut all = Vec::new();
        loop {
            let page = self.engine.claim(PAGE).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    async fn drive_under(&self, run: RunId, lease: Lease) -> (RunId, Result<()>) {
        let driven = self.engine.drive_under(&run, lease).await.map(drop);
        (run, driven)
    }

    /// After a while; and not where another host has taken it over meanwhile.
    async fn drive_again(&self, run: RunId) -> (RunId, Result<()>) {
        self.services.clock.sleep(self.services.pace.longest).await;
        match self.engine.acquire(run.as_str()).await {
            Ok(Some(lease)) => self.drive_under(run, lease).await,
            Ok(None) => (run, Ok(())),
            Err(error) => (run, Err(error)),
        }
    }

    /// What is known of a change set, or `None`.
    ///
    /// # Errors
    /// `Corrupt` where the journal's record is of another version; what the journal answers.
    pub async fn state(&self, change_set: &ChangeSetId) -> Result<Option<State>> {
        let Some(run) = self.load(&run_id(change_set)?).await? else { return Ok(None) };
        decode_state(&run.id, run.state).map(Some)
    }
}

fn decode_state(run: &RunId, state: serde_json::Value) -> Result<State> {
    serde_json::from_value(state).map_err(|error| Error::new(ErrorKind::Corrupt, "read a change set").on(run).with_source(error))
}

/// Units, what they depend on, and who keeps the contracts they rely on.
fn surroundings(units: &BTreeMap<UnitId, Unit>, contracts: &BTreeMap<ContractId, Contract>) -> BTreeSet<UnitId> {
    let providers = |unit: &Unit| {
        unit.consumes
            .iter()
            .filter_map(|contract| contracts.get(contract))
            .map(|contract| contract.provider.clone())
            .collect::<Vec<_>>()
    };
    units
        .values()
        .flat_map(|unit| [unit.id.clone()].into_iter().chain(unit.depends_on.iter().cloned()).chain(providers(unit)))
        .collect()
}

/// A readable id: the beginning of the title, and ten characters that follow from the key.
fn change_set_id(title: &str, key: &IdempotencyKey) -> Result<ChangeSetId> {
    let mut words = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            words.push(c);
        } else if !words.ends_with('-') && !words.is_empty() {
            words.push('-');
        }
    }
    let words: String = words.chars().take(40).collect();
    let words = words.trim_matches('-');
    let tail: String = Digest::of(key.as_str().as_bytes()).hex().chars().take(10).collect();
    let id = if words.is_empty() { format!("change-{tail}") } else { format!("{words}-{tail}") };
    ChangeSetId::parse(id).map_err(|error| Error::new(ErrorKind::Invalid, "name a change set").on(title).because(error))
}

/// The run that a claimed lease is of.
fn run_of(lease: &Lease) -> Result<RunId> {
    RunId::parse(&lease.name).map_err(|error| Error::new(ErrorKind::Corrupt, "claim a run").on(&lease.name).because(error))
}

pub(crate) fn run_id(change_set: &ChangeSetId) -> Result<RunId> {
    RunId::parse(change_set.as_str()).map_err(|error| Error::new(ErrorKind::Invalid, "name a run").on(change_set).because(error))
}

/// How long the policy asks a unit to be healthy.
fn settle_millis<'p>(project: &'p Project, unit: &'p Unit) -> impl Iterator<Item = u64> + 'p {
    project.policy.requirements(unit).filter_map(|(_, requirement)| match &requirement.asks {
        Ask::Health(rule) => Some(rule.settled_seconds.saturating_mul(1_000)),
        _ => None,
    })
}

/// Who is asked for reviews: everybody with a role, apart from the requester, who cannot approve.
fn reviewers(project: &Project, requester: &PersonId) -> Vec<PersonId> {
    let reviews = |roles: &BTreeSet<PersonRole>| roles.contains(&PersonRole::Reviewer) || roles.contains(&PersonRole::Owner);
    project
        .people
        .iter()
        .filter(|(person, roles)| *person != requester && reviews(roles))
        .map(|(person, _)| person.clone())
        .collect()
}

pub(crate) fn context(what: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(format!("control-plane/{what}")))
}
