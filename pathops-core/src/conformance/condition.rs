//! What every [`ConditionLanguage`] must do, and the conditions that it reads.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::cases;
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::policy::{Condition, ConditionAnswer, ConditionError, ConditionLanguage, FindingsSummary, Summary, TestsSummary};

/// Gives each case a language, and what the cases say in it.
#[async_trait]
pub trait ConditionFixture: Send + Sync + 'static {
    /// A language.
    async fn fresh(&self) -> ConditionWorld;
}

/// A language, and what the cases say in it.
#[derive(Clone, Debug)]
pub struct ConditionWorld {
    /// The language.
    pub language: Arc<dyn ConditionLanguage>,
    /// What the cases say in it.
    pub texts: ConditionTexts,
}

/// The texts that an adapter supplies, in its language.
#[derive(Clone, Debug)]
pub struct ConditionTexts {
    /// Holds where there is no critical finding.
    pub no_critical: String,
    /// The one reason of `no_critical` where it does not hold.
    pub reason: String,
    /// Holds where the suite `unit` is there and has no failures.
    pub unit_passed: String,
    /// No text of the language.
    pub malformed: String,
    /// Names something that no summary has, so that it would hold if what is missing counted as nothing.
    pub misspelt: String,
    /// Cannot be evaluated where there is an approval, and would hold if that did not matter.
    pub failing: String,
    /// Each asks for more than any host has: deep, long, and growing texts.
    pub hostile: Vec<String>,
    /// How long one of them may take, from its text to the refusal, on the machine that runs the tests.
    pub patience: Duration,
}

