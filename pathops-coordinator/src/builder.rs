//! Composing a control plane from the parts of a host.

use std::sync::Arc;

use futures_util::lock::Mutex;
use pathops_core::adapter::{
    AgentBackend, BlobStore, Bucket, Ci, Clock, EvidenceIndex, GitOps, IdSource, Journal, Merge, Notifier, RuntimeSignals, Scm,
    Signer,
};
use pathops_core::evidence::{PublicKey, TrustRoot};
use pathops_core::flow::{Engine, Host, Machines, Observer};
use pathops_core::policy::{ConditionLanguage, Languages};
use pathops_core::{ProducerName, RepoId, Result};
use pathops_evidence::ledger::Ledger;
use pathops_evidence::redact::{Personal, Redactor, RedactorBuilder, RulesError};
use pathops_evidence::retention::SealedBlobs;
use pathops_evidence::{CollectLimits, Sealer, Streams};

use crate::activity::project::LastRead;
use crate::activity::redaction::PayloadRedaction;
use crate::activity::{Pace, Services};
use crate::bells::Bells;
use crate::change_set::{ChangeSet, Limits};
use crate::control_plane::ControlPlane;
use crate::doubt::Doubts;
use crate::engine::Embedded;
use crate::incident::Incident;
use crate::retry::RetryBudgets;

/// What is missing to compose a control plane.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A part was not given.
    #[error("a control plane needs `{0}`; give it to the builder")]
    Missing(&'static str),
    /// The redactor cannot be made.
    #[error("the forms of secrets cannot be compiled")]
    Redactor(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Collects the parts of a [`ControlPlane`]. Every part is an adapter of the host's choice.
#[derive(Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    name: Option<String>,
    meta_repo: Option<RepoId>,
    scm: Option<Arc<dyn Scm>>,
    merge: Option<Arc<dyn Merge>>,
    ci: Option<Arc<dyn Ci>>,
    gitops: Option<Arc<dyn GitOps>>,
    signals: Option<Arc<dyn RuntimeSignals>>,
    blobs: Option<Arc<dyn BlobStore>>,
    streams: Option<Arc<dyn Bucket>>,
    journal: Option<Arc<dyn Journal>>,
    engine: Option<Arc<dyn Engine>>,
    sealed: Option<SealedBlobs>,
    signer: Option<Arc<dyn Signer>>,
    agent: Option<Arc<dyn AgentBackend>>,
    notifier: Option<Arc<dyn Notifier>>,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn IdSource>>,
    evidence: Option<Arc<dyn EvidenceIndex>>,
    also_trusted: Vec<PublicKey>,
    secrets: Vec<String>,
    redaction: Option<RedactorBuilder>,
    languages: Languages,
    needs_policy_check: Option<u32>,
    unlabelled: bool,
    ledger: Option<Arc<Ledger>>,
    producers: Vec<(ProducerName, PublicKey)>,
    pace: Pace,
    limits: Limits,
    collect_limits: CollectLimits,
    observer: Option<Observer<ChangeSet>>,
    retry_budgets: Option<Arc<RetryBudgets>>,
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident: $part:ty),* $(,)?) => {
        impl Builder {
            $(
                $(#[$doc])*
                pub fn $name(mut self, $name: $part) -> Self {
                    self.$name = Some($name);
                    self
                }
            )*
        }
    };
}

