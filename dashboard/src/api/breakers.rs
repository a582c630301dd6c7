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
    Ok(Json(Breakers { breakers: panels::breakers(&known, threshold, true) }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BreakerOrder)]
pub(super) struct Order {
    /// Why, for the journal.
    reason: Option<String>,
    /// How long an isolation lasts; without it, until somebody ends it.
    #[schema(format = "uint64")]
    lasts_ms: Option<u64>,
}

/// What can be asked of a breaker.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
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

/// Asks something of a breaker.
#[utoipa::path(post, path = "/api/v1/breakers/{key}/{verb}", tag = "breakers",
    params(("key" = String, Path, description = "The resource"), ("verb" = Verb, Path)),
    request_body(content = Option<Order>, description = "May be left out"),
    responses((status = 202, description = "It is in the journal")))]
pub(super) async fn control(
    State(app): State<Arc<App>>,
    Path((key, verb)): Path<(String, Verb)>,
    Actor(actor): Actor,
    Sent(order): Sent<Order>,
) -> Result<StatusCode, Problem> {
    let key = ResourceKey::new(&key).map_err(|error| {
        Problem::new(&code::NOT_FOUND, format!("this is no resource: {error}"))
            .remedy("take one from GET /api/v1/breakers")
    })?;
    let lasts = order.lasts_ms.map(Duration::from_millis);
    let mode = |mode, lasts| BreakerControl::Mode { mode, lasts };
    let control = match verb {
        Verb::Close => BreakerControl::Close,
        Verb::Probe => BreakerControl::Probe,
        Verb::Isolate => mode(BreakerMode::Isolated, lasts),
        Verb::Disable => mode(BreakerMode::Disabled, None),
        Verb::Enforce => mode(BreakerMode::Enforced, None),
    };
    app.engine.control_breaker(&key, control, actor, reason(order.reason)?).await?;
    Ok(StatusCode::ACCEPTED)
}
