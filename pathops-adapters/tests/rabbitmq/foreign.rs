//! What others have left on the server, through a connection of their own.

use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use pathops_adapters::rabbitmq::RabbitMq;
use pathops_core::ErrorKind;
use pathops_core::adapter::EventBus as _;

use crate::server::Server;
use crate::{cx, event, publish, subscribe, take};

async fn channel(server: &Server) -> Channel {
    let address = server.address("amqp://pathops:a-password@", "");
    let connection = Connection::connect(&address, ConnectionProperties::default()).await.unwrap();
    connection.create_channel().await.unwrap()
}

pub(crate) async fn what_is_no_event_is_passed_over(server: &Server) {
    let config = server.config();
    let bus = RabbitMq::connect(&config).await.unwrap();
    let mut subscriber = subscribe(&bus).await.unwrap();
    let (exchange, properties) = (config.exchange.as_str().into(), BasicProperties::default());
    let sent = channel(server).await.basic_publish(exchange, "a".into(), BasicPublishOptions::default(), b"x", properties).await;
    sent.unwrap().await.unwrap();
    let corrupt = subscriber.next(&cx()).await.unwrap_err();
    assert_eq!(corrupt.kind(), ErrorKind::Corrupt, "{corrupt:?}");
    publish(&bus, &["e1"]).await;
    assert_eq!(take(&mut *subscriber).await.unwrap(), "e1");
}

/// Without one active consumer events would overtake each other.
pub(crate) async fn a_queue_without_order_is_refused(server: &Server) {
    let config = server.config();
    let bus = RabbitMq::connect(&config).await.unwrap();
    let queue = format!("{}.a.one", config.exchange).into();
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel(server).await.queue_declare(queue, options, FieldTable::default()).await.unwrap();
    let refused = subscribe(&bus).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused:?}");
    bus.publish(&cx(), &event("e1")).await.unwrap();
}
