//! The same request twice is done once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::time::Instant;

use super::door::is_reading;
use crate::api::{Problem, code, read_body};
use crate::dashboard::App;

/// Answers by the key that their request carried.
#[derive(Debug)]
pub(crate) struct Answers {
    kept: Mutex<Kept>,
    max: usize,
    age: Duration,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<String, Entry>,
    /// Keys in the order in which they came.
    order: VecDeque<(Instant, String)>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// What was asked under the key.
    request: blake3::Hash,
    /// None while it is being worked on.
    answer: Option<Box<Answer>>,
}

#[derive(Debug, Clone)]
struct Answer {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    problem: Option<Problem>,
    body: Bytes,
}

#[derive(Debug)]
enum Found<'a> {
    New(Begun<'a>),
    Known(Box<Answer>),
}

/// A request that is being worked on; its key is free again if that comes to nothing.
#[derive(Debug)]
struct Begun<'a> {
    answers: &'a Answers,
    key: String,
    request: blake3::Hash,
    answer: Option<Box<Answer>>,
}

impl Begun<'_> {
    /// Keeps the answer.
    fn end(mut self, answer: Option<Box<Answer>>) {
        self.answer = answer;
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.answers.end(&self.key, self.request, self.answer.take());
    }
}

impl Answers {
    pub(crate) fn new(max: usize, age: Duration) -> Self {
        Self { kept: Mutex::default(), max, age }
    }

    /// Takes a key for a request, or finds the answer that it had before.
    fn begin(&self, key: &str, request: blake3::Hash, now: Instant) -> Result<Found<'_>, Problem> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.forget(self.max, self.age, now);
        match kept.by_key.get(key) {
            Some(entry) if entry.request != request => {
                Err(Problem::new(&code::KEY_REUSED, "this key came with another request before")
                    .remedy("send a new `Idempotency-Key` with every new request"))
            }
            Some(Entry { answer: Some(answer), .. }) => Ok(Found::Known(answer.clone())),
            Some(_) => {
                Err(Problem::new(&code::IN_PROGRESS, "the first request is still under way")
                    .retry_after(Duration::from_secs(1))
                    .remedy("send it again in a moment"))
            }
            None => {
                kept.order.push_back((now, key.to_owned()));
                kept.by_key.insert(key.to_owned(), Entry { request, answer: None });
                Ok(Found::New(Begun { answers: self, key: key.to_owned(), request, answer: None }))
            }
        }
    }

    /// Keeps an answer; one that a repetition may better is not kept.
    fn end(&self, key: &str, request: blake3::Hash, answer: Option<Box<Answer>>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = kept.by_key.get_mut(key).filter(|entry| entry.request == request) else {
            return;
        };
        entry.answer = answer;
        if entry.answer.is_none() {
            kept.by_key.remove(key);
            kept.order.retain(|(_, kept)| kept != key);
        }
    }
}

impl Kept {
    /// Forgets what is old or too much, the oldest first; what is under way stays.
    fn forget(&mut self, max: usize, age: Duration, now: Instant) {
        let mut surplus = (self.order.len() + 1).saturating_sub(max.max(1));
        let by_key = &mut self.by_key;
        self.order.retain(|(since, key)| {
            let is_done = by_key.get(key).is_none_or(|entry| entry.answer.is_some());
            let is_kept = !is_done || (surplus == 0 && now.duration_since(*since) < age);
            if !is_kept {
                surplus = surplus.saturating_sub(1);
                by_key.remove(key);
            }
            is_kept
        });
    }
}

/// Carries a change out to its end, whether or not the client waits for it, and only once per key.
pub(crate) async fn work(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if is_reading(request.method()) {
        return next.run(request).await;
    }
    let done = tokio::spawn(async move {
        match once(&app, request, next).await {
            Ok(answer) => answer,
            Err(problem) => problem.into_response(),
        }
    });
    done.await.unwrap_or_else(|_| {
        Problem::new(&code::INTERNAL, "the request panicked")
            .remedy("see the log of the program; send the request again")
            .into_response()
    })
}

async fn once(app: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, &parts.headers, &app.limits).await?;
    let Some(key) = key(&parts.headers)? else {
        return Ok(next.run(Request::from_parts(parts, Body::from(body))).await);
    };
    let mut asked = blake3::Hasher::new();
    let if_match = parts.headers.get(header::IF_MATCH).map_or(&[][..], HeaderValue::as_bytes);
    let uri = parts.uri.to_string();
    for piece in [parts.method.as_str().as_bytes(), uri.as_bytes(), if_match, &body] {
        asked.update(&piece.len().to_le_bytes()).update(piece);
    }
    let begun = match app.answers.begin(&key, asked.finalize(), Instant::now())? {
        Found::New(begun) => begun,
        Found::Known(answer) => return Ok(answer.again()),
    };
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    begun.end(Answer::worth_keeping(&parts, &body));
    Ok(Response::from_parts(parts, Body::from(body)))
}

impl Answer {
    fn worth_keeping(parts: &Parts, body: &Bytes) -> Option<Box<Self>> {
        let is_passing =
            parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS;
        // A cookie is not kept, and an answer without it would be another one.
        let sets_cookie = parts.headers.contains_key(header::SET_COOKIE);
        let answer = || Self {
            status: parts.status,
            content_type: parts.headers.get(header::CONTENT_TYPE).cloned(),
            problem: parts.extensions.get::<Problem>().cloned(),
            body: body.clone(),
        };
        (!is_passing && !sets_cookie).then(|| Box::new(answer()))
    }

    fn again(self) -> Response {
        let mut answer = (self.status, self.body).into_response();
        if let Some(problem) = self.problem {
            answer.extensions_mut().insert(problem);
        }
        let headers = answer.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        if let Some(content_type) = self.content_type {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        headers.insert(
            HeaderName::from_static("idempotency-replayed"),
            HeaderValue::from_static("true"),
        );
        answer
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let text = key.to_str().ok().filter(|text| (1..=KEY_CHARS_MAX).contains(&text.len()));
    text.map(|text| Some(text.to_owned())).ok_or_else(|| {
        Problem::new(&code::BAD_REQUEST, "the `Idempotency-Key` has no form that is taken")
            .remedy("send 1 to 128 visible ASCII characters, such as a UUID")
    })
}

const KEY_CHARS_MAX: usize = 128;
