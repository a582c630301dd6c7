//! The options of the dashboard.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;

use crate::error::LauncherError;

/// A port that no well-known program uses, below those that systems hand out.
const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7878);

/// Where the dashboard is, and what it lets people do.
#[derive(Debug, Clone, Args)]
pub(crate) struct Door {
    /// Where to listen; port 0 takes one that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = DEFAULT, value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// A further name under which browsers may ask for it, such as `my.box:7878`; may be repeated
    ///
    /// Needed to listen on an address that other machines reach. The token travels as it is: the way there has to be
    /// private.
    #[arg(long = "allow-host", value_name = "NAME[:PORT]", value_parser = host)]
    pub(crate) hosts: Vec<String>,
    /// Let people look, and change nothing
    #[arg(long)]
    pub(crate) read_only: bool,
}

/// Whether the dashboard is served while a command runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct Beside {
    /// Serve the dashboard meanwhile
    #[arg(long)]
    dashboard: bool,
    /// Where the dashboard listens; port 0 takes one that is free [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDRESS:PORT", requires = "dashboard", value_parser = address)]
    listen: Option<SocketAddr>,
    /// A further name under which browsers may ask for the dashboard; may be repeated
    #[arg(
        long = "allow-host",
        value_name = "NAME[:PORT]",
        requires = "dashboard",
        value_parser = host
    )]
    hosts: Vec<String>,
}

impl Door {
    /// Refuses to let other machines in unless somebody said how they call this one.
    pub(crate) fn check(&self) -> Result<(), LauncherError> {
        if !self.listen.ip().is_loopback() && self.hosts.is_empty() {
            return Err(LauncherError::Exposed { address: self.listen });
        }
        Ok(())
    }
}

impl Beside {
    /// The dashboard that was asked for, if any.
    pub(crate) fn door(self) -> Option<Door> {
        let listen = self.listen.unwrap_or(DEFAULT);
        self.dashboard.then_some(Door { listen, hosts: self.hosts, read_only: false })
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "write an address and a port, such as 127.0.0.1:7878 or [::1]:7878; port 0 takes one that is free".to_owned()
    })
}

fn host(text: &str) -> Result<String, String> {
    // An address of version 6 holds colons of its own.
    let colon = text.rfind(':').filter(|at| text.rfind(']').is_none_or(|end| end < *at));
    let (name, port) = match colon.and_then(|at| text.split_at_checked(at)) {
        Some((name, port)) => (name, Some(port.trim_start_matches(':'))),
        None => (text, None),
    };
    if text.contains('/') || !is_name(name) {
        return Err(NAME.to_owned());
    }
    let is_port = |port: &str| {
        port.bytes().all(|digit| digit.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if port.is_some_and(|port| !is_port(port)) {
        return Err(format!("write a port from 1 to 65535, such as {name}:7878, or none for any"));
    }
    Ok(text.to_owned())
}

const NAME: &str = "write one name or address as it stands in the address bar, such as my.box:7878 or [fd00::1], \
                    without http:// and without *; repeat the option for more";

/// Whether browsers ask for a host under this name; others than in English go as `xn--..`.
fn is_name(text: &str) -> bool {
    let address = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = address {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.contains(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_browser_asks_for_is_refused_with_what_to_write() {
        for text in [
            "my.box",
            "My_Box.:7878",
            "10.0.0.1:1",
            "[fd00::1]",
            "[fd00::1]:65535",
            "xn--bcher-kva",
        ] {
            assert_eq!(host(text).as_deref(), Ok(text));
        }
        for (text, word) in [
            ("", "my.box"),
            ("*", "without *"),
            ("*.my.box:7878", "without *"),
            ("http://my.box", "without http://"),
            ("my.box/", "address bar"),
            ("my box", "address bar"),
            ("a,b", "repeat"),
            ("fd00::1", "[fd00::1]"),
            ("[fd00::g]", "[fd00::1]"),
            ("[fd00::1]x", "[fd00::1]"),
            (".", "my.box"),
            ("b\u{fc}cher", "my.box"),
            (":7878", "my.box"),
            ("x:", "65535"),
            ("x:0", "65535"),
            ("x:99999", "such as x:7878"),
            ("x:+80", "65535"),
            ("x:1:2", "my.box"),
            ("[fd00::1]:99999", "such as [fd00::1]:7878"),
        ] {
            let why = host(text).expect_err(text);
            assert!(why.contains(word), "{text}: {word} in {why}");
        }
    }
}
