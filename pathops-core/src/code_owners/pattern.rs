//! What a line is about.

use super::CodeOwnersForm;
use crate::id::RepoPath;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    /// What lies below something that it is about is of it too.
    below: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Any number of folders.
    Folders,
    /// A name, in which `*` stands for anything and `?` for one character.
    Name(Vec<char>),
}

impl Pattern {
    /// `None` where it is about nothing.
    pub(super) fn parse(form: CodeOwnersForm, text: &str) -> Option<Self> {
        let whole = text.trim_start_matches('/');
        let from_root = match form {
            // A pattern with a folder in it is about that one folder.
            CodeOwnersForm::GitHub => text.starts_with('/') || whole.trim_end_matches('/').contains('/'),
            CodeOwnersForm::GitLab => text.starts_with('/'),
        };
        let (names, is_folder) = match whole.strip_suffix('/') {
            Some(names) => (names.trim_end_matches('/'), true),
            None => (whole, text.ends_with('/')),
        };
        let mut parts = if from_root { Vec::new() } else { vec![Part::Folders] };
        for name in names.split('/').filter(|name| !name.is_empty()) {
            match name {
                "**" => parts.push(Part::Folders),
                name => parts.push(Part::Name(name.chars().collect())),
            }
        }
        let ends_in_a_name = matches!(parts.last(), Some(Part::Name(name)) if *name != ['*']);
        if is_folder {
            parts.push(Part::Folders);
        }
        if matches!(parts.last()?, Part::Folders) {
            parts.push(Part::Name(vec!['*']));
        }
        let below = form == CodeOwnersForm::GitHub && ends_in_a_name && !is_folder;
        Some(Self { parts, below })
    }

    /// Whether a file is of it.
    pub(super) fn is_of(&self, path: &RepoPath) -> bool {
        let names: Vec<Vec<char>> = path.as_str().split('/').map(|name| name.chars().collect()).collect();
        // Up to which of the names the parts so far may reach.
        let mut reached = vec![false; names.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        for part in &self.parts {
            reached = match part {
                Part::Folders => reached
                    .iter()
                    .scan(false, |before, reached| {
                        *before |= *reached;
                        Some(*before)
                    })
                    .collect(),
                Part::Name(glob) => {
                    let steps = reached.iter().zip(&names).map(|(reached, name)| *reached && fits(glob, name));
                    std::iter::once(false).chain(steps).collect()
                }
            };
        }
        reached.last() == Some(&true) || self.below && reached.contains(&true)
    }
}

/// Whether a name is of a pattern. Where it cannot go on, the last `*` takes one character more.
fn fits(glob: &[char], name: &[char]) -> bool {
    let (mut at, mut place, mut star) = (0, 0, None);
    while let Some(c) = name.get(place) {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some('?') => (at, place) = (at + 1, place + 1),
            Some('\\') if glob.get(at + 1) == Some(c) => (at, place) = (at + 2, place + 1),
            Some(own) if own == c => (at, place) = (at + 1, place + 1),
            _ => match star {
                Some((from, taken)) => {
                    star = Some((from, taken + 1));
                    (at, place) = (from + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(at).all(|c| *c == '*')
}
