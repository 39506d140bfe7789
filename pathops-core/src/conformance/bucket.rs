//! What every [`Bucket`] must do.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Answer as _, abandon, cases as named};
use super::scm::world::cx;
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{Bucket, ObjectVersion};
use crate::error::ErrorKind;
use crate::id::ObjectKey;

const LARGE_BYTES: usize = 8 << 20;

/// Gives each case a bucket of its own.
#[async_trait]
pub trait BucketFixture: Send + Sync + 'static {
    /// An empty bucket.
    async fn fresh(&self) -> BucketWorld;
}

/// A bucket, and what has to live as long.
pub struct BucketWorld {
    bucket: Arc<dyn Bucket>,
    _guard: Box<dyn Any + Send + Sync>,
}

impl BucketWorld {
    /// `guard` is dropped at the end of the case.
    pub fn new(bucket: Arc<dyn Bucket>, guard: impl Any + Send + Sync) -> Self {
        Self { bucket, _guard: Box::new(guard) }
    }
}

impl fmt::Debug for BucketWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketWorld").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

/// The cases as trials.
#[must_use]
pub fn trials(fixture: Arc<dyn BucketFixture>) -> Vec<Trial> {
    into_trials(cases(), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn BucketFixture>) -> Fresh<BucketWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases() -> Vec<Case<BucketWorld>> {
    named!["bucket":
        an_object_is_read_back,
        an_unknown_name_is_none,
        a_name_is_taken_once,
        of_many_who_create_one_succeeds,
        several_are_created_each_with_its_answer,
        a_write_takes_the_place_of_what_is_there,
        what_was_read_is_replaced_and_nothing_else,
        of_many_who_replace_one_succeeds,
        a_large_object_is_whole,
        what_is_larger_than_it_may_be_is_not_read,
        an_abandoned_object_is_whole_or_not_there,
        names_are_listed_in_order,
        names_are_listed_page_by_page,
        what_is_deleted_is_gone,
        a_location_is_a_uri,
    ]
}

fn key(text: &str) -> Result<ObjectKey, String> {
    ObjectKey::parse(text).map_err(|error| error.to_string())
}

async fn holds(world: &BucketWorld, key: &ObjectKey, bytes: Option<&[u8]>) -> Outcome {
    let read = world.bucket.read(&cx("read"), key).await.works()?;
    ensure!(
        read.as_deref() == bytes,
        "{key} must hold {:?} bytes and holds {:?}",
        bytes.map(<[u8]>::len),
        read.map(|it| it.len())
    );
    Ok(())
}

async fn an_object_is_read_back(world: BucketWorld) -> Outcome {
    for (name, bytes) in [("one", b"1\0\xff\r\n".as_slice()), ("tile/0/x001/234.p/5", b"2"), ("empty", b"")] {
        world.bucket.create(&cx(name), &key(name)?, bytes.to_vec()).await.works()?;
        holds(&world, &key(name)?, Some(bytes)).await?;
    }
    Ok(())
}

async fn several_are_created_each_with_its_answer(world: BucketWorld) -> Outcome {
    world.bucket.create(&cx("before"), &key("b")?, b"old".to_vec()).await.works()?;
    let names = ["a", "b", "deep/er/c", "a", "d"];
    let objects = names.iter().zip(0_u8..).map(|(name, number)| Ok((key(name)?, vec![number; 3])));
    let answers = world.bucket.create_all(&cx("create"), objects.collect::<Result<_, String>>()?).await;
    let kinds: Vec<_> = answers.iter().map(|it| it.as_ref().map_err(crate::error::Error::kind).err()).collect();
    let taken = Some(ErrorKind::AlreadyExists);
    // Of two of one name at once, either may be the one that has it.
    let once = [kinds.first(), kinds.get(3)].into_iter().flatten().filter(|it| it.is_none()).count();
    ensure!(once == 1 && kinds.len() == 5, "one of two with the same name must succeed, and each must be answered: {kinds:?}");
    ensure!([1, 2, 4].map(|at| kinds.get(at).copied().flatten()) == [taken, None, None], "the answers are {kinds:?}");
    let first = if kinds.first() == Some(&None) { [0; 3] } else { [3; 3] };
    for (name, bytes) in [("a", first.as_slice()), ("b", b"old"), ("deep/er/c", &[2; 3]), ("d", &[4; 3])] {
        holds(&world, &key(name)?, Some(bytes)).await?;
    }
    ensure!(world.bucket.create_all(&cx("none"), Vec::new()).await.is_empty(), "nothing was created, and something answered");
    Ok(())
}

async fn an_unknown_name_is_none(world: BucketWorld) -> Outcome {
    world.bucket.create(&cx("create"), &key("a/b")?, b"1".to_vec()).await.works()?;
    for name in ["c", "a/c", "a/b/c"] {
        holds(&world, &key(name)?, None).await?;
    }
    Ok(())
}

async fn a_name_is_taken_once(world: BucketWorld) -> Outcome {
    let name = key("batch/1")?;
    world.bucket.create(&cx("first"), &name, b"first".to_vec()).await.works()?;
    for bytes in [b"second".as_slice(), b"first"] {
        let again = world.bucket.create(&cx("again"), &name, bytes.to_vec()).await;
        again.fails(ErrorKind::AlreadyExists, "the name is taken")?;
        holds(&world, &name, Some(b"first")).await?;
    }
    Ok(())
}

async fn of_many_who_create_one_succeeds(world: BucketWorld) -> Outcome {
    for round in 0..8_u8 {
        let name = key(&format!("race/{round}"))?;
        let racers: Vec<_> = (0..16_u8)
            .map(|racer| {
                let (bucket, name) = (world.bucket.clone(), name.clone());
                tokio::spawn(async move { bucket.create(&cx(&racer.to_string()), &name, vec![racer; 1_000]).await })
            })
            .collect();
        let mut winners = Vec::new();
        for (racer, task) in (0..16_u8).zip(racers) {
            match task.await.map_err(|e| format!("a writer did not end: {e}"))? {
                Ok(()) => winners.push(racer),
                refused => refused.fails(ErrorKind::AlreadyExists, "another one has taken the name")?,
            }
        }
        let [winner] = winners[..] else { return Err(format!("one of 16 must take the name, and {winners:?} did")) };
        holds(&world, &name, Some(&[winner; 1_000])).await?;
    }
    Ok(())
}

async fn a_write_takes_the_place_of_what_is_there(world: BucketWorld) -> Outcome {
    let name = key("checkpoint")?;
    for bytes in [b"longer than the next".as_slice(), b"short"] {
        world.bucket.write(&cx("write"), &name, bytes.to_vec()).await.works()?;
        holds(&world, &name, Some(bytes)).await?;
    }
    let taken = world.bucket.create(&cx("create"), &name, b"new".to_vec()).await;
    taken.fails(ErrorKind::AlreadyExists, "the name is taken by a write")
}

async fn version(world: &BucketWorld, key: &ObjectKey, bytes: &[u8]) -> Result<ObjectVersion, String> {
    let read = world.bucket.read_version(&cx("read"), key).await.works()?;
    let (read, version) = read.ok_or_else(|| format!("{key} is there, and is not read with its version"))?;
    ensure!(read == bytes, "{key} must hold {} bytes and is read with its version as {}", bytes.len(), read.len());
    Ok(version)
}

async fn what_was_read_is_replaced_and_nothing_else(world: BucketWorld) -> Outcome {
    let (name, other) = (key("log/checkpoint")?, key("log/other")?);
    let absent = world.bucket.read_version(&cx("read"), &name).await.works()?;
    ensure!(absent.is_none(), "what is not there has a version");
    world.bucket.create(&cx("create"), &name, b"first".to_vec()).await.works()?;
    let first = version(&world, &name, b"first").await?;
    world.bucket.replace(&cx("replace"), &name, &first, b"second, and longer".to_vec()).await.works()?;
    holds(&world, &name, Some(b"second, and longer")).await?;
    let late = world.bucket.replace(&cx("late"), &name, &first, b"late".to_vec()).await;
    late.fails(ErrorKind::Conflict, "another version is there")?;
    holds(&world, &name, Some(b"second, and longer")).await?;
    let second = version(&world, &name, b"second, and longer").await?;
    let unknown = world.bucket.replace(&cx("unknown"), &name, &ObjectVersion::new("0"), b"unknown".to_vec()).await;
    unknown.fails(ErrorKind::Conflict, "no version of it was ever called so")?;
    world.bucket.write(&cx("write"), &name, b"third".to_vec()).await.works()?;
    let late = world.bucket.replace(&cx("late"), &name, &second, b"late".to_vec()).await;
    late.fails(ErrorKind::Conflict, "a write has taken its place")?;
    holds(&world, &name, Some(b"third")).await?;
    let third = version(&world, &name, b"third").await?;
    let absent = world.bucket.replace(&cx("absent"), &other, &third, b"absent".to_vec()).await;
    absent.fails(ErrorKind::Conflict, "nothing is there to be replaced")?;
    holds(&world, &other, None).await?;
    world.bucket.delete(&cx("delete"), &name).await.works()?;
    let gone = world.bucket.replace(&cx("gone"), &name, &third, b"gone".to_vec()).await;
    gone.fails(ErrorKind::Conflict, "it is gone")?;
    holds(&world, &name, None).await
}

async fn of_many_who_replace_one_succeeds(world: BucketWorld) -> Outcome {
    let (name, mut there) = (key("log/checkpoint")?, vec![u8::MAX; 1_000]);
    world.bucket.create(&cx("create"), &name, there.clone()).await.works()?;
    for round in 0..8_u8 {
        let read = version(&world, &name, &there).await?;
        let bytes = |racer: u8| [vec![racer; 1_000], vec![round]].concat();
        let racers: Vec<_> = (0..16_u8)
            .map(|racer| {
                let (bucket, name, read, bytes) = (world.bucket.clone(), name.clone(), read.clone(), bytes(racer));
                tokio::spawn(async move { bucket.replace(&cx(&racer.to_string()), &name, &read, bytes).await })
            })
            .collect();
        let mut winners = Vec::new();
        for (racer, task) in (0..16_u8).zip(racers) {
            match task.await.map_err(|e| format!("a writer did not end: {e}"))? {
                Ok(()) => winners.push(racer),
                refused => refused.fails(ErrorKind::Conflict, "another one has replaced it")?,
            }
        }
        let [winner] = winners[..] else { return Err(format!("one of 16 must replace it, and {winners:?} did")) };
        there = bytes(winner);
        holds(&world, &name, Some(&there)).await?;
    }
    Ok(())
}

async fn a_large_object_is_whole(world: BucketWorld) -> Outcome {
    let bytes: Vec<u8> = (0_u8..=250).cycle().take(LARGE_BYTES).collect();
    let name = key("large")?;
    world.bucket.create(&cx("large"), &name, bytes.clone()).await.works()?;
    holds(&world, &name, Some(&bytes)).await
}

async fn what_is_larger_than_it_may_be_is_not_read(world: BucketWorld) -> Outcome {
    for (name, bytes) in [("tile", vec![7; 1_000]), ("empty", Vec::new())] {
        let name = key(name)?;
        world.bucket.create(&cx(name.as_str()), &name, bytes.clone()).await.works()?;
        for most in [bytes.len() as u64, 2_000, u64::MAX] {
            let there = world.bucket.read_within(&cx("read"), &name, most).await.works()?;
            ensure!(there.as_ref() == Some(&bytes), "{name} has {} bytes and is not read within {most}", bytes.len());
        }
    }
    let absent = world.bucket.read_within(&cx("read"), &key("none")?, 2_000).await.works()?;
    ensure!(absent.is_none(), "what is not there is read");
    for most in [999, 0] {
        let refused = world.bucket.read_within(&cx("read"), &key("tile")?, most).await;
        let told = refused.as_ref().err().map(ToString::to_string).unwrap_or_default();
        refused.fails(ErrorKind::Corrupt, "it has more bytes than it may have")?;
        ensure!(
            told.contains("1000") && told.contains(&most.to_string()),
            "it does not say how many it has and may have: {told}"
        );
    }
    holds(&world, &key("tile")?, Some(&[7; 1_000])).await
}

async fn an_abandoned_object_is_whole_or_not_there(world: BucketWorld) -> Outcome {
    for polls in 1_u8..=4 {
        let (name, bytes) = (key(&format!("abandoned/{polls}"))?, vec![polls; 256 << 10]);
        abandon(world.bucket.create(&cx("abandoned"), &name, bytes.clone()), usize::from(polls)).await;
        let read = world.bucket.read(&cx("read"), &name).await.works()?;
        ensure!(read.is_none_or(|read| read == bytes), "a part of an object is there after its writer stopped waiting");
    }
    Ok(())
}

const NAMES: [&str; 5] = ["a/1", "a/1.p/2", "a/10", "a/2", "a/b/c"];

async fn filled(world: &BucketWorld) -> Outcome {
    for name in NAMES.iter().rev().chain(&["ab/1", "b"]) {
        world.bucket.create(&cx(name), &key(name)?, b"1".to_vec()).await.works()?;
    }
    Ok(())
}

async fn names_are_listed_in_order(world: BucketWorld) -> Outcome {
    let listed = world.bucket.list(&cx("list"), &key("a")?, None, 100).await.works()?;
    ensure!(listed.is_empty(), "an empty bucket lists {listed:?}");
    filled(&world).await?;
    let listed = world.bucket.list(&cx("list"), &key("a")?, None, 100).await.works()?;
    let names: Vec<_> = listed.iter().map(ObjectKey::as_str).collect();
    ensure!(names == NAMES, "below `a` there are {NAMES:?}, and {names:?} are listed");
    Ok(())
}

async fn names_are_listed_page_by_page(world: BucketWorld) -> Outcome {
    filled(&world).await?;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = world.bucket.list(&cx("list"), &key("a")?, after.as_ref(), 2).await.works()?;
        ensure!(page.len() <= 2, "two were asked for and {} listed", page.len());
        let ended = page.len() < 2;
        after = page.last().cloned().or(after);
        all.extend(page.iter().map(ToString::to_string));
        if ended {
            break;
        }
        ensure!(all.len() <= NAMES.len(), "the pages do not end: {all:?}");
    }
    ensure!(all == NAMES, "page by page {all:?} are listed");
    Ok(())
}

async fn what_is_deleted_is_gone(world: BucketWorld) -> Outcome {
    let name = key("gone")?;
    world.bucket.create(&cx("create"), &name, b"1".to_vec()).await.works()?;
    for _ in 0..2 {
        world.bucket.delete(&cx("delete"), &name).await.works()?;
        holds(&world, &name, None).await?;
    }
    world.bucket.create(&cx("again"), &name, b"2".to_vec()).await.works()?;
    holds(&world, &name, Some(b"2")).await
}

async fn a_location_is_a_uri(world: BucketWorld) -> Outcome {
    let (one, two) = (world.bucket.location(&key("a/1")?), world.bucket.location(&key("a/2")?));
    ensure!(one != two, "two objects have the one location {one}");
    let scheme = one.split_once(':').map_or("", |(scheme, _)| scheme);
    ensure!(scheme.chars().all(|c| c.is_ascii_alphanumeric()) && scheme.len() > 1, "{one} is no URI");
    Ok(())
}
