//! Manifests of post-deploy jobs, to be put beside an app's own: `APP` and the names of images are the team's to fill in.
//!
//! They stay until the next run (`BeforeHookCreation`), so that what they print can be read once a deployment is judged: by
//! `kubernetes::Workload::job`, for the snapshot of it.

/// Does it answer?
pub const HEALTH: &str = include_str!("hooks/health.yaml");

/// Does it do its work, together with what it calls?
pub const SMOKE: &str = include_str!("hooks/smoke.yaml");

/// Does it keep its contract?
pub const CONTRACT: &str = include_str!("hooks/contract.yaml");
