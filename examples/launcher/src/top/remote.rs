//! An engine in another process: its dashboard, asked over HTTP.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use resurge_dashboard::view::Subscription;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::Url;

use super::ask::Ask;
use super::error::TopError;
use super::source::{Far, Heard, Wish};
use super::sse::{Event, Parser};
use crate::place::DataDir;
use crate::running::{self, Running};

/// How to get to a dashboard.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) data: DataDir,
    /// Where it listens, as a person says, who trusts it with the token; without it where its launcher says.
    pub(crate) address: Option<SocketAddr>,
}

/// How long an answer may take to begin.
const ANSWER: Duration = Duration::from_secs(10);
/// A server says something every 15 s, if only that it is there.
const SILENCE: Duration = Duration::from_secs(45);
/// Time before the first attempt to reach a server again; doubled up to [`AGAIN_MAX`].
const AGAIN: Duration = Duration::from_millis(250);
const AGAIN_MAX: Duration = Duration::from_secs(5);
/// Longest text of a problem that is read.
const PROBLEM_BYTES_MAX: usize = 64 * 1024;

/// Carries wishes to a dashboard and tells what it shows, until nobody listens any more.
///
/// A server that is gone is tried again for ever.
pub(crate) async fn follow(door: Door, mut far: Far) {
    let Some(mut wanted) = another(&door, &mut far).await else { return };
    let mut again = AGAIN;
    loop {
        let seen = tokio::select! {
            biased;
            next = another(&door, &mut far) => Err(next),
            stream = Stream::open(&door, &wanted) => Ok(stream),
        };
        let why = match seen {
            Err(None) => return,
            Err(Some(next)) => {
                wanted = next;
                continue;
            }
            Ok(Err(why)) => why,
            Ok(Ok(mut stream)) => {
                let end = tell(&door, &mut stream, &mut far).await;
                if stream.has_told {
                    again = AGAIN;
                }
                match end {
                    End::Closed => return,
                    End::Show(next) => {
                        wanted = next;
                        continue;
                    }
                    End::Lost(why) => why,
                }
            }
        };
        if far.heard.send(Heard::Lost(format!("{why}; trying again"))).await.is_err() {
            return;
        }
        tokio::select! {
            biased;
            next = another(&door, &mut far) => match next {
                Some(next) => wanted = next,
                None => return,
            },
            () = tokio::time::sleep(again) => again = (again * 2).min(AGAIN_MAX),
        }
    }
}

/// Why a stream is no longer told.
enum End {
    Closed,
    Show(Subscription),
    Lost(String),
}

async fn tell(door: &Door, stream: &mut Stream, far: &mut Far) -> End {
    loop {
        let heard = tokio::select! {
            biased;
            next = another(door, far) => return next.map_or(End::Closed, End::Show),
            heard = stream.next() => heard,
        };
        match heard {
            Ok(heard) => {
                if far.heard.send(heard).await.is_err() {
                    return End::Closed;
                }
            }
            Err(why) => return End::Lost(why),
        }
    }
}

/// Has everything done until something else is to be shown; none at the end.
async fn another(door: &Door, far: &mut Far) -> Option<Subscription> {
    loop {
        match far.wishes.recv().await? {
            Wish::Show(wanted) => return Some(wanted),
            Wish::Do(ask) => drop(tokio::spawn(carry_out(door.clone(), ask, far.heard.clone()))),
        }
    }
}

async fn carry_out(door: Door, ask: Ask, heard: mpsc::Sender<Heard>) {
    let title = ask.title();
    let told = match door.post(&ask).await {
        Ok(()) => Heard::Done(format!("{title}: done")),
        Err(why) => Heard::Refused(format!("{title}: {why}")),
    };
    // Nobody listens any more? Then nobody misses it.
    drop(heard.send(told).await);
}

