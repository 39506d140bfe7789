//! Names and modes as they stand in a patch.

use pathops_core::{RepoPath, Result};

use super::parse::{EXPECTED, refused};

/// The file in a `---` or `+++` line, behind its prefix; `None` for `/dev/null`.
pub(super) fn prefixed(rest: &str) -> Result<Option<RepoPath>> {
    let name =
        if rest.starts_with('"') { quoted(rest)?.0 } else { rest.split('\t').next().unwrap_or(rest).trim_end().to_owned() };
    if name == "/dev/null" {
        return Ok(None);
    }
    match name.split_once('/') {
        Some((prefix, path)) if !prefix.is_empty() => inside(path).map(Some),
        Some(_) => Err(refused(format!("the path `{name}` is refused: it is absolute"))),
        None => Err(refused(format!("the path `{name}` does not begin with `a/` or `b/`")).advise(EXPECTED)),
    }
}

/// The file in a `rename from` or `rename to` line.
pub(super) fn plain(rest: &str) -> Result<RepoPath> {
    if rest.starts_with('"') { inside(&quoted(rest)?.0) } else { inside(rest) }
}

/// The file in a `diff --git` line; `None` where the line names two, or cannot be told apart.
pub(super) fn of_header(names: &str) -> Result<Option<RepoPath>> {
    let (a, b) = if names.starts_with('"') {
        let (a, rest) = quoted(names)?;
        (a, if rest.trim_start().starts_with('"') { quoted(rest.trim_start())?.0 } else { rest.trim_start().to_owned() })
    } else {
        // Names with spaces are not quoted. One name twice has its middle at the space.
        let Some((a, b)) = names.split_at_checked(names.len() / 2) else { return Ok(None) };
        (a.to_owned(), b.strip_prefix(' ').unwrap_or_default().to_owned())
    };
    match (a.split_once('/'), b.split_once('/')) {
        (Some((_, a)), Some((_, b))) if a == b => inside(a).map(Some),
        _ => Ok(None),
    }
}

/// Whether a file of this mode is executable.
pub(super) fn executable(mode: &str) -> Result<bool> {
    match mode {
        "100644" => Ok(false),
        "100755" => Ok(true),
        _ => {
            let advice = "only plain and executable files can be changed by a patch, no symbolic links and no submodules";
            Err(refused(format!("the file mode `{mode}` is refused")).advise(advice))
        }
    }
}

fn inside(path: &str) -> Result<RepoPath> {
    match RepoPath::parse(path) {
        Ok(root) if root == RepoPath::root() => Err(refused("a path is empty").advise(EXPECTED)),
        Ok(path) => Ok(path),
        Err(error) => Err(refused(format!("the path `{path}` is refused: {}", error.rule()))),
    }
}

/// Reads a name in quotes, as Git writes one with unusual characters, and what follows it.
fn quoted(text: &str) -> Result<(String, &str)> {
    let wrong = || refused(format!("the name {text} is not quoted as Git does it")).advise(EXPECTED);
    let mut bytes = Vec::new();
    let mut rest = text.strip_prefix('"').ok_or_else(wrong)?.bytes().enumerate();
    while let Some((at, byte)) = rest.next() {
        match byte {
            b'"' => {
                let name = String::from_utf8(bytes).map_err(|_| wrong())?;
                return Ok((name, text.get(at + 2..).unwrap_or_default()));
            }
            b'\\' => bytes.push(escape(&mut rest).ok_or_else(wrong)?),
            byte => bytes.push(byte),
        }
    }
    Err(wrong())
}

fn escape(rest: &mut impl Iterator<Item = (usize, u8)>) -> Option<u8> {
    let mut next = || rest.next().map(|(_, byte)| byte);
    Some(match next()? {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        byte @ (b'"' | b'\\') => byte,
        first => {
            let digits = [first, next()?, next()?];
            u8::from_str_radix(str::from_utf8(&digits).ok()?, 8).ok()?
        }
    })
}
