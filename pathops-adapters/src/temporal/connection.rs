//! The connection to the server.

use std::str::FromStr as _;
use std::time::Duration;

use pathops_core::{ErrorKind, Result};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, PayloadLimitsOptions, Url};

use crate::temporal::TemporalConfig;
use crate::temporal::error::Call;

/// How long it may take until the server answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// From how many bytes on a memo is worth a warning.
const LARGE: u64 = 1024 * 1024;

pub(super) async fn connect(config: &TemporalConfig) -> Result<Client> {
    let call = Call::new("connect to Temporal", &config.address);
    let url = Url::from_str(&config.address)
        .map_err(|error| call.refused(ErrorKind::Invalid, format_args!("it is no URL: {error}")))?;
    // The records of runs are longer than the memos that the SDK expects, and the server takes them.
    let limits = PayloadLimitsOptions::builder().memo_warn_size(LARGE).build();
    let options = ConnectionOptions::new(url).identity(config.identity.clone()).connect_timeout(PATIENCE).payload_limits(limits);
    let connection = Connection::connect(options.build()).await.map_err(|error| {
        let error = call.refused(ErrorKind::Unavailable, "the server cannot be reached").with_source(error);
        error.advise("see whether the Temporal server runs there")
    })?;
    let client = Client::new(connection, ClientOptions::new(config.namespace.clone()).build());
    client.map_err(|error| call.refused(ErrorKind::Invalid, "the client cannot be made").with_source(error))
}
