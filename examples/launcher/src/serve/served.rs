//! A dashboard that is being served.

use resurge_dashboard::{Dashboard, ServeError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::LauncherError;

/// A dashboard that is served until it is stopped, or dropped.
#[derive(Debug)]
pub(crate) struct Served {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Served {
    pub(super) fn start(dashboard: Dashboard, listener: TcpListener) -> Self {
        let (stop, stopped) = oneshot::channel();
        let until = async { drop(stopped.await) };
        let task = tokio::spawn(async move { dashboard.serve(listener, until).await });
        Self { stop, task }
    }

    /// Ends streams at once and lets answers under way finish.
    pub(crate) async fn stop(self) -> Result<(), LauncherError> {
        drop(self.stop);
        // A panic in it loses no fact.
        Ok(self.task.await.unwrap_or(Ok(()))?)
    }
}
