//! Reading files, folders and histories.

use super::ScmWorld;
use super::world::{cx, id, new_commit, remove, write};
use crate::conformance::case::{Answer as _, Case, Outcome, cases, ensure};

pub(super) fn cases() -> Vec<Case<ScmWorld>> {
    cases!["scm":
        a_file_that_is_not_there_reads_as_none,
        a_folder_is_read_with_paths_from_the_root,
        a_tree_names_the_content_of_a_folder,
        a_folder_that_is_not_there_has_no_tree,
        a_comparison_counts_both_sides_from_where_they_parted,
        a_commit_does_not_differ_from_itself,
    ]
}

async fn a_file_that_is_not_there_reads_as_none(w: ScmWorld) -> Outcome {
    let main = w.main().await?;
    ensure!(w.text(&main, "README.md").await?.is_some(), "the fixture's README.md is not read");
    ensure!(w.text(&main, "none.txt").await?.is_none(), "a file that is not there was read");
    ensure!(w.text(&main, "src").await?.is_none(), "a folder was read as a file");
    Ok(())
}

async fn a_folder_is_read_with_paths_from_the_root(w: ScmWorld) -> Outcome {
    let topic = w.branch("topic").await?;
    w.push(&topic, "src/deep/b.txt", "b").await?;
    let head = w.push(&topic, "src2/c.txt", "c").await?;
    for (folder, expected) in
        [("", &["README.md", "src/a.txt", "src/deep/b.txt", "src2/c.txt"][..]), ("src", &["src/a.txt", "src/deep/b.txt"])]
    {
        let files = w.scm.read_tree(&cx("read"), &w.repo, &head, &id(folder)?).await.works()?;
        let paths: Vec<_> = files.keys().map(ToString::to_string).collect();
        ensure!(paths == expected, "the folder `{folder}` holds {paths:?}, not {expected:?}");
    }
    Ok(())
}

async fn a_tree_names_the_content_of_a_folder(w: ScmWorld) -> Outcome {
    let topic = w.branch("topic").await?;
    let first = w.push(&topic, "one/same.txt", "same").await?;
    let second = w.push(&topic, "two/same.txt", "same").await?;
    let third = w.push(&topic, "two/same.txt", "different").await?;
    let tree = async |commit, folder| w.scm.tree_at(&cx("read"), &w.repo, commit, &id(folder)?).await.works();
    let one = tree(&first, "one").await?;
    ensure!(one.is_some(), "a folder with a file has no tree");
    ensure!(tree(&third, "one").await? == one, "a change elsewhere changed a folder's tree");
    ensure!(tree(&second, "two").await? == one, "two folders with the same content have different trees");
    ensure!(tree(&third, "two").await? != one, "a changed file left its folder's tree as it was");
    let whole = w.scm.read_commit(&cx("read"), &w.repo, &third).await.works()?.tree;
    ensure!(tree(&third, "").await? == Some(whole), "the tree of the root is not the commit's own");
    Ok(())
}

async fn a_folder_that_is_not_there_has_no_tree(w: ScmWorld) -> Outcome {
    let main = w.main().await?;
    for path in ["nowhere", "README.md", "sr"] {
        let tree = w.scm.tree_at(&cx("read"), &w.repo, &main, &id(path)?).await.works()?;
        ensure!(tree.is_none(), "`{path}` is no folder and has a tree");
    }
    Ok(())
}

async fn a_comparison_counts_both_sides_from_where_they_parted(w: ScmWorld) -> Outcome {
    let (topic, parted) = (w.branch("topic").await?, w.main().await?);
    let theirs = w.push(&id("main")?, "README.md", "theirs").await?;
    w.push(&topic, "src/b.txt", "b").await?;
    let second = w.push(&topic, "src/passing.txt", "gone again").await?;
    let last = new_commit(&topic, &second, vec![remove("src/passing.txt")?, write("src/a.txt", "changed")?]);
    let ours = w.scm.commit(&cx("last"), &w.repo, &last).await.works()?;
    let seen = w.scm.compare(&cx("read"), &w.repo, &theirs, &ours).await.works()?;
    ensure!(seen.merge_base == Some(parted), "they parted at {:?}", seen.merge_base);
    ensure!((seen.ahead, seen.behind) == (3, 1), "3 ahead and 1 behind are {} and {}", seen.ahead, seen.behind);
    let files: Vec<_> = seen.files.iter().map(ToString::to_string).collect();
    ensure!(files == ["src/a.txt", "src/b.txt"], "the files that differ are {files:?}");
    Ok(())
}

async fn a_commit_does_not_differ_from_itself(w: ScmWorld) -> Outcome {
    let main = w.main().await?;
    let seen = w.scm.compare(&cx("read"), &w.repo, &main, &main).await.works()?;
    ensure!(seen.merge_base == Some(main), "a commit parted from itself at {:?}", seen.merge_base);
    ensure!((seen.ahead, seen.behind) == (0, 0) && seen.files.is_empty(), "a commit differs from itself: {seen:?}");
    Ok(())
}
