//! What goes into a snapshot, and what is said of the rest.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use pathops_core::adapter::{BlobStore as _, Collected, LogExcerpt, RuntimeEvent, SignalCapabilities, SignalQuery};
use pathops_core::evidence::{AbsenceKind, Cut, CutOf, SNAPSHOT_FORMAT, Snapshot, SnapshotError};
use pathops_core::memory::{ManualClock, MemoryBlobs, MemorySignals};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{Digest, Error, ErrorKind, UnixMillis};
use pathops_evidence::redact::Redactor;
use pathops_evidence::retention::PayloadStore;
use pathops_evidence::{CollectLimits, Collection, Collector, Position, Raw, Source};
use serde_json::json;

use super::{about, cx, stream};

const FIRST: Position = Position { sequence: 0, previous: None };

fn of(parts: &[&str]) -> Collection {
    Collection::of(parts.iter().map(|part| (*part).to_owned()))
}

fn snapshot(collection: Collection) -> Snapshot {
    let snapshot = collection.finish(about(&stream("orders"), 1)).at(FIRST, 0);
    snapshot.is_whole().unwrap();
    snapshot
}

fn absences(snapshot: &Snapshot) -> BTreeMap<&str, &str> {
    snapshot.extent.absent.iter().map(|absence| (absence.name.as_str(), absence.reason.as_str())).collect()
}

/// What is stored of each part.
async fn stored(snapshot: &Snapshot, blobs: &MemoryBlobs) -> BTreeMap<String, String> {
    let mut stored = BTreeMap::new();
    for reference in &snapshot.references {
        let digest = Digest::from_hex(&reference.digest["sha256"]).unwrap();
        let bytes = blobs.get(&cx("read"), &digest).await.unwrap().unwrap();
        stored.insert(reference.name.clone(), String::from_utf8(bytes).unwrap());
    }
    stored
}

#[test]
fn nothing_that_is_expected_is_left_out() {
    let mut collection = of(&["logs", "events", "metrics", "tests"]);
    let payload = |collection: &mut Collection, name: &str, bytes: &[u8]| {
        collection.payload(name, &Digest::of(bytes), "memory:x", "text/plain", None);
    };
    payload(&mut collection, "logs", b"new");
    payload(&mut collection, "logs", b"old");
    payload(&mut collection, "logs", b"older");
    payload(&mut collection, "logs", b"new");
    payload(&mut collection, "notes", b"nobody asked");
    collection.absent("logs", AbsenceKind::NothingThere, "it is there");
    collection.absent("events", AbsenceKind::NothingThere, "  ");
    collection.absent("what nobody expected", AbsenceKind::NothingThere, "it is not there");
    assert!(collection.is_open("metrics") && !collection.is_open("logs"));
    assert_eq!(collection.open(), ["metrics", "tests"]);
    let snapshot = snapshot(collection);
    let names: Vec<_> = snapshot.references.iter().map(|reference| reference.name.as_str()).collect();
    assert_eq!(names, ["logs", "logs (2)", "logs (3)", "notes"]);
    assert_eq!(snapshot.references[0].digest["sha256"], Digest::of(b"new").hex());
    let absent = absences(&snapshot);
    assert_eq!(absent.keys().copied().collect::<Vec<_>>(), ["events", "metrics", "tests"]);
    assert_eq!((absent["events"], absent["metrics"]), ("no reason was given", "nothing was collected of it"));
}

