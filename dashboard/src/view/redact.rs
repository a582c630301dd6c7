//! No secret leaves with a payload or a message: the one place that knows where they stand.
//!
//! Addresses lose their passwords, their queries (a signed link is as good as a password) and
//! fragments that hold values. Values of fields that are named like secrets are blotted out.

use std::borrow::Cow;

/// A text without secrets in its addresses.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split("://");
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        clean.push_str("://");
        let end = piece.find(ends_address).unwrap_or(piece.len());
        let (address, rest) = piece.split_at(end);
        push_address(&mut clean, address);
        clean.push_str(rest);
    }
    if clean == text { Cow::Borrowed(text) } else { Cow::Owned(clean) }
}

/// A text of JSON without secrets; all else in it stays as it is, to the last digit.
pub(crate) fn json(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    let mut is_secret = false;
    while let Some(start) = rest.find('"') {
        let (before, from_quote) = rest.split_at(start);
        clean.push_str(before);
        // A secret is what follows its name at once, not what stands within a list or an object.
        is_secret &= before.trim() == ":";
        let (literal, after) = from_quote.split_at(literal_end(from_quote));
        let is_name = after.trim_start().starts_with(':');
        match serde_json::from_str::<String>(literal) {
            Ok(string) => {
                if is_secret && !is_name {
                    clean.push_str(r#""***""#);
                } else {
                    push_string(&mut clean, literal, &string);
                }
                is_secret = is_name && names_secret(&string);
            }
            // No string after all: nothing that an engine wrote.
            Err(_) => clean.push_str(&self::text(literal)),
        }
        rest = after;
    }
    clean.push_str(rest);
    clean
}

fn push_string(clean: &mut String, literal: &str, string: &str) {
    match text(string) {
        Cow::Borrowed(_) => clean.push_str(literal),
        Cow::Owned(changed) => {
            clean.push_str(&serde_json::Value::String(changed).to_string());
        }
    }
}

/// Appends what stands behind `://`.
fn push_address(clean: &mut String, address: &str) {
    let host_end = address.find(['/', '?', '#']).unwrap_or(address.len());
    let (authority, path) = address.split_at(host_end);
    match authority.rsplit_once('@') {
        Some((_, host)) => {
            clean.push_str("***@");
            clean.push_str(host);
        }
        None => clean.push_str(authority),
    }
    let (path, fragment) = match path.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment)),
        None => (path, None),
    };
    match path.split_once('?') {
        Some((path, query)) if !query.is_empty() => {
            clean.push_str(path);
            clean.push_str("?***");
        }
        _ => clean.push_str(path),
    }
    if let Some(fragment) = fragment {
        clean.push('#');
        clean.push_str(if fragment.contains('=') { "***" } else { fragment });
    }
}

/// Where the string literal at the beginning of a text ends.
fn literal_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// What cannot stand in an address, so that the address ends before it.
fn ends_address(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '"' | '<' | '>' | '\\' | '`' | '{' | '}' | '|')
}

/// Whether a field is named like something that nobody is to see.
fn names_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_lowercase();
    SECRETS.contains(&plain.as_str())
        || ["password", "secret", "apikey", "accesstoken", "authtoken", "bearertoken"]
            .iter()
            .any(|end| plain.ends_with(end))
}

