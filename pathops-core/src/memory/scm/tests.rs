//! What the kit does not ask of every host, and the reference does.

use super::*;
use crate::adapter::{
    CheckState, EventCursor, FileChange, NewCommit, NewPullRequest, PullRequestMeta, PullRequestState, PullRequestUpdate,
    ReviewState, ScmEventKind, SourceFile,
};
use crate::id::{CommitId, PullRequestNumber, RepoPath};
use crate::memory::ManualClock;
use crate::policy::CommitStatus;
use crate::time::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_000);

fn cx(key: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(key))
}

fn repo() -> RepoId {
    "shop/orders-src".parse().unwrap()
}

fn branch(name: &str) -> BranchName {
    name.parse().unwrap()
}

fn file(bytes: &[u8]) -> SourceFile {
    SourceFile { bytes: bytes.to_vec(), executable: false }
}

fn tree(files: &[(&str, &[u8])]) -> SourceTree {
    files.iter().map(|(path, bytes)| (path.parse().unwrap(), file(bytes))).collect()
}

fn forge_with(files: &[(&str, &[u8])]) -> MemoryForge {
    let forge = MemoryForge::new(Arc::new(ManualClock::new(NOW)));
    forge.create_repo(&repo(), &BTreeMap::from([(branch("main"), tree(files))])).unwrap();
    forge
}

struct Desk {
    forge: MemoryForge,
    scm: Arc<dyn Scm>,
}

impl Desk {
    fn new() -> Self {
        let forge = forge_with(&[("a.txt", b"a")]);
        Self { scm: forge.scm(Principal::System), forge }
    }

    async fn head(&self, name: &str) -> CommitId {
        self.scm.branch_head(&cx("read"), &repo(), &branch(name)).await.unwrap().unwrap()
    }

    async fn branch(&self, name: &str, at: &CommitId) {
        self.scm.create_branch(&cx(name), &repo(), &branch(name), at).await.unwrap();
    }

    async fn push(&self, name: &str, path: &str, text: &str) -> CommitId {
        let new = change(name, self.head(name).await, &[(path, Some(text))]);
        self.scm.commit(&cx("push"), &repo(), &new).await.unwrap()
    }

    async fn open(&self, from: &str) -> PullRequestNumber {
        let (head, base, author) = (branch(from), branch("main"), Principal::System);
        let new = NewPullRequest {
            title: from.to_owned(),
            body: String::new(),
            head,
            base,
            author,
            reviewers: Vec::new(),
            meta: PullRequestMeta::default(),
        };
        self.scm.open_pull_request(&cx(from), &repo(), &new).await.unwrap().number
    }
}

fn change(name: &str, expected_head: CommitId, files: &[(&str, Option<&str>)]) -> NewCommit {
    let change = |(path, text): &(&str, Option<&str>)| FileChange {
        path: path.parse().unwrap(),
        file: text.map(|text| file(text.as_bytes())),
    };
    let (branch, message, author) = (branch(name), "Change".to_owned(), Principal::System);
    NewCommit { branch, expected_head, message, author, at: NOW, changes: files.iter().map(change).collect() }
}

