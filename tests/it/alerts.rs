//! From an alert to an incident: what fires about a unit stops its promotions until people say that it is over. In memory and virtual
//! time; the notifications are ours, in the shape of Alertmanager's version 4.

use std::sync::Arc;
use std::time::Duration;

use pathops_adapters::webhook::{Secrets, Source, TokenIn};
use pathops_coordinator::OpensIncidents;
use pathops_coordinator::change_set::{End, Stage};
use pathops_coordinator::gateway::{Gateway, Turn};
use pathops_core::adapter::AlertHint;
use pathops_core::evidence::Occasion;
use pathops_core::memory::{MemoryBlobs, MemoryInbox, MemoryJournal};
use pathops_core::project::OpenIncident;
use pathops_core::{IdempotencyKey, OpContext, Principal, UnixMillis};
use serde_json::{Value, json};

use crate::governance::{declare, file};
use crate::snapshots::snapshot;
use crate::turns::{Shop, ends};
use crate::world::{START, World, cx, feature_of, id, person, wait};

/// A shop whose alerts come in by a gateway.
pub(crate) struct Alerted {
    pub(crate) shop: Shop,
    gateway: Gateway,
    handler: OpensIncidents,
}

impl Alerted {
    pub(crate) fn new() -> Self {
        let shop = Shop::with("first-come");
        let source =
            Source::alertmanager("alertmanager".parse().unwrap(), TokenIn::Bearer, Secrets::new("alert-hook-token").unwrap());
        let inbox = Arc::new(MemoryInbox::default());
        let gateway =
            Gateway::new(inbox, Arc::new(MemoryBlobs::new()), Arc::new(shop.world.clock.clone())).with_source(Arc::new(source));
        let handler = OpensIncidents::new(Arc::new(shop.world.plane()));
        Self { shop, gateway, handler }
    }

    /// What comes of a notification with these alerts.
    pub(crate) fn notified(&self, alerts: &[Value]) -> Turn {
        let body = json!({ "version": "4", "groupKey": "{}:{alertname=\"Errors\"}", "status": "firing", "receiver": "pathops", "alerts": alerts });
        let headers: [(&str, &[u8]); 1] = [("Authorization", b"Bearer alert-hook-token")];
        let source = "alertmanager".parse().unwrap();
        let received = self.gateway.receive(&source, &headers, body.to_string().into_bytes());
        assert_eq!(self.shop.world.wait_with(received).status(), 202);
        self.shop.world.wait_with(self.gateway.turn(&self.handler)).unwrap()
    }

    pub(crate) fn incidents(&self) -> Vec<OpenIncident> {
        let mut incidents = wait(self.shop.plane.project()).unwrap().incidents;
        incidents.sort_by(|one, other| one.id.cmp(&other.id));
        incidents
    }

    fn commits(&self) -> usize {
        let scm = self.shop.world.forge.scm(Principal::System);
        let meta = "shop/meta".parse().unwrap();
        let head = wait(scm.branch_head(&cx(), &meta, &"main".parse().unwrap())).unwrap().unwrap();
        wait(scm.log(&cx(), &meta, None, &head, 1_000)).unwrap().len()
    }
}

pub(crate) fn alert(service: &str, fingerprint: &str, since: &str) -> Value {
    json!({
        "status": "firing",
        "labels": { "alertname": "Errors", "severity": "page", "service": service },
        "startsAt": since, "endsAt": "0001-01-01T00:00:00Z", "fingerprint": fingerprint,
    })
}

pub(crate) fn close(alerted: &Alerted, incident: &OpenIncident) {
    let path = format!("incidents/{}.yaml", incident.id);
    let mut read: Value = serde_json::from_str(&file(&alerted.shop.world, &path).unwrap()).unwrap();
    read["spec"]["closed"] = "2025-11-24T12:00:00Z".into();
    declare(&alerted.shop.world, "main", &path, &read.to_string());
}

pub(crate) const BEFORE: &str = "2025-11-24T08:00:00Z";

