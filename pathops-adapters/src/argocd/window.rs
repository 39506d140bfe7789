//! Whether Argo CD may sync an Application by itself now.

use std::fmt;

use serde::Deserialize;

use crate::live::or_default;

/// The sync windows of an Application's project that concern it, as Argo CD's own API gives them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Windows {
    /// Those that are open now.
    #[serde(deserialize_with = "or_default")]
    active_windows: Vec<Window>,
    #[serde(deserialize_with = "or_default")]
    assigned_windows: Vec<Window>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Window {
    #[serde(deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    schedule: String,
    #[serde(deserialize_with = "or_default")]
    duration: String,
}

/// So many windows are named.
const MOST: usize = 5;

/// When it begins, in its own time zone, which Argo CD does not tell here, and how long it is open.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |text: &str| text.chars().take(100).collect::<String>();
        write!(f, "`{}` for {}", short(&self.schedule), short(&self.duration))
    }
}

impl Windows {
    /// Why no sync begins by itself now: a window that denies is open, or there are windows that allow and none of them is. What the
    /// API calls `canSync` is about a sync that a person asks for.
    pub(super) fn closed(&self) -> Option<String> {
        let told = |windows: &[Window], kind: &str| {
            let told = windows.iter().filter(|it| it.kind == kind).map(Window::to_string);
            told.take(MOST).collect::<Vec<_>>().join(", ")
        };
        let denied = told(&self.active_windows, "deny");
        if !denied.is_empty() {
            return Some(format!("its project denies to sync it in this window: {denied}"));
        }
        let allowed = told(&self.assigned_windows, "allow");
        let is_open = self.active_windows.iter().any(|it| it.kind == "allow");
        (!is_open && !allowed.is_empty()).then(|| format!("its project allows to sync it in these windows only: {allowed}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(active: &str, assigned: &str) -> Option<String> {
        let json = format!(r#"{{"activeWindows": {active}, "assignedWindows": {assigned}, "canSync": true}}"#);
        serde_json::from_str::<Windows>(&json).unwrap().closed()
    }

    #[test]
    fn one_that_denies_counts_while_it_is_open_and_those_that_allow_while_none_is() {
        const DENY: &str = r#"{"kind": "deny", "schedule": "0 22 * * *", "duration": "8h", "manualSync": true}"#;
        const ALLOW: &str = r#"{"kind": "allow", "schedule": "0 9 * * 1-5", "duration": "4h"}"#;
        let denied = Some("its project denies to sync it in this window: `0 22 * * *` for 8h".to_owned());
        let elsewhen = Some("its project allows to sync it in these windows only: `0 9 * * 1-5` for 4h".to_owned());
        for (active, assigned, why) in [
            ("null".to_owned(), "[]".to_owned(), None),
            ("[]".to_owned(), format!("[{DENY}]"), None),
            (format!("[{DENY}]"), format!("[{DENY}]"), denied.clone()),
            ("null".to_owned(), format!("[{ALLOW}, {DENY}]"), elsewhen),
            (format!("[{ALLOW}]"), format!("[{ALLOW}, {DENY}]"), None),
            (format!("[{ALLOW}, {DENY}]"), format!("[{ALLOW}, {DENY}]"), denied),
        ] {
            assert_eq!(closed(&active, &assigned), why, "{active} of {assigned}");
        }
    }
}
