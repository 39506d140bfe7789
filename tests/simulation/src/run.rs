//! One seed, from its beginning to its end.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::{FutureExt as _, join, join_all, select};
use pathops_coordinator::ControlPlane;
use pathops_coordinator::change_set::{ChangeSet, End, State};
use pathops_coordinator::incident::Incident;
use pathops_core::adapter::{self, Clock as _, DeliveryState, Entry, EventCursor, Journal as _, RunFilter, ScmEventKind, Seq};
use pathops_core::flow::Machine as _;
use pathops_core::{Digest, ErrorKind, IdempotencyKey, RunId};

use crate::bug::Bug;
use crate::dice::Dice;
use crate::host;
use crate::invariants::AT_THE_END;
use crate::lens::Violation;
use crate::operators;
use crate::people::People;
use crate::responders::Responders;
use crate::shape::{Asked, repo};
use crate::step::Step;
use crate::truth::{cx, is_incident, wait};
use crate::wishes::{self, Planned};
use crate::world::World;

/// After everything is calm, so long may it take until everything is in order.
const HEALING: Duration = Duration::from_secs(43_200);

/// More turns than any seed takes.
const TURNS: u32 = 400_000;

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// What an invariant found, first.
    pub violation: Option<Violation>,
    /// Everything that happened, one line each.
    pub trace: String,
    /// SHA-256 of the trace.
    pub digest: Digest,
    /// How each change set ended.
    pub ends: Vec<String>,
    /// How many calls of adapters were made.
    pub calls: u64,
}

/// Runs a seed, with a bug planted or none.
///
/// # Panics
/// Where a simulated system cannot go on: a mistake of the simulation.
#[must_use]
pub fn simulate(seed: u64, bug: Option<Bug>) -> Run {
    let dice = Dice::new(seed);
    let world = World::new(&dice, bug);
    let states = Session::lived(&world, &dice).states();
    if world.lens.violation().is_none() {
        world.lens.end(&states);
    }
    let ends = states.iter().map(|state| how(state.end).to_owned()).collect();
    for state in &states {
        let why = state.failure.as_ref().map(|failure| format!("{}: {}", failure.unit, failure.reason)).unwrap_or_default();
        world.lens.note(format_args!("{} {:?} {why}", state.start.change_set, state.end));
    }
    let trace = world.lens.take_trace();
    let digest = Digest::of(trace.as_bytes());
    Run { seed, violation: world.lens.violation(), digest, trace, ends, calls: world.lens.calls() }
}

/// What the journal has of each change set and each incident of a seed, in the end: the run, and all its entries.
///
/// # Panics
/// As [`simulate`].
#[must_use]
pub fn journals(seed: u64) -> Vec<(adapter::Run, Vec<Entry>)> {
    let dice = Dice::new(seed);
    let world = World::new(&dice, None);
    Session::lived(&world, &dice);
    let journal = &world.truth.journal;
    let read = |run: RunId| {
        let stored = wait(journal.load(&cx(), &run)).unwrap().unwrap();
        (stored, wait(journal.entries(&cx(), &run, Seq(0), usize::MAX)).unwrap())
    };
    world.lens.runs().into_iter().map(read).collect()
}

struct Session<'w> {
    world: &'w World,
    people: People,
    responders: Responders,
    wishes: Vec<Planned>,
    dice: Dice,
    events: EventCursor,
    calm: bool,
}

impl<'w> Session<'w> {
    /// Everything, from the beginning to the end.
    fn lived(world: &'w World, dice: &Dice) -> Self {
        let (people, responders) = (People::new(dice), Responders::new(dice, world.truth.shape.alarms.is_empty()));
        let (wishes, dice) = (wishes::roll(&dice.of("wishes"), &world.truth.shape), dice.of("process"));
        let mut session = Self { people, responders, wishes, dice, world, events: EventCursor(0), calm: false };
        world.lens.note(format_args!("# {:?}", world.truth.shape));
        world.lens.note(format_args!("# {:?}", world.chaos));
        session.live();
        session
    }

    /// Processes one after the other, until everything is in order or something is wrong.
    fn live(&mut self) {
        let mut turns = 0;
        while !self.process(&mut turns) {
            let down = if self.dice.chance(200) { self.dice.seconds(60, 3_600) } else { self.dice.seconds(1, 60) };
            self.world.truth.clock.advance(down);
            self.world.restarted(&self.dice);
            self.world.lens.note(format_args!("a new process begins"));
        }
    }

