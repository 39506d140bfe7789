//! What proves nothing, and what proves something about something else.

use pathops_core::evidence::{Deployment, TestResult, TestVerdict, VerificationResult, VerificationSummary, VerifiedEvidence};
use pathops_core::lifecycle::{
    Artifact, ArtifactLifecycle, ArtifactState, Decided, Declarations, Failure, Granted, Ground, HumanDecision, Mismatch,
    Preflight, Promotion, ProofError, Record, Recorded, Subject, TransitionError,
};
use pathops_core::project::{OpenIncident, Role};
use pathops_core::{Digest, Principal, UnixMillis};

use crate::shop::{self, AT, human};
use crate::table::{NONE, change_sets, nothing};
use crate::world::{
    It, agents_and_machines, app, artifact, change_set, declarations, incident, incident_of, merged, open, owner, preflight,
    production, reported, says, unit,
};

/// A change of something that is well.
type Spoil = fn(It) -> It;

const OTHER: [(&str, Spoil); 4] = [
    ("change set", |it| It { change_set: "another-1", ..it }),
    ("app or component", |it| It { unit: "web", ..it }),
    ("environment", |it| It { environment: "agents", ..it }),
    ("artifact", |it| It { artifact: Some(Digest::of(b"another")), ..it }),
];

fn differs(error: &ProofError) -> &'static str {
    let ProofError::Differ { what, .. } = error else { panic!("{error}") };
    what
}

/// The mismatch is about this.
#[track_caller]
fn is_about<T: Subject>(what: &str, answer: Result<Record<T>, TransitionError<T::State>>) {
    let error = answer.err().unwrap_or_else(|| panic!("another {what} is let through"));
    assert!(matches!(error.mismatch(), Some(Mismatch::Another { what: of, .. }) if *of == what), "{what}: {error}");
}

#[track_caller]
fn lacks<T: Subject>(what: &str, answer: Result<Record<T>, TransitionError<T::State>>) {
    let error = answer.err().unwrap_or_else(|| panic!("it is let through without {what}"));
    assert_eq!(error.mismatch(), Some(&Mismatch::Missing(what.to_owned())), "{error}");
}

#[test]
fn only_people_in_a_role_and_with_a_reason_decide() {
    let people = shop::readings().people;
    let says = |by: &Principal, role, reason: &str| HumanDecision::prove(by, role, &people, reason, AT).map(drop);
    assert_eq!(says(&human("alice"), Role::Owner, "it is time"), Ok(()));
    for by in agents_and_machines() {
        assert_eq!(says(&by, Role::Owner, "it is time"), Err(ProofError::NotAPerson(by.clone())));
    }
    for (name, role) in [("alice", Role::Reviewer), ("bob", Role::Owner), ("erin", Role::Reviewer), ("mallory", Role::Owner)] {
        let person = name.parse().unwrap();
        assert_eq!(says(&human(name), role, "it is time"), Err(ProofError::NoRole { person, role }));
    }
    for reason in ["", " \n\t"] {
        assert_eq!(says(&human("alice"), Role::Owner, reason), Err(ProofError::NoReason));
    }
}

#[test]
fn preflight_is_proved_by_readiness_and_health_of_one_deployment() {
    let good = preflight("orders");
    assert!(Preflight::prove(&good.deployment(), &good.health()).is_ok());
    let bad = good.clone().badly();
    for (deployment, health) in [(bad.deployment(), good.health()), (good.deployment(), bad.health())] {
        assert!(matches!(Preflight::prove(&deployment, &health), Err(ProofError::Negative { .. })));
    }
    for (deployment, health) in [(good.health(), good.health()), (good.deployment(), good.deployment())] {
        assert!(matches!(Preflight::prove(&deployment, &health), Err(ProofError::Kind { .. })));
    }
    for (what, spoil) in &OTHER[..3] {
        let error = Preflight::prove(&good.deployment(), &spoil(good.clone()).health()).unwrap_err();
        assert_eq!(differs(&error), *what);
    }
    let another = OTHER[3].1(good.clone());
    let error = Preflight::prove(&good.deployment(), &another.health()).unwrap_err();
    assert_eq!(error, ProofError::Subject(another.health().id()));
    let before = good.clone().at(AT.0 - 1).health();
    assert!(matches!(Preflight::prove(&good.deployment(), &before), Err(ProofError::Negative { .. })));
}

