use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::evidence::{Predicate, ReferenceAnnotations};
use crate::time::{UnixMillis, rfc3339};

/// How long payloads are kept, as an organisation decides it: classes, and legal holds. It is data, read from JSON or YAML.
///
/// ```
/// use pathops_core::UnixMillis;
/// use pathops_core::evidence::RetentionPolicy;
/// let policy: RetentionPolicy = serde_json::from_str(r#"{
///     "classes": { "logs": { "days": 90 }, "releases": { "days": 3650 } },
///     "holds": { "case-17": { "reason": "subpoena of 3 May", "classes": ["logs"] } }
/// }"#)?;
/// let logs = policy.sign_in("logs", UnixMillis(0)).unwrap();
/// assert_eq!(logs.retain_until.to_string(), "1970-04-01T00:00:00Z");
/// assert!(logs.holds.contains("case-17"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetentionPolicy {
    /// The classes, by name.
    pub classes: BTreeMap<String, RetentionClass>,
    /// The class of what a control plane stores, by what it is. What has none here is kept for ever.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<PayloadKind, String>,
    /// What must not go, whatever its class says, by name.
    #[serde(default)]
    pub holds: BTreeMap<String, LegalHold>,
    /// Holds that are over. One that was signed into evidence stands until it is named here.
    #[serde(default)]
    pub released: BTreeSet<String>,
}

/// What a payload is that a control plane stores beside a statement. Statements themselves are never let go, nor are the records
/// that past decisions are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum PayloadKind {
    /// What the process printed.
    Logs,
    /// What the platform said of it.
    Events,
    /// What was measured.
    Metrics,
    /// What CI printed.
    CiLog,
    /// The reports of tests and of other tools.
    Reports,
}

impl PayloadKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Logs, Self::Events, Self::Metrics, Self::CiLog, Self::Reports];

    /// The kind of the part of a snapshot that has this name; none for what is no such payload.
    #[must_use]
    pub fn of_part(name: &str) -> Option<Self> {
        Some(match name {
            "logs" => Self::Logs,
            "events" => Self::Events,
            "metrics" => Self::Metrics,
            "CI log" => Self::CiLog,
            name if name.ends_with("unread test report") => Self::Reports,
            _ => return None,
        })
    }
}

impl std::fmt::Display for PayloadKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Logs => "logs",
            Self::Events => "events",
            Self::Metrics => "metrics",
            Self::CiLog => "ci-log",
            Self::Reports => "reports",
        })
    }
}

/// How long what is of a class is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetentionClass {
    /// For so many days of 24 hours after it was collected.
    pub days: u32,
    /// Whether a payload of it may have to go before its time: each is stored encrypted then, with a key of its own, and a host that
    /// has no keys stores none. While the project cannot be read, every payload is taken to be of such a class.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erasable: bool,
}

/// That something must not go, for as long as this stands in the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LegalHold {
    /// Why, for people.
    pub reason: String,
    /// It is on everything of these classes.
    #[serde(default)]
    pub classes: BTreeSet<String>,
    /// It is on these payloads.
    #[serde(default)]
    pub blobs: BTreeSet<Digest>,
}

/// How long one payload is kept, as the policy of the day had it: signed with the reference to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Retention {
    /// Its class.
    pub class: String,
    /// Until then it is kept.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub retain_until: UnixMillis,
    /// All holds that were on its class. Each stands until it is released.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub holds: BTreeSet<String>,
    /// The policy: SHA-256 of its canonical JSON.
    pub policy: Digest,
}

/// How long the payloads of one collection are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// As this policy says of what was collected at this instant.
    By(RetentionPolicy, UnixMillis),
    /// For ever, because of this.
    ForEver(String),
}

