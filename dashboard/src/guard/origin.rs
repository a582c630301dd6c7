//! From where a browser may ask.

use axum::http::HeaderMap;
use axum::http::header::ORIGIN;

use super::host;
use crate::api::{Problem, code};

/// Whether the headers of a browser say that our own page asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Our own page, or a person who typed the address.
    OwnPage,
    /// Nothing is said: no browser, or an old one.
    Unknown,
}

/// Refuses what a page of another origin asks.
///
/// `is_plain` is whether the request came without TLS for sure, so that no page of ours has it.
pub(crate) fn check(headers: &HeaderMap, host: &str, is_plain: bool) -> Result<Asker, Problem> {
    let site = headers.get("sec-fetch-site");
    let origin = headers.get(ORIGIN);
    let is_own_site = site.is_none_or(|site| site == "same-origin" || site == "none");
    let is_own_origin = origin.is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let named = origin.strip_prefix("http://");
        let named = named.or_else(|| origin.strip_prefix("https://").filter(|_| !is_plain));
        named.is_some_and(|named| host::same(named, host))
    });
    if !is_own_site || !is_own_origin {
        let detail = "a page of another origin asks";
        return Err(Problem::new(&code::FOREIGN_ORIGIN, detail)
            .remedy("use the dashboard's own page, or a program that sends the token"));
    }
    Ok(if site.is_none() && origin.is_none() { Asker::Unknown } else { Asker::OwnPage })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_our_own_page_may_ask() {
        use Asker::{OwnPage, Unknown};
        for (site, origin, asker) in [
            (None, None, Some(Unknown)),
            (Some("same-origin"), None, Some(OwnPage)),
            (Some("none"), None, Some(OwnPage)),
            (None, Some("http://localhost:7878"), Some(OwnPage)),
            (None, Some("https://localhost:7878"), Some(OwnPage)),
            (Some("same-origin"), Some("http://localhost:7878"), Some(OwnPage)),
            (Some("cross-site"), None, None),
            (Some("same-site"), None, None),
            (Some("same-origin"), Some("http://evil.example"), None),
            (Some("cross-site"), Some("http://localhost:7878"), None),
            (None, Some("null"), None),
            (None, Some("http://localhost:1"), None),
            (None, Some("file://localhost:7878"), None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            }
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            let found = check(&headers, "localhost:7878", false).ok();
            assert_eq!(found, asker, "{site:?} {origin:?}");
            let is_tls = origin.is_some_and(|origin| origin.starts_with("https://"));
            let found = check(&headers, "localhost:7878", true).ok();
            assert_eq!(found, asker.filter(|_| !is_tls), "{site:?} {origin:?} without TLS");
        }
    }
}
