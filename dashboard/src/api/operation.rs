//! One operation.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use resurge::journal::Record;
use resurge::journal::dump::{JsonLine, words};
use resurge::{RunId, Seq};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::body::{Path, Query, limited};
use super::problem::{Problem, code};
use crate::dashboard::App;
use crate::view::{Detail, redact};

/// One operation in full, without its events.
///
/// The `ETag` is the version, for `If-Match` of a control; how far attempts are does not change it.
#[utoipa::path(get, path = "/api/v1/operations/{id}", tag = "operations",
    params(("id" = String, Path, description = "The operation")),
    responses((status = 200, body = Detail), (status = 304, description = "It has not moved")))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let run = operation(&id)?;
    let seen = app.engine.views(vec![run]).await?.runs.pop();
    let version = seen.ok_or_else(|| unknown(&id))?.view.version;
    let etag = HeaderValue::try_from(format!("W/\"{version}\"")).ok();
    let etag: HeaderMap = etag.into_iter().map(|etag| (header::ETAG, etag)).collect();
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    if known.is_some_and(|known| versions(known).any(|known| known == Some(version))) {
        return Ok((StatusCode::NOT_MODIFIED, etag).into_response());
    }
    let detail = app.fresh_board().await?.detail(run).await?;
    let mut detail = detail.ok_or_else(|| unknown(&id))?;
    detail.events.clear();
    detail.more_events = false;
    Ok((etag, Json(detail)).into_response())
}

/// Why an operation stands where it stands, with the arithmetic of its delays.
#[utoipa::path(get, path = "/api/v1/operations/{id}/explanation", tag = "operations",
    params(("id" = String, Path, description = "The operation")),
    responses((status = 200, body = serde_json::Value)))]
pub(super) async fn explanation(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Box<RawValue>>, Problem> {
    let why = app.engine.explain(operation(&id)?).await?.ok_or_else(|| unknown(&id))?;
    raw(redact::json(&why.to_json().to_string())).map(Json)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    /// Only events behind this one, the oldest first taken.
    after: Option<u64>,
    /// Only events before this one, the newest first taken.
    before: Option<u64>,
    /// Most events in the answer, from 1 to 500; 100 if it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Events {
    /// Lines of the journal with what they say in words as `text`, in order.
    #[schema(value_type = Vec<serde_json::Value>)]
    events: Vec<Box<RawValue>>,
    /// What to send as `after`, or else as `before`, for the next ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// The events of an operation: the newest ones, or those on one side of a position.
#[utoipa::path(get, path = "/api/v1/operations/{id}/events", tag = "operations",
    params(("id" = String, Path, description = "The operation"), Window),
    responses((status = 200, body = Events)))]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(window): Query<Window>,
) -> Result<Json<Events>, Problem> {
    let run = operation(&id)?;
    if app.engine.views(vec![run]).await?.runs.is_empty() {
        return Err(unknown(&id));
    }
    let (found, _) = app.engine.history(run, Found::new(&window)?, Found::take).await?;
    let next = found.next();
    let events: Result<_, _> = found.lines.into_iter().map(|(_, line)| raw(line)).collect();
    Ok(Json(Events { events: events?, next }))
}

/// Events within a window; never more in memory than the window takes.
#[derive(Debug)]
struct Found {
    after: Option<u64>,
    before: u64,
    limit: usize,
    lines: VecDeque<(u64, String)>,
    are_more: bool,
}

impl Found {
    fn new(window: &Window) -> Result<Self, Problem> {
        Ok(Self {
            after: window.after,
            before: window.before.unwrap_or(u64::MAX),
            limit: limited(window.limit, LIMIT, LIMIT_MAX)?,
            lines: VecDeque::new(),
            are_more: false,
        })
    }

    fn take(&mut self, record: &Record) {
        let seq = record.seq.get();
        if seq >= self.before || self.after.is_some_and(|after| seq <= after) {
            return;
        }
        if self.lines.len() == self.limit {
            self.are_more = true;
            if self.after.is_some() {
                return;
            }
            self.lines.pop_front();
        }
        self.lines.push_back((seq, line(record)));
    }

    fn next(&self) -> Option<u64> {
        let end = if self.after.is_some() { self.lines.back() } else { self.lines.front() };
        end.filter(|_| self.are_more).map(|(seq, _)| *seq)
    }
}

/// A record as its line of JSON, with what it says in words.
fn line(record: &Record) -> String {
    let mut line = redact::json(&JsonLine(record).to_string());
    let said = words(&record.event);
    let text = serde_json::Value::from(redact::text(&said));
    // The brace that ends the line.
    line.pop();
    line + &format!(",\"text\":{text}}}")
}

pub(super) fn operation(id: &str) -> Result<RunId, Problem> {
    id.parse().map_err(|_| unknown(id))
}

pub(super) fn unknown(id: &str) -> Problem {
    let problem = Problem::new(&code::UNKNOWN_OPERATION, format!("there is no operation {id}"));
    let problem = problem.remedy("it may have been dropped by retention since it ended");
    match id.parse() {
        Ok(run) => problem.about(run),
        Err(_) => problem,
    }
}

/// The versions that a list of entity tags names; none for what is no version of ours.
pub(super) fn versions(tags: &str) -> impl Iterator<Item = Option<Seq>> {
    tags.split(',').map(|tag| {
        let tag = tag.trim();
        let quoted = tag.strip_prefix("W/").unwrap_or(tag);
        let number = quoted.strip_prefix('"')?.strip_suffix('"')?;
        number.parse().ok().map(Seq::new)
    })
}

fn raw(text: String) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(text)
        .map_err(|error| Problem::new(&code::INTERNAL, format!("this is no JSON: {error}")))
}

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 500;
