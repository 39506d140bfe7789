//! Promotion policy: typed rules, the facts they are held against, the decision with its reasons, and the grant.
//!
//! [`evaluate`] is pure: same policy, facts and instant, same decision, byte for byte (I5). [`decide`] does the same
//! over [`VerifiedFacts`] and, only where every requirement passes, mints the one [`PromotionGrant`] without which the
//! required status `pathops/promotion` cannot be posted (I1).
//!
//! Verdicts have three values, ordered [`Pass`](Verdict::Pass) < [`Unknown`](Verdict::Unknown) <
//! [`Fail`](Verdict::Fail); a decision is the greatest of its requirements' verdicts. Whatever is absent, empty,
//! skipped, errored or stale is never a pass (I4), and a unit that no rule covers is refused (I11).

mod decision;
mod evaluate;
mod facts;
mod freeze;
mod grant;
mod rule;
mod status;

pub use decision::*;
pub use evaluate::*;
pub use facts::*;
pub use freeze::*;
pub use grant::*;
pub use rule::*;
pub use status::*;