#[test]
fn a_snapshot_that_is_not_whole_says_what_is_wrong() {
    let mut collection = of(&["events", "logs"]);
    collection.payload("logs", &Digest::of(b"logs"), "memory:x", "text/plain", None);
    collection.payload("notes", &Digest::of(b"notes"), "memory:y", "text/plain", None);
    collection.absent("events", AbsenceKind::NothingThere, "none");
    let whole = snapshot(collection);
    let wrong = |change: &dyn Fn(&mut Snapshot)| {
        let mut changed = whole.clone();
        change(&mut changed);
        changed.is_whole().unwrap_err()
    };
    let place = |snapshot: &mut Snapshot| snapshot.extent.place.clone().unwrap();
    let left_out = |name: &str| SnapshotError::LeftOut(name.to_owned());
    assert_eq!(wrong(&|it| drop(it.references.remove(0))), left_out("logs"));
    assert_eq!(wrong(&|it| drop(it.references.remove(1))), left_out("notes"));
    assert_eq!(wrong(&|it| it.extent.absent.clear()), left_out("events"));
    assert_eq!(wrong(&|it| it.references.push(it.references[0].clone())), SnapshotError::Twice("logs".to_owned()));
    assert_eq!(wrong(&|it| it.references[0].name = "else".to_owned()), SnapshotError::NoPart("else".to_owned()));
    assert!(matches!(wrong(&|it| it.extent.absent[0].reason.clear()), SnapshotError::Absence(..)));
    let no_kind = SnapshotError::Absence("events".to_owned(), "not for what kind of reason");
    assert_eq!(wrong(&|it| it.extent.absent[0].kind = None), no_kind);
    assert!(matches!(wrong(&|it| it.extent.unit = "web".parse().unwrap()), SnapshotError::OtherStream { .. }));
    let numbered = |it: &mut Snapshot, sequence| {
        let place = pathops_core::evidence::Place { sequence, ..place(it) };
        it.extent.place = Some(place);
    };
    assert_eq!(wrong(&|it| numbered(it, 1)), SnapshotError::Previous(1, "has not"));
    let newer = |it: &mut Snapshot| {
        let place = pathops_core::evidence::Place { format: SNAPSHOT_FORMAT + 1, ..place(it) };
        it.extent.place = Some(place);
    };
    assert_eq!(wrong(&newer), SnapshotError::Format(SNAPSHOT_FORMAT + 1));
}

/// What was written before snapshots had numbers.
#[test]
fn a_snapshot_of_the_first_form_is_still_read() {
    let old: Snapshot = serde_json::from_str(include_str!("../fixtures/snapshot/format-1.json")).unwrap();
    assert_eq!((old.references.len(), absences(&old)["events"].is_empty()), (2, false));
    assert_eq!(old.is_whole().unwrap(), None);
    let written = serde_json::to_value(&old).unwrap();
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(include_str!("../fixtures/snapshot/format-1.json")).unwrap());
}

/// What was written before there were snapshots of incidents.
#[test]
fn a_snapshot_of_the_second_form_is_still_read() {
    let text = include_str!("../fixtures/snapshot/format-2.json");
    let old: Snapshot = serde_json::from_str(text).unwrap();
    let place = old.is_whole().unwrap().unwrap();
    assert_eq!((place.format, place.sequence, place.stream.to_string().as_str()), (2, 1, "shop/orders@preflight"));
    assert_eq!(serde_json::to_value(&old).unwrap(), serde_json::from_str::<serde_json::Value>(text).unwrap());
}

/// What was written before absences had kinds.
#[test]
fn a_snapshot_of_the_third_form_is_still_read() {
    let text = include_str!("../fixtures/snapshot/format-3.json");
    let old: Snapshot = serde_json::from_str(text).unwrap();
    assert_eq!((old.is_whole().unwrap().unwrap().format, old.extent.absent[0].kind), (3, None));
    assert_eq!(serde_json::to_value(&old).unwrap(), serde_json::from_str::<serde_json::Value>(text).unwrap());
}

#[test]
fn the_window_begins_before_what_is_looked_at() {
    let limits = CollectLimits::default();
    let window = limits.window(UnixMillis(1_000_000), UnixMillis(2_000_000));
    assert_eq!((window.from, window.until), (UnixMillis(700_000), UnixMillis(2_000_000)));
    // A clock that went back.
    let window = limits.window(UnixMillis(1_000_000), UnixMillis(900_000));
    assert!(window.from < window.until);
}

