//! Transitions in any order, with proofs of any worth. Whoever arrives in production has its evidence in the record, in
//! order: an oracle that knows what each piece truly says looks for it, and asks the machines nothing but their record.

use std::cell::Cell;
use std::collections::BTreeMap;

use pathops_core::evidence::{EvidenceId, VerifiedEvidence};
use pathops_core::lifecycle::{
    AppLifecycle, ArtifactLifecycle, ArtifactState, ChangeSetLifecycle, ChangeSetState, Decided, Failure, Granted, Preflight,
    Promotion, Proven, Record, Recorded, Reported, Subject,
};
use pathops_core::policy::{GrantId, PromotionGrant};
use pathops_core::project::{Lifecycle, Role};
use pathops_core::{Digest, UnixMillis};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::shop::AT;
use crate::table::nothing;
use crate::world::{
    It, OURS, app, artifact, change_set, changes, declarations, incident_of, owner, preflight, production, reported, says, unit,
};

/// What a piece of evidence or a grant truly is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Deployment,
    Health,
    Decision,
    Grant,
}

/// Everything that can be said of one thing.
struct Said {
    it: It,
    deployment: VerifiedEvidence,
    health: VerifiedEvidence,
    decision: VerifiedEvidence,
    /// The decision that granted it.
    granting: VerifiedEvidence,
    grant: PromotionGrant,
}

impl Said {
    fn of(it: It) -> Self {
        let (deployment, health, grant) = (it.deployment(), it.health(), it.grant());
        let decision = it.decision(&[deployment.clone(), health.clone()]);
        Self { granting: it.granting(true), it, deployment, health, decision, grant }
    }

    fn names(&self) -> [(String, Kind); 4] {
        let evidence = |it: &VerifiedEvidence| it.id().to_string();
        [
            (evidence(&self.deployment), Kind::Deployment),
            (evidence(&self.health), Kind::Health),
            (evidence(&self.decision), Kind::Decision),
            (self.grant.id().to_string(), Kind::Grant),
        ]
    }
}

/// Everything that can be said, and what is true of it.
struct Pool {
    all: Vec<Said>,
    truth: BTreeMap<String, (Kind, It)>,
    /// Of `orders`, and of another app.
    incidents: [Proven<Reported>; 2],
}

impl Pool {
    fn new() -> Self {
        let mut all = Vec::new();
        for (change_set, unit) in [(OURS, "orders"), (OURS, "store"), ("another-1", "orders"), (OURS, "web")] {
            for environment in ["preflight", "production"] {
                for artifact in [preflight(unit).artifact, Some(Digest::of(b"another"))] {
                    for (well, at) in [(true, AT.0), (true, AT.0 + 5), (false, AT.0)] {
                        all.push(Said::of(It { change_set, environment, artifact, well, at, ..production(unit) }));
                    }
                }
            }
        }
        let names = all.iter().flat_map(|said| said.names().map(|(name, kind)| (name, (kind, said.it.clone()))));
        let incidents = ["orders", "web"].map(|of| reported(incident_of(of), of).unwrap());
        Self { truth: names.collect(), all, incidents }
    }

    /// Most of the time what is asked for, and else anything.
    fn pick(&self, draw: &Draw, unit: &'static str, environment: &'static str) -> &Said {
        let wanted = It { environment, ..production(unit) }.at(AT.0 + if draw.late { 5 } else { 0 });
        let honest = self.all.iter().find(|said| draw.honest && said.it == wanted);
        honest.unwrap_or_else(|| &self.all[draw.which.index(self.all.len())])
    }

    /// Whether `id` names such a piece, which is well and about `unit` of our change set in `environment`.
    fn is(&self, id: &Value, kind: Kind, unit: &str, environment: &str) -> bool {
        let piece = id.as_str().and_then(|id| self.truth.get(id));
        piece.is_some_and(|(of, it)| {
            let ours = it.change_set == OURS && it.unit == unit && it.environment == environment;
            *of == kind && ours && it.artifact == preflight(it.unit).artifact && (it.well || kind == Kind::Grant)
        })
    }
}

