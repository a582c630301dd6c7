//! Answers that say no (RFC 9457).

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use resurge::journal::dump::with_causes;
use resurge::{BreakerError, EventsError, RunId, Seq, SettingError, Unavailable};
use serde::Serialize;
use utoipa::ToSchema;

use super::wording::in_json_words;
use crate::view::redact;

/// Why a request was refused.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: &'static Code,
    detail: String,
    operation: Option<RunId>,
    seq: Option<Seq>,
    remedy: Option<String>,
    retry_after: Option<Duration>,
}

/// A kind of problem.
#[derive(Debug)]
pub(crate) struct Code {
    name: &'static str,
    status: StatusCode,
    title: &'static str,
}

/// A problem as it is written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Written {
    /// `about:blank#` and the code.
    r#type: String,
    /// What kind of problem it is.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Name of the kind of problem, for programs.
    code: &'static str,
    /// The operation that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    /// Where the journal stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// Every kind of problem.
pub(crate) mod code {
    use axum::http::StatusCode;

    use super::Code;

    macro_rules! codes {
        ($($CODE:ident = $name:literal $status:ident $title:literal;)+) => {
            $(pub(crate) static $CODE: Code =
                Code { name: $name, status: StatusCode::$status, title: $title };)+
        };
    }

    codes! {
        BAD_REQUEST = "bad_request" BAD_REQUEST "The request cannot be understood";
        MISSING_TOKEN = "missing_token" UNAUTHORIZED "The token is missing";
        WRONG_TOKEN = "wrong_token" UNAUTHORIZED "The token is wrong";
        BAD_CURSOR = "bad_cursor" BAD_REQUEST "The cursor is of no use";
        FOREIGN_ORIGIN = "foreign_origin" FORBIDDEN "Asked by a foreign page";
        READ_ONLY = "read_only" FORBIDDEN "Nothing can be changed here";
        NOT_FOUND = "not_found" NOT_FOUND "There is nothing here";
        UNKNOWN_OPERATION = "unknown_operation" NOT_FOUND "There is no such operation";
        UNKNOWN_STEP = "unknown_step" NOT_FOUND "There is no such step";
        METHOD_NOT_ALLOWED = "method_not_allowed" METHOD_NOT_ALLOWED "Not to be asked this way";
        CONFLICT = "conflict" CONFLICT "Impossible as things stand";
        ENDED = "ended" CONFLICT "It has ended";
        PAUSED = "paused" CONFLICT "It is paused";
        PARKED = "parked" CONFLICT "It cannot go on here";
        NOT_RETRYABLE = "not_retryable" CONFLICT "It would fail in the same way";
        NOT_RECOVERING = "not_recovering" CONFLICT "Nothing is being retried";
        KEY_TAKEN = "key_taken" CONFLICT "Another operation has its name";
        STEP_DONE = "step_done" CONFLICT "The step has succeeded";
        STEP_BLOCKED = "step_blocked" CONFLICT "The step cannot begin yet";
        MOVED = "moved" PRECONDITION_FAILED "It has moved";
        AHEAD_OF_JOURNAL = "ahead_of_journal" CONFLICT "The position is not in the journal";
        IN_PROGRESS = "in_progress" CONFLICT "The same request is under way";
        TOO_LARGE = "too_large" PAYLOAD_TOO_LARGE "The request is too large";
        HEAD_TOO_LARGE = "head_too_large" REQUEST_HEADER_FIELDS_TOO_LARGE "The head is too large";
        NOT_JSON = "not_json" UNSUPPORTED_MEDIA_TYPE "The body is not said to be JSON";
        FOREIGN_HOST = "foreign_host" MISDIRECTED_REQUEST "Asked under a foreign name";
        INVALID = "invalid" UNPROCESSABLE_ENTITY "The value cannot be taken";
        KEY_REUSED = "key_reused" UNPROCESSABLE_ENTITY "The key belongs to another request";
        TOO_MANY_REQUESTS = "too_many_requests" TOO_MANY_REQUESTS "Too many requests";
        TOO_SLOW = "too_slow" REQUEST_TIMEOUT "The request did not come in time";
        INTERNAL = "internal" INTERNAL_SERVER_ERROR "Something went wrong here";
        NOT_OFFERED = "not_offered" NOT_IMPLEMENTED "Not offered by this program";
        BUTTON_FAILED = "button_failed" BAD_GATEWAY "The button did not work";
        TOO_MANY_STREAMS = "too_many_streams" SERVICE_UNAVAILABLE "Too many streams";
        BUSY = "busy" SERVICE_UNAVAILABLE "Too much is asked at once";
        STALLED = "stalled" SERVICE_UNAVAILABLE "The engine does not answer";
        ENGINE_STOPPED = "engine_stopped" SERVICE_UNAVAILABLE "The engine does not run";
    }
}

