//! The lifecycles of apps and components, `lifecycles/<unit>.json` in the meta repository: an owner takes them onto the path by
//! declaring it there, promotions bring them into production, and incidents send them back.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use pathops_core::adapter::{Commit, SourceFile, SourceTree};
use pathops_core::lifecycle::{App, AppLifecycle, Declarations, HumanDecision, Reported};
use pathops_core::project::{Lifecycle, Project, Role, Unit, declared_lifecycles};
use pathops_core::{CommitId, Error, ErrorKind, IdempotencyKey, OpContext, Principal, RepoId, RepoPath, Result, Retry, UnitId};

use crate::activity::Services;
use crate::activity::facts::read_declarations;
use crate::activity::record::Record;
use crate::control_plane::ControlPlane;
use crate::policy_change::signers::author;
use crate::retry::with_retry;

/// The folder in which the meta repository has them.
pub(crate) const LIFECYCLES: &str = "lifecycles";

/// How many commits of the meta repository are looked through for the one that begins a lifecycle.
const MAX_HISTORY: usize = 100_000;

fn path_of(unit: &UnitId) -> Result<RepoPath> {
    let name = format!("{LIFECYCLES}/{unit}.json");
    RepoPath::parse(name).map_err(|error| Error::new(ErrorKind::Invalid, "name a lifecycle").on(unit).because(error))
}

impl Services {
    /// A lifecycle as it is recorded at a commit. What cannot be read is no absence: it is tried again for a while, since somebody
    /// may mend it.
    pub(crate) async fn recorded_app(
        &self,
        cx: &OpContext,
        meta_repo: &RepoId,
        commit: &CommitId,
        unit: &UnitId,
    ) -> Result<Option<AppLifecycle>> {
        let path = path_of(unit)?;
        let Some(bytes) = self.scm.read_file(cx, meta_repo, commit, &path).await? else { return Ok(None) };
        let corrupt = |error| {
            Error::new(ErrorKind::Corrupt, "read a lifecycle")
                .on(format!("{meta_repo}:{path}"))
                .because(&error)
                .advise("bring the file back as PathOps wrote it")
                .with_source(error)
                .with_retry(Retry::Backoff)
        };
        AppLifecycle::from_slice(&bytes).map(Some).map_err(corrupt)
    }

    /// The files of these lifecycles, each with what else is recorded of it at `head`.
    pub(crate) async fn apps_at(
        &self,
        cx: &OpContext,
        meta_repo: &RepoId,
        head: &CommitId,
        apps: &[AppLifecycle],
    ) -> Result<Vec<(RepoPath, String)>> {
        let mut files = Vec::new();
        for app in apps {
            let unit = &app.subject().unit;
            let recorded = self.recorded_app(cx, meta_repo, head, unit).await?;
            files.push(file(&recorded.map_or_else(|| app.clone(), |recorded| recorded.with(app)))?);
        }
        Ok(files)
    }
}

fn file(app: &AppLifecycle) -> Result<(RepoPath, String)> {
    let unit = &app.subject().unit;
    let text = serde_json::to_string(app);
    let text = text.map_err(|error| Error::new(ErrorKind::Invalid, "write a lifecycle").on(unit).with_source(error))?;
    Ok((path_of(unit)?, text))
}

