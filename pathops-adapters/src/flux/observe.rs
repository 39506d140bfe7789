//! From Kustomizations to an observation.

use futures_util::future::try_join_all;
use pathops_core::adapter::{ExpectedDeployment, NotYet, Observation, Readiness};
use pathops_core::{CommitId, Digest, Error, ErrorKind, OpContext, Result, TreeId, UnixMillis};

use super::answer::About;
use super::connected::Read;
use super::managed::ManagedKustomization;
use super::verdict::{Expected, HelmRelease, Kustomization, Objects, Reference, Source, Verdict, Workload, judge};
use super::{Flux, OBSERVE, Unit};
use crate::live::{Answers, Asking, rank, whole};

/// So many objects of an inventory are read at once.
const AT_ONCE: usize = 8;

/// So often everything is read anew where something happens meanwhile.
const READS: usize = 3;

/// A Kustomization and what the rule is asked about it.
struct Asked<'a> {
    managed: &'a ManagedKustomization,
    expected: Expected,
}

pub(super) async fn observe(flux: &Flux, cx: &OpContext, expected: &ExpectedDeployment) -> Result<Observation> {
    let unit = flux.unit(OBSERVE, &expected.unit, &expected.target)?;
    let on = || format!("{} in {}", expected.unit, expected.target.environment);
    if !expected.jobs.is_empty() {
        return Err(Error::unsupported("observe a deployment with post-deploy jobs").on(on()));
    }
    if unit.repo != expected.repo {
        let why = format!("its desired state is configured to be in {}, not in {}", unit.repo, expected.repo);
        return Err(Error::new(ErrorKind::NotFound, OBSERVE).on(on()).because(why));
    }
    if expected.artifact.is_some() && unit.kustomizations.iter().all(|it| it.images.is_empty()) {
        return Err(Error::new(ErrorKind::Invalid, OBSERVE)
            .on(on())
            .because("an artifact is expected, and no Kustomization is configured to run it")
            .advise("name the repository of its image"));
    }
    let ask = |managed| Ok(Asked { managed, expected: managed.expected(expected)? });
    let asked: Vec<Asked<'_>> = unit.kustomizations.iter().map(ask).collect::<Result<_>>()?;
    let question = Observing { flux, cx, unit, expected, asked };
    for _ in 0..READS {
        let read = question.read().await?;
        let observation = question.judged(&read).await?;
        // What makes nobody act may be of objects that were read one after the other while something happened.
        if matches!(observation.readiness, Readiness::NotYet(_)) || question.is_still_so(&read).await? {
            return Ok(observation);
        }
    }
    let read = question.read().await?;
    Ok(Observation { readiness: Readiness::NotYet(NotYet::Looking), ..question.judged(&read).await? })
}

struct Observing<'a> {
    flux: &'a Flux,
    cx: &'a OpContext,
    unit: &'a Unit,
    expected: &'a ExpectedDeployment,
    asked: Vec<Asked<'a>>,
}

