//! A witness of the evidence log, asked over HTTP (C2SP `tlog-witness`, `add-checkpoint`).
//!
//! It posts what the ledger hands it to `<submission prefix>/add-checkpoint`, once, and brings back what the witness says, of which it
//! reads no more than an answer may have. Nothing of it is believed here: the ledger verifies each cosignature by the key of the witness
//! that it wanted to ask.
//!
//! ```no_run
//! use std::sync::Arc;
//! use pathops_adapters::witness::{Endpoint, HttpWitness};
//! use pathops_core::adapter::{Clock, WitnessClient};
//!
//! fn client(clock: Arc<dyn Clock>) -> pathops_core::Result<Arc<dyn WitnessClient>> {
//!     Ok(Arc::new(HttpWitness::new(Endpoint::new("https://witness.example/prefix"), clock)?))
//! }
//! ```
//!
//! Those clients, each beside the `Witness` that it asks, are what `Ledger::cosign` of `pathops-evidence` takes.

use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{Clock, MAX_WITNESS_ANSWER, WitnessAnswer, WitnessClient};
use pathops_core::{Effect, OpContext, Result};

use crate::query_api::{Ask, Client};

pub use crate::query_api::Endpoint;

/// Asks one witness. See the [module](self).
#[derive(Debug)]
pub struct HttpWitness {
    client: Client,
    /// The submission prefix, for people.
    on: String,
}

impl HttpWitness {
    /// The witness with this submission prefix.
    ///
    /// # Errors
    /// `Invalid` where the endpoint cannot be one.
    pub fn new(endpoint: Endpoint, clock: Arc<dyn Clock>) -> Result<Self> {
        let client = Client::new(endpoint, "ask a witness", clock)?;
        Ok(Self { on: client.base().to_owned(), client })
    }
}

#[async_trait]
impl WitnessClient for HttpWitness {
    async fn add_checkpoint(&self, cx: &OpContext, body: &str) -> Result<WitnessAnswer> {
        let body = Some(("text/plain; charset=utf-8", body.as_bytes().to_vec()));
        let (on, path) = (self.on.clone(), "add-checkpoint");
        let ask = Ask { operation: "ask a witness", on, path, parameters: &[], body, longest: MAX_WITNESS_ANSWER };
        // What was lost may be the answer.
        let exchanged = self.client.exchange(cx, &ask).await.map_err(|error| error.with_effect(Effect::Unknown));
        let (status, body) = exchanged?;
        Ok(WitnessAnswer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }
}