/// Evidence that speaks of one artifact and is about another proves nothing of either.
#[test]
fn a_deployment_has_to_be_the_subject_of_its_evidence() {
    let good = preflight("orders");
    let predicate: Deployment = serde_json::from_value(good.deployment().statement().predicate.clone()).unwrap();
    let forged = OTHER[3].1(good.clone()).verified(&predicate);
    assert_eq!(Preflight::prove(&forged, &good.health()), Err(ProofError::Subject(forged.id())));
    let nothing = Deployment { artifact: None, tree: None, ..predicate };
    let forged = good.verified(&nothing);
    assert_eq!(Preflight::prove(&forged, &good.health()), Err(ProofError::Subject(forged.id())));
}

#[test]
fn a_decision_has_to_pass_and_to_rest_on_what_was_tried() {
    let good = preflight("orders");
    let (tried, inputs) = (good.tried(), [good.deployment(), good.health()]);
    assert!(Decided::prove(&tried, &good.decision(&inputs)).is_ok());
    let refused = Decided::prove(&tried, &good.clone().badly().decision(&inputs));
    assert!(matches!(refused, Err(ProofError::Negative { .. })));
    // One that contradicts itself did not pass either.
    let contradict: [fn(&mut VerificationSummary); 2] =
        [|it| it.verification_result = VerificationResult::Failed, |it| it.decision["verdict"] = "fail".into()];
    for change in contradict {
        let mut summary = serde_json::from_value(good.decision(&inputs).statement().predicate.clone()).unwrap();
        change(&mut summary);
        assert!(matches!(Decided::prove(&tried, &good.verified(&summary)), Err(ProofError::Negative { .. })));
    }
    for (what, spoil) in &OTHER[..2] {
        let error = Decided::prove(&tried, &spoil(good.clone()).decision(&inputs)).unwrap_err();
        assert_eq!(differs(&error), *what);
    }
    assert!(matches!(Decided::prove(&tried, &OTHER[3].1(good.clone()).decision(&inputs)), Err(ProofError::Subject(_))));
    for left in 0..2 {
        let decision = good.decision(&inputs[left..=left]);
        let evidence = inputs[1 - left].id();
        assert_eq!(Decided::prove(&tried, &decision), Err(ProofError::Unrelated { decision: decision.id(), evidence }));
    }
    assert!(matches!(Decided::prove(&tried, &good.health()), Err(ProofError::Kind { .. })));
}

#[test]
fn a_promotion_is_exactly_what_was_granted() {
    let good = production("orders");
    let granted = Granted::prove(&good.grant());
    let prove = |it: &VerifiedEvidence| Promotion::prove(&granted, it);
    assert!(prove(&good.deployment()).is_ok());
    for (what, spoil) in OTHER {
        assert_eq!(differs(&prove(&spoil(good.clone()).deployment()).unwrap_err()), what);
    }
    let moved = It { tree: 'e', ..good.clone() };
    assert_eq!(differs(&prove(&moved.deployment()).unwrap_err()), "desired state");
    assert!(matches!(prove(&good.clone().badly().deployment()), Err(ProofError::Negative { .. })));
    assert!(matches!(prove(&good.health()), Err(ProofError::Kind { .. })));
    let component = production("store");
    assert!(Promotion::prove(&Granted::prove(&component.grant()), &component.deployment()).is_ok());
}

/// A grant is used up when what it let through is seen: the decision that was signed with it proves it again.
#[test]
fn what_was_granted_is_proved_again_by_its_decision() {
    let good = production("orders");
    let recorded = |it: &It| Recorded::from(Granted::prove(&it.grant()));
    let again = |it: &It, decision: &VerifiedEvidence| Granted::prove_again(&recorded(it), decision);
    for named in [true, false] {
        assert_eq!(again(&good, &good.granting(named)), Ok(Granted::prove(&good.grant())), "{named}");
        for (what, spoil) in &OTHER[..3] {
            let error = again(&good, &spoil(good.clone()).granting(named)).unwrap_err();
            assert_eq!(differs(&error), *what);
        }
        let another = OTHER[3].1(good.clone()).granting(named);
        assert_eq!(again(&good, &another), Err(ProofError::Subject(another.id())));
    }
    assert_eq!(differs(&again(&good, &good.clone().at(1).granting(true)).unwrap_err()), "grant");
    let moved = It { tree: 'e', ..good.clone() };
    assert_eq!(differs(&again(&good, &moved.granting(true)).unwrap_err()), "grant");
    // One that names the grant, and something else to go with it.
    let mut summary: VerificationSummary = serde_json::from_value(good.granting(true).statement().predicate.clone()).unwrap();
    summary.grant.as_mut().unwrap()["tree"] = shop::tree('e').to_string().into();
    assert_eq!(differs(&again(&good, &good.verified(&summary)).unwrap_err()), "desired state");
}

