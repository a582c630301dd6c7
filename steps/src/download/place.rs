//! The addresses of an artifact, and how they are shown.

use resurge_journal::failure::Class;
use url::Url;

use crate::artifact::Artifact;
use crate::error::StepError;

/// An address that an artifact can be fetched from.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) url: Url,
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
            Ok(Self { url })
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
