//! Settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use resurge::journal::state::Tuning;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::actor::{Actor, reason};
use super::body::Sent;
use super::problem::{Problem, code};
use crate::dashboard::App;
use crate::view::{SettingCard, panels, redact};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Settings {
    /// The settings by their name.
    settings: BTreeMap<String, SettingCard>,
}

/// Every setting that can be changed while the engine runs.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings",
    responses((status = 200, body = Settings)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Settings>, Problem> {
    let tuning = app.engine.tuning().await?;
    Ok(Json(Settings { settings: panels::settings(app.engine.settings(), &tuning) }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    /// New values by name; null takes a change back.
    changes: BTreeMap<String, Value>,
    /// Why, for the journal.
    reason: Option<String>,
}

/// Changes settings: all of them, or none if one cannot have its value.
#[utoipa::path(patch, path = "/api/v1/settings", tag = "settings", request_body = Changes,
    responses((status = 200, body = Settings)))]
pub(super) async fn change(
    state: State<Arc<App>>,
    Actor(actor): Actor,
    Sent(wanted): Sent<Changes>,
) -> Result<Json<Settings>, Problem> {
    let reason = reason(wanted.reason)?;
    for (name, value) in &wanted.changes {
        let json = resurge::Json::of(value)
            .map_err(|error| Problem::new(&code::INVALID, format!("`{name}`: {error}")))?;
        Tuning::check(name, &json).map_err(|problem| {
            Problem::new(&code::INVALID, format!("`{name}` cannot be changed so: {problem}"))
                .remedy("see GET /api/v1/settings for what there is")
        })?;
    }

    for (name, value) in wanted.changes {
        state.engine.tune(name, Some(value), actor.as_str(), reason.as_str()).await?;
    }
    list(state).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    /// New values by name; null takes a change back.
    changes: BTreeMap<String, Value>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Effects {
    /// What would happen; none if nothing would change for anybody.
    effects: Vec<Effect>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Effect {
    /// In a sentence.
    text: String,
    /// Operations that it concerns, the newest first; at most 100.
    operations: Vec<String>,
    /// How many it concerns.
    count: usize,
}

/// What changes of settings would do if they were made now; changes nothing.
#[utoipa::path(post, path = "/api/v1/settings/preview", tag = "settings", request_body = Question,
    responses((status = 200, body = Effects)))]
pub(super) async fn preview(
    State(app): State<Arc<App>>,
    Sent(question): Sent<Question>,
) -> Result<Json<Effects>, Problem> {
    let changes = question.changes.into_iter().map(|(name, value)| {
        let json = resurge::Json::of(&value)
            .map_err(|error| Problem::new(&code::INVALID, format!("`{name}`: {error}")))?;
        Ok((name, Some(json)))
    });
    let changes: Vec<_> = changes.collect::<Result<_, Problem>>()?;
    let effects = app.engine.preview(changes).await?.into_iter().map(|effect| Effect {
        text: redact::text(&effect.text).into_owned(),
        operations: effect.runs.iter().map(ToString::to_string).collect(),
        count: effect.count,
    });
    Ok(Json(Effects { effects: effects.collect() }))
}
