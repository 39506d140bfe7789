use pathops_core::memory::ManualClock;
use pathops_core::{ErrorKind, UnixMillis};

use super::*;

fn connect(server: &str, token: &str) -> Result<GitLab> {
    GitLab::new(GitLabConfig::at(server, token), Arc::new(ManualClock::new(UnixMillis(0))))
}

#[tokio::test]
async fn a_server_is_named_by_the_address_of_its_pages() {
    for server in ["https://gitlab.com", "https://gitlab.example.com/", "http://127.0.0.1:8080", "https://example.com/gitlab"] {
        assert!(connect(server, "glpat-1").is_ok(), "{server}");
    }
    for server in ["gitlab.example.com", "ftp://gitlab.example.com", "", "https://", "https://example.com?x", "https://a b"] {
        assert_eq!(connect(server, "glpat-1").unwrap_err().kind(), ErrorKind::Invalid, "{server:?}");
    }
    for token in ["", " ", "glpat\n1"] {
        assert_eq!(connect("https://gitlab.com", token).unwrap_err().kind(), ErrorKind::Invalid, "{token:?}");
    }
}

#[tokio::test]
async fn a_credential_is_never_shown() {
    for server in [
        "https://robot:s3cret@gitlab.example.com",
        "https://robot:s3/cret@gitlab.example.com/",
        "s3cret@gitlab.com",
        "https://gitlab.example.com?private_token=s3cret",
        "https://gitlab.example.com/#s3cret",
    ] {
        let config = GitLabConfig::at(server, "t");
        let shown = format!("{config:?} {config:#?}");
        let error = connect(server, "t").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let shown = format!("{shown} {error} {error:?}");
        assert!(!shown.contains("s3") && !shown.contains("cret"), "{shown}");
    }
    let gitlab = connect("https://gitlab.com", "glpat-s3cret").unwrap();
    let bad = connect("https://gitlab.com", "glpat-s3cret\u{7f}").unwrap_err();
    let shown =
        format!("{gitlab:?} {:?} {:?} {bad} {bad:?}", gitlab.scm(), GitLabConfig::at("https://gitlab.com", "glpat-s3cret"));
    assert!(!shown.contains("s3cret"), "{shown}");
}