impl Keeping {
    /// What a reference to a payload says of how long that is kept: until when, or why for ever. How it is stored, whoever has stored it
    /// adds.
    #[must_use]
    pub fn of(&self, kind: Option<PayloadKind>) -> ReferenceAnnotations {
        let for_ever = |why: String| ReferenceAnnotations { for_ever: Some(why), ..ReferenceAnnotations::default() };
        let (policy, collected) = match self {
            Self::By(policy, collected) => (policy, *collected),
            Self::ForEver(why) => return for_ever(why.clone()),
        };
        let retention = kind.and_then(|kind| policy.sign_in(policy.parts.get(&kind)?, collected));
        match retention {
            Some(retention) => ReferenceAnnotations { retention: Some(retention), ..ReferenceAnnotations::default() },
            None => for_ever(format!("the retention policy {} has no class for it", policy.digest())),
        }
    }
}

impl RetentionPolicy {
    /// How long a payload of `class` is kept that was collected at this instant. `None` for a class that the policy does not
    /// have: what no rule covers is not let go.
    #[must_use]
    pub fn sign_in(&self, class: &str, collected: UnixMillis) -> Option<Retention> {
        const DAY: Duration = Duration::from_hours(24);
        let days = self.classes.get(class)?.days;
        let holds = self.holds.iter().filter(|(_, hold)| hold.classes.contains(class));
        Some(Retention {
            class: class.to_owned(),
            retain_until: collected + DAY * days,
            holds: holds.map(|(name, _)| name.clone()).collect(),
            policy: self.digest(),
        })
    }

    /// What a control plane stores so that it can be erased.
    #[must_use]
    pub fn erasable(&self) -> BTreeSet<PayloadKind> {
        let is_erasable = |class: &String| self.classes.get(class).is_some_and(|class| class.erasable);
        self.parts.iter().filter(|(_, class)| is_erasable(class)).map(|(kind, _)| *kind).collect()
    }

    /// The hold that is on a payload.
    #[must_use]
    pub fn hold_on(&self, blob: &Digest, retention: Option<&Retention>) -> Option<&str> {
        let class = retention.map(|retention| &retention.class);
        let on = |hold: &LegalHold| hold.blobs.contains(blob) || class.is_some_and(|class| hold.classes.contains(class));
        self.holds.iter().find(|(_, hold)| on(hold)).map(|(name, _)| name.as_str())
    }

    /// The hold that keeps a payload: one that the policy has on it, or one that was signed with it and was not released.
    #[must_use]
    pub fn held<'r>(&'r self, blob: &Digest, retention: &'r Retention) -> Option<&'r str> {
        let signed = retention.holds.difference(&self.released).next().map(String::as_str);
        self.hold_on(blob, Some(retention)).or(signed)
    }

    /// SHA-256 of its canonical JSON (RFC 8785).
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Text, numbers and lists of them: there is nothing in it that JSON could not say.
        Digest::of(&serde_json_canonicalizer::to_vec(self).unwrap_or_default())
    }
}

/// That payloads are gone for good, and why: what a verifier wants to see in their place. Its subjects are the payloads. One of
/// an erasure is over whatever refers to them, before it or after; one of an expiry over what was signed with a time that was over when
/// they went: what refers to them with a later time, or with none, needs them.
///
/// No standard predicate exists; this is our own, version 0.1. The JSON Schema is `tombstone.schema.json` of this crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tombstone {
    /// Why they went.
    pub reason: TombstoneReason,
    /// On whose word, in words: `erasure request 17 of 3 May`, or the policy.
    pub authority: String,
    /// The retention policy that let them go: SHA-256 of its canonical JSON.
    pub policy: Digest,
    /// When they were let go.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub gone_on: UnixMillis,
}

impl Predicate for Tombstone {
    const TYPE: &'static str = "https://pathops.dev/tombstone/v0.1";
}

