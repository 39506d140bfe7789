//! Merge queues. What waits in one is open, and in the end a machine of GitHub's merges it: who wanted that stands in its history
//! alone.

use pathops_core::{CommitId, Effect, ErrorKind, Principal, PullRequestNumber, Result, Retry};
use serde::Deserialize;
use serde_json::json;

use super::client::Call;
use super::graphql::attempt;
use super::people::Account;

/// Who merges what comes out of a queue. Nobody else can be called that.
const QUEUE: &str = "github-merge-queue[bot]";
const ADDED: &str = "added_to_merge_queue";
const REMOVED: &str = "removed_from_merge_queue";
/// What GitHub says of what is to wait in a queue and does so.
const WAITS_ALREADY: &str = "already in the";
const ENQUEUE: &str = "mutation($id: ID!, $head: GitObjectID!) \
    { enqueuePullRequest(input: { pullRequestId: $id, expectedHeadOid: $head }) { clientMutationId } }";

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    event: String,
    #[serde(default)]
    actor: Option<Account>,
}

/// How it went into queues and out of them, oldest first.
async fn history(call: &Call<'_>, number: PullRequestNumber) -> Result<Vec<Event>> {
    let mut all: Vec<Event> = call.pages(&call.path(&format!("/issues/{}/timeline", number.0))).await?;
    all.retain(|event| [ADDED, REMOVED].contains(&event.event.as_str()));
    Ok(all)
}

/// Who merged it: where a queue did, who put it there last.
pub(super) async fn merged_by(call: &Call<'_>, number: PullRequestNumber, by: Option<&Account>) -> Result<Principal> {
    let people = call.people().await?;
    if !by.is_some_and(|by| by.is_called(QUEUE)) {
        return Ok(people.who(by));
    }
    let history = history(call, number).await?;
    Ok(match history.iter().rfind(|event| event.event == ADDED) {
        Some(Event { actor, .. }) => people.who(actor.as_ref()),
        None => people.who(by),
    })
}

/// Puts it into the queue of its branch, once, and says that it waits there. Its history may not tell yet that it does, or somebody else
/// is faster: then GitHub refuses, for that very reason. What the queue has taken out again is for people to look at: putting it back
/// would not make it better.
pub(super) async fn wait(call: &Call<'_>, number: PullRequestNumber, node: &str, head: &CommitId) -> Result<CommitId> {
    match history(call, number).await?.last() {
        Some(event) if event.event == REMOVED => {
            let error = call.error(ErrorKind::Denied, "the merge queue of its branch has taken it out");
            return Err(error.advise("look at what GitHub says there, and put it into the queue again"));
        }
        Some(_) => {}
        None => {
            let fault = attempt(call, ENQUEUE, &json!({ "id": node, "head": head })).await?;
            if let Some(fault) = fault.filter(|fault| !fault.says(WAITS_ALREADY)) {
                return Err(fault.error(call));
            }
        }
    }
    let error = call.error(ErrorKind::Unavailable, "it waits in the merge queue of its branch");
    Err(error.with_retry(Retry::Backoff).with_effect(Effect::Unknown))
}
