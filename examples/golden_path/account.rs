//! The live account on the terminal: what happens, where, and why it waits. Plain lines where it is no terminal.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pathops_coordinator::change_set::{ChangeSet, Command, Decided, End, Outcome, PullRequestRef, Role, State, explain};
use pathops_coordinator::plan::render;
use pathops_core::OpContext;
use pathops_core::UnixMillis;
use pathops_core::adapter::{Clock, Notice, Notifier, NotifierCapabilities, Readiness};
use pathops_core::flow::{Observer, Progress};
use pathops_core::policy::Verdict;
use tokio::sync::mpsc;

use crate::people::Call;

/// How a line is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Something was done.
    Done,
    /// Somebody or something is waited for.
    Wait,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// A person did something.
    Person,
}

/// Writes the account.
#[derive(Debug)]
pub(crate) struct Account {
    to_stderr: bool,
    terminal: bool,
    colour: bool,
    question: Mutex<Option<String>>,
    begun: Mutex<Option<UnixMillis>>,
}

impl Account {
    /// To standard output, or to standard error where that is for the summary in JSON.
    pub(crate) fn new(json: bool) -> Self {
        let terminal = if json { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
        let colour = terminal && pathops_examples::variable("NO_COLOR").is_none();
        Self { to_stderr: json, terminal, colour, question: Mutex::new(None), begun: Mutex::new(None) }
    }

    /// A line of its own.
    pub(crate) fn heading(&self, text: &str) {
        self.write(&format!("\n{}\n", self.paint("1", text)));
    }

    /// Text as it is.
    pub(crate) fn text(&self, text: &str) {
        self.write(text);
    }

    /// Asks a question, after what it is about. As long as it is open, it is asked again below everything else that is
    /// written; so it should fit on a line.
    pub(crate) fn ask(&self, about: &str, question: &str) -> OpenQuestion<'_> {
        self.write(&format!("\n{about}\n"));
        self.write_below(|open| {
            *open = Some(question.to_owned());
            question.to_owned()
        });
        OpenQuestion(self)
    }

    /// Something that happened to a unit.
    pub(crate) fn line(&self, at: UnixMillis, unit: &str, tone: Tone, text: &str) {
        let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(at);
        let seconds = at.since(begun).as_secs_f64();
        let (mark, colour) = match tone {
            Tone::Done => (" ", "0"),
            Tone::Wait => (".", "2"),
            Tone::Good => ("+", "32"),
            Tone::Bad => ("!", "31"),
            Tone::Person => (">", "36"),
        };
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let mut account = format!("{seconds:7.2}s {mark} {unit:<9} {}\n", self.paint(colour, first));
        for line in lines {
            account.push_str(&format!("{:22}{}\n", "", self.paint(colour, line)));
        }
        self.write(&account);
    }

    /// A change set begins.
    pub(crate) fn declared(&self, state: &State) {
        let request = &state.start.request;
        self.heading(&format!("{} asks: {}", request.requested_by, request.title));
        self.text(&format!("{}\n\n", request.text));
        // The plan's own first line repeats title and requester.
        let plan = render(&state.start.plan);
        let plan = plan.split_once("\n\n").map_or(plan.as_str(), |(_, rest)| rest);
        self.text(&format!("Change set {}\n\n{plan}\n", state.start.change_set));
    }

