//! What objects of Kubernetes have in common as JSON.

use pathops_core::UnixMillis;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// An instant as Kubernetes writes it, cut to the second: a part of one, where it is written, makes nothing later than what was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(pub(crate) UnixMillis);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self::cut).map_err(D::Error::custom)
    }
}

impl Instant {
    fn cut(at: UnixMillis) -> Self {
        Self(UnixMillis(at.0 - at.0.rem_euclid(1_000)))
    }
}

/// Go writes `null` for what is empty.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads these types from JSON objects and from nothing else: what serde derives takes a list for the fields in their order. They derive
/// with `#[serde(remote = "Self")]`.
macro_rules! objects {
    ($($object:ident),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $object {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ObjectOnly;

                impl<'de> serde::de::Visitor<'de> for ObjectOnly {
                    type Value = $object;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, fields: A) -> Result<$object, A::Error> {
                        $object::deserialize(serde::de::value::MapAccessDeserializer::new(fields))
                    }
                }

                deserializer.deserialize_map(ObjectOnly)
            }
        }
    )+};
}

pub(crate) use objects;
