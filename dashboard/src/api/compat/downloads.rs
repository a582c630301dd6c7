//! `/api/downloads`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use resurge::{Control, RunId, RunStatus, RunView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::download::Download;
use super::refused::{Refused, Success};
use super::start::NewDownload;
use crate::api::actor::{Actor, reason};
use crate::api::body::{Path, Query, Sent, limited};
use crate::api::operation::{operation, unknown};
use crate::api::problem::{Problem, code};
use crate::dashboard::App;
use crate::view::{Filter, Row, Sort};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldDownloads)]
pub(in crate::api) struct Listed {
    success: bool,
    downloads: Vec<Download>,
    total_count: usize,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldHistory)]
pub(in crate::api) struct Past {
    success: bool,
    history: Vec<Download>,
    total_count: usize,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldDownload)]
pub(in crate::api) struct One {
    success: bool,
    download: Download,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldStarted)]
pub(in crate::api) struct Started {
    success: bool,
    download_id: String,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Most {
    /// Most downloads in the answer, from 1 to 500; 200 if it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// The newest downloads, open ones and others.
#[utoipa::path(get, path = "/api/downloads", tag = "compatibility", params(Most),
    responses((status = 200, body = Listed)))]
pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    Query(most): Query<Most>,
) -> Result<Json<Listed>, Refused> {
    let (downloads, total_count) = newest(&app, None, most.limit, Download::new).await?;
    Ok(Json(Listed { success: true, downloads, total_count }))
}

/// Downloads that have ended, the newest first.
#[utoipa::path(get, path = "/api/downloads/history", tag = "compatibility", params(Most),
    responses((status = 200, body = Past)))]
pub(in crate::api) async fn history(
    State(app): State<Arc<App>>,
    Query(most): Query<Most>,
) -> Result<Json<Past>, Refused> {
    let (history, total_count) = newest(&app, Some(ENDED), most.limit, Download::new).await?;
    Ok(Json(Past { success: true, history, total_count }))
}

/// One download.
#[utoipa::path(get, path = "/api/downloads/{id}", tag = "compatibility",
    params(("id" = String, Path, description = "The download")),
    responses((status = 200, body = One)))]
pub(in crate::api) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<One>, Refused> {
    let download = shown(&app, &id, Download::new).await?;
    Ok(Json(One { success: true, download }))
}

/// Starts a download, if the program takes orders.
#[utoipa::path(post, path = "/api/downloads", tag = "compatibility", request_body = NewDownload,
    responses((status = 202, body = Started)))]
pub(in crate::api) async fn start(
    State(app): State<Arc<App>>,
    Sent(order): Sent<NewDownload>,
) -> Result<(StatusCode, Json<Started>), Refused> {
    let starter = app.starter.as_ref().ok_or_else(|| {
        Problem::new(&code::NOT_OFFERED, "this program starts no downloads on request")
            .remedy("start them in the program itself")
    })?;
    let run = starter.start(order).await.map_err(|why| Problem::new(&code::INVALID, why))?;
    let done = Started { success: true, download_id: run.to_string() };
    Ok((StatusCode::ACCEPTED, Json(done)))
}

/// What can be asked of a download.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OldVerb)]
pub(in crate::api) enum Wish {
    /// Halts it until it is resumed.
    Pause,
    /// Lets it go on after a pause, or tries again after it ran out of retries.
    Resume,
    /// Calls it off.
    Cancel,
    /// Tries again now.
    Retry,
}

/// Asks something of a download.
#[utoipa::path(post, path = "/api/downloads/{id}/{wish}", tag = "compatibility",
    params(("id" = String, Path, description = "The download"), ("wish" = Wish, Path)),
    responses((status = 200, body = Success)))]
pub(in crate::api) async fn ask(
    State(app): State<Arc<App>>,
    Path((id, wish)): Path<(String, Wish)>,
    Actor(actor): Actor,
) -> Result<Json<Success>, Refused> {
    let run = operation(&id)?;
    let (control, message) = match wish {
        Wish::Pause => (Control::Pause { freezes_timers: false }, "Download paused"),
        Wish::Cancel => (Control::Cancel, "Download cancelled"),
        Wish::Retry => (Control::RetryNow, "Download is tried again"),
        Wish::Resume if is_paused(&app, run).await? => (Control::Resume, "Download resumed"),
        Wish::Resume => (Control::RetryNow, "Download resumed"),
    };
    app.engine.control(run, control, actor, reason(None)?).await.map_err(Problem::from)?;
    Ok(Success::of(message))
}

async fn is_paused(app: &App, run: RunId) -> Result<bool, Problem> {
    let seen = app.engine.views(vec![run]).await?.runs.pop();
    let seen = seen.ok_or_else(|| unknown(&run.to_string()))?;
    Ok(seen.view.status == RunStatus::Paused)
}

/// The newest operations with one of these statuses, and how many there are.
pub(super) async fn newest<T>(
    app: &App,
    state: Option<&str>,
    limit: Option<usize>,
    show: impl Fn(&Arc<Row>, &RunView) -> T,
) -> Result<(Vec<T>, usize), Problem> {
    let limit = limited(limit, LIMIT, LIMIT_MAX)?;
    let filter = Filter { state: state.map(str::to_owned), ..Filter::default() };
    let board = app.fresh_board().await?;
    let (rows, total) = {
        let scene = board.scene();
        let (_, fitting) = scene.sift(&filter, Sort::Newest);
        let rows: Vec<_> =
            fitting.iter().take(limit).map(|entry| (entry.id, scene.row(entry))).collect();
        (rows, fitting.len())
    };
    let seen = board.look(rows.iter().map(|(id, _)| *id)).await?;
    let rows: HashMap<RunId, Arc<Row>> = rows.into_iter().collect();
    let shown = seen.iter().filter_map(|seen| Some(show(rows.get(&seen.view.id)?, &seen.view)));
    Ok((shown.collect(), total))
}

/// One operation.
pub(super) async fn shown<T>(
    app: &App,
    id: &str,
    show: impl Fn(&Arc<Row>, &RunView) -> T,
) -> Result<T, Problem> {
    let run = operation(id)?;
    let board = app.fresh_board().await?;
    let row = {
        let scene = board.scene();
        scene.entries.get(&run).map(|entry| scene.row(entry))
    };
    let row = row.ok_or_else(|| unknown(id))?;
    let seen = app.engine.views(vec![run]).await?.runs.pop().ok_or_else(|| unknown(id))?;
    Ok(show(&row, &seen.view))
}

const ENDED: &str = "success,failed,exhausted,cancelled";
const LIMIT: usize = 200;
pub(super) const LIMIT_MAX: usize = 500;
