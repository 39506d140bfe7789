//! Much of everything: lists over many pages, many files, large ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use libtest_mimic::Trial;
use pathops_core::adapter::CheckState;
use pathops_core::{ErrorKind, RepoPath, UnixMillis};

use super::{Shop, bytes, cases, cx, remove, write};
use crate::world::{By, REPO};

pub(super) fn trials() -> Vec<Trial> {
    cases![By::Token;
        lists_are_read_to_their_last_page,
        a_long_log_is_read_to_its_end,
        a_comparison_has_all_files,
        a_rename_differs_on_both_sides,
        a_large_tree_is_read_folder_by_folder,
        any_bytes_are_read_as_they_were_written,
        a_file_is_not_put_in_a_folders_place,
    ]
}

async fn lists_are_read_to_their_last_page(shop: Arc<Shop>) {
    let opened = shop.opened("topic").await;
    {
        let mut state = shop.fake.state();
        for n in 0..250 {
            let id = state.number();
            let hosted = state.repo(REPO);
            hosted.comment("alice", 1, id, &format!("words {n}"));
            hosted.review("alice", 1, opened.head.as_str(), "COMMENTED", id, UnixMillis(1_795_000_000_000));
            hosted.status(opened.head.as_str(), "alice", &format!("ci/{n}"), "success", "https://ci.invalid", id);
            hosted.run(opened.head.as_str(), "ci", &format!("run {n}"), "success", id);
        }
    }
    let comments = shop.scm.comments(&cx("read"), &shop.repo, opened.number).await.unwrap();
    assert_eq!((comments.len(), comments.last().map(|last| last.body.as_str())), (250, Some("words 249")));
    assert_eq!(shop.scm.reviews(&cx("read"), &shop.repo, opened.number).await.unwrap().len(), 250);
    let checks = shop.scm.checks(&cx("read"), &shop.repo, &opened.head).await.unwrap();
    assert_eq!(checks.iter().filter(|check| check.state == CheckState::Success).count(), 500);
    shop.scm.put_comment(&cx("put"), &shop.repo, opened.number, "status", "ours").await.unwrap();
    shop.scm.put_comment(&cx("put"), &shop.repo, opened.number, "status", "ours again").await.unwrap();
    assert_eq!(shop.scm.comments(&cx("read"), &shop.repo, opened.number).await.unwrap().len(), 251);
}

async fn a_long_log_is_read_to_its_end(shop: Arc<Shop>) {
    let base = shop.head("main").await;
    for n in 0..230 {
        shop.fake.state().repo(REPO).push("main", "bob", "n.txt", &n.to_string(), UnixMillis(1_790_000_000_000 + n * 1000));
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

async fn a_comparison_has_all_files(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let base = shop.head("topic").await;
    let mut changes: Vec<_> = (0..350).map(|n| write(&format!("many/{n:03}.txt"), &n.to_string())).collect();
    changes.push(remove("src/a.txt"));
    let head = shop.commit("topic", changes).await.unwrap();
    let files = shop.restarted().compare(&cx("read"), &shop.repo, &base, &head).await.unwrap().files;
    assert_eq!((files.len(), files.last().map(RepoPath::as_str)), (351, Some("src/a.txt")));
}

async fn a_rename_differs_on_both_sides(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let base = shop.head("topic").await;
    let head = shop.commit("topic", vec![remove("README.md"), write("READ.md", "Read me.\n")]).await.unwrap();
    let files = shop.scm.compare(&cx("read"), &shop.repo, &base, &head).await.unwrap().files;
    assert_eq!(files.iter().map(RepoPath::as_str).collect::<Vec<_>>(), ["READ.md", "README.md"]);
}

async fn a_large_tree_is_read_folder_by_folder(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let changes = (0..1100).map(|n| write(&format!("many/{}/{n}.txt", n % 7), "same")).collect();
    let head = shop.commit("topic", changes).await.unwrap();
    let scm = shop.restarted();
    let files = scm.read_tree(&cx("read"), &shop.repo, &head, &RepoPath::root()).await.unwrap();
    assert_eq!(files.len(), 1102);
    assert!(files.keys().any(|path| path.as_str() == "src/a.txt"));
    assert!(scm.tree_at(&cx("read"), &shop.repo, &head, &"many/6".parse().unwrap()).await.unwrap().is_some());
}

async fn any_bytes_are_read_as_they_were_written(shop: Arc<Shop>) {
    shop.branch("topic").await;
    let large: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let contents = [&b""[..], b"\n", b"\r\n \xef\xbb\xbf", "ä€😀".as_bytes(), b"a\0b", &[0xff, 0xfe], &large];
    let path = |n: usize| format!("some folder/n\u{e4}me #{n} 100%.bin");
    let changes = contents.iter().enumerate().map(|(n, content)| bytes(&path(n), content)).collect();
    let head = shop.commit("topic", changes).await.unwrap();
    let scm = shop.restarted();
    for (n, content) in contents.iter().enumerate() {
        let read = scm.read_file(&cx("read"), &shop.repo, &head, &path(n).parse().unwrap()).await.unwrap();
        assert_eq!(read.as_deref(), Some(*content), "{n}");
    }
    let tree = scm.read_tree(&cx("read"), &shop.repo, &head, &"some folder".parse().unwrap()).await.unwrap();
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
    let tree = shop.restarted().read_tree(&cx("read"), &shop.repo, &head, &RepoPath::root()).await.unwrap();
    assert_eq!(tree.keys().map(RepoPath::as_str).collect::<Vec<_>>(), ["README.md/deeper", "src"]);
}
