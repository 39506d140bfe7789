//! The connection to the server.

use std::str::FromStr as _;
use std::time::Duration;

use pathops_core::{ErrorKind, Result};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, Url};

use crate::temporal::TemporalConfig;
use crate::temporal::error::Call;

pub(super) async fn connect(config: &TemporalConfig) -> Result<Client> {
    let call = Call::new("connect to Temporal", &config.address);
    let url = Url::from_str(&config.address).map_err(|error| call.refused(ErrorKind::Invalid, format_args!("it is no URL: {error}")))?;
    let options = ConnectionOptions::new(url).identity(config.identity.clone()).connect_timeout(Duration::from_secs(10));
    let connection = Connection::connect(options.build()).await.map_err(|error| {
        let error = call.refused(ErrorKind::Unavailable, "the server cannot be reached").with_source(error);
        error.advise("see whether the Temporal server runs there")
    })?;
    let client = Client::new(connection, ClientOptions::new(config.namespace.clone()).build());
    client.map_err(|error| call.refused(ErrorKind::Invalid, "the client cannot be made").with_source(error))
}
