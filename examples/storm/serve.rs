//! The process that is killed: it receives over standard input, answers on standard output, and handles.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_adapters::sqlite::SqliteInbox;
use pathops_adapters::system::SystemClock;
use pathops_adapters::webhook::{Secrets, Source, TokenIn};
use pathops_coordinator::gateway::{DeliveryHandler, Gateway, Limits};
use pathops_core::adapter::{Hint, StoredDelivery};
use pathops_core::{ErrorKind, OpContext, WebhookSourceName};
use tokio::sync::mpsc::channel;

use crate::sender::SECRET;

const DONE: &str = "done";

/// What was done, and how often: one line for each time.
pub(crate) fn done(folder: &Path) -> io::Result<BTreeMap<String, usize>> {
    let mut done = BTreeMap::new();
    let text = match fs::read_to_string(folder.join(DONE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(done),
        text => text?,
    };
    for line in text.lines() {
        let key = line.split_once('\t').map_or(line, |(_, key)| key);
        *done.entry(key.to_owned()).or_default() += 1;
    }
    Ok(done)
}

/// Writes down what is to be done, once for each key of idempotency. A line is one write, so that a process which is killed has
/// written it or not.
#[derive(Debug)]
struct WritesDown {
    file: Mutex<(File, BTreeSet<String>)>,
}

impl WritesDown {
    fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(DONE);
        let file = File::options().create(true).append(true).open(&path)?;
        let keys = fs::read_to_string(&path)?.lines().filter_map(|line| Some(line.split_once('\t')?.0.to_owned())).collect();
        Ok(Self { file: Mutex::new((file, keys)) })
    }
}

#[async_trait]
impl DeliveryHandler for WritesDown {
    async fn handle(&self, cx: &OpContext, it: &StoredDelivery) -> pathops_core::Result<()> {
        let what = match it.delivery.hints.first() {
            Some(Hint::AlertFiring(alert)) => format!("alert {}", alert.since),
            _ => format!("{} {}", it.delivery.source, it.delivery.key),
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.1.contains(cx.key().as_str()) {
            return Ok(());
        }
        let line = format!("{}\t{what}\n", cx.key());
        let full = |e: io::Error| pathops_core::Error::new(ErrorKind::StorageFull, "write down what was done").because(e);
        file.0.write_all(line.as_bytes()).map_err(full)?;
        file.1.insert(cx.key().as_str().to_owned());
        Ok(())
    }
}

pub(crate) fn serve(folder: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(receive(folder)).map_err(|error| io::Error::other(error.to_string()))
}

async fn receive(folder: &Path) -> Result<(), Box<dyn Error>> {
    let secrets = || Secrets::new(SECRET);
    let inbox = Arc::new(SqliteInbox::open(folder.join("inbox.db")).await?);
    let blobs = folder.join("blobs");
    fs::create_dir_all(&blobs)?;
    // A process that was killed keeps its claims until they expire, so they are short here.
    let limits = Limits { handle_within: Duration::from_secs(2), ..Limits::default() };
    let gateway = Gateway::new(inbox, Arc::new(ObjectStoreBlobs::folder(&blobs)?), Arc::new(SystemClock))
        .with_source(Arc::new(Source::github("github".parse()?, secrets()?)))
        .with_source(Arc::new(Source::gitlab("gitlab".parse()?, secrets()?)))
        .with_source(Arc::new(Source::alertmanager("alertmanager".parse()?, TokenIn::Bearer, secrets()?)))
        .with_limits(limits);
    let (gateway, handler) = (Arc::new(gateway), Arc::new(WritesDown::open(folder)?));
    let working = gateway.clone();
    tokio::spawn(async move { working.run(handler, std::future::pending()).await });
    let (hand_on, mut lines) = channel(64);
    std::thread::spawn(move || io::stdin().lines().map_while(Result::ok).try_for_each(|line| hand_on.blocking_send(line)));
    while let Some(line) = lines.recv().await {
        let gateway = gateway.clone();
        tokio::spawn(async move {
            let (number, request) = line.split_once(' ').unwrap_or_default();
            let status = answer(&gateway, request).await.unwrap_or(500);
            // Where nobody listens any more, this process is about to end.
            let _ = writeln!(io::stdout(), "{number} {status}");
        });
    }
    Ok(())
}

async fn answer(gateway: &Gateway, request: &str) -> Option<u16> {
    let (source, headers, body): (WebhookSourceName, Vec<(String, String)>, String) = serde_json::from_str(request).ok()?;
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    Some(gateway.receive(&source, &headers, body.into_bytes()).await.status())
}