/// One step of a random walk.
#[derive(Clone, Debug)]
struct Draw {
    what: u8,
    unit: bool,
    honest: bool,
    late: bool,
    which: Index,
    second: Index,
}

fn walk() -> impl Strategy<Value = Vec<Draw>> {
    let draw = (any::<u8>(), any::<bool>(), prop::bool::weighted(0.8), any::<bool>(), any::<Index>(), any::<Index>());
    let draw = draw.prop_map(|(what, unit, honest, late, which, second)| Draw { what, unit, honest, late, which, second });
    prop::collection::vec(draw, 1..160)
}

impl Pool {
    /// From two pieces, which may be about different things.
    fn tried(&self, draw: &Draw, unit: &'static str) -> Option<Proven<Preflight>> {
        let second = Draw { which: draw.second, ..draw.clone() };
        let (one, other) = (self.pick(draw, unit, "preflight"), self.pick(&second, unit, "preflight"));
        Preflight::prove(&one.deployment, &other.health).ok()
    }

    fn decided(&self, draw: &Draw, unit: &'static str) -> Option<Proven<Decided>> {
        let tried = self.tried(&Draw { second: draw.which, ..draw.clone() }, unit)?;
        let second = Draw { which: draw.second, ..draw.clone() };
        Decided::prove(&tried, &self.pick(&second, unit, "preflight").decision).ok()
    }

    /// A promotion by the grant that stands, which some decision proves again, or by any grant.
    fn promotion(&self, draw: &Draw, standing: Option<Recorded<Granted>>, unit: &'static str) -> Option<Proven<Promotion>> {
        let said = self.pick(draw, unit, "production");
        let granted = match standing.filter(|_| draw.honest) {
            Some(standing) => {
                let any = &self.all[draw.second.index(self.all.len())];
                let its = self.all.iter().find(|said| draw.what < 192 && said.grant.id() == standing.get().grant);
                Granted::prove_again(&standing, &its.unwrap_or(any).granting).ok()?
            }
            None => Granted::prove(&said.grant),
        };
        Promotion::prove(&granted, &said.deployment).ok()
    }

    fn failure(&self, draw: &Draw) -> Option<Proven<Failure>> {
        Failure::prove(&self.all[draw.which.index(self.all.len())].deployment).ok()
    }
}

