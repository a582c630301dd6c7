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
use super::wording::in_json_words;
use crate::dashboard::App;
use crate::view::{SettingCard, panels, redact, whole};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Settings {
    /// The settings by their name.
    settings: BTreeMap<String, SettingCard>,
    /// The record up to which a change of them is done; left out if nothing was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
}

/// Every setting that can be changed while the engine runs.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings",
    responses((status = 200, body = Settings)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Settings>, Problem> {
    current(&app, None).await
}

async fn current(app: &App, seq: Option<u64>) -> Result<Json<Settings>, Problem> {
    let tuning = app.engine.tuning().await?;
    Ok(Json(Settings { settings: panels::settings(app.engine.settings(), &tuning), seq }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    /// New values by name, within `min` and `max` of the setting; null takes a change back.
    changes: BTreeMap<String, Value>,
    /// Why, for the journal.
    reason: Option<String>,
}

/// Changes settings: all of them, or none if one cannot have its value.
#[utoipa::path(patch, path = "/api/v1/settings", tag = "settings", request_body = Changes,
    responses((status = 200, body = Settings)))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    Sent(wanted): Sent<Changes>,
) -> Result<Json<Settings>, Problem> {
    let reason = reason(wanted.reason)?;
    let mut seq = None;
    for (name, value) in checked(wanted.changes)? {
        let done = app.engine.tune(name, Some(value), actor.as_str(), reason.as_str()).await?;
        seq = Some(done.get());
    }
    current(&app, seq).await
}

/// Changes as they can be made.
fn checked(changes: BTreeMap<String, Value>) -> Result<Vec<(String, resurge::Json)>, Problem> {
    changes.into_iter().map(|(name, value)| Ok((name.clone(), value_of(&name, value)?))).collect()
}

/// A value that a setting can have; `7.0` is 7, as many clients write it.
fn value_of(name: &str, value: Value) -> Result<resurge::Json, Problem> {
    let refused = |why: &str| {
        let why = in_json_words(why);
        Problem::new(&code::INVALID, format!("`{name}` cannot be changed so: {why}"))
            .remedy("see GET /api/v1/settings for what there is")
    };
    let number = value.as_f64();
    let most = panels::most(name).filter(|most| number.is_some_and(|number| number > *most));
    if let Some(most) = most {
        return Err(refused(&format!("it is {most} at most")));
    }
    let value = match number.filter(|_| value.is_f64()).and_then(whole) {
        Some(number) => Value::from(number),
        None => value,
    };
    let json = resurge::Json::of(&value).map_err(|error| refused(&error.to_string()))?;
    Tuning::check(name, &json).map_err(|problem| refused(&problem))?;
    Ok(json)
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
    let changes = checked(question.changes)?.into_iter();
    let changes: Vec<_> = changes.map(|(name, value)| (name, Some(value))).collect();
    let effects = app.engine.preview(changes).await?.into_iter().map(|effect| Effect {
        text: redact::text(&effect.text).into_owned(),
        operations: effect.runs.iter().map(ToString::to_string).collect(),
        count: effect.count,
    });
    Ok(Json(Effects { effects: effects.collect() }))
}
