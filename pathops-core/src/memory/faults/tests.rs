use std::sync::atomic::AtomicUsize;

use super::*;
use crate::error::Retry;
use crate::memory::ManualClock;
use crate::time::UnixMillis;

fn plan(seed: u64) -> Faults {
    Faults::new(seed, Arc::new(ManualClock::new(UnixMillis(0))))
}

fn adapter(faults: Faults) -> (Faulty<AtomicUsize>, Arc<Faults>) {
    let faults = Arc::new(faults);
    (Faulty::new(Arc::default(), faults.clone()), faults)
}

async fn call(adapter: &Faulty<AtomicUsize>, call: Call<'_>) -> Result<usize> {
    adapter.through(call, || async { Ok(adapter.inner.fetch_add(1, Ordering::Relaxed) + 1) }).await
}

#[tokio::test]
async fn each_fault_makes_the_call_as_often_as_it_says() {
    use ErrorKind::{Denied, Timeout, Unavailable};
    for (fault, made, answer) in [
        (Fault::Refuse, 0, Err((Denied, Effect::None, Retry::Never))),
        (Fault::Flaky, 0, Err((Unavailable, Effect::None, Retry::Backoff))),
        (Fault::Twice, 2, Ok(2)),
        (Fault::LoseRequest, 0, Err((Timeout, Effect::Unknown, Retry::Backoff))),
        (Fault::LoseAnswer, 1, Err((Timeout, Effect::Unknown, Retry::Backoff))),
        (Fault::Slow(Duration::ZERO), 1, Ok(1)),
    ] {
        let (adapter, _) = adapter(plan(0).with(fault, When::Always));
        let got = call(&adapter, Call::write("write")).await.map_err(|e| (e.kind(), e.effect(), e.retry()));
        assert_eq!((adapter.inner.load(Ordering::Relaxed), got), (made, answer), "{fault:?}");
    }
}

#[tokio::test]
async fn a_read_is_not_repeated_and_leaves_no_doubt_about_its_effect() {
    let (twice, _) = adapter(plan(0).with(Fault::Twice, When::Always));
    assert_eq!(call(&twice, Call::read("read")).await.unwrap(), 1);
    let (lost, _) = adapter(plan(0).with(Fault::LoseAnswer, When::Always));
    assert_eq!(call(&lost, Call::read("read")).await.unwrap_err().effect(), Effect::None);
}

#[tokio::test]
async fn one_call_one_write_or_one_repository_is_hit() {
    let repo: RepoId = "shop/orders-src".parse().unwrap();
    let other: RepoId = "shop/web-src".parse().unwrap();
    for (when, expected) in
        [(When::Call(2), vec![2]), (When::Write(2), vec![4]), (When::Repo(|repo| repo.as_str().ends_with("web-src")), vec![3, 4])]
    {
        let (adapter, faults) = adapter(plan(0).with(Fault::Refuse, when));
        for next in [Call::write("write").on(&repo), Call::read("read").on(&repo), Call::read("read").on(&other)] {
            let _answer = call(&adapter, next).await;
        }
        let refused = call(&adapter, Call::write("write").on(&other)).await;
        assert_eq!(refused.is_err(), expected.contains(&4));
        assert_eq!(faults.hits().iter().map(|hit| hit.call).collect::<Vec<_>>(), expected, "{when:?}");
        assert_eq!((faults.calls(), faults.writes()), (4, 2));
    }
}

#[tokio::test]
async fn the_first_fault_counts_and_none_after_the_end() {
    let (adapter, faults) = adapter(plan(0).with(Fault::Flaky, When::Call(1)).with(Fault::Refuse, When::Always));
    let first = call(&adapter, Call::read("read")).await.unwrap_err();
    let second = call(&adapter, Call::read("read")).await.unwrap_err();
    assert_eq!((first.kind(), second.kind()), (ErrorKind::Unavailable, ErrorKind::Denied));
    faults.stop();
    assert!(call(&adapter, Call::read("read")).await.is_ok());
    let expected = [(1, Fault::Flaky), (2, Fault::Refuse)].map(|(call, fault)| Hit { call, operation: "read", fault });
    assert_eq!((faults.hits(), faults.calls()), (expected.to_vec(), 3));
}

#[tokio::test]
async fn a_share_of_calls_follows_from_the_seed() {
    let hits = async |seed| {
        let (adapter, faults) = adapter(plan(seed).with(Fault::Refuse, When::PerMille(200)));
        for _ in 0..1000 {
            let _answer = call(&adapter, Call::read("read")).await;
        }
        faults.hits()
    };
    let (one, two) = (hits(1).await, hits(2).await);
    assert!((150..250).contains(&one.len()), "{} of 1000", one.len());
    assert_eq!(one, hits(1).await);
    assert_ne!(one, two);
}

#[tokio::test]
async fn a_slow_call_waits_on_the_clock() {
    let clock = ManualClock::new(UnixMillis(0));
    let wait = Duration::from_secs(5);
    let (adapter, _) = adapter(Faults::new(0, Arc::new(clock.clone())).with(Fault::Slow(wait), When::Always));
    let adapter = Arc::new(adapter);
    let slow = tokio::spawn({
        let adapter = adapter.clone();
        async move { call(&adapter, Call::write("write")).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(adapter.inner.load(Ordering::Relaxed), 0);
    assert!(clock.advance_to_next());
    assert_eq!((slow.await.unwrap().unwrap(), clock.now()), (1, UnixMillis(5000)));
}
