use std::fs;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{Clock, EventCursor, ScmEventKind, SourceFile};
use pathops_core::policy::GrantId;
use pathops_core::{Digest, ErrorKind, IdempotencyKey, UnixMillis};

use super::*;

#[derive(Debug)]
struct Noon;

#[async_trait]
impl Clock for Noon {
    fn now(&self) -> UnixMillis {
        UnixMillis(1_795_348_800_000)
    }
    async fn sleep(&self, _: Duration) {}
}

fn forge() -> (tempfile::TempDir, Forge) {
    let folder = tempfile::tempdir().unwrap();
    let forge = Forge::open(folder.path(), Arc::new(Noon)).unwrap();
    (folder, forge)
}

fn attempt() -> Attempt {
    Attempt::new("test", "test")
}

fn repo(name: &str) -> RepoId {
    RepoId::parse(name).unwrap()
}

fn kinds(forge: &Forge, after: EventCursor, limit: usize) -> Vec<String> {
    forge.feed.read(&attempt(), after, limit).unwrap().into_iter().map(|event| format!("{:?}", event.kind)).collect()
}

fn pushed(name: &str) -> ScmEventKind {
    ScmEventKind::Pushed(BranchName::parse(name).unwrap())
}

#[test]
fn the_feed_goes_on_where_a_cursor_points() {
    let (_folder, forge) = forge();
    assert!(kinds(&forge, EventCursor::default(), 9).is_empty());
    forge.feed.append(&attempt(), &repo("a/b"), &[pushed("one"), pushed("two")]).unwrap();
    forge.feed.append(&attempt(), &repo("c/d"), &[pushed("three")]).unwrap();
    let all = forge.feed.read(&attempt(), EventCursor::default(), 9).unwrap();
    assert_eq!(all.iter().map(|event| event.repo.as_str()).collect::<Vec<_>>(), ["a/b", "a/b", "c/d"]);
    for (read, event) in all.iter().enumerate() {
        assert_eq!(forge.feed.read(&attempt(), event.cursor, 9).unwrap(), all[read + 1..]);
    }
    assert_eq!(forge.feed.read(&attempt(), EventCursor::default(), 2).unwrap(), all[..2]);
    for foreign in [EventCursor(3), EventCursor(all[2].cursor.0 + 1)] {
        assert_eq!(forge.feed.read(&attempt(), foreign, 9).unwrap_err().kind(), ErrorKind::Invalid, "{foreign:?}");
    }
}

#[test]
fn a_torn_line_at_the_end_of_the_feed_is_not_read_and_then_overwritten() {
    let (folder, forge) = forge();
    let file = folder.path().join(".forge/events.jsonl");
    forge.feed.append(&attempt(), &repo("a/b"), &[pushed("one")]).unwrap();
    let mut torn = fs::read(&file).unwrap();
    torn.extend(b"{\"format\":1,\"re");
    fs::write(&file, torn).unwrap();
    assert_eq!(kinds(&forge, EventCursor::default(), 9).len(), 1);
    forge.feed.append(&attempt(), &repo("a/b"), &[pushed("two")]).unwrap();
    assert_eq!(kinds(&forge, EventCursor::default(), 9), ["Pushed(BranchName(\"one\"))", "Pushed(BranchName(\"two\"))"]);
}

async fn with_commit(forge: &LocalForge, id: &RepoId) -> pathops_core::CommitId {
    let main = BranchName::parse("main").unwrap();
    let file = SourceFile { bytes: b"hello\n".to_vec(), executable: false };
    let files = SourceTree::from([("README".parse().unwrap(), file)]);
    forge.create_repository(id, &main, &[(main.clone(), files)], "Begin", &Principal::System).await.unwrap();
    let head = forge.forge.reading(attempt(), id, move |repo| repo.branch_head(&main)).await.unwrap();
    head.unwrap()
}

#[tokio::test]
async fn a_grant_serves_for_one_key_in_the_whole_forge() {
    let (_folder, forge) = forge();
    let forge = LocalForge { forge: Arc::new(forge) };
    let (one, two) = (repo("shop/one"), repo("shop/two"));
    let commit = with_commit(&forge, &one).await;
    assert_eq!(with_commit(&forge, &two).await, commit, "same files, author, message and time");
    let grant: GrantId = serde_json::from_value(Digest::of(b"grant").to_string().into()).unwrap();
    let used = async |id: &RepoId, key: &str| {
        let (key, commit) = (IdempotencyKey::new(key), commit.clone());
        forge.forge.writing(attempt(), id, move |writer| writer.use_grant(grant, &key, &commit)).await
    };
    used(&one, "first").await.unwrap();
    used(&one, "first").await.unwrap();
    assert_eq!(used(&one, "second").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(used(&two, "first").await.unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn a_pull_request_of_an_earlier_version_is_read() {
    let earlier = r#"{"number": 1, "key": "open", "title": "From topic", "body": "", "author": "AUTHOR", "head_branch": "topic",
        "head": "1111111111111111111111111111111111111111", "base": "main", "reviewers": ["bob"], "state": "open",
        "reviews": [], "comments": []}"#;
    let earlier = earlier.replace("\"AUTHOR\"", &serde_json::to_string(&Principal::System).unwrap());
    let read: record::PullRecord = serde_json::from_str(&earlier).unwrap();
    assert!(read.meta.is_empty() && read.reviewers.len() == 1);
    let (written, earlier): (serde_json::Value, serde_json::Value) =
        (serde_json::to_value(&read).unwrap(), serde_json::from_str(&earlier).unwrap());
    assert_eq!(written, earlier, "and what bears nothing is written as it was");
}
