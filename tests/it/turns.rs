//! Change sets that meet: each waits for its turn, or one gives way, as the policy says. In memory and virtual time.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::change_set::{ChangeSet, End, Role, Stage, State, Told};
use pathops_coordinator::{ChangeSetFilter, ControlPlane, EndedBy, Wait};
use pathops_core::adapter::{Clock as _, FileChange, Journal as _, NewCommit, ReviewState, RunFilter, SourceFile};
use pathops_core::flow::Machine as _;
use pathops_core::memory::MemoryJournal;
use pathops_core::policy::Supersession;
use pathops_core::project::FeatureRequest;
use pathops_core::{ChangeSetId, IdempotencyKey, Principal, RepoPath};

use crate::governance::{declare, file, policy};
use crate::world::{DEFECT, START, World, cx, feature_of, person, wait};

/// A world whose policy says what becomes of change sets that meet.
pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) plane: ControlPlane,
    pub(crate) asked: RefCell<Vec<ChangeSetId>>,
}

impl Shop {
    pub(crate) fn with(supersession: &str) -> Self {
        let world = World::new(MemoryJournal::new());
        let more = format!("  preflightMerge: pathops\n  supersession: {supersession}\n");
        declare(&world, "main", "policy.yaml", &policy(&world).replace("  preflightMerge: pathops\n", &more));
        Self { plane: world.plane(), world, asked: RefCell::default() }
    }

    pub(crate) fn ask(&self, units: &[&str], text: &str) -> ChangeSetId {
        self.ask_as("alice", units, text)
    }

    pub(crate) fn ask_as(&self, by: &str, units: &[&str], text: &str) -> ChangeSetId {
        let request = FeatureRequest { requested_by: person(by), title: text.to_owned(), ..feature_of(units, text, None) };
        let asked = wait(self.plane.request_feature(request, Some(&IdempotencyKey::new(text)))).unwrap();
        self.asked.borrow_mut().push(asked.clone());
        asked
    }

    /// With work on `orders` that people do, and patches for other units.
    fn ask_by_hand(&self, by: &str, more: &[&str], text: &str) -> ChangeSetId {
        let units: Vec<&str> = more.iter().copied().chain(["orders"]).collect();
        let mut request = FeatureRequest { requested_by: person(by), title: text.to_owned(), ..feature_of(&units, text, None) };
        request.changes.iter_mut().filter(|it| it.unit.as_str() == "orders").for_each(|it| it.patch = None);
        let asked = wait(self.plane.request_feature(request, Some(&IdempotencyKey::new(text)))).unwrap();
        self.asked.borrow_mut().push(asked.clone());
        asked
    }

    /// Somebody does the work on `orders`, once; whether the change set has ended.
    fn pushes(&self, change_set: &ChangeSetId, text: &str) -> bool {
        let state = self.state(change_set);
        let orders = state.units.get(&"orders".parse().unwrap()).filter(|it| it.stage == Stage::Working);
        if let Some(source) = orders.and_then(|it| it.pull_requests.get(&Role::Source)) {
            let head =
                wait(self.world.forge.scm(Principal::System).pull_request(&cx(), &source.repo, source.number)).unwrap().head;
            let file = SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
            let work = NewCommit {
                branch: source.branch.clone(),
                expected_head: head.clone(),
                message: "Work".to_owned(),
                author: Principal::System,
                at: START,
                changes: vec![FileChange { path: RepoPath::parse("src/feature").unwrap(), file: Some(file) }],
            };
            if head == source.head {
                self.world.forge.person(person("alice")).commit(&source.repo, &work).unwrap();
            }
        }
        state.ended
    }

    /// Takes it to where its approval is missing, and gives it ten minutes with carol's.
    fn is_not_granted_by_carol(&self, change_set: &ChangeSetId, text: &str) -> bool {
        let (furthest, since) = (RefCell::new(Stage::Queued), RefCell::new(None));
        self.goes_on(|| {
            self.pushes(change_set, text);
            *furthest.borrow_mut() = self.state(change_set).units.values().map(|it| it.stage).max().unwrap();
            let now = self.world.clock.now();
            let began = if *furthest.borrow() >= Stage::Promoting { *since.borrow_mut().get_or_insert(now) } else { now };
            now.since(began) > Duration::from_secs(600)
        });
        furthest.into_inner() == Stage::Promoting
    }

