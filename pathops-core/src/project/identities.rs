use std::collections::BTreeMap;

use crate::adapter::address;
use crate::id::PersonId;
use crate::principal::Principal;

/// Who is behind the accounts and addresses that a Git host shows: one person may have several of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    accounts: BTreeMap<PersonId, PersonId>,
    addresses: BTreeMap<String, PersonId>,
}

impl Identities {
    /// Each account beside the name of its person, and each e-mail address with its person.
    pub fn new(
        accounts: impl IntoIterator<Item = (PersonId, PersonId)>,
        addresses: impl IntoIterator<Item = (String, PersonId)>,
    ) -> Self {
        let addresses = addresses.into_iter().map(|(address, person)| (address.to_ascii_lowercase(), person));
        Self { accounts: accounts.into_iter().collect(), addresses: addresses.collect() }
    }

    /// The person behind an account; whoever has no other name is that account.
    #[must_use]
    pub fn person(&self, account: PersonId) -> PersonId {
        self.accounts.get(&account).cloned().unwrap_or(account)
    }

    /// A principal as the host names it, by the name that the project has for the person.
    #[must_use]
    pub fn principal(&self, principal: Principal) -> Principal {
        match principal {
            Principal::Human(account) => Principal::Human(self.person(account)),
            Principal::Agent { agent, sponsor } => Principal::Agent { agent, sponsor: self.person(sponsor) },
            Principal::System => Principal::System,
        }
    }

    /// The person with the address in `Name <address>`, in any letter case; a name alone says nothing.
    #[must_use]
    pub fn by_address(&self, author: &str) -> Option<&PersonId> {
        self.addresses.get(&address(author)?.to_ascii_lowercase())
    }
}
