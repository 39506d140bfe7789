use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::adapter::{OpId, Run, Seq, SignalNumber, Transition};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::shell::{decode, encode};
use crate::flow::{Course, Event, EventOf, Machine, Observer, Performer, Progress, Shell, Step};
use crate::id::RunId;
use crate::op::OpContext;
use crate::time::UnixMillis;

/// What happens to a run, whatever machine drives it.
pub type AnyEvent = Event<Value, Value, Value>;

/// A machine with what performs its commands, as engines know it: plain data in and out. [`Host`] makes one of any [`Machine`].
#[async_trait]
pub trait Hosted: fmt::Debug + Send + Sync + 'static {
    /// [`Machine::NAME`].
    fn machine(&self) -> &'static str;

    /// A run before its start.
    fn shell(&self, run: &RunId) -> Box<dyn AnyShell>;

    /// A run as it is stored. `last_op` is the greatest number that an operation of it ever had.
    ///
    /// # Errors
    /// As [`Shell::resume`].
    fn resume(&self, run: &Run, last_op: OpId) -> Result<Box<dyn AnyShell>>;

    /// As [`Performer::perform`].
    ///
    /// # Errors
    /// As [`Performer::perform`]; and `Corrupt` for what is no command of the machine.
    async fn perform(&self, cx: &OpContext, command: &Value) -> Result<Value>;

    /// As [`Performer::hold`].
    ///
    /// # Errors
    /// As [`Hosted::perform`].
    async fn hold(&self, cx: &OpContext, command: &Value) -> Result<()>;

    /// As [`Performer::late`], of a run as it stands by now.
    ///
    /// # Errors
    /// As [`Hosted::perform`].
    async fn late(&self, cx: &OpContext, command: &Value, run: &Run) -> Result<()>;

    /// Tells the host that an operation is being performed. What is no command of the machine it is not told of.
    fn began(&self, run: &RunId, op: OpId, command: &Value);

    /// Tells the host that a run stands still.
    fn stopped(&self, run: &RunId, error: &Error);
}

/// A [`Shell`] whatever its machine is.
pub trait AnyShell: fmt::Debug + Send {
    /// Makes the transition that follows from an event; it is the run's once it is [taken](AnyShell::take), and forgotten where another one is
    /// made before.
    ///
    /// # Errors
    /// `Corrupt` where the event is not one of the machine's; `Unexpected` where it cannot happen to the run as it stands.
    fn make(&mut self, at: UnixMillis, event: &AnyEvent) -> Result<Transition>;

    /// Takes up what was made last, and tells the host of it where `shown`.
    fn take(&mut self, shown: bool);

    /// As [`Shell::stored`].
    ///
    /// # Errors
    /// As [`Shell::stored`].
    fn stored(&self) -> Result<Run>;

    /// As [`Shell::seq`].
    fn seq(&self) -> Seq;

    /// As [`Shell::last_op`].
    fn last_op(&self) -> OpId;

    /// As [`Shell::heard`].
    fn heard(&self) -> SignalNumber;

    /// As [`Shell::has_ended`].
    fn has_ended(&self) -> bool;

    /// The operations that are open, in the order of their numbers, and what is to be done of each as things stand.
    fn courses(&self) -> Vec<(OpId, Course)>;

    /// Whether an operation [waits for others](Machine::waits).
    fn waits(&self, op: OpId) -> bool;

    /// What is to be done, of an operation that is open.
    ///
    /// # Errors
    /// `NotFound` where it is not open.
    fn command(&self, op: OpId) -> Result<Value>;

    /// The outcome of an operation that is [not wanted any more](Machine::dropped).
    ///
    /// # Errors
    /// `Unexpected` where it is no JSON.
    fn dropped(&self) -> Result<Value>;
}

/// Hosts a machine.
pub struct Host<M: Machine> {
    performer: Arc<dyn Performer<M>>,
    observer: Observer<M>,
}

impl<M: Machine> Host<M> {
    /// Commands are performed by `performer`, and `observer` is told what happens.
    #[must_use]
    pub fn new(performer: Arc<dyn Performer<M>>, observer: Observer<M>) -> Self {
        Self { performer, observer }
    }

    fn observed(&self, id: RunId, shell: Shell<M>) -> Box<dyn AnyShell> {
        Box::new(Observed { id, shell, made: None, observer: self.observer.clone() })
    }
}

impl<M: Machine> fmt::Debug for Host<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", M::NAME)
    }
}

