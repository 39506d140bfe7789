//! Decisions of the past.

use std::path::{Path, PathBuf};

use pathops_core::policy::{Decision, DecisionRecord, HypotheticalFacts, ReplayError, diff as differences, replay as again};
use pathops_core::project::load_history;

use crate::input::{Unusable, bytes, name, policy};
use crate::languages::languages;
use crate::{Answer, DOES_NOT_HOLD, HOLDS};

/// Makes a decision again, from what is recorded of it.
pub(crate) fn replay(path: &Path) -> Result<Answer, Unusable> {
    let unusable = |why: &dyn std::fmt::Display| Unusable::new(format!("{}: {why}", path.display()));
    let record: DecisionRecord =
        serde_json::from_slice(&bytes(path)?).map_err(|error| unusable(&format!("this is no decision record: {error}")))?;
    match again(&record, &languages()) {
        Ok(decision) => Ok(Answer { text: format!("the same, in every field: {}\n", decision.summary()), code: HOLDS }),
        Err(ReplayError::Different { now, places }) => {
            Ok(Answer { text: compared(&record.decision, &now, &places), code: DOES_NOT_HOLD })
        }
        Err(error @ (ReplayError::Format(_) | ReplayError::Policy(_))) => Err(unusable(&error)),
        Err(error) => Ok(Answer { text: format!("{error}\n"), code: DOES_NOT_HOLD }),
    }
}

fn compared(recorded: &Decision, now: &Decision, places: &[String]) -> String {
    let places = places.join(", ");
    format!("it was recorded as\n{}and the same input gives\n{}what differs: {places}\n", recorded.to_text(), now.to_text())
}

/// Which decisions of a history another policy would have made differently.
pub(crate) fn diff(one: &Path, other: &Path, history: &Path) -> Result<Answer, Unusable> {
    let (one, other) = (policy(&[PathBuf::from(one)])?, policy(&[PathBuf::from(other)])?);
    let past = load_history(&name(history), &bytes(history)?, &one);
    let past = past.map_err(|findings| Unusable::findings(history, &findings))?;
    let past: Vec<_> = past.into_iter().map(|(facts, at)| (HypotheticalFacts::from(facts), at)).collect();
    if past.is_empty() {
        return Err(Unusable::new(format!("{} holds no decision", history.display())));
    }
    let found = differences(&one, &other, past.iter().map(|(facts, at)| (&**facts, *at)));
    let mut text: String = found.iter().map(|it| format!("{}. {it}\n", it.index + 1)).collect();
    text.push_str(&format!("{} of {} decisions differ\n", found.len(), past.len()));
    Ok(Answer { text, code: if found.is_empty() { HOLDS } else { DOES_NOT_HOLD } })
}
