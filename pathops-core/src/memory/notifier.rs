use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::adapter::{Notice, Notifier, NotifierCapabilities};
use crate::error::{Error, ErrorKind, Result};
use crate::op::{IdempotencyKey, OpContext};

/// Keeps every notice. Clones share them.
#[derive(Clone, Debug)]
pub struct MemoryNotifier {
    capabilities: NotifierCapabilities,
    delivered: Arc<Mutex<Vec<(IdempotencyKey, Notice)>>>,
}

impl Default for MemoryNotifier {
    fn default() -> Self {
        Self::new(NotifierCapabilities { people: true, text_max_chars: None })
    }
}

impl MemoryNotifier {
    /// A notifier with these capabilities, which it keeps to.
    #[must_use]
    pub fn new(capabilities: NotifierCapabilities) -> Self {
        Self { capabilities, delivered: Arc::default() }
    }

    /// What was delivered, oldest first.
    #[must_use]
    pub fn delivered(&self) -> Vec<Notice> {
        self.log().iter().map(|(_, notice)| notice.clone()).collect()
    }

    fn log(&self) -> MutexGuard<'_, Vec<(IdempotencyKey, Notice)>> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, notice: &Notice) -> Result<()> {
        if !self.capabilities.people && !notice.to.is_empty() {
            return Err(Error::unsupported("address a notice to people").on(&notice.project));
        }
        let chars = notice.text.chars().count();
        match self.capabilities.text_max_chars {
            Some(max) if chars > max => Err(Error::new(ErrorKind::Invalid, "deliver a notice")
                .on(&notice.project)
                .because(format!("its text has {chars} characters and {max} are allowed"))
                .advise("shorten it")),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Notifier for MemoryNotifier {
    fn name(&self) -> &'static str {
        "memory-notifier"
    }

    fn capabilities(&self) -> NotifierCapabilities {
        self.capabilities
    }

    async fn notify(&self, cx: &OpContext, notice: &Notice) -> Result<()> {
        self.check(notice)?;
        let mut log = self.log();
        if !log.iter().any(|(key, _)| key == cx.key()) {
            log.push((cx.key().clone(), notice.clone()));
        }
        Ok(())
    }
}
