//! A port that is taken, before anything is opened behind it.

use std::io;
use std::net::SocketAddr;

use resurge::Engine;
use resurge_dashboard::{Button, Dashboard, DashboardBuilder, Token};
use tokio::net::TcpListener;

use super::args::{Beside, Door};
use super::order::Counter;
use super::served::Served;
use crate::error::LauncherError;
use crate::flow::InstallFlow;
use crate::out;
use crate::place::DataDir;
use crate::running::Running;

/// A port that is taken, and what will be served there.
#[derive(Debug)]
pub(crate) struct Front {
    door: Door,
    listener: TcpListener,
    address: SocketAddr,
    buttons: Vec<Button>,
    counter: Option<Counter>,
    announce: fn(&str),
}

/// The same with the token that opens it.
#[derive(Debug)]
pub(crate) struct Guarded {
    front: Front,
    token: Token,
    data: DataDir,
}

impl Front {
    /// Takes the port; whoever comes before the engine is open waits.
    ///
    /// The address is announced once the dashboard is there.
    pub(crate) async fn open(door: Door, announce: fn(&str)) -> Result<Self, LauncherError> {
        let address = door.listen;
        door.check()?;
        let failed = |source| refused(address, source);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if !address.ip().is_loopback() {
            out::message(format_args!(
                "{address} may be reached from other machines: whoever sees the traffic sees the token"
            ));
        }
        Ok(Self { door, listener, address, buttons: Vec::new(), counter: None, announce })
    }

    /// The same beside another command, if it was asked for; results are not in the way.
    pub(crate) async fn beside(asked: Beside) -> Result<Option<Self>, LauncherError> {
        let announce = |url: &str| out::message(format_args!("open {url}"));
        match asked.door() {
            Some(door) => Self::open(door, announce).await.map(Some),
            None => Ok(None),
        }
    }

    /// Adds a button to the page.
    pub(crate) fn button(mut self, button: Button) -> Self {
        self.buttons.push(button);
        self
    }

    /// Lets people order downloads on the page.
    pub(super) fn counter(mut self, counter: Counter) -> Self {
        self.counter = Some(counter);
        self
    }

    /// Gives it the token of a data directory, which is made if it is missing.
    pub(crate) fn guarded(self, data: &DataDir) -> Result<Guarded, LauncherError> {
        let token = Token::load_or_create(data.token())?;
        Ok(Guarded { front: self, token, data: data.clone() })
    }
}

impl Guarded {
    /// Serves the dashboard of an engine.
    pub(crate) fn serve(
        self,
        engine: &Engine,
        flow: &InstallFlow,
    ) -> Result<Served, LauncherError> {
        let Front { door, listener, address, buttons, counter, announce } = self.front;
        let token = self.token;
        let builder = Dashboard::builder(engine.clone()).name("launcher").token(token);
        let builder = builder.hosts(&door.hosts).read_only(door.read_only);
        let builder = buttons.into_iter().fold(builder, DashboardBuilder::button);
        let builder = match counter {
            Some(counter) => {
                let (engine, flow) = (engine.clone(), flow.clone());
                builder.starter(move |order| {
                    let (counter, engine, flow) = (counter.clone(), engine.clone(), flow.clone());
                    async move { counter.take(&engine, &flow, order).await }
                })
            }
            None => builder,
        };
        let dashboard = builder.build()?;
        let url = reachable(dashboard.url(address), address, &door.hosts);
        let running = Running::here(address);
        let served = Served::start(dashboard, listener, running, self.data)?;
        announce(&url);
        Ok(served)
    }
}

/// Why nobody can listen there.
pub(crate) fn refused(address: SocketAddr, source: io::Error) -> LauncherError {
    if source.kind() == io::ErrorKind::AddrInUse {
        LauncherError::PortInUse { address }
    } else {
        LauncherError::Listen { address, source }
    }
}

/// The address as it works from here: the loopback, if it leads there, or else a name that is allowed.
fn reachable(url: String, address: SocketAddr, hosts: &[String]) -> String {
    let leads_here = address.ip().is_loopback() || address.ip().is_unspecified();
    let (Some(host), Some((_, fragment))) =
        (hosts.first().filter(|_| !leads_here), url.split_once("/#"))
    else {
        return url;
    };
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = if has_port { String::new() } else { format!(":{}", address.port()) };
    format!("http://{host}{port}/#{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_is_told_leads_here() {
        let told = |address: &str, hosts: &[&str]| {
            let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            let address = address.parse().expect("it is an address");
            reachable("http://127.0.0.1:7878/#token=x".to_owned(), address, &hosts)
        };
        let loopback = "http://127.0.0.1:7878/#token=x";
        assert_eq!(told("127.0.0.1:7878", &[]), loopback);
        assert_eq!(told("127.0.0.1:7878", &["my.box"]), loopback);
        assert_eq!(told("0.0.0.0:7878", &["my.box"]), loopback);
        let other = "10.1.2.3:7878";
        assert_eq!(told(other, &["my.box", "x"]), "http://my.box:7878/#token=x");
        assert_eq!(told(other, &["my.box:80"]), "http://my.box:80/#token=x");
        assert_eq!(told(other, &["[fd00::1]"]), "http://[fd00::1]:7878/#token=x");
    }
}
