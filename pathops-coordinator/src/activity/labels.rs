//! Labels: what the pull requests of one change set have in common on the Git host, in whatever repositories they are.

use pathops_core::adapter::PullRequestMeta;
use pathops_core::{ChangeSetId, Label};

use crate::activity::Services;

/// What every pull request of PathOps is labelled with.
const OURS: &str = "pathops";
/// The longest label that every host takes.
const LONGEST: usize = 50;

impl Services {
    /// What a pull request of this change set bears, as far as the host has that and this one wants it.
    pub(super) fn meta(&self, change_set: &ChangeSetId) -> PullRequestMeta {
        if !self.labels {
            return PullRequestMeta::default();
        }
        let labels = [OURS.to_owned(), of(change_set)].into_iter().filter_map(|label| Label::parse(label).ok()).collect();
        PullRequestMeta { labels, ..PullRequestMeta::default() }.offered(self.scm.capabilities())
    }
}

/// The label that names a change set: by the end of its id, which is its own, where the whole of it is too long.
fn of(change_set: &ChangeSetId) -> String {
    let (id, room) = (change_set.as_str(), LONGEST - OURS.len() - 1);
    let end = id.get(id.len().saturating_sub(room)..).unwrap_or(id);
    format!("{OURS}/{}", end.trim_start_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_set_has_a_label_of_its_own() {
        let long = format!("{}-7k2m9q4x1p", "very-long".repeat(5));
        for (id, label) in [
            ("show-the-date-7k2m9q4x1p", "pathops/show-the-date-7k2m9q4x1p"),
            (long.as_str(), "pathops/longvery-longvery-longvery-long-7k2m9q4x1p"),
            ("a-1", "pathops/a-1"),
        ] {
            let label_of = of(&id.parse().unwrap());
            assert_eq!(label_of, label);
            assert!(Label::parse(label_of).is_ok());
        }
    }
}