parts! {
    /// The Git host.
    scm: Arc<dyn Scm>,
    /// Merging into preflight, where policy lets PathOps do it.
    merge: Arc<dyn Merge>,
    /// The CI system.
    ci: Arc<dyn Ci>,
    /// The GitOps controller.
    gitops: Arc<dyn GitOps>,
    /// Logs, events and metrics.
    signals: Arc<dyn RuntimeSignals>,
    /// Where payloads go.
    blobs: Arc<dyn BlobStore>,
    /// Where payloads go, encrypted, whose class of retention is [erasable](pathops_core::evidence::RetentionClass::erasable). A host
    /// without it stores none of those: where what a build has printed or reported is one, the change set fails. While the project
    /// cannot be read, each payload is taken to be one, and a build waits.
    sealed: SealedBlobs,
    /// Where snapshots get their numbers, for ever: the same bucket for every host of the project, such as that of its ledger.
    /// See [`Streams`].
    streams: Arc<dyn Bucket>,
    /// Where runs live, which this process drives: with the engine that is built in ([`Embedded`](crate::engine::Embedded)).
    journal: Arc<dyn Journal>,
    /// Another engine, instead of a journal.
    engine: Arc<dyn Engine>,
    /// The key that signs evidence.
    signer: Arc<dyn Signer>,
    /// The agent that does the tasks.
    agent: Arc<dyn AgentBackend>,
    /// Tells people.
    notifier: Arc<dyn Notifier>,
    /// Time.
    clock: Arc<dyn Clock>,
    /// Randomness.
    ids: Arc<dyn IdSource>,
    /// Finds evidence of others, for [`ControlPlane::take_evidence`]. A host without any needs none. One that has taken evidence
    /// gives the same index for ever: without it, what speaks against a change would be forgotten. The keys of those who signed
    /// stay trusted for as long, too ([`Builder::trust`]): evidence by a key that is not any more stops the promotion of what
    /// it is about.
    evidence: Arc<dyn EvidenceIndex>,
    /// How often what failed is tried again at each remote, where that is not as [`RetryBudgets::default`] has it: the same for several
    /// control planes of a process that call the same remotes.
    retry_budgets: Arc<RetryBudgets>,
    /// The repository that declares the project.
    meta_repo: RepoId,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Builder({:?}, {} secrets)", self.name, self.secrets.len())
    }
}

impl Builder {
    /// The name under which this host takes leases: the same after a restart, and no other host's.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Trusts evidence by this key too. The signer's own key is trusted always; one that it had before is to be given here, since a
    /// stream of snapshots is only gone on with where its last one is by a key that is trusted.
    pub fn trust(mut self, key: PublicKey) -> Self {
        self.also_trusted.push(key);
        self
    }

    /// A value that must never be stored or shown.
    pub fn secret(mut self, value: impl Into<String>) -> Self {
        self.secrets.push(value.into());
        self
    }

    /// Trusts evidence by this key too, as that of a producer: what a policy calls `from`. The signer's own key may be one.
    pub fn producer(mut self, name: ProducerName, key: PublicKey) -> Self {
        self.producers.push((name, key));
        self
    }

    /// Appends all evidence that PathOps makes to this ledger, too. It is to be opened with whom the host trusts
    /// ([`Known::trusting`](pathops_evidence::ledger::Known::trusting)) where others may be able to write into its bucket.
    ///
    /// Its newest checkpoint goes into the meta repository with each record, whose history is a second witness of it: one on which the
    /// ledger does not follow is not replaced, and the record is not written. The host gives that one to the ledger when it opens it
    /// ([`Known::extending`](pathops_evidence::ledger::Known::extending)), or keeps the last one elsewhere.
    pub fn ledger(mut self, ledger: Arc<Ledger>) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// How secrets are looked for, and what is done with names and e-mail addresses where the project does not say it
    /// (`redaction.yaml`). The values of [`Builder::secret`] are known beside it. Words that look random are taken out of
    /// payloads, unless this says otherwise, and never out of records: names and digests look random there and are none.
    pub fn redaction(mut self, redaction: RedactorBuilder) -> Self {
        self.redaction = Some(redaction);
        self
    }

    /// Reads conditions of the policy in this language too. Without any, a policy with a condition is refused.
    pub fn language(mut self, language: Arc<dyn ConditionLanguage>) -> Self {
        self.languages = self.languages.with(language);
        self
    }

    /// Promotes by no policy that does not ask for its own check (`asks: policy`) with at least so many approvals, of every change of
    /// the unit and whatever glass is broken: rules that nobody has looked at decide nothing here. With 0 a check by PathOps is
    /// enough, which also the first policy of a project has; one that is pushed to the main branch has it too as soon as
    /// [`ControlPlane::check_policy`] was called, and approvals never.
    ///
    /// Features of such a unit are refused, and what is on its way waits until the policy asks for it. The way back after a failure
    /// goes on, and what is in production is looked at as before.
    pub fn require_policy_check(mut self, approvals: u32) -> Self {
        self.needs_policy_check = Some(approvals);
        self
    }

