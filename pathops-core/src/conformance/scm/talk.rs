//! Reviews and comments.

use super::ScmWorld;
use super::world::cx;
use crate::adapter::ReviewState;
use crate::conformance::case::{Answer as _, Case, Outcome, abandon, cases, ensure};
use crate::error::ErrorKind;
use crate::principal::Principal;

pub(super) fn cases() -> Vec<Case<ScmWorld>> {
    cases!["scm":
        a_review_stays_with_the_commit_that_was_reviewed,
        reviews_are_listed_oldest_first,
        a_comment_is_edited_in_place,
        a_comment_is_found_after_a_restart,
        each_marker_has_a_comment_of_its_own,
        somebody_elses_comment_is_left_alone,
        a_bad_marker_is_invalid,
        an_abandoned_comment_settles_when_it_is_written_again,
    ]
}

async fn a_review_stays_with_the_commit_that_was_reviewed(w: ScmWorld) -> Outcome {
    let ([person, _], opened) = (w.people.names(), w.proposal("topic", "src/b.txt", "b").await?);
    w.people.review(&person, &w.repo, opened.number, &opened.head, ReviewState::Approved).await.works()?;
    w.push(&opened.head_branch, "src/c.txt", "c").await?;
    let reviews = w.scm.reviews(&cx("read"), &w.repo, opened.number).await.works()?;
    let [review] = reviews.as_slice() else { return Err(format!("one review is read as {reviews:?}")) };
    ensure!(review.author == Principal::Human(person), "the review is by {}", review.author);
    ensure!(review.state == ReviewState::Approved, "an approval is read as {:?}", review.state);
    ensure!(review.commit == opened.head, "an approval of {} is read as one of {}", opened.head, review.commit);
    Ok(())
}

async fn reviews_are_listed_oldest_first(w: ScmWorld) -> Outcome {
    let ([one, two], opened) = (w.people.names(), w.proposal("topic", "src/b.txt", "b").await?);
    let said = [(&one, ReviewState::ChangesRequested), (&two, ReviewState::Commented), (&one, ReviewState::Approved)];
    for (who, state) in said {
        w.people.review(who, &w.repo, opened.number, &opened.head, state).await.works()?;
    }
    let reviews = w.scm.reviews(&cx("read"), &w.repo, opened.number).await.works()?;
    let read: Vec<_> = reviews.iter().map(|review| (review.author.person(), review.state)).collect();
    let expected = said.map(|(who, state)| (Some(who), state));
    ensure!(read == expected, "reviews are read as {read:?}, and were {expected:?}");
    Ok(())
}

async fn a_comment_is_edited_in_place(w: ScmWorld) -> Outcome {
    let number = w.proposal("topic", "src/b.txt", "b").await?.number;
    let first = w.scm.put_comment(&cx("one"), &w.repo, number, "status", "first words").await.works()?;
    let second = w.scm.put_comment(&cx("two"), &w.repo, number, "status", "second words").await.works()?;
    ensure!(first == second, "an edit answered with another number");
    let comments = w.scm.comments(&cx("read"), &w.repo, number).await.works()?;
    let [comment] = comments.as_slice() else { return Err(format!("an edit left {comments:?}")) };
    ensure!(comment.id == first, "the comment is number {}, not {first}", comment.id);
    ensure!(comment.body.contains("second words"), "an edited comment says {:?}", comment.body);
    ensure!(!comment.body.contains("first words"), "an edit left the old words: {:?}", comment.body);
    Ok(())
}

async fn a_comment_is_found_after_a_restart(w: ScmWorld) -> Outcome {
    let number = w.proposal("topic", "src/b.txt", "b").await?.number;
    let first = w.scm.put_comment(&cx("one"), &w.repo, number, "status", "words").await.works()?;
    let again = w.restarted.put_comment(&cx("one"), &w.repo, number, "status", "words").await.works()?;
    let edited = w.restarted.put_comment(&cx("two"), &w.repo, number, "status", "other words").await.works()?;
    ensure!((again, edited) == (first, first), "the comment {first} was not found again: {again}, {edited}");
    let comments = w.scm.comments(&cx("read"), &w.repo, number).await.works()?;
    ensure!(comments.len() == 1, "after a restart there are {} comments", comments.len());
    Ok(())
}

