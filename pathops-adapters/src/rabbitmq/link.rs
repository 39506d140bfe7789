//! The connection that a bus and its subscribers share, and what they make on the server.

use std::fmt;
use std::time::Duration;

use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use pathops_core::adapter::Subscription;
use pathops_core::{Error, ErrorKind, Result, Topic};
use tokio::sync::Mutex;
use tokio::time::timeout_at;

use super::config::RabbitMqConfig;
use super::error::failed;
use crate::held::now;

/// How long is waited for a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a queue of a subscription without a name is there when nobody asks, at least.
const IDLE: Duration = Duration::from_secs(60);

/// A connection that is made again when it was lost, by who needs it next.
pub(super) struct Link {
    uri: AMQPUri,
    certificates: OwnedTLSConfig,
    exchange: Topic,
    kept: Duration,
    open: Mutex<Option<Open>>,
}

struct Open {
    connection: Connection,
    /// On which events are published, one after another, and confirmed.
    publisher: Option<Channel>,
}

impl Link {
    pub(super) fn new(config: &RabbitMqConfig) -> Result<Self> {
        let no_name = |e| Error::new(ErrorKind::Invalid, "connect to RabbitMQ").because(e);
        let exchange = Topic::parse(&config.exchange).map_err(no_name)?;
        let (uri, certificates) = (config.uri()?, config.certificates()?);
        Ok(Self { uri, certificates, exchange, kept: config.kept, open: Mutex::default() })
    }

    pub(super) fn exchange(&self) -> ShortString {
        self.exchange.as_str().into()
    }

    /// As many as a message can live.
    pub(super) fn kept_millis(&self) -> u32 {
        u32::try_from(self.kept.as_millis()).unwrap_or(u32::MAX)
    }

    /// A channel of one's own.
    pub(super) async fn channel(&self, operation: &'static str) -> Result<Channel> {
        let mut open = self.open.lock().await;
        let open = self.connected(&mut open).await?;
        open.connection.create_channel().await.map_err(|e| failed(operation, e))
    }

    /// The channel that all publish on. While the server lacks room, it is given to nobody: what is sent then waits in the connection.
    pub(super) async fn publisher(&self) -> Result<Channel> {
        const OPERATION: &str = "publish to RabbitMQ";
        let mut open = self.open.lock().await;
        let open = self.connected(&mut open).await?;
        if open.connection.status().blocked() {
            let full = Error::new(ErrorKind::StorageFull, OPERATION).because("the server is short of memory or disk");
            return Err(full.advise("see the alarms of the server"));
        }
        if let Some(channel) = open.publisher.as_ref().filter(|it| it.status().connected()) {
            return Ok(channel.clone());
        }
        let made = async {
            let channel = open.connection.create_channel().await?;
            self.make_exchange(&channel).await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        };
        let channel = made.await.map_err(|e| failed(OPERATION, e))?;
        Ok(open.publisher.insert(channel).clone())
    }

    async fn connected<'a>(&self, open: &'a mut Option<Open>) -> Result<&'a mut Open> {
        const OPERATION: &str = "connect to RabbitMQ";
        let live = open.take().filter(|it| it.connection.status().connected());
        let live = match live {
            Some(live) => live,
            None => {
                let properties = ConnectionProperties::default().with_connection_name("pathops".into());
                let runtime = lapin::runtime::default_runtime().map_err(|e| failed(OPERATION, e))?;
                let certificates = self.certificates.clone();
                let connecting = Connection::connect_uri_with_config(self.uri.clone(), properties, certificates, runtime);
                let late = |_| Error::new(ErrorKind::Unavailable, OPERATION).because("the server does not answer");
                let connection = timeout_at(now() + PATIENCE, connecting).await.map_err(late)?;
                Open { connection: connection.map_err(|e| failed(OPERATION, e))?, publisher: None }
            }
        };
        Ok(open.insert(live))
    }

    async fn make_exchange(&self, channel: &Channel) -> Result<(), lapin::Error> {
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        channel.exchange_declare(self.exchange(), ExchangeKind::Direct, options, FieldTable::default()).await
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address holds a password.
        f.debug_struct("Link").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// The queue of a subscription.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) topic: Topic,
    exchange: ShortString,
    queue: ShortString,
    /// After how many milliseconds without a consumer the server takes it away.
    expires: Option<u32>,
}

impl Place {
    pub(super) fn new(link: &Link, topic: &Topic, subscription: &Subscription) -> Result<Self> {
        let (name, expires) = match &subscription.name {
            Some(name) => (name.to_string(), None),
            None => {
                let no_name =
                    |e| Error::new(ErrorKind::Unexpected, "subscribe to a topic").because("no random name").with_source(e);
                // No name of a subscription begins like this.
                let name = format!("~{:016x}", getrandom::u64().map_err(no_name)?);
                let idle = IDLE.max(subscription.ack_within * 2);
                (name, Some(u32::try_from(idle.as_millis()).unwrap_or(u32::MAX)))
            }
        };
        let queue = format!("{}.{topic}.{name}", link.exchange).into();
        Ok(Self { topic: topic.clone(), exchange: link.exchange(), queue, expires })
    }

    /// Makes the queue where it is not there. From then on it takes what is published.
    pub(super) async fn make(&self, channel: &Channel) -> Result<(), lapin::Error> {
        let mut form = FieldTable::default();
        form.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        if let Some(expires) = self.expires {
            form.insert("x-expires".into(), AMQPValue::LongUInt(expires));
        }
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        channel.queue_declare(self.queue.clone(), options, form).await?;
        let (topic, options) = (self.topic.as_str().into(), QueueBindOptions::default());
        channel.queue_bind(self.queue.clone(), self.exchange.clone(), topic, options, FieldTable::default()).await
    }

    /// Lines up for its messages, of which one is under way at a time. It may have gone with the server that had it.
    pub(super) async fn consume(&self, channel: &Channel) -> Result<Consumer, lapin::Error> {
        self.make(channel).await?;
        channel.basic_qos(1, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        channel.basic_consume(self.queue.clone(), ShortString::default(), options, FieldTable::default()).await
    }
}
