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

/// Signals that ask a process to stop (on Windows Ctrl-C).
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Signals(Vec<signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    /// SIGINT and SIGTERM.
    pub(crate) fn listen() -> std::io::Result<Self> {
        use signal::unix::SignalKind;
        Self::of(&[SignalKind::interrupt(), SignalKind::terminate()])
    }

    /// Whatever ends a process whose terminal has to be given back: SIGHUP and SIGQUIT as well.
    pub(crate) fn listen_on_terminal() -> std::io::Result<Self> {
        use signal::unix::SignalKind as Kind;
        Self::of(&[Kind::interrupt(), Kind::terminate(), Kind::hangup(), Kind::quit()])
    }

    fn of(kinds: &[signal::unix::SignalKind]) -> std::io::Result<Self> {
        kinds.iter().map(|kind| signal::unix::signal(*kind)).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) async fn next(&mut self) {
        std::future::poll_fn(|cx| {
            let mut is_there = false;
            // Each of them is to wake us, whichever comes first.
            for signal in &mut self.0 {
                is_there |= signal.poll_recv(cx).is_ready();
            }
            if is_there { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}

/// Signals that ask a process to stop (on Windows Ctrl-C).
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the twin on Unix can fail")]
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) fn listen_on_terminal() -> std::io::Result<Self> {
        Self::listen()
    }

    pub(crate) async fn next(&mut self) {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
