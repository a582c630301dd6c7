//! reqwest, hyper, h2, rustls and url.

use std::error::Error;

use super::chain::Facts;

/// What one link is.
pub(super) fn facts(link: &(dyn Error + 'static)) -> Facts {
    let fact = if let Some(error) = link.downcast_ref::<reqwest::Error>() {
        ("reqwest", client(error).to_owned())
    } else if let Some(error) = link.downcast_ref::<hyper::Error>() {
        ("hyper", http(error).to_owned())
    } else if let Some(error) = link.downcast_ref::<rustls::Error>() {
        ("rustls", tls(error).to_owned())
    } else if let Some(error) = link.downcast_ref::<h2::Error>() {
        ("h2", error.reason().map_or_else(|| "other".to_owned(), |reason| format!("{reason:?}")))
    } else if link.is::<url::ParseError>() {
        ("url", "parse".to_owned())
    } else {
        return Facts::new();
    };
    vec![fact]
}

fn client(error: &reqwest::Error) -> &'static str {
    if error.is_builder() {
        return "builder";
    }
    if error.is_redirect() {
        return "redirect";
    }
    if error.is_timeout() {
        return if error.is_connect() { "connect_timeout" } else { "timeout" };
    }
    if error.is_dns() {
        return "dns";
    }
    if error.is_connect() {
        return "connect";
    }
    if error.is_decode() {
        return "decode";
    }
    if error.is_body() {
        return "body";
    }
    if error.is_request() { "request" } else { "other" }
}

fn http(error: &hyper::Error) -> &'static str {
    if error.is_timeout() {
        return "timeout";
    }
    if error.is_incomplete_message() {
        return "incomplete_message";
    }
    if error.is_closed() {
        return "closed";
    }
    if error.is_canceled() {
        return "canceled";
    }
    if error.is_parse() {
        return "parse";
    }
    if error.is_user() { "user" } else { "other" }
}

fn tls(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(_) => "invalid_certificate",
        rustls::Error::InvalidCertRevocationList(_) => "invalid_revocation_list",
        rustls::Error::NoCertificatesPresented => "no_certificates",
        rustls::Error::UnsupportedNameType => "unsupported_name",
        rustls::Error::AlertReceived(_) => "alert_received",
        rustls::Error::General(_) => "general",
        // Bytes that were damaged on the way, or cut off.
        rustls::Error::DecryptError => "decrypt_error",
        rustls::Error::HandshakeNotComplete => "handshake_not_complete",
        _ => "other",
    }
}