#[test]
fn a_decision_that_granted_nothing_proves_no_grant() {
    let good = production("orders");
    let recorded = Recorded::from(Granted::prove(&good.grant()));
    let spoil: [fn(&mut VerificationSummary); 3] = [
        |it| it.decision["stage"] = "first".into(),
        |it| it.decision["verdict"] = "unknown".into(),
        |it| it.verification_result = VerificationResult::Failed,
    ];
    for spoil in spoil {
        let mut summary = serde_json::from_value(good.granting(true).statement().predicate.clone()).unwrap();
        spoil(&mut summary);
        let error = Granted::prove_again(&recorded, &good.verified(&summary)).unwrap_err();
        assert!(matches!(error, ProofError::Negative { .. }), "{error}");
    }
    for evidence in [good.deployment(), good.decision(&[])] {
        assert!(matches!(Granted::prove_again(&recorded, &evidence), Err(ProofError::Kind { .. })));
    }
}

#[test]
fn a_failure_is_evidence_that_says_no() {
    let good = preflight("orders");
    let tests = |result, failed: &[&str]| {
        good.verified(&TestResult {
            result,
            configuration: Vec::new(),
            passed_tests: Vec::new(),
            warned_tests: Vec::new(),
            failed_tests: failed.iter().map(|name| (*name).to_owned()).collect(),
            finished_on: AT,
        })
    };
    let bad = good.clone().badly();
    let failures = [bad.deployment(), bad.health(), tests(TestVerdict::Failed, &[]), tests(TestVerdict::Passed, &["adds up"])];
    for evidence in failures {
        let failure = Failure::prove(&evidence).unwrap();
        assert_eq!(failure.get().evidence, evidence.id());
        assert!(artifact().failed(&failure, AT).is_ok(), "{failure:?}");
    }
    for evidence in [good.deployment(), good.health(), tests(TestVerdict::Passed, &[]), tests(TestVerdict::Warned, &[])] {
        assert_eq!(Failure::prove(&evidence), Err(ProofError::Positive(evidence.id())));
    }
    assert!(matches!(Failure::prove(&good.decision(&[])), Err(ProofError::Kind { .. })));
}

#[test]
fn an_artifact_moves_only_by_proofs_about_itself() {
    let verified = artifact().verified(&preflight("orders").tried(), AT).unwrap();
    for (what, spoil) in OTHER {
        is_about(what, artifact().verified(&spoil(preflight("orders")).tried(), AT));
        is_about(what, verified.decided(&spoil(preflight("orders")).decided(), AT));
        is_about(what, verified.promotable(&spoil(production("orders")).grant(), AT));
    }
    is_about("environment", artifact().verified(&production("orders").tried(), AT));
    is_about("environment", verified.promotable(&preflight("orders").grant(), AT));
    is_about("app or component", artifact().failed(&OTHER[1].1(preflight("orders")).failure(), AT));
    is_about("artifact", artifact().failed(&OTHER[3].1(preflight("orders")).failure(), AT));
    lacks("a reason", artifact().not_promotable(" ", AT));
}

/// What a record holds, it gives back as recorded, and no more.
#[test]
fn a_record_gives_back_what_it_rests_on() {
    let built = artifact();
    assert!(built.preflight().is_none() && built.decision().is_none() && built.promotion().is_none());
    let decided = built.verified(&preflight("orders").tried(), AT).unwrap().decided(&preflight("orders").decided(), AT).unwrap();
    let promoted = decided.promotable(&production("orders").grant(), AT).unwrap();
    let promoted = promoted.promoted(&production("orders").promotion(), AT).unwrap();
    assert_eq!(promoted.preflight(), Some(preflight("orders").tried().into()));
    assert_eq!(promoted.decision(), Some(preflight("orders").decided().into()));
    assert_eq!(promoted.promotion(), Some(production("orders").promotion().into()));
}

/// A component has no artifact: it is its desired state that goes the same way.
#[test]
fn a_component_goes_the_way_of_an_artifact() {
    let subject = artifact().subject().clone();
    let store = ArtifactLifecycle::built(Artifact { unit: unit("store"), digest: None, source: None, ..subject });
    let verified = store.verified(&preflight("store").tried(), AT).unwrap();
    is_about("artifact", store.verified(&It { artifact: Some(shop::artifact()), ..preflight("store") }.tried(), AT));
    let promotable = verified.promotable(&production("store").grant(), AT).unwrap();
    let promoted = promotable.promoted(&production("store").promotion(), AT).unwrap();
    assert_eq!(promoted.state(), ArtifactState::Promoted);
    assert_eq!(promoted.failed(&production("store").failure(), AT).unwrap().state(), ArtifactState::NotPromotable);
}

