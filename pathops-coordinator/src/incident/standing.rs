//! How far an incident is, and what follows from what has come of an operation.

use std::collections::BTreeMap;

use pathops_core::{ChangeSetId, UnitId};
use pathops_evidence::EvidenceRecord;
use serde::{Deserialize, Serialize};

use crate::incident::{Command, End, Errand, Outcome, Reached, Start, WayBack};

/// How far something is that is tried again until it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Standing<T> {
    /// It is being done.
    UnderWay {
        /// How often it has failed.
        tries: u32,
    },
    /// It could not be done, and is tried again later.
    Rests {
        /// How often it has failed.
        tries: u32,
        /// Why, the last time.
        reason: String,
    },
    /// It could not be done before the incident was over.
    Missed {
        /// Why, the last time.
        reason: String,
    },
    /// It is done.
    Done(T),
}

impl<T> Standing<T> {
    const BEGUN: Self = Self::UnderWay { tries: 0 };

    fn is_open(&self) -> bool {
        matches!(self, Self::UnderWay { .. } | Self::Rests { .. })
    }

    /// Whether it was tried.
    fn was_tried(&self) -> bool {
        !matches!(self, Self::UnderWay { tries: 0 })
    }

    fn done(&mut self, tries: u32, with: &T)
    where
        T: Clone,
    {
        if matches!(self, Self::UnderWay { tries: now } if *now == tries) {
            *self = Self::Done(with.clone());
        }
    }
}

/// What of a [`Standing`] is the same whatever comes of it.
trait Tried {
    /// It could not be done, after so many tries. Gives how often that was, where it is tried again.
    fn failed(&mut self, tries: u32, reason: &str, goes_on: bool) -> Option<u32>;
    /// It was waited for after so many tries. Whether it is done now.
    fn rested(&mut self, tries: u32, goes_on: bool) -> bool;
}

impl<T> Tried for Standing<T> {
    fn failed(&mut self, tries: u32, reason: &str, goes_on: bool) -> Option<u32> {
        if !matches!(self, Self::UnderWay { tries: now } if *now == tries) {
            return None;
        }
        let (tries, reason) = (tries.saturating_add(1), reason.to_owned());
        *self = if goes_on { Self::Rests { tries, reason } } else { Self::Missed { reason } };
        goes_on.then_some(tries)
    }

    fn rested(&mut self, tries: u32, goes_on: bool) -> bool {
        let reason = match self {
            Self::Rests { tries: now, reason } if *now == tries => std::mem::take(reason),
            _ => return false,
        };
        *self = if goes_on { Self::UnderWay { tries } } else { Self::Missed { reason } };
        goes_on
    }
}

/// An app or component that an incident reaches, and how far its snapshot is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Affected {
    /// What is in production.
    pub reached: Reached,
    /// What was known of it.
    pub snapshot: Standing<EvidenceRecord>,
}

/// That an incident is over, and how far the signature of that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Over {
    /// How.
    pub end: End,
    /// Not before everything else has come to its end; and never where it goes on in another run.
    pub signed: Option<Standing<EvidenceRecord>>,
}

/// Everything that is known of the run of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// What it began with.
    pub start: Start,
    /// What it reaches.
    pub affected: BTreeMap<UnitId, Affected>,
    /// What people were told of each change set that has brought something of that.
    pub ways_back: BTreeMap<ChangeSetId, Standing<WayBack>>,
    /// Whether it is over.
    pub over: Option<Over>,
}

impl State {
    pub(super) fn new(start: &Start) -> Self {
        Self { start: start.clone(), affected: BTreeMap::new(), ways_back: BTreeMap::new(), over: None }
    }

