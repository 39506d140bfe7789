//! The control plane: what a host composes and runs.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};
use futures_util::lock::Mutex;
use pathops_core::adapter::{Lease, Run};
use pathops_core::flow::{Engine, Machine as _, Machines};
use pathops_core::project::{FeatureRequest, Project};
use pathops_core::{ChangeSetId, Digest, Error, ErrorKind, IdempotencyKey, OpContext, RepoId, Result, RunId};

use crate::activity::Services;
use crate::builder::Builder;
use crate::change_set::{ChangeSet, Start, State};
use crate::doubt::Doubts;
use crate::request::Wanted;
use crate::retry::with_retry;

/// Takes features to production: one project, over the adapters of its host.
///
/// It keeps nothing of its own: everything is with the engine, in Git and in the blob store. It may be dropped at any
/// moment and made anew over the same adapters; [`ControlPlane::run`] then goes on where it was.
#[derive(Debug)]
pub struct ControlPlane {
    pub(crate) services: Arc<Services>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) machines: Machines,
    pub(crate) meta_repo: RepoId,
    pub(crate) making: Mutex<()>,
    pub(crate) doubts: Doubts,
}

/// The turn in which change sets are made; no run can have that name.
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
        self.declared().await.map(Arc::unwrap_or_clone)
    }

    pub(crate) async fn declared(&self) -> Result<Arc<Project>> {
        let cx = &context("project");
        with_retry(&*self.services.clock, || Box::pin(self.services.project(cx, &self.meta_repo))).await
    }

    /// Plans a feature and makes its change set, which [`ControlPlane::run`] then takes to production. The same key
    /// with the same title again gives the same change set and changes nothing; without a key, every call makes a new one.
    ///
    /// One change set at a time changes a unit or what it works with. Where others that have not ended do, this one waits for its turn,
    /// or they give way to it, as the policy says ([`Supersession`](pathops_core::policy::Supersession)); of requests made at once, one
    /// is the first. Its [`State`] and [`ControlPlane::waits`] say what it waits for. It is planned anew when its turn has come.
    ///
    /// # Errors
    /// `Denied` where the requester is nobody in the project, or the branch of production can be merged without the required status;
    /// `Invalid` where the project or the request has mistakes, or the title is too long for the pull requests it would have; `Conflict`
    /// where this took so long that another host makes change sets by now; what the Git host and the journal answer.
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
        let wanted = Wanted {
            change_set: change_set.clone(),
            request,
            carries: Vec::new(),
            take_back: None,
            at: self.services.clock.now(),
        };
        let cx = &context("request");
        let project = &self.declared().await?;
        let start = self.services.planned(cx, project, wanted).await?;
        self.make(&run, start).await?;
        Ok(change_set)
    }

    /// Looking for overlaps and making the run are one thing: one request after the other in this process, and under a
    /// lease that keeps other processes out. The run is written under that very lease, so that one who has lost it
    /// since they looked makes nothing.
    pub(crate) async fn make(&self, run: &RunId, start: Start) -> Result<()> {
        let _turn = self.making.lock().await;
        let lease = self.engine.turn(MAKING).await?;
        let made = self.make_under(&lease, run, start).await;
        self.engine.release(&lease).await?;
        made
    }

    async fn make_under(&self, lease: &Lease, run: &RunId, mut start: Start) -> Result<()> {
        // The same request may have been waiting for its turn twice.
        if self.load(run).await?.is_some() {
            return Ok(());
        }
        start.turn = self.turn_of(&start).await?.map(Box::new);
        if let (Some(recovery), None) = (&start.recovery, &start.turn) {
            let units = recovery.landed.keys();
            self.services
                .require_in_production(&context("take back"), &start.meta_repo, &recovery.asked.change_set, units)
                .await?;
        }
        let machine = &**self.machines.get(ChangeSet::NAME)?;
        self.engine.start(lease, machine, run, &encode(run, &start)?).await.map(drop)
    }

    pub(crate) fn meta_repo(&self) -> &RepoId {
        &self.meta_repo
    }

    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// The run of a change set.
    pub(crate) async fn load(&self, run: &RunId) -> Result<Option<Run>> {
        self.run_of::<ChangeSet>(run).await
    }

    /// Drives one change set to its end. See [`ControlPlane::run`] for all of them.
    ///
    /// # Errors
    /// `NotFound` for an unknown change set; `Conflict` where another host drives it; what the journal answers.
    pub async fn drive(&self, change_set: &ChangeSetId) -> Result<State> {
        let run = run_id(change_set)?;
        self.require_run_of::<ChangeSet>(&run).await?;
        decode_state(&run, self.engine.drive(&self.machines, &run).await?.state)
    }

    /// Drives every change set and every incident that has not ended, new ones too, until `shutdown`. Stopping in the middle loses
    /// nothing: what was begun is stored and goes on with the next run. A change set that cannot go on for what
    /// is wrong around it (a store is full, a system is out of reach) is reported to the observer and tried again.
    /// Beside that it looks for doubts about what is in production, [begins with open incidents](ControlPlane::start_incidents), and sends
    /// back what has one, as often as [`Pace`](crate::Pace) says.
    ///
    /// Several hosts may do this where their engine lets them ([`Embedded`](crate::engine::Embedded) says when): a change set is driven by one
    /// of them. Those of a host that has ended are taken over by another one at once, and those of a host that has died after a while.
    ///
    /// # Errors
    /// Where the engine cannot say which change sets there are. What goes wrong outside is no error here.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<()> {
        with_retry(&*self.services.clock, || self.engine.end(&self.machines)).await?;
        let ran = {
            let (shutdown, watch) = (pin!(shutdown), pin!(self.watch()));
            match select(self.engine.run(&self.machines), select(shutdown, watch)).await {
                Either::Left((ran, _)) => ran,
                Either::Right(_) => Ok(()),
            }
        };
        // Nothing is driven any more. Where this fails, others wait until they take this host for dead.
        if let Err(error) = self.engine.end(&self.machines).await {
            tracing::warn!(error = %error, "what this host drove was not given back; others go on with it later");
        }
        ran
    }

    /// Begins nothing new of any change set, for good: writes that were begun come to their end, and what waits for CI, for people or for a
    /// deployment is let go of, as by a crash; a success that was posted stands. Then [`ControlPlane::run`] ends by itself, within
    /// [`Pace::longest`](crate::Pace::longest) where nothing is under way, and another host goes on at once. So little is left that has to
    /// be looked for. Where one operation fails meanwhile, those beside it of the same change set are let go of, too. A host that cannot
    /// wait as long ends `run` by its `shutdown`, which loses nothing either.
    pub fn drain(&self) {
        self.engine.drain();
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

pub(crate) fn encode(run: &RunId, value: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|error| Error::new(ErrorKind::Unexpected, "write a run down").on(run).with_source(error))
}

pub(crate) fn decode_state(run: &RunId, state: serde_json::Value) -> Result<State> {
    serde_json::from_value(state).map_err(|error| Error::new(ErrorKind::Corrupt, "read a change set").on(run).with_source(error))
}

/// A readable id: the beginning of the title, and ten characters that follow from the key.
pub(crate) fn change_set_id(title: &str, key: &IdempotencyKey) -> Result<ChangeSetId> {
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

pub(crate) fn run_id(change_set: &ChangeSetId) -> Result<RunId> {
    RunId::parse(change_set.as_str()).map_err(|error| Error::new(ErrorKind::Invalid, "name a run").on(change_set).because(error))
}

pub(crate) fn context(what: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(format!("control-plane/{what}")))
}
