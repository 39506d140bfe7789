//! Who is told, and how far that has got.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{Event, Subscriber};
use pathops_core::{Effect, Error, ErrorKind, EventId, OpContext, Result, SubscriptionName, Topic};
use sqlx::{query, query_as, query_scalar};

use super::super::database::{Database, in_time};
use super::super::error::unsettled;
use super::Shared;
use crate::call::Call;

/// Number, id, lane, payload, trace.
type EventRow = (i64, String, String, Vec<u8>, Option<String>);

/// Where a subscriber is in its topic.
#[derive(Debug)]
pub(super) enum Place {
    /// In the row of this name, as this holder.
    Name(SubscriptionName, i64),
    /// After this event.
    After(i64),
}

impl Place {
    pub(super) async fn begin(call: &Call, database: &Database, topic: &Topic, name: Option<&SubscriptionName>) -> Result<Self> {
        let failed = |e| unsettled(call, e);
        let Some(name) = name else {
            let last = "SELECT coalesce(max(last), 0) FROM pathops_topics WHERE topic = $1";
            let last = query_scalar(last).bind(topic.as_str()).fetch_one(&database.pool).await;
            return last.map(Place::After).map_err(failed);
        };
        let make = "INSERT INTO pathops_subscriptions (topic, name, after) \
                    SELECT $1, $2, coalesce(max(last), 0) FROM pathops_topics WHERE topic = $1 ON CONFLICT (topic, name) DO NOTHING";
        query(make).bind(topic.as_str()).bind(name.as_str()).execute(&database.pool).await.map_err(failed)?;
        let holder = query_scalar("SELECT nextval('pathops_subscribers')").fetch_one(&database.pool).await;
        Ok(Place::Name(name.clone(), holder.map_err(failed)?))
    }
}

#[derive(Debug)]
pub(super) struct PostgresSubscriber {
    shared: Arc<Shared>,
    topic: Topic,
    place: Place,
    ack_within: Duration,
    /// What was given last, unless it was given back: its number, its id, and whether it was acknowledged.
    held: Option<(i64, EventId, bool)>,
}

impl PostgresSubscriber {
    pub(super) fn new(shared: Arc<Shared>, topic: Topic, place: Place, ack_within: Duration) -> Self {
        Self { shared, topic, place, ack_within, held: None }
    }

    /// The next event, where there is one and nobody else holds it.
    async fn take(&self, call: &Call) -> Result<Option<EventRow>> {
        let database = &self.shared.database;
        let taken = match &self.place {
            Place::Name(name, holder) => {
                let take = "WITH free AS (SELECT after FROM pathops_subscriptions WHERE topic = $1 AND name = $2 \
                            AND (held_until IS NULL OR held_until <= clock_timestamp() OR holder = $3) FOR UPDATE SKIP LOCKED), \
                            first AS (SELECT it.number, it.id, it.lane, it.payload, it.trace_parent FROM pathops_events AS it, free \
                            WHERE it.topic = $1 AND it.number > free.after ORDER BY it.number LIMIT 1), \
                            held AS (UPDATE pathops_subscriptions AS it SET holder = $3, \
                            held_until = clock_timestamp() + make_interval(secs => $4) FROM first \
                            WHERE it.topic = $1 AND it.name = $2 RETURNING it.holder) SELECT first.* FROM first, held";
                let take = query_as(take).bind(self.topic.as_str()).bind(name.as_str()).bind(holder);
                take.bind(self.ack_within.as_secs_f64()).fetch_optional(&database.pool).await
            }
            Place::After(after) => {
                let next = "SELECT number, id, lane, payload, trace_parent FROM pathops_events \
                            WHERE topic = $1 AND number > $2 ORDER BY number LIMIT 1";
                query_as(next).bind(self.topic.as_str()).bind(after).fetch_optional(&database.pool).await
            }
        };
        taken.map_err(|e| call.failed(e))
    }

    fn event(&self, call: &Call, id: &str, lane: &str, payload: Vec<u8>, trace_parent: Option<&str>) -> Result<Event> {
        let id = EventId::parse(id).map_err(|e| call.corrupt("the id of an event", e))?;
        let lane = lane.parse().map_err(|e: pathops_core::IdError| call.corrupt("the lane of an event", e))?;
        let event = Event::new(id, self.topic.clone(), lane, payload).map_err(|e| call.corrupt("the payload of an event", e))?;
        Ok(event.with_trace_parent(trace_parent))
    }

    async fn wait(&mut self, call: &Call) -> Result<Event> {
        let shared = self.shared.clone();
        loop {
            let heard = shared.bell.heard();
            if let Some((number, id, lane, payload, trace_parent)) = self.take(call).await? {
                match self.event(call, &id, &lane, payload, trace_parent.as_deref()) {
                    Ok(event) => {
                        self.held = Some((number, event.id().clone(), false));
                        return Ok(event);
                    }
                    Err(corrupt) => {
                        self.release(call, Some(number)).await?;
                        return Err(corrupt);
                    }
                }
            }
            shared.bell.rung(&shared.database, heard).await;
        }
    }

    /// Lets go of what is held, and goes on after this number where it was handled. Answers whether it was still held.
    async fn release(&mut self, call: &Call, handled: Option<i64>) -> Result<bool> {
        let (name, holder) = match &mut self.place {
            Place::Name(name, holder) => (name, *holder),
            Place::After(after) => {
                *after = handled.unwrap_or(*after);
                return Ok(true);
            }
        };
        let release = "UPDATE pathops_subscriptions SET held_until = NULL, after = greatest(after, $4) \
                       WHERE topic = $1 AND name = $2 AND holder = $3";
        let release = query(release).bind(self.topic.as_str()).bind(name.as_str()).bind(holder).bind(handled.unwrap_or(0));
        let released = release.execute(&self.shared.database.pool).await.map_err(|e| unsettled(call, e))?;
        Ok(released.rows_affected() > 0)
    }
}

fn not_held(call: &Call) -> Error {
    call.refused(ErrorKind::Conflict, "it is not held, or was not acknowledged in time and went to another subscriber")
}

#[async_trait]
impl Subscriber for PostgresSubscriber {
    async fn next(&mut self, cx: &OpContext) -> Result<Event> {
        let call = self.shared.database.call("wait for an event", &self.topic);
        in_time(cx, &call, self.wait(&call)).await.map_err(|e| e.with_effect(Effect::None))
    }

    async fn ack(&mut self, cx: &OpContext, id: &EventId) -> Result<()> {
        let call = self.shared.database.call("acknowledge an event", id);
        let number = match &self.held {
            Some((_, held, true)) if held == id => return Ok(()),
            Some((number, held, false)) if held == id => *number,
            _ => return Err(not_held(&call)),
        };
        if !in_time(cx, &call, self.release(&call, Some(number))).await? {
            return Err(not_held(&call));
        }
        self.held = Some((number, id.clone(), true));
        Ok(())
    }

    async fn nack(&mut self, cx: &OpContext, id: &EventId) -> Result<()> {
        let call = self.shared.database.call("give back an event", id);
        if !self.held.as_ref().is_some_and(|(_, held, acknowledged)| held == id && !acknowledged) {
            return Err(not_held(&call));
        }
        if !in_time(cx, &call, self.release(&call, None)).await? {
            return Err(not_held(&call));
        }
        self.held = None;
        Ok(())
    }
}
