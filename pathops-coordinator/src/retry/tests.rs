//! Retries in virtual time: one remote that is down, and thousands who call it.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::{FutureExt as _, join, join_all};
use pathops_core::adapter::Clock as _;
use pathops_core::memory::ManualClock;
use pathops_core::{Effect, Error, ErrorKind, IdempotencyKey, Result, Retry, UnixMillis};

use super::{RetryBudgets, Tries, with_budget};

const START: UnixMillis = UnixMillis(1_763_971_200_000);
const SECOND: Duration = Duration::from_secs(1);

/// Whether there is something to poll.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls until nothing moves, and only then lets time pass, until it is done or `until`.
#[track_caller]
fn pass(clock: &ManualClock, until: Option<UnixMillis>, work: impl Future<Output = ()>) {
    let (flag, mut work) = (Arc::new(Flag::default()), pin!(work));
    let waker = Waker::from(flag.clone());
    while until.is_none_or(|until| clock.now() < until) {
        flag.0.store(false, Ordering::SeqCst);
        if work.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
            return;
        }
        if !flag.0.load(Ordering::SeqCst) {
            assert!(clock.advance_to_next(), "everybody waits for ever");
        }
    }
}

fn key(number: usize) -> IdempotencyKey {
    IdempotencyKey::new(format!("run-{number}/op-1"))
}

fn down(remote: &str) -> Error {
    Error::new(ErrorKind::Unavailable, "open a pull request").with_remote(remote)
}

/// A remote that is down until an instant, and an account of who called it when.
struct Remote {
    name: &'static str,
    clock: ManualClock,
    up_from: UnixMillis,
    calls: RefCell<Vec<UnixMillis>>,
    done: Cell<usize>,
}

impl Remote {
    fn new(name: &'static str, clock: &ManualClock, down_for: Duration) -> Self {
        let up_from = START + down_for;
        Self { name, clock: clock.clone(), up_from, calls: RefCell::default(), done: Cell::new(0) }
    }

    fn call(&self) -> Result<()> {
        let now = self.clock.now();
        self.calls.borrow_mut().push(now);
        if now < self.up_from { Err(down(self.name)) } else { Ok(()) }
    }

    /// So many operations that call it.
    async fn by(&self, callers: usize, budgets: &RetryBudgets) {
        let one = |number: usize| async move {
            let (key, mut calls) = (key(number), 0_u32);
            let mut tries = Tries::new(budgets, &key, "the Git host");
            while let Err(error) = self.call() {
                calls += 1;
                self.clock.sleep(Duration::from_millis(100 << calls.min(8))).await;
                tries.again(&self.clock, &error).await;
            }
            tries.answered();
            self.done.set(self.done.get() + 1);
        };
        join_all((0..callers).map(one)).await;
    }

    fn calls_until(&self, until: UnixMillis) -> usize {
        self.calls.borrow().iter().filter(|at| **at < until).count()
    }
}

#[test]
fn thousands_who_fail_at_one_remote_share_its_budget() {
    const CALLERS: usize = 3_000;
    let (clock, budgets) = (ManualClock::new(START), RetryBudgets::new(50, SECOND / 10));
    let remote = Remote::new("git.example", &clock, SECOND * 120);
    pass(&clock, None, remote.by(CALLERS, &budgets));
    // Each has called once for nothing; everything else was paid for, and all that there was to pay with was used.
    let (paid, first) = (remote.calls_until(remote.up_from) - CALLERS, CALLERS);
    assert!((1_200..=50 + 1_200).contains(&paid), "{paid} tries after {first} first calls");
    // No second of it has had more than a second's share, and at no time more than the whole.
    let calls = remote.calls.borrow();
    let within = |from: Duration| calls.iter().filter(|at| **at >= START + from && **at < START + from + SECOND).count();
    assert!((10..100).all(|second| within(SECOND * second) <= 11), "{:?}", (10..100).map(|it| within(SECOND * it)).max());
    // When it is back, those who wait do not for as long as the line is: each success lets more of them go on.
    assert_eq!(remote.done.get(), CALLERS);
    let took = clock.now().since(remote.up_from);
    assert!(took < SECOND * 60, "{CALLERS} in line, and the last one came after {took:?}");
}

