//! The gate between what an agent made and the branch it is pushed to: deterministic, and the same for every agent (I10).

use pathops_core::RepoPath;
use pathops_core::adapter::FileChange;
use pathops_evidence::redact::Redactor;

/// What may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateLimits {
    /// Folders that may be changed; the root allows all but the protected paths.
    pub allowed: Vec<RepoPath>,
    /// How many files may change.
    pub max_files: usize,
    /// How many bytes the changed files may have together.
    pub max_bytes: usize,
}

impl GateLimits {
    /// 100 files and 4 MiB below these folders.
    #[must_use]
    pub fn within(allowed: Vec<RepoPath>) -> Self {
        Self { allowed, max_files: 100, max_bytes: 4 << 20 }
    }
}

/// Files that steer tools, agents or people: an agent does not change them.
const PROTECTED: &[&str] = &[
    ".github",
    ".gitlab-ci.yml",
    ".gitattributes",
    ".gitmodules",
    ".claude",
    ".cursor",
    ".mcp.json",
    "AGENTS.md",
    "CLAUDE.md",
    "CODEOWNERS",
];

/// Everything that speaks against publishing `changes`; nothing where they may pass.
#[must_use]
pub fn objections(changes: &[FileChange], limits: &GateLimits, redactor: &Redactor) -> Vec<String> {
    let bytes: usize = changes.iter().filter_map(|change| change.file.as_ref()).map(|file| file.bytes.len()).sum();
    let mut objections = Vec::new();
    if changes.is_empty() {
        objections.push("nothing was changed".to_owned());
    }
    if changes.len() > limits.max_files {
        objections.push(format!("{} files are changed, and {} is the limit", changes.len(), limits.max_files));
    }
    if bytes > limits.max_bytes {
        objections.push(format!("the changed files have {bytes} bytes, and {} is the limit", limits.max_bytes));
    }
    objections.extend(changes.iter().filter_map(|change| objection(change, limits, redactor)));
    objections
}

fn objection(change: &FileChange, limits: &GateLimits, redactor: &Redactor) -> Option<String> {
    let path = &change.path;
    // In any folder: tools look for these from where they work.
    let parts = format!("/{path}/");
    let protected = |name: &&&str| parts.contains(&format!("/{name}/"));
    if let Some(name) = PROTECTED.iter().find(protected) {
        return Some(format!("`{path}` is protected (`{name}`): a person has to change it"));
    }
    if !limits.allowed.iter().any(|folder| path.is_within(folder)) {
        let allowed: Vec<_> = limits.allowed.iter().map(RepoPath::as_str).collect();
        return Some(format!("`{path}` is outside of what the task may change ({})", allowed.join(", ")));
    }
    let file = change.file.as_ref()?;
    if let Some(form) = redactor.finds_token(&file.bytes) {
        return Some(format!("`{path}` holds a secret (form: {form})"));
    }
    hidden(&file.bytes).map(|name| format!("`{path}` holds {name}: what people see is not what tools read"))
}

/// Characters that make text look like something else (CVE-2021-42574), in files that are text.
fn hidden(bytes: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.chars().find_map(|c| match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some("a bidirectional control character"),
        '\u{e0000}'..='\u{e007f}' => Some("an invisible tag character"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use pathops_core::adapter::SourceFile;

    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: Option<&str>) {
        let file = SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
        let change = FileChange { path: RepoPath::parse(path).unwrap(), file: Some(file) };
        let limits = GateLimits {
            allowed: vec![RepoPath::parse("src").unwrap(), RepoPath::parse(".github").unwrap()],
            max_files: 1,
            max_bytes: 100,
        };
        let objections = objections(&[change], &limits, &Redactor::new([]).unwrap());
        match expected {
            None => assert_eq!(objections, Vec::<String>::new()),
            Some(word) => assert!(objections.len() == 1 && objections[0].contains(word), "{objections:?}"),
        }
    }

    #[test]
    fn only_what_the_task_may_change_passes() {
        check("src/main.rs", "let token: String = read_password();", None);
        check("srcs/main.rs", "", Some("outside"));
        check(".github/workflows/x.yml", "", Some("protected"));
        check("src/sub/CLAUDE.md", "", Some("protected"));
        check("src/key", "ghp_0123456789abcdefghij0123456789abcdef", Some("github-token"));
        check("src/main.rs", "a \u{202e} b", Some("bidirectional"));
        check("src/main.rs", &"x".repeat(101), Some("101 bytes"));
    }

    #[test]
    fn an_empty_change_does_not_pass() {
        assert_eq!(objections(&[], &GateLimits::within(vec![]), &Redactor::new([]).unwrap()), ["nothing was changed"]);
    }
}
