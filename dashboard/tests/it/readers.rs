//! A dashboard that only shows.

use axum::http::StatusCode;
use resurge::journal::event::BreakerMode;
use resurge::{BreakerControl, ResourceKey};
use serde_json::{Value, json};

use crate::house::{FLAKY, House};

#[tokio::test]
async fn a_reader_may_ask_what_would_be_done() {
    let house = House::with(|builder| builder.read_only(true)).await;
    let run = house.start(FLAKY, "one").await;
    let order = |dry_run: bool| {
        let body = json!({ "filter": {}, "action": "cancel", "dry_run": dry_run });
        house.post("/api/v1/batches").json(&body).answer()
    };
    let told = order(true).await;
    assert_eq!(told.status, StatusCode::OK, "{told:?}");
    assert_eq!(told.json(), json!({ "matched": 1, "ids": [run.to_string()] }));
    let refused = order(false).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::FORBIDDEN, "read_only"));
    let tested = house.post("/api/recovery/test").answer().await;
    assert_eq!(tested.json()["all_tests_passed"], true, "{tested:?}");
}

#[tokio::test]
async fn nothing_is_offered_to_a_reader() {
    let house = House::with(|builder| builder.read_only(true)).await;
    let run = house.start(FLAKY, "one").await;
    let key = ResourceKey::host("http", "models.example", 80).unwrap();
    let control = BreakerControl::Mode { mode: BreakerMode::Isolated, lasts: None };
    house.engine.control_breaker(&key, control, "anna", "moving house").await.unwrap();

    let one = house.get(&format!("/api/v1/operations/{run}")).answer().await.json();
    assert_eq!(one["row"]["can"], json!([]));
    let actions = one["actions"].as_object().unwrap();
    assert!(actions.keys().all(|name| name.starts_with("heed:")), "advice stays: {actions:?}");
    let list = house.get("/api/v1/operations").answer().await.json();
    assert_eq!(list["operations"][0]["can"], json!([]));
    let breakers = house.get("/api/v1/breakers").answer().await.json();
    assert_eq!(breakers["breakers"][key.as_str()]["can"], json!([]));
    let query = format!("/api/v1/view?operation={run}&panel=breakers");
    let view = house.get(&query).events().await.event().await.json();
    assert_eq!(view["list"]["rows"][run.to_string()]["can"], json!([]));
    assert_eq!(view["detail"]["row"]["can"], json!([]));
    assert_eq!(view["breakers"][key.as_str()]["can"], json!([]));
    let old = house.get("/api/downloads").answer().await.json();
    let download = &old["downloads"][0];
    assert_eq!((&download["can_pause"], &download["can_resume"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn others_are_offered_what_they_can_do() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    let one = house.get(&format!("/api/v1/operations/{run}")).answer().await.json();
    assert_ne!(one["row"]["can"], json!([]));
    assert_ne!(one["actions"]["pause"], Value::Null, "{one}");
}
