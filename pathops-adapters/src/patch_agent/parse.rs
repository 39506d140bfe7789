//! Reads a unified diff, with Git's headers or without.
//!
//! The parsers at hand are made for patches that Git itself has written; libgit2 crashes on some others. This one takes any
//! text, and refuses what it does not wholly understand within a file's changes.

use std::iter::Peekable;

use pathops_core::{Error, ErrorKind, RepoPath, Result};

use super::{RUN, name};

pub(super) const EXPECTED: &str = "expected is a unified diff, as `git diff` or `git format-patch` writes it";

/// What a patch does to one file.
#[derive(Debug, Default)]
pub(super) struct FilePatch {
    /// The file it starts from; `None` for a new one.
    pub(super) from: Option<RepoPath>,
    /// The file it leads to; `None` for a deleted one.
    pub(super) to: Option<RepoPath>,
    /// Whether the file becomes executable; `None` leaves it as it is.
    pub(super) executable: Option<bool>,
    /// Changed places, from the top.
    pub(super) hunks: Vec<Hunk>,
}

/// One changed place.
#[derive(Debug)]
pub(super) struct Hunk {
    /// The number of lines of the old file before it.
    pub(super) skip: usize,
    /// Its header, to name it by.
    pub(super) header: String,
    /// Its lines, with their line ends.
    pub(super) lines: Vec<Line>,
}

/// A line of a hunk.
#[derive(Debug)]
pub(super) struct Line {
    /// Whether it is in the old file.
    pub(super) old: bool,
    /// Whether it is in the new file.
    pub(super) new: bool,
    /// Its text, with the line end if it has one.
    pub(super) text: String,
}

/// The patch cannot be done as it is.
pub(super) fn refused(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, RUN).because(reason)
}

/// Reads all files of a patch. What stands before, between and behind them is text for people.
pub(super) fn parse(patch: &str) -> Result<Vec<FilePatch>> {
    let mut files: Vec<FilePatch> = Vec::new();
    let mut lines = patch.split_inclusive('\n').peekable();
    // Whether the last file is still in its Git header, where its names may come.
    let mut in_header = false;
    while let Some(line) = lines.next() {
        let bare = line.trim_end_matches(['\n', '\r']);
        if let Some(names) = bare.strip_prefix("diff --git ") {
            let both = name::of_header(names)?;
            files.push(FilePatch { from: both.clone(), to: both, ..FilePatch::default() });
            in_header = true;
        } else if let (Some(old), Some(new)) =
            (bare.strip_prefix("--- "), lines.peek().and_then(|next| next.strip_prefix("+++ ")))
        {
            let (old, new) = (name::prefixed(old)?, name::prefixed(new.trim_end_matches(['\n', '\r']))?);
            lines.next();
            if !in_header {
                files.push(FilePatch::default());
            }
            files.last_mut().map_or(Ok(()), |file| confirm(file, old, new))?;
            in_header = false;
        } else if let Some(ranges) = bare.strip_prefix("@@ -") {
            let file = files
                .last_mut()
                .filter(|_| !in_header)
                .ok_or_else(|| refused(format!("`{bare}` stands before the file's name")).advise(EXPECTED))?;
            let header = bare.find(" @@").and_then(|end| bare.get(..end + 3)).unwrap_or(bare);
            file.hunks.push(hunk(header, ranges, &mut lines)?);
        } else if let Some(file) = files.last_mut().filter(|_| in_header) {
            header(file, bare, lines.peek().copied().unwrap_or_default())?;
        }
    }
    Ok(files)
}

/// Takes the names in `---` and `+++` lines. A Git header above them may have said more: a renaming, a new file.
fn confirm(file: &mut FilePatch, old: Option<RepoPath>, new: Option<RepoPath>) -> Result<()> {
    let contradicts = |known: &Option<RepoPath>, name: &Option<RepoPath>| known.is_some() && name.is_some() && known != name;
    let renames = old.is_some() && new.is_some() && old != new;
    let one_side = file.from.is_none() != file.to.is_none();
    if contradicts(&file.from, &old)
        || contradicts(&file.to, &new)
        || renames && file.from != old
        || one_side && old.is_some() != file.from.is_some()
        || one_side && new.is_some() != file.to.is_some()
    {
        return Err(refused("the headers of a file do not agree on its name").advise(EXPECTED));
    }
    (file.from, file.to) = (old, new);
    Ok(())
}

