//! The addresses of an artifact, and how they are shown.

use resurge_journal::ResourceKey;
use resurge_journal::failure::Class;
use url::Url;

use crate::artifact::Artifact;
use crate::error::StepError;

/// An address that an artifact can be fetched from.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) url: Url,
    /// Its host, as others who use it call it.
    pub(super) key: Option<ResourceKey>,
}

impl Place {
    /// All addresses of an artifact, the preferred one first.
    ///
    /// # Errors
    /// One of them is not an address of http or https; class `validation`.
    pub(super) fn all(artifact: &Artifact) -> Result<Vec<Self>, StepError> {
        std::iter::once(&artifact.url)
            .chain(&artifact.mirrors)
            .map(|text| Self::parse(text))
            .collect()
    }

    fn parse(text: &str) -> Result<Self, StepError> {
        let url = Url::parse(text)
            .map_err(|error| StepError::from(error).during("read an address of the artifact"))?;
        if is_http(&url) && url.has_host() {
            let key = key_of(&url);
            Ok(Self { url, key })
        } else {
            let message = format!("`{}` is no address of http or https; use one", shown(&url));
            Err(StepError::new(Class::Validation, "url", message))
        }
    }

    /// The address without user, password, query and fragment.
    pub(super) fn shown(&self) -> String {
        shown(&self.url)
    }
}

/// The host of an address, as others who use it call it.
pub(super) fn key_of(url: &Url) -> Option<ResourceKey> {
    let host = url.host_str()?.trim_end_matches('.');
    ResourceKey::host(url.scheme(), host, url.port_or_known_default()?).ok()
}

/// Why an address may have run out: a redirect led to it, or it carries a signature.
pub(super) fn may_expire(origin: &Url, end: &Url) -> Option<&'static str> {
    const SIGNED: &[&str] =
        &["x-amz-signature", "x-goog-signature", "signature", "sig", "token", "expires"];
    let is_signed = |name: &str| SIGNED.iter().any(|known| name.eq_ignore_ascii_case(known));
    if end.query_pairs().any(|(name, _)| is_signed(&name)) {
        Some("signed")
    } else {
        // A fragment is not sent, so it does not make another address.
        let without = |url: &Url| url.as_str().split('#').next().map(str::to_owned);
        (without(origin) != without(end)).then_some("redirected")
    }
}

/// Whether downloads speak this scheme.
pub(super) fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// An address without what may be secret: user, password, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = if url.cannot_be_a_base() { "" } else { url.path() };
    format!("{}://{host}{port}{path}", url.scheme())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let place = Place::parse("https://joe:pw@host:8443/a%20b?token=x#y").unwrap();
        assert_eq!(place.shown(), "https://host:8443/a%20b");
    }

    #[test]
    fn only_http_is_an_address() {
        for bad in ["", "file:///etc/passwd", "ftp://host/x", "data:text/plain,secret", "host/x"] {
            let error = Place::parse(bad).unwrap_err();
            assert_eq!((error.class(), error.kind()), (Class::Validation, "url"), "{bad}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
