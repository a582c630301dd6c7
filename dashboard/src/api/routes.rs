//! Every route, and the document that describes them.

use std::sync::Arc;

use axum::routing::{any, get};
use axum::{Json, Router, middleware};
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Content, ObjectBuilder, OpenApi as Document, Ref, Required, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::compat::{Refusal, downloads, in_old_words, recovery, settings as old_settings};
use super::problem::Written;
use super::{
    batches, breakers, buttons, controls, events, health, live, metrics, operation, operations,
    page, session, settings, stats, ws,
};
use crate::dashboard::App;
use crate::guard::{guard, work};
use crate::view::{Panel, Sort, View};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Resurge dashboard",
        description = "Operations of a durable workflow engine: what they do, and what they can be asked to do. Times are RFC 3339 in UTC, durations milliseconds, sizes bytes. Errors are `application/problem+json`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(Written, Refusal, View, Sort, Panel, breakers::Verb, controls::Verb, downloads::Wish)),
    security(("token" = []), ("cookie" = []))
)]
struct Api;

/// The routes with the guard before them, and their document.
pub(crate) fn router(app: &Arc<App>) -> (Router, Document) {
    let (routes, document) = OpenApiRouter::with_openapi(described())
        .routes(routes!(health::health))
        .routes(routes!(session::open, session::close))
        .routes(routes!(operations::list))
        .routes(routes!(operation::one))
        .routes(routes!(operation::events))
        .routes(routes!(operation::explanation))
        .routes(routes!(controls::control))
        .routes(routes!(controls::skip))
        .routes(routes!(batches::start))
        .routes(routes!(batches::progress, batches::stop))
        .routes(routes!(breakers::list))
        .routes(routes!(breakers::control))
        .routes(routes!(settings::list, settings::change))
        .routes(routes!(settings::preview))
        .routes(routes!(stats::all))
        .routes(routes!(buttons::list))
        .routes(routes!(buttons::press))
        .routes(routes!(live::view))
        .routes(routes!(metrics::metrics))
        .routes(routes!(events::records))
        .routes(routes!(ws::open))
        .merge(old())
        .split_for_parts();
    let document = with_headers(with_problems(document));
    let text = Arc::new(document.clone());
    let tell = move || {
        let text = Arc::clone(&text);
        async move { Json(text.as_ref().clone()) }
    };
    let guarded = routes
        .route("/api/v1/openapi.json", get(tell))
        .route("/", any(page::page))
        .layer(middleware::from_fn_with_state(Arc::clone(app), work))
        // Not worked on: what no route takes is refused whatever key comes with it.
        .fallback(page::page)
        .method_not_allowed_fallback(page::wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(app), guard))
        .with_state(Arc::clone(app));
    (guarded, document)
}

/// The routes of the launcher that this engine was first made for.
fn old() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(recovery::status))
        .routes(routes!(recovery::operations))
        .routes(routes!(recovery::one))
        .routes(routes!(recovery::retry))
        .routes(routes!(recovery::cancel))
        .routes(routes!(recovery::performance))
        .routes(routes!(recovery::test))
        .routes(routes!(downloads::list, downloads::start))
        .routes(routes!(downloads::history))
        .routes(routes!(old_settings::list, old_settings::change))
        .routes(routes!(downloads::one))
        .routes(routes!(downloads::ask))
        .layer(middleware::map_response(in_old_words))
}

fn described() -> Document {
    let mut document = Api::openapi();
    let components = document.components.get_or_insert_default();
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("token", token);
    let cookie = ApiKeyValue::with_description(
        "resurge_<port>",
        "Set by POST /api/v1/session; taken from pages of the same origin only",
    );
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    document
}

/// Says of every operation that a problem may be the answer.
fn with_problems(mut document: Document) -> Document {
    let content = |name| Content::new(Some(Ref::from_schema_name(name)));
    let refusal = ResponseBuilder::new().description("A problem");
    let refusal = refusal.content("application/problem+json", content("Problem")).build();
    let mut old = refusal.clone();
    // The guard says no in its own way before every route.
    old.content.insert("application/json".to_owned(), content("OldRefusal").into());
    for (path, item) in &mut document.paths.paths {
        let is_old = !path.starts_with("/api/v1/") && path.starts_with("/api/");
        let refusal = if is_old { &old } else { &refusal };
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.insert("default".to_owned(), refusal.clone().into());
        }
    }
    document
}

/// Says of every change which headers it takes.
fn with_headers(mut document: Document) -> Document {
    for (path, item) in &mut document.paths.paths {
        let is_named = ACTED.iter().any(|acted| path.ends_with(acted));
        let operations = [&mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let about = "A change with the same key is carried out once, and its answer given again; visible ASCII";
            add_header(operation, "Idempotency-Key", 128, about);
            if is_named {
                let about = "In whose name it is asked, for the journal; visible ASCII, `dashboard` if it is left out";
                add_header(operation, "X-Resurge-Actor", 64, about);
            }
        }
    }
    document
}

fn add_header(operation: &mut Operation, name: &str, chars_max: usize, about: &str) {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let text = text.min_length(Some(1)).max_length(Some(chars_max)).build();
    let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
    let header = header.required(Required::False).description(Some(about)).schema(Some(text));
    operation.parameters.get_or_insert_default().push(header.build().into());
}

/// How the paths end of what the journal notes with a name.
const ACTED: [&str; 8] = [
    "/operations/{id}/{verb}",
    "/skip",
    "/api/v1/batches",
    "/breakers/{key}/{verb}",
    "/settings",
    "/retry",
    "/cancel",
    "/downloads/{id}/{wish}",
];