    /// A change set has ended.
    pub(crate) fn ended(&self, state: &State) {
        let title = &state.start.request.title;
        let text = match state.end {
            Some(End::Live) => format!("{title}: in production"),
            Some(End::Recovered) => format!("{title}: refused, and everything is back to what it was"),
            Some(End::Cancelled) => format!("{title}: cancelled before anything of it was anywhere"),
            Some(End::Incomplete) | None => format!("{title}: stopped, and people have to look after what is left"),
        };
        self.heading(&text);
        if let Some(failure) = &state.failure {
            self.text(&format!("Why: {} did not pass: {}\n", failure.unit, failure.reason));
        }
        for remark in &state.remarks {
            self.text(&format!("Note: {remark}\n"));
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour && code != "0" { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn write(&self, text: &str) {
        self.write_below(|open| above(text, open.as_deref(), self.terminal));
    }

    /// Writes what is made of the open question. Whoever writes at the same moment waits, so that nothing comes between.
    fn write_below(&self, make: impl FnOnce(&mut Option<String>) -> String) {
        let mut open = self.question.lock().unwrap_or_else(PoisonError::into_inner);
        let text = make(&mut open);
        // What cannot be shown holds up nothing: the reader may have closed the pipe.
        let _ = if self.to_stderr {
            std::io::stderr().write_all(text.as_bytes())
        } else {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        };
    }
}

/// A question that waits for its answer, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenQuestion<'a>(&'a Account);

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        *self.0.question.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A text above an open question: on a terminal it takes the question's place.
fn above(text: &str, question: Option<&str>, terminal: bool) -> String {
    match question {
        None => text.to_owned(),
        Some(question) => format!("{}{}\n{question}", if terminal { "\r\x1b[K" } else { "\n" }, text.trim_end_matches('\n')),
    }
}

/// Says on standard error why the example ends.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Notices of the control plane need no line of their own here: the account says the same. They are taken, as a host
/// with a chat would take them.
#[async_trait]
impl Notifier for Account {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn capabilities(&self) -> NotifierCapabilities {
        NotifierCapabilities::default()
    }

    async fn notify(&self, _: &OpContext, _: &Notice) -> pathops_core::Result<()> {
        Ok(())
    }
}

/// Turns what happens in a run into lines, and calls for people where they are needed.
pub(crate) struct Told {
    pub(crate) account: Arc<Account>,
    pub(crate) tell: mpsc::UnboundedSender<Call>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Told {
    /// What the control plane calls.
    pub(crate) fn observer(self) -> Observer<ChangeSet> {
        Arc::new(move |_, progress| match progress {
            Progress::Began { command, .. } => self.began(command),
            Progress::Ended { command, outcome, .. } => self.ended(command, outcome),
            Progress::Stopped { error } => {
                self.account.line(self.clock.now(), "", Tone::Bad, &format!("it cannot go on: {error}"))
            }
            _ => {}
        })
    }

    fn began(&self, command: &Command) {
        if let Some(call) = Call::of(command) {
            // Nobody listens any more once the example ends.
            let _ = self.tell.send(call);
        }
        if let (Some(unit), Some(text)) = (command.unit(), wait(command)) {
            self.account.line(self.clock.now(), unit.as_str(), Tone::Wait, &text);
        }
    }

    fn ended(&self, command: &Command, outcome: &Outcome) {
        let unit = command.unit().map_or("", |unit| unit.as_str());
        if let Some((tone, text)) = told(command, outcome) {
            self.account.line(self.clock.now(), unit, tone, &text);
        }
    }
}

/// What is waited for, where somebody may wonder.
fn wait(command: &Command) -> Option<String> {
    match command {
        Command::Build { repo, commit, .. } => Some(format!("CI runs ci/run of {repo} at {}", short(commit.as_str()))),
        Command::Work { pull_request, patch: None, .. } => {
            Some(format!("waits for somebody to push the work to {} of {}", pull_request.branch, pull_request.repo))
        }
        Command::AwaitMerge { role, pull_request, .. } => {
            Some(format!("waits for people to merge {}", name(*role, pull_request)))
        }
        Command::Observe { target, .. } => {
            Some(format!("waits until exactly this is live and healthy in {}", target.environment))
        }
        Command::Promote { role, pull_request, until_merged: true, .. } => {
            Some(format!("waits for people to merge {}", name(*role, pull_request)))
        }
        Command::Promote { role, pull_request, .. } => Some(format!("waits for an approval of {}", name(*role, pull_request))),
        _ => None,
    }
}

/// What is said of the end of an operation.
pub(crate) fn told(command: &Command, outcome: &Outcome) -> Option<(Tone, String)> {
    let text = match (command, outcome) {
        (_, Outcome::Dropped) => return None,
        (_, Outcome::Failed { reason } | Outcome::BuildFailed { reason, .. }) => return Some((Tone::Bad, reason.clone())),
        (_, Outcome::Overdue) => return Some((Tone::Bad, "it takes longer than this host waits".to_owned())),
        (_, Outcome::Closed { by }) => return Some((Tone::Bad, format!("{by} closed the pull request"))),
        (Command::Announce { role, .. }, Outcome::Opened(opened)) => format!("opened {}", name(*role, opened)),
        (Command::Propose { role, .. }, Outcome::Proposed { pull_request: opened, .. }) => {
            format!("opened {}, with the decision in it", name(*role, opened))
        }
        (Command::Revert { .. }, Outcome::Opened(opened)) => {
            format!("opened {}: the files as they were before", name(Role::Recovery, opened))
        }
        (Command::Work { pull_request, patch: None, .. }, Outcome::Pushed { head, .. }) => {
            format!("{} was pushed to {}", short(head.as_str()), pull_request.branch)
        }
        (Command::Work { pull_request, .. }, Outcome::Pushed { head, .. }) => {
            format!("the agent's change passed the gate and was pushed to {} as {}", pull_request.branch, short(head.as_str()))
        }
        (_, Outcome::Built { built, remarks, .. }) => {
            let remarks = if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join("; ")) };
            format!("built and tested: artifact {}, not promotable yet{remarks}", built.artifact.digest.short())
        }
        (_, Outcome::Merged { by, state, .. }) => format!("{by} merged it: {}", short(state.commit.as_str())),
        (Command::Stage { target, pull_request, .. }, Outcome::Staged { .. }) => {
            format!("{} asks for it in {}", name(Role::Preflight, pull_request), target.environment)
        }
        (Command::Observe { target, .. }, Outcome::Observed(observation)) => match &observation.readiness {
            Readiness::Ready => {
                let url = observation.url.as_deref().unwrap_or("no address");
                let checks: usize = observation.jobs.iter().map(|job| job.checks.len()).sum();
                return Some((
                    Tone::Good,
                    format!(
                        "live and healthy in {} at {url}; {checks} checks of {} jobs passed",
                        target.environment,
                        observation.jobs.len()
                    ),
                ));
            }
            readiness => {
                return Some((
                    Tone::Bad,
                    format!("not ready in {}: {}", target.environment, explain(readiness, &observation.jobs)),
                ));
            }
        },
        (Command::Collect { .. }, Outcome::Collected { evidence, snapshot, .. }) => {
            format!("{} pieces of evidence signed, and a snapshot of it all ({})", evidence.len(), snapshot.id.0.short())
        }
        (_, Outcome::Granted(passed)) => return Some(decision(&passed.decided)),
        (_, Outcome::Refused(decided)) => return Some(decision(decided)),
        (_, Outcome::TakenBack { reason }) => return Some((Tone::Bad, format!("what was granted is taken back: {reason}"))),
        (Command::Close { pull_requests, .. }, Outcome::Settled { left, .. }) => {
            let closed = format!("none of its {} pull requests can be merged any more", pull_requests.len());
            [&[closed], left.as_slice()].concat().join("; ")
        }
        (_, Outcome::Unproven { reason, .. }) => return Some((Tone::Bad, reason.clone())),
        (_, Outcome::Refreshed { evidence }) => format!("looked at preflight again: {} newer pieces of evidence", evidence.len()),

        _ => return None,
    };
    Some((Tone::Done, text))
}

fn decision(decided: &Decided) -> (Tone, String) {
    let tone = if decided.decision.verdict == Verdict::Pass { Tone::Good } else { Tone::Bad };
    (tone, decided.decision.to_text())
}

fn name(role: Role, pull_request: &PullRequestRef) -> String {
    format!("{role} pull request {}{}", pull_request.repo, pull_request.number)
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_question_stays_below_what_is_written() {
        assert_eq!(above("a line\n", None, true), "a line\n");
        assert_eq!(above("a line\n", Some("merge? "), true), "\r\x1b[Ka line\nmerge? ");
        assert_eq!(above("two\nlines\n", Some("merge? "), false), "\ntwo\nlines\nmerge? ");
    }

    #[test]
    fn a_question_is_open_until_it_is_answered() {
        let account = Account::new(true);
        let asked = account.ask("a change", "merge? ");
        assert_eq!(account.question.lock().unwrap().as_deref(), Some("merge? "));
        drop(asked);
        assert_eq!(*account.question.lock().unwrap(), None);
    }
}
