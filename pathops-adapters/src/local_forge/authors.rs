//! How this forge writes people into Git, and who it knows by an address.

use pathops_core::Principal;
use pathops_core::adapter::{CommitAuthor, address, co_authors};

/// Everybody who has a part in a commit.
pub(super) fn of(author: &str, message: &str) -> Vec<CommitAuthor> {
    let known = |name: &str| CommitAuthor { name: name.to_owned(), principal: known(name) };
    [author].into_iter().chain(co_authors(message)).map(known).collect()
}

/// Name and address; everybody has an address of their own.
pub(super) fn written(who: &Principal) -> (String, String) {
    match who {
        Principal::Human(person) => (person.to_string(), format!("{person}@people.invalid")),
        Principal::Agent { agent, sponsor } => {
            (format!("{agent} (agent of {sponsor})"), format!("{agent}@{sponsor}.agents.invalid"))
        }
        Principal::System => ("pathops".to_owned(), "pathops@pathops.invalid".to_owned()),
    }
}

/// Who has the address in `author`. Addresses are compared without regard to letter case.
fn known(author: &str) -> Option<Principal> {
    let address = address(author)?.to_ascii_lowercase();
    match address.split_once('@')? {
        ("pathops", "pathops.invalid") => Some(Principal::System),
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
            let (name, address) = written(&principal);
            for address in [address.to_uppercase(), address] {
                assert_eq!(known(&format!("{name} <{address}>")), Some(principal.clone()), "{address}");
            }
        }
    }

    #[test]
    fn nobody_is_known_by_anything_else() {
        for other in [
            "carol",
            "carol@people.invalid",
            "Carol Smith <carol@example.com>",
            "Carol <ca.rol@people.invalid>",
            "alice <alice@people.invalid>, bob <bob@people.invalid>",
            "patch <patch@agents.invalid>",
            "patch <patch@a.b.agents.invalid>",
            "pathops <other@pathops.invalid>",
        ] {
            assert_eq!(known(other), None, "{other}");
        }
    }
}
