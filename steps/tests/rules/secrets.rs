//! Nothing that is written down or shown holds a secret of an address.

use proptest::prelude::*;
use resurge_journal::failure::{Class, Evidence};
use resurge_steps::StepError;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Says(String, #[source] Option<Box<Self>>);

/// Everything that people or the journal get to see.
fn shown(error: &StepError) -> String {
    let failure = serde_json::to_string(&error.to_failure()).unwrap();
    format!("{error} {error:?} {failure}")
}

/// Letters that cannot be part of anything else that is shown.
fn secret() -> impl Strategy<Value = String> + use<> {
    "zq[A-Za-z0-9._~-]{6,20}"
}

fn address(secret: &str) -> impl Strategy<Value = String> + use<> {
    let name = prop::sample::select(vec![
        "token",
        "access_token",
        "sig",
        "Signature",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "key",
        "api_key",
        "password",
        "page",
        "",
    ]);
    let scheme = prop::sample::select(vec!["http", "https", "HTTPS", "s3", "postgres"]);
    let secret = secret.to_owned();
    (scheme, name, 0..6_u8).prop_map(move |(scheme, name, how)| match how {
        0 => format!("{scheme}://joe:{secret}@host:8443/path"),
        1 => format!("{scheme}://{secret}@host"),
        2 => format!("{scheme}://host/path?{name}={secret}"),
        3 => format!("{scheme}://host/path?a=b&{name}={secret}&c=d"),
        4 => format!("{scheme}://joe:p@{secret}@host/p#{secret}"),
        _ => format!("{scheme}://host?{name}={secret}#x"),
    })
}

fn sentence(secret: &str) -> impl Strategy<Value = String> + use<> {
    let around = prop::sample::select(vec![
        ("error sending request for url (", ")"),
        ("cannot open `", "`"),
        ("GET ", " failed: 403"),
        ("\"", "\","),
        ("<", ">"),
        ("see url=", "."),
        ("line one\n", "\nline three"),
        ("a\t", "\tb"),
    ]);
    (around, address(secret)).prop_map(|((before, after), url)| format!("{before}{url}{after}"))
}

proptest! {
    #[test]
    fn no_secret_of_an_address_is_shown(
        (secret, text) in secret().prop_flat_map(|s| (Just(s.clone()), sentence(&s))),
    ) {
        let chain = || Says(text.clone(), Some(Box::new(Says(format!("because of {text}"), None))));
        let mut found = Evidence::default();
        found.fact("printed", &text);
        found.text(text.clone());
        let errors = [
            StepError::from_evidence(&found, text.clone()),
            StepError::from(chain()),
            StepError::from(std::io::Error::other(chain())),
            StepError::new(Class::Network, "mine", text.clone()),
            StepError::permanent("no").during(&text).hint(text.clone()),
        ];
        for error in errors {
            let shown = shown(&error);
            prop_assert!(!shown.contains(&secret), "{secret} is in {shown}");
        }
    }
}

#[test]
fn headers_and_pairs_that_name_a_secret_are_not_shown_either() {
    for text in [
        "authorization: Bearer hush",
        "Authorization: Basic hush",
        "sent `Authorization: Bearer hush`",
        "Bearer hush",
        "password=hush",
        "password: hush",
        "/relative?access_token=hush",
        "{\"token\":\"hush\"}",
        "cookie: session=hush",
        "x-api-key: hush",
    ] {
        let shown = shown(&StepError::new(Class::Network, "mine", text));
        assert!(!shown.contains("hush"), "{shown}");
    }
}