    pub(crate) fn approved_by_bob(&self, change_set: &ChangeSetId) {
        self.goes_on(|| {
            let state = self.state(change_set);
            for it in state.units.values().filter_map(|it| it.pull_requests.get(&Role::Production)) {
                let now = wait(self.world.forge.scm(Principal::System).pull_request(&cx(), &it.repo, it.number)).unwrap();
                let bob = self.world.forge.person(person("bob"));
                let _too_late = bob.review(&it.repo, now.number, &now.head, ReviewState::Approved, "fine");
            }
            state.ended
        });
    }

    pub(crate) fn state(&self, change_set: &ChangeSetId) -> State {
        wait(self.plane.state(change_set)).unwrap().unwrap()
    }

    fn waits(&self, change_set: &ChangeSetId) -> Vec<Wait> {
        wait(self.plane.waits(change_set)).unwrap().unwrap()
    }

    /// Everything goes on, with a look at each moment, until that says that it is enough, or all have ended.
    pub(crate) fn goes_on(&self, mut look: impl FnMut() -> bool) {
        let mut running = pin!(self.plane.run(std::future::pending()));
        for _ in 0..400_000 {
            if let Poll::Ready(ended) = running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                panic!("it stopped: {ended:?}");
            }
            let open = wait(self.world.journal.runs(&cx(), &RunFilter::of(ChangeSet::NAME).open(), None, 1)).unwrap();
            if open.is_empty() || look() {
                return;
            }
            self.world.people_act();
            assert!(self.world.clock.advance_to_next(), "everybody waits for ever");
        }
        panic!("it does not come to an end");
    }

    pub(crate) fn ends(&self) -> Vec<State> {
        self.goes_on(|| false);
        let states: Vec<State> = self.asked.borrow().iter().map(|it| self.state(it)).collect();
        states.iter().for_each(|state| pathops_simulation::lifecycles_are_kept(state).unwrap());
        states
    }

    pub(crate) fn until(&self, change_set: &ChangeSetId, stage: Stage) {
        self.goes_on(|| self.state(change_set).units.values().all(|it| it.stage >= stage));
    }
}

pub(crate) fn ends(states: &[State]) -> Vec<Option<End>> {
    states.iter().map(|state| state.end).collect()
}

/// Nothing was ever opened for it.
pub(crate) fn had_not_begun(state: &State) -> bool {
    state.units.values().all(|unit| unit.pull_requests.is_empty())
}

