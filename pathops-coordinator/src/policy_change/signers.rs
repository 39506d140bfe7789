//! Whether those whose names stand in stops of the line wrote them there.

use std::collections::BTreeMap;

use pathops_core::adapter::{Commit, SourceFile, SourceTree};
use pathops_core::project::{Identities, StopSigners, stop_signers};
use pathops_core::{CommitId, OpContext, PersonId, Principal, RepoPath, Result};

use super::Looked;
use crate::activity::facts::MAX_COMMITS;
use crate::control_plane::ControlPlane;

/// A field of a stop that names a person.
type Field = fn(&StopSigners) -> Option<&PersonId>;

/// A name in a stop, which a change brings.
struct Signed<'s> {
    path: &'s RepoPath,
    field: &'static str,
    of: Field,
    person: &'s PersonId,
}

impl ControlPlane {
    /// The names that a change brings into stops, and that somebody else wrote there: each is to be the author of the commit that
    /// wrote it, by the host's word.
    pub(super) async fn false_signers(
        &self,
        cx: &OpContext,
        looked: &Looked<'_>,
        before: &Identities,
        before_files: &SourceTree,
        files: &SourceTree,
    ) -> Result<Vec<String>> {
        let (was, is) = (stop_signers(before_files), stop_signers(files));
        let new = brought(&was, &is);
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let meta = self.meta_repo();
        // A squash is by whoever merged it: who wrote what is in the commits that were proposed.
        let head = looked.pull_request.map_or(&looked.head, |it| &it.head);
        let commits = self.services().scm.log(cx, meta, Some(&looked.before), head, MAX_COMMITS).await?;
        let mut wrong = Vec::new();
        for signed in new {
            let Signed { path, field, person, .. } = signed;
            let mut writers = Vec::new();
            for commit in &commits {
                if self.writes(cx, commit, &signed).await? {
                    writers.push(commit);
                }
            }
            if writers.is_empty() {
                wrong.push(format!("{path}: `{field}` names `{person}`, and no commit of the change writes it; write it anew"));
            }
            for commit in writers.iter().filter(|commit| author(commit, before).as_ref() != Some(person)) {
                let who = author(commit, before)
                    .map_or_else(|| "somebody whom the host does not know".to_owned(), |it| format!("`{it}`"));
                wrong.push(format!(
                    "{path}: `{field}` names `{person}`, and the commit {} that writes it is by {who}; let `{person}` write it",
                    commit.id
                ));
            }
        }
        Ok(wrong)
    }

    /// Whether a commit writes the name: it has it, and none of its parents does.
    async fn writes(&self, cx: &OpContext, commit: &Commit, signed: &Signed<'_>) -> Result<bool> {
        if !self.has(cx, &commit.id, signed).await? {
            return Ok(false);
        }
        for parent in &commit.parents {
            if self.has(cx, parent, signed).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn has(&self, cx: &OpContext, commit: &CommitId, signed: &Signed<'_>) -> Result<bool> {
        let Some(bytes) = self.services().scm.read_file(cx, self.meta_repo(), commit, signed.path).await? else {
            return Ok(false);
        };
        let file = SourceTree::from([(signed.path.clone(), SourceFile { bytes, executable: false })]);
        Ok(stop_signers(&file).values().any(|signers| (signed.of)(signers) == Some(signed.person)))
    }
}

fn brought<'s>(was: &BTreeMap<RepoPath, StopSigners>, is: &'s BTreeMap<RepoPath, StopSigners>) -> Vec<Signed<'s>> {
    let fields: [(&'static str, Field); 2] =
        [("by", |signers| signers.by.as_ref()), ("liftedBy", |signers| signers.lifted_by.as_ref())];
    let all = is.iter().flat_map(|(path, signers)| fields.map(|(field, of)| (path, field, of, of(signers))));
    all.filter_map(|(path, field, of, person)| {
        let person = person.filter(|person| was.get(path).and_then(of) != Some(*person))?;
        Some(Signed { path, field, of, person })
    })
    .collect()
}

/// The person who wrote a commit, by the name that the project has for them; not those whom it names beside.
pub(crate) fn author(commit: &Commit, identities: &Identities) -> Option<PersonId> {
    let author = commit.authors.first()?;
    match author.principal.clone().map(|principal| identities.principal(principal)) {
        Some(Principal::Human(person)) => Some(person),
        Some(Principal::Agent { .. } | Principal::System) => None,
        None => identities.by_address(&author.name).cloned(),
    }
}
