use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pathops_core::adapter::{MAX_WITNESS_ANSWER, WitnessAnswer, WitnessClient};
use pathops_core::conformance::witness::{WitnessFixture, WitnessSide, WitnessWorld, cases, worlds};
use pathops_core::{Effect, Error, ErrorKind, OpContext, Result};

use crate::failing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    TrimsTheRequest,
    AsksAgainWhereItFailed,
    MakesErrorsOfRefusals,
    ReadsEverything,
    TakesTheBeginningForTheWhole,
    HasAnAnswerOfNobody,
    KnowsThatNothingWasDone,
}

#[derive(Debug, Default)]
struct Side {
    answer: Option<WitnessAnswer>,
    posted: Vec<String>,
}

/// The witness, and its client.
#[derive(Clone, Debug)]
struct Planted(Defect, Arc<Mutex<Side>>);

impl WitnessSide for Planted {
    fn answers(&self, answer: WitnessAnswer) {
        self.1.lock().unwrap().answer = Some(answer);
    }

    fn leaves(&self) {
        self.1.lock().unwrap().answer = None;
    }

    fn posted(&self) -> Vec<String> {
        self.1.lock().unwrap().posted.clone()
    }
}

#[async_trait]
impl WitnessClient for Planted {
    async fn add_checkpoint(&self, _cx: &OpContext, body: &str) -> Result<WitnessAnswer> {
        let mut side = self.1.lock().unwrap();
        let posted = if self.0 == Defect::TrimsTheRequest { body.trim() } else { body };
        side.posted.push(posted.to_owned());
        let lost = Error::new(ErrorKind::Unavailable, "ask a witness");
        let nobody = WitnessAnswer { status: 503, body: String::new() };
        let answer = match (&side.answer, self.0) {
            (None, Defect::HasAnAnswerOfNobody) => nobody,
            (None, Defect::KnowsThatNothingWasDone) => return Err(lost.with_effect(Effect::None)),
            (None, _) => return Err(lost.with_effect(Effect::Unknown)),
            (Some(answer), _) => answer.clone(),
        };
        if self.0 == Defect::AsksAgainWhereItFailed && answer.status >= 500 {
            side.posted.push(posted.to_owned());
        }
        if self.0 == Defect::MakesErrorsOfRefusals && answer.status == 422 {
            return Err(Error::new(ErrorKind::Invalid, "ask a witness"));
        }
        let most = match self.0 {
            Defect::ReadsEverything => usize::MAX,
            Defect::TakesTheBeginningForTheWhole => 100,
            _ => MAX_WITNESS_ANSWER + 1,
        };
        let mut body: String = answer.body.chars().take(most).collect();
        if self.0 == Defect::TakesTheBeginningForTheWhole && body.len() < answer.body.len() {
            body.push('\n');
        }
        Ok(WitnessAnswer { body, ..answer })
    }
}

#[async_trait]
impl WitnessFixture for Defect {
    async fn fresh(&self) -> WitnessWorld {
        let planted = Planted(*self, Arc::default());
        WitnessWorld::new(Arc::new(planted.clone()), planted)
    }
}

fn fails(defect: Defect) -> Vec<String> {
    failing(&cases(), &worlds(Arc::new(defect)))
}

#[test]
fn a_client_as_it_should_be_does_all_of_it() {
    assert_eq!(fails(Defect::None), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    assert_eq!(fails(Defect::TrimsTheRequest), ["a_request_is_posted_once_and_as_it_is"]);
    assert_eq!(fails(Defect::AsksAgainWhereItFailed), ["a_request_is_posted_once_and_as_it_is"]);
    assert_eq!(fails(Defect::MakesErrorsOfRefusals), ["an_answer_comes_back_whatever_its_status_is"]);
    assert_eq!(fails(Defect::ReadsEverything), ["no_more_of_an_answer_is_read_than_one_may_have"]);
    assert_eq!(fails(Defect::TakesTheBeginningForTheWhole), ["no_more_of_an_answer_is_read_than_one_may_have"]);
    assert_eq!(fails(Defect::HasAnAnswerOfNobody), ["a_witness_that_does_not_answer_is_told"]);
    assert_eq!(fails(Defect::KnowsThatNothingWasDone), ["a_witness_that_does_not_answer_is_told"]);
}
