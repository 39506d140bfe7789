//! Is this very commit live and healthy in Argo CD? The rule, apart from any I/O.
//!
//! [`judge`] answers from one `Application` as it was read, from what Git says of trees and descent ([`History`]), and from
//! what is expected ([`Expected`]). `Synced` and `Healthy` alone say nothing about an expected commit: Argo CD may not have
//! looked since, may have compared another source, may have applied and then failed the tests, or may have been healthy
//! before it applied. [`judge`] says `Ready` only where all of this holds, and the first that does not is the answer:
//!
//! 1. the application is not being deleted, not frozen (`skip-reconcile`), and no refresh or hydration is under way;
//! 2. Argo CD compared with Git after our own request (`reconciledAt`, to the second, is after it, and not ahead of our
//!    clock); where the spec is refused or an error is not known for what it is, it never comes to that, and the condition is told;
//! 3. it has no condition that is an error, which may go by itself; that a sync failed (`SyncError`) counts after 6, where the operation
//!    says more;
//! 4. what it compared is what the spec asks for now: sources, destination, ignored differences, and the labels of its namespace; and
//!    it compared with Git, not with manifests from somebody's machine;
//! 5. each expected source is at the expected commit or version, which is one and no range, or at a descendant with the same tree at its
//!    path, which is the named one where a tree is ([`ExpectedSource::with_tree`]); and so is each folder beside it that the object
//!    names: of files with values, components, patches and libraries, and what it says it is made of. Where one of those has changed,
//!    nobody knows whether it is what is read. A source that others only refer to (`ref`) is meant where none has the folder; held at
//!    another branch or tag than the one that has it, it counts only where the folder is read of it. What else a folder builds on, such as a base of Kustomize outside of it, cannot be seen here, so that such
//!    a base is to lie in another repository, or to be an expected source of its own; a hydrated source is followed from the dry
//!    commit to the hydrated one, and to what a pull request has made of that, where it has the same tree;
//! 6. no operation is asked for, running or waiting for a retry, and the last did not fail at this state, which includes one that
//!    failed since our request before it knew a commit; where it failed with other settings or at an earlier commit, and not all is in
//!    sync, this one is yet to be tried, and so is what auto-sync takes up again: several sources of which no revision was known;
//! 7. the application is `Synced`, and so is each of its resources, and the last operation was no dry run, after which nobody
//!    knows when this was applied, and after which Argo CD syncs this revision by itself only where it heals (`selfHeal`);
//! 8. the comparison began after the last operation ended: `reconciledAt` is strictly later, since both are cut to seconds;
//! 9. there are resources that were compared, beside those that are left over, all are healthy, and were so through the settle time;
//! 10. the expected images run, and no other of the same repository beside them: by what pods really run, where that is known
//!     ([`judge_with_pods`]), else by the summary of the application, which says what it is to be, and can be late. A digest counts by
//!     whatever name it runs, and then no other of that name may run. It has failed where another one runs in its place, and is waited
//!     for where nothing of its repository is told;
//! 11. the expected hooks ran for this very state and these settings in a whole sync, and succeeded. A commit that changes nothing runs no
//!     hook: it is *not tested*, which is never *passed*. And no PostSync hook failed for whatever was applied last, whether or not hooks
//!     are expected: where nothing was applied since, that is what is live. Nor did something fail before our request of which nobody
//!     knows what it was;
//! 12. every Application that it manages has a verdict of its own ([`Expected::judged_apart`]). That a child is `Synced` says that
//!     its spec was applied, not what became of it, and by default Argo CD leaves its health out of its parent's. What an
//!     ApplicationSet makes is told nowhere in the object that manages it, so that one that manages such a set is never ready: the
//!     Applications that the set makes are judged instead, also where the set is only left over. The same goes for whatever else
//!     Applications came of, as far as it is told: by versions that write `isAppOfApps`, and where no Application is listed beside it.
//!
//! Fields are those of Argo CD 2.14 to 3.5 (`argoproj.io/v1alpha1`); fields that are not known are ignored, and what is not
//! readable is never ready. What the rule rests on was read in Argo CD's sources: that `reconciledAt` is taken before the
//! comparison begins, that `Running` with `finishedAt` waits for a retry, that a selective sync runs no hooks, and that
//! a failed PostSync hook leaves `Synced` and `Healthy`.
//!
//! ```
//! use pathops_adapters::argo_verdict::{Application, Expected, ExpectedSource, NoHistory, NotYet, Verdict, judge};
//! let commit = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb".parse()?;
//! let source = ExpectedSource::git("https://git.example/shop/orders-gitops", "envs/preflight", commit);
//! let expected = Expected::new(source, "2026-11-22T12:00:00Z".parse()?);
//! let application = Application::from_json(
//!     br#"{
//!         "metadata": {"resourceVersion": "7", "annotations": {"argocd.argoproj.io/refresh": "normal"}},
//!         "spec": {"destination": {"namespace": "shop"}}
//!     }"#,
//! )?;
//! let verdict = judge(&expected, &application, &NoHistory, "2026-11-22T12:01:00Z".parse()?);
//! assert_eq!(verdict, Verdict::NotYet(NotYet::Refreshing));
//! assert_eq!(application.resource_version(), Some("7"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod application;
mod beside;
mod children;
#[cfg(feature = "argocd")]
mod compact;
mod expected;
mod hydrator;
mod images;
mod judge;
mod operation;
mod revision;
mod same;
#[cfg(feature = "argocd")]
mod seen;
mod tested;
#[cfg(test)]
mod tests;
#[cfg(feature = "argocd")]
mod tree;
mod verdict;

pub use crate::live::{History, Image, ImageError, NoHistory};
pub use application::{Application, Unreadable};
pub use expected::{Expected, ExpectedHook, ExpectedSource};
pub use images::RunningImages;
pub use judge::{judge, judge_with_pods};
#[cfg(feature = "argocd")]
pub(crate) use seen::HookRun;
#[cfg(feature = "argocd")]
pub(crate) use tree::Tree;
pub use verdict::{Failed, NotYet, Stale, StaleAction, Untested, Verdict};
