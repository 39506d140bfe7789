//! Why a change is not made.

/// Why a change is not made. Nothing has been changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The wish cannot be read.
    #[error("`{text}` is no change: {why}; write `path.to.key=VALUE`, `image:REPOSITORY=VERSION` or `replicas[:NAME]=COUNT`")]
    Change {
        /// What was asked for.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file is no YAML.
    #[error("line {line}: this is no YAML: {why}")]
    NoYaml {
        /// Where, from 1.
        line: usize,
        /// What the parser says.
        why: String,
    },
    /// There is no such place.
    #[error("`{wanted}` is not there{hint}")]
    NotFound {
        /// What was asked for.
        wanted: String,
        /// What may be meant.
        hint: String,
    },
    /// There are several such places, and it is not clear which is meant.
    #[error("`{wanted}` is ambiguous: it can be {places}; name the one by its path")]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// The places, with their lines.
        places: String,
    },
    /// The place is there, and cannot be changed alone.
    #[error("line {line}: `{wanted}` cannot be changed: {why}")]
    Refused {
        /// What was asked for.
        wanted: String,
        /// Where, from 1.
        line: usize,
        /// Why not.
        why: String,
    },
    /// As above, in a file.
    #[error("`{file}`: {error}")]
    InFile {
        /// Its name.
        file: String,
        /// What is wrong.
        error: Box<EditError>,
    },
}

impl EditError {
    pub(super) fn in_file(self, file: &str) -> Self {
        Self::InFile { file: file.to_owned(), error: Box::new(self) }
    }

    pub(super) fn refused(wanted: impl ToString, line: usize, why: impl Into<String>) -> Self {
        Self::Refused { wanted: wanted.to_string(), line, why: why.into() }
    }
}
