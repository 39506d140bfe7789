use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};

use crate::error::{Effect, Error, ErrorKind};

/// What is wrong, in one sentence; a case ends with the first.
pub type Outcome = Result<(), String>;

type Run<W> = Arc<dyn Fn(W) -> Pin<Box<dyn Future<Output = Outcome>>> + Send + Sync>;

/// Makes a world of its own for each case.
pub type Fresh<W> = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = W> + Send>> + Send + Sync>;

/// One behaviour, with a name. `W` is the world that it runs in: a fresh adapter and what surrounds it.
pub struct Case<W> {
    name: String,
    run: Run<W>,
}

impl<W> std::fmt::Debug for Case<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Case({})", self.name)
    }
}

impl<W: Send + 'static> Case<W> {
    /// A case called `<suite>::<behaviour>`.
    pub(crate) fn new<F, R>(suite: &str, behaviour: &str, run: F) -> Self
    where
        F: Fn(W) -> R + Send + Sync + 'static,
        R: Future<Output = Outcome> + 'static,
    {
        Self { name: format!("{suite}::{behaviour}"), run: Arc::new(move |world| Box::pin(run(world))) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs it in a fresh world, on a runtime of its own.
    ///
    /// # Errors
    /// What the adapter did wrong.
    pub fn check(&self, fresh: &Fresh<W>) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("no runtime for the case: {e}"))?;
        runtime.block_on(async { (self.run)(fresh().await).await })
    }
}

/// Turns cases into trials for `libtest_mimic`, each with a world of its own.
pub(crate) fn into_trials<W: Send + 'static>(cases: Vec<Case<W>>, fresh: &Fresh<W>) -> Vec<Trial> {
    let trial = |case: Case<W>| {
        let fresh = fresh.clone();
        Trial::test(case.name.clone(), move || case.check(&fresh).map_err(Failed::from))
    };
    cases.into_iter().map(trial).collect()
}

/// The names of the cases that fail: how the kit is tested against planted defects.
#[must_use]
pub fn failures<W: Send + 'static>(cases: &[Case<W>], fresh: &Fresh<W>) -> Vec<String> {
    cases.iter().filter(|case| case.check(fresh).is_err()).map(|case| case.name.clone()).collect()
}

/// What a case expects of an answer.
pub(crate) trait Answer<T>: Sized {
    /// The call works.
    fn works(self) -> Result<T, String>;

    /// The call is refused as `kind`, and says that it changed nothing; `when` completes "it must be refused where …".
    fn fails(self, kind: ErrorKind, when: &str) -> Outcome;
}

impl<T: std::fmt::Debug> Answer<T> for crate::Result<T> {
    fn works(self) -> Result<T, String> {
        self.map_err(|error: Error| error.to_string())
    }

    fn fails(self, kind: ErrorKind, when: &str) -> Outcome {
        match self {
            Ok(answer) => Err(format!("it must be refused where {when} ({kind}), but answered {answer:?}")),
            Err(error) if error.kind() != kind => Err(format!("where {when} it must be refused as {kind}, but: {error:?}")),
            Err(error) if error.effect() != Effect::None => Err(format!("a refusal must have no effect, but: {error:?}")),
            Err(_) => Ok(()),
        }
    }
}

/// Starts a call and stops waiting for it after it was polled so many times.
pub(crate) async fn abandon<F: Future>(call: F, polls: usize) {
    let mut call = std::pin::pin!(call);
    for _ in 0..polls {
        let ended = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
        if ended {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// The cases of a suite, each named as its function.
macro_rules! cases {
    ($suite:literal: $($case:ident),+ $(,)?) => {
        vec![$($crate::conformance::Case::new($suite, stringify!($case), $case)),+]
    };
}
pub(crate) use cases;

/// Ends a case with a sentence where a condition does not hold.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err(format!($($why)+));
        }
    };
}
pub(crate) use ensure;
