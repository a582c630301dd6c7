//! The same streams over a WebSocket.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use resurge::Seq;
use serde::Deserialize;
use serde_json::json;

use super::body::object;
use super::live::{self, Wanted};
use super::problem::{Problem, code};
use super::records::{self, Told};
use super::wording::in_json_words;
use crate::dashboard::App;
use crate::guard::Slot;

/// What a client sends: from then on it gets this instead of what it got before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Wish {
    Events(#[serde(deserialize_with = "object")] Position),
    View(#[serde(deserialize_with = "object")] Wanted),
}

/// Where the records begin that a client wants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    after: Option<u64>,
}

type Frames = Pin<Box<dyn Stream<Item = String> + Send>>;

/// Opens a WebSocket.
///
/// The client sends `{"view":{..}}` with what `/api/v1/view` takes as its query, or
/// `{"events":{"after":N}}`; another wish takes the place of the one before. The server sends
/// `{"type":"snapshot","seq","data"}`, `{"type":"patch","seq","data"}`, or
/// `{"type":"record","seq","data"}`, `{"type":"gap","from","to"}` and `{"type":"end","reason"}`; for
/// what cannot be had `{"type":"problem","problem"}`. When the engine or the dashboard stops, the
/// server closes the connection with 1001.
#[utoipa::path(get, path = "/api/v1/ws", tag = "events",
    responses((status = 101, description = "The connection is a WebSocket from now on")))]
pub(super) async fn open(
    State(app): State<Arc<App>>,
    slot: Slot,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|refused| {
        Problem::new(&code::BAD_REQUEST, format!("this opens no WebSocket: {refused}"))
            .remedy("ask with a WebSocket client, or read GET /api/v1/events")
    })?;
    let max = app.limits.body_bytes_max;
    let upgrade = upgrade.max_message_size(max).max_frame_size(max);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let heartbeat = app.limits.heartbeat;
        Talk { app, slot, socket, frames: Box::pin(futures_util::stream::pending()) }
            .go_on(heartbeat)
            .await;
    }))
}

struct Talk {
    app: Arc<App>,
    slot: Slot,
    socket: WebSocket,
    frames: Frames,
}

impl Talk {
    async fn go_on(mut self, heartbeat: Duration) {
        let mut beat = tokio::time::interval(heartbeat.max(HEARTBEAT_MIN));
        let mut unanswered = 0;
        loop {
            let sent = tokio::select! {
                biased;
                () = self.slot.closed() => return self.close(close_code::AWAY, "the dashboard shuts down").await,
                heard = self.socket.recv() => {
                    unanswered = 0;
                    match heard {
                        Some(Ok(Message::Text(text))) => self.hear(text.as_str()).await,
                        Some(Ok(Message::Binary(_))) => {
                            return self.close(close_code::UNSUPPORTED, "send text").await;
                        }
                        Some(Ok(_)) => Ok(()),
                        Some(Err(_)) | None => return,
                    }
                }
                _ = beat.tick() => {
                    unanswered += 1;
                    // Whoever answers nothing for so long is gone, whatever the network says.
                    if unanswered > UNANSWERED_MAX {
                        return;
                    }
                    self.socket.send(Message::Ping(Bytes::new())).await
                }
                frame = self.frames.next() => match frame {
                    Some(frame) => self.socket.send(Message::text(frame)).await,
                    // A stream that has ended must not be asked again.
                    None => return self.close(close_code::AWAY, ENDED).await,
                },
            };
            if sent.is_err() {
                return;
            }
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), axum::Error> {
        match grant(&self.app, self.slot.clone(), text).await {
            Ok(frames) => {
                self.frames = frames;
                Ok(())
            }
            Err(problem) => {
                let frame =
                    json!({ "type": "problem", "problem": problem.written(None) }).to_string();
                self.socket.send(Message::text(frame)).await
            }
        }
    }

    async fn close(mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        // Whoever is gone needs no good-bye.
        drop(self.socket.send(Message::Close(Some(frame))).await);
    }
}

/// What a client is sent from now on.
async fn grant(app: &Arc<App>, slot: Slot, text: &str) -> Result<Frames, Problem> {
    let wish = serde_json::from_str(text).map_err(|error| {
        let why = in_json_words(&error.to_string());
        Problem::new(&code::BAD_REQUEST, format!("this cannot be had: {why}"))
            .remedy("send {\"view\":{}} or {\"events\":{\"after\":0}}")
    })?;
    match wish {
        Wish::Events(Position { after }) => {
            let told = records::follow(app, after.map(Seq::new), slot)?;
            Ok(Box::pin(told.map(frame)))
        }
        Wish::View(wanted) => {
            let messages = live::follow(app, wanted, slot).await?;
            let text = |message| serde_json::to_string(&message).unwrap_or_default();
            Ok(Box::pin(messages.map(text)))
        }
    }
}

fn frame(told: Told) -> String {
    match told {
        Told::Record { seq, line } => {
            // The line is JSON as it is, and stays so to the last digit.
            format!(r#"{{"type":"record","seq":{seq},"data":{line}}}"#)
        }
        Told::Gap { from, to } => {
            json!({ "type": "gap", "from": from.get(), "to": to.get() }).to_string()
        }
        Told::End { reason } => json!({ "type": "end", "reason": reason }).to_string(),
    }
}

const ENDED: &str = "the engine has stopped, or its journal cannot be read";
const HEARTBEAT_MIN: Duration = Duration::from_millis(1);
/// Heartbeats without an answer after which a client is gone.
const UNANSWERED_MAX: u32 = 3;
