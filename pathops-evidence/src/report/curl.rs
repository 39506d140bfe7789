//! One HTTP request, or several in lines: `curl --write-out '%{json}\n'`, curl 7.75 and later.
//!
//! It passed where curl succeeded, the answer was 2xx, and the certificate was verified. The name is the method and the
//! address, without what may be secret in it: user, password and query.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::{Content, Format, ProbeCheck};

pub(super) const SPEC: Spec = Spec { format: Format::Curl, look, parse: |input| Ok(Content::Checks(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let of_curl =
        |line: &serde_json::Value| ["url_effective", "exitcode", "response_code"].iter().all(|key| line.get(key).is_some());
    certain_if(!look.lines().is_empty() && look.lines().iter().all(of_curl))
}

#[derive(Deserialize)]
struct Transfer {
    exitcode: i64,
    response_code: u16,
    url_effective: String,
    #[serde(default, deserialize_with = "or_default")]
    method: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    ssl_verify_result: i64,
    time_total: f64,
    #[serde(default, deserialize_with = "or_default")]
    size_download: f64,
}

fn read(input: &Input<'_>) -> Result<Vec<ProbeCheck>, Fail> {
    let transfers = input.json_lines::<Transfer>()?;
    Ok(transfers.into_iter().map(|(_, transfer)| transfer.check()).collect())
}

impl Transfer {
    fn check(&self) -> ProbeCheck {
        let method = self.method.as_deref().unwrap_or("GET");
        ProbeCheck {
            name: format!("{method} {}", without_secrets(&self.url_effective)),
            passed: self.exitcode == 0 && (200..300).contains(&self.response_code) && self.ssl_verify_result == 0,
            values: BTreeMap::from([
                ("status".to_owned(), f64::from(self.response_code)),
                ("seconds".to_owned(), self.time_total),
                ("bytes".to_owned(), self.size_download),
            ]),
        }
    }
}

fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}
