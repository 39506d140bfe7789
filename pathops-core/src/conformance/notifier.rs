//! What every [`Notifier`] must do.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Answer as _, abandon};
use super::scm::world::cx;
use super::step::{Pinned, declares};
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{Importance, Notice, Notifier, NotifierCapabilities};
use crate::error::ErrorKind;
use crate::id::{PersonId, ProjectId};

/// Gives each case a notifier of its own.
#[async_trait]
pub trait NotifierFixture: Send + Sync + 'static {
    /// A notifier that has delivered nothing yet.
    async fn fresh(&self) -> NotifierWorld;
}

type Delivered = Arc<dyn Fn() -> Pinned<Vec<String>> + Send + Sync>;

/// A notifier and where its notices arrive.
pub struct NotifierWorld {
    notifier: Arc<dyn Notifier>,
    delivered: Delivered,
    _guard: Box<dyn Any + Send + Sync>,
}

impl NotifierWorld {
    /// `delivered` gives the texts of the notices that have arrived, oldest first. `guard` is dropped at the end of the case.
    pub fn new<F>(
        notifier: Arc<dyn Notifier>,
        delivered: impl Fn() -> F + Send + Sync + 'static,
        guard: impl Any + Send + Sync,
    ) -> Self
    where
        F: Future<Output = Vec<String>> + Send + 'static,
    {
        Self { notifier, delivered: Arc::new(move || Box::pin(delivered())), _guard: Box::new(guard) }
    }

    async fn arrived(&self, expected: &[&str]) -> Outcome {
        let delivered = (self.delivered)().await;
        ensure!(delivered == expected, "{expected:?} should have arrived, not {delivered:?}");
        Ok(())
    }
}

impl fmt::Debug for NotifierWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotifierWorld").field("notifier", &self.notifier).finish_non_exhaustive()
    }
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn NotifierFixture>, capabilities: NotifierCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn NotifierFixture>) -> Fresh<NotifierWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(capabilities: NotifierCapabilities) -> Vec<Case<NotifierWorld>> {
    let mut cases = vec![
        Case::new("notifier", "declares_what_it_is_tested_for", move |world| declares_what_it_is_tested_for(world, capabilities)),
        Case::new("notifier", "a_notice_arrives", a_notice_arrives),
        Case::new("notifier", "the_same_key_delivers_nothing_new", the_same_key_delivers_nothing_new),
        Case::new("notifier", "an_abandoned_notice_arrives_once_when_repeated", an_abandoned_notice_arrives_once_when_repeated),
        Case::new("notifier", "another_key_is_another_notice", another_key_is_another_notice),
    ];
    cases.push(match capabilities.people {
        true => Case::new("notifier", "a_notice_to_people_arrives", a_notice_to_people_arrives),
        false => Case::new("notifier", "undeclared_people_are_unsupported", undeclared_people_are_unsupported),
    });
    if let Some(max) = capabilities.text_max_chars {
        cases.push(Case::new("notifier", "the_text_limit_is_exact", move |world| the_text_limit_is_exact(world, max)));
    }
    cases
}

async fn declares_what_it_is_tested_for(world: NotifierWorld, capabilities: NotifierCapabilities) -> Outcome {
    declares(&world.notifier.capabilities(), &capabilities)
}

fn notice(text: &str) -> Result<Notice, String> {
    let project = ProjectId::parse("shop").map_err(|e| e.to_string())?;
    Ok(Notice { project, change_set: None, importance: Importance::Info, to: Vec::new(), text: text.to_owned() })
}

fn to_alice(text: &str) -> Result<Notice, String> {
    let alice = PersonId::parse("alice").map_err(|e| e.to_string())?;
    Ok(Notice { to: vec![alice], ..notice(text)? })
}

async fn a_notice_arrives(world: NotifierWorld) -> Outcome {
    let texts = ["plain", "\"quoted\" \\ <b>é</b> 🚆"];
    for (text, importance) in texts.into_iter().zip([Importance::ActionNeeded, Importance::Failure]) {
        let notice = Notice { importance, ..notice(text)? };
        world.notifier.notify(&cx(text), &notice).await.works()?;
    }
    world.arrived(&texts).await
}

async fn the_same_key_delivers_nothing_new(world: NotifierWorld) -> Outcome {
    for _ in 0..2 {
        world.notifier.notify(&cx("key"), &notice("once")?).await.works()?;
    }
    world.arrived(&["once"]).await
}

async fn an_abandoned_notice_arrives_once_when_repeated(world: NotifierWorld) -> Outcome {
    let texts = ["1", "2", "3", "4"];
    for (text, polls) in texts.into_iter().zip(1..) {
        abandon(world.notifier.notify(&cx(text), &notice(text)?), polls).await;
        world.notifier.notify(&cx(text), &notice(text)?).await.works()?;
    }
    world.arrived(&texts).await
}

async fn another_key_is_another_notice(world: NotifierWorld) -> Outcome {
    for key in ["one", "two"] {
        world.notifier.notify(&cx(key), &notice("again")?).await.works()?;
    }
    world.arrived(&["again", "again"]).await
}

async fn a_notice_to_people_arrives(world: NotifierWorld) -> Outcome {
    world.notifier.notify(&cx("to"), &to_alice("for alice")?).await.works()?;
    world.arrived(&["for alice"]).await
}

async fn undeclared_people_are_unsupported(world: NotifierWorld) -> Outcome {
    let answer = world.notifier.notify(&cx("to"), &to_alice("for alice")?).await;
    answer.fails(ErrorKind::Unsupported, "a notice is for a person")?;
    world.arrived(&[]).await
}

async fn the_text_limit_is_exact(world: NotifierWorld, max: usize) -> Outcome {
    let fits = "é".repeat(max);
    world.notifier.notify(&cx("fits"), &notice(&fits)?).await.works()?;
    let answer = world.notifier.notify(&cx("long"), &notice(&"é".repeat(max + 1))?).await;
    answer.fails(ErrorKind::Invalid, "a text is one character past the limit")?;
    world.arrived(&[&fits]).await
}
