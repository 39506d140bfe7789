//! What every [`WitnessClient`] must do.

use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Answer as _, cases};
use super::scm::world::cx;
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{MAX_WITNESS_ANSWER, WitnessAnswer, WitnessClient, WitnessSaid};
use crate::error::{Effect, ErrorKind};

/// Gives each case a witness and its client.
#[async_trait]
pub trait WitnessFixture: Send + Sync + 'static {
    /// A client of a witness that nobody has asked yet.
    async fn fresh(&self) -> WitnessWorld;
}

/// The witness on the other side, which says what a case wants it to.
pub trait WitnessSide: Send + Sync + 'static {
    /// It gives this answer from now on.
    fn answers(&self, answer: WitnessAnswer);

    /// It does not answer any more.
    fn leaves(&self);

    /// What was posted so far.
    fn posted(&self) -> Vec<String>;
}

/// A client, and the witness that it asks.
pub struct WitnessWorld {
    client: Arc<dyn WitnessClient>,
    witness: Box<dyn WitnessSide>,
}

impl std::fmt::Debug for WitnessWorld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WitnessWorld({:?})", self.client)
    }
}

impl WitnessWorld {
    /// `witness` is dropped at the end of the case.
    pub fn new(client: Arc<dyn WitnessClient>, witness: impl WitnessSide) -> Self {
        Self { client, witness: Box::new(witness) }
    }
}

/// The cases as trials.
#[must_use]
pub fn trials(fixture: Arc<dyn WitnessFixture>) -> Vec<Trial> {
    into_trials(cases(), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn WitnessFixture>) -> Fresh<WitnessWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases() -> Vec<Case<WitnessWorld>> {
    cases!["witness":
        a_request_is_posted_once_and_as_it_is,
        an_answer_comes_back_whatever_its_status_is,
        no_more_of_an_answer_is_read_than_one_may_have,
        a_witness_that_does_not_answer_is_told,
    ]
}

const REQUEST: &str = "old 0\n\nlog.example/\u{fc}\n1\nAA==\n\n\u{2014} log.example/\u{fc} AA==\n";

fn answer(status: u16, body: &str) -> WitnessAnswer {
    WitnessAnswer { status, body: body.to_owned() }
}

async fn a_request_is_posted_once_and_as_it_is(world: WitnessWorld) -> Outcome {
    for status in [200, 503] {
        world.witness.answers(answer(status, ""));
        world.client.add_checkpoint(&cx("ask"), REQUEST).await.works()?;
    }
    let posted = world.witness.posted();
    ensure!(posted == [REQUEST, REQUEST], "the witness was asked twice, with {REQUEST:?}, and saw {posted:?}");
    Ok(())
}

async fn an_answer_comes_back_whatever_its_status_is(world: WitnessWorld) -> Outcome {
    let cosigned = "\u{2014} witness.example/w AA==\n";
    for (status, body) in
        [(200, cosigned), (409, "7\n"), (400, ""), (403, ""), (404, "no such log\n"), (422, ""), (429, ""), (500, "")]
    {
        let said = answer(status, body);
        world.witness.answers(said.clone());
        let got = world.client.add_checkpoint(&cx("ask"), REQUEST).await.works()?;
        ensure!(got == said, "the witness said {said:?}, and this came back: {got:?}");
    }
    Ok(())
}

async fn no_more_of_an_answer_is_read_than_one_may_have(world: WitnessWorld) -> Outcome {
    world.witness.answers(answer(200, &format!("\u{2014} {}\n", "long ".repeat(1 << 18))));
    let got = world.client.add_checkpoint(&cx("ask"), REQUEST).await.works()?;
    let length = got.body.len();
    ensure!(length <= MAX_WITNESS_ANSWER + 8, "{length} bytes of an answer were read");
    ensure!(matches!(got.said(), WitnessSaid::Refused(_)), "the beginning of an answer that is too long counts as one");
    Ok(())
}

async fn a_witness_that_does_not_answer_is_told(world: WitnessWorld) -> Outcome {
    world.witness.leaves();
    match world.client.add_checkpoint(&cx("ask"), REQUEST).await {
        Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => {
            ensure!(error.effect() == Effect::Unknown, "it may have cosigned, and the error says otherwise: {error:?}");
            Ok(())
        }
        other => Err(format!("nobody is there, and this came back: {other:?}")),
    }
}
