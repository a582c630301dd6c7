//! The token for a cookie.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};

use super::problem::{Problem, code};
use crate::dashboard::App;
use crate::guard::{Credential, Host, set_cookie, unset_cookie};

/// Trades the token for a cookie.
///
/// Only the token itself will do, so that a cookie does not live longer than it was made for.
#[utoipa::path(post, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "The cookie is set")))]
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Extension(Host(host)): Extension<Host>,
    Extension(credential): Extension<Credential>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    if credential != Credential::Bearer {
        return Err(Problem::new(&code::MISSING_TOKEN, "a cookie is not enough for a new cookie")
            .remedy("send `Authorization: Bearer` with the token"));
    }
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let is_secure = origin.is_some_and(|origin| origin.starts_with("https://"));
    let cookie = set_cookie(&host, &app.token, is_secure);
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])))
}

/// Has the browser forget the cookie.
///
/// A copy that somebody else has stays good until there is another token file.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "The browser forgets the cookie")))]
pub(super) async fn close(Extension(Host(host)): Extension<Host>) -> impl IntoResponse {
    (StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, unset_cookie(&host))]))
}
