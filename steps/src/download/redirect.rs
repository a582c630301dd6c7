//! Where a redirect leads, and what may be told there.

use reqwest::header::{HeaderMap, LOCATION};
use resurge_journal::failure::Class;
use url::Url;

use super::place::{is_http, shown};
use crate::error::StepError;

/// How many redirects are followed.
pub(super) const HOPS_MAX: usize = 10;

/// Where an answer leads; none if it is not a redirect.
///
/// # Errors
/// It leads from https to http (class `security`), or to something that is not an address.
pub(super) fn next_hop(
    from: &Url,
    status: u16,
    headers: &HeaderMap,
) -> Result<Option<Url>, StepError> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = headers.get(LOCATION) else {
        return Ok(None);
    };
    let target = location.to_str().ok().and_then(|text| from.join(text).ok());
    let Some(to) = target.filter(|to| is_http(to) && to.has_host()) else {
        let message = format!("{} redirects to something that is no address", shown(from));
        return Err(StepError::new(Class::Validation, "redirect", message));
    };
    if from.scheme() == "https" && to.scheme() == "http" {
        let message = format!("{} redirects from https to http; this is not safe", shown(from));
        let error = StepError::new(Class::Security, "downgrade", message);
        return Err(error.hint("use an address that stays on https"));
    }
    Ok(Some(to))
}

/// Too many redirects.
pub(super) fn circle(origin: &Url) -> StepError {
    let message = format!("{} redirects more than {HOPS_MAX} times", shown(origin));
    StepError::found("transfer", "redirect_loop", message)
}

/// Whether what is secret for one address may be told to the other.
pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn hop(from: &str, status: u16, to: &str) -> Result<Option<String>, StepError> {
        let headers = HeaderMap::from_iter([(LOCATION, to.parse().unwrap())]);
        let hop = next_hop(&Url::parse(from).unwrap(), status, &headers)?;
        Ok(hop.map(|url| url.to_string()))
    }

    #[test]
    fn a_redirect_is_followed_but_never_to_a_less_safe_place() {
        let https = "https://a/x";
        assert_eq!(hop(https, 302, "/y?q").unwrap().as_deref(), Some("https://a/y?q"));
        assert_eq!(hop("http://a/x", 308, "https://b/").unwrap().as_deref(), Some("https://b/"));
        assert_eq!(hop(https, 200, "/y").unwrap(), None);
        assert_eq!(hop(https, 304, "/y").unwrap(), None);
        let error = hop(https, 301, "http://a/x").unwrap_err();
        assert_eq!((error.class(), error.kind()), (Class::Security, "downgrade"));
        for bad in ["file:///etc/passwd", "data:x", "http://", "http://["] {
            assert_eq!(
                hop("http://a/x", 302, bad).unwrap_err().class(),
                Class::Validation,
                "{bad}"
            );
        }
    }

    #[test]
    fn secrets_stay_with_scheme_host_and_port() {
        let same = |a: &str, b: &str| same_origin(&Url::parse(a).unwrap(), &Url::parse(b).unwrap());
        assert!(same("https://a/x", "https://a:443/y"));
        assert!(!same("https://a/x", "https://a:444/x"));
        assert!(!same("http://a/x", "https://a/x"));
        assert!(!same("https://a/x", "https://b.a/x"));
    }
}
