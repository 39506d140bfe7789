//! GitLab, as a Git host: one's own, or gitlab.com.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use pathops_adapters::gitlab::{GitLab, GitLabConfig};
//! # use pathops_core::adapter::{Clock, Scm};
//! # fn host(clock: Arc<dyn Clock>, token: String) -> pathops_core::Result<Arc<dyn Scm>> {
//! let config = GitLabConfig::at("https://gitlab.example.com", token);
//! Ok(GitLab::new(config, clock)?.scm())
//! # }
//! ```
//!
//! The credential
//!
//! * A project access token with the scope `api`, for one project; a group access token where there are several. GitLab makes an
//!   account for it, which is `System`: what is done in its name by hand is `System`'s too, and so no approval.
//! * Its role is Developer, the least that may push, comment and post statuses. Where external status checks are asked for it is
//!   Maintainer, the least that may read them. It must not be among those who may push to a protected branch.
//! * It is sent to the one server, and over no redirect to another. No method shows it.
//!
//! What holds
//!
//! * **Nothing is cloned and nothing is tried again.** A commit of many files is one call, made whole or not at all.
//! * **A commit is made on the head that was expected, but for an instant.** GitLab has no way to make one only there: between
//!   looking and making the branch may move. The commit then follows the other one, and the answer is a conflict that says so,
//!   with an unknown effect: nothing is lost, and no status and no approval is for a head that nobody looked at. GitLab dates
//!   and signs as it likes; the date that was asked for, and the digest of the request, are the last trailer of the message. By it
//!   a repeated request is known, once its files are compared.
//! * **A lost answer of a write is an unknown effect,** and calling again with the same key settles it: a merge request carries
//!   its key in its description, a note its marker, a status its key.
//! * **An approval is for the head that was shown when it was given,** by GitLab's own record of who approved when and of what
//!   was pushed when. One that comes within half a minute after a push ([`GitLabConfig::pages_settle_in`]) may be
//!   for what is there now or for what was before it: it is for no head, and has to be taken back and given again. Who approves a
//!   page that they opened before the push and never looked at again approves the push: GitLab does not keep what was on the page.
//!   An approval that GitLab does not count any more is dismissed.
//! * **Words are only words.** Where a line of a description or a note begins with a slash, a backslash is put before it, so that
//!   GitLab does not carry it out as this account; reading takes it away again. A title is never carried out. By how it
//!   begins GitLab knows a draft, which is all that makes it one: that is written and read here, takes seven characters of a title,
//!   and no other title may begin so.
//! * **A check is required by name** only where external status checks are (Ultimate) and the project merges nothing before they
//!   passed: a status of that name is told to them. "Pipelines must succeed" is read as no such requirement, for it asks for no
//!   status by name. What may not be read is an error, and never an absence.
//! * **One budget.** All calls of a [`GitLab`] and its clones share its limit; the last quarter of each window is for the projects
//!   that used less than a quarter, and they take turns ([`GitLabConfig::projects`]). What was read before is read again with its
//!   entity tag, which spares the answer and not the call; equal reads at the same time are one. [`GitLab::usage`] counts. Where
//!   nothing is left a call fails at once, with the time to wait.
//! * **A project that was renamed** is still read by its old name, and not written to.
//!
//! **GitLab cannot be told what to merge into**, only which head: whoever may edit a merge request can change its target branch
//! between the look at it and the merge. What was merged elsewhere is then an error with an unknown effect that says where. So the
//! account must not be among those who are allowed to merge into a branch of production: GitLab then refuses.
//!
//! What GitLab cannot do: delete a branch only where it still points, or post a status only once. Two callers at the same
//! instant may do both; the driver has one. It names no tree of a commit, so its root is listed for each; and nobody by the
//! address in a commit, so authors are known by the addresses that GitLab gives out, `<number>-<name>@users.noreply.<server>`, and
//! by no other. GitLab Free keeps one reviewer of several, and one
//! assignee, and no team can be asked for a review. A push rule that wants every author to be a member refuses the commits
//! of agents. What was pushed a moment ago may not be the head of its merge request yet.
//!
//! What is in a merge train is open, and merged by who put it there. A train that moves its branch forward without a merge commit is
//! the one that cannot be followed: GitLab does not say which commit it made, and so it is an error.
//!
//! Who owns files is read from the file that GitLab reads, in every edition: only the paid ones go by it themselves. There is no telling a
//! group from a person by its name alone, so a group that owns files is read as a person; one in a group is named as the file does.
//!
//! A merge request from a fork is read like any other, and is not among those of a branch. A project in a subgroup has no
//! [`RepoId`]: that is `owner/name`.
//!
//! In whose name a merge request was opened stands in a mark in its description. Whoever may write to the project can edit it, and
//! approve then what was opened in their own name: on who the author is, such a person has to be believed.

