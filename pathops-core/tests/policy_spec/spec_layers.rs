//! Which of the rules that stand under one name in several layers are told of.

use std::collections::BTreeSet;

use pathops_core::policy::{Accept, Ask};
use pathops_core::project::Role;

use crate::spec::{ANY, Asked};

/// What speaks for or against a change, as far as a rule of one name may look at less of it than another.
fn looks_at(asked: &Asked<'_>) -> (Option<Accept>, BTreeSet<String>, BTreeSet<Role>) {
    let ask = match asked {
        Asked::Ask(ask) => ask,
        Asked::BuiltIn("preflight-deployment") => {
            return (Some(Accept { max_age_seconds: 0, ..ANY }), BTreeSet::new(), BTreeSet::new());
        }
        Asked::BuiltIn("approval") => return (None, BTreeSet::new(), BTreeSet::from([Role::Owner, Role::Reviewer])),
        Asked::BuiltIn(_) | Asked::Covered | Asked::Integrity | Asked::Combination => {
            return (None, BTreeSet::new(), BTreeSet::new());
        }
    };
    let formats =
        if let Ask::Sbom(rule) = ask { rule.formats.iter().map(|it| format!("{it:?}")).collect() } else { BTreeSet::new() };
    let roles = if let Ask::Approvals(rule) = ask { rule.roles.clone() } else { BTreeSet::new() };
    // How old it may be changes nothing of what is looked at.
    (ask.accept().map(|it| Accept { max_age_seconds: 0, ..it.clone() }), formats, roles)
}

/// Which of the rules of one name are told of: the lowest, which stands in the place of those above it, and of these the ones
/// that look at what it does not look at.
pub(crate) fn in_force(asks: &[Asked<'_>]) -> Vec<bool> {
    let lowest = asks.last().map(looks_at);
    let last = asks.len() - 1;
    asks.iter().enumerate().map(|(place, it)| place == last || Some(looks_at(it)) != lowest).collect()
}
