//! What the host decides.

use std::path::PathBuf;

/// Where notices go, and how long they may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConfig {
    /// The file. It is made when the first notice comes; its folder has to be there.
    pub path: PathBuf,
    /// The longest text that readers of the file can take, in Unicode scalar values.
    pub text_max_chars: usize,
}
