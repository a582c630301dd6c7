//! Breakers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use resurge::journal::event::BreakerMode;
use resurge::{BreakerControl, ResourceKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::actor::{Actor, reason};
use super::body::{Path, Sent};
use super::problem::{Problem, code};
use crate::dashboard::App;
use crate::view::{BreakerCard, panels};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Breakers {
    /// The breakers by the resource that they guard, those in the way first by `index`.
    breakers: BTreeMap<String, BreakerCard>,
}

/// Every breaker that the engine remembers.
#[utoipa::path(get, path = "/api/v1/breakers", tag = "breakers",
    responses((status = 200, body = Breakers)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Breakers>, Problem> {
    let (known, tuning) = (app.engine.breakers().await?, app.engine.tuning().await?);
    let threshold = tuning.circuit_breaker_threshold;
    let threshold = threshold.unwrap_or_else(|| app.engine.settings().breaker.threshold);
    let mut breakers = panels::breakers(&known, threshold, true);
    if app.read_only {
        for breaker in breakers.values_mut() {
            breaker.can.clear();
        }
    }
    Ok(Json(Breakers { breakers }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BreakerOrder)]
pub(super) struct Order {
    /// Why, for the journal.
    reason: Option<String>,
    /// How long an isolation lasts, at most 366 days; without it, until somebody ends it. Other verbs
    /// take none.
    #[schema(format = "uint64", minimum = 1, maximum = 31_622_400_000_u64)]
    lasts_ms: Option<u64>,
}

/// What can be asked of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = BreakerVerb)]
pub(super) enum Verb {
    /// Closes it now; what is held back goes on in waves.
    Close,
    /// Lets one attempt through.
    Probe,
    /// Holds everything back that needs the resource.
    Isolate,
    /// Lets everything through and watches nothing.
    Disable,
    /// Ends an isolation, or has it watch again.
    Enforce,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BreakerDone)]
pub(super) struct Done {
    /// The resource.
    breaker: String,
    /// The record up to which it is done.
    seq: u64,
}

/// Asks something of a breaker.
#[utoipa::path(post, path = "/api/v1/breakers/{key}/{verb}", tag = "breakers",
    params(("key" = String, Path, description = "The resource, percent-encoded: `host:https%2Fexample.org`"), ("verb" = Verb, Path)),
    request_body(content = Option<Order>, description = "May be left out"),
    responses((status = 202, body = Done)))]
pub(super) async fn control(
    State(app): State<Arc<App>>,
    Path((key, verb)): Path<(String, Verb)>,
    Actor(actor): Actor,
    Sent(order): Sent<Order>,
) -> Result<(StatusCode, Json<Done>), Problem> {
    let key = ResourceKey::new(&key).map_err(|error| {
        Problem::new(&code::NOT_FOUND, format!("this is no resource: {error}"))
            .remedy("take one from GET /api/v1/breakers")
    })?;
    let lasts = lasts(verb, order.lasts_ms)?;
    let mode = |mode, lasts| BreakerControl::Mode { mode, lasts };
    let control = match verb {
        Verb::Close => BreakerControl::Close,
        Verb::Probe => BreakerControl::Probe,
        Verb::Isolate => mode(BreakerMode::Isolated, lasts),
        Verb::Disable => mode(BreakerMode::Disabled, None),
        Verb::Enforce => mode(BreakerMode::Enforced, None),
    };
    let seq = app.engine.control_breaker(&key, control, actor, reason(order.reason)?).await?;
    Ok((StatusCode::ACCEPTED, Json(Done { breaker: key.to_string(), seq: seq.get() })))
}

/// How long it lasts, where that can be asked for.
fn lasts(verb: Verb, wanted_ms: Option<u64>) -> Result<Option<Duration>, Problem> {
    let Some(wanted_ms) = wanted_ms else { return Ok(None) };
    if verb != Verb::Isolate {
        return Err(Problem::new(&code::INVALID, "only an isolation lasts for a time")
            .remedy("leave `lasts_ms` out"));
    }
    if !(1..=LASTS_MS_MAX).contains(&wanted_ms) {
        return Err(Problem::new(&code::INVALID, "an isolation lasts from 1 ms to 366 days")
            .remedy("send another `lasts_ms`, or none to isolate until somebody ends it"));
    }
    Ok(Some(Duration::from_millis(wanted_ms)))
}

const LASTS_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1_000;
