//! The same for many operations.

use axum::http::{Method, StatusCode};
use resurge::journal::Record;
use resurge::journal::dump::JsonLine;
use resurge::{RunId, RunStatus};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::house::{FLAKY, HOPELESS, House, at_last};

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

/// How far a batch came.
async fn end(house: &House, batch: &str) -> Value {
    let end = async {
        loop {
            let progress = progress(house, batch).await;
            if progress["finished"] == true {
                return progress;
            }
        }
    };
    at_last(end).await
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
    let mut ids: Vec<String> = runs.iter().map(ToString::to_string).collect();
    ids.sort();
    let counted = json!({ "matched": 3, "ids": ids });
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, counted));
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
    let end = end(&house, &batch).await;
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
    let end = end(&house, &batch).await;
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

#[tokio::test]
async fn a_batch_says_that_the_engine_has_stopped() {
    let house = House::new().await;
    three(&house).await;
    let order = json!({ "filter": {}, "action": "pause", "jitter_ms": 60_000 });
    let batch = start(&house, order).await.json()["batch"].as_str().unwrap().to_owned();
    house.engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    tokio::time::resume();
    let end = end(&house, &batch).await;
    assert_eq!(end["stopped"], true);
    assert!(end["done"].as_u64().unwrap() < 3, "{end}");
    assert!(end["error"].as_str().unwrap().contains("the engine was shut down"), "{end}");
}

#[tokio::test]
async fn many_at_once_are_all_asked_and_their_timers_stand_still_if_wanted() {
    let house = House::new().await;
    let mut runs = Vec::new();
    for n in 0..40 {
        runs.push(house.start(FLAKY, &n.to_string()).await);
    }
    let ids: Vec<String> = runs.iter().chain(&runs).map(ToString::to_string).collect();
    let order = json!({ "filter": { "ids": ids }, "action": "pause", "freeze_timers": true });
    let batch = start(&house, order.clone()).await.json()["batch"].as_str().unwrap().to_owned();
    let done = end(&house, &batch).await;
    let whole = json!({
        "matched": 40, "done": 40, "refused": {}, "finished": true, "stopped": false
    });
    assert_eq!(done, whole, "each once");
    let count = |frozen: &mut usize, record: &Record| {
        *frozen += usize::from(JsonLine(record).to_string().contains("\"freezes_timers\":true"));
    };
    let (frozen, _) = house.engine.history(runs[0], 0, count).await.unwrap();
    assert_eq!(frozen, 1);
    let other = start(&house, order).await.json()["batch"].as_str().unwrap().to_owned();
    assert_ne!(batch, other);
    assert_eq!(batch.len(), 16, "an id of luck: {batch}");
}

#[tokio::test]
async fn a_reason_is_taken_whole_or_not_at_all() {
    let house = House::new().await;
    let run = house.start(FLAKY, "a").await;
    let (fits, not) = ("é".repeat(512), "é".repeat(513));
    let order = |reason: &str| json!({ "filter": {}, "action": "pause", "reason": reason });
    assert_eq!(start(&house, order(&not)).await.code(), "invalid");
    let post = async |path: &str, reason: &str| {
        house.post(path).json(&json!({ "reason": reason })).answer().await
    };
    let pause = format!("/api/v1/operations/{run}/pause");
    for path in [pause.as_str(), "/api/v1/breakers/host:http:%2F%2Fx:80/isolate"] {
        assert_eq!(post(path, &not).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    assert_eq!(post(&pause, &fits).await.status, StatusCode::ACCEPTED);
    let view = house.engine.run(run).view().await.unwrap();
    assert_eq!(view.paused, Some(format!("paused by dashboard: {fits}")));
}
