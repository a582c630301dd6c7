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
use serde_json::json;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::body::{Path, Query, limited};
use super::problem::{Problem, code};
use crate::dashboard::App;
use crate::view::{Detail, redact, tone};

/// One operation in full, without its events.
///
/// The `ETag` is the version and a digest, as `W/"118-5f0c1d2e3a4b"`; `If-Match` of a control takes it
/// and looks at the version only.
#[utoipa::path(get, path = "/api/v1/operations/{id}", tag = "operations",
    params(("id" = String, Path, description = "The operation")),
    responses((status = 200, body = Detail), (status = 304, description = "It has not moved")))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let run = operation(&id)?;
    let detail = in_full(&app, run).await?;
    let mut detail = detail.ok_or_else(|| unknown(&id))?;
    detail.events.clear();
    detail.more_events = false;
    let body = serde_json::to_vec(&detail)
        .map_err(|error| Problem::new(&code::INTERNAL, error.to_string()))?;
    let version = detail.row.as_ref().map_or(0, |row| row.version);
    let tag = tag(version, &body);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let is_known = known.is_some_and(|known| {
        let mut known = known.split(',').map(str::trim);
        known.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
    });
    let etag = HeaderValue::try_from(format!("W/{tag}")).ok();
    let etag: HeaderMap = etag.into_iter().map(|etag| (header::ETAG, etag)).collect();
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, etag).into_response());
    }
    Ok((etag, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The version, for controls, and what tells the same version at another moment apart: what a
/// breaker, a setting or the clock does to an operation is no record of its own.
fn tag(version: u64, body: &[u8]) -> String {
    let digest = blake3::hash(body).to_hex();
    format!("\"{version}-{}\"", digest.get(..TAG_CHARS).unwrap_or_default())
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
    #[param(format = "uint64")]
    after: Option<u64>,
    /// Only events before this one, the newest first taken.
    #[param(format = "uint64")]
    before: Option<u64>,
    /// Most events in the answer, from 1 to 500; 100 if it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Events {
    /// Lines of the journal in order, with what they say in words as `text`, and a `tone` (`Tone`).
    #[schema(value_type = Vec<serde_json::Value>)]
    events: Vec<Box<RawValue>>,
    /// What to send as `after`, or else as `before`, for the next ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// The events of an operation: the newest ones, or those on one side of a position.
///
/// An answer ends after a mebibyte of events although there are fewer than `limit`; follow `next`.
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
    let (found, look) = (Found::new(&window)?, app.look_back().await?);
    let take = move |found: &mut Found, record: &Record| {
        // A read goes on to its end although nobody waits for it any more, and so keeps its place.
        let _ = &look;
        found.take(record);
    };
    let (found, _) = app.engine.history(run, found, take).await?;
    let next = found.next();
    let events: Result<_, _> = found.lines.into_iter().map(|(_, line)| raw(line)).collect();
    Ok(Json(Events { events: events?, next }))
}

/// An operation in full; its past is read to the end although nobody waits for it any more.
async fn in_full(app: &App, run: RunId) -> Result<Option<Detail>, Problem> {
    let board = Arc::clone(app.fresh_board().await?);
    let look = app.look_back().await?;
    let read = tokio::spawn(async move {
        let detail = board.detail(run).await;
        drop(look);
        detail.map(|detail| detail.map(|detail| board.scene().offered(detail)))
    });
    let read = read.await.map_err(|_| {
        Problem::new(&code::INTERNAL, "the past of the operation cannot be shown")
            .remedy("see the log of the program")
    })?;
    Ok(read?)
}

/// Events within a window; never more in memory than the window takes.
#[derive(Debug)]
struct Found {
    after: Option<u64>,
    before: u64,
    limit: usize,
    lines: VecDeque<(u64, String)>,
    bytes: usize,
    are_more: bool,
}

impl Found {
    fn new(window: &Window) -> Result<Self, Problem> {
        Ok(Self {
            after: window.after,
            before: window.before.unwrap_or(u64::MAX),
            limit: limited(window.limit, LIMIT, LIMIT_MAX)?,
            lines: VecDeque::new(),
            bytes: 0,
            are_more: false,
        })
    }

    fn take(&mut self, record: &Record) {
        let seq = record.seq.get();
        if seq >= self.before || self.after.is_some_and(|after| seq <= after) {
            return;
        }
        let is_forward = self.after.is_some();
        // What follows the end of a window is not looked at: `next` begins where it ends.
        if is_forward && (self.are_more || self.lines.len() == self.limit) {
            self.are_more = true;
            return;
        }
        let line = line(record);
        if is_forward && self.bytes + line.len() > BYTES_MAX && !self.lines.is_empty() {
            self.are_more = true;
            return;
        }
        self.bytes += line.len();
        self.lines.push_back((seq, line));
        while self.lines.len() > self.limit || (self.bytes > BYTES_MAX && self.lines.len() > 1) {
            let dropped = self.lines.pop_front();
            self.bytes -= dropped.map_or(0, |(_, line)| line.len());
            self.are_more = true;
        }
    }

    fn next(&self) -> Option<u64> {
        let end = if self.after.is_some() { self.lines.back() } else { self.lines.front() };
        end.filter(|_| self.are_more).map(|(seq, _)| *seq)
    }
}

/// A record as its line of JSON, with what it says in words and whether that is good or bad.
fn line(record: &Record) -> String {
    let mut line = redact::json(&JsonLine(record).to_string());
    let said = words(&record.event);
    let text = serde_json::Value::from(redact::text(&said));
    // The brace that ends the line.
    line.pop();
    let tone = json!(tone(record.event.name()));
    line + &format!(",\"text\":{text},\"tone\":{tone}}}")
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

/// The versions that a list of entity tags names, with or without a digest behind them; none for
/// what is no version of ours.
pub(super) fn versions(tags: &str) -> impl Iterator<Item = Option<Seq>> {
    tags.split(',').map(|tag| {
        let tag = tag.trim();
        let quoted = tag.strip_prefix("W/").unwrap_or(tag);
        let number = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let version = number.split_once('-').map_or(number, |(version, _)| version);
        version.parse().ok().map(Seq::new)
    })
}

fn raw(text: String) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(text)
        .map_err(|error| Problem::new(&code::INTERNAL, format!("this is no JSON: {error}")))
}

/// Most bytes of lines in an answer, unless a single line is longer.
const BYTES_MAX: usize = 1024 * 1024;
const TAG_CHARS: usize = 12;
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 500;
