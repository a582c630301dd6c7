//! The same for many operations.

use axum::http::{Method, StatusCode};
use resurge::{RunId, RunStatus};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::house::{FLAKY, HOPELESS, House};

async fn start(house: &House, order: Value) -> Answer {
    house.post("/api/v1/batches").json(&order).answer().await
}

async fn three(house: &House) -> Vec<RunId> {
    let mut runs = Vec::new();
    for key in ["a", "b", "c"] {
        runs.push(house.start(FLAKY, key).await);
    }
    runs
}

async fn progress(house: &House, batch: &str) -> Value {
    house.get(&format!("/api/v1/batches/{batch}")).answer().await.json()
}

#[tokio::test]
async fn all_that_fit_are_asked_and_told_apart() {
    let house = House::new().await;
    let runs = three(&house).await;
    let hopeless = house.start(HOPELESS, "d").await;
    let filter = json!({ "state": "recovering,failed" });
    let order = json!({ "filter": filter, "action": "pause", "reason": "night" });
    let mut question = order.clone();
    question["dry_run"] = json!(true);
    let answer = start(&house, question).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "matched": 3 })));
    assert_eq!(house.engine.run(runs[0]).view().await.unwrap().status, RunStatus::Recovering);

    let answer = start(&house, order).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["matched"], 3, "those that can");
    for run in &runs {
        let view = house.until(*run, |view| view.status == RunStatus::Paused).await;
        assert_eq!(view.paused.as_deref(), Some("paused by dashboard: night"));
    }

    let ids: Vec<String> = [runs[0], hopeless].iter().map(ToString::to_string).collect();
    let order = json!({ "filter": { "ids": ids }, "action": "resume" });
    let batch = start(&house, order).await.json()["batch"].as_str().unwrap().to_owned();
    house.until(runs[0], |view| view.status == RunStatus::Recovering).await;
    let end = loop {
        let progress = progress(&house, &batch).await;
        if progress["finished"] == true {
            break progress;
        }
    };
    assert_eq!((&end["matched"], &end["done"]), (&json!(2), &json!(2)));
    let refused = end["refused"].as_object().unwrap();
    assert_eq!(refused.keys().collect::<Vec<_>>(), [&hopeless.to_string()]);
    assert!(refused[&hopeless.to_string()].as_str().unwrap().contains("has ended"));
}

#[tokio::test]
async fn a_batch_takes_its_time_and_can_be_stopped() {
    let house = House::new().await;
    three(&house).await;
    let order = json!({ "filter": {}, "action": "pause", "jitter_ms": 3_600_000 });
    let batch = start(&house, order).await.json()["batch"].as_str().unwrap().to_owned();
    let before = progress(&house, &batch).await;
    assert_eq!((&before["finished"], &before["stopped"]), (&json!(false), &json!(false)));
    assert!(before["done"].as_u64().unwrap() < 3, "the last one has its turn much later");
    let path = format!("/api/v1/batches/{batch}");
    let answer = house.ask(Method::DELETE, &path).answer().await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let end = loop {
        let progress = progress(&house, &batch).await;
        if progress["finished"] == true {
            break progress;
        }
    };
    assert_eq!(end["stopped"], true);
    assert!(end["done"].as_u64().unwrap() < 3);
}

#[tokio::test]
async fn what_is_no_batch_is_refused() {
    let house = House::new().await;
    for (order, code) in [
        (json!({ "action": "pause" }), "invalid"),
        (json!({ "action": "pause", "filter": [] }), "invalid"),
        (json!({ "action": "pause", "filter": [null, null] }), "invalid"),
        (json!([{}, "pause"]), "invalid"),
        (json!({ "filter": {}, "action": "smash" }), "invalid"),
        (json!({ "filter": { "stat": "failed" }, "action": "pause" }), "invalid"),
        (json!({ "filter": { "state": "nonsense" }, "action": "pause" }), "bad_request"),
        (json!({ "filter": { "ids": ["x"] }, "action": "pause" }), "unknown_operation"),
        (json!({ "filter": {}, "action": "pause", "jitter_ms": 3_600_001 }), "invalid"),
    ] {
        assert_eq!(start(&house, order.clone()).await.code(), code, "{order}");
    }
    assert_eq!(house.get("/api/v1/batches/1").answer().await.code(), "not_found");
}

#[tokio::test]
async fn only_so_many_batches_are_under_way() {
    let house = House::new().await;
    three(&house).await;
    let order = json!({ "filter": {}, "action": "pause", "jitter_ms": 3_600_000 });
    for _ in 0..8 {
        assert_eq!(start(&house, order.clone()).await.status, StatusCode::ACCEPTED);
    }
    let answer = start(&house, order.clone()).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!answer.header("retry-after").is_empty());
}
