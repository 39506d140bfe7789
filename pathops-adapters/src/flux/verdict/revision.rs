//! Which commit a revision is of.

use pathops_core::CommitId;

use super::expected::Expected;
use super::kustomization::Kustomization;
use super::source::Source;
use crate::live::{History, Stands, stands};

/// The commit of `main@sha1:<commit>`, of `main/<commit>`, or of `<commit>` alone.
fn commit(revision: &str) -> Option<CommitId> {
    let named = revision.rsplit_once('@').map_or(revision, |(_, named)| named);
    let commit = match named.split_once(':') {
        Some(("sha1", commit)) => Some(commit).filter(|commit| commit.len() == 40),
        Some(("sha256", commit)) => Some(commit).filter(|commit| commit.len() == 64),
        Some(_) => None,
        None => named.rsplit('/').next(),
    };
    CommitId::parse(commit?).ok()
}

impl Source {
    /// The revision of its artifact that may be of a commit.
    pub(super) fn revision(&self) -> &str {
        let artifact = &self.fields.status.artifact;
        if self.kind == "OCIRepository" { &artifact.metadata.origin } else { &artifact.revision }
    }

    /// The commit of its artifact.
    pub(super) fn commit(&self) -> Option<CommitId> {
        commit(self.revision())
    }
}

impl Kustomization {
    /// The revision that it applied last and that may be of a commit.
    pub(super) fn applied_revision(&self) -> &str {
        if self.spec.source_ref.kind == "OCIRepository" {
            &self.status.last_applied_origin_revision
        } else {
            &self.status.last_applied_revision
        }
    }

    /// The commit that it applied last.
    #[must_use]
    pub fn applied(&self) -> Option<CommitId> {
        commit(self.applied_revision())
    }

    /// The commit that it attempted last. Of an OCI artifact it is known only while the source still has it.
    pub(super) fn attempted(&self, source: &Source) -> Option<CommitId> {
        let attempted = self.status.last_attempted_revision.as_str();
        match source.kind.as_str() {
            "OCIRepository" if attempted == source.fields.status.artifact.revision => source.commit(),
            "OCIRepository" => None,
            _ => commit(attempted),
        }
    }
}

impl Expected {
    pub(super) fn stands(&self, found: &CommitId, history: &impl History) -> Stands {
        stands(history, (&self.repo_url, &self.path), found, &self.commit, None)
    }
}

#[cfg(test)]
mod tests {
    use super::commit;

    #[test]
    fn a_commit_is_told_from_everything_else() {
        let (short, long) = ("0123456789".repeat(4), "01234567".repeat(8));
        for (revision, expected) in [
            (format!("main@sha1:{short}"), Some(&short)),
            (format!("sha1:{short}"), Some(&short)),
            (format!("refs/heads/main@sha1:{short}"), Some(&short)),
            (format!("team/a@home@sha1:{short}"), Some(&short)),
            (format!("main@sha256:{long}"), Some(&long)),
            (format!("main/{short}"), Some(&short)),
            (format!("feature/x/{short}"), Some(&short)),
            (short.clone(), Some(&short)),
            (format!("main@sha1:{long}"), None),
            (format!("main@sha256:{short}"), None),
            (format!("main@md5:{short}"), None),
            (format!("main@sha1:{}", short.replace('0', "g")), None),
            ("main".to_owned(), None),
            ("@".to_owned(), None),
            (":".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(commit(&revision).map(|it| it.to_string()).as_ref(), expected, "{revision}");
        }
    }
}
