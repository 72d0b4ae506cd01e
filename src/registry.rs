//! A part of the config that comes in several kinds: one list, from which the config, `vae list` and the tests follow.

/// Defines the enum of the kinds of one part of a config. Each line is the tag a person writes, the struct that is its
/// TOML table (with defaults, `deny_unknown_fields` and the trait), and what it is in a few words.
///
/// The enum is externally tagged (`[objective.elbo]`), gives its settings as `dyn Trait` by `kind()`, and knows its own list.
macro_rules! registry {
    ($(#[$doc:meta])* pub enum $Name:ident: $Trait:path { $($tag:literal => $Kind:ident, $about:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub enum $Name {
            $(#[doc = $about] #[serde(rename = $tag)] $Kind($Kind),)+
        }

        impl $Name {
            /// Tag and description of each kind.
            pub const LIST: &'static [(&'static str, &'static str)] = &[$(($tag, $about)),+];

            /// Each kind with its defaults.
            pub fn every() -> Vec<Self> {
                vec![$(Self::$Kind($Kind::default())),+]
            }

            /// The tag of this kind.
            pub fn tag(&self) -> &'static str {
                match self { $(Self::$Kind(_) => $tag,)+ }
            }

            /// Returns the settings of this kind.
            pub fn kind(&self) -> &dyn $Trait {
                match self { $(Self::$Kind(kind) => kind,)+ }
            }
        }

    };
}

pub(crate) use registry;
