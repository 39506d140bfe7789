//! What the meta repository declares: a project, its apps and components, contracts, environments, people and roles.
//!
//! These are the checked forms. `Project` has no dangling reference: `load` (feature `yaml`) makes one only from a
//! meta repository without a finding.

#[cfg(feature = "yaml")]
mod check;
#[cfg(feature = "yaml")]
mod document;
mod identities;
#[cfg(feature = "yaml")]
mod load;
mod model;

pub use identities::*;
pub use model::*;
#[cfg(feature = "yaml")]
pub use {check::*, document::*, load::*};
