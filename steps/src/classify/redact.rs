//! Takes secrets out of texts that people and the journal get to see.

/// Takes secrets out of a text: users, passwords and queries of addresses, and values that are
/// named like secrets.
///
/// Better one word too many than one too few: it does not know what a secret looks like, only
/// where one usually stands.
pub fn redact(text: &str) -> String {
    let mut words = Vec::new();
    let mut hide_next = 0_u8;
    for word in text.split(' ') {
        let shown = if hide_next > 0 && !word.is_empty() { MASK.to_owned() } else { of_word(word) };
        hide_next = hides_next(word).max(hide_next.saturating_sub(u8::from(!word.is_empty())));
        words.push(shown);
    }
    words.join(" ")
}

const MASK: &str = "…";

/// How many of the following words are secret.
fn hides_next(word: &str) -> u8 {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    let plain = word.trim_end_matches(':').to_ascii_lowercase();
    match plain.as_str() {
        // The scheme, then the secret itself.
        "authorization" | "proxy-authorization" if word.ends_with(':') => 2,
        "bearer" | "basic" => 1,
        _ => u8::from(word.ends_with(':') && names_a_secret(&plain)),
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
    word.split_inclusive(['&', ';', ',', '?', '#'])
        .map(|part| match part.find(['=', ':']) {
            Some(at) if names_a_secret(part.get(..at).unwrap_or_default()) => {
                let name = part.get(..=at).unwrap_or_default();
                let value = part.get(at.saturating_add(1)..).unwrap_or_default();
                let mask = if value.is_empty() { "" } else { MASK };
                format!("{name}{mask}")
            }
            _ => part.to_owned(),
        })
        .collect()
}

/// Words that the name of a secret has in it.
const SECRET: &[&str] = &[
    "token",
    "passw",
    "pwd",
    "secret",
    "signature",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "access-key",
    "accesskey",
    "credential",
    "authorization",
    "private_key",
    "session",
    "cookie",
];

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let last = name.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    matches!(last, "sig" | "key" | "auth" | "pass" | "hmac")
        || SECRET.iter().any(|word| name.contains(word))
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
            ("", ""),
        ] {
            assert_eq!(redact(text), expected, "{text}");
        }
    }
}