#[test]
fn an_alert_opens_one_incident_of_its_unit_however_often_it_is_told() {
    let it = Alerted::new();
    let once = Turn { handled: 1, ..Turn::default() };
    let before = it.commits();
    assert_eq!(
        it.notified(&[alert("orders", "a1", BEFORE), alert("billing", "b1", BEFORE), alert("not a name", "c1", BEFORE)]),
        once
    );
    let [incident] = &it.incidents()[..] else { panic!("{:?}", it.incidents()) };
    let OpenIncident { id, unit, since, summary } = incident;
    assert!(id.starts_with("alert-orders-") && id.len() == "alert-orders-".len() + 10, "{id}");
    assert_eq!((unit.as_ref().unwrap().as_str(), *since), ("orders", BEFORE.parse::<UnixMillis>().unwrap()));
    assert_eq!(summary, "alertmanager: Errors (page) fires, a1");
    // Another group of the same, another alert of the same unit, and one of another unit.
    assert_eq!(
        it.notified(&[
            alert("orders", "a1", BEFORE),
            alert("orders", "a2", BEFORE),
            alert("web", "w1", "no instant"),
            alert("web", "w2", BEFORE)
        ]),
        once
    );
    let open = it.incidents();
    let units: Vec<_> = open.iter().map(|it| it.unit.as_ref().unwrap().as_str()).collect();
    assert_eq!((units, it.commits()), (vec!["orders", "web"], before + 2));
    assert_eq!(open[1].since, START, "nobody knows since when, but not since later than now");
    // What it is told again it does not do again, and says the same.
    let same =
        AlertHint { fingerprint: "a2".into(), name: "".into(), severity: "".into(), subject: "orders".into(), since: "".into() };
    let opened = it.shop.world.wait_with(it.shop.plane.open_incidents(&cx(), &"sentry".parse().unwrap(), &[same.clone(), same]));
    assert_eq!(opened.unwrap().into_iter().collect::<Vec<_>>(), [open[0].id.clone()]);
    assert_eq!(it.commits(), before + 2);
}

/// As the commit of a record does: whoever cuts the ledger back has to change the history of the meta repository, too.
#[test]
fn the_commit_that_opens_an_incident_carries_the_newest_checkpoint() {
    let mut world = World::new(MemoryJournal::new());
    world.keeps_ledger = true;
    assert_eq!(world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap().end, Some(End::Live));
    let plane = world.plane();
    let text = format!(
        "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {{name: odd}}\nspec: {{unit: orders, since: {BEFORE:?}, summary: Odd.}}\n"
    );
    declare(&world, "main", "incidents/odd.yaml", &text);
    // What is appended here is written down by nobody.
    assert_eq!(world.wait_with(plane.snapshot_incidents()).unwrap().len(), 1);
    let checkpoint = "log/checkpoint".parse().unwrap();
    let newest = String::from_utf8(world.streams.objects()[&checkpoint].clone()).unwrap();
    assert_ne!(file(&world, "log/checkpoint"), Some(newest.clone()));
    let alert = AlertHint {
        fingerprint: "w1".into(),
        name: "Errors".into(),
        severity: "".into(),
        subject: "web".into(),
        since: "".into(),
    };
    let opened = world.wait_with(plane.open_incidents(&cx(), &"sentry".parse().unwrap(), &[alert])).unwrap();
    assert_eq!((opened.len(), file(&world, "log/checkpoint")), (1, Some(newest)));
}

/// Somebody has put an older state of the ledger back: what shows that is not replaced by what hides it.
#[test]
fn a_checkpoint_on_which_the_ledger_does_not_follow_stays_in_the_meta_repository() {
    let mut world = World::new(MemoryJournal::new());
    world.keeps_ledger = true;
    world.carry_out(feature_of(&["orders"], "better", None), "first").unwrap();
    let older = world.streams.objects().clone();
    world.carry_out(feature_of(&["web"], "better", None), "second").unwrap();
    let noted = file(&world, "log/checkpoint");
    let is_log = |name: &pathops_core::ObjectKey| name.as_str().starts_with("log/");
    world.streams.objects().retain(|name, _| !is_log(name));
    world.streams.objects().extend(older.into_iter().filter(|(name, _)| is_log(name)));
    let alert = AlertHint {
        fingerprint: "w1".into(),
        name: "Errors".into(),
        severity: "".into(),
        subject: "web".into(),
        since: "".into(),
    };
    let plane = world.plane();
    let refused = world.wait_with(plane.open_incidents(&cx(), &"sentry".parse().unwrap(), &[alert])).unwrap_err();
    assert_eq!(refused.kind(), pathops_core::ErrorKind::Corrupt, "{refused}");
    assert_eq!(file(&world, "log/checkpoint"), noted);
}

