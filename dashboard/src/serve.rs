//! The accept loop: connections that are too many, too slow or gone hold nobody up.

mod patient;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use self::patient::Patient;
use crate::guard::Limits;

/// A dashboard that could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The listener has no address.
    #[error("the listener does not say where it listens; bind it again")]
    Address(#[source] io::Error),
    /// The listener is open to others than this machine.
    #[error(
        "{address} is open to others than this machine; listen on 127.0.0.1, or name the hosts under which it may be asked with `hosts`"
    )]
    NotLoopback {
        /// Where it listens.
        address: SocketAddr,
    },
}

/// What a request can know of the server that it came through, if it is ours.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Places for connections, those that are free.
    places: Arc<Semaphore>,
    places_max: usize,
    /// True once the server shuts down.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Served {
    /// Whether half of the places for connections are taken.
    pub(crate) fn is_crowded(&self) -> bool {
        // One more is held for whoever comes next.
        self.places.available_permits().saturating_mul(2) < self.places_max
    }
}

pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    may_be_open: bool,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Address)?;
    if !may_be_open && !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    let (close, closing) = watch::channel(false);
    let places_max = limits.connections_max.clamp(1, Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(places_max));
    let served =
        Served { address, places: Arc::clone(&places), places_max, closing: closing.clone() };
    let router = router.layer(Extension(served));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, place) = accept(&listener, &places) => {
                connections.spawn(connection(stream, place, router.clone(), limits.clone(), closing.clone()));
            }
            // Only to let go of what has ended.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    close.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown_grace, all_ended).await.is_err() {
        tracing::debug!(left = connections.len(), "connections are cut");
    }
    Ok(())
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // Nobody closes the semaphore.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors, say: some come back when other connections end.
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused)
}

async fn connection(
    stream: TcpStream,
    place: Option<OwnedSemaphorePermit>,
    router: Router,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) {
    // Small pieces of a stream are to leave at once; where that fails they leave a little later.
    drop(stream.set_nodelay(true));
    let io = TokioIo::new(Patient::new(stream, limits.write_timeout, place));
    let service = TowerToHyperService::new(router);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.request_timeout)
        .max_buf_size(limits.head_bytes_max());
    let mut connection = std::pin::pin!(http.serve_connection(io, service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { drop(closing.wait_for(|is_closing| *is_closing).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}

const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
