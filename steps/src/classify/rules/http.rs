//! Rules for the status of an HTTP answer or of a gRPC call.

use resurge_journal::failure::{Class, Scope};

use super::row::Plan::{Backoff, Never, Now};
use super::row::{Row, When};

const REQUEST: &str = "the server does not accept this request; check the address and settings";

/// The first row that knows the status decides.
pub(super) const ROWS: &[Row] = &[
    Row::new("http.link_expired", Class::Permission, "link_expired", Now)
        .limit(2)
        .when(When::LinkMayExpire)
        .hint("the download link expired; a new one is fetched")
        .sure(&[("http", "403"), ("http", "400")]),
    Row::new("http.401", Class::Permission, "", Never)
        .scope(Scope::Account)
        .hint("sign in, or update the access token")
        .sure(&[("http", "401"), ("grpc", "16")]),
    Row::new("http.forbidden", Class::Permission, "", Never)
        .scope(Scope::Account)
        .hint("access is refused: accept the licence, or check the rights of your account")
        .sure(&[("http", "402"), ("http", "403"), ("http", "451"), ("grpc", "7")]),
    Row::new("http.missing", Class::NotFound, "", Never)
        .hint("the file is no longer at this address; try another source")
        .sure(&[("http", "404"), ("http", "410"), ("grpc", "5")]),
    Row::new("http.407", Class::Permission, "", Never)
        .scope(Scope::Account)
        .not_sent()
        .hint("sign in to the proxy")
        .sure(&[("http", "407")]),
    Row::new("http.slow", Class::Timeout, "", Backoff(1))
        .scope(Scope::Host)
        .hint("the server is slow; it may pass by itself")
        .sure(&[("http", "408"), ("http", "504"), ("http", "522"), ("http", "524"), ("grpc", "4")]),
    Row::new("http.conflict", Class::Conflict, "", Backoff(1))
        .limit(5)
        .hint("somebody else is changing it; it may pass by itself")
        .sure(&[("http", "409"), ("http", "423"), ("grpc", "10")]),
    Row::new("http.changed", Class::Integrity, "", Now)
        .limit(1)
        .hint("the file changed on the server; it is fetched anew")
        .sure(&[("http", "412"), ("http", "416")]),
    Row::new("http.421", Class::Network, "", Now)
        .limit(1)
        .scope(Scope::Host)
        .hint("the wrong server answered; it may pass by itself")
        .sure(&[("http", "421")]),
    Row::new("http.425", Class::Network, "", Now)
        .limit(1)
        .scope(Scope::Host)
        .hint("the server wants the request later")
        .sure(&[("http", "425")]),
    Row::new("http.429", Class::Throttled, "", Backoff(1))
        .scope(Scope::Account)
        .hint("the site limits requests; signing in may raise the limit")
        .sure(&[("http", "429"), ("grpc", "8")]),
    Row::new("http.paused", Class::Throttled, "", Backoff(1))
        .scope(Scope::Host)
        .when(When::DelayAsked)
        .hint("the site asks for a pause; try again after that")
        .sure(&[("http", "503"), ("http", "529")]),
    Row::new("http.500", Class::Server, "", Backoff(1))
        .limit(3)
        .scope(Scope::Host)
        .hint("the server failed on its side; it may pass by itself")
        .sure(&[("http", "500"), ("grpc", "13"), ("grpc", "2")]),
    Row::new("http.507", Class::Server, "", Backoff(4))
        .limit(2)
        .scope(Scope::Host)
        .hint("the server has no space left")
        .sure(&[("http", "507")]),
    Row::new("http.511", Class::Network, "", Backoff(1))
        .scope(Scope::Host)
        .hint("sign in on the login page of this network")
        .sure(&[("http", "511")]),
    Row::new("http.unsupported", Class::Validation, "", Never)
        .hint("the server cannot serve this request; report it to its operator")
        .sure(&[
            ("http", "501"),
            ("http", "505"),
            ("http", "506"),
            ("http", "508"),
            ("http", "510"),
            ("http", "525"),
            ("http", "526"),
            ("grpc", "12"),
        ]),
    Row::new("http.unavailable", Class::Server, "", Backoff(1))
        .scope(Scope::Host)
        .hint("the service is down for now; it may pass by itself")
        .sure(&[("http", "5xx"), ("grpc", "14")]),
    Row::new("http.request", Class::Validation, "", Never).hint(REQUEST).sure(&[
        ("http", "4xx"),
        ("grpc", "3"),
        ("grpc", "9"),
        ("grpc", "11"),
    ]),
    Row::new("http.unexpected", Class::Validation, "", Never).hint(REQUEST).sure(&[("http", "*")]),
    Row::new("grpc.cancelled", Class::Cancelled, "", Never)
        .hint("the call was called off")
        .sure(&[("grpc", "1")]),
    Row::new("grpc.data", Class::Integrity, "", Never)
        .hint("the server lost or damaged the data")
        .sure(&[("grpc", "15")]),
    Row::new("grpc.conflict", Class::Conflict, "", Never)
        .hint("it exists already; choose another name")
        .sure(&[("grpc", "6")]),
];