#[test]
fn first_come_each_has_its_turn_and_says_what_it_waits_for() {
    let shop = Shop::with("first-come");
    let (first, second, third) = (shop.ask(&["orders"], "one"), shop.ask(&["orders"], "two"), shop.ask(&["orders"], "three"));
    let catalog = shop.ask(&["catalog"], "four");
    let list = |filter: ChangeSetFilter, after, limit| wait(shop.plane.change_sets(&filter, after, limit)).unwrap();
    let (any, queued) = (ChangeSetFilter::open(), ChangeSetFilter { stage: Some(Stage::Queued), ..ChangeSetFilter::open() });
    let mut waiting = [second.clone(), third.clone()];
    waiting.sort();
    let all = list(queued.clone(), None, 9);
    assert!(waiting.iter().all(|it| all.contains(it)) && !all.contains(&first), "{all:?}");
    assert_eq!((list(queued.clone(), None, 1), list(queued, Some(&all[0]), 1)), (vec![all[0].clone()], vec![all[1].clone()]));
    assert_eq!(list(ChangeSetFilter { unit: Some("catalog".parse().unwrap()), ..any }, None, 9), [catalog]);
    let waits = shop.waits(&third);
    let [wait] = waits.iter().filter(|it| it.what.contains("turn")).collect::<Vec<_>>()[..] else { panic!("{waits:?}") };
    let mut before = vec![first.clone(), second.clone()];
    before.sort();
    assert_eq!((&wait.unit, &wait.ended_by), (&None, &EndedBy::ChangeSets(before)));
    assert!(wait.to_string().contains(&format!("after `{first}` (both change `orders`)")), "{wait}");
    shop.goes_on(|| {
        let begun: Vec<_> = [&first, &second, &third].into_iter().map(|it| shop.state(it)).collect();
        assert!(begun.iter().filter(|it| !it.is_queued() && !it.ended).count() <= 1, "two at a time");
        begun[0].ended && begun[1].units.values().all(|it| it.stage >= Stage::PreflightMerge)
    });
    let left = shop.waits(&third).into_iter().find(|it| it.what.contains("turn")).unwrap();
    assert_eq!(left.ended_by, EndedBy::ChangeSets(vec![second]));
    let states = shop.ends();
    assert_eq!(ends(&states), [Some(End::Live); 4]);
    for (earlier, later) in states.iter().zip(&states[1..3]) {
        let (earlier, later) = (earlier.units.values().next().unwrap(), later.units.values().next().unwrap());
        assert_eq!(
            later.before.as_ref().unwrap().artifact,
            earlier.built_artifact(),
            "each begins where the one before has ended"
        );
    }
    assert!(states[2].start.turn.is_some(), "what it had waited for is on record");
}

#[test]
fn one_that_works_with_what_another_one_changes_waits_too() {
    let shop = Shop::with("supersede");
    let (store, orders) = (shop.ask(&["store"], "the store"), shop.ask(&["orders"], "what is in it"));
    let turn = shop.state(&orders).start.turn.unwrap();
    let ahead = &turn.after[&store];
    assert_eq!(ahead.supersession, Supersession::FirstCome, "only who changes the same unit gives way");
    assert!(ahead.because.contains("it changes `store`, which this one changes, too, or works with"), "{}", ahead.because);
    assert_eq!(ends(&shop.ends()), [Some(End::Live); 2]);
}

#[test]
fn with_latest_those_that_wait_give_way_to_the_newest() {
    let shop = Shop::with("latest");
    let (_, second, third) = (shop.ask(&["orders"], "one"), shop.ask(&["orders"], "two"), shop.ask(&["orders"], "three"));
    let states = shop.ends();
    assert_eq!(ends(&states), [Some(End::Live), Some(End::Cancelled), Some(End::Live)]);
    assert!(had_not_begun(&states[1]));
    assert_eq!(states[1].superseded_by, Some(third.clone()));
    let record = file(&shop.world, &format!("change-sets/{second}/status.json")).unwrap();
    let says =
        format!("Superseded; nothing of it was in an environment. `{third}` takes its place: alice asked for `{third}` (three)");
    assert!(record.contains(&says) && record.contains("\"supersededBy\""), "{record}");
}

#[test]
fn what_changes_more_than_the_newer_one_keeps_its_turn() {
    let shop = Shop::with("latest");
    shop.ask(&["orders"], "one");
    let (wider, newest) = (shop.ask(&["catalog", "orders"], "two"), shop.ask(&["orders"], "three"));
    let ahead = shop.state(&newest).start.turn.unwrap().after.remove(&wider).unwrap();
    assert_eq!(ahead.supersession, Supersession::FirstCome);
    let why = "both change `orders`; it does not give way (`latest`), since it changes `catalog`, too";
    assert_eq!(ahead.because, why);
    assert_eq!(ends(&shop.ends()), [Some(End::Live); 3]);
}

