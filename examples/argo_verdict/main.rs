//! Is this very commit live and healthy in Argo CD? Reads recorded states and says for each what PathOps would say.
//!
//! `cargo run --example argo_verdict -- FILE`, where FILE holds a JSON array of states, or one. The fields of a state are those
//! of [`state::State`]; `states.json` beside this file is an example. It prints one line of JSON for each, in their order:
//!
//! ```json
//! {"id":"behind","verdict":"not-yet","reason":"not-seen","text":"…","resourceVersion":"1001"}
//! ```
//!
//! An Application that manages others is ready where each of them has a verdict of its own. The states do not say which have, unless
//! by `expected.judged_apart`; so a child counts where the state tells that it is healthy, and the Application itself where it manages
//! itself. A child of which no health is told leaves its parent `stale`.
//!
//! `verdict` is `ready`, `not-yet`, `stale` or `failed`; a stale one says in `action` what helps. A state that cannot be read is
//! `not-yet` for the reason `unreadable`: what is not understood is never ready, and keeps no other from its line. Exit codes: 0 all
//! states have a line, 2 the file cannot be read or is no JSON.

mod state;

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use pathops_adapters::argo_verdict::{Application, Verdict, judge};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use state::State;

fn main() -> ExitCode {
    let told = states().and_then(|states| {
        let mut out = BufWriter::new(io::stdout().lock());
        let told = states.iter().try_for_each(|state| writeln!(out, "{}", line(state.get())));
        told.and_then(|()| out.flush()).map_err(|error| format!("the answer cannot be written: {error}"))
    });
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "error: {why}");
            ExitCode::from(2)
        }
    }
}

/// The states as they stand in the file: each is read by itself.
fn states() -> Result<Vec<Box<RawValue>>, String> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(file), None) = (arguments.next(), arguments.next()) else {
        return Err("name one file: cargo run --example argo_verdict -- FILE".to_owned());
    };
    let named = |why: &dyn std::fmt::Display| format!("`{}`: {why}", file.display());
    let bytes = std::fs::read(&file).map_err(|error| named(&error))?;
    // What is no UTF-8 spoils the text that it stands in.
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let states = if text.starts_with('[') { serde_json::from_str(text) } else { serde_json::from_str(text).map(|one| vec![one]) };
    states.map_err(|error| named(&error))
}

/// The line about one state.
fn line(state: &str) -> Value {
    let read = serde_json::from_str::<Value>(state).map_err(|error| format!("this is no state: {error}"));
    let id = match &read {
        Ok(state) => state.get("id").cloned().unwrap_or_default(),
        Err(_) => named(state),
    };
    match read.and_then(|state| answer(&state)) {
        Ok((verdict, version)) => {
            let mut line =
                json!({"id": id, "verdict": "ready", "reason": "live", "text": verdict.to_string(), "resourceVersion": version});
            if let Some(fields) = line.as_object_mut() {
                fields.extend(reason(&verdict));
            }
            line
        }
        Err(why) => json!({"id": id, "verdict": "not-yet", "reason": "unreadable", "text": why}),
    }
}

/// What a state is called of which something else cannot be read.
fn named(state: &str) -> Value {
    #[derive(Deserialize)]
    struct Named {
        id: Value,
    }
    serde_json::from_str(state).map(|Named { id }| id).unwrap_or_default()
}

fn answer(state: &Value) -> Result<(Verdict, Option<String>), String> {
    let state = State::read(state)?;
    let application = Application::from_value(&state.application).map_err(|error| error.to_string())?;
    let verdict = judge(&state.expected()?, &application, &state.git, state.now()?);
    Ok((verdict, application.resource_version().map(str::to_owned)))
}

/// Verdict, reason, and what to do about it, by their names in JSON.
fn reason(verdict: &Verdict) -> serde_json::Map<String, Value> {
    let named = |value: &Value| value.get("reason").cloned().unwrap_or_default();
    let mut fields = serde_json::Map::new();
    let mut tell = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let (word, reason) = match verdict {
        Verdict::Ready => return fields,
        Verdict::NotYet(reason) => ("not-yet", serde_json::to_value(reason)),
        Verdict::Failed(reason) => ("failed", serde_json::to_value(reason)),
        Verdict::Stale(reason, action) => {
            tell("action", json!(action));
            ("stale", serde_json::to_value(reason))
        }
    };
    tell("verdict", json!(word));
    tell("reason", named(&reason.unwrap_or_default()));
    fields
}
