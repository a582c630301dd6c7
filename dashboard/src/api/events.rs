//! Server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt};
use resurge::Seq;
use serde::Deserialize;
use serde_json::json;

use super::body::Query;
use super::problem::{Problem, code};
use super::records::{self, Told};
use crate::dashboard::App;
use crate::guard::Slot;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    /// The last record that the client has; without it only what is new is told.
    #[param(format = "uint64")]
    after: Option<u64>,
}

/// The records of the journal as they come in.
///
/// Events are `record` (a line of `journal-dump --format jsonl`), `gap` (`{"from","to"}`: records
/// that retention dropped) and `end`. The header `Last-Event-ID` beats `after`.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(After, ("last-event-id" = Option<u64>, Header, description = "The last record that the client has")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(super) async fn records(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(query): Query<After>,
    slot: Slot,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let after = last_event_id(&headers)?.or(query.after).map(Seq::new);
    let told = records::follow(&app, after, slot)?;
    let keep_alive = KeepAlive::new().interval(app.limits.heartbeat);
    Ok(Sse::new(told.map(|told| Ok(event(told)))).keep_alive(keep_alive))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(id) = headers.get("last-event-id") else { return Ok(None) };
    let number = id.to_str().ok().and_then(|id| id.parse().ok());
    number.map(Some).ok_or_else(|| {
        Problem::new(&code::BAD_REQUEST, "the `Last-Event-ID` is no position of the journal")
            .remedy("send the id of the last event, or none")
    })
}

fn event(told: Told) -> Event {
    match told {
        Told::Record { seq, line } => {
            Event::default().id(seq.to_string()).event("record").data(line)
        }
        Told::Gap { from, to } => Event::default()
            .id(to.to_string())
            .event("gap")
            .data(json!({ "from": from.get(), "to": to.get() }).to_string()),
        Told::End { reason } => {
            Event::default().event("end").data(json!({ "reason": reason }).to_string())
        }
    }
}
