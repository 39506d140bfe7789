//! What adapters of servers that answer over HTTP share: where a server is and who asks, and one bounded question with the kind of what
//! goes wrong. Asking again changes nothing more. Nothing here tries again; the driver does.

mod client;
mod endpoint;
#[cfg(any(feature = "loki", feature = "prometheus", feature = "vault"))]
mod question;

pub(crate) use self::client::{Ask, Client};
pub use self::endpoint::Endpoint;
#[cfg(any(feature = "loki", feature = "prometheus"))]
pub(crate) use self::question::answer;
