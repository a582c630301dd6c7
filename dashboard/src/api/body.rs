//! Bodies and queries of requests.

use std::error::Error;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::problem::{Problem, code};
use super::wording::in_json_words;
use crate::dashboard::App;
use crate::guard::Limits;

/// Reads a body as far as it may go.
pub(crate) async fn read_body(
    body: Body,
    headers: &HeaderMap,
    limits: &Limits,
) -> Result<Bytes, Problem> {
    let max = limits.body_bytes_max;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > max) {
        return Err(too_large(max));
    }
    match tokio::time::timeout(limits.request_timeout, to_bytes(body, max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // Either it is too long, or the client went away and reads no answer.
        Ok(Err(error)) if error.source().is_some_and(is_limit) => Err(too_large(max)),
        Ok(Err(error)) => Err(Problem::new(&code::BAD_REQUEST, error.to_string())),
        Err(_) => Err(Problem::new(&code::TOO_SLOW, "the body did not come in time")
            .remedy("send the request again in one go")),
    }
}

fn is_limit(error: &(dyn Error + 'static)) -> bool {
    error.to_string().contains("length limit")
}

fn too_large(max: usize) -> Problem {
    Problem::new(&code::TOO_LARGE, format!("the body has more than {max} bytes"))
        .remedy("write large data to a file and pass its path")
}

/// The body of a request as JSON; an empty one is `{}`, and so is `null`.
#[derive(Debug)]
pub(crate) struct Sent<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_body(body, &parts.headers, &app.limits).await?;
        let is_nothing = matches!(bytes.trim_ascii(), b"" | b"null");
        let text: &[u8] = if is_nothing { b"{}" } else { &bytes };
        // A form of another origin cannot say that it is JSON.
        if !bytes.is_empty() && !is_json(&parts.headers) {
            return Err(Problem::new(&code::NOT_JSON, "the body has another media type")
                .remedy("send `Content-Type: application/json`"));
        }
        // Its fields by their order would fit a list as well, which nobody means.
        if text.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::new(&code::INVALID, "the body is a list, not an object")
                .remedy("see /api/v1/openapi.json for what can be sent"));
        }
        serde_json::from_slice(text).map(Self).map_err(|error| {
            let code = if error.is_data() { &code::INVALID } else { &code::BAD_REQUEST };
            let why = in_json_words(&error.to_string());
            Problem::new(code, format!("the body does not fit: {why}"))
                .remedy("see /api/v1/openapi.json for what can be sent")
        })
    }
}

/// Reads a field that must be an object: a list would fit it by the order of its fields as well.
pub(crate) fn object<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let fields = serde_json::Map::<String, serde_json::Value>::deserialize(from)?;
    T::deserialize(serde_json::Value::Object(fields)).map_err(D::Error::custom)
}

/// How many of something an answer may hold.
pub(crate) fn limited(wanted: Option<usize>, default: usize, max: usize) -> Result<usize, Problem> {
    let wanted = wanted.unwrap_or(default);
    if (1..=max).contains(&wanted) {
        return Ok(wanted);
    }
    Err(Problem::new(&code::BAD_REQUEST, format!("`limit` must be from 1 to {max}"))
        .remedy("follow `next` of each answer to get more"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// The query of a request.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, app).await?;
        Ok(Self(query.0))
    }
}

/// The pieces of the path of a request.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, app).await?;
        Ok(Self(path.0))
    }
}
