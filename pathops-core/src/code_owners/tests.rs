use super::*;

fn of(form: CodeOwnersForm, text: &str, path: &str) -> Vec<String> {
    let owners = CodeOwners::parse(form, text);
    owners.of(&path.parse().unwrap()).into_iter().map(str::to_owned).collect()
}

fn is_of(form: CodeOwnersForm, pattern: &str, path: &str) -> bool {
    !of(form, &format!("{pattern} @alice"), path).is_empty()
}

#[test]
fn a_pattern_is_about_what_the_host_says() {
    use CodeOwnersForm::{GitHub, GitLab};
    let cases: &[(&str, &str, bool, bool)] = &[
        ("*", "a/b.txt", true, true),
        ("*.js", "a/b.js", true, true),
        ("*.js", "a/b.jsx", false, false),
        ("/*", "b.txt", true, true),
        ("/*", "a/b.txt", false, false),
        ("/docs/", "docs/a/b.md", true, true),
        ("/docs/", "docs", false, false),
        ("/docs/", "src/docs/a.md", false, false),
        ("docs/", "src/docs/a.md", true, true),
        ("docs/*", "docs/a.md", true, true),
        ("docs/*", "docs/a/b.md", false, false),
        // Here they differ: GitHub ties a folder to the root, GitLab a name to one file.
        ("docs/*", "src/docs/a.md", false, true),
        ("src/main.rs", "a/src/main.rs", false, true),
        ("/docs", "docs/a.md", true, false),
        ("apps", "src/apps/a.rs", true, false),
        ("**/logs", "a/b/logs", true, true),
        ("**/logs/", "a/b/logs/x", true, true),
        ("/a/**/c.txt", "a/c.txt", true, true),
        ("/a/**/c.txt", "a/b/b/c.txt", true, true),
        ("/a/**/c.txt", "b/c.txt", false, false),
        ("/build/log?.txt", "build/log1.txt", true, true),
        ("/build/log?.txt", "build/log12.txt", false, false),
        ("/with\\ space.txt", "with space.txt", true, true),
        ("/A.txt", "a.txt", false, false),
    ];
    for (pattern, path, on_github, on_gitlab) in cases {
        assert_eq!(is_of(GitHub, pattern, path), *on_github, "GitHub: {pattern} of {path}");
        assert_eq!(is_of(GitLab, pattern, path), *on_gitlab, "GitLab: {pattern} of {path}");
    }
}

#[test]
fn the_last_one_counts_and_may_name_nobody() {
    let text =
        "# Everybody's\n* @alice @shop/platform # and more @mallory\n/src/ bob@example.com\n/src/free.txt\n!/src/ @mallory\n";
    let cases: &[(&str, &[&str])] =
        &[("a.txt", &["@alice", "@shop/platform"]), ("src/a.rs", &["bob@example.com"]), ("src/free.txt", &[])];
    for (path, owners) in cases {
        assert_eq!(of(CodeOwnersForm::GitHub, text, path), *owners, "{path}");
    }
    assert!(of(CodeOwnersForm::GitHub, "", "a.txt").is_empty());
}

#[test]
fn each_section_of_gitlab_has_a_say() {
    let text = "\
* @alice
[Database][2] @dba
/db/
/db/seed.sql @seeds
!/db/generated/
^[docs]
*.md @writers
[DATABASE]
/db/last.sql @last
";
    let cases: &[(&str, &[&str])] = &[
        ("a.txt", &["@alice"]),
        ("db/schema.sql", &["@alice", "@dba"]),
        ("db/seed.sql", &["@alice", "@seeds"]),
        ("db/generated/a.md", &["@alice", "@writers"]),
        ("db/last.sql", &["@alice", "@last"]),
    ];
    for (path, owners) in cases {
        assert_eq!(of(CodeOwnersForm::GitLab, text, path), *owners, "{path}");
    }
    assert_eq!(of(CodeOwnersForm::GitHub, text, "README.md"), ["@writers"], "GitHub has no sections");
}

#[test]
fn many_folders_take_no_time() {
    let pattern = format!("{}z", "**/*/".repeat(40));
    let path = ["a"; 60].join("/");
    assert!(!is_of(CodeOwnersForm::GitHub, &pattern, &path));
    assert!(!is_of(CodeOwnersForm::GitHub, &format!("{}z", "*a".repeat(100)), &"a".repeat(200)));
}
