//! How well recovery works.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::dashboard::App;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Statistics {
    /// Operations started.
    total: u64,
    /// Those that succeeded.
    succeeded: u64,
    /// Those that succeeded after a failure.
    recovered: u64,
    /// Those that failed or ran out of retries.
    failed: u64,
    /// Those that were called off.
    cancelled: u64,
    /// Mean time from the first failure to the success.
    #[serde(skip_serializing_if = "Option::is_none")]
    average_recovery_ms: Option<u64>,
    /// Attempts after the first one of their step.
    retry_attempts: u64,
    /// Times that a breaker opened.
    breaker_trips: u64,
    /// Share of those that ended and were not called off, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    success_rate: Option<f64>,
    /// Failed attempts by class.
    causes: BTreeMap<&'static str, Cause>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Cause {
    /// Failed attempts.
    failures: u64,
    /// Those that were followed by another attempt.
    retried: u64,
}

/// How well recovery works, over all operations that the journal knows.
#[utoipa::path(get, path = "/api/v1/stats", tag = "stats",
    responses((status = 200, body = Statistics)))]
pub(super) async fn all(State(app): State<Arc<App>>) -> Result<Json<Statistics>, Problem> {
    let stats = app.engine.stats().await?;
    let cause = |class: &resurge::journal::state::ClassStats| Cause {
        failures: class.failures,
        retried: class.retried,
    };
    Ok(Json(Statistics {
        total: stats.total,
        succeeded: stats.succeeded,
        recovered: stats.recovered,
        failed: stats.failed,
        cancelled: stats.cancelled,
        average_recovery_ms: stats.average_recovery_ms(),
        retry_attempts: stats.retry_attempts,
        breaker_trips: stats.breaker_trips,
        success_rate: stats.success_rate(),
        causes: stats.by_class.iter().map(|(class, of)| (class.name(), cause(of))).collect(),
    }))
}
