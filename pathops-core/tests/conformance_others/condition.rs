use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::conformance::condition::{ConditionFixture, ConditionTexts, ConditionWorld, cases, worlds};
use pathops_core::memory::MemoryConditions;
use pathops_core::policy::{Condition, ConditionAnswer, ConditionError, ConditionLanguage, Summary};

use crate::failing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    NeverHolds,
    AlwaysHolds,
    GivesNoReason,
    TakesAbsenceForNothing,
    ReadsAnything,
    OverlooksUnknownNames,
    OverlooksErrors,
    NeverEnds,
    HasNoLimit,
    StumblesOverNames,
    ForgetsWhatItSaid,
    HasNoVersion,
}

#[derive(Debug)]
struct Planted(Defect);

#[derive(Debug)]
struct PlantedCondition {
    defect: Defect,
    inner: Option<Arc<dyn Condition>>,
    asked: AtomicBool,
}

const HOLDS: ConditionAnswer = ConditionAnswer { holds: true, reasons: Vec::new() };
const FAILING: &str = "/approvals >= 1\n/tests/never/failed == 0";
const PATIENCE: Duration = Duration::from_millis(500);

impl ConditionLanguage for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn version(&self) -> String {
        if self.0 == Defect::HasNoVersion { "newest" } else { "1" }.to_owned()
    }

    fn compile(&self, text: &str) -> Result<Arc<dyn Condition>, ConditionError> {
        let hostile = text.len() > 1_000;
        let inner = match (self.0, MemoryConditions.compile(text)) {
            (Defect::NeverEnds, _) if hostile => {
                std::thread::sleep(4 * PATIENCE);
                return Err(ConditionError::new("too late"));
            }
            (Defect::HasNoLimit, Err(_)) if hostile => None,
            (Defect::ReadsAnything, Err(_)) if !text.contains("critcal") && !hostile => None,
            (Defect::OverlooksUnknownNames, Err(_)) if text.contains("critcal") => None,
            (_, compiled) => Some(compiled?),
        };
        Ok(Arc::new(PlantedCondition { defect: self.0, inner, asked: AtomicBool::new(false) }))
    }
}

impl Condition for PlantedCondition {
    fn evaluate(&self, summary: &Summary) -> Result<ConditionAnswer, ConditionError> {
        let asked = self.asked.swap(true, Ordering::Relaxed);
        let answer = self.inner.as_ref().map_or(Ok(HOLDS), |inner| inner.evaluate(summary));
        match (self.defect, answer) {
            (Defect::NeverHolds, Ok(_)) => {
                Ok(ConditionAnswer { holds: false, reasons: vec!["/findings/critical == 0".to_owned()] })
            }
            (Defect::AlwaysHolds, Ok(_)) => Ok(HOLDS),
            (Defect::GivesNoReason, Ok(answer)) => Ok(ConditionAnswer { reasons: Vec::new(), ..answer }),
            (Defect::TakesAbsenceForNothing, Err(error)) if error.to_string().contains("unit") => Ok(HOLDS),
            (Defect::OverlooksErrors, Err(error)) if error.to_string().contains("never") => Ok(HOLDS),
            (Defect::StumblesOverNames, Ok(_)) if summary.signals.contains_key("\\") => Err(ConditionError::new("a backslash")),
            (Defect::ForgetsWhatItSaid, Ok(answer)) if asked => {
                Ok(ConditionAnswer { reasons: vec!["again".to_owned()], ..answer })
            }
            (_, answer) => answer,
        }
    }
}

#[async_trait]
impl ConditionFixture for Defect {
    async fn fresh(&self) -> ConditionWorld {
        let texts = ConditionTexts {
            no_critical: "/findings/critical == 0".to_owned(),
            reason: "/findings/critical == 0".to_owned(),
            unit_passed: "/tests/unit/failed == 0".to_owned(),
            malformed: "findings.critical is 0".to_owned(),
            misspelt: "/findings/critcal == 0".to_owned(),
            failing: FAILING.to_owned(),
            hostile: vec!["/approvals >= 1\n".repeat(1_000), format!("/approvals == {}", "[".repeat(2_000))],
            patience: PATIENCE,
        };
        ConditionWorld { language: Arc::new(Planted(*self)), texts }
    }
}

fn fails(defect: Defect) -> Vec<String> {
    failing(&cases(), &worlds(Arc::new(defect)))
}

#[test]
fn the_reference_language_does_all_of_it() {
    assert_eq!(fails(Defect::None), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    const NUMBERS: &str = "the_greatest_numbers_and_the_oddest_names_are_answered";
    assert_eq!(fails(Defect::NeverHolds), ["what_holds_holds", NUMBERS]);
    assert_eq!(fails(Defect::AlwaysHolds), ["what_does_not_hold_says_why"]);
    assert_eq!(fails(Defect::GivesNoReason), ["what_does_not_hold_says_why"]);
    assert_eq!(fails(Defect::TakesAbsenceForNothing), ["what_is_absent_never_holds"]);
    assert_eq!(fails(Defect::ReadsAnything), ["what_is_no_condition_is_refused"]);
    assert_eq!(fails(Defect::OverlooksUnknownNames), ["a_name_that_no_summary_has_never_holds"]);
    assert_eq!(fails(Defect::OverlooksErrors), ["what_cannot_be_evaluated_is_an_error"]);
    assert_eq!(fails(Defect::NeverEnds), ["a_hostile_text_is_refused_in_time"]);
    assert_eq!(fails(Defect::HasNoLimit), ["a_hostile_text_is_refused_in_time"]);
    assert_eq!(fails(Defect::StumblesOverNames), [NUMBERS]);
    assert_eq!(fails(Defect::ForgetsWhatItSaid), ["the_same_summary_gives_the_same_answer"]);
    assert_eq!(fails(Defect::HasNoVersion), ["the_version_of_its_engine_is_told"]);
}

#[test]
fn a_comparison_is_read_as_it_is_written() {
    let answer = |text: &str| {
        let summary = Summary {
            approvals: 2,
            environment: "production".to_owned(),
            signals: [("rate".to_owned(), 0.5)].into(),
            ..Summary::default()
        };
        MemoryConditions.compile(text)?.evaluate(&summary).map(|answer| answer.holds)
    };
    for text in
        ["/approvals >= 2", "/approvals <= 2", "/environment == \"production\"", "/isFinal == false", "/signals/rate <= 0.5"]
    {
        assert_eq!(answer(text), Ok(true), "{text}");
    }
    for text in ["/approvals >= 3", "/approvals <= 1", "/approvals == 1", "/isFinal == true", "/signals/rate >= 0.6"] {
        assert_eq!(answer(text), Ok(false), "{text}");
    }
    for text in ["/approvals == true", "/approvals > 1", "/unit == {}", "/tests == null", "/approvals", "/signals/latency >= 0"] {
        assert!(answer(text).is_err(), "{text}");
    }
    let long = format!("{}/approvals >= 2", " ".repeat(4_082));
    assert_eq!(answer(&long[1..]), Ok(true));
    assert!(answer(&long).is_err());
}