#[test]
fn a_repository_is_made_once_and_only_from_files_that_fit_together() {
    let forge = forge_with(&[]);
    let again = forge.create_repo(&repo(), &BTreeMap::new()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    let other = "shop/other".parse().unwrap();
    for bad in [&[("a", b"".as_slice()), ("a/b", b"")][..], &[("", b"")]] {
        let error = forge.create_repo(&other, &BTreeMap::from([(branch("main"), tree(bad))])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bad:?}");
    }
    assert_eq!(forge.protect(&other, &branch("main"), BranchProtection::default()).unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn the_same_history_has_the_same_ids_in_every_forge() {
    let (one, two) = (Desk::new(), Desk::new());
    assert_eq!(one.push("main", "b.txt", "b").await, two.push("main", "b.txt", "b").await);
    assert_ne!(one.push("main", "c.txt", "c").await, two.push("main", "c.txt", "d").await);
}

#[tokio::test]
async fn trees_tell_apart_what_could_be_confused() {
    let desk = Desk::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut executable = file(b"b");
    executable.executable = true;
    for (n, files) in [tree(&[("b", b"c")]), tree(&[("bc", b"")]), tree(&[("b", b"")]), tree(&[("b", b""), ("c", b"")])]
        .into_iter()
        .chain([SourceTree::from([("b".parse().unwrap(), executable)]), tree(&[("b", b"b")])])
        .enumerate()
    {
        let repo = format!("shop/r{n}").parse().unwrap();
        desk.forge.create_repo(&repo, &BTreeMap::from([(branch("main"), files)])).unwrap();
        let head = desk.scm.branch_head(&cx("read"), &repo, &branch("main")).await.unwrap().unwrap();
        let commit = desk.scm.read_commit(&cx("read"), &repo, &head).await.unwrap();
        assert!(seen.insert(commit.tree), "repository {n}");
        assert!(seen.len() == n + 1 && commit.at == NOW);
    }
}

#[tokio::test]
async fn files_larger_than_64_mib_together_are_not_read_as_one() {
    let half = vec![0; 32 << 20];
    let forge = forge_with(&[("src/a", &half), ("src/b", &half), ("c", b"c")]);
    let scm = forge.scm(Principal::System);
    let head = scm.branch_head(&cx("read"), &repo(), &branch("main")).await.unwrap().unwrap();
    let read = async |path: &str| scm.read_tree(&cx("read"), &repo(), &head, &path.parse().unwrap()).await;
    assert_eq!(read("src").await.unwrap().len(), 2);
    assert_eq!(read("").await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_person_commits_in_their_own_name() {
    let desk = Desk::new();
    let alice = desk.forge.person("alice".parse().unwrap());
    let new = change("main", desk.head("main").await, &[("b.txt", Some("b"))]);
    let commit = alice.commit(&repo(), &new).unwrap();
    let read = desk.scm.read_commit(&cx("read"), &repo(), &commit).await.unwrap();
    assert_eq!(read.author, "alice <alice@people.invalid>");
    desk.forge.protect(&repo(), &branch("main"), BranchProtection::default()).unwrap();
    let refused = alice.commit(&repo(), &change("main", commit, &[])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn a_late_repeat_never_undoes_what_came_after() {
    let desk = Desk::new();
    let (scm, repo, first) = (&desk.scm, &repo(), desk.head("main").await);
    desk.branch("topic", &first).await;
    let newer = desk.push("topic", "b.txt", "b").await;
    scm.create_branch(&cx("topic"), repo, &branch("topic"), &first).await.unwrap();
    let number = desk.open("topic").await;
    for (key, words) in [("one", "first"), ("two", "second"), ("one", "first")] {
        let title = PullRequestUpdate { title: Some(words.to_owned()), ..PullRequestUpdate::default() };
        scm.update_pull_request(&cx(key), repo, number, &title).await.unwrap();
        scm.put_comment(&cx(key), repo, number, "status", words).await.unwrap();
    }
    assert_eq!(scm.pull_request(&cx("read"), repo, number).await.unwrap().title, "second");
    assert!(scm.comments(&cx("read"), repo, number).await.unwrap()[0].body.ends_with("second"));
    scm.delete_branch(&cx("delete"), repo, &branch("topic"), &newer).await.unwrap();
    scm.create_branch(&cx("anew"), repo, &branch("topic"), &newer).await.unwrap();
    scm.delete_branch(&cx("delete"), repo, &branch("topic"), &newer).await.unwrap();
    assert_eq!(desk.head("topic").await, newer);
}

#[tokio::test]
async fn one_key_for_two_requests_fulfils_both() {
    let desk = Desk::new();
    let head = desk.head("main").await;
    for name in ["ci/build", "ci/test"] {
        let status = CommitStatus::new(head.clone(), name.parse().unwrap(), CheckState::Success, "").unwrap();
        desk.scm.post_status(&cx("same"), &repo(), status).await.unwrap();
    }
    assert_eq!(desk.scm.checks(&cx("read"), &repo(), &head).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_marker_is_a_comment_in_the_first_line() {
    let desk = Desk::new();
    let head = desk.head("main").await;
    desk.branch("topic", &head).await;
    let number = desk.open("topic").await;
    desk.scm.put_comment(&cx("one"), &repo(), number, "cs/status", "words").await.unwrap();
    desk.forge.person("alice".parse().unwrap()).comment(&repo(), number, "hello").unwrap();
    let bodies: Vec<_> = desk.scm.comments(&cx("read"), &repo(), number).await.unwrap().into_iter().map(|c| c.body).collect();
    assert_eq!(bodies, ["<!-- pathops:cs/status -->\nwords", "hello"]);
}

#[tokio::test]
async fn the_feed_holds_each_change_once() {
    let desk = Desk::new();
    let head = desk.head("main").await;
    let before = desk.scm.events(&cx("read"), EventCursor::default(), 100).await.unwrap();
    desk.branch("topic", &head).await;
    desk.branch("topic", &head).await;
    let number = desk.open("topic").await;
    desk.open("topic").await;
    desk.forge.person("bob".parse().unwrap()).review(&repo(), number, &head, ReviewState::Commented, "").unwrap();
    desk.scm.put_comment(&cx("one"), &repo(), number, "status", "words").await.unwrap();
    desk.scm.put_comment(&cx("two"), &repo(), number, "status", "others").await.unwrap();
    desk.scm.close_pull_request(&cx("close"), &repo(), number).await.unwrap();
    desk.scm.close_pull_request(&cx("again"), &repo(), number).await.unwrap();
    desk.scm.delete_branch(&cx("delete"), &repo(), &branch("topic"), &head).await.unwrap();
    let after = before.last().unwrap().cursor;
    let events = desk.scm.events(&cx("read"), after, 100).await.unwrap();
    let (pushed, pull) = (ScmEventKind::Pushed(branch("topic")), ScmEventKind::PullRequest(number));
    let mut expected = vec![pushed.clone()];
    expected.extend(std::iter::repeat_n(pull, 5));
    expected.push(pushed);
    assert_eq!(events.into_iter().map(|event| event.kind).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_merge_starts_from_the_newest_common_commit() {
    let desk = Desk::new();
    let first = desk.head("main").await;
    desk.branch("topic", &first).await;
    desk.push("topic", "a.txt", "topic 1").await;
    let alice = desk.forge.person("alice".parse().unwrap());
    let number = desk.open("topic").await;
    let merged = alice.merge(&repo(), number, &desk.head("topic").await).unwrap();
    let second = desk.push("topic", "a.txt", "topic 2").await;
    let seen = desk.scm.compare(&cx("read"), &repo(), &merged, &second).await.unwrap();
    assert_eq!((seen.ahead, seen.behind, seen.files.len()), (1, 1, 1));
    let base = seen.merge_base.unwrap();
    assert!(base != first && base != merged && base != second);
    let again = NewPullRequest {
        title: "Again".to_owned(),
        body: String::new(),
        head: branch("topic"),
        base: branch("main"),
        author: Principal::System,
        reviewers: Vec::new(),
        meta: PullRequestMeta::default(),
    };
    let pull = desk.scm.open_pull_request(&cx("again"), &repo(), &again).await.unwrap();
    let merged = alice.merge(&repo(), pull.number, &second).unwrap();
    let commit = desk.scm.read_commit(&cx("read"), &repo(), &merged).await.unwrap();
    assert_eq!((commit.parents.len(), commit.parents.last()), (2, Some(&second)));
    assert_eq!(commit.message, "Merge #2: Again");
    let text = desk.scm.read_file(&cx("read"), &repo(), &merged, &"a.txt".parse::<RepoPath>().unwrap()).await.unwrap();
    assert_eq!(text.as_deref(), Some(b"topic 2".as_slice()));
}

#[tokio::test]
async fn deletions_merge_and_clashes_do_not() {
    let (file, delete) = (Some("x"), None);
    for (ours, theirs, expected) in [
        (("b.txt", file), ("a.txt", delete), Some(vec!["b.txt"])),
        (("a.txt", delete), ("a.txt", delete), Some(vec![])),
        (("a.txt", file), ("a.txt", file), Some(vec!["a.txt"])),
        (("a.txt", delete), ("a.txt", file), None),
        (("b", file), ("b/c", file), None),
    ] {
        let desk = Desk::new();
        let first = desk.head("main").await;
        desk.branch("topic", &first).await;
        desk.scm.commit(&cx("ours"), &repo(), &change("main", first.clone(), &[ours])).await.unwrap();
        let head = desk.scm.commit(&cx("theirs"), &repo(), &change("topic", first, &[theirs])).await.unwrap();
        let merged = desk.forge.person("alice".parse().unwrap()).merge(&repo(), desk.open("topic").await, &head);
        match (merged, expected) {
            (Ok(commit), Some(paths)) => {
                let files = desk.scm.read_tree(&cx("read"), &repo(), &commit, &RepoPath::root()).await.unwrap();
                assert_eq!(files.keys().map(RepoPath::as_str).collect::<Vec<_>>(), paths);
            }
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::Conflict),
            (merged, expected) => panic!("{ours:?} and {theirs:?} gave {merged:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_merge_by_a_person_says_who_and_when() {
    let desk = Desk::new();
    let first = desk.head("main").await;
    desk.branch("topic", &first).await;
    let head = desk.push("topic", "b.txt", "b").await;
    let number = desk.open("topic").await;
    let alice = desk.forge.person("alice".parse().unwrap());
    let commit = alice.merge(&repo(), number, &head).unwrap();
    let state = desk.scm.pull_request(&cx("read"), &repo(), number).await.unwrap().state;
    assert_eq!(state, PullRequestState::Merged { by: Principal::Human("alice".parse().unwrap()), commit, at: NOW });
    assert_eq!(alice.merge(&"shop/none".parse().unwrap(), number, &head).unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_success_of_the_promotion_status_cannot_be_made_without_a_grant() {
    let head = Desk::new().head("main").await;
    for name in ["pathops/promotion", "PathOps/Promotion"] {
        let status = |state| CommitStatus::new(head.clone(), name.parse().unwrap(), state, "");
        assert!(status(CheckState::Success).is_err(), "{name}");
        assert!(status(CheckState::Failure).is_ok() && status(CheckState::Pending).is_ok());
    }
}
