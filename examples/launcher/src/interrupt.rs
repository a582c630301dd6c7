//! Ctrl-C: the first one asks to stop, the second one stops.

use std::future::Future;

use tokio::signal;
use tokio::sync::watch;

use crate::error::LauncherError;
use crate::exit::Exit;
use crate::out;

/// Whether the person at the terminal, or the system, asked the process to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    asked: watch::Receiver<bool>,
}

impl Interrupt {
    /// Begins to listen to SIGINT and SIGTERM (on Windows to Ctrl-C).
    pub(crate) fn listen() -> Result<Self, LauncherError> {
        let mut signals = Signals::listen()
            .map_err(|source| LauncherError::System { action: "listen to Ctrl-C", source })?;
        let (ask, asked) = watch::channel(false);
        tokio::spawn(async move {
            signals.next().await;
            out::message("stopping; press Ctrl-C again to stop at once");
            ask.send_replace(true);
            signals.next().await;
            std::process::exit(i32::from(Exit::Interrupted.code()));
        });
        Ok(Self { asked })
    }

    /// Asks by itself as soon as something has happened, or somebody else asks.
    pub(crate) fn or_when(&self, happened: impl Future<Output = ()> + Send + 'static) -> Self {
        let (ask, asked) = watch::channel(false);
        let mut person = self.clone();
        tokio::spawn(async move {
            let _ = person.unless(happened).await;
            ask.send_replace(true);
            ask.closed().await;
        });
        Self { asked }
    }

    /// Whether somebody has asked.
    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Resolves when somebody asks; never if nobody does.
    pub(crate) async fn asked(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What the work gives, or none if somebody asked to stop before.
    pub(crate) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.asked() => None,
            done = work => Some(done),
        }
    }
}

/// SIGINT and SIGTERM (on Windows Ctrl-C).
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: signal::unix::Signal,
    terminate: signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        use signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// SIGINT and SIGTERM (on Windows Ctrl-C).
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the twin on Unix can fail")]
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
