//! Under which names the dashboard may be asked.
//!
//! A page of somebody else can give its own name the address 127.0.0.1 and so talk to us as if we
//! were its server; only the `Host` of its requests tells.

use std::net::{Ipv6Addr, SocketAddr};

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

use crate::api::{Problem, code};

/// A name of the dashboard beyond those of the loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowedHost {
    name: String,
    /// None stands for any.
    port: Option<u16>,
}

impl AllowedHost {
    /// Reads `my.box` or `my.box:7878`; none for what no browser would send.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let (name, port) = split(text);
        let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_label = |label: &str| !label.is_empty() && label.chars().all(is_part);
        let is_name = match address {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => name.split('.').all(is_label),
        };
        (is_name && port != Some(0)).then_some(Self { name, port })
    }

    fn fits(&self, name: &str, port: Option<u16>) -> bool {
        self.name == name && (self.port.is_none() || self.port == port)
    }
}

/// A host that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) host: String,
    /// Whether it is an address that our own listener has, which knows no TLS.
    pub(crate) is_plain: bool,
}

/// The host that a request names, if the dashboard answers to it.
///
/// `served` is where the listener is, if it is ours; within somebody else's server any port will do.
pub(crate) fn check(
    uri: &Uri,
    headers: &HeaderMap,
    allowed: &[AllowedHost],
    served: Option<SocketAddr>,
) -> Result<Named, Problem> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let host = host.or_else(|| uri.authority().map(Authority::as_str));
    let Some(host) = host.filter(|_| hosts.next().is_none()) else {
        return Err(foreign("a request must name one host"));
    };
    if uri.authority().is_some_and(|authority| !same(authority.as_str(), host)) {
        return Err(foreign("the address and the host of the request are not the same"));
    }
    let (name, port) = split(host);
    let is_own = served.is_some_and(|served| is_loopback(served, &name));
    let is_loopback = (is_own || LOOPBACK.contains(&name.as_str()))
        && served.is_none_or(|served| port.unwrap_or(HTTP_PORT) == served.port());
    let is_allowed = allowed.iter().any(|host| host.fits(&name, port));
    if is_loopback || is_allowed {
        let is_plain = served.is_some() && !is_allowed;
        return Ok(Named { host: host.to_owned(), is_plain });
    }
    Err(foreign("the dashboard does not answer to this host"))
}

/// Whether a name is the address that is listened on, and one of this machine alone.
fn is_loopback(served: SocketAddr, name: &str) -> bool {
    served.ip().is_loopback() && name == served.ip().to_string()
}

/// The port that a host names.
pub(crate) fn port(host: &str) -> u16 {
    split(host).1.unwrap_or(HTTP_PORT)
}

/// Whether two hosts are one, however they are written.
pub(crate) fn same(one: &str, other: &str) -> bool {
    split(one) == split(other)
}

fn split(host: &str) -> (String, Option<u16>) {
    // An address of version 6 holds colons of its own.
    let after_address = host.rfind(']').unwrap_or(0);
    let colon = host.get(after_address..).and_then(|rest| rest.rfind(':'));
    let (name, port) = match colon.and_then(|at| host.split_at_checked(after_address + at)) {
        Some((name, port)) => match number(port.trim_start_matches(':')) {
            Some(port) => (name, Some(port)),
            // What is no port is part of a name, which fits none.
            None => (host, None),
        },
        None => (host, None),
    };
    (name.trim_end_matches('.').to_ascii_lowercase(), port)
}

fn number(port: &str) -> Option<u16> {
    port.bytes().all(|digit| digit.is_ascii_digit()).then(|| port.parse().ok())?
}

fn foreign(detail: &str) -> Problem {
    Problem::new(&code::FOREIGN_HOST, detail).remedy(
        "open http://127.0.0.1 with the port of the dashboard, or name the host with `Dashboard::builder(..).hosts(..)`",
    )
}

const LOOPBACK: &[&str] = &["127.0.0.1", "localhost", "[::1]"];
const HTTP_PORT: u16 = 80;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use axum::http::Request;

    use super::*;

    fn asks(uri: &str, hosts: &[&str], served: Option<u16>) -> bool {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let allowed = ["my.box:7878", "Other.Box"].map(|name| AllowedHost::new(name).unwrap());
        let served = served.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        check(&parts.uri, &parts.headers, &allowed, served).is_ok()
    }

    #[test]
    fn only_names_of_our_own_are_answered() {
        for (host, is_ours) in [
            ("127.0.0.1:7878", true),
            ("localhost:7878", true),
            ("LOCALHOST.:7878", true),
            ("[::1]:7878", true),
            ("my.box:7878", true),
            ("other.box:1", true),
            ("other.box", true),
            ("my.box", false),
            ("my.box:1", false),
            ("127.0.0.1", false),
            ("127.0.0.1:80", false),
            ("127.0.0.1:7878:7878", false),
            ("127.0.0.1:+7878", false),
            ("evil.example:7878", false),
            ("127.0.0.1.evil.example:7878", false),
            ("localhost:7878@evil.example", false),
            ("", false),
            ("::1:7878", false),
        ] {
            assert_eq!(asks("/", &[host], Some(7878)), is_ours, "{host}");
        }
    }

    #[test]
    fn a_request_names_one_host_and_means_it() {
        assert!(!asks("/", &[], Some(80)));
        assert!(!asks("/", &["localhost", "localhost"], Some(80)));
        assert!(!asks("http://evil.example/", &["localhost"], Some(80)));
        assert!(asks("http://localhost/", &["localhost"], Some(80)));
        assert!(asks("http://localhost/", &[], Some(80)), "as HTTP/2 does");
    }

    #[test]
    fn a_host_is_a_name_and_perhaps_a_port() {
        for name in ["my.box", "my.box:7878", "My_Box.", "10.0.0.1:80", "[fd00::1]", "[::1]:7"] {
            assert!(AllowedHost::new(name).is_some(), "{name}");
        }
        for name in [
            "", "*", "*.box", "x:99999", "x:0", "x:", "a b", "http://x", "x/", "::1", "[x]", ".",
            ":80", "x..y", "ä",
        ] {
            assert!(AllowedHost::new(name).is_none(), "{name}");
        }
    }

    #[test]
    fn within_another_server_any_port_will_do() {
        assert!(asks("/", &["localhost:1234"], None));
        assert!(!asks("/", &["evil.example:1234"], None));
    }
}