#[test]
fn with_supersede_the_one_under_way_is_taken_back() {
    let shop = Shop::with("supersede");
    let first = shop.ask(&["orders"], "one");
    shop.until(&first, Stage::PreflightDeploy);
    let second = shop.ask(&["orders"], "two");
    let states = shop.ends();
    assert_eq!(ends(&states), [Some(End::Recovered), Some(End::Live)]);
    assert_eq!(states[0].superseded_by.as_ref(), Some(&second));
    let (scm, newer) = (shop.world.forge.scm(Principal::System), format!("`{second}` takes its place"));
    for it in states[0].units.values().flat_map(|unit| unit.pull_requests.values()) {
        let comments = wait(scm.comments(&cx(), &it.repo, it.number)).unwrap();
        assert!(comments.iter().any(|comment| comment.body.contains(&newer)), "{}{} names the newer one", it.repo, it.number);
    }
    assert!(
        states[0]
            .units
            .values()
            .all(|it| it.production.is_none() && it.not_promotable().is_some_and(|why| why.contains("took its place")))
    );
    let (old, new) = (states[0].units.values().next().unwrap(), states[1].units.values().next().unwrap());
    assert_eq!(
        new.before.as_ref().unwrap().artifact,
        old.artifact_before(),
        "the newer one begins where the older one had begun"
    );
}

#[test]
fn what_has_come_to_production_stays_there() {
    let shop = Shop::with("supersede");
    let first = shop.ask(&["orders"], "one");
    shop.until(&first, Stage::ProductionDeploy);
    let second = shop.ask(&["orders"], "two");
    let states = shop.ends();
    assert_eq!(ends(&states), [Some(End::Live); 2]);
    let says =
        format!("`{second}` would take its place (`supersede`), and waits instead: something of this one may be in production");
    assert!(states[0].remarks.contains(&says), "{:?}", states[0].remarks);
}

/// Two that wait behind another one and change `orders` by hand, one of them asked for by carol, and what carries them.
fn batch(shop: &Shop) -> (ChangeSetId, ChangeSetId, ChangeSetId) {
    shop.ask(&["orders"], "one");
    let by_carol = shop.ask_by_hand("carol", &["catalog"], "two");
    let by_alice = shop.ask_by_hand("alice", &[], "three");
    // Those of which one has given way to the next one already.
    shop.goes_on(|| shop.state(&by_carol).ended);
    (by_carol, by_alice, shop.ask_by_hand("alice", &[], "four"))
}

#[test]
fn in_a_batch_those_that_wait_go_together_and_none_of_their_people_approves() {
    let shop = Shop::with("batch");
    let (by_carol, by_alice, newest) = batch(&shop);
    assert!(shop.is_not_granted_by_carol(&newest, "better"));
    let state = shop.state(&newest);
    let carried: Vec<_> = state.start.carries.iter().map(|it| it.change_set.clone()).collect();
    assert_eq!(carried, [by_carol.clone(), by_alice]);
    assert_eq!(state.start.units.keys().map(|it| it.as_str()).collect::<Vec<_>>(), ["catalog", "orders"]);
    assert_eq!(state.start.reviewers, [person("bob")]);
    let record = file(&shop.world, &format!("change-sets/{newest}/status.json")).unwrap();
    assert!(record.contains("\"carries\"") && !record.contains("waitsFor"), "as soon as its turn has come: {record}");
    let of_carol = ChangeSetFilter { requested_by: Some(person("carol")), ..ChangeSetFilter::open() };
    assert_eq!(wait(shop.plane.change_sets(&of_carol, None, 9)).unwrap(), std::slice::from_ref(&newest));
    shop.approved_by_bob(&newest);
    let states = shop.ends();
    assert_eq!(ends(&states), [Some(End::Live), Some(End::Cancelled), Some(End::Cancelled), Some(End::Live)]);
    assert!(states[3].remarks.contains(&format!("it carries `{by_carol}`, too: two")), "{:?}", states[3].remarks);
}

#[test]
fn who_asked_for_what_was_carried_does_not_approve_it_later_either() {
    let shop = Shop::with("batch");
    let (.., newest) = batch(&shop);
    // It fails in preflight, and its source stays merged.
    shop.goes_on(|| shop.pushes(&newest, DEFECT));
    assert_eq!(shop.state(&newest).end, Some(End::Recovered));
    let later = shop.ask_by_hand("alice", &[], "five");
    assert!(shop.is_not_granted_by_carol(&later, "better"));
    shop.approved_by_bob(&later);
    assert_eq!(shop.state(&later).end, Some(End::Live));
}

