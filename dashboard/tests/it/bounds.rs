//! How much of something there may be: values of settings, durations, heads, connections.

use axum::http::{Method, StatusCode};
use resurge::ResourceKey;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Answer;
use crate::house::{House, at_last};

const SETTINGS: &str = "/api/v1/settings";

async fn patch(house: &House, changes: Value) -> Answer {
    let body = json!({ "changes": changes });
    house.ask(Method::PATCH, SETTINGS).json(&body).answer().await
}

#[tokio::test]
async fn what_settings_tell_can_be_sent_back() {
    let house = House::new().await;
    let answer = patch(&house, json!({ "max_retries": 16.0, "backoff_factor": 2.5 })).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.json()["seq"].as_u64().is_some(), "{answer:?}");
    assert_eq!(house.engine.tuning().await.unwrap().max_retries, Some(16));
    let shown = house.get(SETTINGS).answer().await.json();
    assert!(shown.get("seq").is_none(), "nothing was asked");
    for (name, card) in shown["settings"].as_object().unwrap() {
        let Some(value) = card.get("value") else { continue };
        assert_eq!(value.is_f64(), name == "backoff_factor", "{name}: {value}");
        let back = patch(&house, json!({ name: value })).await;
        assert_eq!(back.status, StatusCode::OK, "{name}: {back:?}");
    }
    let preview = house.post("/api/v1/settings/preview");
    let preview = preview.json(&json!({ "changes": { "max_retries": 7.0 } })).answer().await;
    assert_eq!(preview.status, StatusCode::OK, "{preview:?}");
    let half = patch(&house, json!({ "max_retries": 7.5 })).await;
    assert_eq!(half.code(), "invalid");
    let detail = half.json()["detail"].to_string();
    assert!(detail.contains("expected a whole number"), "{detail}");
}

#[tokio::test]
async fn settings_stay_within_what_makes_sense() {
    let house = House::new().await;
    let month: u64 = 30 * 24 * 3_600 * 1_000;
    let cards = house.get(SETTINGS).answer().await.json()["settings"].clone();
    for (name, max) in [
        ("initial_delay_ms", json!(month)),
        ("max_delay_ms", json!(month)),
        ("circuit_breaker_timeout_ms", json!(month)),
        ("backoff_factor", json!(100)),
    ] {
        assert_eq!(cards[name]["max"], max, "{name}");
        assert_eq!(patch(&house, json!({ name: max })).await.status, StatusCode::OK, "{name}");
        for more in [json!(max.as_u64().unwrap() + 1), json!(u64::MAX), json!(1e308)] {
            let refused = patch(&house, json!({ name: more })).await;
            assert_eq!(refused.code(), "invalid", "{name}: {more}");
            assert_ne!(refused.json()["remedy"], Value::Null);
            let preview = house.post("/api/v1/settings/preview");
            let preview = preview.json(&json!({ "changes": { name: more } })).answer().await;
            assert_eq!(preview.code(), "invalid", "{name}: {more}");
        }
    }
    assert!(cards["max_retries"].get("max").is_none());
}

#[tokio::test]
async fn an_isolation_lasts_for_a_year_at_most() {
    let house = House::new().await;
    let key = ResourceKey::host("http", "models.example", 80).unwrap();
    let ask = |verb: &str, lasts_ms: u64| {
        let key = key.as_str().replace('/', "%2F");
        let body = json!({ "lasts_ms": lasts_ms });
        house.post(&format!("/api/v1/breakers/{key}/{verb}")).json(&body).answer()
    };
    let most = 366 * 24 * 3_600 * 1_000;
    for (verb, lasts_ms) in
        [("isolate", 0), ("isolate", most + 1), ("isolate", u64::MAX), ("disable", 1), ("probe", 1)]
    {
        let refused = ask(verb, lasts_ms).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{verb} {lasts_ms}");
        assert!(refused.json()["remedy"].to_string().contains("`lasts_ms`"), "{refused:?}");
    }
    let done = ask("isolate", most).await;
    assert_eq!(done.status, StatusCode::ACCEPTED, "{done:?}");
    assert_eq!(done.json(), json!({ "breaker": key.as_str(), "seq": house.engine.head().get() }));
}

#[tokio::test]
async fn a_head_is_no_longer_than_it_may_be() {
    let house = House::new().await;
    for (bytes, status) in
        [(20 * 1024, StatusCode::OK), (33 * 1024, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)]
    {
        let ask = house.get("/api/v1/stats").with("x-padding", &"x".repeat(bytes));
        assert_eq!(ask.answer().await.status, status, "{bytes}");
    }
    let many = house.get("/api/v1/stats").with("x-a", &"x".repeat(16 * 1024));
    let many = many.with("x-b", &"x".repeat(17 * 1024)).answer().await;
    assert_eq!(many.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

/// A connection that asks for something again and again.
struct Line {
    socket: TcpStream,
    head: String,
}

impl Line {
    async fn open(house: &House, path: &str, token: Option<&str>) -> Self {
        let socket = TcpStream::connect(house.address).await.unwrap();
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        let (host, token) = (house.address, token.unwrap_or_default());
        Self { socket, head: format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{token}\r\n") }
    }

    /// The head of the answer, in lower case; whatever of the body came with it.
    async fn ask(&mut self) -> String {
        self.socket.write_all(self.head.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        while !said.windows(4).any(|end| end == b"\r\n\r\n") {
            assert!(self.socket.read_buf(&mut said).await.unwrap() > 0, "{said:?}");
        }
        String::from_utf8_lossy(&said).to_lowercase()
    }
}

#[tokio::test]
async fn who_shows_no_token_keeps_nobody_out() {
    let house = House::with_limits(|limits| limits.connections_max = 4).await;
    let mut first = Line::open(&house, "/healthz", None).await;
    assert!(!first.ask().await.contains("connection: close"), "there is room");
    let mut known = Line::open(&house, "/api/v1/stats", Some(house.token.as_str())).await;
    assert!(known.ask().await.starts_with("http/1.1 200"));
    let mut strangers = vec![first];
    for path in ["/api/v1/stats", "/healthz"] {
        strangers.push(Line::open(&house, path, None).await);
    }
    for stranger in &mut strangers {
        let said = at_last(stranger.ask()).await;
        assert!(said.contains("connection: close"), "{said}");
        let mut rest = Vec::new();
        at_last(stranger.socket.read_to_end(&mut rest)).await.unwrap();
    }
    let said = known.ask().await;
    assert!(!said.contains("connection: close"), "it has the token: {said}");
    for _ in 0..8 {
        let answer = at_last(house.get("/api/v1/stats").answer()).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}
