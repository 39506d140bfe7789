//! Much of everything: lists over many pages, many files, large ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyper::Method;
use libtest_mimic::Trial;
use pathops_core::adapter::{CheckState, PullRequest, ReviewState};
use pathops_core::{Effect, ErrorKind, RepoPath, Result, UnixMillis};
use pathops_fakes::gitlab::Wrong;

use super::{Shop, bytes, cases, cx, is, remove, write};
use crate::world::REPO;

pub(super) fn trials() -> Vec<Trial> {
    cases![
        lists_are_read_to_their_last_page,
        a_long_log_is_read_to_its_end,
        a_list_is_read_on_whatever_the_addresses_look_like,
        a_list_that_does_not_say_how_it_goes_on_is_none,
        a_large_tree_is_read_to_its_last_page,
        a_full_page_is_the_last_where_there_is_no_other,
        a_rename_differs_on_both_sides,
        any_bytes_are_read_as_they_were_written,
        a_file_is_not_put_in_a_folders_place,
        a_mode_is_set_and_taken_back,
    ]
}

async fn lists_are_read_to_their_last_page(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    {
        let mut state = shop.fake.state();
        let alice = state.account("alice");
        for n in 0..250 {
            let (id, other, third) = (state.number(), state.number(), state.number());
            let hosted = state.project(REPO);
            let pull = hosted.pulls.get_mut(&1).unwrap();
            pull.comment(id, "alice", &format!("words {n}"), UnixMillis(1_795_348_800_000));
            pull.review(other, "alice", ReviewState::Commented, UnixMillis(1_795_348_800_000));
            hosted.status(opened.head.as_str(), &alice, &format!("ci/{n}"), "success", "https://ci.invalid", third);
        }
    }
    let comments = shop.scm.comments(&cx("read"), &shop.repo, opened.number).await.unwrap();
    assert_eq!((comments.len(), comments.last().map(|last| last.body.as_str())), (250, Some("words 249")));
    assert_eq!(shop.scm.reviews(&cx("read"), &shop.repo, opened.number).await.unwrap().len(), 250);
    let checks = shop.scm.checks(&cx("read"), &shop.repo, &opened.head).await.unwrap();
    assert_eq!(checks.iter().filter(|check| check.state == CheckState::Success).count(), 250);
    shop.scm.put_comment(&cx("put"), &shop.repo, opened.number, "status", "ours").await.unwrap();
    shop.scm.put_comment(&cx("put"), &shop.repo, opened.number, "status", "ours again").await.unwrap();
    assert_eq!(shop.scm.comments(&cx("read"), &shop.repo, opened.number).await.unwrap().len(), 251);
}

impl Shop {
    async fn commented(&self, times: i64) -> PullRequest {
        let opened = self.opened("topic").await;
        let mut state = self.fake.state();
        for n in 0..times {
            let id = state.number();
            let pull = state.project(REPO).pulls.get_mut(&1).unwrap();
            pull.comment(id, "alice", &format!("words {n}"), UnixMillis(1_795_348_800_000 + n));
        }
        drop(state);
        opened
    }

