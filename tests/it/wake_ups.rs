//! From a notification of Argo CD or a Git host to a look at the truth: at once where one comes, at the next poll where none does, and
//! never more than a look. In memory and virtual time; the notifications are ours, in the shape of the template.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::Duration;

use pathops_adapters::webhook::{Secrets, Source, TokenIn};
use pathops_coordinator::change_set::{End, PullRequestRef, Role, Stage, State};
use pathops_coordinator::gateway::{DeliveryHandler as _, Gateway};
use pathops_coordinator::{ControlPlane, WakesDeployments};
use pathops_core::adapter::{Delivery, DeliveryNumber, DeliveryState, Hint, HintText, StoredDelivery};
use pathops_core::memory::{Fault, Faults, MemoryBlobs, MemoryInbox, MemoryJournal, RolloutTimes, When};
use pathops_core::{ChangeSetId, DeliveryKey, Digest, EnvironmentId, Lane, PullRequestNumber, UnitId};
use serde_json::json;

use crate::world::{START, World, cx, feature_of, id, person, wait};

/// How long the jobs of a deployment take, after 3 s for it to become healthy.
const JOBS: Duration = Duration::from_secs(60);

/// Time goes in steps of this.
const STEP: Duration = Duration::from_millis(100);

/// A world with one change set of `orders`, whose control plane hears of deployments by a gateway.
struct Woken {
    world: World,
    faults: Arc<Faults>,
    plane: Arc<ControlPlane>,
    gateway: Gateway,
    handler: WakesDeployments,
    change_set: ChangeSetId,
    told: Cell<usize>,
}

fn means(application: &str, _: &str) -> Vec<(UnitId, EnvironmentId)> {
    let unit = application.strip_prefix("argocd/").and_then(|it| it.strip_suffix("-preflight"));
    unit.map(|unit| (id(unit), "preflight".parse().unwrap())).into_iter().collect()
}

