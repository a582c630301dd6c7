//! `/api/downloads/settings`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use resurge::journal::state::Tuning;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::refused::{Refused, Success};
use crate::api::actor::{Actor, reason};
use crate::api::body::Sent;
use crate::api::problem::{Problem, code};
use crate::api::wording::in_json_words;
use crate::dashboard::App;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldSettingsShown)]
pub(in crate::api) struct Current {
    success: bool,
    settings: Settings,
}

/// The settings of the old page, under their old names.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldSettings)]
struct Settings {
    /// Attempts under way at the same time.
    max_concurrent_downloads: u64,
    /// Retries after the first attempt; 5 unless somebody set it for all.
    max_retries: u32,
    /// Cannot be changed.
    chunk_size: u64,
    /// Seconds; cannot be changed.
    timeout: u64,
    /// Bytes a second, all transfers together; 0 is no limit.
    bandwidth_limit: u64,
    /// Cannot be changed.
    auto_resume: bool,
    /// Cannot be changed.
    verify_checksums: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
#[schema(as = OldSettingsWanted)]
pub(in crate::api) struct Wanted {
    max_concurrent_downloads: Option<u64>,
    max_retries: Option<u64>,
    chunk_size: Option<u64>,
    timeout: Option<u64>,
    bandwidth_limit: Option<u64>,
    auto_resume: Option<bool>,
    verify_checksums: Option<bool>,
}

/// The settings under their old names.
#[utoipa::path(get, path = "/api/downloads/settings", tag = "compatibility",
    responses((status = 200, body = Current)))]
pub(in crate::api) async fn list(State(app): State<Arc<App>>) -> Result<Json<Current>, Refused> {
    let settings = current(&app, &app.engine.tuning().await?);
    Ok(Json(Current { success: true, settings }))
}

/// Changes settings: all of them, or none if one cannot be changed so.
#[utoipa::path(post, path = "/api/downloads/settings", tag = "compatibility", request_body = Wanted,
    responses((status = 200, body = Success)))]
pub(in crate::api) async fn change(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    Sent(wanted): Sent<Wanted>,
) -> Result<Json<Success>, Refused> {
    let now = current(&app, &app.engine.tuning().await?);
    let changes = changes(&now, &wanted)?;
    for (name, value) in &changes {
        let value = resurge::Json::of(value).unwrap_or_else(|_| resurge::Json::null());
        Tuning::check(name, &value)
            .map_err(|problem| Problem::new(&code::INVALID, in_json_words(&problem)))?;
    }
    for (name, value) in changes {
        let tuned = app.engine.tune(name, Some(value), actor.as_str(), reason(None)?).await;
        tuned.map_err(Problem::from)?;
    }
    Ok(Success::of("Download settings updated"))
}

fn current(app: &App, tuning: &Tuning) -> Settings {
    let in_flight = tuning.attempts_in_flight_max.map(u64::from);
    Settings {
        max_concurrent_downloads: in_flight
            .unwrap_or_else(|| app.engine.settings().attempts_in_flight_max as u64),
        max_retries: retries(tuning),
        chunk_size: CHUNK_BYTES,
        timeout: TIMEOUT_SECONDS,
        bandwidth_limit: bandwidth(tuning),
        auto_resume: true,
        verify_checksums: true,
    }
}

/// Retries as the old page shows them: steps have policies of their own until somebody sets it.
pub(super) fn retries(tuning: &Tuning) -> u32 {
    tuning.max_retries.unwrap_or(RETRIES)
}

fn bandwidth(tuning: &Tuning) -> u64 {
    let limit = tuning.get(BANDWIDTH).and_then(|limit| limit.read::<Option<u64>>().ok()?);
    limit.unwrap_or(0)
}

/// What is to be changed; the old page sends everything, whether or not it was changed.
fn changes(now: &Settings, wanted: &Wanted) -> Result<Vec<(&'static str, Value)>, Problem> {
    let fixed = [
        ("chunk_size", wanted.chunk_size.is_none_or(|size| size == now.chunk_size)),
        ("timeout", wanted.timeout.is_none_or(|timeout| timeout == now.timeout)),
        ("auto_resume", wanted.auto_resume.is_none_or(|resumes| resumes)),
        ("verify_checksums", wanted.verify_checksums.is_none_or(|verifies| verifies)),
    ];
    if let Some((name, _)) = fixed.iter().find(|(_, is_same)| !is_same) {
        let detail = format!("`{name}` is part of how the program downloads and cannot be changed");
        return Err(Problem::new(&code::INVALID, detail)
            .remedy("leave it out, or send the value that GET answers"));
    }
    let settings = [
        ("attempts_in_flight_max", wanted.max_concurrent_downloads, now.max_concurrent_downloads),
        ("max_retries", wanted.max_retries, now.max_retries.into()),
        (BANDWIDTH, wanted.bandwidth_limit, now.bandwidth_limit),
    ];
    let changed = settings.into_iter().filter_map(|(name, wanted, now)| {
        wanted.filter(|wanted| *wanted != now).map(|wanted| (name, json!(wanted)))
    });
    Ok(changed.collect())
}

const BANDWIDTH: &str = "bandwidth_limit";
const RETRIES: u32 = 5;
const CHUNK_BYTES: u64 = 1024 * 1024;
const TIMEOUT_SECONDS: u64 = 30;
