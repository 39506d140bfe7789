//! A change set of an app `orders` and a component `store`, and all that can be said of them: true, untrue, of other things.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::{PullRequest, PullRequestMeta, PullRequestState};
use pathops_core::evidence::{
    Deployment, Health, InputAttestation, PolicyReference, Predicate, Statement, Subject, VerificationResult,
    VerificationSummary, VerifiedEvidence, Verifier,
};
use pathops_core::lifecycle::{
    App, AppLifecycle, Artifact, ArtifactLifecycle, Change, ChangeSet, ChangeSetLifecycle, Decided, Declarations, Failure,
    Granted, HumanDecision, Preflight, Promotion, Proven, Reported,
};
use pathops_core::policy::{Decision, Languages, Policy, PromotionGrant, VerifiedFacts, decide};
use pathops_core::project::{
    EnvironmentKind, EnvironmentTarget, Environments, Identities, OpenIncident, Project, Role, UnitKind,
};
use pathops_core::{Digest, Principal, PullRequestNumber, UnitId, UnixMillis};
use serde_json::json;

use crate::shop::{self, AT, commit, human, tree};

pub(crate) const OURS: &str = "delivery-date-1";

/// A deployment, or a promotion: which one, and whether all was well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct It {
    pub(crate) change_set: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) environment: &'static str,
    pub(crate) artifact: Option<Digest>,
    pub(crate) tree: char,
    pub(crate) well: bool,
    /// When it was observed; tells grants apart.
    pub(crate) at: i64,
}

pub(crate) fn preflight(unit: &'static str) -> It {
    let artifact = (unit == "orders").then(shop::artifact);
    It { change_set: OURS, unit, environment: "preflight", artifact, tree: 'c', well: true, at: AT.0 }
}

pub(crate) fn production(unit: &'static str) -> It {
    It { environment: "production", tree: 'd', ..preflight(unit) }
}

impl It {
    pub(crate) fn badly(self) -> Self {
        Self { well: false, ..self }
    }

    fn well(self) -> Self {
        Self { well: true, ..self }
    }

    pub(crate) fn at(self, at: i64) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn deployment(&self) -> VerifiedEvidence {
        shop::trust().verify(&shop::seal(&self.deployed())).unwrap()
    }

    fn deployed(&self) -> Statement {
        self.stated(&Deployment {
            change_set: self.change_set.parse().unwrap(),
            unit: self.unit.parse().unwrap(),
            environment: self.environment.parse().unwrap(),
            ready: self.well,
            reason: (!self.well).then(|| "it crashed".to_owned()),
            commit: Some(commit('3')),
            tree: Some(tree(self.tree)),
            artifact: self.artifact,
            resource_version: "7".to_owned(),
            observed_on: UnixMillis(self.at),
        })
    }

    pub(crate) fn health(&self) -> VerifiedEvidence {
        let (change_set, unit) = (self.change_set.parse().unwrap(), self.unit.parse().unwrap());
        let (environment, observed_on) = (self.environment.parse().unwrap(), UnixMillis(self.at));
        self.verified(&Health { change_set, unit, environment, healthy: self.well, settled_millis: 5_000, observed_on })
    }

    /// Evidence with this deployment as its subject.
    pub(crate) fn verified<P: Predicate>(&self, said: &P) -> VerifiedEvidence {
        shop::trust().verify(&shop::seal(&self.stated(said))).unwrap()
    }

    fn stated<P: Predicate>(&self, said: &P) -> Statement {
        let named = Subject::named(self.unit).with_tree(&tree(self.tree));
        let subject = self.artifact.iter().fold(named, Subject::with_sha256);
        Statement::new(vec![subject], P::TYPE, said).unwrap()
    }

