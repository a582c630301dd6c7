//! The document that describes the API.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::house::House;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[tokio::test]
async fn the_committed_document_is_the_one_of_the_code() {
    let house = House::new().await;
    let document = house.get("/api/v1/openapi.json").answer().await.json();
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(COMMITTED, &text).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(committed == text, "run this test with BLESS=1 and commit dashboard/openapi.json");
}

#[tokio::test]
async fn every_route_of_the_document_is_there() {
    let house = House::with_limits(|limits| limits.controls.burst = 1_000).await;
    let document = house.get("/api/v1/openapi.json").answer().await.json();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "patch", "delete"].map(|name| (name, &item[name])) {
            let (name, Value::Object(_)) = method else { continue };
            let method = Method::from_bytes(name.to_uppercase().as_bytes()).unwrap();
            let path = path.replace(['{', '}'], "");
            let answer = house.ask(method, &path).open().await;
            assert_ne!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{name} {path}");
            if answer.status() == StatusCode::NOT_FOUND {
                let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
                let problem: Value = serde_json::from_slice(&body).unwrap();
                assert_ne!(problem["detail"], "there is nothing at this path", "{name} {path}");
            }
            asked += 1;
        }
    }
    assert!(asked >= 10, "{asked}");
}

#[tokio::test]
async fn what_is_said_to_stand_in_a_path_stands_there() {
    let house = House::new().await;
    let document = house.get("/api/v1/openapi.json").answer().await.json();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in ["get", "post", "patch", "delete"].map(|method| &item[method]) {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters.filter(|parameter| parameter["in"] == "path") {
                let name = parameter["name"].as_str().unwrap();
                assert!(path.contains(&format!("{{{name}}}")), "{name} in {path}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 10, "{seen}");
}

#[tokio::test]
async fn every_name_in_the_document_means_one_thing() {
    let house = House::new().await;
    let document = house.get("/api/v1/openapi.json").answer().await.json();
    let mut open = vec![&document];
    let mut references = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference} is not there");
                    references += 1;
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(references > 50, "{references}");
    // Two types of one name would leave one of them out.
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, field) in [
        ("ControlOrder", "freeze_timers"),
        ("BreakerOrder", "lasts_ms"),
        ("BatchOrder", "filter"),
        ("Settings", "settings"),
        ("OldSettings", "chunk_size"),
        ("Problem", "remedy"),
        ("View", "breakers"),
    ] {
        assert!(schemas[name]["properties"][field].is_object(), "{name}.{field}");
    }
}
