//! How this host writes people, and who it knows by an address.

use crate::adapter::{CommitAuthor, address, co_authors};
use crate::principal::Principal;

/// Everybody who has a part in a commit by `author` with this message.
pub(super) fn of(author: &Principal, message: &str) -> Vec<CommitAuthor> {
    let by = CommitAuthor { name: signature(author), principal: Some(author.clone()) };
    let with = co_authors(message).map(|name| CommitAuthor { name: name.to_owned(), principal: known(name) });
    [by].into_iter().chain(with).collect()
}

/// `Name <address>`; everybody has an address of their own.
pub(super) fn signature(author: &Principal) -> String {
    match author {
        Principal::Human(person) => format!("{person} <{person}@people.invalid>"),
        Principal::Agent { agent, sponsor } => format!("{agent} (for {sponsor}) <{agent}@{sponsor}.agents.invalid>"),
        Principal::System => "pathops <pathops@system.invalid>".to_owned(),
    }
}

/// Who has the address in `author`. Addresses are compared without regard to letter case.
fn known(author: &str) -> Option<Principal> {
    let address = address(author)?.to_ascii_lowercase();
    match address.split_once('@')? {
        ("pathops", "system.invalid") => Some(Principal::System),
        (person, "people.invalid") => person.parse().ok().map(Principal::Human),
        (agent, host) => {
            let sponsor = host.strip_suffix(".agents.invalid")?;
            Some(Principal::Agent { agent: agent.parse().ok()?, sponsor: sponsor.parse().ok()? })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_known_by_their_own_address_in_any_letter_case() {
        let alice = || "alice".parse().unwrap();
        let agent = Principal::Agent { agent: "patch".parse().unwrap(), sponsor: alice() };
        for principal in [Principal::Human(alice()), agent, Principal::System] {
            let written = signature(&principal);
            assert_eq!(known(&written), Some(principal.clone()), "{written}");
            assert_eq!(known(&written.to_uppercase()), Some(principal), "{written}");
        }
    }

    #[test]
    fn nobody_is_known_by_anything_else() {
        for other in [
            "alice",
            "alice@people.invalid",
            "alice <alice@example.com>",
            "alice <a.lice@people.invalid>",
            "alice <alice@people.invalid>, bob <bob@people.invalid>",
            "patch <patch@agents.invalid>",
            "patch <patch@a.b.agents.invalid>",
            "pathops <other@system.invalid>",
        ] {
            assert_eq!(known(other), None, "{other}");
        }
    }
}