    /// Whether pull requests get labels, where the Git host has any: `pathops`, and one that names their change set, by which they
    /// are found across repositories. They do unless this says otherwise. A host may take them in one more call for each pull
    /// request, and makes those that a repository does not have yet.
    pub fn labels(mut self, wanted: bool) -> Self {
        self.unlabelled = !wanted;
        self
    }

    /// How patiently the outside is looked at.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// How long is waited for a step of a change set before that stops and goes back; without any, as long as it takes. One that is under way
    /// keeps those that it began with.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How much of logs, events and metrics goes into a snapshot, and how patiently they are asked for.
    pub fn collect_limits(mut self, limits: CollectLimits) -> Self {
        self.collect_limits = limits;
        self
    }

    /// Is told what happens, to show it.
    pub fn observer(mut self, observer: Observer<ChangeSet>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Puts the parts together.
    ///
    /// # Errors
    /// [`BuildError::Missing`] with the first part that was not given.
    pub fn build(self) -> Result<ControlPlane, BuildError> {
        fn need<T>(part: Option<T>, name: &'static str) -> Result<T, BuildError> {
            part.ok_or(BuildError::Missing(name))
        }
        let (signer, blobs) = (need(self.signer, "signer")?, need(self.blobs, "blobs")?);
        let (clock, ids) = (need(self.clock, "clock")?, need(self.ids, "ids")?);
        let trust = TrustRoot::new(self.also_trusted.into_iter().chain([signer.public_key()]));
        let trust = self.producers.into_iter().fold(trust, |trust, (name, key)| trust.with_producer(name, key));
        // Nobody knows the keys of a keyless signer after it: no authority is named here.
        let knows_signers = signer.certificates().is_none();
        let sealer = match &self.ledger {
            Some(ledger) => Sealer::new(signer, blobs.clone()).with_ledger(ledger.clone()),
            None => Sealer::new(signer, blobs.clone()),
        };
        let streams = Streams::new(need(self.streams, "streams")?, sealer.clone());
        let redaction = self.redaction.unwrap_or_else(Redactor::builder).known(self.secrets);
        let engine: Arc<dyn Engine> = match (self.engine, self.journal) {
            (Some(engine), _) => engine,
            (None, journal) => {
                let (journal, name) = (need(journal, "journal")?, need(self.name, "name")?);
                Arc::new(Embedded::new(journal, clock.clone(), name, self.pace.longest))
            }
        };
        let services = Arc::new(Services {
            engine: engine.clone(),
            scm: need(self.scm, "scm")?,
            merge: need(self.merge, "merge")?,
            ci: need(self.ci, "ci")?,
            gitops: need(self.gitops, "gitops")?,
            signals: need(self.signals, "signals")?,
            agent: need(self.agent, "agent")?,
            notifier: need(self.notifier, "notifier")?,
            clock,
            ids,
            evidence: self.evidence,
            streams: if knows_signers { streams.with_trust(trust.clone()) } else { streams },
            collect_limits: self.collect_limits,
            sealer,
            ledger: self.ledger,
            blobs,
            sealed: self.sealed,
            trust,
            redactor: unusable(redaction.clone().high_entropy(false).personal(Personal::Keep).build())?,
            payloads: unusable(PayloadRedaction::new(redaction))?,
            languages: self.languages,
            last_read: LastRead::default(),
            needs_policy_check: self.needs_policy_check,
            labels: !self.unlabelled,
            pace: self.pace,
            deployments: Bells::default(),
            pull_requests: Bells::default(),
            limits: self.limits,
            budgets: self.retry_budgets.unwrap_or_default(),
        });
        let observer = self.observer.unwrap_or_else(|| Arc::new(|_, _| {}));
        let machines = Machines::default()
            .with(Arc::new(Host::<ChangeSet>::new(services.clone(), observer)))
            .with(Arc::new(Host::<Incident>::new(services.clone(), Arc::new(|_, _| {}))));
        let meta_repo = need(self.meta_repo, "meta_repo")?;
        Ok(ControlPlane { services, engine, machines, meta_repo, making: Mutex::new(()), doubts: Doubts::default() })
    }
}

fn unusable<T>(made: std::result::Result<T, RulesError>) -> Result<T, BuildError> {
    made.map_err(|error| BuildError::Redactor(error.into()))
}
