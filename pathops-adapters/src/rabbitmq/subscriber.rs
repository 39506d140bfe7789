//! Who is told, in a line with all who subscribed under the name.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicQosOptions};
use lapin::types::AMQPValue;
use pathops_core::adapter::{Event, Subscriber};
use pathops_core::{Effect, Error, ErrorKind, EventId, OpContext, Result, Topic};

use super::error::unconfirmed;
use super::link::{Link, Place};
use super::session::{Delivered, Session};
use super::{ID, LANE, TRACE};
use crate::held::{Held, in_time, not_held};

#[derive(Debug)]
pub(super) struct RabbitMqSubscriber {
    link: Arc<Link>,
    place: Place,
    ack_within: Duration,
    session: Option<Session>,
    held: Held<Delivered>,
}

impl RabbitMqSubscriber {
    pub(super) fn new(link: Arc<Link>, place: Place, ack_within: Duration) -> Self {
        Self { link, place, ack_within, session: None, held: Held::new(ack_within) }
    }

    async fn wait(&mut self) -> Result<Event> {
        if let (Some(session), Some((event, delivered))) = (&self.session, self.held.again())
            && !delivered.is_given_back()
        {
            session.lease().extend();
            return Ok(event.clone());
        }
        self.held.clear();
        loop {
            let begin = || Session::begin(self.link.clone(), self.place.clone(), self.ack_within);
            match self.session.get_or_insert_with(begin).next().await {
                Some(Ok(delivered)) if delivered.is_given_back() => {}
                Some(Ok(delivered)) => return self.take(delivered).await,
                Some(Err(error)) => {
                    self.session = None;
                    return Err(error);
                }
                None => self.session = None,
            }
        }
    }

    async fn take(&mut self, delivered: Delivered) -> Result<Event> {
        match event(&self.place.topic, &delivered.delivery) {
            Some(event) => Ok(self.held.hold(event, delivered)),
            None => {
                acknowledge("pass over a message", &delivered).await?;
                let reason = "a message of this topic is no event that PathOps has published";
                Err(Error::new(ErrorKind::Corrupt, "wait for an event").on(&self.place.topic).because(reason))
            }
        }
    }

    fn extend(&self) {
        if let Some(session) = &self.session {
            session.lease().extend();
        }
    }
}

/// Says that it was handled, and waits until the server has heard of it: to an acknowledgement itself it says nothing.
async fn acknowledge(operation: &'static str, delivered: &Delivered) -> Result<()> {
    let Delivered { channel, delivery } = delivered;
    // Said once already, it is not said again.
    delivery.acker.ack(BasicAckOptions::default()).await.map_err(|e| unconfirmed(operation, e))?;
    channel.basic_qos(1, BasicQosOptions::default()).await.map_err(|e| unconfirmed(operation, e))
}

fn event(topic: &Topic, delivery: &Delivery) -> Option<Event> {
    let headers = delivery.properties.headers().as_ref()?.inner();
    let text = |name: &str| match headers.get(name)? {
        AMQPValue::LongString(value) => std::str::from_utf8(value.as_bytes()).ok(),
        _ => None,
    };
    let (id, lane) = (text(ID)?.parse().ok()?, text(LANE)?.parse().ok()?);
    let event = Event::new(id, topic.clone(), lane, delivery.data.clone()).ok()?;
    Some(event.with_trace_parent(text(TRACE)))
}

#[async_trait]
impl Subscriber for RabbitMqSubscriber {
    async fn next(&mut self, cx: &OpContext) -> Result<Event> {
        in_time(cx, "wait for an event", Effect::None, self.wait()).await
    }

    async fn ack(&mut self, cx: &OpContext, id: &EventId) -> Result<()> {
        const OPERATION: &str = "acknowledge an event";
        let Some(delivered) = self.held.to_ack(id)? else { return Ok(()) };
        if delivered.is_given_back() {
            return Err(not_held(OPERATION, id));
        }
        self.extend();
        in_time(cx, OPERATION, Effect::Unknown, async { acknowledge(OPERATION, delivered).await.map_err(|e| e.on(id)) }).await?;
        self.held.acknowledged();
        self.extend();
        Ok(())
    }

    async fn nack(&mut self, cx: &OpContext, id: &EventId) -> Result<()> {
        const OPERATION: &str = "give back an event";
        if self.held.to_nack(id)?.is_given_back() {
            return Err(not_held(OPERATION, id));
        }
        let Some(session) = self.session.take() else { return Err(not_held(OPERATION, id)) };
        in_time(cx, OPERATION, Effect::Unknown, async {
            session.end().await;
            Ok(())
        })
        .await?;
        self.held.clear();
        Ok(())
    }
}
