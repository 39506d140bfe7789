//! Bodies that are stored together, and what is in the inbox when that ends half way.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use futures_util::lock::Mutex as Door;
use pathops_coordinator::gateway::{Answer, Gateway};
use pathops_core::adapter::{Admitted, BlobCapabilities, BlobStore, ByteStream, Inbox, InboxQuery};
use pathops_core::memory::{ManualClock, MemoryBlobs, MemoryInbox};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result, UnixMillis};

use crate::is_new;
use crate::killed::Outlives;
use crate::world::{Fuse, Plain, cx, name, now};

/// Blobs that outlive the process which uses them, and can have no body that begins with `bad`.
#[derive(Debug, Default)]
struct Bodies {
    inner: MemoryBlobs,
    /// Nothing is stored while somebody holds it.
    door: Door<()>,
    fuse: Arc<Fuse>,
    /// How many blobs were stored at once, and how many bytes, each time.
    at_once: Mutex<Vec<(usize, usize)>>,
}

#[async_trait]
impl BlobStore for Bodies {
    fn name(&self) -> &'static str {
        "bodies"
    }

    fn capabilities(&self) -> BlobCapabilities {
        self.inner.capabilities()
    }

    async fn put_all(&self, cx: &OpContext, blobs: Vec<Vec<u8>>) -> Vec<Result<Digest>> {
        self.at_once.lock().unwrap().push((blobs.len(), blobs.iter().map(Vec::len).sum()));
        let _through = self.door.lock().await;
        let mut answers = Vec::new();
        for bytes in blobs {
            self.fuse.step().await;
            let bad = bytes.starts_with(b"bad");
            let refused = || Error::new(ErrorKind::StorageFull, "store a blob");
            answers.push(if bad { Err(refused()) } else { self.inner.put(cx, bytes).await });
            self.fuse.step().await;
        }
        answers
    }

    async fn put_stream(&self, cx: &OpContext, bytes: Box<dyn ByteStream>) -> Result<Digest> {
        self.inner.put_stream(cx, bytes).await
    }

    async fn get_stream(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Box<dyn ByteStream>>> {
        self.inner.get_stream(cx, digest).await
    }

    fn location(&self, digest: &Digest) -> String {
        self.inner.location(digest)
    }
}

impl Bodies {
    fn counts(&self) -> Vec<usize> {
        self.at_once.lock().unwrap().iter().map(|(count, _)| *count).collect()
    }
}

fn gateway(inbox: Arc<dyn Inbox>, bodies: &Arc<Bodies>) -> Gateway {
    let clock = Arc::new(ManualClock::new(UnixMillis(0)));
    let source = Plain::new("plain").up_to(16 << 20);
    Gateway::new(inbox, bodies.clone(), clock).with_source(Arc::new(source))
}

type Sending<'g> = Pin<Box<dyn Future<Output = Answer> + 'g>>;

fn sending<'g>(gateway: &'g Gateway, text: &str) -> Sending<'g> {
    let body = text.as_bytes().to_vec();
    Box::pin(async move { gateway.receive(&name("plain"), &[("x-token", b"good")], body).await })
}

/// The keys in the inbox, in order, each of which has a body.
fn keys(inbox: &MemoryInbox, bodies: &MemoryBlobs) -> Vec<String> {
    let found = now(inbox.find(&cx(), &InboxQuery::default(), 1_000)).unwrap();
    for it in &found {
        assert!(now(bodies.get(&cx(), &it.body)).unwrap().is_some(), "{it:?} has no body");
    }
    found.into_iter().map(|it| it.delivery.key.to_string()).collect()
}

#[test]
fn what_comes_together_is_stored_together_and_a_body_that_cannot_be_keeps_no_other_out() {
    let (inbox, bodies) = (Arc::new(MemoryInbox::new()), Arc::new(Bodies::default()));
    let gateway = gateway(inbox.clone(), &bodies);
    let held = bodies.door.try_lock().unwrap();
    let mut all = ["k1 a", "k2 b", "bad c", "k3 d", "k2 b"].map(|text| sending(&gateway, text));
    assert!(all.iter_mut().all(|it| it.now_or_never().is_none()));
    drop(held);
    let answers = all.map(|it| it.now_or_never().unwrap());
    let [first, second, bad, third, again] = &answers;
    assert!(is_new(first) && is_new(second) && is_new(third), "{answers:?}");
    assert!(matches!(bad, Answer::Busy(_, error) if error.kind() == ErrorKind::StorageFull), "{bad:?}");
    assert!(matches!(again, Answer::Stored(Admitted::Known)), "{again:?}");
    assert_eq!(bodies.counts(), [1, 4], "the disk is waited for once for all that came meanwhile");
    assert_eq!(keys(&inbox, &bodies.inner), ["k1", "k2", "k3"]);
}

