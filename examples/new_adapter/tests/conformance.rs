//! The notifier keeps the contract of its trait: each behaviour is a test of its own.

#![expect(clippy::expect_used, reason = "a fixture that cannot be set up is a defect of the test")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use new_adapter::{FileConfig, FileNotifier};
use pathops_core::adapter::{Notice, NotifierCapabilities};
use pathops_core::conformance::notifier::{NotifierFixture, NotifierWorld, trials};

const TEXT_MAX_CHARS: usize = 200;

struct Files;

#[async_trait]
impl NotifierFixture for Files {
    async fn fresh(&self) -> NotifierWorld {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("notices.jsonl");
        let notifier = FileNotifier::new(FileConfig { path: path.clone(), text_max_chars: TEXT_MAX_CHARS });
        let delivered = move || {
            let texts = texts(&path);
            async { texts }
        };
        NotifierWorld::new(Arc::new(notifier), delivered, folder)
    }
}

fn texts(path: &Path) -> Vec<String> {
    let text = |line: &str| -> String {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        let notice = line.get("notice").expect("a line holds a notice").clone();
        serde_json::from_value::<Notice>(notice).expect("a notice can be read back").text
    };
    std::fs::read_to_string(path).unwrap_or_default().lines().map(text).collect()
}

fn main() -> ExitCode {
    let mut capabilities = NotifierCapabilities::default();
    capabilities.text_max_chars = Some(TEXT_MAX_CHARS);
    libtest_mimic::run(&Arguments::from_args(), trials(Arc::new(Files), capabilities)).exit_code()
}
