//! What every [`RuntimeSignals`] must do.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::Answer as _;
use super::scm::world::cx;
use super::step::declares;
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{Collected, LogEnds, LogExcerpt, RuntimeSignals, SignalCapabilities, SignalQuery};
use crate::error::ErrorKind;
use crate::time::UnixMillis;

/// Gives each case a source of signals.
#[async_trait]
pub trait SignalFixture: Send + Sync + 'static {
    /// A source, something that runs and something that does not.
    async fn fresh(&self) -> SignalWorld;
}

/// A source of signals and two places to ask about.
#[derive(Debug)]
pub struct SignalWorld {
    signals: Arc<dyn RuntimeSignals>,
    live: SignalQuery,
    gone: SignalQuery,
    _guard: Box<dyn Any + Send + Sync>,
}

impl SignalWorld {
    /// Since `live.since` that unit has, as far as the source has such signals, printed 16 bytes to 64 KiB, had two events or
    /// more and two samples or more. Nothing ever ran where `gone` asks. `guard` is dropped at the end of the case.
    pub fn new(signals: Arc<dyn RuntimeSignals>, live: SignalQuery, gone: SignalQuery, guard: impl Any + Send + Sync) -> Self {
        Self { signals, live, gone, _guard: Box::new(guard) }
    }
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn SignalFixture>, capabilities: SignalCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn SignalFixture>) -> Fresh<SignalWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(capabilities: SignalCapabilities) -> Vec<Case<SignalWorld>> {
    let mut cases = vec![Case::new("signals", "declares_what_it_is_tested_for", move |world| {
        declares_what_it_is_tested_for(world, capabilities)
    })];
    if capabilities.logs {
        cases.push(Case::new("signals", "logs_keep_both_ends_and_count_the_rest", logs_keep_both_ends_and_count_the_rest));
        cases.push(Case::new("signals", "missing_logs_are_explained", missing_logs_are_explained));
    } else {
        cases.push(Case::new("signals", "undeclared_logs_are_unsupported", undeclared_logs_are_unsupported));
    }
    if capabilities.events {
        cases.push(Case::new("signals", "events_come_in_order", events_come_in_order));
        cases.push(Case::new("signals", "missing_events_are_explained", missing_events_are_explained));
    } else {
        cases.push(Case::new("signals", "undeclared_events_are_unsupported", undeclared_events_are_unsupported));
    }
    if capabilities.metrics {
        cases.push(Case::new("signals", "metrics_come_in_order", metrics_come_in_order));
        cases.push(Case::new("signals", "missing_metrics_are_explained", missing_metrics_are_explained));
    } else {
        cases.push(Case::new("signals", "undeclared_metrics_are_unsupported", undeclared_metrics_are_unsupported));
    }
    cases
}

async fn declares_what_it_is_tested_for(world: SignalWorld, capabilities: SignalCapabilities) -> Outcome {
    declares(&world.signals.capabilities(), &capabilities)
}

/// Of a text as small as this, which every source can count.
async fn logs_keep_both_ends_and_count_the_rest(world: SignalWorld) -> Outcome {
    let read = async |head_bytes, tail_bytes| {
        let query = SignalQuery { head_bytes, tail_bytes, ..world.live.clone() };
        present(world.signals.logs(&cx("logs"), &query).await.works()?)
    };
    let all = read(1 << 20, 1 << 20).await?;
    ensure!(all == LogExcerpt::whole(all.bytes.clone()), "it fits, so that nothing is left out of it: {all:?}");
    let all = all.bytes;
    ensure!(all.len() >= 16, "16 bytes or more were printed, not {}", all.len());
    for (head, tail) in [(7, 8), (0, 7), (7, 0), (all.len() - 8, 7), (all.len() - 7, 7), (0, all.len())] {
        let (kept, mut ends) = (read(head, tail).await?, LogEnds::new(head, tail));
        ends.push(&all);
        let want = ends.excerpt();
        let told = String::from_utf8_lossy(&kept.bytes);
        ensure!(kept == want, "the first {head} and the last {tail} bytes were asked for, {want:?}, not {kept:?}: {told:?}");
    }
    Ok(())
}

async fn events_come_in_order(world: SignalWorld) -> Outcome {
    let events = present(world.signals.events(&cx("events"), &world.live).await.works()?)?;
    let times: Vec<_> = events.iter().map(|event| event.at).collect();
    in_order(&times, world.live.since)?;
    let named = events.iter().all(|event| !event.reason.is_empty() && !event.reason.contains(char::is_whitespace));
    ensure!(named, "the reason of an event is one word: {events:?}");
    let last = SignalQuery { since: times.last().copied().unwrap_or_default(), ..world.live };
    let events = present(world.signals.events(&cx("last"), &last).await.works()?)?;
    ensure!(events.iter().all(|event| event.at >= last.since), "an event from before {} was given: {events:?}", last.since);
    Ok(())
}

async fn metrics_come_in_order(world: SignalWorld) -> Outcome {
    let samples = present(world.signals.metrics(&cx("metrics"), &world.live).await.works()?)?;
    let times: Vec<_> = samples.iter().map(|sample| sample.at).collect();
    in_order(&times, world.live.since)?;
    ensure!(samples.iter().all(|sample| !sample.metric.is_empty()), "a sample says what was measured: {samples:?}");
    Ok(())
}

async fn missing_logs_are_explained(world: SignalWorld) -> Outcome {
    explained(world.signals.logs(&cx("gone"), &world.gone).await.works()?)
}

async fn missing_events_are_explained(world: SignalWorld) -> Outcome {
    explained(world.signals.events(&cx("gone"), &world.gone).await.works()?)
}

async fn missing_metrics_are_explained(world: SignalWorld) -> Outcome {
    explained(world.signals.metrics(&cx("gone"), &world.gone).await.works()?)
}

async fn undeclared_logs_are_unsupported(world: SignalWorld) -> Outcome {
    world.signals.logs(&cx("logs"), &world.live).await.fails(ErrorKind::Unsupported, "logs are not declared")
}

async fn undeclared_events_are_unsupported(world: SignalWorld) -> Outcome {
    world.signals.events(&cx("events"), &world.live).await.fails(ErrorKind::Unsupported, "events are not declared")
}

async fn undeclared_metrics_are_unsupported(world: SignalWorld) -> Outcome {
    world.signals.metrics(&cx("metrics"), &world.live).await.fails(ErrorKind::Unsupported, "metrics are not declared")
}

fn present<T>(collected: Collected<T>) -> Result<T, String> {
    match collected {
        Collected::Present(items) => Ok(items),
        Collected::Absent(why) => Err(format!("something is there, but it says: {why}")),
    }
}

fn explained<T>(collected: Collected<T>) -> Outcome {
    match collected {
        Collected::Present(_) => Err("nothing ran there, but something was collected".to_owned()),
        Collected::Absent(lack) if lack.why.trim().is_empty() => Err("an absence says why".to_owned()),
        Collected::Absent(_) => Ok(()),
    }
}

fn in_order(times: &[UnixMillis], since: UnixMillis) -> Outcome {
    ensure!(times.len() >= 2, "there are two or more, not {}", times.len());
    ensure!(times.is_sorted(), "they come in the order of time, not {times:?}");
    ensure!(times.iter().all(|at| *at >= since), "one is from before {since}: {times:?}");
    Ok(())
}
