//! What every [`Engine`] must do.
//!
//! The runs of the cases are of a small machine of the kit, [`Errands`]; what performs it keeps an account of every try.
//! A crash is played by dropping what drives the runs in the middle; where the engine survives more, such as the end of its server, the
//! fixture says how that is done.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::step::Pinned;
use super::{Case, Fresh, Outcome, into_trials};
use crate::adapter::Clock;
use crate::flow::Engine;

mod bench;
mod crashes;
mod errands;
mod hands;
mod runs;
mod signals;

pub use errands::{Answer, Errand, Errands, Plan, Standing, Told};

/// Gives each case a store of its own.
#[async_trait]
pub trait EngineFixture: Send + Sync + 'static {
    /// A store without any runs.
    async fn fresh(&self) -> EngineWorld;
}

/// What the engine is tested for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineTraits {
    /// Several hosts drive runs of one store at once.
    pub shared: bool,
    /// It tells at once that a run was told something else under a key.
    pub compares_keys: bool,
    /// It has an archive of what has ended.
    pub archives: bool,
    /// Its store is a server that may end at any moment.
    pub has_server: bool,
}

type Open = Arc<dyn Fn(String, Arc<dyn Clock>) -> Pinned<Arc<dyn Engine>> + Send + Sync>;
type Restart = Arc<dyn Fn() -> Pinned<()> + Send + Sync>;

/// A way to make engines over one store, as often as a case likes.
pub struct EngineWorld {
    open: Open,
    restart: Option<Restart>,
    clock: Arc<dyn Clock>,
    patience: Duration,
    _guard: Box<dyn Any + Send + Sync>,
}

impl EngineWorld {
    /// `open` makes the engine of the host of that name; beside other ones where it is `shared`, and otherwise once the one
    /// before was dropped. Sleeping on `clock` is how a case waits. `guard` is dropped at the end of the case.
    pub fn new<F>(
        open: impl Fn(String, Arc<dyn Clock>) -> F + Send + Sync + 'static,
        clock: Arc<dyn Clock>,
        guard: impl Any + Send + Sync,
    ) -> Self
    where
        F: Future<Output = Arc<dyn Engine>> + Send + 'static,
    {
        let open: Open = Arc::new(move |name, clock| Box::pin(open(name, clock)));
        Self { open, restart: None, clock, patience: PATIENCE, _guard: Box::new(guard) }
    }

    /// How long a case waits for what must come, where that is not a minute.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Ends the server of the store in the middle of what it does, and starts it again.
    #[must_use]
    pub fn with_restart<F>(self, restart: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { restart: Some(Arc::new(move || Box::pin(restart()))), ..self }
    }
}

impl fmt::Debug for EngineWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineWorld").finish_non_exhaustive()
    }
}

/// The cases as trials, each called `suite::<behaviour>`.
#[must_use]
pub fn trials(suite: &str, fixture: Arc<dyn EngineFixture>, traits: EngineTraits) -> Vec<Trial> {
    into_trials(cases(suite, traits), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn EngineFixture>) -> Fresh<EngineWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(suite: &str, traits: EngineTraits) -> Vec<Case<EngineWorld>> {
    let mut cases = runs::cases(suite, traits);
    cases.extend(signals::cases(suite, traits));
    cases.extend(crashes::cases(suite, traits));
    cases
}

/// How long a case waits for what must come, where the fixture says nothing else.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it looks.
const LOOK: Duration = Duration::from_millis(5);

impl EngineWorld {
    /// Ends as an error where `call` takes longer than anything may.
    async fn in_time<T>(&self, what: &str, call: impl Future<Output = T>) -> Result<T, String> {
        let (mut call, mut patience) = (std::pin::pin!(call), self.clock.sleep(self.patience));
        std::future::poll_fn(|cx| {
            if let std::task::Poll::Ready(answer) = call.as_mut().poll(cx) {
                return std::task::Poll::Ready(Ok(answer));
            }
            patience.as_mut().poll(cx).map(|()| Err(format!("it took too long: {what}")))
        })
        .await
    }

    /// Waits until `look` answers.
    async fn until(&self, what: &str, mut look: impl FnMut() -> bool) -> Outcome {
        let looking = async {
            while !look() {
                self.clock.sleep(LOOK).await;
            }
        };
        self.in_time(what, looking).await
    }
}
