//! What a host has no place for about a pull request: the key it was opened with, and in whose name. It is the last line of the
//! description, invisible to readers, and believed only where this credential opened the pull request.
//!
//! Who may write to the repository may edit it, just as they may make commits in anybody's name.

use pathops_core::{Digest, IdempotencyKey, Principal};

const BEGIN: &str = "<!-- pathops:pull-request key=";
const BY: &str = " by=";
const END: &str = " -->";

/// What the last line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    key: String,
    pub(crate) by: Principal,
}

impl Mark {
    pub(crate) fn new(key: &IdempotencyKey, by: &Principal) -> Self {
        Self { key: Digest::of(key.as_str().as_bytes()).hex(), by: by.clone() }
    }

    pub(crate) fn is_of(&self, key: &IdempotencyKey) -> bool {
        self.key == Digest::of(key.as_str().as_bytes()).hex()
    }

    /// A description with the mark.
    pub(crate) fn on(&self, body: &str) -> String {
        let by = match &self.by {
            Principal::Human(person) => format!("person:{person}"),
            Principal::Agent { agent, sponsor } => format!("agent:{agent}:{sponsor}"),
            Principal::System => "system".to_owned(),
        };
        format!("{body}\n\n{BEGIN}{}{BY}{by}{END}", self.key)
    }

    /// A description without its mark, and the mark. Whoever edits it on the web pages turns the ends of its lines into `\r\n`.
    pub(crate) fn split(body: &str) -> (&str, Option<Mark>) {
        let found = body.rsplit_once(BEGIN).and_then(|(words, mark)| {
            let (key, by) = mark.trim_end().strip_suffix(END)?.split_once(BY)?;
            let words = words.strip_suffix("\r\n\r\n").or_else(|| words.strip_suffix("\n\n"))?;
            Some((words, Mark { key: key.to_owned(), by: principal(by)? }))
        });
        match found {
            Some((words, mark)) => (words, Some(mark)),
            None => (body, None),
        }
    }
}

fn principal(text: &str) -> Option<Principal> {
    let mut parts = text.split(':');
    let principal = match parts.next()? {
        "person" => Principal::Human(parts.next()?.parse().ok()?),
        "agent" => Principal::Agent { agent: parts.next()?.parse().ok()?, sponsor: parts.next()?.parse().ok()? },
        "system" => Principal::System,
        _ => return None,
    };
    parts.next().is_none().then_some(principal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_leaves_the_description_alone() {
        let (key, alice) = (IdempotencyKey::new("run/op-1"), "alice".parse().unwrap());
        let agent = Principal::Agent { agent: "patch".parse().unwrap(), sponsor: "alice".parse().unwrap() };
        for by in [Principal::System, Principal::Human(alice), agent] {
            let mark = Mark::new(&key, &by);
            assert_eq!(Mark::split(&mark.on("Words.\n")), ("Words.\n", Some(mark.clone())));
            let edited = format!("Words\r\n\r\n{}\r\n", mark.on("").trim_start());
            assert_eq!(Mark::split(&edited), ("Words", Some(mark.clone())));
            assert!(mark.is_of(&key) && !mark.is_of(&IdempotencyKey::new("run/op-2")));
        }
    }

    #[test]
    fn what_is_no_mark_stays_in_the_description() {
        for body in [
            "",
            "Words",
            "\n\n<!-- pathops:pull-request key=1 by=somebody -->",
            "\n\n<!-- pathops:pull-request key=1 by=system --> more",
        ] {
            assert_eq!(Mark::split(body), (body, None), "{body:?}");
        }
    }
}
