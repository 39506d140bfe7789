use pathops_core::ErrorKind;

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
        assert_eq!(GitHubConfig::token("t").at(server).api().unwrap(), api);
    }
    for server in ["github.example.com", "ftp://github.example.com", ""] {
        assert_eq!(GitHubConfig::token("t").at(server).api().unwrap_err().kind(), ErrorKind::Invalid, "{server:?}");
    }
}
