use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::adapter::Scm;
use crate::code_owners::{CodeOwners, CodeOwnersForm};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, PersonId, RepoId, RepoPath, TeamName};
use crate::op::OpContext;

/// Who owns some files, by the names that a pull request takes for whom it asks for a review.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owners {
    /// People. Where a host writes a group as it writes a person, a group may be among them.
    pub people: BTreeSet<PersonId>,
    /// Teams of the owner of the repository, in lower case.
    pub teams: BTreeSet<TeamName>,
    /// Whom the file names in another way, as it does: by an address, or a group from elsewhere.
    pub others: BTreeSet<String>,
}

impl Owners {
    /// Those whom [`CodeOwners::of`] names: `person` says who has the name of an account, and `group` whose teams are teams.
    #[must_use]
    pub fn named<'o>(
        names: impl IntoIterator<Item = &'o str>,
        group: Option<&str>,
        person: impl Fn(&str) -> Option<PersonId>,
    ) -> Self {
        let mut owners = Self::default();
        for name in names {
            let account = name.strip_prefix('@').filter(|account| !account.contains('/')).and_then(&person);
            let team = name.strip_prefix('@').and_then(|name| name.split_once('/'));
            let team = team.filter(|(of, _)| group.is_some_and(|group| group.eq_ignore_ascii_case(of)));
            match (account, team.and_then(|(_, team)| team.to_ascii_lowercase().parse().ok())) {
                (Some(person), _) => drop(owners.people.insert(person)),
                (None, Some(team)) => drop(owners.teams.insert(team)),
                (None, None) => drop(owners.others.insert(name.to_owned())),
            }
        }
        owners
    }
}

impl CodeOwners {
    /// Reads the file at a commit, where the host looks for it; without one, nobody owns anything. For adapters, to answer
    /// [`Scm::code_owners`].
    ///
    /// # Errors
    /// As [`Scm::read_file`].
    pub async fn read(scm: &dyn Scm, cx: &OpContext, repo: &RepoId, commit: &CommitId, form: CodeOwnersForm) -> Result<Self> {
        for place in form.places() {
            let unexpected = |error| Error::new(ErrorKind::Unexpected, "read who owns files").on(place).because(error);
            let path = RepoPath::parse(place).map_err(unexpected)?;
            if let Some(bytes) = scm.read_file(cx, repo, commit, &path).await? {
                return Ok(Self::parse(form, &String::from_utf8_lossy(&bytes)));
            }
        }
        Ok(Self::default())
    }

    /// Who owns any of these files, as they stand there.
    #[must_use]
    pub fn of_all<'s>(&'s self, paths: &[RepoPath]) -> BTreeSet<&'s str> {
        paths.iter().flat_map(|path| self.of(path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_who_the_host_takes_them_for() {
        let names = ["@Alice", "@shop/platform", "@Shop/Security", "@other/team", "@@developers", "bob@example.com"];
        let person = |name: &str| name.to_lowercase().parse().ok();
        let owners = Owners::named(names, Some("shop"), person);
        assert_eq!(owners.people, ["alice".parse().unwrap()].into());
        assert_eq!(owners.teams, ["platform", "security"].map(|team| team.parse().unwrap()).into());
        assert_eq!(owners.others, ["@other/team", "@@developers", "bob@example.com"].map(str::to_owned).into());
        assert!(Owners::named(names, None, person).teams.is_empty());
    }
}