impl Written {
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }
}

impl Problem {
    pub(crate) fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail, operation: None, seq: None, remedy: None, retry_after: None }
    }

    /// What to do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// When it is worth while to ask again.
    pub(crate) const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Where the journal stands.
    pub(crate) const fn at(mut self, seq: Seq) -> Self {
        self.seq = Some(seq);
        self
    }

    /// The operation that it is about.
    pub(crate) const fn about(mut self, run: RunId) -> Self {
        self.operation = Some(run);
        self
    }

    /// The problem as it is written.
    pub(crate) fn written(&self, instance: Option<&str>) -> Written {
        Written {
            r#type: format!("about:blank#{}", self.code.name),
            title: self.code.title,
            status: self.code.status.as_u16(),
            detail: redact::text(&self.detail).into_owned(),
            instance: instance.map(str::to_owned),
            code: self.code.name,
            operation_id: self.operation.map(|run| run.to_string()),
            seq: self.seq.map(Seq::get),
            remedy: self.remedy.clone(),
        }
    }

    /// Fills an answer that carries the problem, now that the path is known.
    pub(crate) fn fill(&self, answer: &mut Response, instance: &str) {
        let text = serde_json::to_vec(&self.written(Some(instance))).unwrap_or_default();
        answer.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        answer.headers_mut().remove(header::CONTENT_LENGTH);
        *answer.body_mut() = Body::from(text);
    }
}

impl IntoResponse for Problem {
    /// The guard, which knows the path, writes the body.
    fn into_response(self) -> Response {
        let mut answer = self.code.status.into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer.extensions_mut().insert(self);
        answer
    }
}

impl From<Unavailable> for Problem {
    fn from(gone: Unavailable) -> Self {
        Self::new(&code::ENGINE_STOPPED, gone.to_string())
            .remedy("start the program again; what was durable goes on")
    }
}

impl From<EventsError> for Problem {
    fn from(error: EventsError) -> Self {
        match error {
            EventsError::Unavailable(gone) => gone.into(),
            other => Self::new(&code::INTERNAL, with_causes(&other))
                .remedy("see the log of the program, and check the journal with journal-dump"),
        }
    }
}

impl From<BreakerError> for Problem {
    fn from(refused: BreakerError) -> Self {
        match refused {
            BreakerError::Unavailable(gone) => gone.into(),
            other => Self::new(&code::CONFLICT, other.to_string())
                .remedy("isolate the resource to hold everything back that needs it"),
        }
    }
}

impl From<SettingError> for Problem {
    fn from(refused: SettingError) -> Self {
        match refused {
            SettingError::Unavailable(gone) => gone.into(),
            other => Self::new(&code::INVALID, in_json_words(&other.to_string()))
                .remedy("see GET /api/v1/settings for what there is"),
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(&code::NOT_FOUND, in_json_words(&rejection.body_text()))
            .remedy("see /api/v1/openapi.json for what there is")
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(&code::BAD_REQUEST, in_json_words(&rejection.body_text()))
            .remedy("see /api/v1/openapi.json for what can be asked")
    }
}

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
