//! A storm of webhooks on a gateway that is killed again and again: nothing is lost, and nothing has its effect twice.
//!
//! `cargo run --release --example storm -- --deliveries N` sends N webhooks of GitHub, GitLab and Alertmanager, three in ten
//! of them copies and all in any order, to a process that receives, stores and handles them, over SQLite and a folder of blobs; kills it
//! with SIGKILL at random moments; and sends again what was not acknowledged, as each sender would: Alertmanager by itself, what
//! GitHub and GitLab do not send again by themselves is just sent again, as after a sweep. Then it compares what was done with what was sent.
//!
//! Exit codes: 0 everything was done once, 1 something was lost or done twice, 2 it could not be tried.

mod sender;
mod serve;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clap::Parser;

use sender::{Dice, Sent};

/// How many webhooks are on their way at once.
const WINDOW: usize = 64;

/// How long it is waited for something to be done.
const PATIENCE: Duration = Duration::from_secs(120);

/// A storm of webhooks on a gateway that is killed again and again.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many webhooks are sent, copies among them.
    #[arg(long, default_value_t = 50_000)]
    deliveries: usize,
    /// How often the gateway is killed.
    #[arg(long, default_value_t = 100)]
    kills: usize,
    /// What decides on order, copies and moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Receives webhooks over standard input and output, and keeps them in this folder. For this program itself.
    #[arg(long, hide = true)]
    serve: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.serve {
        Some(folder) => serve::serve(folder).map(|()| true),
        None => storm(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "storm: {error}");
            ExitCode::from(2)
        }
    }
}

/// The process that receives.
struct Gateway {
    process: Child,
    answers: Receiver<String>,
}

impl Gateway {
    fn start(folder: &Path) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.arg("--serve").arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (tell, answers) = channel();
        let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        std::thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Ok(Self { process, answers })
    }

    /// Where it has ended, it is not told, as a sender is not.
    fn send(&mut self, number: usize, it: &Sent) {
        if let Some(input) = &mut self.process.stdin {
            let _ = writeln!(input, "{number} {}", it.line);
        }
    }

    /// The number of a webhook and what it was answered; `None` where nothing more comes.
    fn answer(&self) -> io::Result<Option<(usize, u16)>> {
        let line = match self.answers.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => return Err(io::Error::other("the gateway does not answer any more")),
        };
        let mut words = line.split(' ');
        let (number, status) = (words.next().and_then(|it| it.parse().ok()), words.next().and_then(|it| it.parse().ok()));
        number.zip(status).map(Some).ok_or_else(|| io::Error::other(format!("the gateway says `{line}`")))
    }

    fn kill(&mut self) -> io::Result<()> {
        self.process.kill()?;
        self.process.wait().map(drop)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It has ended where this fails.
        let _ = self.kill();
    }
}

/// What the senders have to tell.
#[derive(Default)]
struct Tally {
    acknowledged: usize,
    answers: Vec<Duration>,
    unanswered: usize,
    /// What its sender does not send again by itself.
    swept_for: Vec<usize>,
}

#[expect(clippy::disallowed_methods, reason = "a program measures its own time")]
fn storm(arguments: &Arguments) -> io::Result<bool> {
    let folder = tempfile::tempdir()?;
    let mut dice = Dice::new(arguments.seed);
    let sent = sender::all(arguments.deliveries, &mut dice);
    let (mut kills, mut tally, begun) = (0, Tally::default(), Instant::now());
    let mut queue: VecDeque<usize> = (0..sent.len()).collect();
    let every = (sent.len() / (arguments.kills + 1)).max(1);
    while !queue.is_empty() {
        let lives_for = (kills < arguments.kills).then(|| 1 + dice.below(2 * every));
        let mut gateway = Gateway::start(folder.path())?;
        live(&mut gateway, &sent, &mut queue, lives_for, &mut tally)?;
        if lives_for.is_some() {
            gateway.kill()?;
            kills += 1;
        }
        if queue.is_empty() {
            queue.extend(std::mem::take(&mut tally.swept_for));
        }
    }
    let stored = begun.elapsed();
    let expected: BTreeSet<String> = sent.iter().map(|it| it.key.clone()).collect();
    let done = finish(folder.path(), expected.len())?;
    let lost = expected.iter().filter(|key| !done.contains_key(*key)).count();
    let twice = done.values().filter(|times| **times > 1).count();
    let strange = done.keys().filter(|key| !expected.contains(*key)).count();
    tally.answers.sort();
    let p99 = tally.answers.get(tally.answers.len() * 99 / 100).copied().unwrap_or_default();
    let rate = f64::from(u32::try_from(tally.acknowledged).unwrap_or(u32::MAX)) / stored.as_secs_f64();
    writeln!(
        io::stdout(),
        "{} webhooks, {} different, {kills} kills: {} acknowledged, {} not answered, {rate:.0} a second, acknowledged in {} ms (p99)\n\
         lost {lost}, done twice {twice}, never sent {strange}",
        sent.len(),
        expected.len(),
        tally.acknowledged,
        tally.unanswered,
        p99.as_millis(),
    )?;
    Ok(lost + twice + strange == 0)
}

/// One life of the gateway: it ends after so many answers, or where all was answered.
#[expect(clippy::disallowed_methods, reason = "a program measures its own time")]
fn live(
    gateway: &mut Gateway,
    sent: &[Sent],
    queue: &mut VecDeque<usize>,
    lives_for: Option<usize>,
    tally: &mut Tally,
) -> io::Result<()> {
    let mut on_the_way: BTreeMap<usize, Instant> = BTreeMap::new();
    let mut answered = 0;
    while lives_for.is_none_or(|lives_for| answered < lives_for) {
        while on_the_way.len() < WINDOW
            && let Some(number) = queue.pop_front()
        {
            if let Some(it) = sent.get(number) {
                on_the_way.insert(number, Instant::now());
                gateway.send(number, it);
            }
        }
        if on_the_way.is_empty() {
            return Ok(());
        }
        let Some((number, status)) = gateway.answer()? else { break };
        answered += 1;
        if let Some(since) = on_the_way.remove(&number) {
            tally.answers.push(since.elapsed());
            if status == 202 { tally.acknowledged += 1 } else { again(number, sent, queue, tally) }
        }
    }
    for number in on_the_way.into_keys() {
        tally.unanswered += 1;
        again(number, sent, queue, tally);
    }
    Ok(())
}

fn again(number: usize, sent: &[Sent], queue: &mut VecDeque<usize>, tally: &mut Tally) {
    match sent.get(number).is_some_and(|it| it.repeats) {
        true => queue.push_back(number),
        false => tally.swept_for.push(number),
    }
}

/// Lets the gateway handle what it has, and answers how often each thing was done.
#[expect(clippy::disallowed_methods, reason = "a program waits for another one")]
fn finish(folder: &Path, expected: usize) -> io::Result<BTreeMap<String, usize>> {
    let _gateway = Gateway::start(folder)?;
    let begun = Instant::now();
    loop {
        let done = serve::done(folder)?;
        if done.len() >= expected || begun.elapsed() > PATIENCE {
            return Ok(done);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