impl Services {
    /// The lifecycles of these units as they are recorded, or as an owner has begun them; without those of which nobody knows
    /// that an owner did.
    pub(crate) async fn apps(
        &self,
        cx: &OpContext,
        project: &Project,
        units: &BTreeMap<UnitId, Unit>,
    ) -> Result<BTreeMap<UnitId, AppLifecycle>> {
        let mut apps = BTreeMap::new();
        for (id, unit) in units {
            let app = || -> BoxFuture<'_, _> {
                Box::pin(async move {
                    let main = self.main(cx, &project.meta_repo).await?;
                    match self.recorded_app(cx, &project.meta_repo, &main, id).await? {
                        Some(app) => Ok(Some(app)),
                        None => self.begun_app(cx, project, unit, &main).await,
                    }
                })
            };
            apps.extend(with_retry(&*self.clock, app).await?.map(|app| (id.clone(), app)));
        }
        Ok(apps)
    }

    /// The lifecycle of what an owner has taken onto the path: they wrote that into the meta repository, with its declarations.
    async fn begun_app(&self, cx: &OpContext, project: &Project, unit: &Unit, main: &CommitId) -> Result<Option<AppLifecycle>> {
        let Ok(declarations) = Declarations::of(unit) else { return Ok(None) };
        let Some(commit) = self.declared_by(cx, project, &unit.id, main).await? else { return Ok(None) };
        let Some(person) = author(&commit, &project.identities) else { return Ok(None) };
        let subject = commit.message.lines().next().unwrap_or_default();
        let reason = self.redactor.redact_text(&format!("{subject} ({})", commit.id));
        let by = HumanDecision::prove(&Principal::Human(person), Role::Owner, &project.people, reason, commit.at);
        let production = project.environments.production.environment.clone();
        let prototype = AppLifecycle::prototype(App { unit: unit.id.clone(), production });
        // Somebody else than an owner decided nothing.
        Ok(by.ok().and_then(|by| prototype.path_ready(declarations, &by, commit.at).ok()))
    }

    /// The commit that declares a unit to be on the path, where it was none before.
    async fn declared_by(&self, cx: &OpContext, project: &Project, unit: &UnitId, main: &CommitId) -> Result<Option<Commit>> {
        let commits = match self.scm.log(cx, &project.meta_repo, None, main, MAX_HISTORY).await {
            Err(error) if error.kind() == ErrorKind::Invalid => {
                tracing::warn!(unit = %unit, "the meta repository has too many commits to find the one that declares it");
                return Ok(None);
            }
            commits => commits?,
        };
        let mut known = BTreeMap::new();
        // What PathOps records is no declaration.
        let by_people = |commit: &Commit| commit.authors.iter().all(|it| it.principal != Some(Principal::System));
        for commit in commits.into_iter().filter(by_people) {
            if !self.is_on_path(cx, project, unit, &commit.id, &mut known).await? {
                continue;
            }
            let mut new = true;
            for parent in &commit.parents {
                new &= !self.is_on_path(cx, project, unit, parent, &mut known).await?;
            }
            if new {
                return Ok(Some(commit));
            }
        }
        Ok(None)
    }

    /// Whether a commit declares a unit to be on the path; each commit is read once.
    async fn is_on_path(
        &self,
        cx: &OpContext,
        project: &Project,
        unit: &UnitId,
        commit: &CommitId,
        known: &mut BTreeMap<CommitId, bool>,
    ) -> Result<bool> {
        if let Some(known) = known.get(commit) {
            return Ok(*known);
        }
        let mut files = SourceTree::new();
        for folder in ["apps", "components"] {
            let name = format!("{folder}/{unit}.yaml");
            let path = RepoPath::parse(name)
                .map_err(|error| Error::new(ErrorKind::Invalid, "read a declaration").on(unit).because(error))?;
            let bytes = self.scm.read_file(cx, &project.meta_repo, commit, &path).await?;
            files.extend(bytes.map(|bytes| (path, SourceFile { bytes, executable: false })));
        }
        let on_path = declared_lifecycles(&files).get(unit).is_some_and(|it| *it != Lifecycle::Prototype);
        known.insert(commit.clone(), on_path);
        Ok(on_path)
    }
}

impl ControlPlane {
    /// Sends back what is recorded as being in production and has an open incident, its own or one of the whole project, and
    /// records that. Gives what was sent back. [`ControlPlane::run`] does it by itself.
    ///
    /// # Errors
    /// `Invalid` where the project cannot be read; what the Git host answers. A record that cannot be read is left out, and
    /// logged.
    pub async fn send_back(&self) -> Result<Vec<UnitId>> {
        let services = self.services();
        let cx = &OpContext::new(IdempotencyKey::new(format!("control-plane/back/{:032x}", services.ids.fresh())));
        let read = || -> BoxFuture<'_, _> {
            Box::pin(async move {
                let main = services.main(cx, self.meta_repo()).await?;
                let project = services.project_at(cx, self.meta_repo(), &main).await?;
                Ok((main, project))
            })
        };
        let (main, project) = with_retry(&*services.clock, read).await?;
        if project.incidents.is_empty() {
            return Ok(Vec::new());
        }
        let records = read_declarations(&*services.scm, cx, self.meta_repo(), &main, &[LIFECYCLES]).await?;
        let mut back = Vec::new();
        for unit in project.units.keys().filter(|unit| path_of(unit).is_ok_and(|path| records.contains_key(&path))) {
            let app = match services.recorded_app(cx, self.meta_repo(), &main, unit).await {
                Ok(Some(app)) => app,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!(unit = %unit, error = %error, "its lifecycle cannot be read");
                    continue;
                }
            };
            let incident = Reported::prove(&project, &main, unit);
            // From anywhere else than production there is no way back.
            back.extend(incident.and_then(|incident| app.incident(&incident, services.clock.now()).ok()));
        }
        if back.is_empty() {
            return Ok(Vec::new());
        }
        let (at, message) = (services.clock.now(), "Send back what has an open incident\n".to_owned());
        let what = Record { message, meta_repo: self.meta_repo(), at, files: &[], once: &[], apps: &back, releases: &[] };
        with_retry(&*services.clock, || -> BoxFuture<'_, _> { Box::pin(services.record(cx, &what)) }).await?;
        Ok(back.into_iter().map(|app| app.subject().unit.clone()).collect())
    }
}