#[test]
fn a_source_that_hangs_is_absent_and_the_others_arrive() {
    let (clock, blobs) = (ManualClock::new(UnixMillis(0)), MemoryBlobs::new());
    let redactor = Redactor::new(["swordfish-1234".to_owned()]).unwrap();
    let limits = CollectLimits { patience: Duration::from_secs(30), ..CollectLimits::default() };
    let collector = Collector { clock: &clock, redactor: &redactor, payloads: PayloadStore::plain(&blobs), limits };
    let cx = cx("collect");
    let mut collection = of(&["hangs", "slow", "fails", "denied", "nobody", "logs"]);
    {
        let slow = async {
            pathops_core::adapter::Clock::sleep(&clock, Duration::from_secs(29)).await;
            Ok(Collected::Present(Raw::Entries(vec![json!("late")])))
        };
        let text = Raw::Text(LogExcerpt::whole(b"it works\n".to_vec()));
        let sources = vec![
            Source::new("hangs", std::future::pending()),
            Source::new("slow", slow),
            Source::new("fails", async {
                Err(Error::new(ErrorKind::Unavailable, "read events").because("swordfish-1234 was refused"))
            }),
            Source::new("denied", async { Err(Error::new(ErrorKind::Denied, "read metrics")) }),
            Source::new("logs", async { Ok(Collected::Present(text)) }),
        ];
        let mut gathering = pin!(collector.gather(&cx, &mut collection, sources));
        let mut context = Context::from_waker(Waker::noop());
        while gathering.as_mut().poll(&mut context).is_pending() {
            assert!(clock.advance_to_next(), "it waits for nothing");
        }
    }
    assert_eq!(pathops_core::adapter::Clock::now(&clock), UnixMillis(30_000), "one wait for all");
    let snapshot = snapshot(collection);
    let there: Vec<_> = snapshot.references.iter().map(|reference| reference.name.as_str()).collect();
    assert_eq!(there, ["logs", "slow"]);
    assert_eq!(absences(&snapshot)["hangs"], "its source did not answer within 30 s");
    let fails = absences(&snapshot)["fails"];
    assert!(fails.contains("[redacted known]") && !fails.contains("swordfish"), "{fails}");
    let kinds = snapshot.extent.absent.iter().map(|absence| (absence.name.as_str(), absence.kind.unwrap()));
    let expected = [
        ("denied", AbsenceKind::Refused),
        ("fails", AbsenceKind::Unreachable),
        ("hangs", AbsenceKind::TimedOut),
        ("nobody", AbsenceKind::NotConfigured),
    ];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn secrets_are_taken_out_and_counted_before_anything_is_stored() {
    let (clock, blobs) = (ManualClock::new(UnixMillis(0)), MemoryBlobs::new());
    let redactor = Redactor::new(["swordfish-1234".to_owned()]).unwrap();
    let collector =
        Collector { clock: &clock, redactor: &redactor, payloads: PayloadStore::plain(&blobs), limits: CollectLimits::default() };
    let (unit, environment) = ("orders".parse().unwrap(), "preflight".parse().unwrap());
    let signals = MemorySignals::new(SignalCapabilities::default());
    let mut all = SignalCapabilities::default();
    (all.logs, all.events) = (true, true);
    let has = MemorySignals::new(all);
    has.print(&unit, &environment, UnixMillis(1), "swordfish-1234 and swordfish-1234\n");
    let message = "logged in with swordfish-1234".to_owned();
    has.event(&unit, &environment, RuntimeEvent { at: UnixMillis(1), reason: "Started".to_owned(), message });
    let target = EnvironmentTarget::local(environment, EnvironmentKind::Preflight);
    let query = SignalQuery { unit, target, since: UnixMillis(0), head_bytes: 1_000, tail_bytes: 1_000 };
    let cx = cx("collect");
    let mut collection = of(&["logs", "events", "metrics"]);
    collector.gather(&cx, &mut collection, Source::signals(&cx, &has, &query).into()).await.unwrap();
    let snapshot = snapshot(collection);
    let place = snapshot.extent.place.clone().unwrap();
    assert_eq!(place.treated["logs"].removed["known"], 2);
    assert_eq!(place.treated["events"].removed["known"], 1);
    assert!(place.treated.values().all(|treated| treated.ruleset == *redactor.digest()));
    assert_eq!(absences(&snapshot)["metrics"], "the source of signals has no metrics");
    let stored = stored(&snapshot, &blobs).await;
    assert!(stored.values().all(|text| text.contains("[redacted known]") && !text.contains("swordfish")), "{stored:?}");
    let whole = serde_json::to_string(&snapshot).unwrap();
    assert!(!whole.contains("swordfish") && !whole.contains(&Digest::of(b"swordfish-1234").hex()), "{whole}");
    // A source that has nothing says so for each.
    let mut collection = of(&["logs", "events", "metrics"]);
    collector.gather(&cx, &mut collection, Source::signals(&cx, &signals, &query).into()).await.unwrap();
    assert_eq!(absences(&self::snapshot(collection)).len(), 3);
}

#[tokio::test]
async fn what_is_too_large_keeps_its_beginning_and_its_end_and_is_counted() {
    let (clock, blobs) = (ManualClock::new(UnixMillis(0)), MemoryBlobs::new());
    let redactor = Redactor::builder().high_entropy(false).build().unwrap();
    let limits = CollectLimits { head_bytes: 20, tail_bytes: 20, head_entries: 2, tail_entries: 3, ..CollectLimits::default() };
    let collector = Collector { clock: &clock, redactor: &redactor, payloads: PayloadStore::plain(&blobs), limits };
    let lines: String = (0..100).map(|line| format!("line {line:02}\n")).collect();
    let text = |bytes: &str| Raw::Text(LogExcerpt::whole(bytes.into()));
    let end = |bytes: &str| Raw::Text(LogExcerpt { cut_at: Some(0), more: true, ..LogExcerpt::whole(bytes.into()) });
    let read = async |raw| {
        let part = collector.store(&cx("store"), None, raw).await.unwrap();
        let bytes = blobs.get(&cx("read"), &part.payload.digest).await.unwrap().unwrap();
        (String::from_utf8(bytes).unwrap(), part.treated.cut)
    };
    let (stored, cut) = read(text(&lines)).await;
    assert_eq!(stored, "line 00\nline 01\n[… 768 bytes are left out …]\nline 98\nline 99\n");
    let whole = Cut { of: CutOf::Bytes, head: 16, left_out: 768, tail: 16, more_before: false };
    assert_eq!(cut, Some(whole));
    assert_eq!(whole.head + whole.left_out + whole.tail, lines.len() as u64);
    // A text of one line is cut where it has to be.
    let (stored, cut) = read(text(&"x".repeat(100))).await;
    assert_eq!(cut.map(|cut| (cut.head, cut.left_out, cut.tail)), Some((20, 60, 20)));
    assert!(stored.ends_with(&"x".repeat(20)));
    // The source was cut, perhaps in the middle of a secret: the line that it begins with is not kept.
    let (stored, cut) = read(end("fish-1234\nwhole\n")).await;
    assert_eq!(stored, "[… 10 bytes and more are left out …]\nwhole\n");
    assert_eq!(cut, Some(Cut { of: CutOf::Bytes, head: 0, left_out: 10, tail: 6, more_before: true }));
    // So it does where that source does not say where it was cut.
    let log = LogExcerpt { total_bytes: 100, ..LogExcerpt::whole(b"fish-1234\nwhole\n".to_vec()) };
    let (stored, cut) = read(Raw::Text(log)).await;
    assert_eq!((stored.as_str(), cut.map(|cut| cut.left_out)), ("[… 94 bytes are left out …]\nwhole\n", Some(94)));
    // It was cut in the middle of a private key.
    let body = format!("{0}\n{0}\nshortEnd==\n", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC".repeat(2));
    let (ended, left_out) = (format!("-----END {} KEY-----", "PRIVATE"), "[… 5 bytes and more are left out …]\n");
    let roomy = Collector { limits: CollectLimits::default(), ..collector.clone() };
    for key in [format!("half\n{body}{ended}\n"), format!("half\norders | {}{ended}\n", body.replace('\n', "\norders | "))] {
        let part = roomy.store(&cx("store"), None, end(&format!("{key}ready\n"))).await.unwrap();
        let stored = blobs.get(&cx("read"), &part.payload.digest).await.unwrap().unwrap();
        assert_eq!(String::from_utf8(stored).unwrap(), format!("{left_out}[redacted private-key]\nready\n"));
        assert_eq!(part.treated.removed["private-key"], 1);
    }
    let part = roomy.store(&cx("store"), None, end(&format!("half\n{body}it died\nbecause\nof it\n"))).await.unwrap();
    let stored = blobs.get(&cx("read"), &part.payload.digest).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(stored).unwrap(), format!("{left_out}[redacted private-key]\nit died\nbecause\nof it\n"));
    // What has long words is no key.
    let ids = format!("half\n{}", "request 4bf92f3577b34da6a3ce929d0e0e4736 done\n".repeat(9));
    let part = roomy.store(&cx("store"), None, end(&ids)).await.unwrap();
    let stored = blobs.get(&cx("read"), &part.payload.digest).await.unwrap().unwrap();
    assert_eq!(stored, [left_out, &ids[5..]].concat().into_bytes());
    let (stored, cut) = read(Raw::Entries((0..9).map(|entry| json!(entry)).collect())).await;
    assert_eq!(stored, "[0,1,6,7,8]");
    assert_eq!(cut, Some(Cut { of: CutOf::Entries, head: 2, left_out: 4, tail: 3, more_before: false }));
    for small in [text("one\n"), Raw::Entries(vec![json!(1)])] {
        assert_eq!(read(small).await.1, None);
    }
}

/// The source of signals is asked for what is kept, and counts what it leaves out.
#[tokio::test]
async fn both_ends_of_what_runs_are_kept_and_counted_without_the_halves_of_a_secret() {
    let (clock, blobs) = (ManualClock::new(UnixMillis(0)), MemoryBlobs::new());
    let redactor = Redactor::new(["swordfish-1234".to_owned()]).unwrap();
    let limits = CollectLimits { head_bytes: 20, tail_bytes: 20, ..CollectLimits::default() };
    let collector = Collector { clock: &clock, redactor: &redactor, payloads: PayloadStore::plain(&blobs), limits };
    let (unit, target) =
        ("orders".parse().unwrap(), EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight));
    let signals = MemorySignals::default();
    let print = |text: &str| signals.print(&unit, &target.environment, UnixMillis(1), text);
    print("begin\nlogin swordfish-1234 ok\n");
    (0..100).for_each(|line| print(&format!("line {line:02}\n")));
    print("login swordfish-1234 ok\nthe end\n");
    let query = limits.query(unit.clone(), target.clone(), &limits.window(UnixMillis(0), UnixMillis(1)));
    let cx = cx("collect");
    let mut collection = of(&["logs"]);
    let [logs, _, _] = Source::signals(&cx, &signals, &query);
    collector.gather(&cx, &mut collection, vec![logs]).await.unwrap();
    let snapshot = snapshot(collection);
    assert_eq!(stored(&snapshot, &blobs).await["logs"], "begin\n[… 848 bytes are left out …]\nthe end\n");
    let cut = snapshot.extent.place.clone().unwrap().treated["logs"].cut;
    assert_eq!(cut, Some(Cut { of: CutOf::Bytes, head: 6, left_out: 848, tail: 8, more_before: false }));
}

