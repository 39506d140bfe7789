//! The decision against the rule as it is documented, over promotions that nobody thought of; everything that a promotion
//! rests on, spoilt one piece at a time; and by name the ways around the rule, and what others get wrong.
//!
//! The comparison makes 100,000 promotions. For more, in a build that is worth it:
//!
//! ```text
//! PATHOPS_SPEC_CASES=10000000 cargo test --release -p pathops-core --features yaml,memory --test policy_spec compare
//! ```
//!
//! Where the two differ, the promotion is made smaller and written to a file. The message says where it is and where to put it:
//! whatever lies in `corpus/` is tried again by every later run.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends where its set-up does not hold")]

mod attacks;
mod base;
mod compare;
mod corpus;
mod generate;
mod generate_evidence;
mod generate_policy;
mod generate_readings;
mod layering;
mod missing;
mod mutation;
mod peers;
mod remaining;
mod spec;
mod spec_asks;
mod spec_layers;
mod spec_people;
mod spec_summary;
mod spec_told;
mod told;

use pathops_core::policy::{Verdict, decide};

#[test]
fn everything_as_it_should_be_passes() {
    let policy = base::policy(base::layers());
    let envelopes = base::PIECES.map(base::Piece::envelope);
    let facts = base::verified(&envelopes, base::readings(&policy));
    let (decision, grant) = decide(&policy, &facts, base::AT, 1);
    assert_eq!(decision.verdict, Verdict::Pass, "{}", decision.to_text());
    assert!(grant.is_some());
    let (told, _) =
        spec::judge(spec::Question { layers: policy.layers(), policy: policy.digest(), facts: facts.facts(), at: base::AT });
    assert!(told.granted, "{told:?}");
}
