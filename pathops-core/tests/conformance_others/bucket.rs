use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{Bucket, ObjectVersion};
use pathops_core::conformance::bucket::{BucketFixture, BucketWorld, cases, worlds};
use pathops_core::memory::{Faulty, MemoryBucket};
use pathops_core::{Error, ErrorKind, ObjectKey, OpContext, Result};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    /// What some servers that call themselves S3 do.
    IgnoresConditions,
    /// Looks first and writes then.
    LooksBeforeItWrites,
    TakesTheSameBytesForItsOwn,
    /// Of a replacement the condition is ignored.
    ReplacesWhatIsThere,
    /// Looks first and replaces then.
    LooksBeforeItReplaces,
    /// Makes what is not there.
    ReplacesNothing,
    NotFoundIsAnError,
    KeepsTheLongerOne,
    ListsWhatBeginsAlike,
    ListsInNoOrder,
    ListsTheFirstPageOnly,
    /// However large it may be.
    ReadsWhateverIsThere,
    /// And what is larger is cut.
    ReadsTheBeginning,
    MissesDeletion,
    OneLocation,
    /// Of several at once, the first answer is given for all.
    AnswersForAll,
    /// Of several at once, a name that is taken is taken again.
    TakesTogetherWhatIsTaken,
}

#[derive(Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryBucket,
}

#[async_trait]
impl Bucket for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        let there = self.inner.read(cx, key).await?;
        match self.defect {
            Defect::IgnoresConditions => self.inner.write(cx, key, bytes).await,
            Defect::LooksBeforeItWrites if there.is_none() => {
                tokio::task::yield_now().await;
                self.inner.write(cx, key, bytes).await
            }
            Defect::TakesTheSameBytesForItsOwn if there.as_ref() == Some(&bytes) => Ok(()),
            _ => self.inner.create(cx, key, bytes).await,
        }
    }

    async fn create_all(&self, cx: &OpContext, objects: Vec<(ObjectKey, Vec<u8>)>) -> Vec<Result<()>> {
        let mut answers = Vec::new();
        for (key, bytes) in objects {
            answers.push(match self.defect {
                Defect::TakesTogetherWhatIsTaken => self.inner.write(cx, &key, bytes).await,
                Defect::AnswersForAll => self.inner.create(cx, &key, bytes).await.or(Ok(())),
                _ => self.inner.create(cx, &key, bytes).await,
            });
        }
        answers
    }

    async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        let there = self.inner.read(cx, key).await?;
        if self.defect == Defect::KeepsTheLongerOne && there.is_some_and(|there| there.len() > bytes.len()) {
            return Ok(());
        }
        self.inner.write(cx, key, bytes).await
    }

    async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        let there = self.inner.read_version(cx, key).await?;
        match (self.defect, there) {
            (Defect::ReplacesWhatIsThere, Some(_)) | (Defect::ReplacesNothing, None) => self.inner.write(cx, key, bytes).await,
            (Defect::LooksBeforeItReplaces, Some((_, there))) if there == *version => {
                tokio::task::yield_now().await;
                self.inner.write(cx, key, bytes).await
            }
            _ => self.inner.replace(cx, key, version, bytes).await,
        }
    }

    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        self.inner.read_version(cx, key).await
    }

    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        match self.inner.read(cx, key).await? {
            None if self.defect == Defect::NotFoundIsAnError => Err(Error::new(ErrorKind::NotFound, "read an object")),
            read => Ok(read),
        }
    }

    async fn read_within(&self, cx: &OpContext, key: &ObjectKey, most: u64) -> Result<Option<Vec<u8>>> {
        match self.defect {
            Defect::ReadsWhateverIsThere => self.inner.read(cx, key).await,
            Defect::ReadsTheBeginning => {
                let mut read = self.inner.read(cx, key).await?;
                read.iter_mut().for_each(|bytes| bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX)));
                Ok(read)
            }
            _ => self.inner.read_within(cx, key, most).await,
        }
    }

    async fn list<'a>(
        &self,
        cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        match self.defect {
            Defect::ListsWhatBeginsAlike => {
                let alike = |key: &&ObjectKey| key.as_str().starts_with(within.as_str());
                let objects = self.inner.objects();
                Ok(objects
                    .keys()
                    .filter(alike)
                    .filter(|key| after.is_none_or(|after| *key > after))
                    .take(limit)
                    .cloned()
                    .collect())
            }
            Defect::ListsInNoOrder => {
                let mut listed = self.inner.list(cx, within, after, usize::MAX).await?;
                listed.reverse();
                listed.truncate(limit);
                Ok(listed)
            }
            Defect::ListsTheFirstPageOnly if after.is_some() => Ok(Vec::new()),
            _ => self.inner.list(cx, within, after, limit).await,
        }
    }

    async fn delete(&self, cx: &OpContext, key: &ObjectKey) -> Result<()> {
        if self.defect == Defect::MissesDeletion { Ok(()) } else { self.inner.delete(cx, key).await }
    }

    fn location(&self, key: &ObjectKey) -> String {
        if self.defect == Defect::OneLocation { "memory:object".to_owned() } else { self.inner.location(key) }
    }
}

