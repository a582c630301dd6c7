//! JSON lines.

use std::borrow::Cow;
use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::fields::{Value, fields};
use crate::id::RunId;
use crate::json::Json;
use crate::record::Record;

/// Version of the JSON lines, which each of them carries as `v`.
pub const JSON_LINES_VERSION: u32 = 1;

/// The largest number that every JSON reader keeps exactly.
const EXACT_MAX: u64 = 1 << 53;

/// A record as one line of JSON, without the line break.
#[derive(Debug, Clone, Copy)]
pub struct JsonLine<'a>(pub &'a Record);

impl Serialize for JsonLine<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut line = to.serialize_map(None)?;
        line.serialize_entry("v", &JSON_LINES_VERSION)?;
        line.serialize_entry("seq", &record.seq.get())?;
        line.serialize_entry("at", &record.at.to_string())?;
        line.serialize_entry("run", &record.run.map(RunId::as_uuid))?;
        line.serialize_entry("event", record.event.name())?;
        for (name, value) in fields(&record.event) {
            line.serialize_entry(name, &value)?;
        }
        line.end()
    }
}

impl fmt::Display for JsonLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Text(text) => to.serialize_str(text),
            Value::Maybe(text) => text.serialize(to),
            Value::Id(id) if *id > EXACT_MAX => to.collect_str(id),
            Value::Count(number) | Value::Id(number) => to.serialize_u64(*number),
            Value::MaybeCount(number) => number.serialize(to),
            Value::MaybeTime(at) => at.map(|at| at.to_string()).serialize(to),
            Value::Flag(flag) => to.serialize_bool(*flag),
            Value::Uuid(id) => to.collect_str(id),
            Value::Payload(json) => payload(json).serialize(to),
            Value::Tree(tree) => tree.serialize(to),
        }
    }
}

/// A payload as a JSON value: the very text, so that no number in it is rounded.
///
/// Passwords within addresses are blotted out: a dump is made to be passed on. What is not JSON,
/// which no engine writes, becomes a string.
pub fn payload(json: &Json) -> impl Serialize {
    // Line breaks in valid JSON stand between tokens only; a line must not have any.
    let text = if json.as_str().contains(['\n', '\r']) {
        Cow::Owned(json.as_str().replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(json.as_str())
    };
    let text = without_passwords(&text);
    match RawValue::from_string(text.clone()) {
        Ok(raw) => Payload::Json(raw),
        Err(_) => Payload::Text(text),
    }
}

/// Replaces what stands between `://` and `@` in addresses.
fn without_passwords(text: &str) -> String {
    let mut pieces = text.split("://");
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let host_end = piece.find(['/', '?', '#', '"', '\\', ' ']).unwrap_or(piece.len());
        let (host, rest) = piece.split_at(host_end);
        let shown = host.rsplit_once('@').map_or(host, |(_, host)| host);
        clean.push_str("://");
        if shown.len() < host.len() {
            clean.push_str("***@");
        }
        clean.push_str(shown);
        clean.push_str(rest);
    }
    clean
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Payload {
    Json(Box<RawValue>),
    Text(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_within_addresses_are_not_shown() {
        for (text, shown) in [
            (r#"{"url":"http://bob:pw@host:1/x@y"}"#, r#"{"url":"http://***@host:1/x@y"}"#),
            (r#"["https://host/a?b=c@d","a@b"]"#, r#"["https://host/a?b=c@d","a@b"]"#),
            (r#"["x://a:b@c","x://d@e@f"]"#, r#"["x://***@c","x://***@f"]"#),
        ] {
            assert_eq!(without_passwords(text), shown);
        }
    }
}
