use std::sync::Mutex;

use futures_util::future::join_all;
use pathops_core::UnixMillis;
use pathops_core::memory::ManualClock;
use tokio::sync::Semaphore;

use super::*;

/// A host that answers only when it is let, with the number of the call.
#[derive(Debug)]
struct Host {
    lets: Semaphore,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Wire for Host {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, Trouble> {
        let count = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.uri().path().to_owned());
            asked.len()
        };
        self.lets.acquire().await.unwrap().forget();
        Ok(Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: count.to_string().into_bytes() })
    }
}

fn host(lets: usize, meter: fn(&Answer) -> Meter) -> (Arc<Host>, Arc<Rest>, ManualClock) {
    let host = Arc::new(Host { lets: Semaphore::new(lets), asked: Mutex::default() });
    let clock = ManualClock::new(UnixMillis(1_000_000));
    (host.clone(), Arc::new(Rest::new(host, meter, Arc::new(clock.clone()))), clock)
}

fn caller(lane: &str) -> Caller {
    Caller { account: "own".to_owned(), lane: lane.to_owned() }
}

async fn read(rest: &Arc<Rest>, lane: &str, path: &str) -> Result<Vec<u8>, Trouble> {
    let answer = rest.read(caller(lane), path.parse().unwrap(), HeaderMap::new(), Freshness::Ask).await?;
    Ok(answer.body.clone())
}

async fn write(rest: &Rest) {
    rest.write(&caller("a"), Method::POST, "/w".parse().unwrap(), HeaderMap::new(), Vec::new()).await.unwrap();
}

/// Lets everything that can move, move.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn equal_reads_share_a_call_and_others_do_not() {
    let (host, rest, _) = host(0, |_| Meter::default());
    let reads = join_all([read(&rest, "a", "/1"), read(&rest, "b", "/1"), read(&rest, "a", "/2")]);
    let (answers, ()) = tokio::join!(reads, async {
        settle().await;
        host.lets.add_permits(2);
    });
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!((host.asked.lock().unwrap().len(), answers[0] == answers[1], answers[0] == answers[2]), (2, true, false));
}

#[tokio::test]
async fn a_read_after_a_write_is_not_one_from_before_it() {
    let (host, rest, _) = host(0, |_| Meter::default());
    let before = tokio::spawn({
        let rest = rest.clone();
        async move { read(&rest, "a", "/1").await }
    });
    settle().await;
    let writes = tokio::spawn({
        let rest = rest.clone();
        async move { write(&rest).await }
    });
    settle().await;
    let during = tokio::spawn({
        let rest = rest.clone();
        async move { read(&rest, "a", "/1").await }
    });
    settle().await;
    host.lets.add_permits(3);
    let (before, during) = (before.await.unwrap().unwrap(), during.await.unwrap().unwrap());
    writes.await.unwrap();
    assert_ne!(before, during);
}

#[tokio::test]
async fn who_leaves_does_not_take_a_shared_call_along() {
    let (host, rest, _) = host(0, |_| Meter::default());
    let first = tokio::spawn({
        let rest = rest.clone();
        async move { read(&rest, "a", "/1").await }
    });
    settle().await;
    let second = tokio::spawn({
        let rest = rest.clone();
        async move { read(&rest, "a", "/1").await }
    });
    settle().await;
    first.abort();
    host.lets.add_permits(1);
    assert_eq!(second.await.unwrap().unwrap(), b"1");
}

#[tokio::test]
async fn lanes_take_turns_however_long_their_queues() {
    let (host, rest, _) = host(0, |_| Meter::default());
    let mut busy = Vec::new();
    for n in 0..100 {
        let rest = rest.clone();
        busy.push(tokio::spawn(async move { read(&rest, "busy", &format!("/busy/{n}")).await }));
    }
    settle().await;
    for lane in ["calm", "calmer"] {
        let rest = rest.clone();
        busy.push(tokio::spawn(async move { read(&rest, lane, &format!("/{lane}")).await }));
    }
    settle().await;
    // One who waits and leaves keeps nobody from their turn.
    busy.swap_remove(20).abort();
    settle().await;
    host.lets.add_permits(3);
    settle().await;
    let asked = host.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), AT_ONCE + 3);
    assert!(asked.iter().any(|path| path == "/calm") && asked.iter().any(|path| path == "/calmer"), "{asked:?}");
    host.lets.add_permits(200);
    let others = join_all(busy).await;
    assert_eq!(others.into_iter().filter(Result::is_ok).count(), 101);
}

