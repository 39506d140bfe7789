//! Logs from Loki. Read only.
//!
//! The host says which labels tell a unit's streams in an environment ([`Builder::label`]). They are asked for by
//! `GET /loki/api/v1/query_range`, from the newest line backwards, until there are as many bytes as are wanted or the window begins.
//! Where it has more than that, the beginning is asked for, too, and `GET /loki/api/v1/query` how many bytes there are in all.
//!
//! What it guarantees:
//!
//! * **Nothing is put into a selector but strings.** Names of labels are checked when the adapter is built; values go in quoted and escaped.
//!   An empty one is refused: to Loki that is a label that is not there.
//! * **The first and the last lines, in the order of time.** Those of all streams are put in one order. A page that ends in the middle
//!   of an instant is read again from there; where more lines than a page holds have one and the same instant, some may be left out,
//!   and the text is cut there.
//! * **A bounded answer.** An answer has 16 MiB at most: where lines are so long that a page has more, fewer are asked for. What is kept is
//!   no more than what was asked for, and one page.
//! * **What is left out is counted.** Where the server does not count it, as where so much is over its limits, it is told that there is
//!   more.
//! * **Half an answer is an error.** So are warnings of the server. A secret is never shown.
//!
//! ```
//! use std::sync::Arc;
//! use pathops_adapters::loki::{Endpoint, Loki, Value};
//! use pathops_core::adapter::{Clock, RuntimeSignals};
//!
//! fn logs(clock: Arc<dyn Clock>, password: String) -> Result<Loki, Box<dyn std::error::Error>> {
//!     let loki = Loki::builder(Endpoint::new("https://loki.example").basic("pathops", password).tenant("shop"), clock)
//!         .label("namespace", Value::Namespace)
//!         .label("app", Value::Unit)
//!         .build()?;
//!     assert_eq!(loki.name(), "loki");
//!     assert!(loki.capabilities().logs && !loki.capabilities().metrics);
//!     Ok(loki)
//! }
//! # let clock: Arc<dyn Clock> = Arc::new(pathops_core::memory::ManualClock::new(pathops_core::UnixMillis(0)));
//! # logs(clock, "password".to_owned()).unwrap();
//! ```

mod ends;
mod page;
mod selector;
mod walk;

use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{Clock, Collected, LogExcerpt, RuntimeSignals, SignalCapabilities, SignalQuery};
use pathops_core::evidence::AbsenceKind;
use pathops_core::{Error, ErrorKind, OpContext, Result};

use self::ends::Asked;
use crate::query_api::Client;

pub use self::selector::Value;
pub use crate::query_api::Endpoint;

/// The adapter's name.
const NAME: &str = "loki";

/// A Loki. See the [module](self).
#[derive(Debug)]
pub struct Loki {
    client: Client,
    labels: Vec<(String, Value)>,
}

/// Says which logs are whose, and where they are.
#[derive(Debug)]
pub struct Builder {
    endpoint: Endpoint,
    clock: Arc<dyn Clock>,
    labels: Vec<(String, Value)>,
}

impl Builder {
    /// The streams of a unit in an environment have this label with this value, beside the others that are named.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: Value) -> Self {
        self.labels.push((name.into(), value));
        self
    }

    /// The adapter. It asks nothing yet.
    ///
    /// # Errors
    /// `Invalid` where the endpoint cannot be one, where a label has a name that none can have or is there twice, or where none has the
    /// unit as its value: the logs of all units would be taken for those of each.
    pub fn build(self) -> Result<Loki> {
        const OPERATION: &str = "set up Loki";
        let invalid = |on: &str, why: &str| Err(Error::new(ErrorKind::Invalid, OPERATION).on(on).because(why));
        for (number, (name, value)) in self.labels.iter().enumerate() {
            if !selector::is_label(name) {
                return invalid(name, "a label has letters, digits and `_`, and begins with no digit");
            }
            if self.labels.iter().take(number).any(|(other, _)| other == name) {
                return invalid(name, "this label is there twice");
            }
            if matches!(value, Value::Fixed(value) if value.is_empty()) {
                return invalid(name, "its value is empty, which is a label that is not there");
            }
        }
        if !self.labels.iter().any(|(_, value)| value.tells_units_apart()) {
            return invalid("its labels", "none has the unit as its value, so that they tell no unit from another");
        }
        Ok(Loki { client: Client::new(self.endpoint, OPERATION, self.clock)?, labels: self.labels })
    }
}

impl Loki {
    /// Begins to set one up.
    #[must_use]
    pub fn builder(endpoint: Endpoint, clock: Arc<dyn Clock>) -> Builder {
        Builder { endpoint, clock, labels: Vec::new() }
    }
}

#[async_trait]
impl RuntimeSignals for Loki {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> SignalCapabilities {
        let mut capabilities = SignalCapabilities::default();
        capabilities.logs = true;
        capabilities
    }

    async fn logs(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<LogExcerpt>> {
        let selector = selector::of(&self.labels, query).map_err(|label| {
            let why = format!("`{}` has no value for it in {}", query.unit, query.target.environment);
            Error::new(ErrorKind::Invalid, "query logs")
                .on(label)
                .because(why)
                .advise("name its cluster and namespace in the project")
        })?;
        let now = self.client.clock().now();
        let logs = Asked { client: &self.client, cx, selector: &selector, now }.logs(query).await?;
        let absent =
            || Collected::absent(AbsenceKind::NothingThere, format!("Loki has no line of {selector} since {}", query.since));
        Ok(logs.map_or_else(absent, Collected::Present))
    }
}