#[test]
fn what_people_have_closed_is_opened_by_what_is_told_anew_only() {
    let it = Alerted::new();
    it.notified(&[alert("orders", "a1", BEFORE)]);
    let first = it.incidents().remove(0);
    let mut resolved = alert("orders", "a1", BEFORE);
    resolved["status"] = "resolved".into();
    it.notified(&[resolved]);
    assert_eq!(it.incidents(), std::slice::from_ref(&first), "that it is resolved closes nothing");
    close(&it, &first);
    assert_eq!(it.notified(&[alert("orders", "a1", BEFORE)]), Turn::default(), "it is known");
    assert_eq!(it.incidents(), []);
    it.notified(&[alert("orders", "a1", BEFORE), alert("orders", "a2", BEFORE)]);
    let second = it.incidents().remove(0);
    assert!(second.unit == Some(id("orders")) && second.id != first.id, "{second:?}");
    // A process that died after it had opened one tells it again.
    close(&it, &second);
    let (source, told) = ("alertmanager".parse().unwrap(), OpContext::new(IdempotencyKey::new("one delivery")));
    let alerts = [AlertHint {
        fingerprint: "a1".into(),
        name: "".into(),
        severity: "".into(),
        subject: "orders".into(),
        since: "".into(),
    }];
    let open = || it.shop.world.wait_with(it.shop.plane.open_incidents(&told, &source, &alerts)).unwrap();
    let third = open().into_iter().next().unwrap();
    assert!(open().contains(&third));
    close(&it, &it.incidents()[0]);
    assert_eq!((open().len(), it.incidents()), (0, Vec::new()));
}

#[test]
fn from_an_alert_to_what_was_there_before() {
    let it = Alerted::new();
    let (world, plane) = (&it.shop.world, &it.shop.plane);
    let (first, second) = (it.shop.ask(&["orders"], "one"), it.shop.ask(&["orders"], "two"));
    assert_eq!(ends(&it.shop.ends()), [Some(End::Live); 2]);
    it.notified(&[alert("orders", "a1", BEFORE)]);
    let [snapshotted] = &world.wait_with(plane.snapshot_incidents()).unwrap()[..] else { panic!("there is one incident") };
    let snapshotted = snapshot(world, snapshotted);
    assert_eq!((snapshotted.extent.occasion, &snapshotted.extent.change_set), (Occasion::Incident, &second));
    let recovery = world.wait_with(plane.take_back(&second, &person("bob"), "customers cannot order")).unwrap();
    it.shop.asked.borrow_mut().push(recovery);
    assert_eq!(ends(&it.shop.ends())[2], Some(End::Recovered));
    let good: Value = serde_json::from_str(&file(world, "production/orders.json").unwrap()).unwrap();
    assert_eq!(good["changeSet"], first.as_str());
    // Nothing else goes there until people have closed it.
    let third = it.shop.ask(&["orders"], "three");
    it.shop.until(&third, Stage::Deciding);
    let waits = world.wait_with(plane.waits(&third)).unwrap().unwrap();
    assert!(waits.iter().any(|it| it.what.contains("no-open-incident")), "{waits:?}");
    close(&it, &it.incidents()[0]);
    assert_eq!(ends(&it.shop.ends())[3], Some(End::Live));
}

#[test]
fn a_mistake_in_the_meta_repository_loses_no_alert() {
    let it = Alerted::new();
    let rule = file(&it.shop.world, "apps/orders.yaml").unwrap();
    declare(&it.shop.world, "main", "apps/orders.yaml", "what is this");
    assert_eq!(it.notified(&[alert("orders", "a1", BEFORE)]), Turn { later: 1, ..Turn::default() });
    declare(&it.shop.world, "main", "apps/orders.yaml", &rule);
    assert_eq!(it.incidents(), []);
    it.shop.world.clock.advance(Duration::from_secs(600));
    let turn = it.shop.world.wait_with(it.gateway.turn(&it.handler)).unwrap();
    assert_eq!((turn.handled, it.incidents().len()), (1, 1));
}