#[test]
fn an_artifact_is_promoted_by_the_grant_that_stands() {
    let verified = artifact().verified(&preflight("orders").tried(), AT).unwrap();
    let promotable = verified.promotable(&production("orders").grant(), AT).unwrap();
    is_about("grant", promotable.promoted(&production("orders").at(1).promotion(), AT));
    let again = promotable.promotable(&production("orders").grant(), AT).unwrap_err();
    let grant = production("orders").grant().id().to_string();
    assert_eq!(again.mismatch(), Some(&Mismatch::Again(grant)));
    let anew = promotable.promotable(&production("orders").at(1).grant(), AT).unwrap();
    is_about("grant", anew.promoted(&production("orders").promotion(), AT));
    assert!(anew.promoted(&production("orders").at(1).promotion(), AT).is_ok());
    lacks("a reason", anew.taken_back("", AT));
    let taken_back = anew.taken_back("an incident", AT).unwrap();
    assert_eq!(taken_back.grant(), None);
    assert!(taken_back.promoted(&production("orders").at(1).promotion(), AT).is_err());
}

#[test]
fn what_speaks_against_an_artifact_is_kept() {
    assert_eq!(artifact().speaks_against(), None);
    let failed = artifact().failed(&preflight("orders").failure(), AT).unwrap();
    let retired = failed.retired(&owner(), AT).unwrap();
    assert_eq!((failed.speaks_against(), retired.speaks_against()), (Some("it crashed"), Some("it crashed")));
    let reviewer = says("bob", Role::Reviewer);
    assert_eq!(artifact().ruled_out(&reviewer, AT).unwrap().speaks_against(), Some("it is time"));
    assert_eq!(artifact().retired(&reviewer, AT).unwrap().speaks_against(), None);
}

#[test]
fn an_app_is_path_ready_with_all_four_declarations_and_an_owner() {
    let ready = |declarations| app().path_ready(declarations, &owner(), AT);
    lacks("intent", ready(Declarations { intent: String::new(), ..declarations() }));
    lacks("rollback path", ready(Declarations { rollback: " ".to_owned(), ..declarations() }));
    lacks("boundaries", ready(Declarations { boundaries: "\n".to_owned(), ..declarations() }));
    lacks("an owner's decision", app().path_ready(declarations(), &says("bob", Role::Reviewer), AT));
    let record = ready(declarations()).unwrap();
    assert_eq!(record.transitions()[0].ground.person().unwrap().as_str(), "alice");
}

#[test]
fn an_app_is_in_production_again_only_by_a_new_promotion() {
    let ready = app().path_ready(declarations(), &owner(), AT).unwrap();
    is_about("app or component", ready.promoted(&production("store").promotion(), AT));
    is_about("environment", ready.promoted(&preflight("orders").promotion(), AT));
    let first = production("orders");
    let live = ready.promoted(&first.promotion(), AT).unwrap();
    let by_another_grant = Promotion::prove(&Granted::prove(&first.clone().at(1).grant()), &first.deployment()).unwrap();
    let served = Mismatch::Again(first.deployment().id().to_string());
    assert_eq!(live.promoted(&by_another_grant, AT).unwrap_err().mismatch(), Some(&served));
    is_about("app or component", live.incident(&reported(incident_of("store"), "store").unwrap(), AT));
    let nameless = OpenIncident { id: String::new(), ..incident_of("orders") };
    lacks("the name of the incident", live.incident(&reported(nameless, "orders").unwrap(), AT));
    let of_all = reported(OpenIncident { unit: None, ..incident_of("orders") }, "orders").unwrap();
    assert!(live.incident(&of_all, AT).is_ok());
    assert_eq!(of_all.get().declared_in, Some(shop::commit('9')));
    assert_eq!(reported(incident_of("store"), "orders"), None, "it has none");

    let then = UnixMillis(AT.0 + 10);
    let back = live.incident(&incident(), then).unwrap();
    let again = |it| back.promoted(&it, then).unwrap_err().mismatch().cloned();
    assert!(matches!(again(first.promotion()), Some(Mismatch::Again(_))), "the same evidence");
    let seen_again = Promotion::prove(&Granted::prove(&first.grant()), &first.clone().at(then.0).deployment()).unwrap();
    assert_eq!(again(seen_again), Some(Mismatch::Again(first.grant().id().to_string())), "the same grant");
    let early = first.clone().at(then.0 - 1);
    assert_eq!(
        again(early.promotion()),
        Some(Mismatch::TooEarly { observed_on: UnixMillis(early.at), incident: then }),
        "something from before the incident"
    );
    assert!(back.promoted(&first.at(then.0).promotion(), then).is_ok());
}

