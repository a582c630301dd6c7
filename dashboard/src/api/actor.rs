//! In whose name something is asked.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::{Problem, code};

/// Who the journal says has asked.
#[derive(Debug, Clone)]
pub(crate) struct Actor(pub(crate) String);

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(header) = parts.headers.get("x-resurge-actor") else {
            return Ok(Self(DEFAULT.to_owned()));
        };
        let name = header.to_str().ok().map(str::trim);
        let name = name.filter(|name| (1..=ACTOR_CHARS_MAX).contains(&name.len()));
        name.map(|name| Self(name.to_owned())).ok_or_else(|| {
            Problem::new(&code::BAD_REQUEST, "the `X-Resurge-Actor` has no form that is taken")
                .remedy("send 1 to 64 visible ASCII characters")
        })
    }
}

/// Why something is asked, as the journal gives it.
pub(crate) fn reason(given: Option<String>) -> Result<String, Problem> {
    let given = given.filter(|reason| !reason.trim().is_empty());
    let reason = given.unwrap_or_else(|| "asked on the dashboard".to_owned());
    if reason.len() > REASON_BYTES_MAX {
        let detail = format!("the reason has more than {REASON_BYTES_MAX} bytes");
        return Err(Problem::new(&code::INVALID, detail).remedy("say it in fewer words"));
    }
    Ok(reason)
}

const DEFAULT: &str = "dashboard";
const ACTOR_CHARS_MAX: usize = 64;
/// What a record of the journal takes; the engine would cut it.
const REASON_BYTES_MAX: usize = 1_024;
