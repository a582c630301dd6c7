//! Rules for reqwest, hyper, h2, rustls and url.

use std::error::Error;

use resurge_journal::failure::Class;

use super::chain::{Says, Verdict};
use super::io::{DROPPED, FORMAT, TIMED_OUT};

/// What these rules know about one link.
pub(super) fn says(link: &(dyn Error + 'static)) -> Says {
    if let Some(error) = link.downcast_ref::<reqwest::Error>() {
        return client(error);
    }
    if let Some(error) = link.downcast_ref::<hyper::Error>() {
        return http(error);
    }
    if let Some(error) = link.downcast_ref::<rustls::Error>() {
        return Says::Sure(tls(error));
    }
    if link.is::<h2::Error>() {
        return Says::Unless(DROPPED);
    }
    if link.is::<url::ParseError>() {
        return Says::Sure(URL);
    }
    Says::Nothing
}

/// Whether an I/O error below hyper means that the body does not keep to HTTP.
///
/// hyper reports broken chunks with these kinds and without a number of the system.
pub(super) fn is_broken_framing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput};
    error.raw_os_error().is_none() && matches!(error.kind(), InvalidData | InvalidInput)
}

/// A connection that ended while it was being made ended in the handshake of TLS.
pub(super) fn refine(outer: &(dyn Error + 'static), verdict: Verdict) -> Option<Verdict> {
    let connecting = outer.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect);
    (connecting && verdict == DROPPED).then_some(TLS_IO)
}

const URL: Verdict = Verdict::never(Class::Validation, "url", "check the address");
const DNS: Verdict = Verdict::retry(
    Class::Network,
    "dns",
    "the name of the server was not found; check the address, the connection, the VPN",
);
const CONNECT: Verdict =
    Verdict::retry(Class::Network, "connect", "check the connection, a proxy, a firewall");
const TLS_IO: Verdict =
    Verdict::retry(Class::Network, "tls_io", "the secure handshake was cut off");
const TLS_TRUST: Verdict = Verdict::never(
    Class::Security,
    "tls_trust",
    "the certificate is not trusted; check the clock, and whether a proxy or antivirus intercepts",
);
const TLS_PROTOCOL: Verdict = Verdict::never(
    Class::Security,
    "tls_protocol",
    "no secure connection is possible with this server; check the address and its port",
);
pub(super) const BAD_ANSWER: Verdict =
    Verdict::retry(Class::Server, "bad_answer", "the server answers something that is not HTTP");

fn client(error: &reqwest::Error) -> Says {
    if error.is_builder() {
        return Says::Unless(URL);
    }
    if error.is_redirect() {
        return Says::Sure(Verdict::never(
            Class::Validation,
            "redirect_loop",
            "the address only leads in a circle; check it",
        ));
    }
    if error.is_timeout() {
        let connect = Verdict { kind: "connect_timeout", ..TIMED_OUT };
        return Says::Sure(if error.is_connect() { connect } else { TIMED_OUT });
    }
    if error.is_dns() {
        return Says::Sure(DNS);
    }
    if error.is_connect() {
        return Says::Unless(CONNECT);
    }
    if error.is_decode() {
        return Says::Unless(FORMAT);
    }
    if error.is_body() || error.is_request() {
        return Says::Unless(DROPPED);
    }
    Says::Nothing
}

fn http(error: &hyper::Error) -> Says {
    if error.is_timeout() {
        return Says::Sure(TIMED_OUT);
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return Says::Sure(DROPPED);
    }
    if error.is_parse() {
        return Says::Sure(BAD_ANSWER);
    }
    if error.is_user() {
        return Says::Unless(Verdict::never(Class::Internal, "http_client", "report this"));
    }
    Says::Unless(DROPPED)
}

fn tls(error: &rustls::Error) -> Verdict {
    match error {
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::InvalidCertRevocationList(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::UnsupportedNameType
        | rustls::Error::AlertReceived(_)
        | rustls::Error::General(_) => TLS_TRUST,
        // Bytes that were damaged on the way, or cut off.
        rustls::Error::DecryptError | rustls::Error::HandshakeNotComplete => TLS_IO,
        _ => TLS_PROTOCOL,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io;

    use super::super::classify;
    use super::*;

    fn kind(error: &(dyn Error + 'static)) -> (Class, &'static str, bool) {
        let verdict = classify(error);
        (verdict.class, verdict.kind, verdict.retry)
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_never_retried() {
        for certificate in [
            rustls::CertificateError::Expired,
            rustls::CertificateError::UnknownIssuer,
            rustls::CertificateError::NotValidForName,
        ] {
            let inner = rustls::Error::InvalidCertificate(certificate);
            let error = io::Error::new(io::ErrorKind::InvalidData, inner);
            assert_eq!(kind(&error), (Class::Security, "tls_trust", false));
        }
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        assert_eq!(kind(&alert).0, Class::Security);
        assert_eq!(kind(&rustls::Error::DecryptError), (Class::Network, "tls_io", true));
    }

    #[test]
    fn an_address_that_is_not_one_is_never_retried() {
        let error = url::Url::parse("http://[").unwrap_err();
        assert_eq!(kind(&error), (Class::Validation, "url", false));
    }

    #[test]
    fn a_broken_stream_of_http2_is_a_dropped_connection() {
        let error = h2::Error::from(h2::Reason::INTERNAL_ERROR);
        assert_eq!(kind(&error), (Class::Network, "dropped", true));
    }
}
