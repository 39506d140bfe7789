//! When the outside is looked at: by the pace, and at once where something hints that there is something to see.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};

use crate::activity::Services;
use crate::bells::Heard;

/// The looks at one thing. Those that are due by the pace come when they are due, whatever is hinted at between them: a hint
/// adds a look, and takes none away. So one that is lost costs time, and one that lies costs a look.
pub(super) struct Looks<'s, K: Ord> {
    services: &'s Services,
    /// `None` where nobody hints.
    hints: Option<Heard<K>>,
    wait: Duration,
    waited: Duration,
    due: Option<BoxFuture<'s, ()>>,
    was_hinted: bool,
}

impl<'s> Looks<'s, ()> {
    pub(super) fn by_the_pace(services: &'s Services) -> Self {
        Self::new(services, None)
    }
}

impl<'s, K: Ord> Looks<'s, K> {
    pub(super) fn hinted(services: &'s Services, hints: Heard<K>) -> Self {
        Self::new(services, Some(hints))
    }

    fn new(services: &'s Services, hints: Option<Heard<K>>) -> Self {
        Self { services, hints, wait: services.pace.shortest, waited: Duration::ZERO, due: None, was_hinted: false }
    }

    /// A look begins. What was hinted at before is answered by it.
    pub(super) fn begin(&self) {
        if let Some(hints) = &self.hints {
            hints.has_rung();
        }
    }

    /// How long it was waited for between looks that were due.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }

    /// Until the next look. Hints bring no more looks than one in the shortest wait.
    pub(super) async fn next(&mut self) {
        let Self { services, hints, wait, waited, due, was_hinted } = self;
        let Services { clock, pace, .. } = *services;
        let hinted = async {
            if *was_hinted {
                clock.sleep(pace.shortest).await;
            }
            match hints {
                Some(hints) => hints.rung().await,
                None => pending().await,
            }
        };
        let is_due = matches!(select(due.get_or_insert_with(|| clock.sleep(*wait)), pin!(hinted)).await, Either::Left(_));
        *was_hinted = !is_due;
        if is_due {
            (*due, *waited) = (None, *waited + *wait);
            *wait = (*wait * 2).min(pace.longest);
        }
    }
}