/// A builder cuts what it prints before anything is redacted: half a secret on either side of the cut is none that a rule knows.
#[tokio::test]
async fn no_half_of_a_secret_stays_at_the_cut_of_a_builder() {
    let (clock, blobs) = (ManualClock::new(UnixMillis(0)), MemoryBlobs::new());
    let redactor = Redactor::new(["correct-horse-battery".to_owned()]).unwrap();
    let printed = "begin\nlogin correct-horse-battery ok\nmiddle\nlogin correct-horse-battery ok\nend\n".as_bytes();
    let limits = [CollectLimits::default(), CollectLimits { head_bytes: 8, tail_bytes: 8, ..CollectLimits::default() }];
    for limits in limits {
        let collector = Collector { clock: &clock, redactor: &redactor, payloads: PayloadStore::plain(&blobs), limits };
        for (from, to) in (0..printed.len()).flat_map(|from| (from + 1..=printed.len()).map(move |to| (from, to))) {
            let bytes = [&printed[..from], &printed[to..]].concat();
            let log = LogExcerpt { bytes, cut_at: Some(from), total_bytes: printed.len() as u64, more: false };
            let part = collector.store(&cx("store"), None, log.into()).await.unwrap();
            let stored = String::from_utf8(blobs.get(&cx("read"), &part.payload.digest).await.unwrap().unwrap()).unwrap();
            let half = ["corr", "rect", "hors", "orse", "batt", "tery"].into_iter().find(|half| stored.contains(half));
            assert_eq!(half, None, "{from}..{to}: {stored}");
            let cut = part.treated.cut.unwrap();
            assert!(cut.left_out >= (to - from) as u64 && stored.contains(&format!("[… {} bytes are left out …]", cut.left_out)));
            let mark = format!("[… {} bytes are left out …]\n", cut.left_out);
            assert_eq!(cut.head + cut.tail, (stored.len() - mark.len()) as u64);
            if !part.treated.removed.contains_key("known") {
                assert_eq!(cut.head + cut.left_out + cut.tail, printed.len() as u64, "{from}..{to}: {stored}");
            }
        }
    }
}