#[async_trait]
impl<M: Machine> Hosted for Host<M> {
    fn machine(&self) -> &'static str {
        M::NAME
    }

    fn shell(&self, run: &RunId) -> Box<dyn AnyShell> {
        self.observed(run.clone(), Shell::new())
    }

    fn resume(&self, run: &Run, last_op: OpId) -> Result<Box<dyn AnyShell>> {
        Ok(self.observed(run.id.clone(), Shell::resume(run, last_op)?))
    }

    async fn perform(&self, cx: &OpContext, command: &Value) -> Result<Value> {
        encode(&self.performer.perform(cx, &decode(command)?).await?)
    }

    async fn hold(&self, cx: &OpContext, command: &Value) -> Result<()> {
        self.performer.hold(cx, &decode(command)?).await
    }

    async fn late(&self, cx: &OpContext, command: &Value, run: &Run) -> Result<()> {
        self.performer.late(cx, &decode(command)?, &decode(&run.state)?).await
    }

    fn began(&self, run: &RunId, op: OpId, command: &Value) {
        if let Ok(command) = decode(command) {
            (self.observer)(run, &Progress::Began { op, command: &command });
        }
    }

    fn stopped(&self, run: &RunId, error: &Error) {
        (self.observer)(run, &Progress::Stopped { error });
    }
}

struct Observed<M: Machine> {
    id: RunId,
    shell: Shell<M>,
    made: Option<(EventOf<M>, Step<M>)>,
    observer: Observer<M>,
}

impl<M: Machine> fmt::Debug for Observed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.shell, self.id)
    }
}

impl<M: Machine> AnyShell for Observed<M> {
    fn make(&mut self, at: UnixMillis, event: &AnyEvent) -> Result<Transition> {
        let typed = match event {
            Event::Started(start) => Event::Started(decode(start)?),
            Event::Heard { number, told } => Event::Heard { number: *number, told: decode(told)? },
            Event::Done { op, outcome } => Event::Done { op: *op, outcome: decode(outcome)? },
        };
        let step = self.shell.step(at, &typed).map_err(|difference| {
            let error = Error::new(ErrorKind::Unexpected, "make a transition").on(&self.id);
            error.because(difference.to_string()).with_source(difference)
        })?;
        let transition = step.stored(at, &typed)?;
        self.made = Some((typed, step));
        Ok(transition)
    }

    fn take(&mut self, shown: bool) {
        let Some((event, step)) = self.made.take() else { return };
        let closed = self.shell.take(step);
        let Some(state) = self.shell.state().filter(|_| shown) else { return };
        match (&event, &closed) {
            (Event::Done { op, outcome }, Some(command)) => {
                (self.observer)(&self.id, &Progress::Ended { op: *op, command, outcome, state });
            }
            (Event::Heard { .. }, _) => (self.observer)(&self.id, &Progress::Heard { event: &event, state }),
            _ => {}
        }
    }

    fn stored(&self) -> Result<Run> {
        self.shell.stored(&self.id)
    }

    fn seq(&self) -> Seq {
        self.shell.seq()
    }

    fn last_op(&self) -> OpId {
        self.shell.last_op()
    }

    fn heard(&self) -> SignalNumber {
        self.shell.heard()
    }

    fn has_ended(&self) -> bool {
        self.shell.has_ended()
    }

    fn courses(&self) -> Vec<(OpId, Course)> {
        let ops = self.shell.open().keys();
        ops.filter_map(|op| Some((*op, self.shell.course(*op)?))).collect()
    }

    fn waits(&self, op: OpId) -> bool {
        self.shell.open().get(&op).is_some_and(M::waits)
    }

    fn command(&self, op: OpId) -> Result<Value> {
        let unknown =
            || Error::new(ErrorKind::NotFound, "find an operation").on(&self.id).because(format!("{} is not open", op.0));
        encode(self.shell.open().get(&op).ok_or_else(unknown)?)
    }

    fn dropped(&self) -> Result<Value> {
        encode(&M::dropped())
    }
}

/// The machines that a host has runs of, by their names.
#[derive(Clone, Debug, Default)]
pub struct Machines(BTreeMap<&'static str, Arc<dyn Hosted>>);

impl Machines {
    /// With this one too, instead of another one of its name.
    #[must_use]
    pub fn with(mut self, machine: Arc<dyn Hosted>) -> Self {
        self.0.insert(machine.machine(), machine);
        self
    }

    /// The one of that name.
    ///
    /// # Errors
    /// `Invalid` where the host has none of that name.
    pub fn get(&self, name: &str) -> Result<&Arc<dyn Hosted>> {
        let unknown = || Error::new(ErrorKind::Invalid, "find a machine").on(name).because("this host has none of that name");
        self.0.get(name).ok_or_else(unknown)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Hosted>> {
        self.0.values()
    }
}
