//! Where alarms come from, and where they wait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    Admitted, AlertHint, Busy, Claim, Delivery, DeliveryNumber, DeliveryState, Hint, Inbox, InboxCapabilities, InboxQuery,
    NewDelivery, Rejection, SenderLaw, Settlement, StoredDelivery, WebhookRequest, WebhookSource,
};
use pathops_core::{Lane, OpContext, Result, UnixMillis, WebhookSourceName};

use super::Watched;
use crate::alarms::{TOKEN, source};
use crate::bug::Bug;
use crate::lens::Lens;

/// The one sender of alarms.
#[derive(Debug)]
pub(crate) struct Sender {
    name: WebhookSourceName,
    lens: Arc<Lens>,
}

impl Sender {
    pub(crate) fn new(lens: &Arc<Lens>) -> Self {
        Self { name: source(), lens: lens.clone() }
    }
}

impl WebhookSource for Sender {
    fn name(&self) -> &WebhookSourceName {
        &self.name
    }

    fn law(&self) -> SenderLaw {
        SenderLaw {
            max_body_bytes: 1 << 20,
            answer_within: Duration::from_secs(10),
            busy: Busy { status: 503, retry_after: None },
            repeats: true,
            gives_up_after: None,
        }
    }

    fn receive<'r>(&self, request: &WebhookRequest<'r>) -> std::result::Result<Delivery, Rejection> {
        if request.required("authorization")? != TOKEN && !self.lens.has(Bug::SourceBelievesAnybody) {
            return Err(Rejection::Unauthentic);
        }
        let alert: AlertHint = serde_json::from_slice(request.body()).unwrap();
        let (key, lane) = (alert.fingerprint.as_str().parse().unwrap(), Lane::of("alert", alert.subject.as_str()));
        Ok(Delivery { source: self.name.clone(), key, lane, hints: vec![Hint::AlertFiring(alert)] })
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Inbox for Watched<dyn Inbox> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> InboxCapabilities {
        self.inner.capabilities()
    }

    async fn admit(&self, cx: &OpContext, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>> {
        let keys: Vec<_> = deliveries.iter().map(|it| it.delivery.key.as_str()).collect();
        let keys = keys.join(", ");
        if self.lens.has_now(Bug::InboxLosesADelivery, 500) {
            let lost = Ok(vec![Admitted::New; deliveries.len()]);
            return self.lens.write(cx, "store a delivery", keys, std::future::ready(lost)).await;
        }
        let admitted = self.lens.write(cx, "store a delivery", keys, self.inner.admit(cx, deliveries)).await?;
        self.lens.done("store a delivery").await;
        Ok(admitted)
    }

    async fn claim(&self, cx: &OpContext, now: UnixMillis, ttl: Duration, limit: usize) -> Result<Vec<Claim>> {
        // Looked for every second: not worth a line each.
        let mut claims = self.lens.silently(self.inner.claim(cx, now, ttl, limit)).await?;
        if self.lens.has(Bug::InboxGivesOutWhatWasHandled) {
            let all = self.inner.find(cx, &InboxQuery::default(), limit).await?;
            let handled = all.into_iter().filter(|it| it.state == DeliveryState::Handled);
            claims.extend(handled.map(|delivery| Claim { delivery, fence: 0, expires_at: now + ttl }));
        }
        Ok(claims)
    }

    async fn settle(&self, cx: &OpContext, claim: &Claim, settlement: &Settlement) -> Result<()> {
        let key = &claim.delivery.delivery.key;
        self.lens.write(cx, "settle a delivery", key, self.inner.settle(cx, claim, settlement)).await?;
        self.lens.done("settle a delivery").await;
        Ok(())
    }

    async fn find(&self, cx: &OpContext, query: &InboxQuery, limit: usize) -> Result<Vec<StoredDelivery>> {
        self.lens.read("look for deliveries", "the inbox", self.inner.find(cx, query, limit)).await
    }

    async fn replay(&self, cx: &OpContext, numbers: &[DeliveryNumber]) -> Result<u64> {
        let replayed =
            self.lens.write(cx, "have deliveries handled again", numbers.len(), self.inner.replay(cx, numbers)).await?;
        self.lens.done("have deliveries handled again").await;
        Ok(replayed)
    }
}