    /// The comments, where the first page has these headers.
    async fn comments_with(&self, opened: &PullRequest, headers: &[(&'static str, Option<&str>)]) -> Result<usize> {
        let headers = headers.iter().map(|(name, value)| (*name, value.map(str::to_owned))).collect();
        self.fake.fault(Method::GET, "/notes", Wrong::Headers(headers));
        self.scm.comments(&cx("read"), &self.repo, opened.number).await.map(|comments| comments.len())
    }
}

async fn a_list_is_read_on_whatever_the_addresses_look_like(shop: Arc<Shop>) {
    let opened = shop.commented(250).await;
    let notes = format!("{}/api/v4/projects/shop%2Fweb-gitops/merge_requests/1/notes", shop.fake.web());
    let next = format!("<{notes}?ids=1,2&sort=asc&per_page=100&page=2>");
    for links in [
        format!("{next}; rel=\"next\", <{notes}?ids=1,2>; rel=\"first\""),
        format!("<{notes}?ids=1,2>; rel=\"first\",{next};rel=next"),
    ] {
        let read = shop.comments_with(&opened, &[("link", Some(&links)), ("x-next-page", None)]).await;
        assert_eq!(read.unwrap(), 250, "{links}");
    }
    // A proxy may drop them or tell of others: then there is the number.
    for links in [None, Some("words"), Some("<words")] {
        assert_eq!(shop.comments_with(&opened, &[("link", links)]).await.unwrap(), 250, "{links:?}");
    }
}

async fn a_list_that_does_not_say_how_it_goes_on_is_none(shop: Arc<Shop>) {
    let opened = shop.commented(250).await;
    for links in [None, Some("words"), Some("<words"), Some("")] {
        let error = shop.comments_with(&opened, &[("link", links), ("x-next-page", None)]).await.unwrap_err();
        is(&error, ErrorKind::Unexpected, Effect::None);
    }
}

async fn a_long_log_is_read_to_its_end(shop: Arc<Shop>) {
    let base = shop.head("main").await;
    for n in 0..230 {
        shop.fake.state().project(REPO).push("main", "bob", "n.txt", &n.to_string(), UnixMillis(1_790_000_000_000 + n * 1000));
    }
    let head = shop.head("main").await;
    let log = async |base, limit| shop.scm.log(&cx("read"), &shop.repo, base, &head, limit).await;
    for (base, count) in [(Some(&base), 230), (None, 231)] {
        let commits = log(base, count).await.unwrap();
        assert_eq!(commits.len(), count);
        assert!(commits.windows(2).all(|two| two[0].parents == [two[1].id.clone()]));
        assert_eq!(log(base, count - 1).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
}

async fn a_large_tree_is_read_to_its_last_page(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let base = shop.head("topic").await;
    let mut changes: Vec<_> = (0..350).map(|n| write(&format!("many/{}/{n:03}.txt", n % 7), "same")).collect();
    changes.push(remove("src/a.txt"));
    let head = shop.commit("topic", changes).await.unwrap();
    let files = shop.scm.read_tree(&cx("read"), &shop.repo, &head, &RepoPath::root()).await.unwrap();
    assert_eq!(files.len(), 351);
    assert!(shop.scm.tree_at(&cx("read"), &shop.repo, &head, &"many/6".parse().unwrap()).await.unwrap().is_some());
    let differ = shop.scm.compare(&cx("read"), &shop.repo, &base, &head).await.unwrap().files;
    assert_eq!((differ.len(), differ.last().map(RepoPath::as_str)), (351, Some("src/a.txt")));
    // The tree's id is Git's own.
    let tree = shop.scm.read_commit(&cx("read"), &shop.repo, &head).await.unwrap().tree;
    assert_eq!(tree.as_str(), shop.fake.state().project(REPO).tree(head.as_str()));
}

/// By key GitLab says nothing on the last page.
async fn a_full_page_is_the_last_where_there_is_no_other(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let folder: RepoPath = "many".parse().unwrap();
    let commit = async |from: usize, to: usize| {
        let changes = (from..to).map(|n| write(&format!("many/{n:03}.txt"), "same")).collect();
        shop.commit("topic", changes).await.unwrap()
    };
    let read = async |head| shop.scm.read_tree(&cx("read"), &shop.repo, &head, &folder).await.map(|files| files.len());
    assert_eq!(read(commit(0, 100).await).await.unwrap(), 100);
    assert_eq!(read(commit(100, 200).await).await.unwrap(), 200);
    let head = commit(200, 250).await;
    shop.fake.fault(Method::GET, "/repository/tree", Wrong::Headers(vec![("link", None)]));
    is(&read(head).await.unwrap_err(), ErrorKind::Unexpected, Effect::None);
}

async fn a_rename_differs_on_both_sides(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let base = shop.head("topic").await;
    let head = shop.commit("topic", vec![remove("README.md"), write("READ.md", "Read me.\n")]).await.unwrap();
    let files = shop.scm.compare(&cx("read"), &shop.repo, &base, &head).await.unwrap().files;
    assert_eq!(files.iter().map(RepoPath::as_str).collect::<Vec<_>>(), ["READ.md", "README.md"]);
}

async fn any_bytes_are_read_as_they_were_written(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let large: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let contents = [&b""[..], b"\n", b"\r\n \xef\xbb\xbf", "ä€😀".as_bytes(), b"a\0b", &[0xff, 0xfe], &large];
    let path = |n: usize| format!("some folder/n\u{e4}me #{n} 100%+&.bin");
    let changes = contents.iter().enumerate().map(|(n, content)| bytes(&path(n), content)).collect();
    let head = shop.commit("topic", changes).await.unwrap();
    for (n, content) in contents.iter().enumerate() {
        let read = shop.scm.read_file(&cx("read"), &shop.repo, &head, &path(n).parse().unwrap()).await.unwrap();
        assert_eq!(read.as_deref(), Some(*content), "{n}");
    }
    let tree = shop.scm.read_tree(&cx("read"), &shop.repo, &head, &"some folder".parse().unwrap()).await.unwrap();
    let read: BTreeSet<_> = tree.values().map(|file| file.bytes.as_slice()).collect();
    assert_eq!(read, contents.into_iter().collect());
}

async fn a_file_is_not_put_in_a_folders_place(shop: Arc<Shop>) {
    shop.branch("topic").await;
    for change in [write("src", "no folder"), write("README.md/deeper", "no file"), remove("src"), write("", "root")] {
        let path = change.path.clone();
        let error = shop.commit("topic", vec![change]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{path}: {error}");
    }
    let both = vec![write("new", "a file"), write("new/deeper", "a folder")];
    assert_eq!(shop.commit("topic", both).await.unwrap_err().kind(), ErrorKind::Invalid);
    let swapped =
        vec![remove("src/a.txt"), write("src", "a file now"), remove("README.md"), write("README.md/deeper", "a folder now")];
    let head = shop.commit("topic", swapped).await.unwrap();
    let tree = shop.scm.read_tree(&cx("read"), &shop.repo, &head, &RepoPath::root()).await.unwrap();
    assert_eq!(tree.keys().map(RepoPath::as_str).collect::<Vec<_>>(), ["README.md/deeper", "src"]);
}

async fn a_mode_is_set_and_taken_back(shop: Arc<Shop>) {
    shop.branch("topic").await;
    for executable in [true, true, false] {
        let mut change = write("src/a.txt", &executable.to_string());
        change.file.as_mut().unwrap().executable = executable;
        let head = shop.commit("topic", vec![change]).await.unwrap();
        let tree = shop.scm.read_tree(&cx("read"), &shop.repo, &head, &"src".parse().unwrap()).await.unwrap();
        assert_eq!(tree.values().map(|file| file.executable).collect::<Vec<_>>(), [executable]);
    }
}