/// One line of a Git header below `diff --git`, and the one after it.
fn header(file: &mut FilePatch, line: &str, next: &str) -> Result<()> {
    if let Some(mode) = line.strip_prefix("new file mode ") {
        file.executable = Some(name::executable(mode)?);
        file.from = None;
    } else if let Some(mode) = line.strip_prefix("deleted file mode ") {
        name::executable(mode)?;
        file.to = None;
    } else if let Some(mode) = line.strip_prefix("old mode ") {
        name::executable(mode)?;
    } else if let Some(mode) = line.strip_prefix("new mode ") {
        file.executable = Some(name::executable(mode)?);
    } else if let Some(from) = line.strip_prefix("rename from ") {
        let to = next.strip_prefix("rename to ").ok_or_else(|| refused(format!("`{line}` has no end")).advise(EXPECTED))?;
        file.from = Some(name::plain(from)?);
        file.to = Some(name::plain(to.trim_end_matches(['\n', '\r']))?);
    } else if line.starts_with("rename to ") && file.from == file.to {
        return Err(refused(format!("`{line}` has no beginning")).advise(EXPECTED));
    } else if let Some(mode) = line.strip_prefix("index ").and_then(|rest| rest.split(' ').nth(1)) {
        name::executable(mode)?;
    } else if line.starts_with("copy ") || line == "GIT binary patch" || line.starts_with("Binary files ") {
        return Err(refused(format!("`{line}`: copies and binary files are refused"))
            .advise("write text, or let a person make this change"));
    }
    Ok(())
}

/// Reads the lines that follow `@@ -1,2 +1,3 @@`, exactly as many as it says.
fn hunk<'p>(header: &str, ranges: &str, lines: &mut Peekable<impl Iterator<Item = &'p str>>) -> Result<Hunk> {
    let wrong = |what: &str| refused(format!("the hunk `{header}` {what}")).advise(EXPECTED);
    let (old, new) =
        ranges.split_once(" @@").and_then(|(ranges, _)| ranges.split_once(" +")).ok_or_else(|| wrong("has no such header"))?;
    let ((start, mut old), (_, mut new)) = range(old).zip(range(new)).ok_or_else(|| wrong("has no such header"))?;
    let mut hunk =
        Hunk { skip: if old == 0 { start } else { start.saturating_sub(1) }, header: header.to_owned(), lines: Vec::new() };
    while old > 0 || new > 0 || lines.peek().is_some_and(|line| line.starts_with('\\')) {
        let line = lines.next().ok_or_else(|| wrong("is cut short"))?;
        let (in_old, in_new) = match line.as_bytes().first() {
            Some(b' ' | b'\n') => (true, true),
            Some(b'-') => (true, false),
            Some(b'+') => (false, true),
            Some(b'\\') => {
                let last = hunk.lines.last_mut().ok_or_else(|| wrong("begins with the end of a line"))?;
                last.text.truncate(last.text.trim_end_matches('\n').len());
                continue;
            }
            _ => return Err(wrong("is cut short")),
        };
        let count = |left: usize, counts| {
            left.checked_sub(usize::from(counts)).ok_or_else(|| wrong("has other lines than its header says"))
        };
        (old, new) = (count(old, in_old)?, count(new, in_new)?);
        let text = if line == "\n" { line } else { line.get(1..).unwrap_or_default() };
        hunk.lines.push(Line { old: in_old, new: in_new, text: text.to_owned() });
    }
    // `-- ` ends a mail that `git format-patch` wrote, and `--- ` begins the next file.
    let more = lines
        .peek()
        .is_some_and(|line| line.starts_with([' ', '+', '-']) && !line.starts_with("-- ") && !line.starts_with("--- "));
    if more { Err(wrong("has more lines than its header says")) } else { Ok(hunk) }
}

/// Reads `12,3` or `12`.
fn range(text: &str) -> Option<(usize, usize)> {
    let (start, count) = text.split_once(',').unwrap_or((text, "1"));
    Some((start.parse().ok()?, count.parse().ok()?))
}