/// Twenty calls in a window; how many are left is in the answer's number.
fn twenty(answer: &Answer) -> Meter {
    let count: u64 = std::str::from_utf8(&answer.body).unwrap().parse().unwrap();
    let window = (count - 1) / 20;
    let reset = UnixMillis(2_000_000 + i64::try_from(window).unwrap() * 1_000_000);
    Meter { left: Some((20, 19 - (count - 1) % 20)), reset: Some(reset), refused: None }
}

#[tokio::test]
async fn the_last_quarter_is_for_those_who_used_less() {
    let (_, rest, clock) = host(1000, twenty);
    let used = async |lane: &str| {
        let mut calls = 0;
        while read(&rest, lane, &format!("/{lane}/{calls}")).await.is_ok() {
            calls += 1;
        }
        calls
    };
    assert_eq!(used("busy").await, 15);
    let Err(Trouble::NoRoom { wait, .. }) = read(&rest, "busy", "/busy").await else { panic!("it was let through") };
    assert_eq!(wait, Duration::from_secs(1000));
    assert_eq!(rest.usage().held_back, 2);
    assert_eq!(used("calm").await, 5);
    clock.advance(Duration::from_secs(1000));
    assert!(read(&rest, "busy", "/next").await.is_ok());
}

#[tokio::test]
async fn what_a_host_says_blocks_nobody_for_longer_than_two_hours() {
    let absurd: [fn(&Answer) -> Meter; 2] = [
        |_| Meter { left: Some((20, 0)), reset: Some(UnixMillis(i64::MAX)), refused: None },
        |_| Meter { refused: Some(Some(Duration::MAX)), ..Meter::default() },
    ];
    for meter in absurd {
        let (_, rest, clock) = host(1000, meter);
        read(&rest, "a", "/1").await.unwrap();
        let Err(Trouble::NoRoom { wait, .. }) = read(&rest, "a", "/2").await else { panic!("it was let through") };
        assert_eq!(wait, Duration::from_secs(7_200));
        clock.advance(wait);
        read(&rest, "a", "/3").await.unwrap();
    }
}

#[tokio::test]
async fn the_cache_keeps_what_was_used_last() {
    let (cache, mega) = (Cache::default(), vec![0; 1024 * 1024]);
    let answer = Arc::new(Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: mega });
    let tag = || http::HeaderValue::from_static("\"1\"");
    for n in 0..40 {
        cache.put(n.to_string(), tag(), answer.clone());
        assert!(cache.get("0").is_some(), "it was used just now, at {n}");
    }
    assert!(cache.get("1").is_none() && cache.get("39").is_some());
    let huge = Arc::new(Answer { body: vec![0; 8 * 1024 * 1024], ..Answer::clone(&answer) });
    cache.put("huge".to_owned(), tag(), huge);
    assert!(cache.get("huge").is_none());
}

/// A page that stays as it is, with a tag; where it says that the list goes on, as the test wants it.
#[derive(Debug)]
struct Page(Mutex<Option<(HeaderName, &'static str)>>);

#[async_trait]
impl Wire for Page {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, Trouble> {
        let known = request.headers().contains_key(IF_NONE_MATCH);
        let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let mut headers = HeaderMap::from_iter([(ETAG, HeaderValue::from_static("\"1\""))]);
        headers.extend(self.0.lock().unwrap().clone().map(|(name, to)| (name, HeaderValue::from_static(to))));
        Ok(Answer { status, headers, body: if known { Vec::new() } else { b"page".to_vec() } })
    }
}

#[tokio::test]
async fn a_page_that_is_the_same_may_not_be_the_last_any_more() {
    let page = Arc::new(Page(Mutex::default()));
    let rest = Arc::new(Rest::new(page.clone(), |_| Meter::default(), Arc::new(ManualClock::new(UnixMillis(0)))));
    let read = async || rest.read(caller("a"), "/1".parse().unwrap(), HeaderMap::new(), Freshness::Ask).await.unwrap();
    assert_eq!(read().await.header("link"), None);
    for name in [LINK, LINK, NEXT_PAGE, NEXT_PAGE] {
        *page.0.lock().unwrap() = Some((name.clone(), "</2>; rel=\"next\""));
        let answer = read().await;
        assert_eq!((answer.status, answer.header(name.as_str())), (StatusCode::OK, Some("</2>; rel=\"next\"")));
        assert_eq!(answer.body, b"page");
        *page.0.lock().unwrap() = None;
    }
}
