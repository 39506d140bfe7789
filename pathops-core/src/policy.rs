//! Promotion policy: typed rules, the facts they are held against, the decision with its reasons, and the grant.
//!
//! [`evaluate`] is pure: same policy, facts and instant, same decision, byte for byte (I5). [`decide`] does the same
//! over [`VerifiedFacts`] and, only where every requirement passes, mints the one [`PromotionGrant`] without which the
//! required status `pathops/promotion` cannot be posted (I1).
//!
//! A [`Policy`] is a stack of layers: what is built in, then the organisation's, the project's, those of classes and those
//! of units. A lower layer adds and tightens, and never loosens: a requirement of a name that stands above must ask for at
//! least as much, and then stands in its place; where it looks at less evidence, both stand.
//!
//! Verdicts have three values, ordered [`Pass`](Verdict::Pass) < [`Unknown`](Verdict::Unknown) <
//! [`Fail`](Verdict::Fail); a decision is the greatest of its requirements' verdicts. Whatever is absent, empty,
//! skipped, errored or stale is never a pass (I4), and a unit that no rule covers is refused (I11).
//!
//! Three requirements are in no layer: `covered` (some rule that people wrote is for the unit, whoever makes the change),
//! `evidence-integrity` (no envelope was rejected) and `tested-combination` (the production pull request carries what was
//! tested). Each is a *fail* where it does not hold.

mod case;
mod compare;
mod condition;
mod decision;
mod evaluate;
mod explain;
mod facts;
mod finding;
mod freeze;
mod grant;
mod history;
mod layer;
mod lint;
mod read;
mod remaining;
mod render;
mod rule;
mod stack;
mod status;
mod summary;
mod tighten;

pub use case::*;
pub use compare::*;
pub use condition::*;
pub use decision::*;
pub use evaluate::*;
pub use explain::*;
pub use facts::*;
pub use finding::*;
pub use freeze::*;
pub use grant::*;
pub use history::*;
pub use layer::*;
pub use lint::*;
pub use remaining::*;
pub use rule::*;
pub use stack::*;
pub use status::*;
pub use summary::*;
