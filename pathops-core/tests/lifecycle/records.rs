//! A record is read as it was written, and one that was changed is refused.

use pathops_core::UnixMillis;
use pathops_core::evidence::EvidenceId;
use pathops_core::lifecycle::{
    App, AppLifecycle, Artifact, ArtifactLifecycle, ArtifactState, ChangeSet, ChangeSetState, Granted, LIFECYCLE_FORMAT,
    Mismatch, Record, RecordError, Subject,
};
use pathops_core::project::Lifecycle;
use serde_json::{Value, json};

use crate::shop::AT;
use crate::table::change_sets;
use crate::world::{app, artifact, declarations, incident, owner, preflight, production};

/// Records as each format wrote them. They are never changed: what was written once can be read for ever.
const FORMAT_1: [&[u8]; 3] = [
    include_bytes!("../fixtures/lifecycle/format-1-app.json"),
    include_bytes!("../fixtures/lifecycle/format-1-artifact.json"),
    include_bytes!("../fixtures/lifecycle/format-1-change-set.json"),
];
const FORMAT_2: [&[u8]; 2] =
    [include_bytes!("../fixtures/lifecycle/format-2-app.json"), include_bytes!("../fixtures/lifecycle/format-2-change-set.json")];

fn app_that_came_back() -> AppLifecycle {
    let live = app().path_ready(declarations(), &owner(), AT).unwrap().promoted(&production("orders").promotion(), AT).unwrap();
    let back = live.incident(&incident(), AT).unwrap();
    back.promoted(&production("orders").at(AT.0 + 1).promotion(), UnixMillis(AT.0 + 1)).unwrap()
}

fn artifact_that_failed() -> ArtifactLifecycle {
    let verified = artifact().verified(&preflight("orders").tried(), AT).unwrap();
    let granted = verified.promotable(&production("orders").at(1).grant(), AT).unwrap();
    let taken_back = granted.taken_back("an incident", AT).unwrap();
    let granted = taken_back.promotable(&production("orders").grant(), AT).unwrap();
    let promoted = granted.promoted(&production("orders").promotion(), AT).unwrap();
    promoted.failed(&production("orders").failure(), AT).unwrap().retired(&owner(), AT).unwrap()
}

fn read_back<T: Subject>(record: &Record<T>) {
    let written = serde_json::to_vec(record).unwrap();
    assert_eq!(&Record::<T>::from_slice(&written).unwrap(), record);
    assert_eq!(&serde_json::from_slice::<Record<T>>(&written).unwrap(), record);
}

#[test]
fn a_record_is_read_back_as_it_was() {
    read_back(&app_that_came_back());
    read_back(&artifact_that_failed());
    for record in change_sets() {
        read_back(&record);
    }
}

/// What they say is understood, and what this version writes of them is what they are: a change of the form is noticed
/// here and gets another format.
#[test]
fn records_of_each_format_are_read_for_ever() {
    fn read<T: Subject>(fixture: &[u8], state: T::State, transitions: usize) {
        let record = Record::<T>::from_slice(fixture).unwrap();
        assert_eq!((record.state(), record.transitions().len()), (state, transitions));
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!(written, serde_json::from_slice::<Value>(fixture).unwrap(), "{written:#}");
    }
    let [app, artifact, change_set] = FORMAT_1;
    read::<App>(app, Lifecycle::Production, 4);
    read::<Artifact>(artifact, ArtifactState::Retired, 7);
    read::<ChangeSet>(change_set, ChangeSetState::Recovered, 13);
    let [app, change_set] = FORMAT_2;
    read::<App>(app, Lifecycle::Production, 4);
    read::<ChangeSet>(change_set, ChangeSetState::Recovering, 10);
}

#[test]
fn a_record_of_format_1_goes_on_as_format_2() {
    let app = AppLifecycle::from_slice(FORMAT_1[0]).unwrap();
    let after = serde_json::to_value(app.incident(&incident(), AT).unwrap()).unwrap();
    assert_eq!((serde_json::to_value(&app).unwrap()["format"].clone(), after["format"].clone()), (json!(1), json!(2)));
    assert_eq!(after["transitions"][4]["ground"]["incident"]["declaredIn"], json!("9".repeat(40)));
    assert_eq!(AppLifecycle::from_slice(after.to_string().as_bytes()).unwrap().state(), Lifecycle::PathReady);
}

fn tampered<T: Subject>(record: &Record<T>, change: impl FnOnce(&mut Value)) -> RecordError<T::State> {
    let mut json = serde_json::to_value(record).unwrap();
    change(&mut json);
    let bytes = serde_json::to_vec(&json).unwrap();
    assert!(serde_json::from_slice::<Record<T>>(&bytes).is_err(), "it is let through by serde alone");
    Record::<T>::from_slice(&bytes).err().unwrap_or_else(|| panic!("it is let through: {json:#}"))
}

fn remove(json: &mut Value, index: usize) {
    drop(json["transitions"].as_array_mut().unwrap().remove(index));
}

#[test]
fn a_record_of_another_format_is_refused() {
    for format in [0, LIFECYCLE_FORMAT + 1, u32::MAX] {
        let error = tampered(&artifact(), |json| json["format"] = json!(format));
        assert!(matches!(error, RecordError::Format(of) if of == format), "{error}");
    }
    assert!(matches!(ArtifactLifecycle::from_slice(b"{}"), Err(RecordError::Json(_))));
}

