//! No secret leaves with a payload or a message: the one place that knows where they stand.
//!
//! Addresses lose their passwords, their queries (a signed link is as good as a password) and
//! fragments that hold values. What follows `Bearer` or `Basic` is blotted out, and so are strings in
//! fields that are named like secrets.

use std::borrow::Cow;

/// A text without secrets in its addresses, and without what follows `Bearer` or `Basic`.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    match without_addresses(text) {
        Cow::Borrowed(clean) => without_credentials(clean),
        Cow::Owned(clean) => Cow::Owned(without_credentials(&clean).into_owned()),
    }
}

fn without_addresses(text: &str) -> Cow<'_, str> {
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

/// Blots out what an `Authorization` holds, wherever it is quoted.
fn without_credentials(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(end) = scheme_end(rest) {
        let (scheme, after) = rest.split_at(end);
        let credential = after.trim_start_matches([' ', '\t']);
        let (blank, _) = after.split_at(after.len() - credential.len());
        let length = credential.find(|c| !is_credential(c)).unwrap_or(credential.len());
        let (given, behind) = credential.split_at(length);
        let is_word = WORDS.iter().any(|word| given.eq_ignore_ascii_case(word));
        let is_secret = !blank.is_empty() && !given.is_empty() && !is_word;
        clean.push_str(scheme);
        clean.push_str(blank);
        clean.push_str(if is_secret { "***" } else { given });
        rest = behind;
    }
    if clean.is_empty() {
        return Cow::Borrowed(text);
    }
    clean.push_str(rest);
    if clean == text { Cow::Borrowed(text) } else { Cow::Owned(clean) }
}

