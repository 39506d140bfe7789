//! Who owns which files of a repository, as its `CODEOWNERS` file says.
//!
//! GitHub and GitLab read the same file, each in its own way: where it lies, what a pattern is about, and that GitLab's has
//! sections of which each has a say. Both read past what they do not understand, and so does this.

use std::collections::BTreeSet;

use crate::id::RepoPath;

mod pattern;

use pattern::Pattern;

/// Whose way of reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeOwnersForm {
    /// GitHub's: the last pattern that a file is of counts.
    GitHub,
    /// GitLab's: the last one of each section.
    GitLab,
}

impl CodeOwnersForm {
    /// Where the file may lie, the place first that counts before the others.
    #[must_use]
    pub fn places(self) -> [&'static str; 3] {
        match self {
            Self::GitHub => [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"],
            Self::GitLab => ["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"],
        }
    }
}

/// A `CODEOWNERS` file.
///
/// ```
/// use pathops_core::{CodeOwners, CodeOwnersForm};
///
/// let owners = CodeOwners::parse(CodeOwnersForm::GitHub, "* @alice\n/src/ @bob @shop/platform\n");
/// let path = "src/main.rs".parse()?;
/// assert_eq!(owners.of(&path).into_iter().collect::<Vec<_>>(), ["@bob", "@shop/platform"]);
/// # Ok::<(), pathops_core::IdError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeOwners {
    sections: Vec<Section>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Section {
    /// In lower case: that does not tell sections apart.
    name: String,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    /// Nobody's: what it is about is without owners.
    owners: Vec<String>,
    /// Whatever else is said of it in its section.
    excludes: bool,
}

impl CodeOwners {
    /// What the file says. A line that is no rule is left out, as the host leaves it out.
    #[must_use]
    pub fn parse(form: CodeOwnersForm, text: &str) -> Self {
        let (mut sections, mut now, mut by_default) = (vec![Section::default()], 0, Vec::new());
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let (CodeOwnersForm::GitLab, Some((name, owners))) = (form, header(line)) {
                by_default = owners;
                now = sections.iter().position(|section| section.name == name).unwrap_or_else(|| {
                    sections.push(Section { name, rules: Vec::new() });
                    sections.len() - 1
                });
                continue;
            }
            if let (Some(section), Some(rule)) = (sections.get_mut(now), rule(form, line, &by_default)) {
                section.rules.push(rule);
            }
        }
        Self { sections }
    }

    /// Who owns a file, as they stand there: `@name`, `@group/team` or an address. Nobody where nobody is named.
    #[must_use]
    pub fn of(&self, path: &RepoPath) -> BTreeSet<&str> {
        self.sections.iter().flat_map(|section| section.of(path)).map(String::as_str).collect()
    }
}

impl Section {
    fn of(&self, path: &RepoPath) -> &[String] {
        let matching: Vec<&Rule> = self.rules.iter().filter(|rule| rule.pattern.is_of(path)).collect();
        match matching.last() {
            Some(last) if !matching.iter().any(|rule| rule.excludes) => &last.owners,
            _ => &[],
        }
    }
}

/// The beginning of a section of GitLab's, with who owns what names nobody in it: `^[Name][2] @alice`.
fn header(line: &str) -> Option<(String, Vec<String>)> {
    let (name, rest) = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?.split_once(']')?;
    let rest = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((count, rest)) if count.parse::<u32>().is_ok() => rest,
        _ => rest,
    };
    Some((name.trim().to_lowercase(), owners(rest.split_whitespace())))
}

fn rule(form: CodeOwnersForm, line: &str, by_default: &[String]) -> Option<Rule> {
    let (pattern, rest) = split(line);
    let (pattern, excludes) = match (form, pattern.strip_prefix('!')) {
        (CodeOwnersForm::GitLab, Some(rest)) => (rest, true),
        (_, Some(_)) => return None,
        (_, None) => (pattern, false),
    };
    let named = owners(rest.split_whitespace());
    let owners = if named.is_empty() { by_default.to_vec() } else { named };
    Some(Rule { pattern: Pattern::parse(form, pattern)?, owners, excludes })
}

/// A pattern, in which a backslash keeps a space, and what follows it.
fn split(line: &str) -> (&str, &str) {
    let mut kept = false;
    let end = line.find(|c: char| {
        let ends = c.is_whitespace() && !kept;
        kept = c == '\\' && !kept;
        ends
    });
    line.split_at(end.unwrap_or(line.len()))
}

/// Up to where a comment begins.
fn owners<'w>(words: impl Iterator<Item = &'w str>) -> Vec<String> {
    words.take_while(|word| !word.starts_with('#')).filter(|word| word.contains('@')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