/// Walks, and calls the oracle after each transition that was let through. Tells how many walks ended well.
fn walks<T: Subject>(
    first: &Record<T>,
    take: impl Fn(&Pool, &Record<T>, &Draw) -> Option<Record<T>>,
    holds: impl Fn(&Pool, &Value) -> bool,
    arrived: impl Fn(&Record<T>) -> bool,
) {
    let (pool, arrivals) = (Pool::new(), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases: 256, failure_persistence: None, ..Config::default() });
    let result = runner.run(&walk(), |draws| {
        let mut record = first.clone();
        for draw in &draws {
            let Some(after) = take(&pool, &record, draw) else { continue };
            let json = serde_json::to_value(&after).unwrap();
            prop_assert!(holds(&pool, &json), "{draw:?} leads to {json:#}");
            prop_assert_eq!(&Record::<T>::from_slice(json.to_string().as_bytes()).unwrap(), &after);
            record = after;
            arrivals.set(arrivals.get() + u32::from(arrived(&record)));
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(arrivals.get() >= 10, "only {} walks arrive: the oracle saw nothing", arrivals.get());
}

fn step_artifact(pool: &Pool, it: &ArtifactLifecycle, draw: &Draw) -> Option<ArtifactLifecycle> {
    match draw.what % 16 {
        0..3 => it.verified(&pool.tried(draw, "orders")?, AT).ok(),
        3 => it.decided(&pool.decided(draw, "orders")?, AT).ok(),
        4..8 => it.promotable(&pool.pick(draw, "orders", "production").grant, AT).ok(),
        8..12 => it.promoted(&pool.promotion(draw, it.grant(), "orders")?, AT).ok(),
        12 => it.taken_back("an incident", AT).ok(),
        13 if draw.late => it.failed(&pool.failure(draw)?, AT).ok(),
        14 if draw.late && draw.unit => it.not_promotable("web failed", AT).ok(),
        15 if draw.late && draw.unit => it.retired(&owner(), AT).ok(),
        _ => None,
    }
}

/// The transitions that were made on this kind of ground, with their place in the record.
fn grounds<'r>(json: &'r Value, ground: &'r str) -> impl Iterator<Item = (usize, &'r Value)> {
    let transitions = json["transitions"].as_array().unwrap().iter().enumerate();
    transitions.filter_map(move |(index, transition)| Some((index, transition["ground"].get(ground)?)))
}

/// Preflight evidence, then a grant, then evidence of production; and nothing after what speaks against it.
fn artifact_has_its_evidence(pool: &Pool, json: &Value) -> bool {
    let tried = grounds(json, "preflight").find(|(_, it)| {
        let is = |field: &str, kind| pool.is(&it[field], kind, "orders", "preflight");
        is("deployment", Kind::Deployment) && is("health", Kind::Health)
    });
    let granted = |before: usize, id: &Value| {
        let mut grants = grounds(json, "granted");
        grants.any(|(index, it)| index < before && it["grant"] == *id && pool.is(id, Kind::Grant, "orders", "production"))
    };
    let good = |id: &Value| pool.is(id, Kind::Deployment, "orders", "production");
    json["transitions"].as_array().unwrap().iter().enumerate().all(|(index, it)| match it["to"].as_str().unwrap() {
        "promotable" => tried.is_some_and(|(at, _)| at < index),
        "promoted" => {
            let (ground, earlier) = (&it["ground"]["promotion"], tried.is_some_and(|(at, _)| at < index));
            earlier && granted(index, &ground["granted"]["grant"]) && good(&ground["deployment"])
        }
        "verified" if it["ground"].get("decided").is_some() => {
            tried.is_some_and(|(at, _)| at < index)
                && pool.is(&it["ground"]["decided"]["orders"]["decision"], Kind::Decision, "orders", "preflight")
        }
        "retired" | "not-promotable" => it["from"] != "retired",
        _ => !matches!(it["from"].as_str(), Some("retired" | "not-promotable")),
    })
}

#[test]
fn no_artifact_reaches_production_without_its_evidence() {
    walks(&artifact(), step_artifact, artifact_has_its_evidence, |it| it.state() == ArtifactState::Promoted);
}

fn step_app(pool: &Pool, it: &AppLifecycle, draw: &Draw) -> Option<AppLifecycle> {
    let at = UnixMillis(AT.0 + if draw.late { 3 } else { 0 });
    let by = if draw.honest { owner() } else { says("bob", Role::Reviewer) };
    match draw.what % 8 {
        0..3 => it.path_ready(declarations(), &by, at).ok(),
        3..7 => it.promoted(&pool.promotion(draw, None, "orders")?, at).ok(),
        _ => {
            let [ours, another] = &pool.incidents;
            it.incident(if draw.honest { ours } else { another }, at).ok()
        }
    }
}

/// Declared first; each time in production by a promotion of its own, which was not there before; and after an incident
/// by one that was observed later.
fn app_has_its_evidence(pool: &Pool, json: &Value) -> bool {
    let transitions = json["transitions"].as_array().unwrap();
    let mut seen: Vec<&Value> = Vec::new();
    let mut incident: Option<&str> = None;
    transitions.iter().enumerate().all(|(index, it)| {
        let ground = &it["ground"];
        match it["to"].as_str().unwrap() {
            "production" => {
                let (grant, evidence) = (&ground["promotion"]["granted"]["grant"], &ground["promotion"]["deployment"]);
                let new = !seen.contains(&grant) && !seen.contains(&evidence);
                seen.extend([grant, evidence]);
                let observed = pool.truth.get(evidence.as_str().unwrap()).map(|(_, it)| UnixMillis(it.at));
                let later = incident.is_none_or(|at| observed.is_some_and(|seen| seen >= at.parse().unwrap()));
                // Another change set may bring the app there, and another artifact: what counts is the unit.
                let good = |id: &Value, kind| {
                    let piece = pool.truth.get(id.as_str().unwrap());
                    piece.is_some_and(|(of, it)| *of == kind && it.unit == "orders" && it.environment == "production")
                };
                let well = pool.truth.get(evidence.as_str().unwrap()).is_some_and(|(_, it)| it.well);
                index > 0 && new && later && well && good(grant, Kind::Grant) && good(evidence, Kind::Deployment)
            }
            "path-ready" if index == 0 => ground["declared"]["by"]["role"] == "owner",
            _ => {
                incident = it["at"].as_str();
                ground["incident"]["unit"] == "orders"
            }
        }
    })
}

#[test]
fn no_app_reaches_production_without_its_evidence() {
    let again = |it: &AppLifecycle| it.state() == Lifecycle::Production && it.transitions().len() > 3;
    walks(&app(), step_app, app_has_its_evidence, again);
}

/// Records of one app that were written apart make one that its evidence stands behind.
#[test]
fn records_that_were_written_apart_make_one_with_its_evidence() {
    let (pool, merged) = (Pool::new(), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases: 256, failure_persistence: None, ..Config::default() });
    let gone = |draws: &[Draw]| draws.iter().fold(app(), |it, draw| step_app(&pool, &it, draw).unwrap_or(it));
    let result = runner.run(&(walk(), walk()), |(one, other)| {
        let (one, other) = (gone(&one), gone(&other));
        let both = one.with(&other);
        let json = serde_json::to_value(&both).unwrap();
        prop_assert!(app_has_its_evidence(&pool, &json), "{one:#?} with {other:#?}");
        prop_assert_eq!(&AppLifecycle::from_slice(json.to_string().as_bytes()).unwrap(), &both);
        prop_assert!(both.transitions().starts_with(one.transitions()), "nothing of it is lost");
        merged.set(merged.get() + u32::from(both.state() == Lifecycle::Production && both != one));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(merged.get() >= 10, "only {} of them brought anything", merged.get());
}

fn step_change_set(pool: &Pool, it: &ChangeSetLifecycle, draw: &Draw) -> Option<ChangeSetLifecycle> {
    let (name, other) = if draw.unit { ("orders", "store") } else { ("store", "orders") };
    let some = if draw.honest { changes(&[name, other], draw.what < 192) } else { changes(&["web"], true) };
    match draw.what % 32 {
        0..5 => {
            let next = it.working(&some, AT).or_else(|_| it.in_review(&some, AT));
            next.or_else(|_| it.in_preflight(&some, AT)).ok()
        }
        5..11 => it.decided(&[pool.decided(draw, name)?, pool.decided(draw, other)?], AT).ok(),
        11..17 => it.granted(&Granted::prove(&pool.pick(draw, name, "production").grant), AT).ok(),
        17..23 => it.live(&pool.promotion(draw, it.grant(&unit(name)), name)?, AT).ok(),
        23..28 => it.closed(AT).ok(),
        28 => it.taken_back(&unit(name), "an incident", AT).ok(),
        29 if draw.late => it.stopped("it failed", AT).or_else(|_| it.recovering(&some, AT)).ok(),
        30 if draw.late => it.recovered(&[pool.tried(draw, name)?], nothing(&["orders", "store"]), AT).ok(),
        _ => None,
    }
}

/// Every unit decided, then granted, then seen in production, before it is closed.
fn change_set_has_its_evidence(pool: &Pool, json: &Value) -> bool {
    let decided = grounds(json, "decided").find(|(_, it)| {
        ["orders", "store"].iter().all(|unit| {
            let tried = |field: &str, kind| pool.is(&it[unit]["preflight"][field], kind, unit, "preflight");
            let passed = pool.is(&it[unit]["decision"], Kind::Decision, unit, "preflight");
            tried("deployment", Kind::Deployment) && tried("health", Kind::Health) && passed
        })
    });
    let live = |unit: &str| {
        grounds(json, "promotion").find(|(index, it)| {
            let id = &it["granted"]["grant"];
            let granted = |(at, granted): (usize, &Value)| at < *index && granted["grant"] == *id;
            let truly = |id: &Value, kind| it["granted"]["unit"] == unit && grant_or_evidence(pool, id, kind, unit);
            grounds(json, "granted").any(granted) && truly(id, Kind::Grant) && truly(&it["deployment"], Kind::Deployment)
        })
    };
    json["transitions"].as_array().unwrap().iter().enumerate().all(|(index, it)| match it["to"].as_str().unwrap() {
        "in-preflight" => {
            let changes = it["ground"]["changes"].as_object().unwrap();
            changes.iter().all(|(unit, change)| ["orders", "store"].contains(&unit.as_str()) && !change["merged"]["by"].is_null())
        }
        "promoting" => decided.is_some_and(|(at, _)| at < index),
        "closed" => ["orders", "store"].iter().all(|unit| live(unit).is_some_and(|(at, _)| at < index)),
        _ => true,
    })
}

/// A grant is for whatever artifact the decision was about: the change set does not choose.
fn grant_or_evidence(pool: &Pool, id: &Value, kind: Kind, unit: &str) -> bool {
    let piece = id.as_str().and_then(|id| pool.truth.get(id));
    piece.is_some_and(|(of, it)| {
        let ours = it.change_set == OURS && it.unit == unit && it.environment == "production";
        *of == kind && ours && (it.well || kind == Kind::Grant)
    })
}

#[test]
fn no_change_set_is_closed_without_evidence_of_every_unit() {
    walks(&change_set(), step_change_set, change_set_has_its_evidence, |it| it.state() == ChangeSetState::Closed);
}

/// The oracle is worth something only if it says no: evidence and grants that are none take every arrival away.
#[test]
fn the_oracle_says_no_to_a_promotion_without_evidence() {
    let pool = Pool::new();
    let live = production("orders");
    let tried = It { tree: 'd', ..preflight("orders") };
    let promoted = artifact().verified(&tried.tried(), AT).unwrap().promotable(&live.grant(), AT).unwrap();
    let json = serde_json::to_value(promoted.promoted(&live.promotion(), AT).unwrap()).unwrap();
    assert!(artifact_has_its_evidence(&pool, &json));
    let (bad, another) = (live.clone().badly().deployment().id(), EvidenceId(Digest::of(b"another")));
    for id in [bad, another, tried.deployment().id(), live.health().id()] {
        let mut json = json.clone();
        json["transitions"][2]["ground"]["promotion"]["deployment"] = id.to_string().into();
        assert!(!artifact_has_its_evidence(&pool, &json), "{id}");
    }
    let grant: GrantId = It { unit: "web", ..live }.grant().id();
    for (index, pointer) in [(1, "/ground/granted/grant"), (2, "/ground/promotion/granted/grant")] {
        let mut json = json.clone();
        *json["transitions"][index].pointer_mut(pointer).unwrap() = grant.to_string().into();
        assert!(!artifact_has_its_evidence(&pool, &json), "{pointer}");
    }
    let mut json = json;
    json["transitions"].as_array_mut().unwrap().remove(0);
    assert!(!artifact_has_its_evidence(&pool, &json));
}
