//! How this host tells people something. An adapter like any other: a trait with three methods.

use async_trait::async_trait;
use pathops_core::OpContext;
use pathops_core::adapter::{Notice, Notifier, NotifierCapabilities};
use tokio::sync::mpsc;

/// Tells people something.
#[derive(Debug)]
pub(crate) struct Chat(pub(crate) mpsc::UnboundedSender<Notice>);

#[async_trait]
impl Notifier for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn capabilities(&self) -> NotifierCapabilities {
        NotifierCapabilities::default()
    }

    async fn notify(&self, _: &OpContext, notice: &Notice) -> pathops_core::Result<()> {
        // Nobody reads along any more once the host stops.
        let _ = self.0.send(notice.clone());
        Ok(())
    }
}