    /// A decision about it, which rests on this evidence.
    pub(crate) fn decision(&self, inputs: &[VerifiedEvidence]) -> VerifiedEvidence {
        let sha256 = |hex: String| BTreeMap::from([("sha256".to_owned(), hex)]);
        let input = |it: &VerifiedEvidence| InputAttestation { uri: String::new(), digest: sha256(it.id().0.hex()) };
        let (verdict, result) =
            if self.well { ("pass", VerificationResult::Passed) } else { ("unknown", VerificationResult::Failed) };
        self.verified(&VerificationSummary {
            verifier: Verifier { id: "https://example.org/pathops".to_owned(), version: BTreeMap::new() },
            time_verified: UnixMillis(self.at),
            resource_uri: format!("pathops:shop/{}@production", self.unit),
            policy: PolicyReference { uri: "policy.yaml".to_owned(), digest: BTreeMap::new() },
            input_attestations: inputs.iter().map(input).collect(),
            verification_result: result,
            verified_levels: Vec::new(),
            decision: json!({"changeSet": self.change_set, "unit": self.unit, "verdict": verdict}),
            record: None,
            grant: None,
        })
    }

    /// The statement of the decision that granted it, with the grant or, as before those were named, without.
    pub(crate) fn granting(&self, named: bool) -> VerifiedEvidence {
        let (decision, grant) = self.decide();
        let mut summary: VerificationSummary =
            serde_json::from_value(self.clone().well().decision(&[]).statement().predicate.clone()).unwrap();
        summary.decision = serde_json::to_value(decision).unwrap();
        summary.grant = named.then(|| serde_json::to_value(Granted::prove(&grant).get()).unwrap());
        self.verified(&summary)
    }

    pub(crate) fn tried(&self) -> Proven<Preflight> {
        Preflight::prove(&self.deployment(), &self.health()).unwrap()
    }

    pub(crate) fn decided(&self) -> Proven<Decided> {
        let (deployment, health) = (self.deployment(), self.health());
        let tried = Preflight::prove(&deployment, &health).unwrap();
        Decided::prove(&tried, &self.decision(&[deployment, health])).unwrap()
    }

    /// A grant for it, which the evaluator mints from facts that pass.
    pub(crate) fn grant(&self) -> PromotionGrant {
        self.decide().1
    }

    fn decide(&self) -> (Decision, PromotionGrant) {
        let mut readings = shop::readings();
        readings.change_set = self.change_set.parse().unwrap();
        readings.environment = self.environment.parse().unwrap();
        readings.unit.id = self.unit.parse().unwrap();
        readings.artifact = self.artifact;
        readings.proposal.as_mut().unwrap().tree = tree(self.tree);
        if self.artifact.is_none() {
            readings.unit.kind = UnitKind::Component { component_type: "store".to_owned() };
            readings.source = None;
        }
        let policy = policy();
        readings.proposal.as_mut().unwrap().shown.policy = policy.digest();
        let tried = It { environment: "preflight", tree: 'c', well: true, ..self.clone() };
        let facts = VerifiedFacts::new(&shop::trust(), &[shop::seal(&tried.deployed())], readings, shop::read_at(AT));
        let (decision, grant) = decide(&policy, &facts, AT, self.at.unsigned_abs().into());
        let grant = grant.unwrap_or_else(|| panic!("{}", decision.to_text()));
        (decision, grant)
    }

    pub(crate) fn promotion(&self) -> Proven<Promotion> {
        Promotion::prove(&Granted::prove(&self.grant()), &self.deployment()).unwrap()
    }

    pub(crate) fn failure(&self) -> Proven<Failure> {
        Failure::prove(&self.clone().badly().deployment()).unwrap()
    }
}

/// It asks for next to nothing.
fn policy() -> Policy {
    let lifecycle = json!({"lifecycle": {"allowed": ["path-ready"]}});
    let layer = json!({"requirements": [{"id": "lifecycle", "reason": "It is ready.", "asks": lifecycle}]});
    Policy::new(vec![serde_json::from_value(layer).unwrap()], &Languages::none()).unwrap()
}

pub(crate) fn unit(name: &str) -> UnitId {
    name.parse().unwrap()
}

