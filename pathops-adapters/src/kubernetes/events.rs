//! What Kubernetes tells of a unit's objects, and how its pods and rollouts are.

use std::collections::BTreeSet;

use pathops_core::adapter::{Collected, RuntimeEvent};
use pathops_core::evidence::AbsenceKind;
use pathops_core::{ErrorKind, Result, UnixMillis};
use serde::Deserialize;

use super::list::Place;
use super::rollout::{API, Health, Kind, health};

/// So many events are given: the last ones.
const MOST: usize = 2_000;

/// Of so many workloads it is read how their rollouts stand.
const WORKLOADS: usize = 50;

/// So many bytes of what an event says.
const WORDS: usize = 1_000;

/// An event as the core API gives it, whichever way it was written: by `lastTimestamp` and `count`, or by `eventTime` and `series`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    metadata: Made,
    involved_object: Object,
    reason: Option<String>,
    message: Option<String>,
    #[serde(rename = "type")]
    severity: Option<String>,
    count: Option<u64>,
    first_timestamp: Option<String>,
    last_timestamp: Option<String>,
    event_time: Option<String>,
    series: Option<Series>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Made {
    creation_timestamp: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    kind: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Series {
    count: Option<u64>,
    last_observed_time: Option<String>,
}

impl Told {
    /// When it happened last.
    fn at(&self) -> Option<UnixMillis> {
        let series = self.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
        let times = [series, self.last_timestamp.as_ref(), self.event_time.as_ref(), self.first_timestamp.as_ref()];
        let last = times.into_iter().flatten().filter_map(|time| time.parse().ok()).max();
        last.or_else(|| self.metadata.creation_timestamp.as_ref()?.parse().ok())
    }

    fn object(&self) -> (String, String) {
        let Object { kind, name } = &self.involved_object;
        (kind.clone().unwrap_or_default(), name.clone().unwrap_or_default())
    }

    fn given(&self, at: UnixMillis) -> RuntimeEvent {
        let (kind, name) = self.object();
        let severity = self.severity.as_deref().filter(|it| *it != "Normal").map(|it| format!("{it}: ")).unwrap_or_default();
        let count = self.series.as_ref().and_then(|series| series.count).or(self.count).filter(|count| *count > 1);
        let times = count.map(|count| format!(" ({count} times)")).unwrap_or_default();
        let message = self.message.as_deref().unwrap_or_default().trim();
        event(at, self.reason.as_deref().unwrap_or_default(), format!("{severity}{kind}/{name}: {message}{times}"))
    }
}

/// An event in our form, of foreign words: the reason is one word, and what it says is not too long.
pub(super) fn event(at: UnixMillis, reason: &str, mut message: String) -> RuntimeEvent {
    let mut reason: String = reason.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(100).collect();
    if reason.is_empty() {
        "Unnamed".clone_into(&mut reason);
    }
    if message.len() > WORDS {
        message.truncate(message.floor_char_boundary(WORDS));
        message.push('…');
    }
    RuntimeEvent { at, reason, message }
}

/// The unit's objects, by kind and name.
struct Objects(BTreeSet<(String, String)>);

impl Objects {
    fn has(&self, kind: &str, name: &str) -> bool {
        self.0.contains(&(kind.to_owned(), name.to_owned()))
    }

    /// Whether one of these kinds made it: what is made has its maker's name with one more part.
    fn made(&self, makers: &[&str], name: &str) -> bool {
        name.rsplit_once('-').is_some_and(|(maker, _)| makers.iter().any(|kind| self.has(kind, maker)))
    }

    /// Takes in what events tell of, too, and the unit's objects made: ReplicaSets and Jobs, then pods, although they are gone now.
    fn and_made<'t>(&mut self, told: impl Iterator<Item = &'t (String, String)> + Clone) {
        for (kind, makers) in [
            ("ReplicaSet", &["Deployment"][..]),
            ("Job", &["CronJob"]),
            ("Pod", &["ReplicaSet", "StatefulSet", "DaemonSet", "Job"]),
        ] {
            let made = told.clone().filter(|(is, name)| is == kind && self.made(makers, name));
            let made: Vec<_> = made.cloned().collect();
            self.0.extend(made);
        }
    }
}

