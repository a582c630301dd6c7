//! `/api/recovery`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use resurge::journal::state::Tuning;
use resurge::steps::classify::classify;
use resurge::{Control, Group, Json as Payload};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::download::Recovering;
use super::downloads::{LIMIT_MAX, newest, shown};
use super::refused::{Refused, Success};
use super::settings::retries;
use crate::api::actor::{Actor, reason};
use crate::api::body::{Path, Sent};
use crate::api::operation::operation;
use crate::api::problem::{Problem, code};
use crate::dashboard::App;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldStatus)]
pub(in crate::api) struct Status {
    success: bool,
    recovery: Recovery,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldRecovery)]
struct Recovery {
    enabled: bool,
    persistence_enabled: bool,
    max_retries: u32,
    circuit_breaker_threshold: u32,
    /// Operations that have not ended.
    active_operations: usize,
}

/// Whether recovery is at work, and with which settings.
#[utoipa::path(get, path = "/api/recovery/status", tag = "compatibility",
    responses((status = 200, body = Status)))]
pub(in crate::api) async fn status(State(app): State<Arc<App>>) -> Result<Json<Status>, Refused> {
    let (_, active_operations) = newest(&app, Some(OPEN), Some(1), |_, _| ()).await?;
    let tuning = app.engine.tuning().await?;
    let threshold = tuning.circuit_breaker_threshold;
    Ok(Json(Status {
        success: true,
        recovery: Recovery {
            enabled: true,
            persistence_enabled: true,
            max_retries: retries(&tuning),
            circuit_breaker_threshold: threshold
                .unwrap_or_else(|| app.engine.settings().breaker.threshold),
            active_operations,
        },
    }))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldOperations)]
pub(in crate::api) struct Open {
    success: bool,
    operations: Vec<Recovering>,
    total_count: usize,
}

/// Operations that have not ended, the newest first; 500 at most.
#[utoipa::path(get, path = "/api/recovery/operations", tag = "compatibility",
    responses((status = 200, body = Open)))]
pub(in crate::api) async fn operations(State(app): State<Arc<App>>) -> Result<Json<Open>, Refused> {
    let (operations, total_count) =
        newest(&app, Some(OPEN), Some(LIMIT_MAX), Recovering::new).await?;
    Ok(Json(Open { success: true, operations, total_count }))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldOperation)]
pub(in crate::api) struct One {
    success: bool,
    operation: Recovering,
}

/// One operation.
#[utoipa::path(get, path = "/api/recovery/operations/{id}", tag = "compatibility",
    params(("id" = String, Path, description = "The operation")),
    responses((status = 200, body = One)))]
pub(in crate::api) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<One>, Refused> {
    let operation = shown(&app, &id, Recovering::new).await?;
    Ok(Json(One { success: true, operation }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OldAgain)]
pub(in crate::api) struct Again {
    /// Whether to try whatever class and breaker say.
    #[serde(default)]
    force: bool,
    /// Not to be had for one operation.
    max_attempts: Option<u32>,
}

/// Tries an operation again now.
#[utoipa::path(post, path = "/api/recovery/operations/{id}/retry", tag = "compatibility",
    params(("id" = String, Path, description = "The operation")),
    request_body(content = Option<Again>, description = "May be left out"),
    responses((status = 200, body = Success)))]
pub(in crate::api) async fn retry(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Actor(actor): Actor,
    Sent(again): Sent<Again>,
) -> Result<Json<Success>, Refused> {
    if again.max_attempts.is_some() {
        let detail = "one operation has no number of attempts of its own";
        return Err(Problem::new(&code::INVALID, detail)
            .remedy("leave `max_attempts` out, or change `max_retries` for all")
            .into());
    }
    let control = if again.force { Control::ForceRetry } else { Control::RetryNow };
    ask(&app, &id, control, actor).await?;
    Ok(Success::of(format!("Operation {id} is tried again")))
}

/// Calls an operation off.
#[utoipa::path(post, path = "/api/recovery/operations/{id}/cancel", tag = "compatibility",
    params(("id" = String, Path, description = "The operation")),
    responses((status = 200, body = Success)))]
pub(in crate::api) async fn cancel(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Actor(actor): Actor,
) -> Result<Json<Success>, Refused> {
    ask(&app, &id, Control::Cancel, actor).await?;
    Ok(Success::of(format!("Operation {id} was cancelled")))
}

async fn ask(app: &App, id: &str, control: Control, actor: String) -> Result<(), Problem> {
    app.engine.control(operation(id)?, control, actor, reason(None)?).await?;
    Ok(())
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldPerformance)]
pub(in crate::api) struct Performance {
    success: bool,
    performance: Numbers,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldNumbers)]
struct Numbers {
    total_operations: u64,
    recovered_operations: u64,
    failed_operations: u64,
    /// Seconds from the first failure to success.
    average_recovery_time: f64,
    retry_attempts: u64,
    circuit_breaker_trips: u64,
    /// Share of those that ended and were not called off, from 0 to 1; 1 while none has.
    success_rate: f64,
    /// Retries of all operations for each one that recovered.
    average_attempts_per_recovery: f64,
}

/// How well recovery works.
#[utoipa::path(get, path = "/api/recovery/performance", tag = "compatibility",
    responses((status = 200, body = Performance)))]
pub(in crate::api) async fn performance(
    State(app): State<Arc<App>>,
) -> Result<Json<Performance>, Refused> {
    let stats = app.engine.stats().await?;
    #[expect(clippy::cast_precision_loss, reason = "numbers for people")]
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    Ok(Json(Performance {
        success: true,
        performance: Numbers {
            total_operations: stats.total,
            recovered_operations: stats.recovered,
            failed_operations: stats.failed,
            average_recovery_time: share(stats.recovery_ms, stats.recovered) / 1_000.0,
            retry_attempts: stats.retry_attempts,
            circuit_breaker_trips: stats.breaker_trips,
            success_rate: stats.success_rate().unwrap_or(1.0),
            average_attempts_per_recovery: share(stats.retry_attempts, stats.recovered),
        },
    }))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldTested)]
pub(in crate::api) struct Tested {
    success: bool,
    test_results: Results,
    all_tests_passed: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldResults)]
struct Results {
    /// The engine answers.
    engine_test: bool,
    /// The settings that are in force are such as can be.
    settings_test: bool,
    /// A broken connection is taken for a trouble of the network.
    classifier_test: bool,
}

/// Looks whether the engine answers, its settings can be, and failures are told apart; only looks.
#[utoipa::path(post, path = "/api/recovery/test", tag = "compatibility",
    responses((status = 200, body = Tested)))]
pub(in crate::api) async fn test(State(app): State<Arc<App>>) -> Result<Json<Tested>, Refused> {
    let tuning = app.engine.tuning().await?;
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let in_force = |name: &&str| {
        let value = tuning.get(name).unwrap_or_else(Payload::null);
        value == Payload::null() || Tuning::check(name, &value).is_ok()
    };
    let test_results = Results {
        // It has just done so.
        engine_test: true,
        settings_test: Tuning::NAMES.iter().all(in_force),
        classifier_test: classify(&broken).class.group() == Group::Network,
    };
    let Results { engine_test, settings_test, classifier_test } = test_results;
    let all_tests_passed = engine_test && settings_test && classifier_test;
    Ok(Json(Tested { success: true, test_results, all_tests_passed }))
}

const OPEN: &str = "pending,in_progress,recovering,paused";