#[test]
fn a_record_that_jumps_is_refused() {
    let error = tampered(&artifact_that_failed(), |json| remove(json, 0));
    assert_eq!(error.to_string(), "transition 1 goes on from verified, but it was built");
    let error = tampered(&artifact(), |json| json["state"] = json!("promoted"));
    assert_eq!(error.to_string(), "the record says promoted, but its transitions end at built");
    let promoted = json!({"from": "built", "to": "promoted", "at": AT.to_string(), "ground": {"reason": "trust me"}});
    let error = tampered(&artifact(), |json| {
        json["transitions"] = json!([promoted]);
        json["state"] = json!("promoted");
    });
    let RecordError::Transition { number: 1, error } = error else { panic!("{error}") };
    assert_eq!((error.from(), error.to(), error.mismatch()), (ArtifactState::Built, ArtifactState::Promoted, None));
    let allowed: Vec<_> = error.allowed().map(|(to, _)| to).collect();
    assert_eq!(allowed, [ArtifactState::Verified, ArtifactState::NotPromotable, ArtifactState::Retired]);
}

/// Every transition but the last can be left out in turn, and it is noticed.
#[test]
fn a_record_from_which_a_transition_was_taken_is_refused() {
    let record = app_that_came_back();
    for index in 0..record.transitions().len() - 1 {
        tampered(&record, |json| remove(json, index));
    }
    // The decision, and what each unit's way into production consists of.
    let closed = &change_sets()[6];
    for index in 0..closed.transitions().len() - 1 {
        tampered(closed, |json| remove(json, index));
    }
}

#[test]
fn a_record_whose_grounds_do_not_fit_together_is_refused() {
    let another = json!(EvidenceId(pathops_core::Digest::of(b"another")));
    let promoted =
        |json: &mut Value, field: &str, value: Value| json["transitions"][4]["ground"]["promotion"]["granted"][field] = value;
    let record = artifact_that_failed();
    assert_eq!(record.transitions()[4].to, ArtifactState::Promoted);
    for (field, value) in [("grant", another.clone()), ("environment", json!("preflight")), ("artifact", another.clone())] {
        let error = tampered(&record, |json| promoted(json, field, value));
        assert!(matches!(error, RecordError::Transition { number: 5, .. }), "{field}: {error}");
    }
    let error = tampered(&record, |json| json["subject"]["digest"] = another.clone());
    assert!(matches!(error, RecordError::Transition { number: 1, .. }), "{error}");
    let error = tampered(&record, |json| json["transitions"][6]["ground"]["person"]["reason"] = json!(""));
    assert!(matches!(error, RecordError::Transition { number: 7, .. }), "{error}");
    let error = tampered(&record, |json| json["transitions"][2]["ground"]["taken-back"]["grant"] = another.clone());
    assert!(matches!(error, RecordError::Transition { number: 3, .. }), "{error}");
    let closed = &change_sets()[6];
    assert_eq!(closed.transitions()[3].to, ChangeSetState::Decided);
    let error = tampered(closed, |json| {
        let decided = &mut json["transitions"][3]["ground"]["decided"];
        decided["store"] = decided["orders"].clone();
    });
    assert!(matches!(error, RecordError::Transition { number: 4, .. }), "{error}");
    let granted = change_sets()[4].granted(&Granted::prove(&production("orders").grant()), AT).unwrap();
    let taken_back = granted.taken_back(&"orders".parse().unwrap(), "an incident", AT).unwrap();
    let error = tampered(&taken_back, |json| json["transitions"][5]["ground"]["taken-back"]["grant"] = another.clone());
    assert!(matches!(error, RecordError::Transition { number: 6, .. }), "{error}");
    let last = closed.transitions().len() - 1;
    let error = tampered(closed, |json| json["transitions"][last]["ground"]["live"]["store"] = another);
    let RecordError::Transition { error, .. } = error else { panic!("{error}") };
    assert_eq!(error.mismatch(), Some(&Mismatch::Missing("evidence that was recorded".to_owned())));
}

#[test]
fn an_app_that_came_back_by_its_old_promotion_is_refused() {
    let record = app_that_came_back();
    assert_eq!(record.state(), Lifecycle::Production);
    let error = tampered(&record, |json| json["transitions"][3]["ground"] = json["transitions"][1]["ground"].clone());
    let RecordError::Transition { number: 4, error } = error else { panic!("{error}") };
    assert!(matches!(error.mismatch(), Some(Mismatch::Again(_))), "{error}");
}

#[test]
fn a_record_takes_up_what_another_of_the_same_app_has_beyond() {
    let ready = app().path_ready(declarations(), &owner(), AT).unwrap();
    let live = |at: i64| production("orders").at(AT.0 + at).promotion();
    let one = ready.promoted(&live(0), AT).unwrap();
    assert_eq!(ready.with(&one), one);
    assert_eq!((one.with(&one), one.with(&ready)), (one.clone(), one.clone()));
    let back = one.incident(&incident(), UnixMillis(AT.0 + 3)).unwrap();
    assert_eq!(one.with(&back), back);
    // What was observed before the incident does not make up for it, and what was after does.
    let (early, late) = (one.promoted(&live(2), AT).unwrap(), one.promoted(&live(5), AT).unwrap());
    assert_eq!(back.with(&early), back);
    assert_eq!(back.with(&late).state(), Lifecycle::Production);
    let another = AppLifecycle::prototype(App { unit: "web".parse().unwrap(), ..app().subject().clone() });
    assert_eq!(another.with(&one), another);
}