pub(super) async fn read(place: &Place<'_>, since: UnixMillis, now: UnixMillis) -> Result<Collected<Vec<RuntimeEvent>>> {
    let (pods, objects) = (place.pods().await?, &place.workload.objects);
    if pods.is_empty() && objects.is_empty() {
        return Ok(Collected::absent(
            AbsenceKind::NothingThere,
            format!("{}, so that nothing tells which events are its own", place.no_pod()),
        ));
    }
    let mut own = Objects(objects.iter().cloned().collect());
    own.0.extend(pods.iter().map(|pod| ("Pod".to_owned(), pod.metadata.name.clone())));
    own.0.extend(pods.iter().flat_map(|pod| pod.owners()));
    let rollouts = rollouts(place, &own, now).await?;
    let keep = |told: Told| {
        let at = told.at().filter(|at| *at >= since)?;
        Some((told.object(), told.given(at)))
    };
    let (told, more) = place.list("list events", ("/api/v1", "events"), None, keep).await?;
    own.and_made(told.iter().map(|(object, _)| object));
    let told = told.into_iter().filter(|((kind, name), _)| own.has(kind, name)).map(|(_, event)| event);
    let mut events: Vec<RuntimeEvent> = told.chain(rollouts).chain(pods.iter().flat_map(|pod| pod.events(since, now))).collect();
    if more {
        let why = "the namespace has more events than are read: some that belong here may be missing";
        events.push(event(now, "LeftOut", why.to_owned()));
    }
    events.sort_by_key(|event| event.at);
    let left_out = events.len().saturating_sub(MOST);
    if let Some(first) = events.get(left_out).filter(|_| left_out > 0).map(|event| event.at) {
        events.splice(..left_out, [event(first, "LeftOut", format!("{left_out} earlier events are left out"))]);
    }
    if events.is_empty() {
        return Ok(Collected::absent(AbsenceKind::NothingThere, format!("nothing happened to {} since {since}", place.workload)));
    }
    Ok(Collected::Present(events))
}

/// How the rollouts of the unit's workloads stand now. What may not be read, or cannot be, takes no other event with it.
async fn rollouts(place: &Place<'_>, own: &Objects, now: UnixMillis) -> Result<Vec<RuntimeEvent>> {
    let workloads: Vec<_> = own.0.iter().filter_map(|(kind, name)| Some((Kind::named(kind)?, name))).collect();
    let (mut events, mut denied) = (Vec::new(), Vec::new());
    for (kind, name) in workloads.iter().take(WORKLOADS) {
        if denied.contains(kind) {
            continue;
        }
        let (plural, operation) = kind.plural_and_operation();
        match place.get(operation, (API, plural), name).await {
            Ok(Some(object)) => {
                let Health { word, why } = health(*kind, &object);
                events.push(event(now, word, format!("{}/{name}: {why}", kind.name())));
            }
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::Denied => {
                denied.push(*kind);
                events.push(event(
                    now,
                    "LeftOut",
                    format!("how the rollout of any {} stands was not read: {error}", kind.name()),
                ));
            }
            Err(error) if error.kind() == ErrorKind::Unexpected => {
                events.push(event(
                    now,
                    "LeftOut",
                    format!("how the rollout of {}/{name} stands was not read: {error}", kind.name()),
                ));
            }
            Err(error) => return Err(error),
        }
    }
    let unread = workloads.len().saturating_sub(WORKLOADS);
    if unread > 0 {
        events.push(event(now, "LeftOut", format!("how the rollouts of {unread} more workloads stand was not read")));
    }
    Ok(events)
}
