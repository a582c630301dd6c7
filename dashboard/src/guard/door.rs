//! The one door: every request passes here, and every answer.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::auth::{self, Credential, Presented};
use super::origin::Asker;
use super::{headers, host, origin};
use crate::api::{Problem, code};
use crate::assets;
use crate::dashboard::App;
use crate::serve::Served;

/// The host that a request named, once it is known to be ours.
#[derive(Debug, Clone)]
pub(crate) struct Host(pub(crate) String);

/// Lets a request in or says why not; every answer leaves with the headers of [`headers::secure`].
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<OriginalUri>();
    let instance = path.map_or_else(|| request.uri().path(), |uri| uri.path()).to_owned();
    let served = request.extensions().get::<Served>().cloned();
    let admitted = admit(&app, &mut request);
    let is_known = admitted.is_ok() && request.extensions().get::<Credential>().is_some();
    let mut answer = match admitted {
        Ok(()) => answered(&app, request, next).await,
        Err(problem) => problem.into_response(),
    };
    if let Some(problem) = answer.extensions_mut().remove::<Problem>() {
        problem.fill(&mut answer, &instance);
    }
    headers::secure(answer.headers_mut());
    // Whoever shows no token must not keep places that others need.
    if !is_known && served.is_some_and(|served| served.is_crowded()) {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Lets nobody who only reads wait for ever for an engine that hangs.
async fn answered(app: &App, request: Request, next: Next) -> Response {
    // Health says itself that the engine hangs.
    if !is_reading(request.method()) || request.uri().path() == HEALTH {
        return next.run(request).await;
    }
    match tokio::time::timeout(app.limits.answer_timeout, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => Problem::new(&code::STALLED, "the engine has not answered in time")
            .retry_after(RETRY_AFTER)
            .remedy("see whether its disk is full or hangs, then ask again")
            .into_response(),
    }
}

fn admit(app: &App, request: &mut Request) -> Result<(), Problem> {
    let served = request.extensions().get::<Served>().map(|served| served.address);
    let (uri, headers) = (request.uri(), request.headers());
    let named = host::check(uri, headers, &app.hosts, served)?;
    headers::check_once(headers)?;
    headers::check_size(request.method(), uri, headers, app.limits.head_bytes_max())?;
    let host = named.host;
    if is_open(request.method(), uri.path()) {
        let shown = auth::presented(headers, &host, false, Asker::Unknown, &app.token);
        if let Presented::Right(credential) = shown {
            request.extensions_mut().insert(credential);
        }
    } else {
        let asker = origin::check(headers, &host, named.is_plain)?;
        let is_change = !is_reading(request.method());
        match auth::presented(headers, &host, is_change, asker, &app.token) {
            Presented::Right(credential) => request.extensions_mut().insert(credential),
            presented => return Err(refused(app, presented)),
        };
        if is_change {
            admit_change(app, request.uri().path())?;
        }
    }
    request.extensions_mut().insert(Host(host));
    Ok(())
}

fn admit_change(app: &App, path: &str) -> Result<(), Problem> {
    if app.read_only && !CHANGES_NOTHING.contains(&path) {
        return Err(read_only());
    }
    locked(&app.controls).take(Instant::now()).map_err(|wait| {
        Problem::new(&code::TOO_MANY_REQUESTS, "changes are asked for too fast")
            .retry_after(wait)
            .remedy("use a batch to change many operations")
    })
}

/// Why nothing can be changed.
pub(crate) fn read_only() -> Problem {
    Problem::new(&code::READ_ONLY, "this dashboard only shows")
        .remedy("ask whoever runs the program to serve it without `read_only`")
}

fn refused(app: &App, presented: Presented) -> Problem {
    let problem = auth::refusal(presented);
    if presented != Presented::Wrong {
        return problem;
    }
    match locked(&app.wrong_tokens).take(Instant::now()) {
        Ok(()) => problem,
        Err(wait) => Problem::new(&code::TOO_MANY_REQUESTS, "too many wrong tokens")
            .retry_after(wait)
            .remedy("wait, then send the right token"),
    }
}

/// What is the same for everybody and tells nothing: whatever is not named here needs the token.
fn is_open(method: &Method, path: &str) -> bool {
    is_reading(method) && (path == HEALTH || assets::is_there(path))
}

/// Whether a request changes nothing.
pub(crate) fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn locked<T>(lock: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

const HEALTH: &str = "/healthz";
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What a reader may send although it is no `GET`; of a batch, its route sees whether it only asks.
const CHANGES_NOTHING: &[&str] =
    &["/api/v1/session", "/api/v1/settings/preview", "/api/v1/batches", "/api/recovery/test"];
