//! Metrics from Prometheus, or what speaks its HTTP API: Mimir, Thanos, `VictoriaMetrics`. Read only.
//!
//! The host names what is measured, in `PromQL` with places for the unit, the environment, its namespace and its cluster
//! ([`Builder::query`]). Each is asked by `GET /api/v1/query_range` over the whole window.
//!
//! What it guarantees:
//!
//! * **Nothing is put into a query but names.** A place such as `$namespace` stands for a whole string of `PromQL`, in quotes; within
//!   one it is refused when the adapter is built. A namespace or cluster that is more than a name is refused before anything is asked.
//! * **A gap is told.** The instants of the window are fixed, and one at which there is no number has a sample that is not a number: so
//!   does a query without any series, at both ends of the window. No value is taken to be newer than two times the interval of
//!   scraping ([`Builder::scraped_every`]), on servers that know `lookback_delta`. NaN and infinities are no measurement.
//! * **A bounded answer.** At most 121 instants a series, 50 series a query and 2,000 samples in all. Where there are more series, a
//!   sample that is not a number says how many are left out; where there are more samples, each series is cut into equal parts of time,
//!   and of each part its least, its greatest and its first gap are kept, as they were measured.
//! * **Half an answer is an error.** So are `status: error`, and warnings of the server, by which it says that something is missing.
//!   A secret is never shown.
//!
//! ```
//! use std::sync::Arc;
//! use pathops_adapters::prometheus::{Endpoint, Prometheus};
//! use pathops_core::adapter::{Clock, RuntimeSignals};
//!
//! fn metrics(clock: Arc<dyn Clock>, token: String) -> Result<Prometheus, Box<dyn std::error::Error>> {
//!     let errors = r#"sum(rate(http_requests_total{namespace=$namespace, app=$unit, code=~"5.."}[2m]))"#;
//!     let prometheus = Prometheus::builder(Endpoint::new("https://prometheus.example").bearer(token), clock)
//!         .query("errors_per_second", errors)
//!         .query("memory_bytes", "container_memory_working_set_bytes{namespace=$namespace, container=$unit}")
//!         .build()?;
//!     assert_eq!(prometheus.name(), "prometheus");
//!     assert!(prometheus.capabilities().metrics && !prometheus.capabilities().logs);
//!     Ok(prometheus)
//! }
//! # let clock: Arc<dyn Clock> = Arc::new(pathops_core::memory::ManualClock::new(pathops_core::UnixMillis(0)));
//! # metrics(clock, "token".to_owned()).unwrap();
//! ```

mod range;
mod series;
mod template;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use pathops_core::adapter::{Clock, Collected, RuntimeSignals, Sample, SignalCapabilities, SignalQuery};
use pathops_core::evidence::AbsenceKind;
use pathops_core::{Error, ErrorKind, OpContext, Result};

use self::range::Range;
use self::series::{Matrix, Series};
use self::template::Template;
use crate::query_api::{Ask, Client, answer};

pub use crate::query_api::Endpoint;

/// The adapter's name.
const NAME: &str = "prometheus";

/// An answer may be so long, in bytes.
const LONGEST: usize = 32 << 20;

/// How many queries are on their way at once.
const AT_ONCE: usize = 4;

/// So many queries a host may name.
const QUERIES: usize = 50;

/// Prometheus' own default.
const SCRAPED_EVERY: Duration = Duration::from_secs(60);

/// A Prometheus. See the [module](self).
#[derive(Debug)]
pub struct Prometheus {
    client: Client,
    queries: Vec<Query>,
    every: Duration,
}

/// A question and its name.
#[derive(Debug)]
struct Query {
    name: String,
    template: Template,
}

/// Says what is measured, and where that is known.
#[derive(Debug)]
pub struct Builder {
    endpoint: Endpoint,
    clock: Arc<dyn Clock>,
    queries: Vec<(String, String)>,
    every: Duration,
}

