//! Whether the rules themselves may be decided by.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use super::people::names;
use super::standing::Standing;
use crate::id::PersonId;
use crate::policy::{EvidenceFact, PolicyRule, Verdict};
use crate::project::Role;

/// Who has the policy checked.
pub(super) const KEEPERS: &str = "those who keep the policy";

impl Case<'_> {
    /// Whether a piece is about the policy that is decided under, as a whole.
    pub(super) fn is_of_policy(&self, fact: &EvidenceFact) -> bool {
        fact.unit.is_none() && fact.environment.is_none() && fact.is_about("sha256", &self.policy.digest().hex())
    }

    /// The way back must not wait for people who look at the rules. What is known to be wrong with them is known, though.
    pub(super) fn checked(&self, standing: Standing) -> Standing {
        if !self.facts.readings.way_back || standing.verdict != Verdict::Unknown {
            return standing;
        }
        standing.let_pass("on the way back the check of the policy is not waited for")
    }
}

/// How a check of the policy stands.
pub(super) fn check(rule: &PolicyRule, passed: u32, failed: u32, approved_by: &BTreeMap<PersonId, BTreeSet<Role>>) -> Standing {
    let people: Vec<_> = approved_by.iter().filter(|(_, roles)| !roles.is_disjoint(&rule.roles)).map(|(it, _)| it).collect();
    let given = u32::try_from(people.len()).unwrap_or(u32::MAX);
    if failed > 0 {
        return Standing::new(Verdict::Fail, format!("{failed} check(s) of the policy failed"));
    }
    if passed == 0 {
        return Standing::new(Verdict::Unknown, "nothing of the policy was checked");
    }
    if given < rule.approvals {
        let what = "an approval of the pull request that brings the policy, and another check of it";
        return Standing::new(Verdict::Unknown, format!("{given} of {} approvals of the policy", rule.approvals)).needs_of(
            rule.approvals - given,
            what,
            vec![KEEPERS.to_owned()],
        );
    }
    let approved = if people.is_empty() { String::new() } else { format!(", and {} approved it", names(people)) };
    Standing::new(Verdict::Pass, format!("{passed} check(s) of the policy pass{approved}"))
}
