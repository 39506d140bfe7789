//! The adapter.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pathops_core::adapter::{Notice, Notifier, NotifierCapabilities};
use pathops_core::{Error, ErrorKind, OpContext, Result};
use serde_json::{Value, json};

use crate::config::FileConfig;
use crate::error::{damaged, interrupted, unreadable, unwritten};

/// Appends notices to a file, for one process at a time. Clones write to the same file, one after the other.
///
/// The file is its memory: a key that is in it was delivered, also before a restart.
#[derive(Clone, Debug)]
pub struct FileNotifier {
    config: FileConfig,
    turn: Arc<Mutex<()>>,
}

impl FileNotifier {
    /// A notifier with this configuration. Nothing is touched before the first notice.
    #[must_use]
    pub fn new(config: FileConfig) -> Self {
        Self { config, turn: Arc::default() }
    }

    fn check(&self, notice: &Notice) -> Result<()> {
        if !notice.to.is_empty() {
            return Err(Error::unsupported("address a notice to people").on(&notice.project));
        }
        let (chars, max) = (notice.text.chars().count(), self.config.text_max_chars);
        if chars > max {
            let error = Error::new(ErrorKind::Invalid, "append a notice").on(&notice.project);
            return Err(error.because(format!("its text has {chars} characters and {max} are allowed")).advise("shorten it"));
        }
        Ok(())
    }

    /// Appends a line unless one with its key is there.
    fn deliver(&self, key: &str, line: &Value) -> Result<()> {
        let path = &self.config.path;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut file, text) = open(path).map_err(|error| unreadable(path, error))?;
        let whole = whole_lines(&text);
        if has(path, whole, key)? {
            return Ok(());
        }
        append(&mut file, whole.len(), line).map_err(|error| unwritten(path, error))
    }
}

#[async_trait]
impl Notifier for FileNotifier {
    fn name(&self) -> &'static str {
        "file-notifier"
    }

    fn capabilities(&self) -> NotifierCapabilities {
        let mut capabilities = NotifierCapabilities::default();
        capabilities.text_max_chars = Some(self.config.text_max_chars);
        capabilities
    }

    async fn notify(&self, cx: &OpContext, notice: &Notice) -> Result<()> {
        self.check(notice)?;
        let (notifier, key) = (self.clone(), cx.key().as_str().to_owned());
        let line = json!({"key": key, "notice": notice});
        let work = tokio::task::spawn_blocking(move || notifier.deliver(&key, &line));
        work.await.unwrap_or_else(|_| Err(interrupted(&self.config.path)))
    }
}

fn open(path: &Path) -> io::Result<(File, String)> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((file, text))
}

/// What stands after the last line break was torn off by a crash: it was never acknowledged, so it does not count.
fn whole_lines(text: &str) -> &str {
    text.rsplit_once('\n').map_or("", |(whole, _)| text.get(..=whole.len()).unwrap_or(text))
}

fn has(path: &Path, lines: &str, key: &str) -> Result<bool> {
    for (number, line) in (1..).zip(lines.lines()) {
        let line: Value = serde_json::from_str(line).map_err(|_| damaged(path, number))?;
        if line.get("key").and_then(Value::as_str) == Some(key) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn append(file: &mut File, after: usize, line: &Value) -> io::Result<()> {
    file.set_len(u64::try_from(after).map_err(io::Error::other)?)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use pathops_core::IdempotencyKey;
    use pathops_core::adapter::Importance;

    use super::*;

    fn notice(text: &str) -> Notice {
        let (project, text) = ("shop".parse().unwrap(), text.to_owned());
        Notice { project, change_set: None, importance: Importance::Info, to: Vec::new(), text }
    }

    async fn notify(path: &Path, key: &str) -> Result<()> {
        let notifier = FileNotifier::new(FileConfig { path: path.to_owned(), text_max_chars: 80 });
        notifier.notify(&OpContext::new(IdempotencyKey::new(key)), &notice(key)).await
    }

    #[tokio::test]
    async fn keys_are_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notices.jsonl");
        for key in ["one", "one", "two"] {
            notify(&path, key).await.unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    }

    #[tokio::test]
    async fn a_line_torn_by_a_crash_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notices.jsonl");
        notify(&path, "one").await.unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{{\"key\": \"tw")).unwrap();
        notify(&path, "two").await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&whole) && text.lines().count() == 2, "{text}");
    }

    #[tokio::test]
    async fn errors_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let missing = notify(&folder.path().join("nobody/made/this.jsonl"), "one").await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert!(missing.to_string().ends_with("make the folder"), "{missing}");
        let damaged = folder.path().join("notices.jsonl");
        std::fs::write(&damaged, "not a notice\n").unwrap();
        assert_eq!(notify(&damaged, "one").await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
