//! Is this very commit live and healthy in Flux? The rule, apart from any I/O.
//!
//! [`judge`] answers from a `Kustomization` with its source and what it applied, as they were read ([`Objects`]), from what Git says
//! of trees and descent ([`History`]), and from what is expected ([`Expected`]). `Ready=True` alone says nothing about an expected
//! commit: it may be of an older generation or commit, from before our request, of a suspended object, or mean no more than that
//! everything was applied. [`judge`] says `Ready` only where all of this holds, and the first that does not is the answer:
//!
//! 1. neither the Kustomization nor its source is being deleted or suspended, and no requested reconciliation is open
//!    (`reconcile.fluxcd.io/requestedAt` is what `lastHandledReconcileAt` says);
//! 2. the source is the one that the Kustomization names, of the expected repository, and the Kustomization is of the expected path;
//! 3. the source is `Ready` in its present generation, fetches nothing at the moment and did not fail to, and its artifact is of the
//!    expected commit, or of a descendant with the same tree at the path;
//! 4. no reconciliation is under way, and the last one ended after our request, and not ahead of our clock;
//! 5. it is not stalled, and it did not fail at what is expected;
//! 6. it is `Ready` in its present generation, and what it applied last is what it attempted last: the expected commit, or a descendant
//!    with the same tree;
//! 7. it applied something, and Flux checks that it is healthy: `wait: true`, or `healthChecks` that name each workload and each
//!    HelmRelease in the inventory. Without either `Ready` means applied and no more, so it is never enough. The condition `Healthy`
//!    holds;
//! 8. each `HelmRelease` in the inventory is `Ready` in its present generation, not suspended, and has deployed what it attempted
//!    last; a test of the chart that ran has succeeded;
//! 9. where images are expected: each workload in the inventory is rolled out and left alone by nobody, the expected images run, and
//!    no other of their repositories;
//! 10. all this has been so through the settle time.
//!
//! **Commits.** A revision is `main@sha1:<commit>`, or `main/<commit>` as Flux wrote it before 2.0. The digest of an `OCIRepository`
//! is no commit: there counts `org.opencontainers.image.revision`, which the artifact's author writes, so it is worth as much as the
//! right to push there. Sources of other kinds have no commit and are never ready. The path has to be the same in the artifact as in
//! the repository.
//!
//! **Times.** Flux writes down no time of a look. It sets `Ready` to `Unknown` when a reconciliation begins, so the last change of
//! `Ready` is the end of the last one. Since when it has been healthy stands in `status.history` (Flux 2.7 and later), unless the
//! same state was there before and another in between. Then, and before 2.7, it is the end of the last reconciliation, so a settle
//! time has to be shorter than the interval, and needs expected images: the workloads are then looked at by ourselves when it is over.
//!
//! **What it cannot see.** What is changed past Git between two reconciliations, but for workloads, and what values from outside of
//! the repository (`substituteFrom`, `valuesFrom`) put into it.
//!
//! Fields are those of Flux 2.0 to 2.8: `kustomize.toolkit.fluxcd.io/v1`, `source.toolkit.fluxcd.io/v1` (`OCIRepository` since
//! Flux 2.6), `helm.toolkit.fluxcd.io/v2`, and of `apps/v1`. Fields that are not known are ignored, and what is not readable is never
//! ready.
//!
//! ```
//! use pathops_adapters::flux::verdict::{Expected, Frozen, Kustomization, NoHistory, Objects, Source, Stale, StaleAction, Verdict};
//! let commit = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb".parse()?;
//! let asked_at = "2026-11-22T12:00:00Z".parse()?;
//! let expected = Expected::new("https://git.example/shop/orders-gitops", "envs/preflight", commit, asked_at);
//! let kustomization = Kustomization::from_json(
//!     br#"{
//!         "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
//!         "metadata": {"namespace": "flux-system", "name": "orders", "resourceVersion": "7"},
//!         "spec": {"suspend": true, "path": "./envs/preflight"}
//!     }"#,
//! )?;
//! let source = Source::from_json(br#"{"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository"}"#)?;
//! let objects = Objects::new(kustomization, Some(source));
//! let verdict = pathops_adapters::flux::verdict::judge(&expected, &objects, &NoHistory, "2026-11-22T12:01:00Z".parse()?);
//! let suspended = Stale::Frozen { how: Frozen::Suspended { what: "Kustomization/orders".to_owned() } };
//! assert_eq!(verdict, Verdict::Stale(suspended, StaleAction::AskPeople));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod expected;
mod health;
mod judge;
mod kustomization;
mod object;
mod objects;
mod reason;
mod release;
mod revision;
mod running;
mod source;
#[cfg(test)]
mod tests;
mod workload;

pub use self::expected::Expected;
pub use self::judge::judge;
pub use self::kustomization::Kustomization;
pub use self::object::Unreadable;
pub use self::objects::{Objects, Reference};
pub use self::reason::{Failed, Frozen, NotYet, Stale, Verdict};
pub use self::release::HelmRelease;
pub use self::source::Source;
pub use self::workload::Workload;
pub use crate::live::{History, Image, ImageError, NoHistory, StaleAction};

/// A condition that holds, or the verdict where it does not.
type Step = Result<(), Verdict>;