#[test]
fn a_batch_has_bounded_bytes_and_deliveries() {
    let (inbox, bodies) = (Arc::new(MemoryInbox::new()), Arc::new(Bodies::default()));
    let gateway = gateway(inbox.clone(), &bodies);
    let filled = |(number, mib): (usize, usize)| format!("k{number} l{number} {}", "x".repeat(mib << 20));
    let held = bodies.door.try_lock().unwrap();
    let texts = [0, 3, 3, 3, 9, 3].into_iter().chain(std::iter::repeat_n(0, 300));
    let mut all: Vec<_> = texts.enumerate().map(|text| sending(&gateway, &filled(text))).collect();
    assert!(all.iter_mut().all(|it| it.now_or_never().is_none()));
    drop(held);
    assert!(all.into_iter().all(|it| is_new(&it.now_or_never().unwrap())));
    // Two of 3 MiB fit, with small ones from behind those that do not; and what has 9 is alone.
    assert_eq!(bodies.counts(), [1, 256, 48, 1]);
    let sizes = bodies.at_once.lock().unwrap().clone();
    assert!(sizes.iter().all(|(count, bytes)| *count == 1 || *bytes <= 8 << 20), "{sizes:?}");
    assert_eq!(keys(&inbox, &bodies.inner).len(), 306);
}

#[test]
fn who_goes_in_the_middle_of_a_batch_keeps_nobody_waiting() {
    for the_leader_goes in [false, true] {
        let (inbox, bodies) = (Arc::new(MemoryInbox::new()), Arc::new(Bodies::default()));
        let gateway = gateway(inbox.clone(), &bodies);
        let held = bodies.door.try_lock().unwrap();
        let mut all = ["k1 a", "k2 b", "k3 c", "k4 d"].map(|text| sending(&gateway, text));
        assert!(all.iter_mut().all(|it| it.now_or_never().is_none()));
        let [first, mut leader, third, mut last] = all;
        drop(first);
        assert!((&mut leader).now_or_never().is_none() && (&mut last).now_or_never().is_none());
        assert_eq!(bodies.counts(), [1, 3], "who has gone is in no further batch");
        drop(third);
        let stored = if the_leader_goes {
            drop(leader);
            assert!((&mut last).now_or_never().is_none());
            assert_eq!(bodies.counts(), [1, 3, 1]);
            drop(held);
            vec!["k4"]
        } else {
            drop(held);
            assert!(is_new(&leader.now_or_never().unwrap()));
            // Whoever goes while it is being stored may find it stored.
            vec!["k2", "k3", "k4"]
        };
        assert!(is_new(&last.now_or_never().unwrap()));
        assert_eq!(keys(&inbox, &bodies.inner), stored);
    }
}

/// One life of a process that is sent all of this at once; what it has acknowledged.
fn live(inbox: &MemoryInbox, blobs: &MemoryBlobs, fuse: &Arc<Fuse>, texts: &[&'static str]) -> Vec<&'static str> {
    let bodies = Arc::new(Bodies { inner: blobs.clone(), fuse: fuse.clone(), ..Bodies::default() });
    let gateway = gateway(Arc::new(Outlives::new(inbox.clone(), fuse.clone())), &bodies);
    let mut open: Vec<_> = texts.iter().map(|text| (*text, sending(&gateway, text))).collect();
    let mut acknowledged = Vec::new();
    for _ in 0..100 {
        open.retain_mut(|(text, it)| match it.now_or_never() {
            Some(answer) => {
                assert!(matches!(answer, Answer::Stored(_)), "{answer:?}");
                acknowledged.push(*text);
                false
            }
            None => true,
        });
    }
    assert!(open.is_empty() || fuse.is_out(), "{} are not answered", open.len());
    acknowledged
}

#[test]
fn what_is_in_the_inbox_has_a_body_wherever_the_process_ends() {
    // One comes twice, and one has the name of another.
    let texts = ["k1 a", "k2 b", "k3 c", "k2 b", "k1 d"];
    let different = ["k1 a", "k2 b", "k3 c", "k1 d"].map(|text| Digest::of(text.as_bytes()));
    for steps in 1.. {
        let (inbox, blobs) = (MemoryInbox::new(), MemoryBlobs::new());
        let bodies_of = || -> Vec<Digest> {
            keys(&inbox, &blobs);
            now(inbox.find(&cx(), &InboxQuery::default(), 10)).unwrap().into_iter().map(|it| it.body).collect()
        };
        let fuse = Arc::new(Fuse::of(Some(steps)));
        let acknowledged = live(&inbox, &blobs, &fuse, &texts);
        let stored = bodies_of();
        let is_stored = |text: &&str| stored.contains(&Digest::of(text.as_bytes()));
        assert!(acknowledged.iter().all(is_stored), "killed at step {steps}: {acknowledged:?}");
        assert_eq!(live(&inbox, &blobs, &Arc::default(), &texts).len(), texts.len(), "killed at step {steps}");
        let (mut stored, mut expected) = (bodies_of(), different.to_vec());
        stored.sort();
        expected.sort();
        assert_eq!(stored, expected, "killed at step {steps}");
        if !fuse.is_out() {
            assert!(steps > 10, "there are bodies and transactions to end in");
            break;
        }
    }
}
