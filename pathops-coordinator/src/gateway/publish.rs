//! Telling others of what has come in.

use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{Event, EventBus, StoredDelivery};
use pathops_core::{Error, ErrorKind, EventId, Lane, OpContext, Result, Topic};
use serde_json::json;

use super::DeliveryHandler;

/// Publishes that a delivery has come in, once it is in the inbox, and has another handler do what there is to do about it.
///
/// What is published says where to look and nothing of what the sender wrote: a CloudEvent 1.0 in JSON, of the type
/// [`PublishesEvents::TYPE`], with `source` and `key` of the delivery in its data, by which it is found in the inbox, its `number`,
/// its `lane`, and the digest of its `body` in the blob store. The id of the event is that of the delivery, and its lane that of the
/// delivery within its source: a bus that knows ids again tells of a delivery once, however often it is handled.
///
/// A bus that is out of reach does not keep the other handler from its work. The delivery is then handled again, as often as the
/// limits of the gateway say, and its lane waits meanwhile.
#[derive(Clone, Debug)]
pub struct PublishesEvents {
    bus: Arc<dyn EventBus>,
    topic: Topic,
    then: Option<Arc<dyn DeliveryHandler>>,
}

impl PublishesEvents {
    /// What the events are.
    pub const TYPE: &str = "pathops.webhook.received";

    /// Publishes to this topic, and does nothing else.
    #[must_use]
    pub fn new(bus: Arc<dyn EventBus>, topic: Topic) -> Self {
        Self { bus, topic, then: None }
    }

    /// Has `handler` handle each delivery, too.
    #[must_use]
    pub fn and(self, handler: Arc<dyn DeliveryHandler>) -> Self {
        Self { then: Some(handler), ..self }
    }

    fn event(&self, cx: &OpContext, stored: &StoredDelivery) -> Result<Event> {
        let StoredDelivery { number, delivery, body, received_at, .. } = stored;
        let told = json!({
            "specversion": "1.0",
            "id": delivery.key,
            "source": format!("/webhooks/{}", delivery.source),
            "type": Self::TYPE,
            "time": received_at.to_string(),
            "datacontenttype": "application/json",
            "data": {
                "source": delivery.source, "key": delivery.key, "number": number, "lane": delivery.lane, "body": body.to_string(),
            },
        });
        let unwritten = |e| Error::new(ErrorKind::Unexpected, "write an event").on(&delivery.key).with_source(e);
        let payload = serde_json::to_vec(&told).map_err(unwritten)?;
        let (id, lane) = (EventId::of(&delivery.source, delivery.key.as_str()), delivery.source.as_str());
        let event = Event::new(id, self.topic.clone(), Lane::of(lane, delivery.lane.as_str()), payload)?;
        Ok(event.with_trace_parent(cx.trace_parent()))
    }
}

#[async_trait]
impl DeliveryHandler for PublishesEvents {
    async fn handle(&self, cx: &OpContext, delivery: &StoredDelivery) -> Result<()> {
        let published = match self.event(cx, delivery) {
            Ok(event) => self.bus.publish(&cx.part("publish"), &event).await,
            Err(error) => Err(error),
        };
        if let Some(then) = &self.then {
            then.handle(cx, delivery).await?;
        }
        published
    }
}