/// A text of JSON without secrets; all else in it stays as it is, to the last digit.
pub(crate) fn json(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    let mut place = Place::default();
    while let Some(start) = rest.find('"') {
        let (before, from_quote) = rest.split_at(start);
        clean.push_str(before);
        place.pass(before);
        let (literal, after) = from_quote.split_at(literal_end(from_quote));
        let is_name = after.trim_start().starts_with(':');
        match serde_json::from_str::<String>(literal) {
            Ok(string) => {
                if place.is_secret() && !is_name {
                    clean.push_str(r#""***""#);
                } else {
                    push_string(&mut clean, literal, &string);
                }
                place.follows_secret_name = is_name && names_secret(&string);
            }
            // No string after all: nothing that an engine wrote.
            Err(_) => clean.push_str(&self::text(literal)),
        }
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// Where in a text of JSON one stands, as far as secrets go.
#[derive(Debug, Default)]
struct Place {
    follows_secret_name: bool,
    /// Of every list and object around it, whether it is a list of secrets.
    around: Vec<bool>,
}

impl Place {
    /// Goes on over what is no string.
    fn pass(&mut self, between: &str) {
        for c in between.chars() {
            match c {
                '[' => self.around.push(self.is_secret()),
                // What is built of secrets has fields that say so.
                '{' => self.around.push(false),
                ']' | '}' => drop(self.around.pop()),
                ':' => continue,
                c if c.is_whitespace() => continue,
                _ => {}
            }
            self.follows_secret_name = false;
        }
    }

    /// Whether a string would be a secret here.
    fn is_secret(&self) -> bool {
        self.follows_secret_name || self.around.last().is_some_and(|is_secret| *is_secret)
    }
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

/// Where the first word ends that credentials follow.
fn scheme_end(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let blank = from + text.get(from..)?.find([' ', '\t'])?;
        let before = text.get(..blank)?;
        let is_scheme = |scheme: &&str| {
            let start = before.len().checked_sub(scheme.len());
            let split = start.and_then(|start| before.split_at_checked(start));
            let Some((front, word)) = split else { return false };
            let is_inside = front.chars().next_back().is_some_and(char::is_alphanumeric);
            !is_inside && word.eq_ignore_ascii_case(scheme)
        };
        if SCHEMES.iter().any(is_scheme) {
            return Some(blank);
        }
        from = blank + 1;
    }
}

/// Whether it can stand in the credentials of an `Authorization`.
const fn is_credential(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/' | '=')
}

/// Whether a field is named like something that nobody is to see.
fn names_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_lowercase();
    SECRETS.contains(&plain.as_str()) || ENDS.iter().any(|end| plain.ends_with(end))
}

const SCHEMES: &[&str] = &["bearer", "basic"];
/// What people write behind the name of a scheme when they mean no secret.
const WORDS: &[&str] = &["token", "tokens", "auth", "authentication", "authorization"];
const SECRETS: &[&str] = &["cookie", "setcookie", "sig"];
/// Ends of names without what parts their words, in lower case.
const ENDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "secretkey",
    "accesskey",
    "signature",
    "credential",
    "credentials",
    "authorization",
    "jwt",
];

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
            ("sent Authorization: Bearer xyz", "sent Authorization: Bearer ***"),
            ("bearer eyJh.bGci-_~+/=, then", "bearer ***, then"),
            ("(BASIC  dXNlcjpwdw==)", "(BASIC  ***)"),
            ("Basic\tabc Bearer def", "Basic\t*** Bearer ***"),
            ("the bearer token is missing", "the bearer token is missing"),
            ("a forbearer abc, a bearer", "a forbearer abc, a bearer"),
            ("Bearer", "Bearer"),
            ("Bearer ", "Bearer "),
            ("é bearer é", "é bearer é"),
            ("Bearer x at http://u:p@h/", "Bearer *** at http://***@h/"),
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
            r#"{"token":[{"kind":"opaque"}]}"#,
            r#"{"token":[1],"a":"b","c":["d"]}"#,
            r#"{"tokenizer":"a","secretary":"b","sigh":"c"}"#,
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
            (r#"{"token":["a",["b"],1],"c":"d"}"#, r#"{"token":["***",["***"],1],"c":"d"}"#),
            (r#"{"token": [ "a", {"k":"b"}, "c" ]}"#, r#"{"token": [ "***", {"k":"b"}, "***" ]}"#),
            (r#"{"m":"Bearer abc"}"#, r#"{"m":"Bearer ***"}"#),
            (r#"{"hf_token":"abc","next":"open"}"#, r#"{"hf_token":"***","next":"open"}"#),
        ] {
            assert_eq!(json(given), shown);
        }
    }

    #[test]
    fn fields_are_known_by_how_their_names_end() {
        for name in [
            "token",
            "hf-token",
            "CLIENT_SECRET",
            "dbPassword",
            "passwd",
            "pwd",
            "X-Amz-Signature",
            "aws_credentials",
            "private_key",
            "privateKey",
            "id-jwt",
            "Proxy-Authorization",
        ] {
            assert_eq!(json(&format!(r#"{{"{name}":"abc"}}"#)), format!(r#"{{"{name}":"***"}}"#));
        }
    }

    /// Any JSON, in which addresses and secrets are likely.
    fn trees() -> impl Strategy<Value = Value> {
        let texts = prop_oneof![
            any::<String>(),
            "(see )?(http|s3)://([a-z]+:pw@)?h(:1)?(/[a-z?#=\\\\\"]*)?( now)?",
            "((Bearer|basic) [a-z]{0,3}[ :/]{0,2}){0,3}",
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
    fn walked(tree: &Value, is_secret: bool) -> Value {
        match tree {
            Value::String(_) if is_secret => Value::from("***"),
            Value::String(string) => Value::from(text(string)),
            Value::Array(items) => items.iter().map(|item| walked(item, is_secret)).collect(),
            Value::Object(fields) => {
                let one = |(name, value): (&String, &Value)| {
                    (text(name).into_owned(), walked(value, names_secret(name)))
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
                prop_assert_eq!(clean, walked(&tree, false));
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
