//! A dashboard that is being served.

use resurge_dashboard::{Dashboard, ServeError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::LauncherError;
use crate::place::DataDir;
use crate::running::Running;

/// A dashboard that is served until it is stopped, or dropped.
#[derive(Debug)]
pub(crate) struct Served {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
    running: Running,
    data: DataDir,
}

impl Served {
    /// Serves, and says where to the other programs of this user.
    pub(super) fn start(
        dashboard: Dashboard,
        listener: TcpListener,
        running: Running,
        data: DataDir,
    ) -> Result<Self, LauncherError> {
        let failed = |source| LauncherError::Folder { path: data.path().to_owned(), source };
        running.write(&data).map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let until = async { drop(stopped.await) };
        let task = tokio::spawn(async move { dashboard.serve(listener, until).await });
        Ok(Self { stop, task, running, data })
    }

    /// Ends streams at once and lets answers under way finish.
    pub(crate) async fn stop(self) -> Result<(), LauncherError> {
        self.running.remove(&self.data);
        drop(self.stop);
        // A panic in it loses no fact.
        Ok(self.task.await.unwrap_or(Ok(()))?)
    }
}