impl Woken {
    fn new(jobs: Option<Duration>) -> Self {
        let mut world = World::new(MemoryJournal::new());
        let (start, apply) = (Duration::from_secs(2), Duration::from_secs(1));
        world.gitops = world.gitops.taking(RolloutTimes { apply, start, jobs: jobs.unwrap_or(Duration::from_secs(86_400)) });
        // It is here to count.
        let faults = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::ZERO), When::Always);
        let faults = Arc::new(faults);
        let plane = Arc::new(world.through(&faults).plane());
        let tokens = Secrets::new("argo-hook-token-1").unwrap();
        let source = Source::argo_cd("argo-cd".parse().unwrap(), TokenIn::Bearer, tokens);
        let (inbox, blobs) = (Arc::new(MemoryInbox::default()), Arc::new(MemoryBlobs::new()));
        let gateway = Gateway::new(inbox, blobs, Arc::new(world.clock.clone())).with_source(Arc::new(source));
        let change_set = wait(plane.request_feature(feature_of(&["orders"], "better", None), None)).unwrap();
        let handler = WakesDeployments::new(plane.clone(), means);
        Self { world, faults, handler, plane, gateway, change_set, told: Cell::new(0) }
    }

    /// Argo CD says that an application has got so far.
    fn notified(&self, app: &str, phase: &str, health: &str) {
        self.told.set(self.told.get() + 1);
        let body = json!({
            "format": 1, "delivery": format!("uid/{}", self.told.get()), "app": app, "namespace": "argocd",
            "destination": "in-cluster/shop-preflight", "revision": "0".repeat(40), "phase": phase, "health": health,
        });
        let headers: [(&str, &[u8]); 1] = [("Authorization", b"Bearer argo-hook-token-1")];
        let source = "argo-cd".parse().unwrap();
        let received = self.gateway.receive(&source, &headers, body.to_string().into_bytes());
        assert_eq!(wait(received).status(), 202);
        assert_eq!(wait(self.gateway.turn(&self.handler)).unwrap().handled, 1);
    }

    fn looks(&self) -> usize {
        self.faults.hits().iter().filter(|hit| hit.operation == "observe a deployment").count()
    }

    fn state(&self) -> State {
        wait(self.plane.state(&self.change_set)).unwrap().unwrap()
    }

    /// What became of the deployment in preflight: after how long, and by how many looks. `step` is told how long it has been waited for,
    /// again and again while everything that can go on does.
    fn deployed(&self, mut step: impl FnMut(Duration)) -> (Duration, usize) {
        let mut running = pin!(self.plane.run(std::future::pending()));
        let mut since: Option<(Duration, usize)> = None;
        for number in 0..20_000 {
            let now = STEP * number;
            let stage = self.state().units[&id("orders")].stage;
            match since {
                None if stage == Stage::PreflightDeploy => since = Some((now, self.looks())),
                Some((began, looks)) if stage > Stage::PreflightDeploy => return (now - began, self.looks() - looks),
                _ => {}
            }
            for _ in 0..20 {
                if let Some((began, _)) = since {
                    step(now - began);
                }
                assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            self.world.people_act();
            self.world.clock.advance(STEP);
        }
        panic!("it is never deployed");
    }

    fn end(&self) -> Option<End> {
        let mut driven = pin!(self.plane.run(std::future::pending()));
        for _ in 0..20_000 {
            assert!(driven.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            let state = self.state();
            if state.ended {
                return state.end;
            }
            self.world.people_act();
            assert!(self.world.clock.advance_to_next());
        }
        panic!("it does not come to an end");
    }
}

/// What is told once, in the first step from then on.
fn once(after: Duration, tell: impl Fn()) -> impl FnMut(Duration) {
    let mut is_told = false;
    move |waited| {
        if waited >= after && !std::mem::replace(&mut is_told, true) {
            tell();
        }
    }
}

#[test]
fn with_a_notification_the_truth_is_read_at_once_and_without_one_at_the_next_poll() {
    let ready = Duration::from_secs(3) + JOBS;
    let polled = Woken::new(Some(JOBS));
    let (at_the_poll, looks) = polled.deployed(|_| {});
    assert!(at_the_poll > ready + Duration::from_secs(2), "it is ready between two polls: {at_the_poll:?}");
    let woken = Woken::new(Some(JOBS));
    let told = ready + Duration::from_millis(500);
    let (at_once, as_many) = woken.deployed(once(told, || woken.notified("orders-preflight", "Succeeded", "Healthy")));
    assert!(at_once <= told + STEP, "{at_once:?}");
    assert_eq!(as_many, looks, "one in the place of the poll");
    assert_eq!((polled.end(), woken.end()), (Some(End::Live), Some(End::Live)));
}

/// Neither that it goes well nor that it goes wrong is believed, and what is not about it is not listened to.
#[test]
fn a_notification_that_lies_brings_a_look_and_nothing_else() {
    let (at_the_poll, looks) = Woken::new(Some(JOBS)).deployed(|_| {});
    for (app, phase, health, more) in [
        ("orders-preflight", "Succeeded", "Healthy", 3),
        ("orders-preflight", "Failed", "Degraded", 3),
        ("orders-preflight", "no such phase", "", 3),
        ("web-preflight", "Succeeded", "Healthy", 0),
        ("orders", "Succeeded", "Healthy", 0),
    ] {
        let woken = Woken::new(Some(JOBS));
        let mut hints =
            [10, 25, 40].map(|after| once(Duration::from_millis(after * 1_000 + 500), || woken.notified(app, phase, health)));
        let deployed = woken.deployed(|waited| hints.iter_mut().for_each(|hint| hint(waited)));
        assert_eq!((deployed, woken.told.get()), ((at_the_poll, looks + more), 3), "{app} {phase}");
        assert_eq!(woken.end(), Some(End::Live));
    }
}

/// However much is told, what never becomes ready fails when it would have, and nobody is asked all the time.
#[test]
fn a_flood_of_notifications_neither_prolongs_a_wait_nor_asks_without_end() {
    let (limit, looks) = Woken::new(None).deployed(|_| {});
    assert!(limit >= Duration::from_secs(600), "{limit:?}");
    let woken = Woken::new(None);
    let (flooded, more) = woken.deployed(|waited| {
        if waited.as_secs() == 30 {
            (0..3).for_each(|_| woken.notified("orders-preflight", "Running", "Progressing"));
        }
    });
    assert_eq!(flooded, limit);
    // In the second of the flood, each step brings one; the first of all comes at once.
    assert!((looks + 5..=looks + 11).contains(&more), "{looks} without, {more} with 600 of them");
}

/// Where nobody waits it is nothing.
#[test]
fn where_nobody_waits_nothing_happens() {
    let woken = Woken::new(Some(JOBS));
    woken.notified("orders-preflight", "Succeeded", "Healthy");
    assert!(!woken.plane.deployment_moved(&id("orders"), &"preflight".parse().unwrap()));
    assert_eq!((woken.looks(), woken.state().units[&id("orders")].stage), (0, Stage::AnnouncingSource));
}

impl Woken {
    /// A webhook tells of a pull request of `orders` into production.
    fn told_of(&self, repo: &str, number: PullRequestNumber) {
        let source = "github".parse().unwrap();
        let hint = Hint::PullRequest { repo: HintText::new(repo), number, action: HintText::new("whatever"), head: None };
        let (key, lane) = (DeliveryKey::of(b"1"), Lane::of("github", repo));
        let delivery = StoredDelivery {
            number: DeliveryNumber(1),
            delivery: Delivery { source, key, lane, hints: vec![hint] },
            body: Digest::of(b"{}"),
            received_at: START,
            attempts: 0,
            state: DeliveryState::Waiting,
        };
        wait(self.handler.handle(&cx(), &delivery)).unwrap();
    }

    /// How long it takes to see that people have merged into production, after they have let it wait for a while.
    fn merge_is_seen_after(&self, tell: impl Fn(PullRequestNumber)) -> Duration {
        self.world.hesitant.store(true, Ordering::SeqCst);
        let mut running = pin!(self.plane.run(std::future::pending()));
        let (mut since, mut merged) = (None, None);
        for number in 0..20_000 {
            let now = STEP * number;
            let state = self.state();
            let orders = &state.units[&id("orders")];
            match (orders.stage == Stage::ProductionMerge, since, merged) {
                (true, None, _) => since = Some(now),
                (true, Some(since), None) if now - since >= Duration::from_secs(20) => {
                    let PullRequestRef { repo, number, head, .. } = &orders.pull_requests[&Role::Production];
                    self.world.forge.person(person("bob")).merge(repo, *number, head).unwrap();
                    tell(*number);
                    merged = Some(now);
                }
                (false, _, Some(merged)) => return now - merged,
                _ => {}
            }
            for _ in 0..20 {
                assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            self.world.people_act();
            self.world.clock.advance(STEP);
        }
        panic!("it is never seen");
    }
}

/// People approve and merge whenever they do: who is told of it does not wait for the next poll, and what is told of others is nothing.
#[test]
fn a_pull_request_that_moved_is_looked_at_at_once() {
    let repo = "shop/orders-gitops";
    let unwoken = Woken::new(Some(JOBS)).merge_is_seen_after(|_| {});
    assert!(unwoken >= Duration::from_secs(1), "it is merged between two polls: {unwoken:?}");
    let woken = Woken::new(Some(JOBS));
    let seen = woken.merge_is_seen_after(|number| woken.told_of(repo, number));
    assert!(seen <= STEP, "{seen:?}");
    let (woken, other) = (Woken::new(Some(JOBS)), "shop/web-gitops");
    assert_eq!(woken.merge_is_seen_after(|number| woken.told_of(other, number)), unwoken);
}
