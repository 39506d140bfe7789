//! Facts that nobody verified lead to a decision and never to a grant.
use pathops_core::UnixMillis;
use pathops_core::policy::{Facts, HypotheticalFacts, Known, Policy, VerifiedFacts, decide};

fn unchecked(policy: &Policy, facts: &Facts) {
    let _ = decide(policy, facts, UnixMillis(0), 0);
}

fn supposed(policy: &Policy, facts: &HypotheticalFacts) {
    let _ = decide(policy, facts, UnixMillis(0), 0);
}

fn known(policy: &Policy, facts: &Known) {
    let _ = decide(policy, facts, UnixMillis(0), 0);
}

fn turned(facts: HypotheticalFacts) -> VerifiedFacts {
    facts.into()
}

fn made(known: Known) -> VerifiedFacts {
    VerifiedFacts(known)
}

fn changed(verified: VerifiedFacts, known: Known) {
    *verified = known;
}

fn main() {
    let _ = (unchecked, supposed, known, turned, made, changed);
}