#[test]
fn other_remotes_are_not_held_up() {
    let (clock, budgets) = (ManualClock::new(START), RetryBudgets::new(5, SECOND));
    let (dead, well) = (Remote::new("git.example", &clock, SECOND * 1_000), Remote::new("ci.example", &clock, SECOND / 100));
    let until = START + SECOND * 10;
    pass(&clock, Some(until), join(dead.by(500, &budgets), well.by(5, &budgets)).map(drop));
    assert_eq!((dead.done.get(), well.done.get()), (0, 5));
    assert!(well.calls.borrow().iter().all(|at| at.since(START) < SECOND), "{:?}", well.calls.borrow());
    assert!(dead.calls.borrow().len() <= 500 + 5 + 10, "{}", dead.calls.borrow().len());
}

#[test]
fn who_waits_is_told_for_what_and_until_when() {
    let (clock, budgets) = (&ManualClock::new(START), &RetryBudgets::new(2, SECOND * 10));
    let (keys, error) = ((0..6).map(key).collect::<Vec<_>>(), &down("git.example"));
    let again = |key| async move {
        let mut tries = Tries::new(budgets, key, "the Git host");
        tries.again(clock, error).await;
    };
    let mut all = Box::pin(join_all(keys.iter().map(again)));
    let waits = || keys.iter().map(|key| budgets.waits(key).map(|(_, until)| until)).collect::<Vec<_>>();
    let after = |seconds: u32| Some(START + SECOND * seconds);
    assert!(all.as_mut().now_or_never().is_none());
    assert_eq!(waits(), [None, None, after(10), after(20), after(30), after(40)]);
    assert_eq!(budgets.waits(&keys[2]).unwrap().0, "git.example");
    // Something has succeeded: two of them go on at once.
    budgets.succeeded("git.example");
    assert!(all.as_mut().now_or_never().is_none());
    assert_eq!(waits(), [None, None, None, None, after(10), after(20)]);
    // Who gives up leaves the line.
    drop(all);
    assert_eq!(waits(), [None; 6]);
}

#[test]
fn a_clock_that_goes_back_stops_nobody_for_long() {
    let (clock, budgets) = (ManualClock::new(START), RetryBudgets::new(1, SECOND));
    let (error, key) = (down("git.example"), key(1));
    let again = async {
        let mut tries = Tries::new(&budgets, &key, "the Git host");
        for _ in 0..5 {
            tries.again(&clock, &error).await;
            clock.set_wall_offset(-3_600_000);
        }
    };
    pass(&clock, None, again);
    let passed = (clock.now() + Duration::from_secs(3_600)).since(START);
    assert!(passed <= SECOND * 6, "{passed:?}");
}

#[test]
fn what_is_not_for_the_remote_to_mend_costs_nothing() {
    let (clock, budgets) = (ManualClock::new(START), RetryBudgets::new(1, SECOND * 1_000));
    let moved = Error::new(ErrorKind::Conflict, "commit to a branch").with_remote("git.example").with_retry(Retry::Backoff);
    let key = key(1);
    let mut tries = Tries::new(&budgets, &key, "the Git host");
    for _ in 0..10 {
        tries.again(&clock, &moved).now_or_never().unwrap();
    }
    tries.again(&clock, &down("git.example")).now_or_never().unwrap();
    // An error that names no remote is of the system that is asked.
    let unnamed = Error::new(ErrorKind::Timeout, "read a branch").with_effect(Effect::None);
    tries.again(&clock, &unnamed).now_or_never().unwrap();
    assert!(tries.again(&clock, &unnamed).now_or_never().is_none());
    assert!(tries.again(&clock, &down("git.example")).now_or_never().is_none());
}

/// One that has lost its patience begins anew, for which it pays.
#[test]
fn giving_up_for_now_is_paid_for() {
    let (clock, budgets) = (ManualClock::new(START), RetryBudgets::new(1_000, SECOND * 100_000));
    let (key, error) = (key(1), down("git.example"));
    let work = async {
        let tries = Tries::new(&budgets, &key, "the Git host");
        let failed = with_budget(&clock, tries, || async { Err::<(), _>(down("git.example")) }.boxed());
        assert_eq!(failed.await.unwrap_err().remote(), Some("git.example"));
    };
    pass(&clock, None, work);
    let mut left = 0;
    while Tries::new(&budgets, &key, "the Git host").again(&clock, &error).now_or_never().is_some() {
        left += 1;
    }
    // After the first one: 9 that wait from 100 ms to 25.6 s, 29 that wait 30 s, and one to come.
    assert_eq!(1_000 - left, 9 + 29 + 1);
}
