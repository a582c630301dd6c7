//! Downloads that somebody asks for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use resurge::RunId;
use serde::Deserialize;
use utoipa::ToSchema;

type Started = Pin<Box<dyn Future<Output = Result<RunId, String>> + Send>>;

/// A download that somebody asks for; see [`DashboardBuilder::starter`](crate::DashboardBuilder::starter).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[non_exhaustive]
pub struct NewDownload {
    /// Where it is.
    pub url: String,
    /// Where it is to be put; the program decides what it allows.
    #[serde(default)]
    pub dest_path: Option<String>,
    /// Its digest, such as `sha256:..`.
    #[serde(default)]
    pub digest: Option<String>,
}

/// What starts a download.
#[derive(Clone)]
pub(crate) struct Starter(Arc<dyn Fn(NewDownload) -> Started + Send + Sync>);

impl Starter {
    pub(crate) fn new<F, R>(start: F) -> Self
    where
        F: Fn(NewDownload) -> R + Send + Sync + 'static,
        R: Future<Output = Result<RunId, String>> + Send + 'static,
    {
        Self(Arc::new(move |order| -> Started { Box::pin(start(order)) }))
    }

    pub(super) async fn start(&self, order: NewDownload) -> Result<RunId, String> {
        (self.0)(order).await
    }
}

impl fmt::Debug for Starter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Starter(..)")
    }
}
