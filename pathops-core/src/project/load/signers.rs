//! Whose names stand in stops of the line.

use std::collections::BTreeMap;

use super::sheet::of_kind;
use crate::adapter::SourceTree;
use crate::id::{PersonId, RepoPath};
use crate::project::check::Findings;
use crate::project::document::{Kind, StopSpec};

/// Who says in a stop of the line that they stopped it, or let it go on. Anybody can write any name there: hold it against who
/// wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopSigners {
    /// Who stopped it.
    pub by: Option<PersonId>,
    /// Who let it go on.
    pub lifted_by: Option<PersonId>,
}

/// The names in each stop of a meta repository, also in those that are lifted. What cannot be read says nothing here: [`load`]
/// finds it.
///
/// [`load`]: crate::project::load
#[must_use]
pub fn stop_signers(files: &SourceTree) -> BTreeMap<RepoPath, StopSigners> {
    let mut findings = Findings::default();
    let sheets = of_kind(files, Kind::Stop, &mut findings);
    let signers = sheets.iter().map(|sheet| {
        let spec = sheet.spec::<StopSpec>(&mut findings.of(sheet.file));
        let signers = spec.map(|spec| StopSigners {
            by: spec.by.and_then(|field| field.value.ok()),
            lifted_by: spec.lifted_by.and_then(|field| field.value.ok()),
        });
        (sheet.file.clone(), signers.unwrap_or_default())
    });
    signers.collect()
}