impl Builder {
    /// What this asks is measured, under a name with its unit: `errors_per_second`. In the query `$unit`, `$environment`, `$namespace`
    /// and `$cluster` stand for strings, quotes and all: `app=$unit`.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, promql: impl Into<String>) -> Self {
        self.queries.push((name.into(), promql.into()));
        self
    }

    /// How often targets are scraped, where that is not once a minute. No more instants than that are asked for.
    #[must_use]
    pub fn scraped_every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// The adapter. It asks nothing yet.
    ///
    /// # Errors
    /// `Invalid` where the endpoint or a query cannot be one, a name is not one word or is there twice, or there are none or more than 50
    /// queries.
    pub fn build(self) -> Result<Prometheus> {
        const OPERATION: &str = "set up Prometheus";
        let invalid = |on: &str, why: &str| Error::new(ErrorKind::Invalid, OPERATION).on(on).because(why);
        let mut queries: Vec<Query> = Vec::new();
        for (name, promql) in self.queries {
            let is_word = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && (1..=100).contains(&name.len());
            if !is_word || queries.iter().any(|query| query.name == name) {
                return Err(invalid(&name, "the name of a query is one word of letters, digits and `_`, and its alone"));
            }
            let template = Template::parse(&promql).map_err(|why| invalid(&name, &why))?;
            queries.push(Query { name, template });
        }
        if queries.is_empty() || queries.len() > QUERIES {
            return Err(invalid("its queries", &format!("there are {}, which is none or more than {QUERIES}", queries.len())));
        }
        let client = Client::new(self.endpoint, OPERATION, self.clock)?;
        Ok(Prometheus { client, queries, every: self.every.max(Duration::from_secs(1)) })
    }
}

impl Prometheus {
    /// Begins to set one up.
    #[must_use]
    pub fn builder(endpoint: Endpoint, clock: Arc<dyn Clock>) -> Builder {
        Builder { endpoint, clock, queries: Vec::new(), every: SCRAPED_EVERY }
    }

    /// What a query finds in the window.
    async fn ask(&self, cx: &OpContext, query: &Query, about: &SignalQuery, range: &Range) -> Result<Vec<Series>> {
        let operation = "query metrics";
        let invalid = |why| Error::new(ErrorKind::Invalid, operation).on(&query.name).because(why);
        let promql = query.template.about(&about.unit, &about.target).map_err(invalid)?;
        let mut parameters = vec![("query", promql)];
        parameters.extend(range.parameters());
        let (on, path) = (format!("{} of {} in {}", query.name, about.unit, about.target.environment), "api/v1/query_range");
        let ask = Ask { operation, on, path, parameters: &parameters, body: None, longest: LONGEST };
        let too_long = || ask.error(ErrorKind::Unexpected).because(format!("the answer is longer than {LONGEST} bytes"));
        let bytes = self.client.ask(cx, &ask).await?.ok_or_else(too_long)?;
        let matrix: Matrix = answer(&ask, &bytes)?;
        Ok(matrix.series(&query.name, range))
    }
}

#[async_trait]
impl RuntimeSignals for Prometheus {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> SignalCapabilities {
        let mut capabilities = SignalCapabilities::default();
        capabilities.metrics = true;
        capabilities
    }

    async fn metrics(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<Sample>>> {
        let range = Range::new(query.since, self.client.clock().now(), self.every);
        let asked: Vec<_> = self.queries.iter().map(|it| self.ask(cx, it, query, &range)).collect();
        let series: Vec<Series> = stream::iter(asked).buffered(AT_ONCE).try_concat().await?;
        if series.iter().all(Series::is_empty) {
            let names: Vec<&str> = self.queries.iter().map(|query| query.name.as_str()).collect();
            let (unit, environment) = (&query.unit, &query.target.environment);
            let why =
                format!("Prometheus has no number of {unit} in {environment} since {} for {}", query.since, names.join(", "));
            return Ok(Collected::absent(AbsenceKind::NothingThere, why));
        }
        Ok(Collected::Present(series::samples(series)))
    }
}
