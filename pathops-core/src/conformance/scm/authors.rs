//! Who had a part in a commit.

use super::ScmWorld;
use super::world::{cx, id, new_commit};
use crate::adapter::{Commit, CommitAuthor, NewCommit};
use crate::conformance::case::{Answer as _, Case, Outcome, cases, ensure};
use crate::id::BranchName;
use crate::principal::Principal;

pub(super) fn cases() -> Vec<Case<ScmWorld>> {
    cases!["scm":
        an_author_is_read_back_as_who_they_are,
        a_co_author_is_listed_however_the_trailer_is_written,
        an_address_that_nobody_has_is_listed_and_is_nobodys,
        a_name_without_an_address_is_listed_and_is_nobodys,
    ]
}

/// Commits to a branch, and reads the commit back.
async fn committed(w: &ScmWorld, branch: &BranchName, author: &Principal, message: &str) -> Result<Commit, String> {
    let head = w.head(branch.as_str()).await?.ok_or("the branch is gone")?;
    let (author, message) = (author.clone(), message.to_owned());
    let new = NewCommit { author, message, ..new_commit(branch, &head, Vec::new()) };
    let commit = w.scm.commit(&cx(&format!("commit/{head}")), &w.repo, &new).await.works()?;
    w.scm.read_commit(&cx("read"), &w.repo, &commit).await.works()
}

async fn an_author_is_read_back_as_who_they_are(w: ScmWorld) -> Outcome {
    let (topic, [person, other]) = (w.branch("topic").await?, w.people.names());
    let agent = |sponsor| Ok::<_, String>(Principal::Agent { agent: id("patch")?, sponsor });
    let everybody = [Principal::Human(person.clone()), agent(person)?, agent(other)?, Principal::System];
    for author in everybody {
        let read = committed(&w, &topic, &author, "Change").await?;
        let expected = CommitAuthor { name: read.author.clone(), principal: Some(author) };
        ensure!(read.authors == [expected.clone()], "{expected:?} is read as {:?}", read.authors);
    }
    Ok(())
}

async fn a_co_author_is_listed_however_the_trailer_is_written(w: ScmWorld) -> Outcome {
    let (topic, [person, other]) = (w.branch("topic").await?, w.people.names());
    let (person, other) = (Principal::Human(person), Principal::Human(other));
    let name = committed(&w, &topic, &other, "Change").await?.author;
    for key in ["Co-authored-by", "Co-Authored-By", "CO-AUTHORED-BY", "co-authored-by"] {
        let read = committed(&w, &topic, &person, &format!("Change\n\n{key}: {name}\n")).await?;
        let expected = CommitAuthor { name: name.clone(), principal: Some(other.clone()) };
        let listed = read.authors.contains(&expected);
        ensure!(listed, "`{key}: {name}` makes the authors {:?}", read.authors);
        let first = read.authors.first().and_then(|author| author.principal.as_ref());
        ensure!(first == Some(&person), "the first of the authors {:?} is not the author", read.authors);
    }
    Ok(())
}

async fn an_address_that_nobody_has_is_listed_and_is_nobodys(w: ScmWorld) -> Outcome {
    let [person, _] = w.people.names();
    is_nobody(&w, &format!("{person} <nobody@elsewhere.invalid>")).await
}

async fn a_name_without_an_address_is_listed_and_is_nobodys(w: ScmWorld) -> Outcome {
    let [person, _] = w.people.names();
    is_nobody(&w, person.as_str()).await
}

/// The host knows nobody by that text, and says so.
async fn is_nobody(w: &ScmWorld, name: &str) -> Outcome {
    let topic = w.branch("topic").await?;
    let read = committed(w, &topic, &Principal::System, &format!("Change\n\nCo-authored-by: {name}\n")).await?;
    let expected = CommitAuthor { name: name.to_owned(), principal: None };
    ensure!(read.authors.contains(&expected), "the co-author `{name}` makes the authors {:?}", read.authors);
    Ok(())
}
