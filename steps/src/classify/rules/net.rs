//! Rules for the network: connections, names, TLS, and the libraries above them.

use resurge_journal::failure::{Class, Scope};

use super::row::Plan::{Backoff, Never, Now};
use super::row::Row;

/// A connection that broke.
pub(in crate::classify) const DROPPED: Row = Row::new("io.dropped", Class::Network, "dropped", Now)
    .scope(Scope::Host)
    .gist("the connection broke")
    .hint("the connection broke; nothing to do if it recovers")
    .sure(&[
        ("io", "connection_reset"),
        ("io", "connection_aborted"),
        ("io", "not_connected"),
        ("io", "broken_pipe"),
        ("io", "unexpected_eof"),
        ("os", "EPROTO"),
        ("os", "ENETRESET"),
        ("hyper", "incomplete_message"),
        ("hyper", "closed"),
        ("hyper", "canceled"),
        ("transfer", "dropped"),
    ])
    .unless(&[("hyper", "other"), ("h2", "*"), ("reqwest", "body"), ("reqwest", "request")]);

/// A connection that broke while it was being secured.
pub(in crate::classify) const TLS_IO: Row =
    Row::new("tls.io", Class::Network, "tls_io", Backoff(1))
        .scope(Scope::Host)
        .gist("the secure handshake was cut off")
        .hint("the secure handshake was cut off; it may pass by itself")
        .sure(&[("rustls", "decrypt_error"), ("rustls", "handshake_not_complete")]);

/// Bytes that are not HTTP.
pub(in crate::classify) const BAD_ANSWER: Row =
    Row::new("http.bad_answer", Class::Server, "bad_answer", Backoff(1))
        .scope(Scope::Host)
        .gist("the server does not keep to HTTP")
        .hint("the server answers something that is not HTTP")
        .sure(&[("hyper", "parse")]);

pub(super) const ROWS: &[Row] = &[
    Row::new("io.refused", Class::Network, "refused", Backoff(1))
        .scope(Scope::Host)
        .not_sent()
        .gist("the connection was refused")
        .hint("the server does not accept connections: it may be down, or a firewall blocks it")
        .sure(&[("io", "connection_refused")]),
    Row::new("io.offline", Class::Network, "offline", Backoff(1))
        .scope(Scope::Host)
        .gist("the server cannot be reached")
        .hint("check whether this machine is connected")
        .sure(&[
            ("io", "network_unreachable"),
            ("io", "host_unreachable"),
            ("io", "network_down"),
            ("os", "EHOSTDOWN"),
            ("os", "ENOBUFS"),
        ]),
    Row::new("net.dns", Class::Network, "dns", Backoff(1))
        .scope(Scope::Host)
        .not_sent()
        .gist("the name of the server was not found")
        .hint("the name of the server was not found; check the address, the connection, the VPN")
        .sure(&[("reqwest", "dns")]),
    Row::new("net.connect_timeout", Class::Timeout, "connect_timeout", Backoff(1))
        .scope(Scope::Host)
        .not_sent()
        .gist("connecting took too long")
        .hint("the server does not answer; check the connection, a proxy, a firewall")
        .sure(&[("reqwest", "connect_timeout")]),
    Row::new("io.timed_out", Class::Timeout, "timed_out", Backoff(1))
        .scope(Scope::Host)
        .gist("the server did not answer in time")
        .hint("the other side answers slowly or not at all")
        .sure(&[("io", "timed_out"), ("hyper", "timeout"), ("reqwest", "timeout")]),
    Row::new("net.stalled", Class::Timeout, "stalled", Now)
        .scope(Scope::Host)
        .hint("it may pass by itself; what was done is kept")
        .sure(&[("transfer", "stalled")]),
    Row::new("net.cut_short", Class::Network, "cut_short", Now)
        .scope(Scope::Host)
        .hint("the connection ended too early; it goes on where it stands")
        .sure(&[("transfer", "cut_short")]),
    Row::new("net.connect", Class::Network, "connect", Backoff(1))
        .scope(Scope::Host)
        .not_sent()
        .gist("no connection is possible")
        .hint("check the connection, a proxy, a firewall")
        .unless(&[("reqwest", "connect")]),
    Row::new("tls.trust", Class::Security, "tls_trust", Never)
        .scope(Scope::Host)
        .gist("the certificate is not trusted")
        .hint("the certificate is not trusted; check the clock, and whether a proxy or antivirus intercepts")
        .sure(&[
            ("rustls", "invalid_certificate"),
            ("rustls", "invalid_revocation_list"),
            ("rustls", "no_certificates"),
            ("rustls", "unsupported_name"),
            ("rustls", "alert_received"),
            ("rustls", "general"),
        ]),
    Row::new("tls.protocol", Class::Security, "tls_protocol", Never)
        .scope(Scope::Host)
        .gist("no secure connection is possible")
        .hint("no secure connection is possible with this server; check the address and its port")
        .sure(&[("rustls", "other")]),
    Row::new("url.invalid", Class::Validation, "url", Never)
        .not_sent()
        .hint("check the address")
        .sure(&[("url", "*")])
        .unless(&[("reqwest", "builder")]),
    Row::new("http.redirect_loop", Class::Validation, "redirect_loop", Never)
        .hint("the address only leads in a circle; check it")
        .sure(&[("reqwest", "redirect"), ("transfer", "redirect_loop")]),
    Row::new("http.client", Class::Internal, "http_client", Never)
        .hint("report this as a defect of the HTTP client")
        .unless(&[("hyper", "user")]),
    DROPPED,
    TLS_IO,
    BAD_ANSWER,
];
