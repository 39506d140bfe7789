//! A consumer of a queue, and what watches that its events are acknowledged in time.

use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Consumer};
use pathops_core::adapter::Subscription;
use pathops_core::{Result, Topic};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::RabbitMq;
use super::connection::declare;
use super::error::failed;
use crate::held::now;

/// As long as it is there, its subscriber is told.
#[derive(Debug)]
pub(super) struct Link {
    deliveries: mpsc::Receiver<Delivery>,
    /// Until when what came last is to be acknowledged.
    until: watch::Sender<Option<Instant>>,
    watching: JoinHandle<()>,
}

impl Link {
    pub(super) async fn new(bus: &RabbitMq, topic: &Topic, subscription: &Subscription) -> Result<Self> {
        let channel = bus.connected.channel().await?;
        declare(&channel, &bus.exchange).await?;
        let consumer =
            consume(&channel, &bus.exchange, topic, subscription).await.map_err(|e| failed("subscribe to a topic", e))?;
        let (handed, deliveries) = mpsc::channel(1);
        let until = watch::Sender::new(None);
        let watching = tokio::spawn(watch_over(channel, consumer, handed, until.clone(), subscription.ack_within));
        Ok(Self { deliveries, until, watching })
    }

    /// Whether what comes of it, and what came, is still this subscriber's.
    pub(super) fn holds(&self) -> bool {
        !self.watching.is_finished()
    }

    pub(super) async fn next(&mut self) -> Option<Delivery> {
        self.deliveries.recv().await
    }

    /// What came last is to be acknowledged by then, or need not be any more.
    pub(super) fn hold_until(&self, until: Option<Instant>) {
        self.until.send_replace(until);
    }
}

impl Drop for Link {
    /// The channel goes with what watches it, and the server has what was not acknowledged again.
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// One event at a time, of a queue that has one consumer at a time.
async fn consume(
    channel: &Channel,
    exchange: &Topic,
    topic: &Topic,
    subscription: &Subscription,
) -> std::result::Result<Consumer, lapin::Error> {
    let mut arguments = FieldTable::default();
    let (name, options) = match &subscription.name {
        Some(name) => {
            arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            (format!("{exchange}.{topic}.{name}"), options)
        }
        None => (String::new(), QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() }),
    };
    let queue = channel.queue_declare(name.into(), options, arguments).await?;
    let (exchange, key) = (exchange.as_str().into(), topic.as_str().into());
    channel.queue_bind(queue.name().clone(), exchange, key, QueueBindOptions::default(), FieldTable::default()).await?;
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    channel.basic_consume(queue.name().clone(), "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
}

/// Hands on what comes. Where that is not acknowledged in time, the channel is closed, and the server gives it to another one.
async fn watch_over(
    channel: Channel,
    mut consumer: Consumer,
    handed: mpsc::Sender<Delivery>,
    until: watch::Sender<Option<Instant>>,
    ack_within: Duration,
) {
    let mut changed = until.subscribe();
    loop {
        let over = *changed.borrow_and_update();
        let over = async {
            match over {
                Some(over) => tokio::time::sleep_until(over).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            came = consumer.next() => {
                let Some(Ok(delivery)) = came else { return };
                until.send_replace(Some(now() + ack_within));
                if handed.send(delivery).await.is_err() {
                    return;
                }
            }
            () = over => {
                drop(channel.close(200, "an event was not acknowledged in time".into()).await);
                return;
            }
            _ = changed.changed() => {}
        }
    }
}
