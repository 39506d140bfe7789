//! From Applications to an observation.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::try_join_all;
use pathops_core::adapter::{self, DeployFailure, ExpectedDeployment, JobResult, Observation, Readiness};
use pathops_core::{CommitId, Digest, Error, ErrorKind, JobName, OpContext, RepoId, Result, TreeId, UnixMillis};

use super::answer::{About, Images};
use super::jobs::Runs;
use super::managed::ManagedApplication;
use super::server::Server;
use super::{ArgoCd, Unit};
use crate::argo_verdict::{Application, Expected, Failed, NotYet, Verdict, judge, judge_with_pods};
use crate::live::{Answers, Asking, rank, same_repository, whole};

const OPERATION: &str = "observe a deployment";

/// An Application and what the rule is asked about it.
struct Asked<'a> {
    managed: &'a ManagedApplication,
    expected: Expected,
}

/// What the rule says about one Application.
struct Judged {
    verdict: Verdict,
    runs: Runs,
}

impl Judged {
    fn of(
        managed: &ManagedApplication,
        wanted: &Expected,
        application: &Application,
        images: Images<'_>,
        asking: &Asking<'_>,
        at: UnixMillis,
    ) -> Self {
        let verdict = match images {
            Images::Run(running) => judge_with_pods(wanted, application, running, asking, at),
            Images::Told | Images::Unread => judge(wanted, application, asking, at),
        };
        Self { verdict, runs: Runs::of(managed, application, wanted, asking) }
    }
}

pub(super) async fn observe(argo: &ArgoCd, cx: &OpContext, expected: &ExpectedDeployment) -> Result<Observation> {
    let unit = argo.unit(OPERATION, &expected.unit, &expected.target)?;
    let on = || format!("{} in {}", expected.unit, expected.target.environment);
    if unit.repo != expected.repo {
        let why = format!("its desired state is configured to be in {}, not in {}", unit.repo, expected.repo);
        return Err(Error::new(ErrorKind::NotFound, OPERATION).on(on()).because(why));
    }
    if expected.artifact.is_some() && unit.applications.iter().all(|application| application.images.is_empty()) {
        return Err(Error::new(ErrorKind::Invalid, OPERATION)
            .on(on())
            .because("an artifact is expected, and no Application is configured to run it")
            .advise("name the repository of its image"));
    }
    let asked: Vec<Asked<'_>> = unit
        .applications
        .iter()
        .map(|managed| Ok(Asked { managed, expected: managed.expected(expected, &unit.applications)? }))
        .collect::<Result<_>>()?;
    // Pods are a unit's: of several Applications, what those of one run would count for another.
    let is_alone = unit.applications.iter().filter(|application| !application.images.is_empty()).count() == 1;
    let pods = argo.pods.as_ref().filter(|_| expected.artifact.is_some() && is_alone);
    let images = if pods.is_some() { Images::Unread } else { Images::Told };
    let question = Observing { argo, cx, unit, expected, asked };
    if let Some(told) = question.told()? {
        let observation = question.judged(&told, images, Pass::Told).await?;
        // Only what makes nobody act is believed without reading.
        if matches!(observation.readiness, Readiness::NotYet(_)) {
            return Ok(observation);
        }
    }
    let read = question.read().await?;
    let observation = question.judged(&read, images, Pass::Read).await?;
    let Some(pods) = pods.filter(|_| observation.readiness == Readiness::Ready) else { return Ok(observation) };
    let running = pods.images(cx, &expected.unit, &expected.target.environment).await?;
    question.judged(&read, running.as_ref().map_or(Images::Told, Images::Run), Pass::Read).await
}

/// What is judged: what the watches told, of which only waiting is believed, or what was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Told,
    Read,
}

/// The verdict with the resource that ails, where the Application leaves that out and Argo CD tells.
async fn explained(cx: &OpContext, argo: &Server, about: &About<'_>, verdict: &Verdict) -> Verdict {
    let mut explained = verdict.clone();
    if !about.application.leaves_health_out() {
        return explained;
    }
    let message = match &mut explained {
        Verdict::NotYet(NotYet::Unhealthy { status, message }) if status != "Progressing" => message,
        Verdict::Failed(Failed::Degraded { message }) => message,
        _ => return explained,
    };
    let tree = argo.tree(cx, &about.managed.place).await;
    if let Some(cause) = tree.ok().and_then(|tree| about.application.cause_in(&tree)) {
        *message = cause;
    }
    explained
}

