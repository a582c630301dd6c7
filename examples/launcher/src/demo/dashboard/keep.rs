//! A port that stays ours while the process that serves on it is gone.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A port that nobody else is given in between.
#[derive(Debug)]
pub(super) struct KeptPort {
    pub(super) address: SocketAddr,
    /// Bound, and never listened on: whoever asks meanwhile is refused.
    _socket: Option<TcpSocket>,
}

impl KeptPort {
    /// Takes a port; with port 0 one that is free.
    pub(super) fn take(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let address = socket.local_addr()?;
        // Linux lets another process listen where a socket is only bound; elsewhere it would be
        // in the way.
        let socket = cfg!(target_os = "linux").then_some(socket);
        Ok(Self { address, _socket: socket })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn a_kept_port_is_listened_on_by_turns() {
        let kept = KeptPort::take(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is free");
        for _ in 0..2 {
            assert!(TcpStream::connect(kept.address).await.is_err(), "nobody listens");
            let listener = TcpListener::bind(kept.address).await.expect("it is kept for us");
            TcpStream::connect(kept.address).await.expect("somebody listens");
            assert!(KeptPort::take(kept.address).is_err(), "it is in use");
            drop(listener);
        }
    }
}
