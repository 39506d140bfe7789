use pathops_core::memory::ManualClock;
use pathops_core::{ErrorKind, UnixMillis};

use super::*;

#[test]
fn each_kind_of_server_has_its_api_where_github_says() {
    for (server, api) in [
        ("https://github.com", "https://api.github.com"),
        ("https://github.com/", "https://api.github.com"),
        ("https://shop.ghe.com", "https://api.shop.ghe.com"),
        ("https://github.example.com/", "https://github.example.com/api/v3"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v3"),
    ] {
        assert_eq!(GitHubConfig::token("t").at(server).addresses().unwrap().1, api);
    }
    for server in ["github.example.com", "ftp://github.example.com", ""] {
        assert_eq!(GitHubConfig::token("t").at(server).addresses().unwrap_err().kind(), ErrorKind::Invalid, "{server:?}");
    }
}

#[tokio::test]
async fn a_credential_in_an_address_is_refused_and_never_shown() {
    for server in ["https://robot:s3cret@github.example.com", "https://robot:s3/cret@github.example.com/", "s3cret@github.com"] {
        let config = GitHubConfig::token("t").at(server);
        let shown = format!("{config:?} {config:#?}");
        let error = GitHub::new(config, Arc::new(ManualClock::new(UnixMillis(0)))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let shown = format!("{shown} {error} {error:?}");
        assert!(!shown.contains("s3") && !shown.contains("cret@"), "{shown}");
    }
}

#[test]
fn the_repositories_of_a_project_share_the_budget_as_one() {
    let shop = |repo: &RepoId| repo.as_str().starts_with("shop/").then(|| "shop".parse().unwrap());
    let lane = |projects: &Projects, repo: &str| projects.lane(&repo.parse().unwrap());
    let projects = GitHubConfig::token("t").projects(shop).projects;
    assert_eq!(lane(&projects, "shop/web-src"), lane(&projects, "shop/orders-gitops"));
    assert_ne!(lane(&projects, "bank/web-src"), lane(&projects, "bank/orders-gitops"));
    assert_ne!(lane(&Projects::default(), "shop/web-src"), lane(&Projects::default(), "shop/orders-gitops"));
}
