//! Trying whether a bucket is one that a log stays one in.

use futures_util::future::join_all;
use pathops_core::adapter::{Bucket, ObjectVersion};
use pathops_core::{Effect, Error, ErrorKind, ObjectKey, OpContext, Result};

use super::named;

/// How many try at once where it is tried whether one of them succeeds.
const RACERS: usize = 4;

/// What it creates.
const TRIED: &[u8] = b"whoever reads this: it only tries the bucket\n";
/// And what that was replaced by, by several at once: nobody races there again.
const RACED: &[u8] = b"whoever reads this: it only tries the bucket, and has raced for it\n";

/// Whether a bucket keeps a name for who has taken it, and bytes from whoever means others, also from who tries at the same time; for
/// `what`, by this object. What it has raced for once is not raced for again: later openings make three requests.
pub(crate) async fn probe(cx: &OpContext, bucket: &dyn Bucket, what: &'static str, object: &str) -> Result<()> {
    let (key, cx) = (named(ObjectKey::parse(object).ok())?, cx.part("probe"));
    let there = bucket.read(&cx, &key).await;
    let creators = match &there {
        Ok(None) => {
            winners(join_all((0..RACERS).map(|_| bucket.create(&cx, &key, TRIED.to_vec()))).await, ErrorKind::AlreadyExists)?
        }
        _ => 0,
    };
    let mut created = bucket.create(&cx, &key, TRIED.to_vec()).await;
    if created.is_ok() || is_lost(&created) {
        created = bucket.create(&cx, &key, TRIED.to_vec()).await;
    }
    let refused = |answer, kind, why| refused(what, bucket.location(&key), answer, kind, why);
    refused(created, ErrorKind::AlreadyExists, "lets a name be taken twice: it ignores `If-None-Match`")?;
    let unknown = ObjectVersion::new("\"0\"");
    let mut replaced = bucket.replace(&cx, &key, &unknown, RACED.to_vec()).await;
    if is_lost(&replaced) {
        replaced = bucket.replace(&cx, &key, &unknown, RACED.to_vec()).await;
    }
    refused(replaced, ErrorKind::Conflict, "replaces what was not meant: it ignores `If-Match`")?;
    let replacers = match there {
        Ok(bytes) if bytes.as_deref() != Some(RACED) => race_to_replace(&cx, bucket, &key).await?,
        _ => 0,
    };
    let why = match (creators, replacers) {
        (2.., _) => "lets several take a name at the same time: it looks at `If-None-Match` and writes later",
        (_, 2..) => "lets several replace the same version at the same time: it looks at `If-Match` and writes later",
        _ => return Ok(()),
    };
    // Whoever comes next is to see it, too.
    bucket.delete(&cx, &key).await?;
    Err(unfit(what, bucket.location(&key), why))
}

/// How many of several who replace the same version at once are told that they have. Where another process has been faster it is none.
async fn race_to_replace(cx: &OpContext, bucket: &dyn Bucket, key: &ObjectKey) -> Result<usize> {
    let Some((bytes, version)) = bucket.read_version(cx, key).await? else { return Ok(0) };
    if bytes == RACED {
        return Ok(0);
    }
    winners(join_all((0..RACERS).map(|_| bucket.replace(cx, key, &version, RACED.to_vec()))).await, ErrorKind::Conflict)
}

/// How many were told that they have it; the others have to be refused with this kind.
fn winners(answers: Vec<Result<()>>, refusal: ErrorKind) -> Result<usize> {
    let winners = answers.iter().filter(|answer| answer.is_ok()).count();
    let failed = |answer: &Result<()>| answer.as_ref().is_err_and(|error| error.kind() != refusal);
    answers.into_iter().find(|answer| failed(answer) && !is_lost(answer)).unwrap_or(Ok(())).map(|()| winners)
}

/// Whether nobody knows what was done.
fn is_lost(answer: &Result<()>) -> bool {
    answer.as_ref().is_err_and(|error| error.effect() == Effect::Unknown)
}

/// What has to be refused with this kind.
fn refused(what: &'static str, at: String, answer: Result<()>, kind: ErrorKind, why: &str) -> Result<()> {
    match answer {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(unfit(what, at, why)),
    }
}

fn unfit(what: &'static str, at: String, why: &str) -> Error {
    let error = Error::new(ErrorKind::Unsupported, what).on(at).because(format!("the bucket {why}"));
    error.advise("use a folder, or an object store that honours conditional writes")
}
