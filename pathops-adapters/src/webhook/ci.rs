//! CI that calls back with our own document.

use pathops_core::Lane;
use pathops_core::adapter::{Hint, HintState, Rejection, WebhookRequest};
use serde::Deserialize;

use super::read::{commit, hints, json, key_in};
use super::sender::Reading;

#[derive(Deserialize)]
struct Callback {
    format: u32,
    repo: String,
    run: String,
    name: Option<String>,
    commit: String,
    state: HintState,
}

pub(super) fn read(request: &WebhookRequest<'_>) -> Result<Reading, Rejection> {
    let key = key_in(request, "webhook-id")?;
    let read: Result<Callback, String> = json(request.body());
    let (lane, hint) = match read {
        Ok(it) if it.format == 1 => (Lane::of("repo", &it.repo), Ok(Some(hint(it)))),
        Ok(_) => (Lane::of("all", "ci"), Err("its format is not known here".to_owned())),
        Err(why) => (Lane::of("all", "ci"), Err(why)),
    };
    Ok(Reading { key, lane, hints: hints("callback", hint) })
}

fn hint(it: Callback) -> Hint {
    let (repo, commit, state) = (it.repo.into(), commit(Some(&it.commit)), it.state);
    match (it.name, state) {
        (None, HintState::Passed | HintState::Failed | HintState::Other) => {
            Hint::CiFinished { repo, run: it.run.into(), commit, state }
        }
        (name, _) => Hint::Check { repo, name: name.unwrap_or(it.run).into(), commit, state },
    }
}
