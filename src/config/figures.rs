//! The tables `[[figures]]`: the figures to draw after the last epoch.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use toml::Table;

/// One table for each figure, as the config has it. The commands that draw the figures check its keys.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Figures(pub Vec<Table>);

/// Compares the text of the lists, so that the number `nan` is equal to itself.
impl PartialEq for Figures {
    fn eq(&self, other: &Self) -> bool {
        let text = |figures: &Self| format!("{:?}", figures.0);
        text(self) == text(other)
    }
}

/// The message for a config with the table that earlier versions had instead.
pub(super) const OLD: &str = "`[figures]` with `at_end` is not read any more";

/// The hint that shows the new form.
pub(super) const NEW: &str = "write a table for each figure: `[[figures]]`, and below it `kind = \"manifold\"` and, each on a line, arguments such as `n = 20`";

impl Figures {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Figures {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Tables;

        impl<'de> Visitor<'de> for Tables {
            type Value = Figures;

            fn expecting(&self, text: &mut fmt::Formatter) -> fmt::Result {
                text.write_str("a list of tables, `[[figures]]`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Figures, A::Error> {
                let mut tables = Vec::new();
                while let Some(table) = list.next_element()? {
                    tables.push(table);
                }
                Ok(Figures(tables))
            }

            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Figures, A::Error> {
                Err(A::Error::custom(OLD))
            }
        }

        from.deserialize_any(Tables)
    }
}
