//! The connection, which is made again where it was lost.

use lapin::options::{ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use pathops_core::{Error, ErrorKind, Result, Topic};
use tokio::sync::Mutex;

use super::error::failed;

const CONNECT: &str = "connect to RabbitMQ";

/// How often server and client tell each other that they are there, in seconds, unless the address says otherwise.
const HEARTBEAT: u16 = 10;

pub(super) struct Connected {
    address: AMQPUri,
    connection: Mutex<Option<Connection>>,
    /// One on which the server confirms what it has, and the exchange that is there.
    publisher: Mutex<Option<(Channel, Topic)>>,
}

impl Connected {
    pub(super) fn new(address: &str) -> Result<Self> {
        let invalid = |_| {
            let invalid = Error::new(ErrorKind::Invalid, CONNECT).because("what is given is no address of a server");
            invalid.advise("write it as amqps://user:password@host/vhost")
        };
        let mut address: AMQPUri = address.parse().map_err(invalid)?;
        address.query.heartbeat = address.query.heartbeat.or(Some(HEARTBEAT));
        Ok(Self { address, connection: Mutex::default(), publisher: Mutex::default() })
    }

    /// A channel of one's own.
    pub(super) async fn channel(&self) -> Result<Channel> {
        let mut connection = self.connection.lock().await;
        let there = match connection.take() {
            Some(there) if there.status().connected() => there,
            _ => {
                let properties = ConnectionProperties::default().with_connection_name("pathops".into());
                Connection::connect_uri(self.address.clone(), properties).await.map_err(|e| failed(CONNECT, e))?
            }
        };
        connection.insert(there).create_channel().await.map_err(|e| failed(CONNECT, e))
    }

    /// The channel that all publish on, with this exchange.
    pub(super) async fn publisher(&self, exchange: &Topic) -> Result<Channel> {
        let mut publisher = self.publisher.lock().await;
        if let Some((channel, declared)) = publisher.as_ref()
            && channel.status().connected()
            && declared == exchange
        {
            return Ok(channel.clone());
        }
        let channel = self.channel().await?;
        declare(&channel, exchange).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(|e| failed("publish an event", e))?;
        *publisher = Some((channel.clone(), exchange.clone()));
        Ok(channel)
    }
}

/// Makes the exchange where it is not there.
pub(super) async fn declare(channel: &Channel, exchange: &Topic) -> Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let name = exchange.as_str().into();
    let declared = channel.exchange_declare(name, ExchangeKind::Direct, durable, FieldTable::default()).await;
    declared.map_err(|e| failed("make the exchange of events", e).on(exchange))
}
