//! How well recovery works.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::problem::Problem;
use crate::dashboard::App;
use crate::view::{StatsCard, panels};

/// How well recovery works, over all operations that the journal knows.
#[utoipa::path(get, path = "/api/v1/stats", tag = "stats",
    responses((status = 200, body = StatsCard)))]
pub(super) async fn all(State(app): State<Arc<App>>) -> Result<Json<StatsCard>, Problem> {
    let board = app.fresh_board().await?;
    let scene = board.scene();
    Ok(Json(panels::stats(&scene.stats, &scene.minutes, scene.now, true)))
}
