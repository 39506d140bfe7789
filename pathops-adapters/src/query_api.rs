//! What adapters of servers that answer queries over HTTP share: where a server is and who asks, and one bounded read with the kind of
//! what goes wrong. Nothing here tries again; the driver does.

mod client;
mod endpoint;

pub(crate) use self::client::{Ask, Client, answer};
pub use self::endpoint::Endpoint;