/// That no sync may begin, or go on, where one is what is missing.
async fn closed(cx: &OpContext, argo: &Server, about: &About<'_>, verdict: &Verdict) -> Option<String> {
    let missing = match verdict {
        Verdict::NotYet(it @ (NotYet::OutOfSync { .. } | NotYet::NotSynced)) => it,
        Verdict::NotYet(it @ NotYet::Operating) if about.application.waits_for_window() => it,
        _ => return None,
    };
    let why = match argo.windows(cx, &about.managed.place).await {
        Ok(windows) => windows.closed()?,
        Err(error) => format!("its sync windows are not known: {error}"),
    };
    Some(format!("{missing}; {why}"))
}

struct Observing<'a> {
    argo: &'a ArgoCd,
    cx: &'a OpContext,
    unit: &'a Unit,
    expected: &'a ExpectedDeployment,
    asked: Vec<Asked<'a>>,
}

impl Observing<'_> {
    /// The Applications as the watches told of them, where all can be believed.
    fn told(&self) -> Result<Option<Vec<Arc<Application>>>> {
        let mut told = Vec::new();
        for Asked { managed, .. } in &self.asked {
            let Some(application) = self.argo.connected(managed)?.last(&managed.place) else { return Ok(None) };
            told.push(application);
        }
        Ok(Some(told))
    }

    async fn read(&self) -> Result<Vec<Arc<Application>>> {
        let reads = self
            .asked
            .iter()
            .map(|Asked { managed, .. }| async { self.argo.connected(managed)?.get(self.cx, &managed.place).await });
        try_join_all(reads).await
    }

    /// What the Applications say, once Git has told all that the rule wants to know.
    async fn judged(&self, applications: &[Arc<Application>], images: Images<'_>, pass: Pass) -> Result<Observation> {
        let at = self.argo.clock.now();
        let wanted = self.wanted(applications, images);
        let mut answers = Answers::new();
        loop {
            let asking = Asking::new(&answers);
            let each = self.asked.iter().zip(&wanted).zip(applications);
            let judged: Vec<Judged> =
                each.map(|((asked, wanted), it)| Judged::of(asked.managed, wanted, it, images, &asking, at)).collect();
            let open = asking.open();
            if open.is_empty() {
                return self.observation(applications, &judged, images, (pass, at)).await;
            }
            for question in open {
                let answer = match self.repo(question.repo_url()) {
                    Some(repo) => self.argo.trees.answer(self.cx, repo, &question).await?,
                    None => None,
                };
                answers.insert(question, answer);
            }
        }
    }

    /// What is expected of each Application: one that another manages has to be looked at since that one last did something, or it
    /// would be judged by a spec that is no longer its own. Where it is not known which instance has those that it manages, none counts.
    fn wanted(&self, applications: &[Arc<Application>], images: Images<'_>) -> Vec<Expected> {
        let mut applied: HashMap<(&str, &str, &str), UnixMillis> = HashMap::new();
        for (asked, application) in self.asked.iter().zip(applications) {
            let Some(ended) = application.operated_at() else { continue };
            for (namespace, name) in application.children() {
                let at = applied.entry((asked.managed.instance_of_children(), namespace, name)).or_insert(ended);
                *at = ended.max(*at);
            }
        }
        let wanted = self.asked.iter().zip(applications).map(|(Asked { managed, expected }, application)| {
            let at = applied.get(&(&*managed.instance, &*managed.place.namespace, &*managed.place.name));
            let wanted = at.map_or_else(|| expected.clone(), |at| expected.clone().looked_at_after(*at));
            let wanted = if images == Images::Unread { wanted.of_any_image() } else { wanted };
            if managed.knows_where_children_are(application) { wanted } else { wanted.judging_none_apart() }
        });
        wanted.collect()
    }

    /// What the Git host calls a repository that Applications call `url`.
    fn repo(&self, url: &str) -> Option<&RepoId> {
        let desired_state = self.asked.iter().any(|asked| asked.managed.is_desired_state(url));
        if desired_state {
            return Some(&self.unit.repo);
        }
        self.argo.repositories.iter().find(|(known, _)| same_repository(known, url)).map(|(_, repo)| repo)
    }

    async fn observation(
        &self,
        applications: &[Arc<Application>],
        judged: &[Judged],
        images: Images<'_>,
        (pass, at): (Pass, UnixMillis),
    ) -> Result<Observation> {
        let sources = self.asked.iter().map(|asked| asked.managed.source(self.expected));
        let applied: Vec<CommitId> = sources.zip(applications).filter_map(|(source, it)| it.applied(&source?)).collect();
        let mut trees = Vec::new();
        for commit in &applied {
            trees.push(self.tree(commit).await?);
        }
        let told = self.asked.iter().zip(applications).zip(judged).map(async |((asked, application), judged)| {
            let (managed, runs, expected) = (asked.managed, &judged.runs, self.expected);
            let about = About { managed, application, runs, expected, images };
            self.readiness(&about, &judged.verdict, pass).await
        });
        let mut readiness = Readiness::Ready;
        for other in try_join_all(told).await? {
            readiness = if rank(&other) < rank(&readiness) { other } else { readiness };
        }
        if readiness == Readiness::Ready {
            readiness = self.whole(&applied, &trees);
        }
        let jobs =
            self.asked.iter().zip(judged).flat_map(|(asked, judged)| judged.runs.results(asked.managed, &self.expected.tree));
        let jobs: Vec<JobResult> = jobs.collect();
        let healthy_since: Option<Vec<UnixMillis>> = applications.iter().map(|it| it.healthy_since()).collect();
        Ok(Observation {
            readiness,
            commit: applied.into_iter().next(),
            tree: trees.into_iter().next().flatten(),
            artifact: self.running(applications, images),
            url: applications.iter().find_map(|it| it.url()).map(str::to_owned),
            healthy_since: healthy_since.and_then(|since| since.into_iter().max()).map(|since| since.min(at)),
            jobs,
            resource_version: self.versions(applications),
            at,
        })
    }

    /// What one Application says, in the words of the trait. What is read anew is explained then, and asked for once.
    async fn readiness(&self, about: &About<'_>, verdict: &Verdict, pass: Pass) -> Result<Readiness> {
        let Some(argo) = self.argo.connected(about.managed)?.argo() else {
            return about.said(verdict).in_full(verdict, async |commit| self.tree(commit).await).await;
        };
        let believed = pass == Pass::Read || matches!(verdict, Verdict::NotYet(_));
        let verdict = &if believed { explained(self.cx, argo, about, verdict).await } else { verdict.clone() };
        let readiness = about.said(verdict).in_full(verdict, async |commit| self.tree(commit).await).await?;
        Ok(match closed(self.cx, argo, about, verdict).await {
            Some(message) => Readiness::NotYet(adapter::NotYet::Reported { message }),
            None => readiness,
        })
    }

    /// What has to hold beyond the single Applications: the environment's whole folder is what is expected, and every expected
    /// job belongs to one of them.
    fn whole(&self, applied: &[CommitId], trees: &[Option<TreeId>]) -> Readiness {
        let parts = self.asked.iter().filter(|asked| asked.managed.has_desired_state()).count();
        let readiness = whole(applied, trees, parts, &self.expected.tree);
        if readiness != Readiness::Ready {
            return readiness;
        }
        let declared: BTreeSet<&JobName> = self.asked.iter().flat_map(|it| &it.managed.jobs).map(|job| &job.name).collect();
        let missing: Vec<JobName> = self.expected.jobs.iter().filter(|job| !declared.contains(job)).cloned().collect();
        if missing.is_empty() { Readiness::Ready } else { Readiness::Failed(DeployFailure::JobsMissing { jobs: missing }) }
    }

    /// The tree of the environment's folder. None where there is no such folder, or no such commit.
    async fn tree(&self, commit: &CommitId) -> Result<Option<TreeId>> {
        self.argo.trees.known_tree(self.cx, &self.unit.repo, commit, &self.expected.target.path).await
    }

    /// The artifact that runs: the expected one where it does.
    fn running(&self, applications: &[Arc<Application>], images: Images<'_>) -> Option<Digest> {
        let each = self.asked.iter().zip(applications);
        let wanted = self.expected.artifact;
        let running: Vec<Digest> = each.flat_map(|(asked, it)| images.running(asked.managed, it, wanted)).collect();
        let expected = wanted.filter(|expected| running.contains(expected));
        expected.or(running.first().copied())
    }

    fn versions(&self, applications: &[Arc<Application>]) -> String {
        let version = |it: &Application| it.resource_version().unwrap_or_default().to_owned();
        match applications {
            [only] => version(only),
            several => {
                let named = self.asked.iter().zip(several).map(|(asked, it)| format!("{}@{}", asked.managed.place, version(it)));
                named.collect::<Vec<_>>().join(" ")
            }
        }
    }
}