#[test]
fn patches_for_one_unit_do_not_go_together() {
    let shop = Shop::with("batch");
    shop.ask(&["orders"], "one");
    let (second, third) = (shop.ask(&["orders"], "two"), shop.ask(&["orders"], "three"));
    let because = shop.state(&third).start.turn.unwrap().after.remove(&second).unwrap().because;
    assert_eq!(because, "both change `orders`; the work on `orders` is a patch, and does not go together with another one");
    assert_eq!(ends(&shop.ends()), [Some(End::Live); 3]);
}

#[test]
fn what_a_person_cancels_meanwhile_is_not_carried() {
    let shop = Shop::with("batch");
    shop.ask(&["orders"], "one");
    let (second, third) = (shop.ask_by_hand("alice", &[], "two"), shop.ask_by_hand("alice", &[], "three"));
    let asked = shop.state(&third).start.turn.unwrap().by.unwrap();
    let superseded = Told::Superseded { by: third.clone(), supersession: Supersession::Batch, asked: asked.clone() };
    let (gives_way, _) = ChangeSet::hear(shop.state(&second), &superseded, START);
    assert_eq!((&gives_way.superseded_by, gives_way.end), (&Some(third), None));
    let (cancelled, _) = ChangeSet::hear(gives_way, &Told::Cancel(asked), START);
    assert!(cancelled.cancelled.is_some() && cancelled.superseded_by.is_none());
}

#[test]
fn what_is_paused_gives_way_to_nobody() {
    let shop = Shop::with("supersede");
    let first = shop.ask(&["orders"], "one");
    shop.until(&first, Stage::PreflightDeploy);
    wait(shop.plane.pause(&first, &person("bob"), "not today")).unwrap();
    // Who asks does not know of it yet.
    let second = shop.ask(&["orders"], "two");
    let says = format!("`{second}` would take its place (`supersede`), and waits instead: this one is paused");
    shop.goes_on(|| shop.state(&first).remarks.contains(&says));
    let third = shop.ask(&["orders"], "three");
    let because = shop.state(&third).start.turn.unwrap().after.remove(&first).unwrap().because;
    assert_eq!(because, "both change `orders`; it is paused");
    wait(shop.plane.resume(&first, &person("bob"), "now")).unwrap();
    assert_eq!(ends(&shop.ends()), [Some(End::Live), Some(End::Cancelled), Some(End::Live)]);
}

#[test]
fn what_people_may_have_merged_does_not_give_way() {
    let shop = Shop::with("supersede");
    shop.world.hesitant.store(true, Ordering::SeqCst);
    let first = shop.ask(&["orders"], "one");
    shop.until(&first, Stage::ProductionMerge);
    // Merged, and not seen yet.
    let production = shop.state(&first).units.values().next().unwrap().pull_requests[&Role::Production].clone();
    shop.world.forge.person(person("bob")).merge(&production.repo, production.number, &production.head).unwrap();
    shop.world.hesitant.store(false, Ordering::SeqCst);
    shop.ask(&["orders"], "two");
    assert_eq!(ends(&shop.ends()), [Some(End::Live); 2]);
}

#[test]
fn a_mistake_in_the_meta_repository_is_waited_out() {
    let shop = Shop::with("first-come");
    let first = shop.ask(&["orders"], "one");
    let second = shop.ask(&["orders"], "two");
    shop.until(&first, Stage::ProductionEvidence);
    declare(&shop.world, "main", "stops/broken.yaml", "what is this");
    let began = shop.world.clock.now();
    shop.goes_on(|| shop.state(&first).ended && shop.world.clock.now().since(began) > Duration::from_secs(600));
    assert!(shop.state(&second).is_queued() && shop.state(&second).failure.is_none());
    let waits = shop.waits(&second);
    assert!(waits.iter().any(|it| it.what.contains("cannot be planned") && it.what.contains("stops/broken.yaml")), "{waits:?}");
    let rule = "apiVersion: pathops.dev/v1alpha1\nkind: Stop\nmetadata: {name: broken}\nspec: {by: alice, since: \"2026-01-01T00:00:00Z\", reason: no more, liftedBy: alice}\n";
    declare(&shop.world, "main", "stops/broken.yaml", rule);
    assert_eq!(ends(&shop.ends()), [Some(End::Live); 2]);
}

