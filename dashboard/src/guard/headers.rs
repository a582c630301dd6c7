//! What every answer says to browsers, and what the head of a request may be.

use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, ORIGIN,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};

use crate::api::{Problem, code};

/// Adds what keeps browsers from doing more with an answer than to show it.
pub(crate) fn secure(headers: &mut HeaderMap) {
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let kind = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    if kind.starts_with(b"text/event-stream") {
        headers.remove(CACHE_CONTROL);
    }
    // Assets say themselves how long they keep.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Refuses a head that is too long.
pub(crate) fn check_size(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    max: usize,
) -> Result<(), Problem> {
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let line = method.as_str().len() + path + AROUND_PATH;
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + AROUND_HEADER
    };
    if line + headers.iter().map(header).sum::<usize>() <= max {
        return Ok(());
    }
    Err(Problem::new(&code::HEAD_TOO_LARGE, format!("the head has more than {max} bytes"))
        .remedy("send fewer cookies and shorter headers"))
}

/// Refuses two values where one decides: somebody on the way may have gone by the other.
pub(crate) fn check_once(headers: &HeaderMap) -> Result<(), Problem> {
    for name in ONCE {
        if headers.get_all(&name).iter().nth(1).is_some() {
            return Err(Problem::new(
                &code::BAD_REQUEST,
                format!("the header `{name}` comes twice"),
            )
            .remedy("send it once"));
        }
    }
    Ok(())
}

const ONCE: [HeaderName; 3] = [AUTHORIZATION, ORIGIN, HeaderName::from_static("sec-fetch-site")];
/// ` HTTP/1.1`, the space before the path, and two ends of lines.
const AROUND_PATH: usize = 14;
/// `: ` and the end of the line.
const AROUND_HEADER: usize = 4;

const ALWAYS: [(HeaderName, &str); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
