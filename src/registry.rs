//! A macro for a part of the config that comes in several kinds. The config, `vae list` and the tests all use its one
//! list.

/// Defines the enum of the kinds of one part of a config. Each line has the tag in the TOML, the struct of its table
/// (with defaults, `deny_unknown_fields` and the trait), and a short description.
///
/// The enum is externally tagged (`[objective.elbo]`). Its method `kind()` returns the settings as `dyn Trait`, and
/// `LIST` lists all kinds.
macro_rules! registry {
    ($(#[$doc:meta])* pub enum $Name:ident: $Trait:path {
        $($(#[$attribute:meta])* $tag:literal => $Kind:ident, $about:literal;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $Name {
            $($(#[$attribute])* #[doc = $about] #[serde(rename = $tag)] $Kind($Kind),)+
        }

        impl $Name {
            /// The tag and the description of each kind.
            pub const LIST: &'static [(&'static str, &'static str)] =
                &[$($(#[$attribute])* ($tag, $about)),+];

            /// Returns each kind with its defaults.
            pub fn every() -> Vec<Self> {
                Vec::from([$($(#[$attribute])* Self::$Kind($Kind::default())),+])
            }

            /// Returns the tag of this kind.
            pub fn tag(&self) -> &'static str {
                match self { $($(#[$attribute])* Self::$Kind(_) => $tag,)+ }
            }

            /// Returns the settings of this kind.
            pub fn kind(&self) -> &dyn $Trait {
                match self { $($(#[$attribute])* Self::$Kind(kind) => kind,)+ }
            }
        }
    };
}

/// Does the same as [`registry`] for a part whose kinds have parameters, and also defines the enum of the modules that
/// hold them. Each line names the module after the settings; settings without parameters can be their own module.
/// burn's `Module` must be in scope.
macro_rules! registry_of_modules {
    ($(#[$doc:meta])* pub enum $Name:ident: $Trait:path;
     $(#[$module_doc:meta])* pub enum $Module:ident: $ModuleTrait:path;
     $($(#[$attribute:meta])* $tag:literal => $Kind:ident, $Weights:ident, $about:literal;)+) => {
        $crate::registry::registry! {
            $(#[$doc])*
            pub enum $Name: $Trait { $($(#[$attribute])* $tag => $Kind, $about;)+ }
        }

        $(#[$module_doc])*
        #[derive(Module, Debug)]
        pub enum $Module {
            $($(#[$attribute])* #[doc = $about] $Kind($Weights),)+
        }

        impl $Module {
            /// Returns the module of this kind.
            pub fn kind(&self) -> &dyn $ModuleTrait {
                match self { $($(#[$attribute])* Self::$Kind(module) => module,)+ }
            }

            /// Returns the module of this kind for changes.
            pub fn kind_mut(&mut self) -> &mut dyn $ModuleTrait {
                match self { $($(#[$attribute])* Self::$Kind(module) => module,)+ }
            }
        }

        $($(#[$attribute])* impl From<$Weights> for $Module {
            fn from(module: $Weights) -> Self {
                Self::$Kind(module)
            }
        })+
    };
}

pub(crate) use {registry, registry_of_modules};
