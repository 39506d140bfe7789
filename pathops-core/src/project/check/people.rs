//! The people: each once, and each account and address with one of them.

use std::collections::{BTreeMap, BTreeSet};

use super::Notes;
use crate::id::PersonId;
use crate::project::document::{PeopleSpec, PersonSpec};
use crate::project::{Identities, Role};

pub(crate) type People = BTreeMap<PersonId, BTreeSet<Role>>;

/// A person as written.
struct Entry {
    line: usize,
    name: PersonId,
    emails: Vec<(usize, String)>,
    accounts: Vec<(usize, PersonId)>,
}

/// Everybody with their roles and identities. `None` where there is no list of them.
pub(crate) fn people(notes: &mut Notes<'_>, within: usize, spec: PeopleSpec) -> Option<(People, Identities)> {
    let (_, written) = notes.required(spec.people, within, "people", "name the people of the project and their roles")?;
    let (mut people, mut entries) = (People::new(), Vec::new());
    for entry in written {
        let Some((line, person)) = notes.optional(Some(entry), "people") else { continue };
        let Some((roles, entry)) = self::entry(notes, line, person) else { continue };
        if people.insert(entry.name.clone(), roles).is_some() {
            notes.note(entry.line, format!("`{}` is there twice", entry.name), "keep one entry with all roles");
        }
        entries.push(entry);
    }
    let identities = Identities::new(accounts(notes, &entries), addresses(notes, &entries));
    Some((people, identities))
}

fn entry(notes: &mut Notes<'_>, line: usize, person: PersonSpec) -> Option<(BTreeSet<Role>, Entry)> {
    let roles = notes.entries(person.roles, "roles").into_iter().map(|(_, role)| role).collect();
    let (emails, accounts) = (notes.entries(person.emails, "emails"), notes.entries(person.accounts, "accounts"));
    let (line, name) = notes.required(person.name, line, "name", "name the person as the Git host does")?;
    Some((roles, Entry { line, name, emails, accounts }))
}

/// The accounts that are not their person's own name. Nobody else has them, neither as an account nor as their name.
fn accounts(notes: &mut Notes<'_>, entries: &[Entry]) -> BTreeMap<PersonId, PersonId> {
    let mut owners: BTreeMap<&PersonId, (usize, &PersonId)> =
        entries.iter().map(|entry| (&entry.name, (entry.line, &entry.name))).collect();
    for entry in entries {
        for (line, account) in &entry.accounts {
            belongs(notes, &mut owners, account, &account.to_string(), (*line, &entry.name));
        }
    }
    let others = owners.into_iter().filter(|(account, (_, person))| account != person);
    others.map(|(account, (_, person))| (account.clone(), person.clone())).collect()
}

/// The addresses, without regard to letter case.
fn addresses(notes: &mut Notes<'_>, entries: &[Entry]) -> BTreeMap<String, PersonId> {
    let mut owners: BTreeMap<String, (usize, &PersonId)> = BTreeMap::new();
    for entry in entries {
        for (line, email) in &entry.emails {
            if !is_address(email) {
                notes.note(*line, format!("`{email}` is no e-mail address"), "write it like `name@example.com`");
                continue;
            }
            belongs(notes, &mut owners, email.to_ascii_lowercase(), email, (*line, &entry.name));
        }
    }
    owners.into_iter().map(|(address, (_, person))| (address, person.clone())).collect()
}

/// Notes whose something is; tells both places where it was somebody's already.
fn belongs<'e, K: Ord>(
    notes: &mut Notes<'_>,
    owners: &mut BTreeMap<K, (usize, &'e PersonId)>,
    key: K,
    written: &str,
    (line, person): (usize, &'e PersonId),
) {
    let Some((before, owner)) = owners.get(&key) else {
        owners.insert(key, (line, person));
        return;
    };
    if *owner == person {
        notes.note(line, format!("`{written}` is `{person}` in line {before} already"), "write it once");
    } else {
        let what = format!("`{written}` is `{owner}` in line {before}, and `{person}` here");
        notes.note(line, what, "it belongs to one person: keep one of the two");
    }
}

fn is_address(text: &str) -> bool {
    let strange = |c: char| c.is_whitespace() || c.is_control() || "<>,;@".contains(c);
    text.split_once('@').is_some_and(|(name, host)| [name, host].iter().all(|part| !part.is_empty() && !part.contains(strange)))
}