impl Observing<'_> {
    async fn read(&self) -> Result<Vec<Objects>> {
        try_join_all(self.asked.iter().map(|asked| self.objects(asked))).await
    }

    /// A Kustomization, its source, its releases, and its workloads where an image is expected of them.
    async fn objects(&self, Asked { managed, expected }: &Asked<'_>) -> Result<Objects> {
        let at = self.flux.connected(&managed.cluster)?;
        let kustomization = at.get(self.cx, &managed.place, Kustomization::from_json).await?;
        let named = kustomization.source();
        let source = match Source::is_known(&named.kind) {
            true => at.find(self.cx, &named, Source::from_json).await?,
            false => None,
        };
        if kustomization.applies_elsewhere() && managed.applies_in.is_none() {
            return Err(Error::new(ErrorKind::Invalid, OBSERVE)
                .on(&managed.place)
                .because("what it applies is in another cluster")
                .advise("tell the adapter which one that is"));
        }
        let released: Vec<Reference> = kustomization.inventory().into_iter().filter(Reference::is_release).collect();
        let mut objects = Objects::new(kustomization, source);
        for release in self.all(managed, &released, HelmRelease::from_json).await? {
            objects = objects.release(release);
        }
        if expected.expects_images() {
            for workload in self.all(managed, &objects.workloads_named(), Workload::from_json).await? {
                objects = objects.workload(workload);
            }
        }
        Ok(objects)
    }

    /// These objects that a Kustomization applied, as far as they are there.
    async fn all<T: Send>(&self, managed: &ManagedKustomization, references: &[Reference], read: Read<T>) -> Result<Vec<T>> {
        let at = self.flux.connected(managed.applied_cluster())?;
        let mut found = Vec::new();
        for some in references.chunks(AT_ONCE) {
            let reads = some.iter().map(|reference| at.find(self.cx, reference, read));
            found.extend(try_join_all(reads).await?.into_iter().flatten());
        }
        Ok(found)
    }

    /// Whether no Kustomization has changed since it was read. Flux writes into one before it applies anything.
    async fn is_still_so(&self, read: &[Objects]) -> Result<bool> {
        let again = self.asked.iter().map(|Asked { managed, .. }| async {
            self.flux.connected(&managed.cluster)?.get(self.cx, &managed.place, Kustomization::from_json).await
        });
        let again = try_join_all(again).await?;
        let same = |(one, other): (&Objects, &Kustomization)| one.kustomization().resource_version() == other.resource_version();
        Ok(read.iter().zip(&again).all(same))
    }

    /// What the objects say, once Git has told all that the rule wants to know.
    async fn judged(&self, read: &[Objects]) -> Result<Observation> {
        let at = self.flux.clock.now();
        let mut answers = Answers::new();
        loop {
            let asking = Asking::new(&answers);
            let judge = |(asked, it): (&Asked<'_>, &Objects)| judge(&asked.expected, it, &asking, at);
            let verdicts: Vec<Verdict> = self.asked.iter().zip(read).map(judge).collect();
            let open = asking.open();
            if open.is_empty() {
                return self.observation(read, &verdicts, at).await;
            }
            for question in open {
                let ours = self.asked.iter().any(|asked| asked.managed.is_desired_state(question.repo_url()));
                let answer = match ours {
                    true => self.flux.trees.answer(self.cx, &self.unit.repo, &question).await?,
                    false => None,
                };
                answers.insert(question, answer);
            }
        }
    }

    async fn observation(&self, read: &[Objects], verdicts: &[Verdict], at: UnixMillis) -> Result<Observation> {
        let applied: Vec<CommitId> = read.iter().filter_map(|it| it.kustomization().applied()).collect();
        let mut trees = Vec::new();
        for commit in &applied {
            trees.push(self.tree(commit).await?);
        }
        let mut readiness = Readiness::Ready;
        for ((asked, objects), verdict) in self.asked.iter().zip(read).zip(verdicts) {
            let other = self.readiness(asked, objects, verdict).await?;
            readiness = if rank(&other) < rank(&readiness) { other } else { readiness };
        }
        if readiness == Readiness::Ready {
            readiness = whole(&applied, &trees, self.asked.len(), &self.expected.tree);
        }
        let running = || self.asked.iter().zip(read).flat_map(|(asked, it)| running(asked.managed, it));
        let healthy_since: Option<Vec<UnixMillis>> = read.iter().map(|it| it.kustomization().healthy_since()).collect();
        Ok(Observation {
            readiness,
            commit: applied.into_iter().next(),
            tree: trees.into_iter().next().flatten(),
            artifact: self.expected.artifact.filter(|expected| running().any(|it| it == *expected)).or(running().next()),
            url: None,
            healthy_since: healthy_since.and_then(|since| since.into_iter().max()).map(|since| since.min(at)),
            jobs: Vec::new(),
            resource_version: self.versions(read),
            at,
        })
    }

    /// What one Kustomization says, in the words of the trait.
    async fn readiness(&self, asked: &Asked<'_>, objects: &Objects, verdict: &Verdict) -> Result<Readiness> {
        let other = running(asked.managed, objects).into_iter().find(|it| Some(*it) != self.expected.artifact);
        let about = About { last_look: objects.kustomization().looked_at(), running: other };
        about.said(verdict).in_full(verdict, async |commit| self.tree(commit).await).await
    }

    /// The tree of the environment's folder. None where there is no such folder, or no such commit.
    async fn tree(&self, commit: &CommitId) -> Result<Option<TreeId>> {
        self.flux.trees.known_tree(self.cx, &self.unit.repo, commit, &self.expected.target.path).await
    }

    fn versions(&self, read: &[Objects]) -> String {
        let version = |it: &Objects| it.kustomization().resource_version().unwrap_or_default().to_owned();
        match read {
            [only] => version(only),
            several => {
                let place = |asked: &Asked<'_>| {
                    let Reference { namespace, name, .. } = &asked.managed.place;
                    format!("{namespace}/{name}")
                };
                let named = self.asked.iter().zip(several).map(|(asked, it)| format!("{}@{}", place(asked), version(it)));
                named.collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// Which artifacts a Kustomization runs.
fn running(managed: &ManagedKustomization, objects: &Objects) -> Vec<Digest> {
    managed.images.iter().flat_map(|image| objects.running(image)).collect()
}
