//! A place among the streams.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::api::{Problem, code};
use crate::dashboard::App;
use crate::serve::Served;

/// A place among the streams, and the word when all streams must end.
///
/// The place is free again when the last clone is gone.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    _permit: Arc<OwnedSemaphorePermit>,
    closing: Option<watch::Receiver<bool>>,
}

impl Slot {
    /// Returns when the server shuts down, which one of somebody else never says.
    pub(crate) async fn closed(&mut self) {
        match &mut self.closing {
            // A server that is gone without a word is closed as well.
            Some(closing) => drop(closing.wait_for(|is_closing| *is_closing).await),
            None => std::future::pending().await,
        }
    }
}

impl FromRequestParts<Arc<App>> for Slot {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let closing = parts.extensions.get::<Served>().map(|served| served.closing.clone());
        let permit = Arc::clone(&app.streams).try_acquire_owned();
        let permit = permit.map_err(|_| {
            Problem::new(&code::TOO_MANY_STREAMS, "too many streams are open")
                .retry_after(RETRY_AFTER)
                .remedy("close other tabs of the dashboard")
        })?;
        Ok(Self { _permit: Arc::new(permit), closing })
    }
}

const RETRY_AFTER: Duration = Duration::from_secs(10);
