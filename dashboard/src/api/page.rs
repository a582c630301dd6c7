//! Everything that is no API: the page, and what is not there.

use axum::extract::Request;
use axum::http::Method;
use axum::response::{IntoResponse, Response};

use super::problem::{Problem, code};
use crate::assets;

pub(super) async fn page(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD)
        && assets::is_there(request.uri().path())
    {
        return wrong_method().await.into_response();
    }
    let asset = assets::answer(request.uri().path(), request.headers());
    asset.unwrap_or_else(|| {
        Problem::new(&code::NOT_FOUND, "there is nothing at this path")
            .remedy("see /api/v1/openapi.json for what can be asked")
            .into_response()
    })
}

pub(super) async fn wrong_method() -> Problem {
    Problem::new(&code::METHOD_NOT_ALLOWED, "this cannot be asked with this method")
        .remedy("see /api/v1/openapi.json for what can be asked")
}
