//! Payloads of users: JSON text that a dump can show without the user's types.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A payload: the input, output or checkpoint of a step, as JSON text.
///
/// Cheap to clone. JSON rather than bincode, because it can be shown without the type that wrote
/// it, and because a field that is added later can have a default.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Json(Arc<str>);

impl Json {
    /// The payload `null`.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// The type's `Serialize` failed, or a map in it has keys that are not strings.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|text| Self(text.into()))
    }

    /// Reads the payload as a value.
    ///
    /// # Errors
    /// The text does not describe a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// A JSON array of these payloads, in this order.
    pub fn array<'a>(items: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut text = String::from("[");
        for (position, item) in items.into_iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            text.push_str(&item.0);
        }
        text.push(']');
        Self(text.into())
    }

    /// Whether both describe the same value, whatever the order of the keys of their maps.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let value = |json: &Self| json.read::<serde_json::Value>().ok();
        self == other || value(self).is_some_and(|this| Some(this) == value(other))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Size of the text in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty, which no valid payload is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// In JSON the payload stands for itself; in a record it is a string.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            let raw: &RawValue =
                serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
            raw.serialize(to)
        } else {
            // The name takes no byte; it tells payloads from other texts when a shape is traced.
            to.serialize_newtype_struct("Json", self.as_str())
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            Ok(Self(Box::<RawValue>::deserialize(from)?.get().into()))
        } else {
            Ok(Self(String::deserialize(from)?.into()))
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_in_json_stands_for_itself() {
        let payload = Json::of(&vec![1, 2]).expect("numbers have a form in JSON");
        let outer = Json::array([&payload, &Json::null()]);
        assert_eq!(Json::of(&outer).expect("valid"), outer);
        assert_eq!(outer.read::<(Json, Option<u8>)>().expect("valid"), (payload, None));
    }
}
