//! The source of a likelihood's standard deviation.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The standard deviation of a value whose range is [0, 1]: a number, "learned" or "optimal".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sigma {
    Fixed(f64),
    /// One log sigma that is trained and saved with the weights.
    Learned,
    /// The sigma that maximises the likelihood: of the batch in training, of the training images in the model that is
    /// measured and saved.
    Optimal,
}

impl Serialize for Sigma {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(sigma) => to.serialize_f64(*sigma),
            Self::Learned => to.serialize_str("learned"),
            Self::Optimal => to.serialize_str("optimal"),
        }
    }
}

impl JsonSchema for Sigma {
    fn schema_name() -> Cow<'static, str> {
        "Sigma".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "number", "exclusiveMinimum": 0 },
                { "enum": ["learned", "optimal"] },
            ],
        })
    }
}

impl<'de> Deserialize<'de> for Sigma {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Sigma;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number above 0, \"learned\" or \"optimal\"")
            }

            fn visit_f64<E: de::Error>(self, sigma: f64) -> Result<Sigma, E> {
                Ok(Sigma::Fixed(sigma))
            }

            fn visit_i64<E: de::Error>(self, sigma: i64) -> Result<Sigma, E> {
                Ok(Sigma::Fixed(sigma as f64))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Sigma, E> {
                match name {
                    "learned" => Ok(Sigma::Learned),
                    "optimal" => Ok(Sigma::Optimal),
                    _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
                }
            }
        }
        from.deserialize_any(Reader)
    }
}