    /// One process of the control plane. Whether it is the last one.
    fn process(&mut self, turns: &mut u32) -> bool {
        let world = self.world;
        let plane = Arc::new(world.plane());
        let asking = async {
            join_all(world.truth.shape.asked.iter().map(|asked| ask(world, &plane, asked))).await;
            std::future::pending::<()>().await;
        };
        let (wishes, told) = (self.wishes.clone(), std::future::pending::<()>());
        let operating = join(operators::operate(world, &plane), host::listen(world, &plane));
        let telling = join(wishes::tell(world, &plane, &wishes), operating).then(|_| told);
        let talking = select(asking.boxed_local(), telling.boxed_local());
        let mut whole = pin!(select(talking, plane.run(std::future::pending()).boxed_local()));
        loop {
            *turns += 1;
            world.lens.turn();
            self.surroundings();
            if let Poll::Ready(_stopped) = whole.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return false;
            }
            if world.lens.violation().is_some() || self.in_order() {
                return true;
            }
            if world.lens.is_dead() {
                return false;
            }
            let late = world.truth.elapsed() > world.chaos.over + HEALING + world.chaos.set_back();
            if late || *turns > TURNS || !world.truth.clock.advance_to_next() {
                let open = self.states().into_iter().filter(|state| !state.ended).map(|state| standing(&state));
                let incidents =
                    world.truth.incidents().into_iter().filter(|(run, _)| !run.ended).map(|(run, _)| run.id.to_string());
                let standing: Vec<_> = open.chain(incidents).collect();
                world.lens.violated(Violation {
                    invariant: AT_THE_END,
                    what: format!("nothing fails any more, and it does not come to an end: {standing:?}"),
                });
                return true;
            }
        }
    }

    /// What is planned for this moment, people first.
    fn surroundings(&mut self) {
        let world = self.world;
        let now = world.truth.elapsed();
        if !self.calm && now >= world.chaos.over {
            self.calm = true;
            world.calm();
            self.people.calm(now);
            self.responders.calm(now);
        }
        if !self.calm {
            world.turn();
        }
        let (meta, mut meta_moved) = (repo("shop/meta"), false);
        for event in wait(world.truth.scm.events(&cx(), self.events, 10_000)).unwrap() {
            self.events = event.cursor;
            match event.kind {
                ScmEventKind::PullRequest(number) => {
                    let read = world.truth.pull_request(&event.repo, number);
                    self.people.found(now, &event.repo, &read);
                }
                ScmEventKind::Pushed(_) => meta_moved |= event.repo == meta,
                _ => {}
            }
        }
        for command in std::mem::take(&mut *world.calls.lock().unwrap()) {
            self.people.called_for(now, &command);
        }
        if meta_moved {
            self.responders.look(&world.lens);
        }
        self.responders.act(&world.lens);
        self.people.act(&world.lens);
    }

    /// Whether everything was asked for and has ended, and nothing is wrong any more.
    fn in_order(&self) -> bool {
        let asked = self.world.lens.answered() == self.world.truth.shape.asked.len();
        self.calm
            && asked
            && !wishes::wants_back(self.world, &self.wishes)
            && self.has_ended(ChangeSet::NAME)
            && self.incidents_are_over()
            && self.is_up_to_date()
    }

    fn has_ended(&self, machine: &str) -> bool {
        wait(self.world.truth.journal.runs(&cx(), &RunFilter::of(machine).open(), None, 1)).unwrap().is_empty()
    }

    /// Whether every alarm was heard and handled, and what people and PathOps had to do about it is done.
    fn incidents_are_over(&self) -> bool {
        let heard = self.world.truth.shape.alarms.iter().all(|alarm| self.world.lens.has_heard(&alarm.name));
        heard
            && !self.responders.are_busy()
            && self.has_ended(Incident::NAME)
            && self.world.truth.deliveries().iter().all(|it| it.state == DeliveryState::Handled)
    }

    /// Whether people know of everything that has happened at the Git host.
    fn is_up_to_date(&self) -> bool {
        wait(self.world.truth.scm.events(&cx(), self.events, 1)).unwrap().is_empty()
    }

    /// Every change set as the journal has it.
    fn states(&self) -> Vec<State> {
        let runs = self.world.lens.runs().into_iter().filter(|run| !is_incident(run));
        let load = |run| wait(self.world.truth.journal.load(&cx(), &run)).unwrap();
        runs.filter_map(load).filter_map(|run| serde_json::from_value(run.state).ok()).collect()
    }
}

fn standing(state: &State) -> String {
    let stages: Vec<_> = state.units.iter().map(|(unit, progress)| format!("{unit} {:?}", progress.stage)).collect();
    format!("{}: {stages:?}", state.start.change_set)
}

/// Somebody asks for a feature until there is an answer; a process that died has forgotten it, and is asked again.
async fn ask(world: &World, plane: &ControlPlane, asked: &Asked) {
    let clock = &world.truth.clock;
    let wait = asked.after.saturating_sub(world.truth.elapsed());
    clock.sleep(wait).await;
    loop {
        let answer = plane.request_feature(asked.request.clone(), Some(&IdempotencyKey::new(&asked.key))).await;
        let taken = match &answer {
            Ok(_) => Some(true),
            Err(error) if matches!(error.kind(), ErrorKind::Denied | ErrorKind::Invalid) => Some(false),
            Err(_) => None,
        };
        if let Ok(change_set) = &answer {
            world.lens.named(&asked.key, change_set);
        }
        let says = answer.as_ref().map_or_else(ToString::to_string, ToString::to_string);
        world.lens.note(format_args!("? {} by {}: {says}", asked.request.title, asked.request.requested_by));
        if let Some(taken) = taken {
            world.lens.step(&Step::Asked { request: &asked.request, taken });
            world.lens.answer(&asked.key);
            return;
        }
        clock.sleep(Duration::from_secs(600)).await;
    }
}

fn how(end: Option<End>) -> &'static str {
    match end {
        Some(End::Live) => "live",
        Some(End::Recovered) => "taken back",
        Some(End::Incomplete) => "left to people",
        Some(End::Cancelled) => "cancelled",
        None => "not ended",
    }
}
