//! Everything that can happen at once, played over HTTP: the schedules of the rule, asked through the adapter, its watch and its requests.
//!
//! The model writes down what it sees into the fake cluster, where its pods run as well; time is that of the model. A refresh is a request
//! that is under way until the model has looked. The same oracle as for the rule alone says what is true, and is itself held against
//! adapters that are wrong.

mod defect;
mod stage;

use libtest_mimic::Trial;
use pathops_core::adapter::{NotYet, Observation, Readiness, Stale, StaleAction};

use crate::schedule::{Answer, Overdue, Schedule};
use crate::trial;
use defect::{DEFECTS, Defect, Shows};
use stage::Stage;

/// So many schedules in each of four tests.
const QUARTER: u64 = 50;

pub(crate) fn trials() -> Vec<Trial> {
    let quarter = |name, first: u64| trial(name, move || run(first * QUARTER..(first + 1) * QUARTER));
    let mut trials = vec![
        quarter("schedules::a_first_quarter_over_http_holds", 0),
        quarter("schedules::a_second_quarter_over_http_holds", 1),
        quarter("schedules::a_third_quarter_over_http_holds", 2),
        quarter("schedules::a_last_quarter_over_http_holds", 3),
    ];
    trials.extend(DEFECTS.map(|(name, defect, shows)| trial(name, move || is_found(defect, shows))));
    trials
}

impl Answer for Readiness {
    fn is_ready(&self) -> bool {
        *self == Readiness::Ready
    }

    fn waits(&self) -> bool {
        matches!(self, Readiness::NotYet(_) | Readiness::Stale(_, StaleAction::Refresh))
    }

    fn settles_in(&self) -> Option<u64> {
        match self {
            Readiness::NotYet(NotYet::Settling { remaining_millis }) => Some(*remaining_millis),
            _ => None,
        }
    }
}

impl Answer for Result<Observation, Wrong> {
    /// What must not be ends it as well.
    fn is_ready(&self) -> bool {
        self.as_ref().map_or(true, |seen| seen.readiness.is_ready())
    }

    fn waits(&self) -> bool {
        self.as_ref().is_ok_and(|seen| seen.readiness.waits())
    }

    fn settles_in(&self) -> Option<u64> {
        self.as_ref().ok()?.readiness.settles_in()
    }
}

/// What must not be.
#[derive(Debug)]
#[expect(dead_code, reason = "it is printed")]
enum Wrong {
    /// It is said to be ready, and is not.
    FalseAccept(String),
    /// It is ready, and that is said of what was before.
    OutOfDate(String),
    /// It was ready for longer than that takes to be said, and was not said to be.
    Overdue(String),
    /// What is said once all is at rest is not what has become of it.
    AtRest(String),
}

/// One schedule to its end, and what was said. It comes to rest twice, so that what is ready goes under again.
async fn play(seed: u64, defect: Defect) -> Result<Seen, Wrong> {
    let mut schedule = Schedule::new(seed);
    let mut stage = Stage::new(seed, &schedule, defect).await;
    for _ in 0..2 {
        stage.break_off(true);
        for step in 0..20 {
            schedule.step();
            stage.write(&schedule).await;
            if step % 4 == 3 {
                stage.ask(&mut schedule).await?;
            }
        }
        stage.break_off(false);
        let mut readiness = rest(&mut stage, &mut schedule).await?;
        if schedule.finish() {
            readiness = rest(&mut stage, &mut schedule).await?;
        }
        judge_rest(&readiness, &schedule)?;
    }
    stage.out_of_date.map_or(Ok(stage.seen), |said| Err(Wrong::OutOfDate(said)))
}

/// What is said once nothing goes wrong any more, in time and true.
async fn rest(stage: &mut Stage, schedule: &mut Schedule) -> Result<Readiness, Wrong> {
    let rested = schedule.come_to_rest(async |schedule: &mut Schedule| stage.ask(schedule).await).await;
    let seen = rested.map_err(|overdue: Overdue<_>| Wrong::Overdue(format!("{overdue:?}")))?;
    Ok(seen?.readiness)
}

/// What it has to be once all is at rest.
fn judge_rest(readiness: &Readiness, schedule: &Schedule) -> Result<(), Wrong> {
    let (argo, tree) = (&schedule.argo, schedule.tree());
    let is_right = if argo.branch[argo.head()] != tree {
        matches!(readiness, Readiness::Stale(Stale::Superseded { .. }, StaleAction::GiveUp))
    } else if argo.failed_at(tree) {
        matches!(readiness, Readiness::Failed(_))
    } else if argo.tests_failed() {
        let not_tested = matches!(readiness, Readiness::Stale(Stale::NotTested { .. }, StaleAction::AskPeople));
        argo.live_tree() == tree && not_tested
    } else if argo.last_was_dry_run() {
        matches!(readiness, Readiness::NotYet(NotYet::Reported { .. }))
    } else if readiness.is_ready() {
        argo.live_tree() == tree
    } else {
        let tested = argo.tested().is_some_and(|it| it >= schedule.expected && argo.branch[it] == tree);
        let not_tested = matches!(readiness, Readiness::Stale(Stale::NotTested { .. }, StaleAction::AskPeople));
        argo.live_tree() == tree && schedule.with_hooks && !tested && not_tested
    };
    if is_right { Ok(()) } else { Err(Wrong::AtRest(format!("{readiness:?}"))) }
}

/// How often each answer came, so that a run that shows nothing is noticed.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    ready: usize,
    stale: usize,
}

impl Seen {
    fn note(&mut self, readiness: &Readiness) {
        match readiness {
            Readiness::Ready => self.ready += 1,
            Readiness::Stale(..) => self.stale += 1,
            Readiness::Failed(_) | Readiness::NotYet(_) => {}
        }
    }
}

async fn run(seeds: std::ops::Range<u64>) {
    let mut all = Seen::default();
    for seed in seeds {
        let seen = play(seed, Defect::None).await.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong:?}"));
        all = Seen { ready: all.ready + seen.ready, stale: all.stale + seen.stale };
    }
    assert!(all.ready > 10 && all.stale > 10, "{all:?}");
}

/// The same schedules find it.
async fn is_found(defect: Defect, shows: Shows) {
    for seed in 0..4 * QUARTER {
        match (play(seed, defect).await, shows) {
            (Err(Wrong::FalseAccept(_)), Shows::FalseAccept) | (Err(Wrong::Overdue(_)), Shows::Overdue) => return,
            _ => {}
        }
    }
    panic!("nothing notices {defect:?}");
}