/// The cases as trials.
#[must_use]
pub fn trials(fixture: Arc<dyn ConditionFixture>) -> Vec<Trial> {
    into_trials(cases(), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn ConditionFixture>) -> Fresh<ConditionWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases() -> Vec<Case<ConditionWorld>> {
    cases!("condition":
        the_version_of_its_engine_is_told,
        what_holds_holds,
        what_does_not_hold_says_why,
        what_is_absent_never_holds,
        what_is_no_condition_is_refused,
        a_name_that_no_summary_has_never_holds,
        what_cannot_be_evaluated_is_an_error,
        a_hostile_text_is_refused_in_time,
        the_greatest_numbers_and_the_oddest_names_are_answered,
        the_same_summary_gives_the_same_answer,
    )
}

type Answer = Result<ConditionAnswer, ConditionError>;

impl ConditionWorld {
    fn read(&self, text: &str) -> Result<Arc<dyn Condition>, String> {
        self.language.compile(text).map_err(|error| format!("`{text}` must be read, but: {error}"))
    }

    fn answer(&self, text: &str, summary: &Summary) -> Result<ConditionAnswer, String> {
        let answer = self.read(text)?.evaluate(summary);
        answer.map_err(|error| format!("`{text}` must be answered, but: {error}"))
    }

    /// From a text to its answer.
    fn ask(&self, text: &str, summary: &Summary) -> Answer {
        self.language.compile(text)?.evaluate(summary)
    }
}

fn critical(critical: u32) -> Summary {
    Summary { findings: FindingsSummary { scanners: 1, critical, ..FindingsSummary::default() }, ..Summary::default() }
}

fn suite(name: &str, failed: u32) -> Summary {
    let tests = TestsSummary { passed: 7, failed, ..TestsSummary::default() };
    Summary { tests: [(name.to_owned(), tests)].into(), ..Summary::default() }
}

fn approved() -> Summary {
    Summary { approvals: 1, ..suite("unit", 0) }
}

async fn the_version_of_its_engine_is_told(world: ConditionWorld) -> Outcome {
    let version = world.language.version();
    ensure!(version.starts_with(|c: char| c.is_ascii_digit()), "`{version}` is no version: it begins with no digit");
    Ok(())
}

async fn what_holds_holds(world: ConditionWorld) -> Outcome {
    let texts = &world.texts;
    for (text, summary) in [(&texts.no_critical, critical(0)), (&texts.unit_passed, suite("unit", 0))] {
        let answer = world.answer(text, &summary)?;
        ensure!(answer.holds, "`{text}` holds for {summary:?}, but the answer is {answer:?}");
    }
    Ok(())
}

async fn what_does_not_hold_says_why(world: ConditionWorld) -> Outcome {
    let texts = &world.texts;
    for found in [1, 2, u32::MAX] {
        let answer = world.answer(&texts.no_critical, &critical(found))?;
        let expected = ConditionAnswer { holds: false, reasons: vec![texts.reason.clone()] };
        ensure!(answer == expected, "with {found} critical findings the answer is {answer:?}, not {expected:?}");
    }
    let answer = world.answer(&texts.unit_passed, &suite("unit", 1))?;
    ensure!(!answer.holds, "a failed test makes no difference: {answer:?}");
    Ok(())
}

async fn what_is_absent_never_holds(world: ConditionWorld) -> Outcome {
    for summary in [Summary::default(), suite("smoke", 0)] {
        if let Ok(answer) = world.ask(&world.texts.unit_passed, &summary) {
            ensure!(!answer.holds, "the suite `unit` is not there, but the answer is {answer:?}");
        }
    }
    Ok(())
}

async fn what_is_no_condition_is_refused(world: ConditionWorld) -> Outcome {
    for text in [world.texts.malformed.as_str(), "", " \n\t", "\0"] {
        match world.language.compile(text) {
            Ok(condition) => return Err(format!("`{text}` must be refused, but was read as {condition:?}")),
            Err(error) => ensure!(!error.to_string().is_empty(), "`{text}` is refused without a word"),
        }
    }
    Ok(())
}

async fn a_name_that_no_summary_has_never_holds(world: ConditionWorld) -> Outcome {
    for summary in [Summary::default(), critical(3), approved()] {
        let answer = world.ask(&world.texts.misspelt, &summary);
        ensure!(answer.is_err(), "nobody can tell, but the answer is {answer:?}");
    }
    Ok(())
}

async fn what_cannot_be_evaluated_is_an_error(world: ConditionWorld) -> Outcome {
    let condition = world.read(&world.texts.failing)?;
    for answer in [condition.evaluate(&approved()), condition.evaluate(&approved())] {
        ensure!(answer.is_err(), "evaluation fails, but the answer is {answer:?}");
    }
    Ok(())
}

async fn a_hostile_text_is_refused_in_time(world: ConditionWorld) -> Outcome {
    for text in world.texts.hostile.clone() {
        let (begin, patience) = (beginning(&text), world.texts.patience);
        let answer = in_background(world.clone(), text).recv_timeout(patience);
        let answer = answer.map_err(|_| format!("after {patience:?} there is no answer to `{begin}`"))?;
        ensure!(answer.is_err(), "`{begin}` must be refused, but the answer is {answer:?}");
    }
    Ok(())
}

/// A thread that never ends, or panics, is one that does not send.
fn in_background(world: ConditionWorld, text: String) -> Receiver<Answer> {
    let (sender, receiver) = channel();
    // Whether it was sent is seen by the receiver.
    spawn(move || sender.send(world.ask(&text, &approved())).ok());
    receiver
}

fn beginning(text: &str) -> String {
    text.chars().take(60).collect()
}

async fn the_greatest_numbers_and_the_oddest_names_are_answered(world: ConditionWorld) -> Outcome {
    let names = ["", "\"", "\\", "a b", "ä\u{1F680}", "__entity", "toString", "\0", "../x"];
    let mut summary = critical(0);
    summary.at_seconds = i64::MIN;
    summary.sbom_parts = u64::MAX;
    summary.preflight.healthy_seconds = u64::MAX;
    (summary.approvals, summary.incidents) = (u32::MAX, u32::MAX);
    for (name, value) in names.into_iter().zip([f64::MAX, f64::MIN, f64::MIN_POSITIVE, -0.0, 1e300, 0.1, -2.5, 1e-9, 1e15]) {
        summary.tests.insert(name.to_owned(), TestsSummary { age_seconds: i64::MAX, ..TestsSummary::default() });
        summary.signals.insert(name.to_owned(), value);
        name.clone_into(&mut summary.unit.class);
        let answer = world.answer(&world.texts.no_critical, &summary)?;
        ensure!(answer.holds, "it holds for {summary:?}, but the answer is {answer:?}");
    }
    Ok(())
}

async fn the_same_summary_gives_the_same_answer(world: ConditionWorld) -> Outcome {
    let texts = &world.texts;
    for text in [&texts.no_critical, &texts.unit_passed, &texts.failing] {
        let condition = world.read(text)?;
        for summary in [critical(0), critical(2), suite("unit", 0), suite("unit", 3), approved()] {
            let first = condition.evaluate(&summary);
            let threads: Vec<_> = (0..4).map(|_| elsewhere(condition.clone(), summary.clone())).collect();
            let others = threads.into_iter().map(|thread| thread.join().map_err(|_| "an evaluation panicked".to_owned()));
            for other in others.chain([Ok(world.ask(text, &summary)), Ok(condition.evaluate(&summary))]) {
                let other = other?;
                ensure!(other == first, "`{text}` is answered by {first:?} and by {other:?}");
            }
        }
    }
    Ok(())
}

fn elsewhere(condition: Arc<dyn Condition>, summary: Summary) -> JoinHandle<Answer> {
    spawn(move || condition.evaluate(&summary))
}