#[test]
fn a_change_set_is_decided_when_every_unit_is() {
    let tried = &change_sets()[3];
    let [orders, store] = ["orders", "store"].map(|unit| preflight(unit).decided());
    lacks("`store`", tried.decided(std::slice::from_ref(&orders), AT));
    lacks("`orders`", tried.decided(&[store.clone(), store.clone()], AT));
    for (what, spoil) in &OTHER[..3] {
        is_about(what, tried.decided(&[orders.clone(), store.clone(), spoil(preflight("orders")).decided()], AT));
    }
}

#[test]
fn a_change_set_takes_only_grants_of_its_own() {
    let decided = &change_sets()[4];
    for (what, spoil) in &OTHER[..3] {
        is_about(what, decided.granted(&Granted::prove(&spoil(production("orders")).grant()), AT));
    }
    let promoting = decided.granted(&Granted::prove(&production("orders").grant()), AT).unwrap();
    lacks("a grant for `store`", promoting.live(&production("store").promotion(), AT));
    lacks("a grant for `store`", promoting.taken_back(&unit("store"), "an incident", AT));
    is_about("grant", promoting.live(&production("orders").at(1).promotion(), AT));
    let taken_back = promoting.taken_back(&unit("orders"), "an incident", AT).unwrap();
    lacks("a grant for `orders`", taken_back.live(&production("orders").promotion(), AT));
}

#[test]
fn a_change_set_is_closed_with_evidence_of_every_unit() {
    let decided = &change_sets()[4];
    let orders = decided.granted(&Granted::prove(&production("orders").grant()), AT).unwrap();
    lacks("`orders`", orders.closed(AT));
    let orders = orders.live(&production("orders").promotion(), AT).unwrap();
    lacks("`store`", orders.closed(AT));
    let granted = orders.granted(&Granted::prove(&production("store").grant()), AT).unwrap();
    lacks("`store`", granted.closed(AT));
    let closed = granted.live(&production("store").promotion(), AT).unwrap().closed(AT).unwrap();
    let evidence = ["orders", "store"].map(|unit| production(unit).deployment().id());
    assert_eq!(closed.transitions().last().unwrap().ground.evidence(), evidence);
}

#[test]
fn a_change_set_names_pull_requests_of_its_own_units() {
    lacks("`store`", change_set().working(&open(&["orders"]), AT));
    is_about("app or component", change_set().working(&open(&["orders", "store", "web"]), AT));
    let (working, review) = (&change_sets()[1], &change_sets()[2]);
    lacks("the pull request of a unit", working.in_review(&open(&[]), AT));
    is_about("app or component", working.in_review(&open(&["web"]), AT));
    lacks("the merge of `store`", review.in_preflight(&open(&["store"]), AT));
    let merged = review.in_preflight(&merged(&["store"]), AT).unwrap();
    let Ground::Changes(changes) = &merged.transitions().last().unwrap().ground else { panic!("{merged:?}") };
    assert_eq!(changes[&unit("store")].merged.as_ref().unwrap().by, human("bob"), "it is on record who did it");
}

#[test]
fn what_was_in_preflight_or_production_has_to_go_back() {
    let all = change_sets();
    let (review, tried, promoting) = (&all[2], &all[3], &all[5]);
    let gone = |it: &pathops_core::lifecycle::ChangeSetLifecycle| it.recovered(&NONE, nothing(&["orders", "store"]), AT);
    assert!(gone(&review.stopped("it failed", AT).unwrap()).is_ok());
    let stopped = tried.stopped("it failed", AT).unwrap();
    lacks("the way back of what was merged into preflight", gone(&stopped));
    let back = stopped.recovering(&open(&["store"]), AT).unwrap();
    lacks("`store`", back.recovered(&NONE, nothing(&["orders"]), AT));
    is_about("environment", back.recovered(&[production("orders").tried()], nothing(&["store"]), AT));
    assert!(back.recovered(&[preflight("store").tried()], nothing(&["orders"]), AT).is_ok());

    let back = promoting.stopped("it failed", AT).unwrap().recovering(&open(&["store"]), AT).unwrap();
    lacks("evidence of `orders` in production as it was", gone(&back));
    let restored = ["orders", "store"].into_iter().fold(back, |it, unit| {
        let before = production(unit).at(1);
        it.granted(&Granted::prove(&before.grant()), AT).unwrap().live(&before.promotion(), AT).unwrap()
    });
    assert!(gone(&restored).is_ok());
}
