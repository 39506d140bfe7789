//! One run: its transitions, and what follows from them.

use std::collections::BTreeSet;

use crate::adapter::{Entry, OpId, OpenOp, Run, RunFilter, Seq, SignalNumber, Transition};
use crate::error::{Error, ErrorKind, Result};
use crate::id::RunId;
use crate::time::UnixMillis;

/// A run. Everything else about it follows from its transitions, of which there is at least one.
pub(super) struct Record {
    machine: String,
    transitions: Vec<Transition>,
    archived: bool,
}

impl Record {
    pub(super) fn begin(run: &RunId, machine: &str, first: &Transition) -> Result<Self> {
        let mut record = Self { machine: machine.to_owned(), transitions: Vec::new(), archived: false };
        record.check(run, "create a run", first, SignalNumber(0))?;
        record.transitions.push(first.clone());
        Ok(record)
    }

    pub(super) fn began_with(&self, machine: &str, first: &Transition) -> bool {
        self.machine == machine && self.transitions.first().is_some_and(|stored| stored.event == first.event)
    }

    /// `told` is the last signal that the run was told.
    pub(super) fn append(&mut self, run: &RunId, expected: Seq, transition: &Transition, told: SignalNumber) -> Result<Seq> {
        let next = Seq(expected.0.saturating_add(1));
        if numbered(&self.transitions).any(|(seq, stored)| seq == next && stored == transition) {
            return Ok(next);
        }
        if self.seq() != expected {
            let reason = format!("the caller has seen transition {} and the last one is {}", expected.0, self.seq().0);
            let conflict = Error::new(ErrorKind::Conflict, "add a transition").on(run).because(reason);
            return Err(conflict.advise("load the run and go on from there"));
        }
        self.check(run, "add a transition", transition, told)?;
        self.transitions.push(transition.clone());
        Ok(next)
    }

    pub(super) fn load(&self, run: &RunId) -> Option<Run> {
        let last = self.transitions.last()?;
        Some(Run {
            id: run.clone(),
            machine: self.machine.clone(),
            seq: self.seq(),
            format: last.format,
            state: last.state.clone(),
            open: self.open(),
            heard: self.heard(),
            ended: last.ends,
        })
    }

    pub(super) fn entries(&self, after: Seq, limit: usize) -> Vec<Entry> {
        numbered(&self.transitions).filter(|(seq, _)| *seq > after).take(limit).map(|(seq, stored)| entry(seq, stored)).collect()
    }

    /// Whether it is an open run of `machine`.
    pub(super) fn is_open(&self, machine: &str) -> bool {
        self.machine == machine && !self.ended()
    }

    pub(super) fn is_in(&self, RunFilter { machine, ended, archived }: &RunFilter) -> bool {
        let is_one = machine.as_ref().is_none_or(|machine| *machine == self.machine) && *archived == self.archived;
        is_one && ended.is_none_or(|ended| ended == self.ended())
    }

    /// Moves it to the archive, where it is not there yet and has ended before that instant.
    pub(super) fn archive(&mut self, ended_before: UnixMillis) -> bool {
        let is_over = self.transitions.last().is_some_and(|last| last.ends && last.at < ended_before);
        let moves = is_over && !self.archived;
        self.archived |= moves;
        moves
    }

    pub(super) fn ended(&self) -> bool {
        self.transitions.last().is_some_and(|last| last.ends)
    }

    fn heard(&self) -> SignalNumber {
        self.transitions.iter().filter_map(|stored| stored.hears).max().unwrap_or_default()
    }

    fn seq(&self) -> Seq {
        Seq(u64::try_from(self.transitions.len()).unwrap_or(u64::MAX))
    }

    fn open(&self) -> Vec<OpenOp> {
        let closed: BTreeSet<OpId> = self.transitions.iter().filter_map(|stored| stored.closes).collect();
        let opened = self.transitions.iter().flat_map(|stored| &stored.opens);
        let mut open: Vec<OpenOp> = opened.filter(|op| !closed.contains(&op.op)).cloned().collect();
        open.sort_by_key(|op| op.op);
        open
    }

    /// Whether `transition` may come next.
    fn check(&self, run: &RunId, operation: &'static str, transition: &Transition, told: SignalNumber) -> Result<()> {
        let refused = |reason: String| Err(Error::new(ErrorKind::Invalid, operation).on(run).because(reason));
        if self.ended() {
            return refused("the run has ended".to_owned());
        }
        if let Some(op) = transition.closes.filter(|op| !self.open().iter().any(|open| open.op == *op)) {
            return refused(format!("operation {} is not open", op.0));
        }
        if let Some(number) = transition.hears.filter(|it| it.0 != self.heard().0 + 1 || *it > told) {
            return refused(format!("signal {} is not the next one that it was told", number.0));
        }
        let mut used: BTreeSet<OpId> = self.transitions.iter().flat_map(|stored| &stored.opens).map(|op| op.op).collect();
        match transition.opens.iter().find(|op| !used.insert(op.op)) {
            Some(op) => refused(format!("the number of operation {} was used before", op.op.0)),
            None => Ok(()),
        }
    }
}

fn numbered(transitions: &[Transition]) -> impl Iterator<Item = (Seq, &Transition)> {
    (1..).map(Seq).zip(transitions)
}

fn entry(seq: Seq, stored: &Transition) -> Entry {
    Entry {
        seq,
        format: stored.format,
        at: stored.at,
        event: stored.event.clone(),
        closes: stored.closes,
        opens: stored.opens.clone(),
    }
}
