//! Who is who: logins of GitHub, addresses in commits, and the principals of the core.
//!
//! A login is written in lower case, and `_`, which only managed accounts have, as `--`, which no login holds. A machine account
//! that is not this credential's is an agent that answers for itself: whatever it says, it is nobody's approval.

use http::Method;
use pathops_core::adapter::{CommitAuthor, address, co_authors};
use pathops_core::{AgentId, PersonId, Principal, Result};
use serde::Deserialize;
use serde_json::Value;

use super::auth::Auth;
use super::client::Call;

/// Who GitHub names where an account was deleted.
const GHOST: &str = "ghost";
/// Who stands for an account whose name no principal can have.
const NAMELESS: &str = "account-without-a-name";

/// An account, as GitHub gives it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Account {
    login: String,
    #[serde(rename = "type", default)]
    kind: String,
}

impl Account {
    pub(super) fn is_called(&self, login: &str) -> bool {
        self.login.eq_ignore_ascii_case(login)
    }
}

/// The account behind the credential, and where addresses that GitHub gives out end.
#[derive(Debug)]
pub(super) struct People {
    login: String,
    no_reply: String,
}

impl People {
    pub(super) async fn read(call: &Call<'_>) -> Result<Self> {
        #[derive(Deserialize)]
        struct App {
            slug: String,
        }
        let login = match &call.client.auth {
            Auth::Token(_) => call.get::<Account>("/user").await?.login,
            Auth::App(app) => {
                let App { slug } = call.as_app(app, Method::GET, "/app", &Value::Null).await?;
                format!("{slug}[bot]")
            }
        };
        let host = call.client.web.split_once("://").map_or(call.client.web.as_str(), |(_, host)| host);
        let host = host.split_once([':', '/']).map_or(host, |(host, _)| host);
        Ok(Self { login: login.to_lowercase(), no_reply: format!("users.noreply.{host}") })
    }

    /// Whether this credential did it.
    pub(super) fn is_me(&self, account: Option<&Account>) -> bool {
        account.is_some_and(|account| account.login.to_lowercase() == self.login)
    }

    /// Whether this credential's App did it.
    pub(super) fn is_my_app(&self, slug: &str) -> bool {
        self.login.strip_suffix("[bot]") == Some(slug.to_lowercase().as_str())
    }

    pub(super) fn who(&self, account: Option<&Account>) -> Principal {
        match account {
            Some(_) if self.is_me(account) => Principal::System,
            Some(Account { login, kind }) if kind == "User" => person(login).map_or_else(|| machine(login), Principal::Human),
            Some(Account { login, .. }) => machine(login),
            None => person(GHOST).map_or_else(|| machine(GHOST), Principal::Human),
        }
    }

    /// Who an App is.
    pub(super) fn app(&self, slug: &str) -> Principal {
        if self.is_my_app(slug) { Principal::System } else { machine(slug) }
    }

    /// Name and address in a commit.
    pub(super) fn written(&self, who: &Principal) -> (String, String) {
        match who {
            Principal::Human(person) => (person.to_string(), format!("{}@{}", login(person), self.no_reply)),
            Principal::Agent { agent, sponsor } => {
                (format!("{agent} (agent of {sponsor})"), format!("{agent}@{sponsor}.agents.invalid"))
            }
            Principal::System => ("pathops".to_owned(), "pathops@pathops.invalid".to_owned()),
        }
    }

    /// Everybody who has a part in a commit; `account` is who GitHub says that the author's address belongs to.
    pub(super) fn authors(&self, author: &str, account: Option<&Account>, message: &str) -> Vec<CommitAuthor> {
        let by_account = || account.map(|account| self.who(Some(account)));
        let first = CommitAuthor { name: author.to_owned(), principal: self.known(author).or_else(by_account) };
        let others = co_authors(message).map(|name| CommitAuthor { name: name.to_owned(), principal: self.known(name) });
        std::iter::once(first).chain(others).collect()
    }

