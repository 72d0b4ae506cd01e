//! The tables `[[figures]]`: the figures to draw after the last epoch.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
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

/// The message for a table that does not say which figure it is.
pub(super) const NO_KIND: &str = "this table of `[[figures]]` has no `kind`";

/// The hint for such a table.
pub(super) const NAME_A_KIND: &str =
    "name the figure by its command, as in `kind = \"manifold\"`; `vae --help` lists them";

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
                while let Some(FigureTable(table)) = list.next_element()? {
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

/// One table of the list. It is checked while it is read, so that the message can point at it.
struct FigureTable(Table);

impl<'de> Deserialize<'de> for FigureTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = FigureTable;

            fn expecting(&self, text: &mut fmt::Formatter) -> fmt::Result {
                text.write_str("a table with a `kind`")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FigureTable, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                if table.contains_key("kind") {
                    Ok(FigureTable(table))
                } else {
                    Err(A::Error::custom(NO_KIND))
                }
            }
        }

        from.deserialize_map(Fields)
    }
}
