//! Lifecycles: where an app, an artifact and a change set can be, what leads from one state to the next, and what was.
//!
//! Each is a table of steps ([`Subject::STEPS`]) and a [`Record`] that only those steps move. A transition is a function
//! that takes its proof ([`Proven`]): evidence that a trust root verified, a promotion grant, what was read back from Git, or the
//! decision of a person who may decide. So no artifact comes into production in a record without the evidence of it; the
//! account of an app is as good as where it is kept. Stopping is easier than going on: there a reason is enough.
//!
//! | transition | proof | which is made of |
//! |---|---|---|
//! | an app becomes path-ready; anything is cancelled, called off, ruled out or retired | [`HumanDecision`] | a person, a role, the people of the project |
//! | an app comes into production | [`Promotion`] | [`Granted`], and verified evidence of a deployment there |
//! | an app is sent back | [`Reported`] | the project, and the commit that it was loaded from |
//! | an artifact is verified; a change set is recovered | [`Preflight`] | verified evidence of a deployment and of health |
//! | an artifact, a change set is decided | [`Decided`] | [`Preflight`], and verified evidence of the decision |
//! | an artifact becomes promotable | [`PromotionGrant`](crate::policy::PromotionGrant) | only the evaluator mints one |
//! | a change set is promoting | [`Granted`] | the grant; afterwards, verified evidence of the decision with it |
//! | an artifact is promoted, a unit of a change set is live | [`Promotion`] | as above |
//! | a change set is working, in review, in preflight, recovering | [`Change`] | a pull request, read back |
//! | an artifact fails, a change set fails | [`Failure`] | verified evidence that says no |
//! | a change set is closed | none | what its own record has of every unit |
//! | a grant is taken back; something is stopped, not promotable or left to people | a reason | words |
//!
//! What was proved before is [`Recorded`]. With it an account goes on, that of a change set or an app, and nothing else does.
//!
//! The handbook draws the tables in [`lifecycles`](crate::docs::lifecycles).
//!
//! ```
//! use std::collections::{BTreeMap, BTreeSet};
//! use pathops_core::lifecycle::{App, AppLifecycle, Declarations, HumanDecision};
//! use pathops_core::project::{Lifecycle, Role};
//! use pathops_core::{PersonId, Principal, UnixMillis};
//!
//! let app = App { unit: "orders".parse()?, production: "production".parse()? };
//! let prototype = AppLifecycle::prototype(app);
//!
//! let alice: PersonId = "alice".parse()?;
//! let people = BTreeMap::from([(alice.clone(), BTreeSet::from([Role::Owner]))]);
//! let by = Principal::Human(alice.clone());
//! let decision = HumanDecision::prove(&by, Role::Owner, &people, "customers wait for it", UnixMillis(0))?;
//! let declarations = Declarations {
//!     intent: "take orders".to_owned(),
//!     owner: alice,
//!     rollback: "revert the desired state".to_owned(),
//!     boundaries: "its own database, and nothing else".to_owned(),
//! };
//! let ready = prototype.path_ready(declarations.clone(), &decision, UnixMillis(0))?;
//! assert_eq!(ready.state(), Lifecycle::PathReady);
//!
//! let error = ready.path_ready(declarations, &decision, UnixMillis(0)).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "`path-ready` does not become `path-ready`; \
//!      allowed: `production` with a grant and evidence of readiness in production"
//! );
//!
//! let written = serde_json::to_vec(&ready)?;
//! assert_eq!(AppLifecycle::from_slice(&written)?, ready);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod app;
mod artifact;
mod change_set;
mod ground;
mod promotion;
mod proof;
mod read_back;
mod record;
mod transition;

pub use app::*;
pub use artifact::*;
pub use change_set::*;
pub use ground::*;
pub use promotion::*;
pub use proof::*;
pub use read_back::*;
pub use record::*;
pub use transition::{Mismatch, Step, Transition, TransitionError};