/// Pull requests of these units, open or merged.
pub(crate) fn changes(units: &[&str], merged: bool) -> BTreeMap<UnitId, Proven<Change>> {
    let state = match merged {
        false => PullRequestState::Open,
        true => PullRequestState::Merged { by: human("bob"), commit: commit('4'), at: AT },
    };
    let read = PullRequest {
        number: PullRequestNumber(7),
        title: "Show delivery date".to_owned(),
        body: String::new(),
        author: human("alice"),
        head_branch: "topic".parse().unwrap(),
        head: commit('3'),
        base: "main".parse().unwrap(),
        reviewers: Vec::new(),
        meta: PullRequestMeta::default(),
        state,
        url: String::new(),
    };
    units.iter().map(|name| (unit(name), Change::prove(&format!("shop/{name}").parse().unwrap(), &read))).collect()
}

pub(crate) fn open(units: &[&str]) -> BTreeMap<UnitId, Proven<Change>> {
    changes(units, false)
}

pub(crate) fn merged(units: &[&str]) -> BTreeMap<UnitId, Proven<Change>> {
    changes(units, true)
}

pub(crate) fn says(name: &str, role: Role) -> Proven<HumanDecision> {
    HumanDecision::prove(&human(name), role, &shop::readings().people, "it is time", AT).unwrap()
}

pub(crate) fn owner() -> Proven<HumanDecision> {
    says("alice", Role::Owner)
}

pub(crate) fn declarations() -> Declarations {
    Declarations {
        intent: "take orders".to_owned(),
        owner: "alice".parse().unwrap(),
        rollback: "revert".to_owned(),
        boundaries: "its own store".to_owned(),
    }
}

pub(crate) fn incident_of(name: &str) -> OpenIncident {
    OpenIncident { id: "INC-7".to_owned(), unit: Some(unit(name)), since: AT, summary: "orders are lost".to_owned() }
}

/// An incident that is open for `orders`.
pub(crate) fn incident() -> Proven<Reported> {
    reported(incident_of("orders"), "orders").unwrap()
}

/// An incident that the project declares, as it is for a unit.
pub(crate) fn reported(incident: OpenIncident, name: &str) -> Option<Proven<Reported>> {
    let target = |name: &str, kind| EnvironmentTarget::local(name.parse().unwrap(), kind);
    let project = Project {
        id: "shop".parse().unwrap(),
        meta_repo: "shop/meta".parse().unwrap(),
        environments: Environments {
            preflight: target("preflight", EnvironmentKind::Preflight),
            production: target("production", EnvironmentKind::Production),
            agents: target("agents", EnvironmentKind::Agents),
        },
        units: BTreeMap::new(),
        contracts: BTreeMap::new(),
        people: shop::readings().people,
        identities: Identities::default(),
        incidents: vec![incident],
        stops: Vec::new(),
        policy: policy(),
        retention: None,
        redaction: None,
    };
    Reported::prove(&project, &commit('9'), &unit(name))
}

pub(crate) fn app() -> AppLifecycle {
    AppLifecycle::prototype(App { unit: unit("orders"), production: "production".parse().unwrap() })
}

pub(crate) fn artifact() -> ArtifactLifecycle {
    ArtifactLifecycle::built(Artifact {
        change_set: OURS.parse().unwrap(),
        unit: unit("orders"),
        digest: Some(shop::artifact()),
        source: Some(commit('2')),
        preflight: "preflight".parse().unwrap(),
        production: "production".parse().unwrap(),
    })
}

pub(crate) fn change_set() -> ChangeSetLifecycle {
    ChangeSetLifecycle::declared(ChangeSet {
        id: OURS.parse().unwrap(),
        units: BTreeSet::from([unit("orders"), unit("store")]),
        preflight: "preflight".parse().unwrap(),
        production: "production".parse().unwrap(),
    })
}

pub(crate) fn agents_and_machines() -> [Principal; 2] {
    [shop::agent("alice"), Principal::System]
}