/// Why a payload went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum TombstoneReason {
    /// The time was over for which it was to be kept.
    Expired,
    /// Its key was destroyed, so that nobody can read it.
    Erased,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> RetentionPolicy {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_hold_stands_until_it_is_released() {
        let before = policy(r#"{"classes":{"logs":{"days":1}},"holds":{"case":{"reason":"r","classes":["logs"]}}}"#);
        let (blob, signed) = (Digest::of(b"log"), before.sign_in("logs", UnixMillis(0)).unwrap());
        assert_eq!(before.held(&blob, &signed), Some("case"));
        let gone = policy(r#"{"classes":{"logs":{"days":1}}}"#);
        assert_eq!(gone.held(&blob, &signed), Some("case"), "that the policy forgets it does not release it");
        let released = policy(r#"{"classes":{"logs":{"days":1}},"released":["case"]}"#);
        assert_eq!(released.held(&blob, &signed), None);
        let on_blob = RetentionPolicy {
            holds: [("new".to_owned(), LegalHold { reason: "r".to_owned(), classes: BTreeSet::new(), blobs: [blob].into() })]
                .into(),
            ..released
        };
        assert_eq!(on_blob.held(&blob, &signed), Some("new"));
        assert_eq!((on_blob.hold_on(&blob, None), on_blob.hold_on(&Digest::of(b"other"), None)), (Some("new"), None));
    }

    #[test]
    fn what_has_a_class_says_until_when_and_all_else_says_why_for_ever() {
        let policy = policy(r#"{"classes":{"short":{"days":1}},"parts":{"ci-log":"short"}}"#);
        let keeping = Keeping::By(policy.clone(), UnixMillis(0));
        let log = keeping.of(PayloadKind::of_part("CI log"));
        assert_eq!((log.retention, log.for_ever), (policy.sign_in("short", UnixMillis(0)), None));
        for other in [PayloadKind::of_part("logs"), PayloadKind::of_part("something else")] {
            let ReferenceAnnotations { retention, for_ever, .. } = keeping.of(other);
            assert_eq!((retention, for_ever.unwrap().contains(&policy.digest().to_string())), (None, true));
        }
        let why = Keeping::ForEver("nobody said".to_owned()).of(Some(PayloadKind::CiLog));
        assert_eq!((why.retention, why.for_ever.as_deref()), (None, Some("nobody said")));
    }

    /// The digest of one that says nothing of parts is what it was before it could.
    #[test]
    fn a_policy_without_parts_has_the_digest_that_it_had() {
        let before = r#"{"classes":{"logs":{"days":1}},"holds":{},"released":[]}"#;
        assert_eq!(policy(before).digest(), Digest::of(before.as_bytes()));
    }

    #[test]
    fn what_is_of_an_erasable_class_is_erasable_and_one_that_is_not_has_the_digest_that_it_had() {
        let text =
            r#"{"classes":{"long":{"days":9},"short":{"days":1,"erasable":true}},"parts":{"ci-log":"short","logs":"long"}}"#;
        assert_eq!(policy(text).erasable(), [PayloadKind::CiLog].into());
        let before = r#"{"classes":{"logs":{"days":1}},"holds":{},"released":[]}"#;
        let explicit = policy(r#"{"classes":{"logs":{"days":1,"erasable":false}}}"#);
        assert_eq!((explicit.digest(), explicit.erasable()), (Digest::of(before.as_bytes()), BTreeSet::new()));
    }

    #[test]
    fn that_one_hold_is_released_releases_no_other() {
        let both = r#"{"classes":{"logs":{"days":1}},"holds":{"a":{"reason":"r","classes":["logs"]},"b":{"reason":"r","classes":["logs"]}}}"#;
        let (blob, signed) = (Digest::of(b"log"), policy(both).sign_in("logs", UnixMillis(0)).unwrap());
        let signed: Retention = serde_json::from_value(serde_json::to_value(&signed).unwrap()).unwrap();
        for (released, held) in [(r#"["a"]"#, Some("b")), (r#"["b"]"#, Some("a")), (r#"["a","b"]"#, None)] {
            let after = policy(&format!(r#"{{"classes":{{}},"released":{released}}}"#));
            assert_eq!(after.held(&blob, &signed), held, "{released}");
        }
    }

    #[test]
    fn what_no_class_covers_has_no_end() {
        let policy = policy(r#"{"classes":{"logs":{"days":4294967295}}}"#);
        assert_eq!(policy.sign_in("reports", UnixMillis(0)), None);
        assert!(policy.sign_in("logs", UnixMillis(0)).unwrap().retain_until > UnixMillis(0));
        assert!(serde_json::from_str::<RetentionPolicy>(r#"{"classes":{},"hold":{}}"#).is_err(), "a misspelt field is refused");
    }
}