#[test]
fn one_that_waits_can_be_cancelled_and_paused() {
    let shop = Shop::with("first-come");
    let (first, second, third) = (shop.ask(&["orders"], "one"), shop.ask(&["orders"], "two"), shop.ask(&["orders"], "three"));
    wait(shop.plane.cancel(&second, &person("alice"), "nobody wants it")).unwrap();
    wait(shop.plane.pause(&third, &person("bob"), "not today")).unwrap();
    shop.goes_on(|| {
        shop.state(&first).ended && shop.world.clock.now().since(shop.state(&first).start.at) > Duration::from_secs(600)
    });
    let waiting = shop.state(&third);
    assert!(waiting.is_queued() && had_not_begun(&waiting), "it is paused");
    wait(shop.plane.resume(&third, &person("bob"), "now")).unwrap();
    let states = shop.ends();
    assert_eq!(ends(&states), [Some(End::Live), Some(End::Cancelled), Some(End::Live)]);
    assert!(had_not_begun(&states[1]));
}

#[test]
fn what_was_declared_anew_meanwhile_is_to_be_asked_for_again() {
    let shop = Shop::with("first-come");
    let first = shop.ask(&["orders"], "one");
    shop.ask(&["orders"], "two");
    shop.until(&first, Stage::PreflightDeploy);
    let orders = file(&shop.world, "apps/orders.yaml").unwrap();
    declare(&shop.world, "main", "apps/orders.yaml", &orders.replace("dependsOn: [store]", "dependsOn: [store, web]"));
    let states = shop.ends();
    assert_eq!(ends(&states), [Some(End::Live), Some(End::Recovered)]);
    let reason = &states[1].failure.as_ref().unwrap().reason;
    assert!(reason.contains("declared anew while it waited, and works with `web` now; ask for it again"), "{reason}");
    assert!(had_not_begun(&states[1]));
}

#[test]
fn nobody_gives_way_to_a_person_without_a_role() {
    let shop = Shop::with("supersede");
    let people = file(&shop.world, "people.yaml").unwrap();
    declare(&shop.world, "main", "people.yaml", &format!("{people}    - {{name: dave}}\n"));
    let (first, second) = (shop.ask(&["orders"], "one"), shop.ask_as("dave", &["orders"], "two"));
    let because = shop.state(&second).start.turn.unwrap().after.remove(&first).unwrap().because;
    assert!(because.contains("but not to `dave`, who has no role"), "{because}");
    assert_eq!(ends(&shop.ends()), [Some(End::Live); 2]);
}

#[test]
fn a_lower_layer_disturbs_no_more_than_one_above() {
    let shop = Shop::with("latest");
    let head = |layer: &str| {
        format!("apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {{name: orders}}\nspec:\n  layer: {layer}\n")
    };
    let of_orders = |says: &str| format!("{}  supersession: {says}\n  requirements: []\n", head("{unit: orders}"));
    declare(&shop.world, "main", "policies/orders.yaml", &of_orders("first-come"));
    let project = wait(shop.plane.project()).unwrap();
    let says = |unit: &str| project.policy.supersession(&project.units[&unit.parse().unwrap()]);
    assert_eq!((says("orders"), says("catalog")), (Supersession::FirstCome, Supersession::Latest));
    declare(&shop.world, "main", "policies/orders.yaml", &of_orders("supersede"));
    let told = wait(shop.plane.project()).unwrap_err().to_string();
    assert!(told.contains("`supersession` loosens the project's policy: it is `latest` there"), "{told}");
}