    /// Who has the address in `author`: those that this adapter writes, and those that GitHub gives out. Nobody can show
    /// GitHub that an address under `.invalid` is theirs.
    fn known(&self, author: &str) -> Option<Principal> {
        let address = address(author)?.to_lowercase();
        let (name, host) = address.split_once('@')?;
        if (name, host) == ("pathops", "pathops.invalid") {
            return Some(Principal::System);
        }
        if let Some(sponsor) = host.strip_suffix(".agents.invalid") {
            return Some(Principal::Agent { agent: name.parse().ok()?, sponsor: sponsor.parse().ok()? });
        }
        if host != self.no_reply {
            return None;
        }
        let login = name.split_once('+').map_or(name, |(_, login)| login);
        if login == self.login {
            return Some(Principal::System);
        }
        match login.strip_suffix("[bot]") {
            Some(bot) => Some(machine(bot)),
            None => person(login).map(Principal::Human),
        }
    }
}

/// The person with that login, where a person can have it.
pub(super) fn person(login: &str) -> Option<PersonId> {
    if login.contains("--") {
        return None; // It would be read as another one's.
    }
    login.to_lowercase().replace('_', "--").parse().ok()
}

/// The login of a person.
pub(super) fn login(person: &PersonId) -> String {
    person.as_str().replace("--", "_")
}

fn machine(login: &str) -> Principal {
    let login = login.to_lowercase();
    let name = login.strip_suffix("[bot]").unwrap_or(&login);
    let both = |name: &str| Some((name.parse::<AgentId>().ok()?, name.parse::<PersonId>().ok()?));
    match both(name).or_else(|| both(NAMELESS)) {
        Some((agent, sponsor)) => Principal::Agent { agent, sponsor },
        None => Principal::System,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> People {
        People { login: "pathops-bot".to_owned(), no_reply: "users.noreply.github.com".to_owned() }
    }

    fn account(login: &str, kind: &str) -> Account {
        Account { login: login.to_owned(), kind: kind.to_owned() }
    }

    #[test]
    fn everybody_is_known_by_the_address_that_is_written_for_them() {
        let alice: PersonId = "alice--corp".parse().unwrap();
        let agent = Principal::Agent { agent: "patch".parse().unwrap(), sponsor: alice.clone() };
        for principal in [Principal::Human(alice), agent, Principal::System] {
            let (name, address) = people().written(&principal);
            for address in [address.to_uppercase(), address] {
                assert_eq!(people().known(&format!("{name} <{address}>")), Some(principal.clone()), "{address}");
            }
        }
    }

    #[test]
    fn an_address_that_github_gives_out_is_its_accounts() {
        let numbered = people().known("Octo Cat <583231+Octocat@users.noreply.github.com>");
        assert_eq!(numbered, Some(Principal::Human("octocat".parse().unwrap())));
        let bot = people().known("dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>");
        assert!(matches!(bot, Some(Principal::Agent { .. })), "{bot:?}");
        assert_eq!(people().known("alice <alice@example.com>"), None);
        assert_eq!(people().known("alice <alice@users.noreply.github.com.evil.example>"), None);
    }

    #[test]
    fn only_a_person_is_read_as_a_person() {
        assert_eq!(people().who(Some(&account("Alice", "User"))), Principal::Human("alice".parse().unwrap()));
        assert_eq!(people().who(Some(&account("PathOps-Bot", "User"))), Principal::System);
        for (login, kind) in [("dependabot[bot]", "Bot"), ("shop", "Organization"), ("odd--name", "User"), ("new", "NewKind")] {
            let who = people().who(Some(&account(login, kind)));
            assert!(matches!(who, Principal::Agent { .. }), "{login} is {who}");
        }
    }

    #[test]
    fn two_logins_are_two_people() {
        assert_ne!(person("alice_corp"), person("alice-corp"));
        assert_eq!(person("Alice_Corp").map(|person| login(&person)).as_deref(), Some("alice_corp"));
    }
}