async fn each_marker_has_a_comment_of_its_own(w: ScmWorld) -> Outcome {
    let number = w.proposal("topic", "src/b.txt", "b").await?.number;
    let mut ids = Vec::new();
    for marker in ["status", "status/long", "a-Z_0:9."] {
        ids.push(w.scm.put_comment(&cx(marker), &w.repo, number, marker, marker).await.works()?);
    }
    let comments = w.scm.comments(&cx("read"), &w.repo, number).await.works()?;
    let read: Vec<_> = comments.iter().map(|comment| comment.id).collect();
    ensure!(read == ids, "comments {ids:?} are read as {read:?}");
    let other = w.proposal("other", "src/c.txt", "c").await?.number;
    w.scm.put_comment(&cx("other"), &w.repo, other, "status", "words").await.works()?;
    let comments = w.scm.comments(&cx("read"), &w.repo, other).await.works()?;
    ensure!(comments.len() == 1, "a comment on one pull request is on another: {comments:?}");
    Ok(())
}

async fn somebody_elses_comment_is_left_alone(w: ScmWorld) -> Outcome {
    let ([person, _], number) = (w.people.names(), w.proposal("topic", "src/b.txt", "b").await?.number);
    w.scm.put_comment(&cx("one"), &w.repo, number, "first", "words").await.works()?;
    let written = w.scm.comments(&cx("read"), &w.repo, number).await.works()?;
    let Some(own) = written.first() else { return Err("a comment is not read".to_owned()) };
    let forged = own.body.replace("first", "second");
    w.people.comment(&person, &w.repo, number, &forged).await.works()?;
    w.scm.put_comment(&cx("two"), &w.repo, number, "second", "true words").await.works()?;
    let comments = w.scm.comments(&cx("read"), &w.repo, number).await.works()?;
    let by_person = |c: &&crate::adapter::Comment| c.author == Principal::Human(person.clone());
    let theirs = comments.iter().find(by_person).map(|comment| comment.body.trim_end());
    ensure!(theirs == Some(forged.trim_end()), "a person's comment with the marker is now {theirs:?}");
    ensure!(comments.len() == 3, "there are {} comments, not one of a person and two more", comments.len());
    Ok(())
}

async fn a_bad_marker_is_invalid(w: ScmWorld) -> Outcome {
    let number = w.proposal("topic", "src/b.txt", "b").await?.number;
    for marker in ["", "a b", "-->", "a\nb", "ä"] {
        let answer = w.scm.put_comment(&cx("bad"), &w.repo, number, marker, "words").await;
        answer.fails(ErrorKind::Invalid, &format!("the marker is {marker:?}"))?;
    }
    let comments = w.scm.comments(&cx("read"), &w.repo, number).await.works()?;
    ensure!(comments.is_empty(), "a refused comment was written: {comments:?}");
    Ok(())
}

async fn an_abandoned_comment_settles_when_it_is_written_again(w: ScmWorld) -> Outcome {
    let number = w.proposal("topic", "src/b.txt", "b").await?.number;
    for polls in 1..=4 {
        let (key, marker) = (cx(&format!("abandoned/{polls}")), format!("marker-{polls}"));
        abandon(w.scm.put_comment(&key, &w.repo, number, &marker, "words"), polls).await;
        w.scm.put_comment(&key, &w.repo, number, &marker, "words").await.works()?;
        let comments = w.scm.comments(&cx("read"), &w.repo, number).await.works()?;
        ensure!(comments.len() == polls, "{polls} comments, each abandoned first, are {}", comments.len());
    }
    Ok(())
}