struct Memory(Defect);

#[async_trait]
impl BucketFixture for Memory {
    async fn fresh(&self) -> BucketWorld {
        let planted: Arc<dyn Bucket> = Arc::new(Planted { defect: self.0, inner: MemoryBucket::new() });
        // What stands between creates one after the other.
        let direct = matches!(self.0, Defect::AnswersForAll | Defect::TakesTogetherWhatIsTaken);
        let bucket = if direct { planted } else { Arc::new(Faulty::new(planted, no_faults())) };
        BucketWorld::new(bucket, ())
    }
}

fn fails(defect: Defect) -> Vec<String> {
    failing(&cases(), &worlds(Arc::new(Memory(defect))))
}

#[test]
fn the_reference_bucket_does_all_of_it() {
    assert_eq!(fails(Defect::None), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    let (taken, race) = ("a_name_is_taken_once", "of_many_who_create_one_succeeds");
    let (replaced, gone) = ("a_write_takes_the_place_of_what_is_there", "what_is_deleted_is_gone");
    let (order, pages) = ("names_are_listed_in_order", "names_are_listed_page_by_page");
    let several = "several_are_created_each_with_its_answer";
    assert_eq!(fails(Defect::IgnoresConditions), [taken, race, several, replaced]);
    assert_eq!(fails(Defect::LooksBeforeItWrites), [race]);
    assert_eq!(fails(Defect::TakesTheSameBytesForItsOwn), [taken]);
    assert_eq!(fails(Defect::AnswersForAll), [several]);
    assert_eq!(fails(Defect::TakesTogetherWhatIsTaken), [several]);
    let (exact, racing) = ("what_was_read_is_replaced_and_nothing_else", "of_many_who_replace_one_succeeds");
    assert_eq!(fails(Defect::ReplacesWhatIsThere), [exact, racing]);
    assert_eq!(fails(Defect::LooksBeforeItReplaces), [racing]);
    assert_eq!(fails(Defect::ReplacesNothing), [exact]);
    assert_eq!(fails(Defect::NotFoundIsAnError), ["an_unknown_name_is_none", exact, gone]);
    assert_eq!(fails(Defect::KeepsTheLongerOne), [replaced, exact]);
    let larger = "what_is_larger_than_it_may_be_is_not_read";
    assert_eq!(fails(Defect::ReadsWhateverIsThere), [larger]);
    assert_eq!(fails(Defect::ReadsTheBeginning), [larger]);
    assert_eq!(fails(Defect::ListsWhatBeginsAlike), [order, pages]);
    assert_eq!(fails(Defect::ListsInNoOrder), [order, pages]);
    assert_eq!(fails(Defect::ListsTheFirstPageOnly), [pages]);
    assert_eq!(fails(Defect::MissesDeletion), [exact, gone]);
    assert_eq!(fails(Defect::OneLocation), ["a_location_is_a_uri"]);
}
