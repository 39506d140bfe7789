//! Changes one value of a desired state in YAML and leaves every other byte as it is.
//!
//! What is changed: a value at a path, the version of an image, a number of replicas ([`Change`]); in plain manifests, in
//! Helm values and in kustomizations. [`edit`] finds the one place, or refuses and names the places where there are several:
//! a change that could mean two things is not made. Comments, order, quotes, line ends and everything else stay, since only the
//! bytes of the value are put in.
//!
//! It guarantees that the result, read again, says what it said before but for the named values; where it could not say so, it
//! refuses. In particular it does not touch a value that an alias repeats elsewhere, a block of text, or a file that is no
//! YAML, for example a template of Helm.
//!
//! A new value keeps the type that was there: what was text stays text, in quotes where it would read as a number, a
//! truth value or a date, in YAML 1.1 too (`no`, `1_000`, `12e5`); a number stays one where the new value is one that every reader
//! writes the same way (`1.10` is none).
//!
//! ```
//! use pathops_adapters::gitops_edit::{Change, edit};
//! let values = "# shop\nimage:\n  repository: registry.example/orders\n  tag: 1.2.2  # by PathOps\nreplicaCount: 2\n";
//! let changes = ["image:registry.example/orders=1.2.3".parse()?, "replicas=3".parse::<Change>()?];
//! let edited = edit(values, &changes)?;
//! assert_eq!(edited, values.replace("1.2.2", "1.2.3").replace("replicaCount: 2", "replicaCount: 3"));
//! # Ok::<(), pathops_adapters::gitops_edit::EditError>(())
//! ```

mod change;
mod error;
mod find;
mod image;
mod path;
mod places;
mod replicas;
mod scalar;
mod splice;
#[cfg(test)]
mod tests;
mod tree;
mod verify;

use std::collections::BTreeMap;

pub use change::{Change, ImageVersion};
pub use error::EditError;
pub use path::Path;

use splice::Splice;

/// Makes all `changes` to one file, or none.
///
/// # Errors
/// [`EditError`] where the text is no YAML, a place is not there, is several, or cannot be changed alone.
pub fn edit(text: &str, changes: &[Change]) -> Result<String, EditError> {
    let documents = tree::parse(text)?;
    let mut splices: Vec<Splice> = Vec::new();
    for change in changes {
        splices.extend(places::of(change, &documents, text)?);
    }
    splice::sort(&mut splices)?;
    let edited = splice::apply(text, &splices);
    verify::only_these_changed(&documents, &edited, &splices)?;
    Ok(edited)
}

/// Makes changes to several files, or to none: the files that differ, by name.
///
/// # Errors
/// As [`edit`], with the name of the file.
pub fn edit_files<'f>(
    files: impl IntoIterator<Item = (&'f str, &'f str, &'f [Change])>,
) -> Result<BTreeMap<String, String>, EditError> {
    let mut edited = BTreeMap::new();
    for (name, text, changes) in files {
        let new = edit(text, changes).map_err(|error| error.in_file(name))?;
        if new != text {
            edited.insert(name.to_owned(), new);
        }
    }
    Ok(edited)
}
