//! Whether the engine is there.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dashboard::App;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok` or `stopped`.
    status: &'static str,
}

/// Whether the engine runs; open to all, and says no more than that.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(super) async fn health(State(app): State<Arc<App>>) -> (StatusCode, Json<Health>) {
    let (code, status) = match app.engine.now().await {
        Ok(_) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
    };
    (code, Json(Health { status }))
}