impl Door {
    async fn post(&self, ask: &Ask) -> Result<(), String> {
        let plain = json!({ "reason": REASON }).to_string();
        let (path, version, body) = match ask {
            Ask::Operation { id, verb, version, .. } => {
                (path(["api", "v1", "operations", id, verb.name()]), Some(*version), plain)
            }
            Ask::Skip { id, version, step, output, .. } => {
                let path = path(["api", "v1", "operations", id, "steps", step, "skip"]);
                // As it was typed: numbers keep all their digits.
                (path, Some(*version), format!(r#"{{"reason":"{REASON}","output":{output}}}"#))
            }
            Ask::Breaker { key, verb, .. } => {
                (path(["api", "v1", "breakers", key, verb.name()]), None, plain)
            }
        };
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-resurge-actor", ACTOR);
        if let Some(version) = version {
            request = request.header(header::IF_MATCH, format!("W/\"{version}\""));
        }
        let request = request.body(body).map_err(|error| error.to_string())?;
        let answer = self.send(request).await?;
        if answer.status().is_success() { Ok(()) } else { Err(problem(answer).await) }
    }

    async fn send(&self, request: Request<String>) -> Result<Response<Incoming>, String> {
        let answer = timeout(ANSWER, self.send_patiently(request)).await;
        answer.unwrap_or_else(|_| Err("the server does not answer".to_owned()))
    }

    async fn send_patiently(
        &self,
        mut request: Request<String>,
    ) -> Result<Response<Incoming>, String> {
        let address = self.address().map_err(|error| error.to_string())?;
        let token = running::token(&self.data).map_err(|error| error.to_string())?;
        let headers = request.headers_mut();
        let host =
            header::HeaderValue::try_from(self.host(address)).map_err(|error| error.to_string())?;
        headers.insert(header::HOST, host);
        let bearer = header::HeaderValue::try_from(format!("Bearer {}", token.trim()));
        headers.insert(header::AUTHORIZATION, bearer.map_err(|_| "the token file holds no token")?);
        let gone = |_| format!("nobody answers at {address}");
        let socket = TcpStream::connect(address).await.map_err(gone)?;
        let broken = |error: hyper::Error| format!("the line to {address} broke: {error}");
        let handshake = http1::handshake(TokioIo::new(socket)).await;
        let (mut sender, connection) = handshake.map_err(broken)?;
        // It ends with the answer, or when that is dropped.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(broken)
    }

    /// Where to ask: where a person says, or else where the launcher says, if that is this machine.
    pub(super) fn address(&self) -> Result<SocketAddr, TopError> {
        if let Some(address) = self.address {
            return Ok(address);
        }
        let address = self.told().ok_or(TopError::Gone)?;
        // Nobody has seen the address who could trust it with the token.
        if address.ip().is_loopback() { Ok(address) } else { Err(TopError::NotNamed { address }) }
    }

    /// Where the launcher says that it listens.
    fn told(&self) -> Option<SocketAddr> {
        Running::read(&self.data).map(|running| running.reachable())
    }

    /// A name that the dashboard answers to.
    fn host(&self, address: SocketAddr) -> String {
        // Elsewhere, as behind a port that is passed on, it may know no other one.
        let is_known = self.address.is_none() || self.told() == Some(address);
        if is_known { format!("localhost:{}", address.port()) } else { address.to_string() }
    }
}

/// Snapshots and patches as they come in.
struct Stream {
    body: Incoming,
    parser: Parser,
    events: VecDeque<Event>,
    has_told: bool,
}

impl Stream {
    async fn open(door: &Door, wanted: &Subscription) -> Result<Self, String> {
        let request = Request::builder()
            .uri(view_path(wanted))
            .header(header::ACCEPT, "text/event-stream")
            .body(String::new())
            .map_err(|error| error.to_string())?;
        let answer = door.send(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(problem(answer).await);
        }
        let (parser, events) = (Parser::default(), VecDeque::new());
        Ok(Self { body: answer.into_body(), parser, events, has_told: false })
    }

    /// The next message; why there is none at the end.
    async fn next(&mut self) -> Result<Heard, String> {
        loop {
            if let Some(event) = self.events.pop_front() {
                let Some(heard) = heard(&event)? else { continue };
                self.has_told = true;
                return Ok(heard);
            }
            let piece = timeout(SILENCE, piece(&mut self.body)).await;
            let piece = piece.map_err(|_| "the server says nothing any more")?;
            let piece = piece.ok_or("the server has ended the view")??;
            self.events.extend(self.parser.push(&piece).map_err(|error| error.to_string())?);
        }
    }
}

/// What an event says; none if it is of no interest here.
fn heard(event: &Event) -> Result<Option<Heard>, String> {
    let kind = match event.name.as_str() {
        "snapshot" => Heard::Snapshot,
        "patch" => Heard::Patch,
        _ => return Ok(None),
    };
    let data = serde_json::from_str(&event.data);
    data.map(|data| Some(kind(data))).map_err(|_| "the server sends no JSON".to_owned())
}

/// The next piece of a body; none at its end.
async fn piece(body: &mut Incoming) -> Option<Result<Bytes, String>> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(format!("the line broke: {error}"))),
        }
    }
}

/// What an answer says that does not do what was asked for.
async fn problem(answer: Response<Incoming>) -> String {
    let status = answer.status();
    let mut body = answer.into_body();
    let mut text = Vec::new();
    let read = async {
        while let Some(Ok(data)) = piece(&mut body).await {
            text.extend_from_slice(&data);
            if text.len() > PROBLEM_BYTES_MAX {
                break;
            }
        }
    };
    // What has come by then says enough, or else the status does.
    drop(timeout(ANSWER, read).await);
    let problem: Value = serde_json::from_slice(&text).unwrap_or_default();
    let field = |name: &str| problem.get(name).and_then(Value::as_str);
    match (field("detail").or_else(|| field("title")), field("remedy")) {
        (Some(detail), Some(remedy)) => format!("{detail}; {remedy}"),
        (Some(detail), None) => detail.to_owned(),
        _ => format!("the server answers with {status}"),
    }
}

fn path<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    let mut url = BASE.parse::<Url>().expect("the base is an address");
    if let Ok(mut path) = url.path_segments_mut() {
        path.extend(segments);
    }
    url.path().to_owned()
}

/// The address is the subscription.
fn view_path(wanted: &Subscription) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let name = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    query.append_pair("from", &wanted.from.to_string());
    query.append_pair("count", &wanted.count.to_string());
    let filter = &wanted.filter;
    for (key, value) in [
        ("state", filter.state.clone()),
        ("workflow", filter.workflow.clone()),
        ("error", filter.error.clone()),
        ("host", filter.host.clone()),
        ("q", filter.q.clone()),
        ("sort", name(serde_json::to_value(wanted.sort).ok())),
        ("operation", wanted.operation.map(|run| run.to_string())),
        ("panel", name(serde_json::to_value(wanted.panel).ok())),
    ] {
        if let Some(value) = value {
            query.append_pair(key, &value);
        }
    }
    format!("/api/v1/view?{}", query.finish())
}

const BASE: &str = "http://localhost/";
/// In whose name the journal says that something was asked.
const ACTOR: &str = "launcher top";
const REASON: &str = "asked in the terminal";

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
