//! A patch as libgit2 reads it right: every file with a Git header, its names quoted, its modes ordinary.
//!
//! libgit2 knows no unified diff without Git headers, loses a new file's name where it has spaces and is not quoted, takes
//! the slash from an absolute path, and gives modes that `git2` panics on.

use pathops_core::Result;

use super::check::{EXPECTED, refused};

const NO_FILE: &str = "/dev/null";

/// Rewrites the headers of `patch`; hunks stay as they are.
///
/// # Errors
/// `Invalid` for an absolute path and for a mode that is no ordinary file's.
pub(super) fn prepare(patch: &str) -> Result<String> {
    let mut text = String::with_capacity(patch.len());
    let mut lines = patch.split_inclusive('\n').peekable();
    let mut has_header = false;
    while let Some(line) = lines.next() {
        let bare = line.trim_end();
        if let Some(names) = bare.strip_prefix("diff --git ") {
            has_header = true;
            text.push_str(&git_header(names)?);
            continue;
        }
        let next = lines.peek().and_then(|line| line.strip_prefix("+++ "));
        if let (false, Some(old), Some(new)) = (has_header, bare.strip_prefix("--- "), next) {
            text.push_str(&plain_header(name(old), name(new))?);
            lines.next();
            continue;
        }
        check_mode(bare)?;
        text.push_str(line);
        if bare.starts_with("@@ ") {
            has_header = false;
            let mut left = hunk_lines(bare);
            while left != (0, 0) {
                let Some(line) = lines.next() else { break };
                left = count(left, line);
                text.push_str(line);
            }
        }
    }
    Ok(text)
}

/// `a/NAME b/NAME`, quoted. Two names that differ are told again below, by `rename from` and `rename to`.
fn git_header(names: &str) -> Result<String> {
    if names.starts_with('/') || names.contains("//") {
        return Err(absolute(names));
    }
    Ok(match same_name(names) {
        Some((a, b)) => format!("diff --git \"{a}\" \"{b}\"\n"),
        None => format!("diff --git {names}\n"),
    })
}

/// Splits in the middle: the only reading of one name twice, whatever spaces are in it.
fn same_name(names: &str) -> Option<(&str, &str)> {
    let (a, b) = names.split_at_checked(names.len() / 2)?;
    let b = b.strip_prefix(' ')?;
    let same = !names.contains('"') && a.split_once('/')?.1 == b.split_once('/')?.1;
    same.then_some((a, b))
}

/// The Git header for the two names of a file that has none.
fn plain_header(old: &str, new: &str) -> Result<String> {
    let (named, mode) = match (old, new) {
        (NO_FILE, new) => (new, "new file mode 100644\n"),
        (old, NO_FILE) => (old, "deleted file mode 100644\n"),
        (_, new) => (new, ""),
    };
    let path = match named.split_once('/') {
        Some(("", _)) => return Err(absolute(named)),
        Some((_, path)) if path.starts_with('/') => return Err(absolute(named)),
        Some((_, path)) if !named.contains('"') => path,
        _ => return Err(refused(format!("the path `{named}` does not begin with `a/` or `b/`")).advise(EXPECTED)),
    };
    let side = |name: &str, prefix: &str| if name == NO_FILE { NO_FILE.to_owned() } else { format!("\"{prefix}/{path}\"") };
    Ok(format!("diff --git \"a/{path}\" \"b/{path}\"\n{mode}--- {}\n+++ {}\n", side(old, "a"), side(new, "b")))
}

/// The name in a `---` or `+++` line, without the time that `diff` writes behind it.
fn name(rest: &str) -> &str {
    rest.split('\t').next().unwrap_or(rest).trim_end()
}

fn absolute(path: &str) -> pathops_core::Error {
    refused(format!("the path `{path}` is refused: it is absolute")).advise(EXPECTED)
}

/// Refuses every mode but those of plain and executable files; a symbolic link or submodule has a mode of its own.
fn check_mode(line: &str) -> Result<()> {
    let named =
        ["old mode ", "new mode ", "new file mode ", "deleted file mode "].iter().find_map(|prefix| line.strip_prefix(prefix));
    let indexed =
        || line.strip_prefix("index ").filter(|rest| rest.contains("..")).and_then(|rest| rest.split_whitespace().nth(1));
    match named.or_else(indexed) {
        None | Some("100644" | "100755") => Ok(()),
        Some(mode) => {
            let advice = "only plain and executable files can be changed by a patch, no symbolic links and no submodules";
            Err(refused(format!("the file mode `{mode}` is refused")).advise(advice))
        }
    }
}

/// How many old and new lines follow `@@ -1,2 +1,3 @@`; nothing where it is no such line, which libgit2 then says.
fn hunk_lines(header: &str) -> (u64, u64) {
    let count = |range: &str| range.split_once(',').map_or(Some(1), |(_, count)| count.parse().ok());
    let mut ranges = header.split(' ').skip(1).map(|range| range.strip_prefix(['-', '+']).and_then(count).unwrap_or(0));
    (ranges.next().unwrap_or(0), ranges.next().unwrap_or(0))
}

fn count((old, new): (u64, u64), line: &str) -> (u64, u64) {
    match line.as_bytes().first() {
        Some(b'-') => (old.saturating_sub(1), new),
        Some(b'+') => (old, new.saturating_sub(1)),
        Some(b'\\') => (old, new),
        _ => (old.saturating_sub(1), new.saturating_sub(1)),
    }
}
