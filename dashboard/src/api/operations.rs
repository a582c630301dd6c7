//! Lists of operations.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use resurge::Class;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Query, limited};
use super::cursor::Cursor;
use super::problem::{Problem, code};
use crate::dashboard::App;
use crate::view::{Entry, Filter, Row, STATES, Sort};

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Statuses with commas between them; `waiting` is any that waits for something.
    state: Option<String>,
    /// The workflow.
    workflow: Option<String>,
    /// The class of the last failure, or its group.
    error: Option<String>,
    /// The host or other resource that it waits for or failed on: its key, or what people call it.
    host: Option<String>,
    /// Part of the name, the workflow or the error, or the beginning of the id, in any case.
    q: Option<String>,
    /// The order; the newest first if it is left out.
    sort: Option<Sort>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Most operations in the answer, from 1 to 500; 50 if it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Operations)]
pub(super) struct Listed {
    /// The operations of this page, in order.
    operations: Vec<Operation>,
    /// Operations that fit, over all pages.
    total: usize,
    /// What to send as `cursor` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Operation {
    id: String,
    #[serde(flatten)]
    row: Arc<Row>,
}

/// The operations that fit, page by page.
///
/// By `started` and `name`, forwards and backwards, every operation that is there all the while comes
/// once; by `status` and `-updated` one that moves meanwhile may come twice or not at all.
#[utoipa::path(get, path = "/api/v1/operations", tag = "operations", params(Page),
    responses((status = 200, body = Listed)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
    Query(page): Query<Page>,
) -> Result<(HeaderMap, Json<Listed>), Problem> {
    let Page { state, workflow, error, host, q, sort, cursor, limit } = page;
    let filter = checked(Filter { state, workflow, error, host, q })?;
    let (sort, limit) = (sort.unwrap_or_default(), limited(limit, LIMIT, LIMIT_MAX)?);
    let cursor = cursor.map(|text| Cursor::read(&text, &filter, sort)).transpose()?;
    let board = app.fresh_board().await?;
    let scene = board.scene();
    let (_, fitting) = scene.sift(&filter, sort);
    let begin = cursor.map_or(0, |last| last.begin(&fitting, sort));
    let mut rest = fitting.iter().skip(begin).copied();
    let shown: Vec<&Entry> = rest.by_ref().take(limit).collect();
    let last = shown.last().filter(|_| rest.next().is_some());
    let next = last.map(|last| Cursor::behind(last, &filter, sort).text());
    let operation = |entry: &&Entry| Operation { id: entry.id.to_string(), row: scene.row(entry) };
    let operations = shown.iter().map(operation).collect();
    let headers = next.as_deref().and_then(|next| link(&uri, next)).into_iter().collect();
    Ok((headers, Json(Listed { operations, total: fitting.len(), next })))
}

/// A filter whose statuses and failures there are.
pub(super) fn checked(filter: Filter) -> Result<Filter, Problem> {
    if filter.is_error_unknown() {
        let wanted = filter.error.unwrap_or_default();
        let names: BTreeSet<&str> =
            Class::ALL.iter().flat_map(|class| [class.group().name(), class.name()]).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let detail = format!("there is no class or group of failures `{wanted}`");
        return Err(Problem::new(&code::BAD_REQUEST, detail).remedy(format!("take one of {names}")));
    }
    let unknown = filter.unknown_states().join(", ");
    if unknown.is_empty() {
        return Ok(filter);
    }
    Err(Problem::new(&code::BAD_REQUEST, format!("there is no status {unknown}"))
        .remedy(format!("take some of {}", STATES.join(", "))))
}

/// The address of the next page, relative to this one.
fn link(uri: &Uri, next: &str) -> Option<(header::HeaderName, HeaderValue)> {
    let query = uri.query().unwrap_or_default().split('&');
    let kept = query.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let cursor = format!("cursor={next}");
    let pairs: Vec<&str> = kept.chain([cursor.as_str()]).collect();
    let link = HeaderValue::try_from(format!("<?{}>; rel=\"next\"", pairs.join("&")));
    Some((header::LINK, link.ok()?))
}

const LIMIT: usize = 50;
const LIMIT_MAX: usize = 500;