mod branches;
mod checks;
mod client;
mod commits;
mod contents;
mod draft;
mod errors;
mod merge;
mod pages;
mod people;
mod protection;
mod pull_requests;
mod reviews;
mod scm;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use pathops_core::adapter::{Clock, Merge, Scm};
use pathops_core::{Error, ErrorKind, ProjectId, RepoId, Result};

use crate::rest::projects::Projects;
use client::Client;

pub use crate::rest::Usage;

/// Which GitLab, and by which credential. `Debug` does not show it.
#[derive(Clone)]
pub struct GitLabConfig {
    token: String,
    /// `None` where it may have had a credential in it, which is not kept.
    server: Option<String>,
    projects: Projects,
    settled: Duration,
}

/// How long a push takes to be on every open page.
const PAGES_SETTLE: Duration = Duration::from_secs(30);

impl GitLabConfig {
    /// The server with this address of its web pages, for example `https://gitlab.example.com`, as its `external_url` says; and a
    /// token for it. With `http://` the token crosses the network for all to see. An address with an `@`, a `?` or a `#`, where a
    /// credential may be, is refused and not kept: addresses are shown.
    #[must_use]
    pub fn at(server: impl Into<String>, token: impl Into<String>) -> Self {
        let server = Some(server.into()).filter(|server| !server.contains(['@', '?', '#']));
        let server = server.map(|server| server.trim_end_matches('/').to_owned());
        Self { token: token.into(), server, projects: Projects::default(), settled: PAGES_SETTLE }
    }

    /// Which project a repository is of: the repositories of a project share the budget as one. Without this, or where the
    /// answer is `None`, each shares it by itself.
    #[must_use]
    pub fn projects(self, project_of: impl Fn(&RepoId) -> Option<ProjectId> + Send + Sync + 'static) -> Self {
        Self { projects: Projects::new(project_of), ..self }
    }

    /// After so long every open page of a merge request shows what was pushed to it; half a minute without this. An approval that
    /// comes sooner is for no head. With less time, one that was given on a page from before the push may count for the push.
    #[must_use]
    pub fn pages_settle_in(self, settled: Duration) -> Self {
        Self { settled, ..self }
    }

    /// Where its web pages are.
    fn address(&self) -> Result<&str> {
        let invalid = || Error::new(ErrorKind::Invalid, "connect to GitLab").advise("write it as `https://<host>`");
        let Some(server) = &self.server else {
            let error = invalid().because("the address of the server has an `@`, a `?` or a `#`, so a credential may be in it");
            return Err(error.advise("write it as `https://<host>`, and hand the credential in by itself"));
        };
        match server.split_once("://") {
            Some(("http" | "https", host)) if !host.is_empty() => Ok(server),
            _ => Err(invalid().on(server).because("it is no URL of a server")),
        }
    }

    fn header(&self) -> Result<HeaderValue> {
        let invalid = |why: &str| Error::new(ErrorKind::Invalid, "use a credential of GitLab").because(why);
        if self.token.trim().is_empty() {
            return Err(invalid("the token is empty"));
        }
        let header = HeaderValue::from_str(self.token.trim());
        let mut header = header.map_err(|_| invalid("the token holds what no header can hold"))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl fmt::Debug for GitLabConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitLabConfig").field("server", &self.server).finish_non_exhaustive()
    }
}

/// GitLab, by one credential. Cheap to clone; clones share budget, what was read and connections.
#[derive(Clone, Debug)]
pub struct GitLab {
    client: Arc<Client>,
}

impl GitLab {
    /// Nothing is asked yet. Call it within the Tokio runtime that its calls will run on.
    ///
    /// # Errors
    /// `Invalid` where the server is no URL or the credential can be none.
    pub fn new(config: GitLabConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        Ok(Self { client: Arc::new(Client::new(config, clock)?) })
    }

    /// As a Git host.
    #[must_use]
    pub fn scm(&self) -> Arc<dyn Scm> {
        Arc::new(scm::GitLabScm(self.client.clone()))
    }

    /// Merging.
    #[must_use]
    pub fn merger(&self) -> Arc<dyn Merge> {
        Arc::new(scm::GitLabMerge(self.client.clone()))
    }

    /// What was asked of the host so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.client.rest.usage()
    }
}

#[cfg(test)]
mod tests;