#[tokio::test]
async fn a_list_of_few_large_entries_is_cut_by_its_bytes() {
    let (clock, blobs) = (ManualClock::new(UnixMillis(0)), MemoryBlobs::new());
    let redactor = Redactor::builder().high_entropy(false).build().unwrap();
    let limits = CollectLimits { head_bytes: 25, tail_bytes: 35, ..CollectLimits::default() };
    let collector = Collector { clock: &clock, redactor: &redactor, payloads: PayloadStore::plain(&blobs), limits };
    let entry = |number: usize| json!(format!("entry {number}"));
    let part = collector.store(&cx("store"), None, Raw::Entries((0..9).map(entry).collect())).await.unwrap();
    let stored = blobs.get(&cx("read"), &part.payload.digest).await.unwrap().unwrap();
    let kept: Vec<serde_json::Value> = serde_json::from_slice(&stored).unwrap();
    assert_eq!(kept, [0, 1, 6, 7, 8].map(entry));
    assert_eq!(part.treated.cut, Some(Cut { of: CutOf::Entries, head: 2, left_out: 4, tail: 3, more_before: false }));
    // One entry alone may be too large.
    let part = collector.store(&cx("store"), None, Raw::Entries(vec![json!("x".repeat(99))])).await.unwrap();
    assert_eq!(part.treated.cut.map(|cut| (cut.head, cut.left_out, cut.tail)), Some((0, 1, 0)));
}

#[tokio::test]
async fn a_part_that_no_store_takes_is_absent_and_one_that_it_does_not_take_now_is_an_error() {
    let clock = ManualClock::new(UnixMillis(0));
    let redactor = Redactor::new([]).unwrap();
    let source = || vec![Source::new("logs", async { Ok(Collected::Present(Raw::Entries(vec![json!("a long one")]))) })];
    let small = MemoryBlobs::new().with_max_bytes(3);
    let full = MemoryBlobs::new().with_room(3);
    let over = |blobs| Collector {
        clock: &clock,
        redactor: &redactor,
        payloads: PayloadStore::plain(blobs),
        limits: CollectLimits::default(),
    };
    let mut collection = of(&["logs"]);
    over(&small).gather(&cx("small"), &mut collection, source()).await.unwrap();
    assert!(absences(&snapshot(collection))["logs"].contains("more than the 3 bytes"));
    let error = over(&full).gather(&cx("full"), &mut of(&["logs"]), source()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}