    /// Whether the run has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let is_signed = |over: &Over| match over.end {
            End::Closed { .. } | End::Removed { .. } => matches!(over.signed, Some(Standing::Done(_))),
            End::Redeclared { .. } => true,
        };
        self.is_idle() && self.over.as_ref().is_some_and(is_signed)
    }

    /// Whether nothing but its end is left to be done.
    fn is_idle(&self) -> bool {
        !self.affected.values().any(|it| it.snapshot.is_open()) && !self.ways_back.values().any(Standing::is_open)
    }

    /// Whether something that could not be done is tried again.
    pub(super) fn goes_on_with(&self, errand: &Errand) -> bool {
        self.over.is_none() || matches!(errand, Errand::Sign { .. })
    }

    pub(super) fn watch(&self) -> Command {
        Command::Watch { of: Box::new(self.start.clone()), known: self.affected.keys().cloned().collect() }
    }

    fn does(&self, errand: Errand, tries: u32) -> Command {
        Command::Do { of: Box::new(self.start.clone()), errand, tries }
    }

    pub(super) fn seen(&mut self, outcome: &Outcome) -> Vec<Command> {
        match outcome {
            Outcome::Reached(more) => {
                let new: Vec<_> = more.iter().filter(|(unit, _)| !self.affected.contains_key(*unit)).collect();
                let mut commands = Vec::new();
                for (unit, reached) in new {
                    let affected = Affected { reached: reached.clone(), snapshot: Standing::BEGUN };
                    self.affected.insert(unit.clone(), affected);
                    commands.push(self.does(Errand::Snapshot { unit: unit.clone() }, 0));
                }
                commands.push(self.watch());
                commands
            }
            Outcome::Over(end) => {
                self.over = Some(Over { end: end.clone(), signed: None });
                Vec::new()
            }
            _ => vec![self.watch()],
        }
    }

    pub(super) fn tried(&mut self, errand: &Errand, tries: u32, outcome: &Outcome) -> Vec<Command> {
        match (errand, outcome) {
            (Errand::Snapshot { unit }, Outcome::Signed(record)) => {
                if let Some(affected) = self.affected.get_mut(unit) {
                    affected.snapshot.done(tries, record);
                }
            }
            (Errand::Propose { change_set }, Outcome::Proposed(way_back)) => {
                if let Some(standing) = self.ways_back.get_mut(change_set) {
                    standing.done(tries, way_back);
                }
            }
            (Errand::Sign { .. }, Outcome::Signed(record)) => {
                if let Some(standing) = self.over.as_mut().and_then(|over| over.signed.as_mut()) {
                    standing.done(tries, record);
                }
            }
            (errand, Outcome::Failed { reason }) => {
                let goes_on = self.goes_on_with(errand);
                let tries = self.standing(errand).and_then(|standing| standing.failed(tries, reason, goes_on));
                let later = |tries| Command::Later { errand: errand.clone(), tries, reason: reason.clone() };
                return tries.map(later).into_iter().collect();
            }
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn rested(&mut self, errand: &Errand, tries: u32) -> Vec<Command> {
        let goes_on = self.goes_on_with(errand);
        let again = self.standing(errand).is_some_and(|standing| standing.rested(tries, goes_on));
        if again { vec![self.does(errand.clone(), tries)] } else { Vec::new() }
    }

    fn standing(&mut self, errand: &Errand) -> Option<&mut dyn Tried> {
        match errand {
            Errand::Snapshot { unit } => self.affected.get_mut(unit).map(|it| &mut it.snapshot as &mut dyn Tried),
            Errand::Propose { change_set } => self.ways_back.get_mut(change_set).map(|it| it as &mut dyn Tried),
            Errand::Sign { .. } => self.over.as_mut()?.signed.as_mut().map(|it| it as &mut dyn Tried),
        }
    }

    /// What may be begun now that was not.
    pub(super) fn next(&mut self) -> Vec<Command> {
        let (at, seen_in) = match &self.over {
            None => return self.propose(),
            Some(Over { end: End::Closed { at, seen_in } | End::Removed { at, seen_in }, signed: None }) if self.is_idle() => {
                (*at, seen_in.clone())
            }
            Some(_) => return Vec::new(),
        };
        if let Some(over) = &mut self.over {
            over.signed = Some(Standing::BEGUN);
        }
        let runs = self.affected.values().map(|it| it.reached.runs.clone());
        let about = runs.filter(|subject| !subject.digest.is_empty()).collect();
        vec![self.does(Errand::Sign { at, seen_in, about }, 0)]
    }

    /// Change sets whose snapshots were all tried, and of which people were not told.
    fn propose(&mut self) -> Vec<Command> {
        let mut ready: BTreeMap<&ChangeSetId, bool> = BTreeMap::new();
        for Affected { reached, snapshot } in self.affected.values() {
            *ready.entry(&reached.change_set).or_insert(true) &= snapshot.was_tried();
        }
        let new = ready.into_iter().filter(|(change_set, ready)| *ready && !self.ways_back.contains_key(*change_set));
        let new: Vec<ChangeSetId> = new.map(|(change_set, _)| change_set.clone()).collect();
        self.ways_back.extend(new.iter().map(|change_set| (change_set.clone(), Standing::BEGUN)));
        new.into_iter().map(|change_set| self.does(Errand::Propose { change_set }, 0)).collect()
    }
}
