//! GitHub, or GitHub Enterprise Server, as a Git host.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use pathops_adapters::github::{GitHub, GitHubConfig};
//! # use pathops_core::adapter::{Clock, Merge, Scm};
//! # fn host(clock: Arc<dyn Clock>, key: String) -> pathops_core::Result<Arc<dyn Scm>> {
//! let config = GitHubConfig::app(1234, key).at("https://github.example.com");
//! Ok(GitHub::new(config, clock)?.scm())
//! # }
//! ```
//!
//! The credential
//!
//! * A personal access token, or a GitHub App, which works by tokens of one repository each. What it does is `System`'s: give it
//!   an account of its own, for what its account does by hand is `System`'s too, and so no approval.
//! * It needs to write contents, pull requests, commit statuses and, as an App, checks; and to read administration, for what
//!   protects a branch. It must not be one that a rule lets pass: GitHub would let it write to a protected branch.
//! * It is sent to the one server, and over no redirect to another. No method shows it.
//!
//! What holds
//!
//! * **Nothing is cloned and nothing is tried again.** A commit's files, tree and commit are made one after the other; only the
//!   last call moves the branch, forward and never by force. Author and date are the request's, so the same request makes the
//!   same commit; GitHub signs no commit whose author it is told.
//! * **A lost answer of a write is an unknown effect,** and calling again with the same key settles it: a pull request carries
//!   its key in its description, a comment its marker, a status and a check run their key.
//! * **One budget.** All calls of a [`GitHub`] and its clones share its limit; the last quarter of each hour's calls is for the
//!   projects that used less than a quarter, and they take turns ([`GitHubConfig::projects`]). What was read before is read again with its entity tag, and equal reads at the
//!   same time are one call. [`GitHub::usage`] counts. Where nothing is left a call fails at once, with the time to wait.
//! * **What is named by a digest is asked for once,** and what was made here not at all: the ids that Git gives to trees and files are
//!   computed, and held against what GitHub answers. So a look that finds nothing new counts nothing, but for what has no entity tag: that
//!   a branch has no protection of the older kind.
//! * **A repository that was renamed** is still read by its old name, and not written to.
//!
//! What it costs
//!
//! What a change of one app asks about the repository of its desired state, once the app was promoted before by the same process, and
//! without what is answered with "not modified". A repository has a branch for each environment; nobody pushes, and the policy is the same
//! all the time. `tests/calls` counts it for a hundred apps of a project, and prints what is asked about sources and the project, too.
//!
//! | of an app, into preflight and into production | calls |
//! |---|---|
//! | pull requests: those that the branch has had, and each of the two when it has changed | 8 |
//! | branches, commits, trees and comparisons that are read | 8 |
//! | reviews, statuses, check runs and check suites, each time that there are new ones | 5 |
//! | branches, commits and trees that are made | 10 |
//! | pull requests opened, labelled, and merged into preflight; reviews asked for | 6 |
//! | statuses posted | 1 |
//! | the status comments: looked for, written, and edited each time that the headline changes | 12 |
//! | together, so 25 for each of the two | 50 |
//!
//! About half of that are writes, which GitHub's REST API takes one at a time: it has no call for a commit whose author and date are told,
//! and none for a branch, a commit and a pull request together.
//!
//! What GitHub cannot do: delete a branch only where it still points, or post a status only once. Two callers at the same
//! instant may do both; the driver has one. Nor can it move a branch only where it still points: it moves it forward from wherever it is.
//! So a commit is a `Conflict` where somebody else has moved the branch on, and overrules who puts it back to an older commit between
//! the look and the move, or in the ten seconds after this adapter has made or moved it, in which it does not look.
//!
//! In whose name a pull request was opened stands in a mark in its description. Whoever may write to the repository can edit it,
//! and approve then what was opened in their own name: on who the author is, such a person has to be believed.
//!
//! Drafts are made ready, and pull requests are put into a merge queue, by GitHub's GraphQL API; everything else goes by its REST
//! API. A label that a repository does not have yet is made by its first use.
//!
//! What waits in a merge queue is open. Merged by the queue, it is read as merged by who put it there. A queue asks the checks that
//! its branch requires of a commit of its own, which no approval was for, and no decision: PathOps posts no success of
//! `pathops/promotion` on it, so a production branch that requires that status has no queue, or nothing gets through it. A queue that a
//! ruleset asks for is seen beforehand ([`BranchProtection::merge_queue`](pathops_core::adapter::BranchProtection::merge_queue)); of one
//! that the older protection of a branch has, GitHub's REST API tells nobody before something is merged.
//!
//! A pull request from a fork is read like any other. It is not among those of a branch.

