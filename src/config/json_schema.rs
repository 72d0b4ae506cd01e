//! The JSON schema of a config, for editors: draft 7, which taplo and Visual Studio Code read. It is made from the types that
//! read a config, and from their comments.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::schema::Config;
use super::{Figures, IgnoredTable};

/// Returns the schema. `figures` are the kinds of figures, which are commands.
pub fn json_schema(figures: &[&str]) -> Value {
    let settings = SchemaSettings::draft07().with_transform(ForToml);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "A config of vae".into());
    let mut schema = schema.to_value();
    let kind = "/definitions/Figures/items/properties/kind";
    if let Some(Value::Object(kind)) = schema.pointer_mut(kind) {
        kind.insert("enum".to_owned(), figures.into());
    }
    schema
}

/// Removes what TOML does not have, which is null, and the formats: they name Rust's types, and their bounds are there in
/// numbers.
#[derive(Clone, Debug)]
struct ForToml;

impl Transform for ForToml {
    fn transform(&mut self, schema: &mut Schema) {
        schema.remove("format");
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = &types[..] {
                let only = only.clone();
                schema.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(kinds)) = schema.get_mut("anyOf") {
            kinds.retain(|kind| kind["type"] != "null");
        }
        transform_subschemas(self, schema);
    }
}

impl JsonSchema for Figures {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Figures".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "kind": {
                        "description": "The figure's command, as in `manifold`. The other keys are its arguments.",
                        "type": "string",
                    },
                },
                "required": ["kind"],
            },
        })
    }
}

impl JsonSchema for IgnoredTable {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IgnoredTable".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}
