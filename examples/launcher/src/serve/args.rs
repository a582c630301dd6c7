//! The options of the dashboard.

use std::net::{Ipv4Addr, SocketAddr};

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
    if text.is_empty() || text.contains(|c: char| c == '/' || c.is_whitespace()) {
        return Err(
            "write a name as it stands in the address bar, such as my.box:7878, without http://"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}