const SECRETS: &[&str] =
    &["passwd", "passphrase", "token", "authorization", "cookie", "setcookie", "hftoken"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn addresses_lose_what_is_secret_in_them() {
        for (given, shown) in [
            ("nothing to hide", "nothing to hide"),
            ("GET http://bob:pw@host:1/x@y failed", "GET http://***@host:1/x@y failed"),
            ("https://host/a?sig=abc&e=1: refused", "https://host/a?*** refused"),
            ("see https://host/a?sig=abc now", "see https://host/a?*** now"),
            ("\"https://host/a?sig=abc\" is down", "\"https://host/a?***\" is down"),
            ("(https://host/a?sig=(abc))", "(https://host/a?***"),
            ("is it http://host/a?", "is it http://host/a?"),
            ("http://host?x=http://other/b?y=1", "http://host?***://other/b?***"),
            ("http://host/a#part", "http://host/a#part"),
            ("http://host/a#token=abc", "http://host/a#***"),
            ("http://host/a?b#token=abc", "http://host/a?***#***"),
            ("http://a@b@c/ ftp://u:p@d", "http://***@c/ ftp://***@d"),
            ("s3://key:secret@bucket/x", "s3://***@bucket/x"),
            ("http://", "http://"),
        ] {
            assert_eq!(text(given), shown, "{given}");
        }
    }

    #[test]
    fn json_keeps_everything_that_is_no_secret() {
        for given in [
            r#"{"a":[1.00000000000000000001,"x\"y",null,{"b":12345678901234567890}], "c" : true}"#,
            r#""plain""#,
            "17",
            r#"{"tokens":4096,"token":5,"key":"k"}"#,
            r#"{"token":{"kind":"opaque"}}"#,
            r#"{"u":"\u00e9 http://host/a"}"#,
            r#"{"broken":"#,
            r#"{"broken":"x"#,
        ] {
            assert_eq!(json(given), given);
        }
    }

    #[test]
    fn json_loses_secrets_wherever_they_stand() {
        for (given, shown) in [
            (r#"{"url":"http://bob:pw@host/x?sig=1"}"#, r#"{"url":"http://***@host/x?***"}"#),
            (r#"["https:\/\/host\/a?sig=1","b"]"#, r#"["https://host/a?***","b"]"#),
            (r#"{"m":"said \"http://h/?k=1\" twice"}"#, r#"{"m":"said \"http://h/?***\" twice"}"#),
            (r#"{"m":"\u0068ttp\u003a//h/?k=1"}"#, r#"{"m":"http://h/?***"}"#),
            (r#"{"http://u:p@h/":1}"#, r#"{"http://***@h/":1}"#),
            (r#"{"api_key": "abc","n":1}"#, r#"{"api_key": "***","n":1}"#),
            (
                r#"{"Authorization":"Bearer x","dbPassword":"y"}"#,
                r#"{"Authorization":"***","dbPassword":"***"}"#,
            ),
            (r#"{"hf_token":"abc","next":"open"}"#, r#"{"hf_token":"***","next":"open"}"#),
        ] {
            assert_eq!(json(given), shown);
        }
    }

    /// Any JSON, in which addresses and secrets are likely.
    fn trees() -> impl Strategy<Value = Value> {
        let texts = prop_oneof![
            any::<String>(),
            "(see )?(http|s3)://([a-z]+:pw@)?h(:1)?(/[a-z?#=\\\\\"]*)?( now)?",
            Just("plain".to_owned()),
        ];
        let names = prop_oneof![any::<String>(), "token|api_key|url|n"];
        let leaves = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            texts.prop_map(Value::from),
        ];
        leaves.prop_recursive(4, 32, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(names.clone(), inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// The same by a walk over the tree.
    fn walked(tree: &Value) -> Value {
        match tree {
            Value::String(string) => Value::from(text(string)),
            Value::Array(items) => items.iter().map(walked).collect(),
            Value::Object(fields) => {
                let one = |(name, value): (&String, &Value)| {
                    let is_blotted = names_secret(name) && value.is_string();
                    let value = if is_blotted { Value::from("***") } else { walked(value) };
                    (text(name).into_owned(), value)
                };
                Value::Object(fields.iter().map(one).collect())
            }
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn a_text_of_json_loses_what_a_walk_over_it_finds(tree in trees()) {
            for written in [tree.to_string(), format!("{tree:#}")] {
                let clean: Value = serde_json::from_str(&json(&written)).expect("it is JSON still");
                prop_assert_eq!(clean, walked(&tree));
            }
        }

        #[test]
        fn what_is_clean_stays_as_it_is(tree in trees()) {
            let clean = json(&tree.to_string());
            prop_assert_eq!(json(&clean), clean.clone());
        }

        #[test]
        fn any_text_is_taken(text in any::<String>()) {
            drop(json(&text));
            drop(super::text(&text));
        }
    }
}
