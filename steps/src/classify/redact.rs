//! Takes secrets out of texts that people and the journal get to see.

/// Takes secrets out of a text: users, passwords and queries of addresses, and values that are
/// named like secrets.
///
/// Better one word too many than one too few: it does not know what a secret looks like, only
/// where one usually stands.
pub fn redact(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut hide_next = 0_u8;
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end_matches(char::is_whitespace);
        let space = piece.get(word.len()..).unwrap_or_default();
        let hidden = hide_next > 0 && !word.is_empty();
        shown.push_str(&if hidden { MASK.to_owned() } else { of_word(word) });
        shown.push_str(space);
        hide_next = hides_next(word).max(hide_next.saturating_sub(u8::from(hidden)));
    }
    shown
}

const MASK: &str = "…";

/// How many of the following words are secret.
fn hides_next(word: &str) -> u8 {
    let word = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    if word == "Bearer" {
        return 1;
    }
    match word.strip_suffix(':') {
        // The scheme, then the secret itself.
        Some(name) if name.to_ascii_lowercase().ends_with("authorization") => 2,
        Some(name) => u8::from(names_a_secret(name)),
        None => 0,
    }
}

fn of_word(word: &str) -> String {
    match word.find("://") {
        Some(at) => of_address(word, at),
        None => of_pairs(word),
    }
}

/// `(https://joe:pw@host/path?query)`: what stands before the address is kept, and its path.
fn of_address(word: &str, at: usize) -> String {
    let (before, rest) = word.split_at(at.saturating_add("://".len()));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let path_end = path.find(['?', '#']).unwrap_or(path.len());
    let (path, query) = path.split_at(path_end);
    let closing = query.chars().last().filter(|c| matches!(c, ')' | ']' | '>' | '`' | '"' | '\''));
    let query = if query.is_empty() { String::new() } else { format!("?{MASK}") };
    let closing = if query.is_empty() { None } else { closing };
    let closing = closing.map(String::from).unwrap_or_default();
    // A second address may hide in the path of the first.
    let path = if path.contains("//") { MASK.to_owned() } else { of_pairs(path) };
    format!("{}{host}{path}{query}{closing}", of_pairs(before))
}

/// `name=value`, also several of them in a row, and `name:value`.
fn of_pairs(word: &str) -> String {
    word.split_inclusive(['&', ';', ',', '?', '#']).map(of_pair).collect()
}

fn of_pair(part: &str) -> String {
    let is_secret = |(at, sign): &(usize, char)| {
        let name = part.get(..*at).unwrap_or_default();
        match sign {
            '=' => names_a_secret(name) || may_name_a_secret(name),
            ':' => names_a_secret(name),
            _ => false,
        }
    };
    match part.char_indices().find(is_secret) {
        Some((at, _)) if part.len() > at.saturating_add(1) => {
            format!("{}{MASK}", part.get(..=at).unwrap_or_default())
        }
        _ => part.to_owned(),
    }
}

/// What the name of a secret ends with, once it is written in one word.
const SECRET: &[&str] = &[
    "token",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "signature",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accesskeyid",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "sessionid",
];

/// Words that name a secret in the query of an address, and many other things elsewhere.
const AMBIGUOUS: &[&str] = &["sig", "key", "auth", "pass", "hmac", "session"];

fn names_a_secret(name: &str) -> bool {
    let plain = last_name(name).replace(['-', '_'], "").to_ascii_lowercase();
    SECRET.iter().any(|ending| plain.ends_with(ending))
}

fn may_name_a_secret(name: &str) -> bool {
    let last = last_name(name).to_ascii_lowercase();
    let last = last.rsplit(['-', '_']).next().unwrap_or_default();
    AMBIGUOUS.contains(&last)
}

/// The name that stands directly before the sign.
fn last_name(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let text = text.trim_end_matches(|c| !is_part(c));
    text.rsplit(|c| !is_part(c)).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_everything_else_stays() {
        for (text, expected) in [
            ("connection refused (os error 111)", "connection refused (os error 111)"),
            (
                "error sending request for url (https://joe:pw@h:8443/a/b?token=x#y)",
                "error sending request for url (https://h:8443/a/b?…)",
            ),
            ("GET http://h/a?b", "GET http://h/a?…"),
            ("/path?token=abc&page=2", "/path?token=…page=2"),
            ("X-Amz-Signature=abc", "X-Amz-Signature=…"),
            ("authorization: Bearer abc rest", "authorization: … … rest"),
            ("Bearer abc, and more", "Bearer … and more"),
            ("password: hush", "password: …"),
            ("password=hush", "password=…"),
            ("https://proxy/https://joe:pw@h/", "https://proxy…"),
            ("https://a,https://joe:pw@h/", "https://a,https:…"),
            ("keyboard: none", "keyboard: none"),
            ("missing key: name", "missing key: name"),
            (
                "cannot open `/models/tokenizer.json`: No such file",
                "cannot open `/models/tokenizer.json`: No such file",
            ),
            ("/models/tokenizer.json: not found", "/models/tokenizer.json: not found"),
            ("tokens/x.rs:12:5", "tokens/x.rs:12:5"),
            ("line one\n\ttoken: hush\nline two", "line one\n\ttoken: …\nline two"),
            ("a:key=hush", "a:key=…"),
            ("{\"accessToken\":\"hush\"}", "{\"accessToken\":…"),
            ("Basic auth failed", "Basic auth failed"),
            ("", ""),
        ] {
            assert_eq!(redact(text), expected, "{text}");
        }
    }
}