mod auth;
mod branches;
mod checks;
mod client;
mod commits;
mod contents;
mod errors;
mod graphql;
mod merge;
mod meta;
mod objects;
mod people;
mod protection;
mod pull_requests;
mod queue;
mod reviews;
mod scm;

use std::fmt;
use std::sync::Arc;

use pathops_core::adapter::{Clock, Merge, Scm};
use pathops_core::{Error, ErrorKind, ProjectId, RepoId, Result};

use crate::rest::projects::Projects;
use auth::{Auth, Credential, Secret};
use client::Client;

pub use crate::rest::Usage;

/// Which GitHub, and by which credential. `Debug` does not show it.
#[derive(Clone)]
pub struct GitHubConfig {
    credential: Credential,
    /// `None` where it had a credential in it, which is not kept.
    server: Option<String>,
    projects: Projects,
}

impl GitHubConfig {
    /// github.com, by a personal access token.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Self {
        Self::of(Credential::Token(Secret(token.into())))
    }

    /// github.com, by a GitHub App: its number, and its private key in PEM. It must be installed where the repositories are.
    #[must_use]
    pub fn app(id: u64, private_key: impl Into<String>) -> Self {
        Self::of(Credential::App { id, key: Secret(private_key.into()) })
    }

    fn of(credential: Credential) -> Self {
        Self { credential, server: Some("https://github.com".to_owned()), projects: Projects::default() }
    }

    /// Another server, by the address of its web pages, for example `https://github.example.com`. With `http://` the
    /// credential crosses the network for all to see. One in the address itself, which is where an `@` is, is refused: addresses
    /// are shown.
    #[must_use]
    pub fn at(self, server: impl Into<String>) -> Self {
        let server = Some(server.into()).filter(|server| !server.contains('@'));
        Self { server: server.map(|server| server.trim_end_matches('/').to_owned()), ..self }
    }

    /// Which project a repository is of: the repositories of a project share the budget as one. Without this, or where the
    /// answer is `None`, each shares it by itself.
    #[must_use]
    pub fn projects(self, project_of: impl Fn(&RepoId) -> Option<ProjectId> + Send + Sync + 'static) -> Self {
        Self { projects: Projects::new(project_of), ..self }
    }

    /// Where its web pages are, and where its API is.
    fn addresses(&self) -> Result<(&str, String)> {
        let invalid = || Error::new(ErrorKind::Invalid, "connect to GitHub");
        let Some(server) = &self.server else {
            let error = invalid().because("the address of the server has an `@`, so a credential is in it");
            return Err(error.advise("write it as `https://<host>`, and hand the credential in by itself"));
        };
        let Some((scheme, host)) = server.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme)) else {
            let error = invalid().on(server).because("it is no URL of a server");
            return Err(error.advise("write it as `https://<host>`"));
        };
        let api = match host {
            "github.com" => "https://api.github.com".to_owned(),
            host if host.ends_with(".ghe.com") => format!("{scheme}://api.{host}"),
            host => format!("{scheme}://{host}/api/v3"),
        };
        Ok((server, api))
    }
}

impl fmt::Debug for GitHubConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHubConfig").field("server", &self.server).finish_non_exhaustive()
    }
}

/// GitHub, by one credential. Cheap to clone; clones share budget, what was read and connections.
#[derive(Clone, Debug)]
pub struct GitHub {
    client: Arc<Client>,
}

impl GitHub {
    /// Nothing is asked yet. Call it within the Tokio runtime that its calls will run on.
    ///
    /// # Errors
    /// `Invalid` where the server is no URL or the credential can be none.
    pub fn new(config: GitHubConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        let auth = Auth::new(&config.credential, clock.clone())?;
        let (web, api) = config.addresses()?;
        Ok(Self { client: Arc::new(Client::new(&api, web.to_owned(), auth, config.projects, clock)?) })
    }

    /// As a Git host.
    #[must_use]
    pub fn scm(&self) -> Arc<dyn Scm> {
        Arc::new(scm::GitHubScm(self.client.clone()))
    }

    /// Merging.
    #[must_use]
    pub fn merger(&self) -> Arc<dyn Merge> {
        Arc::new(scm::GitHubMerge(self.client.clone()))
    }

    /// What was asked of the host so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.client.rest.usage()
    }
}

#[cfg(test)]
mod tests;
