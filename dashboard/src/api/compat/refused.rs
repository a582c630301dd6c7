//! A refusal as the old routes write it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::problem::Problem;

/// A refusal as the old routes write it.
#[derive(Debug)]
pub(in crate::api) struct Refused(Problem);

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldRefusal)]
pub(in crate::api) struct Refusal {
    /// Never true.
    success: bool,
    /// What is wrong, and what to do about it.
    error: String,
    /// Name of the kind of problem.
    code: &'static str,
}

impl<P: Into<Problem>> From<P> for Refused {
    fn from(problem: P) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let written = self.0.written(None);
        let error = match written.remedy() {
            Some(remedy) => format!("{}; {remedy}", written.detail()),
            None => written.detail().to_owned(),
        };
        let mut answer = self.0.into_response();
        answer.extensions_mut().remove::<Problem>();
        let refusal = Refusal { success: false, error, code: written.code() };
        let (parts, body) = Json(refusal).into_response().into_parts();
        answer.headers_mut().extend(parts.headers);
        *answer.body_mut() = body;
        answer
    }
}

/// Writes what was refused before a route was reached as the old routes write it.
pub(in crate::api) async fn in_old_words(mut answer: Response) -> Response {
    match answer.extensions_mut().remove::<Problem>() {
        Some(problem) => Refused(problem).into_response(),
        None => answer,
    }
}

/// A success that says no more than what was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldSuccess)]
pub(in crate::api) struct Success {
    /// Always true.
    success: bool,
    /// What was done.
    message: String,
}

impl Success {
    pub(super) fn of(message: impl Into<String>) -> Json<Self> {
        Json(Self { success: true, message: message.into() })
    }
}
