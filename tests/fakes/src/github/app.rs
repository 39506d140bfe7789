//! GitHub Apps: who they are, where they are installed, and their tokens.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use pathops_core::UnixMillis;
use serde_json::{Value, json};

use super::{Answered, Asked, Reply, State, Who, shapes};

/// The number of the App.
pub const ID: u64 = 4711;
const SLUG: &str = "pathops";
/// Its private key.
pub const KEY: &str = include_str!("app-key.pem");
const PUBLIC_KEY: &str = include_str!("app-key.pub.pem");
const INSTALLATION: u64 = 99;
const HOUR_MILLIS: i64 = 3_600_000;

/// Whether an App signed the call's token, and lately.
fn signed(asked: &Asked) -> Answered<()> {
    let key = DecodingKey::from_rsa_pem(PUBLIC_KEY.as_bytes()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.validate_exp = false; // The clock here is not the machine's.
    let refused = |why: &str| Reply::refused(401, format!("A JSON web token could not be decoded: {why}"));
    let token = jsonwebtoken::decode::<Value>(&asked.token, &key, &rules).map_err(|e| refused(&e.to_string()))?;
    let (claims, now) = (token.claims, asked.at.0 / 1000);
    let (from, until) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    let good =
        claims["iss"].as_str().and_then(|id| id.parse().ok()) == Some(ID) && from <= now && now < until && until - from <= 600;
    if good { Ok(()) } else { Err(refused("its claims are no good")) }
}

pub(super) fn itself(asked: &Asked) -> Answered {
    signed(asked)?;
    Ok(Reply::One(200, shapes::app(SLUG)))
}

pub(super) fn installation(state: &State, asked: &Asked, repo: &str) -> Answered {
    signed(asked)?;
    if !state.repos.contains_key(repo) {
        return Err(Reply::not_found());
    }
    Ok(Reply::One(
        200,
        json!({
            "id": INSTALLATION, "account": shapes::account("shop"), "repository_selection": "selected", "permissions": {}, "events": [],
            "access_tokens_url": "https://github.invalid", "repositories_url": "https://github.invalid",
            "html_url": "https://github.invalid", "app_id": ID, "target_id": 1, "target_type": "Organization", "app_slug": SLUG,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "single_file_name": null,
            "suspended_by": null, "suspended_at": null,
        }),
    ))
}

pub(super) fn token(state: &mut State, asked: &Asked) -> Answered {
    signed(asked)?;
    let only: Vec<String> = serde_json::from_value(asked.body["repositories"].clone()).unwrap();
    let token = format!("ghs_{}", state.number());
    state.tokens.insert(token.clone(), Who { login: format!("{SLUG}[bot]"), is_app: true, only: Some(only) });
    let ends = UnixMillis(asked.at.0 + HOUR_MILLIS).to_string();
    Ok(Reply::One(201, json!({ "token": token, "expires_at": ends, "repository_selection": "selected" })))
}
