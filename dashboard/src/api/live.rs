//! The live view: what a subscription shows, and what changes of it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt};
use resurge::RunId;
use serde::Deserialize;

use super::body::Query;
use super::operations::checked;
use super::problem::{Problem, code};
use crate::board::{Live, ViewMessage};
use crate::dashboard::App;
use crate::guard::Slot;
use crate::view::{Filter, Panel, Sort, Subscription};

/// What somebody wants to see.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Statuses with commas between them; `waiting` is any that waits for something.
    state: Option<String>,
    /// The workflow.
    workflow: Option<String>,
    /// The class of the last failure, or its group.
    error: Option<String>,
    /// The host or other resource that it waits for or failed on: its key, or what people call it.
    host: Option<String>,
    /// Part of the name, the workflow or the error, or the beginning of the id, in any case.
    q: Option<String>,
    /// The order; the newest first if it is left out.
    sort: Option<Sort>,
    /// Place of the first operation of the window; 0 if it is left out. Where the list ends before
    /// the window does, the window is moved back to the end of the list.
    from: Option<usize>,
    /// Operations in the window, at most 200; 60 if it is left out.
    count: Option<usize>,
    /// The operation that is shown in full.
    operation: Option<String>,
    /// What else is shown in full.
    panel: Option<Panel>,
}

impl Wanted {
    fn subscription(self) -> Result<Subscription, Problem> {
        let Self { state, workflow, error, host, q, .. } = self;
        let filter = checked(Filter { state, workflow, error, host, q })?;
        let operation: Option<RunId> = match self.operation.filter(|id| !id.is_empty()) {
            Some(id) => Some(id.parse().map_err(|_| {
                Problem::new(&code::BAD_REQUEST, format!("`{id}` is no id of an operation"))
                    .remedy("take one from the list")
            })?),
            None => None,
        };
        Ok(Subscription {
            filter,
            sort: self.sort.unwrap_or_default(),
            from: self.from.unwrap_or(0),
            count: self.count.unwrap_or(COUNT).min(Subscription::COUNT_MAX),
            operation,
            panel: self.panel,
        })
    }
}

/// The live view.
///
/// The address is the subscription. Events are `snapshot` (a `View`) and then `patch` (a JSON merge
/// patch of it, RFC 7396); their id is the record as of which they are true. Whoever is slow gets
/// fewer, larger patches.
#[utoipa::path(get, path = "/api/v1/view", tag = "events", params(Wanted),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(super) async fn view(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
    slot: Slot,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let messages = follow(&app, wanted, slot).await?;
    let keep_alive = KeepAlive::new().interval(app.limits.heartbeat);
    Ok(Sse::new(messages.map(|message| Ok(event(message)))).keep_alive(keep_alive))
}

/// What a subscription is sent, until the engine or the dashboard stops.
pub(super) async fn follow(
    app: &App,
    wanted: Wanted,
    slot: Slot,
) -> Result<impl Stream<Item = ViewMessage> + use<>, Problem> {
    let wanted = wanted.subscription()?;
    // The first message of an operation in full needs its past.
    let look = match wanted.operation {
        Some(_) => Some(app.look_back().await?),
        None => None,
    };
    let live = Live::new(app.board().await?, wanted);
    let seen = (live, slot, look);
    Ok(futures_util::stream::unfold(seen, |(mut live, mut slot, look)| async move {
        let message = tokio::select! {
            biased;
            () = slot.closed() => None,
            message = live.next() => message.unwrap_or_else(|error| {
                tracing::warn!(%error, "a live view ends");
                None
            }),
        };
        drop(look);
        message.map(|message| (message, (live, slot, None)))
    }))
}

fn event(message: ViewMessage) -> Event {
    let (kind, seq, data) = match message {
        ViewMessage::Snapshot { seq, data } => ("snapshot", seq, data),
        ViewMessage::Patch { seq, data } => ("patch", seq, data),
    };
    Event::default().id(seq.to_string()).event(kind).data(data.to_string())
}

const COUNT: usize = 60;
