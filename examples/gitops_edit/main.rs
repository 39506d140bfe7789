//! Changes a desired state by one value and no other byte, and shows the difference.
//!
//! `cargo run --example gitops_edit -- FILE SET...`; more files with their changes may follow. A `SET` is `path.to.key=VALUE`,
//! `image:REPOSITORY=VERSION` or `replicas[:NAME]=COUNT`. Nothing is written without `--write`, and then all files or none of
//! them where a change is refused.
//!
//! Exit codes: 0 the difference is shown (none, where all is so already), 1 a change is refused: its place is not there,
//! ambiguous, or cannot be changed alone; 2 the input cannot be used.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use pathops_adapters::gitops_edit::{Change, EditError, edit_files};
use similar::TextDiff;

const REFUSED: u8 = 1;
const UNUSABLE: u8 = 2;

/// Changes values of a desired state in YAML, and no other byte. Prints the difference.
#[derive(Debug, Parser)]
struct Arguments {
    /// Write the files, once all changes can be made.
    #[arg(long)]
    write: bool,
    /// A file, and what to change in it: `path.to.key=VALUE`, `image:REPOSITORY=VERSION`, `replicas[:NAME]=COUNT`. More files
    /// with their changes may follow, where their names hold no `=`.
    #[arg(required = true, num_args = 2.., value_name = "FILE SET")]
    words: Vec<String>,
}

/// A file with what is to be changed in it.
struct Wanted {
    name: String,
    text: String,
    changes: Vec<Change>,
}

struct Failure {
    code: u8,
    why: String,
}

impl Failure {
    fn unusable(why: impl std::fmt::Display) -> Self {
        Self { code: UNUSABLE, why: why.to_string() }
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let unusable = match &error {
            EditError::InFile { error, .. } => matches!(**error, EditError::NoYaml { .. }),
            error => matches!(error, EditError::Change { .. }),
        };
        Self { code: if unusable { UNUSABLE } else { REFUSED }, why: error.to_string() }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "error: {}", failure.why);
            ExitCode::from(failure.code)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let wanted = wanted(&arguments.words)?;
    let edited = edit_files(wanted.iter().map(|it| (it.name.as_str(), it.text.as_str(), it.changes.as_slice())))?;
    for Wanted { name, text, .. } in &wanted {
        let Some(new) = edited.get(name) else { continue };
        let diff = TextDiff::from_lines(text.as_str(), new.as_str());
        let shown = write!(io::stdout().lock(), "{}", diff.unified_diff().header(name, name));
        shown.map_err(|error| Failure::unusable(format_args!("the difference cannot be written: {error}")))?;
    }
    if arguments.write {
        for (name, text) in &edited {
            replace(Path::new(name), text).map_err(|error| Failure::unusable(format_args!("`{name}`: {error}")))?;
        }
    }
    Ok(())
}

/// A word that is a change belongs to the file before it.
fn wanted(words: &[String]) -> Result<Vec<Wanted>, Failure> {
    let mut files: Vec<Wanted> = Vec::new();
    for word in words {
        match files.last_mut() {
            Some(file) if word.contains('=') => file.changes.push(word.parse()?),
            _ => {
                let text = std::fs::read(word).map_err(|error| Failure::unusable(format_args!("`{word}`: {error}")))?;
                let text = String::from_utf8(text).map_err(|_| Failure::unusable(format_args!("`{word}` is no UTF-8")))?;
                files.push(Wanted { name: word.clone(), text, changes: Vec::new() });
            }
        }
    }
    let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find_map(|pair| (pair.first() == pair.last()).then(|| pair.first())).flatten() {
        return Err(Failure::unusable(format_args!("`{twice}` is named twice: give all its changes behind it")));
    }
    match files.iter().find(|file| file.changes.is_empty()) {
        Some(file) => Err(Failure::unusable(format_args!("nothing is to be changed in `{}`", file.name))),
        None => Ok(files),
    }
}

/// Puts a file in its place whole.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(std::fs::metadata(file)?.permissions())?;
    new.as_file().sync_all()?;
    new.persist(file).map(|_| ()).map_err(|error| error.error)
}
