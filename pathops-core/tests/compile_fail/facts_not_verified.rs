//! Facts that nobody verified lead to a decision and never to a grant.
use pathops_core::UnixMillis;
use pathops_core::policy::{Facts, Policy, VerifiedFacts, decide};

fn unchecked(policy: &Policy, facts: &Facts) {
    let _ = decide(policy, facts, UnixMillis(0), 0);
}

fn made(facts: Facts) -> VerifiedFacts {
    VerifiedFacts(facts)
}

fn changed(mut verified: VerifiedFacts, facts: Facts) {
    verified.0 = facts;
}

fn main() {
    let _ = (unchecked, made, changed);
}
