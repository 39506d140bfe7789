//! Who is who: user names of GitLab, addresses in commits, and the principals of the core.
//!
//! A user name is written in lower case, with `_` as `--` and `.` as `---`; one with two signs side by side is nobody's here.
//! A machine account that is not this credential's is an agent that answers for itself: whatever it says, it is nobody's
//! approval. GitLab says of an account alone whether it is a machine's, so each is read once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use gitlab::api::users::{CurrentUser, User, Users};
use pathops_core::adapter::{CommitAuthor, address, co_authors};
use pathops_core::{AgentId, ErrorKind, PersonId, Principal, Result};
use serde::Deserialize;

use super::client::Call;
use crate::rest::Freshness;

/// Who GitLab names where an account was deleted.
const GHOST: &str = "ghost";
/// Who stands for an account whose name no principal can have.
const NAMELESS: &str = "account-without-a-name";
/// What stands before the user name in an address that is written here: the number of no account.
const NO_ACCOUNT: &str = "0";

/// An account, as GitLab gives it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Account {
    pub(super) id: u64,
    pub(super) username: String,
}

/// The account behind the credential, and where addresses that GitLab gives out end.
#[derive(Debug)]
pub(super) struct People {
    me: Account,
    no_reply: String,
    /// Whether an account is a person's, as GitLab said. That never changes.
    known: Mutex<HashMap<u64, bool>>,
}

impl People {
    pub(super) async fn read(call: &Call<'_>) -> Result<Self> {
        let me = call.get(call.ask(CurrentUser::builder().build())?, Freshness::Ask).await?;
        let host = call.client.web.split_once("://").map_or(call.client.web.as_str(), |(_, host)| host);
        let host = host.split_once([':', '/']).map_or(host, |(host, _)| host);
        Ok(Self { me, no_reply: format!("users.noreply.{host}"), known: Mutex::default() })
    }

    /// Whether this credential did it.
    pub(super) fn is_me(&self, account: Option<&Account>) -> bool {
        account.is_some_and(|account| account.id == self.me.id)
    }

    pub(super) async fn who(&self, call: &Call<'_>, account: Option<&Account>) -> Result<Principal> {
        let Some(account) = account else { return Ok(machine(GHOST)) };
        if self.is_me(Some(account)) {
            return Ok(Principal::System);
        }
        let name = &account.username;
        let is_person = name != GHOST && self.is_person(call, account.id).await?;
        Ok(person(name).filter(|_| is_person).map_or_else(|| machine(name), Principal::Human))
    }

    /// Who stands for what this account only set off.
    pub(super) fn set_off(&self) -> Principal {
        machine(&self.me.username)
    }

    async fn is_person(&self, call: &Call<'_>, id: u64) -> Result<bool> {
        #[derive(Deserialize)]
        struct Found {
            bot: Option<bool>,
        }
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(*known);
        }
        let found: Option<Found> = call.find(call.ask(User::builder().user(id).build())?, Freshness::Ask).await?;
        // An account that GitLab does not show, or says nothing of, is no person's for now: it may do so later.
        let Some(is_bot) = found.and_then(|found| found.bot) else { return Ok(false) };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(id, !is_bot);
        Ok(!is_bot)
    }

    /// Name and address in a commit.
    pub(super) fn written(&self, who: &Principal) -> (String, String) {
        match who {
            Principal::Human(person) => (person.to_string(), format!("{NO_ACCOUNT}-{}@{}", user_name(person), self.no_reply)),
            Principal::Agent { agent, sponsor } => {
                (format!("{agent} (agent of {sponsor})"), format!("{agent}@{sponsor}.agents.invalid"))
            }
            Principal::System => ("pathops".to_owned(), "pathops@pathops.invalid".to_owned()),
        }
    }

    /// Everybody who has a part in a commit.
    pub(super) fn authors(&self, author: &str, message: &str) -> Vec<CommitAuthor> {
        let names = std::iter::once(author).chain(co_authors(message));
        names.map(|name| CommitAuthor { name: name.to_owned(), principal: self.known_by(name) }).collect()
    }

    /// Who has the address in `author`: those that this adapter writes, and those that GitLab gives out, which begin with the
    /// number of the account. Nobody can show GitLab that an address under `.invalid` is theirs.
    fn known_by(&self, author: &str) -> Option<Principal> {
        let address = address(author)?.to_lowercase();
        let (name, host) = address.split_once('@')?;
        if (name, host) == ("pathops", "pathops.invalid") {
            return Some(Principal::System);
        }
        if let Some(sponsor) = host.strip_suffix(".agents.invalid") {
            return Some(Principal::Agent { agent: name.parse().ok()?, sponsor: sponsor.parse().ok()? });
        }
        let (number, name) = name.split_once('-').filter(|_| host == self.no_reply)?;
        let number: u64 = number.parse().ok()?;
        if number == self.me.id || name == self.me.username.to_lowercase() {
            return Some(Principal::System);
        }
        person(name).map(Principal::Human)
    }
}

