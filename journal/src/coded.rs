//! Enums whose number on disk is written down, never derived from the order of declaration.

/// Declares an enum with an explicit number (on disk) and name (in JSON) for each variant.
///
/// bincode writes the *position* of a variant, so that an innocent reorder would corrupt every
/// journal. Every enum that reaches a record is declared with this macro instead, or converts to
/// a struct of such enums.
macro_rules! coded_enum {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident {
            $($(#[$vmeta:meta])* $Variant:ident = $code:literal $name:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $Name {
            $($(#[$vmeta])* $Variant,)+
        }

        impl $Name {
            /// Every value, in the order of its number on disk.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The number that stands for this value on disk.
            pub const fn code(self) -> u8 {
                match self { $(Self::$Variant => $code),+ }
            }

            /// The name that stands for this value in JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $name),+ }
            }

            /// The value with this number, if there is one.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$Variant),)+ _ => None }
            }

            /// The value with this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$Variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if to.is_human_readable() {
                    to.serialize_str(self.name())
                } else {
                    // The name takes no byte; it tells this number from others when a shape is traced.
                    to.serialize_newtype_struct(stringify!($Name), &self.code())
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                use serde::de::Error;
                if from.is_human_readable() {
                    let name = std::borrow::Cow::<'de, str>::deserialize(from)?;
                    Self::from_name(&name).ok_or_else(|| {
                        D::Error::custom(format!("unknown {} `{name}`", stringify!($Name)))
                    })
                } else {
                    let code = u8::deserialize(from)?;
                    Self::from_code(code).ok_or_else(|| {
                        D::Error::custom(format!("unknown {} number {code}", stringify!($Name)))
                    })
                }
            }
        }
    };
}

pub(crate) use coded_enum;
