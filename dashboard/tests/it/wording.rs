//! What answers say, and which names they know.

use axum::http::{Method, StatusCode};
use resurge::{Class, Engine, ResourceKey, StepContext, StepError, Workflow};
use resurge_dashboard::Token;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::house::{FLAKY, HOPELESS, House};

#[tokio::test]
async fn no_answer_names_a_type_of_the_program() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    let pause = format!("/api/v1/operations/{run}/pause");
    for (path, body) in [
        (pause.as_str(), json!("x")),
        (pause.as_str(), json!(1)),
        (pause.as_str(), json!({ "reason": 1.5 })),
        ("/api/v1/batches", json!({ "filter": [], "action": "pause" })),
        ("/api/v1/batches", json!({ "filter": {}, "action": 1 })),
        ("/api/v1/batches", json!({ "filter": {}, "action": "pause", "jitter_ms": -1 })),
        ("/api/v1/settings/preview", json!({ "changes": { "max_retries": "x" } })),
    ] {
        let refused = house.post(path).json(&body).answer().await;
        assert!(refused.status.is_client_error(), "{path} {body}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        for name in ["struct", "enum", "u32", "u64", "Order", "a map", "sequence"] {
            assert!(!detail.contains(name), "{path} {body}: {detail}");
        }
    }
}

#[tokio::test]
async fn nothing_is_as_good_as_no_body() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    let answer = house.post(&format!("/api/v1/operations/{run}/pause")).json(&Value::Null);
    assert_eq!(answer.answer().await.status, StatusCode::ACCEPTED);
    let needed = house.post("/api/v1/batches").json(&Value::Null).answer().await;
    assert_eq!(needed.code(), "invalid");
}

#[tokio::test]
async fn a_socket_is_not_opened_by_a_plain_request() {
    let house = House::new().await;
    let refused = house.get("/api/v1/ws").answer().await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::BAD_REQUEST, "bad_request"));
}

#[tokio::test]
async fn streams_are_not_to_be_kept_either() {
    let house = House::new().await;
    for path in ["/api/v1/events", "/api/v1/view"] {
        let answer = house.get(path).open().await;
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
    }
}

#[tokio::test]
async fn a_failure_that_there_is_not_is_refused() {
    let house = House::new().await;
    let run = house.start(HOPELESS, "one").await;
    for path in ["/api/v1/operations", "/api/v1/view"] {
        let refused = house.get(&format!("{path}?error=bogus")).answer().await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "bad_request"));
        assert!(refused.json()["remedy"].as_str().unwrap().contains("not_found"), "{refused:?}");
    }
    let body = json!({ "filter": { "error": "bogus" }, "action": "retry", "dry_run": true });
    assert_eq!(house.post("/api/v1/batches").json(&body).answer().await.code(), "bad_request");
    let group = Class::NotFound.group().name();
    for error in ["not_found", group, ""] {
        let found = found(&house, &format!("error={error}")).await;
        assert_eq!(found.json()["operations"][0]["id"], run.to_string(), "{error}");
    }
}

async fn found(house: &House, query: &str) -> Answer {
    house.get(&format!("/api/v1/operations?{query}")).answer().await
}

/// A workflow whose only step fails on a host, unless its input is not `broken`.
fn fetching() -> Workflow<String, String> {
    let mut flow = Workflow::builder::<String>("fetching");
    let text = flow.input();
    let step = |_: StepContext, text: String| async move {
        if text != "broken" {
            return Ok(text);
        }
        let host = ResourceKey::host("http", "127.0.0.1", 7_999).unwrap();
        Err(StepError::new(Class::NotFound, "gone", "it is gone").resource(host))
    };
    let fetched = flow.step_fn("fetch", text, step).add();
    flow.build(fetched).unwrap()
}

#[tokio::test]
async fn a_host_is_found_by_what_people_call_it() {
    let flow = fetching();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let house = House::over(engine, flow, Token::random().unwrap(), |builder| builder).await;
    let run = house.start("broken", "one").await;
    for host in ["127.0.0.1:7999", "host:http/127.0.0.1:7999"] {
        let found = found(&house, &format!("host={host}")).await.json();
        assert_eq!(found["operations"][0]["id"], run.to_string(), "{host}: {found}");
    }
    assert_eq!(found(&house, "host=127.0.0.1").await.json()["total"], 0);
}

#[tokio::test]
async fn the_document_tells_which_headers_are_taken() {
    let house = House::new().await;
    let document = house.get("/api/v1/openapi.json").answer().await.json();
    let takes = |method: &Method, path: &str, header: &str| {
        let method = method.as_str().to_lowercase();
        let parameters = document["paths"][path][method]["parameters"].as_array().cloned();
        let mut parameters = parameters.into_iter().flatten();
        parameters.find(|known| known["in"] == "header" && known["name"] == header)
    };
    let verb = "/api/v1/operations/{id}/{verb}";
    for (method, path, header, most) in [
        (Method::POST, verb, "Idempotency-Key", 128),
        (Method::POST, verb, "X-Resurge-Actor", 64),
        (Method::PATCH, "/api/v1/settings", "X-Resurge-Actor", 64),
        (Method::POST, "/api/v1/breakers/{key}/{verb}", "X-Resurge-Actor", 64),
        (Method::POST, "/api/v1/buttons/{id}", "Idempotency-Key", 128),
    ] {
        let known = takes(&method, path, header).unwrap_or_else(|| panic!("{path} {header}"));
        assert_eq!(
            (&known["schema"]["minLength"], &known["schema"]["maxLength"]),
            (&json!(1), &json!(most))
        );
        assert_ne!(known["required"], true);
    }
    assert!(takes(&Method::POST, verb, "If-Match").is_some());
    assert!(takes(&Method::POST, "/api/v1/settings/preview", "X-Resurge-Actor").is_none());
    assert!(takes(&Method::GET, "/api/v1/stats", "Idempotency-Key").is_none());
}
