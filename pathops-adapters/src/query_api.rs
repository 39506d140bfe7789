//! What adapters of servers that answer over HTTP share: where a server is and who asks, and one bounded question with the kind of what
//! goes wrong. No question changes anything. Nothing here tries again; the driver does.

mod client;
mod endpoint;

#[cfg(any(feature = "loki", feature = "prometheus"))]
pub(crate) use self::client::answer;
pub(crate) use self::client::{Ask, Client};
pub use self::endpoint::Endpoint;