/// The person with that user name, where a person can have it.
pub(super) fn person(user_name: &str) -> Option<PersonId> {
    let signs = |c: char| "-_.".contains(c);
    if user_name.chars().zip(user_name.chars().skip(1)).any(|(a, b)| signs(a) && signs(b)) {
        return None; // It would be read as another one's.
    }
    user_name.to_lowercase().replace('_', "--").replace('.', "---").parse().ok()
}

/// The user name of a person.
pub(super) fn user_name(person: &PersonId) -> String {
    person.as_str().replace("---", ".").replace("--", "_")
}

fn machine(user_name: &str) -> Principal {
    let name = user_name.to_lowercase().replace(['_', '.'], "-");
    let both = |name: &str| Some((name.parse::<AgentId>().ok()?, name.parse::<PersonId>().ok()?));
    match both(&name).or_else(|| both(NAMELESS)) {
        Some((agent, sponsor)) => Principal::Agent { agent, sponsor },
        None => Principal::System,
    }
}

/// The numbers of people, which GitLab wants where it is told of them.
pub(super) async fn numbers(call: &Call<'_>, people: &[PersonId]) -> Result<Vec<u64>> {
    let mut numbers = Vec::with_capacity(people.len());
    for person in people {
        let name = user_name(person);
        let found: Vec<Account> = call.pages(call.ask(Users::builder().username(name.as_str()).build())?).await?;
        let found = found.into_iter().find(|account| account.username.eq_ignore_ascii_case(&name));
        let found = found.ok_or_else(|| call.error(ErrorKind::Invalid, format_args!("GitLab knows nobody called `{name}`")))?;
        numbers.push(found.id);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> People {
        let me = Account { id: 7, username: "project_42_bot_1f".to_owned() };
        People { me, no_reply: "users.noreply.gitlab.example.com".to_owned(), known: Mutex::default() }
    }

    #[test]
    fn everybody_is_known_by_the_address_that_is_written_for_them() {
        let names = ["alice", "12-alice", "a--b", "a---b", "a-b"];
        let people_: Vec<PersonId> = names.iter().map(|name| name.parse().unwrap()).collect();
        let agent = Principal::Agent { agent: "patch".parse().unwrap(), sponsor: "a--b".parse().unwrap() };
        for principal in people_.into_iter().map(Principal::Human).chain([agent, Principal::System]) {
            let (name, address) = people().written(&principal);
            for address in [address.to_uppercase(), address] {
                assert_eq!(people().known_by(&format!("{name} <{address}>")), Some(principal.clone()), "{address}");
            }
        }
    }

    #[test]
    fn an_address_that_gitlab_gives_out_is_its_accounts() {
        let known = |address: &str| people().known_by(&format!("Somebody <{address}>"));
        let alice = Principal::Human("alice--w".parse().unwrap());
        assert_eq!(known("31-Alice_W@users.noreply.gitlab.example.com"), Some(alice));
        assert_eq!(known("7-renamed@users.noreply.gitlab.example.com"), Some(Principal::System));
        for nobody in ["alice@users.noreply.gitlab.example.com", "31-alice@users.noreply.gitlab.example.com.evil.example"] {
            assert_eq!(known(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn two_user_names_are_two_people() {
        let names = ["a-b", "a_b", "a.b", "ab"];
        let people: std::collections::BTreeSet<_> = names.iter().map(|name| person(name).unwrap()).collect();
        assert_eq!(people.len(), names.len());
        assert!(names.iter().all(|name| user_name(&person(name).unwrap()) == *name));
        for nobody in ["a--b", "a._b", "_a", "a-", ""] {
            assert_eq!(person(nobody), None, "{nobody}");
        }
    }
}
