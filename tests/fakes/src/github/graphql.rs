//! What REST cannot do, by GraphQL: a query is known by the mutation that is in it.

use serde_json::{Value, json};

use super::hosted::Hosted;
use super::{Answered, Asked, Reply, State};

/// A refusal is an answer like any other.
fn refused(kind: &str, message: &str) -> Reply {
    Reply::One(200, json!({ "data": null, "errors": [{ "type": kind, "message": message }] }))
}

pub(super) fn answer(state: &mut State, asked: &Asked) -> Answered {
    let (who, number) = (state.who(asked)?, state.number());
    let (query, variables) = (asked.body["query"].as_str().unwrap(), &asked.body["variables"]);
    let id = variables["id"].as_str().unwrap();
    let sees = |hosted: &&mut Hosted| {
        who.only.as_ref().is_none_or(|only| only.iter().any(|only| hosted.name.ends_with(&format!("/{only}"))))
    };
    let mut hosted = state.repos.values_mut().filter(sees);
    let found = hosted.find_map(|hosted| {
        let number = id.strip_prefix(&format!("PR_{}_", hosted.id))?.to_owned();
        hosted.pull(&number).is_ok().then_some((hosted, number))
    });
    let Some((hosted, pull)) = found else {
        return Ok(refused("NOT_FOUND", &format!("Could not resolve to a node with the global id of '{id}'")));
    };
    if hosted.archived {
        return Ok(refused("FORBIDDEN", "Repository was archived so is read-only."));
    }
    let done = if query.contains("markPullRequestReadyForReview") {
        hosted.pull(&pull)?.draft = false;
        Ok(())
    } else if query.contains("convertPullRequestToDraft") {
        hosted.pull(&pull)?.draft = true;
        Ok(())
    } else if query.contains("enqueuePullRequest") {
        hosted.enqueue(&who.login, pull.parse().unwrap(), variables["head"].as_str().unwrap())
    } else {
        panic!("there is no such mutation: {query}")
    };
    hosted.keep(number);
    Ok(match done {
        Ok(()) => Reply::One(200, json!({ "data": { "clientMutationId": Value::Null } })),
        Err(why) => refused("UNPROCESSABLE", why),
    })
}
