//! What objects of Flux have in common.

use pathops_core::UnixMillis;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::Step;
use super::reason::{Failed, Frozen, NotYet, Stale, Verdict};
use crate::live::{Instant, StaleAction, objects, or_default};

/// What was read is no object of the kind.
#[derive(Debug, thiserror::Error)]
#[error("this is no {kind} that is known: {error}")]
pub struct Unreadable {
    kind: &'static str,
    #[source]
    error: serde_json::Error,
}

/// Of which kind an object is.
#[derive(Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
pub(super) struct Kind {
    pub(super) api_version: String,
    pub(super) kind: String,
}

/// Reads an object in JSON that is of one of `kinds` and of `group`.
pub(super) fn read<T: DeserializeOwned>(
    json: &[u8],
    group: &str,
    kinds: &[&str],
    named: &'static str,
) -> Result<(String, T), Unreadable> {
    let unreadable = |error| Unreadable { kind: named, error };
    // A list would be taken for the fields in their order.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(unreadable(serde_json::Error::custom("it is no object")));
    }
    let kind: Kind = serde_json::from_slice(json).map_err(unreadable)?;
    let of_group = kind.api_version.split_once('/').is_some_and(|(it, _)| it == group);
    if !of_group || !kinds.contains(&kind.kind.as_str()) {
        return Err(unreadable(serde_json::Error::custom(format!("it is a {} of {}", kind.kind, kind.api_version))));
    }
    Ok((kind.kind, serde_json::from_slice(json).map_err(unreadable)?))
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Metadata {
    #[serde(deserialize_with = "or_default")]
    pub(super) namespace: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    pub(super) generation: Option<i64>,
    pub(super) resource_version: Option<String>,
    pub(super) deletion_timestamp: Option<IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    pub(super) annotations: Annotations,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Annotations {
    #[serde(rename = "reconcile.fluxcd.io/requestedAt")]
    pub(super) requested_at: Option<String>,
    #[serde(rename = "kustomize.toolkit.fluxcd.io/reconcile")]
    pub(super) reconcile: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Condition {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub(super) kind: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) reason: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) message: String,
    pub(super) observed_generation: Option<i64>,
    #[serde(deserialize_with = "instant")]
    pub(super) last_transition_time: Option<Instant>,
}

impl Condition {
    pub(super) fn is(&self, status: &str) -> bool {
        self.status == status
    }

    pub(super) fn at(&self) -> Option<UnixMillis> {
        self.last_transition_time.map(|Instant(at)| at)
    }

    /// What it says, for people.
    pub(super) fn told(&self) -> NotYet {
        NotYet::Condition { kind: self.kind.clone(), why: self.reason.clone(), message: self.message.clone() }
    }
}

/// A time that is none is not known.
pub(super) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Instant>, D::Error> {
    let text: Option<String> = or_default(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()).map(Instant))
}

pub(super) fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// An object that a controller reconciles.
pub(super) struct Reconciled<'a> {
    pub(super) kind: &'a str,
    pub(super) metadata: &'a Metadata,
    pub(super) suspended: bool,
    pub(super) observed_generation: Option<i64>,
    pub(super) handled: Option<&'a str>,
    pub(super) conditions: &'a [Condition],
}

impl Reconciled<'_> {
    pub(super) fn label(&self) -> String {
        format!("{}/{}", self.kind, self.metadata.name)
    }

    /// It goes on by itself, and nobody has asked for more.
    pub(super) fn goes_on(&self) -> Step {
        if self.metadata.deletion_timestamp.is_some() {
            return Err(Verdict::Failed(Failed::Deleting { what: self.label() }));
        }
        if self.suspended {
            let how = Frozen::Suspended { what: self.label() };
            return Err(Verdict::Stale(Stale::Frozen { how }, StaleAction::AskPeople));
        }
        if self.is_asked() { Err(Verdict::NotYet(NotYet::Refreshing { what: self.label() })) } else { Ok(()) }
    }

    /// Whether it was asked to reconcile, and has not done so yet.
    pub(super) fn is_asked(&self) -> bool {
        let asked = self.metadata.annotations.requested_at.as_deref();
        asked.is_some() && asked != self.handled
    }

    /// Whether a condition is of the object as it is now.
    pub(super) fn is_current(&self, condition: &Condition) -> bool {
        self.metadata.generation.is_some() && condition.observed_generation == self.metadata.generation
    }

    /// What the condition is of is the object as it is now.
    pub(super) fn current(&self, condition: &Condition) -> Step {
        if self.is_current(condition) { Ok(()) } else { Err(self.other_spec()) }
    }

    pub(super) fn other_spec(&self) -> Verdict {
        Verdict::NotYet(NotYet::OtherSpec { what: self.label() })
    }

    /// What cannot go on until a person does something.
    pub(super) fn not_stalled(&self) -> Step {
        match condition(self.conditions, "Stalled") {
            Some(stalled) if stalled.is("True") => {
                self.current(stalled)?;
                Err(Verdict::Failed(Failed::Stalled { what: self.label(), message: stalled.message.clone() }))
            }
            _ => Ok(()),
        }
    }

    /// `Ready`, in the generation that is observed and asked for.
    pub(super) fn ready(&self) -> Step {
        let Some(ready) = condition(self.conditions, "Ready") else {
            return Err(Verdict::NotYet(NotYet::NotReconciled { what: self.label() }));
        };
        self.current(ready)?;
        if !ready.is("True") {
            return Err(Verdict::NotYet(ready.told()));
        }
        if self.observed_generation == self.metadata.generation { Ok(()) } else { Err(self.other_spec()) }
    }

    /// Nothing is under way.
    pub(super) fn at_rest(&self) -> Step {
        match condition(self.conditions, "Reconciling") {
            Some(reconciling) if !reconciling.is("False") => {
                Err(Verdict::NotYet(NotYet::Reconciling { what: self.label(), message: reconciling.message.clone() }))
            }
            _ => Ok(()),
        }
    }
}

objects!(Kind, Metadata, Annotations, Condition);
