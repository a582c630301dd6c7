//! Who may ask: the token, or the cookie that a browser got for it.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};

use super::host;
use super::origin::Asker;
use crate::api::{Problem, code};
use crate::token::Token;

/// With what a request showed that it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    Bearer,
    Cookie,
}

/// What a request showed of it, and whether that was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presented {
    Right(Credential),
    Wrong,
    /// A cookie for a change, without a word on which page sends it.
    Unsaid,
    Nothing,
}

/// Looks at what a request shows; reads no more than its headers.
///
/// A cookie comes along whoever sends a request. For a change, only a browser that says that our
/// own page asks is trusted; browsers say nothing when they read from a host without TLS.
pub(crate) fn presented(
    headers: &HeaderMap,
    host: &str,
    is_change: bool,
    asker: Asker,
    token: &Token,
) -> Presented {
    if let Some(text) = headers.get(AUTHORIZATION) {
        let given = text.to_str().ok().and_then(bearer).unwrap_or_default();
        return if token.is(given) {
            Presented::Right(Credential::Bearer)
        } else {
            Presented::Wrong
        };
    }
    let name = cookie_name(host);
    // Other ports of the host can set cookies of the same name; one that fits is enough.
    let given: Vec<&str> =
        cookies(headers).filter(|(key, _)| *key == name).map(|(_, value)| value).collect();
    if given.is_empty() {
        Presented::Nothing
    } else if is_change && asker == Asker::Unknown {
        Presented::Unsaid
    } else if given.into_iter().any(|given| token.is_cookie(given)) {
        Presented::Right(Credential::Cookie)
    } else {
        Presented::Wrong
    }
}

/// Why a request without the right token is refused.
pub(crate) fn refusal(presented: Presented) -> Problem {
    let (code, detail) = match presented {
        Presented::Unsaid => {
            let detail = "a cookie alone changes nothing: the request does not say which page asks";
            return Problem::new(&code::MISSING_TOKEN, detail).remedy(
                "send `Origin` or `Sec-Fetch-Site` as browsers do, or `Authorization: Bearer` with the token",
            );
        }
        Presented::Wrong => (&code::WRONG_TOKEN, "this is not the token of the dashboard"),
        _ => (&code::MISSING_TOKEN, "the request shows no token"),
    };
    Problem::new(code, detail).remedy(
        "open the address that the program printed, or send `Authorization: Bearer` with the token of its token file",
    )
}

/// The header that gives a browser its cookie.
pub(crate) fn set_cookie(host: &str, token: &Token, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    let (name, value) = (cookie_name(host), token.cookie());
    format!(
        "{name}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={COOKIE_AGE_SECONDS}{secure}"
    )
}

/// The header that takes a browser its cookie.
pub(crate) fn unset_cookie(host: &str) -> String {
    format!("{}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0", cookie_name(host))
}

/// Browsers share cookies among the ports of a host.
fn cookie_name(host: &str) -> String {
    format!("resurge_{}", host::port(host))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

const COOKIE_AGE_SECONDS: u32 = 30 * 24 * 60 * 60;
