//! Buttons of the embedder.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::Path;
use super::problem::{Problem, code};
use crate::dashboard::App;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Buttons {
    /// The buttons by their id.
    buttons: BTreeMap<String, ButtonView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ButtonView {
    /// Its place among the buttons.
    index: usize,
    label: String,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// What to ask before it is pressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<String>,
}

/// The buttons that the program adds.
#[utoipa::path(get, path = "/api/v1/buttons", tag = "buttons",
    responses((status = 200, body = Buttons)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Buttons> {
    let views = app.buttons.iter().enumerate().map(|(index, button)| {
        let (label, title) = (button.label.clone(), button.title.clone());
        (button.id.clone(), ButtonView { index, label, title, confirm: button.confirm.clone() })
    });
    Json(Buttons { buttons: views.collect() })
}

/// Presses a button.
#[utoipa::path(post, path = "/api/v1/buttons/{id}", tag = "buttons",
    params(("id" = String, Path, description = "The button")),
    responses((status = 204, description = "It did what it does")))]
pub(super) async fn press(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let button = app.buttons.iter().find(|button| button.id == id);
    let button = button.ok_or_else(|| {
        Problem::new(&code::NOT_FOUND, "there is no such button").remedy("reload the page")
    })?;
    let pressed = button.press().await;
    pressed.map_err(|reason| {
        Problem::new(&code::BUTTON_FAILED, reason).remedy("see the log of the program")
    })?;
    Ok(StatusCode::NO_CONTENT)
}
